"""Typesetting: a template and data in, the bytes of a PDF out (ADR 0012).

- The data is one JSON file beside the template in a file system that exists in memory only. The source that is compiled is the
  template, always the same; what a record says is never part of it.
- Nothing comes from outside: fonts by `gateway/render/fonts.py`, the date of the document from the caller, no packages, no files.
- PDF/A-3a (ISO 19005-3) and PDF/UA-1 (ISO 14289-1), as the compiler declares and checks them.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import typst

from gateway.render.fonts import typst_fonts

_TEMPLATES: Final = Path(__file__).parent / "templates"
_STANDARDS: Final = ("a-3a", "ua-1")


class PagesError(Exception):
    """The pages could not be made: out of time or memory, or the data is not what the template expects. Nothing was written."""


def typeset(template: str, data: Any, *, dated: datetime) -> bytes:
    """Sets pages, here and now, however long it takes. The same data gives the same bytes.

    Args:
        template: Name of a file in `templates`, without `.typ`.
        data: What the template reads as `data.json`.
        dated: Date of the document; to the second.

    Raises:
        PagesError: The data is not what the template expects.
    """
    files = {
        "main.typ": f'#include "{template}.typ"'.encode(),
        "data.json": json.dumps(data, ensure_ascii=False).encode(),
        **_templates(),
    }
    try:
        pdf = typst.compile(  # type: ignore[call-overload]  # its types do not know of files by name; its manual does
            files,
            font_paths=typst_fonts(),
            format="pdf",
            pdf_standards=[*_STANDARDS],
            timestamp=int(dated.timestamp()),
        )
    except typst.TypstError as error:
        raise PagesError(error.diagnostic or error.message) from error
    if not isinstance(pdf, bytes):
        raise PagesError(f"one PDF expected, got {type(pdf).__name__}")
    return pdf


@cache
def _templates() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(_TEMPLATES.glob("*.typ"))}
