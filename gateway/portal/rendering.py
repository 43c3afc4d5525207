"""From a view to a page: templates, and the words that they share.

Whatever stands in a template is escaped; a name that is not there is an error and no blank. In templates:

    t("中文", "English")     the one that the visitor reads
    w(words)                 the same of `contract.reasons.Words`
    zh(text)                 a text that is Chinese on every page (names, quotations): marked as such on an English one
    url("report", report=…)  the address of a page, about the enterprise of this page where it is about one
    asset("portal.css")      the address of a file
    moment(at), day(date)    times and days of China
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from contract.days import CHINA, from_timestamp
from contract.province import Province
from contract.reasons import Words
from contract.wording import EDITION, SPECIMEN, SPECIMEN_EN, TITLE
from gateway.api.access import ForBatches, ForEnterprise, LoggedIn, OfStaff, OnDuty, Public, Represents
from gateway.identity.acting import Capacity
from gateway.portal.assets import Assets
from gateway.portal.look import SIZES, THEMES, Look
from gateway.portal.parts import PortalParts
from gateway.portal.site import PAGES, SECTION_NAMES, Page, Section, address_of, crumbs_of, menu_of
from gateway.portal.terminals import END_S, WARN_S, is_at_terminal
from gateway.portal.visit import View, Visit

_BASE: Final = "base.html"


class Renderer:
    """Writes pages."""

    def __init__(self, parts: PortalParts, assets: Assets) -> None:
        self._parts = parts
        self._assets = assets
        self._templates = Environment(
            loader=PackageLoader("gateway.portal"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(
            asset=assets.url,
            has_asset=assets.has,
            moment=moment,
            day=day,
            province=Province,
            provinces=tuple(Province),
            REPORT_TITLE=TITLE,
            EDITION=EDITION,
            SPECIMEN=SPECIMEN,
            SPECIMEN_EN=SPECIMEN_EN,
            SIZES=SIZES,
            THEMES=THEMES,
        )

    def page(self, visit: Visit, view: View) -> str:
        """The page, as HTML."""
        values = (
            self._shared(visit) | {"title": view.title or visit.page.title, "error": view.error} | dict(view.values)
        )
        return self._templates.get_template(view.template).render(values)

    def _shared(self, visit: Visit) -> dict[str, Any]:
        """What every template may use."""
        look = visit.look
        parts = self._parts
        member = parts.directory.members.get(parts.province)
        return {
            "visit": visit,
            "look": look,
            "page": visit.page,
            "person": visit.person,
            "enterprise": visit.enterprise,
            "csrf": visit.person.csrf_token if visit.person else "",
            "t": visit.say,
            "w": lambda words: visit.say(words.zh, words.en),
            "zh": _chinese(look),
            "url": visit.url,
            "here": visit.request.path if visit.page.method == "GET" else address_of("home"),
            "province_name": lambda number: visit.say(Province(number).name_zh, Province(number).name_en),
            "crumbs": [(one, self._crumb(visit, one)) for one in crumbs_of(visit.page)],
            "public_menu": tuple(menu_of(Section.PUBLIC)),
            "menus": menus_of(visit),
            "section_names": SECTION_NAMES,
            "site": parts.site,
            "member": member,
            "organiser": parts.site.organiser or (member.unit if member else ""),
            "home_province": parts.province,
            "specimen": parts.specimen,
            "can_log_in": parts.people is not None,
            "at_terminal": visit.person is not None and is_at_terminal(visit.person),
            "terminal_warns_s": WARN_S,
            "terminal_ends_s": END_S,
        }

    def _crumb(self, visit: Visit, page: Page) -> str:
        """The address of a page above this one: its parts are parts of this one's address."""
        return visit.url(page.name, **dict(visit.request.match_info))


def menus_of(visit: Visit) -> dict[Section, list[Page]]:
    """What the visitor may open, by section; sections without anything are left out."""
    person = visit.person
    if person is None:
        return {}
    found: dict[Section, list[Page]] = {}
    for page in PAGES.values():
        if page.menu and page.section is not Section.PUBLIC and _is_open(page, visit):
            found.setdefault(page.section, []).append(page)
    return found


def _is_open(page: Page, visit: Visit) -> bool:
    person = visit.person
    if person is None or (page.is_about_enterprise and visit.enterprise is None):
        return False
    roles = person.staff.roles if person.staff else frozenset()
    acts = visit.enterprise.acts if visit.enterprise else ()
    match page.access:
        case Public():
            return True
        case LoggedIn():
            return page.is_about_enterprise or not roles or bool(visit.enterprises)
        case ForBatches():
            return len(visit.enterprises) > 1
        case ForEnterprise(scope=scope):
            return any(scope in one.scopes for one in acts)
        case Represents():
            return any(one.capacity is Capacity.LEGAL_REPRESENTATIVE for one in acts)
        case OfStaff(roles=wanted):
            return bool(roles & frozenset(wanted))
        case OnDuty():
            return False


def moment(at: datetime | Timestamp) -> str:
    """A time of China, to the minute.

    >>> moment(datetime(2026, 11, 22, 4, 5, tzinfo=CHINA))
    '2026-11-22 04:05'
    """
    known = from_timestamp(at) if isinstance(at, Timestamp) else at
    return f"{known.astimezone(CHINA):%Y-%m-%d %H:%M}"


def day(value: date | str) -> str:
    """A day, as the report writes it."""
    return value if isinstance(value, str) else value.isoformat()


def _chinese(look: Look) -> Callable[[object], Markup]:
    def marked(text: object) -> Markup:
        return escape(text) if look.zh else Markup('<span lang="zh-CN">{}</span>').format(text)

    return marked


def words_of(table: Mapping[int, Words], number: int) -> Words:
    """The words of an enum's value; of one that this release does not know, its number."""
    return table.get(number) or Words(f"（{number}）", f"({number})")
