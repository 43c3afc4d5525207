"""The coverage statement: which cells the province answers for, signed once for each content.

- Its content follows from profile and catalogue alone. The same content signed by the same key is the same statement, also after a
  restart: it is looked up in the ledger before anything is signed.
- A changed profile, catalogue or key makes a new statement; earlier ones can still be fetched by their id.
- A catalogue whose cells are not those that the profile has departments for is not served.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from adapters.sdk.ledger import Ledger
from adapters.sdk.profile import Department, Profile
from contract.catalogue import Catalogue, CellKey
from contract.payloads import COVERAGE
from huren.common.v1 import common_pb2
from huren.fragment.v1 import coverage_pb2
from runtime.clock import Clock
from signing import KeyId, Signer, StatementId, decode_envelope, statement_id


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedCoverage:
    """A coverage statement that was made here.

    Attributes:
        envelope: As it is handed out.
        statement_id: Its id, which fragments name.
        payload: What it says.
    """

    envelope: bytes
    statement_id: StatementId
    payload: coverage_pb2.Coverage


class CoverageDesk:
    """Makes and remembers coverage statements."""

    def __init__(self, profile: Profile, *, ledger: Ledger, signer: Signer, keyid: KeyId, clock: Clock) -> None:
        self._profile = profile
        self._ledger = ledger
        self._signer = signer
        self._keyid = keyid
        self._clock = clock
        self._stated: dict[bytes, StatedCoverage] = {}

    def serves(self, catalogue: Catalogue) -> bool:
        """Whether the profile has a department behind exactly the cells that the catalogue carries."""
        return catalogue.carried.keys() == self._profile.departments.keys()

    async def in_force(self, catalogue: Catalogue) -> StatedCoverage:
        """The statement for a catalogue that is served.

        Raises:
            LedgerConflictError: Another process states the same at this moment.
            StoreUnavailableError: The database cannot do it now.
        """
        stated = self._stated.get(catalogue.digest)
        if stated is None:
            stated = self._stated[catalogue.digest] = await self._state(catalogue)
        return stated

    async def by_id(self, wanted: bytes) -> bytes | None:
        """The envelope of a statement that was ever made here.

        Raises:
            StoreUnavailableError: The database cannot do it now.
        """
        return await self._ledger.statement(wanted, COVERAGE)

    async def _state(self, catalogue: Catalogue) -> StatedCoverage:
        content = coverage_content(self._profile, catalogue)
        digest = hashlib.sha256(self._keyid.encode() + content.SerializeToString(deterministic=True)).digest()
        async with self._ledger.write() as transaction:
            known = await transaction.coverage(digest)
            if known is not None:
                return _stated(known)
            at = self._clock()
            content.header.CopyFrom(self._signer.new_header(at))
            statement = self._signer.sign(COVERAGE, content)
            await transaction.keep_coverage(digest, statement, at)
        return _stated(statement.envelope)


def issuer_contact(profile: Profile) -> common_pb2.Contact:
    """The unit that answers for the province's data."""
    return common_pb2.Contact(unit=profile.issuer_unit, telephone=profile.issuer_telephone)


def coverage_content(profile: Profile, catalogue: Catalogue) -> coverage_pb2.Coverage:
    """What the statement says, without header: one entry for each cell that the catalogue carries, in its order."""
    return coverage_pb2.Coverage(
        catalogue=catalogue.ref,
        cells=[_entry(key, profile.departments[key]) for key in catalogue.cells if key in catalogue.carried],
        issuer=issuer_contact(profile),
    )


def _entry(key: CellKey, department: Department) -> coverage_pb2.CellCoverage:
    domain, kind = key
    covered = department.complete_from is not None
    return coverage_pb2.CellCoverage(
        key=common_pb2.CellKey(domain=domain, kind=common_pb2.RecordKind.ValueType(kind)),
        covered=covered,
        complete_from=department.complete_from.isoformat() if department.complete_from else "",
        department=common_pb2.Contact(unit=department.unit, telephone=department.telephone),
        supply_lag_working_days=department.supply_lag_working_days if covered else 0,
        supply_lag_source=department.supply_lag_source if covered else "",
    )


def _stated(envelope: bytes) -> StatedCoverage:
    decoded = decode_envelope(envelope)
    return StatedCoverage(
        envelope=envelope,
        statement_id=statement_id(decoded.payload_type, decoded.payload),
        payload=coverage_pb2.Coverage.FromString(decoded.payload),
    )
