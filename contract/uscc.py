"""统一社会信用代码: the unified social credit code, GB 32100-2015.

18 characters: 1 authority of registration, 2 kind of organisation, 3-8 division of that authority (GB/T 2260), 9-17
organisation code (GB 11714), 18 check character (GB/T 17710, MOD 31-3). Capitals without I O Z S V.

Input is trimmed, upper-cased and folded from full width, then checked. Nothing is repaired by guessing: O is not 0, and neither
is a superscript or a circled digit the digit in it.
"""

from __future__ import annotations

import string
from enum import Enum
from typing import Final, NewType

from contract.province import Province

ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""The 31 characters of the code, each at the position of its value."""

_WEIGHTS: Final = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_VALUES: Final = {character: value for value, character in enumerate(ALPHABET)}
_LENGTH: Final = 18
_CENTRAL: Final = "100000"

_FULL_WIDTH: Final = {ordinal + 0xFEE0: ordinal for ordinal in range(0x21, 0x7F)} | {0x3000: 0x20}
_UPPER_CASE: Final = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)

Uscc = NewType("Uscc", str)
"""A checked unified social credit code in canonical form."""


class UsccFault(Enum):
    """What is wrong with a code."""

    LENGTH = "length"
    CHARACTER = "character"
    CHECK_CHARACTER = "check character"


class UsccError(ValueError):
    """The text is no unified social credit code.

    Attributes:
        fault: What is wrong.
        position: Position of the wrong character, from 1; 0 for the length.
        expected: What should stand there, in words that hold nothing of the code itself but its check character.
        got: What stands there.
    """

    def __init__(self, fault: UsccFault, position: int, expected: str, got: str) -> None:
        self.fault = fault
        self.position = position
        self.expected = expected
        self.got = got
        where = f"position {position}: " if position else ""
        super().__init__(f"{fault.value}: {where}expected {expected}, got {got}")


class SubjectClass(Enum):
    """What the first two characters say, as far as the mutual report is concerned."""

    ENTERPRISE = "91"
    INDIVIDUAL_BUSINESS = "92"
    FARMERS_COOPERATIVE = "93"
    NOT_ELIGIBLE = ""


def parse_uscc(text: str) -> Uscc:
    """Folds and checks a code.

    >>> parse_uscc(" 91350200575017604m ")
    '91350200575017604M'

    Raises:
        UsccError: Wrong length, a character outside the alphabet, or a wrong check character.

    Source: GB 32100-2015, 5 and annex; the value 31 of the check formula stands for 0.
    """
    code = fold(text)
    if len(code) != _LENGTH:
        raise UsccError(UsccFault.LENGTH, 0, f"{_LENGTH} characters", str(len(code)))
    for position, character in enumerate(code, start=1):
        if character not in _VALUES:
            expected = "a digit or a capital other than I O Z S V"
            raise UsccError(UsccFault.CHARACTER, position, expected, repr(character))
    expected = check_character(code[:17])
    if code[17] != expected:
        raise UsccError(UsccFault.CHECK_CHARACTER, _LENGTH, expected, code[17])
    return Uscc(code)


def fold(text: str) -> str:
    """Trims, upper-cases and folds from full width; checks nothing."""
    # Neither NFKC nor str.upper: both turn characters that are no letter or digit of the code into some.
    return text.translate(_FULL_WIDTH).strip().translate(_UPPER_CASE)


def check_character(first17: str) -> str:
    """The check character for the first 17 characters, which must be of the alphabet."""
    total = sum(_VALUES[character] * weight for character, weight in zip(first17, _WEIGHTS, strict=True))
    return ALPHABET[-total % 31]


def organisation_code(uscc: Uscc) -> str:
    """组织机构代码 (GB 11714): characters 9 to 17."""
    return uscc[8:17]


def subject_class(uscc: Uscc) -> SubjectClass:
    """What kind of subject the code was given to. Only 经营主体 (91, 92, 93) are eligible."""
    try:
        return SubjectClass(uscc[:2])
    except ValueError:
        return SubjectClass.NOT_ELIGIBLE


def home_hint(uscc: Uscc) -> Province | None:
    """The province of the authority of the first registration: a hint, never the home.

    A centrally registered subject (100000) and one registered outside the federation give no hint; a moved one gives the
    wrong one, for the code is for life.
    """
    if uscc[2:8] == _CENTRAL:
        return None
    try:
        return Province(int(uscc[2:4]))
    except ValueError:
        return None


def mask(uscc: str) -> str:
    """The code for places where it must not be read in full: first and last four characters."""
    return f"{uscc[:4]}{'*' * 10}{uscc[-4:]}" if len(uscc) == _LENGTH else "*" * len(uscc)
