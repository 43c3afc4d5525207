"""The archive of a batch: a table with one line for each subject, and the reports. Made when it is asked for.

- The table (汇总表.csv) says of every line how it stands and why there is no report; of a report its number, the subject's name,
  when it was issued and where it stands at this moment, and nothing of what it found.
- Of each report that its asker may still have there is a file for people (PDF, or JSON by choice) and the statement itself
  (`.report`). Who asks is checked again for every line: a mandate that ended, or a grant that was taken back, opens nothing.
- What is superseded, a grantee is not given any more; what was revoked, nobody is: its line says so.
- Reports stand in the order of the lines, one at a time in memory, under their numbers; the table stands last, since it says what
  was packed. Times in the archive are the batch's: from the same files comes the same archive, byte for byte.
- No cell is one that a spreadsheet would calculate or round.
"""

from __future__ import annotations

import asyncio
import csv
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final, Protocol

import structlog

from contract.days import CHINA
from contract.errors import ErrorCode, HurenError
from contract.reasons import Words
from contract.report_check import ReportError
from contract.spreadsheet import safe_cell
from gateway.batches.callers import BatchCaller, LineCallers
from gateway.batches.words import LINE_STATES, REPORT_STATES
from gateway.domain.request import Caller, Sealed
from gateway.reports.files import File
from gateway.reports.standing import ReportStanding
from gateway.store.batches import LineState, StoredLine
from huren.report.v1 import report_pb2, report_status_pb2
from huren.report.v1 import report_service_pb2 as wire
from signing import decode_envelope

TABLE_NAME: Final = "汇总表.csv"

_log: Final = structlog.get_logger(__name__)

_BOM: Final = "utf-8-sig"
"""With the mark by which spreadsheets know UTF-8."""

_HEADINGS: Final = (
    "行号",
    "清单所填",
    "统一社会信用代码",
    "名称",
    "办理情况",
    "报告编号",
    "出具时间",
    "报告状态",
    "文件",
    "原因",
    "原因代码",
)

_REVOKED: Final = Words("报告已作废，不再提供", "the report was revoked and is not given out any more")


class IssuedReports(Protocol):
    """Issued reports, as the report service gives them out."""

    async def get_report(self, report_number: str, caller: Caller) -> Sealed:
        """A report of the caller's.

        Raises:
            HurenError: REPORT_NOT_FOUND, GRANT_REVOKED, REPORT_SUPERSEDED.
        """


class Standings(Protocol):
    """Where reports stand."""

    async def standing(self, report_number: str) -> ReportStanding:
        """Where a report stands now."""


class Files(Protocol):
    """Makes files of reports."""

    async def report(self, sealed: Sealed, form: wire.ReportFormat.ValueType) -> File:
        """An issued report as a file.

        Raises:
            HurenError: FILE_NOT_MADE, OVERLOADED.
            ReportError: The stored statement does not verify any more.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What the table says of a line beside what is kept of it."""

    name: str = ""
    issued_at: str = ""
    standing: str = ""
    files: Sequence[str] = ()
    reason: Words | None = None
    code: str = ""


class Archiver:
    """Writes archives."""

    def __init__(self, *, reports: IssuedReports, standings: Standings, files: Files, callers: LineCallers) -> None:
        self._reports = reports
        self._standings = standings
        self._files = files
        self._callers = callers

    async def write(
        self,
        ended_at: datetime,
        lines: Sequence[StoredLine],
        who: BatchCaller,
        *,
        out: BinaryIO,
        form: wire.ReportFormat.ValueType,
    ) -> None:
        """Writes the archive of a batch.

        Args:
            ended_at: When the batch ended.
            lines: All its lines, in their order.
            who: Who asks for the archive.
            out: Where it is written; it need not be seekable.
            form: As what files reports are packed.

        Raises:
            HurenError: OVERLOADED; what was written is no archive.
            StoreUnavailableError: As there.
        """
        rows: list[Sequence[str]] = [_HEADINGS]
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            packer = _Packer(archive, ended_at)
            for line in lines:
                told = await self._pack(line, who, packer, form)
                rows.append(_row(line, told))
            await packer.add(TABLE_NAME, _table(rows))

    async def _pack(
        self, line: StoredLine, who: BatchCaller, packer: _Packer, form: wire.ReportFormat.ValueType
    ) -> _Told:
        if line.state is not LineState.SEALED or line.uscc is None:
            return _Told()
        try:
            caller = await self._callers.caller_for(who, who.unit or line.uscc)
        except HurenError as error:
            return _refused(error)
        state = (await self._standings.standing(line.report_number)).state
        standing = REPORT_STATES[state].zh
        try:
            sealed = await self._reports.get_report(line.report_number, caller)
            _require_given_out(state, is_owner=caller.uscc == line.uscc)
        except HurenError as error:
            return _refused(error, standing)
        return await self._packed(sealed, packer, form, standing)

    async def _packed(self, sealed: Sealed, packer: _Packer, form: wire.ReportFormat.ValueType, standing: str) -> _Told:
        names: list[str] = []
        reason, code = None, ""
        try:
            file = await self._files.report(sealed, form)
            suffix = ".json" if form == wire.REPORT_FORMAT_JSON else ".pdf"
            names.append(await packer.add(sealed.report_number + suffix, file.content))
        except HurenError as error:
            if error.code is ErrorCode.OVERLOADED:
                raise
            reason, code = Words(error.message_zh, error.message_en), str(error.code)
        except ReportError as error:
            _log.error("report not packed", reason=str(error))
            return _refused(HurenError(ErrorCode.FILE_NOT_MADE), standing)
        names.append(await packer.add(f"{sealed.report_number}.report", sealed.envelope))
        return _Told(
            name=await asyncio.to_thread(_subject_name, sealed.envelope),
            issued_at=_china_time(sealed.issued_at),
            standing=standing,
            files=names,
            reason=reason,
            code=code,
        )


class _Packer:
    """Puts files into an archive, each with the same time."""

    def __init__(self, archive: zipfile.ZipFile, at: datetime) -> None:
        self._archive = archive
        local = at.astimezone(CHINA)
        self._time = (local.year, local.month, local.day, local.hour, local.minute, local.second)

    async def add(self, name: str, content: bytes) -> str:
        """Adds a file and gives its name."""
        entry = zipfile.ZipInfo(name, date_time=self._time)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.create_system = 3  # Unix, wherever it is made
        entry.external_attr = 0o644 << 16
        await asyncio.to_thread(self._archive.writestr, entry, content)
        return name


def _require_given_out(state: report_status_pb2.ReportState.ValueType, *, is_owner: bool) -> None:
    """Refuses what nobody, or nobody but its subject, is given any more.

    Raises:
        HurenError: REPORT_REVOKED, REPORT_SUPERSEDED.
    """
    if state == report_status_pb2.REPORT_STATE_REVOKED:
        raise HurenError(ErrorCode.REPORT_REVOKED)
    if state == report_status_pb2.REPORT_STATE_SUPERSEDED and not is_owner:
        raise HurenError(ErrorCode.REPORT_SUPERSEDED)


def _refused(error: HurenError, standing: str = "") -> _Told:
    words = _REVOKED if error.code is ErrorCode.REPORT_REVOKED else Words(error.message_zh, error.message_en)
    return _Told(standing=standing, reason=words, code=error.code)


def _row(line: StoredLine, told: _Told) -> tuple[str, ...]:
    reason = told.reason or Words(line.detail.zh, line.detail.en)
    cells = (
        str(line.line),
        line.given,
        line.uscc or "",
        told.name,
        LINE_STATES[line.state].zh,
        line.report_number,
        told.issued_at,
        told.standing,
        "；".join(told.files),
        reason.zh,
        told.code or line.reason,
    )
    return tuple(map(safe_cell, cells))


def _table(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode(_BOM)


def _subject_name(envelope: bytes) -> str:
    """The subject's name in a report of this home: what is in its own store needs no verification again."""
    return report_pb2.Report.FromString(decode_envelope(envelope).payload).subject.name


def _china_time(at: datetime) -> str:
    return at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")
