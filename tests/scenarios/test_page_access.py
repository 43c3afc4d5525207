"""Everybody at every page of the portal: as every role, as a stranger, as somebody of another enterprise.

The table says what becomes of it. What pages there are is read from the site map, so that nothing new is left out. Who acts for
another enterprise is told the same about what there is of this one as about what there is not.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import pytest

from contract.uscc import Uscc
from gateway.api.access import Public
from gateway.domain.persons import StaffRole
from gateway.portal.site import PAGES, Page
from gateway.portal.visit import handle_of
from sandbox.pki import PKI
from tests.support.people import (
    BANK,
    BASIC,
    ENTERPRISE,
    OTHER,
    Actor,
    Answer,
    Founding,
    Lobby,
    Things,
    elsewhere,
    open_lobby,
    staff,
)

pytestmark = pytest.mark.timeout(300)

TOLD: Final = {"P": "LEVEL_TOO_LOW", "M": "NO_MANDATE", "N": "NOT_PERMITTED", "L": "LOGIN_NEEDED"}
"""What a sign of the table means; G: sent to log in; S: let in, whatever becomes of what was sent."""

REFUSED: Final = frozenset(TOLD.values()) | {"FORGED_REQUEST_SUSPECTED"}

#   st  stranger                                               ck  window clerk with a paper mandate of the enterprise
#   pw  legal representative, by password                      ce  window clerk of another unit
#   le  legal representative                                   rv  reviewer of the clerk's unit
#   ar  agent who may ask for reports                          of  officer
#   ag  agent who may grant                                    op  officer, by password
#   al  agent who may see look-ups                             sy  system administrator
#   as  agent whose ask was not confirmed                      se  security administrator
#   lb  legal representative of another enterprise             au  audit administrator
TABLE: Final = """
                        st pw le ar ag al as ck ce rv of op sy se au lb bk
entrance                G  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S
progress                G  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S
enterprises             G  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S
mandates                G  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S
find_enterprise         L  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S
ask_mandate             L  P  S  S  S  S  S  S  S  S  S  P  S  S  S  S  S
end_mandate             L  P  S  S  S  S  S  S  S  S  S  P  S  S  S  S  S
batches                 G  P  S  S  S  S  S  S  S  S  S  P  S  S  S  S  S
new_batch               G  P  S  S  S  S  S  S  S  S  S  P  S  S  S  S  S
begin_batch             L  P  S  S  S  S  S  S  S  S  S  P  S  S  S  S  S
batch                   G  P  S  S  S  S  S  S  S  S  S  P  S  S  S  S  S
batch_archive           G  P  S  S  S  S  S  S  S  S  S  P  S  S  S  S  S
change_batch            L  P  S  S  S  S  S  S  S  S  S  P  S  S  S  S  S
sessions                G  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S
end_session             L  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S  S
workbench               G  S  S  S  S  S  M  S  M  M  M  M  M  M  M  M  M
apply                   G  P  S  S  M  M  M  S  M  M  M  M  M  M  M  M  M
preview                 L  P  S  S  M  M  M  S  M  M  M  M  M  M  M  M  M
submit                  L  P  S  S  M  M  M  S  M  M  M  M  M  M  M  M  M
requests                G  P  S  S  M  M  M  S  M  M  M  M  M  M  M  M  M
request                 G  P  S  S  M  M  M  S  M  M  M  M  M  M  M  M  M
cancel_request          L  P  S  S  M  M  M  S  M  M  M  M  M  M  M  M  M
progress_sheet          G  P  S  S  M  M  M  S  M  M  M  M  M  M  M  M  M
reports                 G  P  S  S  M  M  M  S  M  M  M  M  M  M  M  M  M
report                  G  P  S  S  M  M  M  S  M  M  M  M  M  M  M  M  M
report_file             G  P  S  S  M  M  M  S  M  M  M  M  M  M  M  M  M
grants                  G  P  S  M  S  M  M  S  M  M  M  M  M  M  M  M  M
new_grant               G  P  S  M  S  M  M  S  M  M  M  M  M  M  M  M  M
draft_grant             L  P  S  M  S  M  M  S  M  M  M  M  M  M  M  M  M
draft_text              L  P  S  M  S  M  M  S  M  M  M  M  M  M  M  M  M
give_grant              L  P  S  M  S  M  M  S  M  M  M  M  M  M  M  M  M
grant                   G  P  S  M  S  M  M  S  M  M  M  M  M  M  M  M  M
revoke_grant            L  P  S  M  S  M  M  S  M  M  M  M  M  M  M  M  M
look_ups                G  P  S  M  M  S  M  S  M  M  M  M  M  M  M  M  M
look_ups_table          G  P  S  M  M  S  M  S  M  M  M  M  M  M  M  M  M
notices                 G  P  S  S  M  M  M  S  M  M  M  M  M  M  M  M  M
people                  G  S  S  S  S  S  M  S  M  M  M  M  M  M  M  M  M
confirm_agent           L  P  S  M  M  M  M  M  M  M  M  M  M  M  M  M  M
end_agent               L  P  S  M  M  M  M  M  M  M  M  M  M  M  M  M  M
received                G  P  S  M  S  M  M  S  M  M  M  M  M  M  M  M  M
received_grant          G  P  S  M  S  M  M  S  M  M  M  M  M  M  M  M  M
ask_under_grant         L  P  S  S  M  M  M  S  M  M  M  M  M  M  M  M  M
asked                   G  P  S  S  M  M  M  S  M  M  M  M  M  M  M  M  M
unit_batches            G  P  S  S  M  M  M  M  M  M  M  M  M  M  M  M  M
new_unit_batch          G  P  S  S  M  M  M  S  M  M  M  M  M  M  M  M  M
begin_unit_batch        L  P  S  S  M  M  M  S  M  M  M  M  M  M  M  M  M
unit_batch              G  P  S  S  M  M  M  M  M  M  M  M  M  M  M  M  M
unit_batch_archive      G  P  S  S  M  M  M  M  M  M  M  M  M  M  M  M  M
change_unit_batch       L  P  S  S  M  M  M  S  M  M  M  M  M  M  M  M  M
window                  G  N  N  N  N  N  N  S  S  S  N  N  N  N  N  N  N
file_paper              L  N  N  N  N  N  N  S  S  N  N  N  N  N  N  N  N
paper_scan              G  N  N  N  N  N  N  S  S  S  N  N  N  N  N  N  N
confirm_paper           L  N  N  N  N  N  N  S  S  S  N  N  N  N  N  N  N
end_paper               L  N  N  N  N  N  N  S  S  S  N  N  N  N  N  N  N
staff                   G  N  N  N  N  N  N  S  S  S  S  N  S  S  S  N  N
duty                    G  N  N  N  N  N  N  N  N  N  S  N  N  N  N  N  N
duty_ask                L  N  N  N  N  N  N  N  N  N  S  N  N  N  N  N  N
duty_request            G  N  N  N  N  N  N  N  N  N  S  N  N  N  N  N  N
duty_file               G  N  N  N  N  N  N  N  N  N  S  N  N  N  N  N  N
open_requests           G  N  N  N  N  N  N  N  N  S  S  N  N  N  N  N  N
members                 G  N  N  N  N  N  N  N  N  S  S  N  S  S  S  N  N
"""

PARTS: Final[Mapping[str, Mapping[str, str]]] = {
    "request": {"": "request", "cancel_request": "to_cancel", "duty_request": "request"},
    "report": {"": "report"},
    "grant": {"": "grant", "revoke_grant": "to_take_back"},
    "mandate": {"": "to_end", "paper_scan": "paper", "confirm_paper": "paper", "end_paper": "paper_to_end"},
    "batch": {"": "batch", "change_batch": "batch_to_cancel"},
    "session": {"": "session"},
}
"""What stands in an address, by the part's name and the page."""


@dataclass
class Walk:
    """Opens pages."""

    lobby: Lobby

    async def handle(self, actor: Actor, uscc: Uscc) -> str:
        """What an enterprise is called in somebody's addresses."""
        person = await self.lobby.sessions.find(actor.cookie) if actor.cookie else None
        return handle_of(person, uscc) if person else "0" * 20

    async def open(self, page: Page, actor: Actor, things: Things, uscc: Uscc, **headers: str | None) -> Answer:
        """One request: an action is sent an empty form with the session's token."""
        parts = {"enterprise": await self.handle(actor, uscc)}
        for name, by_page in PARTS.items():
            parts[name] = getattr(things, by_page.get(page.name, by_page[""]))
        path = page.path.format_map(parts)
        if page.method == "GET":
            return await self.lobby.send(actor, "GET", path)
        sent = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        data = urlencode({"csrf": actor.csrf_token})
        return await self.lobby.send(actor, "POST", path, headers=sent, data=data)


def code_of(answer: Answer) -> str:
    """Code of the error that a page tells. Empty: none of who may not."""
    if answer.status < 400:
        return ""
    found = re.search(rb"<code>([A-Z_]+)</code>", answer.body)
    code = found[1].decode() if found else ""
    return code if code in REFUSED else ""


def sign_of(answer: Answer) -> str:
    """What became of a request, as the table writes it."""
    location = dict(answer.headers).get("Location", "")
    if answer.status == 303 and location.startswith("/auth/login?"):
        return "G"
    code = code_of(answer)
    return next((sign for sign, told in TOLD.items() if told == code), code or "S")


def read(table: str) -> dict[tuple[str, str], str]:
    heading, *rows = [line.split() for line in table.strip().splitlines()]
    return {(page, who): sign for page, *signs in rows for who, sign in zip(heading, signs, strict=True)}


@pytest.fixture
async def lobby(pki: PKI, tmp_path: Path) -> AsyncIterator[Lobby]:
    async with open_lobby(pki, tmp_path) as lobby:
        yield lobby


async def everybody(lobby: Lobby, founding: Founding) -> dict[str, Callable[[], Any]]:
    """How each of the table comes; each call is a session of its own."""
    for name, scopes in (("ar", ["report"]), ("ag", ["grant"]), ("al", ["look_ups"])):
        await founding.confirm(await lobby.person(name), scopes)
    await founding.ask(await lobby.person("as"), ["report", "grant", "look_ups"])
    second = await lobby.person("ck-second", staff=staff(StaffRole.WINDOW_CLERK, number="9"))
    clerk: dict[str, Any] = {"staff": staff(StaffRole.WINDOW_CLERK)}
    await founding.paper(await lobby.person("ck", **clerk), ENTERPRISE, second=second)
    how: dict[str, dict[str, Any]] = {
        "pw": {"represents": [ENTERPRISE], "level": BASIC},
        "le": {"represents": [ENTERPRISE]},
        "ar": {},
        "ag": {},
        "al": {},
        "as": {},
        "ck": clerk,
        "ce": {"staff": elsewhere(StaffRole.WINDOW_CLERK)},
        "rv": {"staff": staff(StaffRole.REVIEWER)},
        "of": {"staff": staff(StaffRole.OFFICER)},
        "op": {"staff": staff(StaffRole.OFFICER), "level": BASIC},
        "sy": {"staff": staff(StaffRole.SYSTEM_ADMINISTRATOR)},
        "se": {"staff": staff(StaffRole.SECURITY_ADMINISTRATOR)},
        "au": {"staff": staff(StaffRole.AUDIT_ADMINISTRATOR)},
        "lb": {"represents": [OTHER]},
        "bk": {"represents": [BANK]},
    }

    def coming(name: str, given: Mapping[str, Any]) -> Callable[[], Any]:
        return lambda: lobby.person(name, **given)

    async def stranger() -> Actor:
        return Actor()

    return {"st": stranger, **{name: coming(name, given) for name, given in how.items()}}


async def test_every_page_lets_in_whom_the_table_says(lobby: Lobby) -> None:
    """What happens: everybody opens every page about the enterprise, each with a session of their own.

    What must result: what the table says; and nothing of the enterprise is told to who is not let in.
    """
    founding = Founding(lobby)
    things = await founding.things()
    actors = await everybody(lobby, founding)
    walk = Walk(lobby)
    expected = read(TABLE)
    private = {name for name, page in PAGES.items() if not isinstance(page.access, Public)}
    assert {page for page, _ in expected} == private
    faults = {}
    for (name, who), sign in expected.items():
        answer = await walk.open(PAGES[name], await actors[who](), things, ENTERPRISE)
        if (found := sign_of(answer)) != sign:
            faults[name, who] = f"{sign} expected, {found} found: {answer.status}"
        elif sign not in {"S", "G"} and (told := _marks(things, answer)):
            faults[name, who] = f"tells of {told}"
        elif answer.status >= 500:
            faults[name, who] = f"{answer.status}"
    assert faults == {}


async def test_nobody_learns_whether_another_enterprise_has_something(lobby: Lobby) -> None:
    """What happens: who acts for one enterprise opens its own pages with ids of another's.

    What must result: the very same as with ids that are nobody's.
    """
    founding = Founding(lobby)
    things, nothing = await founding.things(), await founding.nothing()
    other = await lobby.person("other", represents=[OTHER])
    walk = Walk(lobby)
    faults = {}
    for name, page in PAGES.items():
        parts = set(re.findall(r"\{(\w+)\}", page.path)) & PARTS.keys()
        if not parts or page.section in {"staff", "window"}:
            continue
        there, not_there = [await walk.open(page, other, one, OTHER) for one in (things, nothing)]
        if _without_address(there) != _without_address(not_there) or _marks(things, there):
            faults[name] = (there.status, not_there.status, _marks(things, there))
    assert faults == {}


async def test_an_action_without_the_token_or_from_elsewhere_changes_nothing(lobby: Lobby) -> None:
    """What happens: every action is sent with the session's cookie by a page of somebody else, or without the session's token.

    What must result: each is refused as such, before anything else is looked at.
    """
    founding = Founding(lobby)
    things = await founding.things()
    walk = Walk(lobby)
    for page in PAGES.values():
        if page.method == "GET" or isinstance(page.access, Public):
            continue
        legal = await lobby.person(f"for {page.name}", represents=[ENTERPRISE])  # each has a share of requests
        tokenless = Actor(cookie=legal.cookie, csrf_token="", session_name=legal.session_name)
        for actor, header in (
            (legal, {"Origin": "https://elsewhere.example"}),
            (legal, {"Sec-Fetch-Site": "cross-site"}),
            (legal, {"Sec-Fetch-Site": "same-site"}),
            (legal, {"Origin": None}),
            (tokenless, {}),
        ):
            answer = await walk.open(page, actor, things, ENTERPRISE, **header)
            assert (answer.status, code_of(answer)) == (403, "FORGED_REQUEST_SUSPECTED"), (page.name, header)


def _marks(things: Things, answer: Answer) -> list[bytes]:
    return [mark for mark in things.marks() if mark in answer.body or mark in str(answer.headers).encode()]


def _without_address(answer: Answer) -> tuple[int, bytes]:
    """An answer without the address that was asked for, which stands in the form for the display."""
    body = re.sub(rb'name="back" value="[^"]*"', b"", answer.body)
    return answer.status, re.sub(rb"\d{4}-\d{2}-\d{2} \d{2}:\d{2}", b"", body)
