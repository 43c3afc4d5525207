"""The error table: complete, bilingual, fit for the wire, and filled by everybody who raises from it."""

from __future__ import annotations

import ast
import string
from datetime import timedelta
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration

from contract.errors import ERROR_TABLE, ErrorCode, ErrorRow, HurenError, Origin, Retry
from contract.payloads import check_constraints
from contract.province import Province
from huren.common.v1 import common_pb2, error_pb2

ROOT = Path(__file__).parents[2]

HTTP_OF_GRPC = {
    3: {400},  # INVALID_ARGUMENT
    5: {404},  # NOT_FOUND
    6: {409},  # ALREADY_EXISTS
    7: {403},  # PERMISSION_DENIED
    8: {413, 429},  # RESOURCE_EXHAUSTED
    9: {409, 421, 422, 503},  # FAILED_PRECONDITION
    10: {409},  # ABORTED
    12: {404, 501},  # UNIMPLEMENTED
    13: {500},  # INTERNAL
    14: {503},  # UNAVAILABLE
    16: {401},  # UNAUTHENTICATED
}
"""Which HTTP statuses say the same as a gRPC status (google.rpc.Code; RFC 9110)."""

OF_THE_ERROR = {"province", "field", "retry_after", "contact"}
"""Keyword arguments of HurenError that are no parameters of the sentences."""

every_row = pytest.mark.parametrize(
    ("code", "row"), [pytest.param(code, row, id=code.value) for code, row in ERROR_TABLE.items()]
)


def _parameters(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def _error(code: ErrorCode, value: object = "示例 example") -> HurenError:
    row = ERROR_TABLE[code]
    return HurenError(code, **dict.fromkeys(_parameters(row.zh) | _parameters(row.en), value))  # type: ignore[arg-type]


def test_every_code_has_a_row_in_the_order_of_the_codes() -> None:
    assert list(ERROR_TABLE) == list(ErrorCode)


def test_codes_are_unique_and_spelled_as_they_are_named() -> None:
    assert [code.value for code in ErrorCode] == list(ErrorCode.__members__)


@every_row
def test_every_row_says_it_in_chinese_and_in_english(code: ErrorCode, row: ErrorRow) -> None:
    error = _error(code)

    assert any("\u4e00" <= character <= "\u9fff" for character in row.zh)
    assert row.en.isascii()
    assert "{" not in error.message_zh + error.message_en
    assert row.zh.endswith(("。", "}"))
    assert row.en.endswith((".", "}"))


@every_row
def test_both_sentences_tell_the_same_things(code: ErrorCode, row: ErrorRow) -> None:
    def without_language(names: set[str]) -> set[str]:
        return {name.removesuffix("_zh").removesuffix("_en") for name in names}

    assert without_language(_parameters(row.zh)) == without_language(_parameters(row.en)), code
    assert not any(name.endswith("_en") for name in _parameters(row.zh))
    assert not any(name.endswith("_zh") for name in _parameters(row.en))


@every_row
def test_every_row_fits_the_wire(code: ErrorCode, row: ErrorRow) -> None:
    detail = _error(code).to_wire()

    check_constraints(detail)
    assert detail.code == code
    assert detail.origin == error_pb2.ErrorOrigin.Value(f"ERROR_ORIGIN_{row.origin.name}")
    assert detail.retry == error_pb2.ErrorRetry.Value(f"ERROR_RETRY_{row.retry.name}")
    assert not detail.province
    assert not detail.HasField("retry_after")
    assert not detail.HasField("contact")


@every_row
def test_statuses_of_grpc_and_http_say_the_same(code: ErrorCode, row: ErrorRow) -> None:
    assert row.http_status in HTTP_OF_GRPC[row.grpc_status], code


@every_row
def test_who_is_at_fault_fits_the_status(code: ErrorCode, row: ErrorRow) -> None:
    is_ours = row.http_status >= 500 and row.http_status != 501

    assert row.origin is not Origin.PROVINCE, "a province that fails is an outcome"
    assert not is_ours or (row.origin, row.retry) == (Origin.HOME, Retry.LATER), code
    assert row.origin is Origin.HOME or row.retry is not Retry.LATER, code


@every_row
def test_a_missing_parameter_is_a_mistake_of_ours(code: ErrorCode, row: ErrorRow) -> None:
    if _parameters(row.en):
        with pytest.raises(KeyError):
            HurenError(code)


def test_carries_province_field_delay_and_contact() -> None:
    contact = common_pb2.Contact(unit="河北省政务服务中心（演示）", telephone="（演示）0311-0000-0000")
    error = HurenError(
        ErrorCode.FOREIGN_HOME,
        province=Province.HEBEI,
        field="uscc",
        retry_after=timedelta(seconds=2.5),
        contact=contact,
        province_zh="河北省",
        province_en="Hebei",
        basis_zh="依据登记库",
        basis_en="by the registry",
    )

    assert error.to_wire() == error_pb2.ErrorDetail(
        code="FOREIGN_HOME",
        origin=error_pb2.ERROR_ORIGIN_REQUESTER,
        province=common_pb2.PROVINCE_HEBEI,
        retry=error_pb2.ERROR_RETRY_ELSEWHERE,
        retry_after=Duration(seconds=2, nanos=500_000_000),
        message_zh=error.message_zh,
        message_en="The subject is registered in Hebei; ask there (by the registry). The four provinces' reports say the same.",
        field="uscc",
        contact=contact,
    )
    check_constraints(error.to_wire())
    assert "请前往河北省的服务渠道办理" in error.message_zh
    assert str(error).startswith("FOREIGN_HOME: The subject is registered in Hebei")


def test_parameters_are_no_templates() -> None:
    error = _error(ErrorCode.MALFORMED_REQUEST, "{problem} {0} {code.__class__}")

    assert "{problem} {0} {code.__class__}" in error.message_en


def test_whoever_raises_fills_every_sentence() -> None:
    calls = [(place, code, given) for path in _sources() for place, code, given in _calls(path)]
    short = [
        (place, code.value, missing)
        for place, code, given in calls
        if (missing := (_parameters(ERROR_TABLE[code].zh) | _parameters(ERROR_TABLE[code].en)) - given)
    ]
    needless = [
        (place, code.value, extra)
        for place, code, given in calls
        if (extra := given - OF_THE_ERROR - _parameters(ERROR_TABLE[code].zh) - _parameters(ERROR_TABLE[code].en))
    ]

    assert calls
    assert short == []
    assert needless == []


def _sources() -> list[Path]:
    packages = ("adapters", "cli", "contract", "gateway", "runtime", "sandbox", "verifier")
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


def _calls(path: Path) -> list[tuple[str, ErrorCode, set[str]]]:
    """Calls `HurenError(ErrorCode.X, name=...)` that name their code and their parameters."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Call(
                func=ast.Name("HurenError"),
                args=[ast.Attribute(value=ast.Name("ErrorCode"), attr=code)],
                keywords=keywords,
            ) if all(keyword.arg for keyword in keywords):
                given = {str(keyword.arg) for keyword in keywords}
                found.append((f"{path.relative_to(ROOT)}:{node.lineno}", ErrorCode[code], given))
    return found
