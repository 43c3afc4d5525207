"""The services that the REST API and the pages stand on, as they need them.

Their rules and errors are their own; each raises `HurenError` by the table, and `StoreUnavailableError`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import BinaryIO, Protocol

from contract.deadlines import Label
from contract.report_check import CheckedReport
from contract.uscc import Uscc
from gateway.batches.callers import BatchCaller
from gateway.batches.lists import ListedLine
from gateway.batches.service import BatchView
from gateway.domain.overview import OpenLine, ReportLine, RequestLine
from gateway.domain.persons import MandateScope, Person
from gateway.domain.request import Caller, RequestState, Sealed
from gateway.identity.acting import Acts
from gateway.identity.sessions import SessionSeen
from gateway.mandates.agents import Ask, ShownMandate
from gateway.mandates.window import Scan, ShownWindowMandate
from huren.authorisation.v1 import authorisation_service_pb2
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_service_pb2 as wire
from huren.report.v1 import report_status_pb2, verification_service_pb2

# --- Who calls --------------------------------------------------------------------------------------------------------


class BegunLogin(Protocol):
    """A login that was begun."""

    @property
    def url(self) -> str:
        """Where the browser goes."""

    @property
    def browser_cookie(self) -> str:
        """What the browser has to bring back."""


class FinishedLogin(Protocol):
    """Somebody logged in."""

    @property
    def cookie(self) -> str:
        """What the browser shows from now on."""

    @property
    def return_to(self) -> str:
        """Where it goes: a local path."""


class Login(Protocol):
    """Logs people in at the identity provider."""

    async def begin(self, channel: common_pb2.Channel.ValueType, return_to: str) -> BegunLogin:
        """Begins a login."""

    async def finish(
        self, parameters: Mapping[str, str], browser_cookie: str, *, replaced_session: str = ""
    ) -> FinishedLogin:
        """Takes what the provider sent back. The session that the browser had until now ends."""


class Sessions(Protocol):
    """Sessions of people."""

    async def find(self, cookie: str) -> Person | None:
        """Who has the session. None: there is none, or it has ended."""

    async def lapsed_at(self, cookie: str) -> common_pb2.Channel.ValueType:
        """By which way somebody came whose time is over. Unspecified: nobody did."""

    async def end(self, cookie: str, *, return_to: str = "") -> str:
        """Ends it. Gives where the browser goes to log out of the provider as well; empty: nowhere."""

    async def of(self, person: Person) -> Sequence[SessionSeen]:
        """All sessions of a person that have not ended."""

    async def end_named(self, person: Person, session_name: str) -> bool:
        """Ends one of a person's sessions. Gives whether there was one."""

    async def back_channel_logout(self, token: str) -> None:
        """Ends what the provider says."""


class AccessTokens(Protocol):
    """Access tokens of programs of enterprises."""

    async def caller_of(self, token: str) -> Caller:
        """Whose program it is."""


class Acting(Protocol):
    """Says for whom people may act."""

    async def for_enterprise(self, person: Person, uscc: Uscc, scope: MandateScope) -> Caller:
        """The person as who acts for an enterprise, in one thing."""

    def for_duty(self, person: Person, matter_number: str) -> Caller:
        """The person as an officer, in a matter."""

    async def enterprises(self, person: Person) -> Sequence[Acts]:
        """For which enterprises the person may act now."""


# --- What is asked for ------------------------------------------------------------------------------------------------


class Agents(Protocol):
    """Mandates of agents."""

    async def ask(self, person: Person, uscc_text: str, scopes: frozenset[MandateScope]) -> Ask:
        """Asks to act for an enterprise."""

    async def confirm(
        self,
        person: Person,
        uscc: Uscc,
        mandate: str,
        *,
        pairing_code: str,
        scopes: frozenset[MandateScope],
        expires_on: date,
    ) -> ShownMandate:
        """Confirms an ask, as the legal representative."""

    async def withdraw(self, person: Person, mandate: str) -> ShownMandate:
        """Ends a mandate or an ask."""

    async def of_enterprise(self, person: Person, uscc: Uscc) -> Sequence[ShownMandate]:
        """Those of an enterprise."""

    async def of_person(self, person: Person) -> Sequence[ShownMandate]:
        """The person's own."""


class WindowMandates(Protocol):
    """Paper mandates at the window."""

    async def file(self, person: Person, uscc_text: str, scan: bytes, media_type: str) -> str:
        """Keeps a scanned paper. Gives its id."""

    async def confirm(self, person: Person, mandate: str) -> ShownWindowMandate:
        """Confirms it, as the second person."""

    async def end(self, person: Person, mandate: str) -> ShownWindowMandate:
        """Ends it early."""

    async def of_unit(self, person: Person) -> Sequence[ShownWindowMandate]:
        """Those of the person's unit."""

    async def read_scan(self, person: Person, mandate: str) -> Scan:
        """The scan."""


class GrantService(Protocol):
    """Grants."""

    async def draft(
        self, request: authorisation_service_pb2.DraftGrantRequest, caller: Caller, at: datetime
    ) -> authorisation_service_pb2.DraftGrantResponse:
        """Writes a text to sign."""

    async def give(
        self, request: authorisation_service_pb2.GiveGrantRequest, caller: Caller
    ) -> authorisation_service_pb2.GivenGrant:
        """Takes the signed text."""

    async def revoke(self, grant_id: bytes, caller: Caller) -> authorisation_service_pb2.GivenGrant:
        """Takes a grant back."""

    async def find(self, grant_id: bytes, caller: Caller) -> authorisation_service_pb2.GivenGrant:
        """One grant of either side."""

    async def list(
        self, side: authorisation_service_pb2.GrantSide.ValueType, caller: Caller
    ) -> tuple[authorisation_service_pb2.GivenGrant, ...]:
        """The grants of one side, newest first; at most 200."""


class LookUps(Protocol):
    """Who asked about an enterprise."""

    async def of(
        self,
        caller: Caller,
        before: int = 0,
        limit: int = 200,
        *,
        basis: query_pb2.AuthorisationBasis.ValueType = query_pb2.AUTHORISATION_BASIS_UNSPECIFIED,
        grant_id: bytes = b"",
    ) -> list[authorisation_service_pb2.LookUp]:
        """Look-ups below a number, newest first, on one ground or under one grant where that is given.

        Fewer than `limit` does not mean that they were the last.
        """

    async def export_csv(self, caller: Caller) -> bytes:
        """All of them."""


class ReportService(Protocol):
    """Requests and reports."""

    async def request_report(
        self, message: wire.RequestReportRequest, caller: Caller, *, timeout_s: float | None = None
    ) -> Sealed | wire.OpenRequest | wire.EndedRequest:
        """Makes the report, or says who has not answered."""

    async def begin_report(
        self, message: wire.RequestReportRequest, caller: Caller
    ) -> Sealed | wire.OpenRequest | wire.EndedRequest:
        """Opens the request, which is asked for without the caller waiting; the same key finds the same one."""

    async def get_report(self, report_number: str, caller: Caller) -> Sealed:
        """A report of the caller's."""

    async def find_request(self, request_id: str, caller: Caller) -> Sealed | wire.OpenRequest | wire.EndedRequest:
        """How a request of the caller's stands."""

    async def is_own_request(self, request_id: str, caller: Caller) -> bool:
        """Whether a request of the caller's is about the caller itself."""

    async def cancel(self, request_id: str, caller: Caller) -> Sealed | wire.EndedRequest:
        """Ends a request of the caller's that is open."""


class Standing(Protocol):
    """Where a report stands."""

    def to_wire(self) -> report_status_pb2.Standing:
        """For the owner."""


class StandingService(Protocol):
    """Where reports stand."""

    async def standing(self, report_number: str) -> Standing:
        """Where one stands now."""

    async def require_not_revoked(self, report_number: str) -> None:
        """Refuses a report that was taken back."""


class File(Protocol):
    """A file to hand out."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def media_type(self) -> str:
        """What it is."""

    @property
    def content(self) -> bytes:
        """Its bytes."""


class ReportFiles(Protocol):
    """Reports as files."""

    async def report(self, sealed: Sealed, form: wire.ReportFormat.ValueType) -> File:
        """An issued report."""

    async def progress_sheet(self, request: wire.OpenRequest) -> File:
        """The progress sheet of an open request."""

    async def checked(self, sealed: Sealed) -> CheckedReport:
        """An issued report, checked anew, to be shown."""


class ReportEntry(Protocol):
    """A report in a list."""

    @property
    def line(self) -> ReportLine:
        """The report."""

    @property
    def state(self) -> report_status_pb2.ReportState.ValueType:
        """Where it stands."""


class Overview(Protocol):
    """Lists of what an applicant has."""

    async def reports(
        self, caller: Caller, *, before: str = "", limit: int = 50, oldest_first: bool = False
    ) -> Sequence[ReportEntry]:
        """Reports after one in the list, newest first unless told; at most 50."""

    async def requests(
        self,
        caller: Caller,
        *,
        before: str = "",
        limit: int = 50,
        basis: query_pb2.AuthorisationBasis.ValueType = query_pb2.AUTHORISATION_BASIS_UNSPECIFIED,
        states: Collection[RequestState] = (),
        oldest_first: bool = False,
    ) -> Sequence[RequestLine]:
        """Requests after one in the list, newest first unless told; at most 50; on one ground and in some states, where given."""


class OpenEntry(Protocol):
    """A request that waits, as officers see it: not about whom."""

    @property
    def line(self) -> OpenLine:
        """The request."""

    @property
    def working_days(self) -> int:
        """How many working days it has waited."""

    @property
    def label(self) -> Label:
        """On what the end of completion rests."""

    @property
    def is_late(self) -> bool:
        """Whether somebody should look."""


class OpenRequests(Protocol):
    """What waits."""

    async def of(self, at: datetime, *, limit: int = 1000) -> Sequence[OpenEntry]:
        """What waits, longest first; at most 1000."""


class Backlog(Protocol):
    """What durable work waits, in numbers."""

    @property
    def waiting(self) -> int:
        """Not given up."""

    @property
    def parked(self) -> int:
        """Failed too often; an operator has to look."""

    @property
    def oldest_due_at(self) -> datetime | None:
        """Since when the oldest of the waiting is due. None: none waits."""


class DurableWork(Protocol):
    """Work that is still to be done."""

    async def backlog(self) -> Backlog:
        """What waits."""


class Notices(Protocol):
    """What the home told enterprises."""

    async def of(self, uscc: str) -> Sequence[wire.Notice]:
        """An enterprise's notices, newest first; at most 200."""


class Summaries(Protocol):
    """What a report says, in short."""

    def __call__(self, envelope: bytes) -> verification_service_pb2.Comparison:
        """The comparison of a report of this home."""


class LineDetail(Protocol):
    """What else is known of a line."""

    @property
    def zh(self) -> str:
        """Why there is no report, or not yet, in Chinese."""

    @property
    def en(self) -> str:
        """The same in English."""


class BatchLine(Protocol):
    """A line of a batch."""

    @property
    def line(self) -> int:
        """Its number."""

    @property
    def given(self) -> str:
        """As it was written."""

    @property
    def uscc(self) -> Uscc | None:
        """Its subject. None: what was written is none."""

    @property
    def state(self) -> str:
        """How it stands."""

    @property
    def request_id(self) -> str:
        """受理编号; empty without one."""

    @property
    def report_number(self) -> str:
        """报告编号; empty without one."""

    @property
    def reason(self) -> str:
        """Stable code of why there is no report, or not yet."""

    @property
    def detail(self) -> LineDetail:
        """What else is known."""

    @property
    def ended_at(self) -> datetime | None:
        """When it ended."""


class BatchService(Protocol):
    """Many reports at once."""

    async def begin(
        self,
        caller: BatchCaller,
        choices: wire.RequestReportRequest,
        lines: Sequence[ListedLine],
        *,
        idempotency_key: str,
        repeat_days: int = 0,
    ) -> str:
        """Begins a batch, or finds the one that was begun with the same under this key. Gives its id."""

    async def find(self, batch: str, caller: BatchCaller) -> BatchView:
        """A batch of the caller's."""

    async def lines(self, batch: str, caller: BatchCaller, *, after: int = 0, limit: int = 200) -> Sequence[BatchLine]:
        """Its lines after a number."""

    async def list(self, caller: BatchCaller, *, before: str = "", limit: int = 100) -> Sequence[BatchView]:
        """The caller's batches after one in the list, newest first."""

    async def cancel(self, batch: str, caller: BatchCaller) -> BatchView:
        """Gives a batch up."""

    async def schedule(self, batch: str, caller: BatchCaller, repeat_days: int) -> BatchView:
        """Sets after how many days it is begun once more."""

    async def repeat(self, batch: str, caller: BatchCaller, *, idempotency_key: str) -> str:
        """Begins it once more, now. Gives the new one's id."""

    async def archive(self, batch: str, caller: BatchCaller, out: BinaryIO, form: wire.ReportFormat.ValueType) -> None:
        """Writes its archive."""
