"""Who is at the other end of a mutual TLS connection.

A certificate names its holder by one URI in its subject alternative names:

    urn:huren:member:<two digits>:adapter|gateway    a member in one of its functions
    urn:huren:enterprise:<code>                      a subject (统一社会信用代码)
    urn:huren:operator:<slug>                        who runs a member's machines

- Read strictly: one spelling for each identity. Two `urn:huren:` names in one certificate are no identity, rather than a choice.
- Only the URI counts, never the subject's common name, which certificate authorities fill as they like.
- An identity is as good as the authority that certified it. A server that trusts the authority for enterprises must not
  believe it about members: servers for enterprises and servers for members have different trusted roots.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from contract.province import Province
from contract.uscc import Uscc, UsccError, parse_uscc
from huren.envelope.v1 import envelope_pb2

_PREFIX: Final = "urn:huren:"
_MEMBER: Final = re.compile(r"urn:huren:member:([0-9]{2}):(adapter|gateway)", re.ASCII)
_ENTERPRISE: Final = re.compile(r"urn:huren:enterprise:([0-9A-Z]{18})", re.ASCII)
_OPERATOR: Final = re.compile(r"urn:huren:operator:([a-z][a-z0-9-]{0,31})", re.ASCII)

ROLE_SLUGS: Final[Mapping[envelope_pb2.MemberRole.ValueType, str]] = {
    envelope_pb2.MEMBER_ROLE_ADAPTER: "adapter",
    envelope_pb2.MEMBER_ROLE_GATEWAY: "gateway",
}
"""How a role is written in URIs, host names and folder names."""

_ROLES: Final = {slug: role for role, slug in ROLE_SLUGS.items()}

_URI_PROPERTY: Final = "peer_uri"
"""gRPC's name for the URIs, and only them, among the subject alternative names."""


@dataclass(frozen=True, slots=True)
class MemberPeer:
    """A member of the federation.

    Attributes:
        province: Which.
        role: In which of its functions.
    """

    province: Province
    role: envelope_pb2.MemberRole.ValueType

    @property
    def uri(self) -> str:
        """The name in its certificate."""
        return f"{_PREFIX}member:{self.province:02d}:{ROLE_SLUGS[self.role]}"


@dataclass(frozen=True, slots=True)
class EnterprisePeer:
    """A subject, or whoever holds its certificate.

    Attributes:
        uscc: Its unified social credit code.
    """

    uscc: Uscc

    @property
    def uri(self) -> str:
        """The name in its certificate."""
        return f"{_PREFIX}enterprise:{self.uscc}"


@dataclass(frozen=True, slots=True)
class OperatorPeer:
    """A person or a tool that runs a member's machines.

    Attributes:
        name: Lower-case letters, digits and hyphens, at most 32, a letter first.
    """

    name: str

    @property
    def uri(self) -> str:
        """The name in its certificate."""
        return f"{_PREFIX}operator:{self.name}"


PeerIdentity: TypeAlias = MemberPeer | EnterprisePeer | OperatorPeer


def identity_from_uri(uri: str) -> PeerIdentity:
    """Reads a name in its one accepted spelling.

    >>> identity_from_uri("urn:huren:operator:ops-1")
    OperatorPeer(name='ops-1')

    Raises:
        ValueError: Anything else.
    """
    if match := _MEMBER.fullmatch(uri):
        return MemberPeer(Province(int(match[1])), _ROLES[match[2]])
    if match := _ENTERPRISE.fullmatch(uri):
        try:
            return EnterprisePeer(parse_uscc(match[1]))
        except UsccError as error:
            raise ValueError(
                f"a unified social credit code expected, got another text ({error.fault.value})"
            ) from error
    if match := _OPERATOR.fullmatch(uri):
        return OperatorPeer(match[1])
    raise ValueError("the URI of a member, an enterprise or an operator expected, got another text")


def peer_identity(auth_context: Mapping[str, Iterable[bytes]]) -> PeerIdentity | None:
    """Reads the peer's identity from `context.auth_context()` of grpc.aio.

    Returns:
        None when the certificate has no `urn:huren:` name, more than one, or one that is not well formed.
    """
    uris = (raw.decode("utf-8", "replace") for raw in auth_context.get(_URI_PROPERTY, ()))
    # Scheme and namespace of a URN have no case (RFC 8141): another case is ours too, and then not well formed.
    ours = [uri for uri in uris if uri.lower().startswith(_PREFIX)]
    if len(ours) != 1:
        return None
    try:
        return identity_from_uri(ours[0])
    except ValueError:
        return None


def member_host_name(member: MemberPeer) -> str:
    """The host name in a member's certificate, which a caller checks, wherever the member may be reached.

    >>> member_host_name(MemberPeer(Province(14), envelope_pb2.MEMBER_ROLE_ADAPTER))
    'adapter.14.huren.internal'
    """
    return f"{ROLE_SLUGS[member.role]}.{member.province:02d}.huren.internal"
