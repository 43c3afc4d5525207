"""The processes of a sandbox federation: started, waited for, watched, stopped. None of them outlives this process."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from cli.calling import SERVING, health
from cli.layout import FederationError, Layout
from contract.province import Province
from huren.envelope.v1 import envelope_pb2
from runtime.identity import ROLE_SLUGS, MemberPeer

_START_TIMEOUT_S: Final = 90.0
_STOP_TIMEOUT_S: Final = 20.0
_POLL_S: Final = 0.02
_LINES_OF_LOG: Final = 5


class StoppedError(Exception):
    """Somebody asked to stop before everything was up."""


class Processes:
    """The children, by name. `stop` is looked at wherever one is waited for."""

    def __init__(self, layout: Layout, stop: threading.Event) -> None:
        self._layout = layout
        self._stop = stop
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._mourned: set[str] = set()
        self.announced: dict[str, Mapping[str, Any]] = {}

    def go_on(self) -> None:
        """Returns unless somebody asked to stop.

        Raises:
            StoppedError: Somebody did.
        """
        if self._stop.is_set():
            raise StoppedError

    def start(self, name: str, module: Sequence[str]) -> None:
        """Starts a process; what it writes goes into its log, and it does not outlive this one.

        Args:
            name: How the process is called.
            module: The module that it runs, and its arguments.

        Raises:
            StoppedError: Somebody asked to stop.
        """
        self.go_on()
        with self._layout.log(name).open("wb") as log:
            self._running[name] = subprocess.Popen(  # noqa: S603  # our own programs, with arguments made here
                [sys.executable, "-m", "runtime.child", str(os.getpid()), *module],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for us; we stop the children in order.
                start_new_session=True,
            )

    def wait_for(self, names: Iterable[str]) -> None:
        """Returns when each of them has announced its addresses.

        Raises:
            FederationError: One ended, or did not announce anything in time.
            StoppedError: Somebody asked to stop.
        """
        give_up_at = time.monotonic() + _START_TIMEOUT_S
        for name in list(names):
            announcement = self._layout.announcement(name)
            while not announcement.exists():
                code = self._running[name].poll()
                if code is not None:
                    raise self._failure(name, *_ended(code))
                if time.monotonic() > give_up_at:
                    raise self._failure(name, "没有按时启动", "did not come up in time")
                self._stop.wait(_POLL_S)
                self.go_on()
            self.announced[name] = json.loads(announcement.read_text("utf-8"))

    def require_serving(self, provinces: Iterable[Province], role: envelope_pb2.MemberRole.ValueType) -> None:
        """Asks each program of a kind for its health, as an operator.

        Raises:
            FederationError: One is not well.
            StoppedError: Somebody asked to stop.
        """
        for province in provinces:
            name = f"{province.slug}-{ROLE_SLUGS[role]}"
            said = asyncio.run(self._health(MemberPeer(province, role), self.announced[name]["grpc"]))
            if said != SERVING:
                raise self._failure(name, f"健康状态为 {said}", f"says {said}")

    def ended(self) -> tuple[FederationError, ...]:
        """Processes that ended by themselves since the last call, each as the failure to show."""
        codes = {name: process.poll() for name, process in self._running.items() if name not in self._mourned}
        found = {name: code for name, code in codes.items() if code is not None}
        self._mourned |= found.keys()
        return tuple(self._failure(name, *_ended(code)) for name, code in found.items())

    def stop(self) -> None:
        """Stops all of them, the last one first, and waits for their end."""
        for name in reversed(self._running):
            self._running[name].terminate()
        give_up_at = time.monotonic() + _STOP_TIMEOUT_S
        for process in self._running.values():
            try:
                process.wait(max(0.0, give_up_at - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    async def _health(self, member: MemberPeer, address: str) -> str:
        asking = asyncio.ensure_future(health(self._layout, member, address))
        while not asking.done():
            await asyncio.wait({asking}, timeout=_POLL_S)
            self.go_on()  # asyncio.run cancels what is left behind
        return asking.result()

    def _failure(self, name: str, zh: str, en: str) -> FederationError:
        log = self._layout.log(name)
        tail = "\n".join(log.read_text("utf-8", "replace").splitlines()[-_LINES_OF_LOG:])
        return FederationError(f"{name} {zh}，日志：{log}", f"{name} {en}, log: {log}", tail)


def _ended(code: int) -> tuple[str, str]:
    return f"已退出（代码 {code}）", f"ended with code {code}"
