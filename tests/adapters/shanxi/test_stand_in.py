from __future__ import annotations

import asyncio
import json
import sys
from datetime import timedelta
from pathlib import Path

from pydantic import HttpUrl

from adapters.shanxi.source import SourceSettings, open_source
from contract.province import Province
from runtime.clock import system_clock
from sandbox.platforms import asides_of
from sandbox.world import generate
from tests.support.worlds import CELLS, TODAY, search_for


async def test_the_program_serves_a_generated_world_until_it_is_told_to_stop(tmp_path: Path) -> None:
    announced = tmp_path / "shanxi.json"
    arguments = ["--seed", "5", "--size", "60", "--day", TODAY.isoformat(), "--dirt", "5", "--announce", str(announced)]
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "sandbox.platforms.shanxi", *arguments)
    try:
        while not announced.exists():
            await asyncio.sleep(0.05)
            assert process.returncode is None
        facts = json.loads(announced.read_text("utf-8"))
        settings = SourceSettings(url=HttpUrl(facts["url"]), app_key=facts["app_key"])
        world = generate(seed=5, size=60, day=TODAY)
        subject = world.cast["found_in_several"]
        source = await open_source(settings)
        try:
            answer = await source.search(search_for(subject, until=system_clock() + timedelta(minutes=1)))
            followed = await source.supplied_since("", 10_000)
        finally:
            await source.close()
    finally:
        process.terminate()

    assert await process.wait() == 0
    assert answer.silent == {}
    assert answer.watermarks.keys() == CELLS
    assert {row.values["CreditCode"] for row in answer.rows} == {subject.uscc}
    assert followed.is_all
    asides = [aside.fact.key for aside in asides_of(world, Province.SHANXI, 5)]
    assert [row.key for row in followed.rows if row.key.startswith("A")] == asides
