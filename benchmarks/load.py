"""Process: callers in a closed loop. Each asks, waits for the reply, and asks again, until the requests of the block are used up.

Every subject has its own certificate and its own connections, kept open; every request has its own idempotency key. Replies are
kept as bytes while a block runs and looked at when it is over.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import sys
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import grpc

from benchmarks.child import Facts, answer_lines, arguments, run_child, say
from benchmarks.raw_grpc import BARE_REPORT
from benchmarks.scene import Scene, gateway_name
from contract.province import Province
from huren.report.v1 import report_service_pb2 as wire
from runtime.grpc_channel import open_channel

FULL: Final = "full"
BARE: Final = "bare"

_METHODS: Final = {FULL: "/huren.report.v1.ReportService/RequestReport", BARE: BARE_REPORT}
_TIMEOUT_S: Final = 60.0


class Load:
    """All callers."""

    def __init__(self, scene: Scene, stack: AsyncExitStack) -> None:
        self._scene = scene
        self._stack = stack
        self._codes = scene.codes()
        self._calls: dict[str, list[Any]] = {}

    async def handle(self, told: Facts) -> Facts:
        """Does what the parent asks: `connect` or `run`."""
        if "connect" in told:
            await self._connect(told["connect"], told["address"])
            return {}
        return await self._run(told)

    async def _connect(self, contender: str, address: str) -> None:
        """Opens a connection for each subject; nothing measured pays for a handshake."""
        calls = self._calls[contender] = []
        for code in self._codes:
            channel = await self._stack.enter_async_context(
                open_channel(address, self._scene.pki.enterprise_tls(code), server_name=gateway_name())
            )
            await asyncio.wait_for(channel.channel_ready(), _TIMEOUT_S)
            calls.append(channel.unary_unary(_METHODS[contender]))

    async def _run(self, told: Facts) -> Facts:
        calls = self._calls[told["contender"]]
        subjects: list[int] = told["subjects"]
        work = [
            (
                calls[subjects[index % len(subjects)]],
                wire.RequestReportRequest(
                    idempotency_key=secrets.token_hex(16), uscc=self._codes[subjects[index % len(subjects)]]
                ).SerializeToString(),
            )
            for index in range(told["requests"])
        ]
        waiting = iter(work)
        latencies: list[float] = []
        replies: list[bytes] = []
        failures: Counter[str] = Counter()

        async def call_until_done() -> None:
            for call, request in waiting:
                asked_at = perf_counter()
                try:
                    reply = await call(request, timeout=_TIMEOUT_S)
                except grpc.aio.AioRpcError as error:
                    failures[f"{error.code().name}: {error.details()}"] += 1
                else:
                    latencies.append(perf_counter() - asked_at)
                    replies.append(reply)

        began_at = perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(told["callers"]):
                group.create_task(call_until_done())
        wall_s = perf_counter() - began_at
        facts: Facts = {
            "wall_s": wall_s,
            "latencies_s": latencies,
            "failures": dict(failures),
            "reply_bytes": sum(map(len, replies)),
        }
        if told["contender"] == FULL:
            facts |= _read(replies)
        if told.get("show"):
            facts |= {
                "request": base64.b64encode(work[0][1]).decode(),
                "reply": base64.b64encode(replies[0]).decode() if replies else "",
            }
        return facts


def _read(replies: list[bytes]) -> Facts:
    """The numbers of the reports, and what the others say about each province."""
    numbers: list[str] = []
    still_open: list[dict[str, str]] = []
    for reply in replies:
        response = wire.RequestReportResponse.FromString(reply)
        if response.HasField("sealed"):
            numbers.append(response.sealed.report_number)
        else:
            still_open.append({Province(one.province).slug: _said(one) for one in response.open.provinces})
    return {"report_numbers": numbers, "open": still_open}


def _said(status: wire.ProvinceStatus) -> str:
    progress = wire.ProvinceProgress.Name(status.progress).removeprefix("PROVINCE_PROGRESS_")
    return f"{progress} {status.reason}".strip()


async def _main(told: Facts) -> None:
    scene = Scene(Path(told["folder"]), told["honest"], told["forged"])
    async with AsyncExitStack() as stack:
        load = Load(scene, stack)
        say({})
        await answer_lines(load.handle)


if __name__ == "__main__":
    facts = arguments()
    sys.exit(run_child(lambda: _main(facts)))
