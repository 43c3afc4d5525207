"""What the verifier says about PDF files: sealed ones, edited ones, and those that are made to harm who reads them.

Each is read in a process with little memory and time as well: a named verdict, and no more than that.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pypdf
import pytest
from asn1crypto import cms
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pypdf.generic import NameObject

from contract.document import document
from contract.province import Province
from contract.report_file import EMBEDDED_STATEMENT
from gateway.render.pdf import render_report
from signing import Compromised, Retired, SealEntry, write_key_entry, write_policy, write_seal_entry
from tests.support import reports as checked_reports
from tests.support.federation import (
    LIST_CELL,
    NOW,
    PENALTY_CELL,
    SUBJECT_CODE,
    Federation,
    list_entry,
    penalty,
    subject,
)
from tests.support.pages import printed
from tests.support.sealed import (
    STRANGER,
    entry_of,
    entry_of_seal,
    long_seal,
    report_pdf,
    seal,
    trust_with_seals,
    typeset,
)
from verifier.pdf import MAX_STREAMS
from verifier.verdict import Result, Verdict
from verifier.verify import MAX_JSON_MEMBERS, verify

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
    pdf = render_report(document(found), statement=found.statement.envelope, printed=printed(found))
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


# --- Other bytes of the same seal -------------------------------------------------------------------------------------


def resealed(change: Callable[[SealParts], None], data: bytes | None = None) -> bytes:
    """The file with its own signature in another encoding, or with other certificates: all that no key is needed for."""
    data = data or sealed()
    begin, end = (int(data.split(b"/ByteRange [0 ")[1].split()[index]) for index in (0, 1))
    parts = SealParts(cms.ContentInfo.load(bytes.fromhex(data[begin + 1 : end - 1].decode())))
    assert parts.encoded() in bytes.fromhex(data[begin + 1 : end - 1].decode())
    change(parts)
    digits = parts.encoded().hex().upper().encode().ljust(end - begin - 2, b"0")
    return data[: begin + 1] + digits + data[end - 1 :]


class SealParts:
    """A CMS signature as what can be put together otherwise."""

    def __init__(self, content: Any) -> None:
        [info] = content["content"]["signer_infos"]
        self.certificates = [one.dump() for one in content["content"]["certificates"]]
        self.issuer = info["sid"].chosen["issuer"].dump()
        self.serial = info["sid"].chosen["serial_number"].dump()
        self.attributes = info["signed_attrs"].dump()
        self.signature = info["signature"].native

    def encoded(self) -> bytes:
        sid = _der(0x30, self.issuer, self.serial)
        signature = _der(0x04, self.signature)
        info = _der(0x30, VERSION_1, sid, SHA256, self.attributes, SHA256_RSA, signature)
        certificates = _der(0xA0, *self.certificates)
        signed = _der(0x30, VERSION_1, _der(0x31, SHA256), _der(0x30, DATA), certificates, _der(0x31, info))
        return _der(0x30, SIGNED_DATA, _der(0xA0, signed))


VERSION_1, DATA = (bytes.fromhex(text) for text in ("020101", "06092a864886f70d010701"))
SIGNED_DATA, SHA256, SHA256_RSA = (
    bytes.fromhex(text)
    for text in ("06092a864886f70d010702", "300d06096086480165030402010500", "300d06092a864886f70d01010b0500")
)


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    octets = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def _longer(encoded: bytes, *, header: int) -> bytes:
    """The same element with its length written in three octets."""
    content = encoded[header:]
    return encoded[:1] + b"\x83" + len(content).to_bytes(3, "big") + content


def _without_authority(parts: SealParts) -> None:
    del parts.certificates[1:]


def _with_another_authority(parts: SealParts) -> None:
    parts.certificates = sorted([*parts.certificates, seal(STRANGER).authorities[0].public_bytes(Encoding.DER)])


def _in_another_order(parts: SealParts) -> None:
    parts.certificates.reverse()


def _with_a_longer_serial(parts: SealParts) -> None:
    parts.serial = _der(0x02, b"\0" + parts.serial[2:])


def _with_longer_attributes(parts: SealParts) -> None:
    assert parts.attributes[1] in {0x81, 0x82}
    parts.attributes = _longer(parts.attributes, header=2 + (parts.attributes[1] & 0x0F))


def _unchanged(parts: SealParts) -> None:
    del parts


@pytest.mark.parametrize(
    "change",
    [
        _without_authority,
        _with_another_authority,
        _in_another_order,
        _with_a_longer_serial,
        _with_longer_attributes,
    ],
)
def test_the_same_signature_in_other_bytes_is_not_accepted(change: Callable[[SealParts], None]) -> None:
    assert resealed(_unchanged) == sealed()
    result = verdict(resealed(change))
    assert (result.verdict, result.reason.partition(":")[0]) == (Verdict.TAMPERED, "SEAL_MALFORMED")


def test_authorities_between_are_accepted_in_whatever_order_their_bytes_give() -> None:
    for name in "ABCDEF":
        made = long_seal(name)
        result = verdict(made.apply(pages(), at=SEALED_AT), entry_of_seal(made))
        assert (result.verdict, result.reason) == (Verdict.AUTHENTIC_STATUS_NOT_CHECKED, "")


# --- Other files around it --------------------------------------------------------------------------------------------


def _zip_behind(data: bytes) -> bytes:
    packed = io.BytesIO(data)
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("page.html", "示例")
    return packed.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(lambda: b"#!/bin/sh\n" + sealed(), id="something-before-its-head"),
        pytest.param(lambda: b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\n" + sealed(), id="another-head-before"),
        pytest.param(lambda: _zip_behind(sealed()), id="an-archive-behind-it"),
        pytest.param(lambda: sealed() + sealed(), id="twice"),
        pytest.param(lambda: with_other_content() + sealed(), id="other-pages-before-it"),
        pytest.param(lambda: sealed() + with_other_content(), id="other-pages-behind-it"),
        pytest.param(lambda: _in_the_gap(b"0" * 60 + b"<</S/JavaScript>>"), id="something-in-the-gap"),
        pytest.param(lambda: _in_the_gap(b"0" * 60 + b">" + b"0" * 8 + b"<"), id="two-texts-in-the-gap"),
        pytest.param(lambda: sealed().replace(b"/ByteRange [", b"/Byte#52ange ["), id="a-name-in-another-spelling"),
        pytest.param(lambda: with_revision(with_revision(sealed())), id="two-revisions"),
        pytest.param(lambda: with_revision(pages()) + sealed()[len(pages()) :], id="a-revision-before-the-seal"),
    ],
)
def test_what_stands_around_a_sealed_file_or_in_its_gap_is_found(data: Callable[[], bytes]) -> None:
    made = data()
    assert made != sealed()
    result = verdict(made)
    assert (result.verdict, result.checked) == (Verdict.TAMPERED, None)


def _in_the_gap(text: bytes) -> bytes:
    """Where the signature is padded."""
    end = sealed().index(b">", sealed().rindex(b"/Contents"))
    return sealed()[: end - len(text)] + text + sealed()[end:]


def test_words_of_pdf_in_a_record_are_no_structure() -> None:
    words = "/ByteRange [0 1 2 3] /EmbeddedFile /M (D:20200101000000Z) /Encrypt /Contents <30> endstream stream"
    texts: dict[str, Any] = {
        f"penalty__{name}": checked_reports.text(f"\nstream\n{words}")
        for name in ("violation_type", "facts", "legal_basis", "content")
    }
    found = checked_reports.asked(
        {Province.BEIJING: {PENALTY_CELL: [penalty(source_unit=words, **texts)]}}, whose=subject(SUBJECT_CODE, words)
    )
    pdf = render_report(document(found), statement=found.statement.envelope, printed=printed(found))
    result = verdict(seal().apply(pdf, at=found.issued_at))
    assert (result.verdict, result.reason) == (Verdict.AUTHENTIC_STATUS_NOT_CHECKED, "")


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


def _names(number: int) -> bytes:
    return b'{"a":"\xf0\xa0\xae\xb7",' + b",".join(b'"%x":1000' % index for index in range(number)) + b"}"


def test_none_of_them_takes_much_memory_or_time(trust: Path, tmp_path: Path) -> None:
    cases: dict[str, tuple[Callable[[], bytes], Verdict]] = {
        **HOSTILE,
        "sealed": (sealed, Verdict.AUTHENTIC_STATUS_NOT_CHECKED),
        "json-of-many-objects": (lambda: b'{"a": [' + b"{}," * 1_900_000 + b"1]}", Verdict.TOO_LARGE),
        "json-of-as-many-names-as-may-be": (lambda: _names(MAX_JSON_MEMBERS), Verdict.NOT_A_FILE_OF_OURS),
        "json-of-many-names": (lambda: _names(5 * MAX_JSON_MEMBERS), Verdict.TOO_LARGE),
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
