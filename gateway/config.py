"""Settings of a gateway, read once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field

from runtime.member import MemberSettings
from runtime.settings import Settings, TLSSettings


class PeersSettings(Settings):
    """How adapters are asked.

    Attributes:
        tls: Own certificate as a member, and the authority that certifies members.
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


class GatewaySettings(MemberSettings):
    """All of a gateway: what every member's program reads, and how adapters are asked.

    `listen` is where enterprises and operators connect; `tls` trusts the authority that certifies those.
    """

    peers: PeersSettings
