"""Many reports at once (集团批量): of a person for its enterprises, or of a unit under its grants."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

from aiohttp import web

from gateway.api.large_files import written_apart
from gateway.api.ports import BatchLine, BatchService
from gateway.api.rest.call import Call, Handler, answer, disposition, next_cursor
from gateway.api.rest.documents import fill, instant, instant_or_none
from gateway.batches.callers import BatchCaller, group_of, institution_of, institution_program
from gateway.batches.lists import MAX_BYTES, from_json, read_list
from gateway.batches.service import BatchView
from huren.report.v1 import report_service_pb2 as wire

_ACCEPTED: Final = 202
_HEX32: Final = r"[0-9a-f]{32}"
_COUNT: Final = r"[1-9][0-9]{0,8}"
_JSON_FIELDS: Final = frozenset({"choices", "repeat_days"})


class BatchHandlers:
    """Operations about batches."""

    def __init__(self, batches: BatchService) -> None:
        self._batches = batches

    def operations(self) -> Mapping[str, Handler]:
        """Handlers by operation id."""
        return {
            "beginBatch": self.begin,
            "listBatches": self.list,
            "getBatch": self.find,
            "listBatchLines": self.lines,
            "getBatchArchive": self.archive,
            "cancelBatch": self.cancel,
            "scheduleBatch": self.schedule,
            "repeatBatch": self.repeat,
        }

    async def begin(self, call: Call) -> web.StreamResponse:
        """From a list in the body, or in a file."""
        caller = _whose(call)
        if call.is_upload:
            sent, chosen = await call.upload(file="file", limit=MAX_BYTES, numbers=_JSON_FIELDS)
            lines = await asyncio.to_thread(read_list, sent.file)
        else:
            chosen = call.body
            lines = from_json(chosen["lines"])
        batch = await self._batches.begin(
            caller,
            fill(chosen.get("choices", {}), wire.RequestReportRequest),
            lines,
            idempotency_key=call.idempotency_key,
            repeat_days=chosen.get("repeat_days", 0),
        )
        return await self._begun(batch, caller)

    async def list(self, call: Call) -> web.StreamResponse:
        """The caller's."""
        found = await self._batches.list(_whose(call), before=call.cursor("batch", _HEX32), limit=call.limit)
        following = next_cursor("batch", found[-1].batch.batch) if len(found) >= call.limit else None
        return answer({"batches": list(map(_batch, found)), "next": following})

    async def find(self, call: Call) -> web.StreamResponse:
        """How one stands."""
        return answer(_batch(await self._batches.find(call.path("batch"), _whose(call))))

    async def lines(self, call: Call) -> web.StreamResponse:
        """What became of each."""
        after = int(call.cursor("line", _COUNT) or 0)
        found = await self._batches.lines(call.path("batch"), _whose(call), after=after, limit=call.limit)
        following = next_cursor("line", found[-1].line) if len(found) >= call.limit else None
        return answer({"lines": list(map(_line, found)), "next": following})

    async def archive(self, call: Call) -> web.StreamResponse:
        """Of one that has ended."""
        batch, caller = call.path("batch"), _whose(call)
        form = wire.REPORT_FORMAT_JSON if call.parameters.query.get("format") == "json" else wire.REPORT_FORMAT_PDF

        async def write(out: BinaryIO) -> None:
            await self._batches.archive(batch, caller, out, form)

        return await written_apart(write, media_type="application/zip", disposition=disposition(f"batch-{batch}.zip"))

    async def cancel(self, call: Call) -> web.StreamResponse:
        """Gives one up."""
        return answer(_batch(await self._batches.cancel(call.path("batch"), _whose(call))))

    async def schedule(self, call: Call) -> web.StreamResponse:
        """When it is begun once more."""
        days = call.body["repeat_days"]
        return answer(_batch(await self._batches.schedule(call.path("batch"), _whose(call), days)))

    async def repeat(self, call: Call) -> web.StreamResponse:
        """Once more, now."""
        caller = _whose(call)
        batch = await self._batches.repeat(call.path("batch"), caller, idempotency_key=call.idempotency_key)
        return await self._begun(batch, caller)

    async def _begun(self, batch: str, caller: BatchCaller) -> web.StreamResponse:
        headers = {"Location": f"/api/v1/batches/{batch}"}
        return answer(_batch(await self._batches.find(batch, caller)), status=_ACCEPTED, headers=headers)


def _whose(call: Call) -> BatchCaller:
    """A program's unit; the unit that a person named; or the person."""
    admitted = call.admitted
    if admitted.person is None:
        return institution_program(call.caller)
    if admitted.caller is not None:
        return institution_of(admitted.person, admitted.caller.uscc)
    return group_of(admitted.person)


def _batch(view: BatchView) -> dict[str, Any]:
    batch = view.batch
    return {
        "batch": batch.batch,
        "state": batch.state,
        "repeat_days": batch.repeat_days,
        "repeated_from": batch.repeated_from,
        "begun_at": instant(batch.begun_at),
        "ended_at": instant_or_none(batch.ended_at),
        "repeats_at": instant_or_none(view.repeats_at),
        "counts": {str(state): count for state, count in sorted(view.counts.items())},
    }


def _line(line: BatchLine) -> dict[str, Any]:
    return {
        "line": line.line,
        "given": line.given,
        "state": line.state,
        "request_id": line.request_id,
        "report_number": line.report_number,
        "reason": line.reason,
        "reason_zh": line.detail.zh,
        "reason_en": line.detail.en,
        "ended_at": instant_or_none(line.ended_at),
    }
