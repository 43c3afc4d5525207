"""The member directory: where each member is, and whom to call there.

A JSON file that all members share. In the sandbox `huren up` writes it when the adapters have their ports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Protocol

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from contract.province import Province
from huren.common.v1 import common_pb2
from runtime.live_file import LiveFile

_Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class DirectoryError(ValueError):
    """The file is no member directory. The message names the first fault."""


class Member(BaseModel):
    """One province.

    Attributes:
        province: Which.
        adapter: `host:port` of its adapter.
        adapter_name: Name that its adapter's certificate carries.
        gateway: `host:port` of its gateway, for enterprises. Empty: not known.
        gateway_members: `host:port` of its gateway, for other members. Empty: not known.
        unit: The unit that answers for it, as printed.
        telephone: That unit's telephone, as printed.
        url: Where enterprises of that province ask for reports. Empty: not known.
        verification_url: Where people verify reports: base of its public address, without a slash at the end. Empty: not known.
        unit_verified: Whether the unit's name was confirmed.
        address: Where its window is, as printed. Empty: not known.
        hours: When that is open, as printed. Empty: not known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    province: Province
    adapter: _Text
    adapter_name: _Text
    gateway: str = ""
    gateway_members: str = ""
    unit: _Text
    telephone: str = ""
    url: str = ""
    verification_url: str = ""
    unit_verified: bool = False
    address: str = ""
    hours: str = ""

    @property
    def contact(self) -> common_pb2.Contact:
        """Whom to turn to, as the contract carries it."""
        return common_pb2.Contact(unit=self.unit, telephone=self.telephone, url=self.url)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    members: tuple[Member, ...]


def read_directory(path: Path) -> Mapping[Province, Member]:
    """Reads the file.

    Raises:
        DirectoryError: It cannot be read, is malformed, or names a province twice.
    """
    try:
        file = _File.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise DirectoryError(f"{path}: {error}") from error
    members = {member.province: member for member in file.members}
    if len(members) != len(file.members):
        raise DirectoryError(f"{path}: a province stands twice")
    return members


class Directory(Protocol):
    """Where members are, as it is now."""

    @property
    def members(self) -> Mapping[Province, Member]:
        """The members."""


@dataclass(frozen=True, slots=True)
class FixedDirectory:
    """Members that do not move."""

    members: Mapping[Province, Member]


class LiveDirectory:
    """The file as it is now: it is read again when it has changed, because members move while a gateway runs."""

    def __init__(self, path: Path) -> None:
        """Reads the file.

        Raises:
            DirectoryError: As `read_directory`.
        """
        self._file: Final = LiveFile(path, read_directory, name="member directory")

    @property
    def members(self) -> Mapping[Province, Member]:
        """The members. A file that cannot be read now leaves them as they were."""
        return self._file.value


def directory_json(members: list[Member]) -> str:
    """Writes what `read_directory` reads."""
    return _File(members=tuple(members)).model_dump_json(indent=1)
