"""What subjects are told (消息): read by them here, and handed to the province's message platform where there is one.

What is handed on says that something happened and to whom, and nothing of a report. The platform's own text is
「您申请的事项有新进展，请登录查看」.
"""

from __future__ import annotations

from typing import Final

import aiohttp

from contract.days import to_timestamp
from gateway.store.notices import Notice, find_notice, notices_of
from gateway.store.rows import instant_text
from gateway.store.work import Work, WorkQueue
from huren.report.v1 import report_service_pb2 as wire
from runtime.database import Database

_TIMEOUT: Final = aiohttp.ClientTimeout(total=20)
_ACCEPTED: Final = range(200, 300)


class NoticeNotTakenError(Exception):
    """The message platform did not take a notice."""


class Notices:
    """Notices of one home."""

    def __init__(self, database: Database, queue: WorkQueue, *, platform_url: str | None) -> None:
        """Takes what it needs.

        Args:
            database: Where notices are.
            queue: Where the work of handing them on is.
            platform_url: Where they are posted. None: nowhere.
        """
        self._database = database
        self._queue = queue
        self._platform_url = platform_url

    async def of(self, uscc: str) -> list[wire.Notice]:
        """A subject's notices, newest first."""
        return [
            wire.Notice(
                kind=notice.kind,
                at=to_timestamp(notice.at),
                request_id=notice.request_id,
                report_number=notice.report_number,
            )
            for notice in await notices_of(self._database, uscc)
        ]

    async def hand_on(self, work: Work) -> None:
        """Hands one notice to the message platform, at least once. `notice` is the key by which the platform knows it again.

        The number alone would not do: after a restore another notice has it, and would be taken for the one of before.

        Raises:
            NoticeNotTakenError: The platform did not take it.
            StoreUnavailableError: The store cannot be read or written.
        """
        notice = await find_notice(self._database, int(work.reference))
        if notice is not None and self._platform_url is not None:
            await self._post(work.reference, notice, self._platform_url)
        await self._queue.finish(work)

    async def _post(self, number: str, notice: Notice, url: str) -> None:
        at = instant_text(notice.at)
        message = {
            "notice": f"{number}-{at}",
            "uscc": notice.uscc,
            "kind": wire.NoticeKind.Name(notice.kind).removeprefix("NOTICE_KIND_"),
            "at": at,
        }
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT) as session,
                session.post(url, json=message, allow_redirects=False) as response,
            ):
                if response.status not in _ACCEPTED:
                    raise NoticeNotTakenError(f"status {response.status}")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NoticeNotTakenError(type(error).__name__) from error
