"""Links to other sites. Their addresses come from files that others write."""

from __future__ import annotations


def web_address(text: str) -> str:
    """The address, if it is one of the web. Empty: it is none, and no link is made of it.

    >>> web_address("https://huren.example/"), web_address("javascript:alert(1)")
    ('https://huren.example/', '')
    """
    return text if text.startswith(("https://", "http://")) else ""
