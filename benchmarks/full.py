"""Process: the full contender, which is `python -m gateway --config FILE`; with a sampler around it if told."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks.child import arguments
from benchmarks.sampler import sampled
from gateway.__main__ import main as gateway
from runtime.process import die_with_parent


def main() -> int:
    """Serves until SIGTERM."""
    told = arguments()
    die_with_parent(told["parent"])
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever it says belongs into its log
    sys.argv = ["gateway", "--config", told["settings"]]
    if told["profile"] is None:
        return gateway()
    with sampled(Path(told["profile"])):
        return gateway()


if __name__ == "__main__":
    sys.exit(main())
