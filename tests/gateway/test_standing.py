"""Where reports stand: changes and revocations on both databases, and what is told of them to whom."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import permutations
from typing import Any

import grpc
import pytest
from sqlalchemy import LargeBinary, insert, select

from contract.catalogue import CellKey
from contract.errors import ErrorCode, HurenError
from contract.payloads import RECORD_CHANGE, REPORT_STATUS, parse
from contract.province import Province
from contract.report_number import make as make_number
from contract.uscc import Uscc
from gateway.api.change_servicer import ChangeServicer
from gateway.api.office_servicer import OfficeServicer
from gateway.reports.standing import StandingService, standing_on
from gateway.store import tables
from gateway.store.notices import notices_of
from gateway.store.standing import StandingStore, StoredStanding
from huren.change.v1 import change_pb2, change_service_pb2, change_service_pb2_grpc
from huren.fragment.v1 import record_pb2
from huren.office.v1 import office_service_pb2, office_service_pb2_grpc
from huren.report.v1 import report_pb2, report_status_pb2
from huren.report.v1 import report_service_pb2 as wire
from runtime.database import Database
from runtime.grpc_channel import open_channel
from runtime.grpc_errors import error_detail
from runtime.grpc_server import GrpcServer, ServedService
from runtime.identity import MemberPeer, member_host_name
from runtime.settings import ListenSettings
from runtime.telemetry import Metrics
from sandbox.pki import OFFICERS, OPERATOR, PKI, Authority
from signing import decode_envelope, statement_id
from tests.support.changes import record_change, sign, signed_change, state
from tests.support.federation import (
    ADAPTER,
    GATEWAY,
    PENALTY_CELL,
    SUBJECT_CODE,
    Federation,
    penalty,
    uscc,
)
from tests.support.reports import example

BEIJING, TIANJIN, HEBEI, SHANXI = Province

VALID = report_status_pb2.REPORT_STATE_VALID
EXPIRED = report_status_pb2.REPORT_STATE_EXPIRED
SUPERSEDED = report_status_pb2.REPORT_STATE_SUPERSEDED
REVOKED = report_status_pb2.REPORT_STATE_REVOKED
ISSUED_IN_ERROR = report_status_pb2.REVOCATION_CATEGORY_ISSUED_IN_ERROR

Records = Mapping[Province, Mapping[CellKey, list[record_pb2.Record]]]

TIANJIN_ADAPTER = MemberPeer(TIANJIN, ADAPTER)
_REFUSED = "STATEMENT_NOT_ACCEPTED"


@dataclass
class Home:
    """A home with a store of its own, and a clock that goes when it is told."""

    federation: Federation
    database: Database
    service: StandingService
    numbers: int = 0

    async def keep(self, records: Records | None = None, *, owner: Uscc = SUBJECT_CODE) -> str:
        """A report in the store, as if it had been sealed; gives its number."""
        return (await self.keep_many(1, records, owner=owner))[0]

    async def keep_many(self, number: int, records: Records | None = None, *, owner: Uscc = SUBJECT_CODE) -> list[str]:
        """Reports that differ in their numbers."""
        federation = self.federation
        admitted = [
            federation.admit(question, federation.answer(question, (records or {}).get(province)))
            for province in Province
            for question in [federation.question(province, code=owner)]
        ]
        kept: list[str] = []
        async with self.database.write() as connection:
            for _ in range(number):
                self.numbers += 1
                report_number = make_number(BEIJING, date(2026, 11, 22), self.numbers)
                envelope = federation.report(admitted, change=partial(_number, number=report_number))
                await connection.execute(insert(tables.requests), _request_row(report_number, owner))
                await connection.execute(insert(tables.reports), _report_row(report_number, owner, envelope))
                kept.append(report_number)
        return kept

    async def change(self, *args: Any, province: Province = TIANJIN, **kwargs: Any) -> bytes:
        """Submits a change as the province's adapter does; gives its envelope."""
        envelope = signed_change(self.federation, province, *args, **kwargs)
        await self.service.submit_change(envelope, MemberPeer(province, ADAPTER))
        return envelope

    async def state_of(self, report_number: str) -> report_status_pb2.ReportState.ValueType:
        return (await self.service.standing(report_number)).state

    async def status(self, report_number: str) -> report_status_pb2.ReportStatus:
        """The public status, verified as anybody does."""
        envelope = await self.service.sign_status(report_number)
        verified = self.federation.verifier.verify(envelope, expect={REPORT_STATUS})
        assert (verified.signer.member, verified.signer.role) == (BEIJING, GATEWAY)
        return parse(verified, report_status_pb2.ReportStatus)

    async def told(self, owner: Uscc = SUBJECT_CODE) -> list[tuple[int, str]]:
        """What the owner was told, oldest first."""
        notices = await notices_of(self.database, owner)
        return [(notice.kind, notice.report_number) for notice in reversed(notices)]

    async def rows(self, table: Any) -> list[Any]:
        async with self.database.read() as connection:
            return list((await connection.execute(select(table))).mappings())


def _number(report: report_pb2.Report, number: str) -> None:
    report.report_number = number


def _request_row(report_number: str, owner: Uscc) -> dict[str, object]:
    texts = {column.name: "" for column in tables.requests.c if not isinstance(column.type, LargeBinary)}
    blobs = {column.name: b"" for column in tables.requests.c if isinstance(column.type, LargeBinary)}
    return {
        **texts,
        **blobs,
        "request_id": report_number,
        "idempotency_key": report_number,
        "uscc": owner,
        "purpose": 1,
        "identity_level": 1,
        "state": "SEALED",
        "version": 0,
        "applicant": owner,
        "basis": 1,
        "use_ordinal": 0,
        "channel": 5,
    }


def _report_row(report_number: str, owner: Uscc, envelope: bytes) -> dict[str, object]:
    return {
        "report_number": report_number,
        "request_id": report_number,
        "owner": owner,
        "statement_id": _statement_id(envelope),
        "envelope": envelope,
        "verification_code": report_number,
        "typed_code": "",
        "issued_at": "2026-11-22T02:30:00.000000Z",
    }


def _statement_id(envelope: bytes) -> bytes:
    decoded = decode_envelope(envelope)
    return statement_id(decoded.payload_type, decoded.payload)


@pytest.fixture
async def home(database: Database) -> Home:
    await tables.prepare(database)
    federation = Federation()
    service = StandingService(
        store=StandingStore(database),
        verifier=federation.verifier,
        signer=federation.signer(BEIJING, GATEWAY),
        clock=lambda: federation.now,
    )
    return Home(federation, database, service)


# --- Changes -----------------------------------------------------------------------------------------------------------------


async def test_t22a_a_late_record_supersedes_a_clear_report_and_its_owner_is_told(home: Home) -> None:
    report = await home.keep()
    assert await home.state_of(report) == VALID

    envelope = await home.change(after=state(1))

    standing = await home.service.standing(report)
    assert (standing.state, standing.since) == (SUPERSEDED, date(2026, 11, 22))
    assert list(standing.reasons) == [
        report_status_pb2.StandingReason(
            state=SUPERSEDED,
            day="2026-11-22",
            province=TIANJIN.wire,
            cells=state(1).cells,
            cause=change_pb2.CHANGE_CAUSE_ARRIVED,
        )
    ]
    assert await home.told() == [(wire.NOTICE_KIND_REPORT_SUPERSEDED, report)]
    assert [(row["action"], row["result"], row["statement_id"]) for row in await home.rows(tables.audit)] == [
        ("change", "kept, altered 1", _statement_id(envelope))
    ]


async def test_t22b_a_repair_supersedes_the_report_that_lists_the_record(home: Home) -> None:
    listing = await home.keep({TIANJIN: {PENALTY_CELL: [penalty("record-01")]}})
    clear = await home.keep()

    await home.change(before=state(1), cause=change_pb2.CHANGE_CAUSE_REPAIRED)

    assert (await home.state_of(listing), await home.state_of(clear)) == (SUPERSEDED, VALID)
    assert await home.told() == [(wire.NOTICE_KIND_REPORT_SUPERSEDED, listing)]


async def test_t22c_a_correction_of_words_leaves_the_report_valid_with_a_note(home: Home) -> None:
    report = await home.keep({TIANJIN: {PENALTY_CELL: [penalty("record-01")]}})

    await home.change(before=state(1), after=state(2), wording_only=True)

    standing = await home.service.standing(report)
    assert (standing.state, standing.since, standing.wording_corrected) == (VALID, None, True)
    assert [(reason.state, reason.province) for reason in standing.reasons] == [(VALID, TIANJIN.wire)]
    status = await home.status(report)
    assert (status.state, status.since, status.wording_corrected) == (VALID, "", True)
    assert await home.told() == []


async def test_t22d_the_end_of_disclosure_supersedes_by_the_clock(home: Home) -> None:
    report = await home.keep({TIANJIN: {PENALTY_CELL: [penalty("record-01", disclosed_until="2026-11-30")]}})
    home.federation.now = datetime(2026, 11, 30, 15, 59, tzinfo=UTC)
    assert await home.state_of(report) == VALID

    home.federation.now = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)

    standing = await home.service.standing(report)
    assert (standing.state, standing.since) == (SUPERSEDED, date(2026, 12, 1))
    assert [(reason.cause, reason.day) for reason in standing.reasons] == [
        (change_pb2.CHANGE_CAUSE_DISCLOSURE_ENDED, "2026-12-01")
    ]
    home.federation.now = datetime(2027, 6, 1, tzinfo=UTC)
    assert (await home.status(report)).since == "2026-12-01"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"after": state(1, first="2026-11-22")}, id="decided after the date of the data"),
        pytest.param({"after": state(1, first="2020-01-01")}, id="of another window"),
        pytest.param({"after": state(1, ("no_such_domain", PENALTY_CELL[1]))}, id="of another domain"),
        pytest.param({"after": state(1), "code": uscc(2)}, id="of another subject"),
        pytest.param({"before": state(1)}, id="the end of what it never listed"),
    ],
)
async def test_what_the_report_says_nothing_about_does_not_supersede_and_is_kept(
    home: Home, change: dict[str, Any]
) -> None:
    report = await home.keep()

    await home.change(**change)

    assert await home.state_of(report) == VALID
    assert await home.told() == []
    assert len(await home.rows(tables.changes)) == 1


async def test_the_same_change_twice_and_at_once_does_what_it_does_once(home: Home) -> None:
    report = await home.keep()
    envelope = signed_change(home.federation, TIANJIN, after=state(1))

    await asyncio.gather(*(home.service.submit_change(envelope, TIANJIN_ADAPTER) for _ in range(4)))

    assert await home.state_of(report) == SUPERSEDED
    assert len(await home.told()) == 1
    assert len(await home.rows(tables.standings)) == len(await home.rows(tables.audit)) == 1


async def test_a_superseded_report_gets_further_reasons_and_its_owner_no_further_notice(home: Home) -> None:
    report = await home.keep()
    await home.change("record-01", after=state(1))
    home.federation.now += timedelta(days=3)

    await home.change("record-02", after=state(1), province=SHANXI)

    standing = await home.service.standing(report)
    assert (standing.state, standing.since) == (SUPERSEDED, date(2026, 11, 22))
    assert [(reason.province, reason.day) for reason in standing.reasons] == [
        (TIANJIN.wire, "2026-11-22"),
        (SHANXI.wire, "2026-11-25"),
    ]
    assert len(await home.told()) == 1


async def test_a_change_that_was_overtaken_before_it_came_does_nothing(home: Home) -> None:
    report = await home.keep()
    await home.change(before=state(1), minutes=-10)

    await home.change(after=state(1), minutes=-20)

    assert await home.state_of(report) == VALID
    assert len(await home.rows(tables.changes)) == 2


async def test_two_corrections_of_words_are_one_note_of_a_valid_report(home: Home) -> None:
    report = await home.keep({TIANJIN: {PENALTY_CELL: [penalty("record-01")]}})

    await home.change(before=state(1), after=state(2), wording_only=True, minutes=-20)
    await home.change(before=state(2), after=state(3), wording_only=True, minutes=-10)

    assert (await home.status(report)).wording_corrected
    assert await home.state_of(report) == VALID


async def test_a_change_meets_all_reports_of_the_subject_and_no_others(home: Home) -> None:
    number = 300
    many = {TIANJIN: {PENALTY_CELL: [penalty(f"other-{index:04d}") for index in range(20)]}}
    reports = await home.keep_many(number, many)
    strangers = await home.keep(owner=uscc(2))

    await home.change(after=state(1))

    told = await home.told()
    assert len(await home.rows(tables.standings)) == number
    assert {row["report_number"] for row in await home.rows(tables.standings)} == set(reports)
    assert {kind for kind, _ in told} == {wire.NOTICE_KIND_REPORT_SUPERSEDED}
    assert await home.state_of(strangers) == VALID


# --- Who may tell ------------------------------------------------------------------------------------------------------------


def _signed_by_gateway(federation: Federation) -> bytes:
    change = record_change(after=state(1))
    change.header.CopyFrom(federation.header(TIANJIN, GATEWAY))
    payload = change.SerializeToString(deterministic=True)
    return federation.sign_payload(RECORD_CHANGE, payload, province=TIANJIN, role=GATEWAY)


def _of_the_future(federation: Federation) -> bytes:
    change = record_change(after=state(1), minutes=2)
    return sign(federation, TIANJIN, change)


def _not_sound(federation: Federation) -> bytes:
    return signed_change(federation, TIANJIN, after=state(1, first="2026-02-30"))


def _not_growing(federation: Federation) -> bytes:
    return signed_change(federation, TIANJIN, before=state(2), after=state(2))


@pytest.mark.parametrize(
    ("make", "code"),
    [
        pytest.param(lambda _: b"no envelope", ErrorCode.ENVELOPE_UNREADABLE, id="no envelope"),
        pytest.param(
            lambda federation: signed_change(federation, SHANXI, after=state(1)),
            ErrorCode.STATEMENT_NOT_ACCEPTED,
            id="another province's",
        ),
        pytest.param(_signed_by_gateway, ErrorCode.STATEMENT_NOT_ACCEPTED, id="signed by a gateway"),
        pytest.param(
            lambda federation: federation.coverage(TIANJIN).statement.envelope,
            ErrorCode.STATEMENT_NOT_ACCEPTED,
            id="another payload",
        ),
        pytest.param(_of_the_future, ErrorCode.STATEMENT_NOT_ACCEPTED, id="from the future"),
        pytest.param(_not_sound, ErrorCode.STATEMENT_NOT_ACCEPTED, id="a day that does not exist"),
        pytest.param(_not_growing, ErrorCode.STATEMENT_NOT_ACCEPTED, id="a revision that does not grow"),
    ],
)
async def test_a_change_is_taken_from_the_adapter_that_signed_it_and_from_nobody_else(
    home: Home, make: Any, code: ErrorCode
) -> None:
    report = await home.keep()

    with pytest.raises(HurenError) as caught:
        await home.service.submit_change(make(home.federation), TIANJIN_ADAPTER)

    assert caught.value.code is code
    assert await home.state_of(report) == VALID
    assert await home.rows(tables.changes) == []
    assert [(row["action"], row["result"], row["caller"]) for row in await home.rows(tables.audit)] == [
        ("change", code, TIANJIN_ADAPTER.uri)
    ]


async def test_one_altered_byte_is_refused(home: Home) -> None:
    envelope = signed_change(home.federation, TIANJIN, after=state(1))
    for position in range(0, len(envelope), 7):
        altered = bytearray(envelope)
        altered[position] ^= 1
        with pytest.raises(HurenError):
            await home.service.submit_change(bytes(altered), TIANJIN_ADAPTER)
    assert await home.rows(tables.changes) == []


async def test_half_of_a_change_is_never_kept(home: Home) -> None:
    report = await home.keep()
    envelope = signed_change(home.federation, TIANJIN, after=state(1))
    async with home.database.write() as connection:
        await connection.exec_driver_sql("ALTER TABLE standings RENAME TO elsewhere")
    with pytest.raises(Exception, match="standings"):
        await home.service.submit_change(envelope, TIANJIN_ADAPTER)
    async with home.database.write() as connection:
        await connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO standings")

    assert await home.rows(tables.changes) == []
    await home.service.submit_change(envelope, TIANJIN_ADAPTER)
    assert await home.state_of(report) == SUPERSEDED


# --- Status ------------------------------------------------------------------------------------------------------------------


async def test_the_public_status_names_neither_domain_nor_province_nor_direction(home: Home) -> None:
    came = await home.keep()
    went = await home.keep({TIANJIN: {PENALTY_CELL: [penalty("record-01")]}})
    await home.change("record-02", after=state(1), province=SHANXI)
    await home.change("record-01", before=state(1))

    for report in (came, went):
        status = await home.status(report)
        said = {field.name for field, _ in status.ListFields()}
        assert said == {"header", "report_number", "report_statement_id", "state", "since"}
        assert (status.state, status.since) == (SUPERSEDED, "2026-11-22")
        (row,) = [row for row in await home.rows(tables.reports) if row["report_number"] == report]
        assert status.report_statement_id == row["statement_id"]


EVENTS = {
    "words": report_status_pb2.StandingReason(state=VALID, day="2026-11-23"),
    "expired": report_status_pb2.StandingReason(state=EXPIRED, day="2026-11-24"),
    "late": report_status_pb2.StandingReason(state=SUPERSEDED, day="2026-11-26"),
    "first": report_status_pb2.StandingReason(state=SUPERSEDED, day="2026-11-25"),
    "revoked": report_status_pb2.StandingReason(state=REVOKED, day="2026-11-27", revocation=ISSUED_IN_ERROR),
}


@pytest.mark.parametrize(
    ("happened", "expected"),
    [
        ((), (VALID, None)),
        (("words",), (VALID, None)),
        (("words", "expired"), (EXPIRED, date(2026, 11, 24))),
        (("expired", "late", "first", "words"), (SUPERSEDED, date(2026, 11, 25))),
        (("revoked", "expired", "first", "late"), (REVOKED, date(2026, 11, 27))),
    ],
)
def test_the_state_is_the_gravest_of_what_happened_since_its_first_day_in_any_order(
    happened: tuple[str, ...], expected: tuple[int, date | None]
) -> None:
    envelope = example("clear").statement.envelope
    for order in permutations(happened):
        reasons = tuple(EVENTS[name] for name in order)
        stored = StoredStanding(owner=SUBJECT_CODE, statement_id=b"", envelope=envelope, reasons=reasons)
        standing = standing_on(stored, date(2026, 12, 1))

        assert (standing.state, standing.since) == expected
        assert standing.wording_corrected == ("words" in happened)
        assert standing.revocation == (ISSUED_IN_ERROR if "revoked" in happened else 0)
        assert [reason.day for reason in standing.reasons] == sorted(EVENTS[name].day for name in happened)


@pytest.mark.parametrize("ask", [StandingService.standing, StandingService.sign_status])
async def test_a_number_of_no_report_has_no_status(home: Home, ask: Any) -> None:
    with pytest.raises(HurenError) as caught:
        await ask(home.service, make_number(BEIJING, date(2026, 11, 22), 9))
    assert caught.value.code is ErrorCode.REPORT_NOT_FOUND


# --- Revocation --------------------------------------------------------------------------------------------------------------


async def test_a_report_is_revoked_by_two_officers_and_its_owner_is_told(home: Home) -> None:
    report = await home.keep()
    proposal = await home.service.propose_revocation(report, ISSUED_IN_ERROR, "示例原因", officer="zhang")
    assert await home.state_of(report) == VALID
    assert await home.service.revocations() == [proposal]

    with pytest.raises(HurenError) as alone:
        await home.service.confirm_revocation(proposal.number, officer="zhang")
    assert alone.value.code is ErrorCode.SECOND_OFFICER_NEEDED
    assert await home.state_of(report) == VALID
    home.federation.now += timedelta(days=1)
    assert await home.service.confirm_revocation(proposal.number, officer="li") == proposal

    status = await home.status(report)
    assert {field.name for field, _ in status.ListFields()} == {
        "header",
        "report_number",
        "report_statement_id",
        "state",
        "since",
        "revocation",
    }
    assert (status.state, status.since, status.revocation) == (REVOKED, "2026-11-23", ISSUED_IN_ERROR)
    assert await home.told() == [(wire.NOTICE_KIND_REPORT_REVOKED, report)]
    assert await home.service.revocations() == []
    assert [(row["caller"], row["result"]) for row in await home.rows(tables.audit)] == [
        ("operator:zhang", f"proposed {report}"),
        ("operator:li", f"confirmed {report}"),
    ]


async def test_what_is_revoked_stays_so_whatever_else_happens(home: Home) -> None:
    report = await home.keep()
    await home.change("record-01", after=state(1))
    proposal = await home.service.propose_revocation(report, ISSUED_IN_ERROR, "示例原因", officer="zhang")
    home.federation.now += timedelta(days=1)
    await home.service.confirm_revocation(proposal.number, officer="li")
    home.federation.now += timedelta(days=1)

    await home.change("record-02", after=state(1), minutes=0)

    standing = await home.service.standing(report)
    assert (standing.state, standing.since) == (REVOKED, date(2026, 11, 23))
    assert [reason.state for reason in standing.reasons] == [SUPERSEDED, REVOKED]
    with pytest.raises(HurenError) as again:
        await home.service.propose_revocation(report, ISSUED_IN_ERROR, "示例原因", officer="zhang")
    assert again.value.code is ErrorCode.REPORT_REVOKED


async def test_a_report_has_one_proposal_at_a_time(home: Home) -> None:
    report = await home.keep()
    first = await home.service.propose_revocation(report, ISSUED_IN_ERROR, "示例原因", officer="zhang")
    with pytest.raises(HurenError) as caught:
        await home.service.propose_revocation(report, ISSUED_IN_ERROR, "另一原因", officer="li")
    assert caught.value.code is ErrorCode.REVOCATION_WAITS
    assert str(first.number) in caught.value.message_zh

    await home.service.withdraw_revocation(first.number, officer="wang")

    assert await home.service.revocations() == []
    second = await home.service.propose_revocation(report, ISSUED_IN_ERROR, "另一原因", officer="li")
    assert await home.service.revocations() == [second]
    assert await home.state_of(report) == VALID


async def test_two_proposals_at_once_are_one(home: Home) -> None:
    report = await home.keep()
    tried = await asyncio.gather(
        *(home.service.propose_revocation(report, ISSUED_IN_ERROR, "示例原因", officer=f"o{i}") for i in range(4)),
        return_exceptions=True,
    )

    refused = [one.code for one in tried if isinstance(one, HurenError)]
    assert refused == [ErrorCode.REVOCATION_WAITS] * 3
    assert len(await home.rows(tables.revocations)) == 1


async def test_who_lost_the_answer_says_it_again_and_nobody_else_ends_what_has_ended(home: Home) -> None:
    report = await home.keep()
    withdrawn = await home.service.propose_revocation(report, ISSUED_IN_ERROR, "示例原因", officer="zhang")
    for _ in range(2):
        await home.service.withdraw_revocation(withdrawn.number, officer="zhang")
    confirmed = await home.service.propose_revocation(report, ISSUED_IN_ERROR, "示例原因", officer="zhang")
    for _ in range(2):
        assert await home.service.confirm_revocation(confirmed.number, officer="li") == confirmed
    assert len(await home.told()) == 1

    for number, officer, code in [
        (withdrawn.number, "li", ErrorCode.REVOCATION_NOT_FOUND),
        (confirmed.number, "wang", ErrorCode.REPORT_REVOKED),
        (999, "li", ErrorCode.REVOCATION_NOT_FOUND),
        (2**64 - 1, "li", ErrorCode.REVOCATION_NOT_FOUND),
    ]:
        for end in (home.service.confirm_revocation, home.service.withdraw_revocation):
            with pytest.raises(HurenError) as caught:
                await end(number, officer=officer)
            assert caught.value.code is code, (number, officer)


async def test_only_reports_of_this_home_are_revoked(home: Home) -> None:
    foreign = make_number(HEBEI, date(2026, 11, 22), 1)
    with pytest.raises(HurenError) as caught:
        await home.service.propose_revocation(foreign, ISSUED_IN_ERROR, "示例原因", officer="zhang")
    assert caught.value.code is ErrorCode.REPORT_NOT_FOUND


# --- Over mutual TLS ---------------------------------------------------------------------------------------------------------


def _server(home: Home, pki: PKI, trusting: Authority) -> GrpcServer:
    return GrpcServer(
        [
            ServedService(
                change_service_pb2.DESCRIPTOR.services_by_name["ChangeService"],
                partial(change_service_pb2_grpc.add_ChangeServiceServicer_to_server, ChangeServicer(home.service)),
            ),
            ServedService(
                office_service_pb2.DESCRIPTOR.services_by_name["OfficeService"],
                partial(
                    office_service_pb2_grpc.add_OfficeServiceServicer_to_server,
                    OfficeServicer(home.service, officers=OFFICERS),
                ),
            ),
        ],
        listen=ListenSettings(host="127.0.0.1", port=0),
        tls=pki.member_tls(MemberPeer(BEIJING, GATEWAY), trusting=trusting),
        metrics=Metrics(),
        max_concurrent_calls=8,
    )


async def test_adapters_tell_changes_over_mutual_tls_and_gateways_do_not(home: Home, pki: PKI) -> None:
    report = await home.keep()
    envelope = signed_change(home.federation, TIANJIN, after=state(1))
    server = _server(home, pki, Authority.MEMBERS)
    address = f"127.0.0.1:{await server.start()}"
    name = member_host_name(MemberPeer(BEIJING, GATEWAY))
    request = change_service_pb2.SubmitChangeRequest(change_envelope=envelope)
    try:
        for peer, code in ((MemberPeer(TIANJIN, GATEWAY), "NOT_PERMITTED"), (MemberPeer(SHANXI, ADAPTER), _REFUSED)):
            async with open_channel(address, pki.member_tls(peer), server_name=name) as channel:
                stub = change_service_pb2_grpc.ChangeServiceStub(channel)
                assert await _code_of(stub.SubmitChange(request, timeout=30)) == code
        assert await home.state_of(report) == VALID
        async with open_channel(address, pki.member_tls(TIANJIN_ADAPTER), server_name=name) as channel:
            await change_service_pb2_grpc.ChangeServiceStub(channel).SubmitChange(request, timeout=30)
    finally:
        await server.stop(timedelta(0))

    assert await home.state_of(report) == SUPERSEDED


async def test_two_officers_revoke_over_mutual_tls_and_nobody_else_does(home: Home, pki: PKI) -> None:
    report = await home.keep()
    server = _server(home, pki, Authority.CLIENTS)
    address = f"127.0.0.1:{await server.start()}"
    name = member_host_name(MemberPeer(BEIJING, GATEWAY))
    propose = office_service_pb2.ProposeRevocationRequest(
        report_number=report, category=ISSUED_IN_ERROR, note="示例原因"
    )
    first, second = (pki.operator_tls(officer, Authority.CLIENTS) for officer in OFFICERS)
    try:
        for stranger in (pki.enterprise_tls(SUBJECT_CODE), pki.operator_tls(OPERATOR, Authority.CLIENTS)):
            async with open_channel(address, stranger, server_name=name) as channel:
                call = office_service_pb2_grpc.OfficeServiceStub(channel).ProposeRevocation(propose, timeout=30)
                assert await _code_of(call) == "NOT_PERMITTED"
        async with open_channel(address, first, server_name=name) as channel:
            stub = office_service_pb2_grpc.OfficeServiceStub(channel)
            revocation = (await stub.ProposeRevocation(propose, timeout=30)).revocation
            confirm = office_service_pb2.ConfirmRevocationRequest(proposal=revocation.proposal)
            assert await _code_of(stub.ConfirmRevocation(confirm, timeout=30)) == "SECOND_OFFICER_NEEDED"
        async with open_channel(address, second, server_name=name) as channel:
            stub = office_service_pb2_grpc.OfficeServiceStub(channel)
            listed = await stub.ListRevocations(office_service_pb2.ListRevocationsRequest(), timeout=30)
            confirmed = (await stub.ConfirmRevocation(confirm, timeout=30)).revocation
            asked = office_service_pb2.GetStandingRequest(report_number=report)
            standing = (await stub.GetStanding(asked, timeout=30)).standing
            withdraw = office_service_pb2.WithdrawRevocationRequest(proposal=revocation.proposal)
            assert await _code_of(stub.WithdrawRevocation(withdraw, timeout=30)) == "REPORT_REVOKED"
    finally:
        await server.stop(timedelta(0))

    assert (revocation.report_number, revocation.proposed_by) == (report, OFFICERS[0])
    assert list(listed.revocations) == [confirmed] == [revocation]
    assert (standing.state, standing.since) == (REVOKED, "2026-11-22")
    assert [reason.revocation for reason in standing.reasons] == [ISSUED_IN_ERROR]


async def _code_of(call: Awaitable[object]) -> str:
    """The code of the error with which a call ends."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    detail = error_detail(caught.value)
    return "" if detail is None else detail.code
