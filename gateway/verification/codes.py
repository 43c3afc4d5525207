"""What people type or scan: a number and one of its two codes, folded and told apart by form. Nothing is repaired by guessing.

>>> read_code("7k2m-09fx 3rqt-8hzw")
Code(form=<CodeForm.TYPED: 'typed'>, text='7K2M09FX3RQT8HZW')
>>> read_code(" mV3k_0-Qw8ZrT1yUo5pLs2Aa ")
Code(form=<CodeForm.SCANNED: 'scanned'>, text='mV3k_0-Qw8ZrT1yUo5pLs2Aa')
>>> read_code("mistyped")
Code(form=<CodeForm.NEITHER: 'neither'>, text='')
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from contract import report_number
from contract.province import Province
from contract.uscc import fold
from gateway.domain.codes import TYPED_ALPHABET, TYPED_LENGTH

_TYPED: Final = re.compile(rf"[{TYPED_ALPHABET}]{{{TYPED_LENGTH}}}", re.ASCII)
_SCANNED: Final = re.compile(r"[A-Za-z0-9_-]{22,64}", re.ASCII)
"""base64url of 128 bits or more; `huren.report.v1.VerifyByCodeRequest` takes up to 64 characters."""

_BETWEEN: Final = re.compile(r"[-\s]")
_REQUEST_ID: Final = re.compile(r"[0-9A-F]{32}", re.ASCII)
_NUMBER: Final = re.compile(r"HR[0-9]{18}[0-9A-Z]", re.ASCII)


class CodeForm(Enum):
    """Which code it is, by its form."""

    TYPED = "typed"
    SCANNED = "scanned"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Code:
    """A code as it was given, folded.

    Attributes:
        form: Which.
        text: The code; empty with NEITHER, so that it fits nothing.
    """

    form: CodeForm
    text: str


def read_code(text: str) -> Code:
    """Folds a code: the typed one has no case, hyphens or blanks; the scanned one is taken as it is."""
    typed = _BETWEEN.sub("", fold(text))
    if _TYPED.fullmatch(typed):
        return Code(CodeForm.TYPED, typed)
    scanned = text.strip()
    if _SCANNED.fullmatch(scanned):
        return Code(CodeForm.SCANNED, scanned)
    return Code(CodeForm.NEITHER, "")


def is_request_id(number: str) -> bool:
    """Whether what was given as a number is a 受理编号, by its form alone."""
    return _REQUEST_ID.fullmatch(fold(number)) is not None


def member_of(number: str) -> Province | None:
    """Whose number it is, where it is a whole and right one of a member."""
    try:
        return report_number.check(fold(number)).province
    except ValueError:
        return None


def key_of(number: str) -> str:
    """By what a number is looked up and its tries are counted: itself, or a digest where it has not even the form of one.

    So whatever is typed, the same is done with it, and nothing that is typed stands in the store.
    """
    folded = fold(number)
    return folded if _NUMBER.fullmatch(folded) else hashlib.sha256(folded.encode(errors="replace")).hexdigest()


def same(given: str, kept: str) -> bool:
    """Compares codes in a time that tells nothing about where they differ. Nothing equals an empty one."""
    return hmac.compare_digest(given.encode(), kept.encode()) and bool(kept)
