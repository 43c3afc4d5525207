"""Stand-in of a province's registry: answers over HTTP who is registered where, as docs/protocols/homes.md describes it.

    python -m sandbox.registry_server --file registry.jsonl --announce run/registry.json

- Its subjects are those of a registry file (`sandbox.registry_file`), read at the start.
- With `--token-file` it answers only whoever bears the token.
- It shares no code with whoever asks it: what both misread in the same way would be seen by nobody.
"""

from __future__ import annotations

import argparse
import hmac
import json
import re
import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from aiohttp import web

from contract.registry import RegistryEntry
from contract.uscc import UsccError, parse_uscc
from runtime.process import StopSignal, announce, run_process
from sandbox.platforms import listening
from sandbox.registry_file import read_registry

_MAX_QUESTION_BYTES: Final = 16 * 1024
_MAX_NAME: Final = 1000
_BLANKS: Final = re.compile(r"[\s\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202f\u2060\ufeff]+")
_BRACKETS: Final = str.maketrans("[【〔﹝]】〕﹞", "(" * 4 + ")" * 4)


class Subjects:
    """What the registry knows. It may be told otherwise while it serves."""

    def __init__(self, entries: Iterable[RegistryEntry]) -> None:
        self._entries: dict[str, RegistryEntry] = {}
        self._names: frozenset[str] = frozenset()
        self.tell(entries)

    def tell(self, entries: Iterable[RegistryEntry]) -> None:
        """Replaces all that it knows."""
        self._entries = {entry.uscc: entry for entry in entries}
        self._names = frozenset(
            _folded(name)
            for entry in self._entries.values()
            for name in (entry.name, *(former.name for former in entry.former_names))
        )

    def find(self, uscc: str) -> RegistryEntry | None:
        """The subject with a code."""
        return self._entries.get(uscc)

    def knows(self, name: str) -> bool:
        """Whether any subject has or had a name."""
        return _folded(name) in self._names


def make_app(subjects: Subjects, token: str | None = None) -> web.Application:
    """The registry as an application.

    Args:
        subjects: What it knows.
        token: What whoever asks must bear. None: nothing.
    """

    async def look_up(request: web.Request) -> web.Response:
        (text,) = await _question(request, token, "uscc")
        try:
            uscc = parse_uscc(text)
        except UsccError as error:
            raise web.HTTPBadRequest(text="no unified code") from error
        entry = subjects.find(uscc)
        subject = None if entry is None else json.loads(entry.model_dump_json(exclude_defaults=True))
        return web.json_response({"subject": subject})

    async def names(request: web.Request) -> web.Response:
        (name,) = await _question(request, token, "name")
        return web.json_response({"known": subjects.knows(name)})

    app = web.Application(client_max_size=_MAX_QUESTION_BYTES)
    app.add_routes([web.post("/lookup", look_up), web.post("/names", names)])
    return app


async def _question(request: web.Request, token: str | None, *names: str) -> tuple[str, ...]:
    given = request.headers.get("Authorization", "").encode()
    if token is not None and not hmac.compare_digest(given, f"Bearer {token}".encode()):
        raise web.HTTPUnauthorized
    try:
        document = await request.json()
    except ValueError as error:
        raise web.HTTPBadRequest(text="no JSON") from error
    if not isinstance(document, dict) or set(document) != set(names):
        raise web.HTTPBadRequest(text=f"expected an object of {', '.join(names)}")
    values = tuple(document[name] for name in names)
    if not all(isinstance(value, str) and len(value) <= _MAX_NAME for value in values):
        raise web.HTTPBadRequest(text=f"expected texts of at most {_MAX_NAME} characters")
    return values


def _folded(name: str) -> str:
    """A name without its notation: width, case, the kind of its brackets, blanks, and characters that nobody sees."""
    halved = unicodedata.normalize("NFKC", name).upper()
    return _BLANKS.sub("", halved).translate(_BRACKETS)


# --- The program ------------------------------------------------------------------------------------------------------


def main() -> int:
    """Serves a registry file until SIGTERM."""
    parser = argparse.ArgumentParser(description="Serves a registry file over HTTP.")
    parser.add_argument("--file", type=Path, required=True, help="registry file, JSON Lines")
    parser.add_argument("--announce", type=Path, required=True, help="file to write once it listens")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (%(default)s)")
    parser.add_argument("--port", type=int, default=0, help="0: one of the system's choice")
    parser.add_argument("--token-file", type=Path, help="file with the token that must be borne (default: none)")
    arguments = parser.parse_args()
    return run_process(lambda stop: _serve(arguments, stop))


async def _serve(arguments: argparse.Namespace, stop: StopSignal) -> None:
    token = arguments.token_file.read_text("utf-8").strip() if arguments.token_file else None
    app = make_app(Subjects(read_registry(arguments.file)), token)
    async with listening(app, arguments.host, arguments.port) as url:
        announce(arguments.announce, {"url": url})
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main())
