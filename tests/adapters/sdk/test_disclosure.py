from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sdk.disclosure import HIDDEN, WITHHELD_TEXT, disclose
from huren.fragment.v1 import record_pb2

NONE, PARTIAL, WITHHELD = record_pb2.MASKING_NONE, record_pb2.MASKING_PARTIAL, record_pb2.MASKING_WITHHELD
PERSON = "110101199003074530"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "未取得许可从事经营活动,罚款15000元",
        "当事人未按规定设置标志",
        "当事人应当在15日内缴纳",
        "当事人陈述申辩意见不予采纳",
        "当事人于2024年1月销售不合格产品",
        "当事人:示例精密机械有限公司",
        "法定代表人张某拒绝签字",
        "经营者李××",
        "统一社会信用代码91350200575017604M",
        "案号20240115,数量138件",
        "电话0311-86012345",
    ],
)
def test_leaves_what_is_not_personal(text: str) -> None:
    assert disclose(text) == record_pb2.FreeText(text=text, masking=NONE)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("联系电话13812345678。", f"联系电话{HIDDEN}。"),
        ("联系电话１３８１２３４５６７８。", f"联系电话{HIDDEN}。"),
        (f"身份证号{PERSON}", f"身份证号{HIDDEN}"),
        ("身份证号11010119900307453X", f"身份证号{HIDDEN}"),
        ("旧证号110101900307453", f"旧证号{HIDDEN}"),
        ("法定代表人:张三丰,男", f"法定代表人:{HIDDEN},男"),
        ("负责人：王五。", f"负责人：{HIDDEN}。"),
        ("法定代表人张三,男", f"法定代表人{HIDDEN},男"),
        ("当事人:阿布都·买买提,男", f"当事人:{HIDDEN},男"),
        ("经营者:李四(电话13812345678)", f"经营者:{HIDDEN}(电话{HIDDEN})"),
    ],
)
def test_hides_what_is_personal(text: str, left: str) -> None:
    assert disclose(text) == record_pb2.FreeText(text=left, masking=PARTIAL)


@pytest.mark.parametrize(
    "text",
    [
        "法定代表人张三拒绝签字",
        "当事人:张三拒绝在笔录上签字",
        "护照号码E12345678",
        "家庭住址某市某区某路",
        "身份证号110101 19900307 4530",
        "电话138 1234 5678",
        "电话138-1234-5678",
    ],
)
def test_withholds_what_cannot_be_masked_with_certainty(text: str) -> None:
    assert disclose(text) == record_pb2.FreeText(text=WITHHELD_TEXT, masking=WITHHELD)


@given(before=st.text(max_size=20), after=st.text(max_size=20), number=st.sampled_from([PERSON, "13812345678"]))
def test_a_personal_number_never_leaves(before: str, after: str, number: str) -> None:
    masked = disclose(f"{before},{number},{after}")
    assert masked.masking in {PARTIAL, WITHHELD}
    assert number not in masked.text.replace(before, "").replace(after, "") or number in before + after


@given(st.text(max_size=60))
def test_masking_is_always_said(text: str) -> None:
    masked: Any = disclose(text)
    assert (masked.text == text) == (masked.masking == NONE) or masked.masking == WITHHELD
