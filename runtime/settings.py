"""Settings: one TOML file, read once at the start, checked, then frozen.

- Unknown keys are refused, and nothing is coerced: a port is a number, not a text that looks like one.
- A relative path means relative to the settings file's folder, so a file can be moved together with what it names.
- Secrets are paths to files, never values.
- The file is the only source. No environment variable overrides it.
"""

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from runtime.errors import SettingsError, SettingsProblem


class Settings(BaseModel):
    """Base of every settings model, also of the nested ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    @field_validator("*", mode="after")
    @classmethod
    def _resolve_paths(cls, value: object, info: ValidationInfo) -> object:
        folder = info.context
        return _resolved(value, folder) if isinstance(folder, Path) else value


class TLSSettings(Settings):
    """Files of one end of a mutual TLS connection, all PEM.

    Attributes:
        certificate: Own certificate, followed by its intermediates if there are any.
        private_key: Its key, unencrypted PKCS #8; the file's mode protects it.
        trusted_roots: The authorities whose certificates are accepted from the peer.
    """

    certificate: Path
    private_key: Path
    trusted_roots: Path


class ListenSettings(Settings):
    """Where to listen.

    Attributes:
        host: Name or address of one interface.
        port: 0 lets the system choose; the bound port is announced.
    """

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=0, le=65535)]


class TelemetrySettings(Settings):
    """What the process tells about itself.

    Attributes:
        host: Interface of the metrics and liveness endpoint.
        metrics_port: Its port; 0 lets the system choose.
        log_level: Lines below it are dropped.
        log_json: One JSON object for each line; otherwise lines for a person at a terminal.
    """

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_json: bool = True


_T = TypeVar("_T", bound=Settings)


def load_settings(model: type[_T], path: Path) -> _T:
    """Reads a settings file.

    Raises:
        SettingsError: The file cannot be read, is no TOML, or does not fit the model. Says file, key, expected and got, for
            every key at fault.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problem = SettingsProblem(key="", expected="a readable file", got=error.strerror or type(error).__name__)
        raise SettingsError(path, problem) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(path, SettingsProblem(key="", expected="TOML in UTF-8", got=str(error))) from error
    # By way of JSON, because strict means "the types of the format" there: a text for a path, an array for a tuple.
    text = json.dumps(document, default=_iso_text)
    try:
        return model.model_validate_json(text, context=path.resolve().parent)
    except ValidationError as error:
        raise SettingsError(path, *_problems(error, document)) from error


def _iso_text(value: Any) -> str:
    """TOML's dates and times, the only values that JSON does not have."""
    return str(value.isoformat())


def _resolved(value: object, folder: Path) -> object:
    match value:
        case Path():
            return folder / value
        case tuple():
            return tuple(_resolved(item, folder) for item in value)
        case dict():
            return {key: _resolved(item, folder) for key, item in value.items()}
        case _:
            return value


def _problems(error: ValidationError, document: dict[str, Any]) -> list[SettingsProblem]:
    problems = []
    for details in error.errors(include_url=False, include_context=False):
        location = details["loc"]
        match details["type"]:
            case "missing":
                expected, got = "a value", "nothing"
            case "extra_forbidden":
                expected, got = "no such key", _shown(_at(document, location))
            case _:
                expected = details["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
                got = _shown(_at(document, location))
        problems.append(SettingsProblem(key=".".join(map(str, location)), expected=expected, got=got))
    return problems


def _at(document: object, location: tuple[int | str, ...]) -> object:
    """The value at fault. A location may go deeper than the document: pydantic adds the branches of unions."""
    for step in location:
        try:
            document = document[step]  # type: ignore[index]  # whatever has no such item ends the walk
        except (KeyError, IndexError, TypeError):
            break
    return document


def _shown(value: object) -> str:
    match value:
        case dict():
            return "a table"
        case list():
            return "an array"
        case _:
            return repr(value)
