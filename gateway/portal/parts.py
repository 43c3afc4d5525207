"""What the pages stand on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from contract.catalogue import CatalogueSet
from contract.province import Province
from contract.registry import Registry
from gateway.api.parts import PeopleParts
from gateway.api.public_verification import PublicVerification
from gateway.api.shares import Shares
from gateway.federation.directory import Directory
from gateway.federation.provinces import ProvinceView
from gateway.portal.announcements import Announcements
from gateway.render.pages import ReportPages
from runtime.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFacts:
    """What a province says of its site (网站标识). What is empty is not shown.

    Attributes:
        organiser: 主办单位. Empty: the unit of the member directory.
        operator: 承办单位.
        site_code: 网站标识码.
        icp: ICP 备案号.
        police: 公安备案号.
        own_report_url: Where the province's own edition of the report is had. Empty: it is named without a link.
    """

    organiser: str = ""
    operator: str = ""
    site_code: str = ""
    icp: str = ""
    police: str = ""
    own_report_url: str = ""


class ProvinceViews(Protocol):
    """How the four provinces stand (gateway/federation/provinces.py)."""

    async def views(self) -> Mapping[Province, ProvinceView]:
        """How each stands, for all four."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalParts:
    """What the pages stand on.

    Attributes:
        province: Whose site.
        specimen: Outside production: every page says so.
        site: What the province says of its site.
        announcements: What the province tells everybody.
        directory: Whom to name with address and telephone.
        registry: Who is registered where.
        catalogues: The published catalogues.
        provinces: How the four provinces stand.
        pages: Makes the pages of the specimen.
        verification: Verifies reports, for everybody.
        clock: Now.
        shares: How often who may ask.
        public_url: Under which address browsers see us.
        people: The services for people who log in. None: nobody can.
    """

    province: Province
    specimen: bool
    site: SiteFacts
    announcements: Announcements
    directory: Directory
    registry: Registry
    catalogues: CatalogueSet
    provinces: ProvinceViews
    pages: ReportPages
    verification: PublicVerification
    clock: Clock
    shares: Shares
    public_url: Callable[[], str]
    people: PeopleParts | None = None
