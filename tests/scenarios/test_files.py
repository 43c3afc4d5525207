"""A report in the hand: the owner gets it as PDF and as JSON over gRPC, and anybody can check what it gets."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import grpc
import jsonschema
import pypdf
import pytest

from contract.errors import ErrorCode, HurenError
from contract.outcome import Question
from contract.province import Province
from contract.report_json import schema
from huren.report.v1 import report_service_pb2 as wire
from huren.report.v1 import report_status_pb2
from runtime.grpc_errors import error_detail
from sandbox.pki import OFFICERS, PKI
from signing import TrustStore
from tests.support.federation import PENALTY_CELL, Federation, penalty, uscc
from tests.support.live import Live, honest, live_federation
from verifier.verdict import Verdict
from verifier.verify import verify

PDF, JSON = wire.REPORT_FORMAT_PDF, wire.REPORT_FORMAT_JSON


async def rendered(live: Live, number: str, form: wire.ReportFormat.ValueType) -> wire.RenderReportResponse:
    async with live.client() as stub:
        request = wire.RenderReportRequest(report_number=number, format=form)
        response: wire.RenderReportResponse = await stub.RenderReport(request, timeout=120)
        return response


def trusting(live: Live) -> TrustStore:
    """What a receiver believes: the federation's keys, and the seals of its PKI."""
    seals = TrustStore.from_directory(live.pki.trust).seals
    trust = live.federation.trust
    return TrustStore.from_entries(
        trust.keys.values(), policy=trust.policy, published_at=trust.published_at, seals=seals.values()
    )


async def test_the_owner_gets_files_that_verify(pki: PKI, tmp_path: Path) -> None:
    # The seal's certificate goes by the machine's clock.
    async with live_federation(pki, tmp_path, Federation(now=datetime.now(UTC))) as live:
        live.provinces[Province.SHANXI].behaviour = honest({PENALTY_CELL: [penalty()]})
        sealed = (await live.request()).sealed
        pdf = await rendered(live, sealed.report_number, PDF)
        readable = await rendered(live, sealed.report_number, JSON)
        at = live.federation.now
        for file in (pdf.content, readable.content, sealed.report_envelope):
            result = verify(file, trust=trusting(live), catalogues=live.federation.catalogues, at=at)
            assert (result.verdict, result.reason) == (Verdict.AUTHENTIC_STATUS_NOT_CHECKED, "")
            assert result.checked is not None
            assert result.checked.report.report_number == sealed.report_number
    assert (pdf.media_type, pdf.file_name) == ("application/pdf", f"{sealed.report_number}.pdf")
    assert (readable.media_type, readable.file_name) == ("application/json", f"{sealed.report_number}.json")
    jsonschema.validate(json.loads(readable.content), schema())
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf.content)).pages)
    assert sealed.report_number in text
    grouped = "-".join(sealed.typed_code[start : start + 4] for start in range(0, 16, 4))
    assert grouped in text
    assert sealed.verification_code not in text, "the code of the QR code stands in the QR code only"


async def test_nobody_else_gets_them(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        number = (await live.request()).sealed.report_number
        told = []
        for asked in (number, "HR1120261122000000018"):
            async with live.client(uscc(2)) as stub:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await stub.RenderReport(wire.RenderReportRequest(report_number=asked, format=PDF), timeout=60)
            told.append(error_detail(caught.value))
    assert told[0] == told[1]


async def test_what_was_taken_back_is_not_sealed_once_more(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        number = (await live.request()).sealed.report_number
        first, second = OFFICERS
        standing = live.services.standing
        category = report_status_pb2.REVOCATION_CATEGORY_ISSUED_IN_ERROR
        proposal = await standing.propose_revocation(number, category, "示例", officer=first)
        await standing.confirm_revocation(proposal.number, officer=second)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await rendered(live, number, PDF)
        detail = error_detail(caught.value)
        assert detail is not None
        assert detail.code == ErrorCode.REPORT_REVOKED
        async with live.client() as stub:
            shown = await stub.GetReport(wire.GetReportRequest(report_number=number), timeout=30)
        assert shown.standing.state == report_status_pb2.REPORT_STATE_REVOKED


async def test_an_open_request_has_a_progress_sheet_and_an_ended_one_has_none(pki: PKI, tmp_path: Path) -> None:
    async def silent(federation: Federation, question: Question) -> bytes:
        del federation, question
        raise HurenError(ErrorCode.UNVERIFIED_IN_PRODUCTION)

    async with live_federation(pki, tmp_path) as live:
        live.provinces[Province.BEIJING].behaviour = honest({PENALTY_CELL: [penalty()]})
        live.provinces[Province.HEBEI].behaviour = silent
        request_id = (await live.request()).open.request_id
        request = wire.RenderProgressSheetRequest(request_id=request_id)
        async with live.client() as stub:
            sheet = await stub.RenderProgressSheet(request, timeout=120)
            await stub.CancelRequest(wire.CancelRequestRequest(request_id=request_id), timeout=30)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.RenderProgressSheet(request, timeout=60)
        detail = error_detail(caught.value)
        assert detail is not None
        assert detail.code == ErrorCode.REQUEST_ENDED
        result = verify(
            sheet.content, trust=trusting(live), catalogues=live.federation.catalogues, at=live.federation.now
        )
    assert result.verdict in {Verdict.NO_EMBEDDED_DATA, Verdict.NOT_A_FILE_OF_OURS}
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(sheet.content)).pages)
    assert request_id in text
    assert "不作证明使用" in text
    assert penalty().record_id not in text
    assert "未查询到" not in text
