"""Batches (集团批量) and their lines, in SQL.

- A batch and the work of going on with it are written together; so are its end and the work of repeating it.
- What a line is going to ask is written before it is asked (`pin`), so that whoever goes on after a crash asks the same.
- A line that has ended is never changed again, whoever comes late.
- One transaction at a time decides about a batch and what is not asked yet: whoever begins a line or ends the batch locks its row.
- One transaction at a time begins a batch of an owner, so that no more run than may.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NewType

from sqlalchemy import RowMapping, and_, case, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contract.days import china_day
from contract.uscc import Uscc
from gateway.store import tables
from gateway.store.rows import Action, AuditRow, alone_with_subject, audit, instant, instant_text
from gateway.store.work import BATCH, REPEAT, Work, add_work, finish_work
from huren.report.v1 import report_service_pb2 as wire
from runtime.clock import Clock
from runtime.database import Database

BatchId = NewType("BatchId", str)
"""32 lower-case hex digits, random."""

BATCH_ACTION: Final = Action("batch")
"""An audit row about a batch; its `request_id` is the batch's id."""

_batches: Final = tables.batches
_lines: Final = tables.batch_lines
_work: Final = tables.work


class BatchState(StrEnum):
    """How a batch stands. CANCELLED: nothing further is asked; what was open is given up, and then it has ended."""

    RUNNING = "RUNNING"
    DONE = "DONE"
    CANCELLED = "CANCELLED"


class LineState(StrEnum):
    """How a line stands."""

    WAITING = "WAITING"
    """Not asked yet."""
    ASKED = "ASKED"
    """About to be asked, or asked and the answer not kept yet."""
    OPEN = "OPEN"
    """Its request is gone on with by the home."""
    SEALED = "SEALED"
    """There is a report."""
    FAILED = "FAILED"
    """There is none, and the line says why."""
    CANCELLED = "CANCELLED"
    """It was given up."""


_ENDED: Final = (LineState.SEALED, LineState.FAILED, LineState.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineDetail:
    """What else is kept of a line.

    Attributes:
        grant_given: The grant that the list names, in hex: statement id or document number. Empty: none.
        grant: Statement id of the grant under which it is asked, in hex; it does not change any more. Empty: none.
        zh: Why there is no report, or not yet, in Chinese.
        en: The same in English.
        tries: How often it could not be asked.
        after: When it is tried again. None: at any time.
    """

    grant_given: str = ""
    grant: str = ""
    zh: str = ""
    en: str = ""
    tries: int = 0
    after: datetime | None = None

    def to_bytes(self) -> bytes:
        """As it is kept: JSON without what is empty."""
        kept: dict[str, object] = {
            "grant_given": self.grant_given,
            "grant": self.grant,
            "zh": self.zh,
            "en": self.en,
            "tries": self.tries,
            "after": instant_text(self.after) if self.after else "",
        }
        return json.dumps({name: value for name, value in kept.items() if value}, ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, kept: bytes) -> LineDetail:
        """Reads what `to_bytes` writes."""
        value: dict[str, Any] = json.loads(kept)
        after = value.pop("after", "")
        return cls(after=instant(after) if after else None, **value)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLine:
    """A line of a batch.

    Attributes:
        line: Its number in the list.
        given: As it was written there.
        uscc: The subject. None: the list's line is wrong; it has failed from the beginning.
        state: How it stands.
        request_id: 受理编号; empty: not known, or there is none.
        report_number: 报告编号; empty: there is none.
        reason: Stable code of why there is no report, or not yet; empty: none is known.
        detail: What else is kept.
        ended_at: When it ended. None: it has not.
    """

    line: int
    given: str
    uscc: Uscc | None
    state: LineState = LineState.WAITING
    request_id: str = ""
    report_number: str = ""
    reason: str = ""
    detail: LineDetail = LineDetail()
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBatch:
    """A batch.

    Attributes:
        batch: Its id.
        owner: Whose it is: what is compared when somebody asks for it.
        caller: Who began it, as `BatchCaller.to_bytes` writes it.
        idempotency_key: The caller's key.
        digest: SHA-256 over everything the caller chose.
        choices: What is the same for all: window, domains, kinds, purpose.
        repeat_days: After so many days it is begun once more; 0: never.
        repeated_from: The batch that it repeats; empty: none.
        state: How it stands.
        begun_at: When it was begun.
        ended_at: When its last line ended. None: it has not.
    """

    batch: BatchId
    owner: str
    caller: bytes
    idempotency_key: str
    digest: bytes
    choices: wire.RequestReportRequest
    repeat_days: int
    begun_at: datetime
    repeated_from: str = ""
    state: BatchState = BatchState.RUNNING
    ended_at: datetime | None = None


class BatchStore:
    """The SQL of batches."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- Batches --------------------------------------------------------------------------------------------------------

    async def begin(
        self,
        batch: StoredBatch,
        lines: Sequence[StoredLine],
        *,
        by: str,
        most_running: int,
        done: Work | None = None,
    ) -> StoredBatch | None:
        """Keeps a new batch with the work of it, or finds the one that was begun under its key.

        Args:
            batch: The batch.
            lines: Its lines, at least one.
            by: Who begins it, as the audit names it.
            most_running: How many of the owner's may be that have not ended.
            done: The work of which it is the result: it is finished in the same transaction.

        Returns:
            The batch under the key. None: nothing was kept, because so many of the owner's run, or because somebody else holds or
            did the work.
        """
        row = {
            "batch": batch.batch,
            "applicant": batch.owner,
            "caller": batch.caller,
            "idempotency_key": batch.idempotency_key,
            "digest": batch.digest,
            "choices": batch.choices.SerializeToString(deterministic=True),
            "repeat_days": batch.repeat_days,
            "repeated_from": batch.repeated_from,
            "state": batch.state,
            "begun_at": instant_text(batch.begun_at),
            "ended_at": "",
        }
        under_key = (_batches.c.applicant == batch.owner) & (_batches.c.idempotency_key == batch.idempotency_key)
        async with self._database.write() as connection:
            await alone_with_subject(connection, f"batches of {batch.owner}")
            if done is not None and not await _is_held(connection, done):
                return None
            if not (await connection.execute(select(exists().where(under_key)))).scalar_one():
                if await _running(connection, batch.owner) >= most_running:
                    return None
                await connection.execute(insert(_batches), row)
                await connection.execute(insert(_lines), [_line_row(batch.batch, line) for line in lines])
                await add_work(connection, BATCH, batch.batch, due=batch.begun_at)
                await _audit(connection, batch.batch, "BEGUN", by=by, at=batch.begun_at)
            if done is not None:
                await finish_work(connection, done.kind, done.reference)
            return _batch((await connection.execute(select(_batches).where(under_key))).mappings().one())

    async def find(self, batch: str) -> StoredBatch | None:
        """A batch by its id."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(_batches).where(_batches.c.batch == batch))).mappings().one_or_none()
        return None if row is None else _batch(row)

    async def of(self, owner: str, before: StoredBatch | None, limit: int) -> tuple[StoredBatch, ...]:
        """Batches of an owner, newest first, from the one after `before`."""
        table = _batches
        found = select(table).where(table.c.applicant == owner)
        if before is not None:
            begun_at = instant_text(before.begun_at)
            found = found.where(
                or_(table.c.begun_at < begun_at, and_(table.c.begun_at == begun_at, table.c.batch < before.batch))
            )
        found = found.order_by(table.c.begun_at.desc(), table.c.batch.desc()).limit(limit)
        async with self._database.read() as connection:
            return tuple(_batch(row) for row in (await connection.execute(found)).mappings())

    async def counts(self, batches: Sequence[str]) -> Mapping[str, Mapping[LineState, int]]:
        """How many lines of each batch stand how."""
        counted = (
            select(_lines.c.batch, _lines.c.state, func.count())
            .where(_lines.c.batch.in_(batches))
            .group_by(_lines.c.batch, _lines.c.state)
        )
        counts: dict[str, dict[LineState, int]] = {batch: {} for batch in batches}
        async with self._database.read() as connection:
            for batch, state, number in await connection.execute(counted):
                counts[batch][LineState(state)] = number
        return counts

    async def repeated_at(self, batches: Sequence[str]) -> Mapping[str, datetime]:
        """When batches are begun once more; those that are not are left out."""
        found = select(_work.c.reference, _work.c.due_at).where(_work.c.kind == REPEAT, _work.c.reference.in_(batches))
        async with self._database.read() as connection:
            return {batch: instant(due) for batch, due in await connection.execute(found)}

    async def cancel(self, batch: str, *, by: str, at: datetime) -> None:
        """Ends a batch for whatever is not asked yet, and its repetition. What is open is given up by the batch's work."""
        async with self._database.write() as connection:
            stored = await _locked(connection, batch)
            await connection.execute(update(_batches).where(_batches.c.batch == batch).values(repeat_days=0))
            await finish_work(connection, REPEAT, batch)
            if stored is None or stored.state is not BatchState.RUNNING:
                return
            await connection.execute(
                update(_batches).where(_batches.c.batch == batch).values(state=BatchState.CANCELLED)
            )
            await connection.execute(
                update(_lines)
                .where(_lines.c.batch == batch, _lines.c.state == LineState.WAITING)
                .values(state=LineState.CANCELLED, ended_at=instant_text(at))
            )
            await connection.execute(
                update(_work)
                .where(_work.c.kind == BATCH, _work.c.reference == batch, _work.c.lease_owner == "")
                .values(due_at=instant_text(at))
            )
            await _audit(connection, batch, "CANCELLED", by=by, at=at)

    async def schedule(self, batch: str, repeat_days: int, *, by: str, at: datetime) -> None:
        """Sets after how many days a batch is begun once more; one that has ended is due at once where they have passed."""
        async with self._database.write() as connection:
            stored = await _locked(connection, batch)
            if stored is None:
                return
            await connection.execute(update(_batches).where(_batches.c.batch == batch).values(repeat_days=repeat_days))
            await finish_work(connection, REPEAT, batch)
            if repeat_days and stored.state is BatchState.DONE:
                await add_work(connection, REPEAT, batch, due=_repeat_due(replace(stored, repeat_days=repeat_days), at))
            await _audit(connection, batch, f"REPEAT_{repeat_days}", by=by, at=at)

    async def end(self, work: Work, *, at: datetime) -> bool:
        """Ends a batch whose lines have all ended, with its work. False: some have not.

        A batch is repeated as its caller wished, unless not one of its lines came to a request: such a schedule asks for nothing.
        """
        async with self._database.write() as connection:
            stored = await _locked(connection, work.reference)
            if stored is None or stored.ended_at is not None:
                await finish_work(connection, work.kind, work.reference)
                return True
            of_batch = select(_lines.c.line).where(_lines.c.batch == stored.batch)
            if (await connection.execute(select(exists(of_batch.where(_lines.c.state.not_in(_ENDED)))))).scalar_one():
                return False
            state = BatchState.DONE if stored.state is BatchState.RUNNING else stored.state
            await connection.execute(
                update(_batches).where(_batches.c.batch == stored.batch).values(state=state, ended_at=instant_text(at))
            )
            await finish_work(connection, work.kind, work.reference)
            asked = exists(of_batch.where(or_(_lines.c.request_id != "", _lines.c.report_number != "")))
            if (
                state is BatchState.DONE
                and stored.repeat_days
                and (await connection.execute(select(asked))).scalar_one()
            ):
                await add_work(connection, REPEAT, stored.batch, due=_repeat_due(stored, at))
            await _audit(connection, stored.batch, state, at=at)
            return True

    # --- Lines ----------------------------------------------------------------------------------------------------------

    async def lines(self, batch: str, *, after: int = 0, limit: int | None = None) -> tuple[StoredLine, ...]:
        """Lines of a batch in their order, from the one after `after`."""
        found = (
            select(_lines).where(_lines.c.batch == batch, _lines.c.line > after).order_by(_lines.c.line).limit(limit)
        )
        async with self._database.read() as connection:
            return tuple(_line(row) for row in (await connection.execute(found)).mappings())

    async def unended(self, batch: str) -> tuple[StoredLine, ...]:
        """Lines of a batch that have not ended, in their order."""
        found = select(_lines).where(_lines.c.batch == batch, _lines.c.state.not_in(_ENDED)).order_by(_lines.c.line)
        async with self._database.read() as connection:
            return tuple(_line(row) for row in (await connection.execute(found)).mappings())

    async def pin(self, batch: str, line: int, grant: str) -> StoredLine | None:
        """Writes that a line is about to be asked, and under which grant. Where that is written already, that stays.

        Returns:
            The line as it is asked. None: it is not to be asked: the batch was cancelled, or somebody else was quicker.
        """
        async with self._database.write() as connection:
            stored = await _locked(connection, batch)
            if stored is None or stored.state is not BatchState.RUNNING:
                return None
            found = select(_lines).where(_lines.c.batch == batch, _lines.c.line == line)
            now = _line((await connection.execute(found)).mappings().one())
            if now.state is LineState.ASKED:
                return now
            if now.state is not LineState.WAITING:
                return None
            pinned = replace(now, state=LineState.ASKED, detail=replace(now.detail, grant=grant))
            await _write(connection, batch, pinned)
            return pinned

    async def keep(self, batch: str, line: StoredLine) -> None:
        """Keeps how a line stands now, unless it has ended meanwhile."""
        async with self._database.write() as connection:
            await _write(connection, batch, line)

    async def request_of(self, idempotency_key: str) -> str:
        """The request that was opened under a line's key; empty: none was. Keys of lines are like no other's."""
        found = select(tables.requests.c.request_id).where(tables.requests.c.idempotency_key == idempotency_key)
        async with self._database.read() as connection:
            return (await connection.execute(found.limit(1))).scalar_one_or_none() or ""


class GrantsInStore:
    """Grants by what a line of a list says, as `gateway.batches.callers.GrantFinder` asks for them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def usable_grant(self, grantee: Uscc, subject: Uscc) -> bytes | None:
        """Statement id of the newest grant under which the grantee may ask about the subject now.

        Where there is none any more, that of the newest there was: the report service says why it does not count. None: there never
        was one.
        """
        grant, revoked, used = tables.grants, tables.grant_revocations, tables.grant_uses
        uses = select(func.count()).where(used.c.grant_id == grant.c.statement_id).scalar_subquery()
        is_usable = and_(
            grant.c.expires_on >= china_day(self._clock()).isoformat(),
            grant.c.max_uses > uses,
            ~exists(select(revoked.c.grant_id).where(revoked.c.grant_id == grant.c.statement_id)),
        )
        found = (
            select(grant.c.statement_id)
            .where(grant.c.grantee == grantee, grant.c.uscc == subject)
            .order_by(case((is_usable, 0), else_=1), grant.c.given_at.desc(), grant.c.document_number)
            .limit(1)
        )
        async with self._database.read() as connection:
            return (await connection.execute(found)).scalar_one_or_none()

    async def numbered_grant(self, grantee: Uscc, document_number: str) -> bytes | None:
        """Statement id of the grant to the grantee with that document number (授权书编号). None: there is none."""
        grant = tables.grants
        found = select(grant.c.statement_id).where(
            grant.c.document_number == document_number, grant.c.grantee == grantee
        )
        async with self._database.read() as connection:
            return (await connection.execute(found)).scalar_one_or_none()


async def _running(connection: AsyncConnection, owner: str) -> int:
    """How many batches of an owner have not ended; what was cancelled runs until what is open was given up."""
    counted = select(func.count()).where(_batches.c.applicant == owner, _batches.c.ended_at == "")
    return (await connection.execute(counted)).scalar_one()


async def _is_held(connection: AsyncConnection, work: Work) -> bool:
    """Whether the work is still to be done, by who took it; then nobody else changes that until the transaction ends."""
    held = select(_work.c.lease_owner).where(_work.c.kind == work.kind, _work.c.reference == work.reference)
    return (await connection.execute(held.with_for_update())).scalar_one_or_none() == work.owner


async def _locked(connection: AsyncConnection, batch: str) -> StoredBatch | None:
    """A batch, alone with it until the transaction ends. SQLite has one writer at a time anyway."""
    found = select(_batches).where(_batches.c.batch == batch).with_for_update()
    row = (await connection.execute(found)).mappings().one_or_none()
    return None if row is None else _batch(row)


async def _write(connection: AsyncConnection, batch: str, line: StoredLine) -> None:
    await connection.execute(
        update(_lines)
        .where(_lines.c.batch == batch, _lines.c.line == line.line, _lines.c.state.not_in(_ENDED))
        .values(
            state=line.state,
            request_id=line.request_id,
            report_number=line.report_number,
            reason=line.reason,
            detail=line.detail.to_bytes(),
            ended_at=instant_text(line.ended_at) if line.ended_at else "",
        )
    )


async def _audit(connection: AsyncConnection, batch: str, result: str, *, by: str = "", at: datetime) -> None:
    row = AuditRow(at=at, action=BATCH_ACTION, result=result, caller=by, request_id=batch)
    await audit(connection, [row])


def _repeat_due(batch: StoredBatch, at: datetime) -> datetime:
    return max(at, batch.begun_at + timedelta(days=batch.repeat_days))


def _line_row(batch: str, line: StoredLine) -> dict[str, object]:
    return {
        "batch": batch,
        "line": line.line,
        "given": line.given,
        "uscc": line.uscc or "",
        "state": line.state,
        "request_id": line.request_id,
        "report_number": line.report_number,
        "reason": line.reason,
        "detail": line.detail.to_bytes(),
        "ended_at": instant_text(line.ended_at) if line.ended_at else "",
    }


def _batch(row: RowMapping) -> StoredBatch:
    return StoredBatch(
        batch=BatchId(row["batch"]),
        owner=row["applicant"],
        caller=row["caller"],
        idempotency_key=row["idempotency_key"],
        digest=row["digest"],
        choices=wire.RequestReportRequest.FromString(row["choices"]),
        repeat_days=row["repeat_days"],
        repeated_from=row["repeated_from"],
        state=BatchState(row["state"]),
        begun_at=instant(row["begun_at"]),
        ended_at=instant(row["ended_at"]) if row["ended_at"] else None,
    )


def _line(row: RowMapping) -> StoredLine:
    return StoredLine(
        line=row["line"],
        given=row["given"],
        uscc=Uscc(row["uscc"]) if row["uscc"] else None,
        state=LineState(row["state"]),
        request_id=row["request_id"],
        report_number=row["report_number"],
        reason=row["reason"],
        detail=LineDetail.from_bytes(row["detail"]),
        ended_at=instant(row["ended_at"]) if row["ended_at"] else None,
    )
