"""Errors of this package.

    PlumbingError
    ├── SettingsError            (path, problems)  a settings file cannot be read, or does not say what it must
    ├── TLSFileError             (path)            a key, certificate or list of trusted roots cannot be used
    ├── ListenError              (address)         an address cannot be listened on
    └── StoreUnavailableError                      the database cannot do it now; nothing was written
        └── SchemaError          (expected, got)   its tables are not such as this program can use

What reaches a requester is another matter: `contract.errors` and `runtime.grpc_errors`.
"""

from dataclasses import dataclass
from pathlib import Path


class PlumbingError(Exception):
    """Root of the errors of this package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsProblem:
    """One thing that is wrong in a settings file.

    Attributes:
        key: Dotted path of the key; empty for the file as a whole.
        expected: What should stand there.
        got: What stands there.
    """

    key: str
    expected: str
    got: str

    def __str__(self) -> str:
        where = f"{self.key}: " if self.key else ""
        return f"{where}expected {self.expected}, got {self.got}"


class SettingsError(PlumbingError):
    """A settings file cannot be read, or does not say what it must.

    Attributes:
        path: The file.
        problems: What is wrong, in the order of the file's model; at least one.
    """

    def __init__(self, path: Path, *problems: SettingsProblem) -> None:
        super().__init__(path, *problems)
        self.path = path
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(f"{self.path}: {problem}" for problem in self.problems)


class TLSFileError(PlumbingError):
    """A private key, certificate or list of trusted roots cannot be read, or does not fit the others.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, expected: str, got: str) -> None:
        super().__init__(path, expected, got)
        self.path = path
        self.expected = expected
        self.got = got

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, got {self.got}"


class ListenError(PlumbingError):
    """An address cannot be listened on: it is taken, not ours, or not permitted.

    Attributes:
        address: The address, with its port.
    """

    def __init__(self, address: str) -> None:
        super().__init__(f"cannot listen on {address}")
        self.address = address


class StoreUnavailableError(PlumbingError):
    """The database cannot do it now: unreachable, locked for too long, full, read-only. The transaction left nothing behind.

    One case stays open, as with every database: a connection lost during COMMIT does not tell whether it took effect.
    """


class SchemaError(StoreUnavailableError):
    """The tables are not such as this program can use; nothing was changed. Starting again does not help before somebody acts.

    Attributes:
        expected: What the program can use.
        got: What is there.
    """

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected = expected
        self.got = got
