"""What each row of `records.csv` must become: read from the row by a person, before and without the code that reads it.

Every entry stands for one row, in the order of the file, and says

- who holds it (the province whose platform is taken to have the row) and what becomes of it there;
- for every field that the contract needs: its value, or by which fault it has none. A field that an entry does not name is an
  empty cell of the row, and the tests hold that against the row;
- by what the row can be given to a subject, if by anything.

Two windows are asked for, one after the other: `LATER`, the five years up to the day on which the pages were gathered, and
`EARLIER`, the five years before. An entry whose `becomes` is OUTSIDE_WINDOW says with `earlier` what it is in its own time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Final

from contract.catalogue import PENALTY, SERIOUS_LIST, CellKey
from contract.days import DayRange
from contract.province import Province
from huren.fragment.v1 import record_pb2

GATHERED: Final = date(2026, 11, 22)
LATER: Final = DayRange(date(2021, 11, 23), GATHERED)
EARLIER: Final = DayRange(date(2016, 11, 23), date(2021, 11, 22))

BEIJING, TIANJIN, HEBEI, SHANXI = Province.BEIJING, Province.TIANJIN, Province.HEBEI, Province.SHANXI


class Becomes(Enum):
    """The outcome of a row."""

    READABLE = "a record"
    NOT_A_PENALTY = "no decision to punish"
    DECIDED_ELSEWHERE = "left out: another province's, or central"
    OUTSIDE_CATALOGUE = "left out: of a domain or list that the mutual report does not carry"
    OUTSIDE_WINDOW = "left out: of another time"
    UNREADABLE = "its cell is unavailable"


class Fault(Enum):
    """Why a field has no value."""

    EMPTY = "the cell is empty"
    NO_YEAR = "a day without its year"
    MONTH_ONLY = "a month without its day"
    UNIT_MISSING = "a number of which nobody says what it counts"
    NOT_IMPOSED = "an amount that was proposed and not imposed"
    MASKED = "characters are hidden"
    DAMAGED = "not as it was issued: a bracket is missing"
    WRONG_LENGTH = "not of 18 characters"
    REGISTRATION_NUMBER = "a registration number of 15 digits where a unified code belongs"
    NO_WORD_OF_THE_LAW = "a punishment is stated in words that are not those of 行政处罚法, article 9"


class Decider(Enum):
    """Whose authority decided, as seen by the province that holds the row."""

    OURS = "of the province that holds the row"
    ANOTHERS = "certainly of another province, or central"
    UNCERTAIN = "the name does not say whose it is"
    EMPTY = "not named"


class Owner(Enum):
    """By what a row can be given to a subject."""

    CODE = "a valid unified code: the row is its owner's"
    NUMBER = "a registration number and a name: whoever has either of them is in doubt"
    NAME = "a name alone: whoever has it or had it is in doubt"
    NOBODY = "nothing: the row belongs to nobody"


FINE: Final = record_pb2.AMOUNT_KIND_FINE
CONFISCATION: Final = record_pb2.AMOUNT_KIND_CONFISCATION
COMBINED: Final = record_pb2.AMOUNT_KIND_COMBINED

Money = tuple[record_pb2.AmountKind.ValueType, int]
"""What the amount is, and fen."""


class Kind:
    """The kinds of penalty that occur."""

    WARNING = record_pb2.PENALTY_CATEGORY_WARNING
    FINE = record_pb2.PENALTY_CATEGORY_FINE
    GAINS = record_pb2.PENALTY_CATEGORY_CONFISCATE_GAINS
    PROPERTY = record_pb2.PENALTY_CATEGORY_CONFISCATE_PROPERTY
    SUSPEND_LICENCE = record_pb2.PENALTY_CATEGORY_SUSPEND_LICENCE
    REVOKE_LICENCE = record_pb2.PENALTY_CATEGORY_REVOKE_LICENCE
    SUSPEND_BUSINESS = record_pb2.PENALTY_CATEGORY_SUSPEND_BUSINESS


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What one row must become.

    Attributes:
        subject: The row's name of the subject: ties the entry to its row.
        held_by: Whose platform holds the row.
        becomes: The outcome for `LATER`.
        earlier: The outcome for `EARLIER`, where it is another one.
        cell: Where the row belongs. None: outside the catalogue.
        number: The document number as it is printed.
        on: The day of the decision or of the listing.
        kinds: The kinds of penalty that the decision names, in the contract's order.
        money: What the decision imposes.
        public_until: 公示截止期.
        decider: Whose authority decided.
        owner: By what the row can be given to a subject.
        code: The valid code, or what is wrong with what stands in its place.
        candidates: Codes that a slip of the pen would explain. They are shown to an officer and used for nothing.
        list_id: The catalogue's list. None: no list, or none of the catalogue's.
        listed_as: The list's name at that time as it is printed: without the batch, whom it was for, and the word 黑名单.
        act: What a text that imposes nothing tells of instead, by its name in `adapters.sdk.kinds.ActKind`.
    """

    subject: str
    held_by: Province
    becomes: Becomes
    earlier: Becomes | None = None
    cell: CellKey | None = None
    number: str | Fault = ""
    on: date | Fault = Fault.EMPTY
    kinds: tuple[record_pb2.PenaltyCategory.ValueType, ...] | Fault = Fault.EMPTY
    money: tuple[Money, ...] | Fault = ()
    public_until: date | None = None
    decider: Decider = Decider.EMPTY
    owner: Owner = Owner.NAME
    code: str | Fault = Fault.EMPTY
    candidates: tuple[str, ...] = ()
    list_id: str | None = None
    listed_as: str = ""
    act: str = ""

    @property
    def cells(self) -> frozenset[CellKey]:
        """The cell, as a set."""
        return frozenset() if self.cell is None else frozenset({self.cell})


MARKET: Final[CellKey] = ("market_regulation", PENALTY)
ENVIRONMENT: Final[CellKey] = ("ecology_environment", PENALTY)
SAFETY: Final[CellKey] = ("emergency_management", PENALTY)
SAFETY_LIST: Final[CellKey] = ("emergency_management", SERIOUS_LIST)
SOCIAL: Final[CellKey] = ("social_security", PENALTY)
WAGES_LIST: Final[CellKey] = ("social_security", SERIOUS_LIST)
TRANSPORT: Final[CellKey] = ("transport", PENALTY)
HOUSING: Final[CellKey] = ("housing_construction", PENALTY)
HOUSING_FUND: Final[CellKey] = ("housing_fund", PENALTY)
TAX: Final[CellKey] = ("taxation", PENALTY)

ROWS: Final[tuple[Expected, ...]] = (
    # Nineteen characters: leaving out one of the first two gives a valid code. Nobody leaves it out but an officer.
    Expected(
        subject="河北示例001电视台",
        held_by=HEBEI,
        becomes=Becomes.UNREADABLE,
        cell=MARKET,
        number="石市监处罚〔2023〕21号",
        decider=Decider.OURS,
        code=Fault.WRONG_LENGTH,
        candidates=("121300000763923388",),
    ),
    Expected(
        subject="呂梁市示例002洗煤廠",
        held_by=SHANXI,
        becomes=Becomes.UNREADABLE,
        cell=ENVIRONMENT,
        number="呂環罰〔2025〕4號",
        decider=Decider.OURS,
        owner=Owner.CODE,
        code="91141102031468810N",
    ),
    Expected(
        subject="天津市示例003有限公司",
        held_by=TIANJIN,
        becomes=Becomes.UNREADABLE,
        cell=ENVIRONMENT,
        number="津市环罚字〔2023〕171号",
        decider=Decider.OURS,
        owner=Owner.CODE,
        code="911201120836993540",
    ),
    Expected(
        subject="天津市示例004有限公司",
        held_by=TIANJIN,
        becomes=Becomes.UNREADABLE,
        cell=ENVIRONMENT,
        number="津市环罚字〔2023〕132号",
        decider=Decider.OURS,
        owner=Owner.CODE,
        code="911201130732729555",
    ),
    Expected(
        subject="天津市示例005经销部(普通合伙)",
        held_by=TIANJIN,
        becomes=Becomes.UNREADABLE,
        cell=ENVIRONMENT,
        number="津市环罚字〔2023〕231号",
        decider=Decider.OURS,
        owner=Owner.CODE,
        code="91120113028175603G",
    ),
    Expected(
        subject="天津市示例006有限公司",
        held_by=TIANJIN,
        becomes=Becomes.UNREADABLE,
        cell=ENVIRONMENT,
        number="津丽环罚字[2023]040705号",
        decider=Decider.OURS,
        owner=Owner.CODE,
        code="91120110058063581Y",
    ),
    Expected(
        subject="天津示例007有限公司",
        held_by=TIANJIN,
        becomes=Becomes.UNREADABLE,
        cell=ENVIRONMENT,
        number="津宝环罚〔2025〕014号",
        decider=Decider.OURS,
        owner=Owner.CODE,
        code="91120222MA17839715",
    ),
    Expected(
        subject="天津示例008有限公司",
        held_by=TIANJIN,
        becomes=Becomes.UNREADABLE,
        cell=ENVIRONMENT,
        number="津丽环罚字[2020]102002号",
        decider=Decider.OURS,
        owner=Owner.CODE,
        code="91120110015232795K",
    ),
    # Without 号. Some numbers are issued so: nobody can see that this one was not.
    Expected(
        subject="天津市示例009有限公司",
        held_by=TIANJIN,
        becomes=Becomes.UNREADABLE,
        cell=ENVIRONMENT,
        number="津和环罚字[2022]004",
        decider=Decider.OURS,
        owner=Owner.CODE,
        code="91120222038201027L",
    ),
    Expected(
        subject="天津示例010有限公司",
        held_by=TIANJIN,
        becomes=Becomes.UNREADABLE,
        cell=SAFETY,
        number="(津保)应急罚[2023]k-39号",
        decider=Decider.OURS,
        owner=Owner.CODE,
        code="91120116086161242H",
    ),
    # 停止建设 is an order and no penalty; the fine is one. Pinyin is no part of a number, and is printed as supplied.
    Expected(
        subject="北京示例011有限責(zé)任公司",
        held_by=BEIJING,
        becomes=Becomes.UNREADABLE,
        cell=ENVIRONMENT,
        number="京環(huán)境監(jiān)察罰字〔2018〕29號",
        kinds=(Kind.FINE,),
        money=((FINE, 70_000_000),),
        decider=Decider.OURS,
    ),
    Expected(
        subject="北京示例012有限公司",
        held_by=BEIJING,
        becomes=Becomes.UNREADABLE,
        cell=ENVIRONMENT,
        kinds=(Kind.FINE,),
        money=((FINE, 391_848_156),),
        decider=Decider.OURS,
    ),
    Expected(
        subject="山西示例013股份有限公司",
        held_by=SHANXI,
        becomes=Becomes.UNREADABLE,
        cell=ENVIRONMENT,
        kinds=(Kind.FINE,),
        money=((FINE, 165_000_000),),
        decider=Decider.OURS,
    ),
    # "The provincial department": of which province, the row does not say.
    Expected(
        subject="华能示例014有限责任公司",
        held_by=SHANXI,
        becomes=Becomes.UNREADABLE,
        cell=ENVIRONMENT,
        kinds=(Kind.FINE,),
        money=((FINE, 40_000_000),),
        decider=Decider.UNCERTAIN,
    ),
    # A branch of an organ led from above decides in its own name and for its place (行政处罚法, article 17): the province's.
    Expected(
        subject="示例015有限责任公司",
        held_by=SHANXI,
        becomes=Becomes.UNREADABLE,
        cell=SAFETY,
        kinds=(Kind.FINE, Kind.SUSPEND_LICENCE, Kind.SUSPEND_BUSINESS),
        money=((FINE, 102_000_000),),
        decider=Decider.OURS,
    ),
    Expected(
        subject="山西示例016有限公司",
        held_by=SHANXI,
        becomes=Becomes.UNREADABLE,
        cell=SAFETY,
        kinds=(Kind.FINE, Kind.SUSPEND_BUSINESS),
        money=((FINE, 100_000_000),),
        decider=Decider.OURS,
    ),
    Expected(
        subject="山西示例017有限公司",
        held_by=SHANXI,
        becomes=Becomes.UNREADABLE,
        cell=SAFETY,
        kinds=(Kind.FINE, Kind.SUSPEND_BUSINESS),
        money=((FINE, 200_000_000),),
        decider=Decider.OURS,
    ),
    Expected(
        subject="山西示例018有限责任公司",
        held_by=SHANXI,
        becomes=Becomes.UNREADABLE,
        cell=SAFETY,
        kinds=(Kind.WARNING, Kind.FINE, Kind.SUSPEND_LICENCE, Kind.SUSPEND_BUSINESS),
        money=((FINE, 626_000_000),),
        decider=Decider.OURS,
    ),
    Expected(
        subject="山西示例019有限公司",
        held_by=SHANXI,
        becomes=Becomes.UNREADABLE,
        cell=SAFETY,
        kinds=(Kind.FINE, Kind.SUSPEND_LICENCE, Kind.SUSPEND_BUSINESS),
        money=((FINE, 200_000_000),),
        decider=Decider.OURS,
    ),
    # Customs is no domain of the catalogue. The page hid the party entirely.
    Expected(
        subject="",
        held_by=TIANJIN,
        becomes=Becomes.OUTSIDE_CATALOGUE,
        on=date(2020, 4, 24),
        kinds=(Kind.FINE,),
        money=((FINE, 21_000_000),),
        decider=Decider.ANOTHERS,
        owner=Owner.NOBODY,
    ),
    # The maritime administration is one for the whole country (海上交通安全法, article 4): central, whatever the year.
    Expected(
        subject="天津示例020有限公司",
        held_by=TIANJIN,
        becomes=Becomes.DECIDED_ELSEWHERE,
        cell=TRANSPORT,
        on=Fault.NO_YEAR,
        kinds=(Kind.FINE,),
        money=((FINE, 10_900_000),),
        decider=Decider.ANOTHERS,
    ),
    Expected(
        subject="河北示例021有限公司",
        held_by=HEBEI,
        becomes=Becomes.UNREADABLE,
        cell=ENVIRONMENT,
        number="衡环罚决〔2023〕53号",
        decider=Decider.OURS,
        owner=Owner.CODE,
        code="91131128MA9065288L",
    ),
    # Digits and capitals of the amount agree.
    Expected(
        subject="衡水示例022有限公司",
        held_by=HEBEI,
        becomes=Becomes.UNREADABLE,
        cell=ENVIRONMENT,
        number="衡环罚决〔2024〕224号",
        kinds=(Kind.FINE,),
        money=((FINE, 500_000),),
        decider=Decider.OURS,
        owner=Owner.CODE,
        code="91131102MA63037469",
    ),
    Expected(
        subject="石家庄示例023有限公司",
        held_by=HEBEI,
        becomes=Becomes.OUTSIDE_CATALOGUE,
        number=Fault.MASKED,
        decider=Decider.OURS,
        code=Fault.MASKED,
    ),
    # Everything but the number can be read, and a number with hidden characters is not the one that was issued: printed it would
    # say so, and as a key it would make many decisions one.
    Expected(
        subject="北京示例024有限公司",
        held_by=BEIJING,
        becomes=Becomes.UNREADABLE,
        earlier=Becomes.OUTSIDE_WINDOW,
        cell=MARKET,
        number=Fault.MASKED,
        on=date(2024, 12, 9),
        kinds=(Kind.FINE,),
        money=((FINE, 150_000),),
        public_until=date(2025, 3, 9),
        decider=Decider.OURS,
        code=Fault.MASKED,
    ),
    Expected(
        subject="北京示例025有限公司",
        held_by=BEIJING,
        becomes=Becomes.READABLE,
        earlier=Becomes.OUTSIDE_WINDOW,
        cell=MARKET,
        on=date(2024, 2, 22),
        kinds=(Kind.FINE,),
        money=((FINE, 3_000_000),),
        decider=Decider.OURS,
    ),
    # 罚金 is a punishment of criminal law; the text says that it is an administrative one. One of the two words is wrong.
    Expected(
        subject="北京示例026有限公司",
        held_by=BEIJING,
        becomes=Becomes.UNREADABLE,
        earlier=Becomes.OUTSIDE_WINDOW,
        cell=MARKET,
        on=date(2024, 7, 16),
        kinds=Fault.NO_WORD_OF_THE_LAW,
        money=((FINE, 1_000_000),),
        decider=Decider.OURS,
    ),
    Expected(
        subject="沁水示例027有限公司",
        held_by=SHANXI,
        becomes=Becomes.UNREADABLE,
        cell=ENVIRONMENT,
        number="沁环罚字[2023]20号",
        decider=Decider.OURS,
    ),
    # 不予处罚. Its number lacks the opening bracket.
    Expected(
        subject="山西示例028有限公司",
        held_by=SHANXI,
        becomes=Becomes.NOT_A_PENALTY,
        cell=ENVIRONMENT,
        number=Fault.DAMAGED,
        kinds=(),
        act="NOT_PUNISHED",
        decider=Decider.OURS,
        owner=Owner.CODE,
        code="91140000096257029Y",
    ),
    # 拟处: announced, not decided.
    Expected(
        subject="唐山示例029有限責任公司",
        held_by=HEBEI,
        becomes=Becomes.NOT_A_PENALTY,
        cell=ENVIRONMENT,
        kinds=(),
        act="PROPOSAL",
        money=Fault.NOT_IMPOSED,
        decider=Decider.OURS,
    ),
    Expected(
        subject="山西示例030有限公司",
        held_by=SHANXI,
        becomes=Becomes.UNREADABLE,
        cell=WAGES_LIST,
        decider=Decider.OURS,
        list_id="migrant_wage_arrears",
        listed_as="拖欠農民工工資名單",
    ),
    # Held by one province, listed by a county of another: 回流.
    Expected(
        subject="示例031分公司",
        held_by=HEBEI,
        becomes=Becomes.DECIDED_ELSEWHERE,
        cell=WAGES_LIST,
        decider=Decider.ANOTHERS,
        list_id="migrant_wage_arrears",
        listed_as="拖欠農民工工資名單",
    ),
    Expected(
        subject="示例032有限公司",
        held_by=SHANXI,
        becomes=Becomes.UNREADABLE,
        cell=WAGES_LIST,
        decider=Decider.OURS,
        list_id="migrant_wage_arrears",
        listed_as="拖欠農民工工資名單",
    ),
    Expected(
        subject="北京示例033有限公司",
        held_by=BEIJING,
        becomes=Becomes.DECIDED_ELSEWHERE,
        cell=WAGES_LIST,
        decider=Decider.ANOTHERS,
        list_id="migrant_wage_arrears",
        listed_as="拖欠农民工工资名单",
    ),
    # A list of a province's own making, which the catalogue does not have.
    Expected(
        subject="示例034廠",
        held_by=HEBEI,
        becomes=Becomes.OUTSIDE_CATALOGUE,
        on=Fault.NO_YEAR,
        decider=Decider.OURS,
    ),
    # Cases made public on suspicion of a crime: neither a list nor a decision to punish.
    Expected(
        subject="山西示例035有限公司",
        held_by=SHANXI,
        becomes=Becomes.NOT_A_PENALTY,
        cell=SOCIAL,
        kinds=Fault.EMPTY,
        act="CRIMINAL",
        decider=Decider.OURS,
    ),
    Expected(
        subject="示例036有限公司",
        held_by=SHANXI,
        becomes=Becomes.NOT_A_PENALTY,
        cell=SOCIAL,
        kinds=Fault.EMPTY,
        act="CRIMINAL",
        decider=Decider.OURS,
    ),
    Expected(
        subject="示例037股份有限公司",
        held_by=HEBEI,
        becomes=Becomes.OUTSIDE_CATALOGUE,
        number="[2023]10 号",
        decider=Decider.OURS,
    ),
    Expected(
        subject="衡水示例038店",
        held_by=HEBEI,
        becomes=Becomes.OUTSIDE_CATALOGUE,
        kinds=(Kind.REVOKE_LICENCE,),
        decider=Decider.UNCERTAIN,
    ),
    Expected(
        subject="山西示例039股份有限公司",
        held_by=SHANXI,
        becomes=Becomes.OUTSIDE_CATALOGUE,
        number="吕银罚决字〔2025〕17号",
        kinds=(Kind.WARNING, Kind.FINE),
        money=((FINE, 54_690_000),),
        decider=Decider.OURS,
    ),
    Expected(
        subject="示例040银行",
        held_by=SHANXI,
        becomes=Becomes.OUTSIDE_CATALOGUE,
        on=Fault.MONTH_ONLY,
        kinds=(Kind.FINE,),
        money=((FINE, 40_000_000),),
        decider=Decider.OURS,
    ),
    Expected(
        subject="廊坊示例041银行",
        held_by=HEBEI,
        becomes=Becomes.OUTSIDE_CATALOGUE,
        kinds=(Kind.WARNING, Kind.FINE),
        money=((FINE, 195_700_000),),
        decider=Decider.OURS,
    ),
    Expected(
        subject="示例042股份有限公司",
        held_by=BEIJING,
        becomes=Becomes.OUTSIDE_CATALOGUE,
        kinds=(Kind.WARNING, Kind.FINE),
        money=((FINE, 406_000_000),),
        decider=Decider.OURS,
    ),
    Expected(
        subject="示例043有限公司",
        held_by=BEIJING,
        becomes=Becomes.OUTSIDE_CATALOGUE,
        kinds=(Kind.WARNING, Kind.FINE),
        money=((FINE, 290_000_000),),
        decider=Decider.OURS,
    ),
    # 743萬 of what is not said, and the content of the decision is not there.
    Expected(
        subject="天津市示例044有限公司",
        held_by=TIANJIN,
        becomes=Becomes.UNREADABLE,
        cell=MARKET,
        on=Fault.MONTH_ONLY,
        money=Fault.UNIT_MISSING,
        decider=Decider.OURS,
    ),
    # 约谈, 追回, 违约金: a talk, money taken back, and what an agreement says.
    Expected(
        subject="晋中示例045医院",
        held_by=SHANXI,
        becomes=Becomes.NOT_A_PENALTY,
        cell=SOCIAL,
        kinds=(),
        act="TALK",
        decider=Decider.OURS,
    ),
    # 追回 is none, the fine beside it is one.
    Expected(
        subject="示例046医院",
        held_by=SHANXI,
        becomes=Becomes.UNREADABLE,
        cell=SOCIAL,
        kinds=(Kind.FINE,),
        money=((FINE, 26_253_595),),
        decider=Decider.OURS,
    ),
    Expected(
        subject="河北示例047股份有限公司",
        held_by=HEBEI,
        becomes=Becomes.UNREADABLE,
        cell=ENVIRONMENT,
        number="张环罚【2017】39号",
        kinds=(Kind.FINE,),
        money=((FINE, 10_000_000),),
        decider=Decider.OURS,
    ),
    # The number begins with the short name of a city; whose decision it is, only the authority says, and it is not named.
    Expected(
        subject="唐山示例048有限公司",
        held_by=HEBEI,
        becomes=Becomes.UNREADABLE,
        cell=ENVIRONMENT,
        number="唐环罚字【2021】15-49号",
        kinds=(Kind.FINE,),
        money=((FINE, 60_000_000),),
    ),
    Expected(
        subject="山西示例049有限責任公司",
        held_by=SHANXI,
        becomes=Becomes.UNREADABLE,
        cell=ENVIRONMENT,
        number="潞城環罰字﹝2022﹞12號",
        kinds=(Kind.FINE,),
        money=((FINE, 20_000_000),),
    ),
    Expected(
        subject="山西示例050有限公司",
        held_by=SHANXI,
        becomes=Becomes.UNREADABLE,
        cell=ENVIRONMENT,
        number="灵环罚〔2020〕64号",
        kinds=(Kind.FINE,),
        money=((FINE, 1_800_000),),
    ),
    Expected(
        subject="山西示例051有限公司",
        held_by=SHANXI,
        becomes=Becomes.UNREADABLE,
        cell=ENVIRONMENT,
        number="朔環(huán)罰〔2021〕026號",
        kinds=(Kind.FINE,),
        money=((FINE, 42_400_000),),
    ),
    # 注销 ends a licence and punishes nobody; tourism is no domain of the catalogue either.
    Expected(
        subject="北京示例052单位",
        held_by=BEIJING,
        becomes=Becomes.OUTSIDE_CATALOGUE,
        kinds=(),
        act="CANCELLATION",
        decider=Decider.UNCERTAIN,
    ),
    Expected(
        subject="示例053有限公司",
        held_by=TIANJIN,
        becomes=Becomes.OUTSIDE_CATALOGUE,
        on=Fault.NO_YEAR,
        kinds=(Kind.FINE,),
        money=((FINE, 30_000_000),),
        decider=Decider.OURS,
    ),
    Expected(
        subject="北京示例054集团有限公司",
        held_by=BEIJING,
        becomes=Becomes.UNREADABLE,
        cell=MARKET,
        kinds=(Kind.WARNING, Kind.FINE),
        money=((FINE, 50_000_000),),
        decider=Decider.OURS,
    ),
    Expected(
        subject="北京示例055股份有限公司",
        held_by=BEIJING,
        becomes=Becomes.UNREADABLE,
        cell=MARKET,
        kinds=(Kind.WARNING, Kind.FINE),
        money=((FINE, 50_000_000),),
        decider=Decider.OURS,
    ),
    Expected(
        subject="北京示例056股份有限公司",
        held_by=BEIJING,
        becomes=Becomes.UNREADABLE,
        cell=MARKET,
        on=Fault.NO_YEAR,
        kinds=(Kind.FINE,),
        money=((FINE, 50_000_000),),
        decider=Decider.OURS,
    ),
    Expected(
        subject="示例057有限公司",
        held_by=BEIJING,
        becomes=Becomes.UNREADABLE,
        cell=MARKET,
        on=Fault.NO_YEAR,
        kinds=(Kind.WARNING, Kind.FINE),
        money=((FINE, 250_000_000),),
        decider=Decider.OURS,
    ),
    # 罚没合计: fine and confiscation together, which nobody separates.
    Expected(
        subject="示例058厂",
        held_by=HEBEI,
        becomes=Becomes.READABLE,
        earlier=Becomes.OUTSIDE_WINDOW,
        cell=MARKET,
        on=date(2022, 4, 21),
        kinds=(Kind.FINE, Kind.GAINS, Kind.PROPERTY),
        money=((COMBINED, 10_000_000),),
        decider=Decider.OURS,
    ),
    Expected(
        subject="衡水示例059有限公司",
        held_by=HEBEI,
        becomes=Becomes.UNREADABLE,
        cell=MARKET,
        kinds=(Kind.FINE,),
        money=((FINE, 180_000_000),),
        decider=Decider.OURS,
    ),
    Expected(
        subject="示例060单位",
        held_by=HEBEI,
        becomes=Becomes.UNREADABLE,
        cell=MARKET,
        kinds=(Kind.FINE,),
        money=((FINE, 50_000_000),),
        decider=Decider.OURS,
    ),
    Expected(
        subject="示例061有限公司",
        held_by=HEBEI,
        becomes=Becomes.UNREADABLE,
        cell=MARKET,
        kinds=(Kind.FINE,),
        money=((FINE, 575_000),),
        decider=Decider.OURS,
    ),
    Expected(
        subject="秦皇岛示例062有限公司",
        held_by=HEBEI,
        becomes=Becomes.UNREADABLE,
        cell=MARKET,
        kinds=(Kind.FINE,),
        money=((FINE, 500_000),),
        decider=Decider.OURS,
    ),
    # 责令改正 beside the fine is none; the fine is one.
    Expected(
        subject="邯郸市示例063单位",
        held_by=HEBEI,
        becomes=Becomes.READABLE,
        earlier=Becomes.OUTSIDE_WINDOW,
        cell=MARKET,
        on=date(2022, 4, 22),
        kinds=(Kind.FINE,),
        money=((FINE, 500_000),),
        decider=Decider.OURS,
    ),
    # 立案: opened, not decided.
    Expected(
        subject="示例064有限公司",
        held_by=BEIJING,
        becomes=Becomes.NOT_A_PENALTY,
        cell=HOUSING,
        kinds=(),
        act="INVESTIGATION",
        decider=Decider.OURS,
    ),
    Expected(
        subject="示例065有限公司",
        held_by=HEBEI,
        becomes=Becomes.DECIDED_ELSEWHERE,
        cell=SAFETY_LIST,
        decider=Decider.ANOTHERS,
        list_id="work_safety_dishonesty",
        listed_as="安全生产失信联合惩戒名单",
    ),
    Expected(
        subject="唐山示例066有限公司",
        held_by=HEBEI,
        becomes=Becomes.DECIDED_ELSEWHERE,
        cell=SAFETY_LIST,
        decider=Decider.ANOTHERS,
        owner=Owner.NUMBER,
        code=Fault.REGISTRATION_NUMBER,
        list_id="work_safety_dishonesty",
        listed_as="安全生产不良记录名单",
    ),
    Expected(
        subject="山西示例067有限公司",
        held_by=SHANXI,
        becomes=Becomes.DECIDED_ELSEWHERE,
        cell=SAFETY_LIST,
        decider=Decider.ANOTHERS,
        list_id="work_safety_dishonesty",
        listed_as="安全生产不良记录名单",
    ),
    Expected(
        subject="山西示例068有限公司",
        held_by=SHANXI,
        becomes=Becomes.DECIDED_ELSEWHERE,
        cell=SAFETY_LIST,
        decider=Decider.ANOTHERS,
        list_id="work_safety_dishonesty",
        listed_as="安全生產失信聯合懲戒名單",
    ),
    Expected(
        subject="山西示例069有限公司",
        held_by=SHANXI,
        becomes=Becomes.OUTSIDE_CATALOGUE,
        kinds=(Kind.FINE,),
        money=((FINE, 273_000),),
        decider=Decider.OURS,
    ),
    Expected(
        subject="秦皇岛示例070有限公司",
        held_by=HEBEI,
        becomes=Becomes.OUTSIDE_CATALOGUE,
        decider=Decider.OURS,
    ),
    Expected(
        subject="天津市示例071有限公司",
        held_by=TIANJIN,
        becomes=Becomes.UNREADABLE,
        cell=MARKET,
        kinds=(Kind.FINE, Kind.GAINS),
        money=((FINE, 500_000),),
        decider=Decider.OURS,
    ),
    # 立案 again, but of a domain that the catalogue does not have.
    Expected(
        subject="天津市示例072有限公司",
        held_by=TIANJIN,
        becomes=Becomes.OUTSIDE_CATALOGUE,
        kinds=(),
        act="INVESTIGATION",
        decider=Decider.OURS,
    ),
    Expected(
        subject="天津示例073单位",
        held_by=TIANJIN,
        becomes=Becomes.OUTSIDE_WINDOW,
        earlier=Becomes.READABLE,
        cell=MARKET,
        on=date(2021, 6, 4),
        kinds=(Kind.FINE,),
        money=((FINE, 30_000_000),),
        decider=Decider.OURS,
    ),
    # A code and no name. What was imposed stands nowhere: the content repeats what was neglected.
    Expected(
        subject="",
        held_by=SHANXI,
        becomes=Becomes.OUTSIDE_WINDOW,
        earlier=Becomes.UNREADABLE,
        cell=TAX,
        number="广灵税壶泉简罚〔2019〕1000317号",
        on=date(2019, 9, 24),
        kinds=Fault.NO_WORD_OF_THE_LAW,
        decider=Decider.OURS,
        owner=Owner.CODE,
        code="911402230522623877",
    ),
    # Neither name nor code. Nothing was confiscated: 0.0 is no amount.
    Expected(
        subject="",
        held_by=TIANJIN,
        becomes=Becomes.OUTSIDE_WINDOW,
        earlier=Becomes.READABLE,
        cell=TAX,
        number="津红国税罚〔2016〕20021",
        on=date(2016, 11, 25),
        kinds=(Kind.FINE,),
        money=((FINE, 200_000),),
        decider=Decider.OURS,
        owner=Owner.NOBODY,
    ),
    Expected(
        subject="示例074股份有限公司",
        held_by=BEIJING,
        becomes=Becomes.OUTSIDE_CATALOGUE,
        number="中国证券监督管理委员会北京监管局行政处罚决定书〔2021〕1号",
        decider=Decider.OURS,
    ),
    Expected(
        subject="河北示例075股份有限公司",
        held_by=HEBEI,
        becomes=Becomes.OUTSIDE_CATALOGUE,
        decider=Decider.OURS,
    ),
    Expected(
        subject="示例076廠",
        held_by=BEIJING,
        becomes=Becomes.OUTSIDE_CATALOGUE,
        number="粵藥監藥罰〔2020〕5001號",
        kinds=(Kind.FINE, Kind.GAINS, Kind.PROPERTY),
        money=((FINE, 2_851_098), (CONFISCATION, 949_098)),
        decider=Decider.ANOTHERS,
        owner=Owner.CODE,
        code="91440982067341520A",
    ),
    Expected(
        subject="示例077有限公司",
        held_by=HEBEI,
        becomes=Becomes.OUTSIDE_CATALOGUE,
        number="濮农(种子)罚〔2022〕8号",
        code=Fault.MASKED,
    ),
    Expected(
        subject="示例078有限责任公司",
        held_by=SHANXI,
        becomes=Becomes.OUTSIDE_CATALOGUE,
        number="舞农(农药)罚〔2024〕1号",
        decider=Decider.ANOTHERS,
        owner=Owner.CODE,
        code="91411121028409051T",
    ),
    Expected(
        subject="示例079有限公司",
        held_by=BEIJING,
        becomes=Becomes.DECIDED_ELSEWHERE,
        cell=HOUSING_FUND,
        number="行政处罚决定书〔2022〕2号",
        decider=Decider.ANOTHERS,
        owner=Owner.CODE,
        code="91440605046656662K",
    ),
    Expected(
        subject="示例080有限责任公司",
        held_by=TIANJIN,
        becomes=Becomes.OUTSIDE_CATALOGUE,
        number="楚市 林草罚决〔2025〕033号",
    ),
    Expected(
        subject="示例081集团有限公司",
        held_by=TIANJIN,
        becomes=Becomes.OUTSIDE_CATALOGUE,
        number="海沧关缉违字〔2026〕32号",
        decider=Decider.ANOTHERS,
        owner=Owner.CODE,
        code="9135000006812056XQ",
    ),
    # The number begins with 豫; the authority is not named, and a number does not say who decided.
    Expected(
        subject="示例082煤矿",
        held_by=SHANXI,
        becomes=Becomes.UNREADABLE,
        cell=SAFETY,
        number="豫(三)煤安罚〔2025〕7号",
    ),
)


# --- Whole records -------------------------------------------------------------------------------------------------------


def _text(text: str) -> record_pb2.FreeText:
    return record_pb2.FreeText(text=text, masking=record_pb2.MASKING_NONE)


_NOT_STATED: Final = record_pb2.Performance(state=record_pb2.PERFORMANCE_STATE_NOT_STATED)

RECORDS: Final[dict[int, record_pb2.Penalty]] = {
    25: record_pb2.Penalty(
        authority=record_pb2.Authority(name="北京市海淀区市场监管局"),
        decided_on="2024-02-22",
        procedure=record_pb2.PROCEDURE_NOT_STATED,
        violation_type=_text("发布违法广告"),
        facts=_text(""),
        legal_basis=_text("《中华人民共和国广告法》《医疗广告管理办法》"),
        categories=[record_pb2.PENALTY_CATEGORY_FINE],
        content=_text("罚款3万元的行政处罚"),
        amounts=[record_pb2.Amount(kind=FINE, fen=3_000_000)],
        performance=_NOT_STATED,
    ),
    58: record_pb2.Penalty(
        authority=record_pb2.Authority(name="邢台市市场监督管理局"),
        decided_on="2022-04-21",
        procedure=record_pb2.PROCEDURE_NOT_STATED,
        violation_type=_text("未取得食品生产许可证生产蛋香酥、星愿曲奇进行销售"),
        facts=_text(""),
        legal_basis=_text(""),
        categories=[
            record_pb2.PENALTY_CATEGORY_FINE,
            record_pb2.PENALTY_CATEGORY_CONFISCATE_GAINS,
            record_pb2.PENALTY_CATEGORY_CONFISCATE_PROPERTY,
        ],
        content=_text("没收涉案物品及违法所得并处罚款,罚没合计10万元"),
        amounts=[record_pb2.Amount(kind=COMBINED, fen=10_000_000)],
        performance=_NOT_STATED,
    ),
    63: record_pb2.Penalty(
        authority=record_pb2.Authority(name="涉县市场监督管理局"),
        decided_on="2022-04-22",
        procedure=record_pb2.PROCEDURE_NOT_STATED,
        violation_type=_text("未查验供货者的许可证和食品出厂检验合格证"),
        facts=_text(""),
        legal_basis=_text(""),
        categories=[record_pb2.PENALTY_CATEGORY_FINE],
        content=_text("责令改正违法行为,并处罚款0.5万元"),
        amounts=[record_pb2.Amount(kind=FINE, fen=500_000)],
        performance=_NOT_STATED,
    ),
    73: record_pb2.Penalty(
        authority=record_pb2.Authority(name="天津市市场监管委"),
        decided_on="2021-06-04",
        procedure=record_pb2.PROCEDURE_NOT_STATED,
        violation_type=_text("利用虚假的或者使人误解的价格手段,诱骗消费者与其进行交易"),
        facts=_text(""),
        legal_basis=_text("《中华人民共和国价格法》第四十条第一款"),
        categories=[record_pb2.PENALTY_CATEGORY_FINE],
        content=_text("罚款30万元"),
        amounts=[record_pb2.Amount(kind=FINE, fen=30_000_000)],
        performance=_NOT_STATED,
    ),
    75: record_pb2.Penalty(
        document_number="津红国税罚〔2016〕20021",
        authority=record_pb2.Authority(name="天津市红桥区国家税务局"),
        decided_on="2016-11-25",
        procedure=record_pb2.PROCEDURE_NOT_STATED,
        violation_type=_text("违反税收管理"),
        facts=_text(""),
        legal_basis=_text(""),
        categories=[record_pb2.PENALTY_CATEGORY_FINE],
        content=_text("罚款金额0.2万元;没收金额0.0万元"),
        amounts=[record_pb2.Amount(kind=FINE, fen=200_000)],
        performance=_NOT_STATED,
    ),
}
"""What the readable rows become, by their position in the file, the first one being 0."""

PUBLISHED: Final[dict[str, date | Fault]] = {
    "": Fault.EMPTY,
    "2023-05-27  15:17:24": date(2023, 5, 27),
    "2025-03-28": date(2025, 3, 28),
    "2025-04-21 18:05": date(2025, 4, 21),
    "2022-10-08": date(2022, 10, 8),
    "3月27日": Fault.NO_YEAR,
    "2015年4月27日": date(2015, 4, 27),
    "2015-03-19 14:04": date(2015, 3, 19),
    "12月17日": Fault.NO_YEAR,
    "2020年09月28日02:59": date(2020, 9, 28),
    "2023-06-17 21:08:12": date(2023, 6, 17),
    "2020-09-07 21:18:41": date(2020, 9, 7),
    "2024/12/09": date(2024, 12, 9),
    "12月6日": Fault.NO_YEAR,
    "2025-06-13 17:17": date(2025, 6, 13),
    "2019年05月18日10:20": date(2019, 5, 18),
    "12月11日": Fault.NO_YEAR,
    "2023-06-02": date(2023, 6, 2),
    "9月10日": Fault.NO_YEAR,
    "7月12日": Fault.NO_YEAR,
    "2019/6/22 17:59:00": date(2019, 6, 22),
    "2018年08月24日": date(2018, 8, 24),
    "2021-04-08 11:31:46": date(2021, 4, 8),
    "2022-04-30 09:42:19": date(2022, 4, 30),
    "2021-04-01 22:16": date(2021, 4, 1),
    "2021-08-22 01:32:42": date(2021, 8, 22),
    "4月26日": Fault.NO_YEAR,
    "2022-06-02": date(2022, 6, 2),
    "11月14日": Fault.NO_YEAR,
    "12月27日": Fault.NO_YEAR,
    "2016-11-13 12:14:08": date(2016, 11, 13),
    "2021-07-05 10:03:29": date(2021, 7, 5),
    "2019-09-24": date(2019, 9, 24),
    "2022-01-20 16:56:01": date(2022, 1, 20),
    "2025-03-24 16:04": date(2025, 3, 24),
}
"""`published_at_raw`: the time of the page. No row is read by it, but its notations are those of days."""
