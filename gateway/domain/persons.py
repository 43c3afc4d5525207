"""People who logged in: what the identity provider says of them, and nothing by which they could be named."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType

from contract.uscc import Uscc
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2

PersonRef = NewType("PersonRef", str)
"""A person's name in this home: 32 lower-case hex digits, random. Only the identity provider knows whose it is."""


class StaffRole(StrEnum):
    """What people of the home and of other units do here (岗位)."""

    OFFICER = "officer"
    """经办: looks up in a matter, leads cases."""
    REVIEWER = "reviewer"
    """复核: second person."""
    WINDOW_CLERK = "window_clerk"
    """窗口人员: acts for enterprises with a paper mandate."""
    SYSTEM_ADMINISTRATOR = "system_administrator"
    """系统管理员"""
    SECURITY_ADMINISTRATOR = "security_administrator"
    """安全管理员"""
    AUDIT_ADMINISTRATOR = "audit_administrator"
    """审计管理员"""


SEPARATE_ROLES: Final = frozenset(
    {StaffRole.SYSTEM_ADMINISTRATOR, StaffRole.SECURITY_ADMINISTRATOR, StaffRole.AUDIT_ADMINISTRATOR}
)
"""三员: nobody holds two of them. Source: classified protection of level three (等保三级), separation of duties."""


class MandateScope(StrEnum):
    """What an agent may do for an enterprise."""

    REPORT = "report"
    """Ask for reports and read them."""
    GRANT = "grant"
    """Prepare grants, and take them back. The consent itself is always signed by the enterprise."""
    LOOK_UPS = "look_ups"
    """Read who asked about the enterprise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """What somebody is at a unit.

    Attributes:
        unit: Name of the unit.
        unit_code: Its unified social credit code.
        post: 岗位.
        number: 工号; shown masked only.
        roles: What they may do here.
    """

    unit: str
    unit_code: Uscc
    post: str
    number: str
    roles: frozenset[StaffRole]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who is logged in.

    Attributes:
        person: Their name in this home.
        session_name: Name of the session; not what the cookie holds.
        level: How they logged in: BASIC browses only.
        represents: Enterprises whose legal representative (法定代表人) they are, as the provider says.
        staff: What they are at a unit. None: they are nobody's staff.
        channel: By which way they came.
        csrf_token: What a request that changes something has to carry.
        begun_at: When they logged in.
        expires_at: When the session ends at the latest.
    """

    person: PersonRef
    session_name: str
    level: query_pb2.IdentityLevel.ValueType
    represents: frozenset[Uscc]
    staff: Staff | None
    channel: common_pb2.Channel.ValueType
    csrf_token: str
    begun_at: datetime
    expires_at: datetime


def masked_post(staff: Staff) -> str:
    """Post and number as subjects are shown them: the last two characters of the number (T37).

    Source: product review, section 2, item 19.
    """
    return f"{staff.post}（工号**{staff.number[-2:]}）" if staff.number else staff.post
