"""四地服务状态: how the provinces stand, beside what was announced of them, as the first page and the status page tell it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from contract.province import Province
from contract.reasons import Words
from gateway.federation.provinces import ProvinceState, ProvinceView
from gateway.portal.announcements import Maintenance, planned_maintenance
from gateway.portal.parts import PortalParts
from gateway.portal.recognised import STATE_WORDS


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """How one province stands.

    Attributes:
        view: What is known of it.
        maintenance: What was announced for today and is not over.
        under_way: Whether it is going on now.
    """

    view: ProvinceView
    maintenance: tuple[Maintenance, ...]
    under_way: bool

    @property
    def province(self) -> Province:
        """Which."""
        return self.view.province

    @property
    def words(self) -> Words:
        """How it stands. Announced maintenance explains why nothing is answered; it does not hide that something is."""
        if self.under_way and self.view.state is not ProvinceState.ANSWERING:
            return Words("维护中", "Under maintenance")
        return STATE_WORDS[self.view.state]

    @property
    def is_usual(self) -> bool:
        """Whether there is nothing to tell."""
        return self.view.state is ProvinceState.ANSWERING and not self.maintenance


async def service_status(parts: PortalParts, at: datetime) -> tuple[ServiceStatus, ...]:
    """How each of the four stands."""
    views = await parts.provinces.views()
    planned: dict[Province, list[Maintenance]] = {}
    for province, maintenance in planned_maintenance(parts.announcements, at):
        planned.setdefault(province, []).append(maintenance)
    return tuple(
        ServiceStatus(
            view=views[province],
            maintenance=tuple(planned.get(province, ())),
            under_way=any(one.begins <= at for one in planned.get(province, ())),
        )
        for province in Province
    )
