"""Many reports at once (集团批量): a list of subjects, the same choices for all, and one line for each with its report or why not.

 1  begin    check the caller and the choices; keep the batch, its lines and the work of it in one transaction
 2  pin      a line finds on whose behalf it is asked, and under which grant; what it is going to ask is kept before it is asked
 3  ask      one request of the report service, under a key that is made of batch and line and stays the same for ever
 4  keep     how it stands: SEALED, OPEN, or FAILED with a reason. What is OPEN the home goes on with by itself, and it is looked at
             again; what cannot be asked now is asked later
 5  end      when every line has ended; a batch that is to be repeated leaves the work of it

A crash between any two steps neither doubles nor loses a report: whoever goes on finds the line as it was pinned, asks under the
same key, and is given the request that there is. Two that go on at once come to the same for the same reason.

The authority of who asks is checked for every line when it is asked and each time that it is looked at again, never once for all.
A line that is refused by that is told to its subject (谁查询过我), as the report service tells what it refuses itself.
What a program showed is checked when it shows it and cannot be checked again: its batches are not begun once more by themselves.
Everything of another owner is BATCH_NOT_FOUND.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import BinaryIO, Final, Protocol

import structlog

from contract.catalogue import CatalogueSet
from contract.days import MAX_WINDOW_YEARS, DayRange, china_day, years_after
from contract.errors import ErrorCode, HurenError, Retry
from contract.reasons import Words
from contract.uscc import Uscc
from gateway.batches.archive import Archiver
from gateway.batches.callers import BatchCaller, BatchPerson, GrantFinder, LineCallers
from gateway.batches.lists import MAX_LINES, ListedLine
from gateway.batches.words import GIVEN_UP, end_words
from gateway.domain.request import Caller, Sealed
from gateway.reports.chosen import chosen_cells, chosen_window
from gateway.reports.service import Result
from gateway.store.batches import (
    BatchId,
    BatchState,
    BatchStore,
    LineDetail,
    LineState,
    StoredBatch,
    StoredLine,
)
from gateway.store.work import Work, WorkQueue
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_service_pb2 as wire
from runtime.clock import Clock
from runtime.errors import StoreUnavailableError

_log: Final = structlog.get_logger(__name__)

REPEAT_DAYS: Final = (0, 7, 30, 90, 180, 365)
"""After how many days a batch may be begun once more (系统默认); 0: never."""

MOST_RUNNING: Final = 4
"""Batches of an owner that have not ended. 系统默认."""

MOST_BATCHES: Final = 100
"""In an answer."""

MOST_LINES: Final = 200
"""In an answer."""

_AT_ONCE: Final = 4
"""Lines of a batch at a time: one big list does not hold up everybody else."""

_LINES_IN_A_RUN: Final = 16
"""Then the work is put back, so that it is done in pieces that are shorter than what the worker takes for hanging."""

_TOO_MANY_PAUSE: Final = timedelta(minutes=5)
"""When somebody comes back for whom too many batches run."""

_LOOK_AGAIN: Final = timedelta(seconds=30)
"""When lines that are open are looked at again."""

_FIRST_PAUSE: Final = timedelta(seconds=5)
_LONGEST_PAUSE: Final = timedelta(minutes=10)
_MOST_DOUBLINGS: Final = 10

_GIVE_UP_AFTER: Final = timedelta(hours=96)
"""After the beginning: a line that could not be asked until then is not asked any more. Longer than a request is open."""

_MOST_FAULTS: Final = 5
"""A line that meets a fault of ours so often has failed."""

_KEY: Final = re.compile(r"[A-Za-z0-9_.:-]{8,64}", re.ASCII)
"""As of RequestReportRequest. The keys of repetitions hold a character that it refuses."""


class Reports(Protocol):
    """The report service, as batches need it."""

    async def request_report(
        self, message: wire.RequestReportRequest, caller: Caller, *, timeout_s: float | None = None
    ) -> Result:
        """Makes the report, or says how it stands; under the same key always the same request."""

    async def find_request(self, request_id: str, caller: Caller) -> Result:
        """How a request of the caller's stands."""

    async def cancel(self, request_id: str, caller: Caller) -> Sealed | wire.EndedRequest:
        """Ends a request of the caller's that is open."""

    async def record_refusal(self, message: wire.RequestReportRequest, caller: Caller, code: ErrorCode) -> None:
        """Keeps that somebody was refused before the request came so far, for the subject to see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchView:
    """A batch, as its owner sees it.

    Attributes:
        batch: The batch.
        counts: How many lines stand how; states in which none stands are left out.
        repeats_at: When it is begun once more. None: it is not, or has not ended.
    """

    batch: StoredBatch
    counts: Mapping[LineState, int]
    repeats_at: datetime | None

    @property
    def is_running(self) -> bool:
        """Whether lines of it are still to be asked."""
        return self.batch.state is BatchState.RUNNING


class BatchService:
    """Makes many reports for whoever may ask for each of them."""

    def __init__(  # the composition root names each part once
        self,
        *,
        store: BatchStore,
        queue: WorkQueue,
        reports: Reports,
        callers: LineCallers,
        grants: GrantFinder,
        archiver: Archiver,
        catalogues: CatalogueSet,
        clock: Clock,
    ) -> None:
        self._store = store
        self._queue = queue
        self._reports = reports
        self._callers = callers
        self._grants = grants
        self._archiver = archiver
        self._catalogues = catalogues
        self._clock = clock

    # --- What callers ask for -------------------------------------------------------------------------------------------

    async def begin(
        self,
        caller: BatchCaller,
        choices: wire.RequestReportRequest,
        lines: Sequence[ListedLine],
        *,
        idempotency_key: str,
        repeat_days: int = 0,
    ) -> BatchId:
        """Begins a batch, or finds the one that was begun with the same under this key.

        Args:
            caller: Who asks.
            choices: Window, domains, kinds and purpose, the same for all; its other fields are not read.
            lines: The list.
            idempotency_key: Unique among the owner's batches.
            repeat_days: One of `REPEAT_DAYS`; 0 for a program.

        Raises:
            HurenError: LEVEL_TOO_LOW; NO_MANDATE: also a person who may ask for no enterprise at all; MALFORMED_REQUEST; as
                `chosen_cells` and `chosen_window`; IDEMPOTENCY_KEY_REUSED; OVERLOADED: `MOST_RUNNING` of the owner's run.
            StoreUnavailableError: Nothing was kept.
        """
        await self._require(caller)
        await self._require_somebody(caller)
        _require_sound(idempotency_key, lines)
        _require_days(repeat_days, caller)
        at = self._clock()
        chosen_cells(choices, self._catalogues.in_force(china_day(at)))
        chosen_window(choices, china_day(at))
        new = StoredBatch(
            batch=BatchId(secrets.token_hex(16)),
            owner=caller.owner,
            caller=caller.to_bytes(),
            idempotency_key=idempotency_key,
            digest=_digest(caller, choices, lines, repeat_days),
            choices=_only_choices(choices),
            repeat_days=repeat_days,
            begun_at=at,
        )
        stored = await self._store.begin(
            new, [_new_line(line, at) for line in lines], by=caller.whose, most_running=MOST_RUNNING
        )
        if stored is None:
            raise HurenError(ErrorCode.OVERLOADED, retry_after=_TOO_MANY_PAUSE)
        if stored.digest != new.digest or _caller(stored).whose != caller.whose:
            raise HurenError(ErrorCode.IDEMPOTENCY_KEY_REUSED, field="idempotency_key")
        return stored.batch

    async def find(self, batch: str, caller: BatchCaller) -> BatchView:
        """A batch of the caller's, with how far it is.

        Raises:
            HurenError: BATCH_NOT_FOUND for every id that is no batch of the caller's; LEVEL_TOO_LOW, NO_MANDATE.
        """
        return (await self._views([await self._batch_of(batch, caller)]))[0]

    async def lines(
        self, batch: str, caller: BatchCaller, *, after: int = 0, limit: int = MOST_LINES
    ) -> tuple[StoredLine, ...]:
        """Lines of a batch of the caller's in their order, from the one after the number `after`; at most `MOST_LINES`.

        Raises:
            HurenError: As `find`.
        """
        stored = await self._batch_of(batch, caller)
        return await self._store.lines(stored.batch, after=after, limit=min(limit, MOST_LINES))

    async def list(self, caller: BatchCaller, *, before: str = "", limit: int = MOST_BATCHES) -> tuple[BatchView, ...]:
        """The caller's batches, newest first, from the one after the batch `before`; at most `MOST_BATCHES`.

        Raises:
            HurenError: As `find`, BATCH_NOT_FOUND about `before`.
        """
        last = await self._batch_of(before, caller) if before else None
        await self._require(caller)
        found = await self._store.of(caller.owner, last, min(limit, MOST_BATCHES))
        return await self._views([one for one in found if _caller(one).whose == caller.whose])

    async def cancel(self, batch: str, caller: BatchCaller) -> BatchView:
        """Gives a batch of the caller's up, and its repetition. What was issued stays issued.

        Raises:
            HurenError: As `find`.
        """
        stored = await self._batch_of(batch, caller)
        await self._store.cancel(stored.batch, by=caller.whose, at=self._clock())
        return await self.find(batch, caller)

    async def schedule(self, batch: str, caller: BatchCaller, repeat_days: int) -> BatchView:
        """Sets after how many days a batch of the caller's is begun once more; 0: never.

        Raises:
            HurenError: As `find`; MALFORMED_REQUEST: also where a program began the batch, or asks for this.
        """
        stored = await self._batch_of(batch, caller)
        _require_days(repeat_days, caller, _caller(stored))
        await self._store.schedule(stored.batch, repeat_days, by=caller.whose, at=self._clock())
        return await self.find(batch, caller)

    async def repeat(self, batch: str, caller: BatchCaller, *, idempotency_key: str) -> BatchId:
        """Begins a batch of the caller's once more, now, with the same choices about the same subjects.

        Raises:
            HurenError: As `find` and `begin`.
        """
        old = await self._batch_of(batch, caller)
        lines = [line for line in await self._store.lines(old.batch) if line.uscc is not None]
        choices = moved(old.choices, old.begun_at, self._clock())
        again = [_listed(line) for line in lines]
        return await self.begin(caller, choices, again, idempotency_key=idempotency_key)

    async def archive(self, batch: str, caller: BatchCaller, out: BinaryIO, form: wire.ReportFormat.ValueType) -> None:
        """Writes the archive of a batch of the caller's that has ended: a line for each subject, and the reports.

        Raises:
            HurenError: BATCH_NOT_READY; OVERLOADED; as `find`.
            StoreUnavailableError: The store cannot be read; what was written is no archive.
        """
        stored = await self._batch_of(batch, caller)
        if stored.ended_at is None:
            raise HurenError(ErrorCode.BATCH_NOT_READY, retry_after=_LOOK_AGAIN)
        await self._archiver.write(stored.ended_at, await self._store.lines(stored.batch), caller, out=out, form=form)

    # --- What is gone on with by itself ---------------------------------------------------------------------------------

    async def go_on(self, work: Work) -> None:
        """Goes on with a batch: asks some of its lines, looks at those that are open, or ends it.

        Raises:
            StoreUnavailableError: The store cannot be read or written.
        """
        batch = await self._store.find(work.reference)
        if batch is None or batch.ended_at is not None:
            await self._queue.finish(work)
            return
        step = self._run_line if batch.state is BatchState.RUNNING else self._give_up_line
        room = asyncio.Semaphore(_AT_ONCE)

        async def run(line: StoredLine) -> None:
            async with room:
                now = await step(batch, line)
                if now is not None:
                    await self._store.keep(batch.batch, now)

        try:
            async with asyncio.TaskGroup() as group:
                for line in _for_this_run(await self._store.unended(batch.batch), self._clock()):
                    group.create_task(run(line))
        except BaseExceptionGroup as errors:
            raise _first_of(errors) from errors
        if not await self._store.end(work, at=self._clock()):
            await self._queue.put_back(work, due=_next_look(await self._store.unended(batch.batch), self._clock()))

    async def begin_again(self, work: Work) -> None:
        """Begins a batch once more, because its caller wished so. Where too many of the owner's run, it waits for its turn.

        Raises:
            StoreUnavailableError: The store cannot be read or written.
        """
        old = await self._store.find(work.reference)
        if old is None or old.state is not BatchState.DONE or not old.repeat_days:
            await self._queue.finish(work)
            return
        at = self._clock()
        caller = _caller(old).for_repetition()
        lines = [_listed(line) for line in await self._store.lines(old.batch) if line.uscc is not None]
        if not lines or caller.is_program:
            await self._queue.finish(work)
            return
        choices = moved(old.choices, old.begun_at, at)
        new = StoredBatch(
            batch=BatchId(secrets.token_hex(16)),
            owner=old.owner,
            caller=caller.to_bytes(),
            idempotency_key=f"repeat={old.batch}:{int(work.due_at.timestamp())}",
            digest=_digest(caller, choices, lines, old.repeat_days),
            choices=choices,
            repeat_days=old.repeat_days,
            repeated_from=old.batch,
            begun_at=at,
        )
        again = [_new_line(line, at) for line in lines]
        if await self._store.begin(new, again, by=caller.whose, most_running=MOST_RUNNING, done=work) is None:
            await self._queue.put_back(work, due=at + _TOO_MANY_PAUSE)

    # --- One line -------------------------------------------------------------------------------------------------------

    async def _run_line(self, batch: StoredBatch, line: StoredLine) -> StoredLine | None:
        """Asks for a line, or looks at what was asked. None: somebody else did, or the batch was cancelled meanwhile."""
        try:
            caller, grant = await self._authority(batch, line)
            if line.state is LineState.OPEN:
                return _answered(line, await self._reports.find_request(line.request_id, caller), self._clock())
            pinned = await self._store.pin(batch.batch, line.line, grant)
            if pinned is None:
                return None
            line = pinned  # whatever goes wrong from here on, it stays so
            result = await self._reports.request_report(_message(batch, line, caller), caller)
            return _answered(line, result, self._clock())
        except HurenError as error:
            return self._not_served(batch, line, error)
        except StoreUnavailableError:
            raise
        except Exception:  # noqa: BLE001  # a fault of ours: the other lines go on, and this one is tried again
            _log.exception("line of a batch not asked", line=line.line)
            return self._not_served(batch, line, HurenError(ErrorCode.INTERNAL))

    async def _authority(self, batch: StoredBatch, line: StoredLine) -> tuple[Caller, str]:
        """On whose behalf a line is asked now, and under which grant. Where it may not be, its subject is told so.

        Raises:
            HurenError: As `LineCallers.caller_for`; GRANT_NOT_FOUND.
        """
        who, caller = _caller(batch), None
        try:
            caller = await self._callers.caller_for(who, who.unit or _subject(line))
            grant = line.detail.grant
            if line.state is not LineState.OPEN:
                grant = grant or await self._grant(who, line)
        except HurenError as error:
            if await self._is_not_told(batch, line):
                asker = caller or who.refused()
                await self._reports.record_refusal(_refused_message(batch, line, who), asker, error.code)
            raise
        return caller, grant

    async def _is_not_told(self, batch: StoredBatch, line: StoredLine) -> bool:
        """Whether the subject of a line has not been told of it: neither by a request nor by an earlier refusal.

        Of a process that dies before the line is kept, it is told twice.
        """
        if line.state is LineState.OPEN or line.detail.tries:
            return False
        return line.state is LineState.WAITING or not await self._store.request_of(_key(batch, line))

    async def _grant(self, who: BatchCaller, line: StoredLine) -> str:
        """The grant under which a line is asked, in hex; empty: under none, because the unit asks about itself, or a group does.

        Raises:
            HurenError: GRANT_NOT_FOUND.
        """
        given, subject = line.detail.grant_given, _subject(line)
        if len(given) == _STATEMENT_ID_DIGITS:
            return given
        if who.unit is None or (who.unit == subject and not given):
            return given
        found = (
            await self._grants.numbered_grant(who.unit, given)
            if given
            else await self._grants.usable_grant(who.unit, subject)
        )
        if found is None:
            raise HurenError(ErrorCode.GRANT_NOT_FOUND)
        return found.hex()

    async def _give_up_line(self, batch: StoredBatch, line: StoredLine) -> StoredLine | None:
        """Ends a line of a batch that was cancelled, with its request, where one was opened."""
        who = _caller(batch)
        try:
            request_id = line.request_id or await self._store.request_of(_key(batch, line))
            if not request_id:
                return replace(line, state=LineState.CANCELLED, ended_at=self._clock())
            line = replace(line, request_id=request_id)
            caller = await self._callers.caller_for(who, who.unit or _subject(line))
            return _answered(line, await self._reports.cancel(request_id, caller), self._clock())
        except HurenError as error:
            return self._not_served(batch, line, error)
        except StoreUnavailableError:
            raise
        except Exception:  # noqa: BLE001  # a fault of ours: the other lines go on, and this one is tried again
            _log.exception("line of a batch not given up", line=line.line)
            return self._not_served(batch, line, HurenError(ErrorCode.INTERNAL))

    def _not_served(self, batch: StoredBatch, line: StoredLine, error: HurenError) -> StoredLine:
        """The line with why it could not be asked: for good, or until it is tried again."""
        at, tries = self._clock(), line.detail.tries + 1
        may_help = error.row.retry is Retry.LATER and at < batch.begun_at + _GIVE_UP_AFTER
        again = may_help and not (error.code is ErrorCode.INTERNAL and tries >= _MOST_FAULTS)
        pause = min(_FIRST_PAUSE * 2 ** min(tries - 1, _MOST_DOUBLINGS), _LONGEST_PAUSE)
        after = at + max(pause, error.retry_after or timedelta())
        why = replace(line.detail, zh=error.message_zh, en=error.message_en, tries=tries)
        if again:
            return replace(line, reason=error.code, detail=replace(why, after=after))
        return replace(line, state=LineState.FAILED, reason=error.code, detail=replace(why, after=None), ended_at=at)

    # --- Leaves ---------------------------------------------------------------------------------------------------------

    async def _require(self, caller: BatchCaller) -> None:
        """Refuses who may ask for nobody, or not for the unit any more.

        Raises:
            HurenError: LEVEL_TOO_LOW, NO_MANDATE.
        """
        if caller.level <= query_pb2.IDENTITY_LEVEL_BASIC:
            raise HurenError(ErrorCode.LEVEL_TOO_LOW)
        if caller.unit is not None:
            await self._callers.caller_for(caller, caller.unit)

    async def _require_somebody(self, caller: BatchCaller) -> None:
        """Refuses a person who may ask for no enterprise at all: not one line of a list could be served.

        Raises:
            HurenError: NO_MANDATE.
        """
        if caller.unit is None and isinstance(caller.by, BatchPerson) and not await self._callers.may_ask(caller.by):
            raise HurenError(ErrorCode.NO_MANDATE)

    async def _batch_of(self, batch: str, caller: BatchCaller) -> StoredBatch:
        await self._require(caller)
        stored = await self._store.find(batch)
        if stored is None or _caller(stored).whose != caller.whose:
            raise HurenError(ErrorCode.BATCH_NOT_FOUND)
        return stored

    async def _views(self, batches: Sequence[StoredBatch]) -> tuple[BatchView, ...]:
        ids = [one.batch for one in batches]
        counts, repeats = await self._store.counts(ids), await self._store.repeated_at(ids)
        return tuple(
            BatchView(batch=one, counts=counts[one.batch], repeats_at=repeats.get(one.batch)) for one in batches
        )


_STATEMENT_ID_DIGITS: Final = 64
"""A document number has 32."""


def moved(choices: wire.RequestReportRequest, begun_at: datetime, at: datetime) -> wire.RequestReportRequest:
    """The choices of a batch that is begun once more: a window goes on by as many days; one that was left open stays open.

    A window of the longest kind that now holds one 29 February more begins a day later.
    """
    again = _only_choices(choices)
    if choices.HasField("window"):
        days = china_day(at) - china_day(begun_at)
        window = DayRange.from_wire(choices.window)
        last = window.last + days
        first = max(window.first + days, years_after(last, -MAX_WINDOW_YEARS))
        again.window.CopyFrom(DayRange(first, last).to_wire())
    return again


def _require_sound(idempotency_key: str, lines: Sequence[ListedLine]) -> None:
    if not _KEY.fullmatch(idempotency_key):
        raise _malformed("idempotency_key", "幂等键应为8至64位字母、数字或 _.:-", "expected 8 to 64 of A-Za-z0-9_.:-")
    if not 1 <= len(lines) <= MAX_LINES:
        raise _malformed("list", f"主体应为1至{MAX_LINES}个", f"expected 1 to {MAX_LINES} lines, got {len(lines)}")


def _require_days(repeat_days: int, *callers: BatchCaller) -> None:
    """Refuses a schedule that there is not, and any for what a program asks: nobody could check then what it shows now."""
    if repeat_days not in REPEAT_DAYS:
        known = "、".join(map(str, REPEAT_DAYS))
        raise _malformed("repeat_days", f"重复办理的间隔应为{known}天", f"expected one of {REPEAT_DAYS}")
    if repeat_days and any(caller.is_program for caller in callers):
        raise _malformed(
            "repeat_days",
            "企业程序发起的批量办理不能定期重复，请由程序届时重新提交",
            "a batch of a program is not repeated by itself; the program begins it again when it is time",
        )


def _malformed(field: str, problem_zh: str, problem_en: str) -> HurenError:
    return HurenError(ErrorCode.MALFORMED_REQUEST, field=field, problem_zh=problem_zh, problem_en=problem_en)


def _only_choices(message: wire.RequestReportRequest) -> wire.RequestReportRequest:
    choices = wire.RequestReportRequest(
        domains=sorted(message.domains), kinds=sorted(message.kinds), purpose=message.purpose
    )
    if message.HasField("window"):
        choices.window.CopyFrom(message.window)
    return choices


def _digest(
    caller: BatchCaller, choices: wire.RequestReportRequest, lines: Sequence[ListedLine], repeat_days: int
) -> bytes:
    """What makes two batches the same: everything that the caller chose, but the key itself."""
    chosen = [
        caller.kind,
        _only_choices(choices).SerializeToString(deterministic=True).hex(),
        repeat_days,
        [[line.line, line.given, line.uscc, line.grant] for line in lines],
    ]
    return hashlib.sha256(json.dumps(chosen).encode()).digest()


def _new_line(line: ListedLine, at: datetime) -> StoredLine:
    new = StoredLine(line=line.line, given=line.given, uscc=line.uscc, detail=LineDetail(grant_given=line.grant))
    if line.failure is None:
        return new
    words = line.failure.words
    return replace(
        new,
        uscc=None,
        state=LineState.FAILED,
        reason=line.failure.code,
        detail=LineDetail(zh=words.zh, en=words.en),
        ended_at=at,
    )


def _listed(line: StoredLine) -> ListedLine:
    return ListedLine(line=line.line, given=line.given, uscc=line.uscc, grant=line.detail.grant_given)


def _key(batch: StoredBatch, line: StoredLine) -> str:
    """The idempotency key of a line's request: the same for ever."""
    return f"batch:{batch.batch}:{line.line}"


def _message(batch: StoredBatch, line: StoredLine, caller: Caller) -> wire.RequestReportRequest:
    message = _only_choices(batch.choices)
    message.idempotency_key = _key(batch, line)
    message.uscc = _subject(line)
    message.grant_statement_id = bytes.fromhex(line.detail.grant)
    if line.detail.grant and caller.uscc != line.uscc:
        message.basis = query_pb2.AUTHORISATION_BASIS_GRANT
    return message


def _refused_message(batch: StoredBatch, line: StoredLine, who: BatchCaller) -> wire.RequestReportRequest:
    """What would have been asked for a line, had it come so far."""
    message = _only_choices(batch.choices)
    message.uscc = _subject(line)
    message.grant_statement_id = bytes.fromhex(line.detail.grant)
    if who.unit is not None and who.unit != line.uscc:
        message.basis = query_pb2.AUTHORISATION_BASIS_GRANT
    return message


def _for_this_run(unended: Sequence[StoredLine], at: datetime) -> Sequence[StoredLine]:
    """What to do now: lines to be asked first; those that are open once there are few others, because a look costs little."""
    due = [line for line in unended if line.detail.after is None or line.detail.after <= at]
    to_ask = [line for line in due if line.state is not LineState.OPEN]
    if len(to_ask) >= _LINES_IN_A_RUN:
        return to_ask[:_LINES_IN_A_RUN]
    return [*to_ask, *(line for line in due if line.state is LineState.OPEN)]


def _next_look(unended: Sequence[StoredLine], at: datetime) -> datetime:
    return min((_due(line, at) for line in unended), default=at)


def _due(line: StoredLine, at: datetime) -> datetime:
    after = line.detail.after or at
    return max(after, at + _LOOK_AGAIN) if line.state is LineState.OPEN else after


def _answered(line: StoredLine, result: Result, at: datetime) -> StoredLine:
    """The line with what the report service said of its request."""
    told = replace(line, reason="", detail=replace(line.detail, zh="", en="", tries=0, after=None))
    match result:
        case Sealed():
            return replace(told, state=LineState.SEALED, report_number=result.report_number, ended_at=at)
        case wire.OpenRequest():
            return replace(told, state=LineState.OPEN, request_id=result.request_id)
        case wire.EndedRequest():
            given_up = result.end == wire.REQUEST_END_CANCELLED
            words = GIVEN_UP if given_up else end_words(result)
            return replace(
                told,
                state=LineState.CANCELLED if given_up else LineState.FAILED,
                request_id=result.request_id,
                reason=result.reason,
                detail=_with_words(told.detail, words),
                ended_at=at,
            )


def _with_words(detail: LineDetail, words: Words) -> LineDetail:
    return replace(detail, zh=words.zh, en=words.en)


def _caller(batch: StoredBatch) -> BatchCaller:
    return BatchCaller.from_bytes(batch.caller)


def _subject(line: StoredLine) -> Uscc:
    if line.uscc is None:
        raise RuntimeError(f"line {line.line} is not served and was not ended")
    return line.uscc


def _first_of(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """What ends a run: that the store is away before anything else, because it says so of the others too."""
    found, _ = errors.split(StoreUnavailableError)
    first: BaseException = found or errors
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
