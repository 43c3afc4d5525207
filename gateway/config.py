"""Settings of a gateway, read once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from runtime.member import MemberSettings
from runtime.settings import ListenSettings, Settings, TLSSettings


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


class MembersDoorSettings(Settings):
    """Where other members call: gateways and adapters of the federation.

    Attributes:
        listen: Where.
        tls: Own certificate as a server, and the authority that certifies members.
    """

    listen: ListenSettings
    tls: TLSSettings


class PublicSettings(Settings):
    """Where everybody may verify a report, without a certificate.

    Attributes:
        listen: Where. Plain HTTP: a proxy in front of it ends TLS for people.
        url: How people reach it: base of the links in QR codes, without a slash at the end. Empty: as it listens.
        trusted_proxies: How many proxies in front add to X-Forwarded-For; 0: the connection's address is the caller's.
    """

    listen: ListenSettings
    url: Annotated[str, Field(pattern=r"^(https?://[^/]+)?$")] = ""
    trusted_proxies: Annotated[int, Field(ge=0, le=8)] = 0


class SealSettings(Settings):
    """What PDFs are sealed with.

    Attributes:
        certificate: The home's seal certificate, followed by its intermediates, PEM.
        private_key: Its key, PEM.
    """

    certificate: Path
    private_key: Path


class CompletionSettings(Settings):
    """How an open request is gone on with.

    Attributes:
        hours: For how long after it was accepted. Source: system default, not confirmed.
        first_pause_s: Before the second try; each further one is twice as long, with jitter.
        longest_pause_s: Never longer than this.
        at_once: How many requests at a time.
        lease_s: A replica that gives no sign of life for so long has lost its work to the others. Replicas' clocks may differ by
            much less.
    """

    hours: Annotated[float, Field(gt=0, le=24 * 60)] = 72
    first_pause_s: Annotated[float, Field(gt=0)] = 5
    longest_pause_s: Annotated[float, Field(gt=0)] = 300
    at_once: Annotated[int, Field(ge=1, le=256)] = 8
    lease_s: Annotated[float, Field(ge=1, le=600)] = 10


class MessagesSettings(Settings):
    """The province's message platform, which tells enterprises that something happened.

    Attributes:
        url: Where notices are posted, as JSON.
    """

    url: Annotated[str, Field(pattern=r"^https?://")]


class IdentitySettings(Settings):
    """统一身份认证: the province's identity provider (OpenID Connect).

    Attributes:
        issuer: Its issuer identifier; `/.well-known/openid-configuration` beneath it is read.
        client_id: As which client this gateway is known there.
        client_secret: File with the client's secret.
        audience: What access tokens of programs are made out for; empty: no program may log in.
        levels: How surely a person is known, by the `acr` that the provider tells. What is not listed counts as a password.
        session_hours: After so long a session ends, whatever happens. Source: OWASP ASVS 3.3.2, level 2.
        idle_minutes: After so long without a request it ends.
    """

    issuer: Annotated[str, Field(pattern=r"^https?://")]
    client_id: Annotated[str, Field(min_length=1, max_length=128)]
    client_secret: Path
    audience: Annotated[str, Field(max_length=200)] = ""
    levels: dict[str, Literal["basic", "substantial", "high"]] = Field(default_factory=dict)
    session_hours: Annotated[float, Field(gt=0, le=12)] = 12
    idle_minutes: Annotated[float, Field(gt=0, le=60)] = 30


_SiteFact = Annotated[str, Field(max_length=200)]


class PortalSettings(Settings):
    """What the pages for people say of the site (网站标识). What is empty is not shown.

    Attributes:
        organiser: 主办单位. Empty: the unit of the member directory.
        operator: 承办单位.
        site_code: 网站标识码.
        icp: ICP 备案号.
        police: 公安备案号.
        own_report_url: Where the province's own edition of the report is had. Empty: it is named without a link.
        announcements: File with what is announced (gateway/portal/announcements.py). None: nothing is.
    """

    organiser: _SiteFact = ""
    operator: _SiteFact = ""
    site_code: _SiteFact = ""
    icp: _SiteFact = ""
    police: _SiteFact = ""
    own_report_url: Annotated[str, Field(pattern=r"^(https?://[^\s]+)?$", max_length=400)] = ""
    announcements: Path | None = None


class GatewaySettings(MemberSettings):
    """All of a gateway: what every member's program reads, and how adapters are asked.

    `listen` is where enterprises, officers and operators connect; `tls` trusts the authority that certifies those.

    Attributes:
        peers: How adapters are asked.
        members: Where other members call.
        public: Where everybody may verify.
        seal: What PDFs are sealed with.
        completion: How an open request is gone on with.
        messages: Where notices are handed on. None: enterprises read them here only.
        identity: Who people are. None: nobody logs in, and only certificates are served.
        portal: What the pages say of the site.
        calendar_folder: Calendars of working days newer than the shipped ones (docs/operations.md). None: the shipped ones.
        officers: Names of the operators who are officers of the home (certificate `urn:huren:operator:<name>`).
    """

    peers: PeersSettings
    members: MembersDoorSettings
    public: PublicSettings
    seal: SealSettings
    completion: CompletionSettings = CompletionSettings()
    messages: MessagesSettings | None = None
    identity: IdentitySettings | None = None
    portal: PortalSettings = PortalSettings()
    calendar_folder: Path | None = None
    officers: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")], ...] = ()
