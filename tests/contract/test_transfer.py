"""A transfer is one that both homes signed, about the same; whatever else comes in its place is refused by a name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import transfer
from contract.payloads import HOME_TRANSFER, TRANSFER_CONSENT
from contract.province import Province
from contract.registry import Move
from contract.transfer import TRANSFER_FAULTS, TransferError, TransferFault, check_transfer, open_transfer
from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from huren.home.v1 import transfer_pb2
from signing import decode_envelope, statement_id
from tests.support.federation import ADAPTER, GATEWAY, NOW, SUBJECT_CODE, Federation, uscc

BEIJING, TIANJIN, HEBEI, SHANXI = Province
FEDERATION = Federation()
VERIFIER = FEDERATION.verifier
DAY = date(2022, 3, 1)

Changes = Mapping[str, object]


def signed(payload_type: str, payload: Any, signer: Province, role: envelope_pb2.MemberRole.ValueType) -> bytes:
    return FEDERATION.signer(signer, role).sign(payload_type, payload).envelope


def transfer_by(signer: Province = TIANJIN, old_home: int = BEIJING, **changes: Any) -> bytes:
    fields: dict[str, Any] = {
        "header": FEDERATION.header(signer, GATEWAY),
        "uscc": SUBJECT_CODE,
        "from": old_home,
        "to": TIANJIN.wire,
        "registered_on": DAY.isoformat(),
    }
    return signed(HOME_TRANSFER, transfer_pb2.HomeTransfer(**(fields | changes)), signer, GATEWAY)


def consent_by(signer: Province = BEIJING, to_transfer: bytes | None = None, **changes: Any) -> bytes:
    decoded = decode_envelope(TRANSFER if to_transfer is None else to_transfer)
    fields: dict[str, Any] = {
        "header": FEDERATION.header(signer, GATEWAY),
        "transfer_statement_id": statement_id(decoded.payload_type, decoded.payload),
        "uscc": SUBJECT_CODE,
        "to": TIANJIN.wire,
    }
    return signed(TRANSFER_CONSENT, transfer_pb2.TransferConsent(**(fields | changes)), signer, GATEWAY)


TRANSFER = transfer_by()
CONSENT = consent_by()


def fault(transfer_envelope: bytes, consent_envelope: bytes) -> TransferFault | None:
    try:
        check_transfer(transfer_envelope, consent_envelope, VERIFIER)
    except TransferError as error:
        return error.fault
    return None


def test_what_both_homes_signed_is_a_transfer() -> None:
    checked = check_transfer(TRANSFER, CONSENT, VERIFIER)

    assert (checked.uscc, checked.transfer.envelope, checked.consent.envelope) == (SUBJECT_CODE, TRANSFER, CONSENT)
    assert checked.move == Move(old_home=BEIJING, new_home=TIANJIN, registered_on=DAY)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        pytest.param(b"", TransferFault.TRANSFER_NOT_ACCEPTED, id="nothing"),
        pytest.param(CONSENT, TransferFault.TRANSFER_NOT_ACCEPTED, id="the consent in its place"),
        pytest.param(transfer_by(uscc="91"), TransferFault.TRANSFER_MALFORMED, id="no code"),
        pytest.param(transfer_by(registered_on="1 March"), TransferFault.TRANSFER_MALFORMED, id="no day"),
        pytest.param(transfer_by(old_home=TIANJIN), TransferFault.TRANSFER_MALFORMED, id="it does not move"),
        pytest.param(transfer_by(old_home=0), TransferFault.TRANSFER_MALFORMED, id="from nowhere"),
        pytest.param(
            transfer_by(header=FEDERATION.signer(TIANJIN, GATEWAY).new_header(NOW, must_understand=["leap"])),
            TransferFault.TRANSFER_MALFORMED,
            id="demands something unknown",
        ),
        pytest.param(transfer_by(HEBEI), TransferFault.SIGNER_IS_NOT_NEW_HOME, id="signed by a third home"),
        pytest.param(transfer_by(BEIJING), TransferFault.SIGNER_IS_NOT_NEW_HOME, id="signed by the old home"),
        pytest.param(
            transfer_by(uscc=SUBJECT_CODE[:-1] + ("0" if SUBJECT_CODE[-1] != "0" else "1")),
            TransferFault.SUBJECT_NOT_ELIGIBLE,
            id="wrong check character",
        ),
        pytest.param(transfer_by(uscc=uscc(1, "11110105")), TransferFault.SUBJECT_NOT_ELIGIBLE, id="an authority"),
        pytest.param(transfer_by(registered_on="2022-02-30"), TransferFault.DAY_NOT_ACCEPTED, id="30 February"),
        pytest.param(transfer_by(registered_on="2026-11-23"), TransferFault.DAY_NOT_ACCEPTED, id="tomorrow"),
    ],
)
def test_a_transfer_that_breaks_a_rule_is_refused_by_its_name(made: bytes, expected: TransferFault) -> None:
    with pytest.raises(TransferError) as caught:
        open_transfer(made, VERIFIER)

    assert caught.value.fault is expected
    assert fault(made, CONSENT) is expected
    assert SUBJECT_CODE not in str(caught.value)


def late(seconds: float) -> envelope_pb2.StatementHeader:
    return FEDERATION.header(BEIJING, GATEWAY, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        pytest.param(b"", TransferFault.CONSENT_NOT_ACCEPTED, id="nothing"),
        pytest.param(TRANSFER, TransferFault.CONSENT_NOT_ACCEPTED, id="the transfer in its place"),
        pytest.param(consent_by(uscc="91"), TransferFault.CONSENT_MALFORMED, id="no code"),
        pytest.param(consent_by(TIANJIN), TransferFault.SIGNER_IS_NOT_OLD_HOME, id="signed by the new home itself"),
        pytest.param(consent_by(HEBEI), TransferFault.SIGNER_IS_NOT_OLD_HOME, id="signed by a third home"),
        pytest.param(consent_by(to_transfer=transfer_by()), TransferFault.WRONG_TRANSFER, id="to another transfer"),
        pytest.param(consent_by(uscc=uscc(2)), TransferFault.WRONG_SUBJECT, id="about another subject"),
        pytest.param(consent_by(to=SHANXI.wire), TransferFault.WRONG_NEW_HOME, id="to another home"),
        pytest.param(consent_by(header=late(-61)), TransferFault.CONSENT_BEFORE_TRANSFER, id="before the transfer"),
    ],
)
def test_a_consent_that_breaks_a_rule_is_refused_by_its_name(made: bytes, expected: TransferFault) -> None:
    assert fault(TRANSFER, made) is expected


@pytest.mark.parametrize("seconds", [-60, 0, 86_400 * 365])
def test_a_consent_may_be_as_much_earlier_as_clocks_differ_and_as_late_as_it_likes(seconds: float) -> None:
    assert fault(TRANSFER, consent_by(header=late(seconds))) is None


def test_an_adapter_can_sign_neither() -> None:
    def as_adapter(payload_type: str, envelope: bytes, member: Province) -> bytes:
        payload = decode_envelope(envelope).payload
        message: Any = {HOME_TRANSFER: transfer_pb2.HomeTransfer, TRANSFER_CONSENT: transfer_pb2.TransferConsent}
        made = message[payload_type].FromString(payload)
        made.header.CopyFrom(FEDERATION.header(member, ADAPTER))
        return signed(payload_type, made, member, ADAPTER)

    assert fault(as_adapter(HOME_TRANSFER, TRANSFER, TIANJIN), CONSENT) is TransferFault.TRANSFER_NOT_ACCEPTED
    assert fault(TRANSFER, as_adapter(TRANSFER_CONSENT, CONSENT, BEIJING)) is TransferFault.CONSENT_NOT_ACCEPTED


# --- Mutated pairs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [0x01, 0x80])
def test_no_pair_with_a_flipped_byte_is_a_transfer(mask: int) -> None:
    for position in range(len(TRANSFER)):
        changed = TRANSFER[:position] + bytes([TRANSFER[position] ^ mask]) + TRANSFER[position + 1 :]
        assert fault(changed, CONSENT) is not None
    for position in range(len(CONSENT)):
        changed = CONSENT[:position] + bytes([CONSENT[position] ^ mask]) + CONSENT[position + 1 :]
        assert fault(TRANSFER, changed) is not None


@given(first=st.binary(max_size=400), second=st.binary(max_size=400))
def test_no_bytes_are_a_transfer_and_none_raise_anything_else(first: bytes, second: bytes) -> None:
    assert fault(first, second) is TransferFault.TRANSFER_NOT_ACCEPTED
    assert fault(TRANSFER, second) is TransferFault.CONSENT_NOT_ACCEPTED


provinces = st.sampled_from(tuple(Province))
subjects = st.sampled_from([SUBJECT_CODE, uscc(2)])


@given(
    data=st.data(), old=provinces, new=provinces, consenting=provinces, named=provinces, whose=subjects, about=subjects
)
def test_a_pair_is_a_transfer_exactly_where_everything_in_it_fits(  # whatever may not fit
    data: st.DataObject,
    old: Province,
    new: Province,
    consenting: Province,
    named: Province,
    whose: str,
    about: str,
) -> None:
    signer = data.draw(provinces)
    made = transfer_by(signer, old, to=new.wire, uscc=whose)
    is_same = data.draw(st.booleans())
    consent = consent_by(consenting, made if is_same else TRANSFER, to=named.wire, uscc=about)

    fits = (signer, consenting, named, about) == (new, old, new, whose) and old is not new and is_same
    assert (fault(made, consent) is None) == fits


@given(at=st.integers(0, 400), length=st.integers(0, 12), other=st.binary(max_size=12), which=st.booleans())
def test_whatever_bytes_a_home_signs_are_judged_by_name(at: int, length: int, other: bytes, *, which: bool) -> None:
    """A payload that is signed in earnest, but altered, says what the original says, or is refused."""
    envelope, member = (TRANSFER, TIANJIN) if which else (CONSENT, BEIJING)
    decoded = decode_envelope(envelope)
    payload = decoded.payload[:at] + other + decoded.payload[at + length :]
    resigned = FEDERATION.sign_payload(decoded.payload_type, payload, province=member, role=GATEWAY)
    found = fault(resigned, CONSENT) if which else fault(TRANSFER, resigned)
    if which and payload != decoded.payload:
        assert found is not None
    if found is None and not which:
        consent = transfer_pb2.TransferConsent.FromString(payload)
        assert (consent.uscc, consent.to) == (SUBJECT_CODE, common_pb2.PROVINCE_TIANJIN)


# --- The document -----------------------------------------------------------------------------------------------------


def test_the_rules_are_those_of_the_document() -> None:
    document = (Path(__file__).parents[2] / "docs" / "protocols" / "homes.md").read_text("utf-8")
    written = re.findall(r"^- \*\*(X-\d+)\*\*", document, re.MULTILINE)
    coded = re.findall(r"^ (X-\d+) ", str(transfer.__doc__), re.MULTILINE)

    assert coded == written[: len(coded)]
    assert len(coded) == 11
    for prefix in ("H", "RG", "X"):
        numbers = re.findall(rf"^- \*\*{prefix}-(\d+)\*\*", document, re.MULTILINE)
        assert [int(number) for number in numbers] == list(range(1, len(numbers) + 1))
        assert numbers
    assert [name for name in TransferFault if f"`{name}`" not in document] == []


def test_every_fault_is_told_in_words() -> None:
    assert set(TRANSFER_FAULTS) == set(TransferFault)
