"""The invented world behind the four stand-in platforms: enterprises and what really happened to them.

`generate` is deterministic: the same seed, size and day give the same world. Platforms are loaded from it, each in its own form;
the facts stay beside them, so that a test can hold a report against what is true.

All names are recognisably invented (示例…), all codes are computed, and no natural person occurs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from contract.days import DayRange, start_of_day, years_after
from contract.money import Fen
from contract.province import Province
from contract.uscc import ALPHABET, Uscc, organisation_code
from huren.common.v1 import common_pb2
from sandbox.dice import Dice
from sandbox.facts import Aside as Aside
from sandbox.facts import AsideKind as AsideKind
from sandbox.facts import Enterprise as Enterprise
from sandbox.facts import FactState as FactState
from sandbox.facts import ListFact as ListFact
from sandbox.facts import Outcome as Outcome
from sandbox.facts import PenaltyFact as PenaltyFact
from sandbox.facts import World as World
from sandbox.facts import Written as Written
from sandbox.terms import publicity_until, terms_of
from sandbox.vocabulary import (
    CYCLE,
    Authority,
    Case,
    ListWords,
    Vocabulary,
    amount_notations,
    category,
    code_of,
    vocabulary,
    wan_amount,
)


def generate(*, seed: int, size: int, day: date) -> World:
    """Makes the world of a day.

    - The same arguments give the same world, on every platform and version of Python.
    - A subject, its code and its facts depend on seed, day and its place in the sequence only: a larger
      world begins with the smaller.
    - Three in ten subjects have something. The first of their records go round every cell that a catalogue carries in every
      province, and are recent, so that from about 350 subjects on no cell is empty everywhere.
    - Records lie within the last seven years, most within five. None reaches a platform after `as_of`.
    - The asides depend on the size too: they befall subjects without a part, where there are any.
    - Codes are computed, with organisation codes that begin with MY: so they are valid without being taken from anybody.

    Args:
        seed: Any number.
        size: How many subjects, the cast among them.
        day: The day on which the world stands.

    Raises:
        ValueError: There is no room for the cast.
    """
    made = _Generator(seed=seed, day=day)
    made.add_cast()
    if size < len(made.enterprises):
        raise ValueError(f"expected a size of at least {len(made.enterprises)}, got {size}")
    for number in range(size - len(made.enterprises)):
        made.add_subject(number)
    asides = tuple(aside for province in Province for aside in made.asides_of(province))
    return World(
        day=day,
        as_of=start_of_day(day) - _AS_OF_BEFORE_DAY,
        enterprises=tuple(made.enterprises),
        penalties=tuple(made.penalties),
        list_entries=tuple(made.list_entries),
        cast=made.cast,
        asides=asides,
    )


_AS_OF_BEFORE_DAY: Final = timedelta(hours=4)
_YEARS: Final = 7
_WINDOW_YEARS: Final = 5
_SUPPLY_DAYS: Final = 7  # working days within which a decision is supplied (facts.md 4.3: 双公示)
_SETTLED: Final = timedelta(days=12)  # calendar days in which seven working days lie, whatever the weekday
_NEWEST: Final = timedelta(days=22)
_CODE_REFORM: Final = date(2015, 10, 1)  # before it, licences carried a registration number instead of the unified code
_SMALL_DOMAINS: Final = ("market_regulation", "health", "fire_rescue", "taxation", "transport")
_SMALL_LISTS: Final = ("serious_illegal_market", "judgment_defaulter")
_SHOP: Final = common_pb2.SUBJECT_KIND_INDIVIDUAL_BUSINESS
_COOPERATIVE: Final = common_pb2.SUBJECT_KIND_FARMERS_COOPERATIVE
_COMPANY: Final = common_pb2.SUBJECT_KIND_ENTERPRISE
_BRANCH: Final = common_pb2.SUBJECT_KIND_BRANCH
_ACTIVE: Final = common_pb2.REGISTRATION_STATUS_ACTIVE
_REVOKED: Final = common_pb2.REGISTRATION_STATUS_LICENCE_REVOKED
_CANCELLED: Final = common_pb2.REGISTRATION_STATUS_CANCELLED
_CODE_KINDS: Final = {_COMPANY: "91", _BRANCH: "91", _SHOP: "92", _COOPERATIVE: "93"}

_Cell = tuple[Province, str, bool]
"""Province, domain (penalty) or list (entry), and whether it is a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Life:
    """What decides on a subject before it has a name.

    Attributes:
        home: Where it is registered first.
        kind: What it is.
        trade: Id of its trade.
        status: State of its registration.
        cancelled_on: Day of cancellation, where cancelled.
    """

    home: Province
    kind: common_pb2.SubjectKind.ValueType = _COMPANY
    trade: str
    status: common_pb2.RegistrationStatus.ValueType = _ACTIVE
    cancelled_on: date | None = None


class _Generator:
    """Collects the world. The order of the calls is part of the result."""

    def __init__(self, *, seed: int, day: date) -> None:
        self.enterprises: list[Enterprise] = []
        self.penalties: list[PenaltyFact] = []
        self.list_entries: list[ListFact] = []
        self.cast: dict[str, Enterprise] = {}
        self._seed = seed
        self._day = day
        self._words: Vocabulary = vocabulary()
        self._taken: dict[str, None] = {}
        self._trades: list[str] = []
        self._places: dict[str, tuple[int, int]] = {}  # place in the sequence and number of facts, by code
        self._cells = self._dice("cells").shuffled(self._all_cells())
        self._fresh = self._days(first=_WINDOW_YEARS, last=0)
        self._old = self._days(first=_YEARS, last=_WINDOW_YEARS)
        self._recent = self._between(days=(700, 60))

    # --- The cast ---------------------------------------------------------------------------------------------------------------

    def add_cast(self) -> None:
        """Adds the subjects with a part to play."""
        self._add_busy_cast()
        self._add_quiet_cast()
        self._add_moving_cast()
        self._add_ended_cast()
        self._add_small_cast()

    def _add_busy_cast(self) -> None:
        found = self._actor("found_in_several", "北京示例建设工程集团有限公司", Province.BEIJING, "building")
        self._penalty(found, Province.BEIJING, "housing_construction")
        self._penalty(found, Province.TIANJIN, "ecology_environment")
        self._penalty(found, Province.TIANJIN, "emergency_management")
        self._penalty(found, Province.SHANXI, "social_security")
        self._entry(found, Province.SHANXI, "migrant_wage_arrears", is_open=True)
        self._entry(found, Province.TIANJIN, "judgment_defaulter", is_open=False)

        at_home = self._actor("found_at_home", "天津示例机械制造有限公司", Province.TIANJIN, "industry")
        self._penalty(at_home, Province.TIANJIN, "ecology_environment")
        self._penalty(at_home, Province.TIANJIN, "fire_rescue")

        many = self._actor("many_records", "天津示例物流有限公司", Province.TIANJIN, "transport")
        for province in (Province.TIANJIN, Province.SHANXI):
            for _ in range(_MANY_RECORDS):
                self._penalty(many, province, self._dice("many", len(self.penalties)).one_of(_MANY_DOMAINS))

        renamed = self._actor(
            "renamed",
            "天津示例新材料股份有限公司",
            Province.TIANJIN,
            "industry",
            former_names=(("天津市示例化工有限公司", self._ago(days=800)),),
        )
        self._penalty(renamed, Province.TIANJIN, "ecology_environment", within=self._between(days=(1500, 900)))
        self._penalty(renamed, Province.TIANJIN, "emergency_management", within=self._between(days=(700, 60)))

    def _add_quiet_cast(self) -> None:
        self._actor("nothing_anywhere", "河北示例信息技术有限公司", Province.HEBEI, "technology")

        old = self._actor("old_records_only", "北京示例食品有限公司", Province.BEIJING, "food")
        self._penalty(old, Province.BEIJING, "market_regulation", within=self._old)
        self._penalty(old, Province.HEBEI, "fire_rescue", within=self._old)

        listed = self._actor("list_only", "石家庄示例装饰工程有限公司", Province.HEBEI, "building", division="130100")
        self._entry(listed, Province.HEBEI, "judgment_defaulter", is_open=True)
        self._entry(listed, Province.HEBEI, "major_tax_violation", is_open=False)

    def _add_moving_cast(self) -> None:
        moved = self._actor(
            "moved",
            "北京示例金属制品有限公司",
            Province.BEIJING,
            "industry",
            then=(Province.HEBEI, self._ago(days=730)),
        )
        self._penalty(moved, Province.BEIJING, "fire_rescue", within=self._between(days=(1500, 800)))
        self._penalty(moved, Province.HEBEI, "water_resources", within=self._between(days=(600, 60)))

        central = self._actor(
            "centrally_registered", "示例能源控股集团有限公司", Province.BEIJING, "industry", division=_CENTRAL
        )
        self._penalty(central, Province.HEBEI, "natural_resources")

        outside = self._actor(
            "outside", "天津示例货运有限公司", Province.TIANJIN, "transport", then=(None, self._ago(days=400))
        )
        self._penalty(outside, Province.TIANJIN, "transport", within=self._between(days=(1500, 500)))
        self._penalty(outside, Province.BEIJING, "transport", within=self._between(days=(1500, 500)))

    def _add_ended_cast(self) -> None:
        cancelled = self._actor(
            "cancelled",
            "天津市示例百货有限公司",
            Province.TIANJIN,
            "retail",
            status=_CANCELLED,
            cancelled_on=self._ago(days=120),
        )
        self._penalty(cancelled, Province.TIANJIN, "market_regulation", within=self._between(days=(1500, 200)))

        revoked = self._actor("licence_revoked", "河北示例贸易有限公司", Province.HEBEI, "retail", status=_REVOKED)
        self._penalty(revoked, Province.HEBEI, "market_regulation")
        self._entry(revoked, Province.HEBEI, "serious_illegal_market", is_open=True)

    def _add_small_cast(self) -> None:
        branch = self._actor(
            "branch",
            "北京示例建设工程集团有限公司太原分公司",
            Province.SHANXI,
            "building",
            kind=_BRANCH,
            division="140100",
        )
        self._penalty(branch, Province.SHANXI, "housing_construction")

        shop = self._actor(
            "individual_business", "太原市示例餐饮店", Province.SHANXI, "food", kind=_SHOP, division="140100"
        )
        self._penalty(shop, Province.SHANXI, "market_regulation")

        farm = self._actor(
            "cooperative", "衡水市示例种植专业合作社", Province.HEBEI, "farm", kind=_COOPERATIVE, division="131100"
        )
        self._penalty(farm, Province.HEBEI, "water_resources")

    def _actor(  # noqa: PLR0913  # one keyword for each way in which a part differs from the usual
        self,
        role: str,
        name: str,
        home: Province,
        trade: str,
        *,
        kind: common_pb2.SubjectKind.ValueType = _COMPANY,
        status: common_pb2.RegistrationStatus.ValueType = _ACTIVE,
        cancelled_on: date | None = None,
        division: str = "",
        former_names: tuple[tuple[str, date], ...] = (),
        then: tuple[Province | None, date] | None = None,
    ) -> Enterprise:
        dice = self._dice("cast", role)
        founded = self._founded(dice)
        division = division or dice.one_of(self._words.places[home]).division
        actor = Enterprise(
            uscc=self._code(dice, _CODE_KINDS[kind], division),
            name=self._take(name),
            former_names=tuple((self._take(former), last) for former, last in former_names),
            kind=kind,
            status=status,
            cancelled_on=cancelled_on,
            homes=((home, founded),) if then is None else ((home, founded), then),
            registration_number=_registration_number(dice, division, founded),
        )
        self._add(actor, trade)
        self.cast[role] = actor
        return actor

    # --- Everybody else ---------------------------------------------------------------------------------------------------------

    def add_subject(self, number: int) -> None:
        """Adds subject `number` of those without a part, and what happened to it."""
        dice = self._dice("subject", number)
        marked = self._dice("marked", number // 10).shuffled(range(10))[:3]
        if number % 10 not in marked:
            self._subject(dice, self._life(dice, dice.one_of(tuple(Province))))
            return
        ordinal = number // 10 * 3 + marked.index(number % 10)
        first = self._cells[ordinal] if ordinal < len(self._cells) else self._any_cell(dice)
        home = first[0] if dice.chance(0.85) else dice.one_of(tuple(Province))
        subject = self._subject(dice, self._life(dice, home, first))
        self._happen(dice, subject, first, within=self._span(subject, dice, fresh=ordinal < len(self._cells)))
        for province, thing, is_list in self._further(dice, subject, first[0]):
            self._happen(dice, subject, (province, thing, is_list), within=self._span(subject, dice, fresh=False))

    def _happen(self, dice: Dice, subject: Enterprise, cell: _Cell, *, within: DayRange) -> None:
        province, thing, is_list = cell
        if is_list:
            self._entry(subject, province, thing, is_open=dice.chance(0.5), within=within)
        else:
            self._penalty(subject, province, thing, within=within)

    def _further(self, dice: Dice, subject: Enterprise, province: Province) -> list[_Cell]:
        provinces = [province]
        if dice.chance(0.2):
            provinces = dice.shuffled(Province)[: dice.weighted(((2, 7), (3, 2), (4, 1)))]
        cells: list[_Cell] = [
            (other, self._any_domain(dice, subject), False) for other in provinces if other != province
        ]
        while dice.chance(0.45):
            cells.append((dice.one_of(provinces), self._any_domain(dice, subject), False))
        if dice.chance(0.06):
            lists = tuple(self._words.lists) if subject.kind == _COMPANY else _SMALL_LISTS
            cells.append((dice.one_of(provinces), dice.one_of(lists), True))
        return cells

    def _any_domain(self, dice: Dice, subject: Enterprise) -> str:
        weights = self._words.weights.items()
        if subject.kind in (_COMPANY, _BRANCH):
            return dice.weighted(tuple(weights))
        return dice.weighted([(domain, weight) for domain, weight in weights if domain in _SMALL_DOMAINS])

    def _any_cell(self, dice: Dice) -> _Cell:
        province = dice.one_of(tuple(Province))
        if dice.chance(0.12):
            return province, dice.one_of(tuple(self._words.lists)), True
        return province, dice.weighted(tuple(self._words.weights.items())), False

    def _all_cells(self) -> list[_Cell]:
        things = [(domain, False) for domain in self._words.weights] + [(name, True) for name in self._words.lists]
        return [(province, thing, is_list) for province in Province for thing, is_list in things]

    def _life(self, dice: Dice, home: Province, cell: _Cell | None = None) -> _Life:
        small = cell is None or (cell[1] in _SMALL_LISTS if cell[2] else cell[1] in _SMALL_DOMAINS)
        kind = dice.weighted(((_COMPANY, 80), (_BRANCH, 5), (_SHOP, 11), (_COOPERATIVE, 4)))
        if not small:
            kind = _COMPANY
        status = dice.weighted(((_ACTIVE, 92), (_REVOKED, 4), (_CANCELLED, 4)))
        return _Life(
            home=home,
            kind=kind,
            trade=dice.one_of(self._trades_for(kind, home, cell)),
            status=status,
            cancelled_on=dice.day(self._between(days=(300, 30))) if status == _CANCELLED else None,
        )

    def _trades_for(self, kind: common_pb2.SubjectKind.ValueType, home: Province, cell: _Cell | None) -> list[str]:
        """Trades of a kind; those that somebody is punished for in the domain, where there are any."""
        there = [(name, trade) for name, trade in self._words.trades.items() if trade.exists_in(home)]
        if kind == _SHOP:
            return [name for name, trade in there if trade.shops]
        if kind == _COOPERATIVE:
            return [name for name, trade in there if trade.cooperatives]
        companies = [name for name, trade in there if trade.companies]
        cases = () if cell is None or cell[2] else self._words.cases[cell[1]]
        apt = [name for name in companies if any(name in case.trades for case in cases)]
        return apt or companies

    def _subject(self, dice: Dice, life: _Life) -> Enterprise:
        founded = self._founded(dice)
        place = dice.one_of([place for place in self._words.places[life.home] if not place.upper])
        division = _CENTRAL if life.kind == _COMPANY and dice.chance(0.01) else place.division
        homes: tuple[tuple[Province | None, date], ...] = ((life.home, founded),)
        if life.kind == _COMPANY and dice.chance(0.02):
            other = dice.one_of([province for province in Province if province != life.home])
            homes = (*homes, (other, dice.day(self._between(days=(1500, 100)))))
        former: tuple[tuple[str, date], ...] = ()
        if dice.chance(0.04):
            former = ((self._name(dice, life, place.name), dice.day(self._between(days=(1700, 100)))),)
        subject = Enterprise(
            uscc=self._code(dice, _CODE_KINDS[life.kind], division),
            name=self._name(dice, life, place.name),
            former_names=former,
            kind=life.kind,
            status=life.status,
            cancelled_on=life.cancelled_on,
            homes=homes,
            registration_number=_registration_number(dice, division, founded),
        )
        self._add(subject, life.trade)
        return subject

    def _name(self, dice: Dice, life: _Life, place: str) -> str:
        trade = self._words.trades[life.trade]
        city = place if life.home in (Province.HEBEI, Province.SHANXI) else place[:3]
        for width in range(1, 100):
            brand = "示例" + "".join(dice.one_of(CYCLE) for _ in range(1 + width // 8))
            if life.kind == _SHOP:
                name = f"{place}{brand}{dice.one_of(trade.shops)}"
            elif life.kind == _COOPERATIVE:
                name = f"{place}{brand}{dice.one_of(trade.cooperatives)}"
            else:
                start = dice.one_of((city[:-1], city, life.home.short_zh))
                name = f"{start}{brand}{dice.one_of(trade.companies)}{dice.one_of(self._words.company_forms)}"
                name += f"{city[:-1]}分公司" if life.kind == _BRANCH else ""
            if name not in self._taken:
                return self._take(name)
        raise AssertionError("unreachable: names grow longer until one is free")

    # --- Facts ------------------------------------------------------------------------------------------------------------------

    def _penalty(
        self,
        subject: Enterprise,
        province: Province,
        domain: str,
        *,
        within: DayRange | None = None,
    ) -> None:
        key = self._next_key("P", subject)
        self.penalties.append(self._new_penalty(key, subject, province, domain, trade=self._trades[-1], within=within))

    def _new_penalty(
        self,
        key: str,
        subject: Enterprise,
        province: Province,
        domain: str,
        *,
        trade: str,
        within: DayRange | None,
    ) -> PenaltyFact:
        dice = self._dice("penalty", key)
        decided_on = dice.working_day(within or self._fresh)
        revoked = subject.status == _REVOKED
        case = self._case(dice, domain, province, decided_on, trade=trade, revoked=revoked)
        terms = terms_of(dice, case, self._words, decided_on, revoked=revoked)
        summary = terms.may_be_summary and dice.chance(0.6)
        performed_on = self._performed(dice, subject, decided_on, summary=summary)
        authority = self._authority(dice, subject, province, domain)
        return PenaltyFact(
            key=key,
            province=province,
            domain=domain,
            subject=subject,
            document_number=self._document_number(dice, authority, decided_on, serials=900),
            authority=authority.name,
            authority_uscc=authority.uscc,
            decided_on=decided_on,
            violation_type=case.violation,
            facts=terms.facts,
            legal_basis=case.basis,
            categories=terms.categories,
            content=terms.content,
            fine=terms.fine,
            confiscation=terms.gains,
            summary_procedure=summary,
            performed_on=performed_on,
            publicity_until=publicity_until(dice, decided_on, terms, summary=summary),
            received_at=_received_at(dice, performed_on or decided_on),
        )

    def _case(self, dice: Dice, domain: str, province: Province, on: date, *, trade: str, revoked: bool) -> Case:
        cases = [case for case in self._words.cases[domain] if case.possible(province, on)]
        revoking = [case for case in cases if "REVOKE_LICENCE" in case.sometimes and not case.trades]
        if revoked and revoking:
            return dice.one_of(revoking)
        apt = [case for case in cases if trade in case.trades]
        return dice.one_of(apt + [case for case in cases if not case.trades])

    def _performed(self, dice: Dice, subject: Enterprise, decided_on: date, *, summary: bool) -> date | None:
        day = decided_on + timedelta(days=dice.between(0, 2) if summary else dice.between(1, 45))
        return day if dice.chance(0.8) and day <= self._last_event(subject) else None

    def _entry(
        self, subject: Enterprise, province: Province, list_id: str, *, is_open: bool, within: DayRange | None = None
    ) -> None:
        key = self._next_key("L", subject)
        dice = self._dice("entry", key)
        words = self._words.lists[list_id]
        years = dice.one_of(words.years)
        within = within or self._between(days=(1500, 420))
        listed_on = dice.working_day(within)
        planned = years_after(listed_on, years) if years else None
        removed_on = None if is_open else self._removed(dice, subject, listed_on, planned)
        authority = self._authority(dice, subject, province, words.domain)
        reason = dice.one_of(
            [reason for reason in words.reasons if not reason.trades or self._trades[-1] in reason.trades]
        )
        fact = ListFact(
            key=key,
            province=province,
            list_id=list_id,
            domain=words.domain,
            subject=subject,
            document_number=self._entry_number(dice, authority, words, listed_on),
            authority=authority.name,
            authority_uscc=authority.uscc,
            reason=reason.text.format(count=dice.between(5, 160), wan=wan_amount(1000 * dice.between(30, 2500))[:-2]),
            listed_on=listed_on,
            removed_on=removed_on,
            planned_end_on=planned,
            received_at=_received_at(dice, removed_on or listed_on),
        )
        self.list_entries.append(fact)

    def _removed(self, dice: Dice, subject: Enterprise, listed_on: date, planned: date | None) -> date | None:
        """Some time after a year, or at the end of the period; None where that has not come yet."""
        day = listed_on + timedelta(days=dice.between(365, 700))
        if planned is not None and (day > planned or dice.chance(0.5)):
            day = planned + timedelta(days=dice.between(1, 9))
        return day if day <= self._last_event(subject) else None

    def _entry_number(self, dice: Dice, authority: Authority, words: ListWords, on: date) -> str:
        if not words.mark:
            return self._document_number(dice, authority, on, serials=5000)
        if dice.chance(0.1) and not self._is_cast():
            return ""  # The organ gave none.
        forms = ("{letters}{mark}〔{year}〕{serial}号",)
        return self._document_number(dice, authority, on, serials=300, mark=words.mark, forms=forms)

    def _document_number(
        self,
        dice: Dice,
        authority: Authority,
        on: date,
        *,
        serials: int,
        mark: str | None = None,
        forms: tuple[str, ...] | None = None,
    ) -> str:
        mark = authority.mark if mark is None else mark
        forms = authority.forms if forms is None else forms
        form = forms[0] if dice.chance(0.85) else dice.one_of(forms)
        while True:
            serial = dice.between(1, serials)
            # One organ gives a number of a year once, in whichever form.
            taken = f"number/{authority.letters}/{mark}/{on.year}/{serial}"
            if taken not in self._taken:
                break
            serials *= 2
        self._take(taken)
        return form.format(
            letters=authority.letters, mark=mark, year=on.year, month=on.month, day=on.day, serial=serial
        ).replace("决决", "决")

    # --- Asides -----------------------------------------------------------------------------------------------------------------

    def asides_of(self, province: Province) -> list[Aside]:
        """One of each kind, in a province. Comes after everything else: document numbers are given once."""
        asides = [self._aside(kind, province, number) for number, kind in enumerate(AsideKind)]
        return [aside for aside in asides if aside is not None]

    def _aside(self, kind: AsideKind, province: Province, number: int) -> Aside | None:
        key = f"A{province.value}{number:05d}-000"
        dice = self._dice("aside", key)
        able = [at for at in range(len(self.enterprises)) if self._may_be_aside(kind, at)]
        known = [fact for fact in self.penalties if fact.province == province and fact.decided_on in self._fresh]
        if not able or not known:
            return None
        subject_at = dice.one_of([at for at in able if at >= len(self.cast)] or able)
        subject, trade = self.enterprises[subject_at], self._trades[subject_at]
        original = dice.one_of(known) if kind in _AGAIN else None
        subject = subject if original is None else original.subject
        fact = self._new_penalty(key, subject, province, _ASIDE_DOMAIN, trade=trade, within=self._recent)
        if original is not None:
            fact = self._again(kind, original, fact)
        elif kind is AsideKind.RETURNED:
            other = dice.one_of([other for other in Province if other != province])
            authority = self._words.authorities[other, _ASIDE_DOMAIN][0]
            fact = replace(fact, authority=authority.name, authority_uscc=authority.uscc)
        elif kind is AsideKind.CENTRAL:
            fact = replace(fact, authority=_CENTRAL_AUTHORITY, authority_uscc="")
        elif kind is AsideKind.NOT_A_PENALTY:
            number_of_none = fact.document_number.replace("罚", "不罚", 1)
            fact = replace(
                fact,
                document_number=number_of_none,
                content=_NO_PENALTY,
                fine=None,
                confiscation=None,
                performed_on=None,
            )
        elif kind is AsideKind.VAGUE_AMOUNT:
            fact = replace(fact, fine=Fen(3_000_000))
        return Aside(
            kind=kind,
            fact=fact,
            state=_STATES.get(kind, FactState.IN_FORCE),
            written=self._written(kind, subject, fact.decided_on),
            same_as="" if original is None else original.key,
        )

    def _may_be_aside(self, kind: AsideKind, at: int) -> bool:
        subject = self.enterprises[at]
        usual = subject.kind == _COMPANY and subject.status == _ACTIVE and not subject.former_names
        return usual and (kind is not AsideKind.REGISTRATION_NUMBER_ONLY or bool(subject.registration_number))

    def _again(self, kind: AsideKind, original: PenaltyFact, new: PenaltyFact) -> PenaltyFact:
        """The original decision as another row."""
        again = replace(original, key=new.key, received_at=original.received_at + timedelta(hours=1))
        match kind:
            case AsideKind.DUPLICATE:
                return replace(again, document_number=original.document_number.translate(_OTHER_NOTATION))
            case AsideKind.OTHER_DOMAIN:
                others = [domain for domain in _SMALL_DOMAINS if domain != original.domain]
                return replace(again, domain=others[0])
            case _:
                fine = Fen((original.fine or 0) + 10_000)
                return replace(
                    again,
                    categories=(category("FINE"),),
                    content=f"罚款{amount_notations(fine)[0]}。",
                    fine=fine,
                    confiscation=None,
                )

    def _written(self, kind: AsideKind, subject: Enterprise, on: date) -> Written:
        name = next(
            (name for name, last in sorted(subject.former_names, key=lambda n: n[1]) if on <= last), subject.name
        )
        match kind:
            case AsideKind.NAME_ONLY:
                return Written(name=name)
            case AsideKind.REGISTRATION_NUMBER_ONLY:
                return Written(name=name, registration_number=subject.registration_number)
            case AsideKind.ORGANISATION_CODE_ONLY:
                return Written(name=name, organisation_code=organisation_code(subject.uscc))
            case AsideKind.MASKED_CODE:
                return Written(name=name, uscc=f"{subject.uscc[:8]}********{subject.uscc[-2:]}")
            case AsideKind.LONG_CODE:
                return Written(name=name, uscc=f"{subject.uscc[:9]}0{subject.uscc[9:]}")
            case AsideKind.NATURAL_PERSON:
                return Written(name="示某")
            case AsideKind.NOBODYS:
                return Written(name=f"{name[:2]}示例无主有限公司")
            case _:
                return Written(
                    name=name,
                    uscc=subject.uscc,
                    organisation_code=organisation_code(subject.uscc),
                    registration_number=subject.registration_number,
                    fine="约三万元" if kind is AsideKind.VAGUE_AMOUNT else None,
                )

    # --- Small things -----------------------------------------------------------------------------------------------------------

    def _dice(self, *label: object) -> Dice:
        return Dice(self._seed, self._day, *label)

    def _add(self, subject: Enterprise, trade: str) -> None:
        self.enterprises.append(subject)
        self._trades.append(trade)
        self._places[subject.uscc] = (len(self.enterprises) - 1, 0)

    def _take(self, text: str) -> str:
        if text in self._taken:
            raise AssertionError(f"taken twice: {text}")
        self._taken[text] = None
        return text

    def _is_cast(self) -> bool:
        return len(self.enterprises) == len(self.cast)

    def _next_key(self, letter: str, subject: Enterprise) -> str:
        at, facts = self._places[subject.uscc]
        self._places[subject.uscc] = (at, facts + 1)
        return f"{letter}{at:07d}-{facts:03d}"

    def _authority(self, dice: Dice, subject: Enterprise, province: Province, domain: str) -> Authority:
        """An organ of the province; mostly the one of the place where the subject was registered, if there is one."""
        authorities = self._words.authorities[province, domain]
        near = [authority for authority in authorities if authority.uscc[2:8] == subject.uscc[2:8]]
        return near[0] if near and (subject.kind != _COMPANY or dice.chance(0.5)) else dice.one_of(authorities)

    def _code(self, dice: Dice, kind: str, division: str) -> Uscc:
        while True:
            body = "MY" + "".join(dice.one_of(ALPHABET) for _ in range(6))
            if body not in self._taken:
                self._take(body)
                return Uscc(code_of(kind, division, body))

    def _founded(self, dice: Dice) -> date:
        return self._ago(days=dice.between(3000, 9000))

    def _span(self, subject: Enterprise, dice: Dice, *, fresh: bool) -> DayRange:
        within = self._fresh if fresh or dice.chance(0.85) else self._old
        return DayRange(within.first, min(within.last, self._last_event(subject) - _SETTLED))

    def _last_event(self, subject: Enterprise) -> date:
        """The last day of which a platform knows in time, and on which the subject still was."""
        newest = self._day - _SETTLED
        return newest if subject.cancelled_on is None else min(newest, subject.cancelled_on)

    def _ago(self, *, days: int) -> date:
        return self._day - timedelta(days=days)

    def _between(self, *, days: tuple[int, int]) -> DayRange:
        return DayRange(self._ago(days=days[0]), self._ago(days=days[1]))

    def _days(self, *, first: int, last: int) -> DayRange:
        """Days of decisions between so many years ago and so many, well inside: a decision moves to a working day."""
        return DayRange(years_after(self._day, -first) + timedelta(days=5), years_after(self._day, -last) - _NEWEST)


_CENTRAL: Final = "100000"
_CENTRAL_AUTHORITY: Final = "国家市场监督管理总局"
_NO_PENALTY: Final = "违法行为轻微并及时改正，没有造成危害后果，不予行政处罚。"
_ASIDE_DOMAIN: Final = "market_regulation"
_AGAIN: Final = (AsideKind.DUPLICATE, AsideKind.OTHER_DOMAIN, AsideKind.CONFLICT)
_STATES: Final = {
    AsideKind.REVOKED: FactState.REVOKED,
    AsideKind.REPAIRED: FactState.REPAIRED,
    AsideKind.NOT_A_PENALTY: FactState.NOT_A_PENALTY,
}
_OTHER_NOTATION: Final = str.maketrans("〔〕﹝﹞[]（）0123456789", "[][]〔〕()０１２３４５６７８９")
_MANY_RECORDS: Final = 64
_MANY_DOMAINS: Final = (
    "transport",
    "transport",
    "transport",
    "ecology_environment",
    "market_regulation",
    "fire_rescue",
)


def _received_at(dice: Dice, event: date) -> datetime:
    """An office hour some working days after the last event that the row tells of."""
    day = event
    for _ in range(dice.between(1, _SUPPLY_DAYS)):
        day += timedelta(days=1)
        while day.weekday() > 4:  # noqa: PLR2004  # Saturday and Sunday
            day += timedelta(days=1)
    return start_of_day(day) + timedelta(seconds=dice.between(9 * 3600, 18 * 3600))


def _registration_number(dice: Dice, division: str, founded: date) -> str:
    """工商注册号: six digits of the authority, eight in sequence, one check digit. Empty for those founded after the reform.

    Source: GS 15-2006, ISO 7064 MOD 11,10.
    """
    first14 = f"{division}{dice.between(1, 99_999_999):08d}"
    if founded >= _CODE_REFORM:
        return ""
    product = 10
    for digit in first14:
        product = 2 * ((product + int(digit)) % 10 or 10) % 11
    return f"{first14}{(11 - product) % 10}"
