"""Starts the adapter of Tianjin."""

from adapters.sdk.server import run_adapter
from adapters.tianjin.profile import PROFILE
from adapters.tianjin.source import SourceSettings, open_source

run_adapter(PROFILE, SourceSettings, open_source)
