"""The life of an agent's mandate: a table of states, and what follows from days. Pure.

    ASKED      --confirm-->          CONFIRMED
    ASKED      --wrong code-->       ASKED       the fifth time: ENDED
    ASKED      --withdraw-->         ENDED       by the agent, or declined by the legal representative
    CONFIRMED  --withdraw-->         ENDED       by either

What is not in the table is refused as if there were no such mandate. An ask that nobody confirmed in time, and a mandate whose last
day is past, count for nothing, whatever is kept of them.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import Enum, StrEnum
from typing import Final

from contract.days import china_day, start_of_day, years_after
from contract.errors import ErrorCode, HurenError
from contract.uscc import fold
from gateway.domain.persons import MandateScope
from gateway.store.mandates import Mandate, MandateState

MAX_OPEN_ASKS: Final = 20
"""Asks that a person may have open at a time; with them count those of the China day that were ended, by whomever. 系统默认."""

MAX_WRONG_CODES: Final = 5
"""Wrong pairing codes that end an ask. 系统默认."""

ASK_DAYS: Final = 7
"""China days after the one of the ask within which it is confirmed or lapses. 系统默认."""

MAX_YEARS: Final = 1
"""Longest time for which a mandate is confirmed. 系统默认."""

PAIRING_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Digits and letters without I, L, O, U, 0 and 1: it is read out over the telephone."""

PAIRING_LENGTH: Final = 8
"""Characters of a pairing code: 39 bits, good where five tries are allowed."""

_PAIRING: Final = re.compile(rf"[{PAIRING_ALPHABET}]{{{PAIRING_LENGTH}}}", re.ASCII)
_BETWEEN: Final = re.compile(r"[-\s]")
_SCRYPT_N: Final = 1 << 12
_SCRYPT_R: Final = 8


class MandateAction(Enum):
    """What may happen to a mandate."""

    CONFIRM = "confirm"
    WRONG_CODE = "wrong code"
    LAST_WRONG_CODE = "last wrong code"
    WITHDRAW = "withdraw"


TRANSITIONS: Final[Mapping[tuple[MandateState, MandateAction], MandateState]] = {
    (MandateState.ASKED, MandateAction.CONFIRM): MandateState.CONFIRMED,
    (MandateState.ASKED, MandateAction.WRONG_CODE): MandateState.ASKED,
    (MandateState.ASKED, MandateAction.LAST_WRONG_CODE): MandateState.ENDED,
    (MandateState.ASKED, MandateAction.WITHDRAW): MandateState.ENDED,
    (MandateState.CONFIRMED, MandateAction.WITHDRAW): MandateState.ENDED,
}


class Standing(StrEnum):
    """Where a mandate stands on a day, as people are told it."""

    ASKED = "asked"
    """待确认"""
    LAPSED = "lapsed"
    """逾期未确认"""
    IN_FORCE = "in_force"
    """授权中"""
    EXPIRED = "expired"
    """已到期"""
    ENDED = "ended"
    """已终止"""


def next_state(state: MandateState, action: MandateAction) -> MandateState:
    """The state after an action.

    Raises:
        HurenError: MANDATE_NOT_FOUND: the table has no such step.
    """
    after = TRANSITIONS.get((state, action))
    if after is None:
        raise HurenError(ErrorCode.MANDATE_NOT_FOUND)
    return after


def standing(mandate: Mandate, at: datetime) -> Standing:
    """Where a mandate stands at an instant."""
    match mandate.state:
        case MandateState.ASKED:
            return Standing.ASKED if mandate.asked_at >= asks_open_since(at) else Standing.LAPSED
        case MandateState.CONFIRMED:
            last = mandate.expires_on
            return Standing.IN_FORCE if last is not None and china_day(at) <= last else Standing.EXPIRED
        case MandateState.ENDED:
            return Standing.ENDED


def allows(mandate: Mandate, scope: MandateScope, at: datetime) -> bool:
    """Whether the agent may do this for the enterprise at an instant."""
    return standing(mandate, at) is Standing.IN_FORCE and scope in mandate.scopes


def asks_open_since(at: datetime) -> datetime:
    """The first instant of which an ask is still open."""
    return start_of_day(china_day(at) - timedelta(days=ASK_DAYS))


def asks_ended_since(at: datetime) -> datetime:
    """The first instant of which an ask that was ended counts as if it were open: who asks and withdraws all day gains nothing."""
    return start_of_day(china_day(at))


def last_day_to_confirm(asked_at: datetime) -> date:
    """The last China day on which an ask can be confirmed."""
    return china_day(asked_at) + timedelta(days=ASK_DAYS)


def require_expiry(expires_on: date, today: date) -> None:
    """Refuses a last day that is past, or more than a year away.

    Raises:
        HurenError: MALFORMED_REQUEST.
    """
    latest = years_after(today, MAX_YEARS)
    if not today <= expires_on <= latest:
        raise HurenError(
            ErrorCode.MALFORMED_REQUEST,
            field="expires_on",
            problem_zh=f"授权到期日应在{today}至{latest}之间",
            problem_en=f"the last day of a mandate lies from {today} to {latest}",
        )


def require_scopes(scopes: frozenset[MandateScope], among: frozenset[MandateScope]) -> None:
    """Refuses no scope, and one that is not among those allowed.

    Raises:
        HurenError: MALFORMED_REQUEST.
    """
    if not scopes:
        raise HurenError(
            ErrorCode.MALFORMED_REQUEST,
            field="scopes",
            problem_zh="应至少选择一项授权事项",
            problem_en="at least one scope is needed",
        )
    if not scopes <= among:
        raise HurenError(
            ErrorCode.MALFORMED_REQUEST,
            field="scopes",
            problem_zh="授权事项不得超出经办人申请的范围",
            problem_en="no more is confirmed than the agent asked for",
        )


# --- Pairing codes ----------------------------------------------------------------------------------------------------------------


def make_pairing_code() -> str:
    """A new pairing code, in two groups of four."""
    code = "".join(secrets.choice(PAIRING_ALPHABET) for _ in range(PAIRING_LENGTH))
    return f"{code[:4]}-{code[4:]}"


def pairing_digest(mandate: str, code: str) -> bytes:
    """By what a code is known again; of this mandate only. It takes about 20 ms of a processor.

    Slow on purpose: against a plain hash, whoever reads the table would have tried all codes within minutes. A text that has not
    the form of a code has a digest as well, which no code has.

    Source: RFC 7914 (scrypt), with 4 MiB: a code is good for days, not years.
    """
    typed = _BETWEEN.sub("", fold(code))
    read = typed if _PAIRING.fullmatch(typed) else ""
    return hashlib.scrypt(read.encode(), salt=mandate.encode(errors="replace"), n=_SCRYPT_N, r=_SCRYPT_R, p=1, dklen=32)


def is_pairing(mandate: Mandate, digest: bytes) -> bool:
    """Compares digests in a time that tells nothing about where they differ."""
    return hmac.compare_digest(mandate.pairing_digest, digest)
