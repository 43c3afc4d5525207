"""Settings of an adapter, read once. What only one province's source needs stands under `source`, in that province's own model."""

from __future__ import annotations

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
        max_concurrent_calls: As in `MemberSettings`; fewer by default, for platforms are slow.
    """

    source: S
    max_concurrent_calls: Annotated[int, Field(ge=1)] = 64
