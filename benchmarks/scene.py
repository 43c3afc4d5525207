"""The files of a federation that exists for one run: keys and certificates, subjects, directory, settings of the gateway.

Everything that is random is keys and names; the same options give the same work.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, Self

from contract.province import Province
from contract.registry import Registration, RegistryEntry
from contract.uscc import Uscc, check_character
from gateway.federation.directory import Member, directory_json
from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from runtime.identity import MemberPeer, member_host_name
from runtime.settings import TLSSettings
from sandbox.pki import PKI, Authority, issue_enterprise_certificate, make_pki

HOME: Final = Province.BEIJING
"""Whose gateway is measured."""

FORGER: Final = Province.TIANJIN
"""Who forges, when told to."""

_ADAPTER: Final = envelope_pb2.MEMBER_ROLE_ADAPTER
_GATEWAY: Final = envelope_pb2.MEMBER_ROLE_GATEWAY


@dataclass(frozen=True, slots=True)
class Scene:
    """Where everything of a run is.

    Attributes:
        folder: All of it.
        honest: How many subjects are asked about in measured blocks.
        forged: How many further ones have fragments of one province with a bad signature.
    """

    folder: Path
    honest: int
    forged: int

    @classmethod
    def make(cls, folder: Path, *, honest: int, forged: int) -> Self:
        """Makes what does not depend on addresses."""
        now = datetime.now(UTC)
        scene = cls(folder, honest, forged)
        make_pki(folder / "pki", Province, now)
        for entry in scene.entries():
            issue_enterprise_certificate(scene.pki, Uscc(entry.uscc), entry.name, now)
        scene.registry.write_text(
            "".join(f"{entry.model_dump_json()}\n" for entry in scene.entries()), encoding="utf-8"
        )
        return scene

    @property
    def pki(self) -> PKI:
        """Keys and certificates."""
        return PKI(self.folder / "pki")

    @property
    def registry(self) -> Path:
        """All subjects."""
        return self.folder / "registry.jsonl"

    @property
    def database(self) -> Path:
        """The store of the gateway."""
        return self.folder / "gateway.db"

    @property
    def announce(self) -> Path:
        """Where the gateway writes its address."""
        return self.folder / "gateway.json"

    def entries(self) -> list[RegistryEntry]:
        """The subjects: honest ones first."""
        return [_entry(serial) for serial in range(self.honest + self.forged)]

    def codes(self) -> list[Uscc]:
        """Their codes."""
        return [Uscc(entry.uscc) for entry in self.entries()]

    def forged_codes(self) -> list[Uscc]:
        """The codes of those about whom one province forges."""
        return self.codes()[self.honest :]

    def adapter_tls(self, province: Province) -> TLSSettings:
        """An adapter, as a server."""
        return self.pki.member_tls(MemberPeer(province, _ADAPTER))

    def gateway_tls(self, trusting: Authority) -> TLSSettings:
        """The gateway: as a server for enterprises (`CLIENTS`), or towards adapters (`MEMBERS`)."""
        return self.pki.member_tls(MemberPeer(HOME, _GATEWAY), trusting=trusting)

    def signing_key(self, province: Province) -> Path:
        """An adapter's key for statements."""
        return self.pki.signing_key(MemberPeer(province, _ADAPTER))

    def write_settings(self, adapters: dict[Province, str]) -> Path:
        """Writes the member directory and the settings of the gateway. Returns the settings file."""
        members = [
            Member(
                province=province,
                adapter=address,
                adapter_name=adapter_name(province),
                unit=f"{province.name_zh}信用主管部门（演示）",
                telephone="（演示）000-00000",
            )
            for province, address in adapters.items()
        ]
        directory = self.folder / "directory.json"
        directory.write_text(directory_json(members), encoding="utf-8")
        path = self.folder / "gateway.toml"
        seal = self.pki.seal(MemberPeer(HOME, _GATEWAY))
        path.write_text(
            f"""\
province = {json.dumps(HOME.slug)}
mode = "sandbox"
listen = {{ host = "127.0.0.1", port = 0 }}
tls = {_toml(self.gateway_tls(Authority.CLIENTS))}
signing_key = {_quoted(self.pki.signing_key(MemberPeer(HOME, _GATEWAY)))}
trust = {_quoted(self.pki.trust)}
database = {json.dumps(f"sqlite:///{self.database}")}
registry = {_quoted(self.registry)}
announce = {_quoted(self.announce)}

[peers]
tls = {_toml(self.gateway_tls(Authority.MEMBERS))}
directory = {_quoted(directory)}

[members]
tls = {_toml(self.gateway_tls(Authority.MEMBERS))}
listen = {{ host = "127.0.0.1", port = 0 }}

[public]
listen = {{ host = "127.0.0.1", port = 0 }}

[seal]
certificate = {_quoted(seal.certificate)}
private_key = {_quoted(seal.private_key)}
""",
            encoding="utf-8",
        )
        return path


def adapter_name(province: Province) -> str:
    """The name in an adapter's certificate."""
    return member_host_name(MemberPeer(province, _ADAPTER))


def gateway_name() -> str:
    """The name in the gateway's certificate."""
    return member_host_name(MemberPeer(HOME, _GATEWAY))


def _entry(serial: int) -> RegistryEntry:
    body = f"91110105MA{serial:07d}"
    return RegistryEntry(
        uscc=body + check_character(body),
        name=f"北京示例机械{serial:03d}号有限公司",
        kind=common_pb2.SUBJECT_KIND_ENTERPRISE,
        status=common_pb2.REGISTRATION_STATUS_ACTIVE,
        registrations=(Registration(province=HOME, since=date(2010, 1, 4)),),
    )


def _toml(tls: TLSSettings) -> str:
    paths = ", ".join(f"{name} = {_quoted(path)}" for name, path in tls)
    return f"{{ {paths} }}"


def _quoted(path: Path) -> str:
    return json.dumps(str(path))
