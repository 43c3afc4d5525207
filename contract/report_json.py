"""The JSON form of a report: codes for machines, words for people, and the statement itself.

    printed      every word of the report, as on its pages (contract/document)
    statement    the signed statement, base64
    the others   the same facts as codes, numbers and instants; texts as the records have them

The statement is what counts. All else is derived from it and from nothing else, so that a verifier renders it again and compares:
`render(check_report(statement))` must equal the file. It decides nothing and adds nothing. The form is declared by the published
schema (`schema`), and strictly: what is not declared does not occur.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib import resources
from typing import Final

from contract.days import CHINA, from_timestamp
from contract.document import Json, document
from contract.money import Fen, format_yuan
from contract.outcome import Admitted
from contract.province import Province
from contract.report_check import CheckedReport
from contract.wording import CELL_WORDS, SPECIMEN, TITLE, conclusion_sentence
from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import coverage_pb2, fragment_pb2, query_pb2, record_pb2
from huren.report.v1 import report_pb2

FORMAT: Final = "huren-report-json/2"

_SCHEMA: Final = "huren-report-json-2.schema.json"


def schema() -> Json:
    """The published JSON Schema (draft 2020-12) of the form; the file stands in contract/data/schemas."""
    file = resources.files("contract") / "data" / "schemas" / _SCHEMA
    content: Json = json.loads(file.read_text("utf-8"))
    return content


def render(checked: CheckedReport) -> Json:
    """Renders a report that verifies: the same report gives the same values.

    Args:
        checked: The report.

    Returns:
        Plain JSON values, valid by `schema`.

    Raises:
        KeyError, ValueError: A value that this release does not know. A checked report holds none.
    """
    report = checked.report
    form: Json = {"format": FORMAT, "title": TITLE}
    if report.specimen:
        form["specimen"] = SPECIMEN
    form |= {
        "report_number": report.report_number,
        "issued_at": _china_time(checked.issued_at),
        "issuer": _contact(report.issuer),
        "home": Province(checked.statement.signer.member).slug,
        "subject": _subject(report.subject),
        "window": {"first_day": report.window.first_day, "last_day": report.window.last_day},
        "purpose": _short(query_pb2.Purpose.Name(report.purpose), "PURPOSE_"),
        "catalogue": {"version": report.catalogue.version, "sha256": report.catalogue.digest.hex()},
        "conclusion": _conclusion(checked),
        "matrix": list(_matrix(checked)),
        "not_covered": list(_not_covered(checked)),
        "provinces": [_province(one) for one in checked.admitted],
        "repeated_decisions": [_repeated(one) for one in report.repeated_decisions],
        "rules": {"admission": report.rules.admission, "merge": report.rules.merge},
        "statement_id": checked.statement.statement_id.hex(),
        "signed_by": {
            "keyid": checked.statement.signer.keyid,
            "suite": _short(
                envelope_pb2.Suite.Name(envelope_pb2.Suite.ValueType(checked.statement.signer.suite)), "SUITE_"
            ),
        },
        "printed": document(checked),
        "statement": base64.b64encode(checked.statement.envelope).decode("ascii"),
    }
    return form


def _subject(subject: common_pb2.Subject) -> Json:
    return {
        "uscc": subject.uscc,
        "name": subject.name,
        "kind": _short(common_pb2.SubjectKind.Name(subject.kind), "SUBJECT_KIND_"),
        "registration_status": _short(
            common_pb2.RegistrationStatus.Name(subject.registration_status), "REGISTRATION_STATUS_"
        ),
        "home_basis": _short(common_pb2.HomeBasis.Name(subject.home_basis), "HOME_BASIS_"),
        "former_names": [
            identifier.value
            for identifier in subject.identifiers
            if identifier.kind == common_pb2.IDENTIFIER_KIND_FORMER_NAME
        ],
    }


def _conclusion(checked: CheckedReport) -> Json:
    conclusion = checked.report.conclusion
    return {
        "sentence": conclusion_sentence(checked.report, checked.catalogue),
        "verdict": _short(report_pb2.Verdict.Name(conclusion.verdict), "VERDICT_"),
        "limited_scope": conclusion.limited,
        "penalties": conclusion.penalty_count,
        "list_entries": conclusion.list_entry_count,
        "under_objection": conclusion.under_objection_count,
    }


def _matrix(checked: CheckedReport) -> Iterator[Json]:
    report = checked.report
    for position, key in enumerate(report.cells):
        cells = {}
        for column in report.columns:
            state, count = column.states[position], column.record_counts[position]
            cells[Province(column.province).slug] = {
                "state": _short(fragment_pb2.CellState.Name(state), "CELL_STATE_"),
                "words": CELL_WORDS[state].format(n=count),
                "records": count,
            }
        yield {
            "domain": key.domain,
            "name": checked.catalogue.domain_by_id[key.domain].name,
            "kind": _kind(key.kind),
            "cells": cells,
        }


def _not_covered(checked: CheckedReport) -> Iterator[Json]:
    for one in checked.admitted:
        coverage = {(entry.key.domain, entry.key.kind): entry for entry in one.coverage.coverage.cells}
        for cell in one.fragment.cells:
            if cell.state == fragment_pb2.CELL_STATE_NOT_COVERED:
                entry = coverage[cell.key.domain, cell.key.kind]
                yield {
                    "province": one.province.slug,
                    "domain": cell.key.domain,
                    "kind": _kind(cell.key.kind),
                    "department": _contact(entry.department),
                    "complete_from": entry.complete_from,
                }


def _province(one: Admitted) -> Json:
    rules = one.fragment.disclosure
    return {
        "province": one.province.slug,
        "name": one.province.name_zh,
        "issuer": _contact(one.coverage.coverage.issuer),
        "fragment": one.statement.statement_id.hex(),
        "issued_at": _china_time(one.statement.issued_at),
        "disclosure": {
            "basis": _short(fragment_pb2.DisclosureBasis.Name(rules.basis), "DISCLOSURE_BASIS_"),
            "includes_summary_procedure": rules.includes_summary_procedure,
            "version": rules.version,
        },
        "sources": list(_sources(one)),
        "records": list(_records(one)),
    }


def _sources(one: Admitted) -> Iterator[Json]:
    coverage: Mapping[tuple[str, int], coverage_pb2.CellCoverage] = {
        (entry.key.domain, entry.key.kind): entry for entry in one.coverage.coverage.cells
    }
    for cell in one.fragment.cells:
        entry = coverage.get((cell.key.domain, cell.key.kind))
        if entry is None or not cell.HasField("data_as_of"):
            continue
        yield {
            "domain": cell.key.domain,
            "kind": _kind(cell.key.kind),
            "department": _contact(entry.department),
            "data_as_of": _china_time(from_timestamp(cell.data_as_of)),
            "supply_lag_working_days": entry.supply_lag_working_days,
        }


def _records(one: Admitted) -> Iterator[Json]:
    for cell in one.fragment.cells:
        for record in cell.records:
            yield {"domain": cell.key.domain, "kind": _kind(cell.key.kind), **_record(record)}


def _record(record: record_pb2.Record) -> Json:
    fact = _penalty(record.penalty) if record.WhichOneof("fact") == "penalty" else _list_entry(record.list_entry)
    return {
        "record_id": record.record_id,
        "revision": record.revision,
        **fact,
        "further_domains": list(record.further_domains),
        "marks": [
            {"mark": _short(record_pb2.MarkKind.Name(mark.kind), "MARK_KIND_"), "on": mark.on} for mark in record.marks
        ],
        "source_unit": record.source_unit,
        "collected_at": _china_time(from_timestamp(record.collected_at)),
        "replaces": record.replaces,
        "disclosed_until": record.disclosed_until,
    }


def _penalty(penalty: record_pb2.Penalty) -> Json:
    return {
        "document_number": penalty.document_number,
        "authority": penalty.authority.name,
        "decided_on": penalty.decided_on,
        "procedure": _short(record_pb2.Procedure.Name(penalty.procedure), "PROCEDURE_"),
        "violation_type": _text(penalty.violation_type),
        "facts": _text(penalty.facts),
        "legal_basis": _text(penalty.legal_basis),
        "categories": [
            _short(record_pb2.PenaltyCategory.Name(category), "PENALTY_CATEGORY_") for category in penalty.categories
        ],
        "content": _text(penalty.content),
        "amounts": [
            {
                "kind": _short(record_pb2.AmountKind.Name(amount.kind), "AMOUNT_KIND_"),
                "fen": amount.fen,
                "yuan": format_yuan(Fen(amount.fen)),
            }
            for amount in penalty.amounts
        ],
        "licence": _text(penalty.licence) if penalty.HasField("licence") else None,
        "valid_until": penalty.valid_until,
        "publicity_until": penalty.publicity_until,
        "performance": _performance(penalty.performance),
    }


def _list_entry(entry: record_pb2.ListEntry) -> Json:
    return {
        "list": entry.list_id,
        "name_when_listed": entry.name_when_listed,
        "document_number": entry.document_number,
        "authority": entry.authority.name,
        "reason": _text(entry.reason),
        "listed_on": entry.listed_on,
        "removed_on": entry.removed_on,
        "planned_end_on": entry.planned_end_on,
        "performance": _performance(entry.performance),
    }


def _repeated(repeated: report_pb2.RepeatedDecision) -> Json:
    return {
        "province": Province(repeated.province).slug,
        "records": [{"cell": reference.cell, "record": reference.record} for reference in repeated.records],
        "conflicting": repeated.conflicting,
    }


def _performance(performance: record_pb2.Performance) -> Json:
    state = _short(record_pb2.PerformanceState.Name(performance.state), "PERFORMANCE_STATE_")
    return {"state": state, "performed_on": performance.performed_on}


def _text(text: record_pb2.FreeText) -> Json:
    return {"text": text.text, "masking": _short(record_pb2.Masking.Name(text.masking), "MASKING_")}


def _contact(contact: common_pb2.Contact) -> Json:
    return {"unit": contact.unit, "telephone": contact.telephone, "url": contact.url}


def _kind(kind: common_pb2.RecordKind.ValueType) -> str:
    return _short(common_pb2.RecordKind.Name(kind), "RECORD_KIND_")


def _short(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower()


def _china_time(at: datetime) -> str:
    return at.astimezone(CHINA).isoformat(timespec="seconds")
