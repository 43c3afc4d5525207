"""Where a report stands: only a fresh status of this report by its own home makes the tool say 核验一致 and end with 0."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.payloads import REPORT_STATUS
from contract.province import Province
from contract.report_check import CheckedReport, check_report
from contract.status_check import CLOCK_SKEW, FRESH_FOR, StatusError, StatusFault, check_status, superseded_by_clock
from huren.envelope.v1 import envelope_pb2
from huren.report.v1 import report_status_pb2 as wire
from tests.support.federation import GATEWAY, NOW, PENALTY_CELL, WINDOW, Federation, penalty
from verifier.showing import result_document
from verifier.verdict import Result, Verdict
from verifier.verify import verify, with_status

FEDERATION = Federation()
LATER = NOW + timedelta(days=3)


@cache
def report(disclosed_until: str = "", holes: bool = False) -> bytes:  # noqa: FBT001, FBT002
    federation = federation_of(holes=holes)
    record = penalty(disclosed_until=disclosed_until)
    return federation.report(federation.admitted({Province.TIANJIN: {PENALTY_CELL: [record]}}))


@cache
def federation_of(*, holes: bool = False) -> Federation:
    return Federation(not_covered={Province.HEBEI: frozenset({PENALTY_CELL})}) if holes else FEDERATION


def checked(data: bytes, federation: Federation = FEDERATION) -> CheckedReport:
    return check_report(data, verifier=federation.verifier, catalogues=federation.catalogues)


def verified(data: bytes, federation: Federation = FEDERATION, at: object = LATER) -> Result:
    return verify(data, trust=federation.trust, catalogues=federation.catalogues, at=at)  # type: ignore[arg-type]


def status(
    data: bytes | None = None,
    change: Callable[[wire.ReportStatus], object] = lambda _: None,
    *,
    signer: Province = Province.BEIJING,
    role: envelope_pb2.MemberRole.ValueType = GATEWAY,
    at: object = LATER,
) -> bytes:
    found = checked(data or report())
    made = wire.ReportStatus(
        header=FEDERATION.header(signer, role, at),  # type: ignore[arg-type]
        report_number=found.report.report_number,
        report_statement_id=found.statement.statement_id,
        state=wire.REPORT_STATE_VALID,
    )
    change(made)
    return FEDERATION.signer(signer, role).sign(REPORT_STATUS, made).envelope


def superseded_on(day: str) -> Callable[[wire.ReportStatus], None]:
    def change(one: wire.ReportStatus) -> None:
        one.state, one.since = wire.REPORT_STATE_SUPERSEDED, day

    return change


superseded = superseded_on("2026-11-24")


def revoked(one: wire.ReportStatus) -> None:
    one.state, one.since = wire.REPORT_STATE_REVOKED, "2026-11-24"
    one.revocation = wire.REVOCATION_CATEGORY_APPLICANT_ASKED


def expired_on(day: str) -> Callable[[wire.ReportStatus], None]:
    def change(one: wire.ReportStatus) -> None:
        one.state, one.since = wire.REPORT_STATE_EXPIRED, day

    return change


expired = expired_on("2026-11-24")


@pytest.mark.parametrize(
    ("change", "verdict", "exit_code", "words"),
    [
        pytest.param(
            lambda _: None,
            Verdict.VALID,
            0,
            ("核验一致", "出具后未发生影响结论的更新", "请逐项与手中报告核对"),
            id="valid",
        ),
        pytest.param(
            lambda one: setattr(one, "wording_corrected", True),
            Verdict.VALID,
            0,
            ("核验一致", "出具后有文字更正，不影响结论"),
            id="words-corrected",
        ),
        pytest.param(
            superseded, Verdict.SUPERSEDED, 1, ("信息已更新", "于2026-11-24更新", "请向企业索取新报告"), id="superseded"
        ),
        pytest.param(
            revoked, Verdict.REVOKED, 1, ("报告已作废", "2026-11-24作废（原因：申请人要求），不得使用"), id="revoked"
        ),
        pytest.param(expired, Verdict.EXPIRED, 1, ("超过使用期限", "使用期限至2026-11-23"), id="expired"),
    ],
)
def test_a_fresh_status_of_the_home_decides(
    change: Callable[[wire.ReportStatus], object], verdict: Verdict, exit_code: int, words: tuple[str, ...]
) -> None:
    result = with_status(verified(report()), status(change=change), trust=FEDERATION.trust)
    told = result.wording
    assert (result.verdict, told.exit_code, result.status_fault) == (verdict, exit_code, None)
    for word in words:
        assert word in f"{told.headline} {told.advice}"
    assert "{" not in f"{told.headline}{told.advice}{told.english}"


def test_a_limited_scope_is_said_with_what_is_missing() -> None:
    federation = federation_of(holes=True)
    result = verified(report(holes=True), federation)
    assert result.wording.headline == "文件与原件一致 · 有限范围"
    assert "下列事项未纳入：河北省" in result.wording.advice
    valid = with_status(result, status(report(holes=True)), trust=federation.trust)
    assert valid.wording.headline == "核验一致 · 有限范围"


@pytest.mark.parametrize(
    ("change", "headline", "ends"),
    [
        pytest.param(superseded, "信息已更新", "请向企业索取新报告", id="superseded"),
        pytest.param(revoked, "报告已作废", "不得使用", id="revoked"),
        pytest.param(expired, "超过使用期限", "本报告使用期限至2026-11-23", id="expired"),
    ],
)
def test_nothing_of_the_scope_stands_behind_a_verdict_that_forbids_use(
    change: Callable[[wire.ReportStatus], object], headline: str, ends: str
) -> None:
    federation = federation_of(holes=True)
    data = report(holes=True)
    result = with_status(verified(data, federation), status(data, change), trust=federation.trust)
    assert result.checked is not None
    assert result.checked.report.conclusion.limited
    assert result.wording.headline == headline
    assert result.wording.advice.endswith(ends)
    assert "imited scope" not in result.wording.english
    document = result_document(result)
    assert (document["conclusion"], document["not_covered"]) == (None, None)


def test_the_document_names_what_to_compare() -> None:
    federation = federation_of(holes=True)
    document = result_document(verified(report(holes=True), federation))
    assert document["conclusion"].startswith("经查询，在")
    assert [one[:3] for one in document["not_covered"]] == ["河北省"]
    assert f"下列事项未纳入：{document['not_covered'][0]}" in document["advice"]
    assert document["not_covered"][0] in document["conclusion"]
    assert document["masked_uscc"] == f"{document['uscc'][:4]}**********{document['uscc'][-4:]}"
    assert result_document(verified(report()))["not_covered"] == []


@pytest.mark.parametrize(
    ("envelope", "fault"),
    [
        pytest.param(lambda: b"", StatusFault.STATUS_NOT_STRICT, id="nothing"),
        pytest.param(lambda: status()[:-1], StatusFault.STATUS_NOT_STRICT, id="cut"),
        pytest.param(report, StatusFault.STATUS_SIGNATURE_NOT_ACCEPTED, id="another-payload"),
        pytest.param(
            lambda: status(change=lambda one: setattr(one, "state", 0)), StatusFault.STATUS_MALFORMED, id="no-state"
        ),
        pytest.param(
            lambda: status(change=superseded_on("2026-02-30")),
            StatusFault.STATUS_MALFORMED,
            id="a-day-that-does-not-exist",
        ),
        pytest.param(
            lambda: status(change=expired_on("0001-01-01")), StatusFault.STATUS_MALFORMED, id="expired-before-all-days"
        ),
        pytest.param(
            lambda: status(change=superseded_on("2026-11-27")),
            StatusFault.STATUS_FROM_THE_FUTURE,
            id="since-tomorrow",
        ),
        pytest.param(lambda: status(signer=Province.HEBEI), StatusFault.STATUS_OF_ANOTHER_HOME, id="another-home"),
        pytest.param(lambda: status(report("2030-01-01")), StatusFault.STATUS_OF_ANOTHER_REPORT, id="another-report"),
        pytest.param(
            lambda: status(change=lambda one: setattr(one, "report_statement_id", bytes(32))),
            StatusFault.STATUS_OF_ANOTHER_REPORT,
            id="same-number-another-statement",
        ),
        pytest.param(
            lambda: status(at=LATER + CLOCK_SKEW + timedelta(seconds=1)),
            StatusFault.STATUS_FROM_THE_FUTURE,
            id="from-the-future",
        ),
        pytest.param(
            lambda: status(at=LATER - FRESH_FOR - timedelta(seconds=1)), StatusFault.STATUS_NOT_FRESH, id="old"
        ),
    ],
)
def test_a_status_that_does_not_count_is_named_and_changes_nothing(
    envelope: Callable[[], bytes], fault: StatusFault
) -> None:
    result = with_status(verified(report()), envelope(), trust=FEDERATION.trust)
    assert (result.verdict, result.status_fault, result.status) == (Verdict.AUTHENTIC_STATUS_NOT_CHECKED, fault, None)
    assert result.wording.exit_code == 3


def test_what_is_superseded_or_revoked_stays_so_however_old_the_word_of_it() -> None:
    early = NOW + timedelta(days=2)
    for change, verdict in ((superseded, Verdict.SUPERSEDED), (revoked, Verdict.REVOKED)):
        envelope = status(change=change, at=early)
        assert with_status(verified(report()), envelope, trust=FEDERATION.trust).verdict is verdict


@given(
    signer=st.sampled_from(list(Province)),
    minutes=st.integers(-3 * 24 * 60, 3 * 24 * 60),
    other=st.booleans(),
    state=st.sampled_from([0, 1, 2, 3, 4, 9]),
)
def test_no_status_but_a_fresh_one_of_this_report_by_its_home_ends_with_zero(
    signer: Province,
    minutes: int,
    other: bool,  # noqa: FBT001
    state: int,
) -> None:
    at = LATER + timedelta(minutes=minutes)
    made = status(
        report("2031-01-01") if other else report(),
        lambda one: setattr(one, "state", state),
        signer=signer,
        at=at,
    )
    result = with_status(verified(report()), made, trust=FEDERATION.trust)
    good = signer is Province.BEIJING and not other and state == 1 and LATER - FRESH_FOR <= at <= LATER + CLOCK_SKEW
    assert (result.wording.exit_code == 0) is good


def test_a_number_alone_is_enough_where_nobody_holds_the_statement() -> None:
    number = checked(report()).report.report_number
    found = check_status(
        status(),
        verifier=FEDERATION.verifier,
        report_number=number,
        report_statement_id=None,
        issuer=Province.BEIJING,
        at=LATER,
    )
    assert found.report_number == number
    with pytest.raises(StatusError):
        check_status(
            status(),
            verifier=FEDERATION.verifier,
            report_number=number[:-1] + "X",
            report_statement_id=None,
            issuer=Province.BEIJING,
            at=LATER,
        )


# --- The clock --------------------------------------------------------------------------------------------------------


def test_a_report_is_superseded_the_day_after_a_record_is_no_longer_disclosed() -> None:
    found = checked(report("2026-11-24"))
    assert superseded_by_clock(found, date(2026, 11, 24)) is None
    assert superseded_by_clock(found, date(2026, 11, 25)) == date(2026, 11, 25)
    assert superseded_by_clock(found, date(2027, 5, 1)) == date(2026, 11, 25)
    assert superseded_by_clock(checked(report()), date(2099, 1, 1)) is None
    assert WINDOW.last < date(2026, 11, 24)


def test_the_clock_needs_nobody_and_outweighs_a_status_that_does_not_know_yet() -> None:
    data = report("2026-11-24")
    offline = verified(data)
    assert (offline.verdict, offline.wording.exit_code) == (Verdict.SUPERSEDED, 1)
    assert "于2026-11-25更新" in offline.wording.advice
    assert offline.checked is not None
    assert with_status(offline, status(data), trust=FEDERATION.trust).verdict is Verdict.SUPERSEDED
    assert with_status(offline, status(data, revoked), trust=FEDERATION.trust).verdict is Verdict.REVOKED
    earlier = with_status(offline, status(data, superseded), trust=FEDERATION.trust)
    assert earlier.superseded_since == date(2026, 11, 24)
