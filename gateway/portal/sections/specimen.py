"""样张: what a report looks like, part by part, and as a file. About nobody, and proving nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from contract.catalogue import Catalogue
from contract.days import china_day
from contract.document import Json
from contract.errors import ErrorCode, HurenError
from contract.wording import CELL_LEGEND
from gateway.portal.parts import PortalParts
from gateway.portal.visit import Answer, Handler, View, Visit, download
from gateway.render.typesetter import PagesError
from gateway.reports.specimen import NO_CODE, Specimen, specimen_of

_QR_PLACE: Final = "二维码位置"
"""Where a report has its QR code. Here is none: somebody would scan it."""

_AGAIN_AFTER: Final = timedelta(seconds=5)

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Made:
    """The specimen of a day, by a catalogue."""

    digest: bytes
    at: datetime
    specimen: Specimen

    def is_of(self, catalogue: Catalogue, at: datetime) -> bool:
        return self.digest == catalogue.digest and china_day(self.at) == china_day(at)


def _most_telling(shown: Json) -> Json:
    """The record that has most to explain: the one with most remarks."""
    records = [
        record for one in shown["details"]["provinces"] for group in one["groups"] for record in group["records"]
    ]
    found: Json = max(records, key=lambda record: len(record["remarks"]))
    return found


class SpecimenSection:
    """The specimen. It is made once a day, by whoever asks first."""

    def __init__(self, parts: PortalParts) -> None:
        self._parts = parts
        self._turn = asyncio.Lock()
        self._made: _Made | None = None
        self._printing = asyncio.Lock()
        self._file: tuple[_Made, bytes] | None = None
        self._failed_at: datetime | None = None

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""
        return {"specimen": self.specimen, "specimen_file": self.specimen_file}

    async def specimen(self, visit: Visit) -> Answer:
        """Part by part, with what each means."""
        made = await self._of_day(visit.at)
        return View(
            template="specimen/specimen.html",
            values={
                "shown": made.specimen.shown,
                "record": _most_telling(made.specimen.shown),
                "nothing_found": made.specimen.nothing_found,
                "LEGEND": CELL_LEGEND,
                "NO_CODE": NO_CODE,
                "QR_PLACE": _QR_PLACE,
            },
        )

    async def specimen_file(self, visit: Visit) -> Answer:
        """As PDF, not sealed.

        Raises:
            HurenError: FILE_NOT_MADE.
        """
        made = await self._of_day(visit.at)
        async with (
            self._printing
        ):  # apart from the other: pages take seconds, and nobody who reads the page waits for them
            if self._file is None or self._file[0] is not made:
                self._require_pause()
                self._file = made, await self._pages(made)
            _, content = self._file
        return download(content, media_type="application/pdf", name="specimen.pdf", inline=True)

    async def _of_day(self, at: datetime) -> _Made:
        catalogue = self._parts.catalogues.in_force(china_day(at))
        async with self._turn:
            if self._made is None or not self._made.is_of(catalogue, at):
                specimen = await asyncio.to_thread(specimen_of, catalogue, self._parts.province, at)
                self._made = _Made(catalogue.digest, at, specimen)
            return self._made

    def _require_pause(self) -> None:
        """Refuses soon after a failure: who waited meanwhile, and everybody may, would have it tried again one after the other.

        Raises:
            HurenError: FILE_NOT_MADE.
        """
        now = self._parts.clock()
        if self._failed_at is not None and self._failed_at <= now < self._failed_at + _AGAIN_AFTER:
            raise HurenError(ErrorCode.FILE_NOT_MADE, retry_after=_AGAIN_AFTER)

    async def _pages(self, made: _Made) -> bytes:
        addresses = tuple(
            (member.unit, f"{member.verification_url}/verify")
            for _, member in sorted(self._parts.directory.members.items())
            if member.verification_url
        )
        try:
            return await self._parts.pages.report(
                made.specimen.shown, statement=b"", printed=made.specimen.printed(made.at, addresses)
            )
        except PagesError as error:
            _log.error("specimen not made", reason=str(error))
            self._failed_at = self._parts.clock()
            raise HurenError(ErrorCode.FILE_NOT_MADE, retry_after=_AGAIN_AFTER) from error
