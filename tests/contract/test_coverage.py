"""Coverage statements: what they must say, whose they are, and what they decide about a fragment."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from contract.admission import AdmissionError, OpenedFragment, admit, open_answer, open_coverage
from contract.catalogue import PENALTY
from contract.outcome import Admitted, InadmissibleReason, VerifiedCoverage
from contract.payloads import FRAGMENT
from contract.province import Province
from huren.common.v1 import common_pb2
from huren.fragment.v1 import coverage_pb2, fragment_pb2
from tests.support.federation import ADAPTER, CATALOGUE, CLEAR, NOT_COVERED, NOW, PENALTY_CELL, Federation

BEIJING, TIANJIN = Province.BEIJING, Province.TIANJIN
FEDERATION = Federation()
QUESTION = FEDERATION.question(cells=[PENALTY_CELL])


def _opened(envelope: bytes) -> VerifiedCoverage:
    return open_coverage(envelope, province=BEIJING, catalogue=CATALOGUE, verifier=FEDERATION.verifier)


def _reason(envelope: bytes) -> InadmissibleReason:
    with pytest.raises(AdmissionError) as caught:
        _opened(envelope)
    return caught.value.reason


def _admitted(
    coverage: VerifiedCoverage, state: fragment_pb2.CellState.ValueType = fragment_pb2.CELL_STATE_CLEAR
) -> Admitted:
    """What becomes of a fragment that names the coverage."""
    fragment = FEDERATION.fragment(QUESTION, states={PENALTY_CELL: state})
    fragment.coverage_statement_id = coverage.statement.statement_id
    envelope = FEDERATION.signer(BEIJING, ADAPTER).sign(FRAGMENT, fragment).envelope
    opened = open_answer(envelope, question=QUESTION, verifier=FEDERATION.verifier)
    assert isinstance(opened, OpenedFragment)
    return admit(opened, catalogue=CATALOGUE, coverage=coverage, at=NOW)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(lambda c: c.cells.pop(), "WRONG_COVERAGE", id="an entry missing"),
        pytest.param(lambda c: c.cells.append(c.cells[0]), "WRONG_COVERAGE", id="an entry twice"),
        pytest.param(
            lambda c: setattr(c.cells[0].key, "domain", "nowhere"), "WRONG_COVERAGE", id="an entry of no domain"
        ),
        pytest.param(
            lambda c: c.cells.append(
                coverage_pb2.CellCoverage(
                    key=common_pb2.CellKey(domain="court_enforcement", kind=PENALTY), department=c.issuer
                )
            ),
            "WRONG_COVERAGE",
            id="an entry that does not apply",
        ),
        pytest.param(lambda c: setattr(c.catalogue, "version", "2026-01"), "WRONG_COVERAGE", id="another catalogue"),
        pytest.param(lambda c: setattr(c.cells[0], "complete_from", "2021-02-29"), "WRONG_COVERAGE", id="from no day"),
        pytest.param(
            lambda c: setattr(c.cells[0], "complete_from", ""), "PAYLOAD_MALFORMED", id="covered from nowhere"
        ),
        pytest.param(
            lambda c: setattr(c.cells[0], "covered", False), "PAYLOAD_MALFORMED", id="from a day, not covered"
        ),
        pytest.param(lambda c: setattr(c.cells[0].key, "kind", 3), "VALUE_UNKNOWN", id="unknown kind"),
        pytest.param(lambda c: c.header.must_understand.append("x"), "NOT_UNDERSTOOD", id="demands a feature"),
    ],
)
def test_a_coverage_statement_keeps_its_rules(change: Callable[[coverage_pb2.Coverage], object], reason: str) -> None:
    def changed(coverage: coverage_pb2.Coverage) -> None:
        change(coverage)

    assert _reason(FEDERATION.signed_coverage(BEIJING, changed).envelope) == reason


def test_a_coverage_statement_is_that_of_the_province() -> None:
    assert _reason(FEDERATION.signed_coverage(TIANJIN).envelope) == "WRONG_PROVINCE"
    assert _reason(FEDERATION.answer(QUESTION)) == "SIGNER_NOT_ENTITLED"
    assert _reason(b"") == "ENVELOPE_NOT_STRICT"


def test_a_fragment_is_not_held_against_another_provinces_coverage() -> None:
    with pytest.raises(AdmissionError) as caught:
        _admitted(FEDERATION.coverage(TIANJIN))

    assert caught.value.reason is InadmissibleReason.WRONG_COVERAGE


@pytest.mark.parametrize(
    ("complete_from", "state"),
    [
        pytest.param("2021-11-21", CLEAR, id="the day before"),
        pytest.param("2021-11-22", CLEAR, id="the first day"),
        pytest.param("2021-11-23", NOT_COVERED, id="the day after"),
    ],
)
def test_a_cell_is_covered_from_the_first_day_of_the_window_on(
    complete_from: str, state: fragment_pb2.CellState.ValueType
) -> None:
    def later(coverage: coverage_pb2.Coverage) -> None:
        coverage.cells[0].complete_from = complete_from

    coverage = _opened(FEDERATION.signed_coverage(BEIJING, later).envelope)

    assert _admitted(coverage, state).fragment.cells[0].state == state
    with pytest.raises(AdmissionError) as caught:
        _admitted(coverage, CLEAR if state == NOT_COVERED else NOT_COVERED)
    assert caught.value.reason is InadmissibleReason.COVERAGE_CONTRADICTED
