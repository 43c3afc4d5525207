"""People and enterprises for tests of mandates, and one home's mandates over a real store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final

from sqlalchemy import insert, select

from contract.days import china_day
from contract.uscc import Uscc
from gateway.domain.persons import MandateScope, Person, PersonRef, Staff, StaffRole
from gateway.identity.acting import Acting
from gateway.mandates.agents import Agents, Ask
from gateway.mandates.window import WindowMandates
from gateway.store import tables
from gateway.store.mandates import MandateStore, WindowMandateStore
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from runtime.database import Database
from tests.support.federation import uscc

BASIC: Final = query_pb2.IDENTITY_LEVEL_BASIC
SUBSTANTIAL: Final = query_pb2.IDENTITY_LEVEL_SUBSTANTIAL
HIGH: Final = query_pb2.IDENTITY_LEVEL_HIGH

REPORT, GRANT, LOOK_UPS = MandateScope
EVERYTHING: Final = frozenset(MandateScope)

NOW: Final = datetime(2026, 11, 22, 4, tzinfo=UTC)
"""Noon in China."""

ENTERPRISE: Final = uscc(701)
OTHER_ENTERPRISE: Final = uscc(702)
UNIT: Final = uscc(801, "12110105")
OTHER_UNIT: Final = uscc(802, "12110105")

PDF: Final = b"%PDF-1.7\nspecimen"


def person(
    number: int,
    *,
    level: query_pb2.IdentityLevel.ValueType = HIGH,
    represents: Iterable[Uscc] = (),
    staff: Staff | None = None,
    channel: common_pb2.Channel.ValueType = common_pb2.CHANNEL_WEB,
) -> Person:
    """Somebody who is logged in; the same number is the same person."""
    return Person(
        person=PersonRef(f"{number:032x}"),
        session_name=f"{number:032x}",
        level=level,
        represents=frozenset(represents),
        staff=staff,
        channel=channel,
        csrf_token=f"{number:064x}",
        begun_at=NOW,
        expires_at=NOW + timedelta(hours=8),
    )


def staff(*roles: StaffRole, unit: Uscc = UNIT, number: str = "1042") -> Staff:
    """What somebody is at a unit."""
    return Staff(unit="示例区政务服务中心", unit_code=unit, post="综合窗口", number=number, roles=frozenset(roles))


@dataclass
class Home:
    """Mandates of one home, and a clock that goes when it is told."""

    database: Database
    now: datetime = NOW
    agents: Agents = field(init=False)
    windows: WindowMandates = field(init=False)
    acting: Acting = field(init=False)

    def __post_init__(self) -> None:
        mandates, papers = MandateStore(self.database), WindowMandateStore(self.database)
        self.agents = Agents(store=mandates, clock=lambda: self.now)
        self.windows = WindowMandates(store=papers, clock=lambda: self.now)
        self.acting = Acting(mandates=mandates, windows=papers, clock=lambda: self.now)

    @property
    def today(self) -> date:
        """The China day."""
        return china_day(self.now)

    async def meet(self, *people: Person) -> None:
        """Lets people have logged in once."""
        rows = [
            {
                "person": one.person,
                "subject_digest": one.person.encode(),
                "first_seen_at": "2026-11-22T04:00:00.000000Z",
            }
            for one in people
        ]
        async with self.database.write() as connection:
            await connection.execute(insert(tables.persons), rows)

    async def confirm(
        self,
        representative: Person,
        asked: Ask,
        *,
        enterprise: Uscc = ENTERPRISE,
        scopes: frozenset[MandateScope] = EVERYTHING,
        expires_on: date | None = None,
    ) -> None:
        """The legal representative confirms what was asked, by default for today only."""
        await self.agents.confirm(
            representative,
            enterprise,
            asked.mandate,
            pairing_code=asked.pairing_code,
            scopes=scopes,
            expires_on=expires_on or self.today,
        )

    async def audit(self) -> list[tuple[str, str, str, str]]:
        """Action, caller, enterprise and result of every audit row."""
        table = tables.audit
        found = select(table.c.action, table.c.caller, table.c.uscc, table.c.result).order_by(table.c.id)
        async with self.database.read() as connection:
            return [(row[0], row[1], row[2], row[3]) for row in await connection.execute(found)]
