"""Settings of an adapter, read once. What only one province's source needs stands under `source`, in that province's own model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Generic, TypeVar

from pydantic import Field

from runtime.member import MemberSettings
from runtime.settings import Settings

S = TypeVar("S", bound=Settings)


class AdapterSettings(MemberSettings, Generic[S]):
    """All of an adapter: what every member's program reads, and how its platform is reached.

    `province` must be the profile's. `listen` is where members' gateways connect; `tls` trusts the authority for members.
    `production` does not start while the issuer's name is not verified.

    Attributes:
        source: How the platform is reached.
        officers: Names of the operators who are data officers (数据提供专员): they may work at the desk. Empty: nobody may.
        follow_every_s: Seconds between two looks at what the platform was supplied with.
        calendar_folder: Calendars of working days newer than the shipped ones (docs/operations.md). None: the shipped ones.
        max_concurrent_calls: As in `MemberSettings`; fewer by default, for platforms are slow.
    """

    source: S
    officers: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")], ...] = ()
    follow_every_s: Annotated[float, Field(gt=0)] = 30.0
    calendar_folder: Path | None = None
    max_concurrent_calls: Annotated[int, Field(ge=1)] = 64
