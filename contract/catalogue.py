"""互认事项清单: the catalogue of domains, the kinds of record each carries, and the lists with their older names.

A catalogue is a published file. Its digest is over the file's bytes, so that members and verifiers agree on it without agreeing
on a serialisation. A request is pinned to the catalogue in force on its day; members serve that one and the one before.

Every entry names its source and whether it is verified; nothing unverified may be sealed in production.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from importlib import resources
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contract.json_file import JsonFileError, read_json_file
from contract.province import Province
from huren.common.v1 import common_pb2

_ID = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
_Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]

CellKey = tuple[str, int]
"""One question of a report: (id of the domain, number of the RecordKind)."""

PENALTY: Final = common_pb2.RECORD_KIND_PENALTY
SERIOUS_LIST: Final = common_pb2.RECORD_KIND_SERIOUS_LIST

_KindName = Literal["penalty", "serious_list"]

_KINDS: Final[Mapping[_KindName, common_pb2.RecordKind.ValueType]] = {
    "penalty": PENALTY,
    "serious_list": SERIOUS_LIST,
}


def wire_key(key: CellKey) -> common_pb2.CellKey:
    """How messages name a cell."""
    domain, kind = key
    return common_pb2.CellKey(domain=domain, kind=common_pb2.RecordKind.ValueType(kind))


class CatalogueError(ValueError):
    """The file is not a catalogue. The message names the first fault."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    source: _Text
    verified: bool


class KindRules(_Entry):
    """What a domain says about one kind of record it carries.

    Attributes:
        freshness_limit_hours: Age of a source's watermark from which nothing may be concluded any more.
        unattributable_limit: Rows that belong to nobody, from which nothing may be concluded any more for anybody.
    """

    freshness_limit_hours: Annotated[int, Field(ge=1, le=24 * 90)]
    unattributable_limit: Annotated[int, Field(ge=0)]


class Domain(_Entry):
    """领域.

    Attributes:
        id: Stable id.
        name: Name in Chinese, as printed.
        name_en: Name in English.
        short_name: At most six characters, for narrow tables.
        kinds: The kinds of record that it carries; any other kind is NOT_APPLICABLE.
    """

    id: _ID
    name: _Text
    name_en: _Text
    short_name: Annotated[str, StringConstraints(min_length=1, max_length=6)]
    kinds: Mapping[_KindName, KindRules]


class OlderName(BaseModel):
    """A name that a list had.

    Attributes:
        name: The name.
        until: Last legal day on which entries were made under it. None: not known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: _Text
    until: date | None


class SeriousList(_Entry):
    """严重失信主体名单.

    Attributes:
        id: Stable id.
        domain: The domain that carries it.
        name: Full name, as printed.
        older_names: Names under which entries may still be supplied.
    """

    id: _ID
    domain: _ID
    name: _Text
    older_names: tuple[OlderName, ...]


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z.-]{1,32}$")]
    effective_from: date
    title: _Text
    provinces: tuple[Province, ...]
    domains: tuple[Domain, ...]
    lists: tuple[SeriousList, ...]


@dataclass(frozen=True)
class Catalogue:
    """One published catalogue.

    Attributes:
        file: The published bytes.
        content: What they say.
    """

    file: bytes
    content: _File

    @classmethod
    def parse(cls, file: bytes) -> Catalogue:
        """Reads a published file.

        Raises:
            CatalogueError: It is no catalogue, or contradicts itself.
        """
        try:
            content = read_json_file(file, _File)
        except JsonFileError as error:
            raise CatalogueError(str(error)) from error
        _check_consistent(content)
        return cls(file, content)

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the published bytes."""
        return hashlib.sha256(self.file).digest()

    @cached_property
    def ref(self) -> common_pb2.CatalogueRef:
        """How messages name this catalogue."""
        return common_pb2.CatalogueRef(version=self.version, digest=self.digest)

    @property
    def version(self) -> str:
        """Version, for example `2025-12`."""
        return self.content.version

    @property
    def effective_from(self) -> date:
        """First legal day on which it is in force."""
        return self.content.effective_from

    @property
    def provinces(self) -> tuple[Province, ...]:
        """The provinces that a report asks, in ascending number."""
        return self.content.provinces

    @property
    def domains(self) -> tuple[Domain, ...]:
        """The domains, in the order in which they are printed."""
        return self.content.domains

    @property
    def lists(self) -> tuple[SeriousList, ...]:
        """The lists."""
        return self.content.lists

    @cached_property
    def domain_by_id(self) -> Mapping[str, Domain]:
        """The domains by id."""
        return {domain.id: domain for domain in self.domains}

    @cached_property
    def list_by_id(self) -> Mapping[str, SeriousList]:
        """The lists by id."""
        return {entry.id: entry for entry in self.lists}

    @cached_property
    def cells(self) -> tuple[CellKey, ...]:
        """Every (domain, kind) that may be asked for, in catalogue order, those that do not apply included."""
        return tuple((domain.id, kind) for domain in self.domains for kind in _KINDS.values())

    @cached_property
    def carried(self) -> Mapping[CellKey, KindRules]:
        """The cells that apply, with their rules. Every other cell of `cells` is NOT_APPLICABLE."""
        return {
            (domain.id, int(kind)): domain.kinds[name]
            for domain in self.domains
            for name, kind in _KINDS.items()
            if name in domain.kinds
        }

    def freshness_limit(self, key: CellKey) -> timedelta:
        """Age of a watermark from which nothing may be concluded. The cell must be carried."""
        return timedelta(hours=self.carried[key].freshness_limit_hours)

    @cached_property
    def unverified(self) -> tuple[str, ...]:
        """Ids of the entries that nobody has confirmed yet."""
        lists = [entry.id for entry in self.lists if not entry.verified]
        domains = [
            domain.id
            for domain in self.domains
            if not (domain.verified and all(rules.verified for rules in domain.kinds.values()))
        ]
        return tuple(domains + lists)


class CatalogueSet:
    """The catalogues that a member knows."""

    def __init__(self, catalogues: Iterable[Catalogue]) -> None:
        """Takes them in any order.

        Raises:
            CatalogueError: None, or two that begin on the same day or have the same version.
        """
        self._by_day = sorted(catalogues, key=lambda catalogue: catalogue.effective_from)
        if not self._by_day:
            raise CatalogueError("expected at least one catalogue, got none")
        for one, other in zip(self._by_day, self._by_day[1:], strict=False):
            if one.effective_from == other.effective_from:
                raise CatalogueError(f"{one.version} and {other.version} begin on the same day")
        if len({catalogue.version for catalogue in self._by_day}) != len(self._by_day):
            raise CatalogueError("two catalogues have the same version")

    def in_force(self, day: date) -> Catalogue:
        """The catalogue to ask by on a legal day.

        Raises:
            CatalogueError: None was in force yet.
        """
        begun = self._begun(day)
        if not begun:
            raise CatalogueError(f"no catalogue was in force on {day}")
        return begun[-1]

    def served(self, ref: common_pb2.CatalogueRef, day: date) -> Catalogue | None:
        """The catalogue that a message names, if it is the one in force on the day or the one before; else None."""
        for catalogue in self._begun(day)[-2:]:
            if catalogue.version == ref.version and catalogue.digest == ref.digest:
                return catalogue
        return None

    def _begun(self, day: date) -> list[Catalogue]:
        return [catalogue for catalogue in self._by_day if catalogue.effective_from <= day]


def published_catalogues() -> CatalogueSet:
    """The catalogues that this release ships."""
    folder = resources.files("contract") / "data" / "catalogues"
    return CatalogueSet(
        Catalogue.parse(entry.read_bytes()) for entry in folder.iterdir() if entry.name.endswith(".json")
    )


def _check_consistent(content: _File) -> None:
    ids = [domain.id for domain in content.domains]
    if len(set(ids)) != len(ids) or not ids:
        raise CatalogueError("domains: expected at least one, and no id twice")
    if list(content.provinces) != sorted(set(content.provinces)) or not content.provinces:
        raise CatalogueError("provinces: expected at least one, ascending, none twice")
    list_ids = [entry.id for entry in content.lists]
    if len(set(list_ids)) != len(list_ids):
        raise CatalogueError("lists: an id stands twice")
    carrying = {domain.id for domain in content.domains if "serious_list" in domain.kinds}
    if {entry.domain for entry in content.lists} != carrying:
        raise CatalogueError("lists: expected one for every domain that carries a list, and for no other")
    if any(not domain.kinds for domain in content.domains):
        raise CatalogueError("domains: one carries nothing")
