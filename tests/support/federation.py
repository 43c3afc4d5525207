"""A federation in memory: keys, trust, a clock that stands still, and provinces that answer as they are told.

Tests use it wherever a real process would add nothing. Everything it signs is really signed; what a test wants broken it breaks
itself, before or after signing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from google.protobuf.message import Message

from contract.admission import VERSION, admit, open_answer, open_coverage
from contract.catalogue import PENALTY, SERIOUS_LIST, Catalogue, CatalogueSet, CellKey, published_catalogues
from contract.days import DayRange, to_timestamp
from contract.merge import merge
from contract.outcome import Admitted, Question, Refused, VerifiedCoverage
from contract.payloads import COVERAGE, ENTITLED, FRAGMENT, QUERY, REFUSAL, REPORT
from contract.province import Province
from contract.registry import Registration, RegistryEntry
from contract.report_number import make as make_number
from contract.uscc import Uscc, check_character
from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import coverage_pb2, fragment_pb2, query_pb2, record_pb2, refusal_pb2
from huren.report.v1 import report_pb2
from signing import (
    KeyEntry,
    KeyState,
    PrivateKey,
    SignedStatement,
    Signer,
    SuitePolicy,
    SuiteRule,
    TrustStore,
    Verifier,
    encode_envelope,
    pae,
)

NOW = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
"""10:30 in China."""

ADAPTER = envelope_pb2.MEMBER_ROLE_ADAPTER
GATEWAY = envelope_pb2.MEMBER_ROLE_GATEWAY

CLEAR = fragment_pb2.CELL_STATE_CLEAR
FOUND = fragment_pb2.CELL_STATE_FOUND
NOT_COVERED = fragment_pb2.CELL_STATE_NOT_COVERED
NOT_APPLICABLE = fragment_pb2.CELL_STATE_NOT_APPLICABLE
SOURCE_UNAVAILABLE = fragment_pb2.CELL_STATE_SOURCE_UNAVAILABLE

WINDOW = DayRange(date(2021, 11, 22), date(2026, 11, 22))
CATALOGUES = published_catalogues()
CATALOGUE = CATALOGUES.in_force(date(2026, 11, 22))


def uscc(serial: int, prefix: str = "91110105") -> Uscc:
    """A valid code; the same serial gives the same code."""
    body = f"{prefix}MA{serial:07d}"
    return Uscc(body + check_character(body))


SUBJECT_CODE = uscc(1)


def subject(code: Uscc = SUBJECT_CODE, name: str = "北京示例机械有限公司") -> common_pb2.Subject:
    """A subject registered in Beijing."""
    return common_pb2.Subject(
        uscc=code,
        name=name,
        kind=common_pb2.SUBJECT_KIND_ENTERPRISE,
        registration_status=common_pb2.REGISTRATION_STATUS_ACTIVE,
        home_basis=common_pb2.HOME_BASIS_REGISTRY,
        identifiers=registry_entry(code, name).identifiers(),
    )


def registry_entry(
    code: Uscc = SUBJECT_CODE,
    name: str = "北京示例机械有限公司",
    home: Province | None = Province.BEIJING,
    status: int = common_pb2.REGISTRATION_STATUS_ACTIVE,
) -> RegistryEntry:
    """A registry's entry."""
    return RegistryEntry(
        uscc=code,
        name=name,
        kind=common_pb2.SUBJECT_KIND_ENTERPRISE,
        status=status,
        cancelled_on=date(2025, 1, 6) if status == common_pb2.REGISTRATION_STATUS_CANCELLED else None,
        registrations=(Registration(province=home, since=date(2010, 1, 4)),),
    )


def penalty(record_id: str = "penalty-0001", **changes: object) -> record_pb2.Record:
    """A penalty record of Beijing; `changes` are fields of the record, or of the penalty as `penalty__field`."""
    text = record_pb2.FreeText(text="未按规定公示信息", masking=record_pb2.MASKING_NONE)
    record = record_pb2.Record(
        record_id=record_id,
        revision=1,
        decided_in=common_pb2.PROVINCE_BEIJING,
        decision_key=hashlib.sha256(record_id.encode()).hexdigest(),
        penalty=record_pb2.Penalty(
            document_number="京示市监处罚〔2024〕1号",
            authority=record_pb2.Authority(name="北京市示例区市场监督管理局（演示）"),
            decided_on="2024-03-01",
            procedure=record_pb2.PROCEDURE_ORDINARY,
            violation_type=text,
            facts=text,
            legal_basis=text,
            categories=[record_pb2.PENALTY_CATEGORY_FINE],
            content=text,
            amounts=[record_pb2.Amount(kind=record_pb2.AMOUNT_KIND_FINE, fen=150_000)],
            performance=record_pb2.Performance(state=record_pb2.PERFORMANCE_STATE_NOT_STATED),
        ),
        source_unit="北京市示例区市场监督管理局（演示）",
        collected_at=to_timestamp(NOW - timedelta(days=300)),
    )
    return _changed(record, record.penalty, changes)


def list_entry(record_id: str = "entry-0001", **changes: object) -> record_pb2.Record:
    """An open list entry of Beijing; `changes` as in `penalty`, with `list_entry__field`."""
    text = record_pb2.FreeText(text="严重违法", masking=record_pb2.MASKING_NONE)
    record = record_pb2.Record(
        record_id=record_id,
        revision=1,
        decided_in=common_pb2.PROVINCE_BEIJING,
        decision_key=hashlib.sha256(record_id.encode()).hexdigest(),
        list_entry=record_pb2.ListEntry(
            list_id="serious_illegal_market",
            authority=record_pb2.Authority(name="北京市市场监督管理局（演示）"),
            document_number="京示列〔2023〕1号",
            reason=text,
            listed_on="2023-05-01",
            performance=record_pb2.Performance(state=record_pb2.PERFORMANCE_STATE_NOT_STATED),
        ),
        source_unit="北京市市场监督管理局（演示）",
        collected_at=to_timestamp(NOW - timedelta(days=300)),
    )
    return _changed(record, record.list_entry, changes)


def _changed(record: record_pb2.Record, fact: Message, changes: Mapping[str, object]) -> record_pb2.Record:
    for name, value in changes.items():
        target, field_name = (fact, name.split("__")[1]) if "__" in name else (record, name)
        if isinstance(value, Message):
            getattr(target, field_name).CopyFrom(value)
        elif isinstance(value, list):
            target.ClearField(field_name)
            getattr(target, field_name).extend(value)
        else:
            setattr(target, field_name, value)
    return record


def cell(
    key: CellKey,
    state: fragment_pb2.CellState.ValueType = CLEAR,
    records: Iterable[record_pb2.Record] = (),
    *,
    as_of: datetime | None = NOW - timedelta(hours=12),
    reason: fragment_pb2.UnavailableReason.ValueType = fragment_pb2.UNAVAILABLE_REASON_UNSPECIFIED,
) -> fragment_pb2.Cell:
    """A cell that keeps the rules as far as its state goes."""
    made = fragment_pb2.Cell(
        key=common_pb2.CellKey(domain=key[0], kind=common_pb2.RecordKind.ValueType(key[1])),
        state=state,
        records=records,
        reason=reason,
    )
    if state in {CLEAR, FOUND}:
        made.identifiers_searched.extend([0, 1])
        if as_of is not None:
            made.data_as_of.CopyFrom(to_timestamp(as_of))
    if state == SOURCE_UNAVAILABLE and not reason:
        made.reason = fragment_pb2.UNAVAILABLE_REASON_SOURCE_SILENT
    return made


Change = Callable[[fragment_pb2.Fragment], None]


@dataclass
class Federation:
    """Keys and trust of all members, and what is needed to play each of them.

    Attributes:
        now: What every clock says.
        catalogue: The catalogue in force.
        not_covered: Cells that a province does not cover.
        unattributable: How many rows of a province belong to nobody, by cell.
        states: State of a member's key other than active.
    """

    now: datetime = NOW
    catalogue: Catalogue = CATALOGUE
    not_covered: Mapping[Province, frozenset[CellKey]] = field(default_factory=dict)
    states: Mapping[tuple[Province, int], KeyState] = field(default_factory=dict)
    unattributable: Mapping[Province, Mapping[CellKey, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys = {
            (province, role): PrivateKey.from_seed(hashlib.sha256(f"{province:d}/{role}".encode()).digest())
            for province in Province
            for role in (ADAPTER, GATEWAY)
        }
        self.entries = [
            KeyEntry(
                keyid=key.key_id,
                suite=envelope_pb2.SUITE_ED25519,
                public_key=key.public_key,
                member=province,
                role=role,
                payload_types=ENTITLED[role],
                not_before=self.now - timedelta(days=400),
                not_after=self.now + timedelta(days=400),
                **({"state": self.states[province, role]} if (province, role) in self.states else {}),
            )
            for (province, role), key in self.keys.items()
        ]
        self.trust = TrustStore.from_entries(self.entries, policy=accept_ed25519(self.now), published_at=self.now)
        self.verifier = Verifier(self.trust)
        self.catalogues = CatalogueSet([self.catalogue])
        self._coverages: dict[Province, VerifiedCoverage] = {}

    def signer(self, province: Province, role: envelope_pb2.MemberRole.ValueType) -> Signer:
        """A member's signer."""
        return Signer(self.keys[province, role], issuer=province, role=role)

    def header(
        self, province: Province, role: envelope_pb2.MemberRole.ValueType, at: datetime | None = None
    ) -> envelope_pb2.StatementHeader:
        """A fresh header."""
        return self.signer(province, role).new_header(at or self.now)

    def question(
        self,
        province: Province = Province.BEIJING,
        *,
        home: Province = Province.BEIJING,
        cells: Iterable[CellKey] | None = None,
        code: Uscc = SUBJECT_CODE,
        window: DayRange = WINDOW,
        request_id: str = "0" * 32,
        change: Callable[[query_pb2.Query], None] = lambda _: None,
    ) -> Question:
        """A signed query of a home to a province."""
        query = query_pb2.Query(
            header=self.header(home, GATEWAY),
            request_id=request_id,
            attempt=1,
            addressee=province.wire,
            subject=subject(code),
            window=window.to_wire(),
            cells=wire_keys(self.catalogue.cells if cells is None else cells),
            catalogue=self.catalogue.ref,
            purpose=query_pb2.PURPOSE_TENDER,
            actor_ref=bytes(16),
            identity_level=query_pb2.IDENTITY_LEVEL_HIGH,
            authorisation=query_pb2.Authorisation(basis=query_pb2.AUTHORISATION_BASIS_SELF),
            deadline=to_timestamp(self.now + timedelta(seconds=20)),
        )
        change(query)
        signed = self.signer(home, GATEWAY).sign(QUERY, query)
        return Question(query, signed.statement_id, signed.envelope)

    def coverage(self, province: Province) -> VerifiedCoverage:
        """A province's coverage statement; the same at every call."""
        if province not in self._coverages:
            self._coverages[province] = open_coverage(
                self.signed_coverage(province).envelope,
                province=province,
                catalogue=self.catalogue,
                verifier=self.verifier,
            )
        return self._coverages[province]

    def signed_coverage(
        self, province: Province, change: Callable[[coverage_pb2.Coverage], None] = lambda _: None
    ) -> SignedStatement:
        """A new coverage statement of a province."""
        holes = self.not_covered.get(province, frozenset())
        contact = common_pb2.Contact(unit="示例单位（演示）", telephone="（演示）010-0000-0000")
        coverage = coverage_pb2.Coverage(
            header=self.header(province, ADAPTER, self.now - timedelta(days=1)),
            catalogue=self.catalogue.ref,
            cells=[
                coverage_pb2.CellCoverage(
                    key=wire_keys([key])[0],
                    covered=key not in holes,
                    complete_from="" if key in holes else "2015-01-01",
                    department=contact,
                )
                for key in self.catalogue.carried
            ],
            issuer=contact,
            unattributable=[
                coverage_pb2.UnattributableRows(key=wire_keys([key])[0], count=count)
                for key, count in self.unattributable.get(province, {}).items()
            ],
        )
        change(coverage)
        return self.signer(province, ADAPTER).sign(COVERAGE, coverage)

    def fragment(
        self,
        question: Question,
        records: Mapping[CellKey, Iterable[record_pb2.Record]] | None = None,
        *,
        states: Mapping[CellKey, fragment_pb2.CellState.ValueType] | None = None,
        change: Change = lambda _: None,
    ) -> fragment_pb2.Fragment:
        """A fragment that keeps every rule, then changed."""
        province = question.province
        by_key = {key: list(found) for key, found in (records or {}).items()}
        for found in by_key.values():
            for record in found:
                record.decided_in = province.wire
        made = fragment_pb2.Fragment(
            header=self.header(province, ADAPTER),
            query_statement_id=question.statement_id,
            uscc=question.query.subject.uscc,
            window=question.query.window,
            catalogue=question.query.catalogue,
            coverage_statement_id=self.coverage(province).statement.statement_id,
            disclosure=fragment_pb2.DisclosureRules(
                basis=fragment_pb2.DISCLOSURE_BASIS_WINDOW, includes_summary_procedure=True, version="1"
            ),
            expires_at=to_timestamp(self.now + timedelta(hours=1)),
        )
        for key in question.query.cells:
            one = (key.domain, int(key.kind))
            state = (states or {}).get(one) or self._state(province, one, by_key)
            made.cells.append(cell(one, state, by_key.get(one, ()), as_of=self.now - timedelta(hours=12)))
        change(made)
        return made

    def _state(
        self, province: Province, key: CellKey, records: Mapping[CellKey, list[record_pb2.Record]]
    ) -> fragment_pb2.CellState.ValueType:
        if key not in self.catalogue.carried:
            return NOT_APPLICABLE
        if key in self.not_covered.get(province, frozenset()):
            return NOT_COVERED
        return FOUND if records.get(key) else CLEAR

    def answer(self, question: Question, *args: object, **kwargs: object) -> bytes:
        """The envelope of `fragment(...)`, signed by the province."""
        made = self.fragment(question, *args, **kwargs)  # type: ignore[arg-type]
        return self.signer(question.province, ADAPTER).sign(FRAGMENT, made).envelope

    def refusal(
        self, question: Question, reason: refusal_pb2.RefusalReason.ValueType, *, may_ask_again: bool = False
    ) -> bytes:
        """The envelope of a refusal."""
        made = refusal_pb2.Refusal(
            header=self.header(question.province, ADAPTER),
            query_statement_id=question.statement_id,
            reason=reason,
            contact=common_pb2.Contact(unit="示例单位（演示）"),
            may_ask_again=may_ask_again,
        )
        return self.signer(question.province, ADAPTER).sign(REFUSAL, made).envelope

    def sign_payload(
        self,
        payload_type: str,
        payload: bytes,
        *,
        province: Province = Province.BEIJING,
        role: envelope_pb2.MemberRole.ValueType = ADAPTER,
    ) -> bytes:
        """An envelope around any bytes: what a member could sign that keeps no rule."""
        key = self.keys[province, role]
        signature = envelope_pb2.Signature(sig=key.sign(pae(payload_type, payload)), keyid=key.key_id)
        return encode_envelope(
            envelope_pb2.Envelope(payload=payload, payload_type=payload_type, signatures=[signature])
        )

    def unchecked(self, question: Question, fragment: fragment_pb2.Fragment) -> Admitted:
        """A fragment as if admitted: signed and verified, but held against no rule."""
        envelope = self.signer(question.province, ADAPTER).sign(FRAGMENT, fragment).envelope
        statement = self.verifier.verify(envelope, expect={FRAGMENT})
        return Admitted(question.province, question, statement, fragment, self.coverage(question.province))

    def admit(self, question: Question, answer: bytes, *, at: datetime | None = None) -> Admitted:
        """Admits an answer that is a fragment."""
        opened = open_answer(answer, question=question, verifier=self.verifier)
        assert not isinstance(opened, Refused)
        return admit(opened, catalogue=self.catalogue, coverage=self.coverage(question.province), at=at or self.now)

    def admitted(
        self,
        records: Mapping[Province, Mapping[CellKey, Iterable[record_pb2.Record]]] | None = None,
        *,
        states: Mapping[Province, Mapping[CellKey, fragment_pb2.CellState.ValueType]] | None = None,
        cells: Iterable[CellKey] | None = None,
        home: Province = Province.BEIJING,
    ) -> tuple[Admitted, ...]:
        """Admitted fragments of all provinces for one request."""
        keys = None if cells is None else list(cells)
        admitted = []
        for province in Province:
            question = self.question(province, home=home, cells=keys)
            answer = self.answer(question, (records or {}).get(province), states=(states or {}).get(province))
            admitted.append(self.admit(question, answer))
        return tuple(admitted)

    def report(
        self,
        admitted: Iterable[Admitted],
        *,
        home: Province = Province.BEIJING,
        change: Callable[[report_pb2.Report], None] = lambda _: None,
    ) -> bytes:
        """The envelope of a report as a home would seal it, then changed."""
        parts = sorted(admitted, key=lambda one: one.province)
        query = parts[0].question.query
        merged = merge(query.cells, self.catalogue.provinces, parts)
        made = report_pb2.Report(
            header=self.header(home, GATEWAY),
            report_number=make_number(home, date(2026, 11, 22), 1),
            request_id=query.request_id,
            subject=query.subject,
            window=query.window,
            cells=query.cells,
            catalogue=query.catalogue,
            catalogue_file=self.catalogue.file,
            purpose=query.purpose,
            answers=[
                report_pb2.Answer(
                    province=one.province.wire,
                    query_envelope=one.question.envelope,
                    fragment_envelope=one.statement.envelope,
                    coverage_envelope=one.coverage.statement.envelope,
                )
                for one in parts
            ],
            columns=merged.columns,
            repeated_decisions=merged.repeated_decisions,
            conclusion=merged.conclusion or report_pb2.Conclusion(verdict=report_pb2.VERDICT_NOTHING_FOUND),
            rules=report_pb2.RulesVersions(admission=VERSION, merge=1),
            issuer=common_pb2.Contact(unit="示例单位（演示）"),
            specimen=True,
        )
        change(made)
        return self.signer(home, GATEWAY).sign(REPORT, made).envelope


def accept_ed25519(since: datetime) -> SuitePolicy:
    """A policy that accepts Ed25519 of everybody."""
    return SuitePolicy(
        rules=tuple(
            SuiteRule(role=role, suite=envelope_pb2.SUITE_ED25519, accepted_from=since - timedelta(days=4000))
            for role in (ADAPTER, GATEWAY)
        )
    )


def wire_keys(keys: Iterable[CellKey]) -> list[common_pb2.CellKey]:
    """Cell keys as the contract carries them."""
    return [common_pb2.CellKey(domain=domain, kind=common_pb2.RecordKind.ValueType(kind)) for domain, kind in keys]


PENALTY_CELL: CellKey = ("market_regulation", PENALTY)
LIST_CELL: CellKey = ("market_regulation", SERIOUS_LIST)
