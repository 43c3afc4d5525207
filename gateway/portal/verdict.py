"""What became of a verification, as the page shows it: headline, advice, what is left out, and what to compare.

What is told is made by gateway/verification/words.py and by the verifier, in whole sentences; here they are set apart, so that
what has to be compared and what is not covered stand for themselves. Words that the report in hand prints (cells, the conclusion)
stay as they are printed: they are to be compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from contract.days import CHINA, from_timestamp
from contract.errors import ErrorCode
from contract.province import Province
from contract.reasons import Words
from contract.wording import CELL_WORDS, KIND_NAMES, LIMITED
from gateway.api.problems import Problem
from gateway.verification import words as told
from gateway.verification.by_code import CodeResult
from gateway.verification.by_file import FileResult
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2
from huren.report.v1 import verification_service_pb2 as wire

_HEADLINES_EN: Final[Mapping[str, str]] = {
    "核验一致": "As issued",
    "信息已更新": "Updated since",
    "报告已作废": "Taken back",
    "超过使用期限": "Past its time of use",
    "未查询到": "Not found",
    "请稍后再试": "Try again later",
    "暂不能核验": "Cannot be verified now",
    "这不是报告": "This is no report",
    "文件与原件一致": "The file is as issued",
    "与原件不一致": "The file is not as issued",
    "签名方不被信任": "The signer is not trusted",
    "无法核验本文件": "This file cannot be verified",
    "暂不能作结论": "No conclusion at present",
    "未能核验": "Not verified",
}

_KINDS_EN: Final[Mapping[int, str]] = {
    common_pb2.RECORD_KIND_PENALTY: "Administrative penalties",
    common_pb2.RECORD_KIND_SERIOUS_LIST: "Lists of serious breaches of trust",
}

_COMPARE_EN: Final = "Compare every item with the report in hand"
_NOT_COVERED_EN: Final = "Of limited scope:"

_NOTHING: Final = Words("", "")
_NO_NAME: Final = Words("（登记名称未取得）", "(its registered name could not be had)")


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing to compare.

    Attributes:
        label: What it is.
        value: What the report says of it.
        as_printed: It is Chinese on every page.
        is_long: It is a paragraph.
    """

    label: Words
    value: Words
    as_printed: bool = False
    is_long: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """The matrix of one kind of record.

    Attributes:
        kind: What kind.
        provinces: The columns.
        rows: By domain: word of each cell, and whether something was found.
    """

    kind: Words
    provinces: tuple[Province, ...]
    rows: tuple[tuple[str, tuple[tuple[str, bool], ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the page shows.

    Attributes:
        headline: In a few words.
        advice: What it means and what to do.
        compare: That every item has to be compared. Empty: there is nothing to compare.
        not_covered: What the report does not reflect. Empty: nothing is left out.
        specimen: The report is one.
        facts: What to compare.
        tables: The same, by province and domain.
    """

    headline: Words
    advice: Words
    compare: Words = _NOTHING
    not_covered: Words = _NOTHING
    specimen: bool = False
    facts: tuple[Fact, ...] = ()
    tables: tuple[Table, ...] = ()


def verdict_of_code(result: CodeResult, words: told.Words) -> Verdict:
    """What the page shows about a number and a code."""
    comparison = result.comparison
    if comparison is None:
        return _verdict(words)
    return _verdict(
        words, specimen=comparison.specimen, facts=_facts_of_comparison(comparison), tables=_tables(comparison)
    )


def verdict_of_file(result: FileResult) -> Verdict:
    """What the page shows about a file."""
    document = result.document
    return _verdict(result.words, specimen=bool(document.get("specimen")), facts=tuple(_facts_of_document(document)))


def verdict_of_problem(problem: Problem) -> Verdict:
    """What the page shows where nothing was verified.

    Of a form that is not in order only the fault is told: the rest of the error's sentence speaks to programs.
    """
    words = Words(problem.zh, problem.en)
    if problem.error.code is ErrorCode.MALFORMED_REQUEST:
        zh, en = (str(problem.error.parameters[name]) for name in ("problem_zh", "problem_en"))
        words = Words(f"{zh}。", f"{en[:1].upper()}{en[1:]}.")
    return Verdict(headline=headline_of("未能核验"), advice=words)


def headline_of(zh: str) -> Words:
    """A headline in both languages; of one that this release does not know, the Chinese one.

    >>> headline_of("核验一致 · 有限范围")
    Words(zh='核验一致 · 有限范围', en='As issued · limited scope')
    """
    verdict, dot, scope = zh.partition(f" · {LIMITED}")
    en = _HEADLINES_EN.get(verdict)
    return Words(zh, f"{en}{' · limited scope' if dot else ''}{scope}") if en else Words(zh, "")


def _verdict(
    words: told.Words, *, specimen: bool = False, facts: tuple[Fact, ...] = (), tables: tuple[Table, ...] = ()
) -> Verdict:
    zh = list(_sentences(words.advice, "。"))
    en = list(_sentences(words.english, ". "))
    return Verdict(
        headline=headline_of(words.headline),
        advice=Words(
            "".join(one for one in zh if not one.startswith((told.COMPARE, told.NOT_COVERED))),
            " ".join(one for one in en if not one.startswith((_COMPARE_EN, _NOT_COVERED_EN))),
        ),
        compare=Words(_first(zh, told.COMPARE), _first(en, _COMPARE_EN)),
        not_covered=Words(_first(zh, told.NOT_COVERED), _first(en, _NOT_COVERED_EN)),
        specimen=specimen,
        facts=facts,
        tables=tables,
    )


def _sentences(text: str, end: str) -> Iterator[str]:
    """The sentences of a text, each with its full stop."""
    for sentence in text.split(end):
        yield sentence + end.strip()


def _first(sentences: Iterable[str], beginning: str) -> str:
    return next((one for one in sentences if one.startswith(beginning)), "")


def _facts_of_comparison(comparison: wire.Comparison) -> tuple[Fact, ...]:
    return tuple(
        _facts_of_document(
            {
                "report_number": comparison.report_number,
                "name": comparison.name,
                "masked_uscc": comparison.masked_uscc,
                "issuer": comparison.issuer,
                "issued_at": from_timestamp(comparison.issued_at).isoformat(),
                "window": [comparison.window.first_day, comparison.window.last_day],
                "catalogue_version": comparison.catalogue_version,
                "conclusion": comparison.conclusion,
            }
        )
    )


_FACTS: Final[Mapping[str, Words]] = {
    "report_number": Words("报告编号", "Report number"),
    "name": Words("主体名称", "Name"),
    "masked_uscc": Words("统一社会信用代码", "Credit code"),
    "issuer": Words("出具单位", "Issued by"),
    "issued_at": Words("出具时间", "Issued on"),
    "window": Words("查询时段", "Period"),
    "catalogue_version": Words("清单版本", "Catalogue version"),
    "conclusion": Words("结论", "Conclusion"),
}
"""What is shown to be compared, by names of the verifier's document: as much of it as there is."""

_AS_PRINTED: Final = frozenset({"name", "issuer", "conclusion", "catalogue_version"})


def _facts_of_document(document: Mapping[str, object]) -> Iterator[Fact]:
    for name, label in _FACTS.items():
        match name, document.get(name):
            case _, None:
                continue
            case "name", "":
                yield Fact(label, _NO_NAME)
            case "issued_at", str() as at:
                local = f"{datetime.fromisoformat(at).astimezone(CHINA):%F %T}"
                yield Fact(label, Words(f"{local}（北京时间）", f"{local} (UTC+8)"))
            case "window", [first, last]:
                yield Fact(label, Words(f"{first} 至 {last}", f"{first} to {last}"))
            case _, value:
                words = Words(str(value), str(value))
                yield Fact(label, words, as_printed=name in _AS_PRINTED, is_long=name == "conclusion")


def _tables(comparison: wire.Comparison) -> tuple[Table, ...]:
    return tuple(table for kind, name in KIND_NAMES.items() if (table := _table(comparison, kind, name)).rows)


def _table(comparison: wire.Comparison, kind: int, name: str) -> Table:
    """Domains that carry no records of this kind in any province are left out."""
    return Table(
        Words(name, _KINDS_EN[kind]),
        tuple(map(Province, comparison.provinces)),
        tuple(
            (row.domain, tuple(map(_cell, row.states, row.record_counts)))
            for row in comparison.rows
            if row.kind == kind and any(state != fragment_pb2.CELL_STATE_NOT_APPLICABLE for state in row.states)
        ),
    )


def _cell(state: int, count: int) -> tuple[str, bool]:
    return CELL_WORDS[state].format(n=count), state == fragment_pb2.CELL_STATE_FOUND
