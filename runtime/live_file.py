"""A file that people change while a program runs: read again when it has changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

import structlog

T = TypeVar("T")

_log: Final = structlog.get_logger(__name__)


class LiveFile(Generic[T]):
    """What a file says now. A file that cannot be read, or is broken, leaves what it said before, and is logged once."""

    def __init__(self, path: Path, read: Callable[[Path], T], *, name: str, before: T | None = None) -> None:
        """Reads the file.

        Args:
            path: The file.
            read: Reads it; of a file that is none of its kind it raises a ValueError.
            name: What it is called in the log.
            before: What counts until it can be read. None: it has to be readable now.

        Raises:
            ValueError: As `read`, where there is nothing before.
        """
        self._path = path
        self._read = read
        self._name = name
        self._seen = _fingerprint(path)
        self._value = read(path) if before is None else self._read_or(before)

    @property
    def value(self) -> T:
        """What it says now."""
        seen = _fingerprint(self._path)
        if seen != self._seen:
            self._value = self._read_or(self._value)
            self._seen = seen
        return self._value

    def _read_or(self, before: T) -> T:
        try:
            return self._read(self._path)
        except ValueError as error:
            _log.warning(f"{self._name} not read", reason=str(error))
            return before


def _fingerprint(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
