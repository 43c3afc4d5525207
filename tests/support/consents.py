"""Grants in the store of a live federation, as if they had been given through the front door, and taken back."""

from __future__ import annotations

from contract.catalogue import wire_key
from contract.days import china_day
from contract.payloads import GRANT, GRANT_REVOCATION
from contract.province import Province
from contract.uscc import Uscc
from gateway.domain.request import Caller
from gateway.store.grants import NewGrant, keep_grant, keep_revocation
from gateway.store.rows import alone_with_subject
from huren.authorisation.v1 import authorisation_pb2
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_service_pb2 as wire
from tests.support.federation import GATEWAY, SUBJECT_CODE, uscc
from tests.support.live import Live

BANK = uscc(77)
UNIT = uscc(88)


def unit(code: Uscc) -> Caller:
    """A unit by its certificate."""
    return Caller(reference=f"enterprise:{code}", uscc=code, identity_level=query_pb2.IDENTITY_LEVEL_HIGH)


def officer(person: str, matter_number: str) -> Caller:
    """An officer of the home in a matter."""
    return Caller(
        reference=f"person:{person}",
        uscc=UNIT,
        identity_level=query_pb2.IDENTITY_LEVEL_HIGH,
        basis=query_pb2.AUTHORISATION_BASIS_OFFICIAL_DUTY,
        actor=person,
        unit="示例信用主管部门（演示）",
        post="经办",
        channel=common_pb2.CHANNEL_WEB,
        matter_number=matter_number,
    )


async def granted(live: Live) -> bytes:
    """Lets the subject grant everything to the bank. Gives the grant's statement id."""
    federation = live.federation
    signer = federation.signer(Province.BEIJING, GATEWAY)
    day = china_day(federation.now)
    catalogue = federation.catalogues.in_force(day)
    terms = authorisation_pb2.GrantTerms(
        subject=authorisation_pb2.Party(uscc=SUBJECT_CODE, name="示例企业（演示）"),
        grantee=authorisation_pb2.Party(uscc=BANK, name="示例银行（演示）"),
        purpose=query_pb2.PURPOSE_FINANCING,
        cells=map(wire_key, catalogue.cells),
        window=common_pb2.Window(first_day="2023-01-01", last_day=day.isoformat()),
        max_uses=5,
        written_on=day.isoformat(),
        expires_on=day.isoformat(),
        catalogue=catalogue.ref,
        document_number="a" * 32,
    )
    grant = authorisation_pb2.Grant(header=signer.new_header(federation.now), terms=terms)
    statement = signer.sign(GRANT, grant)
    new = NewGrant(
        statement_id=statement.statement_id,
        document_number=terms.document_number,
        uscc=SUBJECT_CODE,
        grantee=BANK,
        max_uses=terms.max_uses,
        expires_on=day,
        envelope=statement.envelope,
        given_by="enterprise",
        given_at=federation.now,
    )
    async with live.database.write() as connection:
        await keep_grant(connection, new)
    return statement.statement_id


async def taken_back(live: Live, grant_id: bytes) -> None:
    """Lets the subject take its grant back."""
    federation = live.federation
    signer = federation.signer(Province.BEIJING, GATEWAY)
    revocation = authorisation_pb2.GrantRevocation(
        header=signer.new_header(federation.now), grant_statement_id=grant_id
    )
    statement = signer.sign(GRANT_REVOCATION, revocation)
    async with live.database.write() as connection:
        await alone_with_subject(connection, SUBJECT_CODE)
        await keep_revocation(
            connection,
            grant_id,
            statement_id=statement.statement_id,
            envelope=statement.envelope,
            revoked_by="enterprise",
            at=federation.now,
        )


def under(grant_id: bytes, key: str = "bank-key-1") -> wire.RequestReportRequest:
    """The bank's request."""
    return wire.RequestReportRequest(
        idempotency_key=key,
        uscc=SUBJECT_CODE,
        basis=query_pb2.AUTHORISATION_BASIS_GRANT,
        grant_statement_id=grant_id,
    )
