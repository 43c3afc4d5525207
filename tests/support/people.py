"""Everybody at the doors of one gateway: over real HTTP with cookies and tokens, over real gRPC with certificates.

People are logged in without going to the provider each time: a session is begun as a login would begin it. What they send goes the
whole way, from the socket to the store. The clock stands still.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import re
import secrets
import shutil
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final

import aiohttp
import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from yarl import URL

from contract.errors import ErrorCode, HurenError
from contract.outcome import Question
from contract.province import Province
from contract.report_number import make as make_number
from contract.uscc import Uscc
from gateway.api.status_servicer import StatusServicer
from gateway.composition import People, served
from gateway.domain.persons import Person, Staff, StaffRole
from gateway.identity.provider import IdentityProvider
from gateway.identity.sessions import Sessions
from gateway.identity.tokens import IdToken, PersonClaims
from gateway.telemetry import GatewayTelemetry
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from huren.status.v1 import status_service_pb2, status_service_pb2_grpc
from runtime.grpc_channel import open_channel
from runtime.grpc_errors import error_detail
from runtime.grpc_server import GrpcServer, ServedService
from runtime.http_server import serve_http
from runtime.identity import MemberPeer, member_host_name
from runtime.settings import TLSSettings
from runtime.telemetry import Metrics
from sandbox.identity_provider import LEVELS
from sandbox.pki import PKI, Authority, issue_enterprise_certificate
from sandbox.platforms import listening
from signing import decode_envelope, statement_id
from tests.support.federation import GATEWAY, SUBJECT_CODE, Federation, registry_entry, uscc
from tests.support.forged_provider import AUDIENCE, CLIENT_ID, CLIENT_SECRET, QUICK, ForgedProvider, StandingClock
from tests.support.live import LOOPBACK, Live, live_federation
from tests.support.visitors import signed

ORIGIN: Final = "https://huren.example"
"""Under which address browsers see the gateway of `live_federation`."""

BASIC: Final = query_pb2.IDENTITY_LEVEL_BASIC
HIGH: Final = query_pb2.IDENTITY_LEVEL_HIGH

ENTERPRISE: Final = SUBJECT_CODE
NAME: Final = "北京示例机械有限公司"
OTHER: Final = uscc(21)
BANK: Final = uscc(22)
FORMER: Final = uscc(23)
"""A bank whose grant was taken back."""
AT_WINDOW: Final = uscc(24)
"""An enterprise that came to a window."""
NOBODY: Final = uscc(29)
"""No enterprise at all."""

_NAMES: Final = {
    OTHER: "北京示例贸易有限公司",
    BANK: "示例银行股份有限公司（演示）",
    FORMER: "示例农商银行股份有限公司（演示）",
    AT_WINDOW: "北京示例餐饮有限公司",
}
_UNIT: Final = uscc(81)
_OTHER_UNIT: Final = uscc(82)
_ME: Final = MemberPeer(Province.BEIJING, GATEWAY)
_SERVER: Final = member_host_name(_ME)

SCAN: Final = b"%PDF-1.7\n% an invented scan\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who sends requests.

    Attributes:
        cookie: The session's cookie; empty: there is none.
        csrf_token: The session's token.
        session_name: The session's name.
        token: An access token; empty: there is none.
        headers: What it names: `Huren-Enterprise`, `Huren-Matter`.
    """

    cookie: str = ""
    csrf_token: str = ""
    session_name: str = ""
    token: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back.

    Attributes:
        status: Of HTTP.
        headers: All of them but those that differ between any two answers.
        body: Its bytes.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Code of the problem. Empty: it was served."""
        return str(self.document["code"]) if self.status >= 400 else ""


_COUNTED: Final = frozenset({"Date", "RateLimit"})


@dataclass
class Lobby:
    """A gateway with all its doors open.

    Attributes:
        live: The gateway, and the provinces that it asks.
        forged: The identity provider.
        sessions: Sessions of people.
        base: The public address.
        doors: Addresses for gRPC: `clients`, `members`.
        services: What is served there.
    """

    live: Live
    forged: ForgedProvider
    sessions: Sessions
    base: str
    http: aiohttp.ClientSession
    doors: Mapping[str, str]
    services: Mapping[str, tuple[ServedService, ...]]
    _addresses: Any = field(default_factory=lambda: map(IPv4Address, itertools.count(int(IPv4Address("10.0.0.1")))))

    # --- Who comes ----------------------------------------------------------------------------------------------------

    async def person(
        self,
        name: str,
        *,
        represents: Iterable[Uscc] = (),
        level: query_pb2.IdentityLevel.ValueType = HIGH,
        staff: Staff | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Actor:
        """Somebody who logs in; the same name is the same person."""
        claims = PersonClaims(level=level, represents=frozenset(represents), staff=staff)
        cookie, person = await self.sessions.begin(
            IdToken(subject=name, session="", claims=claims), channel=common_pb2.CHANNEL_WEB
        )
        return _actor(cookie, person, headers)

    def program(self, enterprise: Uscc, *, headers: Mapping[str, str] | None = None) -> Actor:
        """A program of an enterprise."""
        claims = self.forged.access_claims() | {"huren_enterprise": enterprise, "jti": secrets.token_hex(8)}
        return Actor(token=self.forged.sign(claims, typ="at+jwt"), headers=headers or {})

    # --- HTTP ---------------------------------------------------------------------------------------------------------

    async def send(  # what a request is made of
        self,
        actor: Actor,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str | None] | None = None,
        **content: Any,
    ) -> Answer:
        """Sends one request, from an address of its own. A header that is None is left out."""
        sent: dict[str, str | None] = {"X-Forwarded-For": str(next(self._addresses)), **actor.headers}
        if actor.cookie:
            sent["Cookie"] = f"__Host-huren-session={actor.cookie}"
            sent |= {"Origin": ORIGIN, "Huren-CSRF": actor.csrf_token} if method != "GET" else {}
        if actor.token:
            sent["Authorization"] = f"Bearer {actor.token}"
        sent |= headers or {}
        given = {name: value for name, value in sent.items() if value is not None}
        url = URL(self.base + path, encoded=True)
        async with self.http.request(method, url, headers=given, allow_redirects=False, **content) as response:
            told = tuple(sorted((name, value) for name, value in response.headers.items() if name not in _COUNTED))
            return Answer(status=response.status, headers=told, body=await response.read())

    async def served(self, actor: Actor, method: str, path: str, **content: Any) -> Any:
        """What comes back of a request that is served."""
        answer = await self.send(actor, method, path, **content)
        assert answer.status < 400, answer
        return answer.document

    async def ended(self, actor: Actor, batch: str, headers: Mapping[str, str | None] | None = None) -> None:
        """Lets the gateway do its durable work until a batch of somebody's has ended."""
        work = asyncio.create_task(self.live.services.worker.run())
        try:
            async with asyncio.timeout(60):
                while await self._state(actor, batch, headers) == "RUNNING":  # noqa: ASYNC110  # as anybody asks
                    await asyncio.sleep(0.05)
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _state(self, actor: Actor, batch: str, headers: Mapping[str, str | None] | None) -> str:
        return str((await self.served(actor, "GET", f"/api/v1/batches/{batch}", headers=headers))["state"])

    # --- gRPC ---------------------------------------------------------------------------------------------------------

    def methods(self, door: str) -> dict[str, MethodDescriptor]:
        """Every method that is served at a door, by `Service.Method`."""
        return {
            f"{service.descriptor.name}.{method.name}": method
            for service in self.services[door]
            for method in service.descriptor.methods
        }

    def certificate(self, code: Uscc) -> TLSSettings:
        """A certificate of an enterprise."""
        name = NAME if code == ENTERPRISE else _NAMES[code]
        return issue_enterprise_certificate(self.live.pki, code, name, self.live.federation.now)

    @asynccontextmanager
    async def at(self, door: str, tls: TLSSettings | None) -> AsyncGenerator[grpc.aio.Channel]:
        """A connection to a door. None: without a certificate."""
        if tls is not None:
            async with open_channel(self.doors[door], tls, server_name=_SERVER) as channel:
                yield channel
            return
        roots = grpc.ssl_channel_credentials(self.live.pki.root(Authority.MEMBERS).read_bytes())
        options = [("grpc.ssl_target_name_override", _SERVER), ("grpc.enable_http_proxy", 0)]
        async with grpc.aio.secure_channel(self.doors[door], roots, options=options) as channel:
            yield channel


async def called(channel: grpc.aio.Channel, method: MethodDescriptor, request: Message) -> tuple[str, str, bytes]:
    """Calls a method. Gives status, code of the error, and all that was told with it; OK and two empties where it was served."""
    assert method.containing_service is not None
    path = f"/{method.containing_service.full_name}/{method.name}"
    answers: Callable[[bytes], Message] = GetMessageClass(method.output_type).FromString
    kind = channel.unary_stream if method.server_streaming else channel.unary_unary
    call: Any = kind(path, request_serializer=lambda one: one.SerializeToString(), response_deserializer=answers)
    try:
        if method.server_streaming:
            async for _ in call(request, timeout=30):
                break
        else:
            await call(request, timeout=30)
    except grpc.aio.AioRpcError as error:
        detail = error_detail(error)
        if detail is None:
            return error.code().name, "", b""
        return error.code().name, detail.code, detail.SerializeToString(deterministic=True)
    return "OK", "", b""


def staff(*roles: StaffRole, unit: Uscc = _UNIT, number: str = "1042") -> Staff:
    """What somebody is at a unit."""
    return Staff(unit="示例区政务服务中心", unit_code=unit, post="综合窗口", number=number, roles=frozenset(roles))


def elsewhere(*roles: StaffRole) -> Staff:
    """What somebody is at another unit."""
    return staff(*roles, unit=_OTHER_UNIT, number="2001")


def _actor(cookie: str, person: Person, headers: Mapping[str, str] | None) -> Actor:
    return Actor(cookie=cookie, csrf_token=person.csrf_token, session_name=person.session_name, headers=headers or {})


@asynccontextmanager
async def open_lobby(pki: PKI, folder: Path) -> AsyncGenerator[Lobby]:
    """Opens a gateway of Beijing with its public address and both doors for gRPC."""
    now = datetime.now(UTC).replace(microsecond=0)  # certificates have to be valid for TLS as well
    forged = ForgedProvider(clock=StandingClock(now))
    async with AsyncExitStack() as stack:
        forged.issuer = await stack.enter_async_context(listening(forged.app()))
        http = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
        provider = IdentityProvider(
            http,
            issuer=forged.issuer,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            clock=forged.clock,
            timing=QUICK,
        )
        hours: dict[str, Any] = {"lifetime": timedelta(hours=12), "idle": timedelta(minutes=30)}
        people = People(provider=provider, levels=LEVELS, audience=AUDIENCE, **hours)
        live = await stack.enter_async_context(
            live_federation(pki, folder, Federation(now=now), people=people, trusted_proxies=1)
        )
        shutil.copytree(pki.trust, folder / "trust")  # whoever verifies a file reads it from there
        for code, name in _NAMES.items():
            live.registry.entries[code] = registry_entry(code, name)
        services = {
            "clients": (*live.services.for_clients, _status(live)),
            "members": (*live.services.for_members, _status(live)),
        }
        trusted = {"clients": Authority.CLIENTS, "members": Authority.MEMBERS}
        doors: dict[str, str] = {}
        for door, behind in services.items():
            server = GrpcServer(
                behind,
                listen=LOOPBACK,
                tls=pki.member_tls(_ME, trusting=trusted[door]),
                metrics=Metrics(),
                max_concurrent_calls=64,
            )
            doors[door] = f"127.0.0.1:{await server.start()}"
            stack.push_async_callback(server.stop, timedelta(0))
        yield Lobby(
            live=live,
            forged=forged,
            sessions=Sessions(database=live.database, provider=provider, clock=lambda: live.federation.now, **hours),
            base=await stack.enter_async_context(serve_http(live.services.public, LOOPBACK)),
            http=http,
            doors=doors,
            services=services,
        )


def _status(live: Live) -> ServedService:
    """As the program serves it beside its services (gateway/bootstrap.py)."""
    (entry,) = [one for one in live.federation.entries if (one.member, one.role) == (Province.BEIJING, GATEWAY)]
    return served(
        status_service_pb2,
        "StatusService",
        status_service_pb2_grpc.add_StatusServiceServicer_to_server,
        StatusServicer(
            province=Province.BEIJING,
            software_version="0",
            catalogues=live.federation.catalogues,
            key=entry,
            certificate_not_after=live.federation.now,
            neighbours=(),
            telemetry=GatewayTelemetry(Metrics()),
            clock=lambda: live.federation.now,
        ),
    )


# --- What the enterprise has ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Things:
    """What there is of the enterprise, or, by the same names, what there is not.

    Attributes:
        enterprise: The enterprise.
        session: Name of a session of its legal representative, which nobody uses.
        request: An open request.
        to_cancel: Another one.
        sealed: A request that came to a report.
        report: Number of that report.
        statement: Statement id of that report.
        code: Its verification code.
        to_revoke: Number of a report that officers take back.
        grant: A grant to the bank.
        to_take_back: A grant to the bank.
        taken_back: A grant that was taken back.
        consent: A signed text of the enterprise, as `POST /api/v1/grants` takes it.
        ask: An ask to act for it, not confirmed.
        pairing_code: What its agent was told.
        to_end: Another ask.
        paper: A paper mandate of an enterprise at the window, not confirmed.
        paper_to_end: Another one.
        batch: A batch that has ended.
        batch_to_cancel: Another one.
        proposal: A proposal to take a report back.
        to_withdraw: Another one.
    """

    enterprise: Uscc
    session: str
    request: str
    to_cancel: str
    sealed: str
    report: str
    statement: str
    code: str
    to_revoke: str
    grant: str
    to_take_back: str
    taken_back: str
    consent: Mapping[str, Any]
    ask: str
    pairing_code: str
    to_end: str
    paper: str
    paper_to_end: str
    batch: str
    batch_to_cancel: str
    proposal: int = 0
    to_withdraw: int = 0

    def marks(self) -> tuple[bytes, ...]:
        """By what an answer would tell of the enterprise."""
        texts = (self.enterprise, NAME, self.request, self.to_cancel, self.sealed, self.report, self.code, self.grant)
        more = (self.to_take_back, self.taken_back, self.ask, self.to_end, self.batch, self.batch_to_cancel)
        return tuple(text.encode() for text in (*texts, *more, self.session))


async def silent(federation: Federation, question: Question) -> bytes:
    """A province that gives no answer."""
    del federation, question
    raise HurenError(ErrorCode.UNVERIFIED_IN_PRODUCTION)


class Founding:
    """Makes what there is, over HTTP, as people who are gone afterwards."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        self._founder = Actor()

    async def things(self) -> Things:
        """All of it."""
        lobby = self._lobby
        self._founder = await lobby.person("founder", represents=[ENTERPRISE], headers={"Huren-Enterprise": ENTERPRISE})
        report, to_revoke = [await self._report() for _ in range(2)]
        sealed = await lobby.served(self._founder, "GET", "/api/v1/report-requests")
        consent, grant = await self.grant(BANK)
        _, to_take_back = await self.grant(BANK)
        _, taken_back = await self.grant(FORMER)
        await self.used(FORMER, taken_back)
        await lobby.served(self._founder, "POST", f"/api/v1/grants/{taken_back}/revocation")
        applicant = await lobby.person("applicant")
        ask, pairing_code = await self.ask(applicant, ["report", "grant", "look_ups"])
        batch = await self._batch()
        await lobby.ended(self._founder, batch)
        clerk = await lobby.person("clerk", staff=staff(StaffRole.WINDOW_CLERK))
        return Things(
            enterprise=ENTERPRISE,
            session=(await lobby.person("founder", represents=[ENTERPRISE])).session_name,
            request=await self._open(),
            to_cancel=await self._open(),
            sealed=sealed["report_requests"][-1]["request_id"],
            report=report["report_number"],
            statement=statement_of(report["report_envelope"]),
            code=report["verification_code"],
            to_revoke=to_revoke["report_number"],
            grant=grant,
            to_take_back=to_take_back,
            taken_back=taken_back,
            consent=consent,
            ask=ask,
            pairing_code=pairing_code,
            to_end=(await self.ask(await lobby.person("asker"), ["report"]))[0],
            paper=await self.paper(clerk, AT_WINDOW),
            paper_to_end=await self.paper(clerk, AT_WINDOW),
            batch=batch,
            batch_to_cancel=await self._batch(),
        )

    async def nothing(self) -> Things:
        """What there is not."""

        def no(length: int = 32) -> str:
            return secrets.token_hex(length // 2)

        number = make_number(Province.BEIJING, self._lobby.live.federation.now.date(), 99_999_998)
        return Things(
            enterprise=NOBODY,
            session=no(),
            request=no(),
            to_cancel=no(),
            sealed=no(),
            report=number,
            statement=no(64),
            code="0" * 26,
            to_revoke=number,
            grant=no(64),
            to_take_back=no(64),
            taken_back=no(64),
            consent=await self.consent(BANK),
            ask=no(),
            pairing_code="2222-2222",
            to_end=no(),
            paper=no(),
            paper_to_end=no(),
            batch=no(),
            batch_to_cancel=no(),
            proposal=9_000_001,
            to_withdraw=9_000_002,
        )

    async def consent(self, grantee: Uscc) -> dict[str, Any]:
        """A text that the enterprise signed, and did not give yet."""
        lobby = self._lobby
        name = _NAMES[grantee]
        body = {"grantee_uscc": grantee, "grantee_name": name, "purpose": "FINANCING", "max_uses": 5}
        day = (lobby.live.federation.now + timedelta(days=30)).date().isoformat()
        draft = await lobby.served(self._founder, "POST", "/api/v1/grant-drafts", json=body | {"expires_on": day})
        return {"terms": draft["terms"], **signed(draft["text"], lobby.certificate(ENTERPRISE))}

    async def grant(self, grantee: Uscc) -> tuple[dict[str, Any], str]:
        """A grant, with the consent to it."""
        consent = await self.consent(grantee)
        given = await self._lobby.served(self._founder, "POST", "/api/v1/grants", json=consent)
        return consent, str(given["grant_statement_id"])

    async def used(self, grantee: Uscc, grant: str) -> str:
        """Number of a report under a grant."""
        unit = await self._lobby.person(f"unit {grantee}", represents=[grantee], headers={"Huren-Enterprise": grantee})
        body = {"uscc": ENTERPRISE, "grant_statement_id": grant}
        issued = await self._lobby.served(unit, "POST", "/api/v1/report-requests", json=body, headers=key())
        return str(issued["sealed"]["report_number"])

    async def ask(self, person: Actor, scopes: list[str], uscc: Uscc = ENTERPRISE) -> tuple[str, str]:
        """Id and pairing code of an ask to act for an enterprise."""
        body = {"uscc": uscc, "scopes": scopes}
        asked = await self._lobby.served(person, "POST", "/api/v1/mandates", json=body)
        return asked["mandate"], asked["pairing_code"]

    async def confirm(self, person: Actor, scopes: list[str], uscc: Uscc = ENTERPRISE) -> str:
        """A mandate in force."""
        mandate, pairing_code = await self.ask(person, scopes, uscc)
        day = (self._lobby.live.federation.now + timedelta(days=30)).date().isoformat()
        body = {"pairing_code": pairing_code, "scopes": scopes, "expires_on": day}
        representative = await self._lobby.person(
            f"representative {uscc}", represents=[uscc], headers={"Huren-Enterprise": uscc}
        )
        path = f"/api/v1/enterprise/mandates/{mandate}/confirmation"
        await self._lobby.served(representative, "POST", path, json=body)
        return mandate

    async def paper(self, clerk: Actor, uscc: Uscc, *, second: Actor | None = None) -> str:
        """A paper mandate; in force where there is a second person."""
        filed = await self._lobby.served(clerk, "POST", "/api/v1/window-mandates", data=scan(uscc))
        if second is not None:
            path = f"/api/v1/window-mandates/{filed['mandate']}/confirmation"
            await self._lobby.served(second, "POST", path)
        return str(filed["mandate"])

    async def _report(self) -> dict[str, Any]:
        answer = await self._lobby.served(self._founder, "POST", "/api/v1/report-requests", json={}, headers=key())
        return dict(answer["sealed"])

    async def _open(self) -> str:
        state = self._lobby.live.provinces[Province.TIANJIN]
        honest, state.behaviour = state.behaviour, silent
        answer = await self._lobby.served(self._founder, "POST", "/api/v1/report-requests", json={}, headers=key())
        state.behaviour = honest
        return str(answer["open"]["request_id"])

    async def _batch(self) -> str:
        body = {"lines": [{"uscc": ENTERPRISE}]}
        begun = await self._lobby.served(self._founder, "POST", "/api/v1/batches", json=body, headers=key())
        return str(begun["batch"])


def statement_of(envelope: str) -> str:
    """Statement id of what stands in an answer."""
    decoded = decode_envelope(base64.b64decode(envelope))
    return statement_id(decoded.payload_type, decoded.payload).hex()


def key() -> dict[str, str]:
    """A key that was never used."""
    return {"Idempotency-Key": secrets.token_hex(16)}


def scan(uscc: Uscc) -> aiohttp.FormData:
    """A scanned paper."""
    form = aiohttp.FormData()
    form.add_field("uscc", uscc)
    form.add_field("scan", SCAN, filename="scan.pdf", content_type="application/pdf")
    return form


def filled(path: str, value: str) -> str:
    """A path of the description with its one parameter filled in."""
    return re.sub(r"\{[a-z_]+\}", value, path)
