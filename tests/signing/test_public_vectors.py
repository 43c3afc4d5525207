"""Every vector of the folders that VECTORS_DIR names; see conftest.py for what happens without it."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from signing import Ed25519Suite, SuiteError, verify_inclusion

VECTORS = Path(os.environ["VECTORS_DIR"])


def _ed25519() -> list[Any]:
    groups = json.loads((VECTORS / "wycheproof" / "ed25519_test.json").read_text())["testGroups"]
    return [pytest.param(group, test, id=f"tc{test['tcId']}") for group in groups for test in group["tests"]]


def _inclusion() -> list[Any]:
    folder = VECTORS / "merkle" / "testdata" / "inclusion"
    return [
        pytest.param(json.loads(path.read_text()), id=path.relative_to(folder).as_posix())
        for path in sorted(folder.rglob("*.json"))
    ]


ED25519 = _ed25519()
INCLUSION = _inclusion()


def test_there_are_vectors() -> None:
    # An empty parameter set would be skipped in silence.
    assert ED25519
    assert INCLUSION


@pytest.mark.parametrize(("group", "test"), ED25519)
def test_ed25519(group: dict[str, Any], test: dict[str, Any]) -> None:
    try:
        key = Ed25519Suite().load_public_key(bytes.fromhex(group["publicKeyDer"]))
        accepted = key.verify(bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
    except SuiteError:
        accepted = False

    assert accepted == (test["result"] == "valid"), (test["comment"], test["flags"])


@pytest.mark.parametrize("vector", INCLUSION)
def test_merkle_inclusion(vector: dict[str, Any]) -> None:
    accepted = verify_inclusion(
        base64.b64decode(vector["leafHash"] or ""),
        vector["leafIdx"],
        vector["treeSize"],
        [base64.b64decode(node) for node in vector["proof"] or ()],
        base64.b64decode(vector["root"] or ""),
    )

    assert accepted != vector["wantErr"], vector["desc"]
