"""Does durable work: takes what is due, hands it to the handler of its kind, a few at a time.

A handler finishes the work or puts it back, in the transaction of its result. What a handler raises is logged, and the work is put
back with a growing pause; kinds that may give up are parked after so many tries, for an operator to look at. When the store cannot
be reached, nothing is taken until it can. Whatever else goes wrong with the store is logged with its trace and ends nothing
either: a gateway whose worker has ended looks well and completes no request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

import structlog

from contract.errors import HurenError
from contract.registry import RegistryUnavailableError
from gateway.store.work import Backlog, Work, WorkKind, WorkQueue
from runtime.clock import Clock
from runtime.errors import StoreUnavailableError

_T = TypeVar("_T")

_log: Final = structlog.get_logger(__name__)

_LOOK_EVERY_S: Final = 1.0
"""What another replica wrote, or a caller put back, is seen this soon; what this process wrote for others to do, at once."""

_TELL_EVERY_S: Final = 10.0

_LONGEST_RUN_S: Final = 600.0
"""A handler that takes longer hangs."""

_STORE_PAUSE_S: Final = 1.0
_FIRST_PAUSE: Final = timedelta(seconds=5)
_LONGEST_PAUSE: Final = timedelta(minutes=10)
_MOST_DOUBLINGS: Final = 20

_EXPECTED: Final = (HurenError, RegistryUnavailableError)
"""What a handler may meet without a fault of ours: told in one line, without a trace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """Does one kind of work.

    Attributes:
        run: Does it.
        give_up_after: Tries after which it is parked. None: the handler itself knows when to end.
    """

    run: Callable[[Work], Awaitable[None]]
    give_up_after: int | None = None


class Worker:
    """Works until it is cancelled. What runs then is cancelled with it, and gone on with by whoever takes it next."""

    def __init__(
        self,
        queue: WorkQueue,
        handlers: Mapping[WorkKind, Handler],
        *,
        clock: Clock,
        at_once: int,
        tell: Callable[[Backlog], None] = lambda _: None,
    ) -> None:
        """Takes what it needs.

        Args:
            queue: Where work is taken from.
            handlers: Who does which kind.
            clock: What time it is.
            at_once: How many pieces at a time.
            tell: Told now and then what waits.
        """
        self._queue = queue
        self._handlers = handlers
        self._clock = clock
        self._free = asyncio.Semaphore(at_once)
        self._tell = tell

    async def run(self) -> None:
        """Works until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_telling())
            while True:
                await self._free.acquire()
                work = await self._take()
                if work is None:
                    self._free.release()
                    await self._queue.wait(_LOOK_EVERY_S)
                    continue
                group.create_task(self._do(work))

    async def _keep_telling(self) -> None:
        while True:
            with suppress(Exception):  # taking work tells that already
                self._tell(await _whole(self._queue.backlog()))
            await asyncio.sleep(_TELL_EVERY_S)

    async def _take(self) -> Work | None:
        try:
            return await _whole(self._queue.take())
        except StoreUnavailableError as error:
            _log.warning("no work taken", reason=str(error))
        except Exception as error:  # noqa: BLE001 - the worker must outlive every fault of ours
            _log.error("no work taken", exc_info=error)
        await asyncio.sleep(_STORE_PAUSE_S)
        return None

    async def _do(self, work: Work) -> None:
        try:
            handler = self._handlers.get(work.kind)
            if handler is None:
                await self._failed(work, f"no handler of {work.kind}", give_up_after=None)
                return
            try:
                async with self._queue.keeping(work), asyncio.timeout(_LONGEST_RUN_S):
                    await handler.run(work)
            except StoreUnavailableError as error:
                _log.warning("work not done", kind=work.kind, reason=str(error))
            except (*_EXPECTED, TimeoutError) as error:
                _log.warning("work not done", kind=work.kind, tries=work.attempts, reason=str(error))
                await self._failed(work, type(error).__name__, give_up_after=handler.give_up_after)
            except Exception as error:  # noqa: BLE001 - a fault of ours in one piece of work must not end the others
                _log.error("work not done", kind=work.kind, tries=work.attempts, exc_info=error)
                await self._failed(work, type(error).__name__, give_up_after=handler.give_up_after)
        finally:
            self._free.release()

    async def _failed(self, work: Work, why: str, *, give_up_after: int | None) -> None:
        pause = min(_FIRST_PAUSE * 2 ** min(work.attempts - 1, _MOST_DOUBLINGS), _LONGEST_PAUSE)
        parked = give_up_after is not None and work.attempts >= give_up_after
        # Where that fails, it is free again when the lease is over.
        try:
            await _whole(self._queue.put_back(work, due=self._clock() + pause, error=why, parked=parked))
        except StoreUnavailableError as error:
            _log.warning("work not put back", kind=work.kind, reason=str(error))
        except Exception as error:  # noqa: BLE001 - as above
            _log.error("work not put back", kind=work.kind, exc_info=error)


async def _whole(step: Coroutine[Any, Any, _T]) -> _T:
    """Lets a short step in the store end before a cancellation takes effect: a transaction is not cut off in the middle."""
    task = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
