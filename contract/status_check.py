"""Checking what a home says about where its report stands, and what the clock alone says.

 ST-1  The envelope decodes strictly, its payload is a report status, the signature verifies.
 ST-2  The payload parses, keeps the declared constraints, holds no unknown value and demands nothing unknown.
 ST-3  The signer is the gateway that issued the report.
 ST-4  It is about that report: number and statement id are the report's.
 ST-5  It was not issued in the future, and the day that it names, if any, exists, is not 0001-01-01 and not after its issue.
 ST-6  Where it says VALID or EXPIRED, it is fresh. What is superseded or revoked stays so, however old the word of it is.

Whether a listed record is no longer disclosed needs nobody's word: the record says until when it is, and the day after that the
report is superseded (`superseded_by_clock`).

Source: docs/protocols/report-verification.md, section 6.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from contract.change import disclosure_end
from contract.days import china_day, parse_day
from contract.payloads import REPORT_STATUS, PayloadError, parse
from contract.province import Province
from contract.report_check import CheckedReport
from huren.envelope.v1 import envelope_pb2
from huren.report.v1 import report_status_pb2
from signing import EnvelopeError, VerificationError, Verifier

FRESH_FOR: Final = timedelta(hours=1)
"""How long "valid" may be relied on after it was said. Source: system default, not confirmed by the four provinces."""

CLOCK_SKEW: Final = timedelta(seconds=60)
"""How far two clocks may differ, as for queries (docs/protocols/query-processing.md)."""

_LASTING: Final = frozenset({report_status_pb2.REPORT_STATE_SUPERSEDED, report_status_pb2.REPORT_STATE_REVOKED})


class StatusFault(StrEnum):
    """Why a status does not count. The order is that of the list."""

    STATUS_NOT_STRICT = "STATUS_NOT_STRICT"
    STATUS_SIGNATURE_NOT_ACCEPTED = "STATUS_SIGNATURE_NOT_ACCEPTED"
    STATUS_MALFORMED = "STATUS_MALFORMED"
    STATUS_OF_ANOTHER_HOME = "STATUS_OF_ANOTHER_HOME"
    STATUS_OF_ANOTHER_REPORT = "STATUS_OF_ANOTHER_REPORT"
    STATUS_FROM_THE_FUTURE = "STATUS_FROM_THE_FUTURE"
    STATUS_NOT_FRESH = "STATUS_NOT_FRESH"


class StatusError(ValueError):
    """A status does not count.

    Attributes:
        fault: The rule that it breaks, by name.
    """

    def __init__(self, fault: StatusFault, detail: str = "") -> None:
        self.fault = fault
        super().__init__(f"{fault}: {detail}" if detail else fault)


def check_status(
    envelope: bytes,
    *,
    verifier: Verifier,
    report_number: str,
    report_statement_id: bytes | None,
    issuer: Province,
    at: datetime,
) -> report_status_pb2.ReportStatus:
    """Applies ST-1 to ST-6.

    Args:
        envelope: What the home signed.
        verifier: With the trust data to believe.
        report_number: The report's.
        report_statement_id: The report's. None where only its number is known: who asks by number and code holds no statement.
        issuer: Who issued the report.
        at: Now.

    Returns:
        The status. Its `header.issued_at` is the instant of which it speaks.

    Raises:
        StatusError: The first rule that is broken.
    """
    try:
        statement = verifier.verify(envelope, expect=frozenset({REPORT_STATUS}))  # ST-1
        status = parse(statement, report_status_pb2.ReportStatus)  # ST-2
    except EnvelopeError as error:
        raise StatusError(StatusFault.STATUS_NOT_STRICT, str(error)) from error
    except VerificationError as error:
        raise StatusError(StatusFault.STATUS_SIGNATURE_NOT_ACCEPTED, str(error)) from error
    except PayloadError as error:
        raise StatusError(StatusFault.STATUS_MALFORMED, str(error)) from error
    signer = statement.signer
    if signer.role != envelope_pb2.MEMBER_ROLE_GATEWAY or signer.member != issuer:  # ST-3
        raise StatusError(StatusFault.STATUS_OF_ANOTHER_HOME, f"member {signer.member}")
    if status.report_number != report_number or report_statement_id not in {None, status.report_statement_id}:  # ST-4
        raise StatusError(StatusFault.STATUS_OF_ANOTHER_REPORT, status.report_number)
    _require_possible(status, statement.issued_at, at)  # ST-5
    if status.state not in _LASTING and at - statement.issued_at > FRESH_FOR:  # ST-6
        raise StatusError(StatusFault.STATUS_NOT_FRESH, f"{statement.issued_at:%F %T}Z")
    return status


def _require_possible(status: report_status_pb2.ReportStatus, issued_at: datetime, at: datetime) -> None:
    if issued_at - at > CLOCK_SKEW:
        raise StatusError(StatusFault.STATUS_FROM_THE_FUTURE, f"{issued_at:%F %T}Z")
    try:
        since = parse_day(status.since) if status.since else None
    except ValueError as error:
        raise StatusError(StatusFault.STATUS_MALFORMED, str(error)) from error
    if since == date.min:  # the day before an end is shown
        raise StatusError(StatusFault.STATUS_MALFORMED, status.since)
    if since is not None and since > china_day(issued_at):
        raise StatusError(StatusFault.STATUS_FROM_THE_FUTURE, status.since)


def superseded_by_clock(checked: CheckedReport, day: date) -> date | None:
    """Since when a report is superseded because a record that it lists is no longer disclosed.

    The rule is P-8 (contract/change.py), here for the whole report.

    Args:
        checked: The report.
        day: The China day on which it is judged.

    Returns:
        The first day on which it is superseded, on or before `day`; None while everything in it is disclosed.

    Raises:
        ValueError: A record names a day that does not exist.
    """
    ends = (disclosure_end(one.fragment, day) for one in checked.admitted)
    return min((end.since for end in ends if end is not None), default=None)
