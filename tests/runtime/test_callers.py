"""Which callers a method lets in."""

from __future__ import annotations

from typing import Any

import pytest

from contract.errors import ErrorCode, HurenError
from contract.province import Province
from huren.envelope.v1 import envelope_pb2
from runtime.grpc_callers import require_adapter, require_gateway, require_member_or_operator
from runtime.identity import MemberPeer

GATEWAY = "urn:huren:member:11:gateway"
ADAPTER = "urn:huren:member:14:adapter"
OPERATOR = "urn:huren:operator:ops-1"
ENTERPRISE = "urn:huren:enterprise:91350200575017604M"


class Call:
    """A call of whoever has these names in its certificate."""

    def __init__(self, *uris: str) -> None:
        self._uris = uris

    def auth_context(self) -> Any:
        return {"peer_uri": [uri.encode() for uri in self._uris]}


@pytest.mark.parametrize("uri", [GATEWAY, ADAPTER, OPERATOR])
def test_members_and_operators_are_let_in(uri: str) -> None:
    call: Any = Call(uri)
    require_member_or_operator(call)


@pytest.mark.parametrize("uris", [(), (ENTERPRISE,), ("urn:huren:operator:OPS",), (GATEWAY, OPERATOR)])
def test_nobody_else_is(uris: tuple[str, ...]) -> None:
    call: Any = Call(*uris)
    with pytest.raises(HurenError) as caught:
        require_member_or_operator(call)
    assert caught.value.code is ErrorCode.NOT_PERMITTED
    assert "运维人员" in caught.value.message_zh


def test_a_gateway_is_let_in_by_name() -> None:
    call: Any = Call(GATEWAY)
    assert require_gateway(call) == MemberPeer(Province.BEIJING, envelope_pb2.MEMBER_ROLE_GATEWAY)


@pytest.mark.parametrize("uris", [(), (ADAPTER,), (OPERATOR,), (ENTERPRISE,)])
def test_only_gateways_ask(uris: tuple[str, ...]) -> None:
    call: Any = Call(*uris)
    with pytest.raises(HurenError) as caught:
        require_gateway(call)
    assert caught.value.code is ErrorCode.NOT_PERMITTED


def test_an_adapter_is_let_in_by_name() -> None:
    call: Any = Call(ADAPTER)
    assert require_adapter(call) == MemberPeer(Province.SHANXI, envelope_pb2.MEMBER_ROLE_ADAPTER)


@pytest.mark.parametrize("uris", [(), (GATEWAY,), (OPERATOR,), (ENTERPRISE,), (ADAPTER, GATEWAY)])
def test_only_adapters_tell_changes(uris: tuple[str, ...]) -> None:
    call: Any = Call(*uris)
    with pytest.raises(HurenError) as caught:
        require_adapter(call)
    assert caught.value.code is ErrorCode.NOT_PERMITTED
