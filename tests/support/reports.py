"""Checked reports of many kinds, for tests of whatever is made from them: the document, its JSON form, its pages.

Everything in them is really signed, admitted and checked. The records hold what must do nothing: markup of several languages,
characters that few fonts have, texts without a place to break.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from functools import cache
from typing import Any, Final

from contract.catalogue import SERIOUS_LIST, CellKey
from contract.days import DayRange
from contract.outcome import Admitted
from contract.province import Province
from contract.report_check import CheckedReport, check_report
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2, query_pb2, record_pb2
from huren.report.v1 import report_pb2
from tests.support.federation import (
    CATALOGUE,
    LIST_CELL,
    PENALTY_CELL,
    SUBJECT_CODE,
    WINDOW,
    Federation,
    list_entry,
    penalty,
    subject,
)

BEIJING, TIANJIN, HEBEI, SHANXI = Province

Records = Mapping[Province, Mapping[CellKey, Iterable[record_pb2.Record]]]

MARKUP: Final = (
    '#import "x"',
    '#link("https://example.invalid")[x]',
    "<b>粗</b>",
    "<script>alert(1)</script>",
    "\n= heading",
    "{{ name }}",
    "{page}",
    "$x$",
    "*strong* _emphasis_ `raw`",
    "\\u{41} \\ \\\\",
    "@label #label <label>",
    "/* comment */ // comment",
    "- item\n+ item",
    "%(name)s %s {0}",
)
"""Texts that would be markup, a template or code somewhere."""

RARE_NAME: Final = "示例㙍𠮷龘贸易有限公司"
"""㙍 is of extension A, 𠮷 of extension B of the unified ideographs; 龘 is of no common character list."""

_PENALTIES: Final = tuple(key for key in CATALOGUE.carried if key[1] != SERIOUS_LIST)
_LISTS: Final = {CATALOGUE.list_by_id[entry.id].domain: entry.id for entry in CATALOGUE.lists}


def text(value: str, masking: record_pb2.Masking.ValueType = record_pb2.MASKING_NONE) -> record_pb2.FreeText:
    """A free text."""
    return record_pb2.FreeText(text=value, masking=masking)


def _texts(value: str) -> dict[str, Any]:
    """The same free text in every field of a penalty that must have one."""
    return {f"penalty__{name}": text(value) for name in ("violation_type", "facts", "legal_basis", "content")}


def checked(
    federation: Federation,
    admitted: Iterable[Admitted],
    *,
    home: Province = BEIJING,
    change: Callable[[report_pb2.Report], None] = lambda _: None,
) -> CheckedReport:
    """A report over admitted fragments, checked as a verifier does."""
    envelope = federation.report(admitted, home=home, change=change)
    return check_report(envelope, verifier=federation.verifier, catalogues=federation.catalogues)


def asked(
    records: Records | None = None,
    *,
    federation: Federation | None = None,
    cells: Iterable[CellKey] | None = None,
    window: DayRange = WINDOW,
    whose: common_pb2.Subject | None = None,
    home: Province = BEIJING,
    purpose: query_pb2.Purpose.ValueType = query_pb2.PURPOSE_TENDER,
    fragments: Callable[[Province, fragment_pb2.Fragment], None] = lambda _province, _fragment: None,
) -> CheckedReport:
    """A report as asked for: of whom, for when, which cells, for what; `fragments` changes what each province says."""
    federation = federation or Federation()
    keys = None if cells is None else list(cells)

    def change_query(query: query_pb2.Query) -> None:
        query.purpose = purpose
        if whose is not None:
            query.subject.CopyFrom(whose)

    admitted = []
    for province in Province:
        question = federation.question(province, home=home, cells=keys, window=window, change=change_query)
        answer = federation.answer(
            question,
            (records or {}).get(province),
            change=lambda fragment, province=province: fragments(province, fragment),
        )
        admitted.append(federation.admit(question, answer))
    return checked(federation, admitted, home=home)


def many(number: int) -> Records:
    """So many penalties and, of every ten, one list entry; over all provinces and domains, some marked."""
    records: dict[Province, dict[CellKey, list[record_pb2.Record]]] = {province: {} for province in Province}
    for index in range(number):
        province = list(Province)[index % len(Province)]
        day = (date(2021, 11, 22) + timedelta(days=index * 7 % 1800)).isoformat()
        if index % 10 == 9:
            domain = list(_LISTS)[index // 10 % len(_LISTS)]
            key: CellKey = (domain, SERIOUS_LIST)
            record = list_entry(f"entry-{index:06d}", list_entry__list_id=_LISTS[domain], list_entry__listed_on=day)
        else:
            key = _PENALTIES[index % len(_PENALTIES)]
            record = penalty(
                f"penalty-{index:06d}",
                penalty__document_number=f"示例罚〔{day[:4]}〕{index}号",
                penalty__decided_on=day,
                penalty__facts=text(f"示例违法事实{index}。" + "经查，当事人未按规定公示信息。" * (index % 9)),
                penalty__amounts=[record_pb2.Amount(kind=record_pb2.AMOUNT_KIND_FINE, fen=index * 12_345)],
            )
        if index % 25 == 0:
            record.marks.append(record_pb2.Mark(kind=record_pb2.MARK_KIND_PUBLICITY_ENDED, on="2026-01-31"))
        records[province].setdefault(key, []).append(record)
    return records


def repeated(*, fen: int = 150_000) -> Records:
    """One decision three times in Tianjin, the second time with another amount unless `fen` is the same."""
    key = "a" * 64
    other = [record_pb2.Amount(kind=record_pb2.AMOUNT_KIND_FINE, fen=fen)]
    return {
        TIANJIN: {
            PENALTY_CELL: [
                penalty("one-00001", decision_key=key, further_domains=["taxation"]),
                penalty("two-00002", decision_key=key, penalty__amounts=other),
            ],
            ("taxation", PENALTY_CELL[1]): [penalty("three-003", decision_key=key)],
        }
    }


def _found() -> CheckedReport:
    mark = record_pb2.Mark
    marks = [
        mark(kind=record_pb2.MARK_KIND_PUBLICITY_ENDED, on="2025-03-01"),
        mark(kind=record_pb2.MARK_KIND_UNDER_OBJECTION, on="2026-11-02"),
        mark(kind=record_pb2.MARK_KIND_DECISION_CHANGED, on="2024-05-01"),
    ]
    rich = penalty(
        marks=marks,
        replaces="penalty-0000",
        further_domains=["taxation", "health"],
        penalty__categories=list(record_pb2.PenaltyCategory.values())[1:],
        penalty__amounts=[
            record_pb2.Amount(kind=kind, fen=123_456 * 10**kind)
            for kind in (record_pb2.AMOUNT_KIND_FINE, record_pb2.AMOUNT_KIND_CONFISCATION)
        ],
        penalty__facts=text("示例违法事实", record_pb2.MASKING_PARTIAL),
        penalty__content=text("内容含个人信息，请向处罚机关核实", record_pb2.MASKING_WITHHELD),
        penalty__licence=text("示例许可证 示例0001号"),
        penalty__valid_until="2027-01-01",
        penalty__publicity_until="2025-03-01",
        penalty__performance=record_pb2.Performance(
            state=record_pb2.PERFORMANCE_STATE_PERFORMED, performed_on="2024-04-01"
        ),
    )
    plain = penalty("penalty-0002", penalty__document_number="", penalty__decided_on="2025-06-30", penalty__amounts=[])
    combined = penalty(
        "penalty-0003",
        penalty__amounts=[record_pb2.Amount(kind=record_pb2.AMOUNT_KIND_COMBINED, fen=3)],
        penalty__procedure=record_pb2.PROCEDURE_SUMMARY,
    )
    left = list_entry(
        list_entry__removed_on="2024-05-01",
        list_entry__planned_end_on="2026-05-01",
        list_entry__name_when_listed="严重违法失信企业名单",
    )
    open_still = list_entry(
        "entry-0002",
        list_entry__planned_end_on="2026-05-01",
        marks=[mark(kind=record_pb2.MARK_KIND_PERIOD_ENDED_NOT_REMOVED, on="2026-05-01")],
    )
    return asked(
        {
            BEIJING: {PENALTY_CELL: [rich, plain]},
            HEBEI: {LIST_CELL: [left], PENALTY_CELL: [combined]},
            SHANXI: {LIST_CELL: [open_still]},
        }
    )


def _limited() -> CheckedReport:
    holes = {
        HEBEI: frozenset({("taxation", PENALTY_CELL[1]), ("taxation", SERIOUS_LIST), ("transport", PENALTY_CELL[1])}),
        SHANXI: frozenset({("court_enforcement", SERIOUS_LIST)}),
    }
    return asked({TIANJIN: {PENALTY_CELL: [penalty()]}}, federation=Federation(not_covered=holes))


def _nothing_covered() -> CheckedReport:
    nobody = {province: frozenset(CATALOGUE.carried) for province in Province}
    return asked(federation=Federation(not_covered=nobody))


def _chosen() -> CheckedReport:
    domains = ("taxation", "transport", "court_enforcement")
    cells = [key for key in CATALOGUE.cells if key[0] in domains]
    return asked(cells=cells, window=DayRange(date(2023, 11, 22), date(2026, 11, 22)))


def _markup() -> CheckedReport:
    records = [
        penalty(
            f"markup-{index:04d}",
            source_unit=" ".join(value.split()),
            penalty__document_number=" ".join(value.split()),
            penalty__authority=record_pb2.Authority(name=" ".join(value.split())),
            **_texts(value),
        )
        for index, value in enumerate(MARKUP)
    ]
    whose = subject(SUBJECT_CODE, '示例#import "x"<b>{{ }}$x$有限公司')
    return asked({BEIJING: {PENALTY_CELL: records}}, whose=whose)


def _rare() -> CheckedReport:
    record = penalty(
        penalty__authority=record_pb2.Authority(name="示例㙍𠮷龘局（演示）"), penalty__facts=text("㙍𠮷龘，𪚥𱁬")
    )
    return asked({BEIJING: {PENALTY_CELL: [record]}}, whose=subject(SUBJECT_CODE, RARE_NAME))


def _long() -> CheckedReport:
    longest = penalty("longest-01", penalty__facts=text("长" * 20_000))
    record = penalty(
        penalty__document_number="X" * 128,
        penalty__authority=record_pb2.Authority(name="局" * 200),
        source_unit="W" * 200,
        **_texts("A" * 2_000 + "违" * 4_000),
    )
    return asked({SHANXI: {PENALTY_CELL: [record, longest]}}, whose=subject(SUBJECT_CODE, "名" * 200))


def _unnamed() -> CheckedReport:
    whose = subject()
    whose.name = ""
    whose.home_basis = common_pb2.HOME_BASIS_CODE_DIGITS
    whose.registration_status = common_pb2.REGISTRATION_STATUS_UNKNOWN
    known = [one for one in whose.identifiers if one.kind != common_pb2.IDENTIFIER_KIND_NAME]
    del whose.identifiers[:]
    whose.identifiers.extend(known)
    return asked({HEBEI: {PENALTY_CELL: [penalty()]}}, whose=whose)


def _renamed() -> CheckedReport:
    whose = subject()
    former = common_pb2.IDENTIFIER_KIND_FORMER_NAME
    for value, since, until in (
        ("示例旧名一有限公司", "2010-01-04", "2021-11-21"),
        ("示例旧名二有限公司", "2021-11-22", "2023-05-01"),
        ("示例旧名三有限公司", "", ""),
    ):
        whose.identifiers.append(common_pb2.Identifier(kind=former, value=value, valid_from=since, valid_to=until))
    whose.registration_status = common_pb2.REGISTRATION_STATUS_LICENCE_REVOKED
    return asked(whose=whose)


_MAKERS: Final[Mapping[str, Callable[[], CheckedReport]]] = {
    "clear": asked,
    "found": _found,
    "limited": _limited,
    "nothing-covered": _nothing_covered,
    "chosen": _chosen,
    "repeated": lambda: asked(repeated()),
    "conflicting": lambda: asked(repeated(fen=99_999)),
    "markup": _markup,
    "rare": _rare,
    "long": _long,
    "unnamed": _unnamed,
    "renamed": _renamed,
    "many": lambda: asked(many(500)),
}

EXAMPLES: Final = tuple(_MAKERS)
"""Names of the examples: `many` has 500 records, `markup` texts that would be markup, `rare` characters that few fonts have."""


@cache
def example(name: str) -> CheckedReport:
    """An example by name; the same at every call, so it is not to be changed."""
    return _MAKERS[name]()
