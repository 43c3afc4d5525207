"""The publishing side: numbers without gaps, what is pushed, and when it gives up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
import structlog
from sqlalchemy import select

from contract.days import to_timestamp
from contract.payloads import FEED_ENTRY, GRANT
from contract.province import Province
from gateway.federation.feeds import AuthorisationFeed
from gateway.store.work import WorkQueue
from huren.authorisation.v1 import authorisation_pb2
from huren.feed.v1 import feed_pb2, feed_service_pb2
from runtime.database import open_database
from runtime.errors import StoreUnavailableError
from runtime.feeds import EntriesLostError, SubscriberStuckError, SubscriberUnavailableError, tables
from signing import SignedStatement
from tests.support.federation import GATEWAY, NOW

ORIGIN = Province.TIANJIN
OTHER_EPOCH = "b" * 32
World = Any


async def entries_of(world: World) -> list[feed_pb2.FeedEntry]:
    """All entries, verified, in the order of epochs and numbers."""
    async with world.home.read() as connection:
        found = select(tables.entries.c.envelope).order_by(tables.entries.c.epoch, tables.entries.c.number)
        envelopes = (await connection.execute(found)).scalars()
        statements = [world.federation.verifier.verify(envelope, expect={FEED_ENTRY}) for envelope in envelopes]
    return [feed_pb2.FeedEntry.FromString(statement.payload) for statement in statements]


async def ids_of(world: World) -> list[bytes]:
    async with world.home.read() as connection:
        found = select(tables.entries.c.entry_id).order_by(tables.entries.c.epoch, tables.entries.c.number)
        return list((await connection.execute(found)).scalars())


def kinds(world: World, request: feed_service_pb2.PushRequest) -> list[str]:
    """What a push holds: `reset 2`, `1`, `2`, `head 2`."""
    words: dict[type, Callable[[Any], str]] = {
        feed_pb2.FeedReset: lambda reset: f"reset {reset.snapshot_until}",
        feed_pb2.FeedEntry: lambda entry: f"{entry.number}",
        feed_pb2.FeedHead: lambda head: f"head {head.number}",
    }
    return [words[type(message)](message) for message in world.opened(request)]


def answering(*answers: tuple[str, int]) -> Callable[..., Any]:
    """A subscriber that answers this, the last one again and again."""
    left = list(answers)

    async def push(_request: object, _timeout_s: float) -> feed_service_pb2.PushResponse:
        epoch, number = left.pop(0) if len(left) > 1 else left[0]
        return feed_service_pb2.PushResponse(epoch=epoch, number=number, at=to_timestamp(NOW))

    return push


def taking_all(world: World) -> Callable[..., Any]:
    """A subscriber that takes whatever comes, and has never heard of the feed."""

    async def push(request: feed_service_pb2.PushRequest, _: float) -> feed_service_pb2.PushResponse:
        entries = [message for message in world.opened(request) if isinstance(message, feed_pb2.FeedEntry)]
        epoch, number = (world.epoch, entries[-1].number) if entries else ("", 0)
        return feed_service_pb2.PushResponse(epoch=epoch, number=number, at=to_timestamp(NOW))

    return push


# --- Appending ---


async def test_entries_are_numbered_from_one_and_each_names_the_one_before(world: World) -> None:
    told = [world.revocation() for _ in range(3)]
    await world.tell(*told)
    entries = await entries_of(world)
    assert [entry.number for entry in entries] == [1, 2, 3]
    assert [entry.previous_entry_id for entry in entries] == [b"", *(await ids_of(world))[:-1]]
    assert [entry.statement_envelope for entry in entries] == [statement.envelope for statement in told]
    assert {(entry.feed, entry.epoch) for entry in entries} == {("authorisations", world.epoch)}


async def test_what_is_rolled_back_leaves_no_gap(world: World) -> None:
    await world.tell()
    with suppress(asyncio.CancelledError):
        async with world.home.write() as connection:
            await world.publisher.append(connection, world.revocation().envelope, NOW)
            raise asyncio.CancelledError
    await world.tell()
    assert [entry.number for entry in await entries_of(world)] == [1, 2]


async def test_replicas_that_append_at_once_leave_no_gap(world: World, database_url: str) -> None:
    async with AsyncExitStack() as stack:
        replicas = [
            await stack.enter_async_context(open_database(database_url, patience=timedelta(seconds=30)))
            for _ in range(3)
        ]
        publishers = [world.publishing(replica) for replica in replicas]
        async with asyncio.TaskGroup() as group:
            for number in range(12):
                group.create_task(world.tell(publisher=publishers[number % 3]))
    entries = await entries_of(world)
    assert [entry.number for entry in entries] == list(range(1, 13))
    ids = await ids_of(world)
    assert all(entry.previous_entry_id == before for before, entry in zip(ids, entries[1:], strict=False))


async def test_a_statement_is_told_once_in_an_epoch(world: World) -> None:
    statement = world.revocation()
    await world.tell(statement)
    async with world.home.write() as connection:
        await world.publisher.append(connection, statement.envelope, NOW)
    assert len(await entries_of(world)) == 1


async def test_a_new_epoch_begins_with_what_still_holds_then_the_new_statement_once(world: World) -> None:
    first, second, third = (world.revocation() for _ in range(3))
    await world.tell(first, second)
    world.epoch = OTHER_EPOCH
    await world.tell(third)
    told = [(entry.epoch[0], entry.number, entry.statement_envelope) for entry in await entries_of(world)]
    assert told[2:] == [("b", 1, first.envelope), ("b", 2, second.envelope), ("b", 3, third.envelope)]


async def test_what_held_before_there_was_a_feed_is_told_first(world: World) -> None:
    old, new = world.revocation(), world.revocation()
    await world.hold(old)
    async with world.home.write() as connection:
        await world.publisher.append(connection, new.envelope, NOW)
    assert [entry.statement_envelope for entry in await entries_of(world)] == [old.envelope, new.envelope]


@pytest.mark.parametrize("envelope", [pytest.param(b"", id="nothing"), pytest.param(b"\x00\x01", id="no envelope")])
async def test_what_is_no_envelope_is_not_told(world: World, envelope: bytes) -> None:
    with pytest.raises(ValueError, match="envelope of a statement"):
        async with world.home.write() as connection:
            await world.publisher.append(connection, envelope, NOW)
    assert await entries_of(world) == []


def large(world: World, size: int) -> SignedStatement:
    grant = authorisation_pb2.Grant(
        header=world.federation.header(Province.BEIJING, GATEWAY),
        consent=authorisation_pb2.Consent(certificate=bytes(size)),
    )
    signed: SignedStatement = world.federation.signer(Province.BEIJING, GATEWAY).sign(GRANT, grant)
    return signed


async def test_what_is_too_large_for_an_entry_is_not_told(world: World) -> None:
    with pytest.raises(ValueError, match="statement_envelope"):
        await world.tell(large(world, 65_536))
    assert await entries_of(world) == []


# --- Pushing ---


async def test_a_subscriber_that_never_heard_of_the_feed_is_asked_reset_and_told_all(world: World) -> None:
    told = await world.tell(world.revocation(), world.revocation())
    assert await world.publisher.push(ORIGIN, 30) is True
    assert [kinds(world, request) for request in world.link.pushed] == [[], ["reset 2", "1", "2", "head 2"]]
    assert await world.applied() == told
    assert (await world.condition()).complete


async def test_a_feed_without_entries_is_told_too(world: World) -> None:
    assert await world.publisher.push(ORIGIN, 30) is True
    assert [kinds(world, request) for request in world.link.pushed] == [[], ["reset 0", "head 0"]]
    assert (await world.condition()).complete


async def test_what_was_acknowledged_is_not_pushed_again(world: World) -> None:
    await world.tell()
    await world.publisher.push(ORIGIN, 30)
    world.link.pushed.clear()
    world.clock.advance(seconds=29)
    await world.tell()
    world.origin_clock.now = world.clock.now
    assert await world.publishing().push(ORIGIN, 30) is True  # another process, by what is kept
    assert [kinds(world, request) for request in world.link.pushed] == [["2"]]


@pytest.mark.parametrize(("seconds", "with_head"), [(29.9, False), (30, True)])
async def test_a_head_follows_entries_when_the_last_one_is_older_than_thirty_seconds(
    world: World, seconds: float, *, with_head: bool
) -> None:
    await world.publisher.push(ORIGIN, 30)
    world.link.pushed.clear()
    for clock in (world.clock, world.origin_clock):
        clock.advance(seconds=seconds)
    await world.tell()
    await world.publisher.push(ORIGIN, 30)
    assert [kinds(world, request) for request in world.link.pushed] == [["1", "head 1"] if with_head else ["1"]]


async def test_without_news_a_head_is_told_each_time(world: World) -> None:
    await world.tell()
    await world.publisher.push(ORIGIN, 30)
    world.link.pushed.clear()
    for _ in range(2):
        assert await world.publisher.push(ORIGIN, 30) is True
    assert [kinds(world, request) for request in world.link.pushed] == [["head 1"], ["head 1"]]


async def test_a_push_holds_no_more_than_128_envelopes(world: World) -> None:
    told = [world.revocation() for _ in range(270)]
    async with world.home.write() as connection:
        for statement in told:
            await world.publisher.append(connection, statement.envelope, NOW)
    world.link.instead = taking_all(world)
    assert await world.publisher.push(ORIGIN, 60) is True
    assert [len(request.envelopes) for request in world.link.pushed] == [0, 127, 126, 19]
    assert [word for request in world.link.pushed for word in kinds(world, request)] == [
        "reset 270",
        *(f"{number}" for number in range(1, 271)),
        "head 270",
    ]


async def test_a_push_holds_no_more_than_a_mebibyte_but_one_entry_at_least(world: World) -> None:
    told = [large(world, 60_000) for _ in range(20)]
    async with world.home.write() as connection:
        for statement in told:
            await world.publisher.append(connection, statement.envelope, NOW)

    world.link.instead = taking_all(world)
    await world.publisher.push(ORIGIN, 30)
    sizes = [sum(map(len, request.envelopes)) for request in world.link.pushed]
    assert len(sizes) == 3
    assert all(size <= 1024 * 1024 + 1024 for size in sizes)


async def test_a_new_epoch_is_told_by_a_reset_and_what_still_holds(world: World) -> None:
    told = await world.tell(world.revocation(), world.revocation())
    await world.publisher.push(ORIGIN, 30)
    world.link.pushed.clear()
    world.epoch = OTHER_EPOCH
    world.clock.advance(seconds=1)
    assert await world.publisher.push(ORIGIN, 30) is True
    assert [kinds(world, request) for request in world.link.pushed] == [[], ["reset 2", "1", "2", "head 2"]]
    assert await world.applied() == told  # once
    condition = await world.condition()
    assert (condition.epoch, condition.number, condition.complete) == (OTHER_EPOCH, 2, True)


async def test_replicas_that_push_first_in_a_new_epoch_tell_what_holds_once(world: World, database_url: str) -> None:
    await world.tell(world.revocation(), world.revocation())
    world.epoch = OTHER_EPOCH
    async with open_database(database_url, patience=timedelta(seconds=30)) as replica, asyncio.TaskGroup() as group:
        for publisher in (world.publisher, world.publishing(replica)):
            group.create_task(publisher.push(ORIGIN, 30))
    assert [entry.number for entry in await entries_of(world)] == [1, 2, 1, 2]


async def test_a_subscriber_that_was_set_back_is_told_again_from_where_it_is(world: World) -> None:
    await world.tell(*(world.revocation() for _ in range(4)))
    world.link.instead = answering(("", 0), (world.epoch, 4), (world.epoch, 1), (world.epoch, 4))
    await world.publisher.push(ORIGIN, 30)
    await world.publisher.push(ORIGIN, 30)
    assert [kinds(world, request) for request in world.link.pushed[2:]] == [["head 4"], ["2", "3", "4"]]


async def test_a_subscriber_that_does_not_go_on_is_an_error(world: World) -> None:
    await world.tell(world.revocation(), world.revocation())
    world.link.instead = answering((world.epoch, 1))
    with pytest.raises(SubscriberStuckError, match="tianjin stays at"):
        await world.publisher.push(ORIGIN, 30)
    assert len(world.link.pushed) == 2


async def test_a_subscriber_that_does_not_take_a_reset_is_an_error(world: World) -> None:
    world.link.instead = answering((OTHER_EPOCH, 7))
    with pytest.raises(SubscriberStuckError):
        await world.publisher.push(ORIGIN, 30)
    assert [kinds(world, request) for request in world.link.pushed] == [[], ["reset 0", "head 0"]]


async def test_entries_that_are_lost_here_are_an_error_and_nothing_is_told_under_their_numbers(world: World) -> None:
    await world.tell()
    world.link.instead = answering((world.epoch, 2))
    with pytest.raises(EntriesLostError, match="has entry 2"):
        await world.publisher.push(ORIGIN, 30)
    assert [kinds(world, request) for request in world.link.pushed] == [[]]
    assert await world.publisher.receipts([]) == {}


async def test_a_subscriber_with_an_entry_that_a_rival_told_meanwhile_is_no_error(world: World) -> None:
    await world.tell()

    async def rival_tells(_: object, __: float) -> feed_service_pb2.PushResponse:
        world.link.instead = None
        await world.tell()
        return feed_service_pb2.PushResponse(epoch=world.epoch, number=2, at=to_timestamp(NOW))

    await world.publisher.push(ORIGIN, 30)
    world.link.instead = rival_tells
    await world.publisher.push(ORIGIN, 30)
    assert (await world.condition()).number in {1, 2}


async def test_no_time_left_is_no_error_and_nothing_is_pushed(world: World) -> None:
    await world.tell()
    assert await world.publisher.push(ORIGIN, 0) is False
    assert world.link.pushed == []


async def test_an_answer_that_is_lost_is_made_good_by_the_next_push(world: World) -> None:
    told = await world.tell(world.revocation(), world.revocation())

    async def take_and_lose(request: feed_service_pb2.PushRequest, _: float) -> feed_service_pb2.PushResponse:
        response: feed_service_pb2.PushResponse = await world.link.take(request)
        if not request.envelopes:
            return response
        world.link.instead = None
        raise SubscriberUnavailableError("the line broke")

    world.link.instead = take_and_lose
    with pytest.raises(SubscriberUnavailableError):
        await world.publisher.push(ORIGIN, 30)
    assert await world.publisher.receipts(told) == {told[0]: {}, told[1]: {}}
    assert await world.publisher.push(ORIGIN, 30) is True
    assert await world.applied() == told
    assert await world.publisher.receipts(told) == {each: {ORIGIN: NOW} for each in told}


async def test_an_answer_without_an_instant_that_exists_is_none(world: World) -> None:
    async def push(_: object, __: float) -> feed_service_pb2.PushResponse:
        response = feed_service_pb2.PushResponse(epoch=world.epoch)
        response.at.seconds = 2**62
        return response

    world.link.instead = push
    with pytest.raises(SubscriberUnavailableError, match="no instant"):
        await world.publisher.push(ORIGIN, 30)


async def test_one_subscriber_that_fails_keeps_no_other_from_being_told(world: World) -> None:
    errors = {
        "HEBEI": SubscriberUnavailableError("away"),
        "SHANXI": SubscriberUnavailableError("refused", may_retry=False),
        "BEIJING": StoreUnavailableError("locked"),
    }

    def failing(error: Exception) -> Any:
        async def push(_: object, __: float) -> feed_service_pb2.PushResponse:
            raise error

        return type(world.link)(push, instead=push)

    told = await world.tell()
    publisher = world.publishing(**{name: failing(error) for name, error in errors.items()})
    with structlog.testing.capture_logs() as logs:
        await publisher.push_all(30)
    assert await world.applied() == told
    levels = {log["subscriber"]: log["log_level"] for log in logs if log["event"] == "feed not told"}
    assert levels == {"hebei": "warning", "shanxi": "error", "beijing": "warning"}
    assert await publisher.receipts(told) == {told[0]: {ORIGIN: NOW}}


# --- What is new only ---


async def acknowledgements(world: World) -> list[Any]:
    """All that is kept of what subscribers answered."""
    async with world.home.read() as connection:
        return [list(await connection.execute(select(table))) for table in (tables.cursors, tables.receipts)]


def hanging(world: World, pushed: list[float]) -> Any:
    """A subscriber that answers nothing for as long as one waits."""

    async def push(_: object, timeout_s: float) -> feed_service_pb2.PushResponse:
        pushed.append(timeout_s)
        raise SubscriberUnavailableError("no answer in time")

    return type(world.link)(push, instead=push)


async def test_who_has_everything_is_left_alone_where_only_news_are_told(world: World) -> None:
    await world.tell()
    await world.publisher.push_all(30, only_news=True)
    assert (await world.condition()).complete
    world.link.pushed.clear()
    world.clock.advance(hours=1)
    before = await acknowledgements(world)
    for publisher in (world.publisher, world.publishing()):  # another process, by what is kept
        await publisher.push_all(30, only_news=True)
    assert (world.link.pushed, await acknowledgements(world)) == ([], before)
    world.origin_clock.now = world.clock.now
    told = await world.tell()
    await world.publisher.push_all(30, only_news=True)
    assert [kinds(world, request) for request in world.link.pushed] == [["2", "head 2"]]
    assert (await world.applied())[1:] == told


async def test_who_has_everything_of_a_feed_without_entries_is_left_alone_too(world: World) -> None:
    await world.publisher.push_all(30, only_news=True)
    world.link.pushed.clear()
    await world.publisher.push_all(30, only_news=True)
    assert world.link.pushed == []


async def test_a_new_epoch_is_news(world: World) -> None:
    told = await world.tell()
    await world.publisher.push_all(30, only_news=True)
    world.link.pushed.clear()
    world.epoch = OTHER_EPOCH
    world.clock.advance(seconds=1)
    await world.publisher.push_all(30, only_news=True)
    assert [kinds(world, request) for request in world.link.pushed] == [[], ["reset 1", "1", "head 1"]]
    assert (await world.condition()).epoch == OTHER_EPOCH
    assert await world.applied() == told


async def test_who_failed_a_moment_ago_is_not_waited_for(world: World) -> None:
    """What happens: of two subscribers one hangs; somebody waits for news four times, and the background pushes once.

    What must result: the one that hangs is waited for once in ten seconds, whoever found out; the other one has everything.
    """
    waited: list[float] = []
    publisher = world.publishing(HEBEI=hanging(world, waited))
    told = []
    for advance, times in ((0, 1), (9, 1), (1, 2), (9.9, 2)):
        world.clock.advance(seconds=advance)
        world.origin_clock.advance(seconds=advance)
        told += await world.tell()
        await publisher.push_all(2, only_news=True)
        assert len(waited) == times
        assert await world.applied() == told
    with pytest.raises(SubscriberUnavailableError):
        await publisher.push(Province.HEBEI, 2)  # the background goes on
    world.clock.advance(seconds=5)
    await publisher.push_all(2, only_news=True)
    assert len(waited) == 3


async def test_who_answered_again_is_told_at_once(world: World) -> None:
    publisher = world.publisher
    world.link.instead = hanging(world, []).push
    await world.tell()
    await publisher.push_all(2, only_news=True)
    world.link.instead = None
    assert await publisher.push(ORIGIN, 30)
    told = await world.tell()
    await publisher.push_all(2, only_news=True)
    assert (await world.applied())[1:] == told


async def test_who_failed_is_told_in_the_background_nevertheless(world: World) -> None:
    told = await world.tell()
    world.link.instead = hanging(world, []).push
    await world.publisher.push_all(2)
    world.link.instead = None
    await world.publisher.push_all(30)
    assert await world.applied() == told


async def test_a_clock_that_is_set_back_keeps_nobody_from_being_told(world: World) -> None:
    told = await world.tell()
    world.link.instead = hanging(world, []).push
    await world.publisher.push_all(2, only_news=True)
    world.link.instead = None
    world.clock.advance(seconds=-30)
    await world.publisher.push_all(2, only_news=True)
    assert await world.applied() == told


async def test_a_store_that_is_away_is_logged_and_nobody_is_pushed_to(world: World, tmp_path: Any) -> None:
    async with open_database(f"sqlite:///{tmp_path / 'missing' / 'store.db'}") as away:
        with structlog.testing.capture_logs() as logs:
            await world.publishing(away).push_all(2, only_news=True)
    assert [(log["event"], log["log_level"]) for log in logs] == [("feed not told", "warning")]
    assert world.link.pushed == []


async def test_the_gateway_tells_only_news_where_somebody_waits(world: World) -> None:
    feed = AuthorisationFeed(
        world.publisher,
        database=world.home,
        queue=WorkQueue(world.home, owner="gateway", clock=world.clock, lease=timedelta(minutes=1)),
        subscribers=[ORIGIN],
        clock=world.clock,
    )
    told = await world.tell()
    await feed.push_all(30)
    pushed = len(world.link.pushed)
    await feed.push_all(30)
    assert (await world.applied(), len(world.link.pushed)) == (told, pushed)


# --- What is logged ---


async def test_the_log_tells_a_feed_that_begins_from_one_that_tells_again(world: World) -> None:
    with structlog.testing.capture_logs() as logs:
        await world.tell()
        await world.tell()
        world.epoch = OTHER_EPOCH
        await world.tell()
    told = [(log["event"], log["epoch"][0], log.get("told_again")) for log in logs]
    assert told == [("feed begins", "a", None), ("feed begins a new epoch", "b", 2)]


async def test_a_restored_home_says_how_much_it_tells_again(world: World) -> None:
    await world.hold(world.revocation())
    with structlog.testing.capture_logs() as logs:
        await world.publisher.push(ORIGIN, 30)
    assert [log["told_again"] for log in logs if log["event"] == "feed begins a new epoch"] == [1]


# --- Receipts ---


async def test_a_receipt_is_by_the_subscribers_clock_and_the_first_counts(world: World) -> None:
    first = await world.tell()
    world.origin_clock.advance(seconds=5)
    await world.publisher.push(ORIGIN, 30)
    second = await world.tell()
    world.origin_clock.advance(seconds=5)
    await world.publisher.push(ORIGIN, 30)
    world.origin_clock.advance(seconds=5)
    await world.publisher.push(ORIGIN, 30)
    third = await world.tell()
    world.epoch = OTHER_EPOCH
    world.clock.advance(minutes=1)
    world.origin_clock.advance(minutes=1)
    await world.publisher.push(ORIGIN, 30)
    received = await world.publisher.receipts([*first, *second, *third, b"?"])
    assert received == {
        first[0]: {ORIGIN: NOW + timedelta(seconds=5)},
        second[0]: {ORIGIN: NOW + timedelta(seconds=10)},
        third[0]: {ORIGIN: NOW + timedelta(seconds=75)},
        b"?": {},
    }
    assert all(before < after for before, after in pairwise(received[each][ORIGIN] for each in (*first, *second)))
