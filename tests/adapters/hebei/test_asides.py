"""Rows that disclose nothing, or not simply: what comes of each kind of them when its subject asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from adapters.hebei.profile import PROFILE
from adapters.hebei.source import SourceSettings
from contract.province import Province
from sandbox.platforms.hebei import aside_row, drop, drop_hebei
from tests.support.asides import WORLD, asides_in, assert_comes_what_must
from tests.support.hebei import opened_patiently
from tests.support.worlds import connections_ended

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.world import Aside


@pytest.mark.parametrize("aside", asides_in(Province.HEBEI))
async def test_of_each_aside_comes_what_must_come(folder: Path, aside: Aside) -> None:
    drop_hebei(WORLD, folder)
    source = await opened_patiently(SourceSettings(drop_folder=folder, look_every_s=3600))

    async def supply() -> None:
        drop(folder, [aside_row(aside)], [], up_to=WORLD.as_of, number=2)

    try:
        await assert_comes_what_must(aside, source, PROFILE, supply)
    finally:
        await source.close()
        await connections_ended()
