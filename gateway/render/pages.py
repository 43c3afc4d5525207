"""Making pages in a process of their own: outside the event loop, a few at a time, bounded in time and memory.

A compiler has no limit of its own, and a thread cannot be stopped. So a program that serves others starts this module for each
file, gives it the order on the standard input, takes the PDF from the standard output, and stops it in the end. What it costs
is the start of a process, a fraction of a second.
"""

from __future__ import annotations

import asyncio
import base64
import json
import resource
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from gateway.render.pdf import Printed, render_report
from gateway.render.sheet import Sheet, render_sheet
from gateway.render.typesetter import PagesError

MAX_TIME: Final = timedelta(minutes=5)
"""How long one file may take. A report of 500 records takes some seconds, one of 5 000 half a minute."""

MAX_MEMORY_BYTES: Final = 4 * 1024**3
"""Address space of the process that makes one file, fonts and libraries included: enough for 5 000 records, not for 10 000."""


class ReportPages:
    """Makes the files that people read."""

    def __init__(
        self, *, at_once: int = 2, max_time: timedelta = MAX_TIME, max_memory_bytes: int = MAX_MEMORY_BYTES
    ) -> None:
        """Bounds.

        Args:
            at_once: How many processes work at the same time; others wait.
            max_time: How long one may work, waiting not included.
            max_memory_bytes: Address space of one.
        """
        self._turn = asyncio.Semaphore(at_once)
        self._max_time = max_time
        self._max_memory_bytes = max_memory_bytes

    async def report(self, document: Mapping[str, Any], *, statement: bytes, printed: Printed) -> bytes:
        """The pages of a report, not sealed: the bytes that `render_report` gives.

        Raises:
            PagesError: They could not be made. The same may be asked again.
        """
        return await self._made(
            {
                "document": document,
                "statement": base64.b64encode(statement).decode("ascii"),
                "printed": {**asdict(printed), "issued_at": printed.issued_at.isoformat()},
            }
        )

    async def sheet(self, sheet: Sheet) -> bytes:
        """A progress sheet: the bytes that `render_sheet` gives.

        Raises:
            PagesError: It could not be made. The same may be asked again.
        """
        return await self._made({"sheet": {**asdict(sheet), "accepted_at": sheet.accepted_at.isoformat()}})

    async def _made(self, order: Mapping[str, Any]) -> bytes:
        given = await asyncio.to_thread(lambda: json.dumps(order, ensure_ascii=False).encode())
        async with self._turn:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-P", "-m", __name__, str(self._max_memory_bytes)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                async with asyncio.timeout(self._max_time.total_seconds()):
                    pdf, complaint = await process.communicate(given)
            except TimeoutError as error:
                raise PagesError(f"not done after {self._max_time.total_seconds():g} s") from error
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.communicate()
        if process.returncode != 0:
            last = complaint.decode(errors="replace").strip()[-500:]
            raise PagesError(f"the process that makes the pages ended with {process.returncode}: {last}")
        return pdf


def main() -> None:
    """One order on the standard input, one PDF on the standard output. Argument: address space in bytes."""
    limit = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # running out of memory aborts, and a core would hold the report
    try:
        pdf = _obeyed(json.load(sys.stdin.buffer))
    except (PagesError, MemoryError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    sys.stdout.buffer.write(pdf)


def _obeyed(order: dict[str, Any]) -> bytes:
    if "sheet" in order:
        fields = order["sheet"]
        return render_sheet(Sheet(**{**fields, "accepted_at": datetime.fromisoformat(fields["accepted_at"])}))
    fields = order["printed"]
    printed = Printed(
        **{
            **fields,
            "addresses": tuple((unit, url) for unit, url in fields["addresses"]),
            "issued_at": datetime.fromisoformat(fields["issued_at"]),
        }
    )
    return render_report(order["document"], statement=base64.b64decode(order["statement"]), printed=printed)


if __name__ == "__main__":
    main()
