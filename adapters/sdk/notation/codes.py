"""Codes of subjects: the unified code of a column that must hold one, and the check of the old registration number.

Nothing is repaired. What one slip would explain is found for the officer who settles a row (`code_candidates`) alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from stdnum.iso7064 import mod_11_10

from adapters.sdk.errors import NotationError, NotationFault
from adapters.sdk.notation.folding import PLACEHOLDERS, check_characters, fold_width, text_only
from adapters.sdk.notation.han import simplified
from adapters.sdk.source import RawValue
from contract.uscc import UsccError, UsccFault, fold, parse_uscc

_FAULTS: Final = {
    UsccFault.LENGTH: NotationFault.WRONG_LENGTH,
    UsccFault.CHARACTER: NotationFault.WRONG_CHARACTER,
    UsccFault.CHECK_CHARACTER: NotationFault.CHECK_DIGIT,
}
_LENGTH: Final = 18
_LABEL: Final = re.compile(
    r"(?:营业执照|注册号|统一|社会|信用|诚信|组织机构|代码|编码|号码|纳税人识别号|公民身份|工商|证照|证件|[()、/ ]){1,12}:"
)
_MASK: Final = re.compile(r"[*×•●○□#?_]|某|X{3}")
_CONFUSED: Final = {"O": "0", "I": "1", "Z": "2", "S": "5"}
"""Letters that the code does not have, and the digits that they are read for."""
_PERMIT_SUFFIX: Final = re.compile(r"[0-9]{3}[A-Z]")
_REGISTRATION_NUMBER: Final = re.compile(r"[0-9]{15}")
_MAX_LENGTH: Final = 200


def read_unified_code(value: RawValue) -> str:
    """Reads the unified code of a column that must hold one: trimmed, half width, in capitals, and nothing else changed.

    A label in front (`统一社会信用代码: 91…`) is left out where exactly one valid code remains.

    >>> read_unified_code("统一社会信用代码: 91350200575017604m")
    '91350200575017604M'

    Raises:
        NotationError: PLACEHOLDER, MASKED, WRONG_LENGTH, WRONG_CHARACTER or CHECK_DIGIT.

    Source: GB 32100-2015, 5 and annex.
    """
    if value is None:
        raise _placeholder()
    text = text_only(value, "a unified code")
    check_characters(text)
    # The label alone is made simplified: the code keeps what it has.
    plain = fold_width(text).strip()
    if len(plain) <= _MAX_LENGTH and (label := _LABEL.match(simplified(plain))):
        plain = plain[label.end() :].strip()
    code = fold(plain)
    if simplified(code) in PLACEHOLDERS or (code and set(code) <= set("0-—/")):
        raise _placeholder()
    if _is_valid(code):
        return code
    if _MASK.search(code):
        raise NotationError("expected a whole unified code, got a masked one", NotationFault.MASKED)
    try:
        parse_uscc(code)
    except UsccError as error:
        raise NotationError(f"expected a unified code: wrong {error.fault.value}", _FAULTS[error.fault]) from None
    raise NotationError("expected digits of a division at positions 3 to 8", NotationFault.WRONG_CHARACTER)


def code_candidates(text: str) -> tuple[str, ...]:
    """The valid codes that one slip would explain, in order. For the officer who asks: never taken for the code.

    A slip is: one letter for the digit that looks like it (O I Z S for 0 1 2 5), wherever it stands; a character too many;
    two neighbours exchanged; the serial number of a permit behind the code (001P), also together with such a letter. A valid
    code has no candidates.

    >>> code_candidates("9135O200575O17604M")
    ('91350200575017604M',)
    """
    code = fold(text)
    if len(code) > _LENGTH + 4 or _is_valid(code):
        return ()
    return tuple(sorted({candidate for candidate in _slips(code) if _is_valid(candidate)}))


def is_registration_number(text: str) -> bool:
    """Whether a folded text is a registration number (注册号) of 15 digits with a right check digit.

    Source: GS 15-2006 (工商行政管理市场主体注册号编制规则); the check is ISO 7064, MOD 11,10.

    >>> is_registration_number("110108000000016")
    True
    """
    return bool(_REGISTRATION_NUMBER.fullmatch(text)) and len(set(text)) > 1 and bool(mod_11_10.is_valid(text))


def _slips(code: str) -> Iterator[str]:
    if len(code) == _LENGTH + 4 and _PERMIT_SUFFIX.fullmatch(code[_LENGTH:]):
        yield code[:_LENGTH]
        yield from _letters_read(code[:_LENGTH])
    elif len(code) == _LENGTH + 1:
        yield from (code[:at] + code[at + 1 :] for at in range(len(code)))
    elif len(code) == _LENGTH:
        yield from _letters_read(code)
        yield from (code[:at] + code[at + 1] + code[at] + code[at + 2 :] for at in range(_LENGTH - 1))


def _letters_read(code: str) -> Iterator[str]:
    yield from (code.replace(letter, digit) for letter, digit in _CONFUSED.items())


def _is_valid(code: str) -> bool:
    """Positions 3 to 8 are digits (GB 32100-2015, 5.4). The check alone does not tell: eighteen zeros pass it."""
    try:
        return parse_uscc(code)[2:8].isdecimal() and len(set(code)) > 1
    except UsccError:
        return False


def _placeholder() -> NotationError:
    return NotationError("expected a unified code, got a word for nothing", NotationFault.PLACEHOLDER)
