"""The federation as `huren up` runs it: twelve processes, four platforms, the invented world behind them.

One federation serves all tests of this file. What is true is known: the world keeps its facts.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from cli.federation import SEED, SIZE, Running, federation
from cli.report import Asked, NotServedError, check, request
from contract.days import DayRange, to_timestamp, years_after
from contract.payloads import QUERY, REFUSAL
from contract.province import Province
from contract.report_check import CheckedReport
from gateway.federation.directory import read_directory
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import (
    adapter_service_pb2,
    adapter_service_pb2_grpc,
    fragment_pb2,
    query_pb2,
    record_pb2,
    refusal_pb2,
)
from runtime.grpc_channel import open_channel
from runtime.grpc_errors import error_detail
from runtime.identity import MemberPeer
from sandbox.world import Enterprise, World, generate
from signing import PrivateKey, Signer, TrustStore, Verifier

pytestmark = [pytest.mark.xdist_group("real-federation"), pytest.mark.timeout(300)]

ADAPTER = envelope_pb2.MEMBER_ROLE_ADAPTER
GATEWAY = envelope_pb2.MEMBER_ROLE_GATEWAY


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with federation(tmp_path_factory.mktemp("federation") / "up") as running:
        yield running


@pytest.fixture(scope="module")
def world(running: Running) -> World:
    return generate(seed=SEED, size=SIZE, day=running.day)


def report_of(running: Running, enterprise: Enterprise, **changes: Any) -> CheckedReport:
    """A report up to the day of the world, which midnight may have made yesterday."""
    response = request(Asked(uscc=enterprise.uscc, last_day=running.day, **changes), running.layout)
    assert response.WhichOneof("result") == "sealed", response.open
    return check(response.sealed, running.layout)


def huren(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "100"})


# --- The report says what is true -------------------------------------------------------------------------------------


def said(checked: CheckedReport, province: Province) -> set[tuple[object, ...]]:
    """What a report says about a province, in the terms of the world's facts."""
    (one,) = (one for one in checked.admitted if one.province is province)
    return {_in_terms_of_facts(cell, record) for cell in one.fragment.cells for record in cell.records}


def _in_terms_of_facts(cell: fragment_pb2.Cell, record: record_pb2.Record) -> tuple[object, ...]:
    if record.WhichOneof("fact") == "penalty":
        amounts = {amount.kind: amount.fen for amount in record.penalty.amounts}
        return (
            cell.key.domain,
            record.penalty.decided_on,
            record.penalty.authority.name,
            amounts.get(record_pb2.AMOUNT_KIND_FINE, 0),
            amounts.get(record_pb2.AMOUNT_KIND_CONFISCATION, 0),
            frozenset(record.penalty.categories),
        )
    entry = record.list_entry
    return cell.key.domain, entry.list_id, entry.listed_on, entry.removed_on, entry.authority.name


def true(world: World, enterprise: Enterprise, province: Province, day: date) -> set[tuple[object, ...]]:
    penalties, entries = world.facts_of(enterprise.uscc, province, DayRange(years_after(day, -5), day))
    found: set[tuple[object, ...]] = {
        (
            fact.domain,
            fact.decided_on.isoformat(),
            fact.authority,
            fact.fine or 0,
            fact.confiscation or 0,
            frozenset(fact.categories),
        )
        for fact in penalties
    }
    found |= {
        (
            fact.domain,
            fact.list_id,
            fact.listed_on.isoformat(),
            fact.removed_on.isoformat() if fact.removed_on else "",
            fact.authority,
        )
        for fact in entries
    }
    return found


NOT_COVERED: frozenset[tuple[object, object]] = frozenset({(Province.HEBEI, "science_technology")})
"""The one cell that a sandbox profile leaves uncovered."""

SERVED = [
    "found_in_several",
    "nothing_anywhere",
    "found_at_home",
    "moved",
    "centrally_registered",
    "branch",
    "licence_revoked",
    "individual_business",
    "cooperative",
    "old_records_only",
    "list_only",
    "renamed",
    "many_records",
]


@pytest.mark.parametrize("role", SERVED)
def test_a_report_says_what_is_true_no_more_and_no_less(running: Running, world: World, role: str) -> None:
    enterprise = world.cast[role]
    checked = report_of(running, enterprise)
    for province in Province:
        truth = {
            fact for fact in true(world, enterprise, province, running.day) if (province, fact[0]) not in NOT_COVERED
        }
        assert said(checked, province) == truth
    home = enterprise.homes[-1][0]
    assert checked.statement.signer.member == home


def test_reports_of_many_enterprises_say_what_is_true(running: Running, world: World) -> None:
    """Every tenth subject with a record somewhere, so that all four platforms are read in every form they have."""
    with_records = {fact.subject.uscc: fact.subject for fact in world.penalties}
    with_records |= {fact.subject.uscc: fact.subject for fact in world.list_entries}
    chosen = [
        enterprise
        for enterprise in list(with_records.values())[::10]
        if enterprise not in world.cast.values() and enterprise.homes[-1][0] is not None and not enterprise.cancelled_on
    ]
    assert len(chosen) >= 8
    for enterprise in chosen:
        checked = report_of(running, enterprise)
        for province in Province:
            truth = {
                fact
                for fact in true(world, enterprise, province, running.day)
                if (province, fact[0]) not in NOT_COVERED
            }
            assert said(checked, province) == truth, enterprise.uscc


def test_a_shorter_window_and_fewer_domains_say_less(running: Running, world: World) -> None:
    enterprise = world.cast["many_records"]
    first = running.day - timedelta(days=365)
    checked = report_of(running, enterprise, first_day=first, domains=("ecology_environment", "taxation"))
    assert {key.domain for key in checked.report.cells} == {"ecology_environment", "taxation"}
    for province in Province:
        for fact in said(checked, province):
            assert fact[0] in {"ecology_environment", "taxation"}
            assert str(fact[1]) >= first.isoformat()


@pytest.mark.parametrize(
    ("role", "code"), [("cancelled", "SUBJECT_CANCELLED"), ("outside", "HOME_OUTSIDE")], ids=["cancelled", "outside"]
)
def test_a_subject_that_cannot_be_served_is_told_why(running: Running, world: World, role: str, code: str) -> None:
    enterprise = world.cast[role]
    gateway = next(home for home, _ in reversed(enterprise.homes) if home is not None)
    with pytest.raises(NotServedError) as caught:
        request(Asked(uscc=enterprise.uscc, gateway=gateway), running.layout)
    assert caught.value.detail.code == code


def test_a_foreign_gateway_names_the_home(running: Running, world: World) -> None:
    enterprise = world.cast["moved"]
    with pytest.raises(NotServedError) as caught:
        request(Asked(uscc=enterprise.uscc, gateway=Province.BEIJING), running.layout)
    assert (caught.value.detail.code, caught.value.detail.province) == ("FOREIGN_HOME", Province.HEBEI.wire)


# --- What an adapter refuses ------------------------------------------------------------------------------------------


class Home:
    """Plays a home gateway against a real adapter, with that gateway's real keys."""

    def __init__(self, running: Running, province: Province = Province.BEIJING) -> None:
        self.pki = running.layout.pki
        self.member = MemberPeer(province, GATEWAY)
        self.signer = Signer(PrivateKey.load(self.pki.signing_key(self.member)), issuer=province, role=GATEWAY)
        self.members = read_directory(running.layout.members)
        self.verifier = Verifier(TrustStore.from_directory(self.pki.trust))

    def query(self, enterprise: Enterprise, checked: CheckedReport, at: datetime | None = None) -> query_pb2.Query:
        """A query that would be answered by 山西."""
        at = at or datetime.now(UTC)
        query = query_pb2.Query.FromString(
            self.verifier.verify(checked.report.answers[3].query_envelope, expect={QUERY}).payload
        )
        assert query.subject.uscc == enterprise.uscc
        query.header.CopyFrom(self.signer.new_header(at))
        query.deadline.CopyFrom(to_timestamp(at + timedelta(seconds=30)))
        return query

    @asynccontextmanager
    async def adapter(
        self, peer: MemberPeer | None = None
    ) -> AsyncGenerator[adapter_service_pb2_grpc.AdapterServiceAsyncStub]:
        member = self.members[Province.SHANXI]
        tls = self.pki.member_tls(peer or self.member)
        async with open_channel(member.adapter, tls, server_name=member.adapter_name) as channel:
            yield adapter_service_pb2_grpc.AdapterServiceStub(channel)

    async def send(self, envelope: bytes, peer: MemberPeer | None = None) -> bytes:
        async with self.adapter(peer) as stub:
            request = adapter_service_pb2.AnswerRequest(query_envelope=envelope)
            return (await stub.Answer(request, timeout=20)).answer_envelope

    async def refusal(self, envelope: bytes, peer: MemberPeer | None = None) -> str:
        verified = self.verifier.verify(await self.send(envelope, peer), expect={REFUSAL})
        reason = refusal_pb2.Refusal.FromString(verified.payload).reason
        return refusal_pb2.RefusalReason.Name(reason).removeprefix("REFUSAL_REASON_")


async def test_the_same_query_bytes_get_the_same_answer_bytes(running: Running, world: World) -> None:
    enterprise = world.cast["found_in_several"]
    home = Home(running)
    query = home.query(enterprise, await in_thread(report_of, running, enterprise))
    envelope = home.signer.sign(QUERY, query).envelope
    assert await home.send(envelope) == await home.send(envelope)


async def test_an_adapter_refuses_what_it_must_by_name(running: Running, world: World) -> None:
    """What happens: a query that would be answered is sent with one thing wrong at a time.

    What must result: a signed refusal that names it.
    """
    enterprise = world.cast["found_in_several"]
    home, other = Home(running), Home(running, Province.HEBEI)
    checked = await in_thread(report_of, running, enterprise)

    def signed(query: query_pb2.Query, signer: Signer | None = None) -> bytes:
        return (signer or home.signer).sign(QUERY, query).envelope

    def fresh(at: datetime | None = None) -> query_pb2.Query:
        return home.query(enterprise, checked, at)

    forwarded = signed(fresh())
    assert await home.refusal(forwarded, MemberPeer(Province.HEBEI, GATEWAY)) == "PEER_IS_NOT_SIGNER"

    used = fresh()
    await home.send(signed(used))
    used.purpose = query_pb2.PURPOSE_AWARD
    assert await home.refusal(signed(used)) == "NONCE_REUSED"

    for minutes in (-10, 10):
        at = datetime.now(UTC) + timedelta(minutes=minutes)
        assert await home.refusal(signed(fresh(at))) == "CLOCK_SKEW"

    stranger = Signer(PrivateKey.generate(), issuer=Province.BEIJING, role=GATEWAY)
    assert await home.refusal(signed(fresh(), stranger)) == "SIGNATURE_NOT_ACCEPTED"

    tampered = bytearray(signed(fresh()))
    tampered[-80] ^= 1
    assert await home.refusal(bytes(tampered)) == "SIGNATURE_NOT_ACCEPTED"

    changes: dict[str, Any] = {
        "NOT_ADDRESSEE": lambda query: setattr(query, "addressee", Province.TIANJIN),
        "CATALOGUE_NOT_SERVED": lambda query: setattr(query.catalogue, "digest", bytes(32)),
        "WINDOW_NOT_ACCEPTED": lambda query: setattr(query.window, "first_day", "2010-01-01"),
        "CELLS_NOT_ACCEPTED": lambda query: query.cells.add(domain="alchemy", kind=1),
        "IDENTITY_LEVEL_TOO_LOW": lambda query: setattr(query, "identity_level", query_pb2.IDENTITY_LEVEL_BASIC),
        "NOT_AUTHORISED": lambda query: query.authorisation.MergeFrom(
            query_pb2.Authorisation(basis=query_pb2.AUTHORISATION_BASIS_OFFICIAL_DUTY, matter_number="案1号")
        ),
        "MALFORMED": lambda query: setattr(query, "attempt", 0),
    }
    for reason, change in changes.items():
        query = fresh()
        change(query)
        assert await home.refusal(signed(query)) == reason

    foreign = fresh()
    foreign.header.CopyFrom(other.signer.new_header(datetime.now(UTC)))
    envelope = other.signer.sign(QUERY, foreign).envelope
    assert await other.refusal(envelope) == "SIGNER_IS_NOT_HOME"


async def test_an_adapter_answers_garbage_and_strangers_with_named_errors(running: Running) -> None:
    home = Home(running)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await home.send(b"\xff\xff\xff\xff")
    detail = error_detail(caught.value)
    assert detail is not None
    assert (caught.value.code(), detail.code) == (grpc.StatusCode.INVALID_ARGUMENT, "ENVELOPE_UNREADABLE")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await home.send(b"\x0a\x01x", MemberPeer(Province.HEBEI, ADAPTER))
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


# --- The command line -------------------------------------------------------------------------------------------------


def test_the_commands_serve_a_person_from_request_to_verdict(running: Running, world: World, tmp_path: Path) -> None:
    enterprise = world.cast["found_in_several"]
    directory = str(running.layout.directory)
    asked = huren("report", "request", enterprise.uscc, "--dir", directory, "--out", str(tmp_path))
    assert asked.returncode == 0, asked.stderr
    for words in ("样张", enterprise.name, "未查询到", "未纳入", "——", "1条"):
        assert words in asked.stdout
    (statement,) = tmp_path.glob("*.report")
    for file in (statement, statement.with_suffix(".json")):
        verified = huren("verify", str(file), "--dir", directory, "--json")
        assert verified.returncode == 3, verified.stdout + verified.stderr
        document = json.loads(verified.stdout)
        assert document["verdict"] == "AUTHENTIC_STATUS_NOT_CHECKED"
        assert document["limited_scope"] is True

    edited = tmp_path / "edited.json"
    edited.write_text(
        statement.with_suffix(".json").read_text("utf-8").replace(enterprise.name, "另一示例企业"), "utf-8"
    )
    assert huren("verify", str(edited), "--dir", directory).returncode == 1

    wrong = huren("report", "request", enterprise.uscc[:-1] + "0", "--dir", directory)
    assert wrong.returncode == 1
    assert "第18位校验码" in wrong.stderr


def test_status_shows_every_member(running: Running) -> None:
    shown = huren("status", "--dir", str(running.layout.directory), "--json")
    rows = json.loads(shown.stdout)
    assert shown.returncode == 0, shown.stdout
    assert len(rows) == 8
    assert all(row["healthy"] and row["key_days"] > 80 and abs(row["clock_offset_s"]) <= 60 for row in rows)
    assert len({row["catalogue"] for row in rows}) == 1
    adapters = [row for row in rows if row["role"] == "adapter"]
    assert {row["sources"] for row in adapters} == {23, 22}
    assert all(row["sources_fresh"] == row["sources"] for row in adapters)


def test_no_log_holds_a_code_in_full(running: Running, world: World) -> None:
    report_of(running, world.cast["found_in_several"])
    codes = [enterprise.uscc.encode() for enterprise in world.enterprises]
    for log in (running.layout.directory / "logs").iterdir():
        text = log.read_bytes()
        assert not [code for code in codes if code in text], log.name


def test_nobody_signs_what_is_not_kept(running: Running, world: World) -> None:
    """Each adapter can prove what it said: the answer in the report is in its own ledger, byte for byte."""
    checked = report_of(running, world.cast["found_at_home"])
    for one in checked.admitted:
        database = sqlite3.connect(f"file:{running.layout.province(one.province)}/adapter.db?mode=ro", uri=True)
        try:
            found = database.execute(
                "SELECT count(*) FROM statements WHERE statement_id = ?", (one.statement.statement_id,)
            ).fetchone()
        finally:
            database.close()
        assert found == (1,)


async def in_thread(function: Any, *arguments: Any) -> Any:
    """Runs a function that has an event loop of its own."""
    return await asyncio.to_thread(function, *arguments)
