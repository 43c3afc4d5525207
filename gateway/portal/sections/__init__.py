"""The parts of the site, one file for each. `all_sections` puts them together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from gateway.portal.parts import PortalParts
from gateway.portal.sections.public import PublicSection
from gateway.portal.visit import Handler


class _Section(Protocol):
    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""


def all_sections(parts: PortalParts) -> Iterable[_Section]:
    """Every part of the site."""
    yield PublicSection(parts)
