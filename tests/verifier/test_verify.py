"""What the verifier says about files, and with which exit code."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.catalogue import Catalogue, CatalogueSet
from contract.province import Province
from contract.report_check import check_report
from contract.report_json import FORMAT, render
from huren.report.v1 import report_pb2
from signing import Compromised, Retired
from tests.support.federation import (
    CATALOGUE,
    GATEWAY,
    LIST_CELL,
    NOW,
    PENALTY_CELL,
    Federation,
    list_entry,
    penalty,
)
from verifier.verdict import MAX_FILE_BYTES, MAX_TRUST_AGE, WORDING, Result, Verdict
from verifier.verify import MAX_JSON_MEMBERS, verify

FEDERATION = Federation()
STATEMENT = FEDERATION.report(
    FEDERATION.admitted({Province.TIANJIN: {PENALTY_CELL: [penalty()]}, Province.SHANXI: {LIST_CELL: [list_entry()]}})
)
DOCUMENT = render(check_report(STATEMENT, verifier=FEDERATION.verifier, catalogues=FEDERATION.catalogues))


def verdict(data: bytes, federation: Federation = FEDERATION, **changes: Any) -> Result:
    arguments: dict[str, Any] = {"trust": federation.trust, "catalogues": federation.catalogues, "at": NOW} | changes
    return verify(data, **arguments)


def as_json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


@pytest.mark.parametrize("data", [STATEMENT, as_json(DOCUMENT), as_json(dict(reversed(DOCUMENT.items())))])
def test_a_report_as_issued_is_authentic_with_its_status_not_checked(data: bytes) -> None:
    result = verdict(data)
    assert result.verdict is Verdict.AUTHENTIC_STATUS_NOT_CHECKED
    assert result.wording.exit_code == 3
    assert result.checked is not None
    assert result.checked.report.conclusion.penalty_count == 1


def nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


def edited(change: Callable[[dict[str, Any]], object]) -> bytes:
    document = json.loads(as_json(DOCUMENT))
    change(document)
    return as_json(document)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(edited(lambda d: d["subject"].update(name="另一示例企业")), id="another-name"),
        pytest.param(edited(lambda d: d["conclusion"].update(penalties=0)), id="another-count"),
        pytest.param(edited(lambda d: d["conclusion"].update(penalties=1.0)), id="a-float-for-a-count"),
        pytest.param(edited(lambda d: d["conclusion"].update(limited_scope=0)), id="a-number-for-a-boolean"),
        pytest.param(edited(lambda d: d["matrix"].pop()), id="a-row-left-out"),
        pytest.param(edited(lambda d: d["provinces"][1]["records"].clear()), id="records-left-out"),
        pytest.param(edited(lambda d: d.update(note="信用良好")), id="something-added"),
        pytest.param(edited(lambda d: d.update(note=math.nan)), id="nan-added"),
        pytest.param(edited(lambda d: d["conclusion"].update(penalties=math.inf)), id="an-infinite-count"),
        pytest.param(edited(lambda d: d.update(note=nested(900))), id="something-deep-added"),
        pytest.param(edited(lambda d: d.pop("specimen")), id="no-longer-a-specimen"),
        pytest.param(STATEMENT[:-1], id="cut"),
        pytest.param(STATEMENT + b"\x00", id="something-behind-it"),
        pytest.param(
            STATEMENT.replace(b"tianjin", b"TIANJIN").replace(b"2024-03-01", b"2014-03-01"), id="a-day-changed"
        ),
    ],
)
def test_an_edited_file_is_not_as_issued(data: bytes) -> None:
    result = verdict(data)
    assert result.verdict is Verdict.TAMPERED
    assert result.wording.exit_code == 1
    assert result.reason
    assert result.checked is None


def with_fragment_replaced(report: report_pb2.Report) -> None:
    """A true answer of the same province to another question."""
    other = FEDERATION.report(FEDERATION.admitted({}))
    answers = check_report(other, verifier=FEDERATION.verifier, catalogues=FEDERATION.catalogues).report.answers
    report.answers[1].fragment_envelope = answers[1].fragment_envelope


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param(lambda report: report.answers.pop(), "ANSWERS_INCOMPLETE", id="dropped"),
        pytest.param(with_fragment_replaced, "FRAGMENT_NOT_ADMITTED", id="replaced"),
    ],
)
def test_a_home_cannot_drop_or_replace_a_fragment(change: Callable[[report_pb2.Report], object], fault: str) -> None:
    records = {Province.TIANJIN: {PENALTY_CELL: [penalty()]}}
    statement = FEDERATION.report(FEDERATION.admitted(records), change=lambda report: (change(report), None)[1])
    result = verdict(statement)
    assert (result.verdict, result.reason.partition(":")[0]) == (Verdict.TAMPERED, fault)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"", Verdict.NOT_A_FILE_OF_OURS, id="empty"),
        pytest.param(b"%PDF-1.7 ...", Verdict.NOT_A_FILE_OF_OURS, id="some-pdf"),
        pytest.param(b"PK\x03\x04" + bytes(1000), Verdict.NOT_A_FILE_OF_OURS, id="a-zip-or-office-file"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(100), Verdict.SCAN, id="png"),
        pytest.param(b"\xff\xd8\xff\xe0" + bytes(100), Verdict.SCAN, id="jpeg"),
        pytest.param(b"II*\x00" + bytes(100), Verdict.SCAN, id="tiff"),
        pytest.param(b"\x00\x00\x00\x18ftypheic" + bytes(100), Verdict.SCAN, id="heic"),
        pytest.param(b'{"a": 1}', Verdict.NOT_A_FILE_OF_OURS, id="some-json"),
        pytest.param(
            b'{"format": "' + FORMAT.encode() + b'", "a": [' + b"{}," * (MAX_JSON_MEMBERS + 1) + b"1]}",
            Verdict.TOO_LARGE,
            id="millions-of-empty-objects",
        ),
        pytest.param(as_json(DOCUMENT).decode().encode("utf-16"), Verdict.NOT_A_FILE_OF_OURS, id="utf-16"),
        pytest.param(as_json(DOCUMENT).decode().encode("utf-16-le"), Verdict.NOT_A_FILE_OF_OURS, id="utf-16-unmarked"),
        pytest.param(b"\xef\xbb\xbf" + as_json(DOCUMENT), Verdict.NOT_A_FILE_OF_OURS, id="byte-order-mark"),
        pytest.param(as_json(DOCUMENT) + b"{}", Verdict.NOT_A_FILE_OF_OURS, id="two-documents"),
        pytest.param(
            as_json(DOCUMENT).replace(b'{"format"', b'{"x": ' + b"9" * 5_000 + b', "format"', 1),
            Verdict.NOT_A_FILE_OF_OURS,
            id="a-huge-number",
        ),
        pytest.param(b"[" * 100_000, Verdict.NOT_A_FILE_OF_OURS, id="deep-json-list"),
        pytest.param(b'{"a":' * 100_000, Verdict.NOT_A_FILE_OF_OURS, id="deep-json-object"),
        pytest.param(b"\x00" * (MAX_FILE_BYTES + 1), Verdict.TOO_LARGE, id="too-large"),
        pytest.param(edited(lambda d: d.pop("statement")), Verdict.NO_EMBEDDED_DATA, id="without-its-statement"),
        pytest.param(edited(lambda d: d.update(statement="***")), Verdict.NO_EMBEDDED_DATA, id="statement-no-base64"),
        pytest.param(
            as_json(DOCUMENT).replace(b'{"format"', b'{"title": "x", "format"', 1),
            Verdict.NOT_A_FILE_OF_OURS,
            id="a-key-twice",
        ),
        pytest.param(
            edited(lambda d: d.update(statement=base64.b64encode(b"garbage").decode())),
            Verdict.TAMPERED,
            id="statement-garbage",
        ),
    ],
)
def test_other_files_are_named_for_what_they_are(data: bytes, expected: Verdict) -> None:
    result = verdict(data)
    assert result.verdict is expected
    assert result.wording.exit_code == 1


@pytest.mark.parametrize(
    "state", [Retired(NOW - timedelta(days=1)), Compromised(NOW - timedelta(days=1))], ids=["retired", "compromised"]
)
def test_a_signer_that_is_no_longer_trusted_is_named(state: Retired | Compromised) -> None:
    federation = Federation(states={(Province.BEIJING, GATEWAY): state})
    assert verdict(STATEMENT, federation).verdict is Verdict.SIGNER_NOT_TRUSTED


def test_old_trust_data_gives_no_conclusion() -> None:
    assert verdict(STATEMENT, at=NOW + MAX_TRUST_AGE).verdict is Verdict.AUTHENTIC_STATUS_NOT_CHECKED
    assert verdict(STATEMENT, at=NOW + MAX_TRUST_AGE + timedelta(seconds=1)).verdict is Verdict.TRUST_STALE


def test_a_catalogue_that_the_tool_does_not_know_gives_no_conclusion() -> None:
    other = Catalogue.parse(CATALOGUE.file.replace(b'"2025-12"', b'"2026-12"', 1))
    assert verdict(STATEMENT, catalogues=CatalogueSet([other])).verdict is Verdict.TRUST_INSUFFICIENT


@settings(deadline=None)
@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_arbitrary_bytes_get_a_verdict_and_never_an_authentic_one(data: bytes) -> None:
    assert verdict(data).checked is None


def test_the_words_name_the_limit() -> None:
    assert f"{MAX_FILE_BYTES // 2**20} MiB" in WORDING[Verdict.TOO_LARGE].advice


def test_every_verdict_has_words_and_only_an_authentic_file_in_force_has_another_exit_code_than_one() -> None:
    assert set(WORDING) == set(Verdict)
    others = {one: words.exit_code for one, words in WORDING.items() if words.exit_code != 1}
    assert others == {Verdict.VALID: 0, Verdict.AUTHENTIC_STATUS_NOT_CHECKED: 3}
