"""Stand-in of Shanxi's platform: a SOAP service that answers in chunks, as adapters/shanxi/README.md describes it.

    python -m sandbox.platforms.shanxi --seed 1 --size 400 --day 2026-11-22 --announce run/shanxi.json

- Its rows are the facts of a world, found in the order of `Id`. What changes gets the next change number (`Book`).
- It has the platform's defects: every third chunk repeats a row, empty elements are left out of every second row, and document
  numbers of rows received before 2023 are in traditional characters. What else goes wrong is `Faults`, for tests.
- With `--dirt N` it holds N rows more that disclose nothing, or not simply (`World.asides`).
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final, Self

from aiohttp import web
from lxml import etree

from contract.days import CHINA
from contract.money import Fen, format_yuan
from contract.province import Province
from contract.uscc import organisation_code
from huren.fragment.v1 import record_pb2
from runtime.process import StopSignal, run_process
from sandbox.platforms import (
    CATEGORY_WORDS,
    DecisionColumns,
    asides_of,
    name_on,
    serve,
    server_options,
    up_to_this_hour,
    world_of,
)
from sandbox.world import Aside, FactState, ListFact, PenaltyFact, World

APP_KEY: Final = "huren-14"
CHUNK: Final = 20

_REPEATS_EVERY: Final = 3
"""Every chunk whose number, from 0, this divides begins with the row that the one before ended with."""

_SERVICE: Final = "http://service.credit.shanxi.demo/"
_SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"

# Code and name, and the domain or list that it stands for; code, and the category.
_DEPARTMENTS: Final = {
    "market_regulation": ("SX-SCJG", "市场监管"),
    "taxation": ("SX-SWJ", "税务"),
    "social_security": ("SX-RSJ", "人力资源和社会保障"),
    "housing_fund": ("SX-GJJ", "住房公积金"),
    "emergency_management": ("SX-YJJ", "应急管理"),
    "public_finance": ("SX-CZJ", "财政"),
    "statistics": ("SX-TJJ", "统计"),
    "court_enforcement": ("SX-FY", "法院"),
    "ecology_environment": ("SX-HBJ", "生态环境"),
    "natural_resources": ("SX-ZRZY", "自然资源"),
    "science_technology": ("SX-KJT", "科技"),
    "public_security": ("SX-GAJ", "公安"),
    "housing_construction": ("SX-ZJT", "住房和城乡建设"),
    "transport": ("SX-JTT", "交通运输"),
    "water_resources": ("SX-SLT", "水利"),
    "health": ("SX-WJW", "卫生健康"),
    "fire_rescue": ("SX-XF", "消防救援"),
    "": ("SX-QT", "其他部门"),
}
_LISTS: Final = {
    "serious_illegal_market": ("M1", "市场监督管理严重违法失信名单"),
    "major_tax_violation": ("M2", "重大税收违法失信主体名单"),
    "migrant_wage_arrears": ("M3", "拖欠农民工工资失信联合惩戒对象名单"),
    "work_safety_dishonesty": ("M4", "安全生产严重失信主体名单"),
    "procurement_dishonesty": ("M5", "政府采购严重违法失信行为记录名单"),
    "statistics_dishonesty": ("M6", "统计严重失信企业名单"),
    "judgment_defaulter": ("M7", "失信被执行人名单"),
}
_CATEGORY_CODES: Final = {
    record_pb2.PENALTY_CATEGORY_WARNING: "A1",
    record_pb2.PENALTY_CATEGORY_PUBLIC_CRITICISM: "A2",
    record_pb2.PENALTY_CATEGORY_FINE: "B1",
    record_pb2.PENALTY_CATEGORY_CONFISCATE_GAINS: "B2",
    record_pb2.PENALTY_CATEGORY_CONFISCATE_PROPERTY: "B3",
    record_pb2.PENALTY_CATEGORY_SUSPEND_LICENCE: "C1",
    record_pb2.PENALTY_CATEGORY_DOWNGRADE_QUALIFICATION: "C2",
    record_pb2.PENALTY_CATEGORY_REVOKE_LICENCE: "C3",
    record_pb2.PENALTY_CATEGORY_RESTRICT_OPERATIONS: "D1",
    record_pb2.PENALTY_CATEGORY_SUSPEND_BUSINESS: "D2",
    record_pb2.PENALTY_CATEGORY_ORDER_CLOSURE: "D3",
    record_pb2.PENALTY_CATEGORY_RESTRICT_PRACTICE: "D4",
    record_pb2.PENALTY_CATEGORY_DETENTION: "E1",
    record_pb2.PENALTY_CATEGORY_OTHER: "Z9",
}
_TABLES: Final = {
    "dept": tuple(_DEPARTMENTS.values()),
    "category": tuple((code, CATEGORY_WORDS[category]) for category, code in _CATEGORY_CODES.items()),
    "list": tuple(_LISTS.values()),
}
_COLUMNS: Final = DecisionColumns(
    name="EntName",
    uscc="CreditCode",
    organisation_code="OrgCode",
    registration_number="RegNo",
    fine="FineAmount",
    state="State",
    states={
        FactState.IN_FORCE: "A",
        FactState.REVOKED: "C",
        FactState.REPAIRED: "R",
        FactState.NOT_A_PENALTY: "N",
    },
)
_OPERATIONS: Final = {"QueryPenalty": "CF", "QuerySeriousList": "MD"}
_SEARCHED: Final = ("CreditCode", "OrgCode", "EntName")
_MOST_NAMES: Final = 20
_MOST_IDS: Final = 20
_WITHOUT_PENALTIES: Final = "SX-FY"
_WITH_LISTS: Final = ("SX-SCJG", "SX-SWJ", "SX-RSJ", "SX-YJJ", "SX-CZJ", "SX-TJJ", "SX-FY")

_TRADITIONAL: Final = str.maketrans(
    "环处应罚号决严临执晋监积税统财购资运长吕卫阳国简计设规划违",
    "環處應罰號決嚴臨執晉監積稅統財購資運長呂衛陽國簡計設規劃違",
)
_FIRST_SIMPLIFIED: Final = datetime(2023, 1, 1, tzinfo=CHINA)

Row = Mapping[str, str]
"""Element to text."""

_Service = Callable[[bytes], Awaitable[web.StreamResponse]]
Fault = Callable[[_Service, bytes], Awaitable[web.StreamResponse]]
"""Answers a request in place of the service, which it may ask."""


class Faults:
    """What goes wrong next, by operation.

    Attributes:
        calls: Operations asked for so far.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._waiting: dict[str, deque[Fault]] = {}

    def add(self, operation: str, *faults: Fault) -> None:
        """Lets each of these happen once, in this order, to calls of an operation. Empty: to calls of any."""
        self._waiting.setdefault(operation, deque()).extend(faults)

    def take(self, operation: str) -> Fault | None:
        """What happens to this call."""
        self.calls.append(operation)
        waiting = self._waiting.get(operation) or self._waiting.get("")
        return waiting.popleft() if waiting else None


def make_app(
    world: World,
    *,
    faults: Faults | None = None,
    watermark: Callable[[], datetime] | None = None,
    chunk: int = CHUNK,
    book: Book | None = None,
) -> web.Application:
    """The service as an application.

    Args:
        world: What it is loaded from.
        faults: What goes wrong. None: nothing.
        watermark: Up to when everything is supplied. None: the world's.
        chunk: Rows of a chunk.
        book: What it holds instead. None: the world's facts of Shanxi.
    """
    service = _CreditService(book or Book.of(world), watermark or (lambda: world.as_of), chunk)
    wrong = faults or Faults()

    async def post(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        fault = wrong.take(request.headers.get("SOAPAction", "").strip('"'))
        return await (service.answer(body) if fault is None else fault(service.answer, body))

    app = web.Application()
    app.router.add_post("/services/CreditService", post)
    return app


def as_supplied(document_number: str, received_at: datetime) -> str:
    """A document number as the platform holds it, by when it received the row."""
    return document_number.translate(_TRADITIONAL) if received_at < _FIRST_SIMPLIFIED else document_number


# --- The service ------------------------------------------------------------------------------------------------------


class Book:
    """The rows that the service holds, by type of data, with the number of the last change of each."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, tuple[int, Row]]] = {"CF": {}, "MD": {}}
        self._by_value: dict[tuple[str, str, str], dict[str, Row]] = {}
        self._changes = 0

    @classmethod
    def of(cls, world: World, *, dirt: int = 0) -> Self:
        """The world's facts of Shanxi in the order in which they were received, then so many of its asides."""
        book = cls()
        facts: tuple[PenaltyFact | ListFact, ...] = (*world.penalties, *world.list_entries)
        ours = [fact for fact in facts if fact.province == Province.SHANXI]
        for fact in sorted(ours, key=lambda fact: (fact.received_at, fact.key)):
            match fact:
                case PenaltyFact():
                    book.put("CF", penalty_row(fact))
                case ListFact():
                    book.put("MD", list_row(fact))
        for aside in asides_of(world, Province.SHANXI, dirt):
            book.put("CF", aside_row(aside))
        return book

    def put(self, data_type: str, row: Row) -> None:
        """Adds a row, or changes the one that has its `Id`."""
        self.remove(data_type, row["Id"])
        self._changes += 1
        self._rows[data_type][row["Id"]] = (self._changes, row)
        for column in _SEARCHED:
            self._by_value.setdefault((data_type, column, row[column]), {})[row["Id"]] = row

    def remove(self, data_type: str, key: str) -> None:
        """Takes a row away, where there is one. It is no change that anybody is told of."""
        _, row = self._rows[data_type].pop(key, (0, None))
        if row is not None:
            for column in _SEARCHED:
                del self._by_value[data_type, column, row[column]][key]

    def find(self, data_type: str, wanted: Iterable[tuple[str, str]]) -> list[Row]:
        """The rows in which one of these elements holds this text, in the order of `Id`; no text is not searched for."""
        found: dict[str, Row] = {}
        for column, text in wanted:
            found |= self._by_value.get((data_type, column, text), {}) if text else {}
        return [found[key] for key in sorted(found)]

    def by_id(self, data_type: str, keys: Iterable[str]) -> list[Row]:
        """The rows that exist of these, in the order of `Id`."""
        rows = self._rows[data_type]
        return [rows[key][1] for key in sorted(set(keys)) if key in rows]

    def changed(self, data_type: str, after: int) -> list[tuple[int, Row]]:
        """The rows that changed after a change, each with the number of its last one, in that order."""
        return sorted((c for c in self._rows[data_type].values() if c[0] > after), key=lambda change: change[0])


class _CreditService:
    def __init__(self, book: Book, watermark: Callable[[], datetime], chunk: int) -> None:
        self._book = book
        self._watermark = watermark
        self._chunk = chunk

    async def answer(self, body: bytes) -> web.Response:
        request = _request(body)
        if request is None:
            return _fault("expected one request in a SOAP envelope")
        operation = etree.QName(request).localname
        response = etree.Element(f"{{{_SERVICE}}}{operation}Response", nsmap={"ns1": _SERVICE})
        result = _add(response, "Result")
        if _field(request, "AppKey") != APP_KEY:
            _add(result, "Code", "E101")
            _add(result, "Message", "AppKey 未登记")
            return _envelope(response)
        _add(result, "Code", "0")
        _add(result, "Message")
        match operation:
            case "QueryPenalty" | "QuerySeriousList":
                self._query(operation, request, result)
            case "QueryChanged":
                self._changed(request, result)
            case "QueryById":
                self._by_id(request, result)
            case "GetCodeTable":
                table = _TABLES.get(_field(request, "Table"), ())
                _add_rows(result, [{"Code": code, "Name": name} for code, name in table])
            case "GetDataTime":
                _add_rows(result, list(self._data_times()))
            case _:
                return _fault(f"no operation {operation}")
        return _envelope(response)

    def _query(self, operation: str, request: etree._Element, result: etree._Element) -> None:
        names = _fields(request, "EntName")
        if len(names) > _MOST_NAMES:
            _refuse(result, f"EntName 多于 {_MOST_NAMES} 个")
            return
        wanted = [("CreditCode", _field(request, "CreditCode")), ("OrgCode", _field(request, "OrgCode"))]
        rows = self._book.find(_OPERATIONS[operation], [*wanted, *(("EntName", name) for name in names)])

        number, start = (int(part) for part in (_field(request, "Cursor") or "0-0").split("-"))
        repeats = start > 0 and number % _REPEATS_EVERY == 0 and self._chunk > 1
        end = start + self._chunk - repeats
        _add(result, "TotalCount", str(len(rows)))
        _add(result, "NextCursor", f"{number + 1}-{end}" if end < len(rows) else "")
        _add_rows(result, rows[start - repeats : end])

    def _changed(self, request: etree._Element, result: etree._Element) -> None:
        data_type, cursor = _field(request, "Type"), _field(request, "Cursor")
        if not re.fullmatch(r"([0-9]+-[0-9]+)?", cursor, re.ASCII):
            _refuse(result, "Cursor 未知", code="E410")
            return
        number, after = (int(part) for part in (cursor or "0-0").split("-"))
        changes = self._book.changed(data_type, after)
        repeats = after > 0 and number % _REPEATS_EVERY == 0 and self._chunk > 1
        # What is repeated is the row of the change up to which was read, where it is still the row's last one.
        repeated = [change for change in self._book.changed(data_type, after - 1)[:1] if repeats and change[0] == after]
        given = [*repeated, *changes][: self._chunk]
        last = given[-1][0] if given else after
        rest = len(repeated) + len(changes) - len(given)
        _add(result, "TotalCount", str(len(repeated) + len(changes)))
        _add(result, "RowCount", str(len(given)))
        _add(result, "NextCursor", f"{number + 1}-{last}" if given else cursor or "0-0")
        _add(result, "More", "1" if rest else "0")
        _add_rows(result, [row for _, row in given])

    def _by_id(self, request: etree._Element, result: etree._Element) -> None:
        keys = _fields(request, "Id")
        if len(keys) > _MOST_IDS:
            _refuse(result, f"Id 多于 {_MOST_IDS} 个")
            return
        rows = self._book.by_id(_field(request, "Type"), keys)
        _add(result, "TotalCount", str(len(rows)))
        _add_rows(result, rows)

    def _data_times(self) -> Iterator[Row]:
        at = _time(self._watermark())
        for code, _ in _DEPARTMENTS.values():
            if code != _WITHOUT_PENALTIES:
                yield {"Dept": code, "Type": "CF", "DataTime": at}
            if code in _WITH_LISTS:
                yield {"Dept": code, "Type": "MD", "DataTime": at}


def penalty_row(fact: PenaltyFact) -> Row:
    """A decision as the platform holds it."""
    return {
        "Id": fact.key,
        "DeptCode": _DEPARTMENTS.get(fact.domain, _DEPARTMENTS[""])[0],
        "EntName": name_on(fact.subject, fact.decided_on),
        "CreditCode": fact.subject.uscc,
        "OrgCode": organisation_code(fact.subject.uscc),
        "RegNo": fact.subject.registration_number,
        "DocNo": as_supplied(fact.document_number, fact.received_at),
        "WfType": fact.violation_type,
        "WfFact": fact.facts,
        "Basis": fact.legal_basis,
        "Category": "|".join(_CATEGORY_CODES[category] for category in fact.categories),
        "Content": fact.content,
        "FineAmount": _amount(fact.fine),
        "ConfiscateAmount": _amount(fact.confiscation),
        "Licence": "",
        "DecisionDate": _day(fact.decided_on),
        "ValidTo": "99991231",
        "PublicTo": _day(fact.publicity_until),
        "OrgName": fact.authority,
        "OrgNameCode": fact.authority_uscc,
        "SourceUnit": fact.authority,
        "Simple": "1" if fact.summary_procedure else "0",
        "Perform": "1" if fact.performed_on else "",
        "PerformDate": _day(fact.performed_on),
        "State": "A",
        "RecvTime": _time(fact.received_at),
    }


def list_row(fact: ListFact) -> Row:
    """An entry on a list as the platform holds it."""
    return {
        "Id": fact.key,
        "DeptCode": _DEPARTMENTS[fact.domain][0],
        "ListCode": _LISTS[fact.list_id][0],
        "EntName": name_on(fact.subject, fact.listed_on),
        "CreditCode": fact.subject.uscc,
        "OrgCode": organisation_code(fact.subject.uscc),
        "DocNo": as_supplied(fact.document_number, fact.received_at),
        "Reason": fact.reason,
        "InDate": _day(fact.listed_on),
        "OrgName": fact.authority,
        "OrgNameCode": fact.authority_uscc,
        "PlanOutDate": _day(fact.planned_end_on),
        "OutDate": _day(fact.removed_on),
        "SourceUnit": fact.authority,
        "State": "A",
        "RecvTime": _time(fact.received_at),
    }


def aside_row(aside: Aside) -> Row:
    """An aside as the platform holds it."""
    return {**penalty_row(aside.fact), **_COLUMNS.written(aside)}


def _amount(fen: Fen | None) -> str:
    return "" if fen is None else format_yuan(fen)


def _day(day: date | None) -> str:
    return "" if day is None else f"{day:%Y%m%d}"


def _time(at: datetime) -> str:
    return f"{at.astimezone(CHINA):%Y%m%d%H%M%S}"


# --- XML --------------------------------------------------------------------------------------------------------------


def _request(body: bytes) -> etree._Element | None:
    """The request in an envelope."""
    found = _tree(body).find(f"{{{_SOAP}}}Body/*") if body else None
    return found if found is not None and etree.QName(found).namespace == _SERVICE else None


def _tree(body: bytes) -> etree._Element:
    return etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))


def _field(request: etree._Element, name: str) -> str:
    return request.findtext(f"{{{_SERVICE}}}{name}") or ""


def _fields(request: etree._Element, name: str) -> list[str]:
    return [element.text or "" for element in request.iterfind(f"{{{_SERVICE}}}{name}")]


def _refuse(result: etree._Element, message: str, *, code: str = "E400") -> None:
    """Makes an answer an error."""
    for child, text in zip(result, (code, message), strict=True):
        child.text = text


def _add(parent: etree._Element, name: str, text: str = "") -> etree._Element:
    child = etree.SubElement(parent, f"{{{_SERVICE}}}{name}")
    child.text = text or None
    return child


def _add_rows(result: etree._Element, rows: Sequence[Row]) -> None:
    container = _add(result, "Rows")
    for number, row in enumerate(rows):
        element = _add(container, "Row")
        for name, text in row.items():
            if text or number % 2:
                _add(element, name, text)


def _envelope(content: etree._Element, *, status: int = 200) -> web.Response:
    envelope = etree.Element(f"{{{_SOAP}}}Envelope", nsmap={"soapenv": _SOAP})
    etree.SubElement(envelope, f"{{{_SOAP}}}Body").append(content)
    return xml(etree.tostring(envelope, xml_declaration=True, encoding="UTF-8"), status=status)


def _fault(message: str) -> web.Response:
    fault = etree.Element(f"{{{_SOAP}}}Fault")
    etree.SubElement(fault, "faultcode").text = "soapenv:Server"
    etree.SubElement(fault, "faultstring").text = message
    return _envelope(fault, status=500)


def xml(body: bytes, *, status: int = 200) -> web.Response:
    """An answer of these bytes."""
    return web.Response(body=body, status=status, content_type="text/xml", charset="utf-8")


# --- What can go wrong ------------------------------------------------------------------------------------------------


async def soap_fault(_service: _Service, _body: bytes) -> web.StreamResponse:
    """A fault, with status 500."""
    return _fault("java.lang.NullPointerException")


async def unavailable(_service: _Service, _body: bytes) -> web.StreamResponse:
    """The proxy in front of the service has nobody to ask."""
    return web.Response(status=503, text="Service Unavailable")


async def hang(_service: _Service, _body: bytes) -> web.StreamResponse:
    """No answer, until the caller goes away."""
    await asyncio.Event().wait()
    raise RuntimeError("nobody sets that event")


def answer(body: bytes, *, status: int = 200) -> Fault:
    """Any bytes."""

    async def fault(_service: _Service, _body: bytes) -> web.StreamResponse:
        return xml(body, status=status)

    return fault


def rewrite(change: Callable[[bytes], bytes]) -> Fault:
    """The answer, its bytes changed."""

    async def fault(service: _Service, body: bytes) -> web.StreamResponse:
        answered = await service(body)
        if not isinstance(answered, web.Response) or not isinstance(answered.body, bytes):
            raise TypeError("expected an answer with a body")
        return xml(change(answered.body), status=answered.status)

    return fault


def alter(change: Callable[[etree._Element], None]) -> Fault:
    """The answer, its `Result` changed."""

    def changed(body: bytes) -> bytes:
        envelope = _tree(body)
        result = envelope.find(f".//{{{_SERVICE}}}Result")
        if result is not None:
            change(result)
        return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")

    return rewrite(changed)


@rewrite
def doctype(body: bytes) -> bytes:
    """A right answer below a DOCTYPE."""
    return body.replace(b"?>", b"?>\n<!DOCTYPE html>", 1)


@rewrite
def truncate(body: bytes) -> bytes:
    """Half of the answer, which says that it is whole."""
    return body[: len(body) // 2]


@alter
def error_code(result: etree._Element) -> None:
    """An error of the service's own."""
    for child in list(result):
        result.remove(child)
    _add(result, "Code", "E500")
    _add(result, "Message", "内部错误")


@alter
def lose_row(result: etree._Element) -> None:
    """A chunk with a row too few."""
    rows = result.find(f"{{{_SERVICE}}}Rows")
    if rows is not None and len(rows):
        rows.remove(rows[-1])


@alter
def lose_rows(result: etree._Element) -> None:
    """A chunk without the element that holds the rows."""
    rows = result.find(f"{{{_SERVICE}}}Rows")
    if rows is not None:
        result.remove(rows)


@alter
def shift_total(result: etree._Element) -> None:
    """A row arrived while chunks were read: the total grew."""
    total = result.find(f"{{{_SERVICE}}}TotalCount")
    if total is not None:
        total.text = str(int(total.text or "0") + 1)


@alter
def change_row(result: etree._Element) -> None:
    """The first row was corrected while chunks were read."""
    number = result.find(f".//{{{_SERVICE}}}DocNo")
    if number is not None:
        number.text = "更正〔2026〕1号"


@alter
def end_early(result: etree._Element) -> None:
    """The last chunk, though there are more."""
    cursor = result.find(f"{{{_SERVICE}}}NextCursor")
    if cursor is not None:
        cursor.text = None


@alter
def no_more(result: etree._Element) -> None:
    """Nothing more has changed, it says, though it has."""
    more = result.find(f"{{{_SERVICE}}}More")
    if more is not None:
        more.text = "0"


@alter
def loop(result: etree._Element) -> None:
    """The next chunk is one that was given."""
    cursor = result.find(f"{{{_SERVICE}}}NextCursor")
    if cursor is not None:
        cursor.text = "1-1"


def rename(code: str, name: str) -> Fault:
    """A code table in which a code has another name."""

    def change(result: etree._Element) -> None:
        for row in result.iterfind(f".//{{{_SERVICE}}}Row"):
            named = row.find(f"{{{_SERVICE}}}Name")
            if row.findtext(f"{{{_SERVICE}}}Code") == code and named is not None:
                named.text = name

    return alter(change)


# --- The program ------------------------------------------------------------------------------------------------------


def main() -> int:
    """Serves a generated world until SIGTERM."""
    options = server_options(__doc__).parse_args()

    async def run(stop: StopSignal) -> None:
        world = world_of(options)
        book = Book.of(world, dirt=options.dirt)
        app = make_app(world, watermark=lambda: up_to_this_hour(world), book=book)
        await serve(app, options, {"app_key": APP_KEY}, stop=stop)

    return run_process(run)


if __name__ == "__main__":
    sys.exit(main())
