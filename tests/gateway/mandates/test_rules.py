"""The table of states, and pairing codes."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import ErrorCode, HurenError
from gateway.mandates.rules import (
    PAIRING_ALPHABET,
    TRANSITIONS,
    MandateAction,
    make_pairing_code,
    next_state,
    pairing_digest,
)
from gateway.store.mandates import MandateState

ALL = list(product(MandateState, MandateAction))


@pytest.mark.parametrize(("state", "action"), [step for step in ALL if step not in TRANSITIONS])
def test_what_is_not_in_the_table_is_refused(state: MandateState, action: MandateAction) -> None:
    with pytest.raises(HurenError) as refused:
        next_state(state, action)

    assert refused.value.code is ErrorCode.MANDATE_NOT_FOUND


def test_nothing_leads_out_of_the_end_and_only_a_confirmation_to_being_confirmed() -> None:
    assert not [state for state, _ in TRANSITIONS if state is MandateState.ENDED]
    assert [step for step, after in TRANSITIONS.items() if after is MandateState.CONFIRMED] == [
        (MandateState.ASKED, MandateAction.CONFIRM)
    ]


def test_no_character_of_a_code_is_taken_for_another() -> None:
    assert not set("ILOU01") & set(PAIRING_ALPHABET)
    assert len(set(PAIRING_ALPHABET)) == 30
    assert set(make_pairing_code()) <= {*PAIRING_ALPHABET, "-"}


@pytest.mark.parametrize("typed", ["ABCD-2345", "abcd2345", " AB CD-23 45 ", "ＡＢＣＤ－２３４５"])
def test_a_code_is_known_again_however_it_is_typed(typed: str) -> None:
    assert pairing_digest("m", typed) == pairing_digest("m", "ABCD-2345")


def test_a_digest_is_of_one_mandate() -> None:
    assert pairing_digest("m", "ABCD-2345") != pairing_digest("n", "ABCD-2345")


@settings(max_examples=25)
@given(st.text(max_size=12))
def test_a_text_without_the_form_of_a_code_is_no_code(text: str) -> None:
    has_form = sum(one not in "-－ 　" and not one.isspace() for one in text) == 8

    assert has_form or pairing_digest("m", text) == pairing_digest("m", "")
    assert pairing_digest("m", "ABCD-2345") != pairing_digest("m", "")
