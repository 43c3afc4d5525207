"""A third party's query is answered within a grant that is known here and not taken back. On SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from sqlalchemy import delete, exc, select, text, update

from adapters.sdk import grants, ledger
from adapters.sdk.grants import GrantFeed
from adapters.sdk.source import Search, SourceAnswer
from contract.authorisation import grant_text
from contract.catalogue import PENALTY, published_catalogues, wire_key
from contract.days import to_timestamp
from contract.payloads import GRANT, GRANT_REVOCATION, GRANT_USE
from contract.province import Province
from huren.authorisation.v1 import authorisation_pb2
from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import query_pb2
from runtime.database import Database, open_database
from runtime.feeds import (
    AUTHORISATIONS,
    FEEDS,
    FeedPublisher,
    FeedStatementRefusedError,
    GrpcSubscriber,
    SubscriberBehindError,
    SubscriberUnavailableError,
)
from runtime.grpc_channel import open_channel
from runtime.identity import MemberPeer, member_host_name
from runtime.migrations import migrate_within
from signing import Compromised, PrivateKey, SignedStatement, Signer, TrustStore

GATEWAY = envelope_pb2.MEMBER_ROLE_GATEWAY
ELSEWHERE = Province(14)
REQUEST, OTHER_REQUEST = "1" * 32, "2" * 32
SUBJECTS_KEY = Ed25519PrivateKey.generate()


@pytest.fixture
def bench(bench: Any, database_url: str) -> Any:
    bench.database_url = database_url
    return bench


@pytest.fixture
def home(bench: Any) -> Home:
    return Home(bench)


class Home:
    """A home's gateway, as far as it tells of grants and asks under them."""

    def __init__(self, bench: Any, province: Province | None = None) -> None:
        self.bench = bench
        self.province = bench.kit.HOME if province is None else province
        self.signer = Signer(bench.key(self.province), issuer=self.province, role=GATEWAY)
        self.catalogue = bench.kit.catalogue

    def sign(self, payload_type: str, message: Any) -> SignedStatement:
        message.header.CopyFrom(self.signer.new_header(self.bench.clock()))
        return self.signer.sign(payload_type, message)

    def grant(self, **changes: Any) -> SignedStatement:
        kit = self.bench.kit
        terms = authorisation_pb2.GrantTerms(
            subject=authorisation_pb2.Party(uscc=kit.USCC, name=kit.NAME),
            grantee=authorisation_pb2.Party(uscc=kit.OTHER, name="示例银行股份有限公司（演示）"),
            purpose=query_pb2.PURPOSE_FINANCING,
            cells=[wire_key(kit.MARKET), wire_key(kit.MARKET_LIST)],
            window=common_pb2.Window(first_day="2022-01-01", last_day="2027-05-20"),
            max_uses=2,
            written_on=kit.TODAY.isoformat(),
            expires_on="2027-05-20",
            catalogue=kit.catalogue.ref,
            document_number="0" * 32,
        )
        signed_text = changes.pop("signed_text", None)
        for name, value in changes.items():
            setattr(terms, name, value)
        text = grant_text(terms, self.catalogue)
        consent = authorisation_pb2.Consent(
            text=text,
            certificate=certificate(kit.USCC, kit.NOW),
            signature=SUBJECTS_KEY.sign((signed_text or text).encode()),
        )
        return self.sign(GRANT, authorisation_pb2.Grant(terms=terms, consent=consent))

    def revocation(self, of: SignedStatement) -> SignedStatement:
        return self.sign(GRANT_REVOCATION, authorisation_pb2.GrantRevocation(grant_statement_id=of.statement_id))

    def use(self, of: SignedStatement, ordinal: int, request_id: str) -> SignedStatement:
        use = authorisation_pb2.GrantUse(grant_statement_id=of.statement_id, ordinal=ordinal, request_id=request_id)
        return self.sign(GRANT_USE, use)

    def question(
        self, under: SignedStatement, ordinal: int = 1, request_id: str = REQUEST, **changes: Any
    ) -> dict[str, Any]:
        ground = query_pb2.Authorisation(
            basis=query_pb2.AUTHORISATION_BASIS_GRANT,
            grant_statement_id=under.statement_id,
            grant_status=query_pb2.GRANT_STATUS_IN_FORCE,
            grant_status_at=to_timestamp(self.bench.clock()),
            use_ordinal=ordinal,
        )
        fields: dict[str, Any] = {
            "authorisation": ground,
            "purpose": query_pb2.PURPOSE_FINANCING,
            "request_id": request_id,
            "cells": [wire_key(self.bench.kit.MARKET)],
        }
        return fields | changes

    def query(self, under: SignedStatement, **changes: Any) -> bytes:
        envelope: bytes = self.bench.asked(**self.question(under, **changes)).envelope
        return envelope


def certificate(uscc: str, at: datetime) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "示例（演示）")])
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"urn:huren:enterprise:{uscc}")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(SUBJECTS_KEY.public_key())
        .serial_number(1)
        .not_valid_before(at - timedelta(days=1))
        .not_valid_after(at + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(SUBJECTS_KEY, None)
    )
    return made.public_bytes(Encoding.DER)


async def tell(running: Any, *statements: SignedStatement) -> None:
    """Applies statements as the subscription does: each in a transaction of its own."""
    feed = GrantFeed(published_catalogues())
    for statement in statements:
        verified = running.bench.verifier.verify(statement.envelope, expect=feed.handler.payload_types)
        async with running.database.write() as connection:
            await feed.apply(connection, verified, running.bench.clock())


async def rows_of(running: Any, table: Any) -> list[Any]:
    async with running.database.read() as connection:
        return list((await connection.execute(select(table))).mappings())


def grant_tables() -> dict[str, Any]:
    return {table.name: table for table in grants.APPEND_ONLY}


# --- Queries ----------------------------------------------------------------------------------------------------------


async def test_answers_within_a_grant_and_records_its_use(bench: Any, home: Home) -> None:
    granted = home.grant()
    asked = home.query(granted)
    async with bench.serving() as running:
        await tell(running, granted)
        bench.fragment(await running.answer(asked))
        (line,) = await rows_of(running, ledger.METADATA.tables["audit"])
        (use,) = await rows_of(running, grant_tables()["grant_uses"])

    assert (line["outcome"], line["grant_id"], line["matter_number"]) == ("ANSWERED", granted.statement_id, None)
    assert (use["grant_id"], use["issuer"], use["ordinal"]) == (granted.statement_id, home.province, 1)
    assert (use["request_id"], use["envelope"]) == (REQUEST, asked)


async def test_a_grant_that_has_not_arrived_may_be_asked_under_again_a_little_later(bench: Any, home: Home) -> None:
    granted = home.grant()
    async with bench.serving() as running:
        refused = bench.refusal(await running.answer(home.query(granted)))
        await tell(running, granted)
        bench.fragment(await running.answer(home.query(granted, attempt=2)))

    assert refused.reason == 17
    assert refused.may_ask_again
    assert 0 < refused.ask_again_after.seconds <= 10


async def test_a_grant_that_was_taken_back_is_refused_for_good(bench: Any, home: Home) -> None:
    granted = home.grant()
    async with bench.serving() as running:
        await tell(running, granted)
        first = home.query(granted)
        answered = await running.answer(first)
        await tell(running, home.revocation(granted))
        refused = await running.answer(home.query(granted, attempt=2))
        assert await running.answer(first) == answered, "one answer, given once"

    assert bench.reason(refused) == "GRANT_REVOKED"
    assert not bench.refusal(refused).may_ask_again
    assert len(bench.platform.asked) == 1


async def test_a_revocation_that_arrives_first_counts(bench: Any, home: Home) -> None:
    granted = home.grant()
    async with bench.serving() as running:
        await tell(running, home.revocation(granted))
        before = await running.answer(home.query(granted))
        await tell(running, granted)
        after = await running.answer(home.query(granted))

    assert [bench.reason(before), bench.reason(after)] == ["GRANT_REVOKED", "GRANT_REVOKED"]


async def test_a_revocation_that_is_received_while_the_source_is_asked_wins(bench: Any, kit: Any, home: Home) -> None:
    granted = home.grant()
    async with bench.serving() as running:
        await tell(running, granted)

        async def answer(_: Search) -> SourceAnswer:
            await tell(running, home.revocation(granted))
            answered: SourceAnswer = kit.answer(kit.penalty(), at=bench.clock())
            return answered

        bench.platform.answer = answer
        asked = home.query(granted)
        refused = await running.answer(asked)
        assert await running.answer(asked) == refused
        assert await rows_of(running, grant_tables()["grant_uses"]) == []
        assert await rows_of(running, ledger.METADATA.tables["record_identity"]) == []
        (line,) = await rows_of(running, ledger.METADATA.tables["audit"])

    assert bench.reason(refused) == line["outcome"] == "GRANT_REVOKED"


async def test_an_answer_and_a_revocation_wait_for_each_other(bench: Any, home: Home) -> None:
    """Whoever holds the grant first is done before the other looks: no answer is kept after a revocation that it did not see."""
    granted = home.grant()
    revocation = home.revocation(granted)
    query = bench.query()
    query.authorisation.grant_statement_id = granted.statement_id
    async with bench.serving() as running:
        await tell(running, granted)
        async with running.database.write() as connection:
            known = await grants.GrantBook(connection).known(query, home.province, holding=True)
            told = asyncio.create_task(tell(running, revocation))
            done, _ = await asyncio.wait([told], timeout=0.3)
            assert (known.revoked, done) == (False, set())
        await told
        async with running.database.read() as connection:
            assert (await grants.GrantBook(connection).known(query, home.province, holding=False)).revoked


async def test_an_ordinal_is_one_requests(bench: Any, home: Home) -> None:
    granted = home.grant()
    async with bench.serving() as running:
        await tell(running, granted)
        bench.fragment(await running.answer(home.query(granted)))
        another = await running.answer(home.query(granted, request_id=OTHER_REQUEST))
        bench.fragment(await running.answer(home.query(granted, attempt=2)))
        twice = await running.answer(home.query(granted, ordinal=2))
        bench.fragment(await running.answer(home.query(granted, ordinal=2, request_id=OTHER_REQUEST)))
        assert len(await rows_of(running, grant_tables()["grant_uses"])) == 2

    assert [bench.reason(another), bench.reason(twice)] == ["NOT_AUTHORISED", "NOT_AUTHORISED"]


async def test_of_two_requests_with_one_ordinal_at_once_one_is_answered(bench: Any, kit: Any, home: Home) -> None:
    together = asyncio.Barrier(2)

    async def answer(_: Search) -> SourceAnswer:
        await together.wait()
        answered: SourceAnswer = kit.answer(at=bench.clock())
        return answered

    bench.platform.answer = answer
    granted = home.grant()
    async with bench.serving() as running, running.gateway() as client:
        await tell(running, granted)
        answers = await asyncio.gather(
            client.answer(home.query(granted)), client.answer(home.query(granted, request_id=OTHER_REQUEST))
        )
    (refused,) = [answer for answer in answers if b"huren.refusal" in answer]
    assert bench.reason(refused) == "NOT_AUTHORISED"


async def test_an_ordinal_that_the_feed_told_is_that_requests(bench: Any, home: Home) -> None:
    granted = home.grant()
    async with bench.serving() as running:
        await tell(running, home.use(granted, 1, OTHER_REQUEST), granted)
        assert bench.reason(await running.answer(home.query(granted))) == "NOT_AUTHORISED"
        bench.fragment(await running.answer(home.query(granted, request_id=OTHER_REQUEST)))


@pytest.mark.parametrize(
    "beyond",
    [
        {"purpose": query_pb2.PURPOSE_TENDER},
        {"cells": [wire_key(("taxation", PENALTY))]},
        {"window": common_pb2.Window(first_day="2021-12-31", last_day="2026-11-19")},
        {"ordinal": 3},
    ],
    ids=["another purpose", "another cell", "another day", "a use more"],
)
async def test_refuses_what_goes_beyond_the_grant(bench: Any, home: Home, beyond: dict[str, Any]) -> None:
    granted = home.grant()
    async with bench.serving() as running:
        await tell(running, granted)
        refused = await running.answer(home.query(granted, **beyond))

    assert bench.reason(refused) == "NOT_AUTHORISED"
    assert bench.platform.asked == []


async def test_what_another_home_tells_neither_ends_nor_uses_up_a_grant(bench: Any, home: Home) -> None:
    other = Home(bench, ELSEWHERE)
    granted = home.grant()
    async with bench.serving() as running:
        await tell(running, other.revocation(granted), other.use(granted, 1, OTHER_REQUEST), granted)
        bench.fragment(await running.answer(home.query(granted)))


async def test_another_homes_grant_is_none(bench: Any, home: Home) -> None:
    granted = Home(bench, ELSEWHERE).grant()
    async with bench.serving() as running:
        await tell(running, granted)
        assert bench.reason(await running.answer(home.query(granted))) == "NOT_AUTHORISED"


async def test_a_grant_counts_no_more_once_its_key_is_known_to_be_compromised(bench: Any, home: Home) -> None:
    granted = home.grant()
    async with bench.serving() as running:
        await tell(running, granted)
    old, new = bench.trust.find(bench.key().key_id), PrivateKey.generate()
    since = bench.clock() - timedelta(days=1)
    bench.clock.now += timedelta(days=1)
    entries = {
        **bench.trust.keys,
        old.keyid: dataclasses.replace(old, state=Compromised(since=since)),
        new.key_id: dataclasses.replace(old, keyid=new.key_id, public_key=new.public_key),
    }
    bench.trust = TrustStore.from_entries(
        entries.values(), policy=bench.trust.policy, published_at=bench.trust.published_at
    )
    async with bench.serving() as running:
        asked = bench.sign(bench.query(**home.question(granted)), new)
        assert bench.reason(await running.answer(asked.envelope)) == "NOT_AUTHORISED"


async def test_an_officers_matter_stands_in_the_audit(bench: Any) -> None:
    ground = query_pb2.Authorisation(basis=query_pb2.AUTHORISATION_BASIS_OFFICIAL_DUTY, matter_number="示例〔2026〕1号")
    async with bench.serving() as running:
        asked = bench.asked(authorisation=ground, purpose=query_pb2.PURPOSE_OFFICIAL_DUTY)
        bench.fragment(await running.answer(asked.envelope))
        (line,) = await rows_of(running, ledger.METADATA.tables["audit"])

    assert (line["matter_number"], line["grant_id"], line["purpose"]) == ("示例〔2026〕1号", None, 7)


# --- Statements -------------------------------------------------------------------------------------------------------


async def test_the_same_statements_again_change_nothing(bench: Any, home: Home) -> None:
    granted = home.grant()
    told = (granted, home.use(granted, 1, REQUEST), home.revocation(granted))
    async with bench.serving() as running:
        await tell(running, *told)
        first = [await rows_of(running, table) for table in grants.APPEND_ONLY]
        bench.clock.now += timedelta(seconds=9)
        await tell(running, *reversed(told), home.revocation(granted), home.use(granted, 1, REQUEST))

        assert [await rows_of(running, table) for table in grants.APPEND_ONLY] == first
        assert [len(rows) for rows in first] == [1, 1, 1]


@pytest.mark.parametrize(("ordinal", "request_id"), [(1, OTHER_REQUEST), (2, REQUEST)])
async def test_a_use_that_contradicts_an_earlier_one_is_refused(
    bench: Any, home: Home, ordinal: int, request_id: str
) -> None:
    granted = home.grant()
    async with bench.serving() as running:
        await tell(running, granted, home.use(granted, 1, REQUEST))
        with pytest.raises(FeedStatementRefusedError, match="another"):
            await tell(running, home.use(granted, ordinal, request_id))
        assert len(await rows_of(running, grant_tables()["grant_uses"])) == 1


async def test_a_use_that_a_query_made_known_is_the_feeds_too(bench: Any, home: Home) -> None:
    granted = home.grant()
    async with bench.serving() as running:
        await tell(running, granted)
        bench.fragment(await running.answer(home.query(granted)))
        await tell(running, home.use(granted, 1, REQUEST))
        with pytest.raises(FeedStatementRefusedError):
            await tell(running, home.use(granted, 1, OTHER_REQUEST))


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("G-4", {"purpose": query_pb2.PURPOSE_NOT_STATED}),
        ("G-6", {"written_on": "2026-11-19"}),
        ("G-7", {"expires_on": "2027-11-21"}),
        ("G-12", {"signed_text": "another text"}),
    ],
)
async def test_a_grant_that_breaks_a_rule_is_refused(
    bench: Any, home: Home, rule: str, changes: dict[str, Any]
) -> None:
    async with bench.serving() as running:
        with pytest.raises(FeedStatementRefusedError, match=rule):
            await tell(running, home.grant(**changes))
        assert await rows_of(running, grant_tables()["grants"]) == []


async def test_a_grant_by_a_catalogue_that_this_release_does_not_know_is_for_later(bench: Any, home: Home) -> None:
    granted = authorisation_pb2.Grant.FromString(home.grant().payload)
    granted.terms.catalogue.version = "2999-12"
    async with bench.serving() as running:
        with pytest.raises(SubscriberBehindError, match="2999-12"):
            await tell(running, home.sign(GRANT, granted))
        assert await rows_of(running, grant_tables()["grants"]) == []


async def test_a_grant_by_a_catalogue_that_is_not_served_is_refused(bench: Any, home: Home) -> None:
    granted = authorisation_pb2.Grant.FromString(home.grant().payload)
    granted.terms.catalogue.digest = b"\1" * 32
    async with bench.serving() as running:
        with pytest.raises(FeedStatementRefusedError, match="catalogue"):
            await tell(running, home.sign(GRANT, granted))


@pytest.mark.parametrize("table", grants.APPEND_ONLY, ids=lambda table: table.name)
async def test_the_database_refuses_to_change_what_was_told(bench: Any, home: Home, table: Any) -> None:
    granted = home.grant()
    async with bench.serving() as running:
        await tell(running, granted, home.use(granted, 1, REQUEST), home.revocation(granted))
        for statement in (delete(table), update(table).values(issuer=11)):
            with pytest.raises(exc.DBAPIError, match="append-only"):
                async with running.database.write() as connection:
                    await connection.execute(statement)
        assert len(await rows_of(running, table)) == 1


# --- The feed ---------------------------------------------------------------------------------------------------------


async def test_takes_the_feed_of_a_members_gateway(bench: Any, home: Home, tmp_path: Any) -> None:
    """What happens: a home publishes a grant, a use, a use that contradicts it, and a revocation, over mutual TLS.

    What must result: all are taken, the contradiction is parked, and the grant counts until the revocation is received.
    """
    granted = home.grant()
    async with bench.serving() as running, open_database(f"sqlite:///{tmp_path / 'home.db'}") as theirs:
        await _prepare(theirs)
        name = member_host_name(MemberPeer(bench.kit.OURS, envelope_pb2.MEMBER_ROLE_ADAPTER))
        tls = bench.pki.member_tls(MemberPeer(home.province, GATEWAY))
        async with open_channel(running.target, tls, server_name=name) as channel:
            publisher = _publisher(home, theirs, GrpcSubscriber(channel))

            async def told(*statements: SignedStatement) -> None:
                for statement in statements:
                    async with theirs.write() as connection:
                        await publisher.append(connection, statement.envelope, bench.clock())
                assert await publisher.push(bench.kit.OURS, 20)

            await told(granted, home.use(granted, 1, REQUEST), home.use(granted, 1, OTHER_REQUEST))
            bench.fragment(await running.answer(home.query(granted)))
            await told(home.revocation(granted))
            assert bench.reason(await running.answer(home.query(granted, attempt=2))) == "GRANT_REVOKED"
        parked = await rows_of(running, FEEDS.metadata[0].tables["feed_parked"])

    assert [row["number"] for row in parked] == [3]


async def _prepare(database: Database) -> None:
    async with database.reshape() as connection:
        await migrate_within(connection, FEEDS)


def _publisher(home: Home, database: Database, subscriber: GrpcSubscriber) -> FeedPublisher:
    async def epoch(_: object) -> str:
        return "e" * 32

    async def snapshot(_: object) -> Sequence[bytes]:
        return ()

    return FeedPublisher(
        feed=AUTHORISATIONS,
        signer=home.signer,
        database=database,
        subscribers={home.bench.kit.OURS: subscriber},
        epoch=epoch,
        snapshot=snapshot,
        clock=home.bench.clock,
    )


def by_a_newer_catalogue(granted: authorisation_pb2.Grant) -> None:
    granted.terms.catalogue.version = "2999-12"


def for_a_purpose_of_a_later_release(granted: authorisation_pb2.Grant) -> None:
    granted.terms.purpose = 99  # type: ignore[assignment]


@pytest.mark.parametrize("change", [by_a_newer_catalogue, for_a_purpose_of_a_later_release])
async def test_a_grant_of_a_later_release_waits_until_this_one_is_brought_up_to_date(
    bench: Any, home: Home, tmp_path: Any, change: Any
) -> None:
    """What happens: a home that is one release ahead tells a grant that cannot be checked here yet, then another statement.

    What must result: the home is told to try again; nothing is parked, and nothing counts as received.
    """
    granted = authorisation_pb2.Grant.FromString(home.grant().payload)
    change(granted)
    later = home.sign(GRANT, granted)
    async with bench.serving() as running, open_database(f"sqlite:///{tmp_path / 'home.db'}") as theirs:
        await _prepare(theirs)
        name = member_host_name(MemberPeer(bench.kit.OURS, envelope_pb2.MEMBER_ROLE_ADAPTER))
        tls = bench.pki.member_tls(MemberPeer(home.province, GATEWAY))
        async with open_channel(running.target, tls, server_name=name) as channel:
            publisher = _publisher(home, theirs, GrpcSubscriber(channel))
            for statement in (later, home.revocation(later)):
                async with theirs.write() as connection:
                    await publisher.append(connection, statement.envelope, bench.clock())
            with pytest.raises(SubscriberUnavailableError, match="STORE_UNAVAILABLE") as caught:
                await publisher.push(bench.kit.OURS, 20)
            assert (caught.value.may_retry, caught.value.retry_after) == (True, timedelta(minutes=1))
            assert await publisher.receipts([later.statement_id]) == {later.statement_id: {}}
        for table in ("feed_parked", "feed_taken"):
            assert await rows_of(running, FEEDS.metadata[0].tables[table]) == []


# --- The history of the tables ----------------------------------------------------------------------------------------


async def test_a_database_of_before_grants_is_taken_along(bench: Any) -> None:
    asked = bench.asked()
    async with open_database(bench.database_url) as database, database.reshape() as connection:
        await migrate_within(connection, ledger.TABLES, to="0001")
        await connection.execute(
            text(
                "INSERT INTO statements (statement_id, payload_type, envelope, issued_at_us) VALUES (:id, 'x', :id, 1)"
            ),
            {"id": b"s"},
        )
        await connection.execute(
            text(
                "INSERT INTO audit (at_us, asked_by, uscc, purpose, basis, request_id, query_statement_id,"
                " answer_statement_id, outcome) VALUES (1, 12, '', 1, 1, '', :id, :id, 'ANSWERED')"
            ),
            {"id": b"s"},
        )
    async with bench.serving() as running:
        bench.fragment(await running.answer(asked.envelope))
        lines = await rows_of(running, ledger.METADATA.tables["audit"])

    assert [(line["at_us"] == 1, line["grant_id"], line["matter_number"]) for line in lines] == [
        (True, None, None),
        (False, None, None),
    ]
