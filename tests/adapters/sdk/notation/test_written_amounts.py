"""Amounts as they are written in published records, and what people write besides: a value, or the name of a fault."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sdk.notation import NotationError, NotationFault, find_amounts, read_amount
from contract.money import Fen as FenAmount
from contract.money import MoneyUnit, format_yuan

F = NotationFault
YUAN, WAN, YI = MoneyUnit.YUAN, MoneyUnit.WAN_YUAN, MoneyUnit.YI_YUAN
OTHER = F.UNIT_CONTRADICTED

# raw: (in a column of 元, in a column of 万元, in a column without a unit), in fen.
PUBLISHED: dict[str, tuple[object, object, object]] = {
    "罚款5750元": (5750_00, OTHER, 5750_00),
    "109000元": (109000_00, OTHER, 109000_00),
    "262535.95元": (262535_95, OTHER, 262535_95),
    "人民币210000元整": (210000_00, OTHER, 210000_00),
    "20,000 元整": (20000_00, OTHER, 20000_00),
    "罚款 5,000 元": (5000_00, OTHER, 5000_00),
    "18500元": (18500_00, OTHER, 18500_00),
    "28510.98元": (28510_98, OTHER, 28510_98),
    "100.00": (100_00, 1000000_00, F.UNIT_MISSING),
    "0.15": (15, 1500_00, F.UNIT_MISSING),
    "11万元": (OTHER, 110000_00, 110000_00),
    "1.8万元": (OTHER, 18000_00, 18000_00),
    "54.69万元": (OTHER, 546900_00, 546900_00),
    "16.296万元": (OTHER, 162960_00, 162960_00),
    "1572.614178万元": (OTHER, 15726141_78, 15726141_78),
    "人民币0.26万元整": (OTHER, 2600_00, 2600_00),
    "人民币 626 万元": (OTHER, 6260000_00, 6260000_00),
    "743萬": (7430000_00, F.UNIT_AMBIGUOUS, F.UNIT_MISSING),
    "近744万元": (F.APPROXIMATE, F.APPROXIMATE, F.APPROXIMATE),
    "近392萬元": (F.APPROXIMATE, F.APPROXIMATE, F.APPROXIMATE),
    "約182萬元": (F.APPROXIMATE, F.APPROXIMATE, F.APPROXIMATE),
    "34.42億元": (OTHER, OTHER, 3442000000_00),
    "12.89亿元": (OTHER, OTHER, 1289000000_00),
    "12.98 億元": (OTHER, OTHER, 1298000000_00),
    "七十萬元": (700000_00, 700000_00, 700000_00),
    "七十萬(wàn)元": (700000_00, 700000_00, 700000_00),
    "三十万元": (300000_00, 300000_00, 300000_00),
    "五萬元": (50000_00, 50000_00, 50000_00),
    "陆万元整": (60000_00, 60000_00, 60000_00),
    "伍万元整": (50000_00, 50000_00, 50000_00),
    "柒拾万元整": (700000_00, 700000_00, 700000_00),
    "贰万元": (20000_00, 20000_00, 20000_00),
    "人民币伍仟元整(¥5000元整)": (5000_00, OTHER, 5000_00),
    "貳萬陸仟元整(¥26,000元)": (26000_00, OTHER, 26000_00),
    "人民币壹佰零贰万元整 (1,020,000.00)": (1020000_00, 1020000_00, 1020000_00),
    "伍佰肆拾伍元整(¥545元)": (545_00, OTHER, 545_00),
    "人民币贰万贰仟玖佰陆拾伍元陆角(¥22965.6元)": (22965_60, OTHER, 22965_60),
    "328890元(叁拾贰万捌仟捌佰玖拾元整)": (328890_00, OTHER, 328890_00),
    "7667元(柒仟陆佰陆拾柒元整)": (7667_00, OTHER, 7667_00),
    "人民币陆万圆整(¥60000)": (60000_00, 60000_00, 60000_00),
    "697㎡×11元/㎡=7667元": (7667_00, OTHER, 7667_00),
    "每日罚款15万元,…共11天,共计处罚款165万元": (OTHER, 1650000_00, 1650000_00),
    "每日罚款15万元,计罚日期从3月15日到25日,共11天,共计处罚款165万元": (OTHER, 1650000_00, 1650000_00),
    "按照建设用地15元/平方米标准处以罚款,共计328890元": (328890_00, OTHER, 328890_00),
    "采购金额千分之五的罚款(人民币23340元)": (23340_00, OTHER, 23340_00),
    "采购金额95万元的5‰的罚款,计4750元": (4750_00, OTHER, 4750_00),
    "處以應繳納年排污費三倍的罰款": (F.PROPORTION, F.PROPORTION, F.PROPORTION),
    "處以應(yīng)繳納年排污費(fèi)三倍的罰款,,金額總計(jì)3918481.56元": (3918481_56, OTHER, 3918481_56),
    "2020年中国境内销售额1147.48亿元3%的罚款": (F.PROPORTION, F.PROPORTION, F.PROPORTION),
    "罚款五万元整,…罚款五万元整,两项合计罚款壹拾万元": (F.SEVERAL_AMOUNTS, F.SEVERAL_AMOUNTS, F.SEVERAL_AMOUNTS),
    "没收违法所得1214.736054万元,并处罚款1572.614178万元,罚没共计2787.350232万元": (F.SEVERAL_AMOUNTS,) * 3,
    "罚没合计10万元": (OTHER, 100000_00, 100000_00),
    "罚款金额0.2万元;没收金额0.0万元": (F.SEVERAL_AMOUNTS, F.SEVERAL_AMOUNTS, F.SEVERAL_AMOUNTS),
    "对煤矿处罚100万元,对矿长处罚6万元": (F.SEVERAL_AMOUNTS, F.SEVERAL_AMOUNTS, F.SEVERAL_AMOUNTS),
    "0.0万元": (OTHER, 0, 0),
    "被处罚40万元": (OTHER, 400000_00, 400000_00),
    "壹拾万元": (100000_00, 100000_00, 100000_00),
    "并处违约金13122元": (F.ANOTHER_FORM, F.ANOTHER_FORM, F.ANOTHER_FORM),
    "追回医保基金2624.4元": (F.ANOTHER_FORM, F.ANOTHER_FORM, F.ANOTHER_FORM),
    "擬處75萬元罰款": (F.NOT_IMPOSED, F.NOT_IMPOSED, F.NOT_IMPOSED),
    "警告": (F.ANOTHER_FORM, F.ANOTHER_FORM, F.ANOTHER_FORM),
    "吊销《示例》许可证": (F.ANOTHER_FORM, F.ANOTHER_FORM, F.ANOTHER_FORM),
    "停止生產進行整頓,時間不少于6個月": (F.ANOTHER_FORM, F.ANOTHER_FORM, F.ANOTHER_FORM),
    "每日按罚款数额的3%加处罚款": (F.PROPORTION, F.PROPORTION, F.PROPORTION),
}

# raw: what it is in a column without a unit.
WRITTEN: dict[Any, object] = {
    None: None,
    " 　": None,
    # Numerals.
    "十二万三千四百五十六元七角八分": 123456_78,
    "十二萬三千四百五十六圓七角八分": 123456_78,
    "叁拾贰万捌仟捌佰玖拾元整": 328890_00,
    "參萬元": 30000_00,
    "叄萬元": 30000_00,
    "廿万元": 200000_00,
    "廿五万元": 250000_00,
    "两万元": 20000_00,
    "二百十五元": 215_00,
    "一百零五元": 105_00,
    "一千零五十元": 1050_00,
    "二十万零五千元": 205000_00,
    "壹亿贰仟万元": 120000000_00,
    "一万亿元": 10**12 * 100,
    "零元": 0,
    "伍元零陆分": 5_06,
    "一元": 1_00,
    # Digits and numerals.
    "20万零500元": 200500_00,
    "20万零5000元": 205000_00,
    "3千元": 3000_00,
    "1.5千万元": 15000000_00,
    "5百万元": 5000000_00,
    "1亿2000万元": 120000000_00,
    "5万3千元": 53000_00,
    "5元6角5分": 5_65,
    "0.07元": 7,
    # In front, behind, blanks, width.
    "￥ 200": 200_00,
    "¥743万": 7430000_00,
    "RMB 5000": 5000_00,
    "CNY5000.5": 5000_50,
    "5000元人民币": 5000_00,
    "壹佰圓正": 100_00,
    "５０００元": 5000_00,
    "５，０００ 元 整": 5000_00,
    "科处罚款人民币210000元整": 210000_00,
    "并处罚款:5000元": 5000_00,
    "罚款金额为5000元": 5000_00,
    "没收违法所得5000元": 5000_00,
    "50万元罚款": 500000_00,
    "5000元的罚款": 5000_00,
    # Twice.
    "人民币(大写)伍仟元整(小写:5000.00元)": 5000_00,
    "5000元(大写:伍仟元整)": 5000_00,
    "5000元〔伍仟元整〕": 5000_00,
    "0.5万元(伍仟元)": 5000_00,
    "5000元(陆仟元整)": F.DIGITS_AND_CAPITALS_CONTRADICT,
    "人民币伍仟元整(¥500)": F.DIGITS_AND_CAPITALS_CONTRADICT,
    "102万元(102)": F.DIGITS_AND_CAPITALS_CONTRADICT,
    "5000元(伍佰多元)": F.APPROXIMATE,
    # Results of formulas.
    "697㎡×11元/㎡=7668元": F.FORMULA_CONTRADICTED,
    "697㎡×11元/㎡=7667元(柒仟陆佰陆拾柒元整)": 7667_00,
    "697.5m2×10元/m2=6975元": 6975_00,
    "5000元×2=10000元": 10000_00,
    "销售额1147.48亿元×3%=34.4244亿元": 3442440000_00,
    "采购金额95万元的5‰的罚款,计4751元": F.FORMULA_CONTRADICTED,
    "采购金额95万元千分之五的罚款,计4750元": 4750_00,
    "违法所得1000元三倍的罚款,计3000元": 3000_00,
    "违法所得1000元三倍的罚款,计3001元": F.FORMULA_CONTRADICTED,
    "每日罚款15万元,共11天,共计处罚款166万元": F.FORMULA_CONTRADICTED,
    "1001平方米,按15元/平方米处罚,共计15015元": 15015_00,
    "1001平方米,按15元/平方米处罚,共计15016元": F.FORMULA_CONTRADICTED,
    "没收1000元,处货值三倍的罚款,罚没合计3000元": F.SEVERAL_AMOUNTS,
    "没收1000元、违法所得2000元三倍的罚款,共计6000元": F.SEVERAL_AMOUNTS,
    "采购金额千分之五的罚款": F.PROPORTION,
    "5000元/次": F.PROPORTION,
    "拟处采购金额95万元的5‰的罚款,计4750元": F.NOT_IMPOSED,
    # Not exact.
    "700余万元": F.APPROXIMATE,
    "10多万元": F.APPROXIMATE,
    "数万元": F.APPROXIMATE,
    "若干元": F.APPROXIMATE,
    "几千元": F.APPROXIMATE,
    "逾5万元": F.APPROXIMATE,
    "超过5万元": F.APPROXIMATE,
    "不足5万元": F.APPROXIMATE,
    "5万元左右": F.APPROXIMATE,
    "5万元上下": F.APPROXIMATE,
    "5万元以上": F.APPROXIMATE,
    "5000余元": F.APPROXIMATE,
    "三五万元": F.APPROXIMATE,
    "约5000": F.APPROXIMATE,
    "5-10万元": F.RANGE,
    "5万元至10万元": F.RANGE,
    "5万元~10万元": F.RANGE,
    "5万元以上10万元以下": F.RANGE,
    "5-10": F.RANGE,
    # Read in two ways, or damaged.
    "一百五元": F.DAMAGED,
    "一万五元": F.DAMAGED,
    "3万5元": F.DAMAGED,
    "一百零二十元": F.DAMAGED,
    "二百一千元": F.DAMAGED,
    "一万二万元": F.DAMAGED,
    "1.5万3千元": F.DAMAGED,
    "万元": F.DAMAGED,
    "罚款元": F.DAMAGED,
    "***元": F.MASKED,
    "XX万元": F.MASKED,
    "罚款×万元": F.MASKED,
    # Something else.
    "5万美元": F.FOREIGN_CURRENCY,
    "US$500": F.FOREIGN_CURRENCY,
    "500港元": F.FOREIGN_CURRENCY,
    "-5元": F.NEGATIVE,
    "−5元": F.NEGATIVE,
    "负5元": F.NEGATIVE,
    "+5元": F.ANOTHER_FORM,
    "1e3元": F.ANOTHER_FORM,
    "1.5E4": F.ANOTHER_FORM,
    "0x10": F.ANOTHER_FORM,
    "Infinity": F.ANOTHER_FORM,
    "NaN": F.PLACEHOLDER,
    "٣元": F.ANOTHER_FORM,
    "½元": F.ANOTHER_FORM,
    "1,00元": F.ANOTHER_FORM,
    "10,0000元": F.ANOTHER_FORM,
    "1 000元": F.ANOTHER_FORM,
    "1.000.000元": F.ANOTHER_FORM,
    "5角": F.ANOTHER_FORM,
    "5000元(含税)": F.ANOTHER_FORM,
    "罚金5000元": F.ANOTHER_FORM,
    "5000元5000元": F.SEVERAL_AMOUNTS,
    "伍仟元整、¥5000元": F.SEVERAL_AMOUNTS,
    "罚款5000": F.UNIT_MISSING,
    "5000": F.UNIT_MISSING,
    "伍仟": F.UNIT_MISSING,
    5000: F.UNIT_MISSING,
    True: F.NOT_TEXT,
    "0.001元": F.SUB_FEN,
    "0.0000001万元": F.SUB_FEN,
    "99999999999999999元": F.TOO_LARGE,
    "九千万亿元": F.TOO_LARGE,
    f"{'9' * 150}元": F.TOO_LARGE,
    "无": F.PLACEHOLDER,
    "——": F.PLACEHOLDER,
    "/": F.PLACEHOLDER,
    "5000元\x00": F.CONTROL_CHARACTER,
    "5\ud800元": F.CONTROL_CHARACTER,
}

FOUND: dict[str, list[tuple[str, object]]] = {
    "没收违法所得1214.736054万元,并处罚款1572.614178万元,罚没共计2787.350232万元": [
        ("1214.736054万元", 12147360_54),
        ("1572.614178万元", 15726141_78),
        ("2787.350232万元", 27873502_32),
    ],
    "對煤礦處罰100萬(wàn)元,對礦長處罰6萬元": [("100萬(wàn)元", 1000000_00), ("6萬元", 60000_00)],
    "罚款人民币伍仟元整(¥5000元整)以及6000元(柒仟元)": [
        ("人民币伍仟元整(¥5000元整)", 5000_00),
        ("6000元(柒仟元)", F.DIGITS_AND_CAPITALS_CONTRADICT),
    ],
    "采购金额95万元的5‰的罚款,计4750元": [("95万元", 950000_00), ("5‰的罚款", F.PROPORTION), ("4750元", 4750_00)],
    "處以應繳納年排污費三倍的罰款": [("三倍的罰款", F.PROPORTION)],
    "每日罚款15万元,按15元/㎡": [("15万元", F.PROPORTION), ("15元", F.PROPORTION)],
    "近744万元,5万美元,罚款***元,罚款几万元": [
        ("744万元", F.APPROXIMATE),
        ("5万美元", F.FOREIGN_CURRENCY),
        ("***元", F.MASKED),
        ("万元", F.APPROXIMATE),
    ],
    "处5万元以上10万元以下罚款": [("5万元", F.APPROXIMATE), ("10万元", F.APPROXIMATE)],
    "拟处罚款5000元。罚款3元": [("5000元", F.NOT_IMPOSED), ("3元", 3_00)],
    "罚款5000,没收设备": [("5000", F.UNIT_MISSING)],
    "罚款743萬。": [("743萬", F.UNIT_MISSING)],
    "罚款1 000元": [("1 000元", F.ANOTHER_FORM)],
    "约谈并追回医保基金2007元,并处违约金7718元": [("2007元", 2007_00), ("7718元", 7718_00)],
    "2024年元旦,3元件,三元区,2024元旦": [],
    "罚款5元整改3日": [("5元", 5_00)],
    "给予警告,停产整顿3日": [],
    "": [],
}


def result(raw: Any, unit: MoneyUnit | None) -> object:
    try:
        return read_amount(raw, unit)
    except NotationError as error:
        return error.fault


@pytest.mark.parametrize(("raw", "expected"), PUBLISHED.items())
def test_reads_published_amounts_or_names_the_fault(raw: str, expected: tuple[object, object, object]) -> None:
    assert (result(raw, YUAN), result(raw, WAN), result(raw, None)) == expected


@pytest.mark.parametrize(("raw", "expected"), WRITTEN.items(), ids=lambda value: ascii(value)[:40])
def test_reads_written_amounts_or_names_the_fault(raw: Any, expected: object) -> None:
    assert result(raw, None) == expected


@pytest.mark.parametrize(
    ("raw", "unit", "expected"),
    [
        ("伍仟", YUAN, 5000_00),
        ("貳萬陸仟", YUAN, 26000_00),
        ("伍仟", WAN, F.UNIT_AMBIGUOUS),
        ("1.5万", YUAN, 15000_00),
        ("1.5万", YI, F.UNIT_AMBIGUOUS),
        ("20万零500元", YUAN, 200500_00),
        ("3千元", YUAN, 3000_00),
        ("34.42億元", YI, 3442000000_00),
        ("二亿元", YI, 200000000_00),
        ("二亿元", WAN, OTHER),
        ("¥743万", YUAN, 7430000_00),
        ("罚款5000", YUAN, 5000_00),
        ("10.9(拾万玖仟元整)", WAN, F.DIGITS_AND_CAPITALS_CONTRADICT),
        ("0.5万元(伍仟元)", WAN, 5000_00),
        ("50000元(5万元)", YUAN, 50000_00),
        ("50000元(5万元)", YI, OTHER),
        ("95万元×5‰=4750", YUAN, 4750_00),
    ],
)
def test_the_columns_unit_decides(raw: str, unit: MoneyUnit, expected: object) -> None:
    assert result(raw, unit) == expected


@pytest.mark.parametrize(("text", "expected"), FOUND.items())
def test_finds_all_amounts_of_a_text(text: str, expected: list[tuple[str, object]]) -> None:
    found = find_amounts(text)
    assert [(text[one.start : one.end], one.fen if one.fault is None else one.fault) for one in found] == expected


@given(st.integers(0, 10**15))
def test_an_amount_survives_every_notation(fen: int) -> None:
    yuan, cents = divmod(fen, 100)
    digits = f"{yuan}.{cents:02}"
    for text in (
        f"{digits}元",
        f"人民币{format_yuan(FenAmount(fen))}元整",
        f"¥{digits}",
        f"{fen // 1_000_000}.{fen % 1_000_000:06}万元",
        f"罚款{han(yuan)}元{han_cents(cents)}",
        f"{capitals(yuan)}圓{han_cents(cents)}整",
        f"人民币{capitals(yuan)}元{han_cents(cents)}整(¥{digits})",
        f"{digits}元（{capitals(yuan)}元{han_cents(cents)}整）",
    ):
        assert read_amount(text, None) == fen, text
        (found,) = find_amounts(f"决定:{text}。")
        assert found.fen == fen


@given(st.integers(0, 10**13), st.integers(0, 10**13))
def test_digits_and_capitals_must_agree(yuan: int, other: int) -> None:
    expected = yuan * 100 if yuan == other else F.DIGITS_AND_CAPITALS_CONTRADICT
    assert result(f"{yuan}元({capitals(other)}元整)", None) == expected


def han(number: int) -> str:
    """The standard spelling of a number."""
    if number == 0:
        return "零"
    text = ""
    for big, name in ((10**12, "万亿"), (10**8, "亿"), (10**4, "万"), (1, "")):
        section, number = divmod(number, big)
        section_text = han_section(section)
        if section and text and (section < 1000 or text.endswith("零")):
            section_text = f"零{section_text}"
        text = text.removesuffix("零") + (section_text + name if section else "")
        if not section and text and number:
            text = text.removesuffix("零") + "零"
    # 一万亿零二亿 is written with one 亿 in the middle: 一万零二亿.
    return text.replace("万亿", "万", 1) if "亿" in text.replace("万亿", "") else text


def han_section(number: int) -> str:
    text = ""
    for place, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, number = divmod(number, place)
        if digit:
            text += "一二三四五六七八九"[digit - 1] + name
        elif text and number and not text.endswith("零"):
            text += "零"
    return text


def han_cents(cents: int) -> str:
    ten, one = divmod(cents, 10)
    return (f"{han(ten)}角" if ten else "") + (f"{'' if ten else '零'}{han(one)}分" if one else "")


def capitals(number: int) -> str:
    return han(number).translate(str.maketrans("一二三四五六七八九十百千", "壹贰叁肆伍陆柒捌玖拾佰仟"))
