"""Schemathesis sends what is described and what is not: nothing breaks, each answer is as described, what is wrong is refused.

The same requests each time: fixed seed, fixed count, derandomised. Who may call what, and for which enterprise, is another test's:
here everybody bears good credentials, and the headers about them are left out of the description.
"""

from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.api.access import ACCESS, Public
from gateway.api.rest.description import read_description
from tests.gateway.api.rest.fakes import CSRF, WIDE, House

CHECKS = [
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
    content_type_conformance,
    negative_data_rejection,
]
EXAMPLES_OF_EACH_MODE = 10
PLAYS = {"lookUpOnDuty": "officer", **{name: "clerk" for name in ACCESS if "Window" in name}}
ANYTHING_GOES = frozenset({"verifyByFile"})
"""No body is wrong by its form: a file is whatever somebody hands in."""
TEXTS_ON_THE_WIRE = frozenset({"fileWindowMandate", "beginBatch"})
"""Forms: what is no text in the case (null, a number) is one when it is sent. What is refused of forms: test_requests.py."""
LONGEST_URL = 6000
"""Longer ones end before the application (aiohttp's max_line_size)."""
ABOUT_CREDENTIALS = ("/Csrf", "/Enterprise", "/Matter")


def fuzzed_document() -> dict[str, Any]:
    document = copy.deepcopy(dict(read_description().document))
    del document["security"], document["components"]["securitySchemes"]
    for item in document["paths"].values():
        for operation in item.values():
            operation.pop("security", None)
            operation["parameters"] = [
                one
                for one in operation.get("parameters", ())
                if not str(one.get("$ref", "")).endswith(ABOUT_CREDENTIALS)
            ]
    return document


SCHEMA = schemathesis.openapi.from_dict(fuzzed_document())


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """A house that is served by another thread: Schemathesis calls and waits."""
    one = House(limits=WIDE, tick_s=60.0)
    loop, stop, ready = asyncio.new_event_loop(), asyncio.Event(), threading.Event()

    async def serve() -> None:
        async with one.served():
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(30)
        yield one
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()


@pytest.fixture(scope="module")
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation_id", ACCESS)
def test_whatever_is_sent_is_answered_as_described(
    house: House, http: requests.Session, operation_id: str, mode: GenerationMode
) -> None:
    operation = SCHEMA.find_operation_by_id(operation_id)
    is_negative = mode is GenerationMode.NEGATIVE
    nothing_to_send = not (operation.body or list(operation.iter_parameters()))
    if is_negative and (nothing_to_send or operation_id in ANYTHING_GOES):
        return
    left_out = [negative_data_rejection] if operation_id in TEXTS_ON_THE_WIRE else []
    headers = {}
    if not isinstance(ACCESS[operation_id], Public):
        who = PLAYS.get(operation_id, "representative")
        headers = {"Cookie": f"__Host-huren-session={who}", "Huren-CSRF": CSRF, "Sec-Fetch-Site": "same-origin"}

    @seed(1)
    @settings(
        max_examples=EXAMPLES_OF_EACH_MODE,
        derandomize=True,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Case[Any]) -> None:
        house.sessions.ended.clear()
        assume(len(str(case.as_transport_kwargs(base_url=house.url).get("params"))) < LONGEST_URL // 12)
        case.call_and_validate(
            base_url=house.url,
            session=http,
            headers=headers,
            checks=[check for check in CHECKS if check not in left_out],
            allow_redirects=False,
            timeout=30,
        )

    run()
