"""Whether something may be asked under a grant, on both databases: alone, and against a revocation at the same moment."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from contract.days import DayRange
from contract.errors import ErrorCode, HurenError
from contract.payloads import GRANT_USE, parse
from contract.province import Province
from contract.report_number import make as make_number
from gateway.domain.request import Ground, RequestId, Sealed
from gateway.store import tables
from gateway.store.rows import alone_with_subject
from gateway.store.store import NewReport, Store, StoredRequest
from gateway.store.work import WorkQueue
from huren.authorisation.v1 import authorisation_pb2
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from signing import StatementId
from tests.support.federation import CATALOGUE, NOW, SUBJECT_CODE, subject
from tests.support.granting import BANK, STRANGER, GrantingHome, enterprise, opened

BEIJING = Province.BEIJING
UNKNOWN = b"\7" * 32


async def refusal(call: Any) -> HurenError:
    with pytest.raises(HurenError) as caught:
        await call
    return caught.value


def of_bank(home: GrantingHome, grant_id: bytes, request_id: str) -> StoredRequest:
    """A request of the bank's under a grant."""
    return StoredRequest(
        request_id=RequestId(request_id),
        digest=b"",
        subject=subject(),
        window=DayRange(date(2026, 1, 1), date(2026, 11, 22)).to_wire(),
        cells=(),
        catalogue=CATALOGUE.ref,
        purpose=query_pb2.PURPOSE_FINANCING,
        identity_level=query_pb2.IDENTITY_LEVEL_HIGH,
        actor_ref=b"0" * 16,
        caller=f"enterprise:{BANK}",
        applicant=BANK,
        ground=Ground(basis=query_pb2.AUTHORISATION_BASIS_GRANT, grant_id=grant_id),
        opened_at=home.now,
        completion_until=home.now + timedelta(hours=1),
        channel=common_pb2.CHANNEL_API,
    )


async def open_request(home: GrantingHome, grant_id: bytes, request_id: str) -> StoredRequest:
    """Opens a request as the report service does."""
    request = of_bank(home, grant_id, request_id)

    async def use(connection: AsyncConnection) -> int:
        return await home.grants.use(connection, grant_id, request_id, home.now)

    queue = WorkQueue(home.database, owner="one", clock=lambda: home.now, lease=timedelta(minutes=1))
    return await Store(home.database).open_request(
        request, idempotency_key=request_id, hold=queue.hold(), use_grant=use
    )


async def seal(home: GrantingHome, request: StoredRequest) -> Sealed | StoredRequest | None:
    """Seals a report as the report service does."""
    grant_id = request.ground.grant_id

    def make(sequence: int) -> NewReport:
        number = make_number(BEIJING, date(2026, 11, 22), sequence)
        sealed = Sealed(report_number=number, envelope=b"", verification_code=number, typed_code="", issued_at=home.now)
        return NewReport(sealed=sealed, statement_id=StatementId(number.encode()), issued_at=home.now)

    return await Store(home.database).seal(
        request,
        (),
        at=home.now,
        is_usable=lambda _: True,
        make=make,
        is_current=lambda _: True,
        is_allowed=lambda connection: home.grants.require_in_force(connection, grant_id, home.now),
        tell=False,
    )


# --- Terms and uses ----------------------------------------------------------------------------------------------------------


async def test_its_grantee_learns_the_terms_and_nobody_else_that_there_is_a_grant(home: GrantingHome) -> None:
    grant = await home.give()
    grant_id = grant.grant_statement_id

    assert await home.grants.terms(grant_id, BANK, NOW) == grant.terms
    errors = [
        await refusal(home.grants.terms(asked, code, NOW))
        for asked, code in [(grant_id, STRANGER), (grant_id, SUBJECT_CODE), (UNKNOWN, BANK), (b"", BANK)]
    ]
    assert {(error.code, error.message_zh) for error in errors} == {(ErrorCode.GRANT_NOT_FOUND, errors[0].message_zh)}


async def test_a_use_is_numbered_told_and_written_down(home: GrantingHome) -> None:
    grant_id = (await home.give()).grant_statement_id

    assert [await home.use(grant_id, f"{number:032x}") for number in range(3)] == [1, 2, 3]

    told = (await home.told())[1:]
    verified = home.federation.verifier.verify(told[1], expect={GRANT_USE})
    use = parse(verified, authorisation_pb2.GrantUse)
    assert (verified.signer.member, use.grant_statement_id) == (BEIJING, grant_id)
    assert (use.ordinal, use.request_id) == (2, f"{1:032x}")
    assert [(row["ordinal"], row["envelope"]) for row in await home.rows(tables.grant_uses)] == list(
        enumerate(told, start=1)
    )
    lines = [(row["result"], row["request_id"], row["uscc"]) for row in await home.rows(tables.audit)][1:]
    assert lines == [(f"used, {number + 1} of 3", f"{number:032x}", SUBJECT_CODE) for number in range(3)]
    error = await refusal(home.use(grant_id, "f" * 32))
    assert (error.code, error.parameters) == (ErrorCode.GRANT_USED_UP, {"limit": 3})


async def test_a_request_is_one_use_however_often_it_is_said(home: GrantingHome) -> None:
    grant_id = (await home.give(max_uses=1)).grant_statement_id

    assert [await home.use(grant_id, "0" * 32) for _ in range(2)] == [1, 1]
    assert len(await home.told()) == 2


async def test_a_use_that_is_rolled_back_was_none(home: GrantingHome) -> None:
    grant_id = (await home.give(max_uses=1)).grant_statement_id

    async def fail() -> None:
        async with home.database.write() as connection:
            await home.grants.use(connection, grant_id, "0" * 32, NOW)
            raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        await fail()

    assert await home.use(grant_id, "1" * 32) == 1
    assert len(await home.told()) == 2


async def test_of_two_requests_at_the_last_ordinal_one_is_opened(home: GrantingHome) -> None:
    grant_id = (await home.give(max_uses=2)).grant_statement_id
    await open_request(home, grant_id, "0" * 32)

    results = await asyncio.gather(
        *(open_request(home, grant_id, f"{number:032x}") for number in range(1, 5)), return_exceptions=True
    )

    opened_ones = [one for one in results if isinstance(one, StoredRequest)]
    assert [one.ground.use_ordinal for one in opened_ones] == [2]
    assert {one.code for one in results if isinstance(one, HurenError)} == {ErrorCode.GRANT_USED_UP}
    assert {row["request_id"]: row["use_ordinal"] for row in await home.rows(tables.requests)} == {
        "0" * 32: 1,
        opened_ones[0].request_id: 2,
    }
    assert len(await home.rows(tables.grant_uses)) == 2


async def test_grants_are_counted_apart(home: GrantingHome) -> None:
    one, other = [(await home.give(max_uses=1)).grant_statement_id for _ in range(2)]

    assert [await home.use(one, "0" * 32), await home.use(other, "1" * 32)] == [1, 1]


# --- The end of a grant --------------------------------------------------------------------------------------------------------


async def _asked(home: GrantingHome, grant_id: bytes) -> list[HurenError]:
    """What everybody who asks is told."""

    async def in_transaction(call: Any) -> None:
        async with home.database.write() as connection:
            await alone_with_subject(connection, SUBJECT_CODE)
            await call(connection)

    grants, at = home.grants, home.now
    return [
        await refusal(grants.terms(grant_id, BANK, at)),
        await refusal(grants.still_in_force(grant_id, at)),
        await refusal(in_transaction(lambda connection: grants.require_in_force(connection, grant_id, at))),
        await refusal(in_transaction(lambda connection: grants.use(connection, grant_id, "e" * 32, at))),
    ]


async def test_a_grant_counts_to_the_end_of_its_last_day_in_china(home: GrantingHome) -> None:
    grant_id = (await home.give()).grant_statement_id
    home.now = datetime(2026, 12, 31, 15, 59, 59, 999_999, tzinfo=UTC)
    await home.grants.still_in_force(grant_id, home.now)
    assert await home.use(grant_id, "0" * 32) == 1

    home.now += timedelta(microseconds=1)

    errors = await _asked(home, grant_id)
    assert {error.code for error in errors} == {ErrorCode.GRANT_EXPIRED}
    assert "2026-12-31" in errors[0].message_zh


async def test_nothing_is_asked_under_a_grant_that_was_taken_back_also_for_a_request_that_used_it(
    home: GrantingHome,
) -> None:
    grant_id = (await home.give()).grant_statement_id
    await home.use(grant_id, "e" * 32)
    home.now += timedelta(days=60)  # it has expired too: what the subject did comes first
    await home.service.revoke(grant_id, enterprise())

    assert {error.code for error in await _asked(home, grant_id)} == {ErrorCode.GRANT_REVOKED}


async def test_what_is_no_grant_is_not_in_force(home: GrantingHome) -> None:
    assert {error.code for error in await _asked(home, UNKNOWN)} == {ErrorCode.GRANT_NOT_FOUND}


async def test_a_grant_that_is_used_up_is_in_force_for_the_requests_that_used_it(home: GrantingHome) -> None:
    grant_id = (await home.give(max_uses=1)).grant_statement_id
    await home.use(grant_id, "0" * 32)

    await home.grants.still_in_force(grant_id, NOW)
    assert (await home.grants.terms(grant_id, BANK, NOW)).max_uses == 1


async def test_origins_are_told_what_they_do_not_know(home: GrantingHome) -> None:
    grant = await home.give()

    await home.grants.tell_origins(30)

    assert all(origin.told == [grant.grant_envelope] for origin in home.origins.values())


# --- Against a revocation --------------------------------------------------------------------------------------------------------


async def test_a_report_is_sealed_before_a_revocation_or_not_at_all(home: GrantingHome) -> None:
    grant_id = (await home.give(max_uses=20)).grant_statement_id
    requests = [await open_request(home, grant_id, f"{number:032x}") for number in range(6)]

    results = await asyncio.gather(
        *(seal(home, request) for request in requests[:3]),
        home.service.revoke(grant_id, enterprise()),
        *(seal(home, request) for request in requests[3:]),
        return_exceptions=True,
    )

    refused = [one for one in results if isinstance(one, HurenError)]
    assert {error.code for error in refused} <= {ErrorCode.GRANT_REVOKED}
    lines = [(row["action"], row["result"]) for row in await home.rows(tables.audit)]
    assert "issue" not in [action for action, _ in lines[lines.index(("grant", "revoked")) :]]
    assert len(await home.rows(tables.reports)) == 6 - len(refused)
    assert (await refusal(seal(home, requests[0]))).code is ErrorCode.GRANT_REVOKED


async def test_no_use_is_told_after_the_revocation(home: GrantingHome) -> None:
    grant_id = (await home.give(max_uses=20)).grant_statement_id

    results = await asyncio.gather(
        *(open_request(home, grant_id, f"{number:032x}") for number in range(4)),
        home.service.revoke(grant_id, enterprise()),
        *(open_request(home, grant_id, f"{number:032x}") for number in range(4, 8)),
        return_exceptions=True,
    )

    told = [type(opened(envelope)).__name__ for envelope in await home.told()]
    uses = sum(isinstance(one, StoredRequest) for one in results)
    assert told == ["Grant", *["GrantUse"] * uses, "GrantRevocation"]
    assert {one.code for one in results if isinstance(one, HurenError)} <= {ErrorCode.GRANT_REVOKED}
    assert len(await home.rows(tables.requests)) == uses


async def test_a_revocation_waits_for_a_decision_that_was_begun(home: GrantingHome) -> None:
    grant_id = (await home.give()).grant_statement_id

    async with home.database.write() as connection:
        await alone_with_subject(connection, SUBJECT_CODE)
        await home.grants.require_in_force(connection, grant_id, NOW)
        revoking = asyncio.create_task(home.service.revoke(grant_id, enterprise()))
        for _ in range(20):  # time in which a revocation that did not wait would be through
            await connection.execute(select(tables.grants.c.statement_id))
            await asyncio.sleep(0.005)
        assert not revoking.done()
        await home.grants.require_in_force(connection, grant_id, NOW)
        assert await home.grants.use(connection, grant_id, "0" * 32, NOW) == 1

    revoked = await revoking
    assert revoked.uses == 1
    assert [type(opened(envelope)).__name__ for envelope in await home.told()] == [
        "Grant",
        "GrantUse",
        "GrantRevocation",
    ]
    assert (await refusal(home.use(grant_id, "1" * 32))).code is ErrorCode.GRANT_REVOKED
