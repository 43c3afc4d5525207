"""What else in a free text leads to a person: numbers, accounts, vehicles, electronic and other addresses, words of identity.

- Hidden wherever they stand, because they are certain to end: vehicle plates, electronic addresses, accounts.
- Personal numbers (mobile numbers, bank cards, numbers of 15 and 18 characters that are no unified code) and words that describe a
  person (身份证, 出生, sex) tell that a person is spoken of, whose name may stand beside them unrecognised. They are tolerated
  directly behind a name that is hidden, and nowhere else (disclosure.py).
- Nobody can say how far addresses of persons, papers, names in messengers and numbers in pieces reach: *unmaskable*.

Texts are folded (searchable.py).
"""

from __future__ import annotations

import re
from typing import Final

from adapters.sdk.personal_names import names_somebody
from adapters.sdk.searchable import Span, blanked
from contract.uscc import UsccError, parse_uscc

_BLANK: Final = "*"

# --- Certain to end -----------------------------------------------------------------------------------------------------

_PLATE: Final = re.compile(
    r"(?<![最全更])[京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新][A-HJ-NP-Za-hj-np-z][ ·.\-]?"
    r"[A-HJ-NP-Za-hj-np-z0-9]{4,5}[A-HJ-NP-Za-hj-np-z0-9挂学警港澳](?![0-9A-Za-z])"
)
"""GA 36-2018: a province, a letter, five characters or six (new energy), without I and O."""

_MAIL: Final = re.compile(
    r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9._%+\-]{1,64}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){1,4}"
)
_ACCOUNT: Final = re.compile(
    r"(?:[账帐][号户](?:号码?)?|卡号)[\s:为是(]{0,4}(?P<number>[0-9](?:[ \-]?[0-9]){5,31})(?![0-9])"
)
# --- Telling ------------------------------------------------------------------------------------------------------------

_MOBILE: Final = re.compile(r"(?<![0-9])1[3-9][0-9]{9}(?![0-9])")
_PERSONAL_18: Final = re.compile(r"(?<![0-9A-Za-z])[0-9]{17}[0-9Xx](?![0-9A-Za-z])")
_PERSONAL_15: Final = re.compile(r"(?<![0-9A-Za-z])[0-9]{15}(?![0-9A-Za-z])")
_CARD: Final = re.compile(r"(?<![0-9A-Za-z])62(?:[0-9]{14}|[0-9]{15}|[0-9]{17})(?![0-9A-Za-z])")
"""Numbers of bank cards (银联) begin with 62; those of 18 digits are found as personal numbers."""

_BIRTH: Final = re.compile(r"[0-9]{6}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")

_IDENTITY: Final = re.compile(
    r"身份证|公民身份号码|(?<!许可)证件号|手机尾?号|手机[^0-9,。;]{0,4}[0-9*×() \-]{5,}|微信号|QQ号|银行卡"
    r"|出生日期|出生于|[年月日]出生|日生(?=[,;。、)]|$)|(?<=[,;、(])[男女](?=[,;。、)]|$)"
)

_GAP: Final = r"[\s,;:、()]{0,4}"
_LABEL: Final = (
    r"(?:公民身份号码|(?:居民)?身份证件?(?:号码|号)?|证件(?:号码|号)|联系电话|联系方式|电话|手机(?:号码|号)?)"
)
_NUMBER: Final = r"(?:(?:[0-9]{17}[0-9Xx]|[0-9]{15}|1[3-9][0-9]{9})(?![0-9A-Za-z])|\*{3,18}(?![0-9A-Za-z]))"
_BEHIND_NAME: Final = re.compile(rf"(?:{_GAP}(?:[男女]|[汉满回]族|(?:{_LABEL}{_GAP}[为是]?)?{_GAP}{_NUMBER}))*")

# --- Without an end -----------------------------------------------------------------------------------------------------

_UNMASKABLE: Final = re.compile(
    r"住址|户籍|居住地|居住于|(?<!国)家住|(?:^|[,;。、()\s男女])[现暂]?住(?![房建宅宿所院户客店改])"
    r"|(?:护照|通行证|居留证|军官证|驾驶证)[^,。;0-9A-Za-z*]{0,8}[0-9A-Za-z]{5,}"
    r"|(?:车牌|号牌)(?:号码?)?[^,。;0-9A-Za-z*]{0,4}[0-9A-Za-z]{4,}"
    r"|微信(?:号码?|ID|[账帐]号)?[\s:为是]{1,4}[0-9A-Za-z_\-]{5,}|[Qq]{2}(?:号码?|群)?[\s:为是]{0,4}[0-9]{5,}"
)
_SPACED: Final = re.compile(r"(?<![0-9])[0-9](?:[ \-]?[0-9Xx]){9,}(?![0-9])")
_SPACED_LENGTHS: Final = frozenset({11, 15, 18})


def certain_details(folded: str) -> list[Span]:
    """What is hidden wherever it stands: vehicle plates, electronic addresses, accounts."""
    found = [match.span() for pattern in (_PLATE, _MAIL) for match in pattern.finditer(folded)]
    return found + [match.span("number") for match in _ACCOUNT.finditer(folded)]


def personal_numbers(folded: str) -> list[Span]:
    """Mobile numbers, numbers of bank cards, and those of 15 and 18 characters that are no unified code."""
    found = [match.span() for pattern in (_MOBILE, _PERSONAL_15, _CARD) for match in pattern.finditer(folded)]
    return found + [match.span() for match in _PERSONAL_18.finditer(folded) if _is_personal(match.group())]


def words_of_identity(folded: str) -> list[Span]:
    """Words that tell that a person is described."""
    return [found.span() for found in _IDENTITY.finditer(folded)]


def end_of_description(folded: str, end: int) -> int:
    """The end of what directly follows a name: sex, and numbers with their labels."""
    found = _BEHIND_NAME.match(folded, end)
    return found.end() if found else end


def is_unmaskable(folded: str) -> bool:
    """Whether something stands there of which nobody can say how far it reaches."""
    if _UNMASKABLE.search(folded) or names_somebody(folded):
        return True
    if _SPACED.search(folded) is None:
        return False  # what is blanked makes no number longer
    rest = blanked(folded, personal_numbers(folded), _BLANK)
    return any(sum(c.isalnum() for c in found.group()) in _SPACED_LENGTHS for found in _SPACED.finditer(rest))


def _is_personal(number: str) -> bool:
    """Eighteen characters with a day of birth are a person's, and so is everything that is no unified code."""
    try:
        parse_uscc(number)
    except UsccError:
        return True
    return _BIRTH.match(number) is not None
