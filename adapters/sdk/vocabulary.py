"""Words that provinces share because a law or a standard wrote them, and what they mean here.

A province whose platform uses the word itself as its code takes the table as it is; one that has codes of its own says which word
each of them stands for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from adapters.sdk.notation import fold_width
from adapters.sdk.profile import DisclosureRule, DisclosureRules, RepairedRule, SubjectClass
from adapters.sdk.stated import fold_text
from huren.fragment.v1 import fragment_pb2, record_pb2

PENALTY_WORDS: Final[Mapping[str, record_pb2.PenaltyCategory.ValueType]] = {
    "警告": record_pb2.PENALTY_CATEGORY_WARNING,
    "通报批评": record_pb2.PENALTY_CATEGORY_PUBLIC_CRITICISM,
    "罚款": record_pb2.PENALTY_CATEGORY_FINE,
    "没收违法所得": record_pb2.PENALTY_CATEGORY_CONFISCATE_GAINS,
    "没收非法财物": record_pb2.PENALTY_CATEGORY_CONFISCATE_PROPERTY,
    "暂扣许可证件": record_pb2.PENALTY_CATEGORY_SUSPEND_LICENCE,
    "降低资质等级": record_pb2.PENALTY_CATEGORY_DOWNGRADE_QUALIFICATION,
    "吊销许可证件": record_pb2.PENALTY_CATEGORY_REVOKE_LICENCE,
    "限制开展生产经营活动": record_pb2.PENALTY_CATEGORY_RESTRICT_OPERATIONS,
    "责令停产停业": record_pb2.PENALTY_CATEGORY_SUSPEND_BUSINESS,
    "责令关闭": record_pb2.PENALTY_CATEGORY_ORDER_CLOSURE,
    "限制从业": record_pb2.PENALTY_CATEGORY_RESTRICT_PRACTICE,
    "行政拘留": record_pb2.PENALTY_CATEGORY_DETENTION,
    "其他": record_pb2.PENALTY_CATEGORY_OTHER,
}
"""Kinds of administrative penalty. Source: 行政处罚法 (2021) art. 9; 其他 for "other penalties by law" of its item 6."""

PENALTY_WORDS_SOURCE: Final = "words of 行政处罚法 (2021) art. 9"

SUBJECT_CLASSES: Final[Mapping[str, SubjectClass]] = {
    "法人及非法人组织": SubjectClass.ORGANISATION,
    "个体工商户": SubjectClass.BUSINESS,
    "自然人": SubjectClass.PERSON,
}
"""行政相对人类别. Source: field CF_XDR_LB of the 双公示 standard (发改办财金〔2018〕424号), as in public implementations."""

_BATCH: Final = re.compile(
    r"^(?:[0-9]{4}年(?:度)?)?(?:第?[0-9一二三四五六七八九十]+批次?|首批)?(?:次)?(?:国家级|省级|市级|全国|全省|全市)?(?:生产经营单位|生產經營單位)?"
)
_QUOTES: Final = re.compile("[“”\"‘’'「」『』]")
_BLACKLIST: Final = re.compile("[“\"‘'「『]?黑名(单|單)[”\"’'」』]?")


def fold_list_name(text: str) -> str:
    """The name of a list as it is compared: without the batch, whom it was for, and quotes.

    >>> fold_list_name("2016年第一批国家级生产经营单位安全生产不良记录“黑名单”")
    '安全生产不良记录黑名单'
    """
    return _QUOTES.sub("", _BATCH.sub("", fold_text(text)))


def printed_list_name(text: str) -> str:
    """The name of a list as it is printed beside today's: without the batch, and without the word 黑名单.

    The word is a judgement that the law does not make: the lists are 名单 of subjects of serious dishonesty (国办发〔2020〕49号).

    >>> printed_list_name("2019年第二批拖欠农民工工资“黑名单”")
    '拖欠农民工工资名单'
    """
    return _BLACKLIST.sub(r"名\1", _BATCH.sub("", fold_width(text).strip()))


def disclosure_by_window(version: str) -> DisclosureRules:
    """The rules of a province that has published none: everything in the window but what was revoked or repaired."""
    return DisclosureRules(
        version=version,
        basis=DisclosureRule(
            value=fragment_pb2.DISCLOSURE_BASIS_WINDOW,
            source="system default; 京经信发 2025-08-19 names a span of time and no publicity period",
            verified=False,
        ),
        include_summary_procedure=DisclosureRule(
            value=True, source="发改财金〔2025〕565号: 行政处罚(含简易程序)", verified=False
        ),
        include_repaired=DisclosureRule(
            value=RepairedRule.NONE,
            source="system default; after 信用修复 the publication ends (信用修复管理办法)",
            verified=False,
        ),
        unperformed_stays=DisclosureRule(
            value=True, source="system default; only where the basis is publicity", verified=False
        ),
    )
