"""Verification: from envelope bytes to a payload that its issuer stands behind.

- `Verifier` alone makes a `VerifiedPayload`, and a payload is parsed as what it is only from one.
- The steps are a numbered list, the same in `Verifier.verify`, in its code, and in docs/protocols/statements.md, section 6.
- There is no switch that leaves a step out. No clock is read: a key is judged at the instant at which it signed.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import InitVar, dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Self, final

from huren.envelope.v1 import envelope_pb2
from signing.envelope import (
    BATCH_ROOT_PAYLOAD_TYPE,
    MAX_ENVELOPE_BYTES,
    PAE,
    StatementId,
    decode_batch_root,
    decode_envelope,
    pae,
    statement_id_of,
)
from signing.errors import EnvelopeError, VerificationError, VerificationFailure
from signing.header import read_header
from signing.instants import nanoseconds, timestamp_nanoseconds, to_datetime
from signing.key_entry import Active, Compromised, KeyEntry, Retired
from signing.merkle import leaf_hash, verify_inclusion
from signing.trust import TrustStore

TimeEvidenceCheck = Callable[[envelope_pb2.TimeEvidence, bytes], datetime | None]
"""Takes evidence and the bytes of the signature that it names; returns an instant at which it proves that the signature existed.

None: it proves none, or cannot be checked.
"""

# A batch root is verified once, not once per statement. An entry has about 500 bytes, and batches of a peer arrive close together.
_REMEMBERED_BATCH_ROOTS: Final = 1024

_MINT: Final = object()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedPayload:
    """A payload whose issuer is proven. Only `Verifier.verify` makes one.

    Raises:
        RuntimeError: Something else tries to, also by copying or unpickling.
    """

    minted_with: InitVar[object]
    envelope: bytes
    """The whole envelope as received."""
    payload: bytes
    """The exact bytes that were signed; never serialise the payload again."""
    payload_type: str
    statement_id: StatementId
    header: envelope_pb2.StatementHeader
    signer: KeyEntry
    """The key of the first signature whose suite the policy accepts."""

    def __new__(cls, **fields: Any) -> Self:
        """Refuses everyone but `Verifier.verify`."""
        if fields.get("minted_with") is not _MINT:
            raise RuntimeError("a VerifiedPayload is made by Verifier.verify and by nothing else")
        return object.__new__(cls)

    def __post_init__(self, minted_with: object) -> None:
        # Whether it may be made is settled in __new__, before there is anything to hand out.
        del minted_with

    @property
    def issued_at(self) -> datetime:
        """When it was signed, by the issuer's clock, cut to the microsecond."""
        return to_datetime(self.header.issued_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class _BatchRoot:
    """What step (5) needs of a batch root whose signature verifies."""

    issuer: int
    role: int
    issued_at_ns: int
    tree_size: int
    root_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statement:
    """The parts of an envelope that the steps look at again and again."""

    encoded: PAE
    statement_id: StatementId
    header: envelope_pb2.StatementHeader
    issued_at_ns: int
    time_evidence: Sequence[envelope_pb2.TimeEvidence]


@dataclass(frozen=True, slots=True, kw_only=True)
class _CheckedSignature:
    """A signature that verifies, and the instants at which its key is judged."""

    key: KeyEntry
    sig: bytes
    instants_ns: tuple[int, ...]


class Verifier:
    """Verifies envelopes against one trust store. A changed store needs a new verifier. Safe to use from several threads.

    Args:
        trust: Keys and suite policy.
        time_evidence: Checks one piece of time evidence. None: all time evidence counts as absent.
        max_envelope_bytes: Longer envelopes are refused unread.
    """

    def __init__(
        self,
        trust: TrustStore,
        time_evidence: TimeEvidenceCheck | None = None,
        *,
        max_envelope_bytes: int = MAX_ENVELOPE_BYTES,
    ) -> None:
        self._trust = trust
        self._time_evidence = time_evidence
        self._max_envelope_bytes = max_envelope_bytes
        # Keyed by all that the outcome depends on besides the immutable trust store; failures raise and are not remembered.
        self._open_batch_root = lru_cache(_REMEMBERED_BATCH_ROOTS)(_batch_root_opener(trust))

    def verify(self, envelope: bytes, *, expect: Collection[str]) -> VerifiedPayload:
        """Verifies an envelope.

        1. The bytes are an envelope in its one accepted encoding.
        2. The payload type is one that the caller expects.
        3. The payload has a header that satisfies its constraints.
        4. The trust store knows the key of every signature, by its id; the id is the digest of the very key that verifies.
        5. Every signature verifies: over the PAE of the statement, or over the PAE of a batch root that is encoded strictly, names
           the issuer and role of the header, was not issued before the statement, and has the statement as the leaf that the path
           proves.
        6. All keys are of one member and one role, and none signs twice.
        7. The issuer and role of the header are the member and role of the keys.
        8. Every key is judged at the instants at which it is said to have signed, `issued_at` of the header and of the batch root:
           within its validity; if RETIRED, not after that; if COMPROMISED, only where time evidence proves the signature older.
        9. Every key is entitled to the payload type.
        10. At least one signature is of a suite that the policy accepts from that role at those instants.

        What the caller MUST still do, since it needs more than the envelope:

        - refuse a `must_understand` name it does not know;
        - compare `issued_at` with its clock, and the nonce with those it has seen, wherever a replay would do harm;
        - compare the signer with whom it expected: the peer of the connection, the subject's home, the province that was asked;
        - decide whether `TrustStore.published_at` is recent enough;
        - parse the payload, check the constraints of its type, and all that its type demands.

        Raises:
            EnvelopeError: Step 1.
            VerificationError: Any other step; `failure` says which.
        """
        if isinstance(expect, str):
            raise TypeError("a collection of payload types expected, got one text")
        # (1) The bytes.
        decoded = decode_envelope(envelope, max_bytes=self._max_envelope_bytes)
        payload, payload_type = decoded.payload, decoded.payload_type
        # (2) The payload type.
        if payload_type not in expect:
            raise VerificationError(
                VerificationFailure.PAYLOAD_TYPE_UNEXPECTED, f"one of {sorted(expect)} expected, got {payload_type}"
            )
        # (3) The header.
        header = read_header(payload)
        encoded = pae(payload_type, payload)
        statement = _Statement(
            encoded=encoded,
            statement_id=statement_id_of(encoded),
            header=header,
            issued_at_ns=timestamp_nanoseconds(header.issued_at),
            time_evidence=decoded.time_evidence,
        )
        # (4) The keys, and (5) the signatures.
        checked = [self._check_signature(statement, signature) for signature in decoded.signatures]
        # (6) The keys together.
        _require_one_signer([signature.key for signature in checked])
        # (7) The issuer.
        _require_issuer_is_signer(header, checked[0].key)
        for signature in checked:
            # (8) The key in its time.
            self._judge_key(statement, signature)
            # (9) The key and the payload type.
            if payload_type not in signature.key.payload_types:
                raise VerificationError(
                    VerificationFailure.PAYLOAD_TYPE_NOT_ENTITLED,
                    f"key {signature.key.keyid} may not sign {payload_type}",
                )
        # (10) The suites.
        signer = self._first_accepted(checked)
        return VerifiedPayload(
            minted_with=_MINT,
            envelope=envelope,
            payload=payload,
            payload_type=payload_type,
            statement_id=statement.statement_id,
            header=header,
            signer=signer,
        )

    def _check_signature(self, statement: _Statement, signature: envelope_pb2.Signature) -> _CheckedSignature:
        # (4) From our own store, where an entry's id is the digest of its key (KeyEntry): the key that verifies is the one named.
        key = _known_key(self._trust, signature.keyid)
        # (5) By itself, or as a leaf of a batch.
        if not signature.HasField("batch"):
            _require_signature(key, signature.sig, statement.encoded)
            return _CheckedSignature(key=key, sig=signature.sig, instants_ns=(statement.issued_at_ns,))
        batch = signature.batch
        root = self._open_batch_root(signature.keyid, signature.sig, batch.root)
        _require_leaf(statement, root, batch)
        return _CheckedSignature(key=key, sig=signature.sig, instants_ns=(statement.issued_at_ns, root.issued_at_ns))

    def _judge_key(self, statement: _Statement, signature: _CheckedSignature) -> None:
        key = signature.key
        if min(signature.instants_ns) < key.not_before_ns:
            raise _key_refused(VerificationFailure.KEY_NOT_YET_VALID, key, "signed before its validity")
        if max(signature.instants_ns) > key.not_after_ns:
            raise _key_refused(VerificationFailure.KEY_EXPIRED, key, "signed after its validity")
        match key.state:
            case Active():
                return
            case Retired(at=at):
                if max(signature.instants_ns) > nanoseconds(at):
                    raise _key_refused(VerificationFailure.KEY_RETIRED, key, "signed after it was retired")
            case Compromised(since=since):
                # Whoever holds the key writes any issued_at: the issuer's clock proves nothing here.
                if not self._is_proven_older(statement, signature, since):
                    raise _key_refused(VerificationFailure.KEY_COMPROMISED, key, "no time evidence from before that")

    def _is_proven_older(self, statement: _Statement, signature: _CheckedSignature, instant: datetime) -> bool:
        if self._time_evidence is None:
            return False
        proven = (
            self._time_evidence(evidence, signature.sig)
            for evidence in statement.time_evidence
            if evidence.keyid == signature.key.keyid
        )
        return any(existed_at is not None and existed_at < instant for existed_at in proven)

    def _first_accepted(self, checked: Sequence[_CheckedSignature]) -> KeyEntry:
        policy = self._trust.policy
        for signature in checked:
            key = signature.key
            if all(policy.accepts(role=key.role, suite=key.suite, instant_ns=at) for at in signature.instants_ns):
                return key
        raise VerificationError(
            VerificationFailure.SUITE_NOT_ACCEPTED,
            "a signature of a suite that the policy accepts from this role at that time expected, got none",
        )


def _batch_root_opener(trust: TrustStore) -> Callable[[str, bytes, bytes], _BatchRoot]:
    def open_batch_root(keyid: str, sig: bytes, root: bytes) -> _BatchRoot:
        _require_signature(_known_key(trust, keyid), sig, pae(BATCH_ROOT_PAYLOAD_TYPE, root))
        try:
            parsed = decode_batch_root(root)
            issued_at_ns = timestamp_nanoseconds(parsed.header.issued_at)
        except (EnvelopeError, ValueError) as error:
            raise _proof_invalid(f"the batch root is malformed: {error}") from error
        return _BatchRoot(
            issuer=parsed.header.issuer,
            role=parsed.header.role,
            issued_at_ns=issued_at_ns,
            tree_size=parsed.tree_size,
            root_hash=parsed.root_hash,
        )

    return open_batch_root


def _known_key(trust: TrustStore, keyid: str) -> KeyEntry:
    key = trust.find(keyid)
    if key is None:
        raise VerificationError(VerificationFailure.KEY_UNKNOWN, f"a key of the trust store expected, got {keyid}")
    return key


def _require_signature(key: KeyEntry, sig: bytes, message: bytes) -> None:
    if not key.loaded_key.verify(sig, message):
        raise _key_refused(VerificationFailure.SIGNATURE_INVALID, key, "the signature does not verify")


def _require_leaf(statement: _Statement, root: _BatchRoot, batch: envelope_pb2.BatchInclusion) -> None:
    header = statement.header
    if (root.issuer, root.role) != (header.issuer, header.role):
        raise _proof_invalid(
            f"a batch of member {header.issuer} in role {header.role} expected, got member {root.issuer} in role {root.role}"
        )
    if root.issued_at_ns < statement.issued_at_ns:
        raise _proof_invalid("a batch issued no earlier than the statement expected, got an earlier one")
    leaf = leaf_hash(statement.encoded)
    if not verify_inclusion(leaf, batch.leaf_index, root.tree_size, batch.path, root.root_hash):
        raise _proof_invalid(f"the statement is not leaf {batch.leaf_index} of the {root.tree_size} under this root")


def _require_one_signer(keys: Sequence[KeyEntry]) -> None:
    if len({key.keyid for key in keys}) != len(keys):
        raise VerificationError(VerificationFailure.KEY_REPEATED, "one signature per key expected, got two of one key")
    if len({(key.member, key.role) for key in keys}) != 1:
        raise VerificationError(
            VerificationFailure.SIGNERS_DIFFER, "keys of one member and role expected, got keys of several"
        )


def _require_issuer_is_signer(header: envelope_pb2.StatementHeader, key: KeyEntry) -> None:
    if (header.issuer, header.role) != (key.member, key.role):
        raise VerificationError(
            VerificationFailure.ISSUER_IS_NOT_SIGNER,
            f"issuer {key.member} in role {key.role}, as of the key, expected, got {header.issuer} in role {header.role}",
        )


def _key_refused(failure: VerificationFailure, key: KeyEntry, detail: str) -> VerificationError:
    return VerificationError(failure, f"key {key.keyid}: {detail}")


def _proof_invalid(detail: str) -> VerificationError:
    return VerificationError(VerificationFailure.BATCH_PROOF_INVALID, detail)
