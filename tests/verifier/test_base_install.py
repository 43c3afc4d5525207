"""The verifier runs from the base install: nothing that only a member's programs need is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[2]

PROGRAM = """
import json, sys
allowed = frozenset(json.loads(sys.argv[1]))
class Blocker:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in allowed or top in sys.stdlib_module_names or top.startswith("_sysconfigdata"):
            return None
        raise ModuleNotFoundError(f"{name} is not in the base install", name=name)
sys.meta_path.insert(0, Blocker())
from verifier import command
sys.argv = ["huren-verify", *sys.argv[2:]]
command.main()
"""

SEALING = "pyhanko"
"""Writes seals, and brings an HTTP client; whoever only reads them has no use for it."""

READING = "asn1crypto"

OURS = frozenset({"buf", "contract", "huren", "signing", "verifier"})


def base_modules() -> frozenset[str]:
    """Modules of the distributions that a receiver needs: the base install, those that they need included."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = [Requirement(text) for text in project["dependencies"]]
    open_ = [*(one for one in declared if one.name != SEALING), Requirement(READING)]
    found = set()
    while open_:
        name = canonicalize_name(open_.pop().name)
        if name not in found:
            found.add(name)
            needed = map(Requirement, requires(name) or [])
            open_ += [one for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    modules = packages_distributions()
    return frozenset(top for top, names in modules.items() if {canonicalize_name(name) for name in names} & found)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(sorted(base_modules() | OURS)), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_no_server_is_in_the_base_install() -> None:
    assert not base_modules() & {"grpc", "aiohttp", "sqlalchemy", "typst", "structlog", "pyhanko"}


def test_it_says_how_it_is_used() -> None:
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("huren-verify", "退出码", "--trust", "--online", "--status", "--save-status", "--number", "--code"):
        assert word in done.stdout


def test_it_gives_a_verdict_about_a_file(tmp_path: Path) -> None:
    (tmp_path / "trust" / "keys").mkdir(parents=True)
    (tmp_path / "trust" / "policy.json").write_text('{"published_at": "2026-01-01T00:00:00Z", "suites": []}')
    for name, content, expected in (
        ("some.pdf", b"%PDF-1.7\n1 0 obj\n<<>>\nendobj", "NO_EMBEDDED_DATA"),
        ("some.json", b'{"format": "x"}', "NOT_A_FILE_OF_OURS"),
        ("some.report", b"application/vnd.huren.report.v1+protobuf", "TRUST_STALE"),
    ):
        (tmp_path / name).write_bytes(content)
        done = run(str(tmp_path / name), "--trust", str(tmp_path / "trust"), "--json")
        assert (done.returncode, done.stderr) == (1, "")
        assert json.loads(done.stdout)["verdict"] == expected
