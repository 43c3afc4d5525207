"""Who stands behind the cells: one department for each domain of the catalogue, for all that the domain carries.

Which domain carries what is written down here and not taken from the catalogue: a later one with more cells must find the profiles
incomplete (profile_check.py) and not departments that were never asked.

Where an organ took over from another (机构改革), a department names the one that it succeeds, and the day from which it does. Only
coverage asks for the day: a row prints the organ that decided it as the row names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from adapters.sdk.profile import Department
from contract.catalogue import PENALTY, SERIOUS_LIST, CellKey

_LIST_ONLY: Final = frozenset({"court_enforcement"})
_WITH_LIST: Final = _LIST_ONLY | {
    "market_regulation",
    "taxation",
    "social_security",
    "emergency_management",
    "public_finance",
    "statistics",
}
_COMPLETE_FROM: Final = date(2015, 1, 1)
_SUPPLY_LAG_WORKING_DAYS: Final = 7


def by_cell(departments: Mapping[str, Department]) -> dict[CellKey, Department]:
    """The department behind each cell, from the department of each domain."""
    penalties: dict[CellKey, Department] = {
        (domain, PENALTY): department for domain, department in departments.items() if domain not in _LIST_ONLY
    }
    lists: dict[CellKey, Department] = {
        (domain, SERIOUS_LIST): department for domain, department in departments.items() if domain in _WITH_LIST
    }
    return penalties | lists


def demonstration(
    unit: str,
    telephone: str,
    *,
    covered: bool = True,
    supply_lag_working_days: int = _SUPPLY_LAG_WORKING_DAYS,
    supply_lag_source: str = "default",
    valid_from: date | None = None,
    succeeds: Department | None = None,
) -> Department:
    """A department that bears the name of a real office which nobody has asked: name and telephone are marked （演示）."""
    return Department(
        unit=f"{unit}（演示）",
        telephone=f"（演示）{telephone}",
        complete_from=_COMPLETE_FROM if covered else None,
        supply_lag_working_days=supply_lag_working_days,
        supply_lag_source=supply_lag_source,
        valid_from=valid_from,
        succeeds=succeeds,
    )
