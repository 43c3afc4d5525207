"""For whom a person who logged in may act, and as what: from a session to a `Caller`.

For an enterprise, in this order:

1. Who logged in with a password acts for nobody (LEVEL_TOO_LOW).
2. Its legal representative, as the identity provider says: SELF.
3. An agent (经办人) whom the legal representative confirmed, for what was confirmed, until the day that was confirmed: AGENT.
4. A clerk at a window, on a paper mandate that their unit filed and another person of it confirmed, while it counts: AGENT, by
   way of the window. Whoever confirmed the paper does not act on it.
5. Nobody else (NO_MANDATE). The same is looked up and the same is answered, whether there is such an enterprise or not.

Officers act on duty (履职查询), for their unit and in a matter. No answer holds a name: people are what this home calls them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from contract.days import china_day
from contract.errors import ErrorCode, HurenError
from contract.reasons import Words
from contract.uscc import Uscc
from gateway.domain.persons import MandateScope, Person, PersonRef, Staff, StaffRole, masked_post
from gateway.domain.request import Caller
from gateway.mandates.rules import Standing, allows, standing
from gateway.store.mandates import MandateStore, WindowMandate, WindowMandateStore
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from runtime.clock import Clock

LEGAL_REPRESENTATIVE: Final = "法定代表人"
AGENT: Final = "经办人"
"""As what subjects are shown people who act for an enterprise, in place of a post."""

_ENOUGH: Final = frozenset({query_pb2.IDENTITY_LEVEL_SUBSTANTIAL, query_pb2.IDENTITY_LEVEL_HIGH})

_ROLES: Final = {
    StaffRole.OFFICER: Words("经办岗位的工作人员", "an officer"),
    StaffRole.REVIEWER: Words("复核岗位的工作人员", "a reviewer"),
    StaffRole.WINDOW_CLERK: Words("窗口人员", "a window clerk"),
    StaffRole.SYSTEM_ADMINISTRATOR: Words("系统管理员", "a system administrator"),
    StaffRole.SECURITY_ADMINISTRATOR: Words("安全管理员", "a security administrator"),
    StaffRole.AUDIT_ADMINISTRATOR: Words("审计管理员", "an audit administrator"),
}

_MATTER: Final = re.compile(r"[\w〔（(\[][\w〔〕（）()\[\]./·-]{0,63}")
"""Letters of any script, digits, brackets, and what stands between them in numbers such as 示例函〔2026〕1号.
It begins with none of the characters by which a spreadsheet would take it for a formula."""


class Capacity(StrEnum):
    """As what a person may act for an enterprise."""

    LEGAL_REPRESENTATIVE = "legal_representative"
    AGENT = "agent"
    WINDOW = "window"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acts:
    """That a person may act for an enterprise now.

    Attributes:
        uscc: The enterprise.
        capacity: As what.
        scopes: For what.
        expires_on: Last China day. None: as long as the identity provider says so.
    """

    uscc: Uscc
    capacity: Capacity
    scopes: frozenset[MandateScope]
    expires_on: date | None


class Acting:
    """Says for whom people may act at one home."""

    def __init__(self, *, mandates: MandateStore, windows: WindowMandateStore, clock: Clock) -> None:
        self._mandates = mandates
        self._windows = windows
        self._clock = clock

    async def for_enterprise(self, person: Person, uscc: Uscc, scope: MandateScope) -> Caller:
        """The person as who acts for an enterprise, in one thing.

        Raises:
            HurenError: LEVEL_TOO_LOW, NO_MANDATE.
            StoreUnavailableError: The store cannot be read.
        """
        require_more_than_password(person)
        if uscc in person.represents:
            return _caller(person, uscc, query_pb2.AUTHORISATION_BASIS_SELF, post=LEGAL_REPRESENTATIVE)
        at = self._clock()
        if await self._is_agent(person.person, uscc, scope, at):
            return _caller(person, uscc, query_pb2.AUTHORISATION_BASIS_AGENT, post=AGENT)
        staff = _clerk(person)
        if staff is not None:
            papers = await self._windows.in_force(at, unit=staff.unit_code, uscc=uscc)
            if any(_may_use(paper, person.person) for paper in papers):
                return _at_window(person, uscc, staff)
        raise HurenError(ErrorCode.NO_MANDATE)

    def for_duty(self, person: Person, matter_number: str) -> Caller:
        """The person as an officer, in a matter.

        Raises:
            HurenError: NOT_PERMITTED; MALFORMED_REQUEST: no matter number, or none that is one.
        """
        staff = require_staff(person, StaffRole.OFFICER)
        return Caller(
            reference=f"person:{person.person}",
            uscc=staff.unit_code,
            identity_level=person.level,
            basis=query_pb2.AUTHORISATION_BASIS_OFFICIAL_DUTY,
            actor=person.person,
            unit=staff.unit,
            post=masked_post(staff),
            channel=person.channel,
            matter_number=_matter_number(matter_number),
        )

    def for_staff(self, person: Person, role: StaffRole) -> Staff:
        """What the person is at their unit, where they hold a role there.

        Raises:
            HurenError: NOT_PERMITTED.
        """
        return require_staff(person, role)

    async def enterprises(self, person: Person) -> list[Acts]:
        """For which enterprises the person may act now, by their codes. Who logged in with a password sees them as well.

        Raises:
            StoreUnavailableError: The store cannot be read.
        """
        at = self._clock()
        everything = frozenset(MandateScope)
        acts = {
            Acts(uscc=uscc, capacity=Capacity.LEGAL_REPRESENTATIVE, scopes=everything, expires_on=None)
            for uscc in person.represents
        }
        for mandate in await self._mandates.confirmed(person.person):
            if standing(mandate, at) is Standing.IN_FORCE:
                acts.add(
                    Acts(
                        uscc=mandate.uscc,
                        capacity=Capacity.AGENT,
                        scopes=mandate.scopes,
                        expires_on=mandate.expires_on,
                    )
                )
        staff = _clerk(person)
        if staff is not None:
            for paper in await self._windows.in_force(at, unit=staff.unit_code):
                if _may_use(paper, person.person):
                    last = china_day(paper.expires_at - timedelta(microseconds=1))
                    acts.add(Acts(uscc=paper.uscc, capacity=Capacity.WINDOW, scopes=everything, expires_on=last))
        return sorted(acts, key=lambda one: (one.uscc, one.capacity, one.expires_on or date.max, sorted(one.scopes)))

    async def _is_agent(self, person: PersonRef, uscc: Uscc, scope: MandateScope, at: datetime) -> bool:
        return any(allows(mandate, scope, at) for mandate in await self._mandates.confirmed(person, uscc))


def require_more_than_password(person: Person) -> None:
    """Refuses who logged in with a password: they may look around, and do nothing.

    Raises:
        HurenError: LEVEL_TOO_LOW.
    """
    if person.level not in _ENOUGH:
        raise HurenError(ErrorCode.LEVEL_TOO_LOW)


def require_staff(person: Person, *roles: StaffRole) -> Staff:
    """What the person is at their unit, where they hold one of the roles there and did not log in with a password.

    Raises:
        HurenError: NOT_PERMITTED.
    """
    staff = person.staff
    if staff is None or not staff.roles & frozenset(roles):
        zh = "或".join(_ROLES[role].zh for role in roles)
        en = " or ".join(_ROLES[role].en for role in roles)
        raise HurenError(ErrorCode.NOT_PERMITTED, need_zh=f"此项须由{zh}办理。", need_en=f"This is for {en} to do.")
    if person.level not in _ENOUGH:
        raise HurenError(
            ErrorCode.NOT_PERMITTED,
            need_zh="口令登录不能办理，请改用证书（UKey）登录。",
            need_en="A password does not do: log in with a certificate (UKey).",
        )
    return staff


def _clerk(person: Person) -> Staff | None:
    staff = person.staff
    return staff if staff is not None and StaffRole.WINDOW_CLERK in staff.roles else None


def _may_use(paper: WindowMandate, person: PersonRef) -> bool:
    """Whoever confirmed a paper stands for it against colleagues, and so does not act on it."""
    return paper.confirmed_by not in {"", person, paper.filed_by}


def _caller(person: Person, uscc: Uscc, basis: query_pb2.AuthorisationBasis.ValueType, *, post: str) -> Caller:
    return Caller(
        reference=f"enterprise:{uscc}",
        uscc=uscc,
        identity_level=person.level,
        basis=basis,
        actor=person.person,
        post=post,
        channel=person.channel,
    )


def _at_window(person: Person, uscc: Uscc, staff: Staff) -> Caller:
    return Caller(
        reference=f"enterprise:{uscc}",
        uscc=uscc,
        identity_level=person.level,
        basis=query_pb2.AUTHORISATION_BASIS_AGENT,
        actor=person.person,
        unit=staff.unit,
        post=masked_post(staff),
        channel=common_pb2.CHANNEL_WINDOW,
    )


def _matter_number(text: str) -> str:
    number = text.strip()
    if not _MATTER.fullmatch(number):
        raise HurenError(
            ErrorCode.MALFORMED_REQUEST,
            field="matter_number",
            problem_zh="事项编号应为1至64个字符，由汉字、字母、数字、括号和连接号组成",
            problem_en="a matter number has 1 to 64 characters: letters, digits, brackets and hyphens",
        )
    return number
