"""The description of the interface (openapi.yaml): its operations, and whether a request is as described.

openapi-core compares, this module reads the result: its messages quote what was sent, so that none of them is handed on. What is
told is the place at fault, and only by names that stand in the description.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from io import StringIO
from typing import Any, Final

from jsonschema.exceptions import ValidationError as SchemaError
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.unmarshalling.request.unmarshallers import V31RequestParametersUnmarshaller
from openapi_core.validation.request.exceptions import ParameterValidationError
from openapi_core.validation.schemas import oas31_schema_validators_factory
from openapi_core.validation.schemas.exceptions import InvalidSchemaValue
from openapi_core.validation.schemas.validators import SchemaValidator

from gateway.api.problems import Problem, malformed

MEDIA_TYPE: Final = "application/yaml"

_METHODS: Final = frozenset({"get", "post", "put", "patch", "delete"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation.

    Attributes:
        operation_id: Its name.
        method: HTTP method, upper case.
        path: Its path, `{name}` for parameters.
        query: Names of its query parameters.
        media_types: What its body may be; empty: it has none.
    """

    operation_id: str
    method: str
    path: str
    query: frozenset[str]
    media_types: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Parameters of a request.

    Attributes:
        path: Of the path.
        query: Of the query, each once.
        header: Headers that are described; names compare without case.
    """

    path: Mapping[str, Any]
    query: Mapping[str, Any]
    header: Mapping[str, Any]


@dataclass(slots=True)
class _Request:
    """A request in the form that openapi-core asks for. The path is the described one: which operation is meant is known."""

    path: str
    method: str
    parameters: RequestParameters
    content_type: str = ""
    body: bytes | None = None
    host_url: str = "http://localhost"


class Description:
    """The description, read once."""

    def __init__(self, source: str) -> None:
        """Reads it.

        Raises:
            OpenAPISpecValidatorError: It is no OpenAPI 3.1.
        """
        self.source = source
        self.digest = hashlib.sha256(source.encode()).hexdigest()
        self._openapi = OpenAPI.from_file(StringIO(source))
        self.document: Mapping[str, Any] = self._openapi.spec.read_value()
        self.operations: Mapping[str, Operation] = {one.operation_id: one for one in self._read_operations()}
        # Who may call is no matter of the description alone (access.py), so that only parameters and bodies are held against it.
        self._parameters = V31RequestParametersUnmarshaller(self._openapi.spec)
        self._bodies: dict[tuple[str, str], SchemaValidator] = {}

    @cached_property
    def names(self) -> frozenset[str]:
        """All names of members that are described: what may be told of a place in a body."""
        return frozenset(_member_names(self.document))

    def check_parameters(self, operation: Operation, sent: Parameters) -> Parameters:
        """Holds parameters against the description, and gives them with their types.

        Raises:
            Problem: MALFORMED_REQUEST.
        """
        parameters = RequestParameters(query=sent.query, header=sent.header, cookie={}, path=sent.path)
        request = _Request(path=operation.path, method=operation.method.lower(), parameters=parameters)
        result = self._parameters.unmarshal(request)
        for error in result.errors:  # it does not raise
            raise self._problem(error)
        found = result.parameters
        return Parameters(path=found.path, query=found.query, header=found.header)

    def check_body(self, operation: Operation, media_type: str, value: Any) -> None:
        """Holds a body against the description: JSON values, or what the fields of a form say.

        Raises:
            Problem: MALFORMED_REQUEST.
        """
        try:
            self._body(operation, media_type).validate(value)
        except InvalidSchemaValue as error:
            raise self._problem(error) from error

    def _body(self, operation: Operation, media_type: str) -> SchemaValidator:
        key = (operation.operation_id, media_type)
        if key not in self._bodies:
            described = self._openapi.spec / "paths" / operation.path / operation.method.lower() / "requestBody"
            schema = described / "content" / media_type / "schema"
            self._bodies[key] = oas31_schema_validators_factory.create(self._openapi.spec, schema)
        return self._bodies[key]

    def _problem(self, error: Exception) -> Problem:
        if isinstance(error, ParameterValidationError):
            name = str(getattr(error, "name", ""))
            return malformed(
                f"参数 {name} 缺失或者不符合规定", f"the parameter {name} is missing or not as described", field=name
            )
        place = self._place(error)
        where_zh = f"请求内容的 {place} 不符合规定" if place else "请求内容不符合规定"
        where_en = f"{place} in the body is not as described" if place else "the body is not as described"
        return malformed(where_zh, where_en, field=place)

    def _place(self, error: BaseException) -> str:
        first = next(iter(error.schema_errors), None) if isinstance(error, InvalidSchemaValue) else None
        return self.place_of(first.absolute_path) if isinstance(first, SchemaError) else ""

    def place_of(self, path: Iterable[str | int]) -> str:
        """A place in a body, as far as it has names that are described."""
        parts: list[str] = []
        for part in path:
            if isinstance(part, int):
                parts.append(f"[{part}]")
            elif part in self.names:
                parts.append(f".{part}" if parts else part)
            else:
                break
        return "".join(parts)

    def _read_operations(self) -> Iterator[Operation]:
        for path, item in self.document["paths"].items():
            for method, operation in item.items():
                if method not in _METHODS:
                    continue
                yield Operation(
                    operation_id=operation["operationId"],
                    method=method.upper(),
                    path=path,
                    query=frozenset(
                        one["name"]
                        for one in map(self._resolved, operation.get("parameters", ()))
                        if one["in"] == "query"
                    ),
                    media_types=frozenset(operation.get("requestBody", {}).get("content", ())),
                )

    def _resolved(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = node.get("$ref")
        if reference is None:
            return node
        found: Mapping[str, Any] = self.document
        for part in str(reference).removeprefix("#/").split("/"):
            found = found[part]
        return found


@cache
def read_description() -> Description:
    """The description that is shipped, read once."""
    return Description(resources.files("gateway.api").joinpath("openapi.yaml").read_text("utf-8"))


def _member_names(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        properties = node.get("properties")
        if isinstance(properties, Mapping):
            yield from properties
        for inner in node.values():
            yield from _member_names(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _member_names(inner)
