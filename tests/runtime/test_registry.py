"""The embedded registry, on both databases."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from contract.province import Province
from contract.registry import FormerName, Registration, RegistryEntry, RegistryUnavailableError
from contract.uscc import Uscc
from runtime import registry
from runtime.database import Database, open_database
from runtime.errors import StoreUnavailableError
from runtime.registry import RegistryFileError, TableRegistry
from tests.support.federation import registry_entry, uscc

ONE, TWO, THREE = uscc(1), uscc(2), uscc(3)


def entry(code: Uscc, **changes: Any) -> RegistryEntry:
    return registry_entry(code).model_copy(update=changes)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "registry.jsonl"


def write(file: Path, lines: Iterable[RegistryEntry | str]) -> Path:
    texts = (line if isinstance(line, str) else line.model_dump_json() for line in lines)
    file.write_text("".join(f"{text}\n" for text in texts), "utf-8")
    return file


def digest_of(file: Path) -> bytes:
    return hashlib.sha256(file.read_bytes()).digest()


async def rows(database: Database, table: Any = registry._subjects) -> int:
    async with database.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def test_what_is_loaded_is_found_as_it_was_written(database: Database, file: Path) -> None:
    moved = entry(
        TWO,
        name="示例搬迁有限公司",
        registrations=(
            Registration(province=Province.TIANJIN, since=date(2012, 1, 4)),
            Registration(province=None, since=date(2020, 6, 1)),
        ),
    )
    known = TableRegistry(database)
    await known.load(write(file, [entry(ONE), moved]))
    assert await known.lookup(ONE) == entry(ONE)
    assert await known.lookup(TWO) == moved
    assert await known.lookup(THREE) is None


async def test_loading_the_same_file_again_touches_nothing(
    database: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = TableRegistry(database)
    await known.load(write(file, [entry(ONE), entry(TWO)]))

    def read_again(_: bytes) -> Any:
        raise AssertionError("the file was read again")

    monkeypatch.setattr(registry, "_entries", read_again)
    await known.load(file)
    assert (await rows(database), await rows(database, registry._loaded)) == (2, 1)


async def test_another_file_replaces_all_of_it(database: Database, file: Path) -> None:
    known = TableRegistry(database)
    await known.load(write(file, [entry(ONE), entry(TWO)]))
    await known.load(write(file, [entry(TWO, name="示例改名有限公司"), entry(THREE)]))
    assert await known.lookup(ONE) is None
    found = await known.lookup(TWO)
    assert found is not None
    assert found.name == "示例改名有限公司"
    assert (await rows(database), await rows(database, registry._loaded)) == (2, 1)


async def test_a_code_is_found_however_the_file_spells_it(database: Database, file: Path) -> None:
    known = TableRegistry(database)
    await known.load(write(file, [changed(uscc=THREE.lower())]))
    assert await known.lookup(THREE) == entry(THREE)


async def test_a_name_is_known_in_every_notation_present_or_former(database: Database, file: Path) -> None:
    renamed = entry(
        TWO,
        name="示例（北京）ＡＢ有限公司",
        former_names=(FormerName(name="示例机械厂", valid_to=date(2020, 1, 1)),),
    )
    known = TableRegistry(database)
    await known.load(write(file, [entry(ONE, name="示例机械厂"), renamed]))
    spellings = (
        "示例（北京）ＡＢ有限公司",
        "示例〔北京〕ab有限公司",
        " 示例(北京)Ab 有限公司",
        "示例机械厂",
        "示例\x00机械厂",
    )
    assert [name for name in spellings if not await known.knows_name(name)] == []
    assert [name for name in ("示例机械", "示例北京AB有限公司", "", " ", "示例%") if await known.knows_name(name)] == []


async def test_names_are_replaced_with_their_subjects(database: Database, file: Path) -> None:
    known = TableRegistry(database)
    await known.load(write(file, [entry(ONE, name="示例旧有限公司")]))
    await known.load(write(file, [entry(ONE, name="示例新有限公司")]))
    assert (await known.knows_name("示例旧有限公司"), await known.knows_name("示例新有限公司")) == (False, True)
    with pytest.raises(RegistryFileError):
        await known.load(write(file, [entry(ONE, name="示例坏有限公司"), "{"]))
    assert await known.knows_name("示例新有限公司")
    assert not await known.knows_name("示例坏有限公司")


async def test_tables_of_an_earlier_release_are_loaded_anew(database: Database, file: Path) -> None:
    """An earlier release kept the digest of the file alone, and no names."""
    known = TableRegistry(database)
    await known.load(write(file, [entry(ONE)]))
    async with database.write() as connection:
        await connection.execute(registry._names.delete())
        await connection.execute(registry._loaded.update().values(digest=digest_of(file)))
    assert not await known.knows_name(entry(ONE).name)
    await known.load(file)
    assert await known.knows_name(entry(ONE).name)


async def test_an_empty_file_knows_nobody(database: Database, file: Path) -> None:
    known = TableRegistry(database)
    await known.load(write(file, [entry(ONE)]))
    await known.load(write(file, []))
    assert await known.lookup(ONE) is None


async def test_more_than_one_batch_is_loaded(database: Database, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_BATCH", 2)
    await TableRegistry(database).load(write(file, (entry(uscc(serial)) for serial in range(5))))
    assert await rows(database) == 5


async def test_replicas_that_start_together_load_it_once(database: Database, database_url: str, file: Path) -> None:
    write(file, (entry(uscc(serial)) for serial in range(50)))
    async with open_database(database_url, patience=timedelta(seconds=30)) as other, asyncio.TaskGroup() as group:
        for opened in (database, other):
            group.create_task(TableRegistry(opened).load(file))
    assert (await rows(database), await rows(database, registry._loaded)) == (50, 1)


def changed(**values: Any) -> str:
    return json.dumps({**json.loads(entry(THREE).model_dump_json()), **values})


@pytest.mark.parametrize(
    ("line", "told"),
    [
        pytest.param("", "line 2: ", id="empty"),
        pytest.param("{", "line 2: ", id="no-json"),
        pytest.param("[]", "line 2: ", id="no-object"),
        pytest.param(changed(surprise=1), "line 2: surprise: ", id="unknown-key"),
        pytest.param(changed(name=None), "line 2: name: ", id="no-name"),
        pytest.param(changed(kind="1"), "line 2: kind: ", id="text-for-a-number"),
        pytest.param(changed(registrations=[]), "line 2: registrations: ", id="registered-nowhere"),
        pytest.param(changed(uscc=f"{THREE[:-1]}{'0' if THREE[-1] != '0' else '1'}"), "line 2: uscc: ", id="check"),
        pytest.param(changed(uscc=ONE), "a code stands twice", id="twice"),
    ],
)
async def test_a_broken_line_is_named_and_leaves_the_old_table(
    database: Database, file: Path, line: str, told: str
) -> None:
    known = TableRegistry(database)
    await known.load(write(file, [entry(TWO)]))
    with pytest.raises(RegistryFileError) as caught:
        await known.load(write(file, [entry(ONE), line]))
    assert str(caught.value).startswith(told)
    assert THREE not in str(caught.value)
    assert await known.lookup(TWO) == entry(TWO)
    assert await known.lookup(ONE) is None
    # The broken file is not remembered as loaded: mended, it is read.
    await known.load(write(file, [entry(ONE)]))
    assert await known.lookup(ONE) == entry(ONE)


async def test_a_file_that_is_not_there_is_told_as_such(database: Database, file: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await TableRegistry(database).load(file)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_database_that_is_not_there_is_never_taken_for_an_unknown_subject(
    kind: str, tmp_path: Path, file: Path
) -> None:
    url = f"sqlite:///{tmp_path}/nowhere/store.db" if kind == "sqlite" else "postgresql://huren@127.0.0.1:1/nothing"
    async with open_database(url, patience=timedelta(seconds=1)) as database:
        with pytest.raises(RegistryUnavailableError):
            await TableRegistry(database).lookup(ONE)
        with pytest.raises(RegistryUnavailableError):
            await TableRegistry(database).knows_name("示例机械厂")
        with pytest.raises(StoreUnavailableError):
            await TableRegistry(database).load(write(file, [entry(ONE)]))
    # As in test_database.py: the thread of a connection that failed tells the loop of its end.
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            thread.join()
