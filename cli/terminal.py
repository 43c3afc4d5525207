"""The terminal, as all commands use it (verifier/terminal.py), and how a person calls us."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from verifier.terminal import bold as bold
from verifier.terminal import complain as complain
from verifier.terminal import emit as emit
from verifier.terminal import err as err
from verifier.terminal import error_document as error_document
from verifier.terminal import out as out
from verifier.terminal import say as say
from verifier.terminal import show_report as show_report
from verifier.terminal import visible as visible
from verifier.terminal import wide as wide


def command(*arguments: str) -> str:
    """How to call us with these arguments, from where this process was called, for a person to copy."""
    called = Path(sys.argv[0])
    found = shutil.which("huren")
    if called.name != "huren":
        words = ["python", "-m", "cli.main"]
    elif found is not None and Path(found).resolve() == called.resolve():
        words = ["huren"]
    else:
        words = [str(called)]
    return shlex.join([*words, *arguments])
