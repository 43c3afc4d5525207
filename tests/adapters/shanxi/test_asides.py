"""Rows that disclose nothing, or not simply: what comes of each kind of them when its subject asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from adapters.shanxi.profile import PROFILE
from contract.province import Province
from sandbox.platforms import shanxi
from tests.support.asides import WORLD, asides_in, assert_comes_what_must

if TYPE_CHECKING:
    from sandbox.world import Aside
    from tests.adapters.shanxi.conftest import Open


@pytest.mark.parametrize("aside", asides_in(Province.SHANXI))
async def test_of_each_aside_comes_what_must_come(open_bench: Open, aside: Aside) -> None:
    async with open_bench(WORLD) as bench:

        async def supply() -> None:
            bench.book.put("CF", shanxi.aside_row(aside))

        await assert_comes_what_must(aside, bench.source, PROFILE, supply)
