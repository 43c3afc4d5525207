"""Every code and every rule that can reach a person has words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from contract.errors import NOT_KNOWN, ErrorCode, HurenError
from contract.outcome import InadmissibleReason, UnavailableReason
from contract.reasons import (
    CELL_REASONS,
    ENVELOPE_FAULTS,
    FIELDS,
    OUTCOME_REASONS,
    REFUSAL_REASONS,
    REVOCATION_WORDS,
    Words,
    broken,
    refusal_code,
    refusal_words,
    rule_words,
)
from huren.fragment.v1 import adapter_service_pb2, fragment_pb2, refusal_pb2
from huren.report.v1 import report_service_pb2, report_status_pb2
from huren.status.v1 import status_service_pb2
from signing import EnvelopeFault

SERVICES = [
    service
    for module in (adapter_service_pb2, report_service_pb2, status_service_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
]
REQUESTS = [method.input_type for service in SERVICES for method in service.methods]


@pytest.mark.parametrize(
    ("table", "codes"),
    [
        pytest.param(CELL_REASONS, set(fragment_pb2.UnavailableReason.values()) - {0}, id="cells"),
        pytest.param(OUTCOME_REASONS, {*UnavailableReason, *InadmissibleReason}, id="outcomes"),
        pytest.param(REFUSAL_REASONS, set(refusal_pb2.RefusalReason.values()) - {0}, id="refusals"),
        pytest.param(REVOCATION_WORDS, set(report_status_pb2.RevocationCategory.values()) - {0}, id="revocations"),
        pytest.param(ENVELOPE_FAULTS, set(EnvelopeFault), id="envelopes"),
    ],
)
def test_every_code_has_words_in_both_languages(table: Mapping[object, Words], codes: set[object]) -> None:
    assert set(table) == codes
    for words in table.values():
        assert any("\u4e00" <= char <= "\u9fff" for char in words.zh)
        assert not any(char.isascii() and char.isalpha() for char in words.zh)
        assert words.en.isascii()


def test_no_code_means_two_things() -> None:
    assert not {str(code) for code in UnavailableReason} & {str(code) for code in InadmissibleReason}
    assert refusal_words("CLOCK_SKEW") == REFUSAL_REASONS[refusal_pb2.REFUSAL_REASON_CLOCK_SKEW]
    assert refusal_words("NONE_SUCH") is None
    assert refusal_code(99) == "REFUSAL_REASON_99"


def _fields(message: Descriptor, before: str = "") -> Iterator[tuple[str, FieldDescriptor]]:
    for field in message.fields:
        yield before + field.name, field
        if field.message_type and field.message_type.full_name.startswith("huren."):
            yield from _fields(field.message_type, f"{before}{field.name}.")


def _rules(rules: Message, before: str = "") -> Iterator[str]:
    for field, value in rules.ListFields():
        if field.name == "items":
            yield from _rules(value)
        elif field.message_type and not field.is_repeated:
            yield from _rules(value, f"{field.name}.")
        elif field.name != "ignore":
            yield before + field.name


def test_every_field_and_rule_of_a_request_has_words() -> None:
    fields = {path: field for request in REQUESTS for path, field in _fields(request)}
    declared = validate_pb2.field  # type: ignore[attr-defined]  # its stub names no extension
    constraints = {path: field.GetOptions().Extensions[declared] for path, field in fields.items()}
    rules = {rule for constraint in constraints.values() for rule in _rules(constraint)}

    assert {"string.pattern", "repeated.unique", "enum.defined_only"} <= rules
    assert [path for path in fields if path not in FIELDS] == []
    assert [rule for rule in rules if rule_words(rule).zh == rule_words("none.such").zh] == []


def test_a_broken_rule_is_told_in_words() -> None:
    assert broken("domains", "string.pattern") == (
        "“领域”格式不符",
        "domains does not have the required form (string.pattern)",
    )
    assert broken("", "none.such") == ("请求取值不符合规定", "the request breaks its rule (none.such)")


def test_a_wrong_day_is_named() -> None:
    error = HurenError(ErrorCode.WINDOW_MALFORMED, field="window.last_day", problem="window.last_day")
    assert "截止日期" in error.message_zh
    assert "last day" in error.message_en
    assert "window." not in error.message_zh + error.message_en


def test_a_cancellation_without_a_date_has_a_sentence_of_its_own() -> None:
    dated = HurenError(ErrorCode.SUBJECT_CANCELLED, date="2025-01-06")
    undated = HurenError(ErrorCode.SUBJECT_CANCELLED, date=NOT_KNOWN)
    assert "已于2025-01-06注销" in dated.message_zh
    assert NOT_KNOWN not in undated.message_zh + undated.message_en
    assert "未载明注销日期" in undated.message_zh


@pytest.mark.parametrize("fault", EnvelopeFault)
def test_an_unreadable_envelope_is_told_in_words(fault: EnvelopeFault) -> None:
    error = HurenError(ErrorCode.ENVELOPE_UNREADABLE, problem=fault)
    assert fault not in error.message_zh
    assert ENVELOPE_FAULTS[fault].zh in error.message_zh
