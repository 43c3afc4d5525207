"""Whatever is changed on its way, or signed by a province in earnest, is judged by a name; nothing else leaves admission."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.admission import AdmissionError, OpenedFragment, admit, open_answer, open_coverage
from contract.payloads import COVERAGE, FRAGMENT
from contract.province import Province
from signing import decode_envelope
from tests.support.federation import CATALOGUE, CLEAR, FOUND, LIST_CELL, NOW, PENALTY_CELL, Federation, penalty

BEIJING = Province.BEIJING
FEDERATION = Federation()
QUESTION = FEDERATION.question(cells=[PENALTY_CELL, LIST_CELL])
ANSWER = FEDERATION.answer(QUESTION, {PENALTY_CELL: [penalty()]})
PAYLOAD = decode_envelope(ANSWER).payload


def test_the_small_answer_is_admitted() -> None:
    admitted = FEDERATION.admit(QUESTION, ANSWER)

    assert [one.state for one in admitted.fragment.cells] == [FOUND, CLEAR]


@pytest.mark.parametrize("mask", [0x01, 0x10, 0x80, 0xFF], ids=hex)
def test_no_answer_with_a_flipped_byte_is_admitted(mask: int) -> None:
    admitted = []
    for at in range(len(ANSWER)):
        changed = ANSWER[:at] + bytes([ANSWER[at] ^ mask]) + ANSWER[at + 1 :]
        try:
            open_answer(changed, question=QUESTION, verifier=FEDERATION.verifier)
        except AdmissionError:
            continue
        admitted.append(at)

    assert admitted == []


def test_no_truncated_answer_is_admitted() -> None:
    for length in range(len(ANSWER)):
        with pytest.raises(AdmissionError):
            open_answer(ANSWER[:length], question=QUESTION, verifier=FEDERATION.verifier)


@given(answer=st.binary())
def test_any_bytes_are_refused_by_name(answer: bytes) -> None:
    with pytest.raises(AdmissionError):
        open_answer(answer, question=QUESTION, verifier=FEDERATION.verifier)
    with pytest.raises(AdmissionError):
        open_coverage(answer, province=BEIJING, catalogue=CATALOGUE, verifier=FEDERATION.verifier)


def _admitted_or_refused_by_name(payload: bytes) -> None:
    envelope = FEDERATION.sign_payload(FRAGMENT, payload)
    try:
        opened = open_answer(envelope, question=QUESTION, verifier=FEDERATION.verifier)
        assert isinstance(opened, OpenedFragment)
        admit(opened, catalogue=CATALOGUE, coverage=FEDERATION.coverage(BEIJING), at=NOW)
    except AdmissionError:
        pass


def test_whatever_byte_a_province_signs_is_judged_by_name() -> None:
    # Signed in earnest, so that every rule behind the signature sees it.
    for at in range(len(PAYLOAD)):
        _admitted_or_refused_by_name(PAYLOAD[:at] + bytes([PAYLOAD[at] ^ 0x01]) + PAYLOAD[at + 1 :])


@given(at=st.integers(0, len(PAYLOAD)), length=st.integers(0, 12), other=st.binary(max_size=12))
def test_whatever_bytes_a_province_signs_are_judged_by_name(at: int, length: int, other: bytes) -> None:
    _admitted_or_refused_by_name(PAYLOAD[:at] + other + PAYLOAD[at + length :])


@given(edits=st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=4)), max_size=3))
def test_whatever_coverage_a_province_signs_is_judged_by_name(edits: Iterable[tuple[int, bytes]]) -> None:
    payload = FEDERATION.coverage(BEIJING).statement.payload
    for at, other in edits:
        payload = payload[:at] + other + payload[at + len(other) :]
    envelope = FEDERATION.sign_payload(COVERAGE, payload)
    with contextlib.suppress(AdmissionError):
        open_coverage(envelope, province=BEIJING, catalogue=CATALOGUE, verifier=FEDERATION.verifier)
