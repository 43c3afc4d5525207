"""Versions of a form are told by their columns, and read each in its own way."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.hebei.profile import PROFILE
from adapters.sdk.forms import UnknownHeaderError, columns_of, recognise
from adapters.sdk.mapping import Readable, Withheld, WithheldReason, map_row, row_identity
from adapters.sdk.profile import PenaltyForm
from adapters.sdk.source import RawRow
from huren.fragment.v1 import record_pb2
from tests.support.worlds import FINED, reading

VERSIONS = [form for form in PROFILE.forms.values() if form.row_family == "HB_XZCF"]
OF_2016, OF_2021 = VERSIONS


def test_the_second_code_is_another_in_each_version_t49() -> None:
    for form, organisation_code, registration_number in (
        (OF_2016, "行政相对人代码_2(组织机构代码)", "行政相对人代码_3(工商登记码)"),
        (OF_2021, "行政相对人代码_3(组织机构代码)", "行政相对人代码_2(工商注册号)"),
    ):
        told = recognise(VERSIONS, form.header)
        row = RawRow(told.name, "1", dict.fromkeys(columns_of(form), ""), None)
        values = {**row.values, organisation_code: "MA0EXAMP1", registration_number: "130100000000001"}
        identity = row_identity(dataclasses.replace(row, values=values), told)
        assert identity is not None
        assert (identity.organisation_code, identity.registration_number) == ("MA0EXAMP1", "130100000000001")


def moved(header: tuple[str, ...]) -> list[str]:
    """The header with its first two columns in the other order."""
    return [header[1], header[0], *header[2:]]


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ([*OF_2016.header, "新增列"], "compared with HB_XZCF_2016: missing nothing; not of the form '新增列'"),
        (OF_2021.header[:-1], "compared with HB_XZCF_2021: missing '备注'; not of the form nothing"),
        (
            [column.replace("(元)", "(万元)") for column in OF_2021.header],
            (
                "compared with HB_XZCF_2021: missing '罚款金额(元)', '没收违法所得、没收非法财物的金额(元)', '罚没合计金额(元)'; "
                "not of the form '罚款金额(万元)', '没收违法所得、没收非法财物的金额(万元)', '罚没合计金额(万元)'"
            ),
        ),
        (moved(OF_2016.header), "compared with HB_XZCF_2016: column 1 is '部门代码', expected '主键'"),
        ([*OF_2016.header, "备注"], "compared with HB_XZCF_2016: twice '备注'"),
    ],
)
def test_a_header_of_no_version_is_refused_with_the_difference(header: list[str], told: str) -> None:
    with pytest.raises(UnknownHeaderError) as refused:
        recognise(VERSIONS, header)
    assert str(refused.value) == f"header of no known version; {told}"


def test_a_form_without_an_order_is_any_order_of_its_columns(kit: Any) -> None:
    columns = columns_of(kit.PENALTY_FORM)
    assert recognise([kit.PENALTY_FORM], columns[::-1]) is kit.PENALTY_FORM
    with pytest.raises(UnknownHeaderError, match="twice"):
        recognise([kit.PENALTY_FORM], [*columns, columns[0]])


VALUES_OF_2021 = {
    "部门代码": "130201",
    "行政相对人名称": FINED.name,
    "行政相对人类别": "法人及非法人组织",
    "行政相对人代码_1(统一社会信用代码)": FINED.uscc,
    "行政处罚决定书文号": "示市监罚〔2024〕1号",
    "处罚类别": "罚款;没收违法所得",
    "处罚内容": "没收违法所得并处罚款，罚没合计10万元",
    "罚没合计金额(元)": "100000.00",
    "处罚决定日期": "2024-03-01",
    "处罚有效期": "2099-12-31",
    "处罚机关": "河北省市场监督管理局",
    "数据来源单位": "河北省市场监督管理局",
    "处罚程序": "普通程序",
    "被变更决定书文号": "示市监罚〔2023〕9号",
    "变更日期": "2024-03-02",
    "当前状态": "0",
}


def outcome_of(**changes: str) -> Any:
    values = {**dict.fromkeys(columns_of(OF_2021), ""), **VALUES_OF_2021, **changes}
    return map_row(RawRow(OF_2021.name, "1", values, datetime(2024, 3, 8, tzinfo=UTC)), reading(PROFILE))


def test_a_row_of_the_form_of_2021() -> None:
    outcome = outcome_of()
    assert isinstance(outcome, Readable), outcome
    penalty = outcome.draft.penalty
    assert list(penalty.amounts) == [record_pb2.Amount(kind=record_pb2.AMOUNT_KIND_COMBINED, fen=10_000_000)]
    assert outcome.replaces_number == "示市监罚〔2023〕9号"
    assert [(mark.kind, mark.on) for mark in outcome.draft.marks] == [
        (record_pb2.MARK_KIND_DECISION_CHANGED, "2024-03-02")
    ]
    assert outcome_of(当前状态="4") == Withheld(WithheldReason.REPLACED)


def test_versions_of_hebei_differ_in_units() -> None:
    units = [{money.unit for money in form.money} for form in VERSIONS if isinstance(form, PenaltyForm)]
    assert len(units) == 2
    assert not units[0] & units[1]
