"""What was filled in on a page: texts by the names of their fields, in the order in which they were sent.

A field may be there more than once (boxes that were ticked). Lines end with a line feed, whatever the browser sends (HTML sends CR
LF). Other control characters are refused, so that nothing that was filled in can look like something else in a list or a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from gateway.api.bodies import Upload
from gateway.api.problems import malformed

MAX_FORM_BYTES: Final = 256 * 1024
"""A list of subjects may be pasted."""

_MAX_FIELDS: Final = 400
UNFIT: Final = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")
"""What no text of a visitor's holds: some stores take none of it, and people do not see it."""


@dataclass(frozen=True, slots=True)
class Form:
    """What was filled in.

    Attributes:
        fields: Texts by field.
        upload: The file that was sent along. None: none was, or the form has no place for one.
    """

    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    upload: Upload | None = None

    @classmethod
    def parse(cls, body: bytes) -> Form:
        """Reads `application/x-www-form-urlencoded`.

        Raises:
            Problem: MALFORMED_REQUEST.
        """
        try:
            pairs = parse_qsl(
                body.decode("ascii"),
                keep_blank_values=True,
                strict_parsing=bool(body),
                errors="strict",
                max_num_fields=_MAX_FIELDS,
            )
        except ValueError as error:
            raise malformed("表单无法读取", "the form cannot be read") from error
        return cls(_collected(pairs))

    @classmethod
    def of_upload(cls, upload: Upload) -> Form:
        """A form with a file."""
        return cls(_collected(upload.fields.items()), upload)

    def one(self, name: str, default: str = "") -> str:
        """A field's text, without blanks around it; the last one, where there are several."""
        values = self.fields.get(name)
        return values[-1].strip() if values else default

    def all(self, name: str) -> tuple[str, ...]:
        """All texts of a field that are not empty, each once."""
        return tuple(dict.fromkeys(text.strip() for text in self.fields.get(name, ()) if text.strip()))

    def has(self, name: str) -> bool:
        """Whether the field was sent with a text."""
        return bool(self.one(name))


def _collected(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    fields: dict[str, tuple[str, ...]] = {}
    for name, text in pairs:
        value = text.replace("\r\n", "\n")
        if UNFIT.search(value):
            raise malformed("所填内容含有控制字符", "what was filled in holds control characters", field=name[:64])
        fields[name] = (*fields.get(name, ()), value)
    return fields
