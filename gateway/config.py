"""Settings of a gateway, read once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from contract.province import Province
from runtime.settings import ListenSettings, Settings, TelemetrySettings, TLSSettings


def _known_slug(slug: str) -> str:
    return Province.from_slug(slug).slug


class PeersSettings(Settings):
    """How adapters are asked.

    Attributes:
        tls: Own certificate as a member, and the authorities that certify members.
        directory: The member directory.
        patience_s: How long the answers to one request are awaited.
    """

    tls: TLSSettings
    directory: Path
    patience_s: Annotated[float, Field(gt=0, le=120)] = 20.0

    @property
    def patience(self) -> timedelta:
        """How long the answers to one request are awaited."""
        return timedelta(seconds=self.patience_s)


class GatewaySettings(Settings):
    """All of a gateway.

    Attributes:
        province: Its province's slug.
        mode: `production` seals only what is verified; anywhere else every report is a specimen (样张).
        listen: Where enterprises and operators connect.
        tls: Own certificate as a server, and the authorities that certify enterprises and operators.
        peers: How adapters are asked.
        signing_key: Its signing key.
        trust: The trust directory.
        database: URL of its database.
        registry: File of the embedded registry.
        announce: Where to write the bound addresses.
        telemetry: What it tells about itself.
        max_concurrent_calls: More at a time are refused.
    """

    province: Annotated[str, AfterValidator(_known_slug)]
    mode: Literal["production", "sandbox"]
    listen: ListenSettings
    tls: TLSSettings
    peers: PeersSettings
    signing_key: Path
    trust: Path
    database: Annotated[str, Field(min_length=1)]
    registry: Path
    announce: Path
    telemetry: TelemetrySettings = TelemetrySettings()
    max_concurrent_calls: Annotated[int, Field(ge=1)] = 256

    @property
    def home(self) -> Province:
        """The province that it is the home gateway of."""
        return Province.from_slug(self.province)
