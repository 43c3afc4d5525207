"""The site map (网站地图): every page, who may see it, and what it is called.

Menus, breadcrumbs and the check of who may see what are made from it, and the tests walk it: a page that is not here is not served.

    Section.PUBLIC       everybody
    Section.PERSON       whoever is logged in: what is theirs and no enterprise's
    Section.ENTERPRISE   who acts for an enterprise; the address names it by its handle
    Section.GRANTEE      the same, for what others let the enterprise ask
    Section.WINDOW       clerks at a window
    Section.STAFF        officers and operators

A page that changes something is an action: POST, answered by sending the visitor on, or by the page of the next step where
that holds what must not stand in an address. It stands below the page it belongs to.

Source: docs/portal.md
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from string import Formatter
from typing import Any, Final
from urllib.parse import quote

from contract.reasons import Words
from gateway.api.access import Access, ForBatches, ForEnterprise, LoggedIn, OfStaff, OnDuty, Public, Represents
from gateway.domain.persons import MandateScope, StaffRole


class Section(StrEnum):
    """A part of the site."""

    PUBLIC = "public"
    PERSON = "person"
    ENTERPRISE = "enterprise"
    GRANTEE = "grantee"
    WINDOW = "window"
    STAFF = "staff"


SECTION_NAMES: Final[Mapping[Section, Words]] = {
    Section.PUBLIC: Words("公共服务", "Public services"),
    Section.PERSON: Words("我的", "Mine"),
    Section.ENTERPRISE: Words("企业服务", "For the enterprise"),
    Section.GRANTEE: Words("受托查询", "On others' consent"),
    Section.WINDOW: Words("窗口服务", "Window"),
    Section.STAFF: Words("工作人员", "Staff"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page, or an action.

    Attributes:
        name: Its name here.
        path: Its address; what stands in braces is a part that differs.
        title: What it is called.
        access: Who may see it.
        section: Which part of the site.
        parent: The page above it, for breadcrumbs. Empty: none.
        menu: Whether it stands in the menu of its section.
        method: GET; POST for an action.
        upload_bytes: How large a file may be that is sent along. 0: none is taken.
        streams: The handler reads the body itself.
        cost: How much of a visitor's share it takes. 0: it is open to who has none left.
    """

    name: str
    path: str
    title: Words
    access: Access
    section: Section
    parent: str = ""
    menu: bool = False
    method: str = "GET"
    upload_bytes: int = 0
    streams: bool = False
    cost: int = 1

    @property
    def is_about_enterprise(self) -> bool:
        """Whether the address names an enterprise."""
        return "{enterprise}" in self.path


_EVERYBODY: Final = Public()
_ANY: Final = LoggedIn()
_BATCHES: Final = ForBatches()
_REPRESENTS: Final = Represents()
_ON_DUTY: Final = OnDuty()
_ACTS: Final = LoggedIn(acts=True)
_REPORT: Final = ForEnterprise(MandateScope.REPORT)
_GRANT: Final = ForEnterprise(MandateScope.GRANT)
_LOOK_UPS: Final = ForEnterprise(MandateScope.LOOK_UPS)
_CLERK: Final = OfStaff((StaffRole.WINDOW_CLERK,))
_WINDOW: Final = OfStaff((StaffRole.WINDOW_CLERK, StaffRole.REVIEWER))
_OFFICER: Final = OfStaff((StaffRole.OFFICER, StaffRole.REVIEWER))
_LOOKS_UP: Final = OfStaff((StaffRole.OFFICER,))
_RUNS: Final = OfStaff(tuple(role for role in StaffRole if role is not StaffRole.WINDOW_CLERK))
_ALL_STAFF: Final = OfStaff(tuple(StaffRole))
_E: Final = "/e/{enterprise}"
_SMALL: Final = 64 * 1024
_LIST: Final = 2 * 1024 * 1024
_SCAN: Final = 10 * 1024 * 1024


def _in(section: Section) -> Callable[..., Page]:
    """Writes pages of a section; actions are those with `method`."""

    def page(  # noqa: PLR0917  # a row of a table
        name: str, path: str, zh: str, en: str, access: Access = _EVERYBODY, **further: Any
    ) -> Page:
        return Page(name=name, path=path, title=Words(zh, en), access=access, section=section, **further)

    return page


# fmt: off
_public = _in(Section.PUBLIC)
_PUBLIC_PAGES: Final = (
    _public("home", "/", "首页", "Home", menu=True),
    _public("verify", "/verify", "核验报告", "Verify a report", parent="home", menu=True),
    _public("verify_form", "/verify", "核验报告", "Verify a report", parent="home", method="POST", streams=True),
    _public("guide", "/guide", "办事指南", "How it works", parent="home", menu=True),
    _public("questions", "/questions", "问题解答", "Questions", parent="home", menu=True),
    _public("catalogue", "/catalogue", "互认事项清单", "What is recognised", parent="home", menu=True),
    _public("catalogue_table", "/catalogue.csv", "互认事项清单（表格）", "What is recognised, as a table",
            parent="catalogue", cost=5),
    _public("receivers", "/receivers", "接收单位须知", "For receivers", parent="home", menu=True),
    _public("specimen", "/specimen", "样张", "Specimen", parent="home", menu=True),
    _public("specimen_file", "/specimen.pdf", "样张文件", "Specimen, as a file", parent="specimen", cost=10),
    _public("objections", "/objections", "异议与修复", "Objections and repair", parent="home", menu=True),
    _public("status", "/status", "服务状态与公告", "Service status", parent="home", menu=True),
    _public("contact", "/contact", "联系与监督", "Contact", parent="home", menu=True),
    _public("statement", "/statement", "网站声明", "About this site", parent="home"),
    _public("privacy", "/privacy", "隐私说明", "Privacy", parent="home"),
    _public("accessibility", "/accessibility", "无障碍说明", "Accessibility", parent="home"),
    _public("design", "/design", "界面规范", "Design system", parent="home"),
    _public("terminal", "/terminal", "自助终端", "Self-service terminal", parent="home"),
    _public("change_look", "/look", "显示设置", "Display", method="POST"),
    _public("goodbye", "/goodbye", "已退出", "Logged out", parent="home"),
)
_mine = _in(Section.PERSON)
_PERSON_PAGES: Final = (
    _mine("entrance", "/entrance", "我的入口", "Entrance", _ANY),
    _mine("progress", "/progress", "办理进度", "Progress", _ANY),
    _mine("enterprises", "/enterprises", "选择企业", "Choose an enterprise", _ANY, menu=True),
    _mine("find_enterprise", "/enterprises", "选择企业", "Choose an enterprise", _ANY,
          parent="enterprises", method="POST"),
    _mine("mandates", "/mandates", "我的经办授权", "My mandates", _ANY, menu=True),
    _mine("ask_mandate", "/mandates", "申请授权", "Ask for a mandate", _ACTS, parent="mandates", method="POST"),
    _mine("end_mandate", "/mandates/{mandate}/end", "结束授权", "End a mandate", _ACTS,
          parent="mandates", method="POST"),
    _mine("batches", "/batches", "集团批量", "Many reports", _BATCHES, menu=True),
    _mine("new_batch", "/batches/new", "新建批量申请", "Ask for many reports", _BATCHES, parent="batches"),
    _mine("begin_batch", "/batches/new", "新建批量申请", "Ask for many reports", _BATCHES,
          parent="batches", method="POST", upload_bytes=_LIST, cost=10),
    _mine("batch", "/batches/{batch}", "批量申请", "Batch", _BATCHES, parent="batches"),
    _mine("batch_archive", "/batches/{batch}/archive", "批量结果", "Archive", _BATCHES, parent="batch", cost=20),
    _mine("change_batch", "/batches/{batch}", "更改批量申请", "Change a batch", _BATCHES, parent="batch", method="POST"),
    _mine("sessions", "/sessions", "登录记录", "Where I am logged in", _ANY, menu=True),
    _mine("end_session", "/sessions/{session}/end", "结束登录", "End a session", _ANY, parent="sessions", method="POST"),
    # Everybody: whose session has ended meanwhile wants to be out as well, and leave nothing behind.
    _mine("logout", "/logout", "退出", "Log out", _EVERYBODY, method="POST", cost=0),
)
_about = _in(Section.ENTERPRISE)
_ENTERPRISE_PAGES: Final = (
    _about("workbench", _E, "工作台", "Workbench", _ANY, menu=True),
    _about("apply", _E + "/apply", "申请报告", "Ask for a report", _REPORT, parent="workbench", menu=True),
    _about("preview", _E + "/apply", "这份报告将证明什么", "What this report will show", _REPORT,
           parent="apply", method="POST"),
    _about("submit", _E + "/requests", "提交申请", "Submit", _REPORT, parent="apply", method="POST", cost=5),
    _about("requests", _E + "/requests", "我的办件", "My requests", _REPORT, parent="workbench", menu=True),
    _about("request", _E + "/requests/{request}", "办理进度", "Progress", _REPORT, parent="requests"),
    _about("cancel_request", _E + "/requests/{request}/cancel", "撤回申请", "Withdraw a request", _REPORT,
           parent="request", method="POST"),
    _about("progress_sheet", _E + "/requests/{request}/sheet", "办理进度单", "Progress sheet", _REPORT,
           parent="request", cost=5),
    _about("reports", _E + "/reports", "我的报告", "My reports", _REPORT, parent="workbench", menu=True),
    _about("report", _E + "/reports/{report}", "报告", "Report", _REPORT, parent="reports", cost=2),
    _about("report_file", _E + "/reports/{report}/file", "下载报告", "Download a report", _REPORT,
           parent="report", cost=5),
    _about("grants", _E + "/grants", "授权他人查询", "Consent", _GRANT, parent="workbench", menu=True),
    _about("new_grant", _E + "/grants/new", "新的授权书", "New consent", _GRANT, parent="grants"),
    _about("draft_grant", _E + "/grants/new", "签署授权书", "Sign the consent", _GRANT,
           parent="new_grant", method="POST"),
    _about("draft_text", _E + "/grants/text", "授权书文本", "The text of the consent", _GRANT,
           parent="new_grant", method="POST"),
    _about("give_grant", _E + "/grants", "授权书已签署", "Consent given", _GRANT,
           parent="grants", method="POST", upload_bytes=_SMALL),
    _about("grant", _E + "/grants/{grant}", "授权书", "Consent", _GRANT, parent="grants"),
    _about("revoke_grant", _E + "/grants/{grant}/revoke", "撤回授权", "Take consent back", _GRANT,
           parent="grant", method="POST"),
    _about("look_ups", _E + "/look-ups", "谁查询过我", "Who looked us up", _LOOK_UPS, parent="workbench", menu=True),
    _about("look_ups_table", _E + "/look-ups.csv", "谁查询过我（表格）", "Who looked us up, as a table", _LOOK_UPS,
           parent="look_ups", cost=5),
    _about("notices", _E + "/notices", "消息", "Messages", _REPORT, parent="workbench", menu=True),
    _about("people", _E + "/people", "主体与经办人", "The enterprise and its agents", _ANY, parent="workbench", menu=True),
    _about("confirm_agent", _E + "/people/agents", "确认经办人", "Confirm an agent", _REPRESENTS,
           parent="people", method="POST"),
    _about("end_agent", _E + "/people/agents/{mandate}/end", "结束经办授权", "End an agent's mandate", _REPRESENTS,
           parent="people", method="POST"),
)
_granted = _in(Section.GRANTEE)
_GRANTEE_PAGES: Final = (
    _granted("received", _E + "/received", "收到的授权", "Consent we were given", _GRANT, parent="workbench", menu=True),
    _granted("received_grant", _E + "/received/{grant}", "收到的授权书", "Consent", _GRANT, parent="received"),
    _granted("ask_under_grant", _E + "/received/{grant}/ask", "凭授权书查询", "Ask under a consent", _REPORT,
             parent="received_grant", method="POST", cost=5),
    _granted("asked", _E + "/asked", "我的查询记录", "What we asked", _REPORT, parent="workbench", menu=True),
    _granted("unit_batches", _E + "/batches", "批量查询", "Many at once", _REPORT, parent="workbench", menu=True),
    _granted("new_unit_batch", _E + "/batches/new", "新建批量查询", "Ask about many", _REPORT, parent="unit_batches"),
    _granted("begin_unit_batch", _E + "/batches/new", "新建批量查询", "Ask about many", _REPORT,
             parent="unit_batches", method="POST", upload_bytes=_LIST, cost=10),
    _granted("unit_batch", _E + "/batches/{batch}", "批量查询", "Batch", _REPORT, parent="unit_batches"),
    _granted("unit_batch_archive", _E + "/batches/{batch}/archive", "批量结果", "Archive", _REPORT,
             parent="unit_batch", cost=20),
    _granted("change_unit_batch", _E + "/batches/{batch}", "更改批量查询", "Change a batch", _REPORT,
             parent="unit_batch", method="POST"),
)
_at_window = _in(Section.WINDOW)
_WINDOW_PAGES: Final = (
    _at_window("window", "/window", "窗口代办", "At the window", _WINDOW, menu=True),
    _at_window("file_paper", "/window", "登记书面委托", "File a paper mandate", _CLERK,
               parent="window", method="POST", upload_bytes=_SCAN, cost=5),
    _at_window("paper_scan", "/window/{mandate}/scan", "委托书扫描件", "Scan", _WINDOW, parent="window"),
    _at_window("confirm_paper", "/window/{mandate}/confirm", "复核委托书", "Confirm a paper mandate", _WINDOW,
               parent="window", method="POST"),
    _at_window("end_paper", "/window/{mandate}/end", "结束代办", "End a paper mandate", _WINDOW,
               parent="window", method="POST"),
)
_staff = _in(Section.STAFF)
_STAFF_PAGES: Final = (
    _staff("staff", "/staff", "工作人员首页", "Staff", _ALL_STAFF, menu=True),
    _staff("duty", "/staff/duty", "履职查询", "Official look-up", _LOOKS_UP, parent="staff", menu=True),
    _staff("duty_ask", "/staff/duty", "履职查询", "Official look-up", _ON_DUTY, parent="staff", method="POST", cost=5),
    _staff("duty_request", "/staff/duty/{request}", "履职查询结果", "Result of an official look-up", _LOOKS_UP,
           parent="duty"),
    _staff("duty_file", "/staff/duty/{request}/file", "下载报告", "Download the report", _LOOKS_UP,
           parent="duty_request", cost=5),
    _staff("open_requests", "/staff/open-requests", "未办结的申请", "Open requests", _OFFICER,
           parent="staff", menu=True),
    _staff("members", "/staff/members", "四地运行情况", "The four members", _RUNS, parent="staff", menu=True),
)
# fmt: on

PAGES: Final[Mapping[str, Page]] = {
    page.name: page
    for page in (
        *_PUBLIC_PAGES,
        *_PERSON_PAGES,
        *_ENTERPRISE_PAGES,
        *_GRANTEE_PAGES,
        *_WINDOW_PAGES,
        *_STAFF_PAGES,
    )
}
"""Every page, by its name."""

ACCESS: Final[Mapping[str, Access]] = {name: page.access for name, page in PAGES.items()}


def address_of(name: str, /, **parts: str) -> str:
    """The address of a page.

    >>> address_of("grant", enterprise="a1", grant="b2")
    '/e/a1/grants/b2'

    Raises:
        KeyError: There is no such page, or a part is missing. What is too much is left out.
    """
    path = PAGES[name].path
    needed = {field for _, field, _, _ in Formatter().parse(path) if field}
    return path.format_map({field: quote(parts[field], safe="") for field in needed})


def crumbs_of(page: Page) -> tuple[Page, ...]:
    """The pages above a page, from the top."""
    found: list[Page] = []
    above = page.parent
    while above:
        found.append(PAGES[above])
        above = found[-1].parent
    return tuple(reversed(found))


def menu_of(section: Section) -> Iterable[Page]:
    """The pages in the menu of a section."""
    return (page for page in PAGES.values() if page.section is section and page.menu)
