"""From a file's bytes to a verdict. Everything the gateway did is done again; nothing is asked of anybody.

1  size, then kind of file: PDF, a statement (`.report`), or the JSON form with the statement in it
2  trust data present and not too old
3  for PDF: the home's seal over the whole file (verifier/seal_check.py), exactly one embedded file
4  the report checked in full (contract/report_check.py)
5  for PDF: the seal is the issuer's; for JSON: the readable part rendered again and compared
6  what the clock alone says: a record that is no longer disclosed supersedes the report (contract/status_check.py)

`with_status` then adds what the home says, from a file or from a gateway.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from contract.catalogue import CatalogueSet
from contract.days import china_day, parse_day
from contract.province import Province
from contract.report_check import CheckedReport, ReportError, ReportFault, check_report
from contract.report_json import FORMAT, render
from contract.status_check import StatusError, check_status, superseded_by_clock
from huren.report.v1 import report_status_pb2
from signing import TrustStore, VerificationError, VerificationFailure, Verifier
from verifier.pdf import REPORT_MARK, PdfContent, TooMuchError, is_pdf, read_pdf
from verifier.seal_check import UNTRUSTED, CheckedSeal, SealCheckError, check_seal
from verifier.verdict import MAX_FILE_BYTES, MAX_TRUST_AGE, Result, Verdict


def verify(data: bytes, *, trust: TrustStore, catalogues: CatalogueSet, at: datetime) -> Result:
    """Verifies a file's bytes. Never raises for what the bytes hold.

    Args:
        data: The file.
        trust: Keys, seals and policy to believe.
        catalogues: The catalogues known to the tool.
        at: Now; for the age of the trust data and for records that are no longer disclosed.
    """
    return replace(
        _verify(data, trust=trust, catalogues=catalogues, at=at),
        trust_published_at=trust.published_at,
        file_sha256=hashlib.sha256(data).hexdigest(),
    )


def with_status(result: Result, envelope: bytes, *, trust: TrustStore) -> Result:
    """Adds what the home says about an authentic report. A status that does not count changes nothing and is named.

    Args:
        result: Of `verify`.
        envelope: What the home signed, from wherever it came.
        trust: As for `verify`.
    """
    checked = result.checked
    if checked is None:
        return result
    try:
        status = check_status(
            envelope,
            verifier=Verifier(trust),
            report_number=checked.report.report_number,
            report_statement_id=checked.statement.statement_id,
            issuer=Province(checked.statement.signer.member),
            at=result.at,
        )
    except StatusError as error:
        return replace(result, status_fault=error.fault)
    verdict = _VERDICTS[status.state]
    if result.verdict is Verdict.SUPERSEDED and verdict is not Verdict.REVOKED:
        verdict = Verdict.SUPERSEDED
    days = [result.superseded_since] if result.superseded_since else []
    if verdict is Verdict.SUPERSEDED and status.state == report_status_pb2.REPORT_STATE_SUPERSEDED:
        days.append(parse_day(status.since))
    since = min(days) if days and verdict is Verdict.SUPERSEDED else None
    return replace(result, verdict=verdict, status=status, status_fault=None, superseded_since=since)


_VERDICTS: Final = {
    report_status_pb2.REPORT_STATE_VALID: Verdict.VALID,
    report_status_pb2.REPORT_STATE_SUPERSEDED: Verdict.SUPERSEDED,
    report_status_pb2.REPORT_STATE_REVOKED: Verdict.REVOKED,
    report_status_pb2.REPORT_STATE_EXPIRED: Verdict.EXPIRED,
}


@dataclass(frozen=True, slots=True)
class _Opened:
    """A file of ours, taken apart and not checked yet.

    Attributes:
        statement: The envelope in it.
        document: The JSON form, where it is one.
        pdf: What the PDF holds, where it is one.
    """

    statement: bytes
    document: dict[str, Any] | None = None
    pdf: PdfContent | None = None


def _verify(data: bytes, *, trust: TrustStore, catalogues: CatalogueSet, at: datetime) -> Result:
    opened = _opened(data)  # 1
    if isinstance(opened, Verdict):
        return Result(verdict=opened, at=at)
    if at - trust.published_at > MAX_TRUST_AGE:  # 2
        return Result(verdict=Verdict.TRUST_STALE, at=at)
    seal = None
    if opened.pdf is not None:
        try:
            seal = check_seal(data, trust=trust)  # 3
        except SealCheckError as error:
            verdict = Verdict.SIGNER_NOT_TRUSTED if error.fault in UNTRUSTED else Verdict.TAMPERED
            return Result(verdict=verdict, at=at, reason=str(error))
        if (len(opened.pdf.statements), opened.pdf.embedded_files) != (1, 1):
            return Result(verdict=Verdict.TAMPERED, at=at, reason="NOT_ONE_EMBEDDED_FILE")
    try:
        checked = check_report(opened.statement, verifier=Verifier(trust), catalogues=catalogues)  # 4
        superseded = superseded_by_clock(checked, china_day(at))  # 6
    except ReportError as error:
        return Result(verdict=_verdict_of(error), at=at, reason=str(error))
    except ValueError as error:  # a day that does not exist
        return Result(verdict=Verdict.TAMPERED, at=at, reason=f"DISCLOSED_UNTIL_WRONG: {error}")
    if fault := _readable_part_fault(opened, checked, seal):  # 5
        return Result(verdict=Verdict.TAMPERED, at=at, reason=fault)
    return Result(
        verdict=Verdict.SUPERSEDED if superseded else Verdict.AUTHENTIC_STATUS_NOT_CHECKED,
        at=at,
        checked=checked,
        seal=seal,
        superseded_since=superseded,
    )


def _readable_part_fault(opened: _Opened, checked: CheckedReport, seal: CheckedSeal | None) -> str:
    """What is wrong with the part that people read; empty if nothing is."""
    if seal is not None:
        if seal.member != checked.statement.signer.member:
            return "SEAL_OF_ANOTHER_MEMBER"
        if seal.sealed_at < checked.issued_at.replace(microsecond=0):
            return "SEALED_BEFORE_ISSUE"
    if opened.document is not None and not _same_rendering(opened.document, checked):
        return "READABLE_PART_DIFFERS"
    return ""


# --- Kinds of files ---------------------------------------------------------------------------------------------------

_IMAGES: Final = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",  # JPEG
    b"II*\x00",  # TIFF
    b"MM\x00*",
    b"GIF8",
    b"\x00\x00\x00\x0cjP  \r\n\x87\n",  # JPEG 2000
)
_HEIF_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif"})
"""Source: ISO/IEC 23008-12, brands of image files."""

MAX_JSON_MEMBERS: Final = 1_000_000
"""Of a JSON file, counted by commas. One takes up to 300 bytes of memory before anything is known about it; a record has about
ninety."""


def _opened(data: bytes) -> _Opened | Verdict:
    if len(data) > MAX_FILE_BYTES:
        return Verdict.TOO_LARGE
    if is_pdf(data):
        return _opened_pdf(data)
    if _is_image(data):
        return Verdict.SCAN
    if data.lstrip()[:1] == b"{" and data.count(b",") > MAX_JSON_MEMBERS:
        return Verdict.TOO_LARGE
    document = _json_object(data)
    if document is not None:
        if document.get("format") != FORMAT:
            return Verdict.NOT_A_FILE_OF_OURS
        statement = _embedded(document)
        return Verdict.NO_EMBEDDED_DATA if statement is None else _Opened(statement, document=document)
    if REPORT_MARK not in data:
        return Verdict.NOT_A_FILE_OF_OURS
    return _Opened(data)


def _opened_pdf(data: bytes) -> _Opened | Verdict:
    try:
        pdf = read_pdf(data)
    except TooMuchError:
        return Verdict.TOO_LARGE
    if not pdf.holds_statement:
        return Verdict.SCAN if pdf.is_images_only else Verdict.NO_EMBEDDED_DATA
    return _Opened(pdf.statements[0] if pdf.statements else b"", pdf=pdf)


def _is_image(data: bytes) -> bool:
    return (
        data.startswith(_IMAGES)
        or (data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS)
        or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")
    )


def _json_object(data: bytes) -> dict[str, Any] | None:
    """The JSON object in the file. A key that stands twice makes it none of ours: readers differ in which one they show."""
    if data.lstrip()[:1] != b"{":
        return None
    try:
        document = json.loads(
            data.decode(), object_pairs_hook=_without_repetition
        )  # bytes would be taken in UTF-16 too
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key stands twice")
    return document


def _embedded(document: dict[str, Any]) -> bytes | None:
    statement = document.get("statement")
    if not isinstance(statement, str):
        return None
    try:
        return base64.b64decode(statement, validate=True)
    except (binascii.Error, ValueError):
        return None


def _same_rendering(document: dict[str, Any], checked: CheckedReport) -> bool:
    try:
        return _canonical(document) == _canonical(render(checked))
    except RecursionError:  # nested deeper than anything that is rendered
        return False


def _canonical(document: dict[str, Any]) -> str:
    """One text for one document, so that 1, 1.0 and true stay different."""
    return json.dumps(document, sort_keys=True, ensure_ascii=False)


# --- Faults -----------------------------------------------------------------------------------------------------------

_UNTRUSTED: Final = frozenset(
    {
        VerificationFailure.KEY_UNKNOWN,
        VerificationFailure.KEY_NOT_YET_VALID,
        VerificationFailure.KEY_EXPIRED,
        VerificationFailure.KEY_RETIRED,
        VerificationFailure.KEY_COMPROMISED,
        VerificationFailure.SUITE_NOT_ACCEPTED,
    }
)

_UNKNOWN_HERE: Final = frozenset({ReportFault.CATALOGUE_NOT_KNOWN, ReportFault.RULES_UNKNOWN})


def _verdict_of(error: ReportError) -> Verdict:
    if error.fault in _UNKNOWN_HERE:
        return Verdict.TRUST_INSUFFICIENT
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, VerificationError):
            return Verdict.SIGNER_NOT_TRUSTED if cause.failure in _UNTRUSTED else Verdict.TAMPERED
        cause = cause.__cause__
    return Verdict.TAMPERED
