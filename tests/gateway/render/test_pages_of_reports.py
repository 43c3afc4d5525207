"""The pages of reports, read back with other tools than the one that made them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import zxingcpp

from contract.document import document
from contract.report_file import EMBEDDED_STATEMENT
from contract.wording import SPECIMEN
from gateway.render.pdf import INDEX_FROM, SPECIMEN_SEAL, render_report
from gateway.render.typesetter import _TEMPLATES, PagesError
from tests.support import reports
from tests.support.pages import BASE, CODE, Poppler, changed, first_text, opened, pages, printed, texts

SHORT = tuple(name for name in reports.EXAMPLES if name not in {"long", "many"})
MARGIN = 22 * 72 / 25.4

_NOT_PRINTED = {"language", "anchor", "sentence", "numbering", "index"}


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _printed_texts(value: Any) -> list[str]:
    """All texts of a document that are to stand on pages."""
    if isinstance(value, dict):
        return [
            text
            for name, inner in value.items()
            if name not in _NOT_PRINTED or (name == "sentence" and len(value) == 2)
            for text in _printed_texts(inner)
        ]
    if isinstance(value, list):
        return [text for inner in value for text in _printed_texts(inner)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("name", sorted(set(SHORT) - {"rare", "nothing-covered"}))
def test_everything_that_the_document_says_is_printed(name: str) -> None:
    everything = "".join(texts(pages(name)))
    said = {_squeezed(text)[:18] for text in _printed_texts(document(reports.example(name)))} - {""}
    assert len(said) > 50
    assert [text for text in said if text not in everything] == []


@pytest.mark.parametrize("name", reports.EXAMPLES)
def test_the_first_page_holds_the_conclusion_and_all_that_is_needed_to_verify(name: str) -> None:
    shown = document(reports.example(name))
    first = first_text(pages(name))
    assert _squeezed(shown["title"]) in first
    assert _squeezed(shown["front"]["conclusion"]["text"])[:15] in first
    assert shown["page"]["report_number"]["value"] in first
    assert "7K3M-9PQ2-XW4T-8RVA" in first
    assert _squeezed(SPECIMEN_SEAL) in first
    for line in shown["front"]["issue"]:
        assert _squeezed(line["value"]) in first


def test_the_conclusion_stands_in_one_piece() -> None:
    conclusion = document(reports.example("found"))["front"]["conclusion"]["text"]
    assert _squeezed(conclusion) in first_text(pages("found"))


def test_what_is_not_covered_stands_on_the_first_page() -> None:
    shown = document(reports.example("limited"))
    first = first_text(pages("limited"))
    for row in shown["front"]["not_covered"]["table"]["rows"]:
        assert _squeezed("".join(row)) in first


@pytest.mark.parametrize("name", ["found", "limited", "long", "renamed"])
def test_every_page_says_what_it_belongs_to(name: str) -> None:
    shown = document(reports.example(name))
    every = texts(pages(name))
    for position, text in enumerate(every, 1):
        assert _squeezed(shown["page"]["title"]) in text
        assert shown["page"]["report_number"]["value"] in text
        assert shown["page"]["subject"]["value"][:30] in text
        assert shown["page"]["free"] in text
        assert _squeezed(SPECIMEN) in text
        assert shown["page"]["numbering"].format(page=position, pages=len(every)) in text


def test_the_words_of_a_specimen_stand_on_specimens_only() -> None:
    pdf = changed("clear", lambda shown: shown.update(specimen=""))
    everything = "".join(texts(pdf))
    assert "样张" not in everything
    assert "演示章" not in everything
    assert not any("/Pattern" in page["/Resources"] for page in opened(pdf).pages)
    assert all("/Pattern" in page["/Resources"] for page in opened(pages("clear")).pages)


def test_the_watermark_survives_printing_in_black_only(poppler: Poppler) -> None:
    without = changed("clear", lambda shown: shown.update(specimen=""))
    second = 2
    assert poppler.black_dots(pages("clear"), page=second) > poppler.black_dots(without, page=second) + 5_000


def test_the_qr_code_of_every_page_is_read_from_its_picture(poppler: Poppler) -> None:
    pdf = pages("found")
    number = reports.example("found").report.report_number
    for page in range(1, len(opened(pdf).pages) + 1):
        codes = zxingcpp.read_barcodes(poppler.greys(pdf, page=page))
        assert {code.text for code in codes} == {f"{BASE}/verify#{number}.{CODE}"}, page


def test_the_statement_is_the_only_attachment_byte_for_byte() -> None:
    reader = opened(pages("found"))
    assert dict(reader.attachments) == {EMBEDDED_STATEMENT: [reports.example("found").statement.envelope]}
    (file,) = reader.root_object["/AF"]
    assert file.get_object()["/AFRelationship"] == "/Source"


def test_the_file_declares_its_standards_and_is_tagged() -> None:
    reader = opened(pages("found"))
    metadata = reader.root_object["/Metadata"].get_object().get_data().decode()
    assert "<pdfaid:part>3</pdfaid:part>" in metadata
    assert "<pdfaid:conformance>A</pdfaid:conformance>" in metadata
    assert "<pdfuaid:part>1</pdfuaid:part>" in metadata
    assert reader.root_object["/MarkInfo"]["/Marked"].value is True
    assert "/StructTreeRoot" in reader.root_object
    assert reader.root_object["/Lang"] == "zh-CN"
    assert reader.metadata is not None
    assert reports.example("found").report.report_number in str(reader.metadata.title)
    assert reader.metadata.creation_date == reports.example("found").issued_at


@pytest.mark.parametrize("name", ["found", "markup"])
def test_every_font_is_embedded(name: str) -> None:
    fonts = {
        font.get_object()["/BaseFont"]: font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"]
        for page in opened(pages(name)).pages
        for font in page["/Resources"]["/Font"].values()
    }
    assert {str(font).partition("+")[2].partition("-")[0] for font in fonts} == {"NotoSansSC", "NotoSerifSC"}
    for descriptor in fonts.values():
        assert "/FontFile3" in descriptor.get_object()


def test_texts_that_are_markup_elsewhere_are_printed_as_they_are() -> None:
    everything = "".join(texts(pages("markup")))
    for text in reports.MARKUP:
        assert _squeezed(text) in everything


@pytest.mark.parametrize("name", ["markup", "found"])
def test_nothing_in_the_file_is_a_link_an_action_or_a_script(name: str) -> None:
    reader = opened(pages(name))
    assert [page for page in reader.pages if "/Annots" in page or "/AA" in page] == []
    assert {"/OpenAction", "/AA", "/AcroForm"} & set(reader.root_object) == set()
    assert set(reader.root_object.get("/Names", {}).get_object()) <= {"/EmbeddedFiles", "/Dests"}
    assert not re.search(rb"/(JavaScript|JS|URI|Launch|SubmitForm)\b", pages(name))


def test_marks_that_reverse_the_order_of_writing_are_shown_and_do_nothing() -> None:
    def reverse(shown: dict[str, Any]) -> None:
        shown["front"]["conclusion"]["text"] = "甲\u202e乙丙\u2066丁\u200b戊\x00"

    first = first_text(changed("clear", reverse))
    assert "甲〔U+202E〕乙丙〔U+2066〕丁〔U+200B〕戊〔U+0000〕" in first
    assert "未收录4个字符" in first


def test_rare_characters_are_printed_or_named_on_the_first_page() -> None:
    first = first_text(pages("rare"))
    assert "示例㙍〔U+20BB7〕龘贸易有限公司" in first
    assert "未收录3个字符" in first
    assert "U+20BB7、U+2A6A5、U+3106C" in first
    assert "未收录" not in "".join(texts(pages("found")))


def test_many_missing_characters_are_counted_and_some_named() -> None:
    rare = "".join(map(chr, range(0x20010, 0x20010 + 40)))

    def use(shown: dict[str, Any]) -> None:
        shown["front"]["conclusion"]["text"] = rare

    first = first_text(changed("clear", use))
    assert re.search(r"未收录\d\d个字符，文中以编码代替：(U\+2[0-9A-F]{4}、){11}U\+2[0-9A-F]{4}等。", first)


def test_long_texts_are_complete_and_stay_within_the_margins(poppler: Poppler) -> None:
    everything = "".join(texts(pages("long")))
    said = "".join(_printed_texts(document(reports.example("long"))["details"]))
    for letter in "违长A":
        assert everything.count(letter) >= said.count(letter) > 1_000
    words = re.findall(r'xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)"', poppler.words(pages("long")))
    assert len(words) > 500
    for left, top, right, bottom in words:
        assert float(left) > MARGIN - 2
        assert float(right) < 595.3 - MARGIN + 6  # a full stop may hang
        assert float(top) > 30
        assert float(bottom) < 842 - 30


def _with(records: int) -> tuple[dict[str, Any], bytes]:
    checked = reports.asked(reports.many(records))
    shown = document(checked)
    return shown, render_report(shown, statement=checked.statement.envelope, printed=printed(checked))


def test_a_record_stays_on_one_page() -> None:
    shown, pdf = _with(60)
    every = texts(pdf)
    records = [
        record
        for province in shown["details"]["provinces"]
        for group in province["groups"]
        for record in group["records"]
    ]
    assert len(records) == 60
    for record in records:
        (page,) = [text for text in every if f"{_squeezed(record['heading'])}{record['lines'][0]['label']}" in text]
        start = page.index(_squeezed(record["heading"]))
        place = start
        for line in record["lines"]:
            place = page.index(_squeezed(line["label"] + line["value"] + line["note"]), place)


def test_many_records_are_preceded_by_an_index_with_the_right_pages() -> None:
    shown, pdf = _with(60)
    every = texts(pdf)
    (index,) = [text for text in every if _squeezed(shown["details"]["index"]["heading"]) in text]
    for province in shown["details"]["provinces"]:
        for group in province["groups"]:
            row = _squeezed(province["heading"] + group["heading"] + group["count"])
            number = re.search(re.escape(row) + r"(\d+)", index)
            assert number is not None, row
            page = every[int(number[1]) - 1]
            assert _squeezed(group["heading"] + group["count"] + group["records"][0]["heading"]) in page


def test_few_records_need_no_index() -> None:
    shown, pdf = _with(INDEX_FROM - 1)
    assert _squeezed(shown["details"]["index"]["heading"]) not in "".join(texts(pdf))


def test_a_cell_with_records_names_their_page() -> None:
    every = texts(pages("found"))
    (overview,) = [text for text in every if "第二部分概览" in text]
    number = re.search(r"2条第(\d+)页", overview)
    assert number is not None
    assert "北京市第1条" in every[int(number[1]) - 1]


def test_a_document_of_another_form_is_refused_by_name() -> None:
    with pytest.raises(PagesError, match="front"):
        changed("clear", lambda shown: shown.pop("front"))


def test_templates_hold_no_words_of_their_own() -> None:
    templates = sorted(_TEMPLATES.glob("*.typ"))
    assert [path.name for path in templates] == ["look.typ", "report.typ", "sheet.typ"]
    for path in templates:
        code = re.sub(r"//.*", "", path.read_text(encoding="utf-8"))
        assert re.findall(r"[\u3400-\u9fff]+", code) == []
