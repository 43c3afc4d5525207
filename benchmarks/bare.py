"""Process: the bare contender. The same fan-out of the same bytes, and nothing else.

The same mutual TLS towards the callers, the same event loop, the same channels to the same four stand-ins, a deadline on every
call, messages of the same sizes. Nothing is parsed, checked, signed, verified, merged, stored, counted or logged.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from benchmarks.child import Facts, answer_lines, arguments, run_child, say
from benchmarks.raw_grpc import BARE_ANSWER, BARE_REPORT, Context, serve_bytes
from benchmarks.scene import Scene, adapter_name
from contract.province import Province
from runtime.grpc_channel import open_channel
from sandbox.pki import Authority

_TIMEOUT_S: Final = 20.0


async def _main(told: Facts) -> None:
    scene = Scene(Path(told["folder"]), told["honest"], told["forged"])
    async with AsyncExitStack() as stack:
        calls: list[Any] = []
        for number, adapter in told["adapters"].items():
            province = Province(int(number))
            channel = await stack.enter_async_context(
                open_channel(adapter, scene.gateway_tls(Authority.MEMBERS), server_name=adapter_name(province))
            )
            calls.append(channel.unary_unary(BARE_ANSWER))
        # What the callers send is shorter than a query, and what they get longer than four answers.
        query_padding = bytes(told["query_bytes"])
        reply_bytes: int = told["reply_bytes"]
        zeros = bytes(reply_bytes)

        async def report(request: bytes, context: Context) -> bytes:
            del context
            query = request + query_padding[len(request) :]
            answers = b"".join(await asyncio.gather(*(call(query, timeout=_TIMEOUT_S) for call in calls)))
            return answers + zeros[len(answers) :]

        server, address = await serve_bytes(scene.gateway_tls(Authority.CLIENTS), {BARE_REPORT: report})
        say({"address": address})
        await answer_lines(_nothing_to_say)
        await server.stop(None)


async def _nothing_to_say(_: Facts) -> Facts:
    return {}


if __name__ == "__main__":
    facts = arguments()
    sys.exit(run_child(lambda: _main(facts)))
