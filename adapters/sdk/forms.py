"""Which version of a form a file or an interface speaks: recognised by its columns, never by its name or its day.

The same column means different things in different versions (code_2 is the organisation code in the form of 2016 and the
registration number in later ones), so a version is recognised as a whole or not at all. What no version has stops the source, and
the message names the difference to the nearest one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from adapters.sdk.profile import Form
from adapters.sdk.profile_check import columns_of as columns_of

_SHOWN: Final = 5
_SHOWN_CHARACTERS: Final = 40


class UnknownHeaderError(Exception):
    """No version of the form has these columns. The message names the difference to the nearest one; it holds no values."""


def recognise(versions: Iterable[Form], header: Sequence[str]) -> Form:
    """The version of a form that has exactly these columns, in this order where the version has one.

    Raises:
        UnknownHeaderError: None has.
    """
    versions = tuple(versions)
    got = tuple(header)
    for form in versions:
        expected = columns_of(form)
        if got == expected or (not form.header and len(got) == len(set(got)) and set(got) == set(expected)):
            return form
    nearest = min(versions, key=lambda form: len(set(columns_of(form)) ^ set(got)))
    raise UnknownHeaderError(_difference(nearest, got))


def _difference(nearest: Form, got: tuple[str, ...]) -> str:
    expected = columns_of(nearest)
    missing = [column for column in expected if column not in got]
    further = [column for column in got if column not in expected]
    if missing or further:
        told = f"missing {_listed(missing)}; not of the form {_listed(further)}"
    elif len(got) != len(set(got)):
        told = f"twice {_listed(sorted({column for column in got if got.count(column) > 1}))}"
    else:
        moved = next(place for place, pair in enumerate(zip(got, expected, strict=True)) if pair[0] != pair[1])
        told = f"column {moved + 1} is {_listed([got[moved]])}, expected {_listed([expected[moved]])}"
    return f"header of no known version; compared with {nearest.name}: {told}"


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(repr(column[:_SHOWN_CHARACTERS]) for column in columns[:_SHOWN])
    return shown + (" …" if len(columns) > _SHOWN else "") or "nothing"
