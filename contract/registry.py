"""Who is registered where: the port through which members learn the home (注册属地) of a subject.

The code does not tell the home: a moved enterprise keeps it, and central registrations carry none. A `Registry` knows; digits of
the code are a hint for subjects that it does not know, and whoever uses the hint says so.
"""

from __future__ import annotations

from datetime import date, timedelta
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

    def home_on(self, day: date) -> Province | None:
        """The province of registration on a legal day. None: outside the federation, or not registered yet."""
        begun = [registration for registration in self.registrations if registration.since <= day]
        return max(begun, key=lambda registration: registration.since).province if begun else None

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
