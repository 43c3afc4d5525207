"""A province that does not exist: its profile, rows of its two forms, a platform in memory, and its adapter on a real server."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.sdk.following import Look
from adapters.sdk.ledger import Ledger
from adapters.sdk.mapping import Reading
from adapters.sdk.matching import Wanted
from adapters.sdk.notation import fold_name, read_iso_date
from adapters.sdk.profile import (
    CodeTable,
    Department,
    DisclosureRule,
    DisclosureRules,
    ListForm,
    MoneyColumn,
    PenaltyForm,
    Profile,
    RepairedRule,
    RowState,
    SubjectColumns,
)
from adapters.sdk.server import Adapter, Parts, adapter_of
from adapters.sdk.source import RawRow, RawValue, RowKey, Search, SourceAnswer, Supplied
from contract.catalogue import PENALTY, SERIOUS_LIST, Catalogue, CellKey, published_catalogues
from contract.days import DayRange, china_day, to_timestamp
from contract.money import MoneyUnit
from contract.payloads import ENTITLED, QUERY
from contract.province import Province
from contract.registry import Registration, RegistryEntry, RegistryUnavailableError, code_identifiers
from contract.uscc import Uscc, check_character
from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import (
    adapter_service_pb2,
    adapter_service_pb2_grpc,
    fragment_pb2,
    query_pb2,
    record_pb2,
    refusal_pb2,
)
from huren.status.v1 import status_service_pb2_grpc
from runtime.database import Database, open_database
from runtime.grpc_channel import open_channel
from runtime.grpc_server import GrpcServer
from runtime.identity import MemberPeer, member_host_name
from runtime.settings import ListenSettings, TLSSettings
from runtime.telemetry import Metrics
from sandbox.pki import OPERATOR, PKI, Authority, issue_enterprise_certificate, make_pki
from signing import (
    PrivateKey,
    SignedStatement,
    Signer,
    SuitePolicy,
    TrustStore,
    Verifier,
    decode_envelope,
    statement_id,
)

ADAPTER = envelope_pb2.MEMBER_ROLE_ADAPTER
GATEWAY = envelope_pb2.MEMBER_ROLE_GATEWAY
OURS = Province(13)
HOME = Province(12)

SUPPLIER = "示例市数据局"
TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 4, tzinfo=UTC)
WINDOW = DayRange(date(2023, 1, 1), date(2026, 11, 19))
MARKET: CellKey = ("market_regulation", PENALTY)
MARKET_LIST: CellKey = ("market_regulation", SERIOUS_LIST)


def code(first17: str) -> Uscc:
    return Uscc(first17 + check_character(first17))


USCC = code("91130100MA0EXAMP1")
OTHER = code("91130100MA0EXAMP2")
FORMER = code("92130100MA0EXAMP3")
NAME = "示例精密机械有限公司"


# --- The province as data -----------------------------------------------------------------------------------------------


def table(name: str, values: Mapping[str, object]) -> CodeTable:
    return CodeTable(name=name, values=values, source="test")


PENALTY_FORM = PenaltyForm(
    name="P",
    source="test",
    subject=SubjectColumns(name="name", uscc="uscc", organisation_code="org", registration_number="reg"),
    domain=(
        "domain",
        table("domain", {"01": "market_regulation", "02": "taxation", "08": "court_enforcement", "99": None}),
    ),
    state=(
        "state",
        table(
            "state",
            {
                "1": RowState.IN_FORCE,
                "2": RowState.REVOKED,
                "3": RowState.REPAIRED,
                "4": RowState.NOT_A_PENALTY,
                "5": RowState.CHANGED,
            },
        ),
    ),
    document_number="number",
    decided_on="decided",
    violation_type="type",
    facts="facts",
    legal_basis="basis",
    content="content",
    authority="authority",
    authority_uscc="authority_code",
    source_unit="supplier",
    categories=(
        ("category", "category_2"),
        table(
            "category",
            {
                "警告": record_pb2.PENALTY_CATEGORY_WARNING,
                "罚款": record_pb2.PENALTY_CATEGORY_FINE,
                "没收违法所得": record_pb2.PENALTY_CATEGORY_CONFISCATE_GAINS,
                "责令改正": RowState.NOT_A_PENALTY,
            },
        ),
    ),
    date=read_iso_date,
    money=(
        MoneyColumn("fine", MoneyUnit.WAN_YUAN, record_pb2.AMOUNT_KIND_FINE),
        MoneyColumn("confiscated", MoneyUnit.YUAN, record_pb2.AMOUNT_KIND_CONFISCATION, numbers=True),
    ),
    licence="licence",
    valid_until="valid",
    publicity_until="public",
    procedure=(
        "simple",
        table(
            "simple",
            {
                "": record_pb2.PROCEDURE_NOT_STATED,
                "0": record_pb2.PROCEDURE_ORDINARY,
                "1": record_pb2.PROCEDURE_SUMMARY,
            },
        ),
    ),
    performance=(
        "performed",
        table(
            "performed",
            {
                "": record_pb2.PERFORMANCE_STATE_NOT_STATED,
                "Y": record_pb2.PERFORMANCE_STATE_PERFORMED,
                "N": record_pb2.PERFORMANCE_STATE_NOT_PERFORMED,
            },
        ),
    ),
    performed_on="performed_on",
    ignored={"legal_person": "personal"},
)

LIST_FORM = ListForm(
    name="L",
    source="test",
    subject=SubjectColumns(name="name", uscc="uscc", organisation_code="org"),
    list_id=("list", table("list", {"M1": "serious_illegal_market", "M7": "judgment_defaulter", "M9": None})),
    state=("state", table("state", {"1": RowState.IN_FORCE, "2": RowState.REVOKED})),
    document_number="number",
    listed_on="listed",
    removed_on="removed",
    planned_end_on="planned",
    name_when_listed="list_name",
    reason="reason",
    authority="authority",
    source_unit="supplier",
    date=read_iso_date,
)

PENALTY_VALUES: Mapping[str, RawValue] = {
    "name": NAME,
    "uscc": USCC,
    "org": "",
    "reg": None,
    "domain": "01",
    "state": "1",
    "number": "示市监罚〔2024〕12号",
    "decided": "2024-03-01",
    "type": "无照经营",
    "facts": "2024年1月未取得许可从事经营活动",
    "basis": "《示例条例》第一条",
    "content": "罚款1.5万元",
    "authority": "示例市市场监督管理局",
    "authority_code": "",
    "supplier": SUPPLIER,
    "category": "罚款",
    "category_2": "",
    "fine": "1.500000",
    "confiscated": "",
    "licence": "",
    "valid": "2099-12-31",
    "public": "2027-03-01",
    "simple": "0",
    "performed": "",
    "performed_on": None,
    "legal_person": "not read",
}
LIST_VALUES: Mapping[str, RawValue] = {
    "name": NAME,
    "uscc": USCC,
    "org": None,
    "list": "M1",
    "state": "1",
    "number": "示市监列〔2024〕3号",
    "listed": "2024-05-06",
    "removed": "",
    "planned": "2027-05-05",
    "list_name": "",
    "reason": "提供虚假材料",
    "authority": "示例市市场监督管理局",
    "supplier": SUPPLIER,
}


def _rule(value: Any) -> DisclosureRule[Any]:
    return DisclosureRule(value=value, source="test", verified=False)


DISCLOSURE_RULES = DisclosureRules(
    version="test-1",
    basis=_rule(fragment_pb2.DISCLOSURE_BASIS_WINDOW),
    include_summary_procedure=_rule(True),  # noqa: FBT003  # a rule's value
    include_repaired=_rule(RepairedRule.NONE),
    unperformed_stays=_rule(True),  # noqa: FBT003  # as above
)


class Kit:
    """Builders, for tests that need no server."""

    OURS, HOME, NOW, TODAY, WINDOW = OURS, HOME, NOW, TODAY, WINDOW
    USCC, OTHER, FORMER, NAME = USCC, OTHER, FORMER, NAME
    MARKET, MARKET_LIST = MARKET, MARKET_LIST
    PENALTY_FORM, LIST_FORM = PENALTY_FORM, LIST_FORM

    code = staticmethod(code)
    table = staticmethod(table)

    @property
    def catalogue(self) -> Catalogue:
        return published_catalogues().in_force(TODAY)

    def profile(self, **changes: Any) -> Profile:
        department = Department(
            unit="示例市市场监督管理局（演示）",
            telephone="（演示）000-0000",
            complete_from=date(2015, 1, 1),
            supply_lag_working_days=7,
            supply_lag_source="default",
        )
        profile = Profile(
            province=OURS,
            issuer_unit="示例数据局（演示）",
            issuer_telephone="（演示）000-0000",
            issuer_verified=False,
            forms={"P": PENALTY_FORM, "L": LIST_FORM},
            departments=dict.fromkeys(self.catalogue.carried, department),
            disclosure_rules=DISCLOSURE_RULES,
            authority_prefixes=("示例",),
        )
        return dataclasses.replace(profile, **changes)

    def replace_form(self, **changes: Any) -> PenaltyForm:
        """The form of penalties, otherwise."""
        return dataclasses.replace(PENALTY_FORM, **changes)

    def reading(self, **changes: Any) -> Reading:
        return dataclasses.replace(
            Reading(profile=self.profile(), catalogue=self.catalogue, window=WINDOW, day=TODAY), **changes
        )

    def penalty(self, key: str = "p-1", **values: RawValue) -> RawRow:
        return RawRow(
            form="P", key=key, values={**PENALTY_VALUES, **values}, received_at=datetime(2024, 3, 8, tzinfo=UTC)
        )

    def entry(self, key: str = "l-1", **values: RawValue) -> RawRow:
        return RawRow(form="L", key=key, values={**LIST_VALUES, **values}, received_at=datetime(2024, 5, 8, tzinfo=UTC))

    def subject(self, *more: common_pb2.Identifier, **changes: Any) -> common_pb2.Subject:
        subject = common_pb2.Subject(
            uscc=USCC,
            name=NAME,
            kind=common_pb2.SUBJECT_KIND_ENTERPRISE,
            registration_status=common_pb2.REGISTRATION_STATUS_ACTIVE,
            home_basis=common_pb2.HOME_BASIS_REGISTRY,
            identifiers=[
                *code_identifiers(USCC),
                common_pb2.Identifier(kind=common_pb2.IDENTIFIER_KIND_NAME, value=NAME),
                *more,
            ],
        )
        for name, value in changes.items():
            setattr(subject, name, value)
        return subject

    def wanted(self, *more: common_pb2.Identifier, **changes: Any) -> Wanted:
        return Wanted.of(self.subject(*more, **changes))

    def answer(self, *rows: RawRow, at: datetime = NOW, **changes: Any) -> SourceAnswer:
        watermarks = dict.fromkeys(self.catalogue.carried, at - timedelta(hours=1))
        return dataclasses.replace(SourceAnswer(rows=rows, watermarks=watermarks), **changes)


@pytest.fixture(scope="session")
def kit() -> Kit:
    return Kit()


# --- The adapter on a server --------------------------------------------------------------------------------------------


@dataclass
class StandingClock:
    """Stands still until it is told to move."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass
class MemoryPlatform:
    """A platform in memory: answers as it is told, and remembers what it was asked."""

    clock: Callable[[], datetime]
    rows: tuple[RawRow, ...] = ()
    answer: Callable[[Search], Any] | None = None
    asked: list[Search] = field(default_factory=list)
    closed: bool = False
    history: list[RawRow] = field(default_factory=list)

    async def supplied_since(self, cursor: str, limit: int) -> Supplied:
        last = {(row.form, row.key): row for row in self.history}
        self.history += [row for row in self.rows if last.get((row.form, row.key)) != row]
        start = int(cursor or 0)
        page = tuple(row for row in self.history[start : start + limit] if row in self.rows)
        end = min(start + limit, len(self.history))
        return Supplied(rows=page, cursor=str(end), is_all=end == len(self.history))

    async def by_key(self, keys: Collection[RowKey]) -> Mapping[RowKey, RawRow | None]:
        rows = {(row.form, row.key): row for row in self.rows}
        return {key: rows.get(key) for key in keys}

    async def search(self, search: Search) -> SourceAnswer:
        self.asked.append(search)
        if self.answer is not None:
            answered: SourceAnswer = await self.answer(search)
            return answered
        return SourceAnswer(rows=self.rows, watermarks=await self.watermarks())

    async def watermarks(self) -> Mapping[CellKey, datetime]:
        catalogue = published_catalogues().in_force(china_day(self.clock()))
        return dict.fromkeys(catalogue.carried, self.clock() - timedelta(hours=1))

    async def close(self) -> None:
        self.closed = True


@dataclass
class MemoryRegistry:
    """Knows the subjects it is told about."""

    entries: dict[str, RegistryEntry] = field(default_factory=dict)
    available: bool = True

    async def lookup(self, uscc: Uscc) -> RegistryEntry | None:
        if not self.available:
            raise RegistryUnavailableError("not now")
        return self.entries.get(uscc)

    async def knows_name(self, name: str) -> bool:
        if not self.available:
            raise RegistryUnavailableError("not now")
        known = {entry.name for entry in self.entries.values()}
        known |= {former.name for entry in self.entries.values() for former in entry.former_names}
        return fold_name(name) in {fold_name(one) for one in known}

    def register(self, uscc: str, province: Province | None) -> None:
        self.entries[uscc] = RegistryEntry(
            uscc=uscc,
            name=NAME,
            kind=1,
            status=1,
            registrations=(Registration(province=province, since=date(2015, 1, 1)),),
        )


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PKI:
    # TLS compares with the machine's clock, so this is the one place where tests read it.
    made = make_pki(tmp_path_factory.mktemp("federation") / "pki", Province, datetime.now(UTC))
    issue_enterprise_certificate(made, USCC, NAME, datetime.now(UTC))
    return made


def standing_trust(pki: PKI) -> TrustStore:
    """Trust in every member's key, for years around NOW: only TLS looks at the machine's clock."""
    made = TrustStore.from_directory(pki.trust)
    begin, end = NOW - timedelta(days=3650), NOW + timedelta(days=3650)
    entries = [dataclasses.replace(entry, not_before=begin, not_after=end) for entry in made.keys.values()]
    rules = tuple(dataclasses.replace(rule, accepted_from=begin) for rule in made.policy.rules)
    return TrustStore.from_entries(entries, policy=SuitePolicy(rules), published_at=begin)


class Bench:
    """One adapter, the members around it, and what tests turn."""

    def __init__(self, pki: PKI, kit: Kit, database: str) -> None:
        self.pki = pki
        self.kit = kit
        self.database_url = database
        self.clock = StandingClock(NOW)
        self.platform = MemoryPlatform(self.clock)
        self.registry = MemoryRegistry()
        self.follows = True
        self.officers: tuple[str, ...] = ()
        self.profile = kit.profile()
        self.trust = standing_trust(pki)
        self.verifier = Verifier(self.trust)

    def key(self, province: Province = HOME, role: Any = GATEWAY) -> PrivateKey:
        return PrivateKey.load(self.pki.signing_key(MemberPeer(province, role)))

    def query(self, **changes: Any) -> query_pb2.Query:
        at = changes.pop("at", self.clock())
        signer = Signer(self.key(), issuer=HOME, role=GATEWAY)
        catalogue = published_catalogues().in_force(china_day(at))
        query = query_pb2.Query(
            header=signer.new_header(at),
            request_id="0" * 32,
            attempt=1,
            addressee=OURS.wire,
            subject=self.kit.subject(),
            window=WINDOW.to_wire(),
            cells=[
                common_pb2.CellKey(domain=domain, kind=common_pb2.RecordKind.ValueType(kind))
                for domain, kind in catalogue.cells
            ],
            catalogue=catalogue.ref,
            purpose=query_pb2.PURPOSE_TENDER,
            actor_ref=b"a" * 16,
            identity_level=query_pb2.IDENTITY_LEVEL_HIGH,
            authorisation=query_pb2.Authorisation(basis=query_pb2.AUTHORISATION_BASIS_SELF),
            deadline=to_timestamp(at + timedelta(seconds=20)),
        )
        for name, value in changes.items():
            if isinstance(value, list):
                query.ClearField(name)  # type: ignore[arg-type]  # whatever the test names
                getattr(query, name).extend(value)
            elif hasattr(getattr(query, name), "CopyFrom"):
                getattr(query, name).CopyFrom(value)
            else:
                setattr(query, name, value)
        return query

    def sign(self, query: query_pb2.Query, key: PrivateKey | None = None) -> SignedStatement:
        signer = Signer(key or self.key(), issuer=query.header.issuer, role=query.header.role)
        return signer.sign(QUERY, query)

    def asked(self, **changes: Any) -> SignedStatement:
        return self.sign(self.query(**changes))

    def fragment(self, envelope: bytes) -> fragment_pb2.Fragment:
        verified = self.verifier.verify(envelope, expect=ENTITLED[ADAPTER])
        assert verified.payload_type == "application/vnd.huren.fragment.v1+protobuf", self.refusal(envelope)
        assert verified.signer.member == OURS
        return fragment_pb2.Fragment.FromString(verified.payload)

    def refusal(self, envelope: bytes) -> refusal_pb2.Refusal:
        verified = self.verifier.verify(envelope, expect=ENTITLED[ADAPTER])
        assert verified.payload_type == "application/vnd.huren.refusal.v1+protobuf"
        return refusal_pb2.Refusal.FromString(verified.payload)

    def client(self, channel: Any) -> Client:
        return Client(channel)

    def reason(self, envelope: bytes) -> str:
        return refusal_pb2.RefusalReason.Name(self.refusal(envelope).reason).removeprefix("REFUSAL_REASON_")

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        async with open_database(self.database_url, patience=timedelta(seconds=30)) as opened:
            yield opened

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Running]:
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(self.database())
            parts = Parts(
                profile=self.profile,
                source=self.platform,
                ledger=Ledger(database),
                registry=self.registry,
                catalogues=published_catalogues(),
                key=PrivateKey.load(self.pki.signing_key(MemberPeer(OURS, ADAPTER))),
                trust=self.trust,
                certificate_not_after=self.clock() + timedelta(days=90),
                metrics=Metrics(),
                clock=self.clock,
                officers=self.officers,
            )
            adapter = await adapter_of(parts)
            if self.follows:
                await adapter.follower.catch_up()
            server = GrpcServer(
                adapter.services,
                listen=ListenSettings(host="127.0.0.1", port=0),
                tls=self.pki.member_tls(MemberPeer(OURS, ADAPTER)),
                metrics=parts.metrics,
                max_concurrent_calls=64,
            )
            port = await server.start()
            stack.push_async_callback(server.stop, timedelta(0))
            yield Running(self, f"127.0.0.1:{port}", parts.metrics, database, adapter)


@dataclass
class Running:
    """An adapter that listens."""

    bench: Bench
    target: str
    metrics: Metrics
    database: Database
    program: Adapter

    async def follow(self) -> Look:
        return await self.program.follower.catch_up()

    @asynccontextmanager
    async def called_by(self, tls: TLSSettings) -> AsyncIterator[Client]:
        name = member_host_name(MemberPeer(OURS, ADAPTER))
        async with open_channel(self.target, tls, server_name=name) as channel:
            yield Client(channel)

    def gateway(self, province: Province = HOME) -> Any:
        return self.called_by(self.bench.pki.member_tls(MemberPeer(province, GATEWAY)))

    def adapter(self, province: Province = HOME) -> Any:
        return self.called_by(self.bench.pki.member_tls(MemberPeer(province, ADAPTER)))

    def operator(self) -> Any:
        return self.called_by(self.bench.pki.operator_tls(OPERATOR, Authority.MEMBERS))

    async def answer(self, envelope: bytes, *, as_: Province = HOME) -> bytes:
        async with self.gateway(as_) as client:
            answered: bytes = await client.answer(envelope)
            return answered

    def counted(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


class Client:
    """Calls an adapter."""

    def __init__(self, channel: Any) -> None:
        self.adapter = adapter_service_pb2_grpc.AdapterServiceStub(channel)
        self.status = status_service_pb2_grpc.StatusServiceStub(channel)

    async def answer(self, envelope: bytes) -> bytes:
        request = adapter_service_pb2.AnswerRequest(query_envelope=envelope)
        response: adapter_service_pb2.AnswerResponse = await self.adapter.Answer(request, timeout=20)
        return response.answer_envelope

    async def coverage(self, wanted: bytes = b"") -> bytes:
        request = adapter_service_pb2.GetCoverageRequest(statement_id=wanted)
        response: adapter_service_pb2.GetCoverageResponse = await self.adapter.GetCoverage(request, timeout=20)
        return response.coverage_envelope


@pytest.fixture
def bench(pki: PKI, kit: Kit, tmp_path: Path) -> Bench:
    return Bench(pki, kit, f"sqlite:///{tmp_path / 'adapter.db'}")


@pytest.fixture
def id_of() -> Callable[[bytes], bytes]:
    def read(envelope: bytes) -> bytes:
        decoded = decode_envelope(envelope)
        return statement_id(decoded.payload_type, decoded.payload)

    return read
