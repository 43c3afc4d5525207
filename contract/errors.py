"""The error table: every error that can reach a requester, once.

    HurenError      an error of the table, with its parameters (the row says whose fault it is)

A row says: stable code, whose fault, whether asking again helps, the gRPC status, the HTTP status (RFC 9457), and one sentence
in Chinese and in English that says what to do. Sentences never hold an identity number, another subject's data or a trace.

A province that fails while a report is made is an outcome (contract/outcome.py), not an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from contract.province import Province
from contract.reasons import ENVELOPE_FAULTS, FIELDS, Words
from huren.common.v1 import common_pb2, error_pb2


class Origin(StrEnum):
    """Whose fault it is."""

    REQUESTER = "requester"
    HOME = "home"
    PROVINCE = "province"


class Retry(StrEnum):
    """Whether asking again can help."""

    NEVER = "never"
    LATER = "later"
    ELSEWHERE = "elsewhere"


class ErrorCode(StrEnum):
    """Stable codes. A code keeps its meaning for ever."""

    MALFORMED_REQUEST = "MALFORMED_REQUEST"
    REQUEST_TOO_LARGE = "REQUEST_TOO_LARGE"
    USCC_MALFORMED = "USCC_MALFORMED"
    SUBJECT_NOT_ELIGIBLE = "SUBJECT_NOT_ELIGIBLE"
    SUBJECT_CANCELLED = "SUBJECT_CANCELLED"
    SUBJECT_UNKNOWN = "SUBJECT_UNKNOWN"
    FOREIGN_HOME = "FOREIGN_HOME"
    HOME_OUTSIDE = "HOME_OUTSIDE"
    TRANSFER_PENDING = "TRANSFER_PENDING"
    TRANSFER_REFUSED = "TRANSFER_REFUSED"
    TRANSFER_UNKNOWN = "TRANSFER_UNKNOWN"
    TRANSFER_UNACCEPTABLE = "TRANSFER_UNACCEPTABLE"
    WINDOW_MALFORMED = "WINDOW_MALFORMED"
    WINDOW_INVERTED = "WINDOW_INVERTED"
    WINDOW_TOO_LONG = "WINDOW_TOO_LONG"
    WINDOW_IN_FUTURE = "WINDOW_IN_FUTURE"
    CATALOGUE_UNKNOWN = "CATALOGUE_UNKNOWN"
    DOMAIN_UNKNOWN = "DOMAIN_UNKNOWN"
    NOTHING_APPLICABLE = "NOTHING_APPLICABLE"
    IDENTITY_MISSING = "IDENTITY_MISSING"
    NOT_YOURSELF = "NOT_YOURSELF"
    BASIS_NOT_SERVED = "BASIS_NOT_SERVED"
    LEVEL_TOO_LOW = "LEVEL_TOO_LOW"
    NO_MANDATE = "NO_MANDATE"
    LOGIN_NEEDED = "LOGIN_NEEDED"
    LOGIN_NOT_COMPLETED = "LOGIN_NOT_COMPLETED"
    LOGIN_UNAVAILABLE = "LOGIN_UNAVAILABLE"
    ROLES_CONFLICT = "ROLES_CONFLICT"
    FORGED_REQUEST_SUSPECTED = "FORGED_REQUEST_SUSPECTED"
    TOO_MANY_OPEN_ASKS = "TOO_MANY_OPEN_ASKS"
    MANDATE_NOT_FOUND = "MANDATE_NOT_FOUND"
    PAIRING_CODE_WRONG = "PAIRING_CODE_WRONG"
    GRANT_NOT_FOUND = "GRANT_NOT_FOUND"
    GRANT_REVOKED = "GRANT_REVOKED"
    GRANT_EXPIRED = "GRANT_EXPIRED"
    GRANT_USED_UP = "GRANT_USED_UP"
    GRANT_DOES_NOT_COVER = "GRANT_DOES_NOT_COVER"
    GRANT_TERMS_UNACCEPTABLE = "GRANT_TERMS_UNACCEPTABLE"
    CONSENT_NOT_ACCEPTED = "CONSENT_NOT_ACCEPTED"
    WINDOW_MANDATE_NOT_FOUND = "WINDOW_MANDATE_NOT_FOUND"
    FILE_NOT_ACCEPTED = "FILE_NOT_ACCEPTED"
    BATCH_NOT_FOUND = "BATCH_NOT_FOUND"
    BATCH_NOT_READY = "BATCH_NOT_READY"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    REQUEST_IN_PROGRESS = "REQUEST_IN_PROGRESS"
    REQUEST_NOT_FOUND = "REQUEST_NOT_FOUND"
    REQUEST_ENDED = "REQUEST_ENDED"
    REPORT_NOT_FOUND = "REPORT_NOT_FOUND"
    REPORT_REVOKED = "REPORT_REVOKED"
    REPORT_SUPERSEDED = "REPORT_SUPERSEDED"
    REVOCATION_NOT_FOUND = "REVOCATION_NOT_FOUND"
    REVOCATION_WAITS = "REVOCATION_WAITS"
    SECOND_OFFICER_NEEDED = "SECOND_OFFICER_NEEDED"
    HOME_UNREACHABLE = "HOME_UNREACHABLE"
    FILE_NOT_MADE = "FILE_NOT_MADE"
    METHOD_UNKNOWN = "METHOD_UNKNOWN"
    NOT_PERMITTED = "NOT_PERMITTED"
    COVERAGE_NOT_FOUND = "COVERAGE_NOT_FOUND"
    ITEM_NOT_FOUND = "ITEM_NOT_FOUND"
    ITEM_CHANGED = "ITEM_CHANGED"
    DECISION_DOES_NOT_FIT = "DECISION_DOES_NOT_FIT"
    PLATFORM_SILENT = "PLATFORM_SILENT"
    ENVELOPE_UNREADABLE = "ENVELOPE_UNREADABLE"
    STATEMENT_NOT_ACCEPTED = "STATEMENT_NOT_ACCEPTED"
    OVERLOADED = "OVERLOADED"
    UNVERIFIED_IN_PRODUCTION = "UNVERIFIED_IN_PRODUCTION"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    INTERNAL = "INTERNAL"


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One row of the table.

    Attributes:
        origin: Whose fault.
        retry: Whether asking again helps.
        grpc_status: Number of the gRPC status code (google.rpc.Code).
        http_status: HTTP status of the problem document.
        zh: Sentence in Chinese; `{name}` are parameters.
        en: The same in English.
        unknown: Sentences in both languages, without parameters, where a parameter is NOT_KNOWN.
    """

    origin: Origin
    retry: Retry
    grpc_status: int
    http_status: int
    zh: str
    en: str
    unknown: Words | None = None


NOT_KNOWN: Final = "—"
"""The value of a parameter that nobody knows."""

_INVALID_ARGUMENT: Final = 3
_NOT_FOUND: Final = 5
_ALREADY_EXISTS: Final = 6
_PERMISSION_DENIED: Final = 7
_RESOURCE_EXHAUSTED: Final = 8
_FAILED_PRECONDITION: Final = 9
_ABORTED: Final = 10
_UNIMPLEMENTED: Final = 12
_INTERNAL: Final = 13
_UNAVAILABLE: Final = 14
_UNAUTHENTICATED: Final = 16

_REQUESTER: Final = Origin.REQUESTER
_HOME: Final = Origin.HOME
_NEVER: Final = Retry.NEVER
_LATER: Final = Retry.LATER

ERROR_TABLE: Final[dict[ErrorCode, ErrorRow]] = {
    ErrorCode.MALFORMED_REQUEST: ErrorRow(
        _REQUESTER, _NEVER, _INVALID_ARGUMENT, 400,
        "请求不符合接口规范：{problem_zh}。请对照接口说明修改后重新提交。",
        "The request does not follow the interface: {problem_en}. Correct it and send it again.",
    ),
    ErrorCode.REQUEST_TOO_LARGE: ErrorRow(
        _REQUESTER, _NEVER, _RESOURCE_EXHAUSTED, 413,
        "请求内容超过上限（{limit}字节）。请缩小后重新提交。",
        "The request is larger than {limit} bytes. Make it smaller and send it again.",
    ),
    ErrorCode.USCC_MALFORMED: ErrorRow(
        _REQUESTER, _NEVER, _INVALID_ARGUMENT, 400,
        "统一社会信用代码有误：{problem_zh}。请对照营业执照核对后重新填写，系统不会代为更正。",
        "The unified social credit code is wrong: {problem_en}. Compare it with the business licence; nothing is corrected "
        "for you.",
    ),
    ErrorCode.SUBJECT_NOT_ELIGIBLE: ErrorRow(
        _REQUESTER, _NEVER, _FAILED_PRECONDITION, 422,
        "互认版目前面向经营主体（企业、个体工商户、农民专业合作社及其分支机构）。其他主体请使用本省（市）专项信用报告。",
        "The mutual report serves enterprises, individual businesses, farmers' cooperatives and their branches. Others use "
        "their own province's report.",
    ),
    ErrorCode.SUBJECT_CANCELLED: ErrorRow(
        _REQUESTER, _NEVER, _FAILED_PRECONDITION, 422,
        "该主体已于{date}注销，不能在线申请。清算义务人可到窗口办理。",
        "The subject's registration was cancelled on {date}; no report can be asked for online. Its liquidator may turn to a "
        "service window.",
        Words(
            "该主体已注销（登记库未载明注销日期），不能在线申请。清算义务人可到窗口办理。",
            "The subject's registration was cancelled (the registry does not say when); no report can be asked for online. Its "
            "liquidator may turn to a service window.",
        ),
    ),
    ErrorCode.SUBJECT_UNKNOWN: ErrorRow(
        _REQUESTER, _NEVER, _NOT_FOUND, 404,
        "登记库中未查到该主体，且无法由代码判断其登记地。请核对代码，或联系登记机关。",
        "The registry does not know the subject, and its code does not tell where it is registered. Check the code, or turn to "
        "the registration authority.",
    ),
    ErrorCode.FOREIGN_HOME: ErrorRow(
        _REQUESTER, Retry.ELSEWHERE, _FAILED_PRECONDITION, 421,
        "您的企业登记地为{province_zh}，请前往{province_zh}的服务渠道办理（{basis_zh}）。四地报告内容一致。",
        "The subject is registered in {province_en}; ask there ({basis_en}). The four provinces' reports say the same.",
    ),
    ErrorCode.HOME_OUTSIDE: ErrorRow(
        _REQUESTER, _NEVER, _FAILED_PRECONDITION, 422,
        "该主体登记地不在北京、天津、河北、山西，不能申请互认版报告。",
        "The subject is not registered in Beijing, Tianjin, Hebei or Shanxi, so it cannot ask for the mutual report.",
    ),
    ErrorCode.TRANSFER_PENDING: ErrorRow(
        _HOME, _LATER, _UNAVAILABLE, 503,
        "您的企业由{province_zh}迁入，迁入手续尚未完成：{province_zh}暂未答复，本次申请未受理。请稍后用同一幂等键重试。",
        "The subject moved here from {province_en}, and the transfer between the two homes is not complete: {province_en} has "
        "not answered yet, so nothing was accepted. Ask again later with the same key.",
    ),
    ErrorCode.TRANSFER_REFUSED: ErrorRow(
        _HOME, _LATER, _FAILED_PRECONDITION, 409,
        "您的企业由{province_zh}迁入，但{province_zh}尚未同意移交：{problem_zh}。请联系{whom}核实，登记信息更新后再申请。",
        "The subject moved here from {province_en}, which has not agreed to the transfer: {problem_en}. Turn to {whom}, and "
        "ask again when the registration is up to date there.",
    ),
    ErrorCode.TRANSFER_UNKNOWN: ErrorRow(
        _HOME, _LATER, _FAILED_PRECONDITION, 409,
        "本地登记库未载明该主体自{day}起登记在{province_zh}，不能同意移交。请在登记信息更新后重试。",
        "The registry here does not say that the subject is registered in {province_en} since {day}, so the transfer is not "
        "agreed to. Try again when the registration is up to date.",
    ),
    ErrorCode.TRANSFER_UNACCEPTABLE: ErrorRow(
        _REQUESTER, _NEVER, _INVALID_ARGUMENT, 400,
        "移交声明不能受理：{problem_zh}。",
        "The transfer cannot be accepted: {problem_en}.",
    ),
    ErrorCode.WINDOW_MALFORMED: ErrorRow(
        _REQUESTER, _NEVER, _INVALID_ARGUMENT, 400,
        "查询时段的{problem}有误，没有这一天，或未按 YYYY-MM-DD（年-月-日）填写。请修改后重新提交。",
        "The window's {problem} is wrong: there is no such day, or it is not written as YYYY-MM-DD. Correct it and send the "
        "request again.",
    ),
    ErrorCode.WINDOW_INVERTED: ErrorRow(
        _REQUESTER, _NEVER, _INVALID_ARGUMENT, 400,
        "查询时段的起始日期晚于截止日期。请调换后重新提交。",
        "The window ends before it begins. Exchange its days and send the request again.",
    ),
    ErrorCode.WINDOW_TOO_LONG: ErrorRow(
        _REQUESTER, _NEVER, _INVALID_ARGUMENT, 400,
        "查询时段最长为{years}年。请缩短后重新提交。",
        "The window may cover {years} years at most. Shorten it and send the request again.",
    ),
    ErrorCode.WINDOW_IN_FUTURE: ErrorRow(
        _REQUESTER, _NEVER, _INVALID_ARGUMENT, 400,
        "查询时段的截止日期不能晚于今天（{today}）。请修改后重新提交。",
        "The window may not end after today ({today}). Change it and send the request again.",
    ),
    ErrorCode.CATALOGUE_UNKNOWN: ErrorRow(
        _REQUESTER, _NEVER, _FAILED_PRECONDITION, 409,
        "事项清单版本{version}未在使用，现行版本为{current}。请按现行版本重新提交。",
        "Catalogue version {version} is not in force; {current} is. Ask again by that version.",
    ),
    ErrorCode.DOMAIN_UNKNOWN: ErrorRow(
        _REQUESTER, _NEVER, _INVALID_ARGUMENT, 400,
        "事项清单中没有领域“{domain}”。请从清单中选择。",
        "The catalogue has no domain {domain!r}. Choose from the catalogue.",
    ),
    ErrorCode.NOTHING_APPLICABLE: ErrorRow(
        _REQUESTER, _NEVER, _INVALID_ARGUMENT, 400,
        "所选领域不涉及所选事项，没有可以查询的内容。请重新选择。",
        "The chosen domains carry no records of the chosen kinds, so there is nothing to ask. Choose again.",
    ),
    ErrorCode.IDENTITY_MISSING: ErrorRow(
        _REQUESTER, _NEVER, _UNAUTHENTICATED, 401,
        "未能识别您的身份。请使用法人一证通或电子营业执照证书连接。",
        "Your identity could not be read. Connect with a certificate of the enterprise.",
    ),
    ErrorCode.NOT_YOURSELF: ErrorRow(
        _REQUESTER, _NEVER, _PERMISSION_DENIED, 403,
        "您的证书不属于所查主体。目前只受理主体查询自身，请使用该主体的证书。",
        "Your certificate is not the subject's. Only a subject's request about itself is served yet; use its certificate.",
    ),
    ErrorCode.BASIS_NOT_SERVED: ErrorRow(
        _REQUESTER, _NEVER, _UNIMPLEMENTED, 501,
        "不能以所填依据在此渠道办理。企业证书可用于查询自身，或者凭授权书查询；经办人和履职查询须登录后办理。",
        "Nothing is asked on this ground in this way. With an enterprise's certificate you ask about yourself or under a grant; "
        "agents and officers log in.",
    ),
    ErrorCode.LEVEL_TOO_LOW: ErrorRow(
        _REQUESTER, _NEVER, _PERMISSION_DENIED, 403,
        "您以口令登录，可浏览但不能办理。请改用证书（法人一证通 UKey）或电子营业执照登录。",
        "You logged in with a password: you may look around, and do nothing. Log in with a certificate (UKey) or the "
        "electronic business licence.",
    ),
    ErrorCode.NO_MANDATE: ErrorRow(
        _REQUESTER, _NEVER, _PERMISSION_DENIED, 403,
        "您尚未获得该企业授权，或者授权不含此事项、已到期。请法定代表人用电子营业执照确认授权（约2分钟），或由其本人办"
        "理。",
        "You have no mandate of this enterprise for this, or it has ended. Its legal representative confirms one with the"
        " electronic business licence in about two minutes, or acts in person.",
    ),
    ErrorCode.LOGIN_NEEDED: ErrorRow(
        _REQUESTER, _NEVER, _UNAUTHENTICATED, 401,
        "请先登录。",
        "Log in first.",
    ),
    ErrorCode.LOGIN_NOT_COMPLETED: ErrorRow(
        _REQUESTER, _NEVER, _PERMISSION_DENIED, 403,
        "登录未完成，或者登录信息未获采信。请返回首页重新登录。",
        "The login was not completed, or what came back is not believed. Go back and log in again.",
    ),
    ErrorCode.LOGIN_UNAVAILABLE: ErrorRow(
        _HOME, _LATER, _UNAVAILABLE, 503,
        "统一身份认证暂不可用。请稍后再登录。",
        "The identity service cannot be reached now. Log in again later.",
    ),
    ErrorCode.ROLES_CONFLICT: ErrorRow(
        _REQUESTER, _NEVER, _PERMISSION_DENIED, 403,
        "同一人不得兼任系统管理员、安全管理员和审计管理员中的两个。请联系本单位调整岗位。",
        "Nobody holds two of system, security and audit administrator. Have your unit change your posts.",
    ),
    ErrorCode.FORGED_REQUEST_SUSPECTED: ErrorRow(
        _REQUESTER, _NEVER, _PERMISSION_DENIED, 403,
        "请求未带本页面的令牌，或者来自其他网站，未予办理。请刷新页面后重试。",
        "The request does not carry the token of this session, or comes from another site. Reload the page and try again.",
    ),
    ErrorCode.TOO_MANY_OPEN_ASKS: ErrorRow(
        _REQUESTER, _NEVER, _RESOURCE_EXHAUSTED, 429,
        "您提出而尚未确认的经办申请已达上限（{limit}件，含当日终止的）。请待其确认，或者于次日再提出。",
        "{limit} of your asks wait for a confirmation or were ended today, which is the limit. Have them confirmed, or ask "
        "tomorrow.",
    ),
    ErrorCode.MANDATE_NOT_FOUND: ErrorRow(
        _REQUESTER, _NEVER, _NOT_FOUND, 404,
        "未找到该授权。请核对后重试。",
        "There is no such mandate of yours.",
    ),
    ErrorCode.PAIRING_CODE_WRONG: ErrorRow(
        _REQUESTER, _NEVER, _PERMISSION_DENIED, 403,
        "确认码不符。请向经办人核对；五次不符后该申请作废，须由经办人重新提出。",
        "The pairing code is wrong. Ask the agent for it again; after five wrong codes the agent has to ask anew.",
    ),
    ErrorCode.GRANT_NOT_FOUND: ErrorRow(
        _REQUESTER, _NEVER, _NOT_FOUND, 404,
        "未找到可供您使用的该授权。请核对授权书编号，或向授权企业核实。",
        "There is no such grant for you. Check its number, or ask who gave it.",
    ),
    ErrorCode.GRANT_REVOKED: ErrorRow(
        _REQUESTER, _NEVER, _PERMISSION_DENIED, 403,
        "该授权已由授权企业撤回，不能再据此查询。",
        "The enterprise took the grant back; nothing can be asked under it any more.",
    ),
    ErrorCode.GRANT_EXPIRED: ErrorRow(
        _REQUESTER, _NEVER, _PERMISSION_DENIED, 403,
        "该授权已于{date}到期，不能再据此查询。如仍需要，请向授权企业取得新的授权。",
        "The grant expired on {date}. Ask the enterprise for a new one.",
    ),
    ErrorCode.GRANT_USED_UP: ErrorRow(
        _REQUESTER, _NEVER, _PERMISSION_DENIED, 403,
        "该授权约定的查询次数（{limit}次）已用完。如仍需要，请向授权企业取得新的授权。",
        "The grant was for {limit} requests, which were made. Ask the enterprise for a new one.",
    ),
    ErrorCode.GRANT_DOES_NOT_COVER: ErrorRow(
        _REQUESTER, _NEVER, _PERMISSION_DENIED, 403,
        "所选内容超出授权书的范围：{problem_zh}。请在授权范围内选择。",
        "The request goes beyond the grant: {problem_en}. Choose within it.",
    ),
    ErrorCode.GRANT_TERMS_UNACCEPTABLE: ErrorRow(
        _REQUESTER, _NEVER, _FAILED_PRECONDITION, 422,
        "授权书内容有误：{problem_zh}。请修改后重新生成授权书。",
        "The terms cannot be granted: {problem_en}. Change them and have the text written again.",
    ),
    ErrorCode.CONSENT_NOT_ACCEPTED: ErrorRow(
        _REQUESTER, _NEVER, _PERMISSION_DENIED, 403,
        "授权书的签名未获采信：{problem_zh}。请用本企业的证书或电子营业执照重新签署授权书原文。",
        "The signature of the consent is not accepted: {problem_en}. Sign the text again, with the certificate of this "
        "enterprise.",
    ),
    ErrorCode.WINDOW_MANDATE_NOT_FOUND: ErrorRow(
        _REQUESTER, _NEVER, _NOT_FOUND, 404,
        "未找到该窗口代办委托。请核对后重试。",
        "There is no such mandate at the window.",
    ),
    ErrorCode.FILE_NOT_ACCEPTED: ErrorRow(
        _REQUESTER, _NEVER, _INVALID_ARGUMENT, 400,
        "文件未被接受：{problem_zh}。",
        "The file is not accepted: {problem_en}.",
    ),
    ErrorCode.BATCH_NOT_FOUND: ErrorRow(
        _REQUESTER, _NEVER, _NOT_FOUND, 404,
        "未找到该批量办理。请核对后重试。",
        "There is no such batch of yours.",
    ),
    ErrorCode.BATCH_NOT_READY: ErrorRow(
        _HOME, _LATER, _FAILED_PRECONDITION, 409,
        "批量办理尚未结束，压缩包待全部主体办结后生成。请稍后再取。",
        "The batch has not ended; its archive is made when all its subjects are done. Come back later.",
    ),
    ErrorCode.IDEMPOTENCY_KEY_REUSED: ErrorRow(
        _REQUESTER, _NEVER, _ALREADY_EXISTS, 409,
        "该幂等键已用于内容不同的申请。请为新的申请使用新的幂等键。",
        "The idempotency key was used for another request. Use a new key for a new request.",
    ),
    ErrorCode.REQUEST_IN_PROGRESS: ErrorRow(
        _HOME, _LATER, _ABORTED, 409,
        "同一申请正在办理。请稍候用同一幂等键查询结果。",
        "The same request is being worked on. Ask again in a moment with the same key.",
    ),
    ErrorCode.REQUEST_NOT_FOUND: ErrorRow(
        _REQUESTER, _NEVER, _NOT_FOUND, 404,
        "未查询到与您相关的该受理编号。请核对编号。",
        "No request of yours has this number. Check the number.",
    ),
    ErrorCode.REQUEST_ENDED: ErrorRow(
        _REQUESTER, _NEVER, _FAILED_PRECONDITION, 409,
        "该申请已办结，没有办理进度单。请查看办理结果。",
        "The request has ended, so there is no progress sheet. Look at how it ended.",
    ),
    ErrorCode.REPORT_NOT_FOUND: ErrorRow(
        _REQUESTER, _NEVER, _NOT_FOUND, 404,
        "未查询到与您相关的该编号报告。请核对编号。",
        "No report of yours has this number. Check the number.",
    ),
    ErrorCode.REPORT_REVOKED: ErrorRow(
        _REQUESTER, _NEVER, _FAILED_PRECONDITION, 422,
        "该报告已作废，不再提供，也不能再次办理。",
        "The report was revoked: it is not handed out any more, and nothing more can be done to it.",
    ),
    ErrorCode.REPORT_SUPERSEDED: ErrorRow(
        _REQUESTER, _NEVER, _FAILED_PRECONDITION, 409,
        "该报告出具后信息已更新，不再提供其内容。请凭有效的授权重新申请，或向企业索取新报告。",
        "Facts have changed since the report was issued, and its content is not served any more. Ask anew under a grant in "
        "force, or ask the enterprise for a new report.",
    ),
    ErrorCode.REVOCATION_NOT_FOUND: ErrorRow(
        _REQUESTER, _NEVER, _NOT_FOUND, 404,
        "没有编号为{number}的待复核作废申请，请核对编号。",
        "No proposal {number} waits for a second officer. Check the number.",
    ),
    ErrorCode.REVOCATION_WAITS: ErrorRow(
        _REQUESTER, _NEVER, _ALREADY_EXISTS, 409,
        "该报告已有待复核的作废申请（编号{number}），请先复核或撤回。",
        "Proposal {number} about this report waits already. Confirm or withdraw it first.",
    ),
    ErrorCode.SECOND_OFFICER_NEEDED: ErrorRow(
        _REQUESTER, _NEVER, _PERMISSION_DENIED, 403,
        "此事须由两人办理：提出人不能复核，请由另一名工作人员复核。",
        "This takes two people: whoever proposed it cannot confirm it. Ask a colleague.",
    ),
    ErrorCode.HOME_UNREACHABLE: ErrorRow(
        _HOME, _LATER, _UNAVAILABLE, 503,
        "暂不能核验：出具该报告的省（市）暂未应答。请稍后再试，不要据此判断报告真实与否。",
        "Not verifiable now: the province that issued the report does not answer. Try again later; nothing follows from this.",
    ),
    ErrorCode.FILE_NOT_MADE: ErrorRow(
        _HOME, _LATER, _UNAVAILABLE, 503,
        "文件暂时未能生成。请稍后再试；已出具的报告不受影响，也可改取 JSON 格式。",
        "The file could not be made now. Try again later; an issued report is not touched, and its JSON form may be had.",
    ),
    ErrorCode.METHOD_UNKNOWN: ErrorRow(
        _REQUESTER, _NEVER, _UNIMPLEMENTED, 404,
        "没有这个接口。请对照接口说明。",
        "There is no such method. Compare the interface description.",
    ),
    ErrorCode.NOT_PERMITTED: ErrorRow(
        _REQUESTER, _NEVER, _PERMISSION_DENIED, 403,
        "您不能办理此项。{need_zh}",
        "This is not for you to do. {need_en}",
    ),
    ErrorCode.COVERAGE_NOT_FOUND: ErrorRow(
        _REQUESTER, _NEVER, _NOT_FOUND, 404,
        "本省（市）未出具过该编号的覆盖范围声明。",
        "This province never made a coverage statement with that id.",
    ),
    ErrorCode.ITEM_NOT_FOUND: ErrorRow(
        _REQUESTER, _NEVER, _NOT_FOUND, 404,
        "没有编号为 {number} 的待处理数据，请核对编号。",
        "There is no item {number}. Check the number.",
    ),
    ErrorCode.ITEM_CHANGED: ErrorRow(
        _REQUESTER, _NEVER, _ABORTED, 409,
        "该数据在您查看之后已有变化，请重新查看后再处理。",
        "The item has changed since you looked at it. Look again, then decide.",
    ),
    ErrorCode.DECISION_DOES_NOT_FIT: ErrorRow(
        _REQUESTER, _NEVER, _FAILED_PRECONDITION, 422,
        "该处理方式不适用于这条数据：{problem_zh}。",
        "The decision does not fit the item: {problem_en}.",
    ),
    ErrorCode.PLATFORM_SILENT: ErrorRow(
        _HOME, _LATER, _UNAVAILABLE, 503,
        "数据来源平台暂未应答，未作任何更改，请稍后再试。",
        "The source platform does not answer; nothing was changed. Try again later.",
    ),
    ErrorCode.ENVELOPE_UNREADABLE: ErrorRow(
        _REQUESTER, _NEVER, _INVALID_ARGUMENT, 400,
        "收到的内容不是合规的签名信封（{problem}），未予处理。",
        "What was received is no well-formed signed envelope ({problem}); nothing was done.",
    ),
    ErrorCode.STATEMENT_NOT_ACCEPTED: ErrorRow(
        _REQUESTER, _NEVER, _FAILED_PRECONDITION, 422,
        "收到的签名声明未被采信：{problem_zh}。未作任何更改。",
        "The signed statement is not accepted: {problem_en}. Nothing was changed.",
    ),
    ErrorCode.OVERLOADED: ErrorRow(
        _HOME, _LATER, _RESOURCE_EXHAUSTED, 429,
        "当前办理量较大，请稍后再试。",
        "Too many requests at the moment. Ask again later.",
    ),
    ErrorCode.UNVERIFIED_IN_PRODUCTION: ErrorRow(
        _HOME, _LATER, _FAILED_PRECONDITION, 503,
        "事项清单或出具单位尚有未确认内容，暂不能正式出具。",
        "The catalogue or the issuer's name holds entries that nobody has confirmed, so no report may be issued yet.",
    ),
    ErrorCode.STORE_UNAVAILABLE: ErrorRow(
        _HOME, _LATER, _UNAVAILABLE, 503,
        "系统暂时无法保存数据，未出具任何内容。请稍后用同一幂等键重试。",
        "The store cannot be written at the moment; nothing was issued. Ask again with the same key.",
    ),
    ErrorCode.SHUTTING_DOWN: ErrorRow(
        _HOME, _LATER, _UNAVAILABLE, 503,
        "系统正在重启，请稍后重试。",
        "The service is restarting. Ask again in a moment.",
    ),
    ErrorCode.INTERNAL: ErrorRow(
        _HOME, _LATER, _INTERNAL, 500,
        "系统内部出错，未出具任何内容。请稍后重试；仍不成功请联系服务单位并告知时间。",
        "An internal error; nothing was issued. Ask again later; if it persists, tell the service unit the time.",
    ),
}  # fmt: skip

_WIRE_ORIGIN: Final = {
    Origin.REQUESTER: error_pb2.ERROR_ORIGIN_REQUESTER,
    Origin.HOME: error_pb2.ERROR_ORIGIN_HOME,
    Origin.PROVINCE: error_pb2.ERROR_ORIGIN_PROVINCE,
}
_MAX_MESSAGE: Final = 600
"""Characters (ErrorDetail.message_zh). Only a parameter that quotes a request can make a sentence longer."""

_WIRE_RETRY: Final = {
    Retry.NEVER: error_pb2.ERROR_RETRY_NEVER,
    Retry.LATER: error_pb2.ERROR_RETRY_LATER,
    Retry.ELSEWHERE: error_pb2.ERROR_RETRY_ELSEWHERE,
}


_CODED: Final[Mapping[ErrorCode, Mapping[str, Words]]] = {
    ErrorCode.WINDOW_MALFORMED: FIELDS,
    ErrorCode.ENVELOPE_UNREADABLE: ENVELOPE_FAULTS,
}
"""Errors whose `problem` is a code, which people are told in words."""


class HurenError(Exception):
    """An error of the table.

    Attributes:
        code: Which.
        row: Its row.
        parameters: What the sentences are filled with.
        province: The province at fault or, with `Retry.ELSEWHERE`, the one to ask.
        field: Path of the field at fault in the request; empty for the request as a whole.
        retry_after: When asking again may help, counted from the receipt.
        contact: Whom to turn to.
    """

    def __init__(
        self,
        code: ErrorCode,
        *,
        province: Province | None = None,
        field: str = "",
        retry_after: timedelta | None = None,
        contact: common_pb2.Contact | None = None,
        **parameters: object,
    ) -> None:
        self.code = code
        self.row = ERROR_TABLE[code]
        self.parameters = parameters
        self.province = province
        self.field = field
        self.retry_after = retry_after
        self.contact = contact
        super().__init__(f"{code}: {self.message_en}")

    @property
    def message_zh(self) -> str:
        """The sentence in Chinese."""
        return self._words.zh

    @property
    def message_en(self) -> str:
        """The sentence in English."""
        return self._words.en

    @property
    def _words(self) -> Words:
        if self.row.unknown is not None and NOT_KNOWN in self.parameters.values():
            return self.row.unknown
        problem = _CODED.get(self.code, {}).get(str(self.parameters.get("problem")))
        if problem is None:
            return Words(self.row.zh.format(**self.parameters), self.row.en.format(**self.parameters))
        return Words(
            self.row.zh.format(**self.parameters | {"problem": problem.zh}),
            self.row.en.format(**self.parameters | {"problem": problem.en}),
        )

    def to_wire(self) -> error_pb2.ErrorDetail:
        """The error as the contract carries it."""
        detail = error_pb2.ErrorDetail(
            code=self.code,
            origin=_WIRE_ORIGIN[self.row.origin],
            retry=_WIRE_RETRY[self.row.retry],
            message_zh=self.message_zh[:_MAX_MESSAGE],
            message_en=self.message_en[:_MAX_MESSAGE],
            field=self.field,
            contact=self.contact,
        )
        if self.province is not None:
            detail.province = self.province.wire
        if self.retry_after is not None:
            detail.retry_after.FromTimedelta(self.retry_after)
        return detail
