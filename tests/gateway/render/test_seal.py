"""The seal on a PDF: two tools that know nothing of ours agree about it, and nothing of the document is lost."""

from __future__ import annotations

import io
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pypdf
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.validation.status import SignatureCoverageLevel

from contract.province import Province
from contract.report_file import EMBEDDED_STATEMENT, SEAL_FIELD
from gateway.render.seal import Seal, SealError
from huren.envelope.v1 import envelope_pb2
from runtime.identity import MemberPeer
from sandbox.pki import LIFETIME, PKI, make_pki
from tests.support.sealed import report_pdf

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
BEIJING, TIANJIN = (MemberPeer(province, envelope_pb2.MEMBER_ROLE_GATEWAY) for province in list(Province)[:2])
STATEMENT = b"\nstatement" * 50


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PKI:
    return make_pki(tmp_path_factory.mktemp("seals") / "pki", Province, NOW)


@pytest.fixture(scope="module")
def rendered() -> bytes:
    return report_pdf(STATEMENT)


@pytest.fixture(scope="module")
def sealed(pki: PKI, rendered: bytes) -> bytes:
    files = pki.seal(BEIJING)
    return Seal.load(files.certificate, files.private_key).apply(rendered, at=NOW)


PDFSIG = shutil.which("pdfsig")


@pytest.mark.skipif(PDFSIG is None, reason="poppler's pdfsig is not installed")
def test_poppler_agrees_that_the_whole_document_is_signed(sealed: bytes, tmp_path: Path) -> None:
    (tmp_path / "sealed.pdf").write_bytes(sealed)
    (tmp_path / "edited.pdf").write_bytes(sealed.replace(b"/MediaBox", b"/CropBoxx", 1))
    told = {
        name: subprocess.run(
            [str(PDFSIG), "-nocert", str(tmp_path / name)], capture_output=True, text=True, check=False
        ).stdout
        for name in ("sealed.pdf", "edited.pdf")
    }
    assert "Signature is Valid" in told["sealed.pdf"]
    assert "Total document signed" in told["sealed.pdf"]
    assert "ETSI.CAdES.detached" in told["sealed.pdf"]
    assert "北京市演示章（演示）" in told["sealed.pdf"]
    assert "Signature #2" not in told["sealed.pdf"]
    assert "Signature is Valid" not in told["edited.pdf"]


def test_pyhanko_agrees_that_it_certifies_the_file_and_permits_no_change(sealed: bytes) -> None:
    [signature] = PdfFileReader(io.BytesIO(sealed)).embedded_signatures
    signature.compute_integrity_info()
    assert signature.field_name == SEAL_FIELD
    assert signature.evaluate_signature_coverage() is SignatureCoverageLevel.ENTIRE_FILE
    assert signature.docmdp_level is MDPPerm.NO_CHANGES
    assert signature.self_reported_timestamp == NOW


def test_what_was_rendered_stays_byte_for_byte_with_its_attachment_and_metadata(rendered: bytes, sealed: bytes) -> None:
    assert sealed.startswith(rendered)
    before, after = (pypdf.PdfReader(io.BytesIO(one)) for one in (rendered, sealed))
    assert dict(after.attachments) == {EMBEDDED_STATEMENT: [STATEMENT]}
    assert after.metadata == before.metadata
    assert after.pdf_header == before.pdf_header
    catalogues = [one.root_object for one in (before, after)]
    for name in ("/Metadata", "/StructTreeRoot", "/Pages"):
        assert catalogues[1].raw_get(name).idnum == catalogues[0].raw_get(name).idnum
    assert "/AF" in catalogues[1]
    assert "/Version" not in catalogues[1]


def test_it_says_nothing_of_an_official_seal(sealed: bytes) -> None:
    reason = PdfFileReader(io.BytesIO(sealed)).embedded_signatures[0].sig_object["/Reason"]
    assert "印章" not in reason
    assert "出具单位" in reason


def test_a_key_of_another_certificate_is_refused_with_what_to_do(pki: PKI) -> None:
    with pytest.raises(SealError, match="files together that belong together"):
        Seal.load(pki.seal(BEIJING).certificate, pki.seal(TIANJIN).private_key)


def test_a_certificate_out_of_its_time_is_refused_with_what_to_do(pki: PKI, rendered: bytes) -> None:
    files = pki.seal(BEIJING)
    seal = Seal.load(files.certificate, files.private_key)
    seal.require_usable(NOW)
    for at in (NOW + LIFETIME + timedelta(seconds=1), NOW - timedelta(hours=2)):
        with pytest.raises(SealError, match="get a new one, publish it"):
            seal.require_usable(at)
        with pytest.raises(SealError):
            seal.apply(rendered, at=at)


def test_a_certificate_without_those_that_issued_it_is_refused_with_what_to_do(pki: PKI, tmp_path: Path) -> None:
    files, other = pki.seal(BEIJING), tmp_path / "other"
    own, authority = files.certificate.read_text().split("-----END CERTIFICATE-----\n")[:2]
    end = "-----END CERTIFICATE-----\n"
    for content in (own + end, own + end + own + end, own + end + authority + end + own + end):
        other.write_text(content)
        with pytest.raises(SealError, match="add what is missing, in this order"):
            Seal.load(other, files.private_key)
    other.write_text(own + end + authority + end)
    assert Seal.load(other, files.private_key).authorities


def test_files_that_are_no_seal_are_refused_by_name(pki: PKI, tmp_path: Path) -> None:
    files = pki.seal(BEIJING)
    other = tmp_path / "other"
    for content in (b"", b"nothing", files.certificate.read_bytes()):
        other.write_bytes(content)
        with pytest.raises(SealError, match="other"):
            Seal.load(files.certificate, other)
    other.write_bytes(b"")
    with pytest.raises(SealError, match="other"):
        Seal.load(other, files.private_key)
    with pytest.raises(SealError, match="cannot be read"):
        Seal.load(tmp_path / "missing", files.private_key)
    curve = ec.generate_private_key(ec.SECP256R1())
    other.write_bytes(curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(SealError, match="RSA key of at least 3072 bits"):
        Seal.load(files.certificate, other)
