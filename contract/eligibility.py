"""Whose code may be asked about, as errors of the table: used at every edge at which somebody types a code."""

from __future__ import annotations

from contract.errors import ErrorCode, HurenError
from contract.uscc import SubjectClass, Uscc, UsccError, UsccFault, parse_uscc, subject_class


def require_subject_code(text: str, *, field: str = "uscc") -> Uscc:
    """Reads the code of a 经营主体.

    Raises:
        HurenError: USCC_MALFORMED with position and expectation, or SUBJECT_NOT_ELIGIBLE.
    """
    try:
        uscc = parse_uscc(text)
    except UsccError as error:
        raise HurenError(
            ErrorCode.USCC_MALFORMED, field=field, problem_zh=_fault_zh(error), problem_en=str(error)
        ) from error
    if subject_class(uscc) is SubjectClass.NOT_ELIGIBLE:
        raise HurenError(ErrorCode.SUBJECT_NOT_ELIGIBLE, field=field)
    return uscc


def require_unit_code(text: str, *, field: str = "uscc") -> Uscc:
    """Reads the code of any unit: an authority may be granted to ask, though nobody asks about it.

    Raises:
        HurenError: USCC_MALFORMED.
    """
    try:
        return require_subject_code(text, field=field)
    except HurenError as error:
        if error.code is not ErrorCode.SUBJECT_NOT_ELIGIBLE:
            raise
        return parse_uscc(text)


def is_subject_code(text: str) -> bool:
    """Whether a folded text is the code of a 经营主体.

    >>> is_subject_code("91")
    False
    """
    try:
        return require_subject_code(text) == text
    except HurenError:
        return False


def _fault_zh(error: UsccError) -> str:
    match error.fault:
        case UsccFault.LENGTH:
            return f"应为18位，实为{error.got}位"
        case UsccFault.CHARACTER:
            return f"第{error.position}位应为数字或除 I、O、Z、S、V 以外的大写字母，实为{error.got}"
        case UsccFault.CHECK_CHARACTER:
            return f"第18位校验码应为{error.expected}，实为{error.got}"
