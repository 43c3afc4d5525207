"""Mandates of agents (经办人), and paper mandates at the window (窗口代办)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from aiohttp import web

from contract.days import parse_day
from gateway.api.ports import Agents, WindowMandates
from gateway.api.problems import malformed
from gateway.api.rest.call import Call, Handler, answer, attachment
from gateway.api.rest.documents import instant, instant_or_none
from gateway.domain.persons import MandateScope
from gateway.mandates.agents import ShownMandate
from gateway.mandates.window import MAX_SCAN_BYTES, ShownWindowMandate

_CREATED: Final = 201

_SUFFIXES: Final[Mapping[str, str]] = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}


class MandateHandlers:
    """Operations about agents."""

    def __init__(self, agents: Agents) -> None:
        self._agents = agents

    def operations(self) -> Mapping[str, Handler]:
        """Handlers by operation id."""
        return {
            "askForMandate": self.ask,
            "listMandates": self.mine,
            "endMandate": self.end,
            "listEnterpriseMandates": self.of_enterprise,
            "confirmMandate": self.confirm,
        }

    async def ask(self, call: Call) -> web.StreamResponse:
        """To act for an enterprise."""
        ask = await self._agents.ask(call.person, call.body["uscc"], _scopes(call))
        document = {
            "mandate": ask.mandate,
            "pairing_code": ask.pairing_code,
            "confirm_by": ask.confirm_by.isoformat(),
        }
        return answer(document, status=_CREATED)

    async def mine(self, call: Call) -> web.StreamResponse:
        """The person's own."""
        return _mandates(await self._agents.of_person(call.person))

    async def end(self, call: Call) -> web.StreamResponse:
        """By the agent or the legal representative."""
        return answer(_mandate(await self._agents.withdraw(call.person, call.path("mandate"))))

    async def of_enterprise(self, call: Call) -> web.StreamResponse:
        """Those of an enterprise that the person represents."""
        return _mandates(await self._agents.of_enterprise(call.person, call.enterprise))

    async def confirm(self, call: Call) -> web.StreamResponse:
        """By the legal representative."""
        try:
            expires_on = parse_day(call.body["expires_on"])
        except ValueError as error:
            raise malformed("expires_on 不是一个日期", "expires_on is no day", field="expires_on") from error
        mandate = await self._agents.confirm(
            call.person,
            call.enterprise,
            call.path("mandate"),
            pairing_code=call.body["pairing_code"],
            scopes=_scopes(call),
            expires_on=expires_on,
        )
        return answer(_mandate(mandate))


class WindowHandlers:
    """Operations of people at the window."""

    def __init__(self, window_mandates: WindowMandates) -> None:
        self._papers = window_mandates

    def operations(self) -> Mapping[str, Handler]:
        """Handlers by operation id."""
        return {
            "fileWindowMandate": self.file,
            "listWindowMandates": self.of_unit,
            "getWindowScan": self.scan,
            "confirmWindowMandate": self.confirm,
            "endWindowMandate": self.end,
        }

    async def file(self, call: Call) -> web.StreamResponse:
        """A scanned paper."""
        sent, fields = await call.upload(file="scan", limit=MAX_SCAN_BYTES)
        mandate = await self._papers.file(call.person, fields["uscc"], sent.file, sent.media_type)
        return answer({"mandate": mandate}, status=_CREATED)

    async def of_unit(self, call: Call) -> web.StreamResponse:
        """Those of the person's unit."""
        found = [_window_mandate(one) for one in await self._papers.of_unit(call.person)]
        return answer({"window_mandates": found})

    async def scan(self, call: Call) -> web.StreamResponse:
        """As it came."""
        mandate = call.path("mandate")
        scan = await self._papers.read_scan(call.person, mandate)
        name = f"{mandate}.{_SUFFIXES[scan.media_type]}"
        return attachment(scan.content, media_type=scan.media_type, name=name)

    async def confirm(self, call: Call) -> web.StreamResponse:
        """By the second person."""
        return answer(_window_mandate(await self._papers.confirm(call.person, call.path("mandate"))))

    async def end(self, call: Call) -> web.StreamResponse:
        """Early."""
        return answer(_window_mandate(await self._papers.end(call.person, call.path("mandate"))))


def _scopes(call: Call) -> frozenset[MandateScope]:
    return frozenset(map(MandateScope, call.body["scopes"]))


def _mandates(found: Iterable[ShownMandate]) -> web.Response:
    return answer({"mandates": list(map(_mandate, found))})


def _mandate(mandate: ShownMandate) -> dict[str, Any]:
    return {
        "mandate": mandate.mandate,
        "uscc": mandate.uscc,
        "scopes": sorted(mandate.scopes),
        "standing": mandate.standing,
        "asked_at": instant(mandate.asked_at),
        "confirm_by": mandate.confirm_by.isoformat(),
        "confirmed_at": instant_or_none(mandate.confirmed_at),
        "expires_on": mandate.expires_on.isoformat() if mandate.expires_on else None,
        "ended_at": instant_or_none(mandate.ended_at),
    }


def _window_mandate(mandate: ShownWindowMandate) -> dict[str, Any]:
    return {
        "mandate": mandate.mandate,
        "uscc": mandate.uscc,
        "scan_digest": mandate.scan_digest.hex(),
        "scan_type": mandate.scan_type,
        "post": mandate.post,
        "filed_at": instant(mandate.filed_at),
        "filed_by_me": mandate.filed_by_me,
        "confirmed_at": instant_or_none(mandate.confirmed_at),
        "expires_at": instant(mandate.expires_at),
        "ended_at": instant_or_none(mandate.ended_at),
        "in_force": mandate.in_force,
    }
