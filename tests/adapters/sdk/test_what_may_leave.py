"""Nothing but what the contract has a field for leaves a province, whatever else its platform hands over."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.beijing.profile import PROFILE as BEIJING
from adapters.hebei.profile import PROFILE as HEBEI
from adapters.sdk.mapping import Readable, Unreadable, map_row
from adapters.sdk.profile import CodeTable, Form, PenaltyForm, Profile, RowState, SubjectClass
from adapters.sdk.profile_check import columns_read
from adapters.sdk.source import RawRow, RawValue
from adapters.shanxi.profile import PROFILE as SHANXI
from adapters.tianjin.profile import PROFILE as TIANJIN
from contract.catalogue import PENALTY
from huren.fragment.v1 import record_pb2
from tests.support.worlds import CELLS, FINED, NOW, reading

FORMS = [
    pytest.param(profile, form, id=f"{profile.province.slug}-{form.name}")
    for profile in (BEIJING, TIANJIN, HEBEI, SHANXI)
    for form in profile.forms.values()
]
DAYS: tuple[RawValue, ...] = ("2024-03-01", "2024/3/1", "20240301", 1709222400000)
PERSONAL = st.builds(
    "{}{}{}".format,
    st.sampled_from(["王五六", "欧阳", "110101", "13", "mail"]),
    st.text("0123456789", min_size=9, max_size=12),
    st.sampled_from(["", "X", "同志", "@example.com"]),
)
"""Like names, personal numbers, telephone numbers and addresses, and like nothing that stands in a record."""


def row_of(profile: Profile, form: Form) -> dict[str, RawValue]:
    """A readable row of a form, by what its profile says of it. Columns that are ignored are empty."""
    values: dict[str, RawValue] = {}
    values.update(dict.fromkeys((*columns_read(form), *form.ignored), ""))

    def put(column: str | None, value: RawValue) -> None:
        if column is not None:
            values[column] = value

    def put_code(coded: tuple[str, CodeTable] | None, *meanings: object) -> None:
        if coded is not None:
            column, table = coded
            values[column] = next(code for code, meaning in table.meanings() if meaning in meanings)

    day = next(day for day in DAYS if is_day(form, day))
    put(form.subject.name, FINED.name)
    put(form.subject.uscc, FINED.uscc)
    put(form.document_number, "示例罚〔2024〕1号")
    put(form.authority, f"{profile.province.name_zh}市场监督管理局")
    put(form.source_unit, f"{profile.province.name_zh}市场监督管理局")
    put_code(form.state, RowState.IN_FORCE)
    put_code(form.subject_class, SubjectClass.ORGANISATION)
    put_code(form.performance, record_pb2.PERFORMANCE_STATE_NOT_STATED, record_pb2.PERFORMANCE_STATE_NOT_PERFORMED)
    if isinstance(form, PenaltyForm):
        put(form.decided_on, day)
        put(form.content, "警告")
        put_code(form.procedure, record_pb2.PROCEDURE_ORDINARY)
        put_code(form.domain, *(domain for domain, kind in sorted(CELLS) if kind == PENALTY))
        if form.categories is not None:
            columns, table = form.categories
            put_code((columns[0], table), record_pb2.PENALTY_CATEGORY_WARNING)
    else:
        put(form.listed_on, day)
        put(form.reason, "拖欠农民工工资")
        values[form.list_id[0]] = next(iter(form.list_id[1].values))
    return values


def is_day(form: Form, value: RawValue) -> bool:
    try:
        return form.date(value) is not None
    except ValueError:
        return False


def raw(form: Form, values: Mapping[str, RawValue]) -> RawRow:
    return RawRow(form=form.name, key="1", values=values, received_at=NOW)


@pytest.mark.parametrize(("profile", "form"), FORMS)
@settings(deadline=None)  # the first example loads the tables
@given(data=st.data())
def test_no_byte_of_an_ignored_column_leaves(profile: Profile, form: Form, data: st.DataObject) -> None:
    personal = {column: data.draw(PERSONAL, label=column) for column in form.ignored}
    row = raw(form, row_of(profile, form) | personal)

    outcome = map_row(row, reading(profile))

    assert isinstance(outcome, Readable), outcome
    said = repr(outcome).encode() + outcome.draft.SerializeToString()
    assert [column for column, value in personal.items() if value.encode() in said] == []


@pytest.mark.parametrize(("profile", "form"), FORMS)
@settings(deadline=None)  # the first example loads the tables
@given(column=st.sampled_from(["法定代表人", "法定代表人身份证号", "联系电话"]), value=PERSONAL)
def test_a_personal_column_that_nobody_declared_stops_the_row_and_is_not_repeated(
    profile: Profile, form: Form, column: str, value: str
) -> None:
    row = raw(form, row_of(profile, form) | {f"{column}（新增）": value})

    outcome = map_row(row, reading(profile))

    assert isinstance(outcome, Unreadable)
    assert value not in repr(outcome)
