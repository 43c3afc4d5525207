"""Programs of enterprises: they come with an access token of the province's identity provider, not with a certificate.

A program gets its token by its own credentials (client credentials); the token is a JWT of RFC 9068 that says whose program it
is. The numbers are those of docs/protocols/identity.md. A token of a person is none of a program.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import structlog

from contract.errors import ErrorCode, HurenError
from gateway.domain.request import Caller
from gateway.identity.provider import IdentityProvider, ProviderUnavailableError
from gateway.identity.sessions import digest
from gateway.identity.tokens import TokenError, check_access_token
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2

_NAME_LENGTH: Final = 32

_log: Final = structlog.get_logger(__name__)


class AccessTokens:
    """Reads the access tokens of programs."""

    def __init__(self, *, provider: IdentityProvider, audience: str, levels: Mapping[str, str]) -> None:
        """Takes what it needs.

        Args:
            provider: Who issues them.
            audience: What they have to be made out for; empty: none is taken.
            levels: How surely an enterprise is known, by `acr`.
        """
        self._provider = provider
        self._audience = audience
        self._levels = levels

    async def caller_of(self, token: str) -> Caller:
        """On whose behalf a program asks (I-52 … I-59).

        Raises:
            HurenError: LOGIN_NEEDED: the token is not believed; LEVEL_TOO_LOW; LOGIN_UNAVAILABLE: it cannot be checked.
        """
        if not self._audience:
            raise HurenError(ErrorCode.LOGIN_NEEDED)
        try:
            header, claims, expected = await self._provider.verified(token, self._audience)
            program = check_access_token(header, claims, expected, levels=self._levels)
        except TokenError as error:
            _log.info("access token refused", rule=error.fault.value)
            raise HurenError(ErrorCode.LOGIN_NEEDED) from None
        except ProviderUnavailableError as error:
            raise HurenError(ErrorCode.LOGIN_UNAVAILABLE) from error
        if program.level != query_pb2.IDENTITY_LEVEL_HIGH:
            raise HurenError(ErrorCode.LEVEL_TOO_LOW)
        name = digest(self._provider.issuer, program.client_id).hex()[:_NAME_LENGTH]
        return Caller(
            reference=f"enterprise:{program.enterprise}",
            uscc=program.enterprise,
            identity_level=program.level,
            actor=f"program:{name}",
            channel=common_pb2.CHANNEL_API,
        )
