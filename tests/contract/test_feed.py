"""The chain rules of feeds: what comes next, what is known, what contradicts what was received."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from contract.feed import (
    CHAIN_FAULTS,
    ChainError,
    ChainFault,
    Place,
    Step,
    step_of_entry,
    step_of_head,
    step_of_reset,
)
from huren.feed.v1 import feed_pb2

NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
HERE, THERE, BEFORE = "a" * 32, "b" * 32, "c" * 32


def named(number: int, of: str = "") -> bytes:
    """Statement id of an entry of the tests; empty of none."""
    return f"entry {of}{number}".encode().ljust(32, b".") if number else b""


def at(number: int, **changes: int | None) -> Place:
    return Place(epoch=HERE, number=number, entry_id=named(number), **changes)  # type: ignore[arg-type]


def entry(number: int, epoch: str = HERE, previous: bytes | None = None) -> feed_pb2.FeedEntry:
    before = named(number - 1) if previous is None else previous
    return feed_pb2.FeedEntry(epoch=epoch, number=number, previous_entry_id=before)


@pytest.mark.parametrize(
    ("place", "told", "step"),
    [
        pytest.param(at(0), entry(1), Step.TAKE, id="the first"),
        pytest.param(at(2), entry(3), Step.TAKE, id="the next"),
        pytest.param(at(2), entry(2), Step.PASS, id="the last again"),
        pytest.param(at(2), entry(1), Step.PASS, id="an earlier one again"),
        pytest.param(at(2), entry(4), Step.STOP, id="one is missing"),
        pytest.param(at(0), entry(2**64 - 1), Step.STOP, id="very many are missing"),
        pytest.param(at(2), entry(3, THERE), Step.STOP, id="another epoch"),
        pytest.param(None, entry(1), Step.STOP, id="a feed never heard of"),
    ],
)
def test_what_follows_from_an_entry(place: Place | None, told: feed_pb2.FeedEntry, step: Step) -> None:
    had = named(told.number) if place and told.number <= place.number else None
    assert step_of_entry(place, told, named(told.number), had=had) is step


@pytest.mark.parametrize(
    ("place", "told", "had"),
    [
        pytest.param(at(2), entry(3, previous=named(2, "other")), None, id="it follows another one"),
        pytest.param(at(2), entry(2), named(2, "other"), id="another has its number"),
        pytest.param(at(2), entry(1), named(1, "other"), id="another had its number"),
        pytest.param(at(2), entry(1), None, id="what had its number is not known"),
    ],
)
def test_an_entry_that_contradicts_the_chain_is_a_fork(
    place: Place, told: feed_pb2.FeedEntry, had: bytes | None
) -> None:
    with pytest.raises(ChainError) as caught:
        step_of_entry(place, told, named(told.number), had=had)
    assert caught.value.fault is ChainFault.FORKED


def head(number: int, epoch: str = HERE, entry_id: bytes | None = None) -> feed_pb2.FeedHead:
    return feed_pb2.FeedHead(epoch=epoch, number=number, entry_id=named(number) if entry_id is None else entry_id)


@pytest.mark.parametrize(
    ("place", "told", "step"),
    [
        pytest.param(at(2), head(2), Step.TAKE, id="it has all"),
        pytest.param(at(2), head(5), Step.TAKE, id="it has not"),
        pytest.param(at(2), head(1), Step.TAKE, id="one of before"),
        pytest.param(at(0), head(0), Step.TAKE, id="nothing was told"),
        pytest.param(at(2), head(0), Step.TAKE, id="one of before anything was told"),
        pytest.param(at(2), head(2, THERE), Step.STOP, id="another epoch"),
        pytest.param(None, head(2), Step.STOP, id="a feed never heard of"),
    ],
)
def test_what_follows_from_a_head(place: Place | None, told: feed_pb2.FeedHead, step: Step) -> None:
    had = named(told.number) if place and 0 < told.number <= place.number else None
    assert step_of_head(place, told, had=had) is step


@pytest.mark.parametrize(
    ("told", "fault"),
    [
        pytest.param(head(2, entry_id=named(2, "other")), ChainFault.FORKED, id="another is the last"),
        pytest.param(head(1, entry_id=named(1, "other")), ChainFault.FORKED, id="another was the last"),
        pytest.param(head(2, entry_id=b""), ChainFault.HEAD_CONTRADICTS_ITSELF, id="a number without an entry"),
        pytest.param(head(0, entry_id=named(1)), ChainFault.HEAD_CONTRADICTS_ITSELF, id="an entry without a number"),
    ],
)
def test_a_head_that_contradicts(told: feed_pb2.FeedHead, fault: ChainFault) -> None:
    with pytest.raises(ChainError) as caught:
        step_of_head(at(2), told, had=named(told.number))
    assert caught.value.fault is fault


@pytest.mark.parametrize(
    ("place", "epoch", "newest", "step"),
    [
        pytest.param(None, HERE, None, Step.TAKE, id="a feed never heard of"),
        pytest.param(at(2), THERE, NOW - timedelta(days=1), Step.TAKE, id="a new epoch"),
        pytest.param(at(2), THERE, NOW, Step.TAKE, id="signed at the instant of the newest"),
        pytest.param(at(2), HERE, NOW + timedelta(days=1), Step.PASS, id="the epoch in which it is"),
    ],
)
def test_what_follows_from_a_reset(place: Place | None, epoch: str, newest: datetime | None, step: Step) -> None:
    reset = feed_pb2.FeedReset(epoch=epoch)
    assert step_of_reset(place, reset, left={BEFORE}, issued_at=NOW, newest=newest) is step


@pytest.mark.parametrize(
    ("epoch", "newest", "fault"),
    [
        pytest.param(BEFORE, NOW - timedelta(days=1), ChainFault.EPOCH_ENDED, id="an epoch of before"),
        pytest.param(THERE, NOW + timedelta(microseconds=1), ChainFault.RESET_OUTDATED, id="older than the newest"),
    ],
)
def test_a_reset_that_leads_back(epoch: str, newest: datetime, fault: ChainFault) -> None:
    with pytest.raises(ChainError) as caught:
        step_of_reset(at(2), feed_pb2.FeedReset(epoch=epoch), left={BEFORE}, issued_at=NOW, newest=newest)
    assert caught.value.fault is fault


@pytest.mark.parametrize(
    ("place", "complete"),
    [
        pytest.param(at(2, snapshot_until=2, head_number=2), True, id="all of it"),
        pytest.param(at(2, snapshot_until=0, head_number=0), True, id="more than the head"),
        pytest.param(at(2, snapshot_until=2), False, id="no head came"),
        pytest.param(at(2, snapshot_until=3, head_number=2), False, id="within the snapshot"),
        pytest.param(at(2, snapshot_until=2, head_number=3), False, id="before the head"),
    ],
)
def test_whether_everything_is_there(place: Place, *, complete: bool) -> None:
    assert place.complete is complete


def test_every_fault_has_words() -> None:
    assert set(CHAIN_FAULTS) == set(ChainFault)
