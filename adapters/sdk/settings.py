"""Settings of an adapter, read once. What only one province's source needs stands under `source`, in that province's own model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import AfterValidator, Field

from contract.province import Province
from runtime.settings import ListenSettings, Settings, TelemetrySettings, TLSSettings

S = TypeVar("S", bound=Settings)


def _known_slug(slug: str) -> str:
    return Province.from_slug(slug).slug


class AdapterSettings(Settings, Generic[S]):
    """All of an adapter.

    Attributes:
        province: Its province's slug; must be the profile's.
        mode: `production` does not start while the issuer's name is not verified.
        listen: Where members' gateways connect.
        tls: Own certificate as a member, and the authority that certifies members.
        signing_key: Its signing key.
        trust: The trust directory.
        database: URL of its own database.
        registry: File of the embedded registry.
        announce: Where to write the bound addresses.
        source: How the platform is reached.
        telemetry: What it tells about itself.
        max_concurrent_calls: More at a time are refused.
    """

    province: Annotated[str, AfterValidator(_known_slug)]
    mode: Literal["production", "sandbox"]
    listen: ListenSettings
    tls: TLSSettings
    signing_key: Path
    trust: Path
    database: Annotated[str, Field(min_length=1)]
    registry: Path
    announce: Path
    source: S
    telemetry: TelemetrySettings = TelemetrySettings()
    max_concurrent_calls: Annotated[int, Field(ge=1)] = 64
