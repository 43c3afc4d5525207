from __future__ import annotations

import grpc
import pytest

from contract.outcome import UnavailableReason
from gateway.federation.peer import STATUS_TABLE


@pytest.mark.parametrize("code", list(grpc.StatusCode), ids=lambda code: code.name)
def test_every_status_of_grpc_has_a_meaning(code: grpc.StatusCode) -> None:
    assert code in STATUS_TABLE


def test_only_failures_that_a_repetition_can_mend_are_repeated() -> None:
    repeated = {code.name for code, (_, may_retry) in STATUS_TABLE.items() if may_retry}
    assert repeated == {"CANCELLED", "UNKNOWN", "RESOURCE_EXHAUSTED", "ABORTED", "INTERNAL", "UNAVAILABLE"}


def test_what_the_peer_rejects_is_not_called_unreachable() -> None:
    assert STATUS_TABLE[grpc.StatusCode.PERMISSION_DENIED][0] is UnavailableReason.REJECTED
    assert STATUS_TABLE[grpc.StatusCode.UNAVAILABLE][0] is UnavailableReason.NOT_REACHABLE
