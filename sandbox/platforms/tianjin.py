"""Stand-in of Tianjin's platform: an HTTP interface with tokens, pages and limits, as adapters/tianjin/README.md describes it.

    python -m sandbox.platforms.tianjin --seed 1 --size 400 --day 2026-11-22 --announce run/tianjin.json

- Its rows are the facts of a world, and always in the same order: by `id`. More may be supplied while it runs: `supply_row`.
- With `--dirt N` it holds N rows more that disclose nothing, or not simply (`World.asides`).
- It is honest, but busy: as a program it answers every seventh call with 429. What else goes wrong is `Faults`, for tests.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from contract.days import start_of_day
from contract.money import Fen
from contract.province import Province
from contract.uscc import organisation_code
from huren.fragment.v1 import record_pb2
from runtime.clock import Clock, system_clock
from runtime.process import StopSignal, run_process
from sandbox.platforms import DecisionColumns, asides_of, name_on, serve, server_options, up_to_this_hour, world_of
from sandbox.world import Aside, FactState, ListFact, PenaltyFact, World

CLIENT_ID: Final = "huren-12"
TOKEN_LIFE: Final = timedelta(minutes=10)
BUSY_EVERY: Final = 7
"""As a program, every call whose number this divides is answered with 429."""

_MAX_PAGE: Final = 100

_DEPARTMENTS: Final = {
    "market_regulation": "0201",
    "taxation": "0202",
    "social_security": "0203",
    "housing_fund": "0204",
    "emergency_management": "0205",
    "public_finance": "0206",
    "statistics": "0207",
    "court_enforcement": "0208",
    "ecology_environment": "0209",
    "natural_resources": "0210",
    "science_technology": "0211",
    "public_security": "0212",
    "housing_construction": "0213",
    "transport": "0214",
    "water_resources": "0215",
    "health": "0216",
    "fire_rescue": "0217",
}
_OUTSIDE: Final = "0299"
_LISTS: Final = {
    "serious_illegal_market": "L01",
    "major_tax_violation": "L02",
    "migrant_wage_arrears": "L03",
    "work_safety_dishonesty": "L04",
    "procurement_dishonesty": "L05",
    "statistics_dishonesty": "L06",
    "judgment_defaulter": "L07",
}
_LIST_DEPARTMENTS: Final = ("0201", "0202", "0203", "0205", "0206", "0207", "0208")
_OTHER: Final = "99"
_SEARCHED: Final = ("creditCode", "orgCode", "entName")
_COLUMNS: Final = DecisionColumns(
    name="entName",
    uscc="creditCode",
    organisation_code="orgCode",
    registration_number="regNo",
    fine="penAm",
    state="status",
    states={
        FactState.IN_FORCE: "VALID",
        FactState.REVOKED: "CANCELED",
        FactState.REPAIRED: "REPAIRED",
        FactState.NOT_A_PENALTY: "NO_PENALTY",
    },
)
_PLACE: Final = "c-"
"""How a place in the order of changes begins: its readers must not count on what follows."""

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_Row = Mapping[str, Any]
Fault = Callable[[web.Request, _Handler], Awaitable[web.StreamResponse]]
"""Answers a call in place of the platform, which it may ask."""


@dataclass(slots=True)
class Faults:
    """What goes wrong next.

    Attributes:
        script: Faults in the order in which they happen, each with a part of the paths of the calls that it is for.
        busy_every: Every call whose number this divides is answered with 429. 0: none.
        calls: Paths of the calls so far.
    """

    script: list[tuple[str, Fault]] = field(default_factory=list)
    busy_every: int = 0
    calls: list[str] = field(default_factory=list)

    def add(self, *faults: Fault, on: str = "/") -> None:
        """Lets each of these happen once, to calls whose paths hold `on`."""
        self.script += [(on, fault) for fault in faults]

    def take(self, path: str) -> Fault | None:
        """What happens to this call."""
        self.calls.append(path)
        if self.busy_every and len(self.calls) % self.busy_every == 0:
            return busy()
        for position, (where, fault) in enumerate(self.script):
            if where in path:
                del self.script[position]
                return fault
        return None


def make_app(
    world: World,
    *,
    secret: str,
    faults: Faults | None = None,
    now: Clock = system_clock,
    watermark: Callable[[], datetime] | None = None,
    dirt: int = 0,
) -> web.Application:
    """The platform as an application.

    Args:
        world: What it is loaded from.
        secret: The secret of `CLIENT_ID`.
        faults: What goes wrong. None: nothing.
        now: By which tokens end.
        watermark: Up to when everything is supplied. None: the world's.
        dirt: How many of the world's asides it holds besides.
    """
    platform = _Platform(world, secret, now, watermark or (lambda: world.as_of))
    for aside in asides_of(world, Province.TIANJIN, dirt):
        platform.penalties.put(_aside_row(aside))
    wrong = faults or Faults()

    @web.middleware
    async def with_faults(request: web.Request, handler: _Handler) -> web.StreamResponse:
        fault = wrong.take(request.path)
        return await (handler(request) if fault is None else fault(request, handler))

    app = web.Application(middlewares=[with_faults])
    app[_PLATFORM] = platform
    app.router.add_post("/auth/token", platform.give_token)
    app.router.add_post("/api/v1/penalties/query", platform.query_penalties)
    app.router.add_post("/api/v1/serious-lists/query", platform.query_lists)
    app.router.add_post("/api/v1/penalties/changes", platform.penalties_changed)
    app.router.add_post("/api/v1/serious-lists/changes", platform.lists_changed)
    app.router.add_post("/api/v1/penalties/by-ids", platform.penalties_by_id)
    app.router.add_post("/api/v1/serious-lists/by-ids", platform.lists_by_id)
    app.router.add_get("/api/v1/supply", platform.supply)
    return app


def supply_row(app: web.Application, fact: PenaltyFact | ListFact | Aside, **changes: object) -> None:
    """Supplies a fact or an aside: as a new row, or as a change of the row that has its key.

    Args:
        app: The platform.
        fact: The fact or the aside.
        changes: What stands in columns of its row instead.
    """
    platform = app[_PLATFORM]
    match fact:
        case PenaltyFact():
            platform.penalties.put({**_penalty_row(fact), **changes})
        case Aside():
            platform.penalties.put({**_aside_row(fact), **changes})
        case ListFact():
            platform.lists.put({**_list_row(fact), **changes})


# --- The platform -----------------------------------------------------------------------------------------------------


class _Platform:
    def __init__(self, world: World, secret: str, now: Clock, watermark: Callable[[], datetime]) -> None:
        self._secret = secret
        self._now = now
        self._watermark = watermark
        self.penalties = _Table(_penalty_row(fact) for fact in world.penalties if fact.province == Province.TIANJIN)
        self.lists = _Table(_list_row(fact) for fact in world.list_entries if fact.province == Province.TIANJIN)
        self._tokens: dict[str, datetime] = {}
        self._given = 0

    def forget_tokens(self) -> None:
        self._tokens.clear()

    async def give_token(self, request: web.Request) -> web.Response:
        body = await _body(request)
        right = body.get("clientId") == CLIENT_ID and secrets.compare_digest(
            str(body.get("clientSecret")).encode(), self._secret.encode()
        )
        if not right:
            return web.json_response({"code": 401, "message": "clientId or clientSecret is wrong"}, status=401)
        self._given += 1
        token = f"{self._given:08d}"
        self._tokens[token] = self._now() + TOKEN_LIFE
        return web.json_response({"code": 0, "token": token, "expiresIn": int(TOKEN_LIFE.total_seconds())})

    async def query_penalties(self, request: web.Request) -> web.Response:
        return await self._query(request, self.penalties)

    async def query_lists(self, request: web.Request) -> web.Response:
        return await self._query(request, self.lists)

    async def supply(self, request: web.Request) -> web.Response:
        self._authorise(request)
        up_to = _milliseconds(self._watermark())
        supplied = [(code, "PEN") for code in (*_DEPARTMENTS.values(), _OUTSIDE) if code != "0208"]
        supplied += [(code, "LIST") for code in _LIST_DEPARTMENTS]
        rows = [{"deptCode": code, "dataType": kind, "suppliedUpTo": up_to} for code, kind in supplied]
        return web.json_response({"code": 0, "rows": rows})

    async def _query(self, request: web.Request, table: _Table) -> web.Response:
        self._authorise(request)
        body = await _body(request)
        page, size, names = body.get("page"), body.get("size"), body.get("names")
        if not (isinstance(page, int) and page >= 1 and isinstance(size, int) and 1 <= size <= _MAX_PAGE):
            raise web.HTTPBadRequest(text="page or size is wrong")
        if not (isinstance(names, list) and len(names) <= _MAX_PAGE):
            raise web.HTTPBadRequest(text="names is wrong")
        found = table.find(str(body.get("creditCode")), str(body.get("orgCode")), names)
        rows = found[(page - 1) * size : page * size]
        return web.json_response({"code": 0, "total": len(found), "page": page, "size": size, "rows": rows})

    async def penalties_changed(self, request: web.Request) -> web.Response:
        return await self._changes(request, self.penalties)

    async def lists_changed(self, request: web.Request) -> web.Response:
        return await self._changes(request, self.lists)

    async def _changes(self, request: web.Request, table: _Table) -> web.Response:
        self._authorise(request)
        body = await _body(request)
        after, size = body.get("after"), body.get("size")
        if not (isinstance(size, int) and 1 <= size <= _MAX_PAGE):
            raise web.HTTPBadRequest(text="size is wrong")
        number = table.number_of(after)
        if number is None:
            return web.json_response({"code": 4101, "message": "after is none of this platform"})
        rows, reached, remaining = table.changed(number, size)
        following = table.place_of(reached)
        return web.json_response(
            {"code": 0, "rows": rows, "next": following, "more": remaining > 0, "remaining": remaining}
        )

    async def penalties_by_id(self, request: web.Request) -> web.Response:
        return await self._by_id(request, self.penalties)

    async def lists_by_id(self, request: web.Request) -> web.Response:
        return await self._by_id(request, self.lists)

    async def _by_id(self, request: web.Request, table: _Table) -> web.Response:
        self._authorise(request)
        ids = (await _body(request)).get("ids")
        if not (isinstance(ids, list) and len(ids) <= _MAX_PAGE and all(isinstance(one, str) for one in ids)):
            raise web.HTTPBadRequest(text="ids is wrong")
        return web.json_response({"code": 0, "rows": table.by_id(ids)})

    def _authorise(self, request: web.Request) -> None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self._tokens.get(token, self._now()) <= self._now():
            raise web.HTTPUnauthorized(text=json.dumps({"code": 401, "message": "token"}))


_PLATFORM: Final = web.AppKey("platform", _Platform)


class _Table:
    """Rows by what is searched for, and in the order in which they changed."""

    def __init__(self, rows: Iterable[_Row]) -> None:
        self._rows: dict[str, _Row] = {}
        self._numbers: dict[str, int] = {}
        """By id, in ascending order: a row that changes goes to the end."""
        self._last = 0
        self._by_value: dict[tuple[str, str], set[str]] = {}
        for row in sorted(rows, key=lambda row: str(row["id"])):
            self.put(row)

    def put(self, row: _Row) -> None:
        key = row["id"]
        for column in _SEARCHED:
            if key in self._rows:
                self._by_value[column, self._rows[key][column]].discard(key)
            self._by_value.setdefault((column, row[column]), set()).add(key)
        self._rows[key] = row
        self._last += 1
        self._numbers.pop(key, None)
        self._numbers[key] = self._last

    def find(self, credit_code: str, organisation: str, names: list[Any]) -> list[_Row]:
        wanted = [("creditCode", credit_code), ("orgCode", organisation), *(("entName", name) for name in names)]
        keys = {key for column, value in wanted if value for key in self._by_value.get((column, str(value)), ())}
        return [self._rows[key] for key in sorted(keys)]

    def by_id(self, ids: Iterable[str]) -> list[_Row]:
        return [self._rows[key] for key in dict.fromkeys(ids) if key in self._rows]

    def changed(self, after: int, size: int) -> tuple[list[_Row], int, int]:
        """Rows that changed after a number, the number that is reached with them, and how many more there are."""
        later = [(number, key) for key, number in self._numbers.items() if number > after]
        given = later[:size]
        return [self._rows[key] for _, key in given], given[-1][0] if given else after, len(later) - len(given)

    def number_of(self, place: object) -> int | None:
        """The number that a place stands for. None: it is none of ours."""
        if place == "":
            return 0
        if not isinstance(place, str) or not place.startswith(_PLACE) or not place.removeprefix(_PLACE).isdecimal():
            return None
        number = int(place.removeprefix(_PLACE))
        return number if number <= self._last else None

    def place_of(self, number: int) -> str:
        return f"{_PLACE}{number}"


def _penalty_row(fact: PenaltyFact) -> _Row:
    return {
        "id": fact.key,
        "deptCode": _DEPARTMENTS.get(fact.domain, _OUTSIDE),
        "entName": name_on(fact.subject, fact.decided_on),
        "creditCode": fact.subject.uscc,
        "orgCode": organisation_code(fact.subject.uscc),
        "regNo": fact.subject.registration_number or None,
        "penDecNo": fact.document_number,
        "illegalType": fact.violation_type,
        "illegalFact": fact.facts,
        "penBasis": fact.legal_basis,
        "penType": ",".join(_category(category) for category in fact.categories),
        "penContent": fact.content,
        "penAm": _amount(fact.fine),
        "forfAm": _amount(fact.confiscation),
        "licence": None,
        "penDecDate": _day(fact.decided_on),
        "validTo": None,
        "publicTo": _day(fact.publicity_until),
        "penOrg": fact.authority,
        "penOrgCode": fact.authority_uscc,
        "srcOrg": fact.authority,
        "simple": fact.summary_procedure,
        "performed": "Y" if fact.performed_on else None,
        "performedDate": _day(fact.performed_on),
        "status": "VALID",
        "receivedTime": _milliseconds(fact.received_at),
    }


def _list_row(fact: ListFact) -> _Row:
    return {
        "id": fact.key,
        "deptCode": _DEPARTMENTS[fact.domain],
        "listCode": _LISTS[fact.list_id],
        "entName": name_on(fact.subject, fact.listed_on),
        "creditCode": fact.subject.uscc,
        "orgCode": organisation_code(fact.subject.uscc),
        "inDocNo": fact.document_number,
        "inReason": fact.reason,
        "inDate": _day(fact.listed_on),
        "inOrg": fact.authority,
        "inOrgCode": fact.authority_uscc,
        "planOutDate": _day(fact.planned_end_on),
        "outDate": _day(fact.removed_on),
        "srcOrg": fact.authority,
        "status": "VALID",
        "receivedTime": _milliseconds(fact.received_at),
    }


def _aside_row(aside: Aside) -> _Row:
    return {**_penalty_row(aside.fact), **{column: text or None for column, text in _COLUMNS.written(aside).items()}}


def _category(category: record_pb2.PenaltyCategory.ValueType) -> str:
    return _OTHER if category == record_pb2.PENALTY_CATEGORY_OTHER else f"{category:02d}"


def _amount(fen: Fen | None) -> str | None:
    return None if fen is None else f"{fen // 100}.{fen % 100:02d}"


def _day(day: date | None) -> int | None:
    return None if day is None else _milliseconds(start_of_day(day))


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1000


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError as error:
        raise web.HTTPBadRequest(text="the body is no JSON") from error
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="the body is no JSON object")
    return body


# --- What can go wrong ------------------------------------------------------------------------------------------------


def busy(status: int = 429, *, retry_after: str | None = "0") -> Fault:
    """Too many calls, or out of service for a while."""

    async def fault(_request: web.Request, _handler: _Handler) -> web.StreamResponse:
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        return web.json_response({"code": status, "message": "later"}, status=status, headers=headers)

    return fault


async def internal_error(_request: web.Request, _handler: _Handler) -> web.StreamResponse:
    """Status 500, without a word on when to come again."""
    return web.Response(status=500, text="<html>Internal Server Error</html>")


async def hang(_request: web.Request, _handler: _Handler) -> web.StreamResponse:
    """No answer, until the caller goes away."""
    await asyncio.Event().wait()
    raise RuntimeError("nobody sets that event")


async def drop(request: web.Request, _handler: _Handler) -> web.StreamResponse:
    """The connection ends in place of an answer."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()


async def expire_tokens(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Every token has ended early."""
    request.app[_PLATFORM].forget_tokens()
    return await handler(request)


async def truncate(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Half of the answer, which says that it is whole."""
    body = await _answer(request, handler)
    return web.Response(body=body[: len(body) // 2], content_type="application/json")


def answer(body: bytes, *, status: int = 200) -> Fault:
    """Any bytes."""

    async def fault(_request: web.Request, _handler: _Handler) -> web.StreamResponse:
        return web.Response(body=body, status=status, content_type="application/json")

    return fault


def alter(change: Callable[[dict[str, Any]], None]) -> Fault:
    """The answer, changed."""

    async def fault(request: web.Request, handler: _Handler) -> web.StreamResponse:
        document = json.loads(await _answer(request, handler))
        change(document)
        return web.json_response(document)

    return fault


@alter
def shift_total(document: dict[str, Any]) -> None:
    """A row arrived while pages were read: the total grew."""
    if "total" in document:
        document["total"] += 1


@alter
def lose_row(document: dict[str, Any]) -> None:
    """A page with a row too few."""
    document.get("rows", [])[-1:] = []


@alter
def repeat_row(document: dict[str, Any]) -> None:
    """A page on which one row stands in the place of another."""
    rows = document.get("rows", [])
    rows[-1:] = rows[:1]


@alter
def float_amounts(document: dict[str, Any]) -> None:
    """Amounts that went through a float."""
    for row in document.get("rows", []):
        if row.get("penAm"):
            row["penAm"] = float(row["penAm"])


@alter
def error_code(document: dict[str, Any]) -> None:
    """Status 200, and an error."""
    document.clear()
    document.update({"code": 5001, "message": "index is being rebuilt"})


async def _answer(request: web.Request, handler: _Handler) -> bytes:
    response = await handler(request)
    if not isinstance(response, web.Response) or not isinstance(response.body, bytes):
        raise TypeError("expected an answer with a body")
    return response.body


# --- The program ------------------------------------------------------------------------------------------------------


def main() -> int:
    """Serves a generated world until SIGTERM."""
    parser = server_options(__doc__)
    parser.add_argument(
        "--secret", type=Path, help="file of the client secret; made if missing (default: beside --announce)"
    )
    arguments = parser.parse_args()
    arguments.secret = (arguments.secret or arguments.announce.with_suffix(".secret")).absolute()
    return run_process(lambda stop: _serve(arguments, stop))


async def _serve(arguments: argparse.Namespace, stop: StopSignal) -> None:
    world = world_of(arguments)
    app = make_app(
        world,
        secret=_secret_in(arguments.secret),
        faults=Faults(busy_every=BUSY_EVERY),
        watermark=lambda: up_to_this_hour(world),
        dirt=arguments.dirt,
    )
    facts = {"client_id": CLIENT_ID, "client_secret_file": str(arguments.secret)}
    await serve(app, arguments, facts, stop=stop)


def _secret_in(path: Path) -> str:
    """The secret in a file, which is made, for its owner only, where it is missing."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text("utf-8").strip()
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        secret = secrets.token_urlsafe(32)
        file.write(secret)
    return secret


if __name__ == "__main__":
    sys.exit(main())
