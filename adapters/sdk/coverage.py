"""The coverage statement: which cells the province answers for, signed once for each content.

- Its content follows from profile, catalogue, and the number of rows that belong to nobody. The same content signed by the same
  key is the same statement, also after a restart: it is looked up in the ledger before anything is signed.
- The department behind a cell is the one in force on the day of the statement (机构改革).
- A changed profile, department in force, catalogue, number or key makes a new statement; earlier ones can still be fetched by their
  id.
- A catalogue whose cells are not those that the profile has departments for is not served.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from adapters.sdk.ledger import Ledger
from adapters.sdk.profile import Department, Profile
from contract.catalogue import Catalogue, CellKey, wire_key
from contract.days import china_day
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
        unattributable: How many rows belong to nobody, by cell. None: the platform was not followed to its end yet, so that
            nobody knows, and the statement says nothing of it.
        followed_at: When the platform was followed to its end the last time. None: never yet.
    """

    envelope: bytes
    statement_id: StatementId
    payload: coverage_pb2.Coverage
    unattributable: Mapping[CellKey, int] | None
    followed_at: datetime | None = None


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
        async with self._ledger.read() as desk:
            followed_at = (await desk.place()).reached_end_at
            counted = await desk.unattributable() if followed_at is not None else {}
        content = coverage_content(self._profile, catalogue, day=china_day(self._clock()), unattributable=counted)
        digest = hashlib.sha256(self._keyid.encode() + content.SerializeToString(deterministic=True)).digest()
        stated = self._stated.get(digest) or _stated(await self._state(content, digest))
        self._stated = {digest: stated}
        return dataclasses.replace(
            stated, unattributable=None if followed_at is None else counted, followed_at=followed_at
        )

    async def by_id(self, wanted: bytes) -> bytes | None:
        """The envelope of a statement that was ever made here.

        Raises:
            StoreUnavailableError: The database cannot do it now.
        """
        return await self._ledger.statement(wanted, COVERAGE)

    async def _state(self, content: coverage_pb2.Coverage, digest: bytes) -> bytes:
        async with self._ledger.write() as transaction:
            known = await transaction.coverage(digest)
            if known is not None:
                return known
            at = self._clock()
            content.header.CopyFrom(self._signer.new_header(at))
            statement = self._signer.sign(COVERAGE, content)
            await transaction.keep_coverage(digest, statement, at)
        return statement.envelope


def issuer_contact(profile: Profile) -> common_pb2.Contact:
    """The unit that answers for the province's data."""
    return common_pb2.Contact(unit=profile.issuer_unit, telephone=profile.issuer_telephone)


def coverage_content(
    profile: Profile,
    catalogue: Catalogue,
    *,
    day: date | None = None,
    unattributable: Mapping[CellKey, int] | None = None,
) -> coverage_pb2.Coverage:
    """What the statement says, without header: one entry for each cell that the catalogue carries, in its order.

    Args:
        profile: The province's.
        catalogue: The catalogue.
        day: Legal day on which it is stated. None: the last departments that the profile has.
        unattributable: How many rows belong to nobody, by cell.
    """
    counts = unattributable or {}
    departments = profile.departments_on(day or date.max)
    carried = [key for key in catalogue.cells if key in catalogue.carried]
    return coverage_pb2.Coverage(
        catalogue=catalogue.ref,
        cells=[_entry(key, departments[key]) for key in carried],
        issuer=issuer_contact(profile),
        unattributable=[
            coverage_pb2.UnattributableRows(key=wire_key(key), count=counts[key]) for key in carried if counts.get(key)
        ],
    )


def _entry(key: CellKey, department: Department) -> coverage_pb2.CellCoverage:
    covered = department.complete_from is not None
    return coverage_pb2.CellCoverage(
        key=wire_key(key),
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
        unattributable=None,
    )
