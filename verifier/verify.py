"""From a file's bytes to a verdict. Everything the gateway did is done again; nothing is asked of anybody.

1  size, then kind of file: a statement (`.report`) or the JSON form with the statement in it
2  trust data present and not too old
3  the report checked in full (contract/report_check.py)
4  for JSON: the readable part rendered again and compared
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from datetime import datetime, timedelta
from typing import Any, Final

from contract.catalogue import CatalogueSet
from contract.report_check import CheckedReport, ReportError, ReportFault, check_report
from contract.report_json import FORMAT, render
from signing import TrustStore, VerificationError, VerificationFailure, Verifier
from verifier.verdict import Result, Verdict

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
"""Nothing larger is read, so that memory is bounded. A report of 10 000 records has a few megabytes; where its JSON form is too
large, its statement is not. verifier/verdict.py names the number."""

MAX_TRUST_AGE: Final = timedelta(days=30)
"""Trust data older than this may miss a compromised key. Source: system default, not confirmed."""


def verify(data: bytes, *, trust: TrustStore, catalogues: CatalogueSet, at: datetime) -> Result:
    """Verifies a file's bytes. Never raises for what the bytes hold.

    Args:
        data: The file.
        trust: Keys and policy to believe.
        catalogues: The catalogues known to the tool.
        at: Now; only for the age of the trust data.
    """
    digest = hashlib.sha256(data).hexdigest()
    result = _verify(data, trust=trust, catalogues=catalogues, at=at)
    return Result(
        verdict=result.verdict,
        reason=result.reason,
        checked=result.checked,
        trust_published_at=trust.published_at,
        file_sha256=digest,
    )


def _verify(data: bytes, *, trust: TrustStore, catalogues: CatalogueSet, at: datetime) -> Result:
    if len(data) > MAX_FILE_BYTES:  # 1
        return Result(verdict=Verdict.TOO_LARGE)
    document = _json_object(data)
    if document is None:
        envelope = data
        if _OUR_MARK not in data:
            return Result(verdict=Verdict.NOT_A_FILE_OF_OURS)
    else:
        if document.get("format") != FORMAT:
            return Result(verdict=Verdict.NOT_A_FILE_OF_OURS)
        found = _embedded(document)
        if found is None:
            return Result(verdict=Verdict.NO_EMBEDDED_DATA)
        envelope = found
    if at - trust.published_at > MAX_TRUST_AGE:  # 2
        return Result(verdict=Verdict.TRUST_STALE)
    try:
        checked = check_report(envelope, verifier=Verifier(trust), catalogues=catalogues)  # 3
    except ReportError as error:
        return Result(verdict=_verdict_of(error), reason=str(error))
    if document is not None and not _same_rendering(document, checked):  # 4
        return Result(verdict=Verdict.TAMPERED, reason="READABLE_PART_DIFFERS")
    return Result(verdict=Verdict.AUTHENTIC_STATUS_NOT_CHECKED, checked=checked)


_MAX_JSON_CONTAINERS: Final = 2_000_000
"""Objects and arrays in a JSON file of ours: about twenty for each record. Each takes memory before anything is known about it."""

_OUR_MARK: Final = b"application/vnd.huren.report."
"""Stands in every report's statement; a file without it never was one."""

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


def _json_object(data: bytes) -> dict[str, Any] | None:
    """The JSON object in the file. A key that stands twice makes it none of ours: readers differ in which one they show."""
    if data.lstrip()[:1] != b"{" or data.count(b"{") + data.count(b"[") > _MAX_JSON_CONTAINERS:
        return None
    try:
        document = json.loads(data, object_pairs_hook=_without_repetition)
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
