"""Every page of a running federation's portal, with something on it: who may open it, and at which address.

What stands on the pages is founded over the REST API, by the people of the sandbox; pages are only looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from cli.calling import known_name
from cli.federation import Running
from contract.days import china_day
from contract.province import Province
from contract.uscc import Uscc
from sandbox.pki import issue_enterprise_certificate
from tests.support.visitors import Visitor, signed, visitor

HOME = Province.BEIJING
SCOPES = ["report", "grant", "look_ups"]
MATTER = "示例函〔2026〕1号"


@dataclass
class Place:
    """A federation, and what there is in it.

    Attributes:
        running: The federation.
        mandates: Mandates of agents that were confirmed.
        report: Number of a report.
        request: A request that was open when it was founded.
        sealed: Request of the report.
        grant: A grant to the bank, in force.
        taken_back: A grant to the bank that was taken back.
        batch: A batch of the agent's.
        unit_batch: A batch of the bank's.
        paper: A paper at the window, not confirmed yet.
        duty: A request of the officer's.
    """

    running: Running
    mandates: list[str] = field(default_factory=list)
    report: str = ""
    request: str = ""
    sealed: str = ""
    grant: str = ""
    taken_back: str = ""
    batch: str = ""
    unit_batch: str = ""
    paper: str = ""
    duty: str = ""

    def __post_init__(self) -> None:
        assert self.running.people is not None
        acts_for = self.running.people.acts_for
        self.enterprise, self.second, self.bank = (
            acts_for["enterprise"],
            acts_for["second_enterprise"],
            acts_for["bank"],
        )

    @property
    def base(self) -> str:
        """The home's site."""
        return self.site(HOME)

    def site(self, province: Province) -> str:
        """A province's site."""
        return str(self.running.announced[f"{province.slug}-gateway"]["public"])

    def day(self, days: int) -> str:
        """So many days from now."""
        return (china_day(datetime.now(UTC)) + timedelta(days=days)).isoformat()

    def name(self, uscc: Uscc) -> str:
        """What an enterprise is called."""
        return known_name(self.running.layout, uscc)

    def tls(self, uscc: Uscc) -> Any:
        """A certificate of an enterprise, with its key."""
        return issue_enterprise_certificate(self.running.layout.pki, uscc, self.name(uscc), datetime.now(UTC))

    async def confirmed(self, user: str, legal: str, uscc: Uscc) -> None:
        """Lets a legal representative confirm an agent for everything."""
        async with (
            visitor(self.base, user, way="certificate") as agent,
            visitor(self.base, legal, way="licence") as representative,
        ):
            status, asked = await agent.post("/api/v1/mandates", {"uscc": uscc, "scopes": SCOPES})
            assert status == 201, asked
            body = {"pairing_code": asked["pairing_code"], "scopes": SCOPES, "expires_on": self.day(90)}
            path = f"/api/v1/enterprise/mandates/{asked['mandate']}/confirmation"
            status, confirmed = await representative.post(path, body, enterprise=uscc)
            assert status == 200, confirmed
            self.mandates.append(str(asked["mandate"]))

    async def given(self, giver: Visitor, *, uses: int = 5) -> str:
        """A grant of the enterprise to the bank."""
        body = {
            "grantee_uscc": self.bank,
            "grantee_name": self.name(self.bank),
            "purpose": "FINANCING",
            "domains": ["market_regulation", "taxation", "health"],
            "max_uses": uses,
            "expires_on": self.day(30),
        }
        status, draft = await giver.post("/api/v1/grant-drafts", body, enterprise=self.enterprise)
        assert status == 200, draft
        consent = {"terms": draft["terms"], **signed(draft["text"], self.tls(self.enterprise))}
        status, given = await giver.post("/api/v1/grants", consent, enterprise=self.enterprise)
        assert status == 201, given
        return str(given["grant_statement_id"])

    async def ended(self, who: Visitor, batch: str, **how: Any) -> None:
        """Waits until a batch has ended."""
        async with asyncio.timeout(120):
            while True:
                status, view = await who.get(f"/api/v1/batches/{batch}", **how)
                assert status == 200, view
                if view["state"] != "RUNNING":
                    return
                await asyncio.sleep(0.3)


@asynccontextmanager
async def without(running: Running, province: Province) -> AsyncGenerator[None]:
    """A province that is away for the time of the block."""
    running.layout.stopped(province).touch()
    await asyncio.to_thread(running.follow)
    try:
        yield
    finally:
        running.layout.stopped(province).unlink()
        await asyncio.to_thread(running.follow)


async def found(place: Place) -> None:
    """Makes something for every page."""
    await place.confirmed("agent", "legal", place.enterprise)
    await place.confirmed("agent", "legal-2", place.second)
    async with visitor(place.base, "agent") as agent, visitor(place.base, "bank") as bank:
        status, issued = await agent.ask({"purpose": "FINANCING"}, enterprise=place.enterprise)
        assert status == 201, issued
        place.report = issued["sealed"]["report_number"]
        status, asked = await agent.get("/api/v1/report-requests", enterprise=place.enterprise)
        assert status == 200, asked
        place.sealed = asked["report_requests"][0]["request_id"]

        place.taken_back = await place.given(agent)
        place.grant = await place.given(agent)
        for grant in (place.grant, place.taken_back):
            body = {"uscc": place.enterprise, "grant_statement_id": grant}
            status, issued = await bank.ask(body, enterprise=place.bank)
            assert status == 201, issued
        status, taken = await agent.post(f"/api/v1/grants/{place.taken_back}/revocation", enterprise=place.enterprise)
        assert status == 200, taken
        body = {"uscc": place.enterprise, "grant_statement_id": place.taken_back}
        status, refused = await bank.ask(body, enterprise=place.bank)
        assert status == 403, refused

        lines = {"lines": [{"uscc": place.enterprise}, {"uscc": place.second}, {"uscc": place.bank}]}
        status, begun = await agent.post("/api/v1/batches", lines, key="inventory-group-1")
        assert status in {200, 201, 202}, begun
        place.batch = begun["batch"]
        lines = {"lines": [{"uscc": place.enterprise}]}
        status, begun = await bank.post("/api/v1/batches", lines, enterprise=place.bank, key="inventory-unit-1")
        assert status in {200, 201, 202}, begun
        place.unit_batch = begun["batch"]
        await place.ended(agent, place.batch)
        await place.ended(bank, place.unit_batch, enterprise=place.bank)
    async with visitor(place.base, "agent-2") as other:
        status, waiting = await other.post("/api/v1/mandates", {"uscc": place.enterprise, "scopes": ["report"]})
        assert status == 201, waiting
    async with visitor(place.base, "officer") as officer:
        body = {"uscc": place.enterprise, "matter_number": MATTER}
        status, looked = await officer.post("/api/v1/official-look-ups", body, key="inventory-duty-1")
        assert status == 201, looked
    await _papers(place)


async def _papers(place: Place) -> None:
    async with visitor(place.base, "clerk") as clerk, visitor(place.base, "clerk-2") as second:
        for confirmed in (True, False):
            form = aiohttp.FormData()
            form.add_field("uscc", place.enterprise)
            form.add_field(
                "scan", b"%PDF-1.7\n% an invented scan\n", filename="scan.pdf", content_type="application/pdf"
            )
            status, filed = await clerk.post("/api/v1/window-mandates", form)
            assert status == 201, filed
            if confirmed:
                path = f"/api/v1/window-mandates/{filed['mandate']}/confirmation"
                status, done = await second.post(path)
                assert status == 200, done
            else:
                place.paper = str(filed["mandate"])
