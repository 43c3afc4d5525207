"""The specimen (样张): what a report looks like, about nobody.

- It is made by the very code that makes reports: invented answers of four provinces are admitted, merged, sealed, checked and
  arranged. So it looks like a report for as long as reports look as they do.
- Whatever signs in it is a key of the moment that no trust store knows and nobody keeps; the statement is thrown away.
- Number, code of the subject and 核验码 are replaced by words before anything is shown; what the picture of a QR code says is no
  address; no statement is attached. So nothing in it can be verified, by anybody.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from contract.admission import VERSION, admit, open_answer, open_coverage
from contract.catalogue import PENALTY, Catalogue, CatalogueSet, CellKey, wire_key
from contract.days import MAX_WINDOW_YEARS, DayRange, china_day, to_timestamp, years_after
from contract.document import Json, document
from contract.merge import VERSION as MERGE_VERSION
from contract.merge import merge
from contract.outcome import Admitted, Question, Refused
from contract.payloads import COVERAGE, ENTITLED, FRAGMENT, QUERY, REPORT
from contract.province import Province
from contract.registry import Registration, RegistryEntry
from contract.report_check import check_report
from contract.report_number import make as make_number
from contract.uscc import Uscc, check_character
from contract.wording import SPECIMEN
from gateway.render.pdf import Printed
from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import coverage_pb2, fragment_pb2, query_pb2, record_pb2
from huren.report.v1 import report_pb2
from signing import KeyEntry, PrivateKey, Signer, SuitePolicy, SuiteRule, TrustStore, Verifier

NO_NUMBER: Final = "样张，无报告编号"
NO_SUBJECT_CODE: Final = "样张，无统一社会信用代码"
NO_CODE: Final = "样张无码"
NO_DIGEST: Final = "样张，无编号"
NO_SCAN: Final = "样张，不能核验"

_NAME: Final = "示例机械制造有限公司（演示）"
_UNIT: Final = "示例信用主管部门（演示）"
_TELEPHONE: Final = "（演示）000-0000"
_BODY: Final = "91000000MA0000000"

_DIGEST: Final = re.compile(r"\b[0-9a-f]{16}(?:[0-9a-f]{48})?\b")

_ADAPTER: Final = envelope_pb2.MEMBER_ROLE_ADAPTER
_GATEWAY: Final = envelope_pb2.MEMBER_ROLE_GATEWAY

_LEFT_OUT: Final = (Province.SHANXI, ("housing_fund", PENALTY))
"""What the specimen shows as not covered."""

_FOUND: Final = (Province.BEIJING, ("market_regulation", PENALTY))
_OBJECTED: Final = (Province.HEBEI, ("ecology_environment", PENALTY))


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """A report about nobody, arranged for showing.

    Attributes:
        shown: Its document (contract/document).
        nothing_found: How the conclusion reads where nothing was found and everything is covered.
    """

    shown: Json
    nothing_found: str

    def printed(self, at: datetime, addresses: tuple[tuple[str, str], ...]) -> Printed:
        """What stands on its pages besides."""
        return Printed(
            verification_url=SPECIMEN,
            verification_code="",
            typed_code=NO_CODE,
            addresses=addresses,
            issued_at=at,
        )


def specimen_of(catalogue: Catalogue, home: Province, at: datetime) -> Specimen:
    """Makes the specimen.

    Args:
        catalogue: The catalogue in force.
        home: Whose report it looks like.
        at: When it looks as if it had been issued.
    """
    found = _Federation(catalogue, home, at)
    words = {found.number: NO_NUMBER, found.subject.uscc: NO_SUBJECT_CODE}
    shown = _replaced(found.document(with_findings=True), words, kept=catalogue.digest.hex())
    shown["front"]["verification"]["scan"] = NO_SCAN
    return Specimen(shown=shown, nothing_found=found.document(with_findings=False)["front"]["conclusion"]["text"])


def _replaced(value: Any, words: Mapping[str, str], *, kept: str) -> Any:
    """The same with words instead of numbers and digests, wherever they stand; but for the catalogue's digest."""
    if isinstance(value, dict):
        return {name: _replaced(inner, words, kept=kept) for name, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, words, kept=kept) for inner in value]
    if isinstance(value, str):
        for number, said in words.items():
            value = value.replace(number, said)
        return _DIGEST.sub(lambda digest: kept if digest.group() == kept else NO_DIGEST, value)
    return value


class _Federation:
    """Four members that exist for the length of a call."""

    def __init__(self, catalogue: Catalogue, home: Province, at: datetime) -> None:
        self._catalogue = catalogue
        self._home = home
        self._at = at
        self._keys = {(province, role): PrivateKey.generate() for province in Province for role in (_ADAPTER, _GATEWAY)}
        self._verifier = Verifier(self._trust())
        self._window = DayRange(years_after(china_day(at), -MAX_WINDOW_YEARS), china_day(at))
        self.subject = self._subject()
        self.number = make_number(home, china_day(at), 1)

    def document(self, *, with_findings: bool) -> Json:
        """The document of a report that was sealed and checked."""
        admitted = [self._admitted(province, with_findings=with_findings) for province in self._catalogue.provinces]
        envelope = self._sealed(admitted)
        return document(check_report(envelope, verifier=self._verifier, catalogues=CatalogueSet([self._catalogue])))

    def _trust(self) -> TrustStore:
        begin, end = self._at - timedelta(days=30), self._at + timedelta(days=30)
        entries = [
            KeyEntry(
                keyid=key.key_id,
                suite=key.suite,
                public_key=key.public_key,
                member=province,
                role=role,
                payload_types=ENTITLED[role],
                not_before=begin,
                not_after=end,
            )
            for (province, role), key in self._keys.items()
        ]
        rules = tuple(
            SuiteRule(role=role, suite=envelope_pb2.SUITE_ED25519, accepted_from=begin) for role in (_ADAPTER, _GATEWAY)
        )
        return TrustStore.from_entries(entries, policy=SuitePolicy(rules=rules), published_at=self._at)

    def _signer(self, province: Province, role: envelope_pb2.MemberRole.ValueType) -> Signer:
        return Signer(self._keys[province, role], issuer=province, role=role)

    def _subject(self) -> common_pb2.Subject:
        code = Uscc(_BODY + check_character(_BODY))
        entry = RegistryEntry(
            uscc=code,
            name=_NAME,
            kind=common_pb2.SUBJECT_KIND_ENTERPRISE,
            status=common_pb2.REGISTRATION_STATUS_ACTIVE,
            cancelled_on=None,
            registrations=(Registration(province=self._home, since=date(2015, 1, 4)),),
        )
        return common_pb2.Subject(
            uscc=code,
            name=_NAME,
            kind=common_pb2.SUBJECT_KIND_ENTERPRISE,
            registration_status=common_pb2.REGISTRATION_STATUS_ACTIVE,
            home_basis=common_pb2.HOME_BASIS_REGISTRY,
            identifiers=entry.identifiers(),
        )

    def _admitted(self, province: Province, *, with_findings: bool) -> Admitted:
        question = self._question(province)
        coverage_envelope = self._coverage(province, with_findings=with_findings)
        coverage = open_coverage(
            coverage_envelope, province=province, catalogue=self._catalogue, verifier=self._verifier
        )
        answer = self._answer(question, coverage.statement.statement_id, with_findings=with_findings)
        match open_answer(answer, question=question, verifier=self._verifier):
            case Refused():
                raise RuntimeError("the specimen's provinces refuse nothing")
            case opened:
                return admit(opened, catalogue=self._catalogue, coverage=coverage, at=self._at)

    def _question(self, province: Province) -> Question:
        signer = self._signer(self._home, _GATEWAY)
        query = query_pb2.Query(
            header=signer.new_header(self._at),
            request_id="0" * 32,
            attempt=1,
            addressee=province.wire,
            subject=self.subject,
            window=self._window.to_wire(),
            cells=[wire_key(key) for key in self._catalogue.cells],
            catalogue=self._catalogue.ref,
            purpose=query_pb2.PURPOSE_TENDER,
            actor_ref=bytes(16),
            identity_level=query_pb2.IDENTITY_LEVEL_HIGH,
            authorisation=query_pb2.Authorisation(basis=query_pb2.AUTHORISATION_BASIS_SELF),
            deadline=to_timestamp(self._at + timedelta(seconds=20)),
        )
        signed = signer.sign(QUERY, query)
        return Question(query, signed.statement_id, signed.envelope)

    def _coverage(self, province: Province, *, with_findings: bool) -> bytes:
        signer = self._signer(province, _ADAPTER)
        department = common_pb2.Contact(unit=f"示例{province.short_zh}部门（演示）", telephone=_TELEPHONE)

        def entry(key: CellKey) -> coverage_pb2.CellCoverage:
            covered = not (with_findings and (province, key) == _LEFT_OUT)
            return coverage_pb2.CellCoverage(
                key=wire_key(key),
                covered=covered,
                complete_from="2015-01-01" if covered else "",
                department=department,
                supply_lag_working_days=15 if covered else 0,
                supply_lag_source="default" if covered else "",
            )

        coverage = coverage_pb2.Coverage(
            header=signer.new_header(self._at - timedelta(days=1)),
            catalogue=self._catalogue.ref,
            cells=[entry(key) for key in self._catalogue.carried],
            issuer=common_pb2.Contact(unit=f"示例{province.short_zh}信用平台（演示）", telephone=_TELEPHONE),
        )
        return signer.sign(COVERAGE, coverage).envelope

    def _answer(self, question: Question, coverage_id: bytes, *, with_findings: bool) -> bytes:
        province = question.province
        signer = self._signer(province, _ADAPTER)
        fragment = fragment_pb2.Fragment(
            header=signer.new_header(self._at),
            query_statement_id=question.statement_id,
            uscc=self.subject.uscc,
            window=question.query.window,
            catalogue=question.query.catalogue,
            coverage_statement_id=coverage_id,
            disclosure=fragment_pb2.DisclosureRules(
                basis=fragment_pb2.DISCLOSURE_BASIS_WINDOW, includes_summary_procedure=True, version="1"
            ),
            expires_at=to_timestamp(self._at + timedelta(hours=1)),
            cells=[self._cell(province, key, with_findings=with_findings) for key in self._catalogue.cells],
        )
        return signer.sign(FRAGMENT, fragment).envelope

    def _cell(self, province: Province, key: CellKey, *, with_findings: bool) -> fragment_pb2.Cell:
        cell = fragment_pb2.Cell(key=wire_key(key))
        if key not in self._catalogue.carried:
            cell.state = fragment_pb2.CELL_STATE_NOT_APPLICABLE
            return cell
        if with_findings and (province, key) == _LEFT_OUT:
            cell.state = fragment_pb2.CELL_STATE_NOT_COVERED
            return cell
        cell.identifiers_searched.extend([0, 1])
        cell.data_as_of.CopyFrom(to_timestamp(self._at - timedelta(hours=12)))
        cell.state = fragment_pb2.CELL_STATE_CLEAR
        if with_findings and (province, key) in {_FOUND, _OBJECTED}:
            cell.state = fragment_pb2.CELL_STATE_FOUND
            cell.records.append(self._penalty(province, is_objected=(province, key) == _OBJECTED))
        return cell

    def _penalty(self, province: Province, *, is_objected: bool) -> record_pb2.Record:
        def said(text: str) -> record_pb2.FreeText:
            return record_pb2.FreeText(text=text, masking=record_pb2.MASKING_NONE)

        authority = f"示例{province.short_zh}{'生态环境局' if is_objected else '市场监督管理局'}（演示）"
        decided = china_day(self._at) - timedelta(days=400)
        record = record_pb2.Record(
            record_id=f"specimen-{province.slug}",
            revision=1,
            decided_in=province.wire,
            decision_key=hashlib.sha256(province.slug.encode()).hexdigest(),
            penalty=record_pb2.Penalty(
                document_number="示例罚字（演示）1号",
                authority=record_pb2.Authority(name=authority),
                decided_on=decided.isoformat(),
                procedure=record_pb2.PROCEDURE_ORDINARY,
                violation_type=said("示例事由（演示）"),
                facts=said("此处写明处罚决定书所载的违法事实（演示）"),
                legal_basis=said("此处写明处罚决定书所载的法律依据（演示）"),
                categories=[record_pb2.PENALTY_CATEGORY_FINE],
                content=said("此处写明处罚内容（演示）"),
                amounts=[record_pb2.Amount(kind=record_pb2.AMOUNT_KIND_FINE, fen=100_000)],
                performance=record_pb2.Performance(state=record_pb2.PERFORMANCE_STATE_NOT_STATED),
            ),
            source_unit=authority,
            collected_at=to_timestamp(self._at - timedelta(days=390)),
        )
        if is_objected:
            record.marks.add(
                kind=record_pb2.MARK_KIND_UNDER_OBJECTION, on=(china_day(self._at) - timedelta(days=3)).isoformat()
            )
        return record

    def _sealed(self, admitted: list[Admitted]) -> bytes:
        query = admitted[0].question.query
        merged = merge(query.cells, self._catalogue.provinces, admitted)
        signer = self._signer(self._home, _GATEWAY)
        report = report_pb2.Report(
            header=signer.new_header(self._at),
            report_number=self.number,
            request_id=query.request_id,
            subject=query.subject,
            window=query.window,
            cells=query.cells,
            catalogue=query.catalogue,
            catalogue_file=self._catalogue.file,
            purpose=query.purpose,
            answers=[
                report_pb2.Answer(
                    province=one.province.wire,
                    query_envelope=one.question.envelope,
                    fragment_envelope=one.statement.envelope,
                    coverage_envelope=one.coverage.statement.envelope,
                )
                for one in admitted
            ],
            columns=merged.columns,
            repeated_decisions=merged.repeated_decisions,
            conclusion=merged.conclusion,
            rules=report_pb2.RulesVersions(admission=VERSION, merge=MERGE_VERSION),
            issuer=common_pb2.Contact(unit=_UNIT, telephone=_TELEPHONE),
            specimen=True,
        )
        return signer.sign(REPORT, report).envelope
