"""The life of a report at the command line: open while a province is away, issued when it is back, verified, taken back."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pypdf
import pytest
from typer.testing import CliRunner, Result

from cli.federation import Running, federation
from cli.main import app

pytestmark = [pytest.mark.xdist_group("real-federation"), pytest.mark.timeout(300)]


def huren(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def answered(*arguments: str, code: int = 0) -> Any:
    done = huren(*arguments, "--json")
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


@contextmanager
def supervised(running: Running) -> Iterator[None]:
    """Does for the time of the block what the loop of `huren up` does."""
    over = threading.Event()

    def follow() -> None:
        while not over.wait(0.1):
            running.follow()

    supervisor = threading.Thread(target=follow)
    supervisor.start()
    try:
        yield
    finally:
        over.set()
        supervisor.join()


def posted(gateway: str, pdf: Path) -> Any:
    """What a gateway says about a file that somebody without a certificate sends it."""
    request = urllib.request.Request(  # noqa: S310  # of a gateway that the test started
        f"{gateway}/api/v1/verifications/file", data=pdf.read_bytes(), headers={"Content-Type": "application/pdf"}
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as response:
        return json.load(response)


def text_of(pdf: Path) -> str:
    with pypdf.PdfReader(pdf) as reader:
        return "".join(page.extract_text() for page in reader.pages)


def test_a_report_comes_by_itself_when_the_province_is_back_and_two_officers_take_it_back(tmp_path: Path) -> None:
    """What happens: 河北 is stopped; an enterprise of 北京 asks; 河北 comes back; later two officers revoke the report.

    What must result: a progress sheet and no report; then report, JSON and PDF without asking again; valid at every province's
    address until the second officer confirms, and 报告已作废 afterwards.
    """
    out = tmp_path / "reports"
    with federation(tmp_path / "up") as running, supervised(running):
        place = ("--dir", str(running.layout.directory))
        code = running.layout.cast()["found_in_several"]["uscc"]
        tianjin = str(running.announced["tianjin-gateway"]["public"])
        adapter = running.announced["hebei-adapter"]["grpc"]

        assert answered("province", "stop", "hebei", *place)["result"] == "stopped"
        opened = answered("report", "request", code, "--out", str(out), *place, code=4)
        request_id = opened["request_id"]
        assert [one["province"] for one in opened["provinces"] if one["progress"]["code"] == "UNAVAILABLE"] == ["hebei"]
        assert opened["completion_until"] > opened["accepted_at"]
        (sheet,) = out.iterdir()
        assert sheet.name == f"{request_id}-progress.pdf"
        assert "不作证明使用" in text_of(sheet)

        assert answered("province", "start", "hebei", *place)["result"] == "started"
        assert running.announced["hebei-adapter"]["grpc"] == adapter
        watched = answered("report", "watch", request_id, "--uscc", code, "--out", str(out), *place)
        number = watched["report_number"]
        pdf = out / f"{number}.pdf"
        assert {path.suffix for path in out.glob("HR*")} == {".pdf", ".json", ".report"}
        assert number in text_of(pdf)
        (notice,) = answered("report", "notices", code, *place)["notices"]
        assert (notice["kind"]["code"], notice["report_number"]) == ("REPORT_ISSUED", number)
        refused = answered("report", "cancel", request_id, "--uscc", code, *place, code=1)
        assert refused["code"] == "ISSUED_ALREADY"

        for path in (pdf, pdf.with_suffix(".report"), pdf.with_suffix(".json")):
            assert answered("verify", str(path), "--online", tianjin, *place)["verdict"] == "VALID"
        told = posted(tianjin, pdf)
        assert (told["verdict"], told["file"]["report_number"]) == ("VALID", number)
        assert {one["role"] for one in told["file"]["signers"]} == {"report", "fragment", "seal"}

        revoke = ("--category", "issued-in-error", "--note", "示例")
        proposal = answered("office", "revoke", number, *revoke, *place)["revocation"]["proposal"]
        assert (
            answered(
                "office", "confirm", str(proposal), "--province", "beijing", "--officer", "officer-1", *place, code=1
            )["code"]
            == "SECOND_OFFICER_NEEDED"
        )
        assert answered("verify", str(pdf), "--online", tianjin, *place)["verdict"] == "VALID"
        assert answered("office", "confirm", str(proposal), "--province", "beijing", *place)["result"] == "revoked"

        shown = huren("verify", str(pdf), "--online", tianjin, *place)
        assert shown.exit_code == 1, shown.output
        assert "报告已作废" in shown.stdout
        told = posted(tianjin, pdf)
        assert (told["verdict"], told["revocation"], told["file"]) == ("REVOKED", "ISSUED_IN_ERROR", None)
        standing = answered("office", "standing", number, *place)
        assert (standing["state"]["code"], standing["reasons"][0]["revocation"]["code"]) == (
            "REVOKED",
            "ISSUED_IN_ERROR",
        )
        owner = answered("report", "get", number, "--uscc", code, *place)
        assert owner["standing"]["state"]["code"] == "REVOKED"
