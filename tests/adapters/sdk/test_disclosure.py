"""What may leave in free texts. The persons here are of the 张三 and 李四 kind; every number is invented."""

from __future__ import annotations

import csv
import doctest
import json
from collections.abc import Iterator
from datetime import date
from importlib import resources
from pathlib import Path
from time import process_time
from types import ModuleType
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from adapters.sdk import disclosure, searchable
from adapters.sdk.disclosure import HIDDEN, WITHHELD_TEXT, disclose
from huren.fragment.v1 import record_pb2
from sandbox.world import generate

NONE, PARTIAL, WITHHELD = record_pb2.MASKING_NONE, record_pb2.MASKING_PARTIAL, record_pb2.MASKING_WITHHELD
PERSON = "110101199003074530"
PUBLISHED = Path(__file__).parents[1] / "published" / "records.csv"
FREE_TEXTS = ("violation_type_raw", "legal_basis_raw", "penalty_category_raw", "penalty_content_raw", "list_kind_raw")


@pytest.mark.parametrize("module", [disclosure, searchable], ids=lambda module: module.__name__)
def test_examples_hold(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


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
        "通过微信公众号“示例”发布广告",
        "违反银行结算账户管理规定",
        "产品型号ZA12345，标准GB12345-2018",
        "最新A1B2C3型号",
        "未對職工進行培訓",
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
        ("責任人：王五。", f"責任人：{HIDDEN}。"),
        ("當事人張三，男", f"當事人{HIDDEN}，男"),
        ("法(fǎ)定代表人張(zhāng)三(sān)，男", f"法(fǎ)定代表人{HIDDEN}，男"),
        ("法定代表人张\u200b三，男", f"法定代表人{HIDDEN}，男"),
        ("安排司机驾驶冀A12345号货车超载", f"安排司机驾驶{HIDDEN}号货车超载"),
        ("新能源車京AD12345、京A·8K888", f"新能源車{HIDDEN}、{HIDDEN}"),
        ("车牌号为晋B 8K88学", f"车牌号为{HIDDEN}"),
        ("邮箱 shili.san@example.com。", f"邮箱 {HIDDEN}。"),
        ("缴至账号：0200 0000 0900 1234 567，逾期", f"缴至账号：{HIDDEN}，逾期"),
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
        "當事人張三拒絕簽字",
        "電話138 1234 5678",
        "电话138\u200b1234\u200b5678",
        "卡号6222021234567890123，户主王小明，银行卡",
        "转入6222021234567890123",
        "微信号abc12345",
        "添加微信：wxid_abc123",
        "QQ：12345678",
        "車牌號碼未知，号牌AB12345",
    ],
)
def test_withholds_what_cannot_be_masked_with_certainty(text: str) -> None:
    assert disclose(text) == record_pb2.FreeText(text=WITHHELD_TEXT, masking=WITHHELD)


# --- A person beside the organisation ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("对煤矿处罚100万元,对矿长处罚6万元", f"对煤矿处罚100万元,{HIDDEN}"),
        ("對煤礦處罰100萬元，對礦長處罰6萬元。", f"對煤礦處罰100萬元，{HIDDEN}。"),
        ("对煤矿处罚100万元并对矿长处罚6万元", f"对煤矿处罚100万元{HIDDEN}"),
        ("处罚款10万元，同时另对法定代表人罚款1万元", f"处罚款10万元，{HIDDEN}"),
        ("罚款10万元,并对其法定代表人处2万元罚款", f"罚款10万元,{HIDDEN}"),
        ("罚款1,020,000.00元;对直接负责的主管人员张三处以警告", f"罚款1,020,000.00元;{HIDDEN}"),
        ("给予公司警告,对个人处500元罚款", f"给予公司警告,{HIDDEN}"),
        (
            "1.对公司处罚款10万元；2.对法定代表人李某处罚款1万元；3.没收违法所得。",
            f"1.对公司处罚款10万元；2.{HIDDEN}；3.没收违法所得。",
        ),
        ("对公司罚款50万元，给予法定代表人警告", f"对公司罚款50万元，{HIDDEN}"),
        ("矿长罚款6万元，对煤矿罚款100万元", f"{HIDDEN}，对煤矿罚款100万元"),
        ("法定代表人李四被罚款2万元,公司被罚款20万元", f"{HIDDEN},公司被罚款20万元"),
        ("吊销矿长安全资格证，对煤矿罚款200万元", f"{HIDDEN}，对煤矿罚款200万元"),
        ("对企业罚款5万元，对其法定代表人阿布都罚款1万元", f"对企业罚款5万元，{HIDDEN}"),
        ("对矿长张三、副矿长李四分别罚款2万元,对煤矿罚款10万元", f"{HIDDEN},对煤矿罚款10万元"),
        ("对公司罚款2万元，对主要负责人处上一年年收入30%的罚款", f"对公司罚款2万元，{HIDDEN}"),
        (f"对煤矿罚款10万元，对矿长王某（身份证号{PERSON}）罚款1万元", f"对煤矿罚款10万元，{HIDDEN}"),
        ("罚款：单位10万元，个人2万元", f"罚款：单位10万元，{HIDDEN}"),
        ("单位：10万元；个人：1万元", f"单位：10万元；{HIDDEN}"),
        ("对企业罚款10万元，企业法定代表人罚款1万元", f"对企业罚款10万元，{HIDDEN}"),
        ("对煤矿罚款100万元，对有关责任人员给予党纪政务处分", f"对煤矿罚款100万元，{HIDDEN}"),
        ("處罰駕駛員200元，處罰公司2000元", f"{HIDDEN}，處罰公司2000元"),
    ],
)
def test_hides_a_persons_part_and_keeps_the_organisations_word_for_word(text: str, left: str) -> None:
    assert disclose(text) == record_pb2.FreeText(text=left, masking=PARTIAL)


@pytest.mark.parametrize(
    "text",
    [
        "对公司和法定代表人罚款12万元",
        "对公司及其法定代表人李四分别处以警告",
        "对公司主要负责人罚款2万元，合计罚款12万元",
        "单位罚款10万元、个人罚款2万元",
        "对矿长罚款6万元，责令停产整顿",
        "对矿长张三处以警告，并处罚款1万元",
        "对法定代表人罚款2万元；并责令停产",
        "对张三罚款2万元，对公司罚款3万元",
        "对矿长处罚6万元",
        "罚款100万元（另对矿长处罚6万元）",
        "罚款10万元（单位）、1万元（个人）",
        "对煤矿罚款100万元。其中对矿长罚款6万元。",
        "对单位罚款10万元，对负责人员张三、李四各罚款1万元",
        "给予示例公司警告，并处10万元罚款；给予张三警告，并处2万元罚款",
        "对示例公司给予警告，对张三、李四给予警告，并分别处以10万元罚款",
        "对煤矿处罚100万元，矿长张三因负有领导责任处罚6万元",
        "对员工罚款5000元，克扣工资",
        "对矿长罚款6万元责令停产整顿",
        "对煤矿罚款5万元，对矿长罚款6万元合计11万元",
    ],
)
def test_withholds_where_person_and_organisation_cannot_be_separated(text: str) -> None:
    assert disclose(text) == record_pb2.FreeText(text=WITHHELD_TEXT, masking=WITHHELD)


@pytest.mark.parametrize(
    "text",
    [
        "未对职工进行培训,罚款1万元",
        "对从业人员未进行安全生产教育和培训处罚款1万元",
        "对员工培训缺失处罚款1万元",
        "未如实记录从业人员培训情况罚款1万元",
        "对消费者进行欺诈处以罚款5万元",
        "依据第九十九条，对直接负责的主管人员处一万元以上十万元以下的罚款",
        "负责人处理不当，罚款1万元",
        "拖欠员工个人工资5万元",
        "个人所得税1000元未申报，罚款200元",
        "未对职工给予经济补偿",
        "未配备安全管理人员罚款2万元",
        "聘用未取得资格的驾驶员罚款5000元",
        "对驾驶人未取得从业资格驾驶车辆的行为罚款",
        "主要负责人未履行职责，对单位处罚款3万元",
        "责令改正，给予警告，没收违法所得，并处违法所得1倍罚款",
        "处罚款人民币伍仟元整(¥5000元整)",
    ],
)
def test_a_violation_that_speaks_of_persons_punishes_none(text: str) -> None:
    assert disclose(text) == record_pb2.FreeText(text=text, masking=NONE)


# --- Ordinary texts are left alone --------------------------------------------------------------------------------------


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


def test_no_published_text_is_touched() -> None:
    with PUBLISHED.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = {row[column] for row in rows for column in FREE_TEXTS if row[column]}

    assert len(texts) > 150
    assert [text for text in texts if disclose(text).masking != NONE] == []


def test_the_invented_world_names_nobody() -> None:
    world = generate(seed=7, size=2_000, day=date(2026, 11, 20))
    texts = {
        text for fact in world.penalties for text in (fact.violation_type, fact.facts, fact.legal_basis, fact.content)
    }
    texts |= {fact.reason for fact in world.list_entries}

    assert len(texts) > 500
    assert [text for text in texts if disclose(text).masking != NONE] == []


# --- Of anything --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "经理" * 10_000,
        "法定代表人" + " " * 19_995,
        "业主张三" + "，" * 19_996,
        "手机" * 10_000,
        "对矿长" * 6_000,
        "并" * 20_000,
        "对" * 20_000,
        "处" * 20_000,
        "a" * 20_000,
        "a@" * 10_000,
        "账号" * 10_000,
        "1" * 20_000,
        "1 " * 10_000,
        "京A" * 10_000,
        "環(huán)" * 3_000,
        "对矿长" + "、副矿长" * 5_000,
    ],
    ids=lambda text: text[:8],
)
def test_no_text_takes_long(text: str) -> None:
    started = process_time()
    disclose(text)
    assert process_time() - started < 2


@settings(deadline=None)  # the first example loads the tables
@given(before=st.text(max_size=20), after=st.text(max_size=20), number=st.sampled_from([PERSON, "13812345678"]))
def test_a_personal_number_never_leaves(before: str, after: str, number: str) -> None:
    masked = disclose(f"{before},{number},{after}")
    assert masked.masking in {PARTIAL, WITHHELD}
    assert number not in masked.text.replace(before, "").replace(after, "") or number in before + after


@settings(deadline=None)  # the first example loads the tables
@given(st.text(max_size=60))
def test_masking_is_always_said(text: str) -> None:
    masked: Any = disclose(text)
    assert (masked.text == text) == (masked.masking == NONE) or masked.masking == WITHHELD


SECRETS = ("13812345678", PERSON, "110101900307453", "6222021234567890123", "冀A8K88B", "shili@example.com", "王五六")
PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *SECRETS,
                "法定代表人",
                "業主",
                "员工",
                "当事人",
                "矿长",
                "对公司罚款5万元",
                "对矿长处罚6万元",
                "给予法定代表人警告",
                "并处罚款",
                "责令停产",
                "以上",
                "身份证号",
                "电话",
                "账号",
                "车牌号",
                "，",
                ",",
                "；",
                "。",
                "：",
                "、",
                "（",
                "）",
                "(zhāng)",
                "男",
                "住",
                "***",
                "某",
                "警告",
                "示例有限公司",
                "\u200b",
                " ",
            ]
        ),
        st.text(max_size=3),
    ),
    max_size=12,
).map("".join)


@settings(deadline=None)  # the first example loads the tables
@given(PIECES)
def test_masking_again_changes_nothing_but_may_withhold_nothing_more(text: str) -> None:
    masked = disclose(text)

    assert disclose(masked.text).text == masked.text


@settings(deadline=None)  # the first example loads the tables
@given(PIECES)
def test_what_is_not_hidden_stays_word_for_word(text: str) -> None:
    masked = disclose(text)

    if masked.masking == PARTIAL:
        position = 0
        for part in masked.text.split(HIDDEN):
            position = text.index(part, position) + len(part)
    elif masked.masking == NONE:
        assert masked.text == text


@settings(deadline=None)  # the first example loads the tables
@given(before=PIECES, secret=st.sampled_from(SECRETS[:-1]), after=PIECES)
def test_no_part_of_a_secret_leaves(before: str, secret: str, after: str) -> None:
    assume(secret[:-1] not in before + after and secret[1:] not in before + after)
    masked = disclose(f"{before}；法定代表人王五六，{secret}；{after}")

    assert secret not in masked.text
    assert "王五六" not in masked.text or "王五六" in before + after
    assert secret[:-1] not in masked.text
    assert secret[1:] not in masked.text
