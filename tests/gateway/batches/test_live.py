"""A group's batch against the real report service, with provinces that answer over mutual TLS."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contract.errors import ErrorCode, HurenError
from contract.province import Province
from contract.uscc import Uscc
from gateway.authorisations.look_ups import LookUps
from gateway.batches.archive import TABLE_NAME, Archiver
from gateway.batches.callers import ActingCallers, BatchCaller, group_of, institution_program
from gateway.batches.lists import from_json, read_list
from gateway.batches.service import BatchService
from gateway.domain.persons import MandateScope, Person, PersonRef
from gateway.domain.request import Caller
from gateway.federation.directory import FixedDirectory
from gateway.identity.acting import Acts, Capacity
from gateway.render.pages import ReportPages
from gateway.render.seal import Seal
from gateway.reports.files import ReportFiles
from gateway.store import tables
from gateway.store.batches import BatchState, BatchStore, GrantsInStore, LineState
from huren.authorisation.v1.authorisation_service_pb2 import LOOK_UP_RESULT_REFUSED
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_service_pb2 as wire
from runtime.identity import MemberPeer
from sandbox.pki import PKI
from signing import Verifier
from tests.support.federation import GATEWAY, NOW, SUBJECT_CODE, registry_entry, uscc
from tests.support.live import Live, live_federation, members

OTHER, NOT_MINE, BANK = uscc(2), uscc(3), uscc(4)
AGENT = PersonRef("a" * 32)


class Mandates:
    """A person who may act for two enterprises."""

    async def for_enterprise(self, person: Person, code: Uscc, scope: MandateScope) -> Caller:
        if (person.person, scope) != (AGENT, MandateScope.REPORT) or code not in {SUBJECT_CODE, OTHER}:
            raise HurenError(ErrorCode.NO_MANDATE)
        return Caller(
            reference=f"person:{person.person}",
            uscc=code,
            identity_level=person.level,
            basis=query_pb2.AUTHORISATION_BASIS_AGENT,
            actor=person.person,
            post="经办人",
            channel=person.channel,
        )

    async def enterprises(self, person: Person) -> list[Acts]:
        assert person.person == AGENT
        return [
            Acts(uscc=code, capacity=Capacity.AGENT, scopes=frozenset({MandateScope.REPORT}), expires_on=None)
            for code in (SUBJECT_CODE, OTHER)
        ]


@pytest.fixture
async def live(pki: PKI, tmp_path: Path, database_url: str) -> AsyncIterator[Live]:
    async with live_federation(pki, tmp_path, database_url=database_url) as running:
        for code in (OTHER, NOT_MINE):
            running.registry.entries[code] = registry_entry(code, f"北京示例企业{code[-4:]}有限公司")
        yield running


def batches_of(live: Live) -> BatchService:
    seal = live.pki.seal(MemberPeer(Province.BEIJING, GATEWAY))
    files = ReportFiles(
        province=Province.BEIJING,
        directory=FixedDirectory(members(live.adapter_addresses)),
        public_url=lambda: "https://huren.example",
        verifier=Verifier(live.federation.trust),
        catalogues=live.federation.catalogues,
        pages=ReportPages(),
        seal=Seal.load(seal.certificate, seal.private_key),
        specimen=True,
        clock=lambda: live.federation.now,
    )
    callers = ActingCallers(Mandates(), lambda: live.federation.now)
    reports = live.services.reports
    return BatchService(
        store=BatchStore(live.database),
        queue=live.services.queue,
        reports=reports,
        callers=callers,
        grants=GrantsInStore(live.database, lambda: live.federation.now),
        archiver=Archiver(reports=reports, standings=live.services.standing, files=files, callers=callers),
        catalogues=live.federation.catalogues,
        clock=lambda: live.federation.now,
    )


def agent() -> BatchCaller:
    return group_of(
        Person(
            person=AGENT,
            session_name="",
            level=query_pb2.IDENTITY_LEVEL_HIGH,
            represents=frozenset(),
            staff=None,
            channel=common_pb2.CHANNEL_WEB,
            csrf_token="",
            begun_at=NOW,
            expires_at=NOW,
        )
    )


async def go_on(live: Live, service: BatchService) -> None:
    while (work := await live.services.queue.take()) is not None:
        assert work.kind == "batch"
        await service.go_on(work)


async def told_to(live: Live, code: Uscc) -> list[tuple[str, int, int, str]]:
    """Who asked about a subject, as it is told itself: unit, ground, result and reason."""
    look_ups = LookUps(database=live.database, registry=live.registry, clock=lambda: live.federation.now)
    subject = Caller(reference="subject", uscc=code, identity_level=query_pb2.IDENTITY_LEVEL_HIGH)
    return [(one.unit, one.basis, one.result, one.reason) for one in await look_ups.of(subject)]


async def test_a_bank_that_tries_codes_without_grants_is_seen_by_each_of_them(live: Live) -> None:
    live.registry.entries[BANK] = registry_entry(BANK, "示例银行")
    caller = institution_program(
        Caller(reference=f"enterprise:{BANK}", uscc=BANK, identity_level=query_pb2.IDENTITY_LEVEL_HIGH)
    )
    service = batches_of(live)
    lines = from_json([SUBJECT_CODE, {"uscc": OTHER, "grant": "1f" * 16}])
    batch = await service.begin(caller, wire.RequestReportRequest(), lines, idempotency_key="probing-codes")
    await go_on(live, service)

    assert [line.reason for line in await service.lines(batch, caller)] == ["GRANT_NOT_FOUND"] * 2
    refused = ("示例银行", query_pb2.AUTHORISATION_BASIS_GRANT, LOOK_UP_RESULT_REFUSED, "GRANT_NOT_FOUND")
    assert [await told_to(live, code) for code in (SUBJECT_CODE, OTHER)] == [[refused], [refused]]


async def test_an_agent_issues_for_a_group_from_a_file_and_fetches_one_archive(live: Live) -> None:
    service = batches_of(live)
    listed = f"统一社会信用代码,备注\n{SUBJECT_CODE},\n{NOT_MINE},\n{OTHER},\n{OTHER},\n12345,\n".encode("gb18030")
    lines = await asyncio.to_thread(read_list, listed)
    batch = await service.begin(agent(), wire.RequestReportRequest(), lines, idempotency_key="a-group-of-two")

    await go_on(live, service)

    view = await service.find(batch, agent())
    assert view.batch.state is BatchState.DONE
    assert view.counts == {LineState.SEALED: 2, LineState.FAILED: 3}
    reasons = [(line.line, line.reason) for line in await service.lines(batch, agent())]
    assert reasons == [(2, ""), (3, "NO_MANDATE"), (4, ""), (5, "DUPLICATE"), (6, "USCC_MALFORMED")]

    requests = {row["uscc"]: row for row in await live.rows(tables.requests)}
    assert set(requests) == {SUBJECT_CODE, OTHER}
    assert {row["basis"] for row in requests.values()} == {query_pb2.AUTHORISATION_BASIS_AGENT}
    assert {row["applicant"] for row in requests.values()} == {SUBJECT_CODE, OTHER}

    somebody = ("个人（未获本企业授权）", query_pb2.AUTHORISATION_BASIS_AGENT, LOOK_UP_RESULT_REFUSED, "NO_MANDATE")
    assert await told_to(live, NOT_MINE) == [somebody]
    assert [row["actor"] for row in await live.rows(tables.refused_look_ups)] == [AGENT]

    out = io.BytesIO()
    await service.archive(batch, agent(), out, wire.REPORT_FORMAT_JSON)
    with zipfile.ZipFile(out) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    table = list(csv.DictReader(io.StringIO(content.pop(TABLE_NAME).decode("utf-8-sig"), newline="")))
    assert [row["名称"] for row in table] == ["北京示例机械有限公司", "", f"北京示例企业{OTHER[-4:]}有限公司", "", ""]
    numbers = [row["报告编号"] for row in table if row["报告编号"]]
    assert list(content) == [f"{number}.{suffix}" for number in numbers for suffix in ("json", "report")]
    assert all(json.loads(content[f"{number}.json"]) for number in numbers)
    assert all(AGENT.encode() not in packed for packed in content.values())
