"""Checking a report: everything the home did is done again, from the report alone.

 R-1   The envelope decodes strictly; its payload is a report; the signature verifies; the signer is a gateway whose key was good
       when it signed.
 R-2   The payload parses, keeps the declared constraints, holds no unknown value and demands nothing unknown.
 R-3   The report number is well formed, and names the signer's province and the China day of issue.
 R-4   The rules' versions are known here.
 R-5   The embedded catalogue file has the digest that the report names, and is one that was served on the China day of issue.
 R-6   Subject and window make sense; the cells are in the catalogue, in its order, none twice.
 R-7   There is one answer for each province of the catalogue, in ascending order.
 R-8   Each query was signed by the same home, was addressed to that province, and asks what the report says was asked.
 R-9   Each coverage statement is that province's and speaks of the catalogue.
 R-10  Each fragment is admitted again (contract/admission.py) as of the issue time.
 R-11  The merge, made again, equals the stated columns, repeated decisions and conclusion; nothing in it keeps the report open.
 R-12  A report by a catalogue with unverified entries says that it is a specimen.

What this cannot tell: whether the report was superseded or revoked since. That is a status, asked of a gateway.

Source: docs/protocols/report-verification.md
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar

from google.protobuf.message import Message

from contract import admission, merge, report_number
from contract.admission import AdmissionError, cell_key
from contract.catalogue import Catalogue, CatalogueError, CatalogueSet
from contract.days import DayRange, china_day
from contract.outcome import Admitted, Question, Refused
from contract.payloads import QUERY, REPORT, PayloadError, parse
from contract.province import Province
from contract.subject import require_sound_subject
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_pb2
from signing import EnvelopeError, VerificationError, VerifiedPayload, Verifier


class ReportFault(StrEnum):
    """Why a report does not verify. The order is that of the list."""

    ENVELOPE_NOT_STRICT = "ENVELOPE_NOT_STRICT"
    SIGNATURE_NOT_ACCEPTED = "SIGNATURE_NOT_ACCEPTED"
    PAYLOAD_MALFORMED = "PAYLOAD_MALFORMED"
    NUMBER_WRONG = "NUMBER_WRONG"
    RULES_UNKNOWN = "RULES_UNKNOWN"
    CATALOGUE_WRONG = "CATALOGUE_WRONG"
    CATALOGUE_NOT_KNOWN = "CATALOGUE_NOT_KNOWN"
    REQUEST_MALFORMED = "REQUEST_MALFORMED"
    ANSWERS_INCOMPLETE = "ANSWERS_INCOMPLETE"
    QUERY_DIFFERS = "QUERY_DIFFERS"
    COVERAGE_NOT_ADMITTED = "COVERAGE_NOT_ADMITTED"
    FRAGMENT_NOT_ADMITTED = "FRAGMENT_NOT_ADMITTED"
    NOT_SEALABLE = "NOT_SEALABLE"
    MERGE_DIFFERS = "MERGE_DIFFERS"
    SPECIMEN_NOT_MARKED = "SPECIMEN_NOT_MARKED"


class ReportError(ValueError):
    """A report does not verify.

    Attributes:
        fault: The rule that it breaks, by name.
        province: The province whose part breaks it, where it is one.
        detail: What exactly; for people who know the protocol.
    """

    def __init__(self, fault: ReportFault, detail: str, province: Province | None = None) -> None:
        self.fault = fault
        self.province = province
        self.detail = detail
        where = f"{province.slug}: " if province else ""
        super().__init__(f"{fault}: {where}{detail}")


@dataclass(frozen=True, slots=True)
class CheckedReport:
    """A report that verifies. Made by `check_report` only.

    Attributes:
        statement: The report's statement, with the signer's key.
        report: What it says.
        catalogue: The catalogue it was made by.
        admitted: The admitted fragments, in ascending province number.
    """

    statement: VerifiedPayload
    report: report_pb2.Report
    catalogue: Catalogue
    admitted: tuple[Admitted, ...]

    @property
    def issued_at(self) -> datetime:
        """出具时间."""
        return self.statement.issued_at


def check_report(envelope: bytes, *, verifier: Verifier, catalogues: CatalogueSet) -> CheckedReport:
    """Applies R-1 to R-12.

    Raises:
        ReportError: The first rule that is broken.
    """
    statement = _verified(envelope, REPORT, verifier=verifier, fault=ReportFault.SIGNATURE_NOT_ACCEPTED)
    if statement.signer.role != envelope_pb2.MEMBER_ROLE_GATEWAY:
        raise ReportError(ReportFault.SIGNATURE_NOT_ACCEPTED, "the signer is no gateway")
    report = _parsed(statement, report_pb2.Report, ReportFault.PAYLOAD_MALFORMED)
    _require_number(report, statement)
    if (report.rules.admission, report.rules.merge) != (admission.VERSION, merge.VERSION):
        raise ReportError(ReportFault.RULES_UNKNOWN, f"admission {report.rules.admission}, merge {report.rules.merge}")
    catalogue = _catalogue(report, catalogues, statement)
    _require_sound_request(report, catalogue, statement)
    provinces = [answer.province for answer in report.answers]
    if provinces != [province.wire for province in catalogue.provinces]:
        raise ReportError(ReportFault.ANSWERS_INCOMPLETE, f"expected one answer of each province, got {provinces}")
    admitted = tuple(
        _admitted_again(answer, report, statement, catalogue=catalogue, verifier=verifier) for answer in report.answers
    )
    _require_same_merge(report, catalogue, admitted)
    if catalogue.unverified and not report.specimen:
        raise ReportError(ReportFault.SPECIMEN_NOT_MARKED, f"{len(catalogue.unverified)} entries are not verified")
    return CheckedReport(statement, report, catalogue, admitted)


_M = TypeVar("_M", bound=Message)

_REQUESTED: Final = ("subject", "window", "cells", "catalogue", "purpose", "request_id")
"""Fields that every embedded query shares with the report."""


def _verified(
    envelope: bytes,
    payload_type: str,
    *,
    verifier: Verifier,
    fault: ReportFault,
    province: Province | None = None,
) -> VerifiedPayload:
    try:
        return verifier.verify(envelope, expect=frozenset({payload_type}))
    except EnvelopeError as error:
        broken = fault if province else ReportFault.ENVELOPE_NOT_STRICT
        raise ReportError(broken, str(error), province) from error
    except VerificationError as error:
        raise ReportError(fault, str(error), province) from error


def _parsed(
    statement: VerifiedPayload, message_type: type[_M], fault: ReportFault, province: Province | None = None
) -> _M:
    try:
        return parse(statement, message_type)
    except PayloadError as error:
        raise ReportError(fault, str(error), province) from error


def _require_number(report: report_pb2.Report, statement: VerifiedPayload) -> None:
    try:
        number = report_number.check(report.report_number)
    except ValueError as error:
        raise ReportError(ReportFault.NUMBER_WRONG, str(error)) from error
    if number.province != statement.signer.member or number.day != china_day(statement.issued_at):
        raise ReportError(ReportFault.NUMBER_WRONG, "it names another province or another day than the signature")


def _catalogue(report: report_pb2.Report, catalogues: CatalogueSet, statement: VerifiedPayload) -> Catalogue:
    try:
        catalogue = Catalogue.parse(report.catalogue_file)
    except CatalogueError as error:
        raise ReportError(ReportFault.CATALOGUE_WRONG, str(error)) from error
    if catalogue.ref != report.catalogue:
        raise ReportError(ReportFault.CATALOGUE_WRONG, "the file is not the one that the report names")
    if catalogues.served(catalogue.ref, china_day(statement.issued_at)) is None:
        raise ReportError(ReportFault.CATALOGUE_NOT_KNOWN, f"version {catalogue.version}")
    return catalogue


def _require_sound_request(report: report_pb2.Report, catalogue: Catalogue, statement: VerifiedPayload) -> None:
    try:
        require_sound_subject(report.subject)
        window = DayRange.from_wire(report.window)
    except ValueError as error:
        raise ReportError(ReportFault.REQUEST_MALFORMED, str(error)) from error
    if not window.within_limit or window.last > china_day(statement.issued_at):
        raise ReportError(ReportFault.REQUEST_MALFORMED, "the window is too long or ends in the future")
    asked = [cell_key(key) for key in report.cells]
    if asked != [key for key in catalogue.cells if key in set(asked)]:
        raise ReportError(ReportFault.REQUEST_MALFORMED, "the cells are not the catalogue's, in its order, each once")


def _admitted_again(
    answer: report_pb2.Answer,
    report: report_pb2.Report,
    statement: VerifiedPayload,
    *,
    catalogue: Catalogue,
    verifier: Verifier,
) -> Admitted:
    province = Province(answer.province)
    question = _question(answer, report, statement, verifier)
    try:
        coverage = admission.open_coverage(
            answer.coverage_envelope, province=province, catalogue=catalogue, verifier=verifier
        )
    except AdmissionError as error:
        raise ReportError(ReportFault.COVERAGE_NOT_ADMITTED, str(error), province) from error
    try:
        opened = admission.open_answer(answer.fragment_envelope, question=question, verifier=verifier)
        if isinstance(opened, Refused):
            raise ReportError(ReportFault.FRAGMENT_NOT_ADMITTED, "a refusal stands where a fragment should", province)
        return admission.admit(opened, catalogue=catalogue, coverage=coverage, at=statement.issued_at)
    except AdmissionError as error:
        raise ReportError(ReportFault.FRAGMENT_NOT_ADMITTED, str(error), province) from error


def _question(
    answer: report_pb2.Answer, report: report_pb2.Report, statement: VerifiedPayload, verifier: Verifier
) -> Question:
    province = Province(answer.province)
    verified = _verified(
        answer.query_envelope, QUERY, verifier=verifier, fault=ReportFault.QUERY_DIFFERS, province=province
    )
    query = _parsed(verified, query_pb2.Query, ReportFault.QUERY_DIFFERS, province)
    signer = verified.signer
    if signer.member != statement.signer.member or signer.role != envelope_pb2.MEMBER_ROLE_GATEWAY:
        raise ReportError(ReportFault.QUERY_DIFFERS, "another member signed the query", province)
    if query.addressee != answer.province:
        raise ReportError(ReportFault.QUERY_DIFFERS, "the query is addressed to another province", province)
    if verified.issued_at > statement.issued_at:
        raise ReportError(ReportFault.QUERY_DIFFERS, "the query is younger than the report", province)
    for field in _REQUESTED:
        if getattr(query, field) != getattr(report, field):
            raise ReportError(ReportFault.QUERY_DIFFERS, field, province)
    return Question(query, verified.statement_id, verified.envelope)


def _require_same_merge(report: report_pb2.Report, catalogue: Catalogue, admitted: tuple[Admitted, ...]) -> None:
    merged = merge.merge(report.cells, catalogue.provinces, admitted)
    if merged.conclusion is None:
        gap = merged.gaps[0]
        raise ReportError(ReportFault.NOT_SEALABLE, f"{gap.key.domain} was not answered", gap.province)
    if list(report.columns) != list(merged.columns):
        raise ReportError(ReportFault.MERGE_DIFFERS, "columns")
    if list(report.repeated_decisions) != list(merged.repeated_decisions):
        raise ReportError(ReportFault.MERGE_DIFFERS, "repeated_decisions")
    if report.conclusion != merged.conclusion:
        raise ReportError(ReportFault.MERGE_DIFFERS, "conclusion")
