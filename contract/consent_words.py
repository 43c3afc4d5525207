"""The words about consent (授权书) and about who asked (谁查询过我): one table for pages, files and commands.

    GRANT_STATES       where a grant stands
    BASES              on what ground somebody asked
    CHANNELS           by which way
    LOOK_UP_RESULTS    what became of it
    look_up_reason     why nothing was handed out

The Chinese words stand in the table that an enterprise downloads: changing one changes that file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from contract.errors import ErrorCode
from contract.reasons import Words
from huren.authorisation.v1 import authorisation_service_pb2 as wire
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2

GRANT_STATES: Final[Mapping[int, Words]] = {
    wire.GRANT_STATE_IN_FORCE: Words("有效", "in force"),
    wire.GRANT_STATE_REVOKED: Words("已撤回", "taken back"),
    wire.GRANT_STATE_EXPIRED: Words("已到期", "expired"),
    wire.GRANT_STATE_USED_UP: Words("次数已用完", "used up"),
}

BASES: Final[Mapping[int, Words]] = {
    query_pb2.AUTHORISATION_BASIS_SELF: Words("本企业", "the enterprise itself"),
    query_pb2.AUTHORISATION_BASIS_AGENT: Words("经办人", "an agent of it"),
    query_pb2.AUTHORISATION_BASIS_GRANT: Words("授权书", "under a consent"),
    query_pb2.AUTHORISATION_BASIS_OFFICIAL_DUTY: Words("履职查询", "official duty"),
}

CHANNELS: Final[Mapping[int, Words]] = {
    common_pb2.CHANNEL_WEB: Words("网页", "web"),
    common_pb2.CHANNEL_MINI_PROGRAM: Words("小程序", "mini program"),
    common_pb2.CHANNEL_TERMINAL: Words("自助终端", "terminal"),
    common_pb2.CHANNEL_WINDOW: Words("线下窗口", "window"),
    common_pb2.CHANNEL_API: Words("接口", "program"),
    common_pb2.CHANNEL_HOTLINE: Words("热线", "hotline"),
}

LOOK_UP_RESULTS: Final[Mapping[int, Words]] = {
    wire.LOOK_UP_RESULT_ANSWERED: Words("已出具报告", "a report was issued"),
    wire.LOOK_UP_RESULT_OPEN: Words("办理中", "open"),
    wire.LOOK_UP_RESULT_REFUSED: Words("未提供", "nothing was handed out"),
}

NO_WORDS: Final = Words("（未知）", "unknown")
"""For values that this release does not know: another member may be newer."""

_REASONS: Final[Mapping[str, Words]] = {
    ErrorCode.GRANT_REVOKED: Words("授权已撤回", "the consent was taken back"),
    ErrorCode.GRANT_EXPIRED: Words("授权已到期", "the consent expired"),
    ErrorCode.GRANT_USED_UP: Words("授权的次数已用完", "the consent was used up"),
    ErrorCode.GRANT_NOT_FOUND: Words("没有可用的授权", "there is no such consent for them"),
    ErrorCode.GRANT_DOES_NOT_COVER: Words("超出授权范围", "beyond the consent"),
    ErrorCode.NO_MANDATE: Words("未获本企业的经办授权", "no mandate of the enterprise"),
    ErrorCode.NOT_YOURSELF: Words("查询的不是本企业", "asked about another enterprise without its consent"),
    ErrorCode.NOT_PERMITTED: Words("无权办理", "not permitted"),
    ErrorCode.BASIS_NOT_SERVED: Words("查询依据未被接受", "the ground is not accepted"),
    ErrorCode.LEVEL_TOO_LOW: Words("登录等级不足", "the login was not strong enough"),
    ErrorCode.FOREIGN_HOME: Words("登记地在其他省（市）", "registered in another province"),
    ErrorCode.SUBJECT_CANCELLED: Words("主体已注销", "the enterprise was cancelled"),
    ErrorCode.SUBJECT_UNKNOWN: Words("登记信息未取得", "the registration could not be had"),
    ErrorCode.UNVERIFIED_IN_PRODUCTION: Words("事项清单或出具单位尚未确认", "something is not confirmed yet"),
    "APPLICANT": Words("申请人撤回申请", "the applicant withdrew the request"),
    "NOT_IN_TIME": Words("限期内未能出具", "no report could be made in time"),
    "NOTHING_CLOSES_IT": Words("有省（市）未能反馈", "a province could not answer"),
}

_OTHER_REASON: Final = Words("所填内容不符合规定", "what was asked for is not as it must be")


def look_up_reason(code: str) -> Words:
    """Why nothing was handed out: the words for the code of a look-up. One without words of its own is about what was filled in.

    >>> look_up_reason("GRANT_REVOKED").zh
    '授权已撤回'
    """
    return _REASONS.get(code, _OTHER_REASON)
