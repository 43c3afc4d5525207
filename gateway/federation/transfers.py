"""Transfers between homes: a move of a subject takes effect by a statement of the new home and the consent of the old one.

New home (`take_over`), before it accepts the first request of a subject that came from another member:

1. A transfer of this very move is kept already: done.
2. Sign a HomeTransfer and send it to the old home's gateway.
3. Check transfer and consent together, as anybody can (`contract.transfer`).
4. Keep both. Only then is the subject served here.

Old home (`agree`), when it is asked:

1. The transfer opens (X-1 to X-5); the TLS peer is its signer's gateway; it is this home that is asked to let go (X-12).
2. The same statement was consented to before: the same consent, whatever else would hold now (X-13).
3. It was signed at most 60 seconds before or after this clock (X-12).
4. This home's own registry says that the subject is registered in the new home since that day, and now (X-14).
5. Consent, and keep both in one transaction. From here on this home serves the subject no more (`given_away`).

A later move back is another transfer: its first day differs.

Source: docs/protocols/homes.md, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import grpc
import structlog

from contract.admission import CLOCK_TOLERANCE
from contract.days import china_day
from contract.errors import ErrorCode, HurenError
from contract.outcome import UnavailableReason
from contract.payloads import HOME_TRANSFER, TRANSFER_CONSENT, check_constraints
from contract.province import Province
from contract.reasons import Words
from contract.registry import Move, Registration, Registry, RegistryUnavailableError
from contract.transfer import TRANSFER_FAULTS, OpenedTransfer, TransferError, check_transfer, open_transfer
from contract.uscc import Uscc
from gateway.federation.gateways import Gateways, GatewayUnknownError
from gateway.federation.peer import STATUS_TABLE
from gateway.store.rows import TRANSFER, AuditRow
from gateway.store.transfers import SignedTransfer, TransferStore
from huren.common.v1 import common_pb2
from huren.home.v1 import home_service_pb2, home_service_pb2_grpc, transfer_pb2
from runtime.clock import Clock
from runtime.grpc_errors import error_detail
from runtime.identity import MemberPeer
from signing import Signer, Verifier

_ANSWER_WITHIN: Final = timedelta(seconds=5)
"""How long the old home is awaited: an enterprise waits meanwhile."""
_PENDING_RETRY: Final = timedelta(seconds=30)
_REFUSED_RETRY: Final = timedelta(hours=1)
"""Registries are brought up to date by people, or over night."""

_NOT_REGISTERED: Final = Words("其登记库尚未载明此次迁移", "its registry does not say so yet")
_NOT_UNDERSTOOD: Final = Words("两地系统未能完成交接", "the two systems did not come to an agreement")
_NOT_SOUND: Final = Words("其答复未能通过核验", "its answer does not verify")

_log: Final = structlog.get_logger(__name__)


class Transfers:
    """Takes subjects over from other homes, and lets them go."""

    def __init__(  # the composition root names each part once
        self,
        *,
        province: Province,
        registry: Registry,
        store: TransferStore,
        gateways: Gateways,
        contacts: Mapping[Province, common_pb2.Contact],
        signer: Signer,
        verifier: Verifier,
        clock: Clock,
    ) -> None:
        """Takes what it needs.

        Args:
            province: This home.
            registry: Who is registered where, as far as this home knows.
            store: Where transfers are kept.
            gateways: Ways to the other homes.
            contacts: Whom to turn to in each province.
            signer: Signs as this home's gateway.
            verifier: Verifies the other homes' statements.
            clock: Its clock.
        """
        self._province = province
        self._registry = registry
        self._store = store
        self._gateways = gateways
        self._contacts = contacts
        self._signer = signer
        self._verifier = verifier
        self._clock = clock

    async def take_over(self, uscc: Uscc, move: Move) -> None:
        """Sees to it that both homes have signed the move of a subject to this home.

        Raises:
            HurenError: TRANSFER_PENDING or TRANSFER_REFUSED.
            StoreUnavailableError: The store cannot be read or written; the next request goes on.
        """
        if await self._store.holds(uscc, move):  # 1
            return
        transfer = self._signed_transfer(uscc, move)  # 2
        consent = await self._ask_old_home(move, transfer)
        try:
            checked = check_transfer(transfer, consent, self._verifier)  # 3
        except TransferError as error:
            _log.error("consent to a transfer does not verify", province=move.old_home.slug, reason=str(error))
            raise self._refused(move.old_home, _NOT_SOUND) from error
        await self._store.keep(  # 4
            SignedTransfer(
                uscc=uscc,
                move=move,
                statement_id=checked.transfer.statement_id,
                transfer=transfer,
                consent=consent,
            ),
            about=self._about(uscc, "TAKEN_OVER", other=move.old_home, statement_id=checked.transfer.statement_id),
        )

    async def agree(self, transfer_envelope: bytes, peer: MemberPeer) -> bytes:
        """Lets a subject go. Returns the envelope of the consent.

        Args:
            transfer_envelope: The new home's HomeTransfer.
            peer: Whose gateway sent it.

        Raises:
            HurenError: TRANSFER_UNACCEPTABLE, TRANSFER_UNKNOWN, or STORE_UNAVAILABLE where the registry cannot be asked.
            StoreUnavailableError: The store cannot be read or written; nothing was consented to.
        """
        opened = self._opened(transfer_envelope, peer)  # 1
        statement = opened.statement
        kept = await self._store.consent_to(statement.statement_id)  # 2
        if kept is not None:
            return kept
        at = self._clock()
        if abs(statement.issued_at - at) > CLOCK_TOLERANCE:  # 3
            raise _unacceptable(Words("签署时间与本地时钟相差过大", "it was not signed just now"))
        await self._require_registered_there(opened, peer)  # 4
        signed = SignedTransfer(  # 5
            uscc=opened.uscc,
            move=opened.move,
            statement_id=statement.statement_id,
            transfer=transfer_envelope,
            consent=self._signed_consent(opened, at),
        )
        return await self._store.keep(signed, about=self._about_asked(opened, peer, "CONSENTED"))

    async def given_away(self, uscc: Uscc) -> Move | None:
        """The newest move of a subject away from this home that both homes have signed. None: there is none.

        Raises:
            StoreUnavailableError: The store cannot be read.
        """
        return await self._store.newest_from(uscc, self._province)

    def _signed_transfer(self, uscc: Uscc, move: Move) -> bytes:
        transfer = transfer_pb2.HomeTransfer(
            header=self._signer.new_header(self._clock()),
            uscc=uscc,
            to=move.new_home.wire,
            registered_on=move.registered_on.isoformat(),
            **{"from": move.old_home.wire},
        )
        check_constraints(transfer)
        return self._signer.sign(HOME_TRANSFER, transfer).envelope

    def _signed_consent(self, opened: OpenedTransfer, at: datetime) -> bytes:
        consent = transfer_pb2.TransferConsent(
            header=self._signer.new_header(at),
            transfer_statement_id=opened.statement.statement_id,
            uscc=opened.uscc,
            to=opened.move.new_home.wire,
        )
        check_constraints(consent)
        return self._signer.sign(TRANSFER_CONSENT, consent).envelope

    async def _ask_old_home(self, move: Move, transfer: bytes) -> bytes:
        old_home = move.old_home
        request = home_service_pb2.AgreeToTransferRequest(transfer_envelope=transfer)
        try:
            stub = home_service_pb2_grpc.HomeServiceStub(await self._gateways.channel(old_home))
            answer = await stub.AgreeToTransfer(request, timeout=_ANSWER_WITHIN.total_seconds())
        except GatewayUnknownError as error:
            _log.warning("old home not asked", province=old_home.slug, reason=str(error))
            raise _pending(old_home) from error
        except grpc.aio.AioRpcError as error:
            detail = error_detail(error)
            said = detail.code if detail else ""
            _log.warning("old home did not agree", province=old_home.slug, status=error.code().name, code=said)
            if STATUS_TABLE[error.code()][0] is not UnavailableReason.REJECTED:
                raise _pending(old_home) from error
            failed = error.code() is grpc.StatusCode.FAILED_PRECONDITION
            raise self._refused(old_home, _NOT_REGISTERED if failed else _NOT_UNDERSTOOD) from error
        return answer.consent_envelope

    def _opened(self, transfer_envelope: bytes, peer: MemberPeer) -> OpenedTransfer:
        try:
            opened = open_transfer(transfer_envelope, self._verifier)
        except TransferError as error:
            raise _unacceptable(TRANSFER_FAULTS[error.fault]) from error
        if opened.move.new_home is not peer.province:
            raise _unacceptable(Words("连接方不是签署方", "the peer is not its signer"))
        if opened.move.old_home is not self._province:
            raise _unacceptable(Words("本地不是所列迁出地", "another province is its old home"))
        return opened

    async def _require_registered_there(self, opened: OpenedTransfer, peer: MemberPeer) -> None:
        move = opened.move
        try:
            entry = await self._registry.lookup(opened.uscc)
        except RegistryUnavailableError as error:
            raise HurenError(ErrorCode.STORE_UNAVAILABLE, retry_after=_PENDING_RETRY) from error
        expected = Registration(province=move.new_home, since=move.registered_on)
        if entry is None or entry.registration_on(china_day(opened.statement.issued_at)) != expected:
            await self._store.record(self._about_asked(opened, peer, ErrorCode.TRANSFER_UNKNOWN))
            raise HurenError(
                ErrorCode.TRANSFER_UNKNOWN,
                retry_after=_REFUSED_RETRY,
                contact=self._contacts.get(self._province),
                day=move.registered_on.isoformat(),
                province_zh=move.new_home.name_zh,
                province_en=move.new_home.name_en,
            )

    def _refused(self, old_home: Province, problem: Words) -> HurenError:
        contact = self._contacts.get(old_home)
        told = (contact.unit, contact.telephone) if contact else (old_home.name_zh,)
        return HurenError(
            ErrorCode.TRANSFER_REFUSED,
            province=old_home,
            retry_after=_REFUSED_RETRY,
            contact=contact,
            province_zh=old_home.name_zh,
            province_en=old_home.name_en,
            problem_zh=problem.zh,
            problem_en=problem.en,
            whom=" ".join(part for part in told if part),
        )

    def _about_asked(self, opened: OpenedTransfer, peer: MemberPeer, result: str) -> AuditRow:
        return self._about(
            opened.uscc,
            result,
            other=opened.move.new_home,
            statement_id=opened.statement.statement_id,
            caller=peer.uri,
        )

    def _about(self, uscc: Uscc, result: str, *, other: Province, statement_id: bytes, caller: str = "") -> AuditRow:
        return AuditRow(
            at=self._clock(),
            action=TRANSFER,
            result=result,
            caller=caller,
            uscc=uscc,
            province=int(other),
            statement_id=statement_id,
        )


def _pending(old_home: Province) -> HurenError:
    return HurenError(
        ErrorCode.TRANSFER_PENDING,
        province=old_home,
        retry_after=_PENDING_RETRY,
        province_zh=old_home.name_zh,
        province_en=old_home.name_en,
    )


def _unacceptable(problem: Words) -> HurenError:
    return HurenError(
        ErrorCode.TRANSFER_UNACCEPTABLE, field="transfer_envelope", problem_zh=problem.zh, problem_en=problem.en
    )
