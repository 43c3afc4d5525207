"""Values of the desk: what is wrong with a row, what an officer decided, and an item as an officer sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from adapters.sdk.source import RowKey
from contract.catalogue import CellKey
from huren.desk.v1 import desk_service_pb2

ItemKind: TypeAlias = desk_service_pb2.ItemKind.ValueType
ItemState: TypeAlias = desk_service_pb2.ItemState.ValueType


class Action(StrEnum):
    """What happened to an item. Stable codes."""

    OPENED = "opened"
    CHANGED = "changed"  # the row came again, and is still of no use
    RETURNED = "returned"
    CORRECTED = "corrected"
    ASSIGNED = "assigned"
    WITHDRAWN = "withdrawn"
    STILL_IN_FORCE = "still_in_force"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    CLOSED = "closed"  # what was wrong is not wrong any more


@dataclass(frozen=True, slots=True)
class KeptRow:
    """What the desk keeps of a row.

    Attributes:
        columns: Column to value as the source gave it: those that the row's form reads, and the time of receipt. What else a source
            hands over may be personal.
        digest: The whole row's state (`rows.row_digest`): what an officer who looks at it decides about.
    """

    columns: Mapping[str, str | None]
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """Why a row cannot be used as it is.

    Attributes:
        kind: Of which kind the item for it is.
        where: The row.
        field: What cannot be used: a column, or a field of the contract.
        problem: Why; holds no value of the row.
        fault: Why, as a stable code.
        blocks: Cells about which nothing may be concluded.
        row: The row. None: only its key is known.
        supplier: Who supplied it, as far as it says.
    """

    kind: ItemKind
    where: RowKey
    field: str
    problem: str
    fault: str
    blocks: frozenset[CellKey]
    row: KeptRow | None = None
    supplier: str = ""


@dataclass(frozen=True, slots=True)
class Correction:
    """Columns that an officer corrected, for one state of a row.

    Attributes:
        row_digest: That state (`rows.row_digest`). The source's next word on the row ends the correction.
        values: Column to value.
    """

    row_digest: bytes
    values: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whose a row is, by an officer's finding, as long as the row says the same about whose it is.

    Attributes:
        identity_digest: What the row said (`matching.identity_digest`).
        uscc: The subject. Empty: nobody that could be named; the row is still one that belongs to nobody.
    """

    identity_digest: bytes
    uscc: str


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What officers decided about some rows."""

    corrections: Mapping[RowKey, Correction] = field(default_factory=dict)
    rulings: Mapping[RowKey, Ruling] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An item as it stands. As `huren.desk.v1.Item`, without deadlines.

    Attributes:
        row: Column to value, as `KeptRow.columns`.
        row_digest: The state of the row that is shown. Empty: only its key is known.
    """

    number: int
    kind: ItemKind
    state: ItemState
    opened_at: datetime
    where: RowKey
    field: str
    problem: str
    fault: str
    supplier: str
    cells: tuple[CellKey, ...]
    row: Mapping[str, str | None]
    row_digest: bytes
    held_up: tuple[str, ...]
    holding_up_since: datetime | None
    version: int
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemEvent:
    """What happened to an item."""

    at: datetime
    officer: str
    action: str
    note: str
    detail: str
