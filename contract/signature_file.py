"""How a signature over a text travels together with the certificate that it was made with: in one file, or pasted.

    -----BEGIN CERTIFICATE-----
    (Base64 of the certificate, X.509 in DER)
    -----END CERTIFICATE-----
    -----BEGIN SIGNATURE-----
    (Base64 of the signature)
    -----END SIGNATURE-----

- The lines around the signature may be missing: `openssl base64` writes none.
- Of several certificates the first counts; the others are those of authorities.
- What is pasted is the same, piece by piece; a certificate may also be Base64 alone.
- A private key is never taken, whatever it stands beside.

What the certificate and the signature are worth is contract/authorisation.py (G-10 to G-12).

Source: RFC 7468 for the lines; the label SIGNATURE is this software's own.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from textwrap import wrap
from typing import Final

from contract.reasons import Words

MAX_FILE_BYTES: Final = 64 * 1024
"""A chain of certificates and a signature are a tenth of it."""

_BLOCK: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_MARK: Final = "-----"
_KEY: Final = "PRIVATE KEY"
_COLUMNS: Final = 64

_HAS_KEY: Final = Words(
    "内容含有私钥。私钥不得上传，也不得粘贴，请只提供证书和签名",
    "it holds a private key, which is never to be sent: give the certificate and the signature alone",
)
_NO_TEXT: Final = Words("文件不是文本文件", "the file is no text")
_NO_CERTIFICATE: Final = Words("没有找到证书", "there is no certificate")
_NO_SIGNATURE: Final = Words("没有找到签名", "there is no signature")
_CERTIFICATE_UNREADABLE: Final = Words("证书不是PEM或者Base64文本", "the certificate is neither PEM nor Base64")
_SIGNATURE_UNREADABLE: Final = Words("签名不是Base64文本", "the signature is no Base64")


class SignatureFileError(ValueError):
    """It is no certificate with a signature.

    Attributes:
        rule: What is wrong, for people: part of a sentence.
        field: `file`, `certificate` or `signature`.
    """

    def __init__(self, rule: Words, field: str) -> None:
        super().__init__(f"{field}: {rule.en}")
        self.rule = rule
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A signature, and by whom.

    Attributes:
        certificate: X.509 in DER, not looked at yet.
        signature: The signature, not looked at yet.
    """

    certificate: bytes
    signature: bytes


def write_file(signed: Signed) -> str:
    """The file.

    >>> read_file(write_file(Signed(certificate=b"certificate", signature=b"signature")).encode()).signature
    b'signature'
    """
    return _armoured("CERTIFICATE", signed.certificate) + _armoured("SIGNATURE", signed.signature)


def read_file(file: bytes) -> Signed:
    """Reads the file.

    Raises:
        SignatureFileError: Its field is always `file`.
    """
    try:
        text = file.decode("utf-8-sig")
    except ValueError as error:
        raise SignatureFileError(_NO_TEXT, "file") from error
    _require_no_key(text, "file")
    if "CERTIFICATE" not in text:
        raise SignatureFileError(_NO_CERTIFICATE, "file")
    try:
        return Signed(certificate=read_certificate(text), signature=read_signature(_without_certificates(text)))
    except SignatureFileError as error:
        raise SignatureFileError(error.rule, "file") from error


def read_certificate(text: str) -> bytes:
    """A certificate that was pasted: PEM, or Base64 of its DER.

    Raises:
        SignatureFileError: It is neither.
    """
    field = "certificate"
    _require_no_key(text, field)
    if not text.strip():
        raise SignatureFileError(_NO_CERTIFICATE, field)
    blocks = [content for label, content in _BLOCK.findall(text) if label == "CERTIFICATE"]
    return _decoded(blocks[0] if blocks else text, _CERTIFICATE_UNREADABLE, field)


def read_signature(text: str) -> bytes:
    """A signature that was pasted: Base64, with or without lines around it.

    Raises:
        SignatureFileError: It is none.
    """
    field = "signature"
    _require_no_key(text, field)
    blocks = [content for label, content in _BLOCK.findall(text) if label == "SIGNATURE"]
    content = blocks[0] if blocks else text
    if not content.strip():
        raise SignatureFileError(_NO_SIGNATURE, field)
    return _decoded(content, _SIGNATURE_UNREADABLE, field)


def _without_certificates(text: str) -> str:
    return _BLOCK.sub(lambda block: block.group() if block.group(1) == "SIGNATURE" else "", text)


def _require_no_key(text: str, field: str) -> None:
    if _MARK in text and _KEY in text:
        raise SignatureFileError(_HAS_KEY, field)


def _decoded(text: str, otherwise: Words, field: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignatureFileError(otherwise, field) from error


def _armoured(label: str, content: bytes) -> str:
    lines = "\n".join(wrap(base64.b64encode(content).decode(), _COLUMNS))
    return f"{_MARK}BEGIN {label}{_MARK}\n{lines}\n{_MARK}END {label}{_MARK}\n"
