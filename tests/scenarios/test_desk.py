"""The federation as `huren up --dirt` runs it: what comes of rows that are not simply true, and the data desk of each province.

One federation serves all tests of this file. Everybody whom a row holds up has asked before an officer looks at a desk; what is
settled is settled by the last test of each province.
"""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner

from cli.federation import SEED, SIZE, Running, federation
from cli.main import _MAX_DIRT, app
from cli.report import Asked, check, open_document, request
from contract.days import DayRange
from contract.province import Province
from contract.report_check import CheckedReport
from contract.spreadsheet import safe_cell
from contract.uscc import Uscc
from huren.desk.v1 import desk_service_pb2 as wire
from huren.desk.v1 import desk_service_pb2_grpc
from huren.envelope.v1 import envelope_pb2
from huren.report.v1 import report_service_pb2
from runtime.grpc_channel import open_channel
from runtime.grpc_errors import error_detail
from runtime.identity import MemberPeer
from sandbox.platforms.beijing import supply_beijing
from sandbox.world import Aside, AsideKind, Enterprise, Outcome, World, generate

pytestmark = [pytest.mark.xdist_group("real-federation"), pytest.mark.timeout(300)]

BLOCKING = {Outcome.IN_DOUBT: "IDENTITY_IN_DOUBT", Outcome.UNREADABLE: "UNREADABLE"}
NOT_COVERED = {(Province.HEBEI, "science_technology")}
"""The one cell that a sandbox profile leaves uncovered."""
ITEM_KINDS = {
    Outcome.IN_DOUBT: "IN_DOUBT",
    Outcome.UNREADABLE: "UNREADABLE",
    Outcome.COUNTED: "UNATTRIBUTABLE",
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with federation(tmp_path_factory.mktemp("desk") / "up", dirt=_MAX_DIRT) as running:
        yield running


@pytest.fixture(scope="module")
def world(running: Running) -> World:
    return generate(seed=SEED, size=SIZE, day=running.day)


@pytest.fixture(scope="module")
def opened(running: Running) -> dict[Uscc, report_service_pb2.OpenRequest]:
    """What was told to everybody whom a row holds up, before an officer did anything."""
    found = {}
    for uscc, asides in by_subject(running).items():
        if blocking(asides):
            response = ask(running, uscc)
            assert response.WhichOneof("result") == "open", uscc
            found[uscc] = response.open
    return found


def quarantine(running: Running, province: Province, command: str, *arguments: str) -> dict[str, Any]:
    """What a command of the desk prints as JSON; it must be done."""
    place = ["--province", province.slug, "--dir", str(running.layout.directory), "--json"]
    result = CliRunner().invoke(app, ["quarantine", command, *arguments, *place])
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def ask(running: Running, uscc: Uscc) -> report_service_pb2.RequestReportResponse:
    """Asks for a report up to the day of the world, which midnight may have made yesterday."""
    return request(Asked(uscc=uscc, last_day=running.day), running.layout)


def sealed(running: Running, uscc: Uscc) -> CheckedReport:
    response = ask(running, uscc)
    assert response.WhichOneof("result") == "sealed", response.open
    return check(response.sealed, running.layout)


def may_ask(subject: Enterprise) -> bool:
    return subject.cancelled_on is None and subject.homes[-1][0] is not None


def by_subject(running: Running) -> dict[Uscc, list[Aside]]:
    """The asides of each subject that may ask; what is nobody's is no subject's."""
    found: dict[Uscc, list[Aside]] = {}
    for aside in running.asides:
        if may_ask(aside.fact.subject) and aside.kind.outcome is not Outcome.COUNTED:
            found.setdefault(aside.fact.subject.uscc, []).append(aside)
    return found


def blocking(asides: list[Aside]) -> list[Aside]:
    return [aside for aside in asides if aside.kind.outcome in BLOCKING]


def listed(asides: list[Aside]) -> list[Aside]:
    """Those that stand in a report as records."""
    covered = [aside for aside in asides if (aside.fact.province, aside.fact.domain) not in NOT_COVERED]
    return [aside for aside in covered if aside.kind.outcome in (Outcome.FOUND, Outcome.DUPLICATE)]


def numbers_in(checked: CheckedReport, province: Province) -> int:
    """How many records the report embeds of a province."""
    (one,) = (one for one in checked.admitted if one.province is province)
    return sum(len(cell.records) for cell in one.fragment.cells)


def true_in(world: World, checked: CheckedReport, province: Province) -> int:
    """How many records of a province would be in the report if all rows were simply true."""
    window = DayRange.from_wire(checked.report.window)
    penalties, entries = world.facts_of(checked.report.subject.uscc, province, window)
    domains = [fact.domain for fact in penalties] + [fact.domain for fact in entries]
    return sum((province, domain) not in NOT_COVERED for domain in domains)


def of_kind(running: Running, province: Province, kind: AsideKind) -> tuple[Aside, dict[str, Any]]:
    """An aside, and its item in full."""
    (aside,) = (one for one in running.asides if one.kind is kind and one.fact.province is province)
    items = quarantine(running, province, "list", "--all")["items"]
    (number,) = (one["number"] for one in items if one["key"] == aside.fact.key)
    return aside, quarantine(running, province, "show", str(number))


def gaps_at(response: report_service_pb2.RequestReportResponse, province: Province) -> set[str]:
    """The domains in which an open request waits for a province."""
    told = {one["province"]: one for one in open_document(response.open)["provinces"]}
    return {gap["domain"] for gap in told[province.slug]["gaps"]}


# --- What comes of them -----------------------------------------------------------------------------------------------


def test_every_platform_holds_one_row_of_each_kind(running: Running) -> None:
    held = {(aside.fact.province, aside.kind) for aside in running.asides}
    assert held == {(province, kind) for province in Province for kind in AsideKind}


def test_reports_say_what_must_come_of_them_and_no_more(running: Running, world: World) -> None:
    """What happens: each subject of a row that is not simply true asks for its report.

    What must result: withheld and left out, the row is not in it; found, it is; a decision that stands there twice counts once.
    """
    subjects = {uscc: asides for uscc, asides in by_subject(running).items() if not blocking(asides)}
    seen: set[Outcome] = set()
    for uscc, asides in subjects.items():
        checked = sealed(running, uscc)
        facts = 0
        for province in Province:
            simply = true_in(world, checked, province)
            there = listed([aside for aside in asides if aside.fact.province is province])
            facts += simply + sum(aside.kind.outcome is Outcome.FOUND for aside in there)
            assert numbers_in(checked, province) == simply + len(there), uscc
        conclusion = checked.report.conclusion
        assert conclusion.penalty_count + conclusion.list_entry_count == facts, uscc
        seen |= {aside.kind.outcome for aside in asides}
    assert seen == {Outcome.WITHHELD, Outcome.LEFT_OUT, Outcome.FOUND, Outcome.DUPLICATE}


def test_a_row_in_doubt_or_unreadable_keeps_the_report_open_with_that_provinces_reason(
    running: Running, opened: dict[Uscc, report_service_pb2.OpenRequest]
) -> None:
    seen: set[tuple[Province, Outcome]] = set()
    for uscc, answer in opened.items():
        asides = blocking(by_subject(running)[uscc])
        told = {one["province"]: one for one in open_document(answer)["provinces"]}
        for province in Province:
            expected: dict[str, set[str]] = {}
            for aside in asides:
                if aside.fact.province is province:
                    expected.setdefault(aside.fact.domain, set()).add(BLOCKING[aside.kind.outcome])
            one = told[province.slug]
            reasons = {gap["domain"]: gap["reason"]["code"] for gap in one["gaps"]}
            assert reasons.keys() == expected.keys(), uscc
            assert all(reason in expected[domain] for domain, reason in reasons.items()), uscc
            assert one["progress"]["code"] == ("ANSWERED_IN_PART" if expected else "ANSWERED")
            assert not expected or one["gap_kind"]["code"] == "NEEDS_ORIGIN"
        seen |= {(aside.fact.province, aside.kind.outcome) for aside in asides}
    assert seen == {(province, outcome) for province in Province for outcome in BLOCKING}


# --- The desk ---------------------------------------------------------------------------------------------------------


EACH_PROVINCE = pytest.mark.parametrize("province", Province, ids=lambda province: province.slug)


@EACH_PROVINCE
@pytest.mark.usefixtures("opened")
def test_the_desk_shows_what_cannot_be_used_and_whom_it_holds_up_first(running: Running, province: Province) -> None:
    asides = {aside.fact.key: aside for aside in running.asides if aside.fact.province is province}
    items = quarantine(running, province, "list")["items"]
    kinds = {one["key"]: one["kind"]["code"] for one in items}
    assert kinds == {
        key: ITEM_KINDS[aside.kind.outcome] for key, aside in asides.items() if aside.kind.outcome in ITEM_KINDS
    }
    for one in items:
        subject = asides[one["key"]].fact.subject
        holds_up = may_ask(subject) and asides[one["key"]].kind.outcome in BLOCKING
        assert one["held_up"] == ([subject.uscc] if holds_up else [])
        assert [deadline["step"] for deadline in one["deadlines"]] == (
            ["remind", "answer", "escalate"] if holds_up else []
        )
    order = [bool(one["held_up"]) for one in items]
    assert order == sorted(order, reverse=True)
    due = [one["deadlines"][0]["day"] for one in items if one["held_up"]]
    assert due == sorted(due)
    assert len(due) >= 2
    only = quarantine(running, province, "list", "--holding-up")["items"]
    assert [one["number"] for one in only] == [one["number"] for one in items if one["held_up"]]


@EACH_PROVINCE
def test_the_file_for_a_department_holds_the_raw_rows(running: Running, province: Province, tmp_path: Path) -> None:
    out = tmp_path / "desk.csv"
    items = quarantine(running, province, "list")["items"]
    assert quarantine(running, province, "export", "--out", str(out))["items"] == len(items)
    with out.open(encoding="utf-8-sig", newline="") as file:
        lines = {int(line["编号 number"]): line for line in csv.DictReader(file)}
    assert lines.keys() == {one["number"] for one in items}
    for number, line in lines.items():
        row = quarantine(running, province, "show", str(number))["row"]
        assert {column: line[column] for column in row} == {
            column: safe_cell(value or "") for column, value in row.items()
        }


def test_a_formula_that_a_platform_holds_is_no_formula_in_the_file(running: Running, tmp_path: Path) -> None:
    """What happens: 北京 corrects a row that is nobody's; its text begins as a formula does. The row is read again, and exported.

    What must result: the text in the file, with an apostrophe before it.
    """
    formula, out = '=HYPERLINK("http://example.invalid")', tmp_path / "desk.csv"
    aside, shown = of_kind(running, Province.BEIJING, AsideKind.NOBODYS)
    changed = replace(aside, fact=replace(aside.fact, content=formula))
    url = running.announced["beijing-platform"]["database_url"]
    asyncio.run(supply_beijing(url, changed, aside.fact.received_at + timedelta(days=1)))
    number = shown["item"]["number"]
    quarantine(running, Province.BEIJING, "rerun", str(number))
    quarantine(running, Province.BEIJING, "export", "--out", str(out), "--kind", "unattributable")
    with out.open(encoding="utf-8-sig", newline="") as file:
        (line,) = (line for line in csv.DictReader(file) if line["编号 number"] == str(number))
    assert line["CF_NR"] == f"'{formula}"


AMOUNTS = {
    Province.BEIJING: "CF_NR_FK",
    Province.TIANJIN: "penAm",
    Province.HEBEI: "罚款金额(万元)",
    Province.SHANXI: "FineAmount",
}


@EACH_PROVINCE
@pytest.mark.usefixtures("opened")
def test_what_an_officer_settles_is_issued(running: Running, world: World, province: Province) -> None:
    """What happens: of the rows that hold reports up, an officer returns one, corrects one, gives one to its subject and one to
    nobody, and has all read again.

    What must result: each decision with officer and basis in the item's history; the reports that waited for settled rows are
    issued, with what was corrected and assigned, without what is nobody's; what was returned still holds its subject up.
    """
    why = ("--basis", "示例函〔2026〕1号")

    def decide(kind: AsideKind, command: str, *options: str) -> Aside:
        aside, shown = of_kind(running, province, kind)
        number, version = shown["item"]["number"], shown["item"]["version"]
        done = quarantine(running, province, command, str(number), *options, *why, "--item-version", str(version))
        assert done["item"]["state"]["code"] == ("RETURNED" if command == "return" else "CLOSED"), done
        events = quarantine(running, province, "show", str(number))["events"]
        assert [(one["officer"], one["note"]) for one in events if one["officer"]] == [("sandbox", why[1])]
        return aside

    corrected = decide(AsideKind.VAGUE_AMOUNT, "correct", "--set", f"{AMOUNTS[province]}=")
    theirs, _ = of_kind(running, province, AsideKind.NAME_ONLY)
    assigned = decide(AsideKind.NAME_ONLY, "assign", "--to", theirs.fact.subject.uscc)
    nobodys = decide(AsideKind.MASKED_CODE, "assign", "--to-nobody")
    returned = decide(AsideKind.LONG_CODE, "return")
    left = len(quarantine(running, province, "list")["items"])
    assert quarantine(running, province, "rerun") == {"result": "rerun", "looked_at": left, "closed": 0}

    issued = 0
    for aside in (corrected, assigned, nobodys):
        uscc = aside.fact.subject.uscc
        there = [one for one in by_subject(running).get(uscc, []) if one.fact.province is province]
        response = ask(running, uscc)
        if response.WhichOneof("result") == "open":  # another province holds it up, or the row that was returned
            assert gaps_at(response, province) == {one.fact.domain for one in there if one is returned}
            continue
        checked = check(response.sealed, running.layout)
        settled = sum(one is corrected or one is assigned for one in there)
        assert numbers_in(checked, province) == true_in(world, checked, province) + len(listed(there)) + settled
        issued += 1
    assert issued > 0
    assert gaps_at(ask(running, returned.fact.subject.uscc), province) == {returned.fact.domain}


async def test_a_gateway_is_refused_at_the_desk(running: Running) -> None:
    """What happens: 河北's gateway, whom adapters serve, calls 山西's desk.

    What must result: PERMISSION_DENIED by name, for every method; likewise for its adapter.
    """
    pki = running.layout.pki
    member = running.layout.addresses()[Province.SHANXI]
    decision = wire.Decision(return_to_supplier=wire.Return())
    requests: list[tuple[str, Any]] = [
        ("ListItems", wire.ListItemsRequest()),
        ("GetItem", wire.GetItemRequest(number=1)),
        ("ExportItems", wire.ExportItemsRequest()),
        ("DecideItem", wire.DecideItemRequest(number=1, version=1, decision=decision, basis="示例函")),
        ("RerunItems", wire.RerunItemsRequest()),
    ]
    assert {name for name, _ in requests} == set(wire.DESCRIPTOR.services_by_name["DeskService"].methods_by_name)
    for role in (envelope_pb2.MEMBER_ROLE_GATEWAY, envelope_pb2.MEMBER_ROLE_ADAPTER):
        tls = pki.member_tls(MemberPeer(Province.HEBEI, role))
        async with open_channel(member.adapter, tls, server_name=member.adapter_name) as channel:
            stub = desk_service_pb2_grpc.DeskServiceStub(channel)
            for name, message in requests:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await getattr(stub, name)(message, timeout=20)
                detail = error_detail(caught.value)
                assert detail is not None
                assert (caught.value.code(), detail.code) == (grpc.StatusCode.PERMISSION_DENIED, "NOT_PERMITTED")
