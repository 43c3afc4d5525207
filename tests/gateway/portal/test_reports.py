"""Reports, their pages and files, and what the home told: over HTTP, at a real gateway."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import unescape
from typing import Any, Final

import pytest

from contract.days import to_timestamp
from contract.province import Province
from gateway.identity.tokens import IdToken, PersonClaims
from gateway.portal.look import Look
from gateway.store.notices import Notice, add_notice
from huren.common.v1 import common_pb2
from huren.fragment.v1 import record_pb2
from huren.report.v1 import report_service_pb2 as wire
from huren.report.v1 import report_status_pb2
from runtime.identity import MemberPeer
from sandbox.pki import OFFICERS
from tests.support import reports
from tests.support.changes import record_change, sign, state
from tests.support.desks import Desk, Page, desk
from tests.support.federation import ADAPTER, LIST_CELL, PENALTY_CELL, list_entry, penalty
from tests.support.live import Records, honest
from tests.support.people import BANK, BASIC, ENTERPRISE, HIGH, NAME, OTHER, Actor, Founding, Lobby, key

ENGLISH: Final = Look().changed({"language": "en"}).text
FOR: Final = {"Huren-Enterprise": ENTERPRISE}
COURT_CELL: Final = ("court_enforcement", LIST_CELL[1])


@pytest.fixture
async def legal(lobby: Lobby) -> Desk:
    return await desk(lobby, await lobby.person("legal", represents=[ENTERPRISE], headers=FOR), ENTERPRISE)


async def issued(at: Desk, records: Mapping[Province, Records] | None = None) -> str:
    """A report of the enterprise's over what provinces hold of it."""
    for province, counterpart in at.lobby.live.provinces.items():
        counterpart.behaviour = honest((records or {}).get(province))
    answer = await at.lobby.served(at.actor, "POST", "/api/v1/report-requests", json={}, headers=key())
    return str(answer["sealed"]["report_number"])


async def superseded(lobby: Lobby) -> None:
    """A new record in Tianjin."""
    change = record_change("record-01", after=state(1))
    change.changed_at.CopyFrom(to_timestamp(lobby.live.federation.now))
    envelope = sign(lobby.live.federation, Province.TIANJIN, change)
    await lobby.live.services.standing.submit_change(envelope, MemberPeer(Province.TIANJIN, ADAPTER))


async def revoked(lobby: Lobby, number: str) -> None:
    """Two officers take a report back."""
    standing = lobby.live.services.standing
    category = report_status_pb2.REVOCATION_CATEGORY_SUBJECT_WRONG
    proposal = await standing.propose_revocation(number, category, "示例", officer=OFFICERS[0])
    await standing.confirm_revocation(proposal.number, officer=OFFICERS[1])


# --- The list -------------------------------------------------------------------------------------------------------------


async def test_without_reports_the_way_to_one_is_shown(legal: Desk) -> None:
    page = await legal.open("reports")
    assert page.status == 200
    assert "还没有报告" in page.text
    assert legal.at("apply") in page.html


async def test_the_list_says_where_reports_stand_and_filters_and_sorts_on_the_server(legal: Desk) -> None:
    first, second = await issued(legal), await issued(legal)
    await revoked(legal.lobby, first)
    page = await legal.open("reports")
    assert page.html.index(second) < page.html.index(first)
    assert "未见更新" in page.text
    assert "报告已作废" in page.text
    assert f"{legal.at('apply')}?from={second}" in page.html
    assert f"{legal.at('report_file', report=second)}?format=pdf" in page.html
    assert f"{legal.at('report_file', report=first)}?" not in page.html  # of what was taken back there is no file
    oldest = await legal.open("reports", "?sort=issued")
    assert oldest.html.index(first) < oldest.html.index(second)
    gone = await legal.open("reports", "?state=revoked")
    assert (first in gone.html, second in gone.html) == (True, False)
    nothing = await legal.open("reports", "?state=superseded")
    assert (first in nothing.html, second in nothing.html) == (False, False)


async def test_a_long_list_comes_in_pages_in_both_orders(legal: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.portal.sections.reports._PAGE", 2)
    numbers = [await issued(legal) for _ in range(3)]
    for sort, expected in (("-issued", numbers[::-1]), ("issued", numbers)):
        for state_of in ("", "valid"):
            page = await legal.open("reports", f"?sort={sort}&state={state_of}")
            assert shown_of(page, numbers) == expected[:2]
            query = f"?state={state_of}&" if state_of else "?"
            assert f'{legal.at("reports")}{query}sort={sort}&after={expected[1]}"' in unescape(page.html)
            rest = await legal.open("reports", f"?sort={sort}&state={state_of}&after={expected[1]}")
            assert shown_of(rest, numbers) == expected[2:]
            assert "下一页" not in rest.text


def shown_of(page: Page, numbers: list[str]) -> list[str]:
    return sorted((one for one in numbers if f">{one}<" in page.html), key=lambda one: page.html.index(f">{one}<"))


async def test_what_an_address_says_wrongly_is_ignored(legal: Desk) -> None:
    number = await issued(legal)
    page = await legal.open("reports", "?state=nonsense&sort=%27&after=<script>")
    assert page.status == 200
    assert number in page.html
    assert "<script>" not in page.html.partition("<main")[2]


# --- One report -----------------------------------------------------------------------------------------------------------


async def test_a_report_without_records_says_so_and_never_more(legal: Desk) -> None:
    number = await issued(legal)
    page = await legal.open("report", report=number)
    assert page.status == 200
    assert NAME in page.text
    assert "未见更新" in page.text
    assert "未查询到北京示例机械有限公司" in page.text
    assert "有限范围" not in page.text
    assert "这条记录怎么办" not in page.text.replace("「这条记录怎么办」", "")
    sealed = (await legal.lobby.served(legal.actor, "GET", f"/api/v1/reports/{number}"))["sealed"]
    code = sealed["typed_code"]
    assert "-".join(code[at : at + 4] for at in range(0, 16, 4)) in page.text


async def test_cells_lead_to_records_and_each_record_says_what_to_do(legal: Desk) -> None:
    paid = record_pb2.Performance(state=record_pb2.PERFORMANCE_STATE_PERFORMED, performed_on="2024-04-01")
    court = list_entry(
        "court-0001",
        list_entry__list_id="dishonest_judgment_debtor",
        list_entry__authority=record_pb2.Authority(name="示例法院（演示）"),
    )
    court.list_entry.list_id = reports._LISTS["court_enforcement"]
    number = await issued(
        legal,
        {
            Province.BEIJING: {PENALTY_CELL: [penalty(), penalty("penalty-0002", penalty__performance=paid)]},
            Province.HEBEI: {COURT_CELL: [court]},
        },
    )
    page = await legal.open("report", report=number)
    assert '<td class="found"' in page.html
    assert 'href="#records-11-market_regulation"' in page.html
    assert 'id="records-11-market_regulation"' in page.html
    unpaid, done, at_court = parts_of(page, "北京市第1条", "北京市第2条", "河北省第1条")
    assert "申请更新，附缴款或者履行的凭证" in unpaid
    assert "提出异议" in unpaid
    assert "国家企业信用信息公示系统" in unpaid
    assert "行政复议" in unpaid
    assert "北京市示例区市场监督管理局（演示）" in unpaid
    assert "12345" in unpaid
    assert "不用办理" in done
    assert "不适用信用修复" in at_court
    assert "示例法院（演示）" in at_court
    assert "信用中国" not in at_court
    assert legal.at("objections") in page.html


def parts_of(page: Page, *headings: str) -> list[str]:
    text = page.text
    starts = [text.index(heading) for heading in headings]
    return [text[start:end] for start, end in zip(starts, [*starts[1:], text.index("数据归集至所列时间")], strict=True)]


async def test_what_is_not_covered_stands_in_a_box(legal: Desk) -> None:
    federation = legal.lobby.live.federation
    federation.not_covered = {Province.HEBEI: frozenset({("taxation", PENALTY_CELL[1])})}
    page = await legal.open("report", report=await issued(legal))
    assert "有限范围：未纳入的事项" in page.text
    assert "示例单位（演示）" in page.text
    assert "未纳入" in page.text


async def test_texts_of_records_do_nothing(legal: Desk) -> None:
    records = [
        penalty(
            f"markup-{index:04d}",
            source_unit=" ".join(value.split()),
            penalty__document_number=" ".join(value.split()),
            penalty__authority=record_pb2.Authority(name=" ".join(value.split())),
            penalty__facts=reports.text(value),
        )
        for index, value in enumerate(reports.MARKUP)
    ]
    number = await issued(legal, {Province.BEIJING: {PENALTY_CELL: records}})
    main = (await legal.open("report", report=number)).html.partition("<main")[2]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in main
    assert "<script>alert(1)" not in main
    assert "<b>" not in main
    assert "{{ name }}" in unescape(main)


async def test_a_report_with_many_records_shows_them_group_by_group(legal: Desk) -> None:
    """What happens: a report lists hundreds of records.

    What must result: its page stays small, and every record can be reached by links.
    """
    many = [penalty(f"manyfold-{number:04d}") for number in range(90)]
    number = await issued(legal, {Province.BEIJING: {PENALTY_CELL: many}})
    page = await legal.open("report", report=number)
    assert "列示 90 条记录" in page.text
    assert len(page.body) < 100_000
    assert "北京市第1条" not in page.text
    assert "?group=11-market_regulation#records" in page.html
    seen: list[str] = []
    query = "?group=11-market_regulation"
    while query:
        part = await legal.open("report", query, report=number)
        assert len(part.body) < 300_000
        seen += [one for one in (f"manyfold-{number:04d}" for number in range(90)) if one in part.html]
        further = [
            line
            for line in unescape(part.html).split('"')
            if line.startswith(f"{legal.at('report', report=number)}?group=11-market_regulation&from=")
        ]
        query = further[0].partition("#")[0].removeprefix(legal.at("report", report=number)) if further else ""
    assert sorted(seen) == sorted({f"manyfold-{number:04d}" for number in range(90)})
    for nonsense in ("?group=99-nothing", "?group=11-market_regulation&from=9999999", "?group=<script>&from=-1"):
        assert (await legal.open("report", nonsense, report=number)).status == 200


async def test_long_texts_do_not_make_a_long_page(legal: Desk) -> None:
    long = [penalty(f"longtext-{number}", penalty__facts=reports.text("长" * 20_000)) for number in range(12)]
    number = await issued(legal, {Province.BEIJING: {PENALTY_CELL: long}})
    assert len((await legal.open("report", report=number)).body) < 100_000
    part = await legal.open("report", "?group=11-market_regulation", report=number)
    assert "第 1 至 5 条，共 12 条" in part.text


async def test_a_superseded_report_says_why_and_offers_a_new_one(legal: Desk) -> None:
    number = await issued(legal)
    await superseded(legal.lobby)
    page = await legal.open("report", report=number)
    assert "信息已更新" in page.text
    assert "天津市：新归集到记录" in page.text.replace(" ", "")
    assert f"{legal.at('apply')}?from={number}" in page.html


async def test_of_a_revoked_report_nothing_is_shown_or_handed_out(legal: Desk) -> None:
    number = await issued(legal, {Province.BEIJING: {PENALTY_CELL: [penalty()]}})
    await revoked(legal.lobby, number)
    page = await legal.open("report", report=number)
    assert page.status == 200
    assert "报告已作废" in page.text
    assert "主体信息有误" in page.text
    assert "市场监督管理局" not in page.text
    assert "核验码" not in page.text
    for form in ("pdf", "json", "report"):
        assert (await legal.open("report_file", f"?format={form}", report=number)).status == 422


async def test_a_grantee_reads_its_report_and_no_reasons(legal: Desk) -> None:
    lobby = legal.lobby
    founding = Founding(lobby)
    founding._founder = legal.actor
    _, grant = await founding.grant(BANK)
    for counterpart in lobby.live.provinces.values():
        counterpart.behaviour = honest(
            {PENALTY_CELL: [penalty()]} if counterpart is lobby.live.provinces[Province.BEIJING] else None
        )
    number = await founding.used(BANK, grant)
    bank = await desk(lobby, await lobby.person(f"unit {BANK}", represents=[BANK]), BANK)
    page = await bank.open("report", report=number)
    assert page.status == 200
    assert NAME in page.text
    assert "由该企业本人办理" in page.text
    assert "申请更新" not in page.text
    assert "?from=" not in page.html
    listed = await bank.open("reports")
    assert number in listed.html
    assert bank.at("received") in listed.html
    assert number not in (await legal.open("reports")).html
    await superseded(lobby)
    closed = await bank.open("report", report=number)
    assert closed.status == 409
    assert "天津市" not in closed.text
    assert f"{bank.at('report_file', report=number)}?" not in (await bank.open("reports")).html


async def test_reports_of_others_are_not_there(legal: Desk) -> None:
    number = await issued(legal)
    other = await desk(legal.lobby, await legal.lobby.person("other", represents=[OTHER]), OTHER)
    for page, query in (("report", ""), ("report_file", "?format=pdf")):
        strange = await other.open(page, query, report=number)
        missing = await other.open(page, query, report=f"{number[:-2]}99")
        assert (strange.status, missing.status) == (404, 404)
        assert strange.html.replace(number, "") == missing.html.replace(f"{number[:-2]}99", "")
        assert (await other.open(page, query, report="nonsense")).status == 404
    assert number not in (await other.open("reports")).html


async def test_who_logged_in_with_a_password_reads_no_report(legal: Desk) -> None:
    number = await issued(legal)
    weak = await desk(legal.lobby, await legal.lobby.person("legal", represents=[ENTERPRISE], level=BASIC), ENTERPRISE)
    for name, parts in (("reports", {}), ("report", {"report": number}), ("notices", {})):
        page = await weak.open(name, **parts)
        assert page.status == 403
        assert number not in page.html
        assert "您以口令登录，可浏览但不能办理" in page.text


@pytest.mark.parametrize("form", ["pdf", "json", "report"])
async def test_a_file_is_the_one_of_the_rest_api(legal: Desk, form: str) -> None:
    number = await issued(legal)
    page = await legal.open("report_file", f"?format={form}", report=number)
    rest = await legal.lobby.send(legal.actor, "GET", f"/api/v1/reports/{number}/file?format={form}")
    headers = dict(rest.headers)
    assert (page.status, rest.status) == (200, 200)
    assert page.headers["Content-Type"] == headers["Content-Type"]
    assert page.headers["Content-Disposition"] == headers["Content-Disposition"]
    if form == "json":
        assert json.loads(page.body) == json.loads(rest.body)
    elif form == "report":
        assert page.body == rest.body
    else:
        assert page.body.startswith(b"%PDF-")


async def test_a_terminal_shows_files_and_keeps_none(legal: Desk) -> None:
    number = await issued(legal)
    token = IdToken(
        subject="legal", session="", claims=PersonClaims(level=HIGH, represents=frozenset({ENTERPRISE}), staff=None)
    )
    cookie, person = await legal.lobby.sessions.begin(token, channel=common_pb2.CHANNEL_TERMINAL)
    there = await desk(legal.lobby, Actor(cookie=cookie, csrf_token=person.csrf_token), ENTERPRISE)
    shown = await there.open("report_file", "?format=pdf", report=number)
    assert shown.headers["Content-Disposition"].startswith("inline")
    page = await there.open("report", report=number)
    assert "查看报告（PDF）" in page.text
    assert "format=json" not in page.html


async def test_there_are_no_other_formats(legal: Desk) -> None:
    assert (await legal.open("report_file", "?format=exe", report=await issued(legal))).status == 400


async def test_on_english_pages_only_the_reports_own_words_are_chinese(legal: Desk) -> None:
    english = Desk(lobby=legal.lobby, actor=legal.actor, handle=legal.handle, look=ENGLISH)
    empty = await english.open("reports")
    nothing = await english.open("notices")
    records = reports.example("found")
    by_province: dict[Province, dict[Any, Any]] = {
        one.province: {
            (cell.key.domain, int(cell.key.kind)): list(cell.records) for cell in one.fragment.cells if cell.records
        }
        for one in records.admitted
    }
    number = await issued(legal, by_province)
    await told(legal.lobby, number)
    pages = [empty, nothing, *[await english.open(name) for name in ("reports", "notices")]]
    pages.append(await english.open("report", report=number))
    assert "None found" in pages[-1].text
    await superseded(legal.lobby)
    pages.append(await english.open("report", report=number))
    await revoked(legal.lobby, number)
    pages.append(await english.open("report", report=number))
    assert [page.status for page in pages] == [200] * len(pages)
    assert [page.stray_chinese for page in pages] == [[]] * len(pages)


# --- Notices --------------------------------------------------------------------------------------------------------------


async def told(lobby: Lobby, number: str) -> None:
    """One notice of each kind."""
    now = lobby.live.federation.now
    async with lobby.live.database.write() as connection:
        for kind in (
            wire.NOTICE_KIND_REPORT_ISSUED,
            wire.NOTICE_KIND_REPORT_SUPERSEDED,
            wire.NOTICE_KIND_REPORT_REVOKED,
        ):
            await add_notice(connection, Notice(uscc=ENTERPRISE, kind=kind, at=now, report_number=number))
        ended = Notice(uscc=ENTERPRISE, kind=wire.NOTICE_KIND_REQUEST_ENDED, at=now, request_id="0" * 32)
        await add_notice(connection, ended)


async def test_notices_say_what_happened_and_lead_there(legal: Desk) -> None:
    assert "还没有消息" in (await legal.open("notices")).text
    number = await issued(legal)
    await told(legal.lobby, number)
    page = await legal.open("notices")
    for words in ("报告已出具", "申请已办结，未出具报告", "报告所载信息已更新", "报告已作废"):
        assert words in page.text
    assert page.text.index("申请已办结") < page.text.index("报告已出具")  # newest first
    assert legal.at("report", report=number) in page.html
    assert legal.at("request", request="0" * 32) in page.html


async def test_notices_are_the_enterprises_own(legal: Desk) -> None:
    await told(legal.lobby, "HR112026112200000099U")
    other = await desk(legal.lobby, await legal.lobby.person("other", represents=[OTHER]), OTHER)
    assert "HR112026112200000099U" not in (await other.open("notices")).html


async def test_a_handle_opens_nothing_for_somebody_else(legal: Desk) -> None:
    stranger: Actor = await legal.lobby.person("stranger", represents=[OTHER])
    as_if = Desk(lobby=legal.lobby, actor=stranger, handle=legal.handle)
    for name in ("workbench", "reports", "notices"):
        page = await as_if.open(name)
        assert page.status == 403
        assert NAME not in page.html
