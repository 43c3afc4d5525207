"""The registry file: written from the world, read back strictly."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from contract.province import Province
from contract.uscc import Uscc
from huren.common.v1 import common_pb2
from sandbox.registry_file import RegistryFileError, read_registry, registry_entries, write_registry
from sandbox.world import World, generate

DAY = date(2026, 11, 22)


@pytest.fixture(scope="module")
def world() -> World:
    return generate(seed=5, size=150, day=DAY)


def test_reads_back_what_it_wrote(world: World, tmp_path: Path) -> None:
    path = tmp_path / "registry.jsonl"
    write_registry(world, path)
    assert read_registry(path) == registry_entries(world)
    assert len(path.read_bytes().splitlines()) == 150
    again = tmp_path / "again.jsonl"
    write_registry(world, again)
    assert again.read_bytes() == path.read_bytes()


def test_entries_say_what_the_world_says(world: World) -> None:
    entries = {entry.uscc: entry for entry in registry_entries(world)}
    for enterprise in world.enterprises:
        entry = entries[enterprise.uscc]
        assert (entry.name, entry.kind, entry.status) == (enterprise.name, enterprise.kind, enterprise.status)
        assert (entry.cancelled_on, entry.registration_number) == (
            enterprise.cancelled_on,
            enterprise.registration_number,
        )
        assert entry.home_on(DAY) == enterprise.homes[-1][0]
        assert tuple((name.name, name.valid_to) for name in entry.former_names) == enterprise.former_names


def test_home_changes_on_the_day_of_the_move(world: World) -> None:
    entries = {entry.uscc: entry for entry in registry_entries(world)}
    moved, outside = world.cast["moved"], world.cast["outside"]
    day = moved.homes[1][1]
    assert entries[moved.uscc].home_on(day - timedelta(days=1)) == Province.BEIJING
    assert entries[moved.uscc].home_on(day) == Province.HEBEI
    assert entries[outside.uscc].home_on(DAY) is None


def test_renamed_subject_is_known_by_both_names(world: World) -> None:
    entries = {entry.uscc: entry for entry in registry_entries(world)}
    found = {(identifier.kind, identifier.value) for identifier in entries[world.cast["renamed"].uscc].identifiers()}
    assert (common_pb2.IDENTIFIER_KIND_FORMER_NAME, "天津市示例化工有限公司") in found
    assert (common_pb2.IDENTIFIER_KIND_NAME, "天津示例新材料股份有限公司") in found


GOOD = (
    b'{"uscc":"91350200575017604M","name":"\xe7\xa4\xba\xe4\xbe\x8b","kind":1,"status":1,'
    b'"registrations":[{"province":11,"since":"2012-03-01"}]}\n'
)


def test_reads_a_line(tmp_path: Path) -> None:
    path = tmp_path / "registry.jsonl"
    path.write_bytes(GOOD)
    (entry,) = read_registry(path)
    assert entry.uscc == Uscc("91350200575017604M")


@pytest.mark.parametrize(
    ("file", "message"),
    [
        pytest.param(GOOD + GOOD, "line 2: expected a code that has no line yet", id="a code twice"),
        pytest.param(GOOD[:-1], "line 1: expected a line feed at its end", id="cut off"),
        pytest.param(GOOD + b"\n", "line 2: the line: json_invalid", id="an empty line"),
        pytest.param(GOOD.replace(b'"kind"', b'"kynd"'), "line 1: kind: missing", id="an unknown field"),
        pytest.param(GOOD.replace(b"604M", b"604N"), "line 1: uscc: value_error", id="a wrong check character"),
        pytest.param(GOOD.replace(b'"kind":1', b'"kind":"1"'), "line 1: kind: int_type", id="text for a number"),
        pytest.param(GOOD.replace(b":11,", b":31,"), "line 1: registrations.0.province: enum", id="no member"),
        pytest.param(GOOD.replace(b"03-01", b"02-30"), "line 1: registrations.0.since: date_", id="no such day"),
        pytest.param(GOOD.replace(b"\xe7", b"\xff"), "line 1: the line: json_invalid", id="not UTF-8"),
    ],
)
def test_refuses_by_line_and_repeats_nothing_of_it(file: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "registry.jsonl"
    path.write_bytes(file)
    with pytest.raises(RegistryFileError) as caught:
        read_registry(path)
    assert str(caught.value).startswith(message)
    assert "91350200575017604" not in str(caught.value)
