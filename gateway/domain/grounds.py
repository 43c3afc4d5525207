"""The ground of a request that is another's consent, as the report service needs it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from contract.uscc import Uscc
from huren.authorisation.v1 import authorisation_pb2


class Grants(Protocol):
    """Grants (授权书) that subjects of this home gave."""

    async def terms(self, grant_id: bytes, grantee: Uscc, at: datetime) -> authorisation_pb2.GrantTerms:
        """What a grant allows its grantee.

        Raises:
            HurenError: GRANT_NOT_FOUND for every id that is no grant to this grantee; GRANT_REVOKED; GRANT_EXPIRED. That it is used
                up is told by `use`: a request that is gone on with uses it no more than once.
            StoreUnavailableError: The store cannot be read.
        """

    async def use(self, connection: AsyncConnection, grant_id: bytes, request_id: str, at: datetime) -> int:
        """Counts a request that is opened, in the transaction that opens it, and tells the origins. Gives its ordinal.

        Raises:
            HurenError: GRANT_REVOKED, GRANT_EXPIRED, GRANT_USED_UP.
        """

    async def require_in_force(self, connection: AsyncConnection, grant_id: bytes, at: datetime) -> None:
        """Refuses where nothing may be asked under the grant any more. The answer holds until the transaction ends.

        Raises:
            HurenError: GRANT_REVOKED, GRANT_EXPIRED.
        """

    async def still_in_force(self, grant_id: bytes, at: datetime) -> None:
        """As `require_in_force`, at this moment only.

        Raises:
            HurenError: As there.
        """

    async def tell_origins(self, timeout_s: float) -> None:
        """Hands on what the origins do not know yet, for so long at most. What fails is tried again in the background."""
