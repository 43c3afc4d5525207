"""The specification of feeds says what the code does: its numbers, its rules and its worked example."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from contract.admission import CLOCK_TOLERANCE
from contract.payloads import FEED_ENTRY, FEED_HEAD, GRANT, GRANT_REVOCATION, GRANT_USE, check_constraints
from huren.authorisation.v1 import authorisation_pb2
from huren.feed.v1 import feed_pb2
from runtime.feeds import AUTHORISATIONS
from runtime.feeds.publisher import HEAD_EVERY, MAX_ENVELOPES, MAX_PUSH_BYTES
from signing import PrivateKey, SignedStatement, Signer

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "protocols" / "feeds.md").read_text("utf-8")
AT = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
EPOCH = "0123456789abcdef" * 2


def test_the_rules_are_those_that_the_messages_promise() -> None:
    rules = re.findall(r"^- \*\*FD-(\d+)\*\*", TEXT, re.MULTILINE)
    assert [int(number) for number in rules] == list(range(1, 13))
    assert "FD-1 to FD-12" in (ROOT / "protos" / "huren" / "feed" / "v1" / "feed.proto").read_text("utf-8")


def test_numbers_are_the_codes() -> None:
    assert f"at most {MAX_ENVELOPES} envelopes" in TEXT
    assert MAX_PUSH_BYTES == 1 << 20
    assert "at most 1 MiB" in TEXT
    assert f"{HEAD_EVERY.total_seconds():.0f} seconds old" in TEXT
    assert f"more than {CLOCK_TOLERANCE.total_seconds():.0f} seconds after" in TEXT


def test_the_feed_of_authorisations_is_named() -> None:
    [row] = [line for line in TEXT.splitlines() if line.startswith(f"| `{AUTHORISATIONS}` |")]
    for payload_type in (GRANT, GRANT_REVOCATION, GRANT_USE):
        assert payload_type.removeprefix("application/vnd.huren.").removesuffix("+protobuf") in row


def example() -> dict[str, bytes]:
    nonces = count(1)
    # RFC 8032, section 7.1, TEST 1
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    signer = Signer(PrivateKey.from_seed(seed), issuer=11, role=2, random=lambda size: bytes([next(nonces)]) * size)

    def revocation(at: datetime, grant: bytes) -> bytes:
        message = authorisation_pb2.GrantRevocation(header=signer.new_header(at), grant_statement_id=grant)
        return signer.sign(GRANT_REVOCATION, message).envelope

    def entry(at: datetime, number: int, previous: bytes, carried: bytes) -> SignedStatement:
        message = feed_pb2.FeedEntry(
            header=signer.new_header(at),
            feed=AUTHORISATIONS,
            epoch=EPOCH,
            number=number,
            previous_entry_id=previous,
            statement_envelope=carried,
        )
        check_constraints(message)
        return signer.sign(FEED_ENTRY, message)

    carried = revocation(AT, bytes(range(32)))
    first = entry(AT, 1, b"", carried)
    later = AT + timedelta(seconds=5)
    second = entry(later, 2, first.statement_id, revocation(later, bytes(range(32, 64))))
    head = feed_pb2.FeedHead(
        header=signer.new_header(later), feed=AUTHORISATIONS, epoch=EPOCH, number=2, entry_id=second.statement_id
    )
    return {
        "carried": carried,
        "entry-1": first.payload,
        "entry-1-id": first.statement_id,
        "head-2": signer.sign(FEED_HEAD, head).payload,
    }


@pytest.mark.parametrize(("name", "expected"), example().items())
def test_the_worked_example(name: str, expected: bytes) -> None:
    [written] = re.findall(rf"^```hex {name}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    assert bytes.fromhex(written) == expected
