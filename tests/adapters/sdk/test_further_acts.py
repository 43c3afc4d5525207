"""Contents of decisions as departments write them, read from the page by a person: what they are, and which amounts they state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from adapters.sdk.kinds import ActKind, act_of
from adapters.sdk.mapping import Fault, NotAPenalty, Readable, Unreadable, map_row
from adapters.sdk.stated import Amount, StatedAmount, categories_stated, read_stated
from huren.fragment.v1 import record_pb2

A = ActKind
NO, UNCERTAIN = Amount.NOT_STATED, Amount.UNCERTAIN
SUSPEND_BUSINESS = record_pb2.PENALTY_CATEGORY_SUSPEND_BUSINESS


@dataclass(frozen=True)
class Is:
    """Amounts in yuan."""

    act: ActKind | None
    fine: float | Amount = NO
    confiscation: float | Amount = NO
    combined: float | Amount = NO


P = A.PENALTY
CONTENTS = {
    # Penalties without an amount.
    "责令停产停业整顿": Is(P),
    "停业整顿3个月": Is(P),
    "责令关闭": Is(P),
    "吊销营业执照": Is(P),
    "没收违法经营的食品5公斤": Is(P),
    "一年内禁止参加政府采购活动": Is(P),
    "没收违法所得，并处违法所得三倍的罚款": Is(P),
    # Amounts.
    "没收违法所得1200元并处罚款5000元": Is(P, 5000, 1200),
    "没收违法所得1200元，罚款5000元，合计6200元": Is(P, 5000, 1200, 6200),
    "罚款:5000元，没收:200元": Is(P, 5000, 200),
    "罚款共计伍仟元，没收共计壹仟元": Is(P, 5000, 1000),
    "罚款5000元，没收违法所得共计1000元": Is(P, 5000, 1000),
    "没收违法所得及罚款共计5万元": Is(P, UNCERTAIN),
    "罚款和没收违法所得共计5万元": Is(P, NO, NO, 50000),
    "违法所得200元予以没收": Is(P, NO, 200),
    "从轻处罚罚款1万元": Is(P, 10000),
    "减轻处罚，罚款人民币2000元": Is(P, 2000),
    "罚款500元,责令改正": Is(P, 500),
    "罚款人民币（大写）叁仟元整（小写）3000元": Is(P, 3000),
    "罚款人民币（大写）叁仟元整（小写）5000元": Is(P, UNCERTAIN),
    "责令补缴税款10000元，并处0.5倍罚款5000元": Is(P, 5000),
    "处货值金额1倍的罚款1000元": Is(P, 1000),
    "罚款标准为每平方米10元，面积100平方米，罚款1000元": Is(P, 1000),
    "罚款共计3万元，其中A项1万元，B项2万元": Is(P, 30000),
    "罚款1万元，罚款2万元，合并罚款3万元": Is(P, 30000),
    "罚款1万元，分期缴纳，每期2000元": Is(P, 10000),
    "依据第二十条，处一万元以上三万元以下罚款，决定罚款1.5万元": Is(P, 15000),
    "罚款5000元，逾期不缴纳每日按3%加处罚款": Is(P, 5000),
    "曾于2023年被罚款5000元，现再次违法，罚款1万元": Is(P, 10000),
    "拟罚款5000元。决定罚款4000元": Is(P, 4000),
    "撤销不予处罚决定，罚款5000元": Is(P, 5000),
    "示例市城市管理委员会处罚款5000元": Is(P, 5000),
    "将处罚款缴至示例银行，罚款5000元": Is(P, 5000),
    "如实陈述违法事实，从轻罚款5000元": Is(P, 5000),
    "已送达行政处罚听证告知书，现决定罚款5000元": Is(P, 5000),
    # An amount of which nobody can say that it is all of the organisation's.
    "分别罚款1万元、2万元": Is(P, UNCERTAIN),
    "罚款2万元；罚款3万元": Is(P, UNCERTAIN),
    "罚款5万元变更为3万元": Is(P, UNCERTAIN),
    "应处罚款5万元，减轻为3万元": Is(P, UNCERTAIN),
    "免去罚款5000元": Is(P, UNCERTAIN),
    "罚款5000": Is(P, UNCERTAIN),
    "罚款5千块": Is(P, UNCERTAIN),
    "罚款港币5000元": Is(P, UNCERTAIN),
    "罚款3000元港币": Is(P, UNCERTAIN),
    "罚款约5000元": Is(P, UNCERTAIN),
    "罚款500元以上": Is(P, UNCERTAIN),
    "已缴纳罚款5000元": Is(P, UNCERTAIN),
    "对A公司罚款5万元，对B公司罚款3万元": Is(P, UNCERTAIN),
    "罚款5000元（公司3000元，经理2000元）": Is(P, UNCERTAIN),
    "公司罚款5000元，经理罚款500元": Is(P, UNCERTAIN),
    "对张三罚款500元": Is(P, UNCERTAIN),
    # A person's.
    "对单位罚款2万元，对直接负责的主管人员罚款2000元": Is(P, 20000),
    "给予公司警告，并处30万元罚款；给予董事长王某警告，并处10万元罚款": Is(P, 300000),
    "对当事人法定代表人罚款2万元。": Is(None),
    "行政拘留其法定代表人5日": Is(None),
    "吊销法定代表人资格证书": Is(None),
    "党内警告": Is(None),
    # No penalty.
    "免予处罚": Is(A.NOT_PUNISHED),
    "首违不罚": Is(A.NOT_PUNISHED),
    "轻微免罚": Is(A.NOT_PUNISHED),
    "初次违法，不予处罚": Is(A.NOT_PUNISHED),
    "情节轻微，免于行政处罚": Is(A.NOT_PUNISHED),
    "拟对你单位处以罚款5000元": Is(A.PROPOSAL),
    "吊销营业执照听证告知书": Is(A.PROPOSAL),
    "建议吊销营业执照": Is(A.PROPOSAL),
    "移送公安机关": Is(A.TRANSFER),
    "约谈": Is(A.TALK),
    "责令退还多收价款1000元": Is(A.RECOVERY),
    "加处罚款3%": Is(A.SURCHARGE),
    "责令限期改正，逾期未改的吊销许可证": Is(A.ORDER_TO_CORRECT),
    "撤销登记": Is(A.CANCELLATION),
    # It does not say.
    "不符合首违不罚条件": Is(None),
    "不予处罚决定撤销": Is(None),
    "撤销行政处罚决定": Is(None),
    "撤销罚款5000元的决定": Is(None),
    "罚款5万元(已撤销)": Is(None, 50000),
    "罚款5万元，该决定已被撤销": Is(None, 50000),
    "罚款5000元的行政处罚决定予以撤销": Is(None),
    "暂缓处罚": Is(None),
    "驳回": Is(None),
    "加处罚款1500元": Is(None),
    "将吊销营业执照": Is(None),
    "可能被罚款5000元": Is(None),
    "如逾期未改，罚款5000元": Is(None),
    "不按期改正将处5000元罚款": Is(None),
    "否则罚款5000元": Is(None),
    "罚金5000元": Is(None),
    "滞纳金500元": Is(None),
    "处以5000元": Is(None),
    "列入严重违法失信名单": Is(None),
    "警示函": Is(None),
    "无": Is(None),
}


def yuan(amount: StatedAmount) -> float | Amount:
    return amount if isinstance(amount, Amount) else amount / 100


@pytest.mark.parametrize(("text", "expected"), [pytest.param(*case, id=case[0]) for case in CONTENTS.items()])
def test_a_content(text: str, expected: Is) -> None:
    stated = read_stated(text)

    assert Is(act_of(text), yuan(stated.fine), yuan(stated.confiscation), yuan(stated.combined)) == expected


@pytest.mark.parametrize(
    ("text", "categories"),
    [
        ("没收违法所得1200元并处罚款5000元", {"FINE", "CONFISCATE_GAINS"}),
        ("罚款:5000元，没收:200元", {"FINE"}),
        ("对违法所得200元予以没收，并处罚款1000元", {"FINE", "CONFISCATE_GAINS"}),
        ("警告；罚款5000元；责令停产停业；吊销许可证", {"WARNING", "FINE", "SUSPEND_BUSINESS", "REVOKE_LICENCE"}),
        ("罚款5000元,吊销法定代表人安全资格证", {"FINE"}),
        ("未设置警告标志，罚款5000元", {"FINE"}),
        ("行政拘留其法定代表人5日，责令公司停产停业", {"SUSPEND_BUSINESS"}),
        ("罚款5000元，建议吊销营业执照", {"FINE"}),
    ],
)
def test_the_kinds_of_penalty_in_a_content(text: str, categories: set[str]) -> None:
    prefix = "PENALTY_CATEGORY_"
    found = {record_pb2.PenaltyCategory.Name(one).removeprefix(prefix) for one in categories_stated(read_stated(text))}

    assert found == categories


CONTRADICTED, AMOUNT, UNSURE = Fault.CONTRADICTED.value, Fault.AMOUNT_CONTRADICTED.value, Fault.AMOUNT_UNCERTAIN.value


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"content": "罚款5000元", "fine": "0.5"}, 500_000),
        ({"content": "罚款5000元", "fine": ""}, 500_000),
        ({"content": "罚款5000元", "fine": "0.6"}, AMOUNT),
        ({"content": "罚款0元", "fine": "0.5"}, AMOUNT),
        ({"content": "罚款5000元(已撤销)", "fine": "0.5"}, CONTRADICTED),
        ({"content": "撤销行政处罚决定", "fine": "0.5"}, CONTRADICTED),
        ({"content": "罚款5万元变更为3万元", "fine": "3"}, 3_000_000),
        ({"content": "罚款5万元变更为3万元", "fine": ""}, UNSURE),
        ({"content": "分别罚款1万元、2万元", "fine": "3"}, 3_000_000),
        ({"content": "分别罚款1万元、2万元", "fine": ""}, UNSURE),
        ({"content": "行政拘留其法定代表人5日", "fine": "", "category": "罚款"}, CONTRADICTED),
        ({"content": "不予处罚", "fine": "0.5"}, CONTRADICTED),
        ({"content": "罚款港币5000元", "fine": ""}, UNSURE),
        ({"content": "¥1" * 300, "fine": ""}, UNSURE),
    ],
    ids=lambda value: value["content"][:20] + "|" + value["fine"] if isinstance(value, dict) else None,
)
def test_a_row(kit: Any, values: dict[str, Any], expected: int | str) -> None:
    outcome = map_row(kit.penalty(**values), kit.reading())

    if isinstance(outcome, Unreadable):
        assert outcome.fault == expected
    else:
        assert isinstance(outcome, Readable)
        assert [amount.fen for amount in outcome.draft.penalty.amounts] == [expected]


def test_a_row_of_nothing_but_leniency_is_no_penalty(kit: Any) -> None:
    row = kit.penalty(content="首违不罚", category="责令改正", fine="")

    assert map_row(row, kit.reading()) == NotAPenalty(A.NOT_PUNISHED)
