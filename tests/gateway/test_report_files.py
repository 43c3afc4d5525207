"""How many files are made at a time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from contract.errors import ErrorCode, HurenError
from contract.province import Province
from gateway.federation.directory import FixedDirectory
from gateway.render.pages import ReportPages
from gateway.render.seal import Seal
from gateway.render.sheet import Sheet
from gateway.reports.files import ReportFiles
from huren.report.v1 import report_service_pb2 as wire
from runtime.identity import MemberPeer
from sandbox.pki import PKI
from tests.support.federation import GATEWAY, Federation
from tests.support.live import members


class Held(ReportPages):
    """Makes pages when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.release = asyncio.Event()
        self.waiting = 0

    async def sheet(self, sheet: Sheet) -> bytes:
        del sheet
        self.waiting += 1
        await self.release.wait()
        return b"pages"


async def test_files_for_which_too_many_wait_are_refused_and_the_others_are_made(pki: PKI) -> None:
    """What happens: many files are asked for at once, more than are made at a time.

    What must result: the last ones are told to come back, before they hold places that requests for reports need.
    """
    federation, pages = Federation(), Held()
    seal = pki.seal(MemberPeer(Province.BEIJING, GATEWAY))
    files = ReportFiles(
        province=Province.BEIJING,
        directory=FixedDirectory(members(dict.fromkeys(Province, "127.0.0.1:1"))),
        public_url=lambda: "https://huren.example",
        verifier=federation.verifier,
        catalogues=federation.catalogues,
        pages=pages,
        seal=Seal.load(Path(seal.certificate), Path(seal.private_key)),
        specimen=True,
        clock=lambda: federation.now,
    )
    request = wire.OpenRequest(request_id="0" * 32)
    async with asyncio.TaskGroup() as group:
        made = [group.create_task(files.progress_sheet(request)) for _ in range(16)]
        while pages.waiting < len(made):  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0)
        with pytest.raises(HurenError) as caught:
            await files.progress_sheet(request)
        pages.release.set()
    assert caught.value.code is ErrorCode.OVERLOADED
    assert {task.result().content for task in made} == {b"pages"}
    assert (await files.progress_sheet(request)).content == b"pages"
