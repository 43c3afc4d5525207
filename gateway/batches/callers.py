"""Who asks with a batch, and on whose behalf each of its lines is asked.

- A GROUP is a person's, who acts for many enterprises; each line is asked about by its own enterprise. An INSTITUTION's batch is a
  unit's, which asks under the grants that it was given; whoever acts for the unit sees it.
- Nothing that was checked when a batch was begun is believed later: a line finds its caller anew at the time it runs, and so does
  who fetches the archive.
- What the identity provider said of a person (whose legal representative it is) counts for the batch that this person began, and
  not for its repetitions: those stand on mandates, certificates and grants alone.
- No person's name or number is kept, nor what a person is at a unit: staff with a paper mandate begin no batches.
- Who is refused is told to the subject (谁查询过我): a unit by its code, a person without a mandate as a person, who stands for no
  enterprise.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Protocol

from contract.errors import ErrorCode, HurenError
from contract.uscc import Uscc
from gateway.domain.persons import MandateScope, Person, PersonRef
from gateway.domain.request import Caller
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from runtime.clock import Clock

_SHORT: Final = 16
"""Hex digits of a person's name that stand where the code of a unit stands otherwise."""

_NO_UNIT: Final = Uscc("")
_SOMEBODY: Final = "个人（未获本企业授权）"
"""Where a unit's name stands otherwise: a person who may not act for the subject, and whom nobody is told by name."""


class BatchKind(StrEnum):
    """Whose batch it is."""

    GROUP = "GROUP"
    """集团: of a person with many mandates."""
    INSTITUTION = "INSTITUTION"
    """机构: of a unit with many grants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPerson:
    """A person who logged in, as far as a batch needs it.

    Attributes:
        person: Their name in this home.
        level: How they logged in.
        represents: Enterprises whose legal representative they are, as the provider said when the batch was begun.
        channel: By which way they came.
    """

    person: PersonRef
    level: query_pb2.IdentityLevel.ValueType
    represents: frozenset[Uscc] = frozenset()
    channel: common_pb2.Channel.ValueType = common_pb2.CHANNEL_WEB


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCaller:
    """Who asks with a batch.

    Attributes:
        kind: Whose it is.
        unit: With INSTITUTION: whose grants are used. None with GROUP.
        by: Who acts: a person, or the unit's own program, by a certificate or a token. GROUP: a person.
    """

    kind: BatchKind
    unit: Uscc | None = None
    by: BatchPerson | Caller = field()

    def __post_init__(self) -> None:
        if (self.kind is BatchKind.INSTITUTION) != (self.unit is not None):
            raise ValueError(f"expected a unit with INSTITUTION and none with GROUP, got {self.kind}")
        if isinstance(self.by, Caller) and self.unit != self.by.uscc:
            raise ValueError("a program asks for its own unit only")

    @property
    def owner(self) -> str:
        """Whose it is, in the table's 18 characters: the unit's code, or what no code looks like."""
        return self.unit if self.unit is not None else f"p:{self._person()[:_SHORT]}"

    @property
    def whose(self) -> str:
        """Whose it is, in full; the audit's name of who asks."""
        return f"unit:{self.unit}" if self.unit is not None else f"person:{self._person()}"

    @property
    def level(self) -> query_pb2.IdentityLevel.ValueType:
        """How surely who acts is known."""
        return self.by.level if isinstance(self.by, BatchPerson) else self.by.identity_level

    @property
    def is_program(self) -> bool:
        """Whether a unit's own program acts, by what it showed once."""
        return isinstance(self.by, Caller)

    def refused(self) -> Caller:
        """As whom the subject of a line is told who asked, where who asked may act for nobody."""
        if isinstance(self.by, Caller):
            return self.by
        return Caller(
            reference=f"person:{self.by.person}",
            uscc=self.unit or _NO_UNIT,
            identity_level=self.by.level,
            basis=query_pb2.AUTHORISATION_BASIS_AGENT,
            actor=self.by.person,
            unit="" if self.unit else _SOMEBODY,
            channel=self.by.channel,
        )

    def for_repetition(self) -> BatchCaller:
        """The caller of a batch that begins by itself: without what the provider said of a person long ago."""
        return replace(self, by=replace(self.by, represents=frozenset())) if isinstance(self.by, BatchPerson) else self

    def to_bytes(self) -> bytes:
        """As it is kept."""
        by: dict[str, object]
        if isinstance(self.by, BatchPerson):
            by = {
                "person": self.by.person,
                "level": self.by.level,
                "represents": sorted(self.by.represents),
                "channel": self.by.channel,
            }
        else:
            by = {
                "reference": self.by.reference,
                "level": self.by.identity_level,
                "basis": self.by.basis,
                "actor": self.by.actor,
                "unit": self.by.unit,
                "post": self.by.post,
                "channel": self.by.channel,
            }
        return json.dumps({"kind": self.kind, "unit": self.unit, "by": by}, ensure_ascii=False, sort_keys=True).encode()

    @classmethod
    def from_bytes(cls, kept: bytes) -> BatchCaller:
        """Reads what `to_bytes` writes."""
        value: dict[str, Any] = json.loads(kept)
        unit = None if value["unit"] is None else Uscc(value["unit"])
        return cls(kind=BatchKind(value["kind"]), unit=unit, by=_by(value["by"], unit))

    def _person(self) -> PersonRef:
        if not isinstance(self.by, BatchPerson):
            raise TypeError("a batch of a group is a person's")
        return self.by.person


def _by(value: dict[str, Any], unit: Uscc | None) -> BatchPerson | Caller:
    if "person" in value:
        return BatchPerson(
            person=PersonRef(value["person"]),
            level=value["level"],
            represents=frozenset(map(Uscc, value["represents"])),
            channel=value["channel"],
        )
    if unit is None:
        raise ValueError("a batch of a group is a person's")
    return Caller(
        reference=value["reference"],
        uscc=unit,
        identity_level=value["level"],
        basis=value["basis"],
        actor=value["actor"],
        unit=value["unit"],
        post=value["post"],
        channel=value["channel"],
    )


def group_of(person: Person) -> BatchCaller:
    """A person who asks for the enterprises that it may act for."""
    return BatchCaller(kind=BatchKind.GROUP, by=_batch_person(person))


def institution_of(person: Person, unit: Uscc) -> BatchCaller:
    """A person who asks for a unit, under the grants that the unit was given."""
    return BatchCaller(kind=BatchKind.INSTITUTION, unit=unit, by=_batch_person(person))


def institution_program(caller: Caller) -> BatchCaller:
    """A unit's own program, which asks under the grants that the unit was given."""
    return BatchCaller(kind=BatchKind.INSTITUTION, unit=caller.uscc, by=caller)


def _batch_person(person: Person) -> BatchPerson:
    return BatchPerson(person=person.person, level=person.level, represents=person.represents, channel=person.channel)


class LineCallers(Protocol):
    """Finds on whose behalf a line is asked."""

    async def caller_for(self, who: BatchCaller, uscc: Uscc) -> Caller:
        """Who asks for an enterprise or a unit now. The same one gives the same reference each time.

        Raises:
            HurenError: It may not: NO_MANDATE, LEVEL_TOO_LOW, NOT_YOURSELF.
            StoreUnavailableError: The store cannot be read.
        """

    async def may_ask(self, person: BatchPerson) -> bool:
        """Whether there is any enterprise for which a person may ask now.

        Raises:
            StoreUnavailableError: The store cannot be read.
        """


class GrantFinder(Protocol):
    """Finds grants by what a line says."""

    async def usable_grant(self, grantee: Uscc, subject: Uscc) -> bytes | None:
        """Statement id of the newest grant under which the grantee may ask about the subject now.

        Where there is none any more, perhaps that of one there was: the report service says why it does not count. None: there is
        nothing to ask under.
        """

    async def numbered_grant(self, grantee: Uscc, document_number: str) -> bytes | None:
        """Statement id of the grant to the grantee with that document number (授权书编号). None: there is none."""


class Acts(Protocol):
    """That a person may act for an enterprise."""

    @property
    def scopes(self) -> frozenset[MandateScope]:
        """For what."""


class MayAct(Protocol):
    """Says for whom a person may act (gateway/identity/acting.py)."""

    async def for_enterprise(self, person: Person, uscc: Uscc, scope: MandateScope) -> Caller:
        """The caller that the person is for an enterprise.

        Raises:
            HurenError: NO_MANDATE, LEVEL_TOO_LOW.
        """

    async def enterprises(self, person: Person) -> Sequence[Acts]:
        """For which enterprises the person may act now."""


class ActingCallers(LineCallers):
    """Callers by what persons may do now, and programs by what they showed."""

    def __init__(self, acting: MayAct, clock: Clock) -> None:
        self._acting = acting
        self._clock = clock

    async def caller_for(self, who: BatchCaller, uscc: Uscc) -> Caller:
        """As `LineCallers`."""
        if isinstance(who.by, Caller):
            if who.by.uscc != uscc:
                raise HurenError(ErrorCode.NOT_YOURSELF)
            return who.by
        return await self._acting.for_enterprise(self._person(who.by), uscc, MandateScope.REPORT)

    async def may_ask(self, person: BatchPerson) -> bool:
        """As `LineCallers`."""
        return any(MandateScope.REPORT in one.scopes for one in await self._acting.enterprises(self._person(person)))

    def _person(self, kept: BatchPerson) -> Person:
        return Person(
            person=kept.person,
            session_name="",
            level=kept.level,
            represents=kept.represents,
            staff=None,
            channel=kept.channel,
            csrf_token="",
            begun_at=self._clock(),
            expires_at=_NO_SESSION_ENDS,
        )


_NO_SESSION_ENDS: Final = datetime.max.replace(tzinfo=UTC)
"""A batch outlives the session in which it was begun: no session vouches for it."""
