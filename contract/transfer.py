"""Is this a transfer of a subject that both homes have signed? A numbered list; the first rule that is broken names the refusal.

The old home opens a transfer before it consents, the new home checks the pair before it takes the subject over, and anybody who
holds the pair can check it later. It is pure: keys come in as a `Verifier`. What the registries know is another matter.

 X-1   The transfer decodes strictly, is a HomeTransfer, and its signature is accepted.
 X-2   Its payload parses, keeps the declared constraints and demands nothing unknown.
 X-3   Its signer is the gateway of the new home.
 X-4   The code is valid, and of a kind of subject that is served.
 X-5   The first day of the new registration exists, and is not after the legal day of signing.
       -- so far the transfer alone (`open_transfer`); the rest is about the consent --
 X-6   The consent decodes strictly, is a TransferConsent, and its signature is accepted.
 X-7   Its payload parses, keeps the declared constraints and demands nothing unknown.
 X-8   Its signer is the gateway of the old home.
 X-9   It names this transfer by its statement id.
 X-10  It names the same subject and the same new home.
 X-11  It was not issued before the transfer (60 seconds of tolerance).

Source: docs/protocols/homes.md, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, TypeVar

from contract.admission import CLOCK_TOLERANCE
from contract.days import china_day, parse_day
from contract.payloads import HOME_TRANSFER, TRANSFER_CONSENT, PayloadError, parse
from contract.province import Province
from contract.reasons import Words
from contract.registry import Move
from contract.uscc import SubjectClass, Uscc, UsccError, parse_uscc, subject_class
from huren.envelope.v1 import envelope_pb2
from huren.home.v1 import transfer_pb2
from signing import EnvelopeError, VerificationError, VerifiedPayload, Verifier


class TransferFault(StrEnum):
    """Which rule a transfer breaks. Stable codes."""

    TRANSFER_NOT_ACCEPTED = "TRANSFER_NOT_ACCEPTED"
    TRANSFER_MALFORMED = "TRANSFER_MALFORMED"
    SIGNER_IS_NOT_NEW_HOME = "SIGNER_IS_NOT_NEW_HOME"
    SUBJECT_NOT_ELIGIBLE = "SUBJECT_NOT_ELIGIBLE"
    DAY_NOT_ACCEPTED = "DAY_NOT_ACCEPTED"
    CONSENT_NOT_ACCEPTED = "CONSENT_NOT_ACCEPTED"
    CONSENT_MALFORMED = "CONSENT_MALFORMED"
    SIGNER_IS_NOT_OLD_HOME = "SIGNER_IS_NOT_OLD_HOME"
    WRONG_TRANSFER = "WRONG_TRANSFER"
    WRONG_SUBJECT = "WRONG_SUBJECT"
    WRONG_NEW_HOME = "WRONG_NEW_HOME"
    CONSENT_BEFORE_TRANSFER = "CONSENT_BEFORE_TRANSFER"


TRANSFER_FAULTS: Final[dict[TransferFault, Words]] = {
    TransferFault.TRANSFER_NOT_ACCEPTED: Words(
        "移交声明的签名未能核验", "the signature of the transfer is not accepted"
    ),
    TransferFault.TRANSFER_MALFORMED: Words("移交声明的内容不符合规范", "the transfer does not follow the contract"),
    TransferFault.SIGNER_IS_NOT_NEW_HOME: Words("签署方不是迁入地的网关", "the signer is not the new home's gateway"),
    TransferFault.SUBJECT_NOT_ELIGIBLE: Words("不是互认版面向的经营主体", "the subject is none that is served"),
    TransferFault.DAY_NOT_ACCEPTED: Words("迁入登记日期有误", "the day of registration is wrong"),
    TransferFault.CONSENT_NOT_ACCEPTED: Words("同意声明的签名未能核验", "the signature of the consent is not accepted"),
    TransferFault.CONSENT_MALFORMED: Words("同意声明的内容不符合规范", "the consent does not follow the contract"),
    TransferFault.SIGNER_IS_NOT_OLD_HOME: Words("签署方不是迁出地的网关", "the signer is not the old home's gateway"),
    TransferFault.WRONG_TRANSFER: Words("同意的是另一份移交声明", "the consent is to another transfer"),
    TransferFault.WRONG_SUBJECT: Words("同意声明所列主体不同", "the consent is about another subject"),
    TransferFault.WRONG_NEW_HOME: Words("同意声明所列迁入地不同", "the consent names another new home"),
    TransferFault.CONSENT_BEFORE_TRANSFER: Words("同意声明早于移交声明", "the consent is older than the transfer"),
}
"""The faults in words for people."""


class TransferError(ValueError):
    """A transfer, or the consent to it, is none.

    Attributes:
        fault: The rule that it breaks, by name.
        detail: For the operator; holds nothing of the subject.
    """

    def __init__(self, fault: TransferFault, detail: str) -> None:
        self.fault = fault
        self.detail = detail
        super().__init__(f"{fault}: {detail}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedTransfer:
    """A transfer that the new home signed.

    Attributes:
        uscc: The subject.
        move: From where to where, and since when.
        statement: The HomeTransfer.
    """

    uscc: Uscc
    move: Move
    statement: VerifiedPayload


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedTransfer:
    """A transfer that both homes signed.

    Attributes:
        uscc: The subject.
        move: From where to where, and since when.
        transfer: The HomeTransfer.
        consent: The TransferConsent.
    """

    uscc: Uscc
    move: Move
    transfer: VerifiedPayload
    consent: VerifiedPayload


def open_transfer(transfer_envelope: bytes, verifier: Verifier) -> OpenedTransfer:
    """Applies X-1 to X-5.

    Raises:
        TransferError: The first rule that is broken.
    """
    statement = _verified(
        transfer_envelope, HOME_TRANSFER, verifier=verifier, fault=TransferFault.TRANSFER_NOT_ACCEPTED
    )
    transfer = _parsed(statement, transfer_pb2.HomeTransfer, TransferFault.TRANSFER_MALFORMED)
    new_home = Province.from_wire(transfer.to)
    _require_gateway_of(new_home, statement, TransferFault.SIGNER_IS_NOT_NEW_HOME)
    return OpenedTransfer(
        uscc=_eligible(transfer.uscc),
        move=Move(
            old_home=Province.from_wire(getattr(transfer, "from")),
            new_home=new_home,
            registered_on=_begun_day(transfer.registered_on, statement),
        ),
        statement=statement,
    )


def check_transfer(transfer_envelope: bytes, consent_envelope: bytes, verifier: Verifier) -> CheckedTransfer:
    """Applies all rules.

    Raises:
        TransferError: The first rule that is broken.
    """
    opened = open_transfer(transfer_envelope, verifier)
    statement = _verified(
        consent_envelope, TRANSFER_CONSENT, verifier=verifier, fault=TransferFault.CONSENT_NOT_ACCEPTED
    )
    consent = _parsed(statement, transfer_pb2.TransferConsent, TransferFault.CONSENT_MALFORMED)
    _require_gateway_of(opened.move.old_home, statement, TransferFault.SIGNER_IS_NOT_OLD_HOME)
    if consent.transfer_statement_id != opened.statement.statement_id:
        raise TransferError(TransferFault.WRONG_TRANSFER, "it names another statement")
    if consent.uscc != opened.uscc:
        raise TransferError(TransferFault.WRONG_SUBJECT, "it names another subject")
    if consent.to != opened.move.new_home.wire:
        raise TransferError(TransferFault.WRONG_NEW_HOME, f"expected {opened.move.new_home:d}, got {consent.to}")
    if statement.issued_at < opened.statement.issued_at - CLOCK_TOLERANCE:
        raise TransferError(TransferFault.CONSENT_BEFORE_TRANSFER, "its issue time is before the transfer's")
    return CheckedTransfer(uscc=opened.uscc, move=opened.move, transfer=opened.statement, consent=statement)


_M = TypeVar("_M", transfer_pb2.HomeTransfer, transfer_pb2.TransferConsent)


def _verified(envelope: bytes, payload_type: str, *, verifier: Verifier, fault: TransferFault) -> VerifiedPayload:
    try:
        return verifier.verify(envelope, expect=frozenset({payload_type}))
    except (EnvelopeError, VerificationError) as error:
        raise TransferError(fault, str(error)) from error


def _parsed(statement: VerifiedPayload, message_type: type[_M], fault: TransferFault) -> _M:
    try:
        return parse(statement, message_type)
    except PayloadError as error:
        raise TransferError(fault, str(error)) from error


def _require_gateway_of(province: Province, statement: VerifiedPayload, fault: TransferFault) -> None:
    signer = statement.signer
    if signer.member != province or signer.role != envelope_pb2.MEMBER_ROLE_GATEWAY:
        raise TransferError(fault, f"expected the gateway of {province:d}, got {signer.member}/{signer.role}")


def _eligible(text: str) -> Uscc:
    try:
        uscc = parse_uscc(text)
    except UsccError as error:
        raise TransferError(
            TransferFault.SUBJECT_NOT_ELIGIBLE, f"a code expected, got another text ({error.fault})"
        ) from error
    if subject_class(uscc) is SubjectClass.NOT_ELIGIBLE:
        raise TransferError(TransferFault.SUBJECT_NOT_ELIGIBLE, "a subject of another kind")
    return uscc


def _begun_day(text: str, statement: VerifiedPayload) -> date:
    try:
        day = parse_day(text)
    except ValueError as error:
        raise TransferError(TransferFault.DAY_NOT_ACCEPTED, "registered_on: no day of the calendar") from error
    if day > china_day(statement.issued_at):
        raise TransferError(TransferFault.DAY_NOT_ACCEPTED, "registered_on: after the day of signing")
    return day
