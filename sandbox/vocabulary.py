"""The words of the invented world: places, organs, violations, reasons, names, and how authorities write amounts.

- The words are data: `data/places.json`, `data/cases.json`, `data/names.json`. Each entry names where it comes from.
- What published decisions say (type, legal basis, content, form of number) is fact and is used as such. Nothing in it belongs to a
  person, and no subject that was really punished occurs.
- Reading is strict: an unknown key, category or province is refused.

It draws nothing by lot; `world` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from contract.money import Fen
from contract.province import Province
from contract.uscc import ALPHABET, check_character
from huren.fragment.v1 import record_pb2

_Text = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
_Division = Annotated[str, StringConstraints(pattern=r"^1[1-4][0-9]{4}$")]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Place(_Value):
    """A place with organs of its own.

    Attributes:
        name: Full name, as its organs bear it.
        short: Name without its parent and without 市 or 区.
        letters: What a document number of its organs begins with.
        division: GB/T 2260.
        upper: Whether it is the province or municipality itself.
    """

    name: _Text
    short: _Text
    letters: _Text
    division: _Division
    upper: bool


class NumberForm(_Value):
    """A form of document numbers.

    Attributes:
        form: Format string over letters, mark, year, month, day and serial.
        domains: Whose organs use it; none: everybody's.
    """

    form: _Text
    domains: tuple[str, ...]


class Court(_Value):
    """A court of execution, with the letters of its case numbers (法院代字)."""

    name: _Text
    division: _Division
    letters: _Text


class _ProvincePlaces(_Value):
    places: tuple[Place, ...]
    number_forms: tuple[NumberForm, ...]
    courts: tuple[Court, ...]


class _Organ(_Value):
    mark: _Text
    source: _Text
    upper: Mapping[str, str]
    lower: Mapping[str, str]


class _Places(_Value):
    note: _Text
    provinces: Mapping[str, _ProvincePlaces]
    organs: Mapping[str, _Organ]


class Range(_Value):
    """A fine of `least` to `most` yuan, in steps."""

    rule: Literal["range"]
    least: int
    most: int
    step: int


class PerUnit(_Value):
    """A fine of so many yuan for each of `least` to `most` units."""

    rule: Literal["per_unit"]
    rates: tuple[int, ...]
    least: int
    most: int


class Share(_Value):
    """A fine of so many thousandths of a base of `least` to `most` yuan."""

    rule: Literal["share"]
    permilles: tuple[int, ...]
    least: int
    most: int


class Times(_Value):
    """A fine of so many times the confiscated gains."""

    rule: Literal["times"]
    times: tuple[int, ...]


class Gains(_Value):
    """Confiscated gains of `least` to `most` yuan, with jiao and fen."""

    least: int
    most: int


class Case(_Value):
    """Something that is punished.

    Attributes:
        domain: Id of the domain.
        violation: 违法行为类型.
        facts: 违法事实, a format string.
        basis: 处罚依据.
        orders: What is ordered beside the penalty, or empty.
        categories: Kinds of penalty of every such decision, in the order of its content.
        sometimes: Kinds that some decisions add.
        words: Words for a category, where they are not those of every case.
        fine: How the fine comes about.
        gains: What is confiscated.
        trades: Whom it fits; none: everybody.
        provinces: Where; none: everywhere.
        since: First day on which the basis reads so.
        source: Where the words come from.
    """

    domain: _Text
    violation: _Text
    facts: _Text
    basis: _Text
    orders: str
    categories: Annotated[tuple[str, ...], Field(min_length=1)]
    sometimes: tuple[str, ...]
    words: Mapping[str, str]
    fine: Annotated[Range | PerUnit | Share | Times, Field(discriminator="rule")]
    gains: Gains | None
    trades: tuple[str, ...]
    provinces: tuple[str, ...]
    since: date | None
    source: _Text

    @field_validator("categories", "sometimes")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            category(name)
        return names

    def fits(self, province: Province, on: date, trade: str) -> bool:
        """Whether a subject of the trade may have been punished so, there and then."""
        return self.possible(province, on) and (not self.trades or trade in self.trades)

    def possible(self, province: Province, on: date) -> bool:
        """Whether anybody may have been punished so, there and then."""
        return (not self.provinces or province.slug in self.provinces) and (self.since is None or self.since <= on)


class Reason(_Value):
    """列入原因, a format string; for the trades it fits, none: everybody."""

    text: _Text
    trades: tuple[str, ...]


class ListWords(_Value):
    """The words of a list.

    Attributes:
        list_id: Id of the list.
        domain: The domain that carries it.
        mark: Mark in the number of the decision; empty for courts, whose case numbers have a form of their own.
        years: Lengths of the period that occur; 0: none stated.
        source: Where they come from.
        reasons: Why one is put on it.
    """

    list_id: _Text
    domain: _Text
    mark: str
    years: Annotated[tuple[int, ...], Field(min_length=1)]
    source: _Text
    reasons: Annotated[tuple[Reason, ...], Field(min_length=1)]


class _Cases(_Value):
    note: _Text
    phrases: Mapping[str, str]
    weights: Mapping[str, int]
    cases: tuple[Case, ...]
    lists: tuple[ListWords, ...]


class Trade(_Value):
    """What a subject does, in the words that names are made of. Provinces: where it exists; none: everywhere."""

    companies: tuple[str, ...]
    shops: tuple[str, ...]
    cooperatives: tuple[str, ...]
    provinces: tuple[str, ...]

    def exists_in(self, province: Province) -> bool:
        """Whether there are such subjects in a province."""
        return not self.provinces or province.slug in self.provinces


class _Names(_Value):
    note: _Text
    trades: Mapping[str, Trade]
    company_forms: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """An organ that decides.

    Attributes:
        name: Its name, with （演示） at the end.
        uscc: Its computed code, of kind 11.
        letters: First letters of its document numbers.
        mark: What follows them.
        forms: The forms that it may use, the usual one first.
    """

    name: str
    uscc: str
    letters: str
    mark: str
    forms: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """All words.

    Attributes:
        places: By province.
        authorities: By province and domain.
        cases: By domain.
        lists: By id of the list.
        weights: How often a domain punishes, against the others.
        phrases: Words for a category.
        trades: By id.
        company_forms: Ends of companies' names.
    """

    places: Mapping[Province, tuple[Place, ...]]
    authorities: Mapping[tuple[Province, str], tuple[Authority, ...]]
    cases: Mapping[str, tuple[Case, ...]]
    lists: Mapping[str, ListWords]
    weights: Mapping[str, int]
    phrases: Mapping[str, str]
    trades: Mapping[str, Trade]
    company_forms: tuple[str, ...]


CYCLE: Final = tuple("甲乙丙丁戊己庚辛壬癸"[i % 10] + "子丑寅卯辰巳午未申酉戌亥"[i % 12] for i in range(60))
"""干支, the sexagenary cycle: the part of an invented name that tells one from another."""

_COURT_FORM: Final = "（{year}）{letters}执{serial}号"
_DEMO: Final = "（演示）"


@cache
def vocabulary() -> Vocabulary:
    """Reads the words.

    Raises:
        ValueError: A file does not hold what it should (pydantic.ValidationError).
    """
    places = _Places.model_validate_json(_read("places.json"))
    cases = _Cases.model_validate_json(_read("cases.json"))
    names = _Names.model_validate_json(_read("names.json"))
    return Vocabulary(
        places={Province.from_slug(slug): entry.places for slug, entry in places.provinces.items()},
        authorities=_authorities(places),
        cases={domain: tuple(case for case in cases.cases if case.domain == domain) for domain in cases.weights},
        lists={words.list_id: words for words in cases.lists},
        weights=cases.weights,
        phrases=cases.phrases,
        trades=names.trades,
        company_forms=names.company_forms,
    )


def category(name: str) -> record_pb2.PenaltyCategory.ValueType:
    """The category of the contract with this name, without its prefix.

    Raises:
        ValueError: There is none.
    """
    return record_pb2.PenaltyCategory.Value(f"PENALTY_CATEGORY_{name}")


def organisation_check(first8: str) -> str:
    """The check character of an organisation code for its first eight characters.

    >>> organisation_check("57501760")
    '4'

    Source: GB 11714-1997; weights 3 7 9 10 5 8 4 2, modulus 11, 10 is X.
    """
    total = sum(int(character, 36) * weight for character, weight in zip(first8, _WEIGHTS, strict=True))
    return "0123456789X0"[11 - total % 11]


def code_of(kind: str, division: str, body: str) -> str:
    """The unified code of kind (two characters), division (six) and body of the organisation code (eight)."""
    first17 = kind + division + body + organisation_check(body)
    return first17 + check_character(first17)


def amount_notations(fen: Fen) -> tuple[str, ...]:
    """Every way in which published decisions write such an amount, the commonest first (published-notations.md, d).

    >>> amount_notations(Fen(2296560))
    ('22965.60元', '人民币22965.60元', '22,965.60元', '人民币贰万贰仟玖佰陆拾伍元陆角(¥22965.60元)')
    """
    yuan, rest = divmod(fen, 100)
    plain = f"{yuan}.{rest:02d}元" if rest else f"{yuan}元"
    if rest:
        return (plain, f"人民币{plain}", f"{yuan:,}.{rest:02d}元", f"人民币{capital_amount(fen)}(¥{plain})")
    found = [plain, f"人民币{yuan}元整", f"人民币{capital_amount(fen)}(¥{yuan}元整)"]
    if yuan >= _WAN:
        found.append(f"{yuan:,}元整")
    if yuan % 100 == 0 and yuan >= _THOUSAND:
        found.append(wan_amount(yuan))
    if yuan % _WAN == 0 and yuan < 100 * _WAN:
        found.append(f"{small_number(yuan // _WAN)}万元")
    return tuple(found)


def wan_amount(yuan: int) -> str:
    """Yuan as 万元, exactly.

    >>> wan_amount(18000)
    '1.8万元'
    """
    whole, rest = divmod(yuan, _WAN)
    return f"{whole}.{rest:04d}".rstrip("0").rstrip(".") + "万元"


def share_words(permille: int) -> str:
    """Thousandths in words.

    >>> share_words(5), share_words(60)
    ('千分之五', '百分之六')
    """
    if permille % 10:
        return f"千分之{small_number(permille)}"
    return f"百分之{small_number(permille // 10)}"


def small_number(number: int) -> str:
    """A number of 1 to 99 in Chinese.

    >>> small_number(12), small_number(70)
    ('十二', '七十')
    """
    tens, ones = divmod(number, 10)
    head = "" if not tens else "十" if tens == 1 else f"{_DIGITS[tens]}十"
    return head + (_DIGITS[ones] if ones else "")


def capital_amount(fen: Fen) -> str:
    """An amount of less than a hundred million yuan in capitals.

    >>> capital_amount(Fen(500000)), capital_amount(Fen(102000005))
    ('伍仟元整', '壹佰零贰万元零伍分')
    """
    yuan, rest = divmod(fen, 100)
    jiao, cent = divmod(rest, 10)
    words = f"{_capital(yuan)}元"
    if not rest:
        return f"{words}整"
    words += f"{_CAPITALS[jiao]}角" if jiao else "零"
    return words + (f"{_CAPITALS[cent]}分" if cent else "")


_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)
_THOUSAND: Final = 1000
_WAN: Final = 10_000
_DIGITS: Final = "零一二三四五六七八九"
_CAPITALS: Final = "零壹贰叁肆伍陆柒捌玖"


def _capital(number: int) -> str:
    high, low = divmod(number, _WAN)
    if not high:
        return _capital_below_wan(low) if low else "零"
    gap = "零" if low and low < _THOUSAND else ""
    return f"{_capital_below_wan(high)}万{gap}{_capital_below_wan(low)}"


def _capital_below_wan(number: int) -> str:
    words = ""
    for unit, digit in zip("仟佰拾", (number // 1000, number // 100 % 10, number // 10 % 10), strict=True):
        if digit:
            words += f"{_CAPITALS[digit]}{unit}"
        elif words and not words.endswith("零"):
            words += "零"
    return words.rstrip("零") if not number % 10 else words + _CAPITALS[number % 10]


def _read(name: str) -> bytes:
    return (resources.files("sandbox") / "data" / name).read_bytes()


def _authorities(file: _Places) -> Mapping[tuple[Province, str], tuple[Authority, ...]]:
    found: dict[tuple[Province, str], tuple[Authority, ...]] = {}
    for slug, entry in file.provinces.items():
        province = Province.from_slug(slug)
        for domain, organ in file.organs.items():
            organs = enumerate(
                (place, (organ.upper if place.upper else organ.lower).get(slug, "")) for place in entry.places
            )
            forms = [form.form for form in entry.number_forms if not form.domains or domain in form.domains]
            found[province, domain] = tuple(
                Authority(
                    name=pattern.format(place=place.name, short=place.short) + _DEMO,
                    uscc=_authority_code(place.division, domain, file),
                    letters=place.letters,
                    mark=organ.mark,
                    forms=(*forms[at % len(forms) :], *forms[: at % len(forms)]),
                )
                for at, (place, pattern) in organs
                if pattern
            )
        found[province, "court_enforcement"] = tuple(
            Authority(
                name=court.name + _DEMO,
                uscc=_authority_code(court.division, "court_enforcement", file),
                letters=court.letters,
                mark="",
                forms=(_COURT_FORM,),
            )
            for court in entry.courts
        )
    return found


def _authority_code(division: str, domain: str, file: _Places) -> str:
    # MW: keeps the organisation codes of organs apart from those of the subjects (see `world`).
    serial = list(file.organs).index(domain) if domain in file.organs else len(file.organs)
    return code_of("11", division, f"MW{ALPHABET[10 + serial]}{division[1:]}")
