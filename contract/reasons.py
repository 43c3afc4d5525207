"""The words for reasons and rules: a stable code beside what a clerk reads, in Chinese and in English.

    CELL_REASONS        why a cell is SOURCE_UNAVAILABLE
    OUTCOME_REASONS     why a province's answer did not come, or may not count
    REFUSAL_REASONS     why a province refuses a query
    REVOCATION_WORDS    why a report was taken back (作废)
    CHANGE_CAUSES       what led to a change of a report's state
    ENVELOPE_FAULTS     why bytes are no signed envelope
    field_words         the fields of requests
    rule_words          the rules that the proto files declare

Codes that this release does not know are shown as they are: another member may be newer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from contract.outcome import InadmissibleReason, UnavailableReason
from huren.change.v1 import change_pb2
from huren.fragment.v1 import fragment_pb2, refusal_pb2
from huren.report.v1 import report_status_pb2
from signing import EnvelopeFault


class Words(NamedTuple):
    """The same in two languages."""

    zh: str
    en: str


CELL_REASONS: Final[Mapping[int, Words]] = {
    fragment_pb2.UNAVAILABLE_REASON_SOURCE_SILENT: Words("数据来源未应答", "the source did not answer"),
    fragment_pb2.UNAVAILABLE_REASON_STALE: Words("数据未按时更新", "the source's data is too old"),
    fragment_pb2.UNAVAILABLE_REASON_UNREADABLE: Words("有记录无法识读", "a record cannot be read"),
    fragment_pb2.UNAVAILABLE_REASON_IDENTITY_IN_DOUBT: Words(
        "有记录的主体待核对", "a record may or may not be the subject's"
    ),
    fragment_pb2.UNAVAILABLE_REASON_UNATTRIBUTABLE_ROWS: Words(
        "该领域无法对应主体的记录过多", "too many of the domain's records belong to nobody"
    ),
    fragment_pb2.UNAVAILABLE_REASON_MAINTENANCE: Words("来源系统维护中", "announced maintenance"),
    fragment_pb2.UNAVAILABLE_REASON_CORRECTION_CONTRADICTED: Words(
        "更正决定与来源数据不一致", "a correction and the source contradict each other"
    ),
}
"""By the number of huren.fragment.v1.UnavailableReason."""

OUTCOME_REASONS: Final[Mapping[str, Words]] = {
    UnavailableReason.NOT_REACHABLE: Words("无法连接", "not reachable"),
    UnavailableReason.DEADLINE_EXCEEDED: Words("未在规定时间内应答", "no answer in time"),
    UnavailableReason.OVERLOADED: Words("对方办理量过大", "too many requests there"),
    UnavailableReason.BREAKER_OPEN: Words("连续未应答，暂停询问", "failed repeatedly; not asked for the moment"),
    UnavailableReason.REJECTED: Words("对方未接受连接或请求", "the call was rejected"),
    UnavailableReason.FAILED: Words("对方系统出错", "an error on the other side"),
    UnavailableReason.COVERAGE_UNAVAILABLE: Words("未取得其覆盖范围声明", "its coverage statement could not be had"),
    UnavailableReason.EXPIRED_BEFORE_SEALING: Words(
        "应答在出具报告前已过期", "its answer expired before the report could be made"
    ),
    UnavailableReason.CHANGED_BEFORE_SEALING: Words(
        "反馈之后数据有更新，需重新查询", "its data changed after it had answered; it is asked again"
    ),
    InadmissibleReason.ENVELOPE_NOT_STRICT: Words("应答的签名信封不合规", "the envelope is not well formed"),
    InadmissibleReason.SIGNATURE_INVALID: Words("应答的签名不正确", "the signature does not verify"),
    InadmissibleReason.KEY_UNKNOWN: Words("签名密钥不在信任数据中", "the signing key is not known"),
    InadmissibleReason.KEY_NOT_IN_FORCE: Words("签名密钥不在使用期内", "the signing key is not in force"),
    InadmissibleReason.KEY_RETIRED: Words("签名密钥已停用", "the signing key is retired"),
    InadmissibleReason.KEY_COMPROMISED: Words("签名密钥已失密", "the signing key is compromised"),
    InadmissibleReason.SUITE_NOT_ACCEPTED: Words("签名算法未被接受", "the signature suite is not accepted"),
    InadmissibleReason.SIGNER_NOT_ENTITLED: Words(
        "签名方无权作此应答", "the signer is not entitled to such a statement"
    ),
    InadmissibleReason.WRONG_PROVINCE: Words("签名方不是所问省（市）", "signed by another province"),
    InadmissibleReason.PAYLOAD_MALFORMED: Words("应答内容不符合接口规范", "the answer does not follow the interface"),
    InadmissibleReason.VALUE_UNKNOWN: Words(
        "应答含本版本不认识的取值", "the answer holds a value that is not known here"
    ),
    InadmissibleReason.NOT_UNDERSTOOD: Words(
        "应答要求本版本不支持的功能", "the answer demands what is not understood here"
    ),
    InadmissibleReason.WRONG_QUERY: Words("应答的不是本次查询", "answers another query"),
    InadmissibleReason.WRONG_SUBJECT: Words("应答的主体不一致", "speaks of another subject"),
    InadmissibleReason.WRONG_WINDOW: Words("应答的查询时段不一致", "speaks of another window"),
    InadmissibleReason.WRONG_CATALOGUE: Words("应答的事项清单不一致", "speaks of another catalogue"),
    InadmissibleReason.ISSUED_IN_FUTURE: Words("应答的签发时间晚于当前时间", "issued in the future"),
    InadmissibleReason.ISSUED_BEFORE_QUERY: Words("应答的签发时间早于查询", "issued before the query"),
    InadmissibleReason.ISSUED_AFTER_DEADLINE: Words("应答的签发时间晚于期限", "issued after the deadline"),
    InadmissibleReason.EXPIRED: Words("应答已过期", "the answer has expired"),
    InadmissibleReason.LIFETIME_TOO_LONG: Words("应答的有效时间超过规定", "the answer lives longer than allowed"),
    InadmissibleReason.WRONG_COVERAGE: Words("覆盖范围声明不一致", "the coverage statement does not fit"),
    InadmissibleReason.CELL_MISSING: Words("缺少所查事项", "a requested cell is missing"),
    InadmissibleReason.CELL_REPEATED: Words("同一事项重复应答", "a cell is answered twice"),
    InadmissibleReason.CELL_NOT_REQUESTED: Words("应答了未查询的事项", "a cell was not requested"),
    InadmissibleReason.APPLICABILITY_CONTRADICTED: Words("与事项清单矛盾", "contradicts the catalogue"),
    InadmissibleReason.COVERAGE_CONTRADICTED: Words("与覆盖范围声明矛盾", "contradicts the coverage statement"),
    InadmissibleReason.CLEAR_WITH_RECORDS: Words(
        "所称未查询到与所附记录矛盾", "says that nothing was found, and lists records"
    ),
    InadmissibleReason.FOUND_WITHOUT_RECORDS: Words(
        "所称查询到而未附记录", "says that something was found, and lists no record"
    ),
    InadmissibleReason.RECORDS_OUT_OF_PLACE: Words("在不应附记录处附有记录", "records where none may stand"),
    InadmissibleReason.UNAVAILABLE_WITHOUT_REASON: Words(
        "未反馈而未说明原因", "does not say why nothing may be concluded"
    ),
    InadmissibleReason.WATERMARK_MISSING: Words("未说明数据截至时间", "does not say of when its data is"),
    InadmissibleReason.WATERMARK_IN_FUTURE: Words("数据截至时间晚于签发时间", "its data is of the future"),
    InadmissibleReason.WATERMARK_OUT_OF_PLACE: Words(
        "在不应说明处说明了数据截至时间", "a watermark where none may stand"
    ),
    InadmissibleReason.STALE: Words("数据未按时更新", "its data is too old"),
    InadmissibleReason.CODE_NOT_SEARCHED: Words(
        "未按统一社会信用代码查询", "the unified social credit code was not searched for"
    ),
    InadmissibleReason.RECORD_REPEATED: Words("同一记录重复", "a record is listed twice"),
    InadmissibleReason.RECORD_OF_OTHER_PROVINCE: Words("含其他省（市）的记录", "a record of another province"),
    InadmissibleReason.RECORD_OF_OTHER_KIND: Words("记录与事项类别不符", "a record of another kind"),
    InadmissibleReason.RECORD_OUTSIDE_WINDOW: Words("含查询时段以外的记录", "a record outside the window"),
    InadmissibleReason.RECORD_MALFORMED: Words("记录内容不合规", "a record does not make sense"),
    InadmissibleReason.LIST_UNKNOWN: Words("名单不在事项清单中", "a list that the catalogue does not have"),
}
"""By the code in ProvinceStatus.reason."""

REFUSAL_REASONS: Final[Mapping[int, Words]] = {
    refusal_pb2.REFUSAL_REASON_MALFORMED: Words("查询不符合接口规范", "the query does not follow the interface"),
    refusal_pb2.REFUSAL_REASON_SIGNATURE_NOT_ACCEPTED: Words("查询的签名未被接受", "its signature is not accepted"),
    refusal_pb2.REFUSAL_REASON_SIGNER_NOT_ENTITLED: Words("签名方无权查询", "the signer may not sign queries"),
    refusal_pb2.REFUSAL_REASON_PEER_IS_NOT_SIGNER: Words("连接方不是签名方", "the caller is not the signer"),
    refusal_pb2.REFUSAL_REASON_NOT_ADDRESSEE: Words("查询的对象不是该省（市）", "addressed to another province"),
    refusal_pb2.REFUSAL_REASON_CLOCK_SKEW: Words("双方时钟相差过大", "the clocks are too far apart"),
    refusal_pb2.REFUSAL_REASON_DEADLINE_PASSED: Words("已超过期限", "the deadline is past"),
    refusal_pb2.REFUSAL_REASON_NONCE_REUSED: Words("查询的随机数重复使用", "the nonce was used before"),
    refusal_pb2.REFUSAL_REASON_CATALOGUE_NOT_SERVED: Words(
        "该省（市）未采用此事项清单", "the catalogue is not served there"
    ),
    refusal_pb2.REFUSAL_REASON_SUBJECT_NOT_ELIGIBLE: Words(
        "该主体不在互认版服务范围内", "the subject is not one that is served"
    ),
    refusal_pb2.REFUSAL_REASON_WINDOW_NOT_ACCEPTED: Words("查询时段不符合规定", "the window is not accepted"),
    refusal_pb2.REFUSAL_REASON_CELLS_NOT_ACCEPTED: Words("所查事项不符合规定", "the requested cells are not accepted"),
    refusal_pb2.REFUSAL_REASON_SIGNER_IS_NOT_HOME: Words(
        "该省（市）查得的登记地不同", "its registry knows another home"
    ),
    refusal_pb2.REFUSAL_REASON_IDENTITY_LEVEL_TOO_LOW: Words("身份核验等级不足", "the identity level does not suffice"),
    refusal_pb2.REFUSAL_REASON_NOT_AUTHORISED: Words("授权未被接受", "the authorisation is not accepted"),
    refusal_pb2.REFUSAL_REASON_OVERLOADED: Words("当前办理量过大", "too many queries at this time"),
    refusal_pb2.REFUSAL_REASON_GRANT_NOT_KNOWN: Words(
        "该省（市）尚未收到授权书，稍后将再次查询", "the grant has not arrived there yet; it is asked again"
    ),
    refusal_pb2.REFUSAL_REASON_GRANT_REVOKED: Words("授权已撤回", "the grant was taken back"),
}
"""By the number of huren.fragment.v1.RefusalReason."""

CHANGE_CAUSES: Final[Mapping[int, Words]] = {
    change_pb2.CHANGE_CAUSE_ARRIVED: Words("新归集到记录", "a record arrived"),
    change_pb2.CHANGE_CAUSE_CORRECTED: Words("记录已更正", "a record was corrected"),
    change_pb2.CHANGE_CAUSE_REVOKED: Words("原处罚决定已被依法撤销", "a decision was annulled"),
    change_pb2.CHANGE_CAUSE_REPAIRED: Words("已完成信用修复", "a record was repaired"),
    change_pb2.CHANGE_CAUSE_REMOVED: Words("来源单位已撤下记录", "its source withdrew a record"),
    change_pb2.CHANGE_CAUSE_DISCLOSURE_ENDED: Words("公示期届满", "the time of publication ended"),
    change_pb2.CHANGE_CAUSE_REASSIGNED: Words("记录所属的主体有变更", "a record turned out to be of another subject"),
}
"""What led to a change of a report's state. By the number of huren.change.v1.ChangeCause."""

REVOCATION_WORDS: Final[Mapping[int, Words]] = {
    report_status_pb2.REVOCATION_CATEGORY_ISSUED_IN_ERROR: Words("出具差错", "issued in error"),
    report_status_pb2.REVOCATION_CATEGORY_SUBJECT_WRONG: Words("主体信息有误", "wrong subject"),
    report_status_pb2.REVOCATION_CATEGORY_APPLICANT_ASKED: Words("申请人要求", "the applicant asked for it"),
    report_status_pb2.REVOCATION_CATEGORY_OTHER: Words("其他", "other"),
}
"""By the number of huren.report.v1.RevocationCategory. Source: the provinces' wording for verdicts, REVOKED."""


def cell_code(number: int) -> str:
    """The stable code of a cell's reason."""
    return _code(fragment_pb2.UnavailableReason, number, "UNAVAILABLE_REASON_")


def refusal_code(number: int) -> str:
    """The stable code of a refusal."""
    return _code(refusal_pb2.RefusalReason, number, "REFUSAL_REASON_")


def refusal_words(code: str) -> Words | None:
    """The words for the stable code of a refusal."""
    return next((words for number, words in REFUSAL_REASONS.items() if refusal_code(number) == code), None)


def _code(names: Any, number: int, prefix: str) -> str:
    try:
        return str(names.Name(number)).removeprefix(prefix)
    except ValueError:  # of a later release
        return f"{prefix}{number}"


ENVELOPE_FAULTS: Final[Mapping[str, Words]] = {
    EnvelopeFault.TOO_LARGE: Words("超过大小上限", "too large"),
    EnvelopeFault.NOT_PARSABLE: Words("无法解析", "not parsable"),
    EnvelopeFault.UNKNOWN_FIELD: Words("含未定义的字段", "an undeclared field"),
    EnvelopeFault.NOT_CANONICAL: Words("编码不规范", "not the canonical encoding"),
    EnvelopeFault.CONSTRAINT: Words("字段取值不符合规定", "a field breaks its rule"),
}

FIELDS: Final[Mapping[str, Words]] = {
    "idempotency_key": Words("幂等键", "idempotency_key"),
    "uscc": Words("统一社会信用代码", "uscc"),
    "window": Words("查询时段", "window"),
    "window.first_day": Words("起始日期", "first day"),
    "window.last_day": Words("截止日期", "last day"),
    "domains": Words("领域", "domains"),
    "kinds": Words("事项类别", "kinds"),
    "purpose": Words("用途", "purpose"),
    "catalogue_version": Words("事项清单版本", "catalogue_version"),
    "basis": Words("查询依据", "basis"),
    "grant_statement_id": Words("授权书声明编号", "grant_statement_id"),
    "grantee_uscc": Words("被授权人的统一社会信用代码", "grantee_uscc"),
    "grantee_name": Words("被授权人名称", "grantee_name"),
    "max_uses": Words("查询次数", "max_uses"),
    "expires_on": Words("有效期截止日", "expires_on"),
    "terms": Words("授权书内容", "terms"),
    "certificate": Words("签名证书", "certificate"),
    "signature": Words("签名", "signature"),
    "side": Words("授权方向", "side"),
    "before": Words("起始序号", "before"),
    "feed": Words("数据流名称", "feed"),
    "envelopes": Words("签名信封", "envelopes"),
    "report_number": Words("报告编号", "report_number"),
    "request_id": Words("受理编号", "request_id"),
    "format": Words("文件格式", "format"),
    "change_envelope": Words("变更声明的签名信封", "change_envelope"),
    "transfer_envelope": Words("移交声明的签名信封", "transfer_envelope"),
    "report_statement_id": Words("报告的声明编号", "report_statement_id"),
    "code": Words("核验码", "code"),
    "proposal": Words("作废提议编号", "proposal"),
    "category": Words("作废原因", "category"),
    "note": Words("说明", "note"),
    "query_envelope": Words("查询的签名信封", "query_envelope"),
    "statement_id": Words("声明编号", "statement_id"),
    "coverage_envelope": Words("覆盖范围声明的签名信封", "coverage_envelope"),
}
"""By the path in the request."""

_RULES: Final[Mapping[str, Words]] = {
    "required": Words("未填写", "is missing"),
    "string.pattern": Words("格式不符", "does not have the required form"),
    "string.min_len": Words("过短", "is too short"),
    "string.max_len": Words("过长", "is too long"),
    "bytes.len": Words("长度不符", "does not have the required length"),
    "bytes.min_len": Words("过短", "is too short"),
    "bytes.max_len": Words("过长", "is too long"),
    "repeated.min_items": Words("项数过少", "has too few entries"),
    "repeated.max_items": Words("项数过多", "has too many entries"),
    "repeated.unique": Words("有重复项", "has an entry twice"),
    "enum.defined_only": Words("不是已定义的取值", "is no defined value"),
    "enum.not_in": Words("未指明取值", "names no value"),
    "time.exists": Words("时间不存在", "is no instant or duration that exists"),
}

_ANY_RULE: Final = Words("取值不符合规定", "breaks its rule")


def field_words(path: str) -> Words:
    """The words for a field of a request; its path where there are none."""
    return FIELDS.get(path) or Words(f"字段{path}", path)


def rule_words(rule: str) -> Words:
    """The words for a rule that a proto file declares, to stand behind the field; what is left is `取值不符合规定`."""
    known = _RULES.get(rule, _ANY_RULE)
    return Words(known.zh, f"{known.en} ({rule})")


def broken(path: str, rule: str) -> Words:
    """That a field breaks a rule. The path may be empty: the request as a whole."""
    words = rule_words(rule)
    field = field_words(path) if path else Words("请求", "the request")
    return Words(f"“{field.zh}”{words.zh}" if path else f"{field.zh}{words.zh}", f"{field.en} {words.en}")
