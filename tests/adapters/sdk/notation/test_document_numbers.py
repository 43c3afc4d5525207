"""Document numbers as they are issued and as they were damaged; spellings that mean one number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sdk.notation import (
    NotationFault,
    document_number_fault,
    normalise_document_number,
    read_document_number,
)

F = NotationFault

SOUND = """
京順市監(jiān)處罰〔2023〕2310號
京環(huán)境監(jiān)察罰字〔2018〕29號
中国证券监督管理委员会北京监管局行政处罚决定书〔2021〕1号
北京证监局行政处罚决定书〔2024〕1号
京环保监察罚字【2017】24号
津市环罚字〔2023〕171号
津丽环罚字[2023]040705号
津丽环罚字[2020]102002号
津宝环罚〔2025〕014号
津宝环罚字〔2021〕043号
津和环罚字[2022]004
(津保)应急罚[2023]k-39号
津網信罰決字【2019】第1號
津红国税罚〔2016〕20021
石市监处罚〔2023〕21号
石环罚〔2024〕16号
石环罚决〔2025〕无极-14号
石环不罚决〔2025〕无极-38号
衡环罚决〔2023〕53号
衡环罚告[2023]53号
衡环罚决〔2024〕224号
唐环罚字【2021】15-49号
张环罚【2017】39号
[2023]10 号
[2023]11 号
晋市环罚〔2025〕25号
沁环罚字[2023]20号
吕环不罚〔2025〕6007号
灵环罚〔2020〕64号
潞城環罰字﹝2022﹞12號
临环罚字〔2022〕001054号
吕银罚决字〔2025〕17号
国市监处罚〔2026〕10号
0482环罚决字〔2025〕14号
豫 0185 环罚决字〔2023〕22号
豫0523環罰決字〔2025〕9號
包环罚150222〔2025〕6号
陕H环罚【2021】223号
濰環罰字〔2021〕BH115號
成环罚字〔2021〕CH005 号
泰环罚字〔2021〕2-210号
濮农(种子)罚〔2022〕8号
舞农(农药)罚〔2024〕1号
罗农(农药)罚〔 2025 〕5号
州农(种子) 罚〔2020 〕 2
楚市 林草罚决〔2025〕033号
鄂广林罚决字〔2024〕第013号
(益)食药监行罚〔2018〕21号
((益)食药监行罚〔2018〕21号)
编号:信自然资罚决字〔2024〕第006号
海沧关缉违字〔2026〕32号
文關檢罰字[2021]0100號
文關檢罰字〔2021〕0100號
高财购罚〔2022〕1号
福财罚决字〔2018〕第9号
福财罚立字﹝2018﹞第9号
嘉财罚字〔2023〕1号
苏市监反垄断案〔2021〕4号
南税简罚〔2021〕2109号
资中地税九所简罚〔2018〕41号
银开税罚〔2019〕33075号
沪税金十六处字(2004)第702号
柳城管柳南行決字【2021】第4503256號
广灵税壶泉简罚〔2019〕1000317号
(2020)鲁1323执729号
（2017）浙0106执1627号
（2016）京0108民初33393号
(2014)绍虞执民字第00243号
第120100号
示罚〔2024年〕1号
""".strip().splitlines()

FAULTY = {
    "京密市监处罚〔2024〕***号": F.MASKED,
    "石新市监 处罚〔 2025 〕xxx号": F.MASKED,
    "示罚〔2024〕＊＊号": F.MASKED,
    "示罚〔2024〕X号": F.MASKED,
    "示罚〔2024〕某号": F.MASKED,
    "晋市环()罚20246": F.DAMAGED,
    "吕环不罚2025〕6007号": F.DAMAGED,
    "交環罰字〔202164号": F.DAMAGED,
    "罚〔202164号": F.DAMAGED,
    "监处罚〔202321": F.DAMAGED,
    "津政发〔201833号": F.DAMAGED,
    "黔药监行罚〔〕6-1号": F.DAMAGED,
    "罚〔〕6-1号": F.DAMAGED,
    "富生环罚﹝﹞8号": F.DAMAGED,
    "石市监处罚202321号": F.DAMAGED,
    "罚20246": F.DAMAGED,
    "示罚〔20246〕1号": F.DAMAGED,
    "示罚〔2024〕号": F.DAMAGED,
    "示罚〔2024〕第号": F.DAMAGED,
    "示罚)2024(1号": F.DAMAGED,
    "行政处罚决定书": F.DAMAGED,
    "": F.PLACEHOLDER,
    "无": F.PLACEHOLDER,
    "——": F.PLACEHOLDER,
    "示罚〔2024〕1号、示罚〔2024〕2号": F.SEVERAL_NUMBERS,
    "示罚〔2024〕1\x00号": F.CONTROL_CHARACTER,
}

ONE_NUMBER = (
    ("津宝环罚〔2025〕014号", "津宝环罚字[2025]14号", "津宝环罚【2025】第14號", " 津寶環罰字（2025）字第 ０14 "),
    ("津宝环罚﹝2025﹞14号", "编号：津宝环罚字〔2025〕14号", "行政处罚决定书文号:津宝环罚〔2025〕14号"),
    ("京环境监察罚〔2018〕29号", "京環(huán)境監(jiān)察罰字〔2018〕29號(hào)", "(京环境监察罚字〔2018〕29号)"),
    ("(益)食药监行罚〔2018〕21号", "（（益）食药监行罚〔2018〕21号）"),
    ("示环罚〔2022〕001054号", "示环罚字〔2022〕1054号"),
    ("示环罚〔2022〕1-014号", "示环罚〔2022〕1-14号"),
    ("(2014)绍虞执民字第00243号", "（2014）绍虞执民字第243号"),
    ("(津保)应急罚[2023]k-39号", "〔津保〕应急罚〔2023〕K-39"),
)  # fmt: skip

DIFFERENT = (
    ("衡环罚决〔2023〕53号", "衡环罚告〔2023〕53号"),
    ("津宝环罚〔2025〕14号", "津宝环罚〔2025〕140号"),
    ("津宝环罚〔2024〕14号", "津宝环罚〔2025〕14号"),
    ("石环罚决〔2025〕无极-14号", "石环罚决〔2025〕14号"),
    ("包环罚150222〔2025〕6号", "包环罚〔2025〕6号"),
    ("0482环罚决〔2025〕14号", "482环罚决〔2025〕14号"),
    ("成环罚字〔2021〕CH005号", "成环罚字〔2021〕005号"),
    ("示罚(ABC)〔2024〕1号", "示罚〔2024〕1号"),
)


@pytest.mark.parametrize("raw", SOUND)
def test_sees_nothing_wrong_with_a_sound_number(raw: str) -> None:
    assert document_number_fault(raw) is None


@pytest.mark.parametrize(("raw", "fault"), FAULTY.items())
def test_names_what_is_wrong_with_a_number(raw: str, fault: NotationFault) -> None:
    assert document_number_fault(raw) is fault


@pytest.mark.parametrize("raw", SOUND)
def test_prints_a_number_as_supplied(raw: str) -> None:
    assert read_document_number(f" {raw} ") == raw


@pytest.mark.parametrize("spellings", ONE_NUMBER, ids=lambda spellings: spellings[0])
def test_spellings_of_a_number_are_one(spellings: tuple[str, ...]) -> None:
    assert len({normalise_document_number(spelling) for spelling in spellings}) == 1


@pytest.mark.parametrize("numbers", DIFFERENT, ids=lambda numbers: numbers[0])
def test_two_numbers_stay_two(numbers: tuple[str, str]) -> None:
    assert normalise_document_number(numbers[0]) != normalise_document_number(numbers[1])


def test_all_published_numbers_stay_apart() -> None:
    same = {"((益)食药监行罚〔2018〕21号)", "文關檢罰字〔2021〕0100號"}
    different = [raw for raw in SOUND if raw not in same]
    assert len({normalise_document_number(raw) for raw in different}) == len(different)


@given(
    serial=st.integers(1, 10**8),
    zeros=st.sampled_from(["", "0", "0000"]),
    bracket=st.sampled_from(["〔{}〕", "[{}]", "（{}）", "【 {} 】", "﹝{}﹞"]),
    front=st.sampled_from(["", "字", " 字 "]),
    behind=st.sampled_from(["", "第", " 第"]),
    end=st.sampled_from(["", "号", " 號"]),
)
def test_notation_never_tells_two_numbers_apart(
    serial: int, zeros: str, bracket: str, front: str, behind: str, end: str
) -> None:
    spelling = f"示环罚{front}{bracket.format(2024)}{behind}{zeros}{serial}{end}"
    assert document_number_fault(spelling) is None
    assert normalise_document_number(spelling) == f"示环罚〔2024〕{serial}"


@given(st.text(max_size=40))
def test_one_kind_of_brackets_and_no_blanks_are_left(text: str) -> None:
    once = normalise_document_number(text)
    assert not set(once) & set("[]【】()（） \t\n　")
