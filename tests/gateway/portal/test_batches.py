"""Many reports at once, on pages: of a person for its enterprises, and of a unit under consents. Over HTTP, at a real gateway."""

from __future__ import annotations

import io
import re
import zipfile
from html import unescape
from typing import Any, Final

import pytest

from gateway.domain.persons import StaffRole
from huren.fragment.v1 import query_pb2
from tests.support.desks import Desk, Page, desk
from tests.support.people import AT_WINDOW, BANK, BASIC, ENTERPRISE, NAME, OTHER, Founding, Lobby, staff

WRONG: Final = "91110000000014001X"
HOSTILE: Final = "<script>alert(1)</script>示例"
OTHER_NAME: Final = "北京示例贸易有限公司"
FOR_BANK: Final = {"Huren-Enterprise": BANK}


@pytest.fixture
async def group(lobby: Lobby) -> Desk:
    """Somebody who acts for two enterprises."""
    return Desk(lobby=lobby, actor=await lobby.person("group", represents=[ENTERPRISE, OTHER]), handle="")


@pytest.fixture
async def bank(lobby: Lobby) -> Desk:
    return await desk(lobby, await lobby.person(f"unit {BANK}", represents=[BANK]), BANK)


def chosen(page: Page, **changes: Any) -> dict[str, Any]:
    """The second page's form, as it stands there."""
    carried = re.search(r'<textarea name="list" hidden>(.*?)</textarea>', page.html, re.DOTALL)
    assert carried, page.text
    return {
        "step": "begin",
        "key": page.value("key"),
        "list": unescape(carried[1]),
        "window": "1",
        "domains": sorted(page.ticked("domains")),
        "kinds": sorted(page.ticked("kinds")),
        "purpose": "",
        "repeat_days": "0",
        **changes,
    }


async def begun(at: Desk, codes: str, **changes: Any) -> str:
    """Id of a batch that was just begun on the pages of a group."""
    second = await at.send("begin_batch", {"list": codes})
    done = await at.send("begin_batch", chosen(second, **changes))
    assert done.status == 303, done.text
    return done.location.rpartition("/")[2]


# --- The list ---------------------------------------------------------------------------------------------------------------


async def test_who_began_nothing_is_shown_the_way(group: Desk) -> None:
    page = await group.open("batches")

    assert page.status == 200
    assert "还没有批量办理" in page.text
    assert 'href="/batches/new"' in page.html


async def test_enterprises_that_may_be_asked_for_are_ticked_by_name_and_by_no_code(group: Desk) -> None:
    page = await group.open("new_batch")
    handles = re.findall(r'name="enterprise" value="([^"]+)"', page.html)

    assert NAME in page.text
    assert OTHER_NAME in page.text
    assert len(handles) == 2
    assert ENTERPRISE not in handles

    second = await group.send("begin_batch", {"enterprise": handles, "list": f"{OTHER}\n"})
    assert second.status == 200
    assert sorted(chosen(second)["list"].split("\n")) == sorted([f"1 {OTHER}", f"2 {ENTERPRISE}"])


async def test_a_handle_of_somebody_else_ticks_nothing(group: Desk, lobby: Lobby) -> None:
    other = await desk(lobby, await lobby.person("stranger", represents=[AT_WINDOW]), AT_WINDOW)

    page = await group.send("begin_batch", {"enterprise": other.handle})

    assert page.status == 400
    assert "请填写、上传或勾选至少一个主体" in page.text


async def test_what_is_wrong_with_a_list_is_shown_line_by_line_before_anything_begins(group: Desk) -> None:
    sent = f"统一社会信用代码\n{ENTERPRISE}\n{WRONG}\n\n{HOSTILE}\n{ENTERPRISE.lower()}\n{OTHER}"
    page = await group.send("begin_batch", {"list": sent})

    assert page.status == 200
    rows = re.findall(r"<tr[^>]*><th[^>]*>(\d+)</th><td[^>]*>(.*?)</td><td[^>]*>(.*?)</td></tr>", page.html)
    assert [number for number, _, _ in rows] == ["3", "5", "6"]
    assert "与第2行重复" in rows[2][2]
    assert "<script>alert" not in page.html
    assert "&lt;script&gt;" in page.html
    assert chosen(page)["list"] == f"2 {ENTERPRISE}\n7 {OTHER}"
    assert "还没有批量办理" in (await group.open("batches")).text


async def test_a_list_without_a_line_that_can_be_served_goes_no_further(group: Desk) -> None:
    page = await group.send("begin_batch", {"list": WRONG})

    assert page.status == 400
    assert "没有可以办理的行" in page.text
    assert WRONG in page.html  # in the field, to be corrected
    assert 'name="step"' not in page.html


@pytest.mark.parametrize(
    ("file", "told"),
    [
        pytest.param(b"\x00\x01", "不是UTF-8或GB18030编码的文本", id="neither text nor sheet"),
        pytest.param(b"PK\x03\x04nothing", "不是可读的XLSX文件", id="no sheet"),
        pytest.param(b"", "没有统一社会信用代码", id="nothing"),
    ],
)
async def test_a_file_that_cannot_be_read_is_refused_at_its_field(group: Desk, file: bytes, told: str) -> None:
    page = await group.upload("begin_batch", {}, file)

    assert page.status == 400
    assert told in page.text
    assert 'href="#field-file"' in page.html
    assert "幂等" not in page.text


async def test_a_table_is_read_as_a_spreadsheet_counts(group: Desk) -> None:
    page = await group.upload(
        "begin_batch", {}, f"名称,统一社会信用代码\n甲,{ENTERPRISE}\n乙,{OTHER}\n".encode("gb18030")
    )

    assert chosen(page)["list"] == f"2 {ENTERPRISE}\n3 {OTHER}"


# --- Beginning --------------------------------------------------------------------------------------------------------------


async def test_sending_twice_begins_once(group: Desk) -> None:
    second = await group.send("begin_batch", {"list": f"{ENTERPRISE}\n{OTHER}"})
    form = chosen(second)

    first, again = await group.send("begin_batch", form), await group.send("begin_batch", form)

    assert first.status == again.status == 303
    assert first.location == again.location
    assert len(re.findall(r'href="/batches/[0-9a-f]{32}"', (await group.open("batches")).html)) == 1


async def test_the_same_page_with_other_choices_says_so_and_offers_a_new_key(group: Desk) -> None:
    form = chosen(await group.send("begin_batch", {"list": ENTERPRISE}))
    await group.send("begin_batch", form)

    page = await group.send("begin_batch", {**form, "window": "3"})

    assert page.status == 409
    assert "这份名单已经提交过" in page.text
    assert "幂等" not in page.text
    assert page.value("key") != form["key"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param({"domains": []}, "请至少勾选一个领域", id="no domain"),
        pytest.param({"kinds": []}, "请至少勾选一个事项", id="no kind"),
        pytest.param({"kinds": ["7"]}, "没有这个选项", id="no such kind"),
        pytest.param(
            {"purpose": str(query_pb2.PURPOSE_OFFICIAL_DUTY)},
            "没有这个选项",
            id="official duty is no purpose of a group",
        ),
        pytest.param({"repeat_days": "8"}, "没有这个选项", id="no such interval"),
        pytest.param({"repeat_days": "٣"}, "没有这个选项", id="a digit of another script"),
        pytest.param(
            {"window": "own", "window.first_day": "2026-13-01", "window.last_day": "2026-11-01"}, "日期", id="no day"
        ),
    ],
)
async def test_what_can_be_corrected_comes_back_filled_in(group: Desk, changes: dict[str, Any], told: str) -> None:
    form = chosen(await group.send("begin_batch", {"list": ENTERPRISE})) | changes

    page = await group.send("begin_batch", form)

    assert page.status == 400
    assert told in page.text
    assert chosen(page)["list"] == form["list"]
    assert page.value("key") == form["key"]
    assert page.ticked("domains") == set(form["domains"])


@pytest.mark.parametrize(
    "carried",
    [
        pytest.param("", id="nothing"),
        pytest.param(f"1 {WRONG}", id="a wrong code"),
        pytest.param(f"1 {ENTERPRISE}\n2 {ENTERPRISE}", id="twice"),
        pytest.param(f"1 {ENTERPRISE}\n1 {OTHER}", id="two of one number"),
        pytest.param(f"0 {ENTERPRISE}", id="no such number"),
        pytest.param(f"1 {ENTERPRISE} {HOSTILE}", id="what is no grant"),
        pytest.param("\n".join(f"{number} {ENTERPRISE}" for number in range(1, 1200)), id="too many"),
    ],
)
async def test_a_list_that_was_altered_on_the_way_begins_nothing(group: Desk, carried: str) -> None:
    form = chosen(await group.send("begin_batch", {"list": ENTERPRISE}))

    page = await group.send("begin_batch", {**form, "list": carried})

    assert page.status == 400
    assert "名单已变动" in page.text
    assert "还没有批量办理" in (await group.open("batches")).text


async def test_without_the_sessions_token_nothing_begins(group: Desk) -> None:
    form = chosen(await group.send("begin_batch", {"list": ENTERPRISE}))

    page = await group.send("begin_batch", {**form, "csrf": "no"})

    assert page.status == 403
    assert "还没有批量办理" in (await group.open("batches")).text


async def test_who_has_nobody_to_ask_for_or_a_password_only_begins_nothing(lobby: Lobby) -> None:
    nobody = Desk(lobby=lobby, actor=await lobby.person("nobody"), handle="")
    looking = Desk(lobby=lobby, actor=await lobby.person("looking", represents=[OTHER], level=BASIC), handle="")

    form = chosen(await nobody.send("begin_batch", {"list": ENTERPRISE}))
    assert (await nobody.send("begin_batch", form)).status == 403
    assert (await looking.open("new_batch")).status == 403


async def test_nobody_begins_a_batch_on_a_paper_of_the_window(lobby: Lobby) -> None:
    clerk = await lobby.person("clerk", staff=staff(StaffRole.WINDOW_CLERK))
    second = await lobby.person("second", staff=staff(StaffRole.REVIEWER, number="1043"))
    await Founding(lobby).paper(clerk, AT_WINDOW, second=second)

    page = await Desk(lobby=lobby, actor=clerk, handle="").open("new_batch")

    assert 'name="enterprise"' not in page.html


# --- One --------------------------------------------------------------------------------------------------------------------


async def test_a_batch_goes_from_waiting_to_an_archive(group: Desk, lobby: Lobby) -> None:
    batch = await begun(group, f"{ENTERPRISE}\n{OTHER}\n{AT_WINDOW}")

    running = await group.open("batch", batch=batch)
    assert "办理中" in running.text
    assert 'hx-trigger="every 5s"' in running.html
    assert '<noscript><meta http-equiv="refresh" content="10"></noscript>' in running.html
    assert "下载全部报告" not in running.text
    assert (await group.open("batch_archive", batch=batch)).status == 409

    await lobby.ended(group.actor, batch)
    done = await group.open("batch", batch=batch)
    assert "已办结" in done.text
    assert 'hx-trigger="every' not in done.html
    assert "noscript" not in done.html
    assert NAME in done.text
    assert "未获" in done.text or "授权" in done.text  # why the third has no report

    links = re.findall(r'href="(/e/[0-9a-f]{20}/reports/HR[0-9A-Z]{19})"', done.html)
    assert len(links) == 2
    for link in links:
        assert (await group.lobby.send(group.actor, "GET", link)).status == 200

    archive = await group.open("batch_archive", batch=batch)
    assert archive.headers["Content-Type"] == "application/zip"
    assert re.fullmatch(r'attachment; filename="batch-\d{8}-\d{4}\.zip"', archive.headers["Content-Disposition"])
    with zipfile.ZipFile(io.BytesIO(archive.body)) as opened:
        assert len([name for name in opened.namelist() if name.endswith(".report")]) == 2
        assert "汇总表.csv" in opened.namelist()


async def test_lines_are_sorted_and_filtered_by_the_address(group: Desk, lobby: Lobby) -> None:
    batch = await begun(group, f"{ENTERPRISE}\n{AT_WINDOW}\n{OTHER}")
    await lobby.ended(group.actor, batch)

    def lines(page: Page) -> list[str]:
        return re.findall(r'class="list-name"[^>]*>(?:<[^>]+>)*(\d+)', page.html)

    assert lines(await group.open("batch", batch=batch)) == ["1", "2", "3"]
    assert lines(await group.open("batch", "?sort=-line", batch=batch)) == ["3", "2", "1"]
    assert lines(await group.open("batch", "?state=FAILED", batch=batch)) == ["2"]
    assert lines(await group.open("batch", "?find=%E8%B4%B8%E6%98%93", batch=batch)) == ["3"]
    assert lines(await group.open("batch", "?state=NONSENSE&sort=nothing&after=x", batch=batch)) == ["1", "2", "3"]
    nothing = await group.open("batch", "?find=%3Cscript%3E", batch=batch)
    assert "没有符合条件的内容" in nothing.text
    assert "<script>" not in nothing.html.partition("<main")[2]


async def test_a_batch_is_given_up_and_begun_once_more_and_by_itself(group: Desk) -> None:
    batch = await begun(group, ENTERPRISE, repeat_days="30")
    assert "每30天" in (await group.open("batch", batch=batch)).text
    await group.send("change_batch", {"do": "schedule", "repeat_days": "0"}, batch=batch)
    assert "不重复，只办这一次" in (await group.open("batch", batch=batch)).text
    assert (await group.send("change_batch", {"do": "cancel"}, batch=batch)).status == 303
    assert re.search("正在终止|已终止", (await group.open("batch", batch=batch)).text)

    again = {"do": "repeat", "key": "0123456789abcdef"}
    first = await group.send("change_batch", again, batch=batch)
    second = await group.send("change_batch", again, batch=batch)
    assert first.status == 303
    assert first.location == second.location != f"/batches/{batch}"
    assert (await group.send("change_batch", {"do": "burn"}, batch=batch)).status == 400


async def test_a_batch_of_somebody_else_is_not_there(group: Desk, bank: Desk, lobby: Lobby) -> None:
    batch = await begun(group, ENTERPRISE)
    stranger = Desk(lobby=lobby, actor=await lobby.person("other", represents=[ENTERPRISE, OTHER]), handle="")

    told = set()
    for who, pages in ((stranger, ("batch", "batch_archive")), (bank, ("unit_batch", "unit_batch_archive"))):
        for name in pages:
            for one in (batch, "0" * 32, "nothing"):
                page = await who.open(name, batch=one)
                assert page.status == 404
                told.add(
                    re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "", page.text.partition("›")[0])[:0]
                    + "BATCH_NOT_FOUND" * ("BATCH_NOT_FOUND" in page.html)
                )
    assert told == {"BATCH_NOT_FOUND"}
    assert (await stranger.send("change_batch", {"do": "cancel"}, batch=batch)).status == 404
    assert "办理中" in (await group.open("batch", batch=batch)).text
    assert "还没有批量办理" in (await stranger.open("batches", f"?after={batch}")).text


# --- A unit -----------------------------------------------------------------------------------------------------------------


async def test_a_unit_asks_under_its_consents_and_reads_as_itself(bank: Desk, lobby: Lobby) -> None:
    founding = Founding(lobby)
    founding._founder = await lobby.person("founder", represents=[ENTERPRISE], headers={"Huren-Enterprise": ENTERPRISE})
    await founding.grant(BANK)
    sent = await bank.send("begin_unit_batch", {"list": f"{ENTERPRISE}\n{OTHER}"})
    assert sent.ticked("domains") == set()  # what is not chosen is the consent's
    assert 'name="repeat_days"' not in sent.html
    assert "按各授权书载明的时段" in sent.text

    done = await bank.send("begin_unit_batch", chosen(sent, window="grant"))
    assert done.status == 303, done.text
    batch = done.location.rpartition("/")[2]
    await lobby.ended(bank.actor, batch, headers=dict(FOR_BANK))

    page = await bank.open("unit_batch", batch=batch)
    links = re.findall(r'href="(/e/[0-9a-f]{20}/reports/HR[0-9A-Z]{19})"', page.html)
    assert [link.startswith(f"/e/{bank.handle}/") for link in links] == [True]
    assert "未出具" in page.text
    assert ENTERPRISE not in "".join(re.findall(r'href="[^"]*"', page.html))
    assert (await lobby.send(bank.actor, "GET", links[0])).status == 200
    archive = await bank.open("unit_batch_archive", batch=batch)
    with zipfile.ZipFile(io.BytesIO(archive.body)) as opened:
        assert len([name for name in opened.namelist() if name.endswith(".pdf")]) == 1


# --- In English -------------------------------------------------------------------------------------------------------------


async def test_english_pages_are_english(lobby: Lobby, group: Desk) -> None:
    english = Desk(lobby=lobby, actor=group.actor, handle="", look="en.light.normal")
    batch = await begun(group, f"{ENTERPRISE}\n{AT_WINDOW}")
    await lobby.ended(group.actor, batch)
    wrong = await english.send("begin_batch", {"list": f"{HOSTILE}\n{ENTERPRISE}"})

    pages = [
        await english.open("batches"),
        await english.open("new_batch"),
        await english.open("batch", batch=batch),
        wrong,
        await english.send("begin_batch", chosen(wrong, domains=[])),
    ]
    assert [page.stray_chinese for page in pages] == [[]] * len(pages)
