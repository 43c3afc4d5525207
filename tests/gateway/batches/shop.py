"""A report service in memory, callers and grants that do as they are told, and batches on a real store."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from contract.errors import ErrorCode, HurenError
from contract.payloads import REPORT
from contract.province import Province
from contract.report_number import make as make_number
from contract.uscc import Uscc
from gateway.batches.archive import Archiver
from gateway.batches.callers import BatchCaller, BatchKind, BatchPerson
from gateway.batches.lists import ListedLine, from_json
from gateway.batches.service import BatchService
from gateway.domain.persons import PersonRef
from gateway.domain.request import Caller, Sealed
from gateway.reports.files import File
from gateway.reports.intake import request_digest
from gateway.reports.service import Result
from gateway.reports.standing import ReportStanding
from gateway.store import tables
from gateway.store.batches import BatchStore, LineState, StoredLine
from gateway.store.work import Work, WorkQueue
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_pb2, report_status_pb2
from huren.report.v1 import report_service_pb2 as wire
from runtime.database import Database
from signing import Signer
from tests.support.federation import CATALOGUES, GATEWAY, NOW, Federation, uscc

HIGH: Final = query_pb2.IDENTITY_LEVEL_HIGH
VALID: Final = report_status_pb2.REPORT_STATE_VALID

_FEDERATION: Final = Federation()
_SIGNER: Final = Signer(_FEDERATION.keys[Province.BEIJING, GATEWAY], issuer=Province.BEIJING, role=GATEWAY)

AGENT: Final = PersonRef("a" * 32)
BANK: Final = uscc(9000)

GROUP: Final = BatchCaller(kind=BatchKind.GROUP, by=BatchPerson(person=AGENT, level=HIGH))
INSTITUTION: Final = BatchCaller(
    kind=BatchKind.INSTITUTION,
    unit=BANK,
    by=Caller(reference=f"enterprise:{BANK}", uscc=BANK, identity_level=HIGH),
)


@dataclass
class Opened:
    """A request that the service in memory knows."""

    request_id: str
    message: wire.RequestReportRequest
    caller: Caller
    result: Result


@dataclass(frozen=True)
class Refused:
    """What a subject is told of who was refused before there was a request."""

    message: wire.RequestReportRequest
    caller: Caller
    code: ErrorCode


@dataclass
class Shop:
    """A report service in memory. It keeps a request for each caller and key, and seals it at once unless it is told otherwise."""

    now: datetime = NOW
    errors: dict[Uscc, HurenError] = field(default_factory=dict)
    open_for: set[Uscc] = field(default_factory=set)
    ends: dict[Uscc, wire.EndedRequest] = field(default_factory=dict)
    opened: dict[tuple[str, str], Opened] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    standings: dict[str, int] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    hooks: dict[str, Callable[[Uscc], None]] = field(default_factory=dict)

    async def request_report(
        self, message: wire.RequestReportRequest, caller: Caller, *, timeout_s: float | None = None
    ) -> Result:
        del timeout_s
        code = Uscc(message.uscc)
        await asyncio.sleep(0)
        self._hook("before", code)
        if code in self.errors:
            raise self.errors[code]
        scope = (caller.reference, message.idempotency_key)
        if scope not in self.opened:
            number = len(self.opened) + 1
            self.opened[scope] = Opened(
                f"{number:032x}", message, caller, wire.OpenRequest(request_id=f"{number:032x}")
            )
        request = self.opened[scope]
        if request_digest(request.message, caller) != request_digest(message, caller):
            self.calls["reused"] += 1
            raise HurenError(ErrorCode.IDEMPOTENCY_KEY_REUSED)
        self._hook("opened", code)
        await asyncio.sleep(0)
        self._go_on(request)
        self._hook("after", code)
        return request.result

    async def find_request(self, request_id: str, caller: Caller) -> Result:
        request = self._of(request_id, caller)
        self.calls["find"] += 1
        self._go_on(request)
        return request.result

    async def cancel(self, request_id: str, caller: Caller) -> Sealed | wire.EndedRequest:
        request = self._of(request_id, caller)
        if isinstance(request.result, wire.OpenRequest):
            ended = wire.EndedRequest(request_id=request_id, end=wire.REQUEST_END_CANCELLED, reason="APPLICANT")
            request.result = ended
            return ended
        return request.result

    async def record_refusal(self, message: wire.RequestReportRequest, caller: Caller, code: ErrorCode) -> None:
        self._hook("refused", Uscc(message.uscc))
        self.refused.append(Refused(message, caller, code))

    async def get_report(self, report_number: str, caller: Caller) -> Sealed:
        for request in self.opened.values():
            result = request.result
            if isinstance(result, Sealed) and (result.report_number, request.caller.uscc) == (
                report_number,
                caller.uscc,
            ):
                return result
        raise HurenError(ErrorCode.REPORT_NOT_FOUND)

    async def standing(self, report_number: str) -> ReportStanding:
        state = report_status_pb2.ReportState.ValueType(self.standings.get(report_number, VALID))
        return ReportStanding(
            state=state,
            since=None,
            revocation=report_status_pb2.REVOCATION_CATEGORY_UNSPECIFIED,
            wording_corrected=False,
            reasons=(),
        )

    async def report(self, sealed: Sealed, form: wire.ReportFormat.ValueType) -> File:
        del form
        self._hook("file", Uscc(sealed.report_number))
        return File("name of another", "application/pdf", b"file of " + sealed.report_number.encode())

    def requests_about(self, code: Uscc) -> list[Opened]:
        """The requests about a subject."""
        return [one for one in self.opened.values() if one.message.uscc == code]

    def _of(self, request_id: str, caller: Caller) -> Opened:
        for (reference, _), request in self.opened.items():
            if request.request_id == request_id and reference == caller.reference:
                return request
        raise HurenError(ErrorCode.REQUEST_NOT_FOUND)

    def _go_on(self, request: Opened) -> None:
        code = Uscc(request.message.uscc)
        if not isinstance(request.result, wire.OpenRequest) or code in self.open_for:
            return
        if code in self.ends:
            request.result = wire.EndedRequest(request_id=request.request_id)
            request.result.MergeFrom(self.ends[code])
        else:
            request.result = sealed(int(request.request_id, 16), code, self.now)

    def _hook(self, point: str, code: Uscc) -> None:
        hook = self.hooks.get(point)
        if hook is not None:
            hook(code)


def sealed(sequence: int, code: Uscc, at: datetime) -> Sealed:
    """A report of which only the subject's name can be read."""
    subject = common_pb2.Subject(uscc=code, name=f"北京示例企业{sequence}有限公司")
    report = report_pb2.Report(header=_SIGNER.new_header(at), subject=subject)
    return Sealed(
        report_number=make_number(Province.BEIJING, at.date(), sequence),
        envelope=_SIGNER.sign(REPORT, report).envelope,
        verification_code="secret",
        typed_code="",
        issued_at=at,
    )


@dataclass
class Callers:
    """Says who may ask for whom; `nobodys`: persons who may ask for no enterprise at all."""

    nobodys: set[PersonRef] = field(default_factory=set)
    errors: dict[Uscc, HurenError] = field(default_factory=dict)
    asked: list[tuple[str, Uscc]] = field(default_factory=list)

    async def caller_for(self, who: BatchCaller, uscc: Uscc) -> Caller:
        self.asked.append((who.whose, uscc))
        if uscc in self.errors:
            raise self.errors[uscc]
        return Caller(reference=f"{who.whose}:{uscc}"[:64], uscc=uscc, identity_level=who.level)

    async def may_ask(self, person: BatchPerson) -> bool:
        return person.person not in self.nobodys


@dataclass
class Grants:
    """Grants by subject and by number; `ever_newer`: there is a newer one each time that somebody looks."""

    usable: dict[Uscc, bytes] = field(default_factory=dict)
    numbered: dict[str, bytes] = field(default_factory=dict)
    ever_newer: bool = False

    async def usable_grant(self, grantee: Uscc, subject: Uscc) -> bytes | None:
        assert grantee == BANK
        if self.ever_newer and subject in self.usable:
            newer = int.from_bytes(self.usable[subject]) + 1
            self.usable[subject] = newer.to_bytes(32)
        return self.usable.get(subject)

    async def numbered_grant(self, grantee: Uscc, document_number: str) -> bytes | None:
        assert grantee == BANK
        return self.numbered.get(document_number)


@dataclass
class House:
    """Batches on a store."""

    database: Database
    shop: Shop
    callers: Callers
    grants: Grants
    store: BatchStore
    lives: int = 0

    def queue(self) -> WorkQueue:
        """The queue of a new process."""
        self.lives += 1
        return WorkQueue(self.database, owner=f"life-{self.lives}", clock=self.clock, lease=timedelta(minutes=1))

    def service(self, queue: WorkQueue | None = None) -> BatchService:
        """The service of a new process."""
        archiver = Archiver(reports=self.shop, standings=self.shop, files=self.shop, callers=self.callers)
        return BatchService(
            store=self.store,
            queue=queue or self.queue(),
            reports=self.shop,
            callers=self.callers,
            grants=self.grants,
            archiver=archiver,
            catalogues=CATALOGUES,
            clock=self.clock,
        )

    def clock(self) -> datetime:
        return self.shop.now

    async def work_once(self) -> Work | None:
        """Does the work that is due first, in a process of its own. None: none is due."""
        queue = self.queue()
        service = self.service(queue)
        work = await queue.take()
        if work is not None:
            await (service.begin_again(work) if work.kind == "repeat" else service.go_on(work))
        return work

    async def work_all(self) -> None:
        """Does all that is due now."""
        for _ in range(200):
            if await self.work_once() is None:
                return
        raise AssertionError("the work does not end")

    async def lines(self, batch: str) -> dict[Uscc | None, StoredLine]:
        """Lines by subject."""
        return {line.uscc: line for line in await self.store.lines(batch)}

    async def states(self, batch: str) -> list[LineState]:
        return [line.state for line in await self.store.lines(batch)]


async def house(database: Database, store: BatchStore | None = None) -> House:
    """A house whose tables are made."""
    await tables.prepare(database, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    return House(database, Shop(), Callers(), Grants(), store or BatchStore(database))


def listed(*codes: str) -> tuple[ListedLine, ...]:
    """A list of codes."""
    return from_json(list(codes))
