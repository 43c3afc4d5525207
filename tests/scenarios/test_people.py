"""People at the door: the federation as `huren up` runs it, with a real identity provider, over real HTTP and gRPC.

One federation serves all tests of this file. It has twelve processes, and the provider's.
"""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pypdf
import pytest

from cli.calling import known_name
from cli.federation import Running, federation
from cli.identity import installed
from cli.report import Asked, NotServedError, check, request
from contract.days import china_day, to_timestamp
from contract.payloads import QUERY, REFUSAL
from contract.province import Province
from contract.uscc import Uscc
from gateway.federation.directory import read_directory
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import adapter_service_pb2, adapter_service_pb2_grpc, query_pb2, refusal_pb2
from huren.report.v1 import report_service_pb2
from runtime.grpc_channel import open_channel
from runtime.identity import MemberPeer
from sandbox.identity_provider import known_users
from sandbox.pki import issue_enterprise_certificate
from signing import PrivateKey, Signer, TrustStore, Verifier
from tests.support.visitors import Visitor, signed, visitor

pytestmark = [
    pytest.mark.xdist_group("people"),
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not installed(), reason="needs the identity provider: make sandbox/identity/node_modules/.stamp"
    ),
]

HOME = Province.BEIJING
GATEWAY = envelope_pb2.MEMBER_ROLE_GATEWAY
THREE = ["market_regulation", "taxation", "health"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with federation(tmp_path_factory.mktemp("people") / "up", with_people=True) as running:
        yield running


class Place:
    """The federation, and whom its people act for."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.layout = running.layout
        self.base = str(running.announced[f"{HOME.slug}-gateway"]["public"])
        assert running.people is not None
        acted_for = running.people.acts_for
        self.enterprise, self.second = acted_for["enterprise"], acted_for["second_enterprise"]
        self.bank = acted_for["bank"]

    def at_door(self, user: str, **how: str) -> Any:
        return visitor(self.base, user, **how)

    def sign(self, uscc: Uscc, text: str) -> dict[str, str]:
        tls = issue_enterprise_certificate(self.layout.pki, uscc, known_name(self.layout, uscc), datetime.now(UTC))
        return signed(text, tls)

    async def confirmed_agent(self, agent: Visitor, uscc: Uscc, legal: str = "legal") -> str:
        """Lets the legal representative confirm an agent. Gives the mandate."""
        status, asked = await agent.post("/api/v1/mandates", {"uscc": uscc, "scopes": ["report", "grant", "look_ups"]})
        assert status == 201, asked
        async with self.at_door(legal, way="licence") as representative:
            status, confirmed = await representative.post(
                f"/api/v1/enterprise/mandates/{asked['mandate']}/confirmation",
                {
                    "pairing_code": asked["pairing_code"],
                    "scopes": ["report", "grant", "look_ups"],
                    "expires_on": self.day(90),
                },
                enterprise=uscc,
            )
            assert (status, confirmed["standing"]) == (200, "in_force"), confirmed
        return str(asked["mandate"])

    async def grant(self, giver: Visitor, *, uses: int = 3) -> dict[str, Any]:
        """Gives the bank three domains of the enterprise."""
        status, draft = await giver.post(
            "/api/v1/grant-drafts",
            {
                "grantee_uscc": self.bank,
                "grantee_name": known_name(self.layout, self.bank),
                "purpose": "FINANCING",
                "domains": THREE,
                "max_uses": uses,
                "expires_on": self.day(30),
            },
            enterprise=self.enterprise,
        )
        assert status == 200, draft
        status, given = await giver.post(
            "/api/v1/grants",
            {"terms": draft["terms"], **self.sign(self.enterprise, draft["text"])},
            enterprise=self.enterprise,
        )
        assert status == 201, given
        return dict(given)

    def day(self, days: int) -> str:
        return (china_day(datetime.now(UTC)) + timedelta(days=days)).isoformat()

    async def refusals(self, query: query_pb2.Query) -> dict[Province, str]:
        """What each origin says to a query that the home has signed, whatever the home itself would do."""
        me = MemberPeer(HOME, GATEWAY)
        signer = Signer(PrivateKey.load(self.layout.pki.signing_key(me)), issuer=HOME, role=GATEWAY)
        verifier = Verifier(TrustStore.from_directory(self.layout.pki.trust))
        found: dict[Province, str] = {}
        for province, member in read_directory(self.layout.members).items():
            now = datetime.now(UTC)
            asked = query_pb2.Query()
            asked.CopyFrom(query)
            asked.header.CopyFrom(signer.new_header(now))
            asked.addressee = province.wire
            asked.deadline.CopyFrom(to_timestamp(now + timedelta(seconds=20)))
            asked.authorisation.grant_status_at.CopyFrom(to_timestamp(now))
            tls = self.layout.pki.member_tls(me)
            async with open_channel(member.adapter, tls, server_name=member.adapter_name) as channel:
                stub = adapter_service_pb2_grpc.AdapterServiceStub(channel)
                answer = await stub.Answer(
                    adapter_service_pb2.AnswerRequest(query_envelope=signer.sign(QUERY, asked).envelope), timeout=20
                )
            verified = verifier.verify(answer.answer_envelope, expect={REFUSAL})
            reason = refusal_pb2.Refusal.FromString(verified.payload).reason
            found[province] = refusal_pb2.RefusalReason.Name(reason).removeprefix("REFUSAL_REASON_")
        return found


@pytest.fixture(scope="module")
def place(running: Running) -> Place:
    return Place(running)


async def by_certificate(place: Place, asked: Asked) -> report_service_pb2.RequestReportResponse:
    return await asyncio.to_thread(request, asked, place.layout)


def bytes_of(pdf: bytes) -> bytes:
    """All that a PDF holds, streams and attachments unpacked, beside its bytes as they are."""
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    parts = [pdf, *(page.extract_text().encode() for page in reader.pages)]
    parts += [content for contents in reader.attachments.values() for content in contents]
    parts += [str(reader.metadata).encode()]
    return b"\n".join(parts)


def require_nobody_named(content: bytes, *, where: str) -> None:
    """No name of a person stands there, nor the account by which they log in to the provider."""
    for user in known_users().values():
        assert user.name.encode() not in content, f"{user.login} is named in {where}"
        assert user.password.encode() not in content, f"a password stands in {where}"


# --- An agent, a bank, and the subject that sees and revokes ------------------------------------------------------------------


async def test_an_agent_grants_a_bank_three_domains_which_it_loses_with_the_revocation(  # noqa: PLR0915  # one story
    place: Place,
) -> None:
    """What happens: an agent is confirmed, logs in, has a report issued and downloads it; grants a bank three domains,
    signed with the enterprise's certificate; the bank asks by gRPC and by REST; the subject sees it, and takes the grant back.

    What must result: the bank's report holds those domains, and nobody's name; every origin confirms the look-up; from the
    revocation on the bank is refused by the home and by each origin.
    """
    async with place.at_door("agent", way="certificate") as agent, place.at_door("bank") as bank:
        status, refused = await agent.ask({}, enterprise=place.enterprise)
        assert (status, refused["code"]) == (403, "NO_MANDATE")
        await place.confirmed_agent(agent, place.enterprise)

        status, issued = await agent.ask({"purpose": "FINANCING"}, enterprise=place.enterprise)
        assert status == 201, issued
        number = issued["sealed"]["report_number"]
        for form in ("pdf", "json", "report"):
            status, file = await agent.get(f"/api/v1/reports/{number}/file", enterprise=place.enterprise, format=form)
            assert status == 200, file
            content = file if isinstance(file, bytes) else str(file).encode()
            require_nobody_named(bytes_of(content) if form == "pdf" else content, where=f"the agent's {form}")

        grant = await place.grant(agent)
        assert grant["state"] == "IN_FORCE"
        grant_id = grant["grant_statement_id"]

        # By gRPC, under the bank's certificate.
        asked = Asked(uscc=place.enterprise, grantee=place.bank, grant=bytes.fromhex(grant_id))
        response = await by_certificate(place, asked)
        assert response.WhichOneof("result") == "sealed", response
        checked = check(response.sealed, place.layout)
        domains = {cell.key.domain for one in checked.admitted for cell in one.fragment.cells}
        assert domains == set(THREE)
        require_nobody_named(response.sealed.report_envelope, where="the bank's report")
        assert place.bank.encode() not in response.sealed.report_envelope
        query = checked.admitted[0].question.query
        assert query.authorisation.grant_statement_id.hex() == grant_id
        assert query.authorisation.use_ordinal == 1

        # By REST, logged in at the bank.
        status, issued = await bank.ask(
            {"uscc": place.enterprise, "grant_statement_id": grant_id}, enterprise=place.bank
        )
        assert status == 201, issued
        bank_number = issued["sealed"]["report_number"]
        status, pdf = await bank.get(f"/api/v1/reports/{bank_number}/file", enterprise=place.bank, format="pdf")
        assert status == 200
        require_nobody_named(bytes_of(pdf), where="the bank's PDF")

        # More than was granted is refused, not cut down.
        status, refused = await bank.ask(
            {"uscc": place.enterprise, "grant_statement_id": grant_id, "domains": ["finance"]}, enterprise=place.bank
        )
        assert (status, refused["code"]) in {(403, "GRANT_DOES_NOT_COVER"), (400, "DOMAIN_UNKNOWN")}

        # The subject sees who asked, and what each origin confirmed.
        status, seen = await agent.get("/api/v1/look-ups", enterprise=place.enterprise)
        assert status == 200, seen
        by_bank = [one for one in seen["look_ups"] if one["basis"] == "GRANT"]
        answered = [one for one in by_bank if one["result"] == "ANSWERED"]
        assert len(answered) == 2
        assert [one["result"] for one in by_bank].count("REFUSED") == 1
        for one in answered:
            assert one["unit"] in {known_name(place.layout, place.bank), "示例银行（演示）"}
            assert {origin["province"] for origin in one["origins"]} == {"BEIJING", "TIANJIN", "HEBEI", "SHANXI"}
            assert all(origin["answered"] for origin in one["origins"])
        status, table = await agent.get("/api/v1/look-ups/export", enterprise=place.enterprise)
        assert status == 200
        require_nobody_named(table, where="the exported look-ups")

        # The grant is taken back: each origin says when it knew.
        status, revoked = await agent.post(f"/api/v1/grants/{grant_id}/revocation", enterprise=place.enterprise)
        assert (status, revoked["state"]) == (200, "REVOKED"), revoked
        assert revoked["revoked_at"]
        assert all(origin["grant_received_at"] and origin["revocation_received_at"] for origin in revoked["origins"])
        assert len(revoked["origins"]) == len(Province)

        with pytest.raises(NotServedError) as caught:
            await by_certificate(place, asked)
        assert caught.value.detail.code == "GRANT_REVOKED"
        status, refused = await bank.ask(
            {"uscc": place.enterprise, "grant_statement_id": grant_id}, enterprise=place.bank
        )
        assert (status, refused["code"]) == (403, "GRANT_REVOKED")
        status, refused = await bank.get(f"/api/v1/reports/{bank_number}", enterprise=place.bank)
        assert (status, refused["code"]) == (403, "GRANT_REVOKED")

        query.authorisation.use_ordinal = 3
        query.request_id = "0" * 31 + "3"
        assert set((await place.refusals(query)).values()) == {"GRANT_REVOKED"}


async def test_an_ordinal_is_used_by_one_request_only_whatever_the_home_signs(place: Place) -> None:
    """What happens: the home signs a query that uses the ordinal of another request. What must result: every origin refuses it."""
    async with place.at_door("legal") as legal:
        grant = await place.grant(legal, uses=1)
        asked = Asked(uscc=place.enterprise, grantee=place.bank, grant=bytes.fromhex(grant["grant_statement_id"]))
        checked = check((await by_certificate(place, asked)).sealed, place.layout)
        query = checked.admitted[0].question.query
        query.request_id = "0" * 31 + "1"
        assert set((await place.refusals(query)).values()) == {"NOT_AUTHORISED"}
        with pytest.raises(NotServedError) as caught:
            await by_certificate(place, asked)
        assert caught.value.detail.code == "GRANT_USED_UP"


# --- Who may do what -----------------------------------------------------------------------------------------------------------


async def test_a_password_browses_and_does_nothing(place: Place) -> None:
    """What happens: a legal representative logs in with a password. What must result: looking around works, asking does not."""
    async with place.at_door("browser", way="password") as browser:
        assert browser.session["level"] == "BASIC"
        status, refused = await browser.ask({}, enterprise=place.enterprise)
        assert (status, refused["code"]) == (403, "LEVEL_TOO_LOW")


async def test_nobody_holds_two_of_three_administrators(place: Place) -> None:
    """What happens: somebody with two of these posts logs in. What must result: no session."""
    with pytest.raises(AssertionError, match="ROLES_CONFLICT"):
        async with place.at_door("conflict"):
            pass


async def test_an_officers_look_up_needs_a_matter_and_is_shown_to_the_subject(place: Place) -> None:
    """What happens: an officer looks an enterprise up in a matter. What must result: the subject sees unit, post and matter."""
    async with place.at_door("officer") as officer, place.at_door("legal-2", way="licence") as legal:
        body = {"uscc": place.second, "matter_number": "示例函〔2026〕7号"}
        status, issued = await officer.post("/api/v1/official-look-ups", body, key="official-look-up-1")
        assert status == 201, issued
        status, refused = await officer.post(
            "/api/v1/official-look-ups", {"uscc": place.second}, key="official-look-up-2"
        )
        assert (status, refused["code"]) == (400, "MALFORMED_REQUEST")
        status, refused = await legal.post("/api/v1/official-look-ups", body, key="official-look-up-3")
        assert (status, refused["code"]) == (403, "NOT_PERMITTED")

        status, seen = await legal.get("/api/v1/look-ups", enterprise=place.second)
        assert status == 200
        (shown,) = [one for one in seen["look_ups"] if one["basis"] == "OFFICIAL_DUTY"]
        assert (shown["purpose"], shown["matter_number"]) == ("OFFICIAL_DUTY", "示例函〔2026〕7号")
        assert shown["unit"] == "示例信用主管部门（演示）"
        assert shown["post"] == "经办（工号**17）"
        assert len(shown["origins"]) == len(Province)


async def test_window_staff_act_with_a_scanned_mandate_and_a_second_person(place: Place) -> None:
    """What happens: a clerk files an enterprise's paper mandate; a colleague confirms it; the clerk asks for the enterprise.

    What must result: nothing before the confirmation, and the channel is the window.
    """
    async with place.at_door("clerk", channel="WINDOW") as clerk, place.at_door("clerk-2") as colleague:
        status, refused = await clerk.ask({}, enterprise=place.second)
        assert (status, refused["code"]) == (403, "NO_MANDATE")
        status, filed = await clerk.post("/api/v1/window-mandates", _scan(place.second))
        assert status == 201, filed
        mandate = filed["mandate"]
        status, refused = await clerk.post(f"/api/v1/window-mandates/{mandate}/confirmation")
        assert (status, refused["code"]) == (403, "SECOND_OFFICER_NEEDED")
        status, refused = await clerk.ask({}, enterprise=place.second)
        assert (status, refused["code"]) == (403, "NO_MANDATE")
        status, confirmed = await colleague.post(f"/api/v1/window-mandates/{mandate}/confirmation")
        assert status == 200, confirmed
        status, issued = await clerk.ask({}, enterprise=place.second)
        assert status == 201, issued
    async with place.at_door("legal-2", way="licence") as legal:
        _, seen = await legal.get("/api/v1/look-ups", enterprise=place.second)
        assert any(one["channel"] == "WINDOW" and one["basis"] == "AGENT" for one in seen["look_ups"])


def _scan(uscc: str) -> Any:
    form = aiohttp.FormData()
    form.add_field("uscc", uscc)
    form.add_field("scan", b"%PDF-1.7\n% an invented scan\n", filename="scan.pdf", content_type="application/pdf")
    return form


# --- Many at once ----------------------------------------------------------------------------------------------------------------


async def test_a_group_is_issued_in_one_archive_with_a_line_for_each(place: Place) -> None:
    """What happens: an agent of two enterprises issues for both, and for one that it may not act for.

    What must result: two reports and one named failure, in one archive.
    """
    async with place.at_door("agent-2") as agent:
        await place.confirmed_agent(agent, place.enterprise)
        await place.confirmed_agent(agent, place.second, legal="legal-2")
        lines = [{"uscc": code} for code in (place.enterprise, place.second, place.bank)]
        status, begun = await agent.post(
            "/api/v1/batches", {"lines": lines, "choices": {"domains": THREE}}, key="group-of-three"
        )
        assert status == 202, begun
        files = await archive_of(agent, begun["batch"])
        assert len([name for name in files if name.endswith(".pdf")]) == 2
        failed = [line for line in table_of(files) if place.bank in line]
        assert len(failed) == 1
        assert "NO_MANDATE" in failed[0] or "授权" in failed[0]
        for name, content in files.items():
            require_nobody_named(bytes_of(content) if name.endswith(".pdf") else content, where=name)


async def test_an_institution_issues_under_its_grants_from_a_list(place: Place) -> None:
    """What happens: a bank hands in a list of codes, one that granted it and one that did not.

    What must result: one report of the granted domains, and one line that says why there is none.
    """
    async with place.at_door("legal") as legal, place.at_door("bank") as bank:
        await place.grant(legal, uses=1)
        table = f"统一社会信用代码\n{place.enterprise}\n{place.second}\n".encode("gb18030")
        form = aiohttp.FormData()
        form.add_field("file", table, filename="codes.csv", content_type="text/csv")
        status, begun = await bank.post("/api/v1/batches", form, enterprise=place.bank, key="list-of-two")
        assert status == 202, begun
        files = await archive_of(bank, begun["batch"], enterprise=place.bank)
        assert len([name for name in files if name.endswith(".pdf")]) == 1
        assert len([line for line in table_of(files) if place.second in line]) == 1


async def archive_of(who: Visitor, batch: str, *, enterprise: str = "") -> dict[str, bytes]:
    """Waits for the end of a batch. Gives what is packed, by name."""
    async with asyncio.timeout(120):
        while True:
            status, state = await who.get(f"/api/v1/batches/{batch}", enterprise=enterprise)
            assert status == 200, state
            if state["state"] == "DONE":
                break
            await asyncio.sleep(0.5)
    status, archive = await who.get(f"/api/v1/batches/{batch}/archive", enterprise=enterprise)
    assert status == 200, archive
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def table_of(files: dict[str, bytes]) -> list[str]:
    """Lines of the table in an archive."""
    (table,) = [content for name, content in files.items() if name.endswith(".csv")]
    return table.decode("utf-8-sig").splitlines()


# --- Nothing is left behind ------------------------------------------------------------------------------------------------------


async def test_no_log_of_the_whole_run_names_a_person_or_holds_a_code(place: Place) -> None:
    """What happens: everything above, in one run. What must result: logs hold nobody's name and no enterprise's code."""
    codes = {json.loads(line)["uscc"] for line in place.layout.registry.read_text("utf-8").splitlines()}
    with closing(sqlite3.connect(place.layout.province(HOME) / "gateway.db")) as database:
        for verification_code, typed_code in database.execute("SELECT verification_code, typed_code FROM reports"):
            codes |= {verification_code, typed_code}
    assert len(codes) > len(place.layout.cast())
    logs: list[Path] = sorted((place.layout.directory / "logs").iterdir())
    assert len(logs) >= 12
    for log in logs:
        content = log.read_bytes()
        require_nobody_named(content, where=log.name)
        assert [code for code in codes if code.encode() in content] == [], log.name
