"""Published JSON files, read strictly: every name once in an object, every member as declared."""

from __future__ import annotations

import json
from typing import TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)


class JsonFileError(ValueError):
    """The file is none of that kind. The message names the first fault and where it is."""


def read_json_file(file: bytes, model: type[M]) -> M:
    """Reads a published file.

    Raises:
        JsonFileError: It is no JSON in UTF-8, a name stands twice in an object, or it does not say what the model declares.
    """
    try:
        json.loads(file, object_pairs_hook=_without_repetition)
        return model.model_validate_json(file, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise JsonFileError(f"{where or 'file'}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:  # no UTF-8, no JSON, a name twice, nested beyond measure
        raise JsonFileError(f"file: {error}") from error


def _without_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        # Readers differ in which value they take.
        raise ValueError(f"a name stands twice: {max(names, key=names.count)[:50]!r}")
    return dict(pairs)
