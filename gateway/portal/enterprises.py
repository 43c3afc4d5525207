"""For which enterprises a person acts, with their names, as pages show them.

Names come from the registry and are kept for a while: a page of a person with fifty enterprises must not ask fifty times each time.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final

from contract.registry import RegistryUnavailableError
from contract.uscc import Uscc
from gateway.domain.persons import Person
from gateway.identity.acting import Acts
from gateway.portal.parts import PortalParts
from gateway.portal.visit import Enterprise, handle_of

_KEPT: Final = timedelta(minutes=10)
_MOST: Final = 4096
_PAUSE: Final = timedelta(seconds=15)
"""After a lookup that failed nobody waits for another one: pages are shown with codes in place of names meanwhile."""


class Enterprises:
    """Says for whom people act."""

    def __init__(self, parts: PortalParts) -> None:
        self._parts = parts
        self._names: dict[Uscc, tuple[datetime, str]] = {}
        self._failed_at: datetime | None = None

    async def of(self, person: Person) -> tuple[Enterprise, ...]:
        """Every enterprise for which the person may act now, by name.

        Raises:
            StoreUnavailableError: The store cannot be read.
        """
        if self._parts.people is None:
            return ()
        acts: dict[Uscc, list[Acts]] = {}
        for one in await self._parts.people.acting.enterprises(person):
            acts.setdefault(one.uscc, []).append(one)
        names = await asyncio.gather(*map(self.name, acts))
        found = [
            Enterprise(handle=handle_of(person, uscc), uscc=uscc, name=name, acts=tuple(acts[uscc]))
            for uscc, name in zip(acts, names, strict=True)
        ]
        return tuple(sorted(found, key=lambda one: (one.name == "", one.name, one.uscc)))

    async def name(self, uscc: Uscc) -> str:
        """An enterprise's registered name. Empty: the registry does not know it, or cannot be asked now."""
        at = self._parts.clock()
        known = self._names.get(uscc)
        if known is not None and known[0] <= at < known[0] + _KEPT:
            return known[1]
        before = known[1] if known else ""
        if self._failed_at is not None and self._failed_at <= at < self._failed_at + _PAUSE:
            return before
        try:
            entry = await self._parts.registry.lookup(uscc)
        except RegistryUnavailableError:
            self._failed_at = self._parts.clock()
            return before
        name = entry.name if entry else ""
        if len(self._names) >= _MOST:
            self._names.pop(next(iter(self._names)))
        self._names[uscc] = (at, name)
        return name
