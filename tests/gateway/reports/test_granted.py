"""What of a request lies within a grant: never more than granted, and nothing chosen is left out in silence."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.admission import cell_key
from contract.catalogue import published_catalogues, wire_key
from contract.errors import ErrorCode, HurenError
from gateway.reports.granted import granted_cells, granted_purpose, granted_window
from huren.authorisation.v1 import authorisation_pb2
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_service_pb2 as wire

TODAY = date(2026, 11, 22)
CATALOGUE = published_catalogues().in_force(TODAY)
DOMAINS = tuple(CATALOGUE.domain_by_id)
THREE = DOMAINS[:3]
KINDS = (common_pb2.RECORD_KIND_PENALTY, common_pb2.RECORD_KIND_SERIOUS_LIST)


def terms(
    domains: tuple[str, ...] = THREE, first: str = "2023-01-01", last: str = "2027-06-30"
) -> authorisation_pb2.GrantTerms:
    return authorisation_pb2.GrantTerms(
        purpose=query_pb2.PURPOSE_FINANCING,
        cells=[wire_key(cell) for cell in CATALOGUE.cells if cell[0] in domains],
        window=common_pb2.Window(first_day=first, last_day=last),
    )


def refusal(error: pytest.ExceptionInfo[HurenError]) -> ErrorCode:
    return error.value.code


def test_who_chooses_nothing_gets_what_is_granted() -> None:
    cells = granted_cells(wire.RequestReportRequest(), terms(), CATALOGUE)
    assert [cell_key(key) for key in cells] == [cell for cell in CATALOGUE.cells if cell[0] in THREE]


def test_a_domain_that_is_not_granted_is_refused_and_not_left_out() -> None:
    with pytest.raises(HurenError) as error:
        granted_cells(wire.RequestReportRequest(domains=[THREE[0], DOMAINS[5]]), terms(), CATALOGUE)
    assert refusal(error) is ErrorCode.GRANT_DOES_NOT_COVER


def test_a_kind_that_is_not_granted_is_refused() -> None:
    only_penalties = terms()
    kept = [key for key in only_penalties.cells if key.kind == common_pb2.RECORD_KIND_PENALTY]
    del only_penalties.cells[:]
    only_penalties.cells.extend(kept)
    with pytest.raises(HurenError) as error:
        granted_cells(wire.RequestReportRequest(kinds=[common_pb2.RECORD_KIND_SERIOUS_LIST]), only_penalties, CATALOGUE)
    assert refusal(error) is ErrorCode.GRANT_DOES_NOT_COVER


@given(
    granted=st.sets(st.sampled_from(DOMAINS), min_size=1),
    domains=st.lists(st.sampled_from(DOMAINS), unique=True),
    kinds=st.lists(st.sampled_from(KINDS), unique=True),
)
def test_what_is_asked_is_granted_and_is_all_that_was_chosen_of_it(
    granted: set[str], domains: list[str], kinds: list[common_pb2.RecordKind.ValueType]
) -> None:
    request = wire.RequestReportRequest(domains=domains, kinds=kinds)
    try:
        cells = [cell_key(key) for key in granted_cells(request, terms(tuple(granted)), CATALOGUE)]
    except HurenError as error:
        assert error.code in {ErrorCode.GRANT_DOES_NOT_COVER, ErrorCode.NOTHING_APPLICABLE}  # noqa: PT017
        return
    assert {domain for domain, _ in cells} <= granted
    chosen = {cell for cell in CATALOGUE.cells if cell[0] in (domains or granted) and cell[1] in (kinds or KINDS)}
    assert set(cells) == chosen


def test_the_window_is_the_granted_one_up_to_today_and_at_most_five_years() -> None:
    window = granted_window(wire.RequestReportRequest(), terms(), TODAY)
    assert (window.first, window.last) == (date(2023, 1, 1), TODAY)
    long_ago = granted_window(wire.RequestReportRequest(), terms(first="2019-01-01", last="2024-02-29"), TODAY)
    assert long_ago.last == date(2024, 2, 29)
    assert long_ago.within_limit


@pytest.mark.parametrize(
    ("first", "last"),
    [
        pytest.param("2022-12-31", "2024-01-01", id="begins-too-early"),
        pytest.param("2023-01-01", "2026-11-22", id="ends-too-late"),
    ],
)
def test_a_day_that_is_not_granted_is_refused(first: str, last: str) -> None:
    request = wire.RequestReportRequest(window=common_pb2.Window(first_day=first, last_day=last))
    with pytest.raises(HurenError) as error:
        granted_window(request, terms(last="2026-11-21"), TODAY)
    assert refusal(error) is ErrorCode.GRANT_DOES_NOT_COVER


def test_a_period_that_has_not_begun_is_refused() -> None:
    with pytest.raises(HurenError) as error:
        granted_window(wire.RequestReportRequest(), terms(first="2026-11-23"), TODAY)
    assert refusal(error) is ErrorCode.GRANT_DOES_NOT_COVER


def test_the_purpose_is_the_granted_one() -> None:
    assert granted_purpose(wire.RequestReportRequest(), terms()) == query_pb2.PURPOSE_FINANCING
    with pytest.raises(HurenError) as error:
        granted_purpose(wire.RequestReportRequest(purpose=query_pb2.PURPOSE_TENDER), terms())
    assert refusal(error) is ErrorCode.GRANT_DOES_NOT_COVER
