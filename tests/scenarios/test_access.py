"""Everybody at every door: operations of the REST API and methods of gRPC, as every role, as a stranger, as another enterprise.

The tables say what becomes of it. What there is to call is read from the description and from the services' descriptors, so that
nothing new is left out. Whoever is not served is told the same, to the byte, about what there is and about what there is not.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from google.protobuf.message_factory import GetMessageClass

from contract.days import china_day
from contract.province import Province
from contract.uscc import Uscc
from gateway.api.rest.description import Operation, read_description
from gateway.api.rest.documents import to_message
from gateway.domain.persons import StaffRole
from gateway.portal import site
from gateway.store import tables
from huren.authorisation.v1 import authorisation_service_pb2 as granting
from huren.change.v1 import change_service_pb2
from huren.fragment.v1 import query_pb2
from huren.home.v1 import home_service_pb2
from huren.office.v1 import office_service_pb2
from huren.report.v1 import report_service_pb2 as reporting
from huren.report.v1 import report_status_pb2, verification_service_pb2
from huren.status.v1 import status_service_pb2
from runtime.identity import MemberPeer
from runtime.settings import TLSSettings
from sandbox.pki import OFFICERS, OPERATOR, PKI, Authority
from tests.support.federation import ADAPTER, GATEWAY, uscc
from tests.support.people import (
    AT_WINDOW,
    BANK,
    BASIC,
    ENTERPRISE,
    FORMER,
    NOBODY,
    OTHER,
    Actor,
    Answer,
    Founding,
    Lobby,
    Things,
    called,
    elsewhere,
    filled,
    key,
    open_lobby,
    scan,
    staff,
)

pytestmark = pytest.mark.timeout(300)

DESCRIPTION: Final = read_description()
OPERATIONS: Final[Mapping[str, Operation]] = DESCRIPTION.operations

TOLD: Final = {
    "S": "",
    "L": "LOGIN_NEEDED",
    "P": "LEVEL_TOO_LOW",
    "M": "NO_MANDATE",
    "N": "NOT_PERMITTED",
    "2": "SECOND_OFFICER_NEEDED",
    "Y": "NOT_YOURSELF",
    "T": "GRANT_TERMS_UNACCEPTABLE",
    "X": "LOGIN_NOT_COMPLETED",
    "W": "REVOCATION_WAITS",
    "m": "NO_MANDATE",
    "B": "MALFORMED_REQUEST",
}
"""What a sign in a table means, but 0 and E."""

NOT_THERE: Final = frozenset(
    {
        "REQUEST_NOT_FOUND",
        "REPORT_NOT_FOUND",
        "GRANT_NOT_FOUND",
        "MANDATE_NOT_FOUND",
        "WINDOW_MANDATE_NOT_FOUND",
        "BATCH_NOT_FOUND",
        "REVOCATION_NOT_FOUND",
    }
)

READ: Final = frozenset({"ENVELOPE_UNREADABLE", "TRANSFER_UNACCEPTABLE"})

COMPARED: Final = frozenset(TOLD) - set("SmXB2") | {"0"}
"""Who is told this, is told the same of what there is and of what there is not."""

# --- The tables -----------------------------------------------------------------------------------------------------------
#
#   S  served
#   L  LOGIN_NEEDED               P  LEVEL_TOO_LOW             M  NO_MANDATE               N  NOT_PERMITTED
#   0  is not there               2  SECOND_OFFICER_NEEDED     Y  NOT_YOURSELF             T  GRANT_TERMS_UNACCEPTABLE
#   X  LOGIN_NOT_COMPLETED        W  REVOCATION_WAITS          E  was let in; what it brings is no envelope
#   m  NO_MANDATE: acts for the enterprise, and not in this: on a paper no batches are begun
#   B  MALFORMED_REQUEST: was let in; a file takes seconds to be read, so that none is sent but once; programs have no schedules
#
#   st  stranger: shows nothing                                ck  window clerk with a paper mandate of the enterprise
#   pw  legal representative, by password                      ce  window clerk of another unit
#   le  legal representative                                   rv  reviewer of the clerk's unit
#   ar  agent who may ask for reports                          of  officer
#   ag  agent who may grant                                    om  officer, naming a matter
#   al  agent who may see look-ups                             op  officer, by password
#   as  agent whose ask was not confirmed                      sy  system administrator
#   en  agent whose mandate was ended                          se  security administrator
#   lb  legal representative of another enterprise             au  audit administrator
#   ab  agent of another enterprise                            pg  program of the enterprise
#   bk  legal representative of a bank that has a grant        pb  program of another enterprise
#   fb  legal representative of a bank whose grant was taken back

REACHING: Final = """
                         st pw le ar ag al as en ck ce rv of om op sy se au lb ab bk fb pg pb
beginLogin               S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S
finishLogin              X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X
backChannelLogout        X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X
verifyByCode             S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S
verifyByFile             B  B  B  B  B  B  B  B  B  B  B  B  B  B  B  B  B  B  B  B  B  B  B
getReportStatus          S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S
getDescription           S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S
logout                   L  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  L  L
getSession               L  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  L  L
listSessions             L  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  L  L
endSession               L  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  L  L
askForMandate            L  P  S  S  S  S  S  S  S  S  S  S  S  P  S  S  S  S  S  S  S  L  L
listMandates             L  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  L  L
endMandate               L  P  S  0  0  0  S  0  0  0  0  0  0  P  0  0  0  0  0  0  0  L  L
listEnterpriseMandates   L  P  S  M  M  M  M  M  M  M  M  M  M  P  M  M  M  M  M  M  M  L  L
confirmMandate           L  P  S  M  M  M  M  M  M  M  M  M  M  P  M  M  M  M  M  M  M  L  L
requestReport            L  P  S  S  M  M  M  M  S  M  M  M  M  P  M  M  M  M  M  M  M  S  M
listReportRequests       L  P  S  S  M  M  M  M  S  M  M  M  M  P  M  M  M  M  M  M  M  S  M
getReportRequest         L  P  S  S  M  M  M  M  S  M  M  M  0  P  M  M  M  M  M  M  M  S  M
cancelReportRequest      L  P  S  S  M  M  M  M  S  M  M  M  0  P  M  M  M  M  M  M  M  S  M
getProgressSheet         L  P  S  S  M  M  M  M  S  M  M  M  0  P  M  M  M  M  M  M  M  S  M
listReports              L  P  S  S  M  M  M  M  S  M  M  M  M  P  M  M  M  M  M  M  M  S  M
getReport                L  P  S  S  M  M  M  M  S  M  M  M  0  P  M  M  M  M  M  M  M  S  M
getReportFile            L  P  S  S  M  M  M  M  S  M  M  M  0  P  M  M  M  M  M  M  M  S  M
listNotices              L  P  S  S  M  M  M  M  S  M  M  M  M  P  M  M  M  M  M  M  M  S  M
draftGrant               L  P  S  M  S  M  M  M  S  M  M  M  M  P  M  M  M  M  M  M  M  S  M
giveGrant                L  P  S  M  S  M  M  M  S  M  M  M  M  P  M  M  M  M  M  M  M  S  M
listGrants               L  P  S  M  S  M  M  M  S  M  M  M  M  P  M  M  M  M  M  M  M  S  M
getGrant                 L  P  S  M  S  M  M  M  S  M  M  M  M  P  M  M  M  M  M  M  M  S  M
revokeGrant              L  P  S  M  S  M  M  M  S  M  M  M  M  P  M  M  M  M  M  M  M  S  M
listLookUps              L  P  S  M  M  S  M  M  S  M  M  M  M  P  M  M  M  M  M  M  M  S  M
exportLookUps            L  P  S  M  M  S  M  M  S  M  M  M  M  P  M  M  M  M  M  M  M  S  M
lookUpOnDuty             L  N  N  N  N  N  N  N  N  N  N  S  S  N  N  N  N  N  N  N  N  L  L
fileWindowMandate        L  N  N  N  N  N  N  N  S  S  N  N  N  N  N  N  N  N  N  N  N  L  L
listWindowMandates       L  N  N  N  N  N  N  N  S  S  S  N  N  N  N  N  N  N  N  N  N  L  L
getWindowScan            L  N  N  N  N  N  N  N  S  0  S  N  N  N  N  N  N  N  N  N  N  L  L
confirmWindowMandate     L  N  N  N  N  N  N  N  2  0  S  N  N  N  N  N  N  N  N  N  N  L  L
endWindowMandate         L  N  N  N  N  N  N  N  S  0  S  N  N  N  N  N  N  N  N  N  N  L  L
beginBatch               L  P  S  S  M  M  M  M  m  M  M  M  M  P  M  M  M  M  M  M  M  S  M
listBatches              L  P  S  S  M  M  M  M  m  M  M  M  M  P  M  M  M  M  M  M  M  S  M
getBatch                 L  P  S  S  M  M  M  M  m  M  M  M  M  P  M  M  M  M  M  M  M  S  M
listBatchLines           L  P  S  S  M  M  M  M  m  M  M  M  M  P  M  M  M  M  M  M  M  S  M
getBatchArchive          L  P  S  S  M  M  M  M  m  M  M  M  M  P  M  M  M  M  M  M  M  S  M
cancelBatch              L  P  S  S  M  M  M  M  m  M  M  M  M  P  M  M  M  M  M  M  M  S  M
scheduleBatch            L  P  S  S  M  M  M  M  m  M  M  M  M  P  M  M  M  M  M  M  M  B  M
repeatBatch              L  P  S  S  M  M  M  M  m  M  M  M  M  P  M  M  M  M  M  M  M  S  M
"""
"""Everybody names the enterprise (`Huren-Enterprise`) and what is the enterprise's."""

IN_THEIR_OWN_NAME: Final = """
                         lb ab bk fb ce om sy pb
beginLogin               S  S  S  S  S  S  S  S
finishLogin              X  X  X  X  X  X  X  X
backChannelLogout        X  X  X  X  X  X  X  X
verifyByCode             S  S  S  S  S  S  S  S
verifyByFile             B  B  B  B  B  B  B  B
getReportStatus          S  S  S  S  S  S  S  S
getDescription           S  S  S  S  S  S  S  S
logout                   S  S  S  S  S  S  S  L
getSession               S  S  S  S  S  S  S  L
listSessions             S  S  S  S  S  S  S  L
endSession               S  S  S  S  S  S  S  L
askForMandate            S  S  S  S  S  S  S  L
listMandates             S  S  S  S  S  S  S  L
endMandate               0  0  0  0  0  0  0  L
listEnterpriseMandates   S  M  S  S  M  M  M  L
confirmMandate           0  M  0  0  M  M  M  L
requestReport            Y  Y  Y  Y  Y  M  M  Y
listReportRequests       S  S  S  S  S  M  M  S
getReportRequest         0  0  0  0  0  0  M  0
cancelReportRequest      0  0  0  0  0  0  M  0
getProgressSheet         0  0  0  0  0  0  M  0
listReports              S  S  S  S  S  M  M  S
getReport                0  0  0  0  0  0  M  0
getReportFile            0  0  0  0  0  0  M  0
listNotices              S  S  S  S  S  M  M  S
draftGrant               S  S  S  S  S  M  M  S
giveGrant                T  T  T  T  T  M  M  T
listGrants               S  S  S  S  S  M  M  S
getGrant                 0  0  S  0  0  M  M  0
revokeGrant              0  0  0  0  0  M  M  0
listLookUps              S  S  S  S  S  M  M  S
exportLookUps            S  S  S  S  S  M  M  S
lookUpOnDuty             N  N  N  N  N  S  N  L
fileWindowMandate        N  N  N  N  S  N  N  L
listWindowMandates       N  N  N  N  S  N  N  L
getWindowScan            N  N  N  N  0  N  N  L
confirmWindowMandate     N  N  N  N  0  N  N  L
endWindowMandate         N  N  N  N  0  N  N  L
beginBatch               S  S  S  S  M  M  M  S
listBatches              S  S  S  S  M  S  S  S
getBatch                 0  0  0  0  M  0  0  0
listBatchLines           0  0  0  0  M  0  0  0
getBatchArchive          0  0  0  0  M  0  0  0
cancelBatch              0  0  0  0  M  0  0  0
scheduleBatch            0  0  0  0  M  0  0  0
repeatBatch              0  0  0  0  M  0  0  0
"""
"""Everybody names its own enterprise, or none, and what is another enterprise's. A person without one has batches of its own."""

FOR_CLIENTS: Final = """
                                    enterprise  other  bank  operator  officer-1  officer-2
ReportService.RequestReport         S           Y      Y     N         N          N
ReportService.GetReport             S           0      0     N         N          N
ReportService.WatchReport           S           0      0     N         N          N
ReportService.CancelRequest         S           0      0     N         N          N
ReportService.RenderReport          S           0      0     N         N          N
ReportService.RenderProgressSheet   S           0      0     N         N          N
ReportService.ListNotices           S           S      S     N         N          N
AuthorisationService.DraftGrant     S           S      S     N         N          N
AuthorisationService.GiveGrant      S           T      T     N         N          N
AuthorisationService.RevokeGrant    S           0      0     N         N          N
AuthorisationService.ListGrants     S           S      S     N         N          N
AuthorisationService.ListLookUps    S           S      S     N         N          N
OfficeService.ProposeRevocation     N           N      N     N         S          W
OfficeService.ConfirmRevocation     N           N      N     N         2          S
OfficeService.WithdrawRevocation    N           N      N     N         S          0
OfficeService.ListRevocations       N           N      N     N         S          S
OfficeService.GetStanding           N           N      N     N         S          S
StatusService.GetMemberStatus       N           N      N     S         S          S
"""

FOR_MEMBERS: Final = """
                                    adapter-11  adapter-12  gateway-11  gateway-12  operator  officer-1
ChangeService.SubmitChange          E           E           N           N           N         N
HomeService.AgreeToTransfer         N           N           E           E           N         N
VerificationService.VerifyByCode    N           N           S           S           N         N
VerificationService.GetReportStatus N           N           S           S           N         N
StatusService.GetMemberStatus       S           S           S           S           S         S
"""

PAGES: Final = frozenset((page.method, page.path) for page in site.PAGES.values())
"""What is served beside the description: the portal (test_page_access.py)."""

ASSETS: Final = ("GET", "/assets/{version}/{name}")


def read(table: str) -> dict[tuple[str, str], str]:
    """A table: what becomes of a call, by what is called and who calls."""
    heading, *rows = [line.split() for line in table.strip().splitlines()]
    return {(called, who): sign for called, *signs in rows for who, sign in zip(heading, signs, strict=True)}


def _is_public(operation_id: str) -> bool:
    """Whether the description says that nobody has to be known for it."""
    operation = OPERATIONS[operation_id]
    described = DESCRIPTION.document["paths"][operation.path][operation.method.lower()]
    return not described.get("security", DESCRIPTION.document["security"])


def rows(table: str) -> list[str]:
    return [line.split()[0] for line in table.strip().splitlines()[1:]]


def fits(sign: str, code: str) -> bool:
    """Whether what was told is what a table says."""
    several = {"0": NOT_THERE, "E": READ}
    return code in several[sign] if sign in several else code == TOLD[sign]


# --- Requests -------------------------------------------------------------------------------------------------------------

_THING: Final[Mapping[str, str]] = {
    "endSession": "session",
    "endMandate": "to_end",
    "confirmMandate": "ask",
    "getReportRequest": "request",
    "cancelReportRequest": "to_cancel",
    "getProgressSheet": "request",
    "getReport": "report",
    "getReportFile": "report",
    "getGrant": "grant",
    "revokeGrant": "to_take_back",
    "getWindowScan": "paper",
    "confirmWindowMandate": "paper",
    "endWindowMandate": "paper_to_end",
    "getBatch": "batch",
    "listBatchLines": "batch",
    "getBatchArchive": "batch",
    "cancelBatch": "batch_to_cancel",
    "scheduleBatch": "batch",
    "repeatBatch": "batch",
}
"""What stands in the path of an operation."""

_SCOPES: Final = ["report", "grant", "look_ups"]
_DRAFT: Final[Mapping[str, Any]] = {
    "grantee_uscc": uscc(30),
    "grantee_name": "示例担保有限公司（演示）",
    "purpose": "FINANCING",
    "max_uses": 5,
}

_CONTENT: Final[Mapping[str, Callable[[Things, str], dict[str, Any]]]] = {
    "finishLogin": lambda _, __: {"params": {"state": "1", "code": "1"}},
    "backChannelLogout": lambda _, __: {"data": {"logout_token": "a.b.c"}},
    "verifyByCode": lambda things, _: {"json": {"report_number": things.report, "code": things.code}},
    "verifyByFile": lambda _, __: {"data": b"%PDF-", "headers": {"Content-Type": "text/plain"}},
    "getReportStatus": lambda things, _: {
        "json": {"report_number": things.report, "report_statement_id": things.statement}
    },
    "askForMandate": lambda things, _: {"json": {"uscc": things.enterprise, "scopes": ["report"]}},
    "confirmMandate": lambda things, day: {
        "json": {"pairing_code": things.pairing_code, "scopes": _SCOPES, "expires_on": day}
    },
    "requestReport": lambda things, _: {"json": {"uscc": things.enterprise}, "headers": key()},
    "getReportFile": lambda _, __: {"params": {"format": "report"}},
    "draftGrant": lambda _, day: {"json": {**_DRAFT, "expires_on": day}},
    "giveGrant": lambda things, _: {"json": things.consent},
    "listGrants": lambda _, __: {"params": {"side": "given"}},
    "lookUpOnDuty": lambda things, _: {
        "json": {"uscc": things.enterprise, "matter_number": "示例函〔2026〕1号"},
        "headers": key(),
    },
    "fileWindowMandate": lambda _, __: {"data": scan(AT_WINDOW)},
    "beginBatch": lambda things, _: {"json": {"lines": [{"uscc": things.enterprise}]}, "headers": key()},
    "getBatchArchive": lambda _, __: {"params": {"format": "json"}},
    "scheduleBatch": lambda _, __: {"json": {"repeat_days": 30}},
    "repeatBatch": lambda _, __: {"headers": key()},
}
"""What a request holds beside its path, where it holds anything."""


class Walk:
    """Sends the requests of the description."""

    def __init__(self, lobby: Lobby) -> None:
        self.lobby = lobby
        self._day = china_day(lobby.live.federation.now).isoformat()

    async def send(self, operation_id: str, actor: Actor, things: Things, **headers: str | None) -> Answer:
        """One request; `headers` come last, with `_` for `-`."""
        operation = OPERATIONS[operation_id]
        thing = getattr(things, _THING[operation_id]) if operation_id in _THING else ""
        content = _CONTENT[operation_id](things, self._day) if operation_id in _CONTENT else {}
        query = "&".join(f"{name}={value}" for name, value in content.pop("params", {}).items())
        path = filled(operation.path, thing) + (f"?{query}" if query else "")
        named = content.pop("headers", {}) | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.lobby.send(actor, operation.method, path, headers=named, **content)

    async def faults(
        self,
        expected: Mapping[tuple[str, str], str],
        actors: Mapping[str, Callable[[], Any]],
        things: Things,
        nothing: Things,
        *,
        naming: Uscc | None,
        secret_from: frozenset[str] = frozenset(),
    ) -> dict[tuple[str, str], str]:
        """What was otherwise than a table says.

        Args:
            expected: The table.
            actors: Who comes; each call is a session of its own.
            things: What there is.
            nothing: What there is not.
            naming: Whom everybody names, in place of what they name by themselves.
            secret_from: Who is not to learn anything of the things.
        """
        found: dict[tuple[str, str], str] = {}
        for (operation_id, who), sign in expected.items():
            actor = await actors[who]()
            header = {"Huren_Enterprise": naming} if naming else {}
            answer = await self.send(operation_id, actor, things, **header)
            if not fits(sign, answer.code):
                found[operation_id, who] = f"{sign} expected, {answer.status} {answer.code or 'served'}"
                continue
            if sign == "S" and operation_id in _BEGIN:
                await self.lobby.ended(
                    actor, answer.document["batch"], {"Huren-Enterprise": naming} if naming else None
                )
            if sign == "S" and who in secret_from and operation_id not in _TELLS and _marks(things, answer):
                found[operation_id, who] = f"tells of {_marks(things, answer)}"
            if sign not in COMPARED:
                continue
            header = {"Huren_Enterprise": NOBODY} if naming else {}
            other = await self.send(operation_id, actor, nothing, **header)
            if other != answer:
                found[operation_id, who] = f"{sign}, and of what there is not {other}, of what there is {answer}"
        return found


_BEGIN: Final = frozenset({"beginBatch", "repeatBatch"})
"""Where something begins of which an owner may have a few at a time."""

_TELLS: Final = frozenset({"verifyByCode", "getReportStatus", "askForMandate", "listMandates", "requestReport"})
"""Where somebody is told of what it knows already: a code, or the enterprise that it named itself."""


def _marks(things: Things, answer: Answer) -> list[bytes]:
    return [mark for mark in things.marks() if mark in answer.body or mark in str(answer.headers).encode()]


# --- Who comes ------------------------------------------------------------------------------------------------------------

_MATTER: Final = {"Huren-Matter": "%E7%A4%BA%E4%BE%8B2026-9"}


async def _everybody(lobby: Lobby, founding: Founding) -> dict[str, Callable[[], Any]]:
    """How each of the tables comes; what they may has been confirmed before."""

    def comes(name: str, own: str = "", **how: Any) -> Callable[[], Any]:
        headers = {"Huren-Enterprise": own} if own else {}
        return lambda: lobby.person(name, headers=headers | how.get("headers", {}), **_without(how, "headers"))

    def shows(actor: Actor) -> Callable[[], Any]:
        async def come() -> Actor:
            return actor

        return come

    R = StaffRole  # noqa: N806  # short, for the table below
    found: dict[str, Callable[[], Any]] = {
        "st": shows(Actor()),
        "pw": comes("legal by password", ENTERPRISE, represents=[ENTERPRISE], level=BASIC),
        "le": comes("legal", ENTERPRISE, represents=[ENTERPRISE]),
        "ar": comes("agent for reports", ENTERPRISE),
        "ag": comes("agent for grants", ENTERPRISE),
        "al": comes("agent for look-ups", ENTERPRISE),
        "as": comes("asker"),
        "en": comes("agent no more"),
        "ck": comes("clerk", staff=staff(R.WINDOW_CLERK)),
        "ce": comes("clerk elsewhere", AT_WINDOW, staff=elsewhere(R.WINDOW_CLERK)),
        "rv": comes("reviewer", staff=staff(R.REVIEWER)),
        "of": comes("officer", staff=staff(R.OFFICER)),
        "om": comes("officer in a matter", staff=staff(R.OFFICER), headers=_MATTER),
        "op": comes("officer by password", staff=staff(R.OFFICER), level=BASIC),
        "sy": comes("system", staff=staff(R.SYSTEM_ADMINISTRATOR)),
        "se": comes("security", staff=staff(R.SECURITY_ADMINISTRATOR)),
        "au": comes("audit", staff=staff(R.AUDIT_ADMINISTRATOR)),
        "lb": comes("other legal", OTHER, represents=[OTHER]),
        "ab": comes("other agent", OTHER),
        "bk": comes("bank", BANK, represents=[BANK]),
        "fb": comes("former bank", FORMER, represents=[FORMER]),
        "pg": shows(lobby.program(ENTERPRISE)),
        "pb": shows(lobby.program(OTHER)),
    }
    await founding.confirm(await found["ar"](), ["report"])
    await founding.confirm(await found["ag"](), ["grant"])
    await founding.confirm(await found["al"](), ["look_ups"])
    await founding.confirm(await found["ab"](), _SCOPES, OTHER)
    gone = await found["en"]()
    mandate = await founding.confirm(gone, _SCOPES)
    await lobby.served(gone, "POST", f"/api/v1/mandates/{mandate}/end")
    second = await lobby.person("colleague", staff=staff(R.WINDOW_CLERK))
    await founding.paper(await found["ck"](), ENTERPRISE, second=second)
    second = await lobby.person("colleague elsewhere", staff=elsewhere(R.REVIEWER))
    await founding.paper(await found["ce"](), AT_WINDOW, second=second)
    return found


def _without(how: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in how.items() if key != name}


@pytest.fixture
async def lobby(pki: PKI, tmp_path: Path) -> AsyncIterator[Lobby]:
    async with open_lobby(pki, tmp_path) as opened:
        yield opened


@pytest.fixture
def founding(lobby: Lobby) -> Founding:
    return Founding(lobby)


# --- REST -----------------------------------------------------------------------------------------------------------------


def test_every_operation_stands_in_the_tables() -> None:
    assert sorted(rows(REACHING)) == sorted(rows(IN_THEIR_OWN_NAME)) == sorted(OPERATIONS)


async def test_every_route_is_described(lobby: Lobby) -> None:
    """What is served at the public address stands in the description, but for the pages of the site map."""
    served = {
        (route.method, resource.canonical)
        for resource in lobby.live.services.public.router.resources()
        for route in resource
        if route.method != "HEAD"
    }

    assert served == {(one.method, one.path) for one in OPERATIONS.values()} | PAGES | {ASSETS}
    file: dict[str, Any] = {"data": b"%PDF-", "headers": {"Content-Type": "application/pdf"}}
    assert (await lobby.send(Actor(), "POST", "/api/v1/verifications/file", **file)).status == 200


async def test_every_answer_tells_browsers_what_they_may_not_do(lobby: Lobby) -> None:
    """What happens: another site's page calls every route. What must result: each answer bears the headers of the house.

    Nobody may embed it, keep it, guess its type, or read it from another origin, and it does not say by what it is made.
    """
    routes = {(one.method, one.path) for one in OPERATIONS.values()} | PAGES | {("GET", "/any"), ("PATCH", "/verify")}
    pages = PAGES | {("GET", "/any"), ("PATCH", "/verify")}

    for method, path in sorted(routes):
        address = re.sub(r"\{[a-z_]+\}", "any", path)
        answer = await lobby.send(Actor(), method, address, headers={"Origin": "https://elsewhere.example"})
        headers = dict(answer.headers)
        assert headers["Server"] == "huren"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        # Pages tell our own pages where a visitor comes from; nothing tells anybody else.
        expected = "same-origin" if (method, path) in pages else "no-referrer"
        assert headers["Referrer-Policy"] == expected
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Strict-Transport-Security"] == "max-age=31536000"
        camera = "(self)" if (method, path) == ("GET", "/verify") else "()"
        assert headers["Permissions-Policy"] == f"camera={camera}, geolocation=(), microphone=()"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert not [name for name in headers if name.lower().startswith("access-control-")]
        assert not answer.body or "Content-Type" in headers


async def test_whoever_names_the_enterprise_gets_what_its_role_allows(lobby: Lobby, founding: Founding) -> None:
    """What happens: everybody calls every operation for one enterprise. What must result: what the table says, and nobody who is
    refused learns whether there is such an enterprise, or such a thing of it."""
    things, nothing = await founding.things(), await founding.nothing()
    actors = await _everybody(lobby, founding)

    assert await Walk(lobby).faults(read(REACHING), actors, things, nothing, naming=ENTERPRISE) == {}


async def test_nobody_reaches_another_enterprises_things_in_its_own_name(lobby: Lobby, founding: Founding) -> None:
    """What happens: others call every operation for themselves, about what is an enterprise's.

    What must result: what the table says; what is another's is as if it were not there, and no answer tells of it.
    """
    things, nothing = await founding.things(), await founding.nothing()
    actors = await _everybody(lobby, founding)
    expected = read(IN_THEIR_OWN_NAME)

    faults = await Walk(lobby).faults(
        expected, actors, things, nothing, naming=None, secret_from=frozenset({"lb", "ab", "ce", "om", "sy", "pb"})
    )

    assert faults == {}
    legal = await lobby.sessions.find((await actors["le"]()).cookie)
    assert legal is not None


@pytest.mark.parametrize("who", ["le", "ck", "of"])
async def test_what_another_site_could_send_changes_nothing(lobby: Lobby, founding: Founding, who: str) -> None:
    """What happens: a browser sends, with the session's cookie, everything that changes something, as another site could make it.

    What must result: nothing is done, whatever it is and whoever is logged in.
    """
    things = await founding.things()
    actor, stranger = await (await _everybody(lobby, founding))[who](), Actor()
    another = (await lobby.person("somebody else")).csrf_token
    forged: list[dict[str, str | None]] = [
        {"Huren_CSRF": None},
        {"Huren_CSRF": ""},
        {"Huren_CSRF": another},
        {"Huren_CSRF": actor.csrf_token[:-1]},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": None},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ]
    unsafe = [name for name, one in OPERATIONS.items() if one.method != "GET" and not _is_public(name)]
    before = await lobby.live.stored()

    told = {
        (name, str(headers)): (await Walk(lobby).send(name, actor, things, **headers)).code
        for name in unsafe
        for headers in forged
    }

    assert {"logout", "endSession", "confirmMandate", "requestReport", "giveGrant", "revokeGrant"} < set(unsafe)
    assert set(told.values()) == {"FORGED_REQUEST_SUSPECTED"}, told
    assert await lobby.live.stored() == before
    assert (await Walk(lobby).send("logout", stranger, things, Huren_CSRF=actor.csrf_token)).code == "LOGIN_NEEDED"
    assert (await Walk(lobby).send("logout", actor, things)).code == ""


async def test_a_session_and_a_token_at_once_are_refused(lobby: Lobby, founding: Founding) -> None:
    """What happens: a request shows both. What must result: it is refused, whatever each of them could do alone."""
    things = await founding.things()
    legal = await lobby.person("legal", represents=[ENTERPRISE], headers={"Huren-Enterprise": ENTERPRISE})
    token = f"Bearer {lobby.program(ENTERPRISE).token}"
    guarded = [name for name in OPERATIONS if not _is_public(name)]
    before = await lobby.live.stored()

    told = {name: (await Walk(lobby).send(name, legal, things, Authorization=token)).code for name in guarded}

    assert told == dict.fromkeys(guarded, "MALFORMED_REQUEST")
    assert await lobby.live.stored() == before


@pytest.mark.parametrize("end", ["logged out", "ended elsewhere", "too old", "not used"])
async def test_a_session_that_has_ended_is_a_strangers(lobby: Lobby, founding: Founding, end: str) -> None:
    """What happens: somebody comes back with the cookie of a session that has ended. What must result: what a stranger is told."""
    things = await founding.things()
    legal = await lobby.person("legal", represents=[ENTERPRISE], headers={"Huren-Enterprise": ENTERPRISE})
    walk = Walk(lobby)
    assert (await walk.send("listReports", legal, things)).code == ""
    match end:
        case "logged out":
            assert (await walk.send("logout", legal, things)).code == ""
        case "ended elsewhere":
            again = await lobby.person("legal", represents=[ENTERPRISE])
            answer = await lobby.send(again, "DELETE", f"/api/v1/sessions/{legal.session_name}")
            assert answer.status == 204
        case "too old":
            lobby.live.federation.now += timedelta(hours=12)
        case "not used":
            lobby.live.federation.now += timedelta(minutes=30)
        case _:
            raise AssertionError(end)
    guarded = [name for name in OPERATIONS if not _is_public(name)]

    told = {name: await walk.send(name, legal, things) for name in guarded}
    strangers = {name: await walk.send(name, Actor(), things) for name in guarded}

    assert told == strangers
    assert {one.code for one in told.values()} == {"LOGIN_NEEDED"}


async def test_nobody_ends_the_session_of_somebody_else(lobby: Lobby) -> None:
    """What happens: somebody ends a session by the name of another person's. What must result: it goes on, and nobody is told."""
    legal = await lobby.person("legal", represents=[ENTERPRISE])
    other = await lobby.person("other legal", represents=[OTHER])

    answers = [await lobby.send(other, "DELETE", f"/api/v1/sessions/{name}") for name in (legal.session_name, "0" * 32)]

    assert answers[0] == answers[1]
    assert (await lobby.send(legal, "GET", "/api/v1/session")).status == 200


# --- Under a grant --------------------------------------------------------------------------------------------------------


async def test_a_grant_serves_whom_it_was_given_to_and_nobody_else(lobby: Lobby, founding: Founding) -> None:
    """What happens: the bank, a bank whose grant was taken back, and another enterprise ask under each grant, and one that is none.

    What must result: each grant serves its own grantee; to others it is not there, taken back or not.
    """
    things, nothing = await founding.things(), await founding.nothing()
    report = await founding.used(BANK, things.grant)
    actors = await _everybody(lobby, founding)
    units = {name: await actors[name]() for name in ("bk", "fb", "lb", "pb")}
    grants = {"given": things.grant, "taken back": things.taken_back, "none": nothing.grant}

    told = {
        (who, which): await lobby.send(
            unit,
            "POST",
            "/api/v1/report-requests",
            json={"uscc": ENTERPRISE, "grant_statement_id": grant},
            headers=key(),
        )
        for who, unit in units.items()
        for which, grant in grants.items()
    }
    read_by = {who: await lobby.send(unit, "GET", f"/api/v1/reports/{report}") for who, unit in units.items()}

    assert {at: one.code for at, one in told.items()} == {
        ("bk", "given"): "",
        ("bk", "taken back"): "GRANT_NOT_FOUND",
        ("bk", "none"): "GRANT_NOT_FOUND",
        ("fb", "given"): "GRANT_NOT_FOUND",
        ("fb", "taken back"): "GRANT_REVOKED",
        ("fb", "none"): "GRANT_NOT_FOUND",
        **{(who, which): "GRANT_NOT_FOUND" for who in ("lb", "pb") for which in grants},
    }
    assert len({one.body for one in told.values() if one.code == "GRANT_NOT_FOUND"}) == 1
    assert {who: one.code for who, one in read_by.items()} == {
        "bk": "",
        **dict.fromkeys(("fb", "lb", "pb"), "REPORT_NOT_FOUND"),
    }


async def test_a_report_under_a_grant_that_was_taken_back_is_its_subjects_alone(
    lobby: Lobby, founding: Founding
) -> None:
    """What happens: a bank has a report, and the grant is taken back. What must result: it reads the report no more."""
    things = await founding.things()
    report = await founding.used(BANK, things.grant)
    bank = await lobby.person("bank", represents=[BANK], headers={"Huren-Enterprise": BANK})
    legal = await lobby.person("legal", represents=[ENTERPRISE], headers={"Huren-Enterprise": ENTERPRISE})
    paths = [f"/api/v1/reports/{report}", *(f"/api/v1/reports/{report}/file?format={f}" for f in ("json", "report"))]
    assert [(await lobby.send(bank, "GET", path)).code for path in paths] == ["", "", ""]

    await lobby.served(legal, "POST", f"/api/v1/grants/{things.grant}/revocation")

    assert {(await lobby.send(bank, "GET", path)).code for path in paths} == {"GRANT_REVOKED"}
    assert {(await lobby.send(legal, "GET", path)).code for path in paths} == {""}


# --- On duty --------------------------------------------------------------------------------------------------------------


async def test_what_an_officer_asked_for_is_read_in_its_matter_alone(lobby: Lobby) -> None:
    """What happens: an officer looked an enterprise up in a matter; the request and its report are asked for in all ways.

    What must result: the officer reads them in that matter; in another matter, and to colleagues, they are not there.
    """
    officer = staff(StaffRole.OFFICER)
    one = await lobby.person("officer", staff=officer)
    body = {"uscc": ENTERPRISE, "matter_number": "A-1"}
    issued = await lobby.served(one, "POST", "/api/v1/official-look-ups", json=body, headers=key())
    (request,) = await lobby.live.rows(tables.requests)
    paths = [
        f"/api/v1/report-requests/{request['request_id']}",
        f"/api/v1/reports/{issued['sealed']['report_number']}",
        f"/api/v1/reports/{issued['sealed']['report_number']}/file?format=report",
    ]
    others = {
        "in its matter": (one, "A-1"),
        "in another matter": (one, "B-2"),
        "a colleague in another matter": (await lobby.person("colleague", staff=officer), "B-2"),
        "an officer of another unit": (await lobby.person("away", staff=elsewhere(StaffRole.OFFICER)), "A-1"),
        "a reviewer": (await lobby.person("reviewer", staff=staff(StaffRole.REVIEWER)), "A-1"),
    }

    told = {
        name: [(await lobby.send(who, "GET", path, headers={"Huren-Matter": matter})).code for path in paths]
        for name, (who, matter) in others.items()
    }

    gone = ["REQUEST_NOT_FOUND", "REPORT_NOT_FOUND", "REPORT_NOT_FOUND"]
    assert told == {
        "in its matter": ["", "", ""],
        "in another matter": gone,
        "a colleague in another matter": gone,
        "an officer of another unit": gone,
        "a reviewer": ["NOT_PERMITTED"] * 3,
    }


# --- gRPC -----------------------------------------------------------------------------------------------------------------


def _requests(things: Things, day: str) -> dict[str, Any]:
    """One good request for each method."""
    number, statement = things.report, bytes.fromhex(things.statement)
    return {
        "ReportService.RequestReport": reporting.RequestReportRequest(
            uscc=things.enterprise, idempotency_key=key()["Idempotency-Key"]
        ),
        "ReportService.GetReport": reporting.GetReportRequest(report_number=number),
        "ReportService.WatchReport": reporting.WatchReportRequest(request_id=things.request),
        "ReportService.CancelRequest": reporting.CancelRequestRequest(request_id=things.to_cancel),
        "ReportService.RenderReport": reporting.RenderReportRequest(
            report_number=number, format=reporting.REPORT_FORMAT_JSON
        ),
        "ReportService.RenderProgressSheet": reporting.RenderProgressSheetRequest(request_id=things.request),
        "ReportService.ListNotices": reporting.ListNoticesRequest(),
        "AuthorisationService.DraftGrant": granting.DraftGrantRequest(
            **{**_DRAFT, "purpose": query_pb2.PURPOSE_FINANCING, "expires_on": day}
        ),
        "AuthorisationService.GiveGrant": to_message(things.consent, granting.GiveGrantRequest),
        "AuthorisationService.RevokeGrant": granting.RevokeGrantRequest(
            grant_statement_id=bytes.fromhex(things.to_take_back)
        ),
        "AuthorisationService.ListGrants": granting.ListGrantsRequest(side=granting.GRANT_SIDE_GIVEN),
        "AuthorisationService.ListLookUps": granting.ListLookUpsRequest(),
        "OfficeService.ProposeRevocation": office_service_pb2.ProposeRevocationRequest(
            report_number=things.report,
            category=report_status_pb2.REVOCATION_CATEGORY_ISSUED_IN_ERROR,
            note="示例",
        ),
        "OfficeService.ConfirmRevocation": office_service_pb2.ConfirmRevocationRequest(proposal=things.proposal),
        "OfficeService.WithdrawRevocation": office_service_pb2.WithdrawRevocationRequest(proposal=things.to_withdraw),
        "OfficeService.ListRevocations": office_service_pb2.ListRevocationsRequest(),
        "OfficeService.GetStanding": office_service_pb2.GetStandingRequest(report_number=number),
        "StatusService.GetMemberStatus": status_service_pb2.GetMemberStatusRequest(),
        "ChangeService.SubmitChange": change_service_pb2.SubmitChangeRequest(change_envelope=b"no envelope"),
        "HomeService.AgreeToTransfer": home_service_pb2.AgreeToTransferRequest(transfer_envelope=b"no envelope"),
        "VerificationService.VerifyByCode": verification_service_pb2.VerifyByCodeRequest(
            report_number=number, code=things.code
        ),
        "VerificationService.GetReportStatus": verification_service_pb2.GetReportStatusRequest(
            report_number=number, report_statement_id=statement
        ),
    }


async def _grpc_faults(
    lobby: Lobby,
    door: str,
    table: str,
    callers: Mapping[str, TLSSettings],
    things: Things,
    nothing: Things,
) -> dict[tuple[str, str], str]:
    """What was otherwise than a table says."""
    methods, found = lobby.methods(door), {}
    day = china_day(lobby.live.federation.now).isoformat()
    async with AsyncExitStack() as stack:
        channels = {who: await stack.enter_async_context(lobby.at(door, tls)) for who, tls in callers.items()}
        for (name, who), sign in read(table).items():
            told = await called(channels[who], methods[name], _requests(things, day)[name])
            if not fits(sign, told[1]) or (sign == "S") != (told[0] == "OK"):
                found[name, who] = f"{sign} expected, {told}"
            elif sign in COMPARED and who not in OFFICERS:
                other = await called(channels[who], methods[name], _requests(nothing, day)[name])
                if other != told:
                    found[name, who] = f"of what there is not {other}, of what there is {told}"
    return found


async def _proposed(lobby: Lobby, report: str) -> int:
    """Number of a proposal of the first officer to take a report back."""
    category = report_status_pb2.REVOCATION_CATEGORY_ISSUED_IN_ERROR
    standing = lobby.live.services.standing
    return (await standing.propose_revocation(report, category, "示例", officer=OFFICERS[0])).number


async def test_every_method_for_clients_serves_whom_the_table_names(lobby: Lobby, founding: Founding) -> None:
    """What happens: enterprises and staff of the home call every method with their certificates. What must result: the table."""
    things, nothing = await founding.things(), await founding.nothing()
    things = replace(
        things,
        proposal=await _proposed(lobby, things.to_revoke),
        to_withdraw=await _proposed(lobby, await founding.used(BANK, things.grant)),
    )
    callers = {
        "enterprise": lobby.certificate(ENTERPRISE),
        "other": lobby.certificate(OTHER),
        "bank": lobby.certificate(BANK),
        **{
            name: lobby.live.pki.operator_tls(operator, Authority.CLIENTS)
            for name, operator in {"operator": OPERATOR, **dict(zip(OFFICERS, OFFICERS, strict=True))}.items()
        },
    }

    assert sorted(rows(FOR_CLIENTS)) == sorted(lobby.methods("clients"))
    assert await _grpc_faults(lobby, "clients", FOR_CLIENTS, callers, things, nothing) == {}


async def test_every_method_for_members_serves_whom_the_table_names(lobby: Lobby, founding: Founding) -> None:
    """What happens: programs of members, of this province and another, call every method. What must result: the table."""
    things, nothing = await founding.things(), await founding.nothing()
    pki = lobby.live.pki
    members = {
        f"{role}-{province:02d}": pki.member_tls(MemberPeer(province, number))
        for role, number in {"adapter": ADAPTER, "gateway": GATEWAY}.items()
        for province in (Province.BEIJING, Province.TIANJIN)
    }
    people = {
        name: pki.operator_tls(operator, Authority.MEMBERS)
        for name, operator in {"operator": OPERATOR, OFFICERS[0]: OFFICERS[0]}.items()
    }

    assert sorted(rows(FOR_MEMBERS)) == sorted(lobby.methods("members"))
    assert await _grpc_faults(lobby, "members", FOR_MEMBERS, members | people, things, nothing) == {}


@pytest.mark.parametrize(
    ("door", "stranger"),
    [
        pytest.param("clients", "nobody", id="no certificate, for clients"),
        pytest.param("clients", "adapter", id="a member's adapter, for clients"),
        pytest.param("clients", "gateway", id="a member's gateway, for clients"),
        pytest.param("clients", "officer of members", id="an officer under the other authority, for clients"),
        pytest.param("members", "nobody", id="no certificate, for members"),
        pytest.param("members", "enterprise", id="an enterprise, for members"),
        pytest.param("members", "officer of clients", id="an officer under the other authority, for members"),
    ],
)
async def test_who_has_no_certificate_of_the_door_does_not_get_as_far_as_a_call(
    lobby: Lobby, door: str, stranger: str
) -> None:
    """What happens: a stranger calls every method of a door. What must result: there is no connection, and so no answer of ours."""
    pki = lobby.live.pki
    certificates = {
        "nobody": None,
        "adapter": pki.member_tls(MemberPeer(Province.TIANJIN, ADAPTER)),
        "gateway": pki.member_tls(MemberPeer(Province.TIANJIN, GATEWAY)),
        "enterprise": lobby.certificate(ENTERPRISE),
        "officer of members": pki.operator_tls(OFFICERS[0], Authority.MEMBERS),
        "officer of clients": pki.operator_tls(OFFICERS[0], Authority.CLIENTS),
    }

    for method in lobby.methods(door).values():
        async with lobby.at(door, certificates[stranger]) as channel:
            assert await called(channel, method, GetMessageClass(method.input_type)()) == ("UNAVAILABLE", "", b"")


# --- The tables themselves ------------------------------------------------------------------------------------------------


def test_a_table_that_is_not_whole_is_no_table() -> None:
    """What happens: a sign is left out, or means nothing. What must result: the tests above fail, and do not pass by it."""
    with pytest.raises(ValueError, match="zip"):
        read("  a b\nx S\n")
    with pytest.raises(KeyError):
        fits("?", "")
    assert not fits("S", "LOGIN_NEEDED")
    assert not fits("0", "")
    assert not fits("0", "NOT_PERMITTED")
