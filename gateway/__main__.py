"""Runs a gateway: `python -m gateway --config FILE`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gateway.bootstrap import serve
from gateway.config import GatewaySettings
from runtime.process import run_process
from runtime.settings import load_settings


def main() -> int:
    """Reads the settings and serves until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m gateway", description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    path: Path = parser.parse_args().config
    return run_process(lambda stop: serve(load_settings(GatewaySettings, path), path, stop))


if __name__ == "__main__":
    sys.exit(main())
