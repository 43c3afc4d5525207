from __future__ import annotations

import asyncio

import pytest

from gateway.reports.alone import KeyedLocks


async def test_one_at_a_time_for_a_key_and_all_at_once_for_different_keys() -> None:
    locks = KeyedLocks()
    inside: list[str] = []
    release = asyncio.Event()

    async def work(key: str) -> None:
        async with locks.alone_with(key):
            inside.append(key)
            await release.wait()

    tasks = [asyncio.create_task(work(key)) for key in ("a", "a", "b")]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert sorted(inside) == ["a", "b"]
    release.set()
    await asyncio.gather(*tasks)
    assert sorted(inside) == ["a", "a", "b"]


async def test_keeps_nothing_of_keys_that_nobody_uses() -> None:
    locks = KeyedLocks()
    with pytest.raises(RuntimeError):
        async with locks.alone_with("a"):
            raise RuntimeError
    waiting = asyncio.create_task(_hold(locks))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not locks._held


async def _hold(locks: KeyedLocks) -> None:
    async with locks.alone_with("a"):
        await asyncio.Event().wait()
