"""Coverage statements of the provinces, verified once and kept.

A fragment names the statement it was made under; it counts only together with that very statement.
"""

from __future__ import annotations

from typing import Final

from contract.admission import AdmissionError, open_coverage
from contract.catalogue import Catalogue
from contract.outcome import InadmissibleReason, VerifiedCoverage
from contract.province import Province
from gateway.federation.peer import Peer
from gateway.store.store import Store
from signing import Verifier

_Key = tuple[Province, bytes, bytes]

_REMEMBERED: Final = 256
"""A province states its coverage anew a few times a year; one that does so with every answer must not fill the memory."""


class Coverages:
    """Finds a coverage statement: in memory, in the store, or at its province."""

    def __init__(self, store: Store, verifier: Verifier) -> None:
        self._store = store
        self._verifier = verifier
        self._known: dict[_Key, VerifiedCoverage] = {}

    async def find(
        self, province: Province, statement_id: bytes, *, catalogue: Catalogue, peer: Peer, timeout_s: float
    ) -> VerifiedCoverage:
        """Returns the statement with that id.

        Raises:
            AdmissionError: What the province gave is not that statement, or may not count.
            PeerError: The province did not give it.
            StoreUnavailableError: The store cannot be read or written.
        """
        key = (province, statement_id, catalogue.digest)
        known = self._known.get(key)
        if known is not None:
            return known
        envelope = await self._store.coverage(statement_id)
        kept = envelope is not None
        if envelope is None:
            envelope = await peer.coverage(statement_id, timeout_s=timeout_s)
        verified = open_coverage(envelope, province=province, catalogue=catalogue, verifier=self._verifier)
        if verified.statement.statement_id != statement_id:
            raise AdmissionError(InadmissibleReason.WRONG_COVERAGE, "the province gave another statement than named")
        if not kept:
            await self._store.keep_coverage(province, statement_id, envelope)
        if len(self._known) >= _REMEMBERED:
            self._known.pop(next(iter(self._known)))
        self._known[key] = verified
        return verified
