"""What a subject in a query or report must be in itself, whatever a registry knows.

A name that none of its identifiers is would be printed on the report and searched for nowhere.
"""

from __future__ import annotations

from contract.uscc import SubjectClass, Uscc, organisation_code, parse_uscc, subject_class
from huren.common.v1 import common_pb2


def require_sound_subject(subject: common_pb2.Subject) -> None:
    """Checks a subject.

    - Its code is valid and of an eligible class (91, 92, 93).
    - Exactly one identifier is of kind USCC, equal to the code; former codes are valid codes.
    - Every organisation code is part of its code or of a former one; a registration number has 15 digits.
    - Its name is its one identifier of kind NAME; without a registry entry it has neither a name nor a known status.
    - Its registration is not cancelled.

    Raises:
        ValueError: The first that does not hold; the text holds no code.
    """
    values: dict[int, list[str]] = {}
    for identifier in subject.identifiers:
        values.setdefault(identifier.kind, []).append(identifier.value)
    code = parse_uscc(subject.uscc)
    if subject_class(code) is SubjectClass.NOT_ELIGIBLE:
        raise ValueError("the subject is not eligible")
    if values.get(common_pb2.IDENTIFIER_KIND_USCC) != [subject.uscc]:
        raise ValueError("expected one identifier of kind USCC, equal to the subject's code")
    codes: list[Uscc] = [code, *map(parse_uscc, values.get(common_pb2.IDENTIFIER_KIND_FORMER_USCC, ()))]
    organisations = {organisation_code(one) for one in codes}
    if not organisations.issuperset(values.get(common_pb2.IDENTIFIER_KIND_ORGANISATION_CODE, ())):
        raise ValueError("an organisation code is not part of the subject's codes")
    for number in values.get(common_pb2.IDENTIFIER_KIND_REGISTRATION_NUMBER, ()):
        if len(number) != _REGISTRATION_NUMBER_LENGTH or not (number.isascii() and number.isdecimal()):
            raise ValueError("a registration number has 15 digits")
    _require_sound_registration(subject, values.get(common_pb2.IDENTIFIER_KIND_NAME, []))


_REGISTRATION_NUMBER_LENGTH = 15


def _require_sound_registration(subject: common_pb2.Subject, names: list[str]) -> None:
    if subject.registration_status == common_pb2.REGISTRATION_STATUS_CANCELLED:
        raise ValueError("the subject's registration is cancelled")
    unknown = subject.registration_status == common_pb2.REGISTRATION_STATUS_UNKNOWN
    if subject.home_basis == common_pb2.HOME_BASIS_CODE_DIGITS:
        if subject.name or names or not unknown:
            raise ValueError("a subject that no registry knows has neither a name nor a known status")
    elif not subject.name or names != [subject.name] or unknown:
        raise ValueError("expected one identifier of kind NAME, equal to the subject's name, and a known status")
