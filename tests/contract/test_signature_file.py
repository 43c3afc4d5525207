from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.signature_file import (
    SignatureFileError,
    Signed,
    read_certificate,
    read_file,
    read_signature,
    write_file,
)

KEY = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
ONE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
OTHER = "-----BEGIN CERTIFICATE-----\nBBBB\n-----END CERTIFICATE-----\n"


@given(certificate=st.binary(min_size=1, max_size=300), signature=st.binary(min_size=1, max_size=100))
def test_what_is_written_is_read(certificate: bytes, signature: bytes) -> None:
    signed = Signed(certificate=certificate, signature=signature)

    assert read_file(write_file(signed).encode()) == signed


@given(file=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(file: bytes) -> None:
    with suppress(SignatureFileError):
        assert read_file(file).signature


@pytest.mark.parametrize("signature", ["c2ln\n", "c2\nln", "-----BEGIN SIGNATURE-----\nc2ln\n-----END SIGNATURE-----"])
def test_the_lines_around_the_signature_may_be_missing(signature: str) -> None:
    assert read_file(f"{ONE}{OTHER}{signature}".encode()) == Signed(certificate=b"\0\0\0", signature=b"sig")


def test_a_certificate_may_be_pasted_as_base64_alone() -> None:
    assert read_certificate(" AA\n AA ") == read_certificate(ONE) == b"\0\0\0"


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (ONE, "没有找到签名"),
        ("c2ln", "没有找到证书"),
        (f"{ONE}c2ln{KEY}", "私钥"),
        (f"{ONE}-----BEGIN EC PRIVATE KEY-----\nAA", "私钥"),
        (f"{ONE}签名", "签名不是Base64文本"),
        ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\nc2ln", "证书不是PEM"),
    ],
)
def test_what_is_no_signature_is_told_in_words(file: str, words: str) -> None:
    with pytest.raises(SignatureFileError) as caught:
        read_file(file.encode())

    assert words in caught.value.rule.zh
    assert caught.value.field == "file"


def test_a_key_is_refused_where_it_is_pasted_too() -> None:
    for read, field in ((read_certificate, "certificate"), (read_signature, "signature")):
        with pytest.raises(SignatureFileError) as caught:
            read(KEY)
        assert caught.value.field == field


def test_a_signature_as_the_tool_writes_it_is_read() -> None:
    lines = base64.encodebytes(bytes(72)).decode()

    assert read_signature(lines) == bytes(72)
