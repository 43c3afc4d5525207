"""The terms of a decision: which penalties, of how much, in which words, and for how long it is public."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, assert_never

from contract.days import years_after
from contract.money import Fen
from huren.fragment.v1 import record_pb2
from sandbox.dice import Dice
from sandbox.vocabulary import (
    Case,
    PerUnit,
    Range,
    Share,
    Times,
    Vocabulary,
    amount_notations,
    category,
    share_words,
    wan_amount,
)

_SUMMARY_LIMIT: Final = Fen(300_000)  # 行政处罚法 (2021), article 51: 3000 yuan for organisations
_LARGE: Final = Fen(10_000_000)
_FINE: Final = record_pb2.PENALTY_CATEGORY_FINE
_GRAVE: Final = ("REVOKE_LICENCE", "SUSPEND_BUSINESS", "RESTRICT_OPERATIONS", "SUSPEND_LICENCE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a decision says."""

    facts: str
    content: str
    categories: tuple[record_pb2.PenaltyCategory.ValueType, ...]
    fine: Fen | None
    gains: Fen | None
    is_grave: bool

    @property
    def may_be_summary(self) -> bool:
        """行政处罚法 (2021), article 51: a small fine or a warning, and nothing else."""
        small = (record_pb2.PENALTY_CATEGORY_WARNING, _FINE)
        return all(entry in small for entry in self.categories) and (self.fine or 0) <= _SUMMARY_LIMIT


def terms_of(dice: Dice, case: Case, words: Vocabulary, decided_on: date, *, revoked: bool) -> Terms:
    """What a decision in a case says.

    Args:
        dice: Chance.
        case: What was done wrong, and what the law provides for it.
        words: How authorities write.
        decided_on: Day of the decision.
        revoked: Whether the subject's licence was revoked; then this decision does so, where the case allows.
    """
    names = list(case.categories)
    names += [name for name in case.sometimes if (revoked if name == "REVOKE_LICENCE" else dice.chance(0.2))]
    if names == ["WARNING", "FINE"] and dice.chance(0.15):
        names = ["WARNING"]
    seen_on = decided_on - timedelta(days=dice.between(8, 75))
    gains = None if case.gains is None else Fen(dice.between(case.gains.least * 100, case.gains.most * 100))
    if gains is not None and dice.chance(0.5):
        gains = Fen(gains // 100 * 100)
    count, few, base = dice.between(3, 60), dice.between(2, 5), 0
    rate, permille = 0, 0
    match case.fine:
        case Range() as rule:
            fine = Fen(
                100 * min(rule.most, rule.least + rule.step * dice.below((rule.most - rule.least) // rule.step + 1))
            )
        case PerUnit() as rule:
            count, rate = dice.between(rule.least, rule.most), dice.one_of(rule.rates)
            fine = Fen(100 * count * rate)
        case Share() as rule:
            # A base of whole tens of yuan: its thousandths are whole fen.
            base, permille = 10 * dice.between(rule.least // 10, rule.most // 10), dice.one_of(rule.permilles)
            fine = Fen(base // 10 * permille)
        case Times() as rule:
            fine = Fen((gains or 0) * dice.one_of(rule.times))
        case _:
            assert_never(case.fine)
    parts = [
        (case.words.get(name) or words.phrases[name]).format(
            fine=dice.one_of(amount_notations(fine)),
            gains="" if gains is None else dice.one_of(amount_notations(gains)),
            rate=rate,
            share=share_words(permille) if permille else "",
        )
        for name in names
    ]
    return Terms(
        facts=case.facts.format(
            day=f"{seen_on.year}年{seen_on.month}月{seen_on.day}日",
            year=seen_on.year,
            month=seen_on.month,
            count=count,
            few=few,
            base=dice.one_of((f"{base}元", wan_amount(base))),
        ),
        content=_joined([case.orders, *parts] if case.orders else parts, numbered=dice.chance(0.35)),
        categories=tuple(category(name) for name in names),
        fine=fine if "FINE" in names else None,
        gains=gains if "CONFISCATE_GAINS" in names else None,
        is_grave=any(name in _GRAVE for name in names),
    )


def _joined(parts: Sequence[str], *, numbered: bool) -> str:
    if numbered and len(parts) > 1:
        return "；".join(f"{number}.{part}" for number, part in enumerate(parts, start=1)) + "。"
    first, *rest = parts
    return "，".join([first, *(f"并处{part}" if part.startswith("罚款") else part for part in rest)]) + "。"


def publicity_until(dice: Dice, decided_on: date, terms: Terms, *, summary: bool) -> date | None:
    """Three months, one year or three (信用修复管理办法: 轻微, 一般, 严重); some sources do not say."""
    if dice.chance(0.1):
        return None
    if summary or terms.fine is None:
        return decided_on + timedelta(days=90)
    return years_after(decided_on, 3 if terms.is_grave or terms.fine >= _LARGE else 1)
