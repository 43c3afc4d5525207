"""Starts the adapter of Beijing: python -m adapters.beijing."""

from adapters.beijing.profile import PROFILE
from adapters.beijing.source import SourceSettings, open_source
from adapters.sdk.server import run_adapter

run_adapter(PROFILE, SourceSettings, open_source)
