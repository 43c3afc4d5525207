"""A fact becomes otherwise at an origin: what becomes of the reports that say what was, and of those that are being made."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contract.catalogue import PENALTY
from contract.outcome import Question
from contract.province import Province
from contract.report_check import check_report
from gateway.reports.service import Step
from huren.fragment.v1 import fragment_pb2
from huren.report.v1 import report_pb2, report_status_pb2
from huren.report.v1 import report_service_pb2 as wire
from runtime.identity import MemberPeer
from sandbox.pki import PKI
from tests.support.changes import signed_change, state
from tests.support.federation import ADAPTER, PENALTY_CELL, Federation, penalty, uscc
from tests.support.live import Live, honest, live_federation

TIANJIN = Province.TIANJIN
VALID = report_status_pb2.REPORT_STATE_VALID
SUPERSEDED = report_status_pb2.REPORT_STATE_SUPERSEDED
REVOKED = report_status_pb2.REPORT_STATE_REVOKED


async def tell(live: Live, *args: Any, **kwargs: Any) -> None:
    """Tianjin's adapter tells a change."""
    envelope = signed_change(live.federation, TIANJIN, *args, **kwargs)
    await live.services.standing.submit_change(envelope, MemberPeer(TIANJIN, ADAPTER))


async def fetched(live: Live, report_number: str) -> wire.GetReportResponse:
    """What the owner gets of a report."""
    async with live.client() as stub:
        return await stub.GetReport(wire.GetReportRequest(report_number=report_number), timeout=30)


async def in_doubt(federation: Federation, question: Question) -> bytes:
    """The province has a row of which an officer has to say whose it is."""

    def doubt(fragment: fragment_pb2.Fragment) -> None:
        for cell in fragment.cells:
            if cell.key.domain == PENALTY_CELL[0] and cell.state == fragment_pb2.CELL_STATE_CLEAR:
                cell.state = fragment_pb2.CELL_STATE_SOURCE_UNAVAILABLE
                cell.reason = fragment_pb2.UNAVAILABLE_REASON_IDENTITY_IN_DOUBT

    return federation.answer(question, change=doubt)


def said(live: Live, sealed: wire.SealedReport) -> report_pb2.Conclusion:
    """The conclusion of a report that anybody can verify."""
    federation = live.federation
    return check_report(
        sealed.report_envelope, verifier=federation.verifier, catalogues=federation.catalogues
    ).report.conclusion


async def test_t22a_a_record_that_arrives_late_supersedes_the_clear_report(
    pki: PKI, tmp_path: Path, database_url: str
) -> None:
    """What happens: a clear report is issued; then Tianjin is supplied with a decision of two years ago.

    What must result: the owner sees its old report superseded, with province and domain, and gets one that lists the record.
    """
    async with live_federation(pki, tmp_path, database_url=database_url) as live:
        old = (await live.request()).sealed
        assert said(live, old).verdict == report_pb2.VERDICT_NOTHING_FOUND
        live.provinces[TIANJIN].behaviour = honest({PENALTY_CELL: [penalty("record-01")]})

        await tell(live, after=state(1))

        got = await fetched(live, old.report_number)
        new = (await live.request()).sealed
        renewed = await fetched(live, new.report_number)
    assert got.sealed.report_envelope == old.report_envelope
    assert (got.standing.state, got.standing.since) == (SUPERSEDED, "2026-11-22")
    assert [(reason.province, reason.cells[0].domain) for reason in got.standing.reasons] == [
        (TIANJIN.wire, PENALTY_CELL[0])
    ]
    assert said(live, new).verdict == report_pb2.VERDICT_FOUND
    assert renewed.standing.state == VALID


async def test_t22b_a_repair_supersedes_the_report_that_lists_the_record(
    pki: PKI, tmp_path: Path, database_url: str
) -> None:
    async with live_federation(pki, tmp_path, database_url=database_url) as live:
        live.provinces[TIANJIN].behaviour = honest({PENALTY_CELL: [penalty("record-01")]})
        listing = (await live.request()).sealed

        await tell(live, before=state(1))

        assert (await fetched(live, listing.report_number)).standing.state == SUPERSEDED


async def test_t22c_a_corrected_typing_error_leaves_the_report_valid(
    pki: PKI, tmp_path: Path, database_url: str
) -> None:
    async with live_federation(pki, tmp_path, database_url=database_url) as live:
        live.provinces[TIANJIN].behaviour = honest({PENALTY_CELL: [penalty("record-01")]})
        listing = (await live.request()).sealed

        await tell(live, before=state(1), after=state(2), wording_only=True)

        standing = (await fetched(live, listing.report_number)).standing
    assert (standing.state, standing.since) == (VALID, "")
    assert [reason.state for reason in standing.reasons] == [VALID]


async def test_t22d_the_report_ends_with_the_disclosure_of_its_record(
    pki: PKI, tmp_path: Path, database_url: str
) -> None:
    async with live_federation(pki, tmp_path, database_url=database_url) as live:
        live.provinces[TIANJIN].behaviour = honest({PENALTY_CELL: [penalty("r" * 8, disclosed_until="2026-11-25")]})
        listing = (await live.request()).sealed
        assert (await fetched(live, listing.report_number)).standing.state == VALID

        live.federation.now += timedelta(days=4)

        standing = (await fetched(live, listing.report_number)).standing
    assert (standing.state, standing.since) == (SUPERSEDED, "2026-11-26")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"after": state(1, first="2026-11-22")}, id="a decision after the date of the data"),
        pytest.param({"after": state(1, first="2020-06-01")}, id="another window"),
        pytest.param({"after": state(1, ("taxation", PENALTY))}, id="another domain"),
        pytest.param({"after": state(1), "code": uscc(2)}, id="another subject"),
    ],
)
async def test_what_the_report_does_not_speak_of_does_not_touch_it(
    pki: PKI, tmp_path: Path, change: dict[str, Any]
) -> None:
    async with live_federation(pki, tmp_path) as live:
        sealed = (await live.request(domains=[PENALTY_CELL[0]])).sealed

        await tell(live, **change)

        assert (await fetched(live, sealed.report_number)).standing == report_status_pb2.Standing(state=VALID)


async def test_no_report_is_sealed_that_says_less_than_the_home_was_told(
    pki: PKI, tmp_path: Path, database_url: str
) -> None:
    """What happens: a home knows of a change; the province's answer does not say it yet, and says it at the next try.

    What must result: no report at first; then one that says it.
    """
    async with live_federation(pki, tmp_path, database_url=database_url) as live:
        await tell(live, after=state(1))

        first = await live.request(idempotency_key="known-before")
        assert first.WhichOneof("result") == "open"
        live.provinces[TIANJIN].behaviour = honest({PENALTY_CELL: [penalty("record-01")]})
        second = await live.request(idempotency_key="known-before")

        assert said(live, second.sealed).verdict == report_pb2.VERDICT_FOUND
        assert (await fetched(live, second.sealed.report_number)).standing.state == VALID


async def test_an_answer_that_a_change_overtook_is_not_used_by_the_next_try(
    pki: PKI, tmp_path: Path, database_url: str
) -> None:
    """What happens: Tianjin answers, Hebei is down; before the next try Tianjin tells a change.

    What must result: Tianjin is asked again, and the report says what it says then.
    """

    async def down(_federation: object, _question: object) -> bytes:
        raise RuntimeError("down")

    async with live_federation(pki, tmp_path, database_url=database_url) as live:
        live.provinces[Province.HEBEI].behaviour = down
        first = await live.request(idempotency_key="told-between")
        assert first.WhichOneof("result") == "open"
        live.provinces[Province.HEBEI].behaviour = honest()
        live.provinces[TIANJIN].behaviour = honest({PENALTY_CELL: [penalty("record-01")]})

        await tell(live, after=state(1))

        second = await live.request(idempotency_key="told-between")
        assert said(live, second.sealed).verdict == report_pb2.VERDICT_FOUND
        assert len(live.provinces[TIANJIN].received) == 2


async def test_an_answer_is_not_used_where_the_province_took_it_back_by_a_later_one(
    pki: PKI, tmp_path: Path, database_url: str
) -> None:
    """What happens: Tianjin answers that there is nothing, tells of a record, answers that it is in doubt, takes the record back.

    What must result: Tianjin is asked again; what it said first does not make a clear report.
    """

    async def down(_federation: object, _question: object) -> bytes:
        raise RuntimeError("down")

    async with live_federation(pki, tmp_path, database_url=database_url) as live:
        live.provinces[Province.HEBEI].behaviour = down
        assert (await live.request(idempotency_key="in-doubt-since")).WhichOneof("result") == "open"
        await tell(live, after=state(1))
        live.provinces[Province.HEBEI].behaviour = honest()
        live.provinces[TIANJIN].behaviour = in_doubt
        assert (await live.request(idempotency_key="in-doubt-since")).WhichOneof("result") == "open"
        await tell(live, before=state(1), minutes=-30)

        third = await live.request(idempotency_key="in-doubt-since")

        assert third.WhichOneof("result") == "open"
        assert len(live.provinces[TIANJIN].received) == 3


@pytest.mark.parametrize("step", [Step.ASK, Step.MERGE])
async def test_a_change_that_comes_while_a_report_is_sealed_is_known_to_it_or_finds_it(
    pki: PKI, tmp_path: Path, database_url: str, step: Step
) -> None:
    """What happens: Tianjin has answered that there is nothing; a change comes before, while or after the report is sealed.

    What must result: whoever is first, no report stays valid that does not say it.
    """
    async with live_federation(pki, tmp_path, database_url=database_url) as live:
        for number in range(6):
            name = f"record-{number:02d}"
            told: list[asyncio.Task[None]] = []
            live.recorder.at_end_of[step] = lambda name=name, told=told: told.append(  # type: ignore[misc]
                asyncio.ensure_future(tell(live, name, after=state(1)))
            )
            response = await live.request(idempotency_key=f"while-sealing-{number}")
            await asyncio.gather(*told)
            assert len(told) == 1
            if response.WhichOneof("result") == "sealed":
                got = await fetched(live, response.sealed.report_number)
                assert got.standing.state == SUPERSEDED
            listed = [penalty(f"record-{index:02d}") for index in range(number + 1)]
            live.provinces[TIANJIN].behaviour = honest({PENALTY_CELL: listed})


async def test_a_report_is_taken_back_by_two_officers(pki: PKI, tmp_path: Path, database_url: str) -> None:
    category = report_status_pb2.REVOCATION_CATEGORY_SUBJECT_WRONG
    async with live_federation(pki, tmp_path, database_url=database_url) as live:
        sealed = (await live.request()).sealed
        service = live.services.standing
        proposal = await service.propose_revocation(sealed.report_number, category, "示例原因", officer="officer-1")
        assert (await fetched(live, sealed.report_number)).standing.state == VALID

        await service.confirm_revocation(proposal.number, officer="officer-2")

        standing = (await fetched(live, sealed.report_number)).standing
        again = await live.request()
        assert (await fetched(live, again.sealed.report_number)).standing.state == VALID
    assert (standing.state, standing.since) == (REVOKED, "2026-11-22")
    assert [reason.revocation for reason in standing.reasons] == [category]
