"""Errors of the adapter kit.

    ValueError
    ├── NotationError    a value of a source is not in the notation that its profile names
    └── ProfileError     a profile contradicts itself or the catalogue; the adapter does not start
    SourceError          (source.py) a platform did not answer
    LedgerConflictError  another transaction wrote the same row first; the work is done again

None of them crosses the wire: a value that cannot be read, or a platform that does not answer, makes its cells unavailable; a
profile that cannot be relied on stops the program before it serves.
"""

from __future__ import annotations


class NotationError(ValueError):
    """A value is not in the expected notation. The message names the notation, and never repeats a person's number."""


class ProfileError(ValueError):
    """A profile contradicts itself or the catalogue. The message names the first fault."""


class LedgerConflictError(Exception):
    """Another transaction wrote the same row first. Nothing of this one was kept; doing it again finds what the other wrote."""
