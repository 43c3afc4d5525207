"""What happens to every request of the REST API, and the parts that it stands on.

`_Endpoint.serve` is the list, from outside to inside:

1. Rate: an address that has used up its share is told to wait, before anything is looked up for it.
2. Who calls: cookie or token; whoever shows what is not believed pays from the share of the address.
3. Rate: a person, or a program, has a share of its own.
4. Access: may it call this operation, and on whose behalf (access.py)?
5. Description: parameters and body are as described, and nothing else is sent.
6. The operation, and its answer with what is left of the share.

Whatever goes wrong is told as a problem (gateway/api/problems.py), and as a page to a browser that is logging in. Public operations
are counted by address only; cookie and token are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from contract.errors import ErrorCode, HurenError
from gateway.api.access import Gate, Named, Who
from gateway.api.bodies import (
    FORM,
    JSON,
    MAX_FORM_BYTES,
    MAX_JSON_BYTES,
    MULTIPART,
    parse_form,
    parse_json,
    read_body,
)
from gateway.api.http_callers import Callers
from gateway.api.parts import PeopleParts
from gateway.api.problems import Problem, malformed, problem_of, unsupported
from gateway.api.rest.batches import BatchHandlers
from gateway.api.rest.call import Call, Handler, Handlers, etag_of, not_modified
from gateway.api.rest.description import MEDIA_TYPE, Description, Operation, Parameters, read_description
from gateway.api.rest.grants import GrantHandlers, LookUpHandlers
from gateway.api.rest.mandates import MandateHandlers, WindowHandlers
from gateway.api.rest.reports import ReportHandlers
from gateway.api.rest.session import SessionHandlers
from gateway.api.shares import Shares

_log: Final = structlog.get_logger(__name__)

_COSTS: Final[Mapping[str, int]] = {
    "requestReport": 5,
    "lookUpOnDuty": 5,
    "getProgressSheet": 5,
    "getReportFile": 5,
    "exportLookUps": 5,
    "fileWindowMandate": 5,
    "beginBatch": 10,
    "repeatBatch": 10,
    "getBatchArchive": 20,
}
"""What takes more than a look into the store. Source: system default, not confirmed."""

_IN_A_BROWSER: Final = frozenset({"beginLogin", "finishLogin"})
"""Where the identity provider and our own pages send browsers: somebody looks at the answer."""

_CHARSETS: Final = frozenset({None, "utf-8", "UTF-8"})


ProblemPage = Callable[[web.Request, Problem], web.StreamResponse]
"""Writes a problem as a page."""


def rest_routes(
    parts: PeopleParts, description: Description | None = None, *, page_of: ProblemPage | None = None
) -> list[web.RouteDef]:
    """The routes of all operations that are served here, named by operation.

    Args:
        parts: What they stand on.
        description: What is described. None: openapi.yaml.
        page_of: Tells people whose login fails what went wrong. None: a problem document does.

    Raises:
        RuntimeError: A handler has no description.
    """
    described = description or read_description()
    gate = Gate(parts.acting)
    shares = parts.shares
    callers = Callers(parts.sessions, parts.tokens, lambda: origin_of(parts.public_url()))
    endpoints = []
    for operation_id, handler in all_handlers(parts, gate, described).items():
        operation = described.operations.get(operation_id)
        if operation is None:
            raise RuntimeError(f"{operation_id} is not described")
        told = page_of if operation_id in _IN_A_BROWSER else None
        endpoint = _Endpoint(operation, handler, described, gate, callers, shares, told)
        no_head = {"allow_head": False} if operation.method == "GET" else {}  # it is not described
        endpoints.append(web.route(operation.method, operation.path, endpoint.serve, name=operation_id, **no_head))
    return endpoints


def all_handlers(parts: PeopleParts, gate: Gate, description: Description) -> dict[str, Handler]:
    """The handlers of all operations that are served here.

    Raises:
        RuntimeError: An operation has two.
    """
    subjects: tuple[Handlers, ...] = (
        SessionHandlers(parts.login, parts.sessions, parts.acting, lambda: origin_of(parts.public_url())),
        MandateHandlers(parts.agents),
        ReportHandlers(
            reports=parts.reports,
            standing=parts.standing,
            files=parts.files,
            overview=parts.overview,
            notices=parts.notices,
            summaries=parts.summaries,
            gate=gate,
            clock=parts.clock,
        ),
        GrantHandlers(parts.grants, parts.clock),
        LookUpHandlers(parts.look_ups),
        WindowHandlers(parts.window_mandates),
        BatchHandlers(parts.batches),
        _Described(description),
    )
    handlers: dict[str, Handler] = {}
    for subject in subjects:
        for operation_id, handler in subject.operations().items():
            if operation_id in handlers:
                raise RuntimeError(f"{operation_id} has two handlers")
            handlers[operation_id] = handler
    return handlers


def origin_of(url: str) -> str:
    """Scheme, host and port, as browsers write an origin.

    >>> origin_of("https://gateway.example:8443/any")
    'https://gateway.example:8443'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class _Described:
    """The description itself."""

    def __init__(self, description: Description) -> None:
        self._description = description
        self._etag = etag_of(description.source.encode())

    def operations(self) -> Mapping[str, Handler]:
        return {"getDescription": self.give}

    async def give(self, call: Call) -> web.StreamResponse:
        if call.has(self._etag):
            return not_modified(self._etag, weak=False)
        return web.Response(text=self._description.source, content_type=MEDIA_TYPE, headers={"ETag": f'"{self._etag}"'})


class _Endpoint:
    """One operation."""

    def __init__(  # noqa: PLR0917  # what all operations share
        self,
        operation: Operation,
        handler: Handler,
        description: Description,
        gate: Gate,
        callers: Callers,
        shares: Shares,
        page_of: ProblemPage | None,
    ) -> None:
        self._operation = operation
        self._handler = handler
        self._description = description
        self._gate = gate
        self._callers = callers
        self._shares = shares
        self._page_of = page_of
        self._cost = _COSTS.get(operation.operation_id, 1)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serves one request."""
        headers: dict[str, str] = {}
        code = "OK"
        try:
            response = await self._serve(request, headers)
        except Exception as error:  # noqa: BLE001  # told as a problem, whatever it is
            problem = problem_of(error, f"{self._operation.method} {self._operation.path}")
            if problem.status == HTTPStatus.UNAUTHORIZED:
                problem.headers["WWW-Authenticate"] = "Bearer"
            response, code = self._told(request, problem), problem.error.code
        _log.info("call", operation=self._operation.operation_id, status=response.status, code=code)
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        if not request.content.at_eof():
            response.force_close()  # the rest of the body is of no use
        return response

    def _told(self, request: web.Request, problem: Problem) -> web.StreamResponse:
        if self._page_of is not None and _reads_pages(request):
            return self._page_of(request, problem)
        return problem.response()

    async def _serve(self, request: web.Request, headers: dict[str, str]) -> web.StreamResponse:
        address = self._shares.address_of(request)
        who = await self._who(request, address, headers)
        if request.content_type == MULTIPART and MULTIPART in self._operation.media_types:
            with self._shares.uploads.place(address) as has_place:
                if not has_place:
                    raise HurenError(ErrorCode.OVERLOADED, retry_after=timedelta(seconds=10))
                return await self._called(request, who)
        return await self._called(request, who)

    async def _who(self, request: web.Request, address: str, headers: dict[str, str]) -> Who:
        """Who calls, counted."""
        if self._gate.is_public(self._operation.operation_id):
            headers.update(self._shares.take_of_address(address, self._cost))
            return None
        self._shares.require_some(address)
        try:
            who = await self._callers.read(request)
        except HurenError as error:
            if error.row.http_status == HTTPStatus.UNAUTHORIZED:
                headers.update(self._shares.take_of_address(address, 1))
            raise
        headers.update(
            self._shares.take_of_address(address, 1) if who is None else self._shares.take_of(who, self._cost)
        )
        return who

    async def _called(self, request: web.Request, who: Who) -> web.StreamResponse:
        named = Named(enterprise=_one(request, "Huren-Enterprise"), matter=_one(request, "Huren-Matter"))
        admitted = await self._gate.admit(self._operation.operation_id, who, named)
        parameters = self._parameters(request)
        body = await self._body(request)
        return await self._handler(
            Call(
                operation=self._operation,
                request=request,
                admitted=admitted,
                parameters=parameters,
                body=body,
                description=self._description,
            )
        )

    def _parameters(self, request: web.Request) -> Parameters:
        query = dict(request.query)
        if len(query) < len(request.query) or not query.keys() <= self._operation.query:
            raise malformed(
                "查询参数重复，或者有接口说明之外的查询参数", "a query parameter stands twice, or is not described"
            )
        path = dict(request.match_info)
        if not all(value.isprintable() for value in (*query.values(), *path.values())):
            raise malformed("参数含有控制字符", "a parameter holds control characters")
        return self._description.check_parameters(
            self._operation, Parameters(path=path, query=query, header=request.headers)
        )

    async def _body(self, request: web.Request) -> Any:
        """The body as it is described. None for an upload, which its handler reads."""
        operation = self._operation
        if not operation.media_types:
            if request.can_read_body and await read_body(request, MAX_JSON_BYTES):
                raise malformed("此接口不带请求内容", "this operation takes no body")
            return None
        media_type = request.content_type if "Content-Type" in request.headers else ""
        if media_type not in operation.media_types or request.charset not in _CHARSETS:
            named = "、".join(sorted(operation.media_types))
            raise unsupported(f"请以 {named} 提交", f"send {', '.join(sorted(operation.media_types))}")
        if media_type == MULTIPART:
            return None
        if media_type == FORM:
            value: Any = parse_form(await read_body(request, MAX_FORM_BYTES))
        elif media_type == JSON:
            value = parse_json(await read_body(request, MAX_JSON_BYTES))
        else:
            raise RuntimeError(f"{operation.operation_id} takes {media_type}, which nobody reads")
        self._description.check_body(operation, media_type, value)
        return value


def _reads_pages(request: web.Request) -> bool:
    """Whether a browser asks, which names what it reads; a program that takes anything gets a document."""
    accepted = ",".join(request.headers.getall("Accept", [])).split(",")
    return any(one.partition(";")[0].strip().lower() == "text/html" for one in accepted)


def _one(request: web.Request, name: str) -> str:
    """A header that may stand once."""
    values = request.headers.getall(name, [])
    if len(values) > 1:
        raise malformed(f"请求头 {name} 重复", f"the header {name} stands twice", field=name)
    return values[0].strip() if values else ""
