"""One good request for each operation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.gateway.api.rest.fakes import BATCH, GRANT, MANDATE, NUMBER, PAIRING, REQUEST, SESSION, TERMS, A

_KEY = {"Idempotency-Key": "key-00000001"}


@dataclass(frozen=True)
class Sample:
    path: str
    method: str = "POST"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    json: Any = None
    form: dict[str, str] | None = None
    file: tuple[str, str, dict[str, str]] | None = None
    """Name of the part, media type, further fields."""
    data: bytes | None = None

    def arguments(self) -> dict[str, Any]:
        found: dict[str, Any] = {"headers": dict(self.headers)}
        if self.json is not None:
            found["json"] = self.json
        elif self.form is not None:
            found["data"] = self.form
        elif self.file is not None:
            name, media_type, fields = self.file
            body = aiohttp.FormData(default_to_multipart=True)
            for part, text in fields.items():
                body.add_field(part, text)
            body.add_field(name, b"91110118MY7B8J0Y0R\n", content_type=media_type, filename="any")
            found["data"] = body
        elif self.data is not None:
            found["data"] = self.data
            found["headers"]["Content-Type"] = "application/octet-stream"
        return found


def get(path: str, **more: Any) -> Sample:
    return Sample(path, "GET", **more)


_TERMS = {
    "subject": {"uscc": TERMS.subject.uscc, "name": TERMS.subject.name},
    "grantee": {"uscc": TERMS.grantee.uscc, "name": TERMS.grantee.name},
    "purpose": "FINANCING",
    "cells": [{"domain": "tax", "kind": "PENALTY"}],
    "window": {"first_day": "2021-11-22", "last_day": "2027-11-21"},
    "max_uses": 3,
    "written_on": "2026-11-22",
    "expires_on": "2027-11-21",
    "catalogue": {"version": "2025-12", "digest": "00" * 32},
    "document_number": "ab" * 16,
}

SAMPLES = {
    "beginLogin": get("/auth/login?channel=WEB&return_to=/reports", status=303),
    "finishLogin": get("/auth/callback?state=1&code=good", status=303),
    "backChannelLogout": Sample("/auth/backchannel-logout", status=204, form={"logout_token": "good"}),
    "logout": Sample("/auth/logout"),
    "getSession": get("/api/v1/session"),
    "listSessions": get("/api/v1/sessions"),
    "endSession": Sample(f"/api/v1/sessions/{SESSION}", "DELETE", 204),
    "askForMandate": Sample("/api/v1/mandates", status=201, json={"uscc": A, "scopes": ["report"]}),
    "listMandates": get("/api/v1/mandates"),
    "endMandate": Sample(f"/api/v1/mandates/{MANDATE}/end"),
    "listEnterpriseMandates": get("/api/v1/enterprise/mandates"),
    "confirmMandate": Sample(
        f"/api/v1/enterprise/mandates/{MANDATE}/confirmation",
        json={"pairing_code": PAIRING, "scopes": ["report"], "expires_on": "2027-01-01"},
    ),
    "requestReport": Sample("/api/v1/report-requests", status=201, headers=_KEY, json={"kinds": ["PENALTY"]}),
    "listReportRequests": get("/api/v1/report-requests"),
    "getReportRequest": get(f"/api/v1/report-requests/{REQUEST}"),
    "cancelReportRequest": Sample(f"/api/v1/report-requests/{REQUEST}/cancellation"),
    "getProgressSheet": get(f"/api/v1/report-requests/{REQUEST}/progress-sheet", status=409),
    "listReports": get("/api/v1/reports"),
    "getReport": get(f"/api/v1/reports/{NUMBER}"),
    "getReportFile": get(f"/api/v1/reports/{NUMBER}/file?format=pdf"),
    "listNotices": get("/api/v1/notices"),
    "draftGrant": Sample(
        "/api/v1/grant-drafts",
        json={
            "grantee_uscc": "91350200575017604M",
            "grantee_name": "示例银行",
            "purpose": "FINANCING",
            "domains": ["tax"],
            "max_uses": 3,
            "expires_on": "2027-11-21",
        },
    ),
    "giveGrant": Sample(
        "/api/v1/grants", status=201, json={"terms": _TERMS, "certificate": "AAAA", "signature": "AAAA"}
    ),
    "listGrants": get("/api/v1/grants?side=given"),
    "getGrant": get(f"/api/v1/grants/{GRANT.hex()}"),
    "revokeGrant": Sample(f"/api/v1/grants/{GRANT.hex()}/revocation"),
    "listLookUps": get("/api/v1/look-ups"),
    "exportLookUps": get("/api/v1/look-ups/export"),
    "lookUpOnDuty": Sample(
        "/api/v1/official-look-ups",
        status=201,
        headers=_KEY,
        json={"matter_number": "示例函〔2026〕1号", "uscc": A},
    ),
    "fileWindowMandate": Sample("/api/v1/window-mandates", status=201, file=("scan", "application/pdf", {"uscc": A})),
    "listWindowMandates": get("/api/v1/window-mandates"),
    "getWindowScan": get(f"/api/v1/window-mandates/{MANDATE}/scan"),
    "confirmWindowMandate": Sample(f"/api/v1/window-mandates/{MANDATE}/confirmation"),
    "endWindowMandate": Sample(f"/api/v1/window-mandates/{MANDATE}/end"),
    "beginBatch": Sample(
        "/api/v1/batches", status=202, headers=_KEY, json={"lines": [{"uscc": A}], "choices": {"kinds": ["PENALTY"]}}
    ),
    "listBatches": get("/api/v1/batches"),
    "getBatch": get(f"/api/v1/batches/{BATCH}"),
    "listBatchLines": get(f"/api/v1/batches/{BATCH}/lines"),
    "getBatchArchive": get(f"/api/v1/batches/{BATCH}/archive"),
    "cancelBatch": Sample(f"/api/v1/batches/{BATCH}/cancellation"),
    "scheduleBatch": Sample(f"/api/v1/batches/{BATCH}/schedule", json={"repeat_days": 30}),
    "repeatBatch": Sample(f"/api/v1/batches/{BATCH}/repetitions", status=202, headers=_KEY),
    "verifyByCode": Sample("/api/v1/verifications", json={"report_number": NUMBER, "code": "0" * 16}),
    "verifyByFile": Sample("/api/v1/verifications/file", data=b"%PDF-"),
    "getReportStatus": Sample(
        "/api/v1/report-statuses", status=404, json={"report_number": NUMBER, "report_statement_id": "00" * 32}
    ),
    "getDescription": get("/api/v1/openapi.yaml"),
}
