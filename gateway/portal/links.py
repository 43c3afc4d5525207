"""Links to other sites. Their addresses come from files that others write."""

from __future__ import annotations

from gateway.federation.directory import Member


def web_address(text: str) -> str:
    """The address, if it is one of the web. Empty: it is none, and no link is made of it.

    >>> web_address("https://huren.example/"), web_address("javascript:alert(1)")
    ('https://huren.example/', '')
    """
    return text if text.startswith(("https://", "http://")) else ""


def site_of(member: Member) -> str:
    """Where a member serves its enterprises: its site, or else its public address. Empty: neither is known."""
    return web_address(member.url) or web_address(member.verification_url)
