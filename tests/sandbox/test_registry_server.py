"""The stand-in of a registry as a program: it serves a file until it is asked to stop."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.support.federation import registry_entry, uscc

ONE = uscc(1)


@asynccontextmanager
async def served(folder: Path, *options: str) -> AsyncIterator[str]:
    file, announced = folder / "registry.jsonl", folder / "announced.json"
    file.write_text(f"{registry_entry(ONE).model_dump_json()}\n", "utf-8")
    command = ["-m", "sandbox.registry_server", "--file", str(file), "--announce", str(announced), *options]
    process = await asyncio.create_subprocess_exec(sys.executable, *command)
    try:
        while not announced.exists():
            assert process.returncode is None, "it ended before it served"
            await asyncio.sleep(0.05)
        yield json.loads(announced.read_text("utf-8"))["url"]
    finally:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


async def test_it_answers_by_its_file(tmp_path: Path) -> None:
    async with served(tmp_path) as url, aiohttp.ClientSession() as session:
        async with session.post(f"{url}/lookup", json={"uscc": ONE}) as response:
            assert (await response.json())["subject"]["name"] == registry_entry(ONE).name
        async with session.post(f"{url}/lookup", json={"uscc": uscc(2)}) as response:
            assert await response.json() == {"subject": None}


async def test_with_a_token_it_answers_whoever_bears_it(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("of-the-test\n")
    async with served(tmp_path, "--token-file", str(token)) as url, aiohttp.ClientSession() as session:
        for bearer, status in (("of-the-test", 200), ("another", 401)):
            headers = {"Authorization": f"Bearer {bearer}"}
            async with session.post(f"{url}/lookup", json={"uscc": ONE}, headers=headers) as response:
                assert response.status == status


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"uscc": 1}', '{"uscc": "91"}', '{"uscc": "91", "more": 1}'])
async def test_a_question_of_another_form_is_refused(tmp_path: Path, body: str) -> None:
    async with (
        served(tmp_path) as url,
        aiohttp.ClientSession() as session,
        session.post(f"{url}/lookup", data=body) as response,
    ):
        assert response.status == 400
