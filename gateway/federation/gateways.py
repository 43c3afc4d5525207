"""The other members' gateways, as this one calls them: a channel to each, opened when it is first needed.

Addresses come from the member directory as it is now, so a gateway that moved is found.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Protocol, Self

import grpc

from contract.province import Province
from gateway.federation.directory import LiveDirectory
from huren.envelope.v1 import envelope_pb2
from runtime.grpc_channel import open_channel
from runtime.identity import MemberPeer, member_host_name
from runtime.settings import TLSSettings


class GatewayUnknownError(Exception):
    """The member directory has no address of the province's gateway."""


class Gateways(Protocol):
    """Ways to the other members' gateways."""

    async def channel(self, province: Province) -> grpc.aio.Channel:
        """A channel to the province's gateway, at its door for members. It belongs to this object.

        Raises:
            GatewayUnknownError: Nobody knows where it is.
        """


class GrpcGateways:
    """Channels by the member directory. Use as an asynchronous context manager: it closes them."""

    def __init__(self, directory: LiveDirectory, tls: TLSSettings) -> None:
        """Takes what it needs.

        Args:
            directory: Where members are.
            tls: Own certificate as a member, and the authority that certifies members.
        """
        self._directory = directory
        self._tls = tls
        self._open: dict[Province, tuple[str, grpc.aio.Channel]] = {}
        self._stack = AsyncExitStack()

    async def channel(self, province: Province) -> grpc.aio.Channel:
        """As `Gateways.channel`."""
        member = self._directory.members.get(province)
        if member is None or not member.gateway_members:
            raise GatewayUnknownError(f"no address of the gateway of {province.slug}")
        known = self._open.get(province)
        if known is not None and known[0] == member.gateway_members:
            return known[1]
        # A channel to an address that is not its any more is closed with the others: calls may still run on it.
        name = member_host_name(MemberPeer(province, envelope_pb2.MEMBER_ROLE_GATEWAY))
        channel = await self._stack.enter_async_context(
            open_channel(member.gateway_members, self._tls, server_name=name)
        )
        self._open[province] = (member.gateway_members, channel)
        return channel

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
