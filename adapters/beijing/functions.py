"""What is computed in Beijing's exchange database: identifiers in one notation, and an order for every row.

Each function is an expression of PostgreSQL, on which a platform can put an index (README.md), and a function of ours on SQLite,
which has none for it. Both say the same, but for the digests: those are compared within one database only.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final

from sqlalchemy import Boolean, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

_BLANKS: Final = "\t\n\v\f\r \u0085\u00a0\u2002\u2003\u2009\u200b\u200c\u200d\u202f\u2060\u3000\ufeff"
_DASHES: Final = "-\u00ad\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_ASCII: Final = "".join(map(chr, range(0x21, 0x7F)))
_WIDE: Final = "".join(chr(ord(character) + 0xFEE0) for character in _ASCII)
_LOWER: Final = "abcdefghijklmnopqrstuvwxyz"

_NAME_NOTATION: Final = str.maketrans(
    {
        **dict(zip(_WIDE, _ASCII.upper(), strict=True)),
        **dict(zip(_LOWER, _LOWER.upper(), strict=True)),
        **dict.fromkeys("〔[【﹝（［", "("),
        **dict.fromkeys("〕]】﹞）］", ")"),
        **dict.fromkeys(_BLANKS),
    }
)
_CODE_NOTATION: Final = _NAME_NOTATION | str.maketrans(dict.fromkeys(_DASHES))

INSTANT: Final = (
    "^((19(49|[5-9][0-9])|2[01][0-9][0-9])-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
    "|(19([68][048]|[579][26])|2[01]([02468][48]|[13579][26]|[2468]0)|2000)-02-29)"
    " ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$"
)
"""An instant in the form of `GJSJ` that exists, of the years that the sdk reads. Texts of this form sort as the instants do."""
_BETWEEN: Final = "\x1f"
_NULL: Final = "\x1e"


class _Folded(FunctionElement[str]):
    """A column in the notation in which identifiers are compared. Computed in the database, where it can be indexed."""

    inherit_cache: bool | None = True
    type: TypeEngine[str] = Text()


class FoldedName(_Folded):
    """A name, whatever its width, case, brackets and blanks."""

    inherit_cache: bool | None = True
    name = "huren_name"
    notation = _NAME_NOTATION


class FoldedCode(_Folded):
    """A code or number, whatever its width, case, blanks and dashes."""

    inherit_cache: bool | None = True
    name = "huren_code"
    notation = _CODE_NOTATION


_FOLDED: Final = (FoldedName, FoldedCode)


@compiles(_Folded)
def _call_translate(element: FoldedName | FoldedCode, compiler: SQLCompiler, **options: Any) -> str:
    """By `translate`, which drops the characters for which none stands at the same place."""
    changed = {chr(code): to for code, to in element.notation.items() if to is not None}
    dropped = [chr(code) for code, to in element.notation.items() if to is None]
    column = compiler.process(element.clauses, **options)
    return f"translate({column}, {_literal([*changed, *dropped])}, {_literal(changed.values())})"


class InOrder(FunctionElement[bool]):
    """Of GJSJ and ID: whether the row has its place in the order of supply."""

    inherit_cache: bool | None = True
    name = "huren_in_order"
    type: TypeEngine[bool] = Boolean()


@compiles(InOrder)
def _call_regular_expression(element: InOrder, compiler: SQLCompiler, **options: Any) -> str:
    received_at, key = (compiler.process(clause, **options) for clause in element.clauses)
    return f"(coalesce({received_at}, '') ~ {_literal(INSTANT)} AND coalesce({key}, '') <> '')"


class Digest(FunctionElement[str]):
    """Of all columns that are read: a text by which rows without a place in the order of supply are put in one."""

    inherit_cache: bool | None = True
    name = "huren_digest"
    type: TypeEngine[str] = Text()


@compiles(Digest)
def _call_md5(element: Digest, compiler: SQLCompiler, **options: Any) -> str:
    columns = (compiler.process(clause, **options) for clause in element.clauses)
    texts = ", ".join(f"coalesce({column}, {_literal(_NULL)})" for column in columns)
    return f"md5(concat_ws({_literal(_BETWEEN)}, {texts}))"


@compiles(_Folded, "sqlite")
@compiles(InOrder, "sqlite")
@compiles(Digest, "sqlite")
def _call_our_function(element: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> str:
    """By a function of ours (`teach`): SQLite has none for it."""
    return f"{element.name}({compiler.process(element.clauses, **options)})"


def _literal(characters: Iterable[str]) -> str:
    """A text of PostgreSQL, written so that neither its quoting nor that of a driver's parameters matters."""
    return "E'" + "".join(f"\\U{ord(character):08X}" for character in characters) + "'"


def folded_names(values: Iterable[str]) -> list[str]:
    """Names in the notation of `FoldedName`, each once, none of them empty."""
    return _folded(values, _NAME_NOTATION)


def folded_codes(values: Iterable[str]) -> list[str]:
    """Codes in the notation of `FoldedCode`, each once, none of them empty."""
    return _folded(values, _CODE_NOTATION)


def _folded(values: Iterable[str], notation: Mapping[int, str | None]) -> list[str]:
    return sorted({folded for value in values if (folded := value.translate(notation))})


# --- On SQLite ------------------------------------------------------------------------------------------------------------


def teach(connection: Any) -> None:
    """Makes the functions known to a connection of SQLite."""
    for folded in _FOLDED:
        connection.create_function(folded.name, 1, partial(_fold_value, folded.notation), deterministic=True)
    connection.create_function(InOrder.name, 2, _is_in_order, deterministic=True)
    connection.create_function(Digest.name, -1, _digest, deterministic=True)


def _fold_value(notation: Mapping[int, str | None], value: object) -> object:
    return value.translate(notation) if isinstance(value, str) else value


def _is_in_order(received_at: object, key: object) -> bool:
    texts = isinstance(received_at, str) and isinstance(key, str)
    return texts and key != "" and re.fullmatch(INSTANT, str(received_at)) is not None


def _digest(*values: object) -> str:
    return hashlib.md5(repr(values).encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
