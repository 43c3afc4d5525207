"""Verification of files that are handed in: each is named, in bounded time and memory, and nothing of it is left behind."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from contract.province import Province
from contract.report_check import check_report
from contract.report_json import render
from gateway.domain.request import Sealed
from gateway.store import tables
from gateway.verification import confined
from gateway.verification.by_file import FileLimits, FileVerification, TooBusyError
from gateway.verification.words import words_of
from huren.report.v1 import report_status_pb2 as statuses
from runtime.database import open_database
from sandbox.pki import PKI
from signing import write_key_entry, write_policy
from tests.support.federation import SUBJECT_CODE, Federation, accept_ed25519
from tests.support.verification import House, house, reachable, served

FILES = "/api/v1/verifications/file"
MEBIBYTE = 1024 * 1024
PATIENCE = timedelta(seconds=100)
"""On a machine that does much else besides."""


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    """The trust directory of the federation, published now: the verifier's clock is the machine's."""
    folder = tmp_path / "trust"
    folder.mkdir()
    federation = Federation()
    for entry in federation.entries:
        write_key_entry(folder, entry)
    write_policy(folder, accept_ed25519(federation.now), published_at=datetime.now(UTC).replace(microsecond=0))
    return folder


@pytest.fixture
async def beijing(tmp_path: Path) -> AsyncIterator[House]:
    """On SQLite only: what is in a file has nothing to do with the database."""
    async with open_database(f"sqlite:///{tmp_path / 'beijing.db'}") as database:
        await tables.prepare(database)
        yield house(Province.BEIJING, database)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def left_in(folder: Path) -> list[int]:
    """The permissions of every file in the folder."""
    return [file.stat().st_mode & 0o777 for file in folder.iterdir()]


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


class Door:
    """A gateway served to everybody, and who asks there."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url = url
        self.http = http

    async def post(self, data: bytes, type_: str = "application/octet-stream") -> tuple[int, dict[str, Any]]:
        async with self.http.post(self.url + FILES, data=io.BytesIO(data), headers={"Content-Type": type_}) as response:
            return response.status, await response.json(content_type=None)

    async def upload(self, data: bytes, name: str = "report.pdf") -> tuple[int, str]:
        form = aiohttp.FormData()
        form.add_field("file", data, filename=name)
        async with self.http.post(f"{self.url}/verify", data=form) as response:
            assert response.content_type == "text/html"
            return response.status, await response.text()


@pytest.fixture
async def door(beijing: House, trust: Path, tmp_path: Path, http: aiohttp.ClientSession) -> AsyncIterator[Door]:
    async with served(beijing, tmp_path, trust=trust, limits=FileLimits(reading=PATIENCE)) as url:
        yield Door(url, http)


def json_form(one: House, sealed: Sealed) -> dict[str, Any]:
    federation = one.federation
    return render(check_report(sealed.envelope, verifier=federation.verifier, catalogues=federation.catalogues))


def encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def facts_of(page: str) -> str:
    """What a page shows to be compared, as it stands there."""
    found = re.search(r'<dl class="facts">.*?</dl>', page, re.DOTALL)
    assert found is not None
    return found[0]


# --- Files of ours ----------------------------------------------------------------------------------------------------


async def test_both_forms_of_a_report_are_verified_with_the_homes_status(beijing: House, door: Door) -> None:
    sealed = await beijing.issue(holes=True)

    for data in (sealed.envelope, encoded(json_form(beijing, sealed))):
        status, told = await door.post(data)
        assert status == 200
        assert (told["verdict"], told["limited_scope"]) == ("VALID", True)
        assert told["headline"].startswith("核验一致")
        assert told["file"]["report_number"] == sealed.report_number
        assert base64.b64decode(told["status"])


async def test_the_form_shows_a_files_verdict_and_facts(beijing: House, door: Door, temporary: Path) -> None:
    sealed = await beijing.issue()

    status, page = await door.upload(sealed.envelope)

    assert status == 200
    assert "核验一致" in page
    assert sealed.report_number in page
    assert "北京示例机械有限公司" in page
    assert left_in(temporary) == []


async def test_a_valid_file_is_shown_with_what_to_compare_as_by_code(beijing: House, door: Door) -> None:
    """T20, T24: the same facts and words whether the file or its code was handed in."""
    sealed = await beijing.issue(holes=True)
    by_code = await beijing.verify(sealed.report_number, sealed.verification_code)
    compared = by_code.comparison
    assert compared is not None

    _, told = await door.post(sealed.envelope)
    _, page = await door.upload(sealed.envelope)

    words = words_of(by_code, {})
    assert (told["headline"], told["advice"], told["english"]) == (words.headline, words.advice, words.english)
    assert told["headline"] == "核验一致 · 有限范围"
    file = told["file"]
    assert {name: file[name] for name in ("name", "masked_uscc", "issuer", "catalogue_version", "conclusion")} == {
        "name": compared.name,
        "masked_uscc": compared.masked_uscc,
        "issuer": compared.issuer,
        "catalogue_version": compared.catalogue_version,
        "conclusion": compared.conclusion,
    }
    assert file["window"] == [compared.window.first_day, compared.window.last_day]
    assert f"下列事项未纳入：{'、'.join(file['not_covered'])}" in told["advice"]
    async with door.http.post(
        f"{door.url}/verify", data={"report_number": sealed.report_number, "code": sealed.verification_code}
    ) as response:
        shown = facts_of(await response.text())
    assert "北京时间" in shown
    assert facts_of(page) == shown
    assert SUBJECT_CODE not in page + json.dumps(file)


async def test_a_specimen_is_shown_as_one_by_a_gateway_in_production_too(
    beijing: House, trust: Path, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    sealed = await beijing.issue()
    async with served(beijing, tmp_path, trust=trust, limits=FileLimits(reading=PATIENCE), specimen=False) as url:
        async with http.get(f"{url}/verify") as response:
            assert "样张 ·" not in await response.text()
        _, page = await Door(url, http).upload(sealed.envelope)
    assert sealed.report_number in page
    assert "样张 ·" in page


async def test_a_file_of_a_superseded_report_tells_the_date_only(beijing: House, door: Door) -> None:
    sealed = await beijing.issue(holes=True)
    await beijing.happens(sealed, statuses.REPORT_STATE_SUPERSEDED)

    _, told = await door.post(sealed.envelope)

    assert (told["verdict"], told["since"], told["file"]) == ("SUPERSEDED", "2026-11-20", None)
    assert (told["headline"], "未纳入" in told["advice"]) == ("信息已更新", False)
    assert "北京示例机械有限公司" not in json.dumps(told, ensure_ascii=False)


async def test_another_members_file_is_asked_of_its_home(pki: PKI, beijing: House, tianjin: House, door: Door) -> None:
    sealed = await tianjin.issue(holes=True)
    _, unreachable = await door.post(sealed.envelope)

    async with reachable(pki, tianjin, beijing):
        _, told = await door.post(sealed.envelope)

    assert (unreachable["verdict"], unreachable["headline"]) == (
        "AUTHENTIC_STATUS_NOT_CHECKED",
        "文件与原件一致 · 有限范围",
    )
    assert unreachable["status"] is None
    assert not {"window", "conclusion", "not_covered", "penalties", "list_entries"} & unreachable["file"].keys()
    assert told["verdict"] == "VALID"


async def test_a_file_that_its_home_does_not_know_is_not_valid(beijing: House, door: Door) -> None:
    federation = beijing.federation
    stray = federation.report(federation.admitted())

    _, told = await door.post(stray)

    assert (told["verdict"], told["file"], told["status"]) == ("UNKNOWN", None, None)


async def test_a_changed_file_is_named_so(beijing: House, door: Door) -> None:
    sealed = await beijing.issue()
    document = json_form(beijing, sealed)
    altered = bytearray(sealed.envelope)
    altered[len(altered) // 2] ^= 1
    other_name = encoded(document).replace("北京示例机械".encode(), "北京示例食品".encode(), 1)
    without = encoded({name: value for name, value in document.items() if name != "statement"})

    verdicts = [(await door.post(data))[1]["verdict"] for data in (bytes(altered), other_name, without)]

    assert verdicts == ["TAMPERED", "TAMPERED", "NO_EMBEDDED_DATA"]


# --- Files of others --------------------------------------------------------------------------------------------------


def zip_bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("report.pdf", bytes(200 * MEBIBYTE))
    return packed.getvalue()


def pdf_bomb() -> bytes:
    stream = zlib.compress(bytes(400 * MEBIBYTE), 9)
    head = b"1 0 obj\n<</Type/EmbeddedFile/Filter/FlateDecode/Length " + str(len(stream)).encode() + b">>\nstream\n"
    twice = 2 * (head + stream + b"\nendstream\nendobj\n")
    return b"%PDF-1.7\n" + twice + b"%%EOF\n"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param("这是一段文字".encode(), id="a text"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(1000), id="a picture"),
        pytest.param(b"%PDF-1.7\n%%EOF\n", id="an empty PDF"),
        pytest.param(b"%PDF-1.7\n" + bytes(range(256)) * 4000, id="a PDF that is none"),
        pytest.param(b"%PDF-1.7\n" + b"1 0 obj\n<<" * 200_000, id="a PDF that never ends"),
        pytest.param(b"[" * (10 * MEBIBYTE), id="a deep JSON"),
        pytest.param(b'{"a":' * 1_000_000, id="a deep object"),
        pytest.param(b'{"format":"x","statement":[' + b"{}," * 3_000_000 + b"{}]}", id="a wide JSON"),
        pytest.param(b"application/vnd.huren.report.v1+protobuf" + bytes(20_000), id="no envelope"),
    ],
)
async def test_every_other_file_gets_a_named_verdict_and_leaves_nothing(
    door: Door, temporary: Path, data: bytes
) -> None:
    status, told = await door.post(data)

    assert status == 200
    assert re.fullmatch("[A-Z_]+", told["verdict"])
    assert told["verdict"] not in {"VALID", "AUTHENTIC_STATUS_NOT_CHECKED"}
    assert (told["status"], told["since"], told["limited_scope"]) == (None, None, None)
    assert left_in(temporary) == []


@pytest.mark.parametrize("make", [zip_bomb, pdf_bomb])
async def test_a_file_that_unpacks_to_too_much_gets_a_named_verdict(door: Door, temporary: Path, make: Any) -> None:
    data = make()
    assert len(data) < 2 * MEBIBYTE

    status, told = await door.post(data, "application/pdf")

    assert status == 200
    assert told["verdict"] in {"NOT_A_FILE_OF_OURS", "TOO_LARGE", "NO_EMBEDDED_DATA", "NOT_READ_IN_TIME"}
    assert left_in(temporary) == []


# --- Limits -----------------------------------------------------------------------------------------------------------


def address(url: str) -> tuple[str, int]:
    found = re.fullmatch(r"http://(.+):([0-9]+)", url)
    assert found is not None
    return found[1], int(found[2])


async def test_an_upload_that_is_announced_too_large_is_refused_unread(door: Door) -> None:
    reader, writer = await asyncio.open_connection(*address(door.url))
    writer.write(
        f"POST {FILES} HTTP/1.1\r\nHost: x\r\nContent-Type: application/pdf\r\nContent-Length: {500 * MEBIBYTE}\r\n\r\n".encode()
    )

    head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()

    assert head.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in head


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(f"POST {FILES} HTTP/1.1\r\nContent-Type: application/pdf\r\n", id="file"),
        pytest.param("POST /verify HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\n", id="form"),
    ],
)
async def test_an_endless_upload_is_refused_at_the_limit(door: Door, temporary: Path, head: str) -> None:
    reader, writer = await asyncio.open_connection(*address(door.url))
    start = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.pdf"\r\n\r\n'
    writer.write(f"{head}Host: x\r\nTransfer-Encoding: chunked\r\n\r\n{len(start):x}\r\n".encode() + start + b"\r\n")
    answer = asyncio.create_task(reader.readline())
    chunk, sent = bytes(MEBIBYTE), 0

    while not answer.done() and sent < 500 * MEBIBYTE:
        writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        await writer.drain()
        sent += len(chunk)
        await asyncio.sleep(0)

    assert (await answer).startswith(b"HTTP/1.1 413 ")
    assert 20 * MEBIBYTE <= sent < 500 * MEBIBYTE
    writer.write(b"0\r\n\r\n")  # what is still on its way is thrown away until here, or for a while
    await reader.read()
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    assert left_in(temporary) == []


async def test_a_file_that_does_not_arrive_in_time_is_refused(beijing: House, trust: Path, tmp_path: Path) -> None:
    async with served(beijing, tmp_path, trust=trust, limits=FileLimits(receiving=timedelta(0))) as url:
        reader, writer = await asyncio.open_connection(*address(url))
        writer.write(
            f"POST {FILES} HTTP/1.1\r\nHost: x\r\nContent-Type: application/pdf\r\nContent-Length: 9\r\n\r\n".encode()
        )

        head = await reader.readuntil(b"\r\n\r\n")

        writer.close()
        await writer.wait_closed()
    assert head.startswith(b"HTTP/1.1 408 ")


async def test_a_file_that_takes_too_long_to_read_is_named_so(
    beijing: House, trust: Path, tmp_path: Path, http: aiohttp.ClientSession, temporary: Path
) -> None:
    async with served(beijing, tmp_path, trust=trust, limits=FileLimits(reading=timedelta(0))) as url:
        status, told = await Door(url, http).post(b"x")

    assert (status, told["verdict"], told["headline"]) == (200, "NOT_READ_IN_TIME", "无法核验本文件")
    assert left_in(temporary) == []


class Upload:
    """A file on its way: it arrives when a test says so."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"x"
        self.begun.set()
        await self.goes_on.wait()


def verifying(files: FileVerification, upload: Upload, one: House) -> AbstractAsyncContextManager[asyncio.Task[Any]]:
    return _Verifying(files, upload, one)


class _Verifying(AbstractAsyncContextManager[asyncio.Task[Any]]):
    def __init__(self, files: FileVerification, upload: Upload, one: House) -> None:
        self.task = asyncio.create_task(files.verify_file(upload, at=one.federation.now, caller="public"))
        self.upload = upload

    async def __aenter__(self) -> asyncio.Task[Any]:
        await self.upload.begun.wait()
        return self.task

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_who_finds_no_place_is_told_to_come_back(beijing: House, trust: Path) -> None:
    files = FileVerification(trust=trust, statuses=beijing.statuses, limits=FileLimits(places=1, reading=PATIENCE))
    first, second = Upload(), Upload()
    async with verifying(files, first, beijing) as running:
        with pytest.raises(TooBusyError):
            await files.verify_file(Upload(), at=beijing.federation.now, caller="public")
        first.goes_on.set()
        assert (await running).verdict == "NOT_A_FILE_OF_OURS"
    async with verifying(files, second, beijing):
        assert second.begun.is_set()


async def test_a_full_house_is_told_over_http(
    beijing: House, trust: Path, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    async with served(beijing, tmp_path, trust=trust, limits=FileLimits(places=0)) as url:
        async with http.post(url + FILES, data=b"x", headers={"Content-Type": "application/pdf"}) as response:
            assert (response.status, (await response.json(content_type=None))["code"]) == (503, "OVERLOADED")
            assert int(response.headers["Retry-After"]) > 0
        status, page = await Door(url, http).upload(b"x")

    assert status == 503
    assert "当前办理量较大" in page


async def test_slow_uploads_of_one_address_leave_places_for_the_others(
    beijing: House, trust: Path, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    """What happens: one address sends files and does not end them; another one sends a file."""
    ends = asyncio.Event()
    begun: asyncio.Queue[None] = asyncio.Queue()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"x"
        begun.put_nowait(None)
        await ends.wait()

    async def send(address: str, body: Any) -> int:
        headers = {"Content-Type": "application/pdf", "X-Forwarded-For": address}
        async with http.post(url + FILES, data=body, headers=headers) as response:
            return response.status

    async with served(beijing, tmp_path, trust=trust, limits=FileLimits(reading=PATIENCE)) as url:
        held = [asyncio.create_task(send("198.51.100.1", slowly())) for _ in range(3)]
        for _ in held:
            await begun.get()
        while (refused := await send("198.51.100.1", b"x")) == 200:  # the server had not seen all of them
            pass
        elsewhere = await send("198.51.100.2", b"x")
        ends.set()
        statuses = await asyncio.gather(*held)
        again = await send("198.51.100.1", b"x")

    assert refused in {429, 503}
    assert (elsewhere, statuses, again) == (200, [200] * 3, 200)


async def test_the_temporary_file_is_this_users_alone_and_goes_with_whoever_leaves(
    beijing: House, trust: Path, temporary: Path
) -> None:
    files = FileVerification(trust=trust, statuses=beijing.statuses)
    async with verifying(files, Upload(), beijing):
        assert left_in(temporary) == [0o600]

    assert left_in(temporary) == []


def test_the_verifier_gets_its_limits_before_it_is_loaded() -> None:
    script = (
        "import os, resource, sys\n"
        "from gateway.verification import confined\n"
        "os.execv = lambda path, command: print([resource.getrlimit(kind) for kind in confined._LIMITS], command[1:])\n"
        "sys.argv[1:] = ['file', 'trust']\n"
        "confined.main()\n"
    )
    shown = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout

    limits = [(limit, limit) for limit in confined._LIMITS.values()]
    command = ["-I", "-X", "utf8", "-m", "verifier.command", "--json", "--trust", "trust", "--", "file"]
    assert shown == f"{limits} {command}\n"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"x" * 300_000, id="a line without an end"),
        pytest.param(b"--b\r\nX: " + b"y" * 100_000 + b"\r\n\r\nz\r\n--b--\r\n", id="a long head"),
        pytest.param(b"--b\r\n" + b"X: y\r\n" * 5_000 + b"\r\nz\r\n--b--\r\n", id="many heads"),
        pytest.param(b"--b\r\nno colon\r\n\r\nz\r\n--b--\r\n", id="no head"),
        pytest.param(
            b'--b\r\nContent-Disposition: form-data; name="\x00\xff"\r\n\r\nz\r\n--b--\r\n', id="a head of bytes"
        ),
        pytest.param(
            b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nz\r\n--c--\r\n--b--\r\n", id="nested"
        ),
    ],
)
async def test_a_form_that_is_none_is_the_senders_fault(door: Door, body: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    async with door.http.post(f"{door.url}/verify", data=body, headers=headers) as response:
        assert (response.status, response.content_type) == (400, "text/html")


async def test_a_form_without_a_file_says_so(door: Door) -> None:
    async with door.http.post(
        f"{door.url}/verify", data=b"--b--\r\n", headers={"Content-Type": "multipart/form-data; boundary=b"}
    ) as response:
        assert response.status == 400
        assert "请选择要核验的文件" in await response.text()
    async with door.http.post(
        f"{door.url}/verify", data=b"x", headers={"Content-Type": "multipart/form-data"}
    ) as response:
        assert response.status == 400
