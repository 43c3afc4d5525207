"""Which home serves a subject: moved, centrally registered, a branch, cancelled, from elsewhere, unknown; how a move takes effect.

The same for the embedded registry and for one that is asked over HTTP, and on both databases.
"""

from __future__ import annotations

import dataclasses
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from contract.errors import ErrorCode, HurenError, Retry
from contract.outcome import Question
from contract.payloads import HOME_TRANSFER, TRANSFER_CONSENT
from contract.province import Province
from contract.registry import FormerName, Move, Registration, Registry, RegistryEntry
from contract.transfer import check_transfer
from contract.uscc import Uscc
from gateway.store import tables
from gateway.store.rows import TRANSFER, AuditRow
from gateway.store.transfers import SignedTransfer, TransferStore
from huren.common.v1 import common_pb2
from huren.home.v1 import home_service_pb2, home_service_pb2_grpc, transfer_pb2
from huren.report.v1 import report_service_pb2 as wire
from runtime.database import open_database
from runtime.grpc_errors import error_detail
from runtime.http_registry import HttpRegistrySettings, open_http_registry
from runtime.identity import MemberPeer
from runtime.registry import TableRegistry
from sandbox.pki import PKI
from tests.support.federation import ADAPTER, GATEWAY, Federation, uscc
from tests.support.homes import NOBODY, Homes, open_homes, plugged_together
from tests.support.live import live_federation

BEIJING, TIANJIN, HEBEI, SHANXI = Province

CODE = uscc(1)
"""Its digits say Beijing."""
CENTRAL = uscc(2, "91100000")
MOVED_ON = date(2022, 3, 1)
NEW_HOME = MemberPeer(TIANJIN, GATEWAY)
MOVE = Move(old_home=BEIJING, new_home=TIANJIN, registered_on=MOVED_ON)


def entry(*registered: tuple[Province | None, date], code: Uscc = CODE, **changes: Any) -> RegistryEntry:
    """A registry's entry, with where the subject was registered since when."""
    fields: dict[str, Any] = {
        "uscc": code,
        "name": "示例金属制品有限公司",
        "kind": common_pb2.SUBJECT_KIND_ENTERPRISE,
        "status": common_pb2.REGISTRATION_STATUS_ACTIVE,
        "registrations": tuple(Registration(province=province, since=since) for province, since in registered),
    }
    return RegistryEntry(**(fields | changes))


FOUNDED = (BEIJING, date(2010, 1, 4))
STAYED = entry(FOUNDED)
MOVED = entry(
    FOUNDED,
    (TIANJIN, MOVED_ON),
    former_names=(FormerName(name="北京示例金属制品有限公司", valid_to=date(2022, 2, 28)),),
)

Opener = Callable[..., Awaitable[Homes]]


@pytest.fixture(params=["embedded", "http"])
async def opened(request: pytest.FixtureRequest, pki: PKI, tmp_path: Path) -> AsyncIterator[Opener]:
    """Opens homes with each kind of registry."""
    async with _opener(
        pki, tmp_path, request.param, lambda province: f"sqlite:///{tmp_path / province.slug}.db"
    ) as opener:
        yield opener


@pytest.fixture(params=["embedded-sqlite", "http-sqlite", "embedded-postgresql"])
async def moving(request: pytest.FixtureRequest, pki: PKI, tmp_path: Path) -> AsyncIterator[Opener]:
    """Opens homes with each kind of registry, and on each kind of database."""
    kind, database = request.param.split("-")
    with ExitStack() as databases:
        server = request.getfixturevalue("postgresql_server") if database == "postgresql" else None

        def database_url(province: Province) -> str:
            if server is None:
                return f"sqlite:///{tmp_path / province.slug}.db"
            return str(databases.enter_context(server.database()))

        async with _opener(pki, tmp_path, kind, database_url) as opener:
            yield opener


@asynccontextmanager
async def _opener(pki: PKI, folder: Path, kind: str, database_url: Callable[[Province], str]) -> AsyncIterator[Opener]:
    async with AsyncExitStack() as stack:

        async def open_them(**wishes: Any) -> Homes:
            homes = open_homes(pki, folder, kind=kind, database_url=database_url, **wishes)
            return await stack.enter_async_context(homes)

        yield open_them


# --- Who is served where ----------------------------------------------------------------------------------------------


async def test_an_enterprise_with_the_digits_of_beijing_is_served_in_tianjin_where_it_is_registered_now(
    opened: Opener,
) -> None:
    homes = await opened()
    await homes.tell(MOVED)
    subject = (await homes.ask(TIANJIN, CODE)).subject
    assert subject.home_basis == common_pb2.HOME_BASIS_REGISTRY
    assert "北京示例金属制品有限公司" in {one.value for one in subject.identifiers}
    error = await homes.refusal(BEIJING, CODE)
    assert (error.code, error.province, error.row.retry) == (ErrorCode.FOREIGN_HOME, TIANJIN, Retry.ELSEWHERE)
    assert error.contact is not None
    assert error.contact.url == "https://tianjin.example/"
    assert "天津市" in error.message_zh
    assert "依据登记库" in error.message_zh
    assert CODE not in error.message_zh + error.message_en


async def test_a_centrally_registered_enterprise_is_served_where_the_registry_says(opened: Opener) -> None:
    homes = await opened()
    await homes.tell(entry((TIANJIN, date(2003, 5, 1)), code=CENTRAL))
    accepted = await homes.ask(TIANJIN, CENTRAL)
    assert accepted.subject.home_basis == common_pb2.HOME_BASIS_REGISTRY
    assert (await homes.refusal(BEIJING, CENTRAL)).province is TIANJIN


async def test_a_centrally_registered_enterprise_that_no_registry_knows_is_served_nowhere(opened: Opener) -> None:
    homes = await opened()
    assert [(await homes.refusal(home, CENTRAL)).code for home in homes.of] == [ErrorCode.SUBJECT_UNKNOWN] * 2


async def test_the_home_of_a_branch_is_its_own_and_not_its_parents(opened: Opener) -> None:
    homes = await opened()
    branch = entry(
        (TIANJIN, date(2015, 6, 1)),
        code=uscc(3, "91120101"),
        name="示例金属制品有限公司天津分公司",
        kind=common_pb2.SUBJECT_KIND_BRANCH,
    )
    await homes.tell(STAYED, branch)
    assert (await homes.ask(TIANJIN, Uscc(branch.uscc))).subject.kind == common_pb2.SUBJECT_KIND_BRANCH
    assert (await homes.refusal(BEIJING, Uscc(branch.uscc))).province is TIANJIN
    assert (await homes.ask(BEIJING, CODE)).subject.kind == common_pb2.SUBJECT_KIND_ENTERPRISE
    assert (await homes.refusal(TIANJIN, CODE)).province is BEIJING


async def test_a_cancelled_subject_is_told_the_day_of_its_cancellation(opened: Opener) -> None:
    homes = await opened()
    cancelled = common_pb2.REGISTRATION_STATUS_CANCELLED
    await homes.tell(entry(FOUNDED, status=cancelled, cancelled_on=date(2025, 7, 25)))
    error = await homes.refusal(BEIJING, CODE)
    assert (error.code, "2025-07-25" in error.message_zh) == (ErrorCode.SUBJECT_CANCELLED, True)


async def test_a_subject_whose_licence_was_revoked_is_served_and_its_status_said(opened: Opener) -> None:
    homes = await opened()
    await homes.tell(entry(FOUNDED, status=common_pb2.REGISTRATION_STATUS_LICENCE_REVOKED))
    accepted = await homes.ask(BEIJING, CODE)
    assert accepted.subject.registration_status == common_pb2.REGISTRATION_STATUS_LICENCE_REVOKED


async def test_a_subject_registered_outside_the_four_is_refused_by_name(opened: Opener) -> None:
    homes = await opened()
    await homes.tell(entry(FOUNDED, (None, date(2018, 6, 1))))
    assert [(await homes.refusal(home, CODE)).code for home in homes.of] == [ErrorCode.HOME_OUTSIDE] * 2


async def test_a_subject_that_the_registry_does_not_know_is_served_by_its_digits_and_that_is_said(
    opened: Opener,
) -> None:
    homes = await opened()
    subject = (await homes.ask(BEIJING, CODE)).subject
    assert (subject.home_basis, subject.name) == (common_pb2.HOME_BASIS_CODE_DIGITS, "")
    assert subject.registration_status == common_pb2.REGISTRATION_STATUS_UNKNOWN
    error = await homes.refusal(TIANJIN, CODE)
    assert (error.code, error.province) == (ErrorCode.FOREIGN_HOME, BEIJING)
    assert "依据代码前六位推断" in error.message_zh
    assert "guessed from the digits" in error.message_en


async def test_a_subject_that_moved_in_from_outside_is_served_from_its_first_day_without_a_transfer(
    opened: Opener,
) -> None:
    homes = await opened(down=(BEIJING,))
    await homes.tell(entry(FOUNDED, (None, date(2018, 6, 1)), (TIANJIN, date(2026, 11, 22))))
    homes.now -= timedelta(days=1)
    assert (await homes.refusal(TIANJIN, CODE)).code is ErrorCode.HOME_OUTSIDE
    homes.now += timedelta(days=1)
    assert (await homes.ask(TIANJIN, CODE)).subject.uscc == CODE
    assert await homes.of[TIANJIN].kept(tables.transfers) == []


@pytest.mark.parametrize("kind", ["embedded", "http"])
async def test_while_the_registry_is_down_nobody_is_guessed_about(pki: PKI, tmp_path: Path, kind: str) -> None:
    """What happens: the registry cannot be asked; the digits of the code would say Beijing.

    What must result: an error that says to ask again later; neither acceptance nor another home's name.
    """

    async def asked(homes: Homes, registry: Registry) -> None:
        intake, _ = await plugged_together(homes, BEIJING, registry, homes.of[BEIJING].database)
        homes.of[BEIJING].intake = intake
        error = await homes.refusal(BEIJING, CODE)
        assert (error.code, error.row.retry, error.province) == (ErrorCode.STORE_UNAVAILABLE, Retry.LATER, None)
        assert error.retry_after is not None

    def url(province: Province) -> str:
        return f"sqlite:///{tmp_path / province.slug}.db"

    async with open_homes(pki, tmp_path, kind="embedded", database_url=url, provinces=(BEIJING,)) as homes:
        if kind == "embedded":
            async with open_database(f"sqlite:///{tmp_path}/nowhere/store.db") as database:
                await asked(homes, TableRegistry(database))
        else:
            async with open_http_registry(HttpRegistrySettings(url=f"http://{NOBODY}")) as registry:
                await asked(homes, registry)
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:  # it tells the loop of its end
            thread.join()


# --- How a move takes effect ------------------------------------------------------------------------------------------


async def test_a_move_takes_effect_by_a_transfer_that_both_homes_sign_and_keep(moving: Opener) -> None:
    """What happens: a subject that moved asks its new home for the first time.

    What must result: transfer and consent, the same bytes at both homes, which anybody can check; both audits tell of it.
    """
    homes = await moving()
    await homes.tell(MOVED)
    await homes.ask(TIANJIN, CODE)
    (new,), (old,) = [await homes.of[home].kept(tables.transfers) for home in (TIANJIN, BEIJING)]
    assert (new["transfer"], new["consent"]) == (old["transfer"], old["consent"])
    checked = check_transfer(new["transfer"], new["consent"], homes.federation.verifier)
    assert (checked.uscc, checked.move) == (CODE, MOVE)
    told = [
        (row["action"], row["result"], row["caller"], row["province"], row["statement_id"])
        for home in (TIANJIN, BEIJING)
        for row in await homes.of[home].kept(tables.audit)
    ]
    assert told == [
        ("transfer", "TAKEN_OVER", "", BEIJING, checked.transfer.statement_id),
        ("transfer", "CONSENTED", "urn:huren:member:12:gateway", TIANJIN, checked.transfer.statement_id),
    ]


async def test_once_it_is_kept_the_old_home_is_not_asked_again(moving: Opener) -> None:
    homes = await moving()
    await homes.tell(MOVED)
    await homes.ask(TIANJIN, CODE)
    await homes.stop(BEIJING)
    assert (await homes.ask(TIANJIN, CODE)).subject.uscc == CODE
    assert len(await homes.of[TIANJIN].kept(tables.transfers)) == 1


async def test_while_the_old_home_cannot_be_reached_the_request_is_not_accepted_and_later_it_is(
    moving: Opener,
) -> None:
    homes = await moving(down=(BEIJING,))
    await homes.tell(MOVED)
    error = await homes.refusal(TIANJIN, CODE)
    assert (error.code, error.row.retry, error.province) == (ErrorCode.TRANSFER_PENDING, Retry.LATER, BEIJING)
    assert error.retry_after is not None
    assert "迁入手续尚未完成" in error.message_zh
    assert await homes.of[TIANJIN].kept(tables.transfers) == []
    await homes.serve(BEIJING)
    assert (await homes.ask(TIANJIN, CODE)).subject.uscc == CODE


async def test_an_old_home_whose_registry_does_not_know_the_move_does_not_consent(moving: Opener) -> None:
    """What happens: the new home's registry is ahead of the old home's.

    What must result: nothing is accepted, the enterprise is told whom to call; when the registries agree, it is served.
    """
    homes = await moving()
    await homes.of[TIANJIN].known.tell(MOVED)
    await homes.of[BEIJING].known.tell(STAYED)
    error = await homes.refusal(TIANJIN, CODE)
    assert (error.code, error.row.retry, error.province) == (ErrorCode.TRANSFER_REFUSED, Retry.LATER, BEIJING)
    assert error.contact is not None
    assert error.contact.unit == "北京市信用主管部门（演示）"
    assert error.contact.unit in error.message_zh
    assert "登记库尚未载明" in error.message_zh
    assert [await home.kept(tables.transfers) for home in homes.of.values()] == [[], []]
    assert [row["result"] for row in await homes.of[BEIJING].kept(tables.audit)] == ["TRANSFER_UNKNOWN"]
    assert (await homes.ask(BEIJING, CODE)).subject.uscc == CODE
    await homes.of[BEIJING].known.tell(MOVED)
    assert (await homes.ask(TIANJIN, CODE)).subject.uscc == CODE


async def test_an_old_home_consents_to_nothing_but_what_its_registry_says(moving: Opener) -> None:
    homes = await moving()
    await homes.of[TIANJIN].known.tell(MOVED)
    later = date(2024, 1, 1)
    for known in (
        [entry(FOUNDED, (TIANJIN, date(2022, 3, 2)))],
        [entry(FOUNDED, (SHANXI, MOVED_ON))],
        [entry(FOUNDED, (TIANJIN, MOVED_ON), (SHANXI, later))],
        [entry(FOUNDED, (TIANJIN, MOVED_ON), (None, later))],
        [entry(FOUNDED, (TIANJIN, MOVED_ON), (BEIJING, later))],
        [],
    ):
        await homes.of[BEIJING].known.tell(*known)
        assert (await homes.refusal(TIANJIN, CODE)).code is ErrorCode.TRANSFER_REFUSED, known
    assert await homes.of[BEIJING].kept(tables.transfers) == []


async def test_from_its_consent_on_the_old_home_serves_the_subject_no_more_whatever_its_registry_says(
    moving: Opener,
) -> None:
    homes = await moving()
    await homes.tell(MOVED)
    await homes.ask(TIANJIN, CODE)
    for forgotten in ([STAYED], []):
        await homes.of[BEIJING].known.tell(*forgotten)
        error = await homes.refusal(BEIJING, CODE)
        assert (error.code, error.province) == (ErrorCode.FOREIGN_HOME, TIANJIN)
        assert "依据两地签署的移交" in error.message_zh


async def test_what_is_open_at_the_old_home_is_entitled_until_the_move_and_not_after(moving: Opener) -> None:
    homes = await moving()
    await homes.tell(STAYED)
    old = homes.of[BEIJING].intake
    assert await old.still_entitled(CODE, homes.now) == (await homes.ask(BEIJING, CODE)).subject
    await homes.tell(MOVED)
    await homes.ask(TIANJIN, CODE)
    with pytest.raises(HurenError) as caught:
        await old.still_entitled(CODE, homes.now)
    assert (caught.value.code, caught.value.province) == (ErrorCode.FOREIGN_HOME, TIANJIN)


async def test_a_move_back_is_another_transfer(moving: Opener) -> None:
    homes = await moving()
    await homes.tell(MOVED)
    await homes.ask(TIANJIN, CODE)
    back = date(2024, 9, 2)
    await homes.tell(entry(FOUNDED, (TIANJIN, MOVED_ON), (BEIJING, back)))
    assert (await homes.ask(BEIJING, CODE)).subject.uscc == CODE
    assert (await homes.refusal(TIANJIN, CODE)).province is BEIJING
    for home in homes.of.values():
        kept = [
            (row["from_province"], row["to_province"], row["registered_on"])
            for row in await home.kept(tables.transfers)
        ]
        assert sorted(kept) == [(11, 12, MOVED_ON.isoformat()), (12, 11, back.isoformat())]
    again = date(2026, 1, 5)
    await homes.tell(entry(FOUNDED, (TIANJIN, MOVED_ON), (BEIJING, back), (TIANJIN, again)))
    assert (await homes.ask(TIANJIN, CODE)).subject.uscc == CODE
    assert (await homes.refusal(BEIJING, CODE)).province is TIANJIN


async def test_of_several_moves_the_last_one_is_settled_between_the_two_that_it_concerns(moving: Opener) -> None:
    homes = await moving(provinces=(BEIJING, TIANJIN, HEBEI), down=(BEIJING,))
    await homes.tell(entry(FOUNDED, (TIANJIN, MOVED_ON), (HEBEI, date(2025, 2, 3))))
    assert (await homes.ask(HEBEI, CODE)).subject.uscc == CODE
    (kept,) = await homes.of[HEBEI].kept(tables.transfers)
    assert (kept["from_province"], kept["to_province"]) == (TIANJIN, HEBEI)


async def test_a_request_that_is_open_at_the_old_home_ends_at_its_next_try_after_the_consent(
    pki: PKI, tmp_path: Path
) -> None:
    """What happens: Hebei is silent, so a request is open in Beijing; meanwhile Beijing lets the subject go to Tianjin.

    What must result: nobody is asked again, the request ends by name, and there is no report, though Beijing's registry forgets.
    """

    async def silent(_federation: Federation, _question: Question) -> bytes:
        raise HurenError(ErrorCode.UNVERIFIED_IN_PRODUCTION)

    async with live_federation(pki, tmp_path) as live:
        live.provinces[HEBEI].behaviour = silent
        opened = (await live.request()).open
        asked = {province: len(state.received) for province, state in live.provinces.items()}
        stayed = live.registry.entries[CODE]
        moved = (*stayed.registrations, Registration(province=TIANJIN, since=MOVED_ON))
        live.registry.entries[CODE] = stayed.model_copy(update={"registrations": moved})
        transfer = transfer_by(live.federation, live.federation.now)
        check_transfer(transfer, await live.services.transfers.agree(transfer, NEW_HOME), live.federation.verifier)
        live.registry.entries[CODE] = stayed
        async with live.working():
            ended = (await live.ended(opened.request_id)).ended
        assert (ended.end, ended.reason) == (wire.REQUEST_END_AUTHORISATION_ENDED, "FOREIGN_HOME")
        assert {province: len(state.received) for province, state in live.provinces.items()} == asked
        assert await live.rows(tables.reports) == []


# --- What the old home is sent ----------------------------------------------------------------------------------------


def transfer_by(
    federation: Federation,
    at: datetime,
    *,
    signer: Province = TIANJIN,
    old_home: Province = BEIJING,
    **changes: Any,
) -> bytes:
    """A transfer of the subject to Tianjin, signed; `changes` are its fields."""
    fields: dict[str, Any] = {
        "header": federation.header(signer, GATEWAY, at),
        "uscc": CODE,
        "from": old_home.wire,
        "to": TIANJIN.wire,
        "registered_on": MOVED_ON.isoformat(),
    }
    made = transfer_pb2.HomeTransfer(**(fields | changes))
    return federation.signer(signer, GATEWAY).sign(HOME_TRANSFER, made).envelope


def transfer_of(homes: Homes, at: datetime | None = None, **changes: Any) -> bytes:
    """As `transfer_by`, now unless told."""
    return transfer_by(homes.federation, at or homes.now, **changes)


async def agreed(homes: Homes, transfer: bytes, peer: MemberPeer = NEW_HOME) -> bytes:
    async with homes.calling(BEIJING, peer) as stub:
        request = home_service_pb2.AgreeToTransferRequest(transfer_envelope=transfer)
        return (await stub.AgreeToTransfer(request, timeout=30)).consent_envelope


async def refused(homes: Homes, transfer: bytes, peer: MemberPeer = NEW_HOME) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await agreed(homes, transfer, peer)
    detail = error_detail(caught.value)
    assert detail is not None
    return detail.code, detail.message_en


async def test_the_same_transfer_again_gets_the_same_consent_whatever_is_known_by_then(moving: Opener) -> None:
    homes = await moving()
    await homes.tell(MOVED)
    transfer = transfer_of(homes)
    consent = await agreed(homes, transfer)
    await homes.tell()
    homes.now += timedelta(days=3)
    assert await agreed(homes, transfer) == consent
    assert len(await homes.of[BEIJING].kept(tables.transfers)) == 1
    assert len(await homes.of[BEIJING].kept(tables.audit)) == 1
    check_transfer(transfer, consent, homes.federation.verifier)


async def test_a_consent_that_the_new_home_lost_is_given_to_a_new_transfer(moving: Opener) -> None:
    """What happens: the old home consents, and the new home dies before it keeps that.

    What must result: the next request is accepted; each transfer has its own consent.
    """
    homes = await moving()
    await homes.tell(MOVED)
    await agreed(homes, transfer_of(homes))
    await homes.ask(TIANJIN, CODE)
    assert len(await homes.of[BEIJING].kept(tables.transfers)) == 2
    assert len(await homes.of[TIANJIN].kept(tables.transfers)) == 1


async def test_a_transfer_that_is_not_its_peers_not_ours_or_not_of_now_is_refused(moving: Opener) -> None:
    homes = await moving()
    await homes.tell(MOVED)
    hebei = MemberPeer(HEBEI, GATEWAY)
    for transfer, peer, told in (
        (transfer_of(homes), hebei, "the peer is not its signer"),
        (transfer_of(homes, signer=HEBEI), hebei, "the signer is not the new home's gateway"),
        (transfer_of(homes, old_home=SHANXI), NEW_HOME, "another province is its old home"),
        (transfer_of(homes, homes.now - timedelta(seconds=61)), NEW_HOME, "it was not signed just now"),
        (transfer_of(homes, homes.now + timedelta(seconds=61)), NEW_HOME, "it was not signed just now"),
        (transfer_of(homes, registered_on="2022-02-30"), NEW_HOME, "the day of registration is wrong"),
        (transfer_of(homes, uscc=uscc(4, "11110105")), NEW_HOME, "the subject is none that is served"),
        (b"no envelope", NEW_HOME, "the signature of the transfer is not accepted"),
    ):
        code, message = await refused(homes, transfer, peer)
        assert (code, told in message) == ("TRANSFER_UNACCEPTABLE", True), message
    assert await homes.of[BEIJING].kept(tables.transfers) == []


async def test_an_adapter_cannot_ask_a_home_to_let_a_subject_go(moving: Opener) -> None:
    homes = await moving()
    await homes.tell(MOVED)
    assert (await refused(homes, transfer_of(homes), MemberPeer(TIANJIN, ADAPTER)))[0] == "NOT_PERMITTED"


class _Answers(home_service_pb2_grpc.HomeServiceServicer):
    """An old home that answers with whatever it is told."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    async def AgreeToTransfer(  # noqa: N802
        self, request: home_service_pb2.AgreeToTransferRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> home_service_pb2.AgreeToTransferResponse:
        del request, context
        return home_service_pb2.AgreeToTransferResponse(consent_envelope=self._answer)


class _Fails(home_service_pb2_grpc.HomeServiceServicer):
    """An old home that fails as it is told."""

    def __init__(self) -> None:
        self.status = grpc.StatusCode.UNKNOWN

    async def AgreeToTransfer(  # noqa: N802
        self, request: home_service_pb2.AgreeToTransferRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> home_service_pb2.AgreeToTransferResponse:
        del request
        await context.abort(self.status, "as told")


async def test_what_says_nothing_about_the_move_leaves_it_pending_and_everything_else_refuses_it(
    moving: Opener,
) -> None:
    homes = await moving(down=(BEIJING,))
    await homes.tell(MOVED)
    servicer = _Fails()
    await homes.serve(BEIJING, servicer)
    document = (Path(__file__).parents[2] / "docs" / "protocols" / "homes.md").read_text("utf-8")
    (rule,) = re.findall(r"^- \*\*X-16\*\*(.*?)is TRANSFER_PENDING", document, re.MULTILINE | re.DOTALL)
    for status in grpc.StatusCode:
        if status is grpc.StatusCode.OK:
            continue
        servicer.status = status
        pending = re.search(rf"\b{status.name}\b", rule) is not None
        expected = ErrorCode.TRANSFER_PENDING if pending else ErrorCode.TRANSFER_REFUSED
        assert (await homes.refusal(TIANJIN, CODE)).code is expected, status
    assert await homes.of[TIANJIN].kept(tables.transfers) == []


async def test_a_consent_to_another_transfer_is_none(moving: Opener) -> None:
    homes = await moving(down=(BEIJING,))
    await homes.tell(MOVED)
    other = transfer_pb2.TransferConsent(
        header=homes.federation.header(BEIJING, GATEWAY), transfer_statement_id=bytes(32), uscc=CODE, to=TIANJIN.wire
    )
    consent = homes.federation.signer(BEIJING, GATEWAY).sign(TRANSFER_CONSENT, other).envelope
    for answer in (consent, b"nothing"):
        await homes.serve(BEIJING, _Answers(answer))
        error = await homes.refusal(TIANJIN, CODE)
        assert (error.code, "未能通过核验" in error.message_zh) == (ErrorCode.TRANSFER_REFUSED, True)
        await homes.stop(BEIJING)
    assert await homes.of[TIANJIN].kept(tables.transfers) == []


async def test_of_two_replicas_that_consent_at_once_both_give_the_consent_that_is_kept(moving: Opener) -> None:
    homes = await moving()
    await homes.tell(MOVED)
    transfer = transfer_of(homes)
    first = await agreed(homes, transfer)
    store = TransferStore(homes.of[BEIJING].database)
    (row,) = await homes.of[BEIJING].kept(tables.transfers)
    second = SignedTransfer(
        uscc=CODE, move=MOVE, statement_id=row["statement_id"], transfer=transfer, consent=b"of the second replica"
    )
    assert await store.keep(second, about=AuditRow(at=homes.now, action=TRANSFER, result="CONSENTED")) == first
    assert len(await homes.of[BEIJING].kept(tables.audit)) == 1


async def test_a_move_is_known_by_its_homes_and_its_day(moving: Opener) -> None:
    homes = await moving()
    await homes.tell(MOVED)
    await homes.ask(TIANJIN, CODE)
    store = TransferStore(homes.of[TIANJIN].database)
    assert await store.holds(CODE, MOVE)
    assert not await store.holds(uscc(9), MOVE)
    for changed in ({"registered_on": date(2022, 3, 2)}, {"old_home": HEBEI}, {"new_home": HEBEI}):
        assert not await store.holds(CODE, dataclasses.replace(MOVE, **changed))
    assert await store.newest_from(CODE, BEIJING) == MOVE
    assert await store.newest_from(CODE, TIANJIN) is None
    assert await store.newest_from(uscc(9), BEIJING) is None
