"""The data desk over mutual TLS, on both databases: what cannot be used becomes work, what officers decide is applied, and the
platform has the last word on what it says anew."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import grpc
import pytest
import structlog
from sqlalchemy import select, update

from adapters.sdk.desk.store import DeskStore
from adapters.sdk.desk.tables import CHANGES, ITEMS, PLACE, ROWS
from adapters.sdk.errors import LedgerConflictError
from adapters.sdk.following import PAGE, Look
from adapters.sdk.source import SourceError, Supplied, UnknownCursorError
from contract.payloads import ENTITLED
from huren.desk.v1 import desk_service_pb2, desk_service_pb2_grpc
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import coverage_pb2, fragment_pb2
from runtime.grpc_channel import open_channel
from runtime.grpc_errors import error_detail
from runtime.identity import MemberPeer, member_host_name
from sandbox.pki import OPERATOR
from sandbox.pki import Authority as CertifiedBy

CLEAR = fragment_pb2.CELL_STATE_CLEAR
FOUND = fragment_pb2.CELL_STATE_FOUND
UNAVAILABLE = fragment_pb2.CELL_STATE_SOURCE_UNAVAILABLE
UNREADABLE = fragment_pb2.UNAVAILABLE_REASON_UNREADABLE
IN_DOUBT = fragment_pb2.UNAVAILABLE_REASON_IDENTITY_IN_DOUBT
OF_NOBODY = fragment_pb2.UNAVAILABLE_REASON_UNATTRIBUTABLE_ROWS
SILENT = fragment_pb2.UNAVAILABLE_REASON_SOURCE_SILENT
ADAPTER = envelope_pb2.MEMBER_ROLE_ADAPTER

ITEM_UNREADABLE = desk_service_pb2.ITEM_KIND_UNREADABLE
ITEM_IN_DOUBT = desk_service_pb2.ITEM_KIND_IN_DOUBT
ITEM_OF_NOBODY = desk_service_pb2.ITEM_KIND_UNATTRIBUTABLE
ITEM_MISSING = desk_service_pb2.ITEM_KIND_MISSING
OPEN = desk_service_pb2.ITEM_STATE_OPEN
RETURNED = desk_service_pb2.ITEM_STATE_RETURNED
CLOSED = desk_service_pb2.ITEM_STATE_CLOSED

NO_NAME = {"name": "", "uscc": "", "org": "", "reg": None}


@pytest.fixture
def province(bench: Any, database_url: str) -> Any:
    """The bench on each database, with an officer."""
    bench.database_url = database_url
    bench.officers = (OPERATOR,)
    return bench


class Officer:
    """A data officer at the desk."""

    def __init__(self, stub: Any) -> None:
        self._stub = stub

    async def items(self, **chosen: Any) -> list[desk_service_pb2.Item]:
        request = desk_service_pb2.ListItemsRequest(filter=desk_service_pb2.ItemFilter(**chosen), page_size=500)
        return list((await self._stub.ListItems(request)).items)

    async def only_item(self, **chosen: Any) -> desk_service_pb2.Item:
        (item,) = await self.items(**chosen)
        return item

    async def item(self, number: int) -> desk_service_pb2.GetItemResponse:
        response: desk_service_pb2.GetItemResponse = await self._stub.GetItem(
            desk_service_pb2.GetItemRequest(number=number)
        )
        return response

    async def decide(
        self, item: desk_service_pb2.Item, *, basis: str = "示例市局复函", **kind: Any
    ) -> desk_service_pb2.Item:
        request = desk_service_pb2.DecideItemRequest(
            number=item.number, version=item.version, basis=basis, decision=desk_service_pb2.Decision(**kind)
        )
        return (await self._stub.DecideItem(request)).item  # type: ignore[no-any-return]  # a stub is untyped

    async def rerun(self, *numbers: int) -> desk_service_pb2.RerunItemsResponse:
        response: desk_service_pb2.RerunItemsResponse = await self._stub.RerunItems(
            desk_service_pb2.RerunItemsRequest(numbers=numbers)
        )
        return response

    async def exported(self, after: int = 0) -> list[desk_service_pb2.ExportedItem]:
        request = desk_service_pb2.ExportItemsRequest(after_number=after)
        return list((await self._stub.ExportItems(request)).items)


@asynccontextmanager
async def officer_of(running: Any) -> AsyncIterator[Officer]:
    tls = running.bench.pki.operator_tls(OPERATOR, CertifiedBy.MEMBERS)
    name = member_host_name(MemberPeer(running.bench.kit.OURS, ADAPTER))
    async with open_channel(running.target, tls, server_name=name) as channel:
        yield Officer(desk_service_pb2_grpc.DeskServiceStub(channel))


def code_of(error: BaseException) -> str:
    """The code of the table that an officer is told."""
    assert isinstance(error, grpc.aio.AioRpcError)
    detail = error_detail(error)
    assert detail is not None
    return detail.code


async def cell(running: Any) -> fragment_pb2.Cell:
    """What is said of market penalties of the subject at this moment."""
    bench = running.bench
    fragment = bench.fragment(await running.answer(bench.asked().envelope))
    (found,) = (cell for cell in fragment.cells if (cell.key.domain, int(cell.key.kind)) == bench.kit.MARKET)
    return found  # type: ignore[no-any-return]  # the bench is untyped


async def changes(running: Any) -> list[tuple[str, str, str, str]]:
    async with running.database.read() as connection:
        rows = await connection.execute(select(CHANGES).order_by(CHANGES.c.number))
        return [(row.what, row.code, row.first_day, row.last_day) for row in rows]


def changed(what: str, code: str, first: str = "2024-03-01", last: str = "2024-03-01") -> tuple[str, str, str, str]:
    return (what, code, first, last)


# --- What cannot be used becomes work ----------------------------------------------------------------------------------


async def test_an_unreadable_row_waits_for_an_officer_and_its_clock_starts_when_it_holds_somebody_up(
    province: Any, kit: Any
) -> None:
    """T35."""
    province.platform.rows = (kit.penalty(fine="约三万"),)
    async with province.serving() as running, officer_of(running) as officer:
        before = await officer.only_item()
        assert (before.kind, before.state, before.field, before.supplier) == (
            ITEM_UNREADABLE,
            OPEN,
            "fine",
            "示例市数据局",
        )
        assert not before.held_up
        assert not before.deadlines

        said = await cell(running)

        assert (said.state, said.reason) == (UNAVAILABLE, UNREADABLE)
        after = await officer.only_item(holding_up=True, uscc=kit.USCC)
        assert list(after.held_up) == [kit.USCC]
        # Friday 2026-11-20: Monday, Tuesday and Wednesday follow.
        assert [(one.step, one.day, one.provisional) for one in after.deadlines] == [
            ("remind", "2026-11-23", False),
            ("answer", "2026-11-24", False),
            ("escalate", "2026-11-25", False),
        ]
        shown = {one.column: one.value for one in (await officer.item(after.number)).row}
        assert shown["fine"] == "约三万"
        assert [
            (one.item.number, {c.column: c.value for c in one.row}["fine"]) for one in await officer.exported()
        ] == [(after.number, "约三万")]


async def test_a_corrected_row_closes_its_item_by_itself(province: Any, kit: Any) -> None:
    province.platform.rows = (kit.penalty(fine="约三万"),)
    async with province.serving() as running, officer_of(running) as officer:
        item = await officer.only_item()
        province.platform.rows = (kit.penalty(fine="1.500000"),)
        assert (await running.follow()).changed == 1

        assert (await cell(running)).state == FOUND
        assert not await officer.items()
        events = (await officer.item(item.number)).events
        assert [event.action for event in events] == ["opened", "closed"]


async def test_those_that_hold_somebody_up_come_first(province: Any, kit: Any) -> None:
    province.platform.rows = (kit.penalty("p-0", uscc=kit.OTHER, fine="约三万"), kit.penalty("p-9", fine="近四万"))
    async with province.serving() as running, officer_of(running) as officer:
        assert [item.key for item in await officer.items()] == ["p-0", "p-9"]
        await cell(running)
        assert [item.key for item in await officer.items()] == ["p-9", "p-0"]
        assert [item.key for item in await officer.items(holding_up=True)] == ["p-9"]


async def test_asking_again_opens_nothing_again(province: Any, kit: Any) -> None:
    province.platform.rows = (kit.penalty(fine="约三万"), kit.penalty("p-2", uscc="91130100MA0EX*****"))
    async with province.serving() as running, officer_of(running) as officer:
        await cell(running)
        once = await officer.items()
        province.clock.now += timedelta(hours=1)
        await cell(running)
        await running.follow()
        assert await officer.items() == once
        assert [(item.kind, list(item.held_up)) for item in once] == [
            (ITEM_UNREADABLE, [kit.USCC]),
            (ITEM_OF_NOBODY, [kit.USCC]),
        ]


# --- Rows of nobody ----------------------------------------------------------------------------------------------------


async def test_rows_of_nobody_are_counted_signed_and_beyond_the_limit_nothing_is_concluded_for_anybody(
    province: Any, kit: Any
) -> None:
    limit = kit.catalogue.carried[kit.MARKET].unattributable_limit
    of_nobody = [kit.penalty(f"n-{number:03}", **NO_NAME) for number in range(limit)]
    province.platform.rows = tuple(of_nobody)
    async with province.serving() as running, officer_of(running) as officer:
        said = await cell(running)
        assert said.state == CLEAR
        coverage = await counted(running)
        assert coverage == {kit.MARKET: limit}

        one_more = kit.penalty("n-999", **NO_NAME)
        province.platform.rows = (*of_nobody, one_more)
        await running.follow()

        said = await cell(running)
        assert (said.state, said.reason) == (UNAVAILABLE, OF_NOBODY)
        assert await counted(running) == {kit.MARKET: limit + 1}

        (item,) = (item for item in await officer.items(kinds=[ITEM_OF_NOBODY]) if item.key == "n-999")
        done = await officer.decide(item, assignment=desk_service_pb2.Assignment(uscc=kit.OTHER))
        assert done.state == CLOSED
        assert (await cell(running)).state == CLEAR
        assert await counted(running) == {kit.MARKET: limit}


async def counted(running: Any) -> dict[tuple[str, int], int]:
    async with running.gateway() as client:
        stated = running.bench.verifier.verify(await client.coverage(), expect=ENTITLED[ADAPTER])
    coverage = coverage_pb2.Coverage.FromString(stated.payload)
    return {(rows.key.domain, int(rows.key.kind)): rows.count for rows in coverage.unattributable}


async def test_nothing_is_concluded_before_the_platform_was_followed_to_its_end_once(province: Any) -> None:
    province.follows = False
    async with province.serving() as running:
        said = await cell(running)
        assert (said.state, said.reason) == (UNAVAILABLE, SILENT)
        await running.follow()
        assert (await cell(running)).state == CLEAR


async def test_a_name_that_the_registry_knows_is_somebodys_row(province: Any, kit: Any) -> None:
    province.registry.register(kit.USCC, kit.HOME)
    province.platform.rows = (kit.penalty(uscc="", org=""),)
    async with province.serving() as running, officer_of(running) as officer:
        item = await officer.only_item()
        assert item.kind == ITEM_IN_DOUBT
        assert not await counted(running)
        said = await cell(running)
        assert (said.state, said.reason) == (UNAVAILABLE, IN_DOUBT)


# --- What officers decide ------------------------------------------------------------------------------------------------


async def test_a_doubt_is_settled_by_an_officer_and_the_finding_is_kept(province: Any, kit: Any) -> None:
    province.registry.register(kit.USCC, kit.HOME)
    row = kit.penalty(uscc="", org="")
    province.platform.rows = (row,)
    async with province.serving() as running, officer_of(running) as officer:
        await cell(running)
        item = await officer.only_item()
        done = await officer.decide(item, assignment=desk_service_pb2.Assignment(uscc=kit.USCC))
        assert (done.state, done.outcome) == (CLOSED, "示例市局复函")
        assert (await cell(running)).state == FOUND

        # The same row again, as it was: the finding holds.
        province.platform.rows = (kit.penalty(uscc="", org="", content="罚款1.5万元。"),)
        await running.follow()
        assert (await cell(running)).state == FOUND
        assert not await officer.items()

        # It says something else about whose it is: the finding was about another row.
        province.platform.rows = (kit.penalty(uscc="", org="9*******X"),)
        await running.follow()
        assert (await cell(running)).reason == IN_DOUBT


async def test_a_row_that_an_officer_found_to_be_anothers_is_the_others(province: Any, kit: Any) -> None:
    province.platform.rows = (kit.penalty(uscc="", org=""),)
    async with province.serving() as running, officer_of(running) as officer:
        await cell(running)
        item = (await officer.items(holding_up=True))[0]
        await officer.decide(item, assignment=desk_service_pb2.Assignment(uscc=kit.OTHER))
        assert (await cell(running)).state == CLEAR


async def test_a_row_assigned_to_a_subject_is_found_though_it_bears_nothing_of_it(province: Any, kit: Any) -> None:
    stray = kit.penalty(**NO_NAME)

    async def finds_nothing(_: Any) -> Any:
        return kit.answer(at=province.clock())

    province.platform.rows = (stray,)
    province.platform.answer = finds_nothing
    async with province.serving() as running, officer_of(running) as officer:
        assert (await cell(running)).state == CLEAR
        item = await officer.only_item(kinds=[ITEM_OF_NOBODY])
        await officer.decide(item, assignment=desk_service_pb2.Assignment(uscc=kit.USCC))
        assert (await cell(running)).state == FOUND


async def test_a_correction_holds_for_that_state_of_the_row_and_no_longer(province: Any, kit: Any) -> None:
    province.platform.rows = (kit.penalty(fine="约1.5"),)
    async with province.serving() as running, officer_of(running) as officer:
        await cell(running)
        item = await officer.only_item()
        values = [desk_service_pb2.ColumnValue(column="fine", value="1.5")]
        done = await officer.decide(item, correction=desk_service_pb2.Correction(values=values))
        assert done.state == CLOSED
        assert (await cell(running)).records[0].penalty.amounts[0].fen == 1_500_000

        province.platform.rows = (kit.penalty(fine="约1.6"),)
        await running.follow()
        assert (await cell(running)).reason == UNREADABLE
        assert (await officer.only_item()).number != item.number


async def test_a_correction_that_does_not_help_leaves_the_item_open(province: Any, kit: Any) -> None:
    province.platform.rows = (kit.penalty(fine="约1.5"),)
    async with province.serving() as running, officer_of(running) as officer:
        item = await officer.only_item()
        values = [desk_service_pb2.ColumnValue(column="fine", value="大约1.5")]
        after = await officer.decide(item, correction=desk_service_pb2.Correction(values=values))
        assert (after.number, after.state) == (item.number, OPEN)
        assert (await cell(running)).reason == UNREADABLE


async def test_what_is_given_back_holds_up_what_it_held_up(province: Any, kit: Any) -> None:
    province.platform.rows = (kit.penalty(fine="约1.5"),)
    async with province.serving() as running, officer_of(running) as officer:
        await cell(running)
        item = await officer.only_item()
        after = await officer.decide(item, return_to_supplier=desk_service_pb2.Return())
        assert after.state == RETURNED
        assert (await cell(running)).reason == UNREADABLE
        assert (await officer.only_item()).state == RETURNED

        province.platform.rows = (kit.penalty(fine="还是约1.5"),)
        await running.follow()
        assert (await officer.only_item()).state == OPEN


async def test_rows_are_read_again_on_demand(province: Any, kit: Any) -> None:
    province.platform.rows = (kit.penalty(fine="约1.5"), kit.penalty("p-2", fine="约2"))
    async with province.serving() as running, officer_of(running) as officer:
        province.platform.rows = (kit.penalty(fine="1.5"), kit.penalty("p-2", fine="约2"))
        done = await officer.rerun()
        assert (done.looked_at, done.closed) == (2, 1)
        assert [item.key for item in await officer.items()] == ["p-2"]


# --- A row that is missing is a question ----------------------------------------------------------------------------------


async def test_a_row_that_vanished_is_disclosed_until_somebody_confirms_that_it_was_withdrawn(
    province: Any, kit: Any
) -> None:
    province.platform.rows = (kit.penalty(),)
    async with province.serving() as running, officer_of(running) as officer:
        first = await cell(running)
        province.platform.rows = ()

        said = await cell(running)

        assert (said.state, said.records) == (FOUND, first.records)
        item = await officer.only_item(kinds=[ITEM_MISSING])
        assert list(item.held_up) == [kit.USCC]
        await officer.decide(item, withdrawal=desk_service_pb2.Withdrawal(withdrawn=True))
        assert (await cell(running)).state == CLEAR
        assert await changes(running) == [changed("arrived", kit.USCC), changed("removed", kit.USCC)]

        province.platform.rows = (kit.penalty(),)
        province.platform.history.clear()
        assert (await cell(running)).state == FOUND


async def test_a_row_that_vanished_before_it_was_ever_disclosed_makes_its_cell_unavailable(
    province: Any, kit: Any
) -> None:
    province.platform.rows = (kit.penalty(),)
    async with province.serving() as running, officer_of(running) as officer:
        province.platform.rows = ()
        said = await cell(running)
        assert (said.state, said.reason) == (UNAVAILABLE, UNREADABLE)
        item = await officer.only_item(kinds=[ITEM_MISSING])
        await officer.decide(item, withdrawal=desk_service_pb2.Withdrawal(withdrawn=False))
        assert (await cell(running)).state == UNAVAILABLE


async def test_a_row_that_is_another_subjects_now_is_not_missing(province: Any, kit: Any) -> None:
    async def finds_nothing(_: Any) -> Any:
        return kit.answer(at=province.clock())

    province.platform.rows = (kit.penalty(),)
    async with province.serving() as running, officer_of(running) as officer:
        assert (await cell(running)).state == FOUND
        province.platform.rows = (kit.penalty(uscc=kit.OTHER),)
        province.platform.answer = finds_nothing  # by the subject's identifiers

        assert (await cell(running)).state == CLEAR
        assert not await officer.items()


async def test_a_row_that_the_search_missed_is_found_by_its_key(province: Any, kit: Any) -> None:
    async def finds_nothing(_: Any) -> Any:
        return kit.answer(at=province.clock())

    province.platform.rows = (kit.penalty(),)
    province.platform.answer = finds_nothing
    async with province.serving() as running:
        assert (await cell(running)).state == FOUND


async def test_rows_that_cannot_be_fetched_make_their_cells_silent(
    province: Any, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    province.platform.rows = (kit.penalty(),)
    async with province.serving() as running:
        province.platform.rows = ()

        async def fails(_: Any) -> Any:
            raise SourceError("not now")

        monkeypatch.setattr(province.platform, "by_key", fails)
        said = await cell(running)
        assert (said.state, said.reason) == (UNAVAILABLE, SILENT)


# --- What a change may alter in reports -------------------------------------------------------------------------------------


async def test_changes_are_written_with_whom_they_touch_and_of_which_days_they_speak(province: Any, kit: Any) -> None:
    steps: list[tuple[dict[str, Any], list[tuple[str, str, str, str]]]] = [
        ({}, [changed("arrived", kit.USCC)]),
        ({}, []),
        ({"fine": "2.000000", "content": "罚款2万元"}, [changed("corrected", kit.USCC)]),
        ({"decided": "2024-05-02"}, [changed("corrected", kit.USCC, "2024-03-01", "2024-05-02")]),
        (
            {"uscc": kit.OTHER},
            [
                changed("reassigned", kit.USCC, "2024-05-02", "2024-05-02"),
                changed("arrived", kit.OTHER, "2024-05-02", "2024-05-02"),
            ],
        ),
        ({"state": "3"}, [changed("repaired", kit.OTHER, "2024-05-02", "2024-05-02")]),
        ({"state": "1"}, [changed("arrived", kit.OTHER, "2024-05-02", "2024-05-02")]),
        ({"state": "2"}, [changed("revoked", kit.OTHER, "2024-05-02", "2024-05-02")]),
        ({"decided": "2024年3月"}, []),
    ]
    told: dict[str, Any] = {}
    expected: list[tuple[str, str, str, str]] = []
    async with province.serving() as running:
        for values, written in steps:
            told |= values
            province.platform.rows = (kit.penalty(**told),)
            await running.follow()
            expected += written
            assert await changes(running) == expected, values


async def test_a_decision_that_was_supplied_late_is_a_change_though_no_report_holds_it(province: Any, kit: Any) -> None:
    """T22a."""
    async with province.serving() as running:
        assert (await cell(running)).state == CLEAR
        province.platform.rows = (kit.penalty(),)
        await running.follow()
        assert await changes(running) == [changed("arrived", kit.USCC)]
        assert (await cell(running)).state == FOUND


# --- Who may, and what does not fit -----------------------------------------------------------------------------------------


async def test_the_desk_is_for_this_provinces_officers_only(province: Any, kit: Any) -> None:
    province.platform.rows = (kit.penalty(fine="约1.5"),)
    province.officers = ("somebody-else",)
    async with province.serving() as running, officer_of(running) as stranger:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stranger.items()
        assert code_of(refused.value) == "NOT_PERMITTED"
        tls = province.pki.member_tls(MemberPeer(kit.HOME, envelope_pb2.MEMBER_ROLE_GATEWAY))
        name = member_host_name(MemberPeer(kit.OURS, ADAPTER))
        async with open_channel(running.target, tls, server_name=name) as channel:
            gateway = Officer(desk_service_pb2_grpc.DeskServiceStub(channel))
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await gateway.items()
        assert code_of(refused.value) == "NOT_PERMITTED"


async def test_decisions_that_do_not_fit_are_refused_by_name(province: Any, kit: Any) -> None:
    province.platform.rows = (kit.penalty(fine="约1.5"),)
    correction = desk_service_pb2.Correction(values=[desk_service_pb2.ColumnValue(column="fine", value="1.5")])
    async with province.serving() as running, officer_of(running) as officer:
        item = await officer.only_item()
        stale = desk_service_pb2.Item(number=item.number, version=item.version + 1)
        unknown = desk_service_pb2.Item(number=item.number + 1, version=1)
        no_column = desk_service_pb2.Correction(values=[desk_service_pb2.ColumnValue(column="示例列", value="1")])
        cases: list[tuple[desk_service_pb2.Item, dict[str, Any], str]] = [
            (stale, {"correction": correction}, "ITEM_CHANGED"),
            (unknown, {"correction": correction}, "ITEM_NOT_FOUND"),
            (item, {"correction": no_column}, "DECISION_DOES_NOT_FIT"),
            (item, {"assignment": desk_service_pb2.Assignment(uscc=kit.USCC)}, "DECISION_DOES_NOT_FIT"),
            (item, {"withdrawal": desk_service_pb2.Withdrawal(withdrawn=True)}, "DECISION_DOES_NOT_FIT"),
            (item, {"delivery": desk_service_pb2.Delivery(good=True)}, "DECISION_DOES_NOT_FIT"),
            (item, {}, "MALFORMED_REQUEST"),
            (item, {"correction": correction, "basis": ""}, "MALFORMED_REQUEST"),
        ]
        for decided, decision, code in cases:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await officer.decide(decided, **decision)
            assert code_of(refused.value) == code, decision
        await officer.decide(item, correction=correction)
        closed = (await officer.item(item.number)).item
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await officer.decide(closed, correction=correction)
        assert code_of(refused.value) == "DECISION_DOES_NOT_FIT"


async def test_every_step_says_who_and_why(province: Any, kit: Any) -> None:
    province.platform.rows = (kit.penalty(fine="约1.5"),)
    async with province.serving() as running, officer_of(running) as officer:
        item = await officer.only_item()
        after = await officer.decide(item, return_to_supplier=desk_service_pb2.Return(), basis="退回示例区局")
        assert after.version == item.version + 1
        events = (await officer.item(item.number)).events
        assert [(event.officer, event.action, event.note) for event in events] == [
            ("", "opened", ""),
            (OPERATOR, "returned", "退回示例区局"),
        ]


# --- Never clearer --------------------------------------------------------------------------------------------------------


async def finds_nothing_in(province: Any, kit: Any) -> None:
    """From now on no search finds anything: what is found is found by the index."""

    async def answer(_: Any) -> Any:
        return kit.answer(at=province.clock())

    province.platform.answer = answer


async def test_a_row_that_an_officer_gave_to_a_subject_is_not_lost_with_the_row(province: Any, kit: Any) -> None:
    province.platform.rows = (kit.penalty(**NO_NAME),)
    await finds_nothing_in(province, kit)
    async with province.serving() as running, officer_of(running) as officer:
        item = await officer.only_item()
        await officer.decide(item, assignment=desk_service_pb2.Assignment(uscc=kit.USCC))
        first = await cell(running)
        assert first.state == FOUND
        province.platform.rows = ()
        assert (await cell(running)).records == first.records
        assert (await officer.only_item(kinds=[ITEM_MISSING])).held_up == [kit.USCC]


async def test_an_officers_finding_is_a_change_for_the_subject_that_he_named(province: Any, kit: Any) -> None:
    province.platform.rows = (kit.penalty(**NO_NAME),)
    async with province.serving() as running, officer_of(running) as officer:
        await officer.decide(await officer.only_item(), assignment=desk_service_pb2.Assignment(uscc=kit.OTHER))
        assert await changes(running) == [
            changed("arrived", ""),
            changed("reassigned", ""),
            changed("arrived", kit.OTHER),
        ]


async def test_the_finding_that_a_row_is_nobodys_leaves_it_counted(province: Any, kit: Any) -> None:
    province.platform.rows = (kit.penalty(uscc="", org=""),)
    async with province.serving() as running, officer_of(running) as officer:
        assert (await cell(running)).reason == IN_DOUBT
        after = await officer.decide(await officer.only_item(), assignment=desk_service_pb2.Assignment(uscc=""))
        assert (after.kind, after.state) == (ITEM_OF_NOBODY, OPEN)
        assert await counted(running) == {kit.MARKET: 1}
        assert (await cell(running)).state == CLEAR


async def test_rows_of_which_nobody_can_read_whose_they_are_belong_to_nobody(province: Any, kit: Any) -> None:
    unknown = dataclasses.replace(kit.penalty("x-1"), form="X")
    province.platform.rows = (kit.penalty(uscc=Decimal("91.1")), unknown)
    async with province.serving() as running, officer_of(running) as officer:
        assert {(item.kind, item.fault) for item in await officer.items()} == {(ITEM_OF_NOBODY, "whose_unreadable")}
        assert (await counted(running))[kit.MARKET] == 2
        refused = next(item for item in await officer.items() if item.family == "P")
        with pytest.raises(grpc.aio.AioRpcError) as told:
            await officer.decide(refused, assignment=desk_service_pb2.Assignment(uscc=kit.USCC))
        assert code_of(told.value) == "DECISION_DOES_NOT_FIT"
        values = [desk_service_pb2.ColumnValue(column="uscc", value=kit.USCC)]
        done = await officer.decide(refused, correction=desk_service_pb2.Correction(values=values))
        assert done.state == CLOSED


async def test_rows_of_a_form_that_the_platform_does_not_know_stop_nobody(
    province: Any, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    province.platform.rows = (dataclasses.replace(kit.penalty("x-1"), form="X"), kit.penalty(fine="约1.5"))
    by_key = province.platform.by_key

    async def knows_its_own(keys: Any) -> Any:
        if any(family not in {"P", "L"} for family, _ in keys):
            raise SourceError("no such family")
        return await by_key(keys)

    monkeypatch.setattr(province.platform, "by_key", knows_its_own)
    async with province.serving() as running, officer_of(running) as officer:
        province.platform.rows = (province.platform.rows[0], kit.penalty())
        assert (await officer.rerun()).closed == 1
        assert [item.family for item in await officer.items()] == ["X"]


async def test_a_row_of_nobody_that_is_gone_counts_until_somebody_confirms_that_it_was_withdrawn(
    province: Any, kit: Any
) -> None:
    province.platform.rows = (kit.penalty(**NO_NAME),)
    async with province.serving() as running, officer_of(running) as officer:
        province.platform.rows = ()
        assert (await officer.rerun()).closed == 0
        assert await counted(running) == {kit.MARKET: 1}
        item = await officer.only_item(kinds=[ITEM_MISSING])
        await officer.decide(item, withdrawal=desk_service_pb2.Withdrawal(withdrawn=True))
        assert not await officer.items()
        assert await counted(running) == {}


async def test_a_row_that_came_back_as_it_was_is_no_question_any_more(province: Any, kit: Any) -> None:
    province.platform.rows = (kit.penalty(),)
    async with province.serving() as running, officer_of(running) as officer:
        for closes in ("rerun", "decide", "follow"):
            province.platform.rows = ()
            await cell(running)
            item = await officer.only_item(kinds=[ITEM_MISSING])
            province.platform.rows = (kit.penalty(),)
            if closes == "rerun":
                assert (await officer.rerun()).closed == 1
            elif closes == "decide":
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await officer.decide(item, withdrawal=desk_service_pb2.Withdrawal(withdrawn=True))
                assert code_of(refused.value) == "DECISION_DOES_NOT_FIT"
            else:
                province.platform.history.clear()
                await running.follow()
                province.platform.history.append(kit.penalty())
                await running.follow()
            assert not await officer.items(), closes
        assert await changes(running) == [changed("arrived", kit.USCC)]


async def test_a_row_that_said_something_else_before_it_vanished_is_not_listed_as_it_was(
    province: Any, kit: Any
) -> None:
    province.platform.rows = (kit.penalty(),)
    async with province.serving() as running:
        assert (await cell(running)).state == FOUND
        province.platform.rows = (kit.penalty(fine="9.000000", content="罚款9万元"),)
        await running.follow()
        province.platform.rows = ()
        said = await cell(running)
        assert (said.state, said.reason, len(said.records)) == (UNAVAILABLE, UNREADABLE, 0)


async def test_a_code_with_the_subjects_organisation_code_in_it_is_found_by_the_index(province: Any, kit: Any) -> None:
    province.platform.rows = (kit.penalty(uscc=kit.code("92130200" + kit.USCC[8:17]), name="示例另一商店"),)
    await finds_nothing_in(province, kit)
    async with province.serving() as running:
        assert (await cell(running)).reason == IN_DOUBT


async def test_two_rows_of_one_key_contradict_each_other(province: Any, kit: Any) -> None:
    province.platform.rows = (
        kit.penalty(),
        kit.penalty(**NO_NAME),
        kit.penalty("p-2"),
        kit.penalty("p-2", type="其他"),
    )
    async with province.serving() as running, officer_of(running) as officer:
        assert [(item.key, item.kind, item.fault) for item in await officer.items()] == [
            ("p-1", ITEM_OF_NOBODY, "of_nobody"),
            ("p-2", ITEM_UNREADABLE, "keys_differ"),
        ]
        assert await counted(running) == {kit.MARKET: 1}


async def test_nothing_is_concluded_where_the_platform_was_not_followed_for_too_long(province: Any, kit: Any) -> None:
    async with province.serving() as running:
        assert (await cell(running)).state == CLEAR
        province.clock.now += kit.catalogue.freshness_limit(kit.MARKET)
        said = await cell(running)
        assert (said.state, said.reason) == (UNAVAILABLE, SILENT)
        await running.follow()
        assert (await cell(running)).state == CLEAR


async def test_other_rules_read_everything_again_and_nothing_is_concluded_before(province: Any, kit: Any) -> None:
    province.platform.rows = (kit.penalty(**NO_NAME),)
    async with province.serving() as running:
        async with running.database.write() as connection:
            await connection.execute(update(PLACE).values(rules="an older catalogue"))
            await connection.execute(update(ROWS).values(cells="[]", outcome="outside_catalogue"))
            await connection.execute(update(ITEMS).values(state=CLOSED))
        going = running.program.follower
        await going._place()  # what the first step of following does
        assert (await cell(running)).reason == SILENT
        await running.follow()
        assert (await cell(running)).state == CLEAR
        assert await counted(running) == {kit.MARKET: 1}


# --- Following ------------------------------------------------------------------------------------------------------------


async def test_a_platform_that_lost_the_place_is_followed_from_the_first_row_again(
    province: Any, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    province.platform.rows = (kit.penalty(), kit.penalty("p-2"))
    async with province.serving() as running:
        supplied_since = province.platform.supplied_since

        async def restored(cursor: str, limit: int) -> Any:
            if cursor == "2":
                raise UnknownCursorError("never gave that cursor")
            return await supplied_since(cursor, limit)

        monkeypatch.setattr(province.platform, "supplied_since", restored)
        province.platform.history.clear()
        province.platform.rows = (kit.penalty(), kit.penalty("p-2", uscc=kit.OTHER), kit.penalty("p-3"))
        assert await running.follow() == Look(rows=3, changed=2, expected=None)
        assert [what for what, *_ in await changes(running)] == [*["arrived"] * 2, "reassigned", *["arrived"] * 2]


async def test_a_platform_that_has_more_and_does_not_go_on_is_told(
    province: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with province.serving() as running:

        async def stands_still(cursor: str, _: int) -> Any:
            return Supplied(rows=(), cursor=cursor, is_all=False)

        monkeypatch.setattr(province.platform, "supplied_since", stands_still)
        with pytest.raises(SourceError, match="does not go on"):
            await running.follow()


async def test_a_step_that_breaks_off_keeps_nothing_and_is_done_again(
    province: Any, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    province.follows = False
    province.platform.rows = tuple(kit.penalty(f"p-{number:04}", fine="约1.5") for number in range(PAGE + 1))
    async with province.serving() as running, officer_of(running) as officer:
        settle, steps = DeskStore.settle, iter((True, False))

        async def breaks_off(store: Any, settled: Any, at: Any) -> int:
            done: int = await settle(store, settled, at)
            if not next(steps):
                raise KeyboardInterrupt  # what no handler of ours takes
            return done

        monkeypatch.setattr(DeskStore, "settle", breaks_off)
        with pytest.raises(KeyboardInterrupt):
            raise await _caught(running.follow())
        monkeypatch.setattr(DeskStore, "settle", settle)
        assert len(await officer.exported()) == 200
        assert len(await changes(running)) == PAGE
        assert (await running.follow()).changed == 1
        assert len(await changes(running)) == PAGE + 1


async def _caught(work: Any) -> BaseException:
    """What the work raises, as a value: an event loop ends where a KeyboardInterrupt leaves a task."""
    try:
        await work
    except BaseException as error:  # noqa: BLE001 - given back, and raised by the caller
        return error
    raise AssertionError


async def test_two_replicas_that_follow_at_once_do_it_once(province: Any, kit: Any) -> None:
    province.follows = False
    province.platform.rows = tuple(kit.penalty(f"p-{number:03}", **NO_NAME) for number in range(50))
    async with province.serving() as one, province.serving() as other:
        told = await asyncio.gather(one.follow(), other.follow(), return_exceptions=True)
        assert {type(result) for result in told} <= {Look, LedgerConflictError}
        await one.follow()
        assert len(await changes(one)) == 50
        assert await counted(other) == {kit.MARKET: 50}


async def test_an_older_state_of_a_row_never_takes_the_place_of_a_newer_one(
    province: Any, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While an officer has a row read again, the row becomes the subject's, and following sees that first."""
    province.platform.rows = (kit.penalty(uscc=kit.OTHER, fine="约1.5", name="示例另一有限公司"),)
    await finds_nothing_in(province, kit)
    async with province.serving() as running, officer_of(running) as officer:
        by_key = province.platform.by_key

        async def overtaken(keys: Any) -> Any:
            old = await by_key(keys)
            monkeypatch.setattr(province.platform, "by_key", by_key)
            province.platform.rows = (kit.penalty(),)
            await running.follow()
            return old

        item = await officer.only_item()
        monkeypatch.setattr(province.platform, "by_key", overtaken)
        await officer.rerun(item.number)
        assert not await officer.items()
        assert (await cell(running)).state == FOUND


async def test_a_fault_of_ours_is_told_without_a_row_and_following_goes_on(
    province: Any, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with province.serving() as running:

        async def faulty(*_: Any) -> Any:
            raise ValueError(kit.NAME)

        monkeypatch.setattr(province.platform, "supplied_since", faulty)
        with structlog.testing.capture_logs() as logs:
            await running.program.follower.look_first(patience_s=60)
        assert [(entry["log_level"], entry["reason"]) for entry in logs] == [("error", "ValueError")]
        assert kit.NAME not in repr(logs)


# --- What an officer saw ----------------------------------------------------------------------------------------------------


async def test_a_decision_is_about_the_row_that_the_officer_saw(province: Any, kit: Any) -> None:
    province.registry.register(kit.USCC, kit.HOME)
    kinds: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
        (
            {"fine": "约1.5"},
            {"fine": "约1.5", "content": "罚款9万元"},
            {
                "correction": desk_service_pb2.Correction(
                    values=[desk_service_pb2.ColumnValue(column="fine", value="1.5")]
                )
            },
        ),
        (
            {"uscc": "", "org": ""},
            {"uscc": "", "org": "9*******X"},
            {"assignment": desk_service_pb2.Assignment(uscc=kit.OTHER)},
        ),
    ]
    async with province.serving() as running, officer_of(running) as officer:
        for before, after, decision in kinds:
            province.platform.rows = (kit.penalty(**before),)
            await running.follow()
            item = await officer.only_item()
            province.platform.rows = (kit.penalty(**after),)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await officer.decide(item, **decision)
            assert code_of(refused.value) == "ITEM_CHANGED"
            now = await officer.only_item()
            assert (now.number, now.version) == (item.number, item.version + 1)
            assert (await cell(running)).state == UNAVAILABLE


async def test_a_decision_that_the_platform_cannot_confirm_changes_nothing(
    province: Any, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    province.platform.rows = (kit.penalty("n-1", **NO_NAME), kit.penalty("p-1", fine="约1.5"))

    async def silent(_: Any) -> Any:
        raise SourceError("not now")

    values = [desk_service_pb2.ColumnValue(column="fine", value="1.5")]
    async with province.serving() as running, officer_of(running) as officer:
        of_nobody, unreadable = before = await officer.items()
        with monkeypatch.context() as patched:
            patched.setattr(province.platform, "by_key", silent)
            for item, decision in (
                (of_nobody, {"assignment": desk_service_pb2.Assignment(uscc=kit.USCC)}),
                (unreadable, {"correction": desk_service_pb2.Correction(values=values)}),
            ):
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await officer.decide(item, **decision)
                assert code_of(refused.value) == "PLATFORM_SILENT"
        assert await officer.items() == before
        assert (await cell(running)).reason == UNREADABLE


async def test_the_time_of_receipt_is_corrected_like_a_column(province: Any, kit: Any) -> None:
    province.platform.rows = (dataclasses.replace(kit.penalty(), received_at=None),)
    async with province.serving() as running, officer_of(running) as officer:
        item = await officer.only_item()
        assert item.field == "received_at"
        values = [desk_service_pb2.ColumnValue(column="received_at", value="2024-03-08 10:00:00")]
        done = await officer.decide(item, correction=desk_service_pb2.Correction(values=values))
        assert done.state == CLOSED
        assert (await cell(running)).state == FOUND


async def test_the_desk_keeps_no_column_that_the_form_does_not_read(province: Any, kit: Any) -> None:
    personal = "示例某人"
    unknown = dataclasses.replace(kit.penalty("x-1", legal_person=personal), form="X")
    province.platform.rows = (
        kit.penalty(fine="约1.5", legal_person=personal),
        kit.penalty("p-2", more=personal),
        unknown,
    )
    async with province.serving() as running, officer_of(running) as officer:
        await cell(running)
        exported = await officer.exported()
        assert len(exported) == 3
        assert not any(personal in column.value for one in exported for column in one.row)
        assert "legal_person" not in {column.column for one in exported for column in one.row}
        assert [one.column for one in exported[-1].row] == ["received_at"]


async def test_numbers_beyond_any_item_are_not_found(province: Any) -> None:
    async with province.serving() as running, officer_of(running) as officer:
        for number in (1, 2**63, 2**64 - 1):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await officer.item(number)
            assert code_of(refused.value) == "ITEM_NOT_FOUND"
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await officer.rerun(number)
            assert code_of(refused.value) == "ITEM_NOT_FOUND"
        assert await officer.exported(2**64 - 1) == []
