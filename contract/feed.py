"""What comes next in a feed: the chain rules of a subscriber. Pure; signatures and storage are somebody else's.

A subscriber has one `Place` for each feed of each publisher. What is pushed is compared with it, and one of three things follows:
it is taken, it changes nothing, or the subscriber stops there and answers its place. What contradicts the place is a `ChainError`.

Source: docs/protocols/feeds.md, FD-9, FD-11 and FD-12.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum, auto
from typing import Final

from contract.reasons import Words
from huren.feed.v1 import feed_pb2


class ChainFault(StrEnum):
    """How something contradicts the place. Stable codes."""

    FORKED = "FORKED"
    HEAD_CONTRADICTS_ITSELF = "HEAD_CONTRADICTS_ITSELF"
    EPOCH_ENDED = "EPOCH_ENDED"
    RESET_OUTDATED = "RESET_OUTDATED"


CHAIN_FAULTS: Final[dict[ChainFault, Words]] = {
    ChainFault.FORKED: Words("与此前收到的序列不一致", "it contradicts the sequence that was received before"),
    ChainFault.HEAD_CONTRADICTS_ITSELF: Words(
        "序号与末条标识不符", "its number and its last entry do not belong together"
    ),
    ChainFault.EPOCH_ENDED: Words("所列序列此前已经结束", "it goes back to an epoch that has ended"),
    ChainFault.RESET_OUTDATED: Words("早于此前收到的声明", "it is older than what was received before"),
}
"""The faults in words for people."""


class ChainError(ValueError):
    """A statement of a feed contradicts what was received before.

    Attributes:
        fault: How.
        detail: For the operator.
    """

    def __init__(self, fault: ChainFault, detail: str) -> None:
        self.fault = fault
        self.detail = detail
        super().__init__(f"{fault}: {detail}")


class Step(Enum):
    """What a subscriber does with a statement of a feed."""

    TAKE = auto()
    """It comes next."""
    PASS = auto()
    """It is known, or older than what is known: nothing changes."""
    STOP = auto()
    """Something before it is missing: nothing after it can be taken either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How far a subscriber is.

    Attributes:
        epoch: The epoch that it is in.
        number: The last entry that it has. 0: none.
        entry_id: That entry's statement id. Empty: none.
        snapshot_until: The entry with which it has all that was told before this epoch.
        head_number: The greatest number that a head named. None: no head came in this epoch.
    """

    epoch: str
    number: int = 0
    entry_id: bytes = b""
    snapshot_until: int = 0
    head_number: int | None = None

    @property
    def complete(self) -> bool:
        """Whether it has everything that the publisher is known to have told (FD-11).

        >>> Place(epoch="e", number=2, snapshot_until=2, head_number=2).complete
        True
        >>> Place(epoch="e", number=2, snapshot_until=2).complete
        False
        """
        return self.head_number is not None and self.number >= max(self.snapshot_until, self.head_number)


def step_of_entry(place: Place | None, entry: feed_pb2.FeedEntry, entry_id: bytes, *, had: bytes | None) -> Step:
    """Says what to do with an entry (FD-9).

    Args:
        place: How far the subscriber is. None: it never heard of the feed.
        entry: The entry.
        entry_id: Its statement id.
        had: Statement id of the entry that the subscriber has under this number in its epoch. None: it has none.

    Raises:
        ChainError: FORKED.
    """
    if place is None or entry.epoch != place.epoch or entry.number > place.number + 1:
        return Step.STOP
    if entry.number <= place.number:
        _require_same(had, entry_id, entry.number)
        return Step.PASS
    if entry.previous_entry_id != place.entry_id:
        raise ChainError(ChainFault.FORKED, f"entry {entry.number} follows another entry {place.number}")
    return Step.TAKE


def step_of_head(place: Place | None, head: feed_pb2.FeedHead, *, had: bytes | None) -> Step:
    """Says what to do with a head (FD-11).

    Args:
        place: As in `step_of_entry`.
        head: The head.
        had: As in `step_of_entry`, for the head's number.

    Raises:
        ChainError: FORKED or HEAD_CONTRADICTS_ITSELF.
    """
    if (head.number == 0) != (head.entry_id == b""):
        raise ChainError(ChainFault.HEAD_CONTRADICTS_ITSELF, f"number {head.number}, {len(head.entry_id)} bytes of id")
    if place is None or head.epoch != place.epoch:
        return Step.STOP
    if 0 < head.number <= place.number:
        _require_same(had, head.entry_id, head.number)
    return Step.TAKE


def step_of_reset(
    place: Place | None,
    reset: feed_pb2.FeedReset,
    *,
    left: Collection[str],
    issued_at: datetime,
    newest: datetime | None,
) -> Step:
    """Says what to do with a reset (FD-12).

    Args:
        place: As in `step_of_entry`.
        reset: The reset.
        left: Epochs in which the subscriber was before.
        issued_at: When the reset was signed.
        newest: When the newest statement of the feed that was received was signed. None: none was.

    Raises:
        ChainError: EPOCH_ENDED or RESET_OUTDATED.
    """
    if place is not None and reset.epoch == place.epoch:
        return Step.PASS
    if reset.epoch in left:
        raise ChainError(ChainFault.EPOCH_ENDED, f"epoch {reset.epoch}")
    if newest is not None and issued_at < newest:
        raise ChainError(
            ChainFault.RESET_OUTDATED, f"expected {newest.isoformat()} or later, got {issued_at.isoformat()}"
        )
    return Step.TAKE


def _require_same(had: bytes | None, entry_id: bytes, number: int) -> None:
    if had != entry_id:
        raise ChainError(ChainFault.FORKED, f"another entry {number} is there already")
