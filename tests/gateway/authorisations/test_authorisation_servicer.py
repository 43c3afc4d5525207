"""AuthorisationService over mutual TLS: a subject drafts, signs, gives, looks and takes back; its grantee looks; nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from contract.days import china_day
from contract.province import Province
from gateway.api.authorisation_servicer import AuthorisationServicer
from huren.authorisation.v1 import authorisation_service_pb2 as wire
from huren.authorisation.v1 import authorisation_service_pb2_grpc
from runtime.database import Database
from runtime.grpc_channel import open_channel
from runtime.grpc_errors import error_detail
from runtime.grpc_server import GrpcServer, ServedService
from runtime.identity import MemberPeer, member_host_name
from runtime.settings import ListenSettings, TLSSettings
from runtime.telemetry import Metrics
from sandbox.pki import OPERATOR, PKI, Authority, issue_enterprise_certificate
from tests.support.federation import GATEWAY, SUBJECT_CODE
from tests.support.granting import BANK, BANK_NAME, STRANGER, GrantingHome, draft_request, granting_home

BEIJING = Province.BEIJING


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
async def served(database: Database, pki: PKI) -> AsyncIterator[tuple[GrantingHome, str]]:
    now = datetime.now(UTC)  # TLS compares with the machine's clock
    async with granting_home(database, pki, now=now) as home:
        for code in (BANK, STRANGER):
            issue_enterprise_certificate(pki, code, "示例企业", now)
        server = GrpcServer(
            [
                ServedService(
                    wire.DESCRIPTOR.services_by_name["AuthorisationService"],
                    partial(
                        authorisation_service_pb2_grpc.add_AuthorisationServiceServicer_to_server,
                        AuthorisationServicer(home.service, home.look_ups, lambda: home.now),
                    ),
                )
            ],
            listen=ListenSettings(host="127.0.0.1", port=0),
            tls=pki.member_tls(MemberPeer(BEIJING, GATEWAY), trusting=Authority.CLIENTS),
            metrics=Metrics(),
            max_concurrent_calls=8,
        )
        address = f"127.0.0.1:{await server.start()}"
        try:
            yield home, address
        finally:
            await server.stop(timedelta(0))


@asynccontextmanager
async def calling(address: str, tls: TLSSettings) -> AsyncIterator[Any]:
    name = member_host_name(MemberPeer(BEIJING, GATEWAY))
    async with open_channel(address, tls, server_name=name) as channel:
        yield authorisation_service_pb2_grpc.AuthorisationServiceStub(channel)


def draft_of(home: GrantingHome) -> wire.DraftGrantRequest:
    return draft_request(expires_on=(china_day(home.now) + timedelta(days=30)).isoformat())


def signed(draft: wire.DraftGrantResponse, tls: TLSSettings) -> wire.GiveGrantRequest:
    """What a subject does with a draft, with the certificate by which it connects."""
    key = load_pem_private_key(tls.private_key.read_bytes(), password=None)
    assert isinstance(key, EllipticCurvePrivateKey)
    certificate = x509.load_pem_x509_certificate(tls.certificate.read_bytes())
    return wire.GiveGrantRequest(
        terms=draft.terms,
        certificate=certificate.public_bytes(Encoding.DER),
        signature=key.sign(draft.text.encode(), ECDSA(SHA256())),
    )


async def test_a_grant_from_its_draft_to_its_end(served: tuple[GrantingHome, str], pki: PKI) -> None:
    home, address = served
    own = pki.enterprise_tls(SUBJECT_CODE)
    async with calling(address, own) as subject, calling(address, pki.enterprise_tls(BANK)) as bank:
        draft = await subject.DraftGrant(draft_of(home), timeout=30)
        grant = (await subject.GiveGrant(signed(draft, own), timeout=30)).grant
        received = await bank.ListGrants(wire.ListGrantsRequest(side=wire.GRANT_SIDE_RECEIVED), timeout=30)
        revoke = wire.RevokeGrantRequest(grant_statement_id=grant.grant_statement_id)
        assert await _code_of(bank.RevokeGrant(revoke, timeout=30)) == "GRANT_NOT_FOUND"
        revoked = (await subject.RevokeGrant(revoke, timeout=30)).grant
        given = await subject.ListGrants(wire.ListGrantsRequest(side=wire.GRANT_SIDE_GIVEN), timeout=30)
        look_ups = await subject.ListLookUps(wire.ListLookUpsRequest(), timeout=30)

    assert (grant.state, grant.terms.grantee.name) == (wire.GRANT_STATE_IN_FORCE, BANK_NAME)
    assert list(received.grants) == [grant]
    assert revoked.state == wire.GRANT_STATE_REVOKED
    assert list(given.grants) == [revoked]
    assert list(look_ups.look_ups) == []


async def test_a_stranger_learns_nothing_and_a_signature_of_its_own_gives_nothing(
    served: tuple[GrantingHome, str], pki: PKI
) -> None:
    home, address = served
    own = pki.enterprise_tls(SUBJECT_CODE)
    async with calling(address, own) as subject, calling(address, pki.enterprise_tls(STRANGER)) as stranger:
        draft = await subject.DraftGrant(draft_of(home), timeout=30)
        forged = signed(draft, pki.enterprise_tls(STRANGER))
        assert await _code_of(subject.GiveGrant(forged, timeout=30)) == "CONSENT_NOT_ACCEPTED"
        assert await _code_of(stranger.GiveGrant(signed(draft, own), timeout=30)) == "GRANT_TERMS_UNACCEPTABLE"
        grant = (await subject.GiveGrant(signed(draft, own), timeout=30)).grant
        revoke = wire.RevokeGrantRequest(grant_statement_id=grant.grant_statement_id)
        assert await _code_of(stranger.RevokeGrant(revoke, timeout=30)) == "GRANT_NOT_FOUND"
        for side in (wire.GRANT_SIDE_GIVEN, wire.GRANT_SIDE_RECEIVED):
            assert list((await stranger.ListGrants(wire.ListGrantsRequest(side=side), timeout=30)).grants) == []


async def test_no_method_is_for_operators(served: tuple[GrantingHome, str], pki: PKI) -> None:
    home, address = served
    own = pki.enterprise_tls(SUBJECT_CODE)
    async with calling(address, own) as subject:
        draft = await subject.DraftGrant(draft_of(home), timeout=30)
    calls = {
        "DraftGrant": draft_of(home),
        "GiveGrant": signed(draft, own),
        "RevokeGrant": wire.RevokeGrantRequest(grant_statement_id=b"0" * 32),
        "ListGrants": wire.ListGrantsRequest(side=wire.GRANT_SIDE_GIVEN),
        "ListLookUps": wire.ListLookUpsRequest(),
    }
    methods = {method.name for method in wire.DESCRIPTOR.services_by_name["AuthorisationService"].methods}
    assert methods == set(calls)

    async with calling(address, pki.operator_tls(OPERATOR, Authority.CLIENTS)) as operator:
        for method, request in calls.items():
            assert await _code_of(getattr(operator, method)(request, timeout=30)) == "NOT_PERMITTED", method


async def test_what_breaks_a_declared_rule_is_refused_at_the_door(served: tuple[GrantingHome, str], pki: PKI) -> None:
    home, address = served
    no_use = draft_of(home)
    no_use.max_uses = 0
    async with calling(address, pki.enterprise_tls(SUBJECT_CODE)) as subject:
        for call in (
            subject.DraftGrant(no_use, timeout=30),
            subject.GiveGrant(wire.GiveGrantRequest(), timeout=30),
            subject.RevokeGrant(wire.RevokeGrantRequest(grant_statement_id=b"0"), timeout=30),
            subject.ListGrants(wire.ListGrantsRequest(), timeout=30),
        ):
            assert await _code_of(call) == "MALFORMED_REQUEST"


async def _code_of(call: Awaitable[object]) -> str:
    """The code of the error with which a call ends."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    detail = error_detail(caught.value)
    return "" if detail is None else detail.code
