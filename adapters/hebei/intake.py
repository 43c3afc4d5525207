"""Looks at the drop folder, and takes in what lies there in its order.

- A drop that is there and cannot be judged is waited for: later ones of its form are not taken in before it.
  So is one that is held.
- Whatever was judged is not read again as long as it is not touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from adapters.hebei.drop import (
    ChangingError,
    Drop,
    Limits,
    Reason,
    Receipt,
    RefusedError,
    Stamp,
    announced_identity,
    checked_name,
    list_drops,
    parse_name,
)
from adapters.hebei.staging import (
    HeldError,
    Progress,
    Taken,
    forget_staged,
    is_judged,
    is_known,
    refuse,
    still_held,
    take_in,
)
from runtime.clock import Clock
from runtime.database import Database
from runtime.errors import StoreUnavailableError

_NOT_YET: Final = Reason("not read yet", "尚未读取")

_Stamps = tuple[Stamp | None, Stamp | None]

_log: Final = structlog.get_logger(__name__)


def _no_progress(_file: str, _done: int, _rows: int) -> None:
    """Nobody watches."""


@dataclass(slots=True)
class Judged:
    """What one look made of the drops that it judged.

    Attributes:
        taken: By file, what became of those that were taken in.
        refused: By file, why others were refused.
    """

    taken: dict[str, Taken] = field(default_factory=dict)
    refused: dict[str, Reason] = field(default_factory=dict)


class Intake:
    """The drop folder."""

    def __init__(self, folder: Path, database: Database, *, limits: Limits, now: Clock) -> None:
        self._folder = folder
        self._database = database
        self._limits = limits
        self._now = now
        self._judged: dict[str, _Stamps] = {}
        self._held: dict[str, tuple[_Stamps, str]] = {}
        """Drops that were held, with their identities, so that they are not read again at each look."""
        self._unread: dict[str, Reason] | None = None

    @property
    def unread(self) -> Mapping[str, Reason] | None:
        """What lies in the folder and was not judged, with the reason, in its order. None: the folder was not listed yet."""
        return None if self._unread is None else dict(self._unread)

    async def look(self, *, progress: Progress = _no_progress) -> Judged:
        """Takes in what lies in the folder at this moment.

        Raises:
            OSError: The folder cannot be read.
            StoreUnavailableError: The store cannot do it now.
        """
        drops = await asyncio.to_thread(list_drops, self._folder)
        self._judged = {file: stamps for file, stamps in self._judged.items() if file in drops}
        self._held = {file: held for file, held in self._held.items() if file in drops}
        told = self._unread or {}
        self._unread = unread = {
            file: told.get(file, _NOT_YET)
            for file, stamps in drops.items()
            if not _is_unchanged(stamps, self._judged.get(file))
        }
        await forget_staged(self._database, drops.keys())
        judged = Judged()
        waited_for: dict[str, str] = {}
        for file in list(unread):
            name = parse_name(file)
            family = "" if name is None else name.family.name
            # What comes later says nothing as long as this one may hold what is missing.
            reason: Reason | None
            if family in waited_for:
                before = waited_for[family]
                reason = Reason(f"{before} is before it", f"在 {before} 之后，等待中")
            else:
                reason = await self._try(file, drops[file], judged, progress)
            if reason is None:
                self._judged[file] = drops[file]
                del unread[file]
                continue
            unread[file] = reason
            if name is not None:
                waited_for.setdefault(family, file)
            if told.get(file) != reason:
                _log.warning("drop not read", file=file, reason=reason.en)
        return judged

    async def _try(self, file: str, stamps: _Stamps, judged: Judged, progress: Progress) -> Reason | None:
        """Judges a drop. Returns why that could not be done: it is as if it had not arrived yet."""
        data, receipt = stamps
        try:
            if receipt is None:
                return Reason("its receipt is missing", "缺回执")
            if data is None:
                identity = await asyncio.to_thread(announced_identity, self._folder, file)
                known = identity is not None and await is_known(self._database, identity)
                return None if known else Reason("its data file is missing", "缺数据文件")
            if file in self._held and self._held[file][0] == stamps:
                waiting = await still_held(self._database, self._held[file][1])
                if waiting is not None:
                    return _held(waiting)
            return await self._judge(file, stamps, judged, progress)
        except (OSError, ChangingError, StoreUnavailableError) as error:
            return Reason(type(error).__name__, f"暂不能读取（{type(error).__name__}）")

    async def _judge(self, file: str, stamps: _Stamps, judged: Judged, progress: Progress) -> Reason | None:
        with await asyncio.to_thread(Drop.open, self._folder, file, self._limits) as drop:
            if await is_judged(self._database, drop):
                return None
            receipt = None
            try:
                receipt = Receipt.parse(drop.receipt)
                taken = await take_in(
                    self._database, drop, checked_name(file), receipt, at=self._now(), progress=progress
                )
            except HeldError as error:
                self._held[file] = (stamps, drop.identity)
                return _held(error.reason)
            except RefusedError as error:
                await refuse(self._database, drop, receipt, reason=error.reason, at=self._now())
                _log.warning("drop refused", file=file, reason=error.reason.en)
                judged.refused[file] = error.reason
                return None
        if taken is not None:
            judged.taken[file] = taken
            _log.info(
                "drop taken in",
                file=file,
                rows=taken.rows,
                new=taken.new,
                changed=taken.changed,
                unchanged=taken.unchanged,
                missing=taken.missing,
                supply_lag_s=round((self._now() - receipt.supplied_up_to).total_seconds()),
            )
        return None


def _held(reason: Reason) -> Reason:
    return Reason(f"held: {reason.en}", f"暂缓：{reason.zh}")


def _is_unchanged(stamps: _Stamps, judged: _Stamps | None) -> bool:
    """Whether what lies there was judged. Of what was judged, one of the two files may be gone."""
    return judged is not None and all(now in (None, before) for now, before in zip(stamps, judged, strict=True))
