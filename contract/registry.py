"""Who is registered where: the port through which members learn the home (注册属地) of a subject.

The code does not tell the home: a moved enterprise keeps it, and central registrations carry none. A `Registry` knows; digits of
the code are a hint for subjects that it does not know, and whoever uses the hint says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from contract.province import Province
from contract.uscc import Uscc, organisation_code, parse_uscc
from huren.common.v1 import common_pb2

_Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FormerName(_Value):
    """曾用名, with the days on which it was the registered name."""

    name: _Text
    valid_from: date | None = None
    valid_to: date


def _require_code(text: str) -> str:
    return parse_uscc(text)


class FormerCode(_Value):
    """A unified code that the subject had before."""

    uscc: str
    valid_to: date | None = None

    _checked = field_validator("uscc")(_require_code)


class Registration(_Value):
    """A province of registration, with its first day. None: outside the federation."""

    province: Province | None
    since: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A change of the province of registration from one member to another.

    Attributes:
        old_home: Where the subject was registered before.
        new_home: Where it is registered now.
        registered_on: First legal day of the registration at the new home.
    """

    old_home: Province
    new_home: Province
    registered_on: date


class RegistryEntry(_Value):
    """A subject as the registry knows it.

    Attributes:
        uscc: Its code.
        name: Its registered name.
        kind: Number of the SubjectKind.
        status: Number of the RegistrationStatus.
        cancelled_on: Day of cancellation (注销), where cancelled.
        registrations: Where it was registered, oldest first.
        former_names: Names it had.
        former_codes: Codes it had.
        registration_number: 工商注册号, or empty.
    """

    uscc: str
    name: _Text
    kind: Annotated[int, Field(ge=1)]
    status: Annotated[int, Field(ge=1)]
    cancelled_on: date | None = None
    registrations: Annotated[tuple[Registration, ...], Field(min_length=1)]
    former_names: tuple[FormerName, ...] = ()
    former_codes: tuple[FormerCode, ...] = ()
    registration_number: Annotated[str, StringConstraints(pattern=r"^([0-9]{15})?$")] = ""

    _checked = field_validator("uscc")(_require_code)

    @field_validator("registrations")
    @classmethod
    def _require_one_home_a_day(cls, registrations: tuple[Registration, ...]) -> tuple[Registration, ...]:
        if len({registration.since for registration in registrations}) < len(registrations):
            raise ValueError("two registrations begin on one day")
        return registrations

    def home_on(self, day: date) -> Province | None:
        """The province of registration on a legal day. None: outside the federation, or not registered yet."""
        registration = self.registration_on(day)
        return registration.province if registration else None

    def registration_on(self, day: date) -> Registration | None:
        """The registration that holds on a legal day, with its first day. None: it was not registered yet."""
        begun = self._begun(day)
        return begun[-1] if begun else None

    def last_move(self, day: date) -> Move | None:
        """How the subject came to where it is registered on a legal day. None: it came from no other member."""
        match self._begun(day)[-2:]:
            case [Registration(province=Province() as old), Registration(province=Province() as new, since=since)]:
                return Move(old_home=old, new_home=new, registered_on=since)
            case _:
                return None

    def _begun(self, day: date) -> list[Registration]:
        """What had begun by the day, oldest first; registrations that follow each other in one province are one."""
        begun = sorted((one for one in self.registrations if one.since <= day), key=lambda one: one.since)
        return [next(same) for _, same in groupby(begun, key=lambda one: one.province)]

    def identifiers(self) -> tuple[common_pb2.Identifier, ...]:
        """Everything by which a source may know the subject; the code first."""
        return tuple(self._identifiers())

    def _identifiers(self) -> list[common_pb2.Identifier]:
        found = [*code_identifiers(Uscc(self.uscc))]
        found.extend(
            _identifier(common_pb2.IDENTIFIER_KIND_FORMER_USCC, former.uscc, None, former.valid_to)
            for former in self.former_codes
        )
        if self.registration_number:
            found.append(_identifier(common_pb2.IDENTIFIER_KIND_REGISTRATION_NUMBER, self.registration_number))
        last_former = max((name.valid_to for name in self.former_names), default=None)
        name_since = last_former + timedelta(days=1) if last_former else None
        found.append(_identifier(common_pb2.IDENTIFIER_KIND_NAME, self.name, name_since))
        found.extend(
            _identifier(common_pb2.IDENTIFIER_KIND_FORMER_NAME, name.name, name.valid_from, name.valid_to)
            for name in self.former_names
        )
        return found


def code_identifiers(uscc: Uscc) -> tuple[common_pb2.Identifier, common_pb2.Identifier]:
    """What the code alone gives: itself, and the organisation code in it."""
    return (
        _identifier(common_pb2.IDENTIFIER_KIND_USCC, uscc),
        _identifier(common_pb2.IDENTIFIER_KIND_ORGANISATION_CODE, organisation_code(uscc)),
    )


def _identifier(
    kind: common_pb2.IdentifierKind.ValueType, value: str, since: date | None = None, until: date | None = None
) -> common_pb2.Identifier:
    return common_pb2.Identifier(
        kind=kind,
        value=value,
        valid_from=since.isoformat() if since else "",
        valid_to=until.isoformat() if until else "",
    )


class RegistryUnavailableError(Exception):
    """The registry cannot be asked. It is never taken for an unknown subject."""


class Registry(Protocol):
    """Knows subjects."""

    async def lookup(self, uscc: Uscc) -> RegistryEntry | None:
        """The entry of a subject, or None where the registry does not know it.

        Raises:
            RegistryUnavailableError: The registry cannot be asked.
        """

    async def knows_name(self, name: str) -> bool:
        """Whether any subject has the name, or had it once; compared without regard to width, case, brackets and blanks.

        It says that somebody is meant, never who: several subjects may have had one name.

        Raises:
            RegistryUnavailableError: The registry cannot be asked.
        """
