"""What went wrong, as a page: what it means, and what to do now.

The sentence is the error's own (contract/errors.py). Beside it stands the way on: to log in otherwise, to ask for a mandate, to go
to another province's site. A link to another site carries nothing but its address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from contract.errors import ErrorCode
from contract.reasons import Words
from gateway.api.problems import Problem
from gateway.portal.links import site_of
from gateway.portal.parts import PortalParts
from gateway.portal.site import address_of
from gateway.portal.visit import View, Visit


@dataclass(frozen=True, slots=True)
class Way:
    """A way on.

    Attributes:
        label: What it is called.
        url: Where it goes.
    """

    label: Words
    url: str


_TITLES: Final[Mapping[ErrorCode, Words]] = {
    ErrorCode.METHOD_UNKNOWN: Words("没有这个页面", "There is no such page"),
    ErrorCode.LOGIN_NEEDED: Words("请重新登录", "Please log in again"),
    ErrorCode.LOGIN_NOT_COMPLETED: Words("登录没有完成", "The login was not completed"),
    ErrorCode.LOGIN_UNAVAILABLE: Words("暂时不能登录", "Logging in is not possible now"),
    ErrorCode.LEVEL_TOO_LOW: Words("需要更高的登录等级", "A stronger login is needed"),
    ErrorCode.NO_MANDATE: Words("您尚未获得该企业授权", "You have no mandate of this enterprise"),
    ErrorCode.NOT_PERMITTED: Words("此项不由您办理", "This is not for you to do"),
    ErrorCode.FOREIGN_HOME: Words("请到登记地所在省（市）办理", "Another province serves this enterprise"),
    ErrorCode.FORGED_REQUEST_SUSPECTED: Words("未能确认是您本人的操作", "We could not tell that this was you"),
    ErrorCode.OVERLOADED: Words("请稍候再试", "Please wait a moment"),
}

_MISSING: Final = Words("没有可以显示的内容", "There is nothing to show here")
_NOT_DONE: Final = Words("没有办成", "This was not done")
_FAULT: Final = Words("系统暂时不能办理", "The service cannot do this now")

_SENTENCES: Final[Mapping[ErrorCode, Words]] = {
    ErrorCode.METHOD_UNKNOWN: Words(
        "地址可能有误，或者页面已经移动。请从首页重新进入。",
        "The address may be wrong, or the page has moved. Please begin at the home page.",
    ),
    ErrorCode.LEVEL_TOO_LOW: Words(
        "您以口令登录，可浏览但不能办理。请改用证书（法人一证通 UKey）或电子营业执照登录。",
        "You logged in with a password: you may look around and do nothing. Log in with a certificate (UKey) or the electronic "
        "business licence.",
    ),
    ErrorCode.NO_MANDATE: Words(
        "您尚未获得该企业授权。请法定代表人用电子营业执照确认授权（约2分钟），或由其本人办理。",
        "You have no mandate of this enterprise. Its legal representative can confirm one with the electronic business licence "
        "(about two minutes), or do this in person.",
    ),
    ErrorCode.STORE_UNAVAILABLE: Words(
        "系统暂时无法保存数据，没有办理任何事项。请稍后再试。",
        "The service cannot keep data at the moment; nothing was done. Please try again later.",
    ),
}
"""Where the error's own sentence speaks to programs."""


def problem_view(visit: Visit, problem: Problem, parts: PortalParts) -> View:
    """What went wrong, as a page."""
    code = problem.error.code
    if problem.status == HTTPStatus.NOT_FOUND:
        title = _TITLES.get(code, _MISSING)
    elif problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        title = _TITLES.get(code, _FAULT)
    else:
        title = _TITLES.get(code, _NOT_DONE)
    return View(
        template="problem.html",
        title=title,
        status=problem.status,
        headers={name: value for name, value in problem.headers.items() if name in {"Retry-After", "Allow"}},
        values={
            "sentence": _SENTENCES.get(code, Words(problem.zh, problem.en)),
            "ways": _ways(problem, parts),
            "contact": problem.error.contact,
            "code": code,
            "at": visit.at,
            # Nothing of an address that may be nobody's is repeated.
            "crumbs": [],
            "here": address_of("home"),
        },
    )


def _ways(problem: Problem, parts: PortalParts) -> list[Way]:
    """The ways on. The first is the best."""
    log_in = Way(Words("登录", "Log in"), "/auth/login?return_to=/entrance")
    home = Way(Words("回到首页", "To the home page"), address_of("home"))
    match problem.error.code:
        case ErrorCode.LOGIN_NEEDED | ErrorCode.LOGIN_NOT_COMPLETED | ErrorCode.LOGIN_UNAVAILABLE:
            return [log_in, home]
        case ErrorCode.LEVEL_TOO_LOW:
            return [Way(Words("改用证书或电子营业执照登录", "Log in otherwise"), log_in.url), home]
        case ErrorCode.NO_MANDATE:
            return [Way(Words("申请经办授权", "Ask for a mandate"), address_of("mandates")), home]
        case ErrorCode.FOREIGN_HOME if problem.error.province is not None:
            member = parts.directory.members.get(problem.error.province)
            if member is not None and (url := site_of(member)):
                label = Words(f"前往{member.province.name_zh}网站", f"To the site of {member.province.name_en}")
                return [Way(label, url), home]
            return [Way(Words("各省（市）联系方式", "How to reach each province"), address_of("contact")), home]
        case _:
            return [home]
