"""报告编号: HR, province (2), China day of issue (yyyymmdd), sequence (8), check character (ISO/IEC 7064, MOD 37,36).

>>> number = make(Province.BEIJING, date(2026, 11, 22), 1)
>>> number
'HR1120261122000000018'
>>> check(number)
ReportNumber(province=<Province.BEIJING: 11>, day=datetime.date(2026, 11, 22), sequence=1)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from stdnum.exceptions import ValidationError
from stdnum.iso7064 import mod_37_36

from contract.province import Province

MAX_SEQUENCE: Final = 99_999_999

_FORM: Final = re.compile(r"HR([0-9]{2})([0-9]{8})([0-9]{8})[0-9A-Z]", re.ASCII)


@dataclass(frozen=True, slots=True)
class ReportNumber:
    """What a report number says."""

    province: Province
    day: date
    sequence: int


def make(province: Province, day: date, sequence: int) -> str:
    """Writes a number.

    Raises:
        ValueError: The sequence is not between 1 and 99 999 999.
    """
    if not 1 <= sequence <= MAX_SEQUENCE:
        raise ValueError(f"expected a sequence from 1 to {MAX_SEQUENCE}, got {sequence}")
    body = f"HR{province:02d}{day:%Y%m%d}{sequence:08d}"
    return body + str(mod_37_36.calc_check_digit(body))


def reads_well(number: str) -> bool:
    """Whether nobody takes the check character for a digit: O and I look like 0 and 1. Such numbers are sound and not given out."""
    return number[-1] not in "IO"


def check(number: str) -> ReportNumber:
    """Reads a number.

    Raises:
        ValueError: Not of the form, a wrong check character, no member's province, no day of the calendar, or a sequence of 0.
    """
    form = _FORM.fullmatch(number)
    if form is None:
        raise ValueError("expected HR, 18 digits and a check character")
    try:
        mod_37_36.validate(number)
    except ValidationError as error:
        raise ValueError("the check character is wrong") from error
    sequence = int(form[3])
    if sequence == 0:
        raise ValueError("expected a sequence from 1, got 0")
    day = datetime.strptime(form[2], "%Y%m%d").date()  # noqa: DTZ007  # a legal day has no zone
    return ReportNumber(Province(int(form[1])), day, sequence)
