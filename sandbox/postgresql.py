"""A PostgreSQL server that lives as long as a test run or a benchmark.

It is made of the machine's own binaries and runs under an unprivileged user.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path


@contextmanager
def throw_away_server() -> Iterator[PostgreSQL | None]:
    """Starts a server, and removes it with everything in it in the end. None: PostgreSQL is not installed."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not versions:
        yield None
        return
    # Not below a folder of the caller's, which an unprivileged user may not be able to enter.
    folder = Path(tempfile.mkdtemp(prefix="huren-pg-"))
    server = PostgreSQL(binaries=versions[-1].parent, folder=folder, port=_free_port(), owner=_unprivileged())
    try:
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


@dataclass
class PostgreSQL:
    """A server for this run of the tests only, on the loopback interface, without passwords and without syncing to disk."""

    binaries: Path
    folder: Path
    port: int
    owner: tuple[int, int] | None
    _numbers: Iterator[int] = field(default_factory=count)

    def start(self) -> None:
        """Makes the server's files and starts it."""
        if self.owner:
            os.chown(self.folder, *self.owner)
        data = str(self.folder / "data")
        self._run("initdb", "-D", data, "-U", "huren", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.folder} -c fsync=off"
        self._run("pg_ctl", "-D", data, "-l", str(self.folder / "log"), "-o", options, "-w", "start")

    def stop(self) -> None:
        """Stops it at once."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")

    @contextmanager
    def database(self, *, like: str = "") -> Iterator[str]:
        """A database, by its URL. Dropped in the end, whoever is connected: hundreds of them would fill a disk.

        Args:
            like: URL of a database of this server that it is a copy of, and to which nobody is connected. Empty: it is empty.
        """
        name = f"t_{next(self._numbers)}"
        template = f" TEMPLATE {like.rpartition('/')[2]}" if like else ""
        self.sql(f"CREATE DATABASE {name}{template}")
        yield f"postgresql://huren@127.0.0.1:{self.port}/{name}"
        self.sql(f"DROP DATABASE {name} WITH (FORCE)")

    def sql(self, statement: str) -> None:
        """Runs a statement as the server's owner."""
        self._run(
            "psql", "-h", str(self.folder), "-p", str(self.port), "-U", "huren", "-d", "postgres", "-qc", statement
        )

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.binaries / program), *arguments]
        if self.owner:
            uid, gid = self.owner
            command = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", *command]
        # No pipes: the server would keep them open and nobody would see the end of pg_ctl.
        with (self.folder.parent / f"{self.folder.name}.out").open("w+b") as output:
            try:
                result = subprocess.run(  # noqa: S603  # the server's own programs; nothing comes from outside
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", timeout=60, check=False
                )
                output.seek(0)
                if result.returncode != 0:
                    raise RuntimeError(f"{program}: {output.read().decode(errors='replace')}")
            finally:
                Path(output.name).unlink()


def _unprivileged() -> tuple[int, int] | None:
    """PostgreSQL refuses to run as root: whoever it was installed for, or else an id that nobody has."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError, ImportError):
        import pwd  # noqa: PLC0415 - POSIX only

        entry = pwd.getpwnam("postgres")
        return entry.pw_uid, entry.pw_gid
    return 65432, 65432


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
