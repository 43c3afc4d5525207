"""Every operation as everybody: who may and who may not, by one table that is written here once more, in the words of the roles."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gateway.api.access import ACCESS, Public
from tests.gateway.api.rest.fakes import PEOPLE, A, B, Client, House
from tests.gateway.api.rest.samples import SAMPLES

EVERYBODY = ["", *PEOPLE, "program"]

PEOPLE_ONLY = frozenset(PEOPLE)
NOT_BY_PASSWORD = PEOPLE_ONLY - {"password"}
FOR_AN_ENTERPRISE = frozenset({"representative", "agent", "program"})
BATCHES = NOT_BY_PASSWORD | {"program"}

MAY: Mapping[str, frozenset[str]] = {
    **{name: frozenset(EVERYBODY) for name, access in ACCESS.items() if isinstance(access, Public)},
    **dict.fromkeys(["logout", "getSession", "listSessions", "endSession", "listMandates"], PEOPLE_ONLY),
    **dict.fromkeys(["askForMandate", "endMandate"], NOT_BY_PASSWORD),
    **dict.fromkeys(["listEnterpriseMandates", "confirmMandate"], frozenset({"representative"})),
    **dict.fromkeys(
        ["requestReport", "listReportRequests", "getReportRequest", "cancelReportRequest"], FOR_AN_ENTERPRISE
    ),
    **dict.fromkeys(
        ["getProgressSheet", "listReports", "getReport", "getReportFile", "listNotices"], FOR_AN_ENTERPRISE
    ),
    **dict.fromkeys(["draftGrant", "giveGrant", "listGrants", "getGrant", "revokeGrant"], FOR_AN_ENTERPRISE),
    **dict.fromkeys(["listLookUps", "exportLookUps"], FOR_AN_ENTERPRISE),
    "lookUpOnDuty": frozenset({"officer"}),
    "fileWindowMandate": frozenset({"clerk"}),
    **dict.fromkeys(
        ["listWindowMandates", "getWindowScan", "confirmWindowMandate", "endWindowMandate"],
        frozenset({"clerk", "reviewer"}),
    ),
    **dict.fromkeys(["beginBatch", "listBatches", "getBatch", "listBatchLines", "getBatchArchive"], BATCHES),
    **dict.fromkeys(["cancelBatch", "scheduleBatch", "repeatBatch"], BATCHES),
}

HAS_NO_SESSION = {"", "program"}


def refusals(operation_id: str, who: str) -> set[tuple[int, str]]:
    """What somebody who may not may be told."""
    if who == "" or (who == "program" and not MAY[operation_id] & {"program"}):
        return {(401, "LOGIN_NEEDED")}
    if who == "password":
        return {(403, "LEVEL_TOO_LOW"), (403, "NOT_PERMITTED")}
    if who == "agent_of_two" and "agent" in MAY[operation_id]:
        return {(400, "MALFORMED_REQUEST")}
    return {(403, "NO_MANDATE"), (403, "NOT_PERMITTED")}


@pytest.mark.parametrize("operation_id", MAY)
async def test_each_operation_serves_whom_it_is_for_and_nobody_else(
    client: Client, house: House, operation_id: str
) -> None:
    sample = SAMPLES[operation_id]

    told = {}
    for who in EVERYBODY:
        house.now_s += 60
        sent = await client.as_(who).send(sample.method, sample.path, **sample.arguments())
        told[who] = (sent.status, "" if sent.status == sample.status else (sent.document or {}).get("code", ""))

    expected = {who: {(sample.status, "")} if who in MAY[operation_id] else refusals(operation_id, who) for who in told}
    assert {who: answer for who, answer in told.items() if answer not in expected[who]} == {}


def test_nothing_is_left_out() -> None:
    assert MAY.keys() == ACCESS.keys() == SAMPLES.keys()


async def test_a_stranger_learns_nothing_of_what_exists(client: Client) -> None:
    paths = ["/api/v1/reports/HR112026112200000099U", "/api/v1/reports/HR112026112200000000X", "/api/v1/reports/any"]

    sent = [await client.send("GET", path) for path in paths]

    assert {(one.status, one.body) for one in sent} == {(401, sent[0].body)}
    assert sent[0].headers["WWW-Authenticate"] == "Bearer"


# --- For which enterprise ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "named", "expected"),
    [
        pytest.param("agent_of_two", A, 200, id="one of two"),
        pytest.param("agent_of_two", B, 200, id="the other"),
        pytest.param("agent_of_two", None, 400, id="which of two"),
        pytest.param("agent", B, 403, id="another's"),
        pytest.param("nobody", A, 403, id="no mandate"),
        pytest.param("program", A, 200, id="program"),
        pytest.param("program", B, 403, id="program for another"),
        pytest.param("agent", "91110118MY7B8J0Y0X", 400, id="wrong check character"),
        pytest.param("agent", "x", 400, id="no code"),
    ],
)
async def test_the_enterprise_is_named_in_a_header(client: Client, who: str, named: str | None, expected: int) -> None:
    sent = await client.as_(who).send("GET", "/api/v1/notices", headers={"Huren-Enterprise": named})

    assert sent.status == expected
    assert named is None or named.encode() not in sent.body


async def test_an_officer_reads_what_was_asked_in_a_matter_by_naming_it(client: Client) -> None:
    named = {"Huren-Matter": "%E7%A4%BA%E4%BE%8B2026-1"}

    read = await client.as_("officer").send("GET", "/api/v1/reports/HR112026112200000099U", headers=named)
    unnamed = await client.as_("officer").send("GET", "/api/v1/reports/HR112026112200000099U")
    other = await client.as_("reviewer").send("GET", "/api/v1/reports/HR112026112200000099U", headers=named)
    broken = await client.as_("officer").send(
        "GET", "/api/v1/reports/HR112026112200000099U", headers={"Huren-Matter": "%ff"}
    )
    elsewhere = await client.as_("officer").send("GET", "/api/v1/notices", headers=named)

    assert [one.status for one in (read, unnamed, other, broken, elsewhere)] == [200, 403, 403, 400, 403]


# --- Cookie and token -------------------------------------------------------------------------------------------------

CHANGES = [name for name, sample in SAMPLES.items() if sample.method != "GET" and not isinstance(ACCESS[name], Public)]


@pytest.mark.parametrize("operation_id", CHANGES)
async def test_what_another_site_can_send_changes_nothing(client: Client, operation_id: str) -> None:
    sample = SAMPLES[operation_id]
    forged: list[dict[str, str | None]] = [
        {"Huren-CSRF": None},
        {"Huren-CSRF": "another-sessions-token"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null", "Sec-Fetch-Site": None},
        {"Origin": None, "Sec-Fetch-Site": None},
    ]

    for headers in forged:
        arguments = sample.arguments()
        arguments["headers"].update(headers)
        for who in ("representative", "clerk", "officer"):
            sent = await client.as_(who).send(sample.method, sample.path, **arguments)
            assert (sent.status, sent.document["code"]) == (403, "FORGED_REQUEST_SUSPECTED"), headers
            if sample.file is not None:
                arguments = sample.arguments()
                arguments["headers"].update(headers)


async def test_either_proof_of_the_site_is_enough(client: Client) -> None:
    for without in ("Origin", "Sec-Fetch-Site"):
        sent = await client.as_("agent").send(
            "POST", "/api/v1/mandates", headers={without: None}, json={"uscc": A, "scopes": ["report"]}
        )
        assert sent.status == 201


async def test_cookie_and_token_at_once_are_refused(client: Client) -> None:
    sent = await client.as_("agent").send("GET", "/api/v1/notices", headers=client.as_("program").headers())

    assert (sent.status, sent.document["code"]) == (400, "MALFORMED_REQUEST")


@pytest.mark.parametrize("value", ["Bearer wrong", "Bearer ", "bearer", "Basic dTpw", "Bearer " + "x" * 9000])
async def test_what_is_no_token_lets_nobody_in(client: Client, value: str) -> None:
    sent = await client.send("GET", "/api/v1/notices", headers={"Authorization": value})

    assert sent.status in {400, 401}


async def test_a_session_that_ended_lets_nobody_in(client: Client) -> None:
    agent = client.as_("agent")
    before = await agent.send("GET", "/api/v1/session")
    ended = await agent.send("POST", "/auth/logout")
    after = await agent.send("GET", "/api/v1/session")

    assert (before.status, ended.status, after.status) == (200, 200, 401)
    cleared = ended.headers["Set-Cookie"]
    assert cleared.startswith('__Host-huren-session=""')
    assert {"Max-Age=0", "Path=/", "Secure"} <= set(cleared.split("; "))


# --- Logging in -------------------------------------------------------------------------------------------------------


async def test_cookies_are_bound_to_this_host(client: Client) -> None:
    begun = await client.send("GET", "/auth/login?return_to=/reports")
    finished = await client.send(
        "GET", "/auth/callback?state=1&code=good", headers={"Cookie": "__Host-huren-login=browser"}
    )

    assert begun.headers["Location"] == "https://identity.example/authorize?state=1"
    assert finished.headers["Location"] == "/reports"
    login, (session, taken_back) = begun.headers.getall("Set-Cookie"), finished.headers.getall("Set-Cookie")
    assert taken_back.startswith('__Host-huren-login=""')
    for cookie in (*login, session):
        assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
    assert login[0].startswith("__Host-huren-login=browser")
    assert session.startswith("__Host-huren-session=representative")


@pytest.mark.parametrize(
    "path", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere", "elsewhere", "/%0A"]
)
async def test_nobody_is_sent_elsewhere(client: Client, path: str) -> None:
    sent = await client.send("GET", "/auth/login", params={"return_to": path})

    assert sent.status == 400 or sent.headers["Location"].startswith("https://identity.example/")
    assert path.startswith("/%") or sent.status == 400


async def test_a_login_that_is_not_believed_sets_no_session(client: Client) -> None:
    sent = await client.send("GET", "/auth/callback?state=1&code=stolen")

    assert (sent.status, sent.document["code"]) == (403, "LOGIN_NOT_COMPLETED")
    assert "Set-Cookie" not in sent.headers
    assert b"stolen" not in sent.body


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/auth/callback?state=1&code=stolen", 403, id="not believed"),
        pytest.param("/auth/callback?state=1&code=stolen&more=1", 400, id="not as described"),
        pytest.param("/auth/login?channel=NONE", 400, id="no such channel"),
    ],
)
async def test_a_login_that_fails_is_told_to_a_browser_as_a_page_and_to_a_program_as_a_document(
    client: Client, path: str, status: int
) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    page = await client.send("GET", path, headers=browser)
    programs = [await client.send("GET", path, headers={"Accept": accept}) for accept in ("*/*", "application/json")]
    elsewhere = await client.send("GET", "/api/v1/session", headers=browser)

    assert (page.status, page.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert b"stolen" not in page.body
    assert "Set-Cookie" not in page.headers
    assert page.headers["RateLimit"]
    assert [(one.status, one.headers["Content-Type"]) for one in programs] == [
        (status, "application/problem+json; charset=utf-8")
    ] * 2
    assert elsewhere.headers["Content-Type"].startswith("application/problem+json")


async def test_the_provider_is_told_of_a_bad_logout_token_as_the_standard_says(client: Client) -> None:
    sent = await client.send("POST", "/auth/backchannel-logout", data={"logout_token": "bad"})

    assert sent.status == 400


async def test_the_session_names_nobody(client: Client) -> None:
    sent = await client.as_("clerk").send("GET", "/api/v1/session")

    assert sent.document["staff"] == {"unit": "示例市信用中心（演示）", "post": "信用管理岗", "roles": ["window_clerk"]}
    assert PEOPLE["clerk"].person.encode() not in sent.body
    assert b"0017" not in sent.body
