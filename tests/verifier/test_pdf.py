"""What the verifier says about PDF files: sealed ones, edited ones, and those that are made to harm who reads them.

Each is read in a process with little memory and time as well: a named verdict, and no more than that.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path

import pypdf
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pypdf.generic import NameObject

from contract.document import document
from contract.province import Province
from contract.report_file import EMBEDDED_STATEMENT
from gateway.render.pdf import Printed, render_report
from signing import Compromised, Retired, SealEntry, write_key_entry, write_policy, write_seal_entry
from tests.support import reports as checked_reports
from tests.support.federation import LIST_CELL, NOW, PENALTY_CELL, Federation, list_entry, penalty
from tests.support.sealed import STRANGER, entry_of, report_pdf, seal, trust_with_seals, typeset
from verifier.pdf import MAX_STREAMS
from verifier.verdict import Result, Verdict
from verifier.verify import verify

FEDERATION = Federation()
SEALED_AT = NOW + timedelta(seconds=5)


@cache
def statement(number: int = 0) -> bytes:
    records = {Province.TIANJIN: {PENALTY_CELL: [penalty(f"penalty-{number:04}")]}}
    return FEDERATION.report(
        FEDERATION.admitted(records if number == 0 else {**records, Province.SHANXI: {LIST_CELL: [list_entry()]}})
    )


@cache
def pages() -> bytes:
    return report_pdf(statement())


@cache
def sealed() -> bytes:
    return seal().apply(pages(), at=SEALED_AT)


def verdict(data: bytes, *entries: SealEntry) -> Result:
    return verify(data, trust=trust_with_seals(FEDERATION, *entries), catalogues=FEDERATION.catalogues, at=NOW)


def saved_anew(data: bytes, *, keep_statement: bool = True, compressed: bool = False) -> bytes:
    """As another program would save it: new structure, no seal that fits."""
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(data))
    if not keep_statement:
        del writer.root_object["/Names"], writer.root_object["/AF"]
        writer = pypdf.PdfWriter(clone_from=pypdf.PdfReader(io.BytesIO(_written(writer))))
    if compressed:
        writer.compress_identical_objects(remove_unreferenced=True)
    return _written(writer)


def _written(writer: pypdf.PdfWriter) -> bytes:
    stream = io.BytesIO()
    writer.write(stream)
    return stream.getvalue()


def with_other_content() -> bytes:
    """Another text on the page, the statement as it was."""
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pages()))
    [page] = writer.pages
    contents = page.get_contents()
    assert contents is not None
    contents.set_data(contents.get_data().replace(b"Tj", b"Tj ", 1))
    page[NameObject("/Contents")] = writer._add_object(contents)
    return _written(writer)


def with_revision(data: bytes) -> bytes:
    """An incremental update behind the seal, as editors make them."""
    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    writer.root["/Lang"] = generic.pdf_string("xx")
    writer.update_root()  # type: ignore[no-untyped-call]
    stream = io.BytesIO()
    writer.write(stream)  # type: ignore[no-untyped-call]
    return stream.getvalue()


def test_a_sealed_report_is_authentic_and_says_who_sealed_it_when() -> None:
    result = verdict(sealed())
    assert (result.verdict, result.reason) == (Verdict.AUTHENTIC_STATUS_NOT_CHECKED, "")
    assert result.checked is not None
    assert result.checked.statement.envelope == statement()
    assert result.seal is not None
    assert (result.seal.member, result.seal.sealed_at) == (Province.BEIJING, SEALED_AT)


def test_the_pages_that_gateways_make_are_read_too() -> None:
    found = checked_reports.asked(checked_reports.many(60))
    printed = Printed(
        verification_url="https://example.invalid/verify#x",
        verification_code="x",
        typed_code="ABCDEFGHJKMNPQRS",
        addresses=(("示例单位（演示）", "https://example.invalid"),),
        issued_at=found.issued_at,
    )
    pdf = render_report(document(found), statement=found.statement.envelope, printed=printed)
    result = verdict(seal().apply(pdf, at=found.issued_at))
    assert (result.verdict, result.reason) == (Verdict.AUTHENTIC_STATUS_NOT_CHECKED, "")
    assert verdict(pdf).verdict is Verdict.TAMPERED
    assert verdict(saved_anew(pdf, keep_statement=False)).verdict is Verdict.NO_EMBEDDED_DATA


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(pages, "SEAL_MISSING", id="never-sealed"),
        pytest.param(lambda: saved_anew(sealed()), "CHANGED_AFTER_SEALING", id="saved-anew"),
        pytest.param(lambda: saved_anew(pages(), compressed=True), "SEAL_MISSING", id="saved-anew-without-seal"),
        pytest.param(with_other_content, "SEAL_MISSING", id="edited-page-without-seal"),
        pytest.param(
            lambda: with_other_content() + sealed()[len(pages()) :],
            "CHANGED_AFTER_SEALING",
            id="old-seal-under-new-pages",
        ),
        pytest.param(lambda: with_revision(sealed()), "CHANGED_AFTER_SEALING", id="incremental-update"),
        pytest.param(lambda: sealed() + b"\n", "CHANGED_AFTER_SEALING", id="one-byte-behind-it"),
        pytest.param(lambda: sealed()[:-1], "CHANGED_AFTER_SEALING", id="one-byte-less"),
        pytest.param(lambda: sealed().replace(b"/MediaBox", b"/CropBoxx", 1), "CONTENT_DIFFERS", id="another-word"),
        pytest.param(
            lambda: seal(Province.HEBEI).apply(pages(), at=SEALED_AT),
            "SEAL_OF_ANOTHER_MEMBER",
            id="seal-of-another-home",
        ),
        pytest.param(lambda: seal().apply(pages(), at=NOW - timedelta(days=1)), "SEALED_BEFORE_ISSUE", id="older-seal"),
        pytest.param(
            lambda: seal().apply(
                typeset(attached={EMBEDDED_STATEMENT: statement(), "more.report": b"more"}), at=SEALED_AT
            ),
            "NOT_ONE_EMBEDDED_FILE",
            id="two-embedded-files",
        ),
        pytest.param(
            lambda: seal().apply(
                typeset(attached={EMBEDDED_STATEMENT: statement(), "other.report": statement(1)}), at=SEALED_AT
            ),
            "NOT_ONE_EMBEDDED_FILE",
            id="two-statements",
        ),
        pytest.param(
            lambda: seal().apply(report_pdf(statement()[:-1] + b"\0"), at=SEALED_AT),
            "ENVELOPE_NOT_STRICT",
            id="spoilt-statement",
        ),
        pytest.param(lambda: sealed().replace(_packed(statement()), _swapped(), 1), "CONTENT_DIFFERS", id="swapped"),
    ],
)
def test_what_is_not_as_it_was_sealed_by_the_issuer_is_not_as_issued(data: Callable[[], bytes], reason: str) -> None:
    result = verdict(data())
    assert (result.verdict, result.reason.partition(":")[0]) == (Verdict.TAMPERED, reason)
    assert result.checked is None


def _packed(content: bytes) -> bytes:
    """The statement as it stands in the file."""
    begin = sealed().index(b"stream\n", sealed().index(b"/EmbeddedFile/")) + len(b"stream\n")
    packed = sealed()[begin : sealed().index(b"\nendstream", begin)]
    assert zlib.decompress(packed) == content
    return packed


def _swapped() -> bytes:
    """Another genuine statement, in the room of the first, so that the seal's numbers still fit."""
    room = len(_packed(statement()))
    packed = zlib.compress(FEDERATION.report(FEDERATION.admitted({})), 9)
    assert len(packed) <= room
    return packed.ljust(room, b"\0")


@pytest.mark.parametrize(
    ("data", "entries"),
    [
        pytest.param(lambda: seal(STRANGER).apply(pages(), at=SEALED_AT), (), id="a-stranger-sealed-it"),
        pytest.param(
            lambda: seal(STRANGER).apply(with_other_content(), at=SEALED_AT), (), id="a-stranger-sealed-edited-pages"
        ),
        pytest.param(sealed, (lambda: entry_of(Province.HEBEI),), id="seal-not-in-trust-data"),
        pytest.param(
            sealed, (lambda: entry_of(Province.BEIJING, state=Compromised(NOW + timedelta(days=9))),), id="compromised"
        ),
        pytest.param(sealed, (lambda: entry_of(Province.BEIJING, state=Retired(NOW)),), id="retired-before"),
        pytest.param(
            sealed, (lambda: entry_of(Province.BEIJING, not_before=NOW + timedelta(days=1)),), id="not-yet-in-force"
        ),
    ],
)
def test_a_seal_that_is_not_trusted_is_named_as_such(
    data: Callable[[], bytes], entries: tuple[Callable[[], SealEntry], ...]
) -> None:
    result = verdict(data(), *(one() for one in entries))
    assert result.verdict is Verdict.SIGNER_NOT_TRUSTED
    assert result.checked is None


def test_a_seal_retired_since_counts() -> None:
    result = verdict(sealed(), entry_of(Province.BEIJING, state=Retired(NOW + timedelta(days=1))))
    assert result.verdict is Verdict.AUTHENTIC_STATUS_NOT_CHECKED


def scan(*, font: bool = False) -> bytes:
    image = b"<</Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8/Length 1>>"
    more = b"3 0 obj\n<</Type/Font>>\nendobj\n" if font else b""
    return (
        b"%PDF-1.7\n1 0 obj\n" + image + b"\nstream\n0\nendstream\nendobj\n" + more + b"trailer<</Root 1 0 R>>\n%%EOF"
    )


def object_stream(content: bytes) -> bytes:
    packed = zlib.compress(content)
    head = b"2 0 obj\n<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length %d>>\nstream\n" % len(packed)
    return head + packed + b"\nendstream\nendobj\n"


@cache
def packed_zeros(first: bytes) -> bytes:
    packer = zlib.compressobj(6)
    return b"".join([packer.compress(first), *(packer.compress(bytes(1 << 20)) for _ in range(100)), packer.flush()])


def bomb(dictionary: bytes, *, first: bytes = b"\n", times: int = 4) -> bytes:
    packed = packed_zeros(first)
    one = b"1 0 obj\n<<" + dictionary + b"/Length %d>>\nstream\n" % len(packed) + packed + b"\nendstream\nendobj\n"
    return b"%PDF-1.7\n" + one * times + b"%%EOF"


HOSTILE: dict[str, tuple[Callable[[], bytes], Verdict]] = {
    "stripped": (lambda: saved_anew(pages(), keep_statement=False), Verdict.NO_EMBEDDED_DATA),
    "sealed-without-statement": (lambda: seal().apply(typeset(), at=SEALED_AT), Verdict.NO_EMBEDDED_DATA),
    "of-somebody-else": (typeset, Verdict.NO_EMBEDDED_DATA),
    "scan": (scan, Verdict.SCAN),
    "pictures-and-text": (lambda: scan(font=True), Verdict.NO_EMBEDDED_DATA),
    "pictures-and-packed-text": (lambda: scan() + object_stream(b"4 0 <</Type/Font>>"), Verdict.NO_EMBEDDED_DATA),
    "no-objects": (lambda: b"%PDF-1.7\n" + bytes(10_000), Verdict.NOT_A_FILE_OF_OURS),
    "truncated": (lambda: sealed()[:600], Verdict.NO_EMBEDDED_DATA),
    "truncated-behind-the-statement": (lambda: sealed()[: sealed().rindex(b"/Contents")], Verdict.TAMPERED),
    "encrypted": (lambda: b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer<</Encrypt 1 0 R>>", Verdict.NO_EMBEDDED_DATA),
    "cyclic": (
        lambda: (
            b"%PDF-1.7\n1 0 obj\n1 0 R\nendobj\n2 0 obj<</Kids[2 0 R]/Parent 2 0 R>>endobj\ntrailer<</Root 2 0 R/Prev 9>>"
        ),
        Verdict.NO_EMBEDDED_DATA,
    ),
    "deep": (lambda: b"%PDF-1.7\n1 0 obj\n" + b"[" * 5_000_000, Verdict.NO_EMBEDDED_DATA),
    "bomb-like-a-statement": (lambda: bomb(b"/Type/EmbeddedFile/Filter/FlateDecode"), Verdict.TOO_LARGE),
    "bomb-of-other-content": (lambda: bomb(b"/Filter/FlateDecode", first=b"q"), Verdict.NO_EMBEDDED_DATA),
    "bomb-in-an-object-stream": (
        lambda: scan() + bomb(b"/Type/ObjStm/Filter/FlateDecode", first=b"1"),
        Verdict.TOO_LARGE,
    ),
    "bomb-in-a-cross-reference-stream": (
        lambda: bomb(b"/Type/XRef/Filter/FlateDecode", first=b"\0"),
        Verdict.NO_EMBEDDED_DATA,
    ),
    "bomb-in-a-bomb": (lambda: bomb(b"/Filter[/FlateDecode/FlateDecode]", times=50), Verdict.TOO_LARGE),
    "empty-blocks": (
        lambda: b"%PDF-1.7\n1 0 obj\n" + b"stream\n\x78\x9c" + b"\0\0\0\xff\xff" * 4_000_000,
        Verdict.NO_EMBEDDED_DATA,
    ),
    "many-streams": (lambda: b"%PDF-1.7\n1 0 obj\n" + b"stream\n\x78\x9c" * (MAX_STREAMS + 1), Verdict.TOO_LARGE),
    "many-signatures": (lambda: sealed() + b"/ByteRange [0 1 2 3]" * 1_000_000, Verdict.TAMPERED),
    "long-signature": (
        lambda: pages() + b"/Contents <" + b"30" * 20_000_000 + b">/ByteRange [0 9 40000000 9]",
        Verdict.TAMPERED,
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_every_other_pdf_gets_its_verdict(name: str) -> None:
    make, expected = HOSTILE[name]
    assert verdict(make()).verdict is expected


MEMORY_BYTES = 1 << 30
PROCESSOR_S = 10
"""For each file."""


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trust data as a directory."""
    folder = tmp_path_factory.mktemp("trust")
    store = trust_with_seals(FEDERATION)
    for key in store.keys.values():
        write_key_entry(folder, key)
    for one in store.seals.values():
        write_seal_entry(folder, one)
    write_policy(folder, store.policy, published_at=store.published_at)
    return folder


CHILD = """
import json, resource, sys, time
from datetime import datetime
from pathlib import Path
memory, processor, at, trust, *files = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
from contract.catalogue import published_catalogues
from signing import TrustStore
from verifier.verify import verify
store, catalogues = TrustStore.from_directory(Path(trust)), published_catalogues()
for file in files:
    begin = int(time.process_time())
    resource.setrlimit(resource.RLIMIT_CPU, (begin + int(processor), -1))
    result = verify(Path(file).read_bytes(), trust=store, catalogues=catalogues, at=datetime.fromisoformat(at))
    print(json.dumps([Path(file).name, result.verdict]), flush=True)
"""


def test_none_of_them_takes_much_memory_or_time(trust: Path, tmp_path: Path) -> None:
    cases: dict[str, tuple[Callable[[], bytes], Verdict]] = {
        **HOSTILE,
        "sealed": (sealed, Verdict.AUTHENTIC_STATUS_NOT_CHECKED),
        "json-of-many-objects": (lambda: b'{"a": [' + b"{}," * 1_900_000 + b"1]}", Verdict.NOT_A_FILE_OF_OURS),
    }
    for name, (make, _) in cases.items():
        (tmp_path / name).write_bytes(make())
    limits = [str(MEMORY_BYTES), str(PROCESSOR_S), NOW.isoformat(), str(trust)]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *limits, *(str(tmp_path / name) for name in cases)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert dict(map(json.loads, done.stdout.splitlines())) == {name: expected for name, (_, expected) in cases.items()}


def test_no_byte_of_a_sealed_file_can_be_altered_unseen() -> None:
    data = sealed()
    dictionary = data.rindex(b"/Contents")
    signature = range(dictionary, dictionary + 400)
    for position in {*range(0, len(data), 53), *signature}:
        altered = bytearray(data)
        altered[position] ^= 0x01
        result = verdict(bytes(altered))
        assert result.checked is None, position
        assert result.verdict in {
            Verdict.TAMPERED,
            Verdict.SIGNER_NOT_TRUSTED,
            Verdict.NO_EMBEDDED_DATA,
            Verdict.NOT_A_FILE_OF_OURS,
        }


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    data = bytearray(sealed())
    for _ in range(draw(st.integers(1, 6))):
        begin = draw(st.integers(0, len(data) - 1) | st.integers(len(data) * 2 // 3, len(data) - 1))
        end = min(len(data), begin + draw(st.integers(0, 200)))
        other = draw(st.integers(0, len(data) - 1))
        data[begin:end] = draw(
            st.binary(max_size=60)
            | st.just(bytes(data[other : other + 200]))
            | st.sampled_from([b"", b"30", b"/ByteRange [0 1 2 3]", b"stream\n", b">", b"<", b"endstream"])
        )
    return bytes(data)


@hypothesis_settings(max_examples=300)
@given(mutations())
def test_no_mutation_of_a_sealed_file_is_authentic_or_unnamed(data: bytes) -> None:
    result = verdict(data)
    assert (result.checked is None) or data == sealed()
    assert result.wording.headline
