"""Rows that disclose nothing, or not simply: what comes of each kind of them when its subject asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from adapters.beijing.profile import PROFILE
from adapters.beijing.source import SourceSettings, open_source
from contract.province import Province
from sandbox.platforms.beijing import load_beijing, supply_beijing
from tests.support.asides import WORLD, asides_in, assert_comes_what_must
from tests.support.worlds import AS_OF, NOW, connections_ended

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.world import Aside


@pytest.mark.parametrize("aside", asides_in(Province.BEIJING))
async def test_of_each_aside_comes_what_must_come(tmp_path: Path, aside: Aside) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'gxpt.sqlite'}"
    await load_beijing(WORLD, url)
    source = await open_source(SourceSettings(database_url=url), now=lambda: NOW)

    async def supply() -> None:
        await supply_beijing(url, aside, AS_OF)

    try:
        await assert_comes_what_must(aside, source, PROFILE, supply)
    finally:
        await source.close()
        await connections_ended()
