from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from importlib import resources
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sdk.disclosure import HIDDEN, WITHHELD_TEXT, disclose
from huren.fragment.v1 import record_pb2
from sandbox.world import generate

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
        "国家住房和城乡建设部公布的标准",
        "未对2名住宿客人进行身份查验",
        "为职工12名办理登记，员工、顾客均可出入",
        "企业法人、其他组织",
        "消费者向当事人投诉",
        "销售手机30部，5日生产糕点",
    ],
)
def test_leaves_what_is_not_personal(text: str) -> None:
    assert disclose(text) == record_pb2.FreeText(text=text, masking=NONE)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("负责人：王五，联系电话１３８１２３４５６７８。", f"负责人：{HIDDEN}，联系电话{HIDDEN}。"),
        (f"经办人张三（身份证号{PERSON}）", f"经办人{HIDDEN}（身份证号{HIDDEN}）"),
        (f"业主周明，男，汉族，公民身份号码为{PERSON}。", f"业主{HIDDEN}，男，汉族，公民身份号码为{HIDDEN}。"),
        ("员工李四,110101900307453", f"员工{HIDDEN},{HIDDEN}"),
        ("驾驶员张三、欧阳小明。", f"驾驶员{HIDDEN}、{HIDDEN}。"),
        ("负责人为张三", f"负责人为{HIDDEN}"),
        ("法定代表人兼总经理（肖三）", f"法定代表人兼总经理（{HIDDEN}）"),
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
        "联系电话13812345678。",
        "身份证号11010119900307453X",
        "旧证号110101900307453",
        f"王小明（身份证号{PERSON}）",
        f"业主张三与王小明（身份证号{PERSON}）",
        f"业主张三，另有王小明，身份证号{PERSON}",
        "业主张伟、李娜在现场",
        "业主张某、李娜在现场",
        "员工张伟在公司门口",
        "法人代表于洋到场",
        "家住朝阳区某路5号",
        "经营者张三，男，住河北省某县",
        "张三，男，1990年3月7日生",
        "手机尾号5678",
        "手机138****5678",
        "张伟先生到场",
    ],
)
def test_withholds_what_cannot_be_masked_with_certainty(text: str) -> None:
    assert disclose(text) == record_pb2.FreeText(text=WITHHELD_TEXT, masking=WITHHELD)


def texts_of(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for part in value:
                yield from texts_of(part)
        case dict():
            for part in value.values():
                yield from texts_of(part)
        case _:
            pass


@pytest.mark.parametrize("name", ["cases", "names", "places"])
def test_the_sandbox_names_nobody(name: str) -> None:
    file = resources.files("sandbox") / "data" / f"{name}.json"
    texts = set(texts_of(json.loads(file.read_text("utf-8"))))

    assert len(texts) >= 50
    assert [text for text in texts if disclose(text).masking != NONE] == []


def test_the_invented_world_names_nobody() -> None:
    world = generate(seed=7, size=2_000, day=date(2026, 11, 20))
    texts = {
        text for fact in world.penalties for text in (fact.violation_type, fact.facts, fact.legal_basis, fact.content)
    }
    texts |= {fact.reason for fact in world.list_entries}

    assert len(texts) > 500
    assert [text for text in texts if disclose(text).masking != NONE] == []


@pytest.mark.parametrize(
    "text", ["经理" * 10_000, "法定代表人" + " " * 19_995, "业主张三" + "，" * 19_996, "手机" * 10_000]
)
def test_no_text_takes_long(text: str) -> None:
    started = process_time()
    disclose(text)
    assert process_time() - started < 2


@given(before=st.text(max_size=20), after=st.text(max_size=20), number=st.sampled_from([PERSON, "13812345678"]))
def test_a_personal_number_never_leaves(before: str, after: str, number: str) -> None:
    masked = disclose(f"{before},{number},{after}")
    assert masked.masking in {PARTIAL, WITHHELD}
    assert number not in masked.text.replace(before, "").replace(after, "") or number in before + after


@given(st.text(max_size=60))
def test_masking_is_always_said(text: str) -> None:
    masked: Any = disclose(text)
    assert (masked.text == text) == (masked.masking == NONE) or masked.masking == WITHHELD
