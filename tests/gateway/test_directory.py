from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contract.province import Province
from gateway.federation.directory import DirectoryError, Member, directory_json, read_directory

MEMBER = Member(
    province=Province.HEBEI,
    adapter="adapter.example:443",
    adapter_name="adapter.13.huren.internal",
    unit="河北省信用主管部门（演示）",
)


def test_reads_what_it_writes(tmp_path: Path) -> None:
    path = tmp_path / "members.json"
    path.write_text(directory_json([MEMBER]), "utf-8")
    assert read_directory(path) == {Province.HEBEI: MEMBER}


def broken(**changes: Any) -> str:
    member = json.loads(MEMBER.model_dump_json()) | changes
    return json.dumps({"members": [{key: value for key, value in member.items() if value is not None}]})


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("{}", id="no-members"),
        pytest.param(broken(province=99), id="a-province-nobody-knows"),
        pytest.param(broken(adapter=None), id="no-address"),
        pytest.param(broken(surplus=1), id="an-unknown-key"),
        pytest.param(directory_json([MEMBER, MEMBER]), id="a-province-twice"),
    ],
)
def test_refuses_what_is_no_directory(tmp_path: Path, text: str) -> None:
    path = tmp_path / "members.json"
    path.write_text(text, "utf-8")
    with pytest.raises(DirectoryError):
        read_directory(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DirectoryError, match=r"members\.json"):
        read_directory(tmp_path / "members.json")
