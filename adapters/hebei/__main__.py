"""Starts the adapter of Hebei: python -m adapters.hebei."""

from adapters.hebei.profile import PROFILE
from adapters.hebei.source import SourceSettings, open_source
from adapters.sdk.server import run_adapter

run_adapter(PROFILE, SourceSettings, open_source)
