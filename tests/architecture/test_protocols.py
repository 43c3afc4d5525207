"""The documents for implementers say what the code does: vectors, tables and numbers are read from them and held against it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import grpc
import pytest

from adapters.sdk.answering import MAX_ANSWER_BYTES
from adapters.sdk.disclosure import WITHHELD_TEXT
from adapters.sdk.mapping import decision_key
from adapters.sdk.notation import normalise_document_number
from adapters.sdk.query_checks import CLOCK_TOLERANCE, MAX_ENVELOPE_BYTES
from contract.catalogue import Catalogue
from contract.errors import ERROR_TABLE
from gateway.federation.peer import STATUS_TABLE
from huren.fragment.v1 import record_pb2
from runtime.grpc_channel import MAX_RESPONSE_SIZE_BYTES
from runtime.grpc_server import MAX_REQUEST_SIZE_BYTES

DOCS = Path(__file__).parents[2] / "docs"
PROTOCOLS = DOCS / "protocols"


def _text(name: str) -> str:
    return (PROTOCOLS / f"{name}.md").read_text("utf-8")


def _tables(text: str) -> Iterator[list[list[str]]]:
    """The tables of a document: their rows as cells, headers first, without the ticks around code."""
    for found in re.findall(r"(?:^ *\|.*\|$\n?)+", text, re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in found.splitlines()]
        yield [[re.sub(r"^`(.*)`$", r"\1", cell) for cell in row] for row in (rows[0], *rows[2:])]


def _table(name: str, first: str, second: str) -> list[list[str]]:
    """The rows of the one table whose header begins with these."""
    (found,) = (table for table in _tables(_text(name)) if table[0][:2] == [first, second])
    return found[1:]


@pytest.mark.parametrize(("written", "normalised"), _table("query-processing", "document number", "normalised"))
def test_document_numbers_are_normalised_as_written_down(written: str, normalised: str) -> None:
    assert normalise_document_number(written) == normalised


@pytest.mark.parametrize(
    ("authority", "number", "day", "record_id", "key"), _table("query-processing", "authority", "document number")
)
@pytest.mark.parametrize("kind", ["penalty", "list_entry"])
def test_decision_keys_are_made_as_written_down(
    kind: str, authority: str, number: str, day: str, record_id: str, key: str
) -> None:
    record = record_pb2.Record(record_id=record_id)
    fact: Any = getattr(record, kind)
    fact.authority.name, fact.document_number = authority, number
    setattr(fact, "decided_on" if kind == "penalty" else "listed_on", day)

    assert decision_key(record) == key


def test_the_table_of_errors_is_the_codes() -> None:
    statuses = {status.value[0]: status.name for status in grpc.StatusCode}
    written = _table("errors", "code", "whose fault")

    assert [row[:5] for row in written] == [
        [code.value, row.origin.value, row.retry.value, statuses[row.grpc_status], str(row.http_status)]
        for code, row in ERROR_TABLE.items()
    ]
    assert all(len(row) == 6 and row[5] for row in written)


def test_the_table_of_retries_is_the_codes() -> None:
    (repeated, may), (_, must_not) = _table("transport", "status", "same bytes again")

    assert (may, must_not) == ("MAY", "MUST NOT")
    assert set(repeated.split(", ")) == {status.name for status, (_, may_retry) in STATUS_TABLE.items() if may_retry}


def test_sizes_and_times_are_the_codes() -> None:
    text = _text("transport")

    assert MAX_REQUEST_SIZE_BYTES == 4 << 20
    assert "requests of up to 4 MiB" in text
    assert MAX_ENVELOPE_BYTES == 1 << 20
    assert "a query's envelope 1 MiB" in text
    assert MAX_ANSWER_BYTES == 16 << 20 == 16_777_216
    assert "16 MiB (16 777 216 bytes)" in text
    assert MAX_RESPONSE_SIZE_BYTES == (64 << 20) + (64 << 10)
    assert "responses of 64 MiB and 64 KiB" in text
    assert CLOCK_TOLERANCE.total_seconds() == 60
    assert "within 60 seconds" in text


def _names_in(value: Any, before: str = "file") -> Iterator[tuple[str, str]]:
    """(kind of object, name of member) of everything in a catalogue file."""
    kinds = {"domains": "domain", "lists": "list", "older_names": "older name", "kinds": "kinds"}
    if isinstance(value, dict):
        for name, inner in value.items():
            yield before, name
            yield from _names_in(inner, "rules" if before == "kinds" else kinds.get(str(name), str(name)))
    if isinstance(value, list):
        for inner in value:
            yield from _names_in(inner, before)


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("member of the file", "file"),
        ("member of a domain", "domain"),
        ("member of the rules for a kind", "rules"),
        ("member of a list", "list"),
    ],
)
def test_the_catalogues_members_are_the_files(header: str, kind: str) -> None:
    file = json.loads(_catalogue().file)
    written = {name for row in _table("catalogue", header, "type") for name in re.findall(r"\w+", row[0])}

    assert written == {name for where, name in _names_in(file) if where == kind}


def test_the_catalogues_vector() -> None:
    catalogue = _catalogue()
    facts = dict(re.findall(r"^\| ([a-z, ]+) \| `?([0-9a-f, ]+?)`? \|$", _text("catalogue"), re.MULTILINE))

    assert facts["bytes"] == str(len(catalogue.file))
    assert facts["digest"] == catalogue.digest.hex()
    assert facts["cells, carried cells"] == f"{len(catalogue.cells)}, {len(catalogue.carried)}"


def _catalogue() -> Catalogue:
    return Catalogue.parse((resources.files("contract") / "data" / "catalogues" / "2025-12.json").read_bytes())


def test_the_withheld_sentence_is_the_codes() -> None:
    assert f"「{WITHHELD_TEXT}」" in _text("query-processing")


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("statements", "S"),
        ("catalogue", "K"),
        ("transport", "T"),
        ("errors", "E"),
        ("authorisation", "G"),
        ("feeds", "FD"),
        ("identity", "I"),
        *(("query-processing", prefix) for prefix in "QNWMCV"),
    ],
)
def test_rules_are_numbered_without_gaps_and_once(name: str, prefix: str) -> None:
    rules = re.findall(rf"^(?:- \*\*|\| \*\*|\| ){prefix}-(\d+)(?:\*\*)?(?: |\|)(?!…)", _text(name), re.MULTILINE)

    assert [int(number) for number in rules] == list(range(1, len(rules) + 1))
    assert len(rules) >= 3


def test_the_ranges_of_rules_are_right() -> None:
    text = _text("query-processing")
    for prefix, last in re.findall(r"^\| ([A-Z])-1 … \1-(\d+) \|", text, re.MULTILINE):
        assert f"{prefix}-{last}" in re.sub(r"^\| .* … .*$", "", text, flags=re.MULTILINE)
        assert f"{prefix}-{int(last) + 1}" not in text


def test_every_protocol_is_in_the_index() -> None:
    index = (DOCS / "index.md").read_text("utf-8")

    assert [path.name for path in PROTOCOLS.glob("*.md") if f"(protocols/{path.name})" not in index] == []
