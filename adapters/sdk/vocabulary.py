"""Words that provinces share because a law or a standard wrote them, and what they mean here.

A province whose platform uses the word itself as its code takes the table as it is; one that has codes of its own says which word
each of them stands for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from huren.fragment.v1 import record_pb2

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

_LED_FROM_ABOVE: Final = ("国家税务总局", "国家统计局")


def authorities_of(places: Iterable[str]) -> tuple[str, ...]:
    """How names of the authorities of these places begin.

    Tax bureaus and survey teams are led from above and bear its name first, but decide for the place and supply its platform.
    """
    places = tuple(places)
    return (*places, *(f"{organ}{place}" for organ in _LED_FROM_ABOVE for place in places))
