"""docs/protocols/statements.md is right: its examples are what this code makes, and its names are all there are."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from huren.envelope.v1 import envelope_pb2
from signing import (
    EnvelopeFault,
    PrivateKey,
    Signer,
    SuitePolicy,
    SuiteRule,
    VerificationFailure,
    Verifier,
    decode_envelope,
    leaf_hash,
    pae,
)
from signing.trust_files import decode_key_entry, decode_policy

DOCUMENT = Path(__file__).parents[2] / "docs" / "protocols" / "statements.md"
PAYLOAD_TYPE = "application/vnd.huren.example.v1+protobuf"
AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
# RFC 8032 section 7.1, TEST 1.
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")


def _examples() -> dict[str, str]:
    nonces = iter(bytes(range(start, start + 16)) for start in range(0, 80, 16))
    key = PrivateKey.from_seed(SEED)
    signer = Signer(key, issuer=14, role=envelope_pb2.MEMBER_ROLE_ADAPTER, random=lambda _size: next(nonces))
    alone = signer.sign(PAYLOAD_TYPE, envelope_pb2.AnyPayload(header=signer.new_header(AT)))
    batch = [(PAYLOAD_TYPE, envelope_pb2.AnyPayload(header=signer.new_header(AT))) for _ in range(3)]
    second = signer.sign_batch(batch, AT + timedelta(seconds=1))[1]
    signature = decode_envelope(second.envelope).signatures[0]
    root = envelope_pb2.BatchRoot.FromString(signature.batch.root)
    values = {
        "public-key": key.public_key,
        "key-id": bytes.fromhex(key.key_id),
        "payload": alone.payload,
        "pae": pae(PAYLOAD_TYPE, alone.payload),
        "statement-id": alone.statement_id,
        "signature": decode_envelope(alone.envelope).signatures[0].sig,
        "envelope": alone.envelope,
        "batch-payload": second.payload,
        "batch-statement-id": second.statement_id,
        "batch-leaf": leaf_hash(pae(PAYLOAD_TYPE, second.payload)),
        "batch-path": b"".join(signature.batch.path),
        "batch-root-hash": root.root_hash,
        "batch-root": signature.batch.root,
        "batch-signature": signature.sig,
        "batch-envelope": second.envelope,
    }
    return {name: value.hex("\n", -32) for name, value in values.items()}


@pytest.fixture(scope="module")
def blocks() -> dict[tuple[str, str], str]:
    found = re.findall(
        r"^```(\w+) ([\w-]+)\n(.*?)\n```$", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    return {(kind, name): text for kind, name, text in found}


def test_the_examples_are_what_is_made(blocks: dict[tuple[str, str], str]) -> None:
    assert {name: text for (kind, name), text in blocks.items() if kind == "hex"} == _examples()


@pytest.mark.parametrize("name", ["envelope", "batch-envelope"])
def test_the_examples_verify_with_the_entry_and_policy_shown(build: Any, blocks: Any, name: str) -> None:
    entry = decode_key_entry(blocks["json", "entry"].encode())
    policy, _ = decode_policy(blocks["json", "policy"].encode())
    envelope = bytes.fromhex(blocks["hex", name])

    verified = Verifier(build.trust(entry, policy=policy)).verify(envelope, expect={PAYLOAD_TYPE})

    assert verified.signer.keyid == bytes.fromhex(blocks["hex", "key-id"]).hex()


def test_the_policy_shown_is_the_one_described(blocks: Any) -> None:
    policy, published_at = decode_policy(blocks["json", "policy"].encode())

    assert published_at == AT
    assert policy == SuitePolicy(
        (
            SuiteRule(
                role=envelope_pb2.MEMBER_ROLE_ADAPTER,
                suite=envelope_pb2.SUITE_ED25519,
                accepted_from=datetime(2025, 12, 31, 16, tzinfo=UTC),
            ),
        )
    )


def test_every_reason_for_refusal_is_specified() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")

    assert {reason for reason in (*EnvelopeFault, *VerificationFailure) if f"`{reason}`" not in text} == set()


def test_the_steps_are_as_many_as_in_the_code() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    section = text[text.index("## 6. Verification") : text.index("## 7. ")]

    numbers = re.compile(r"^\s*(\d+)\. ", re.MULTILINE)
    assert numbers.findall(section) == numbers.findall(Verifier.verify.__doc__ or "") == [str(n) for n in range(1, 11)]


def test_rules_are_numbered_without_gaps() -> None:
    numbers = re.findall(r"\*\*S-(\d+)\*\*", DOCUMENT.read_text(encoding="utf-8"))

    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
