"""The services behind the REST API as small as they can be: they answer what is described and remember what they were asked.

Only the edge is under test here; what services decide is tested with the services, and everything together in the scenarios.
"""

# ruff: noqa: ARG002  # fakes have the parameters of what they stand for

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, BinaryIO, cast

import aiohttp
from aiohttp import web
from google.protobuf.duration_pb2 import Duration

from contract.days import to_timestamp
from contract.errors import ErrorCode, HurenError
from contract.report_check import CheckedReport
from contract.uscc import Uscc
from gateway.api.parts import PeopleParts
from gateway.api.problems import Problem
from gateway.api.public_http import PublicParts, public_application
from gateway.api.public_verification import PublicVerification
from gateway.api.shares import RestLimits, Share, Shares
from gateway.domain.overview import ReportLine, RequestLine
from gateway.domain.persons import MandateScope, Person, PersonRef, Staff, StaffRole
from gateway.domain.request import Caller, RequestId, RequestState, Sealed
from gateway.identity.acting import Acts, Capacity, require_more_than_password, require_staff
from gateway.identity.login import BeganLogin, FinishedLogin
from gateway.identity.sessions import SessionSeen
from gateway.mandates.agents import Ask, ShownMandate
from gateway.mandates.rules import Standing
from gateway.mandates.window import Scan, ShownWindowMandate
from gateway.reports.files import File
from gateway.reports.overview import ReportEntry
from gateway.reports.standing import ReportStanding
from gateway.verification.by_code import CodeResult, CodeVerdict
from gateway.verification.by_file import FileLimits, FileResult
from gateway.verification.words import Words
from huren.authorisation.v1 import authorisation_pb2
from huren.authorisation.v1 import authorisation_service_pb2 as grants
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2, query_pb2
from huren.report.v1 import report_service_pb2 as wire
from huren.report.v1 import report_status_pb2, verification_service_pb2
from runtime.http_server import serve_http
from runtime.settings import ListenSettings

NOW = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
A = Uscc("91110118MY7B8J0Y0R")
B = Uscc("91350200575017604M")
UNIT = Uscc("11110000000014001E")
NUMBER = "HR112026112200000099U"
REQUEST = "0" * 31 + "1"
MANDATE = "0" * 31 + "2"
BATCH = "0" * 31 + "3"
SESSION = "0" * 31 + "4"
GRANT = bytes(31) + b"\x05"
CSRF = "csrf-token-of-this-session"
PAIRING = "7K2M09FX"
TOKEN = "token-of-a-program"  # noqa: S105  # of a fake


def person(
    level: query_pb2.IdentityLevel.ValueType = query_pb2.IDENTITY_LEVEL_HIGH,
    *,
    represents: frozenset[Uscc] = frozenset(),
    roles: frozenset[StaffRole] = frozenset(),
    name: str = "a",
) -> Person:
    staff = Staff(unit="示例市信用中心（演示）", unit_code=UNIT, post="信用管理岗", number="0017", roles=roles)
    return Person(
        person=PersonRef(name * 32),
        session_name=SESSION,
        level=level,
        represents=represents,
        staff=staff if roles else None,
        channel=common_pb2.CHANNEL_WEB,
        csrf_token=CSRF,
        begun_at=NOW,
        expires_at=NOW + timedelta(hours=8),
    )


PEOPLE: Mapping[str, Person] = {
    "password": person(query_pb2.IDENTITY_LEVEL_BASIC, represents=frozenset({A}), name="0"),
    "nobody": person(name="1"),
    "representative": person(represents=frozenset({A}), name="2"),
    "agent": person(query_pb2.IDENTITY_LEVEL_SUBSTANTIAL, name="3"),
    "agent_of_two": person(query_pb2.IDENTITY_LEVEL_SUBSTANTIAL, name="4"),
    "officer": person(roles=frozenset({StaffRole.OFFICER}), name="5"),
    "reviewer": person(roles=frozenset({StaffRole.REVIEWER}), name="6"),
    "clerk": person(roles=frozenset({StaffRole.WINDOW_CLERK}), name="7"),
    "system": person(roles=frozenset({StaffRole.SYSTEM_ADMINISTRATOR}), name="8"),
    "security": person(roles=frozenset({StaffRole.SECURITY_ADMINISTRATOR}), name="9"),
    "audit": person(roles=frozenset({StaffRole.AUDIT_ADMINISTRATOR}), name="b"),
}
"""By the session cookie."""

_MANDATES: Mapping[str, tuple[Uscc, ...]] = {PEOPLE["agent"].person: (A,), PEOPLE["agent_of_two"].person: (A, B)}
PROGRAM = Caller(reference=f"enterprise:{A}", uscc=A, identity_level=query_pb2.IDENTITY_LEVEL_HIGH, actor="program:1")

SEALED = Sealed(
    report_number=NUMBER,
    envelope=b"an envelope",
    verification_code="v" * 22,
    typed_code="7K2M09FX3RQT8HZW",
    issued_at=NOW,
)
OPEN = wire.OpenRequest(
    request_id=REQUEST,
    provinces=[
        wire.ProvinceStatus(
            province=common_pb2.PROVINCE_HEBEI,
            progress=wire.PROVINCE_PROGRESS_UNAVAILABLE,
            reason="SILENT",
            gap_kind=wire.GAP_KIND_TRANSIENT,
            contact=common_pb2.Contact(unit="示例省信用中心（演示）"),
            attempts=1,
        )
    ],
    ask_again_after=Duration(seconds=30),
    accepted_at=to_timestamp(NOW),
    completion_until=to_timestamp(NOW),
    name="北京示例机械有限公司",
)
ENDED = wire.EndedRequest(
    request_id=REQUEST, end=wire.REQUEST_END_CANCELLED, reason="APPLICANT", ended_at=to_timestamp(NOW)
)
TERMS = authorisation_pb2.GrantTerms(
    subject=authorisation_pb2.Party(uscc=A, name="北京示例机械有限公司"),
    grantee=authorisation_pb2.Party(uscc=B, name="示例银行"),
    purpose=query_pb2.PURPOSE_FINANCING,
    cells=[common_pb2.CellKey(domain="tax", kind=common_pb2.RECORD_KIND_PENALTY)],
    window=common_pb2.Window(first_day="2021-11-22", last_day="2027-11-21"),
    max_uses=3,
    written_on="2026-11-22",
    expires_on="2027-11-21",
    catalogue=common_pb2.CatalogueRef(version="2025-12", digest=bytes(32)),
    document_number="ab" * 16,
)
GIVEN = grants.GivenGrant(
    grant_statement_id=GRANT,
    grant_envelope=b"an envelope",
    terms=TERMS,
    state=grants.GRANT_STATE_IN_FORCE,
    given_at=to_timestamp(NOW),
    uses=1,
    origins=[grants.OriginKnowledge(province=common_pb2.PROVINCE_HEBEI, grant_received_at=to_timestamp(NOW))],
)
LOOK_UP = grants.LookUp(
    number=7,
    at=to_timestamp(NOW),
    unit="示例银行",
    purpose=query_pb2.PURPOSE_FINANCING,
    basis=query_pb2.AUTHORISATION_BASIS_GRANT,
    grant_statement_id=GRANT,
    channel=common_pb2.CHANNEL_API,
    result=grants.LOOK_UP_RESULT_ANSWERED,
    request_id=REQUEST,
    origins=[
        grants.OriginConfirmation(
            province=common_pb2.PROVINCE_HEBEI, at=to_timestamp(NOW), answered=True, statement_id=bytes(32)
        )
    ],
)
SHOWN = ShownMandate(
    mandate=cast("Any", MANDATE),
    uscc=A,
    scopes=frozenset({MandateScope.REPORT}),
    standing=Standing.IN_FORCE,
    asked_at=NOW,
    confirm_by=date(2026, 11, 29),
    confirmed_at=NOW,
    expires_on=date(2027, 1, 1),
    ended_at=None,
)
PAPER = ShownWindowMandate(
    mandate=cast("Any", MANDATE),
    uscc=A,
    scan_digest=bytes(32),
    scan_type="application/pdf",
    post="窗口岗（工号**17）",
    filed_at=NOW,
    filed_by_me=True,
    confirmed_at=None,
    expires_at=NOW,
    ended_at=None,
    in_force=False,
)
COMPARISON = verification_service_pb2.Comparison(
    report_number=NUMBER,
    name="北京示例机械有限公司",
    masked_uscc="9111**********0Y0R",
    issued_at=to_timestamp(NOW),
    window=common_pb2.Window(first_day="2021-11-22", last_day="2026-11-22"),
    catalogue_version="2025-12",
    conclusion="示例",
    provinces=[common_pb2.PROVINCE_BEIJING],
    rows=[
        verification_service_pb2.ComparisonRow(
            domain="税务",
            kind=common_pb2.RECORD_KIND_PENALTY,
            states=[fragment_pb2.CELL_STATE_CLEAR],
            record_counts=[0],
        )
    ],
)


@dataclass
class Services:
    """All of them in one, so that a test sees what was asked. `fault` is raised by whatever is asked for."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)
    result: Sealed | wire.OpenRequest | wire.EndedRequest = SEALED
    standing_now: report_status_pb2.ReportState.ValueType = report_status_pb2.REPORT_STATE_VALID
    found: tuple[wire.Notice, ...] = (
        wire.Notice(
            kind=wire.NOTICE_KIND_REPORT_ISSUED, at=to_timestamp(NOW), request_id=REQUEST, report_number=NUMBER
        ),
        wire.Notice(kind=wire.NOTICE_KIND_REPORT_REVOKED, at=to_timestamp(NOW), report_number=NUMBER),
    )
    fault: Exception | None = None

    def _note(self, *what: Any) -> None:
        self.asked.append(what)
        if self.fault is not None:
            raise self.fault

    # --- Login ---

    async def begin(self, channel: common_pb2.Channel.ValueType, return_to: str) -> BeganLogin:
        self._note("begin", channel, return_to)
        return BeganLogin(url="https://identity.example/authorize?state=1", browser_cookie="browser")

    async def finish(
        self, parameters: Mapping[str, str], browser_cookie: str, *, replaced_session: str = ""
    ) -> FinishedLogin:
        self._note("finish", dict(parameters), browser_cookie, replaced_session)
        if parameters.get("code") != "good":
            raise HurenError(ErrorCode.LOGIN_NOT_COMPLETED)
        return FinishedLogin(cookie="representative", person=PEOPLE["representative"], return_to="/reports")

    # --- Acting ---

    async def for_enterprise(self, person: Person, uscc: Uscc, scope: MandateScope) -> Caller:
        require_more_than_password(person)
        if uscc not in person.represents and uscc not in _MANDATES.get(person.person, ()):
            raise HurenError(ErrorCode.NO_MANDATE)
        return Caller(reference=f"enterprise:{uscc}", uscc=uscc, identity_level=person.level, actor=person.person)

    def for_duty(self, person: Person, matter_number: str) -> Caller:
        staff = require_staff(person, StaffRole.OFFICER)
        return Caller(
            reference=f"person:{person.person}",
            uscc=staff.unit_code,
            identity_level=person.level,
            basis=query_pb2.AUTHORISATION_BASIS_OFFICIAL_DUTY,
            matter_number=matter_number,
        )

    async def enterprises(self, person: Person) -> list[Acts]:
        codes = (*person.represents, *_MANDATES.get(person.person, ()))
        return [
            Acts(uscc=code, capacity=Capacity.AGENT, scopes=frozenset(MandateScope), expires_on=date(2027, 1, 1))
            for code in codes
        ]

    # --- Reports ---

    async def request_report(
        self, message: wire.RequestReportRequest, caller: Caller, *, timeout_s: float | None = None
    ) -> Any:
        self._note("request_report", message, caller)
        return self.result

    async def begin_report(self, message: wire.RequestReportRequest, caller: Caller) -> Any:
        self._note("begin_report", message, caller)
        return self.result

    async def get_report(self, report_number: str, caller: Caller) -> Sealed:
        self._note("get_report", report_number, caller)
        if report_number != NUMBER:
            raise HurenError(ErrorCode.REPORT_NOT_FOUND)
        return SEALED

    async def find_request(self, request_id: str, caller: Caller) -> Any:
        self._note("find_request", request_id, caller)
        if request_id != REQUEST:
            raise HurenError(ErrorCode.REQUEST_NOT_FOUND)
        return self.result

    async def is_own_request(self, request_id: str, caller: Caller) -> bool:
        self._note("is_own_request", request_id, caller)
        return True

    async def cancel(self, request_id: str, caller: Caller) -> Any:
        self._note("cancel", request_id, caller)
        return ENDED

    async def standing(self, report_number: str) -> ReportStanding:
        return ReportStanding(
            state=self.standing_now,
            since=None,
            revocation=report_status_pb2.REVOCATION_CATEGORY_UNSPECIFIED,
            wording_corrected=False,
            reasons=(
                report_status_pb2.StandingReason(
                    state=report_status_pb2.REPORT_STATE_VALID, day="2026-11-22", province=common_pb2.PROVINCE_HEBEI
                ),
            ),
        )

    async def require_not_revoked(self, report_number: str) -> None:
        if self.standing_now == report_status_pb2.REPORT_STATE_REVOKED:
            raise HurenError(ErrorCode.REPORT_REVOKED)

    async def report(self, sealed: Sealed, form: wire.ReportFormat.ValueType) -> File:
        self._note("file", form)
        kind = "json" if form == wire.REPORT_FORMAT_JSON else "pdf"
        return File(f"{sealed.report_number}.{kind}", f"application/{kind}", b"{}" if kind == "json" else b"%PDF-")

    async def progress_sheet(self, request: wire.OpenRequest) -> File:
        return File(f"{request.request_id}-progress.pdf", "application/pdf", b"%PDF-")

    async def checked(self, sealed: Sealed) -> CheckedReport:
        raise NotImplementedError  # no operation of the REST API reads a report

    async def of(self, uscc: str) -> Sequence[wire.Notice]:
        return self.found

    async def reports(
        self, caller: Caller, *, before: str = "", limit: int = 50, oldest_first: bool = False
    ) -> list[ReportEntry]:
        self._note("reports", before, limit)
        line = ReportLine(
            report_number=NUMBER,
            issued_at=NOW,
            request_id=RequestId(REQUEST),
            subject=common_pb2.Subject(uscc=A, name="北京示例机械有限公司"),
            basis=query_pb2.AUTHORISATION_BASIS_GRANT,
            grant_id=GRANT,
            window=common_pb2.Window(first_day="2021-11-22", last_day="2026-11-22"),
        )
        return [ReportEntry(line, report_status_pb2.REPORT_STATE_VALID)]

    async def requests(
        self,
        caller: Caller,
        *,
        before: str = "",
        limit: int = 50,
        basis: query_pb2.AuthorisationBasis.ValueType = query_pb2.AUTHORISATION_BASIS_UNSPECIFIED,
        states: Collection[RequestState] = (),
        oldest_first: bool = False,
    ) -> list[RequestLine]:
        self._note("requests", before, limit)
        subject = common_pb2.Subject(uscc=A, name="北京示例机械有限公司")
        return [
            RequestLine(
                request_id=RequestId(REQUEST),
                opened_at=NOW,
                state=RequestState.OPEN,
                subject=subject,
                basis=query_pb2.AUTHORISATION_BASIS_SELF,
            )
        ]


@dataclass
class Sessions:
    ended: list[str] = field(default_factory=list)

    async def find(self, cookie: str) -> Person | None:
        return None if cookie in self.ended else PEOPLE.get(cookie)

    async def end(self, cookie: str, *, return_to: str = "") -> str:
        self.ended.append(cookie)
        return f"https://identity.example/logout?to={return_to}"

    async def of(self, person: Person) -> list[SessionSeen]:
        return [
            SessionSeen(
                session_name=SESSION,
                channel=person.channel,
                begun_at=NOW,
                seen_at=NOW,
                expires_at=person.expires_at,
                is_this=True,
            )
        ]

    async def lapsed_at(self, cookie: str) -> common_pb2.Channel.ValueType:
        del cookie
        return common_pb2.CHANNEL_UNSPECIFIED

    async def end_named(self, person: Person, session_name: str) -> bool:
        return session_name == SESSION

    async def back_channel_logout(self, token: str) -> None:
        if token != "good":  # noqa: S105  # of a fake
            raise HurenError(ErrorCode.LOGIN_NOT_COMPLETED)


class Tokens:
    async def caller_of(self, token: str) -> Caller:
        if token != TOKEN:
            raise HurenError(ErrorCode.LOGIN_NEEDED)
        return PROGRAM


class Agents:
    async def ask(self, person: Person, uscc_text: str, scopes: frozenset[MandateScope]) -> Ask:
        return Ask(mandate=cast("Any", MANDATE), pairing_code=PAIRING, confirm_by=date(2026, 11, 29))

    async def confirm(self, person: Person, uscc: Uscc, mandate: str, **chosen: Any) -> ShownMandate:
        if chosen["pairing_code"] != PAIRING:
            raise HurenError(ErrorCode.PAIRING_CODE_WRONG, field="pairing_code")
        return SHOWN

    async def withdraw(self, person: Person, mandate: str) -> ShownMandate:
        if mandate != MANDATE:
            raise HurenError(ErrorCode.MANDATE_NOT_FOUND)
        return SHOWN

    async def of_enterprise(self, person: Person, uscc: Uscc) -> list[ShownMandate]:
        return [SHOWN]

    async def of_person(self, person: Person) -> list[ShownMandate]:
        return [SHOWN, replace(SHOWN, expires_on=None, confirmed_at=None)]


@dataclass
class Papers:
    filed: list[tuple[Any, ...]] = field(default_factory=list)

    async def file(self, person: Person, uscc_text: str, scan: bytes, media_type: str) -> str:
        self.filed.append((uscc_text, scan, media_type))
        return MANDATE

    async def confirm(self, person: Person, mandate: str) -> ShownWindowMandate:
        return PAPER

    async def end(self, person: Person, mandate: str) -> ShownWindowMandate:
        return PAPER

    async def of_unit(self, person: Person) -> list[ShownWindowMandate]:
        return [PAPER]

    async def read_scan(self, person: Person, mandate: str) -> Scan:
        return Scan(content=b"%PDF-", media_type="application/pdf", digest=bytes(32))


@dataclass
class Grants:
    given: list[grants.GiveGrantRequest] = field(default_factory=list)

    async def draft(self, request: grants.DraftGrantRequest, caller: Caller, at: datetime) -> grants.DraftGrantResponse:
        return grants.DraftGrantResponse(text="授权书\n示例", terms=TERMS)

    async def give(self, request: grants.GiveGrantRequest, caller: Caller) -> grants.GivenGrant:
        self.given.append(request)
        return GIVEN

    async def revoke(self, grant_id: bytes, caller: Caller) -> grants.GivenGrant:
        if grant_id != GRANT:
            raise HurenError(ErrorCode.GRANT_NOT_FOUND)
        return GIVEN

    async def find(self, grant_id: bytes, caller: Caller) -> grants.GivenGrant:
        return await self.revoke(grant_id, caller)

    async def list(self, side: grants.GrantSide.ValueType, caller: Caller) -> tuple[grants.GivenGrant, ...]:
        return (GIVEN,)


class LookUps:
    async def of(
        self,
        caller: Caller,
        before: int = 0,
        limit: int = 200,
        *,
        basis: query_pb2.AuthorisationBasis.ValueType = query_pb2.AUTHORISATION_BASIS_UNSPECIFIED,
        grant_id: bytes = b"",
    ) -> list[grants.LookUp]:
        return (
            []
            if before
            else [LOOK_UP, grants.LookUp(number=6, at=to_timestamp(NOW), result=grants.LOOK_UP_RESULT_OPEN)]
        )

    async def export_csv(self, caller: Caller) -> bytes:
        return "\ufeff查询时间\r\n".encode()


@dataclass
class Batches:
    begun: list[tuple[Any, ...]] = field(default_factory=list)

    async def begin(self, caller: Any, choices: Any, lines: Any, *, idempotency_key: str, repeat_days: int = 0) -> str:
        self.begun.append((caller, choices, lines, idempotency_key, repeat_days))
        return BATCH

    async def find(self, batch: str, caller: Any) -> Any:
        if batch != BATCH:
            raise HurenError(ErrorCode.BATCH_NOT_FOUND)
        return _view()

    async def lines(self, batch: str, caller: Any, *, after: int = 0, limit: int = 200) -> Any:
        line = SimpleNamespace(
            line=1,
            given=A,
            state="FAILED",
            request_id="",
            report_number="",
            reason="NO_MANDATE",
            detail=SimpleNamespace(zh="示例", en="an example"),
            ended_at=NOW,
        )
        return (line,)

    async def list(self, caller: Any, *, before: str = "", limit: int = 100) -> Any:
        return (_view(),)

    async def cancel(self, batch: str, caller: Any) -> Any:
        return await self.find(batch, caller)

    async def schedule(self, batch: str, caller: Any, repeat_days: int) -> Any:
        return await self.find(batch, caller)

    async def repeat(self, batch: str, caller: Any, *, idempotency_key: str) -> str:
        return BATCH

    async def archive(self, batch: str, caller: Any, out: BinaryIO, form: wire.ReportFormat.ValueType) -> None:
        out.write(b"PK" * 100_000)


def _view() -> Any:
    batch = SimpleNamespace(batch=BATCH, state="RUNNING", repeat_days=0, repeated_from="", begun_at=NOW, ended_at=None)
    return SimpleNamespace(batch=batch, counts={"WAITING": 3}, repeats_at=None)


class Codes:
    async def verify_by_code(self, report_number: str, code: str, *, at: datetime, caller: str) -> CodeResult:
        return CodeResult(verdict=CodeVerdict.UNKNOWN)


class Files:
    limits = FileLimits()

    async def verify_file(self, chunks: Any, *, at: datetime, caller: str) -> FileResult:
        async for _ in chunks:
            pass
        return FileResult(verdict="NOT_A_FILE_OF_OURS", words=Words("示例", "示例", "an example"), document={})


class Statuses:
    async def by_statement(self, report_number: str, statement_id: bytes, *, at: datetime, caller: str) -> None:
        return None


class NoPages:
    """No pages; what went wrong is told in one line."""

    def routes(self) -> list[web.RouteDef]:
        return []

    def problem(self, request: web.Request, problem: Problem) -> web.StreamResponse:
        return web.Response(text=f"<p>{problem.zh}</p>", content_type="text/html", status=problem.status)


@dataclass
class House:
    """A gateway's public address, with what is behind it."""

    services: Services = field(default_factory=Services)
    sessions: Sessions = field(default_factory=Sessions)
    papers: Papers = field(default_factory=Papers)
    grants: Grants = field(default_factory=Grants)
    batches: Batches = field(default_factory=Batches)
    limits: RestLimits = field(default_factory=RestLimits)
    now_s: float = 0.0
    tick_s: float = 0.0
    """So much later it is each time that somebody looks."""
    url: str = ""
    trusted_proxies: int = 0

    def monotonic(self) -> float:
        self.now_s += self.tick_s
        return self.now_s

    def rest(self) -> PeopleParts:
        return PeopleParts(
            login=self.services,
            sessions=self.sessions,
            tokens=Tokens(),
            acting=self.services,
            agents=Agents(),
            window_mandates=self.papers,
            grants=self.grants,
            look_ups=LookUps(),
            batches=self.batches,
            reports=self.services,
            standing=self.services,
            files=self.services,
            overview=self.services,
            open_requests=cast("Any", None),  # no operation asks for it
            work=cast("Any", None),
            notices=self.services,
            summaries=lambda _: COMPARISON,
            public_url=lambda: self.url,
            clock=lambda: NOW,
            shares=Shares(self.limits, trusted_proxies=self.trusted_proxies, monotonic=self.monotonic),
        )

    def public(self) -> PublicParts:
        return PublicParts(
            verification=PublicVerification(
                by_code=cast("Any", Codes()),
                by_file=cast("Any", Files()),
                directory=cast("Any", SimpleNamespace(members={})),
                clock=lambda: NOW,
                trusted_proxies=1,
                monotonic=self.monotonic,
            ),
            statuses=cast("Any", Statuses()),
            clock=lambda: NOW,
        )

    def application(self) -> web.Application:
        return public_application(self.public(), portal=NoPages(), people=self.rest())

    @asynccontextmanager
    async def served(self) -> AsyncGenerator[str]:
        async with serve_http(self.application(), ListenSettings(host="127.0.0.1", port=0)) as url:
            self.url = url
            yield url


WIDE = RestLimits(
    address=Share(burst=10**6, per_second=1.0),
    person=Share(burst=10**6, per_second=1.0),
    program=Share(burst=10**6, per_second=1.0),
)


@dataclass
class Sent:
    status: int
    headers: Any
    body: bytes
    document: Any


class Client:
    """Somebody who calls, as a browser of ours would, or as a program."""

    def __init__(self, http: aiohttp.ClientSession, url: str, who: str = "") -> None:
        self._http = http
        self._url = url
        self._who = who

    def as_(self, who: str) -> Client:
        return Client(self._http, self._url, who)

    def headers(self) -> dict[str, str]:
        if self._who == "program":
            return {"Authorization": f"Bearer {TOKEN}"}
        if not self._who:
            return {}
        return {
            "Cookie": f"__Host-huren-session={self._who}",
            "Huren-CSRF": CSRF,
            "Sec-Fetch-Site": "same-origin",
            "Origin": self._url,
        }

    async def send(
        self, method: str, path: str, *, headers: Mapping[str, str | None] | None = None, **more: Any
    ) -> Sent:
        merged = {name: value for name, value in {**self.headers(), **(headers or {})}.items() if value is not None}
        async with self._http.request(
            method, self._url + path, headers=merged, allow_redirects=False, **more
        ) as response:
            body = await response.read()
            document = await response.json(content_type=None) if "json" in response.content_type and body else None
            return Sent(response.status, response.headers, body, document)
