"""Starts the adapter of Shanxi."""

from adapters.sdk.server import run_adapter
from adapters.shanxi.profile import PROFILE
from adapters.shanxi.source import SourceSettings, open_source

run_adapter(PROFILE, SourceSettings, open_source)
