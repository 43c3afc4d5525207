"""What the documents name exists, and what an operator can meet is in the documents."""

from __future__ import annotations

import importlib
import re
import subprocess
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args

import pytest
import typer.main
from pydantic import BaseModel

from adapters.sdk.settings import AdapterSettings
from cli.main import app
from contract.errors import ErrorCode
from contract.outcome import InadmissibleReason, UnavailableReason
from contract.province import Province
from gateway.config import GatewaySettings
from huren.fragment.v1 import fragment_pb2, refusal_pb2

ROOT = Path(__file__).parents[2]

OPERATIONS = ROOT / "docs" / "operations.md"
HAND_BOOKS = [ROOT / name for name in ("README.md", "README.zh-CN.md", "CONTRIBUTING.md", "adapters/README.md")]

_FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def _documents() -> list[Path]:
    """Every Markdown file that is in git, or would be after `git add`."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode()
    return sorted(path for path in (ROOT / name for name in listed.split("\0") if name) if path.is_file())


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _prose(path: Path) -> str:
    return _SPAN.sub("", _FENCE.sub("", path.read_text("utf-8")))


def _code_lines(path: Path) -> Iterator[str]:
    """What stands in fences and spans, without the comments of shell."""
    text = path.read_text("utf-8")
    for found in [*_FENCE.findall(text), *_SPAN.findall(_FENCE.sub("", text))]:
        for line in found.strip("`").splitlines():
            yield line.split(" #", maxsplit=1)[0]


def _anchors(path: Path) -> set[str]:
    """The anchors of the headings, as they are made on the usual code hosts."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", path.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# --- Links and languages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", _documents(), ids=_name)
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    lost = []
    for link in _LINK.findall(_prose(document)):
        target, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        path = (document.parent / target).resolve() if target else document
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in _anchors(path)):
            lost.append(link)

    assert lost == []


def test_both_readmes_have_the_same_parts() -> None:
    counts = {
        name: len(re.findall(r"^## ", (ROOT / name).read_text("utf-8"), re.MULTILINE))
        for name in ("README.md", "README.zh-CN.md")
    }

    assert len(set(counts.values())) == 1, counts


def test_every_decision_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text("utf-8")

    assert [path.name for path in (ROOT / "docs" / "adr").glob("*.md") if f"(adr/{path.name})" not in index] == []


# --- Commands ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", HAND_BOOKS, ids=_name)
def test_every_make_target_that_is_named_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {
        word
        for line in _code_lines(document)
        for found in re.findall(r"(?:^|\s)make((?: [a-z][a-z-]*(?=\s|$))+)", line)
        for word in found.split()
    }

    assert named <= targets


@pytest.mark.parametrize("document", HAND_BOOKS, ids=_name)
def test_every_huren_command_and_option_that_is_named_exists(document: Path) -> None:
    unknown: list[str] = []
    for line in _code_lines(document):
        for found in re.findall(r"(?:^|[\s/])huren ([a-z].*)", line):
            unknown += _unknown_words(found.split())

    assert unknown == []


def _unknown_words(words: list[str]) -> Iterable[str]:
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        if not words or words[0] not in command.commands:
            return [" ".join(words)]
        command, words = command.commands[words[0]], words[1:]
    options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    return [word for word in words if word.startswith("--") and word not in options]


def test_the_table_of_commands_has_every_command_with_all_its_options() -> None:
    table = (ROOT / "README.md").read_text("utf-8")
    chinese = (ROOT / "README.zh-CN.md").read_text("utf-8")
    for words, options in _commands(typer.main.get_command(app), "huren"):
        for text in (table, chinese):
            row = re.search(rf"^\| `{words}\b.*$", text, re.MULTILINE)
            assert row is not None, words
            assert set(re.findall(r"`(--[a-z-]+)", row[0])) == options, words


def _commands(command: Any, words: str) -> Iterator[tuple[str, set[str]]]:
    if hasattr(command, "commands"):
        for name, inner in command.commands.items():
            yield from _commands(inner, f"{words} {name}")
        return
    yield words, {option for parameter in command.params for option in parameter.opts if option.startswith("--")}


# --- What an operator meets -------------------------------------------------------------------------------------------


def _members(names: type[StrEnum]) -> list[str]:
    return [member.value for member in names]


def _values(names: Iterable[str], prefix: str) -> list[str]:
    return [name.removeprefix(prefix) for name in names if not name.endswith("_UNSPECIFIED")]


@pytest.mark.parametrize(
    "codes",
    [
        pytest.param(_members(ErrorCode), id="errors"),
        pytest.param(_members(UnavailableReason), id="unavailable"),
        pytest.param(_members(InadmissibleReason), id="inadmissible"),
        pytest.param(_values(fragment_pb2.UnavailableReason.keys(), "UNAVAILABLE_REASON_"), id="cells"),
        pytest.param(_values(refusal_pb2.RefusalReason.keys(), "REFUSAL_REASON_"), id="refusals"),
    ],
)
def test_every_code_can_be_looked_up(codes: list[str]) -> None:
    known = set(re.findall(r"\b[A-Z][A-Z_]+\b", OPERATIONS.read_text("utf-8")))

    assert [code for code in codes if code not in known] == []


def test_every_metric_is_described() -> None:
    sources = [path.read_text("utf-8") for name in ("adapters", "gateway", "runtime") for path in _modules(name)]
    registered = {
        found
        for source in sources
        for found in re.findall(r'(?:Counter|Gauge|Histogram)\(\s*"(huren_[a-z_]+)"', source)
    }
    described = set(re.findall(r"\bhuren_[a-z_]+\b", OPERATIONS.read_text("utf-8")))

    assert registered == described


def _modules(package: str) -> Iterable[Path]:
    return (ROOT / package).rglob("*.py")


def test_every_setting_is_described() -> None:
    described = set(re.findall(r"`([a-z_.]+)`", OPERATIONS.read_text("utf-8")))

    assert set(_keys(GatewaySettings)) - described == set()
    assert set(_keys(AdapterSettings)) - {"source"} - described == set()
    for province in Province:
        module = importlib.import_module(f"adapters.{province.slug}.source")
        assert set(_keys(module.SourceSettings)) - described == set()


def _keys(model: type[BaseModel], before: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = [kind for kind in (field.annotation, *get_args(field.annotation)) if _is_model(kind)]
        if inner:
            yield from _keys(inner[0], f"{before}{name}.")
        else:
            yield before + name


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
