"""The parts of the site, one file for each. `all_sections` puts them together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from gateway.portal.parts import PortalParts
from gateway.portal.sections.applying import ApplyingSection
from gateway.portal.sections.batches import GROUP, UNIT, BatchSection
from gateway.portal.sections.catalogue import CatalogueSection
from gateway.portal.sections.duty import DutySection
from gateway.portal.sections.giving import GivingSection
from gateway.portal.sections.grantee import GranteeSection
from gateway.portal.sections.grants import GrantsSection
from gateway.portal.sections.look_ups import LookUpsSection
from gateway.portal.sections.mandates import MandatesSection
from gateway.portal.sections.people import PeopleSection
from gateway.portal.sections.public import PublicSection
from gateway.portal.sections.public_design import DesignSection
from gateway.portal.sections.reports import ReportsSection
from gateway.portal.sections.running import RunningSection
from gateway.portal.sections.sessions import SessionsSection
from gateway.portal.sections.specimen import SpecimenSection
from gateway.portal.sections.staff import StaffSection
from gateway.portal.sections.terminal import TerminalSection
from gateway.portal.sections.verification import VerificationSection
from gateway.portal.sections.window import WindowSection
from gateway.portal.sections.workbench import WorkbenchSection
from gateway.portal.visit import Handler


class _Section(Protocol):
    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""


def all_sections(parts: PortalParts) -> Iterable[_Section]:
    """Every part of the site."""
    yield PublicSection(parts)
    yield DesignSection()
    yield CatalogueSection(parts)
    yield SpecimenSection(parts)
    yield VerificationSection(parts)
    leaving = TerminalSection(parts)
    yield leaving
    if parts.people is not None:
        yield MandatesSection(parts.people)
        yield PeopleSection(parts, parts.people)
        yield SessionsSection(parts.people, leaving)
        yield WindowSection(parts, parts.people)
        yield WorkbenchSection(parts, parts.people)
        yield ApplyingSection(parts, parts.people)
        yield ReportsSection(parts, parts.people)
        yield GrantsSection(parts, parts.people)
        yield GivingSection(parts, parts.people)
        yield LookUpsSection(parts, parts.people)
        yield GranteeSection(parts, parts.people)
        yield BatchSection(parts, parts.people, GROUP)
        yield BatchSection(parts, parts.people, UNIT)
        yield StaffSection(parts, parts.people)
        yield DutySection(parts, parts.people)
        yield RunningSection(parts, parts.people)
