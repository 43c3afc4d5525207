"""The JSON form is exactly what its published schema declares, and holds the statement and every printed word."""

from __future__ import annotations

import base64
import copy
import json
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from contract.document import Json, document
from contract.merge import SEALING_STATES
from contract.province import Province
from contract.report_check import CheckedReport, check_report
from contract.report_json import FORMAT, render, schema
from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import fragment_pb2, query_pb2, record_pb2
from huren.report.v1 import report_pb2
from tests.contract.test_document import reports
from tests.support.federation import Federation
from tests.support.reports import EXAMPLES, asked, example, many

SCHEMA = schema()
VALIDATOR = Draft202012Validator(SCHEMA)


@cache
def rendered(name: str) -> Json:
    return render(example(name))


def faults(form: Json) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(form)]


# --- The form --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_kind_of_report_is_what_the_schema_declares(name: str) -> None:
    assert faults(rendered(name)) == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(reports())
def test_any_report_is_what_the_schema_declares_and_survives_being_written_and_read(report: CheckedReport) -> None:
    form = render(report)
    assert faults(form) == []
    assert json.loads(json.dumps(form, ensure_ascii=False)) == form
    assert form["printed"] == document(report)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_statement_in_the_form_is_the_report_and_renders_to_the_form(name: str) -> None:
    form = rendered(name)
    envelope = base64.b64decode(form["statement"], validate=True)
    assert envelope == example(name).statement.envelope
    # Keys of the tests' federations are made from fixed seeds, so that any of them verifies.
    federation = Federation()
    again = check_report(envelope, verifier=federation.verifier, catalogues=federation.catalogues)
    assert render(again) == form


def test_codes_and_words_tell_the_same() -> None:
    form = rendered("found")
    report = example("found").report
    assert (form["format"], form["report_number"], form["home"]) == (FORMAT, report.report_number, "beijing")
    assert form["conclusion"]["sentence"] == form["printed"]["front"]["conclusion"]["text"]
    assert (form["title"], form["specimen"]) == (form["printed"]["title"], form["printed"]["specimen"])
    cell = form["matrix"][0]["cells"]["beijing"]
    assert cell == {"state": "found", "words": "2条", "records": 2}
    assert form["printed"]["overview"]["tables"][0]["rows"][0]["cells"][0]["words"] == cell["words"]
    first = form["provinces"][0]["records"][0]
    assert first["amounts"][0] == {"kind": "fine", "fen": 1_234_560, "yuan": "12,345.60"}
    assert first["marks"][0] == {"mark": "publicity_ended", "on": "2025-03-01"}
    assert first["facts"] == {"text": "示例违法事实", "masking": "partial"}


def test_a_record_tells_until_when_its_origin_discloses_it() -> None:
    changed = [
        record for province in render(_disclosed_until("2027-01-31"))["provinces"] for record in province["records"]
    ]
    assert [record["disclosed_until"] for record in changed] == ["2027-01-31"]


def _disclosed_until(day: str) -> CheckedReport:
    def change(_province: Province, fragment: fragment_pb2.Fragment) -> None:
        for cell in fragment.cells:
            for record in cell.records:
                record.disclosed_until = day

    return asked(many(1), fragments=change)


def test_a_report_of_five_hundred_records_takes_less_than_a_second() -> None:
    report = example("many")
    began = time.process_time()
    render(report)
    assert time.process_time() - began < 1


# --- The schema ------------------------------------------------------------------------------------------------------


def test_the_schema_is_one_and_says_what_it_is() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["title"]
    assert SCHEMA["description"]
    assert SCHEMA["properties"]["format"] == {"const": FORMAT}


def _objects(node: Any) -> Iterator[Json]:
    if isinstance(node, dict):
        if node.get("type") == "object":
            yield node
        for value in node.values():
            yield from _objects(value)
    elif isinstance(node, list):
        for value in node:
            yield from _objects(value)


def test_no_object_of_the_schema_is_open() -> None:
    for one in _objects(SCHEMA):
        if "properties" in one:
            assert one["additionalProperties"] is False
            assert set(one["properties"]) - set(one["required"]) <= {"specimen"}
        else:  # keys are provinces
            assert one["propertyNames"] == {"$ref": "#/$defs/province"}


def _at(path: str) -> Any:
    node: Any = SCHEMA
    for part in path.split("/"):
        node = node[part]
    return node


RECORD = "$defs/penalty/properties"


@pytest.mark.parametrize(
    ("path", "enum", "prefix", "without"),
    [
        ("$defs/kind", common_pb2.RecordKind, "RECORD_KIND_", ()),
        ("properties/subject/properties/kind", common_pb2.SubjectKind, "SUBJECT_KIND_", ()),
        (
            "properties/subject/properties/registration_status",
            common_pb2.RegistrationStatus,
            "REGISTRATION_STATUS_",
            ("cancelled",),
        ),
        ("properties/subject/properties/home_basis", common_pb2.HomeBasis, "HOME_BASIS_", ()),
        ("properties/purpose", query_pb2.Purpose, "PURPOSE_", ()),
        ("properties/conclusion/properties/verdict", report_pb2.Verdict, "VERDICT_", ()),
        ("properties/signed_by/properties/suite", envelope_pb2.Suite, "SUITE_", ()),
        ("$defs/text/properties/masking", record_pb2.Masking, "MASKING_", ()),
        ("$defs/performance/properties/state", record_pb2.PerformanceState, "PERFORMANCE_STATE_", ()),
        ("$defs/mark/properties/mark", record_pb2.MarkKind, "MARK_KIND_", ()),
        ("$defs/amount/properties/kind", record_pb2.AmountKind, "AMOUNT_KIND_", ()),
        (f"{RECORD}/procedure", record_pb2.Procedure, "PROCEDURE_", ()),
        (f"{RECORD}/categories/items", record_pb2.PenaltyCategory, "PENALTY_CATEGORY_", ()),
        (
            "$defs/province_answer/properties/disclosure/properties/basis",
            fragment_pb2.DisclosureBasis,
            "DISCLOSURE_BASIS_",
            (),
        ),
    ],
)
def test_the_schema_names_the_values_of_the_contract(path: str, enum: Any, prefix: str, without: Any) -> None:
    declared = {name.removeprefix(prefix).lower() for name, number in enum.items() if number}
    assert set(_at(path)["enum"]) == declared - set(without)


def test_the_schema_names_the_states_that_seal_and_the_provinces() -> None:
    names = {fragment_pb2.CellState.Name(state).removeprefix("CELL_STATE_").lower() for state in SEALING_STATES}
    assert set(_at("$defs/cell/properties/state/enum")) == names
    assert set(_at("$defs/province/enum")) == {province.slug for province in Province}


MUTATIONS: dict[str, Callable[[Json], object]] = {
    "another-format": lambda form: form.update(format="huren-report-json/1"),
    "something-added": lambda form: form.update(note=""),
    "something-added-deep": lambda form: form["printed"]["front"].update(note=""),
    "something-added-to-a-record": lambda form: form["provinces"][0]["records"][0].update(score=100),
    "no-statement": lambda form: form.pop("statement"),
    "statement-no-base64": lambda form: form.update(statement="***"),
    "no-conclusion": lambda form: form.pop("conclusion"),
    "no-printed-part": lambda form: form.pop("printed"),
    "printed-part-without-a-section": lambda form: form["printed"].pop("objection"),
    "a-line-without-its-note": lambda form: form["printed"]["front"]["fields"][0].pop("note"),
    "unknown-verdict": lambda form: form["conclusion"].update(verdict="good"),
    "unknown-state": lambda form: form["matrix"][0]["cells"]["beijing"].update(state="source_unavailable"),
    "unknown-province": lambda form: form["matrix"][0]["cells"].update(utopia=form["matrix"][0]["cells"]["hebei"]),
    "a-count-below-zero": lambda form: form["conclusion"].update(penalties=-1),
    "a-count-with-a-fraction": lambda form: form["conclusion"].update(penalties=0.5),
    "a-count-as-text": lambda form: form["conclusion"].update(penalties="0"),
    "a-number-for-a-boolean": lambda form: form["conclusion"].update(limited_scope=0),
    "a-day-as-people-write-it": lambda form: form["window"].update(first_day="2021年11月22日"),
    "an-instant-without-offset": lambda form: form.update(issued_at="2026-11-22T10:30:00"),
    "a-number-of-another-form": lambda form: form.update(report_number="1"),
    "a-code-in-lower-case": lambda form: form["subject"].update(uscc=form["subject"]["uscc"].lower()),
    "an-empty-specimen-mark": lambda form: form.update(specimen=""),
    "money-with-a-fraction-of-a-fen": lambda form: form["provinces"][0]["records"][0]["amounts"][0].update(fen=0.5),
    "a-record-of-no-kind": lambda form: form["provinces"][0]["records"][0].update(kind="other"),
    "a-penalty-as-a-list-entry": lambda form: form["provinces"][0]["records"][0].update(kind="serious_list"),
    "facts-without-their-masking": lambda form: form["provinces"][0]["records"][0]["facts"].pop("masking"),
    "one-table-instead-of-two": lambda form: form["printed"]["overview"]["tables"].pop(),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_what_is_not_declared_does_not_fit_the_schema(name: str) -> None:
    form = copy.deepcopy(rendered("found"))
    MUTATIONS[name](form)
    assert faults(form) != []


def _places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of everything that an object of the form holds by a declared name."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield (*path, key)
            yield from _places(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _places(value, (*path, index))


_BY_PROVINCE = {province.slug for province in Province}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_nothing_that_is_required_can_be_left_out(data: st.DataObject) -> None:
    form = copy.deepcopy(rendered("repeated"))
    *path, key = data.draw(
        st.sampled_from([path for path in _places(form) if path[-1] not in {"specimen", *_BY_PROVINCE}])
    )
    holder: Any = form
    for part in path:
        holder = holder[part]
    del holder[key]
    assert next(VALIDATOR.iter_errors(form), None) is not None


def test_a_report_that_is_no_specimen_has_no_mark() -> None:
    form = {key: value for key, value in rendered("clear").items() if key != "specimen"}
    assert faults(form) == []
