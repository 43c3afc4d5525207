"""The subscribing side: what is taken once, what stops it, what is refused, and what is parked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from contract import payloads
from contract.days import to_timestamp
from contract.errors import ErrorCode, HurenError
from contract.payloads import GRANT_REVOCATION, QUERY
from contract.province import Province
from huren.authorisation.v1 import authorisation_pb2
from huren.feed.v1 import feed_pb2
from huren.fragment.v1 import query_pb2
from runtime.feeds import (
    FEEDS,
    FeedHandler,
    FeedStatementRefusedError,
    FeedSubscription,
    SubscriberBehindError,
    SubscriberUnavailableError,
    tables,
)
from runtime.identity import MemberPeer
from signing import PrivateKey, Signer, TrustStore, Verifier, decode_envelope, statement_id
from tests.support.federation import ADAPTER, GATEWAY, NOW, accept_ed25519

World = Any
HOME, ORIGIN = Province.BEIJING, Province.TIANJIN
OTHER_EPOCH, THIRD_EPOCH = "b" * 32, "c" * 32


async def refused(world: World, *pushed: Any, code: ErrorCode = ErrorCode.STATEMENT_NOT_ACCEPTED, **how: Any) -> str:
    """The push is refused and changes nothing; gives the sentence."""
    before = await world.subscription.condition("authorisations", HOME), await world.applied()
    with pytest.raises(HurenError) as caught:
        await world.push(*pushed, **how)
    assert caught.value.code is code
    assert (await world.subscription.condition("authorisations", HOME), await world.applied()) == before
    return caught.value.message_en


# --- In order, once ---


async def test_a_subscriber_that_is_asked_says_that_it_never_heard_of_the_feed(world: World) -> None:
    response = await world.push()
    assert (response.epoch, response.number, response.at.ToDatetime()) == ("", 0, NOW.replace(tzinfo=None))
    assert await world.subscription.condition("authorisations", HOME) is None


async def test_entries_are_applied_in_order_at_the_instant_of_their_receipt(world: World) -> None:
    statements = [world.revocation() for _ in range(3)]
    await world.begun()
    world.origin_clock.advance(seconds=7)
    response = await world.push(*world.chain(*(each.envelope for each in statements)))
    assert (response.epoch, response.number) == (world.epoch, 3)
    assert response.at == to_timestamp(NOW + timedelta(seconds=7))
    assert await world.applied() == [each.statement_id for each in statements]


async def test_what_comes_twice_is_taken_once_and_answered_as_at_first(world: World) -> None:
    statement = world.revocation()
    begin, [entry] = world.reset(), world.chain(statement.envelope)
    first = await world.push(begin, entry)
    world.origin_clock.advance(seconds=7)
    assert await world.push(begin, entry) == first
    assert await world.push(entry, entry) == first
    assert await world.push() == first
    assert await world.applied() == [statement.statement_id]


async def test_two_pushes_at_once_are_taken_once(world: World) -> None:
    statements = [world.revocation() for _ in range(5)]
    entries = world.chain(*(each.envelope for each in statements))
    await world.begun()
    responses = await asyncio.gather(*(world.push(*entries) for _ in range(4)))
    assert {response.number for response in responses} == {5}
    assert await world.applied() == [each.statement_id for each in statements]


async def test_where_an_entry_is_missing_it_stops_and_says_where_it_is(world: World) -> None:
    entries = world.chain(*(world.revocation().envelope for _ in range(4)))
    await world.begun()
    response = await world.push(entries[0], entries[2], entries[3], entries[1])
    assert (response.number, len(await world.applied())) == (1, 1)
    assert (await world.push(*entries[1:])).number == 4


async def test_before_a_reset_nothing_is_taken(world: World) -> None:
    head = world.signed(feed_pb2.FeedHead())
    assert (await world.push(*world.chain(world.revocation().envelope))).epoch == ""
    assert (await world.push(head)).epoch == ""
    assert await world.applied() == []


async def test_an_entry_and_a_head_of_another_epoch_are_not_taken(world: World) -> None:
    await world.begun()
    for told in (
        feed_pb2.FeedEntry(number=1, epoch=OTHER_EPOCH, statement_envelope=world.revocation().envelope),
        feed_pb2.FeedHead(epoch=OTHER_EPOCH),
    ):
        response = await world.push(world.signed(told))
        assert (response.epoch, response.number) == (world.epoch, 0)
    assert not (await world.condition()).complete


async def test_what_was_taken_before_a_refused_envelope_is_answered(world: World) -> None:
    entries = world.chain(world.revocation().envelope, world.revocation().envelope)
    await world.begun()
    with structlog.testing.capture_logs() as logs:
        response = await world.push(entries[0], b"no envelope", entries[1])
    assert response.number == 1
    assert [log["log_level"] for log in logs if log["event"] == "feed taken in part"] == ["warning"]
    assert await refused(world, b"no envelope", entries[1], code=ErrorCode.ENVELOPE_UNREADABLE)


# --- Refused ---


@pytest.mark.parametrize("number", [1, 2])
async def test_another_entry_under_a_number_is_a_fork(world: World, number: int) -> None:
    entries = world.chain(world.revocation().envelope, world.revocation().envelope)
    await world.begun()
    await world.push(*entries)
    before = b"" if number == 1 else entries[0].statement_id
    [other] = world.chain(world.revocation().envelope, after=before, number=number)
    with structlog.testing.capture_logs() as logs:
        assert "contradicts the sequence" in await refused(world, other)
    assert [log["log_level"] for log in logs if log["event"] == "feed contradicts itself"] == ["error"]


async def test_an_entry_that_follows_another_one_is_a_fork(world: World) -> None:
    await world.begun()
    await world.push(*world.chain(world.revocation().envelope))
    [other] = world.chain(world.revocation().envelope, after=bytes(32), number=2)
    assert "contradicts the sequence" in await refused(world, other)


async def test_a_head_that_names_another_entry_is_a_fork(world: World) -> None:
    await world.begun()
    await world.push(*world.chain(world.revocation().envelope))
    head = world.signed(feed_pb2.FeedHead(number=1, entry_id=bytes(32)))
    assert "contradicts the sequence" in await refused(world, head)


def by_another_member(world: World) -> Any:
    return world.signed(feed_pb2.FeedHead(), MemberPeer(Province.HEBEI, GATEWAY))


def by_the_other_program(world: World) -> Any:
    return world.signed(feed_pb2.FeedHead(), MemberPeer(HOME, ADAPTER))


def of_another_feed(world: World) -> Any:
    return world.signed(feed_pb2.FeedHead(feed="changes"))


def of_no_epoch(world: World) -> Any:
    return world.signed(feed_pb2.FeedHead(epoch="E" * 32))


def altered(world: World) -> Any:
    envelope = bytearray(world.signed(feed_pb2.FeedHead()).envelope)
    envelope[-1] ^= 1
    return bytes(envelope)


def with_a_demand(world: World) -> Any:
    head = feed_pb2.FeedHead(header=world.federation.header(HOME, GATEWAY))
    head.header.must_understand.append("tomorrow")
    return world.signed(head)


def a_statement_by_itself(world: World) -> Any:
    return world.revocation()


def a_head_that_contradicts_itself(world: World) -> Any:
    return world.signed(feed_pb2.FeedHead(number=1))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(by_another_member, "signer is not the peer", id="another member's"),
        pytest.param(by_the_other_program, "signer is not the peer", id="another role's"),
        pytest.param(of_another_feed, "another feed", id="another feed's"),
        pytest.param(of_no_epoch, "epoch", id="no epoch"),
        pytest.param(altered, "does not verify", id="altered"),
        pytest.param(with_a_demand, "tomorrow", id="it demands what nobody knows"),
        pytest.param(a_statement_by_itself, "PAYLOAD_TYPE_UNEXPECTED", id="no statement of a feed"),
        pytest.param(a_head_that_contradicts_itself, "do not belong together", id="a number without an entry"),
    ],
)
async def test_what_is_refused_by_name(world: World, make: Callable[[World], Any], said: str) -> None:
    await world.begun()
    assert said in await refused(world, make(world))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(envelope=st.binary(min_size=1, max_size=300))
async def test_whatever_bytes_are_pushed_the_error_is_of_the_table(world: World, envelope: bytes) -> None:
    with pytest.raises(HurenError):
        await world.push(envelope)


@pytest.mark.parametrize(
    ("peer", "feed"),
    [
        pytest.param(MemberPeer(HOME, GATEWAY), "changes", id="a feed that is not taken"),
        pytest.param(MemberPeer(HOME, ADAPTER), "authorisations", id="a role that does not publish it"),
    ],
)
async def test_a_feed_that_is_not_taken_from_the_peer_is_refused_even_when_asked(
    world: World, peer: MemberPeer, feed: str
) -> None:
    assert "no such feed" in await refused(world, peer=peer, feed=feed)


async def test_what_is_from_the_future_is_refused_until_it_is_not(world: World) -> None:
    entry, later = world.chain(world.revocation().envelope, world.revocation().envelope)
    await world.begun()
    world.clock.advance(seconds=90)
    head = world.signed(feed_pb2.FeedHead())
    with pytest.raises(HurenError) as caught:
        await world.push(head)
    assert (caught.value.code, caught.value.retry_after) == (ErrorCode.STORE_UNAVAILABLE, timedelta(seconds=30))
    assert (await world.push(entry, head, later)).number == 1
    world.origin_clock.advance(seconds=30)
    assert (await world.push(head, later)).number == 2


# --- Statements that cannot be applied ---


def signed_by_another_home(world: World) -> bytes:
    return bytes(world.revocation(province=Province.HEBEI).envelope)


def not_of_this_feed(world: World) -> bytes:
    query = query_pb2.Query(header=world.federation.header(HOME, GATEWAY))
    return bytes(world.federation.signer(HOME, GATEWAY).sign(QUERY, query).envelope)


def broken_inside(world: World) -> bytes:
    revocation = authorisation_pb2.GrantRevocation(header=world.federation.header(HOME, GATEWAY))
    return bytes(world.federation.signer(HOME, GATEWAY).sign(GRANT_REVOCATION, revocation).envelope)


def no_envelope(_: World) -> bytes:
    return b"no envelope"


def forged(world: World) -> bytes:
    return bytes(world.revocation(0).envelope.replace(bytes(32), bytes([1] * 32)))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(signed_by_another_home, "a statement of the publisher expected", id="another home's"),
        pytest.param(not_of_this_feed, "PAYLOAD_TYPE_UNEXPECTED", id="of another type"),
        pytest.param(broken_inside, "grant_statement_id", id="broken inside"),
        pytest.param(no_envelope, "EnvelopeError", id="no envelope"),
        pytest.param(forged, "SIGNATURE_INVALID", id="forged"),
    ],
)
async def test_what_cannot_be_applied_is_parked_and_blocks_nothing(
    world: World, make: Callable[[World], bytes], reason: str
) -> None:
    good = world.revocation()
    entries = world.chain(make(world), good.envelope)
    await world.begun()
    with structlog.testing.capture_logs() as logs:
        response = await world.push(*entries)
    assert response.number == 2
    assert await world.applied() == [good.statement_id]
    assert [log["log_level"] for log in logs if log["event"] == "feed entry parked"] == ["error"]
    [row] = await parked(world)
    assert (row.number, row.envelope) == (1, entries[0].envelope)
    assert reason in row.reason
    assert (await world.condition()).parked == 1


async def parked(world: World) -> list[Any]:
    async with world.origin.read() as connection:
        return list(await connection.execute(select(tables.parked)))


async def test_what_the_handler_refuses_is_parked_and_what_it_wrote_is_undone(world: World) -> None:
    bad, good = world.revocation(), world.revocation()
    world.fail = lambda statement: (
        FeedStatementRefusedError("no such grant" + "!" * 600) if statement.statement_id == bad.statement_id else None
    )
    await world.begun()
    assert (await world.push(*world.chain(bad.envelope, good.envelope))).number == 2
    assert await world.applied() == [good.statement_id]
    [row] = await parked(world)
    assert row.reason.startswith("FeedStatementRefusedError: no such grant!")


async def test_a_statement_that_was_parked_is_tried_again_when_it_is_told_again(world: World) -> None:
    statement = world.revocation()
    world.fail = lambda _: FeedStatementRefusedError("not yet")
    await world.begun()
    await world.push(*world.chain(statement.envelope))
    assert (await world.condition()).parked == 1
    world.fail = lambda _: None
    world.epoch = OTHER_EPOCH
    await world.begun()
    await world.push(*world.chain(statement.envelope))
    assert await world.applied() == [statement.statement_id]
    assert (await world.condition()).parked == 0
    assert len(await parked(world)) == 1


async def test_a_fault_of_the_handler_leaves_everything_where_it_was(world: World) -> None:
    statement = world.revocation()
    entries = world.chain(statement.envelope)
    await world.begun()
    world.fail = lambda _: RuntimeError("a fault of ours")
    with pytest.raises(RuntimeError, match="a fault of ours"):
        await world.push(*entries)
    assert (await world.condition()).number == 0
    assert await world.applied() == []
    world.fail = lambda _: None
    assert (await world.push(*entries)).number == 1
    assert await world.applied() == [statement.statement_id]


# --- What this member cannot apply yet ---


def by_a_key_that_is_new(world: World, **_: Any) -> tuple[bytes, Callable[[], None]]:
    key = PrivateKey.from_seed(bytes([7] * 32))
    revocation = authorisation_pb2.GrantRevocation(grant_statement_id=bytes(32))
    signer = Signer(key, issuer=HOME, role=GATEWAY)
    revocation.header.CopyFrom(signer.new_header(NOW))

    def catch_up() -> None:
        known = next(entry for entry in world.federation.entries if (entry.member, entry.role) == (HOME, GATEWAY))
        added = replace(known, keyid=key.key_id, public_key=key.public_key)
        trust = TrustStore.from_entries(
            [*world.federation.entries, added], policy=accept_ed25519(NOW), published_at=NOW
        )
        world.federation.verifier = Verifier(trust)

    return signer.sign(GRANT_REVOCATION, revocation).envelope, catch_up


def with_a_feature_of_a_later_release(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> tuple[bytes, Callable[[], None]]:
    header = world.federation.header(HOME, GATEWAY)
    header.must_understand.append("tomorrow")
    revocation = authorisation_pb2.GrantRevocation(header=header, grant_statement_id=bytes(32))
    signed = world.federation.signer(HOME, GATEWAY).sign(GRANT_REVOCATION, revocation)
    return signed.envelope, lambda: monkeypatch.setattr(payloads, "UNDERSTOOD", frozenset({"tomorrow"}))


def that_the_handler_cannot_check(world: World, **_: Any) -> tuple[bytes, Callable[[], None]]:
    statement = world.revocation()
    world.fail = lambda told: (
        SubscriberBehindError("a newer catalogue") if told.statement_id == statement.statement_id else None
    )

    def catch_up() -> None:
        world.fail = lambda _: None

    return statement.envelope, catch_up


@pytest.mark.parametrize(
    "make", [by_a_key_that_is_new, with_a_feature_of_a_later_release, that_the_handler_cannot_check]
)
async def test_what_cannot_be_applied_yet_is_not_parked_and_is_taken_once_this_member_has_caught_up(
    world: World, monkeypatch: pytest.MonkeyPatch, make: Callable[..., tuple[bytes, Callable[[], None]]]
) -> None:
    """What happens: of three statements the second one needs what this member does not have; later it has it.

    What must result: the first is taken; the second is refused for the time being, again and again, and neither parked nor
    acknowledged; then all are taken, in order.
    """
    first, last = world.revocation(), world.revocation()
    envelope, catch_up = make(world, monkeypatch=monkeypatch)
    await world.tell(first)
    async with world.home.write() as connection:
        await world.publisher.append(connection, envelope, NOW)
    await world.tell(last)
    for _ in range(2):
        with (
            structlog.testing.capture_logs() as logs,
            pytest.raises(SubscriberUnavailableError, match="STORE_UNAVAILABLE"),
        ):
            await world.publisher.push(ORIGIN, 30)
        assert "feed waits: this member is behind" in [log["event"] for log in logs if log["log_level"] == "error"]
    entries = world.link.pushed[-1].envelopes
    with pytest.raises(HurenError) as caught:
        await world.push(*entries)
    assert (caught.value.code, caught.value.retry_after) == (ErrorCode.STORE_UNAVAILABLE, timedelta(minutes=1))
    condition = await world.condition()
    assert (condition.number, condition.parked, condition.complete) == (1, 0, False)
    second = statement_id_of_envelope(envelope)
    assert await world.publisher.receipts([second]) == {second: {}}

    catch_up()
    world.subscription = world.subscribing()
    assert await world.publisher.push(ORIGIN, 30)
    assert await world.applied() == [first.statement_id, second, last.statement_id]
    condition = await world.condition()
    assert (condition.number, condition.parked, condition.complete) == (3, 0, True)
    assert set((await world.publisher.receipts([second]))[second]) == {ORIGIN}


def statement_id_of_envelope(envelope: bytes) -> bytes:
    decoded = decode_envelope(envelope)
    return bytes(statement_id(decoded.payload_type, decoded.payload))


def test_a_handler_expects_payload_types_that_are_known(world: World) -> None:
    handler = FeedHandler(role=GATEWAY, payload_types=frozenset({"application/x"}), apply=nothing)
    with pytest.raises(ValueError, match="known payload types expected"):
        FeedSubscription(
            database=world.origin, verifier=world.federation.verifier, feeds={"changes": handler}, clock=world.clock
        )


async def nothing(*_: object) -> None:
    """Applies nothing."""


# --- Resets ---


async def test_a_reset_takes_nothing_back_and_nothing_is_applied_twice(world: World) -> None:
    old, new = world.revocation(), world.revocation()
    await world.begun()
    await world.push(*world.chain(old.envelope))
    world.epoch = OTHER_EPOCH
    response = await world.begun(snapshot_until=1)
    assert (response.epoch, response.number) == (OTHER_EPOCH, 0)
    assert await world.applied() == [old.statement_id]
    await world.push(*world.chain(old.envelope, new.envelope))
    assert await world.applied() == [old.statement_id, new.statement_id]


async def test_a_reset_to_the_epoch_in_which_it_is_changes_nothing(world: World) -> None:
    await world.begun()
    await world.push(*world.chain(world.revocation().envelope))
    assert (await world.begun(snapshot_until=99)).number == 1


async def test_a_reset_to_an_epoch_of_before_is_refused(world: World) -> None:
    first = world.epoch
    await world.begun()
    world.epoch = OTHER_EPOCH
    await world.begun()
    world.epoch = first
    assert "an epoch that has ended" in await refused(world, world.reset())


async def test_a_reset_that_was_overtaken_is_refused(world: World) -> None:
    overtaken = world.reset(epoch=THIRD_EPOCH)
    world.clock.advance(seconds=1)
    await world.begun()
    assert "older than what was received" in await refused(world, overtaken)


async def test_a_reset_older_than_an_entry_of_the_epoch_before_is_refused(world: World) -> None:
    await world.begun()
    overtaken = world.reset(epoch=THIRD_EPOCH)
    world.clock.advance(seconds=1)
    await world.push(*world.chain(world.revocation().envelope))
    assert "older than what was received" in await refused(world, overtaken)


# --- What is known of it ---


async def test_it_has_everything_when_the_snapshot_is_there_and_a_head_was_heard(world: World) -> None:
    entries = world.chain(world.revocation().envelope, world.revocation().envelope)
    head = world.signed(feed_pb2.FeedHead(number=2, entry_id=entries[1].statement_id))
    known = []
    for pushed in (world.reset(snapshot_until=2), entries[0], head, entries[1]):
        await world.push(pushed)
        condition = await world.condition()
        known.append((condition.number, condition.complete, condition.heard_at))
    assert known == [(0, False, None), (1, False, None), (1, False, NOW), (2, True, NOW)]


async def test_without_a_head_it_does_not_know_whether_it_has_everything(world: World) -> None:
    await world.push(world.reset(snapshot_until=1), *world.chain(world.revocation().envelope))
    assert not (await world.condition()).complete


async def test_it_is_as_recent_as_the_newest_head_says_and_never_more_recent(world: World) -> None:
    await world.begun()
    old = world.signed(feed_pb2.FeedHead())
    world.clock.advance(seconds=20)
    new = world.signed(feed_pb2.FeedHead())
    world.origin_clock.advance(seconds=10)
    for pushed in (new, old):  # its clock is ahead of ours, then one that was overtaken
        await world.push(pushed)
        assert (await world.condition()).heard_at == NOW + timedelta(seconds=10)
    world.origin_clock.advance(hours=1)
    await world.push(new)  # it comes again an hour later, and says nothing about that hour
    assert (await world.condition()).heard_at == NOW + timedelta(seconds=20)


async def test_a_head_with_more_entries_than_ever_can_be_is_borne(world: World) -> None:
    await world.begun(snapshot_until=2**64 - 1)
    response = await world.push(world.signed(feed_pb2.FeedHead(number=2**64 - 1, entry_id=bytes(32))))
    assert response.number == 0
    assert not (await world.condition()).complete


async def test_feeds_of_two_homes_do_not_touch(world: World) -> None:
    await world.begun()
    other = MemberPeer(Province.HEBEI, GATEWAY)
    assert (await world.push(peer=other)).epoch == ""
    assert (await world.push(world.signed(feed_pb2.FeedReset(epoch=world.epoch), other), peer=other)).number == 0
    assert await world.subscription.condition("authorisations", Province.SHANXI) is None


def test_the_tables_are_named_alike() -> None:
    assert all(table.name.startswith("feed_") for table in FEEDS.tables)
