"""Where things are in the directory of a sandbox federation, and whose directory it is.

<directory>/
    .huren-sandbox         says that the directory is ours; locked while a federation runs
    world.json             seed, size and day, and the cast: subjects with a part to play
    pki/                   sandbox/pki.py
    registry.jsonl         sandbox/registry_file.py
    members.json           the member directory, written when the adapters have their ports
    announcements.json     what is announced on the sites: invented
    <province>/            settings, data and platform of one province
    run/<process>.json     what each process announced; gone while its province is stopped
    stopped/<province>     while it is there, the province's adapter and gateway are stopped (cli/provinces.py)
    logs/<process>.log     what each process wrote
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contract.province import Province
from gateway.federation.directory import DirectoryError, Member, read_directory
from sandbox.pki import PKI

MARKER: Final = ".huren-sandbox"


class FederationError(Exception):
    """The sandbox federation cannot be started, or is not there. The message is for the person at the terminal.

    Attributes:
        zh: In Chinese.
        en: In English.
    """

    def __init__(self, zh: str, en: str, detail: str = "") -> None:
        self.zh = zh
        self.en = en
        super().__init__("\n".join(part for part in (zh, en, detail) if part))


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are in the directory of a federation."""

    directory: Path

    @property
    def pki(self) -> PKI:
        """Keys, certificates and trust data."""
        return PKI(self.directory / "pki")

    @property
    def registry(self) -> Path:
        """The registry file."""
        return self.directory / "registry.jsonl"

    @property
    def members(self) -> Path:
        """The member directory."""
        return self.directory / "members.json"

    @property
    def site_announcements(self) -> Path:
        """What is announced on every province's site."""
        return self.directory / "announcements.json"

    @property
    def world(self) -> Path:
        """What the world is made of."""
        return self.directory / "world.json"

    def province(self, province: Province) -> Path:
        """The folder of a province."""
        return self.directory / province.slug

    def announcement(self, process: str) -> Path:
        """What a process announced."""
        return self.directory / "run" / f"{process}.json"

    def stopped(self, province: Province) -> Path:
        """The file that stops a province for as long as it is there."""
        return self.directory / "stopped" / province.slug

    def log(self, process: str) -> Path:
        """What a process wrote."""
        return self.directory / "logs" / f"{process}.log"

    def addresses(self) -> Mapping[Province, Member]:
        """The member directory of a running federation.

        Raises:
            FederationError: There is none.
        """
        if not self.members.exists():
            raise FederationError(
                f"{self.directory} 中没有运行中的互认环境，请先执行 huren up",
                f"no federation runs in {self.directory}: start one with `huren up`",
            )
        try:
            return read_directory(self.members)
        except DirectoryError as error:
            raise FederationError(
                f"{self.members} 无法读取，请重新执行 huren up",
                f"{self.members} cannot be read: start `huren up` anew",
                str(error),
            ) from error

    def cast(self) -> Mapping[str, Mapping[str, str]]:
        """Subjects with a part to play, by role: code, name and home."""
        cast: Mapping[str, Mapping[str, str]] = json.loads(self.world.read_text("utf-8"))["cast"]
        return cast


@contextmanager
def emptied(directory: Path) -> Iterator[None]:
    """Holds a directory for one federation for the time of the block, emptied of what an earlier one left there.

    The kernel gives the lock back however this process ends.

    Raises:
        FederationError: Another federation runs in it, or it holds things and is not marked as ours.
    """
    directory.mkdir(parents=True, exist_ok=True)
    marker = directory / MARKER
    foreign = [] if marker.exists() else sorted(entry.name for entry in directory.iterdir())
    if foreign:
        raise FederationError(
            f"{directory} 中有其他文件（{foreign[0]}），请换一个空目录",
            f"{directory} holds other things ({foreign[0]}): name an empty folder",
        )
    with marker.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FederationError(
                f"{directory} 中已有互认环境在运行，请先停止它，或用 --dir 换一个目录",
                f"a federation runs in {directory} already: stop it first, or name another folder with --dir",
            ) from error
        for entry in directory.iterdir():
            if entry.name == MARKER:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        yield
