"""Puts the parts of the document together."""

from __future__ import annotations

from contract.document import details, front, guidance, overview, scope, sources
from contract.document.lines import Json, line
from contract.document.reading import read
from contract.document.words import NO_NAME
from contract.report_check import CheckedReport
from contract.wording import EDITION, SHORT_TITLE, SPECIMEN, TITLE


def document(checked: CheckedReport) -> Json:
    """Everything that is printed of a report but what its statement does not hold: the same report gives the same document.

    Args:
        checked: A report that verifies.

    Returns:
        Plain JSON values; docs/protocols/report-verification.md, section 5, and the published schema describe them.

    Raises:
        KeyError, ValueError: A value that this release has no words for, or one that seals no report. A checked report holds none.
    """
    reading = read(checked)
    report = checked.report
    return {
        "language": "zh-CN",
        "title": TITLE,
        "edition": EDITION,
        "subtitle": front.subtitle(reading),
        "specimen": SPECIMEN if report.specimen else "",
        "page": {
            "title": SHORT_TITLE,
            "report_number": line("报告编号", report.report_number),
            "subject": line("主体名称", report.subject.name or NO_NAME),
            "free": "免费",
            "numbering": "第{page}页／共{pages}页",
        },
        "front": front.front(reading),
        "scope": scope.scope(reading),
        "overview": overview.overview(reading),
        "details": details.details(reading),
        "sources": sources.sources(reading),
        "verification": guidance.verification(reading),
        "objection": guidance.objection(reading),
        "glossary": guidance.glossary(),
    }
