"""Reports as pages, each made once for all tests; and what the tests read them with."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from pypdf import PdfReader

from contract.document import document
from contract.report_check import CheckedReport
from gateway.render.pdf import Printed, render_report, verification_url
from tests.support import reports

CODE = "ZGVtb25zdHJhdGlvbi1jb2Rl"
BASE = "https://credit.beijing.example.invalid"


def printed(checked: CheckedReport) -> Printed:
    number = checked.report.report_number
    return Printed(
        verification_url=verification_url(BASE, report_number=number, code=CODE),
        verification_code=CODE,
        typed_code="7K3M9PQ2XW4T8RVA",
        addresses=tuple(
            (f"示例{name}（演示）", f"https://credit.{name}.example.invalid/verify")
            for name in ("beijing", "tianjin", "hebei", "shanxi")
        ),
        issued_at=checked.issued_at,
    )


@cache
def pages(name: str) -> bytes:
    checked = reports.example(name)
    return render_report(document(checked), statement=checked.statement.envelope, printed=printed(checked))


def changed(name: str, change: Callable[[dict[str, Any]], None]) -> bytes:
    """The pages of an example whose document was changed on the way."""
    checked = reports.example(name)
    shown = document(checked)
    change(shown)
    return render_report(shown, statement=checked.statement.envelope, printed=printed(checked))


def first_text(pdf: bytes) -> str:
    """What stands on the first page, without blanks."""
    return "".join(opened(pdf).pages[0].extract_text().split())


def texts(pdf: bytes) -> list[str]:
    """What stands on each page, without blanks: where a line breaks makes no difference."""
    return ["".join(page.extract_text().split()) for page in opened(pdf).pages]


def opened(pdf: bytes) -> Any:
    """A file as pypdf reads it. Its types say no more than that anything may stand anywhere, as is true of PDF."""
    return PdfReader(io.BytesIO(pdf))


class Poppler:
    """Pages as pictures, and where their words stand, by an independent tool."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def greys(self, pdf: bytes, *, page: int) -> memoryview:
        """One page at 150 dots per inch: rows of grey values."""
        width, height, pixels = self._picture(pdf, "-gray", page)
        return memoryview(pixels[-width * height :]).cast("B", shape=[height, width])

    def black_dots(self, pdf: bytes, *, page: int) -> int:
        """How much of a page is black when it is printed in black only."""
        width, height, pixels = self._picture(pdf, "-mono", page)
        return sum(byte.bit_count() for byte in pixels[-((width + 7) // 8) * height :])

    def words(self, pdf: bytes) -> str:
        """XHTML with the box of each word."""
        file = self._folder / "words.pdf"
        file.write_bytes(pdf)
        return self._run("pdftotext", "-bbox", str(file), "-").decode()

    def _picture(self, pdf: bytes, kind: str, page: int) -> tuple[int, int, bytes]:
        file = self._folder / "picture.pdf"
        file.write_bytes(pdf)
        picture = self._run("pdftoppm", "-r", "150", kind, "-f", str(page), "-l", str(page), str(file))
        width, height = map(int, picture.split(maxsplit=3)[1:3])
        return width, height, picture

    @staticmethod
    def _run(*command: str) -> bytes:
        return subprocess.run(command, check=True, capture_output=True).stdout
