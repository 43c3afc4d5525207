"""The pages of a report: PDF, not yet sealed.

Everything that the pages say comes from the report's document (contract/document); what is printed besides, the QR code, the
typed code and the addresses, is `Printed`. The statement is attached, byte for byte, as the only file. The same report has the
same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import segno

from contract.report_file import EMBEDDED_STATEMENT, STATEMENT_MEDIA_TYPE
from contract.wording import CELL_WORDS
from gateway.render.fonts import Printable, outlined
from gateway.render.typesetter import typeset
from huren.fragment.v1 import fragment_pb2

_SETTLED: Final = (fragment_pb2.CELL_STATE_CLEAR, fragment_pb2.CELL_STATE_NOT_APPLICABLE)
"""Cells that need no second look. The words of all others are set apart: what was not answered is not read over as clear."""

INDEX_FROM: Final = 30
"""So many records, or more, are preceded by an index."""

SPECIMEN_SEAL: Final = "演示章\n（演示）"
"""What stands in the seal's place on a specimen: square, and nobody's seal. Elsewhere the place is left free."""

_MISSING: Final = "本文件所用字库未收录{count}个字符，文中以编码代替：{codes}。"
_MISSING_SHOWN: Final = 12
_MISSING_MORE: Final = "{codes}等"

_HEAD_NAME: Final = 30
"""So many characters of the subject's name stand at the head of each page; the first page has all."""

_PAGE_REFERENCE: Final = "第{page}页"


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """What is printed on a report and is not of its statement.

    Attributes:
        verification_url: What the QR code says: `<base>/verify#<number>.<code>`.
        verification_code: The random part of it, base64url.
        typed_code: 核验码: 16 characters.
        addresses: The official verification pages: unit, address.
        issued_at: 出具时间: the date of the document.
    """

    verification_url: str
    verification_code: str
    typed_code: str
    addresses: tuple[tuple[str, str], ...]
    issued_at: datetime


def verification_url(base: str, *, report_number: str, code: str) -> str:
    """What the QR code says. Number and code stand in the fragment, which no browser sends.

    >>> verification_url("https://example.invalid/", report_number="HR1", code="c")
    'https://example.invalid/verify#HR1.c'
    """
    return f"{base.rstrip('/')}/verify#{report_number}.{code}"


def render_report(document: Mapping[str, Any], *, statement: bytes, printed: Printed) -> bytes:
    """The pages of a report, made here and now. Programs that serve others use `ReportPages`.

    Args:
        document: The report's document.
        statement: Its statement: the envelope, as issued. Empty: nothing is attached, and nobody can verify the file.
        printed: What is printed besides.

    Raises:
        PagesError: The document is of another form.
    """
    printable = Printable()
    shown: Any = printable.value(dict(document))
    provinces = shown["details"]["provinces"]
    records = sum(len(group["records"]) for province in provinces for group in province["groups"])
    data = {
        "document": shown,
        "printed": {
            "typed_code": _in_fours(printed.typed_code),
            "addresses": [{"unit": unit, "url": url} for unit, url in printable.value(printed.addresses)],
            "qr": _qr_code(printed.verification_url),
        },
        "title": f"{document['title']} {document['page']['report_number']['value']}",
        "head_name": _shortened(shown["page"]["subject"]["value"]),
        "missing": _missing(printable.missing),
        "seal": SPECIMEN_SEAL if document["specimen"] else "",
        "watermark": outlined(document["specimen"]),
        "page_reference": _PAGE_REFERENCE,
        "settled_words": [CELL_WORDS[state] for state in _SETTLED],
        "with_index": records >= INDEX_FROM,
        "anchors": {
            f"{province['heading']}/{group['heading']}": group["anchor"]
            for province in provinces
            for group in province["groups"]
        },
        "attachment": {"name": EMBEDDED_STATEMENT, "media_type": STATEMENT_MEDIA_TYPE, "bytes": [*statement]},
    }
    return typeset("report", data, dated=printed.issued_at)


def _in_fours(code: str) -> str:
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


def _shortened(name: str) -> str:
    return name if len(name) <= _HEAD_NAME else f"{name[:_HEAD_NAME]}…"


def _missing(codes: tuple[str, ...]) -> str:
    if not codes:
        return ""
    shown = "、".join(codes[:_MISSING_SHOWN])
    if len(codes) > _MISSING_SHOWN:
        shown = _MISSING_MORE.format(codes=shown)
    return _MISSING.format(count=len(codes), codes=shown)


def _qr_code(text: str) -> list[int]:
    """ISO/IEC 18004, level M, with the quiet zone: PNG, black and white, no greys."""
    png = io.BytesIO()
    segno.make(text, error="m", micro=False, boost_error=False).save(png, kind="png", border=4, scale=4)
    return [*png.getvalue()]
