"""What is asked for where a page asks about others, or about many: period, domains, kinds of record, purpose.

All boxes are ticked at first, and all ticked is everything, also of a catalogue that has more tomorrow. Under grants nothing is
chosen at first: then each line is asked for what its own grant names. Whether what was chosen makes sense, the service says.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from contract.catalogue import Catalogue
from contract.errors import ErrorCode, HurenError
from contract.reasons import Words
from gateway.portal.forms import Form
from gateway.portal.sections.applying_choices import OFFERED_PURPOSES, OWN, YEARS, period
from gateway.portal.words import PURPOSES, RECORD_KINDS
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_service_pb2 as wire

BY_GRANT: Final = "grant"
_LONGEST: Final = "5"
_PERIODS: Final = {
    **{name: Words(f"近{years}年", f"The last {years} years") for name, years in YEARS.items()},
    "1": Words("近1年", "The last year"),
    OWN: Words("自定起止日期", "From a day to a day"),
}
_OF_THE_GRANT: Final = Words("按各授权书载明的时段", "As each consent says")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What was chosen, as texts of a form.

    Attributes:
        period: Which one; `OWN`: from `first` to `last`; `BY_GRANT`: each grant's.
        first: First day.
        last: Last day.
        domains: Ids of the domains that are ticked.
        kinds: Numbers of the kinds that are ticked.
        purpose: Number of the purpose. Empty: none is stated.
        under_grants: It is asked under grants: what is not chosen is the grant's.
    """

    period: str = _LONGEST
    first: str = ""
    last: str = ""
    domains: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    purpose: str = ""
    under_grants: bool = False

    @classmethod
    def at_first(cls, catalogue: Catalogue, *, under_grants: bool = False) -> Choices:
        """Before anything was chosen."""
        if under_grants:
            return cls(period=BY_GRANT, under_grants=True)
        return cls(domains=tuple(one.id for one in catalogue.domains), kinds=tuple(map(str, RECORD_KINDS)))

    @classmethod
    def read(cls, form: Form, *, under_grants: bool = False) -> Choices:
        """As it was filled in."""
        period = form.one("window")
        known = {*_PERIODS, BY_GRANT} if under_grants else set(_PERIODS)
        return cls(
            period=period if period in known else BY_GRANT if under_grants else _LONGEST,
            first=form.one("window.first_day"),
            last=form.one("window.last_day"),
            domains=form.all("domains"),
            kinds=form.all("kinds"),
            purpose=form.one("purpose"),
            under_grants=under_grants,
        )

    def message(self, catalogue: Catalogue, today: date) -> wire.RequestReportRequest:
        """The choices as the services take them.

        Raises:
            HurenError: MALFORMED_REQUEST: nothing is ticked, or what cannot be chosen.
        """
        message = wire.RequestReportRequest()
        if self.period == OWN:
            message.window.CopyFrom(common_pb2.Window(first_day=self.first, last_day=self.last))
        elif self.period in YEARS and (
            self.under_grants or self.period != _LONGEST
        ):  # else it is the service's own choice
            message.window.CopyFrom(period(self.period, today).to_wire())
        if set(self.domains) != {one.id for one in catalogue.domains}:
            self._require_some("domains", self.domains, Words("领域", "domain"))
            message.domains.extend(self.domains)
        if set(self.kinds) != set(map(str, RECORD_KINDS)):
            self._require_some("kinds", self.kinds, Words("事项", "kind of record"))
            known_kinds = set(RECORD_KINDS)
            message.kinds.extend(
                common_pb2.RecordKind.ValueType(_number("kinds", kind, known_kinds)) for kind in self.kinds
            )
        if self.purpose:
            purpose = _number("purpose", self.purpose, set(OFFERED_PURPOSES))
            message.purpose = query_pb2.Purpose.ValueType(purpose)
        return message

    @property
    def periods(self) -> list[tuple[str, Words]]:
        """What periods may be chosen."""
        first = [(BY_GRANT, _OF_THE_GRANT)] if self.under_grants else []
        return [*first, *_PERIODS.items()]

    @property
    def purposes(self) -> list[tuple[str, Words]]:
        """What purposes may be chosen."""
        nothing = Words("按各授权书载明的用途", "As each consent says") if self.under_grants else None
        not_stated = query_pb2.PURPOSE_NOT_STATED
        stated = [(str(number), PURPOSES[number]) for number in OFFERED_PURPOSES if number != not_stated]
        return [("", nothing or PURPOSES[not_stated]), *stated]

    @property
    def record_kinds(self) -> list[tuple[str, Words]]:
        """What kinds may be chosen."""
        return [(str(number), words) for number, words in RECORD_KINDS.items()]

    def _require_some(self, field: str, ticked: tuple[str, ...], what: Words) -> None:
        if not ticked and not self.under_grants:
            raise _malformed(field, Words(f"请至少勾选一个{what.zh}", f"tick at least one {what.en}"))


def _number(field: str, text: str, known: set[int]) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) not in known:
        raise _malformed(field, Words("没有这个选项", "there is no such choice"))
    return int(text)


def _malformed(field: str, words: Words) -> HurenError:
    return HurenError(ErrorCode.MALFORMED_REQUEST, field=field, problem_zh=words.zh, problem_en=words.en)
