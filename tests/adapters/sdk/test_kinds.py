"""What acts are by their texts, and what texts state."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sdk.kinds import ActKind, act_of, act_of_number, act_stated
from adapters.sdk.stated import Amount, Cut, StatedAmount, categories_stated, fold_text, read_stated
from contract.money import Fen
from sandbox.vocabulary import amount_notations

NOT_STATED, UNCERTAIN = Amount.NOT_STATED, Amount.UNCERTAIN


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("不予处罚决定书", ActKind.NOT_PUNISHED),
        ("不予行政處罰", ActKind.NOT_PUNISHED),
        ("免予处罚", ActKind.NOT_PUNISHED),
        ("擬處75萬元罰款處罰", ActKind.PROPOSAL),
        ("拟作出如下处罚：1.警告；2.罚款5000元。", ActKind.PROPOSAL),
        ("行政处罚听证告知书", ActKind.PROPOSAL),
        ("立案查处;下架全部房源信息", ActKind.INVESTIGATION),
        ("立案调查并将依法作出行政处罚", ActKind.INVESTIGATION),
        ("涉嫌信息披露违法违规", ActKind.INVESTIGATION),
        ("涉嫌拒不支付劳动报酬罪", ActKind.CRIMINAL),
        ("责令改正", ActKind.ORDER_TO_CORRECT),
        ("責令限期改正違法行為", ActKind.ORDER_TO_CORRECT),
        ("限期整改", ActKind.ORDER_TO_CORRECT),
        ("责令改正，逾期不改正的，处五千元以上二万元以下罚款", ActKind.ORDER_TO_CORRECT),
        ("约谈并追回医保基金2007元,并处违约金7718元", ActKind.TALK),
        ("并处违约金13122元", ActKind.CONTRACT_DAMAGES),
        ("追回医保基金2624.4元", ActKind.RECOVERY),
        ("退回违规资金", ActKind.RECOVERY),
        ("注销《旅行社业务许可证》", ActKind.CANCELLATION),
        ("每日按罚款数额的3%加处罚款", ActKind.SURCHARGE),
        ("查封相关场所", ActKind.COERCION),
        ("移送司法机关", ActKind.TRANSFER),
        ("责令改正并处罚款5000元", ActKind.PENALTY),
        ("追回医保基金52507.19元,并处以罚款262535.95元", ActKind.PENALTY),
        ("罚款5000元,逾期不缴纳的,每日按罚款数额的3%加处罚款", ActKind.PENALTY),
        ("对违法行为一不予处罚;对违法行为二罚款100元", ActKind.PENALTY),
        ("被警告，并处罚款406万元", ActKind.PENALTY),
        ("直接吊销药品经营许可证", ActKind.PENALTY),
        ("罚没款合计30000元", ActKind.PENALTY),
        ("停止建設,處七十萬(wàn)元罰款", ActKind.PENALTY),
        ("", None),
        ("停止建设", None),
        ("对矿长处罚6万元", None),
        # The amount of a fine stands here, so that nobody can say that none is imposed.
        ("责令改正,逾期不改正的,罚款5000元", None),
    ],
)
def test_what_an_act_is(text: str, kind: ActKind | None) -> None:
    assert act_of(text) is kind


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("石环不罚决〔2025〕无极-38号", ActKind.NOT_PUNISHED),
        ("吕环不罚2025〕6007号", ActKind.NOT_PUNISHED),
        ("呂環不罰〔2025〕6007號", ActKind.NOT_PUNISHED),
        ("衡环罚告[2023]53号", ActKind.PROPOSAL),
        ("福财罚立字﹝2018﹞第9号", ActKind.INVESTIGATION),
        ("呂環罰〔2025〕4號", ActKind.PENALTY),
        ("(津保)应急罚[2023]k-39号", ActKind.PENALTY),
        ("[2023]10 号", None),
        ("", None),
    ],
)
def test_what_a_document_number_says(number: str, kind: ActKind | None) -> None:
    assert act_of_number(number) is kind


@pytest.mark.parametrize(
    ("text", "fine", "confiscation", "combined"),
    [
        ("罚款:1500元。", 150_000, NOT_STATED, NOT_STATED),
        ("合并罚款人民币壹佰零贰万元整 (1,020,000.00) 罚款、责令停产整改 3 日", 102_000_000, NOT_STATED, NOT_STATED),
        ("處七十萬元罰款", 70_000_000, NOT_STATED, NOT_STATED),
        ("警告和50万元顶格罚款的行政处罚", 50_000_000, NOT_STATED, NOT_STATED),
        ("被处罚40万元", 40_000_000, NOT_STATED, NOT_STATED),
        ("处采购金额95万元的5‰的罚款,计4750元", 475_000, NOT_STATED, NOT_STATED),
        ("采购金额千分之五的罚款(人民币23340元)", 2_334_000, NOT_STATED, NOT_STATED),
        ("按照建设用地15元/平方米标准处以罚款,共计328890元", 32_889_000, NOT_STATED, NOT_STATED),
        ("每日罚款15万元,共11天,共计处罚款165万元", 165_000_000, NOT_STATED, NOT_STATED),
        ("罚款五万元整,罚款五万元整,两项合计罚款壹拾万元", 10_000_000, NOT_STATED, NOT_STATED),
        ("没收违法所得9490.98元,并处罚款2万元", 2_000_000, 949_098, NOT_STATED),
        ("没收违法所得5000元,罚款1万元,合计1.5万元", 1_000_000, 500_000, 1_500_000),
        ("没收涉案物品及违法所得并处罚款,罚没合计10万元", NOT_STATED, NOT_STATED, 10_000_000),
        ("罚款金额0.2万元;没收金额0.0万元", 200_000, 0, NOT_STATED),
        ("对煤矿处罚100万元,对矿长处罚6万元", 100_000_000, NOT_STATED, NOT_STATED),
        ("1.罚款100万元;2.对矿长罚款6万元", 100_000_000, NOT_STATED, NOT_STATED),
        ("对该公司罚款10万元,对直接负责的主管人员张某罚款1万元", 10_000_000, NOT_STATED, NOT_STATED),
        ("对法定代表人张某给予警告,并处6万元罚款", NOT_STATED, NOT_STATED, NOT_STATED),
        ("罚款5000元。请于15日内将罚款5000元缴至银行", 500_000, NOT_STATED, NOT_STATED),
        ("追回医保基金2624.4元,并处违约金13122元", NOT_STATED, NOT_STATED, NOT_STATED),
        ("处一万元以上十万元以下罚款", NOT_STATED, NOT_STATED, NOT_STATED),
        ("拟处75万元罚款", NOT_STATED, NOT_STATED, NOT_STATED),
        ("697㎡×11元/㎡=7667元", NOT_STATED, NOT_STATED, NOT_STATED),
        ("每日罚款15万元", UNCERTAIN, NOT_STATED, NOT_STATED),
        ("罚款1万元;罚款2万元", UNCERTAIN, NOT_STATED, NOT_STATED),
        ("罚款近744万元", UNCERTAIN, NOT_STATED, NOT_STATED),
        ("罚款743万", UNCERTAIN, NOT_STATED, NOT_STATED),
        ("罚款:1500", UNCERTAIN, NOT_STATED, NOT_STATED),
        ("罚款***元", UNCERTAIN, NOT_STATED, NOT_STATED),
        ("罚款人民币壹拾捌万元整(¥190000元整)", UNCERTAIN, NOT_STATED, NOT_STATED),
        ("对该公司及其法定代表人罚款5000元", UNCERTAIN, NOT_STATED, NOT_STATED),
        ("对矿长罚款6万元;罚款100万元", UNCERTAIN, NOT_STATED, NOT_STATED),
        ("没收违法所得,处货值三倍的罚款,共计3000元", UNCERTAIN, NOT_STATED, NOT_STATED),
        ("没收违法所得100元,没收违法所得200元", NOT_STATED, UNCERTAIN, NOT_STATED),
    ],
)
def test_amounts_that_a_text_states(
    text: str, fine: StatedAmount, confiscation: StatedAmount, combined: StatedAmount
) -> None:
    stated = read_stated(text)
    assert (stated.fine, stated.confiscation, stated.combined) == (fine, confiscation, combined)


@pytest.mark.parametrize(
    ("text", "categories"),
    [
        ("设置警告标志", []),
        ("给予警告、通报批评", [1, 2]),
        ("没收违法所得", [4]),
        ("没收涉案物品", [5]),
        ("没收金额0.0万元", []),
        ("不予罚款,责令停产停业", [10]),
        ("吊销矿长的资格证", []),
        ("对矿长吊销资格证;对煤矿责令停产整顿", [10]),
        ("在二年内禁止参加政府采购活动", [9]),
    ],
)
def test_categories_that_a_text_states(text: str, categories: list[int]) -> None:
    assert list(categories_stated(read_stated(text))) == categories


def test_what_was_cut_out_is_remembered() -> None:
    assert read_stated("不予处罚。每日按3%加处罚款").cut == {Cut.NOT_PUNISHED, Cut.SURCHARGE}
    assert read_stated("对煤矿处罚100万元,对矿长处罚6万元").punishes_person
    assert not read_stated("对煤矿处罚100万元,对矿长进行约谈").punishes_person


BESIDE = (
    "责令改正", "限期整改", "约谈", "追回资金100元", "并处违约金200元", "不予追究其他责任", "注销备案", "涉嫌其他违法",
    "立案后查明", "移送线索", "每日按罚款数额的3%加处罚款", "对另一违法行为不予处罚", "拟另行处理", "逾期不改正的,处一万元以上罚款",
)  # fmt: skip
FENS = st.integers(1, 10**10 - 1).map(Fen)


@given(
    fen=FENS,
    notation=st.integers(0, 100),
    before=st.lists(st.sampled_from(BESIDE), max_size=4),
    after=st.lists(st.sampled_from(BESIDE), max_size=4),
    verb=st.sampled_from(["罚款{}", "处罚款{}", "并处以{}罚款", "决定给予罚款{}的行政处罚", "处以罚款人民币{}"]),
)
def test_a_text_with_a_certain_fine_is_a_penalty_whatever_stands_beside_it(
    fen: Fen, notation: int, before: list[str], after: list[str], verb: str
) -> None:
    notations = amount_notations(fen)
    fine = verb.format(notations[notation % len(notations)].removeprefix("人民币"))
    stated = read_stated("。".join([*before, fine, *after]))
    assert stated.fine == fen
    assert act_stated(stated) is ActKind.PENALTY


@given(text=st.text(alphabet="不予拟处罚款没收对矿长公司警告的,。;12万元责令改正每日加(), 《》…某", max_size=60))
def test_whatever_stands_in_a_text_it_is_read(text: str) -> None:
    stated = read_stated(text)
    if not isinstance(stated.fine, Amount) or categories_stated(stated):
        assert act_stated(stated) is ActKind.PENALTY


@given(text=st.text(max_size=200))
def test_folding_never_fails_and_folds_once(text: str) -> None:
    assert fold_text(fold_text(text)) == fold_text(text)
