"""Grants on both databases: drafted, given by a consent that counts, taken back, listed, and told to the origins."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from contract.authorisation import check_consent, grant_text
from contract.days import from_timestamp, years_after
from contract.errors import ErrorCode, HurenError
from contract.payloads import GRANT, parse
from contract.province import Province
from contract.uscc import Uscc
from gateway.store import tables
from gateway.store.epochs import RESTORED, begin_epoch
from huren.authorisation.v1 import authorisation_pb2
from huren.authorisation.v1 import authorisation_service_pb2 as wire
from huren.fragment.v1 import query_pb2
from signing import decode_envelope, statement_id
from tests.support.federation import CATALOGUE, NOW, SUBJECT_CODE, registry_entry
from tests.support.granting import (
    BANK,
    STRANGER,
    GrantingHome,
    enterprise,
    opened,
)

BEIJING, TIANJIN, HEBEI, SHANXI = Province

IN_FORCE = wire.GRANT_STATE_IN_FORCE
REVOKED = wire.GRANT_STATE_REVOKED
EXPIRED = wire.GRANT_STATE_EXPIRED
USED_UP = wire.GRANT_STATE_USED_UP
GIVEN = wire.GRANT_SIDE_GIVEN
RECEIVED = wire.GRANT_SIDE_RECEIVED


async def refusal(call: Any) -> HurenError:
    with pytest.raises(HurenError) as caught:
        await call
    return caught.value


# --- Giving ------------------------------------------------------------------------------------------------------------------


async def test_a_grant_is_a_statement_of_the_home_with_the_consent_in_it(home: GrantingHome) -> None:
    draft = await home.draft()

    given_grant = await home.service.give(home.signed(draft), enterprise())

    verified = home.federation.verifier.verify(given_grant.grant_envelope, expect={GRANT})
    grant = parse(verified, authorisation_pb2.Grant)
    assert (verified.signer.member, verified.statement_id) == (BEIJING, given_grant.grant_statement_id)
    assert grant.terms == given_grant.terms == draft.terms
    assert grant.consent.text == draft.text
    check_consent(grant.terms, grant.consent, CATALOGUE, NOW)
    assert (given_grant.state, given_grant.uses) == (IN_FORCE, 0)
    assert from_timestamp(given_grant.given_at) == NOW
    assert not given_grant.HasField("revoked_at")
    assert [origin.province for origin in given_grant.origins] == [province.wire for province in Province]
    received = {Province(one.province) for one in given_grant.origins if one.HasField("grant_received_at")}
    assert received == set(home.origins)
    assert await home.told() == [given_grant.grant_envelope]
    assert [
        (row["action"], row["result"], row["caller"], row["uscc"], row["statement_id"])
        for row in await home.rows(tables.audit)
    ] == [("grant", "given", f"enterprise:{SUBJECT_CODE}", SUBJECT_CODE, given_grant.grant_statement_id)]


async def test_an_agent_gives_what_the_enterprise_signed(home: GrantingHome) -> None:
    agent = enterprise(reference="person:" + "a" * 32, basis=query_pb2.AUTHORISATION_BASIS_AGENT)

    given_grant = await home.service.give(home.signed(await home.draft()), agent)

    assert given_grant.state == IN_FORCE
    assert agent.reference.encode() not in given_grant.grant_envelope
    assert [row["given_by"] for row in await home.rows(tables.grants)] == [agent.reference]


async def test_the_same_again_is_the_same_grant_byte_for_byte_also_signed_anew_and_later(home: GrantingHome) -> None:
    draft = await home.draft()
    first = await home.service.give(home.signed(draft), enterprise())
    home.now += timedelta(days=3)

    again = await home.service.give(home.signed(draft), enterprise())

    assert again == first
    assert await home.told() == [first.grant_envelope]
    assert len(await home.rows(tables.grants)) == len(await home.rows(tables.audit)) == 1


async def test_the_same_at_once_is_one_grant(home: GrantingHome) -> None:
    draft = await home.draft()

    grants = await asyncio.gather(*(home.service.give(home.signed(draft), enterprise()) for _ in range(4)))

    assert len({grant.grant_envelope for grant in grants}) == 1
    assert await home.told() == [grants[0].grant_envelope]
    assert len(await home.rows(tables.grants)) == 1


async def test_a_grant_that_was_taken_back_is_not_given_again_under_its_number(home: GrantingHome) -> None:
    draft = await home.draft()
    grant = await home.service.give(home.signed(draft), enterprise())
    await home.service.revoke(grant.grant_statement_id, enterprise())

    assert (await home.service.give(home.signed(draft), enterprise())).state == REVOKED


async def test_a_document_number_is_used_once_by_whomever(home: GrantingHome) -> None:
    home.registry.entries[STRANGER] = registry_entry(STRANGER, "示例他人")
    taken = (await home.give()).terms.document_number
    for code in (SUBJECT_CODE, STRANGER):
        draft = await home.draft(code, max_uses=4)
        draft.terms.document_number = taken
        draft.text = grant_text(draft.terms, CATALOGUE)

        error = await refusal(home.service.give(home.signed(draft, by=code), enterprise(code)))

        assert (error.code, error.field) == (ErrorCode.GRANT_TERMS_UNACCEPTABLE, "terms.document_number")
    assert len(await home.rows(tables.grants)) == 1


async def test_two_subjects_that_take_one_number_at_once_are_not_both_given_it(home: GrantingHome) -> None:
    home.registry.entries[STRANGER] = registry_entry(STRANGER, "示例他人")
    requests = []
    for code in (SUBJECT_CODE, STRANGER):
        draft = await home.draft(code)
        draft.terms.document_number = "ab" * 16
        draft.text = grant_text(draft.terms, CATALOGUE)
        requests.append((home.signed(draft, by=code), enterprise(code)))

    results = await asyncio.gather(
        *(home.service.give(request, caller) for request, caller in requests), return_exceptions=True
    )

    assert sorted(type(one).__name__ for one in results) == ["GivenGrant", "HurenError"]
    assert len(await home.told()) == len(await home.rows(tables.grants)) == 1


# --- Taking back, and where a grant stands --------------------------------------------------------------------------------------


async def test_taking_back_counts_at_once_and_says_who_knows_it(home: GrantingHome) -> None:
    grant = await home.give()
    await home.publisher.push_all(30)
    home.origins[SHANXI].silent = True
    home.now += timedelta(hours=1)

    revoked = await home.service.revoke(grant.grant_statement_id, enterprise())

    assert (revoked.state, from_timestamp(revoked.revoked_at)) == (REVOKED, home.now)
    assert revoked.grant_envelope == grant.grant_envelope
    known = {Province(origin.province): origin for origin in revoked.origins}
    for province, origin in known.items():
        assert from_timestamp(origin.grant_received_at) == home.origins[province].clock
        assert origin.HasField("revocation_received_at") == (province is not SHANXI)
    assert from_timestamp(known[HEBEI].revocation_received_at) == home.origins[HEBEI].clock
    revocation = opened(home.origins[HEBEI].told[-1])
    assert revocation.grant_statement_id == grant.grant_statement_id
    assert [row["result"] for row in await home.rows(tables.audit)] == ["given", "revoked"]


async def test_taking_back_twice_and_at_once_is_once(home: GrantingHome) -> None:
    grant = await home.give()

    revoked = await asyncio.gather(*(home.service.revoke(grant.grant_statement_id, enterprise()) for _ in range(4)))
    home.now += timedelta(days=1)
    again = await home.service.revoke(grant.grant_statement_id, enterprise())

    assert {from_timestamp(one.revoked_at) for one in (*revoked, again)} == {NOW}
    assert len(await home.rows(tables.grant_revocations)) == 1
    assert len(await home.told()) == 2


async def test_what_the_caller_did_not_give_is_not_found_alike(home: GrantingHome) -> None:
    grant = await home.give()

    errors = [
        await refusal(home.service.revoke(grant_id, enterprise(code)))
        for grant_id, code in [
            (grant.grant_statement_id, BANK),
            (grant.grant_statement_id, STRANGER),
            (b"0" * 32, SUBJECT_CODE),
        ]
    ]

    assert {(error.code, error.message_zh, error.field) for error in errors} == {
        (ErrorCode.GRANT_NOT_FOUND, errors[0].message_zh, "grant_statement_id")
    }
    assert await home.rows(tables.grant_revocations) == []


async def test_a_subject_that_moved_away_still_takes_back(home: GrantingHome) -> None:
    grant = await home.give()
    home.registry.entries[SUBJECT_CODE] = registry_entry(home=HEBEI)

    assert (await home.service.revoke(grant.grant_statement_id, enterprise())).state == REVOKED


async def test_states_in_their_order(home: GrantingHome) -> None:
    grant = await home.give(max_uses=1)
    grant_id = grant.grant_statement_id

    async def state() -> tuple[int, int]:
        (listed,) = await home.service.list(GIVEN, enterprise())
        return listed.state, listed.uses

    assert await state() == (IN_FORCE, 0)
    await home.use(grant_id, "1" * 32)
    assert await state() == (USED_UP, 1)
    home.now = datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC)
    assert await state() == (USED_UP, 1)
    home.now += timedelta(seconds=1)
    assert await state() == (EXPIRED, 1)
    await home.service.revoke(grant_id, enterprise())
    assert await state() == (REVOKED, 1)


async def test_each_side_lists_its_own_newest_first(home: GrantingHome) -> None:
    first = await home.give()
    home.now += timedelta(minutes=1)
    second = await home.give(grantee_uscc=STRANGER, grantee_name="示例甲")
    home.now += timedelta(minutes=1)
    third = await home.give()

    async def ids(side: wire.GrantSide.ValueType, code: Uscc) -> list[bytes]:
        return [grant.grant_statement_id for grant in await home.service.list(side, enterprise(code))]

    numbers = [grant.grant_statement_id for grant in (first, second, third)]
    assert await ids(GIVEN, SUBJECT_CODE) == numbers[::-1]
    assert await ids(RECEIVED, BANK) == [numbers[2], numbers[0]]
    assert await ids(RECEIVED, STRANGER) == [numbers[1]]
    assert await ids(RECEIVED, SUBJECT_CODE) == await ids(GIVEN, BANK) == []


async def test_one_grant_is_found_by_both_its_sides_and_by_nobody_else(home: GrantingHome) -> None:
    given = await home.give()

    for code in (SUBJECT_CODE, BANK):
        found = await home.service.find(given.grant_statement_id, enterprise(code))
        assert found.grant_envelope == given.grant_envelope
    for grant_id, code in ((given.grant_statement_id, STRANGER), (bytes(32), SUBJECT_CODE)):
        with pytest.raises(HurenError) as caught:
            await home.service.find(grant_id, enterprise(code))
        assert caught.value.code is ErrorCode.GRANT_NOT_FOUND


async def test_the_statement_id_is_that_of_the_envelope(home: GrantingHome) -> None:
    grant = await home.give()
    decoded = decode_envelope(grant.grant_envelope)

    assert grant.grant_statement_id == statement_id(decoded.payload_type, decoded.payload)


# --- The snapshot --------------------------------------------------------------------------------------------------------------


async def test_a_snapshot_tells_each_grant_then_its_uses_then_its_revocation(home: GrantingHome) -> None:
    first = await home.give()
    home.now += timedelta(minutes=1)
    second = await home.give()
    for number, grant in enumerate((first, second, first)):
        await home.use(grant.grant_statement_id, f"{number:032x}")
    await home.service.revoke(first.grant_statement_id, enterprise())

    told = [opened(envelope) for envelope in await home.snapshot()]

    assert [type(one).__name__ for one in told] == [
        "Grant",
        "GrantUse",
        "GrantUse",
        "GrantRevocation",
        "Grant",
        "GrantUse",
    ]
    assert [(one.ordinal, one.request_id) for one in told if isinstance(one, authorisation_pb2.GrantUse)] == [
        (1, f"{0:032x}"),
        (2, f"{2:032x}"),
        (1, f"{1:032x}"),
    ]
    assert sorted(await home.snapshot()) == sorted(await home.told())


async def test_a_snapshot_leaves_out_what_ended_more_than_thirty_days_ago(home: GrantingHome) -> None:
    short = await home.give(expires_on="2026-11-30")
    await home.use(short.grant_statement_id, "0" * 32)
    await home.service.revoke(short.grant_statement_id, enterprise())
    await home.give(expires_on=years_after(date(2026, 11, 22), 1).isoformat())
    home.now = datetime(2026, 12, 30, 15, 59, tzinfo=UTC)
    assert len(await home.snapshot()) == 4

    home.now += timedelta(minutes=1)

    assert len(await home.snapshot()) == 1


async def test_after_a_restore_the_feed_tells_all_that_holds_again(home: GrantingHome) -> None:
    grant = await home.give()
    await home.use(grant.grant_statement_id, "0" * 32)
    before = list(await home.told())
    async with home.database.write() as connection:
        await begin_epoch(connection, RESTORED, at=home.now)

    revoked = await home.service.revoke(grant.grant_statement_id, enterprise())

    told = (await home.told())[len(before) :]
    assert told[:2] == before
    assert [type(opened(envelope)).__name__ for envelope in told] == ["Grant", "GrantUse", "GrantRevocation"]
    assert revoked.state == REVOKED
