"""`huren verify`: the stand-alone verifier (verifier/command.py), with the trust data of a sandbox federation at hand."""

from __future__ import annotations

from pathlib import Path

from verifier.command import run as run
from verifier.command import verified as _verified
from verifier.verdict import Result


def verified(file: Path, trust: Path) -> Result:
    """Verifies a file offline by a trust directory.

    Raises:
        FileError: The file cannot be read.
        TrustStoreError: The trust data cannot be used.
    """
    result, _ = _verified(file, trust)
    return result
