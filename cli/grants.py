"""`huren grant` and `huren look-ups`: an enterprise lets another ask about it, takes that back, and sees who asked.

What is signed is the text of the 授权书, with the enterprise's certificate: here the one that the sandbox makes on demand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from cli.calling import channel_of_enterprise, known_home, known_name, subject_code
from cli.report import EXIT_DONE, Desk, guarded
from cli.requests import local_time
from cli.terminal import emit, say
from contract.catalogue import published_catalogues
from contract.consent_words import BASES, CHANNELS, GRANT_STATES, LOOK_UP_RESULTS, NO_WORDS
from contract.days import china_day
from contract.document.words import PURPOSES
from contract.province import Province
from contract.signature_file import Signed, write_file
from huren.authorisation.v1 import authorisation_service_pb2 as wire
from huren.authorisation.v1 import authorisation_service_pb2_grpc
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from runtime.clock import system_clock
from runtime.settings import TLSSettings
from sandbox.pki import issue_enterprise_certificate

_TIMEOUT_S: Final = 30.0

PURPOSE_NAMES: Final = {
    query_pb2.Purpose.Name(number).removeprefix("PURPOSE_").lower().replace("_", "-"): number
    for number in query_pb2.Purpose.values()
    if number not in {query_pb2.PURPOSE_UNSPECIFIED, query_pb2.PURPOSE_OFFICIAL_DUTY}
}
"""What `--purpose` takes."""

T = TypeVar("T")
Stub = authorisation_service_pb2_grpc.AuthorisationServiceStub


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What to grant.

    Attributes:
        grantee: Code of who may ask, as the person wrote it.
        domains: Ids. Empty: all.
        purpose: For what.
        uses: How often.
        expires_on: The last day. None: thirty days on.
    """

    grantee: str
    domains: tuple[str, ...]
    purpose: query_pb2.Purpose.ValueType
    uses: int
    expires_on: date | None


def give(desk: Desk, given: Given) -> int:
    """Has the text written, signs it, and gives the grant. Returns the exit code."""

    def work() -> int:
        subject, grantee = subject_code(desk.uscc), subject_code(given.grantee)
        expires_on = given.expires_on or china_day(system_clock()) + timedelta(days=30)
        request = wire.DraftGrantRequest(
            grantee_uscc=grantee,
            grantee_name=known_name(desk.layout, grantee),
            purpose=given.purpose,
            domains=given.domains,
            max_uses=given.uses,
            expires_on=expires_on.isoformat(),
        )

        async def calls(channel: grpc.aio.Channel) -> tuple[str, wire.GivenGrant]:
            stub = Stub(channel)
            draft = await stub.DraftGrant(request, timeout=_TIMEOUT_S)
            made = _signed(desk.layout.pki.enterprise_tls(subject), draft.text.encode())
            signed = wire.GiveGrantRequest(terms=draft.terms, certificate=made.certificate, signature=made.signature)
            return draft.text, (await stub.GiveGrant(signed, timeout=_TIMEOUT_S)).grant

        text, grant = _called(desk, calls)
        if desk.as_json:
            emit({"result": "grant", "text": text, "grant": grant_document(grant)})
            return EXIT_DONE
        say(text)
        say()
        say("已用企业证书签署，登记地已受理 · signed with the enterprise's certificate, and given:")
        for line in grant_lines(grant):
            say(line)
        return EXIT_DONE

    return guarded(desk, work)


def sign(desk: Desk, text: Path, to: Path) -> int:
    """Signs a text that was downloaded from the portal, into a file that is sent back there. Returns the exit code."""

    def work() -> int:
        subject = subject_code(desk.uscc)
        desk.layout.addresses()
        tls = desk.layout.pki.enterprise_tls(subject)
        if not tls.certificate.is_file():
            tls = issue_enterprise_certificate(
                desk.layout.pki, subject, known_name(desk.layout, subject), system_clock()
            )
        to.write_text(write_file(_signed(tls, text.read_bytes())), "utf-8")
        if desk.as_json:
            emit(
                {
                    "result": "signature",
                    "file": str(to),
                    "certificate": str(tls.certificate),
                    "key": str(tls.private_key),
                }
            )
            return EXIT_DONE
        say(f"已签署，请在网页上传 · signed; send this file on the page: {to}")
        say("也可以不用本命令，在网页中选择证书和私钥文件签署 · or sign on the page, with these:")
        say(f"  证书 certificate {tls.certificate}")
        say(f"  私钥 key         {tls.private_key}")
        return EXIT_DONE

    return guarded(desk, work)


def _signed(tls: TLSSettings, message: bytes) -> Signed:
    """What an enterprise signs, with the certificate that the sandbox made for it."""
    key = load_pem_private_key(tls.private_key.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"a key over an elliptic curve in {tls.private_key} expected, got {type(key).__name__}")
    certificate = x509.load_pem_x509_certificate(tls.certificate.read_bytes())
    return Signed(certificate=certificate.public_bytes(Encoding.DER), signature=key.sign(message, ec.ECDSA(SHA256())))


def revoke(desk: Desk, grant_id: bytes) -> int:
    """Takes a grant back. Returns the exit code."""

    async def calls(channel: grpc.aio.Channel) -> wire.GivenGrant:
        request = wire.RevokeGrantRequest(grant_statement_id=grant_id)
        return (await Stub(channel).RevokeGrant(request, timeout=_TIMEOUT_S)).grant

    def work() -> int:
        grant = _called(desk, calls)
        if desk.as_json:
            emit({"result": "grant", "grant": grant_document(grant)})
        else:
            for line in grant_lines(grant):
                say(line)
        return EXIT_DONE

    return guarded(desk, work)


def list_grants(desk: Desk, *, received: bool) -> int:
    """Shows grants. Returns the exit code."""
    side = wire.GRANT_SIDE_RECEIVED if received else wire.GRANT_SIDE_GIVEN

    async def calls(channel: grpc.aio.Channel) -> wire.ListGrantsResponse:
        return await Stub(channel).ListGrants(wire.ListGrantsRequest(side=side), timeout=_TIMEOUT_S)

    def work() -> int:
        grants = _called(desk, calls).grants
        if desk.as_json:
            emit({"result": "grants", "grants": [grant_document(grant) for grant in grants]})
            return EXIT_DONE
        say(f"授权共{len(grants)}份 · grants: {len(grants)}")
        for grant in grants:
            say()
            for line in grant_lines(grant):
                say(line)
        return EXIT_DONE

    return guarded(desk, work)


def list_look_ups(desk: Desk) -> int:
    """Shows who asked about the enterprise. Returns the exit code."""

    async def calls(channel: grpc.aio.Channel) -> wire.ListLookUpsResponse:
        return await Stub(channel).ListLookUps(wire.ListLookUpsRequest(), timeout=_TIMEOUT_S)

    def work() -> int:
        look_ups = _called(desk, calls).look_ups
        if desk.as_json:
            emit({"result": "look_ups", "look_ups": [look_up_document(one) for one in look_ups]})
            return EXIT_DONE
        say(f"谁查询过我，共{len(look_ups)}次，最新在前 · who asked: {len(look_ups)}, newest first")
        for one in look_ups:
            for line in look_up_lines(one):
                say(line)
        return EXIT_DONE

    return guarded(desk, work)


# --- As JSON and as lines -----------------------------------------------------------------------------------------------


def grant_document(grant: wire.GivenGrant) -> dict[str, Any]:
    """A grant as JSON."""
    terms = grant.terms
    return {
        "grant": grant.grant_statement_id.hex(),
        "state": wire.GrantState.Name(grant.state).removeprefix("GRANT_STATE_"),
        "subject": terms.subject.uscc,
        "grantee": terms.grantee.uscc,
        "purpose": query_pb2.Purpose.Name(terms.purpose).removeprefix("PURPOSE_"),
        "domains": list(dict.fromkeys(key.domain for key in terms.cells)),
        "window": {"first_day": terms.window.first_day, "last_day": terms.window.last_day},
        "uses": grant.uses,
        "max_uses": terms.max_uses,
        "expires_on": terms.expires_on,
        "given_at": local_time(grant.given_at),
        "revoked_at": local_time(grant.revoked_at) if grant.HasField("revoked_at") else None,
        "origins": [
            {
                "province": Province(origin.province).slug,
                "grant_received_at": _time(origin, "grant_received_at"),
                "revocation_received_at": _time(origin, "revocation_received_at"),
            }
            for origin in grant.origins
        ],
    }


def grant_lines(grant: wire.GivenGrant) -> Iterator[str]:
    """A grant for a person."""
    terms, state = grant.terms, GRANT_STATES.get(grant.state, NO_WORDS)
    names = {domain.id: domain.name for domain in published_catalogues().in_force(china_day(system_clock())).domains}
    yield f"授权 grant {grant.grant_statement_id.hex()}"
    yield f"  {state.zh} {state.en}   {terms.subject.name} → {terms.grantee.name}"
    domains = "、".join(names.get(one, one) for one in dict.fromkeys(key.domain for key in terms.cells))
    yield f"  用途 {PURPOSES.get(terms.purpose) or '未说明'}   领域 {domains}"
    yield f"  已用{grant.uses}次，共{terms.max_uses}次   授权至{terms.expires_on}"
    for origin in grant.origins:
        received = _time(origin, "grant_received_at") or "尚未 not yet"
        line = f"  {Province(origin.province).name_zh}  收到授权 received {received}"
        if grant.HasField("revoked_at"):
            line += f"   收到撤回 revocation {_time(origin, 'revocation_received_at') or '尚未 not yet'}"
        yield line
    if grant.HasField("revoked_at"):
        yield f"  登记地撤回时间 revoked at {local_time(grant.revoked_at)}"


def look_up_document(one: wire.LookUp) -> dict[str, Any]:
    """A look-up as JSON."""
    return {
        "number": one.number,
        "at": local_time(one.at),
        "unit": one.unit,
        "post": one.post or None,
        "purpose": query_pb2.Purpose.Name(one.purpose).removeprefix("PURPOSE_"),
        "basis": query_pb2.AuthorisationBasis.Name(one.basis).removeprefix("AUTHORISATION_BASIS_"),
        "grant": one.grant_statement_id.hex() or None,
        "matter_number": one.matter_number or None,
        "channel": common_pb2.Channel.Name(one.channel).removeprefix("CHANNEL_"),
        "result": wire.LookUpResult.Name(one.result).removeprefix("LOOK_UP_RESULT_"),
        "reason": one.reason or None,
        "request_id": one.request_id or None,
        "origins": [
            {
                "province": Province(origin.province).slug,
                "at": local_time(origin.at),
                "answered": origin.answered,
                "statement_id": origin.statement_id.hex(),
            }
            for origin in one.origins
        ],
    }


def look_up_lines(one: wire.LookUp) -> Iterator[str]:
    """A look-up for a person."""
    basis, channel = BASES.get(one.basis, NO_WORDS), CHANNELS.get(one.channel, NO_WORDS)
    result = LOOK_UP_RESULTS.get(one.result, NO_WORDS)
    who = "，".join(part for part in (one.unit, one.post) if part)
    yield f"{local_time(one.at)}  {who}  {basis.zh} {basis.en}，{channel.zh} {channel.en}"
    reason = f"（{one.reason}）" if one.reason else ""
    yield f"    用途 {PURPOSES.get(one.purpose) or '未说明'}   {result.zh} {result.en}{reason}"
    if one.matter_number:
        yield f"    事项编号 {one.matter_number}"
    answered = "、".join(
        Province(origin.province).name_zh + ("" if origin.answered else "（未受理）") for origin in one.origins
    )
    if answered:
        yield f"    来源地确认 confirmed by {answered}"


def _time(message: Any, field: str) -> str | None:
    return local_time(getattr(message, field)) if message.HasField(field) else None


def _called(desk: Desk, work: Callable[[grpc.aio.Channel], Awaitable[T]]) -> T:
    gateway = desk.gateway or known_home(desk.layout, subject_code(desk.uscc))
    return asyncio.run(channel_of_enterprise(desk.layout, desk.uscc, work, gateway=gateway))
