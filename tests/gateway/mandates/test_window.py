"""Paper mandates at windows, on both databases: two people of one unit, one day, and files as they are declared."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from contract.errors import ErrorCode, HurenError
from gateway.domain.persons import Person, StaffRole
from gateway.mandates.window import MAX_SCAN_BYTES, MAX_UNCONFIRMED, SCAN_TYPES, Scan, require_scan
from gateway.store import tables
from tests.support.federation import uscc
from tests.support.mandates import BASIC, ENTERPRISE, OTHER_UNIT, PDF, UNIT, Home, person, staff

CLERK = person(11, staff=staff(StaffRole.WINDOW_CLERK))
COLLEAGUE = person(12, staff=staff(StaffRole.WINDOW_CLERK, number="1043"))
REVIEWER = person(13, staff=staff(StaffRole.REVIEWER, number="7"))
OFFICER = person(14, staff=staff(StaffRole.OFFICER))
ELSEWHERE = person(15, staff=staff(StaffRole.WINDOW_CLERK, StaffRole.REVIEWER, unit=OTHER_UNIT))
NOBODY = person(16)

MIDNIGHT = datetime(2026, 11, 22, 16, tzinfo=UTC)
"""The first instant of the next China day."""

NOT_FOUND = ErrorCode.WINDOW_MANDATE_NOT_FOUND


async def refusal(call: Awaitable[object]) -> ErrorCode:
    with pytest.raises(HurenError) as refused:
        await call
    return refused.value.code


async def file(home: Home, who: Person = CLERK) -> str:
    return await home.windows.file(who, ENTERPRISE, PDF, "application/pdf")


async def test_a_paper_counts_once_a_second_person_confirmed_it_until_the_end_of_the_china_day(home: Home) -> None:
    mandate = await file(home)
    (filed,) = await home.windows.of_unit(CLERK)
    assert (filed.mandate, filed.uscc, filed.post, filed.expires_at, filed.filed_by_me, filed.in_force) == (
        mandate,
        ENTERPRISE,
        "综合窗口（工号**42）",
        MIDNIGHT,
        True,
        False,
    )

    confirmed = await home.windows.confirm(REVIEWER, mandate)

    assert confirmed == replace(filed, filed_by_me=False, confirmed_at=home.now, in_force=True)
    home.now = MIDNIGHT - timedelta(microseconds=1)
    assert [one.in_force for one in await home.windows.of_unit(COLLEAGUE)] == [True]
    home.now = MIDNIGHT
    assert [one.in_force for one in await home.windows.of_unit(COLLEAGUE)] == [False]


async def test_every_step_is_in_the_audit(home: Home) -> None:
    mandate = await file(home)
    await home.windows.confirm(COLLEAGUE, mandate)
    await home.windows.confirm(REVIEWER, mandate)
    await home.windows.read_scan(REVIEWER, mandate)
    await home.windows.end(CLERK, mandate)
    await home.windows.end(CLERK, mandate)

    assert await home.audit() == [
        ("window-mandate", f"person:{who.person}", ENTERPRISE, f"{what} {mandate}")
        for who, what in ((CLERK, "filed"), (COLLEAGUE, "confirmed"), (REVIEWER, "scan read"), (CLERK, "ended"))
    ]


async def test_nobody_confirms_what_they_filed(home: Home) -> None:
    mandate = await file(home)

    assert await refusal(home.windows.confirm(CLERK, mandate)) is ErrorCode.SECOND_OFFICER_NEEDED
    both = replace(CLERK, staff=staff(StaffRole.WINDOW_CLERK, StaffRole.REVIEWER))
    assert await refusal(home.windows.confirm(both, mandate)) is ErrorCode.SECOND_OFFICER_NEEDED
    assert [one.confirmed_at for one in await home.windows.of_unit(CLERK)] == [None]


async def test_other_units_are_told_the_same_as_of_an_id_that_is_nobodys(home: Home) -> None:
    mandate = await file(home)

    for one in (mandate, "0" * 32, "", "\x00", "\ud800"):
        for call in (home.windows.confirm, home.windows.end, home.windows.read_scan):
            assert await refusal(call(ELSEWHERE, one)) is NOT_FOUND
    assert await home.windows.of_unit(ELSEWHERE) == []
    assert len(await home.audit()) == 1


@pytest.mark.parametrize(
    "who", [NOBODY, OFFICER, replace(REVIEWER, level=BASIC)], ids=["nobody", "officer", "password"]
)
async def test_others_have_nothing_to_do_with_papers(home: Home, who: Person) -> None:
    mandate = await file(home)

    for call in (home.windows.confirm, home.windows.end, home.windows.read_scan):
        assert await refusal(call(who, mandate)) is ErrorCode.NOT_PERMITTED
    assert await refusal(home.windows.of_unit(who)) is ErrorCode.NOT_PERMITTED
    assert await refusal(file(home, who)) is ErrorCode.NOT_PERMITTED


async def test_a_reviewer_files_nothing(home: Home) -> None:
    assert await refusal(file(home, REVIEWER)) is ErrorCode.NOT_PERMITTED


async def test_what_ended_or_expired_is_confirmed_no_more(home: Home) -> None:
    ended, expired = await file(home), await file(home)
    await home.windows.end(COLLEAGUE, ended)
    assert await refusal(home.windows.confirm(REVIEWER, ended)) is NOT_FOUND

    home.now = MIDNIGHT

    assert await refusal(home.windows.confirm(REVIEWER, expired)) is NOT_FOUND


async def test_a_paper_that_was_confirmed_can_be_ended(home: Home) -> None:
    mandate = await file(home)
    await home.windows.confirm(REVIEWER, mandate)

    assert not (await home.windows.end(COLLEAGUE, mandate)).in_force


async def test_no_more_papers_of_a_clerk_wait_than_may_also_when_filed_at_the_same_time(home: Home) -> None:
    await home.meet(CLERK, COLLEAGUE)
    filed = [file(home) for _ in range(MAX_UNCONFIRMED + 3)]
    answers = await asyncio.gather(*filed, return_exceptions=True)
    errors = [answer for answer in answers if isinstance(answer, HurenError)]
    assert [(error.code, error.field) for error in errors] == [(ErrorCode.FILE_NOT_ACCEPTED, "scan")] * 3
    assert str(MAX_UNCONFIRMED) in errors[0].message_zh
    waiting = await home.windows.of_unit(CLERK)
    assert len(waiting) == MAX_UNCONFIRMED

    await file(home, COLLEAGUE)
    await home.windows.confirm(REVIEWER, waiting[0].mandate)
    await file(home)
    assert await refusal(file(home)) is ErrorCode.FILE_NOT_ACCEPTED


async def test_papers_that_were_ended_unconfirmed_count_until_their_day_is_past(home: Home) -> None:
    for _ in range(MAX_UNCONFIRMED):
        await home.windows.end(CLERK, await file(home))
    home.now = MIDNIGHT - timedelta(microseconds=1)
    assert await refusal(file(home)) is ErrorCode.FILE_NOT_ACCEPTED

    home.now = MIDNIGHT

    await file(home)


async def test_the_scan_is_given_back_as_it_came(home: Home) -> None:
    mandate = await file(home)
    home.now = MIDNIGHT

    assert await home.windows.read_scan(REVIEWER, mandate) == Scan(
        content=PDF, media_type="application/pdf", digest=hashlib.sha256(PDF).digest()
    )


@pytest.mark.parametrize("code", [ENTERPRISE[:-1], ""])
async def test_refuses_a_code_by_its_form(home: Home, code: str) -> None:
    assert await refusal(home.windows.file(CLERK, code, PDF, "application/pdf")) is ErrorCode.USCC_MALFORMED
    institution = uscc(1, UNIT[:8])
    assert (
        await refusal(home.windows.file(CLERK, institution, PDF, "application/pdf")) is ErrorCode.SUBJECT_NOT_ELIGIBLE
    )


# --- Files ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scan", "media_type"),
    [
        pytest.param(PDF, "image/png", id="another-type-declared"),
        pytest.param(b"GIF89a", "image/gif", id="a-type-that-is-not-taken"),
        pytest.param(PDF, "application/pdf; charset=utf-8", id="with-parameters"),
        pytest.param(PDF, "", id="no-type"),
        pytest.param(b"", "application/pdf", id="empty"),
        pytest.param(b"\n" + PDF, "application/pdf", id="something-before"),
        pytest.param(b"<script>", "image/jpeg", id="no-image"),
        pytest.param(PDF.ljust(MAX_SCAN_BYTES + 1), "application/pdf", id="too-large"),
    ],
)
async def test_refuses_what_is_no_scan(home: Home, scan: bytes, media_type: str) -> None:
    assert await refusal(home.windows.file(CLERK, ENTERPRISE, scan, media_type)) is ErrorCode.FILE_NOT_ACCEPTED
    async with home.database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(tables.window_mandates))).scalar_one() == 0


@pytest.mark.parametrize("media_type", SCAN_TYPES)
def test_takes_each_type_up_to_the_largest_size(media_type: str) -> None:
    require_scan(SCAN_TYPES[media_type].ljust(MAX_SCAN_BYTES), media_type)


@given(st.binary(max_size=16), st.sampled_from([*SCAN_TYPES, "text/html"]))
def test_any_bytes_are_taken_or_refused_by_name(scan: bytes, media_type: str) -> None:
    fits = media_type in SCAN_TYPES and scan[: len(SCAN_TYPES[media_type])] == SCAN_TYPES[media_type]
    if fits:
        require_scan(scan, media_type)
        return
    with pytest.raises(HurenError) as refused:
        require_scan(scan, media_type)
    assert refused.value.code is ErrorCode.FILE_NOT_ACCEPTED
