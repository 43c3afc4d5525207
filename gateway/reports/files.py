"""A report as files for its owner: PDF for people, JSON for machines and archives; and the progress sheet of an open request.

They are made when they are asked for, from the stored statement alone, which is checked again before anything is printed. Only the
pages of a report are sealed: a progress sheet proves nothing and must not look as if it did.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from contract.catalogue import CatalogueSet
from contract.document import document
from contract.errors import ErrorCode, HurenError
from contract.province import Province
from contract.report_check import CheckedReport, check_report
from contract.report_json import render
from contract.wording import SPECIMEN
from gateway.domain.request import Sealed
from gateway.federation.directory import Directory
from gateway.render.pages import ReportPages
from gateway.render.pdf import Printed, verification_url
from gateway.render.seal import Seal, SealError
from gateway.render.sheet import sheet_of
from gateway.render.typesetter import PagesError
from huren.report.v1 import report_service_pb2 as wire
from runtime.clock import Clock
from signing import Verifier

PDF_MEDIA_TYPE: Final = "application/pdf"
JSON_MEDIA_TYPE: Final = "application/json"

_ASK_AGAIN_AFTER: Final = timedelta(seconds=5)

_MOST_AT_A_TIME: Final = 16
"""Further files are refused: whoever waited for them would hold places that requests for reports need."""

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class File:
    """A file to hand out."""

    name: str
    media_type: str
    content: bytes


class ReportFiles:
    """Makes files for the owners of one home's reports."""

    def __init__(  # noqa: PLR0913  # the composition root names each part once
        self,
        *,
        province: Province,
        directory: Directory,
        public_url: Callable[[], str],
        verifier: Verifier,
        catalogues: CatalogueSet,
        pages: ReportPages,
        seal: Seal,
        specimen: bool,
        clock: Clock,
    ) -> None:
        """Takes what it needs.

        Args:
            province: The home.
            directory: Where members are, as it is now.
            public_url: Where people reach this home's public address.
            verifier: Checks what is about to be printed.
            catalogues: The published catalogues.
            pages: Makes the pages.
            seal: Seals the pages of reports.
            specimen: Outside production: every page says so.
            clock: What time it is.
        """
        self._province = province
        self._directory = directory
        self._public_url = public_url
        self._verifier = verifier
        self._catalogues = catalogues
        self._pages = pages
        self._seal = seal
        self._specimen = SPECIMEN if specimen else ""
        self._clock = clock
        self._being_made = 0

    async def report(self, sealed: Sealed, form: wire.ReportFormat.ValueType) -> File:
        """An issued report as a file.

        Raises:
            HurenError: FILE_NOT_MADE, OVERLOADED.
            ReportError: The stored statement does not verify any more; nothing is handed out.
        """
        with self._room():
            checked = await self._checked(sealed)
            if form == wire.REPORT_FORMAT_JSON:
                return File(f"{sealed.report_number}.json", JSON_MEDIA_TYPE, await asyncio.to_thread(_json, checked))
            return File(f"{sealed.report_number}.pdf", PDF_MEDIA_TYPE, await self._pdf(sealed, checked))

    async def checked(self, sealed: Sealed) -> CheckedReport:
        """An issued report, checked anew, to be shown.

        Raises:
            HurenError: OVERLOADED.
            ReportError: The stored statement does not verify any more; nothing is shown.
        """
        with self._room():
            return await self._checked(sealed)

    async def _checked(self, sealed: Sealed) -> CheckedReport:
        return await asyncio.to_thread(
            check_report, sealed.envelope, verifier=self._verifier, catalogues=self._catalogues
        )

    async def progress_sheet(self, request: wire.OpenRequest) -> File:
        """The progress sheet (办理进度单) of an open request: no verdict, no number, no QR code, no seal.

        Raises:
            HurenError: FILE_NOT_MADE, OVERLOADED.
        """
        contact = self._directory.members[self._province].contact
        with self._room(), _told_as_error():
            content = await self._pages.sheet(sheet_of(request, contact=contact, specimen=self._specimen))
        return File(f"{request.request_id}-progress.pdf", PDF_MEDIA_TYPE, content)

    @contextmanager
    def _room(self) -> Iterator[None]:
        if self._being_made >= _MOST_AT_A_TIME:
            raise HurenError(ErrorCode.OVERLOADED, retry_after=_ASK_AGAIN_AFTER)
        self._being_made += 1
        try:
            yield
        finally:
            self._being_made -= 1

    async def _pdf(self, sealed: Sealed, checked: CheckedReport) -> bytes:
        link = verification_url(self._public_url(), report_number=sealed.report_number, code=sealed.verification_code)
        printed = Printed(
            verification_url=link,
            verification_code=sealed.verification_code,
            typed_code=sealed.typed_code,
            addresses=tuple(
                (member.unit, f"{member.verification_url}/verify")
                for _, member in sorted(self._directory.members.items())
                if member.verification_url
            ),
            issued_at=sealed.issued_at,
        )
        shown = await asyncio.to_thread(document, checked)
        with _told_as_error():
            pages = await self._pages.report(shown, statement=sealed.envelope, printed=printed)
            return await asyncio.to_thread(self._seal.apply, pages, at=self._clock())


@contextmanager
def _told_as_error() -> Iterator[None]:
    try:
        yield
    except (PagesError, SealError) as error:
        _log.error("file not made", reason=f"{type(error).__name__}: {error}")
        raise HurenError(ErrorCode.FILE_NOT_MADE, retry_after=_ASK_AGAIN_AFTER) from error


def _json(checked: CheckedReport) -> bytes:
    return (json.dumps(render(checked), ensure_ascii=False, indent=1) + "\n").encode()
