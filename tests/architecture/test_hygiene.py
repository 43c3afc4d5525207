"""What no file in the repository may hold, and what its files must say alike."""

from __future__ import annotations

import configparser
import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

# Joined here, so that this file does not hold them.
REGISTRY_HOSTS = [
    ".".join(labels)
    for labels in (
        ("pypi", "org"),
        ("python" + "hosted", "org"),
        ("npmjs", "org"),
        ("npmmirror", "com"),
        ("yarnpkg", "com"),
        ("debian", "org"),
        ("proxy", "golang", "org"),
        ("tuna", "tsinghua", "edu", "cn"),
        ("mirrors", "aliyun", "com"),
    )
]
HOME_FOLDERS = ["/" + "root/", "/" + r"home/[A-Za-z0-9_.-]+/", "/" + r"Users/[A-Za-z0-9_.-]+/"]


def _files() -> list[Path]:
    """Everything that is in git, or would be after `git add`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout.split(b"\0")
    paths = (ROOT / name.decode() for name in listed if name)
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def _places_of(pattern: str) -> list[str]:
    wanted = re.compile(pattern.encode())
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in _files()
        for number, line in enumerate(path.read_bytes().splitlines(), start=1)
        if wanted.search(line)
    ]


def _pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def _floor(requirements: list[Any], distribution: str) -> tuple[int, ...]:
    for requirement in requirements:
        if isinstance(requirement, str) and (found := re.match(rf"{distribution}>=([\d.]+)", requirement)):
            return tuple(int(part) for part in found[1].split("."))
    pytest.fail(f"pyproject.toml names no lower bound of {distribution}")


def test_git_lists_this_file() -> None:
    assert Path(__file__) in _files()


@pytest.mark.parametrize("host", REGISTRY_HOSTS)
def test_no_file_names_a_package_registry(host: str) -> None:
    assert _places_of(r"(?<![\w-])" + r"([\w-]+\.)*" + re.escape(host)) == []


@pytest.mark.parametrize("folder", HOME_FOLDERS)
def test_no_file_names_a_home_folder(folder: str) -> None:
    assert _places_of(r"(?<![\w.$})])" + folder) == []


def test_no_file_names_the_folder_it_was_written_in() -> None:
    if len(ROOT.parts) > 2:  # a checkout at /app is no trace of a machine
        assert _places_of(re.escape(str(ROOT)) + r"\b") == []


@pytest.mark.parametrize("name", ["runtime", "dev"])
def test_requirements_are_pinned_by_hash_and_name_no_place(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")
    entries = [entry for entry in text.replace("\\\n", " ").splitlines() if not entry.lstrip().startswith("#")]

    assert "://" not in text
    assert [
        entry for entry in entries if not re.match(r"[a-z0-9._-]+(\[[a-z0-9,_-]+\])?==\S+ .*--hash=sha256:", entry)
    ] == []


def test_runtime_and_development_have_the_same_versions() -> None:
    def pins(name: str) -> set[str]:
        text = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")
        return set(re.findall(r"^[a-z0-9._-]+==\S+", text, re.MULTILINE))

    assert pins("runtime") <= pins("dev")


@pytest.mark.parametrize("folder", ["protos", "sandbox/identity"])
def test_node_lock_names_no_place(folder: str) -> None:
    lock = json.loads((ROOT / folder / "package-lock.json").read_text("utf-8"))

    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []


def test_generated_code_asks_for_no_newer_library_than_the_project() -> None:
    project = _pyproject()
    runtime = project["project"]["dependencies"] + project["project"]["optional-dependencies"]["member"]
    dev = project["dependency-groups"]["dev"]
    sources = [path.read_text("utf-8") for path in (ROOT / "protos" / "gen" / "huren").rglob("*_pb2*.py")]
    grpc = {tuple(map(int, v.split("."))) for s in sources for v in re.findall(r"GRPC_GENERATED_VERSION = '(.+)'", s)}
    protobuf = {tuple(map(int, v.split("."))) for s in sources for v in re.findall(r"Protobuf Python Version: (.+)", s)}

    assert grpc == {_floor(runtime, "grpcio")} == {_floor(dev, "grpcio-tools")}
    assert protobuf == {_floor(runtime, "protobuf")}


def test_every_package_has_its_layer_and_is_shipped() -> None:
    linter = configparser.ConfigParser()
    linter.read(ROOT / ".importlinter", "utf-8")
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    layers = set(re.findall(r"\w+", linter["importlinter:contract:layers"]["layers"]))
    shipped = set(_pyproject()["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"])

    assert layers == packages | {"huren"} == set(linter["importlinter"]["root_packages"].split())
    assert shipped == packages | {"protos/bridge", "protos/gen"}


def test_every_province_is_kept_apart() -> None:
    linter = configparser.ConfigParser()
    linter.read(ROOT / ".importlinter", "utf-8")
    provinces = {f"adapters.{path.parent.name}" for path in ROOT.glob("adapters/*/__init__.py")} - {"adapters.sdk"}

    assert set(linter["importlinter:contract:provinces"]["modules"].split()) == provinces
    assert set(linter["importlinter:contract:sdk"]["forbidden_modules"].split()) == provinces
