"""What to compare with the report in hand (请逐项与手中报告核对), built from the report's statement."""

from __future__ import annotations

from contract.catalogue import Catalogue
from contract.days import CHINA, from_timestamp
from contract.payloads import REPORT, parse
from contract.province import Province
from contract.uscc import mask
from contract.wording import CELL_WORDS, conclusion_sentence
from huren.common.v1 import common_pb2
from huren.report.v1 import report_pb2
from huren.report.v1 import verification_service_pb2 as wire
from signing import Verifier

_KINDS = frozenset(common_pb2.RecordKind.values()) - {common_pb2.RECORD_KIND_UNSPECIFIED}
_PROVINCES = frozenset(int(province) for province in Province)


def comparison_of(envelope: bytes, *, verifier: Verifier) -> wire.Comparison:
    """The comparison of a report of this home.

    Raises:
        EnvelopeError, VerificationError, PayloadError, CatalogueError: The statement does not verify any more: its key turned
        out to be
            compromised, or the store was altered.
    """
    statement = verifier.verify(envelope, expect=frozenset({REPORT}))
    report = parse(statement, report_pb2.Report)
    catalogue = Catalogue.parse(report.catalogue_file)
    return wire.Comparison(
        report_number=report.report_number,
        name=report.subject.name,
        masked_uscc=mask(report.subject.uscc),
        issued_at=report.header.issued_at,
        window=report.window,
        catalogue_version=report.catalogue.version,
        conclusion=conclusion_sentence(report, catalogue),
        limited=report.conclusion.limited,
        provinces=[column.province for column in report.columns],
        rows=[
            wire.ComparisonRow(
                domain=catalogue.domain_by_id[key.domain].name,
                kind=key.kind,
                states=[column.states[position] for column in report.columns],
                record_counts=[column.record_counts[position] for column in report.columns],
            )
            for position, key in enumerate(report.cells)
        ],
        issuer=report.issuer.unit,
        specimen=report.specimen,
    )


def is_sound(comparison: wire.Comparison, report_number: str) -> bool:
    """Whether a comparison that another gateway sent is of that report, and every cell of it can be shown in words."""
    width = len(comparison.provinces)
    try:
        from_timestamp(comparison.issued_at).astimezone(CHINA)
    except (ValueError, OverflowError):  # no instant that exists
        return False
    return (
        comparison.report_number == report_number
        and _PROVINCES.issuperset(comparison.provinces)
        and width > 0
        and len(comparison.rows) > 0
        and all(
            row.kind in _KINDS
            and len(row.states) == len(row.record_counts) == width
            and all(state in CELL_WORDS for state in row.states)
            for row in comparison.rows
        )
    )
