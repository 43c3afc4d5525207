"""Agents (经办人): a person asks to act for an enterprise, and its legal representative confirms it.

1. The person asks. The answer is the same whether the enterprise exists, is served here, or not: only the form of its code is
   looked at. With the answer goes a pairing code, told once; what is kept is a digest of it.
2. The agent tells the code to the legal representative, who knows from whom it comes. The open asks of an enterprise name nobody.
3. The legal representative, logged in at the high level, confirms one ask with its code: for some or all of the scopes, until a
   day. Five wrong codes end the ask. Nobody confirms their own ask.
4. Either of them ends it at any time.

Nobody has more asks open than `MAX_OPEN_ASKS`. Those that were ended on the same China day count with them, so that nobody fills an
enterprise's list by asking and withdrawing; and an ask that others pushed off the list is confirmed by its id as any other.

Every step is kept with its audit row in one transaction. Of an id that is nobody's the same is told as of one in which the caller
has no part.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from contract.days import china_day
from contract.eligibility import require_subject_code
from contract.errors import ErrorCode, HurenError
from contract.uscc import Uscc
from gateway.domain.persons import MandateScope, Person
from gateway.identity.acting import require_more_than_password
from gateway.mandates.rules import (
    MAX_OPEN_ASKS,
    MAX_WRONG_CODES,
    MandateAction,
    Standing,
    asks_ended_since,
    asks_open_since,
    is_pairing,
    last_day_to_confirm,
    make_pairing_code,
    next_state,
    pairing_digest,
    require_expiry,
    require_scopes,
    standing,
)
from gateway.store.mandates import Mandate, MandateId, MandateState, MandateStore, Step
from huren.fragment.v1 import query_pb2
from runtime.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What who asked is told, once.

    Attributes:
        mandate: Id of the mandate.
        pairing_code: What the legal representative has to be told. It is kept nowhere, and stands in no log.
        confirm_by: Last China day on which it can be confirmed.
    """

    mandate: MandateId
    pairing_code: str = field(repr=False)
    confirm_by: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownMandate:
    """A mandate as the agent and the legal representative see it. Nobody is named.

    Attributes:
        mandate: Its id.
        uscc: For which enterprise.
        scopes: What was asked for; from the confirmation on, what was confirmed.
        standing: Where it stands now.
        asked_at: When it was asked for.
        confirm_by: Last China day on which it can be, or could have been, confirmed.
        confirmed_at: When it was confirmed. None: it was not.
        expires_on: Last China day on which it counts. None: it was not confirmed.
        ended_at: When it was ended. None: it was not.
    """

    mandate: MandateId
    uscc: Uscc
    scopes: frozenset[MandateScope]
    standing: Standing
    asked_at: datetime
    confirm_by: date
    confirmed_at: datetime | None
    expires_on: date | None
    ended_at: datetime | None


class Agents:
    """Mandates of agents at one home."""

    def __init__(self, *, store: MandateStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def ask(self, person: Person, uscc_text: str, scopes: frozenset[MandateScope]) -> Ask:
        """Asks to act for an enterprise.

        Raises:
            HurenError: LEVEL_TOO_LOW; USCC_MALFORMED and SUBJECT_NOT_ELIGIBLE, by the form of the code alone; MALFORMED_REQUEST: no
                scope; TOO_MANY_OPEN_ASKS.
            StoreUnavailableError: Nothing was kept.
        """
        require_more_than_password(person)
        uscc = require_subject_code(uscc_text)
        require_scopes(scopes, frozenset(MandateScope))
        at = self._clock()
        mandate = MandateId(secrets.token_hex(16))
        code = make_pairing_code()
        asked = Mandate(
            mandate=mandate,
            uscc=uscc,
            person=person.person,
            pairing_digest=await asyncio.to_thread(pairing_digest, mandate, code),
            scopes=scopes,
            asked_at=at,
        )
        kept = await self._store.add(
            asked, open_since=asks_open_since(at), ended_since=asks_ended_since(at), most_open=MAX_OPEN_ASKS
        )
        if not kept:
            raise HurenError(ErrorCode.TOO_MANY_OPEN_ASKS, limit=MAX_OPEN_ASKS)
        return Ask(mandate=mandate, pairing_code=code, confirm_by=last_day_to_confirm(at))

    async def confirm(
        self,
        person: Person,
        uscc: Uscc,
        mandate: str,
        *,
        pairing_code: str,
        scopes: frozenset[MandateScope],
        expires_on: date,
    ) -> ShownMandate:
        """Confirms an open ask of an enterprise, as its legal representative.

        Args:
            person: The legal representative.
            uscc: The enterprise.
            mandate: Id of the ask.
            pairing_code: What the agent said; blanks, hyphens and case do not matter.
            scopes: Which of the scopes asked for.
            expires_on: Last China day on which it counts, at most a year from now.

        Raises:
            HurenError: LEVEL_TOO_LOW: only the high level confirms; NO_MANDATE: the person does not represent the enterprise;
                MANDATE_NOT_FOUND: no open ask of that enterprise, or the person's own; MALFORMED_REQUEST; PAIRING_CODE_WRONG.
            StoreUnavailableError: Nothing was kept.
        """
        if person.level != query_pb2.IDENTITY_LEVEL_HIGH:
            raise HurenError(ErrorCode.LEVEL_TOO_LOW)
        _require_representative(person, uscc)
        at = self._clock()
        require_expiry(expires_on, china_day(at))
        digest = await asyncio.to_thread(pairing_digest, mandate, pairing_code)

        def decide(before: Mandate) -> Step[Mandate]:
            open_here = before.uscc == uscc and standing(before, at) is Standing.ASKED
            if not open_here or before.person == person.person:
                raise HurenError(ErrorCode.MANDATE_NOT_FOUND)
            require_scopes(scopes, before.scopes)
            if not is_pairing(before, digest):
                return _wrong_code(before, person, at)
            after = replace(
                before,
                state=next_state(before.state, MandateAction.CONFIRM),
                scopes=scopes,
                confirmed_by=person.person,
                confirmed_at=at,
                expires_on=expires_on,
            )
            return Step(after=after, result="confirmed", by=person.person, at=at)

        after = await self._store.change(mandate, decide)
        if after.state is not MandateState.CONFIRMED:
            # Told only now: the wrong code is counted, whatever becomes of the answer.
            raise HurenError(ErrorCode.PAIRING_CODE_WRONG, field="pairing_code")
        return _shown(after, at)

    async def withdraw(self, person: Person, mandate: str) -> ShownMandate:
        """Ends a mandate or an ask, as its agent or as the legal representative. One that has ended stays as it is.

        Raises:
            HurenError: LEVEL_TOO_LOW, MANDATE_NOT_FOUND.
            StoreUnavailableError: Nothing was kept.
        """
        require_more_than_password(person)
        at = self._clock()

        def decide(before: Mandate) -> Step[Mandate] | None:
            is_agent = before.person == person.person
            if not is_agent and before.uscc not in person.represents:
                raise HurenError(ErrorCode.MANDATE_NOT_FOUND)
            if before.state is MandateState.ENDED:
                return None
            state = next_state(before.state, MandateAction.WITHDRAW)
            after = replace(before, state=state, ended_by=person.person, ended_at=at)
            whose = "agent" if is_agent else "enterprise"
            return Step(after=after, result=f"withdrawn by {whose}", by=person.person, at=at)

        return _shown(await self._store.change(mandate, decide), at)

    async def of_enterprise(self, person: Person, uscc: Uscc) -> list[ShownMandate]:
        """The mandates of an enterprise and what it was asked for, for its legal representative.

        Raises:
            HurenError: LEVEL_TOO_LOW, NO_MANDATE.
            StoreUnavailableError: The store cannot be read.
        """
        require_more_than_password(person)
        _require_representative(person, uscc)
        at = self._clock()
        return [_shown(mandate, at) for mandate in await self._store.of_enterprise(uscc)]

    async def of_person(self, person: Person) -> list[ShownMandate]:
        """The person's own mandates and asks.

        Raises:
            StoreUnavailableError: The store cannot be read.
        """
        at = self._clock()
        return [_shown(mandate, at) for mandate in await self._store.of_person(person.person)]


def _require_representative(person: Person, uscc: Uscc) -> None:
    if uscc not in person.represents:
        raise HurenError(ErrorCode.NO_MANDATE)


def _wrong_code(before: Mandate, person: Person, at: datetime) -> Step[Mandate]:
    counted = replace(before, failed_pairings=before.failed_pairings + 1)
    if counted.failed_pairings < MAX_WRONG_CODES:
        after = replace(counted, state=next_state(before.state, MandateAction.WRONG_CODE))
        return Step(after=after, result="wrong code", by=person.person, at=at)
    state = next_state(before.state, MandateAction.LAST_WRONG_CODE)
    after = replace(counted, state=state, ended_by=person.person, ended_at=at)
    return Step(after=after, result="last wrong code", by=person.person, at=at)


def _shown(mandate: Mandate, at: datetime) -> ShownMandate:
    return ShownMandate(
        mandate=mandate.mandate,
        uscc=mandate.uscc,
        scopes=mandate.scopes,
        standing=standing(mandate, at),
        asked_at=mandate.asked_at,
        confirm_by=last_day_to_confirm(mandate.asked_at),
        confirmed_at=mandate.confirmed_at,
        expires_on=mandate.expires_on,
        ended_at=mandate.ended_at,
    )
