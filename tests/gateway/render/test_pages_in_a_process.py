"""Pages made in a process of their own: the same bytes, within bounds."""

from __future__ import annotations

import asyncio
import contextlib
import os
from datetime import timedelta
from pathlib import Path

import pytest

from contract.document import document
from gateway.render.pages import ReportPages
from gateway.render.typesetter import PagesError
from tests.support import reports
from tests.support.pages import pages, printed


async def _made(by: ReportPages, name: str) -> bytes:
    checked = reports.example(name)
    return await by.report(document(checked), statement=checked.statement.envelope, printed=printed(checked))


@pytest.mark.parametrize("name", ["found", "markup", "rare"])
async def test_another_process_makes_the_same_bytes(name: str) -> None:
    assert await _made(ReportPages(), name) == pages(name)


async def test_more_are_asked_for_than_may_be_made_at_once() -> None:
    by = ReportPages(at_once=1)
    assert await asyncio.gather(*(_made(by, "clear") for _ in range(3))) == [pages("clear")] * 3


async def test_what_takes_too_long_is_stopped_and_named() -> None:
    with pytest.raises(PagesError, match="not done after"):
        await _made(ReportPages(max_time=timedelta(microseconds=1)), "clear")


async def test_what_takes_too_much_memory_is_stopped_and_named() -> None:
    with pytest.raises(PagesError, match="ended with"):
        await _made(ReportPages(max_memory_bytes=64 * 1024**2), "clear")


async def test_a_document_of_another_form_is_named_from_there_too() -> None:
    checked = reports.example("clear")
    with pytest.raises(PagesError, match="front"):
        await ReportPages().report(
            {**document(checked), "front": None}, statement=checked.statement.envelope, printed=printed(checked)
        )


async def test_who_gives_up_waiting_leaves_no_process_behind() -> None:
    by = ReportPages(at_once=1)
    waiting = asyncio.ensure_future(_made(by, "many"))
    async with asyncio.timeout(60):
        while not _children():  # noqa: ASYNC110  nothing tells when a process has started
            await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert _children() == []
    assert await _made(by, "clear") == pages("clear")


def _children() -> list[str]:
    """What this process has started for pages and not yet ended."""
    mine = f"PPid:\t{os.getpid()}\n"
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            if mine in (process / "status").read_text("utf-8"):
                found.append((process / "cmdline").read_text("utf-8"))
    return [command for command in found if "gateway.render.pages" in command]
