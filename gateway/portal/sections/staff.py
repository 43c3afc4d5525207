"""工作人员首页: what somebody may do here, by their roles, and what waits for them. Who may open what, the site map says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from contract.errors import ErrorCode, HurenError
from contract.reasons import Words
from gateway.api.access import OfStaff
from gateway.api.parts import PeopleParts
from gateway.domain.persons import Staff, StaffRole, masked_post
from gateway.portal.parts import PortalParts
from gateway.portal.site import PAGES
from gateway.portal.visit import Answer, Handler, View, Visit


@dataclass(frozen=True, slots=True)
class Role:
    """What a role is, in words.

    Attributes:
        name: What it is called.
        can: What whoever has it does here.
        cannot: What is not theirs to do.
    """

    name: Words
    can: Words
    cannot: Words


ROLES: Final[Mapping[StaffRole, Role]] = {
    StaffRole.OFFICER: Role(
        Words("经办", "Officer"),
        Words(
            "凭事项编号办理履职查询；跟踪未办结的申请，联系未反馈的省（市）。",
            "Looks enterprises up in a matter; follows requests that wait, and calls provinces that have not answered.",
        ),
        Words(
            "不能为个人或与履职无关的事查询，不能修改任何记录。",
            "Looks up nothing that duty does not need, and alters no record.",
        ),
    ),
    StaffRole.REVIEWER: Role(
        Words("复核", "Reviewer"),
        Words(
            "复核窗口登记的书面委托；跟踪未办结的申请。",
            "Is the second person for paper mandates at the window; follows requests that wait.",
        ),
        Words("不能复核自己登记的委托。", "Does not confirm what they filed themselves."),
    ),
    StaffRole.WINDOW_CLERK: Role(
        Words("窗口人员", "Window clerk"),
        Words(
            "在窗口登记企业的书面委托，复核后代企业申请和打印报告。",
            "Files paper mandates of enterprises; once a colleague has confirmed them, asks for reports and prints them.",
        ),
        Words(
            "没有经复核的委托，不能代任何企业办理。",
            "Acts for no enterprise without a mandate that a colleague confirmed.",
        ),
    ),
    StaffRole.SYSTEM_ADMINISTRATOR: Role(
        Words("系统管理员", "System administrator"),
        Words(
            "查看四地运行情况和系统待办工作的积压。",
            "Sees how the four members run, and what work of the system waits.",
        ),
        Words("看不到企业、申请和报告的内容。", "Sees no enterprises, requests or reports."),
    ),
    StaffRole.SECURITY_ADMINISTRATOR: Role(
        Words("安全管理员", "Security administrator"),
        Words("查看四地运行情况。", "Sees how the four members run."),
        Words("看不到企业、申请和报告的内容。", "Sees no enterprises, requests or reports."),
    ),
    StaffRole.AUDIT_ADMINISTRATOR: Role(
        Words("审计管理员", "Audit administrator"),
        Words("查看四地运行情况。", "Sees how the four members run."),
        Words(
            "看不到企业、申请和报告的内容，不参与办理。",
            "Sees no enterprises, requests or reports, and does no work on them.",
        ),
    ),
}

_DOES: Final[Mapping[str, Words]] = {
    "duty": Words(
        "凭事项编号查询一家企业在四地的情况。", "Looks one enterprise up in the four provinces, in a matter."
    ),
    "open_requests": Words(
        "等待超过1个工作日的排在前面，附未反馈省（市）的电话。",
        "Those that have waited for more than one working day first, with telephones of the provinces.",
    ),
    "window": Words("登记、复核书面委托，代企业办理。", "Files and confirms paper mandates; acts for enterprises."),
    "members": Words("各省（市）是否应答，数据更新到何时。", "Which provinces answer, and how new their data is."),
}
"""What is done on the pages that stand on the first one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Work that waits.

    Attributes:
        words: What.
        page: Where it is done.
    """

    words: Words
    page: str


class StaffSection:
    """The first page of people of units."""

    def __init__(self, parts: PortalParts, people: PeopleParts) -> None:
        self._parts = parts
        self._people = people

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""
        return {"staff": self.staff}

    async def staff(self, visit: Visit) -> Answer:
        """What one may do here, and what waits."""
        staff = staff_of(visit)
        return View(
            template="staff/staff.html",
            values={
                "staff": staff,
                "post": masked_post(staff),
                "roles": [role for name, role in ROLES.items() if name in staff.roles],
                "ways": [(PAGES[name], words) for name, words in _DOES.items() if is_open(name, staff)],
                "waiting": await self._waiting(visit, staff),
            },
        )

    async def _waiting(self, visit: Visit, staff: Staff) -> Sequence[Waits]:
        found: list[Waits] = []
        if is_open("open_requests", staff):
            entries = await self._people.open_requests.of(visit.at)
            late = sum(entry.is_late for entry in entries)
            if entries:
                words = Words(
                    f"未办结的申请{len(entries)}件，其中等待超过1个工作日的{late}件",
                    f"Open requests: {len(entries)}; of these {late} have waited for more than one working day",
                )
                found.append(Waits(words=words, page="open_requests"))
        if StaffRole.SYSTEM_ADMINISTRATOR in staff.roles:
            backlog = await self._people.work.backlog()
            if backlog.parked:
                words = Words(
                    f"系统已停止重试的工作{backlog.parked}项，须查明原因",
                    f"Work that the system has given up: {backlog.parked}; somebody has to look why",
                )
                found.append(Waits(words=words, page="members"))
        return found


def staff_of(visit: Visit) -> Staff:
    """What the visitor is at their unit.

    Raises:
        HurenError: NOT_PERMITTED: nothing.
    """
    if visit.person is None or visit.person.staff is None:
        raise HurenError(ErrorCode.NOT_PERMITTED, need_zh="", need_en="")
    return visit.person.staff


def is_open(page: str, staff: Staff) -> bool:
    """Whether a page is for somebody of these roles."""
    access = PAGES[page].access
    return isinstance(access, OfStaff) and not staff.roles.isdisjoint(access.roles)
