"""Page one: whose report, for when and what, the conclusion, what is not covered, who issued it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from contract.days import MAX_WINDOW_YEARS, DayRange, years_after
from contract.document import scope
from contract.document.lines import Json, china_instant, line, table
from contract.document.reading import Reading
from contract.document.words import HOME_BASES, NO_NAME, NOT_STATED, PURPOSES, REGISTRATION_STATUSES, SUBJECT_KINDS
from contract.wording import CHECK_STATUS, KIND_NAMES, LIMITED, conclusion_sentence
from huren.common.v1 import common_pb2
from huren.fragment.v1 import coverage_pb2, fragment_pb2


def subtitle(reading: Reading) -> str:
    """W-03: the applicant chose fewer domains or kinds than there are, or a shorter window than the longest. Empty: neither."""
    domains, kinds = _domains(reading), _kinds(reading)
    window = DayRange.from_wire(reading.report.window)
    if len(domains) == len(reading.catalogue.domains) and len(kinds) == len(KIND_NAMES) and not _is_shorter(window):
        return ""
    only = "" if len(kinds) == len(KIND_NAMES) else f"，仅{'、'.join(KIND_NAMES[kind] for kind in kinds)}"
    return f"（申请人选定范围：{len(domains)}个领域{only}，{window.first}至{window.last}）"


def front(reading: Reading) -> Json:
    """Page one."""
    report = reading.report
    number = line("报告编号", report.report_number)
    return {
        "fields": [number, *_subject(reading), *_asked(reading)],
        "conclusion": {
            "heading": "结论",
            "scope": LIMITED if report.conclusion.limited else "",
            "text": conclusion_sentence(report, reading.catalogue),
            "remarks": list(scope.bases(reading)),
        },
        "not_covered": _not_covered(reading),
        "issue": [
            line("出具单位", report.issuer.unit),
            line("出具时间", china_instant(reading.checked.issued_at), "（北京时间）"),
            line("清单版本", reading.catalogue.version, f"（{reading.catalogue.content.title}）"),
        ],
        "verification": {
            "number": number,
            "typed_code_label": "核验码",
            "scan": "扫描二维码核验",
            "text": CHECK_STATUS,
        },
    }


def _domains(reading: Reading) -> list[str]:
    """The domains that were asked for, in catalogue order."""
    return list(dict.fromkeys(domain for domain, _ in reading.asked))


def _kinds(reading: Reading) -> list[int]:
    return [kind for kind in KIND_NAMES if any(asked == kind for _, asked in reading.asked)]


def _is_shorter(window: DayRange) -> bool:
    """Whether the window could have begun a day earlier."""
    return window.first > date.min and years_after(window.first - timedelta(days=1), MAX_WINDOW_YEARS) >= window.last


def _subject(reading: Reading) -> Iterator[Json]:
    subject = reading.report.subject
    yield line("主体名称", subject.name or NO_NAME)
    yield line("统一社会信用代码", subject.uscc)
    yield line("主体类型", SUBJECT_KINDS[subject.kind])
    yield line("登记状态", REGISTRATION_STATUSES[subject.registration_status])
    yield line("登记地", reading.home.name_zh, HOME_BASES[subject.home_basis])
    for former in subject.identifiers:
        if former.kind == common_pb2.IDENTIFIER_KIND_FORMER_NAME and _within(former, reading.report.window):
            yield line("曾用名", former.value, f"（至{former.valid_to}）" if former.valid_to else "")


def _within(identifier: common_pb2.Identifier, window: common_pb2.Window) -> bool:
    """Whether it may have been the subject's on a day of the window. A day that is not known excludes nothing."""
    return identifier.valid_from <= window.last_day and (
        not identifier.valid_to or identifier.valid_to >= window.first_day
    )


def _asked(reading: Reading) -> Iterator[Json]:
    window, domains, every = reading.report.window, _domains(reading), reading.catalogue.domains
    names = "、".join(reading.catalogue.domain_by_id[domain].name for domain in domains)
    yield line("查询时段", f"{window.first_day}至{window.last_day}")
    yield line(
        "查询领域",
        f"{len(domains)}／{len(every)}",
        "（清单所列全部领域）" if len(domains) == len(every) else f"（{names}）",
    )
    yield line("查询事项", "；".join(_kind_words(reading)))
    if purpose := PURPOSES[reading.report.purpose]:
        yield line("用途", purpose)


def _kind_words(reading: Reading) -> Iterator[str]:
    """The kinds that chosen domains carry; with the domains where not every kind was asked for in every one of them."""
    domains = _domains(reading)
    for kind in _kinds(reading):
        asked = [domain for domain in domains if (domain, kind) in reading.asked]
        if not any((domain, kind) in reading.catalogue.carried for domain in asked):
            continue
        names = "、".join(reading.catalogue.domain_by_id[domain].name for domain in asked)
        yield KIND_NAMES[kind] if asked == domains else f"{KIND_NAMES[kind]}（{names}）"


def _since(entry: coverage_pb2.CellCoverage) -> str:
    """Of what is covered from a day within the window on: that day, so that a reader knows which window would be answered."""
    return f"（自{entry.complete_from}起的数据已纳入）" if entry.covered else ""


def _not_covered(reading: Reading) -> Json | None:
    rows = [
        (
            one.province.name_zh,
            reading.catalogue.domain_by_id[key[0]].name,
            KIND_NAMES[key[1]] + _since(one.coverage[key]),
            one.coverage[key].department.unit,
            one.coverage[key].department.telephone or NOT_STATED,
        )
        for one in reading.provinces
        for key in reading.asked
        if one.cells[key].state == fragment_pb2.CELL_STATE_NOT_COVERED
    ]
    if not rows:
        return None
    return {
        "heading": f"未纳入事项（{LIMITED}）",
        "text": "下列事项尚未纳入互认，本报告不作反映。需要证明的，请向所列部门申请。",
        "table": table(("省（市）", "领域", "事项", "部门", "电话"), rows),
    }
