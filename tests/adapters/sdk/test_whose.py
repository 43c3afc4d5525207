"""Whose a row is, as real rows are: renamed, numbered as of old, mistyped, masked, a branch's, or nobody's."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sdk import matching
from adapters.sdk.matching import (
    Match,
    RowIdentity,
    folded_identity,
    has_identifier,
    has_usable_name,
    identity_digest,
    is_attributable,
    is_code,
    is_organisation_code,
    is_registration_number,
    match,
)
from adapters.sdk.notation import is_masked_name, name_spellings
from adapters.sdk.notation.folding import PLACEHOLDERS
from contract.registry import FormerName, Registration, RegistryEntry, RegistryUnavailableError
from huren.common.v1 import common_pb2

THEIRS, IN_DOUBT, NOT_THEIRS = Match.THEIRS, Match.IN_DOUBT, Match.NOT_THEIRS
ON = date(2024, 3, 1)
NAME = "石家庄市示例精密机械有限公司"
BRANCH_NAME = f"{NAME}正定分公司"
ALIAS = "130100000012348"
WRONG_DIGIT = "130100000012345"
OTHER_NUMBER = "130100000098760"
DOCUMENT = (Path(__file__).parents[3] / "docs" / "protocols" / "query-processing.md").read_text("utf-8")


def identifier(kind: int, value: str, **days: str) -> common_pb2.Identifier:
    return common_pb2.Identifier(kind=common_pb2.IdentifierKind.ValueType(kind), value=value, **days)


def whose(wanted: Any, on: date | None = ON, ruling: str | None = None, **row: str) -> Match:
    return match(RowIdentity(**{"name": "", **row}), wanted, on, ruling)


@pytest.fixture(scope="module")
def subject(kit: Any) -> Any:
    return kit.wanted(name=NAME)


@pytest.fixture(scope="module")
def branch(kit: Any) -> Any:
    """The branch has a code of its own: the kit's other one."""
    return matching.Wanted.of(
        common_pb2.Subject(
            uscc=kit.OTHER,
            name=BRANCH_NAME,
            kind=common_pb2.SUBJECT_KIND_BRANCH,
            identifiers=[identifier(1, kit.OTHER), identifier(3, kit.OTHER[8:17]), identifier(5, BRANCH_NAME)],
        )
    )


# --- T45 to T52 ------------------------------------------------------------------------------------------


def test_t45_a_renamed_subject_is_found_by_its_code_and_doubted_by_the_name_of_the_day(kit: Any) -> None:
    """Renamed on 1 January 2023. The code finds rows under any name; a row with nothing but a name is in doubt, and only under a
    name that the subject had on the day of the decision or before it."""
    wanted = kit.wanted(
        identifier(6, "石家庄市示例铸造厂", valid_to="2022-12-31"),
        identifier(5, NAME, valid_from="2023-01-01"),
        name="",
    )
    before, after = date(2022, 12, 31), date(2023, 1, 1)
    assert whose(wanted, before, name="石家庄市示例铸造厂", uscc=kit.USCC) is THEIRS
    assert whose(wanted, before, name="石家庄市示例铸造厂") is IN_DOUBT
    assert whose(wanted, before, name=NAME) is NOT_THEIRS
    assert whose(wanted, after, name=NAME) is IN_DOUBT
    # Decisions about earlier acts go on using the old name.
    assert whose(wanted, after, name="石家庄市示例铸造厂") is IN_DOUBT
    assert whose(wanted, None, name=NAME) is IN_DOUBT


def test_t46_an_old_registration_number_is_the_subjects_only_by_the_registry(kit: Any, subject: Any) -> None:
    """The registry gives the number as the subject's: theirs. Without that it is in doubt beside the subject's name, and
    otherwise nobody can say whose; a number with a wrong check digit is no identifier at all."""
    known = kit.wanted(identifier(4, ALIAS), name=NAME)
    assert whose(known, registration_number=ALIAS) is THEIRS
    assert whose(known, registration_number=OTHER_NUMBER, name=NAME) is IN_DOUBT
    assert whose(subject, registration_number=ALIAS, name=NAME) is IN_DOUBT
    assert whose(subject, registration_number=ALIAS, name="别的公司") is NOT_THEIRS
    assert (is_registration_number(ALIAS), is_registration_number(WRONG_DIGIT)) == (True, False)
    assert has_identifier(RowIdentity(name="", registration_number=ALIAS))
    assert not has_identifier(RowIdentity(name="", registration_number=WRONG_DIGIT))


def test_t47_an_organisation_code_alone_is_an_exact_match(kit: Any, subject: Any) -> None:
    """Courts' lists bear the 9 characters of GB 11714: characters 9 to 17 of the unified code."""
    own = kit.USCC[8:17]
    assert whose(subject, organisation_code=own) is THEIRS
    assert whose(subject, organisation_code=f"{own[:8]}-{own[8]}", name="某公司") is THEIRS
    assert whose(subject, organisation_code=own[:8] + ("0" if own[8] != "0" else "1"), name=NAME) is IN_DOUBT
    assert whose(subject, organisation_code=kit.OTHER[8:17]) is NOT_THEIRS


def test_t48_a_code_that_is_nearly_right_is_never_repaired(kit: Any, subject: Any) -> None:
    """O for 0, I for 1, 19 characters, masked: whatever the row may mean, it is at most in doubt, and bears no identifier."""
    own = kit.USCC
    nearly = (
        own.replace("0", "O"),
        own.replace("1", "I"),
        f"{own}0",
        f"0{own}",
        own[:17],
        f"{own[:4]}**********{own[-4:]}",
        f"{own[:10]}********",
        own[:17] + ("0" if own[17] != "0" else "1"),
    )
    for text in nearly:
        assert not is_code(text), text
        assert whose(subject, uscc=text, name=NAME) is IN_DOUBT, text
        assert not has_identifier(RowIdentity(name="", uscc=text)), text


def test_t50_a_branch_under_its_parents_code_or_the_reverse_is_in_doubt(kit: Any, subject: Any, branch: Any) -> None:
    """Nobody can say whether the code or the name was mistaken. An officer assigns it; the parent is not in doubt about a row
    that bears the branch's valid code, for it bears another subject's."""
    under_parents_code = {"name": BRANCH_NAME, "uscc": kit.USCC}
    assert whose(subject, **under_parents_code) is IN_DOUBT
    assert whose(branch, **under_parents_code) is IN_DOUBT
    under_branchs_code = {"name": NAME, "uscc": kit.OTHER}
    assert whose(branch, **under_branchs_code) is IN_DOUBT
    assert whose(subject, **under_branchs_code) is NOT_THEIRS
    # By the organisation code it is the same, and rows that agree with themselves are in no doubt.
    assert whose(branch, name=NAME, organisation_code=kit.OTHER[8:17]) is IN_DOUBT
    assert whose(subject, name=BRANCH_NAME, organisation_code=kit.USCC[8:17]) is IN_DOUBT
    assert whose(branch, name=BRANCH_NAME, uscc=kit.OTHER) is THEIRS
    for said in ("", "无", "石家庄***公司", "以前的名称经营部"):
        assert whose(branch, name=said, uscc=kit.OTHER) is THEIRS, said


def test_t52_an_individual_business_that_became_an_enterprise_leaves_its_rows_under_the_old_code(kit: Any) -> None:
    """转企业 gives a new code. Rows under the old one are another subject's, whatever the name, unless the registry gives the old
    code as a former one."""
    row = {"name": NAME, "uscc": kit.FORMER}
    assert whose(kit.wanted(name=NAME), **row) is NOT_THEIRS
    assert whose(kit.wanted(identifier(2, kit.FORMER), name=NAME), **row) is THEIRS


# --- Names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("石家庄示例精密机械有限公司", id="without-shi"),
        pytest.param("石家庄市示例（精密）机械有限公司", id="with-brackets"),
        pytest.param(NAME, id="as-it-is"),
        pytest.param("石家庄市　示例精密机械 有限公司", id="with-blanks"),
        pytest.param("“石家庄市示例”精密机械有限公司", id="with-quotes"),
        pytest.param("石家莊市示例精密機械有限公司", id="traditional"),
        pytest.param("石家庄市示例精密机(jī)械有限公司", id="glossed"),
        pytest.param("石家庄示例***有限公司", id="masked"),
        pytest.param("石家庄市示例＊＊有限公司", id="masked-in-full-width"),
        pytest.param("石家庄市示例某某有限公司", id="anonymised"),
        pytest.param("石家庄示例XX机械有限公司", id="masked-with-letters"),
        pytest.param("石家庄市示例……", id="cut-off"),
        pytest.param("***示例精密机械***", id="masked-at-both-ends"),
        pytest.param("石家庄**精密**有限公司", id="masked-twice"),
    ],
)
def test_another_spelling_of_the_name_is_a_doubt_and_no_more(subject: Any, name: str) -> None:
    assert whose(subject, name=name) is IN_DOUBT


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("石家庄市示例精密机械制造有限公司", id="a-longer-name"),
        pytest.param("保定市示例精密机械有限公司", id="another-place"),
        pytest.param("石家庄示例***合作社", id="another-end"),
        pytest.param("石家庄机械***精密有限公司", id="in-another-order"),
        pytest.param("石家庄市示例精密机械*精密机械有限公司", id="overlapping"),
        pytest.param("***有限公司", id="nothing-but-a-form"),
        pytest.param("某公司", id="some-company"),
        pytest.param("石***", id="one-character"),
        pytest.param("*********", id="nothing"),
        pytest.param("市", id="nothing-but-what-is-left-out"),
    ],
)
def test_another_name_is_none(subject: Any, name: str) -> None:
    assert whose(subject, name=name) is NOT_THEIRS


def test_a_masked_name_is_compared_in_no_time_whatever_it_holds(subject: Any) -> None:
    """A pattern that backtracks would not end within the test's limit."""
    assert whose(subject, name="*石" * 100 + "*厂") is NOT_THEIRS


@given(
    hidden=st.lists(st.booleans(), min_size=len(NAME), max_size=len(NAME)), mask=st.sampled_from(["*", "＊", "某", "×"])
)
def test_every_masked_form_of_the_name_that_tells_enough_is_in_doubt(
    subject: Any, hidden: list[bool], mask: str
) -> None:
    name = "".join(mask if hide else char for char, hide in zip(NAME, hidden, strict=True))
    told = sum(not hide for hide in hidden[: -len("有限公司")]) - (not hidden[NAME.index("市")])
    if told >= 2:
        assert whose(subject, name=name) is IN_DOUBT


# --- Rulings ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        pytest.param({"name": BRANCH_NAME, "uscc": "{USCC}"}, id="in-doubt"),
        pytest.param({"name": NAME}, id="name-only"),
        pytest.param({"uscc": "{OTHER}"}, id="not-theirs"),
        pytest.param({}, id="nobodys"),
    ],
)
def test_an_officers_ruling_settles_it(kit: Any, row: dict[str, str]) -> None:
    wanted = kit.wanted(identifier(2, kit.FORMER), name=NAME)
    told = {key: value.format(USCC=kit.USCC, OTHER=kit.OTHER) for key, value in row.items()}
    assert whose(wanted, ON, kit.USCC, **told) is THEIRS
    assert whose(wanted, ON, kit.FORMER, **told) is THEIRS
    assert whose(wanted, ON, kit.OTHER, **told) is NOT_THEIRS
    assert whose(wanted, ON, "", **told) is NOT_THEIRS


def test_a_ruling_holds_for_rows_that_say_the_same_and_for_no_other() -> None:
    row = RowIdentity(name="示例（北京）AB有限公司", uscc="9111", organisation_code="1-2", registration_number="")
    same = RowIdentity(name=" 示例（北京）ａｂ 有限公司", uscc="９１１１\u200b", organisation_code="1-2")
    assert identity_digest(same) == identity_digest(row)
    others = [
        RowIdentity(name="示例（天津）AB有限公司", uscc="9111", organisation_code="1-2"),
        RowIdentity(name="示例（北京）AB有限公司", uscc="9112", organisation_code="1-2"),
        RowIdentity(name="示例（北京）AB有限公司", uscc="9111", organisation_code="12"),
        RowIdentity(name="示例（北京）AB有限公司", uscc="9111", registration_number="1-2"),
        RowIdentity(name="示例（北京）AB有限公司9111", organisation_code="1-2"),
    ]
    assert len({identity_digest(one) for one in (row, *others)}) == len(others) + 1


def test_the_digest_of_an_identity_stays_what_it_is() -> None:
    """Rulings are kept under it for ever."""
    row = RowIdentity(name="示例（北京）有限公司", uscc="91110105ma0000001k", registration_number="110000 400000017")
    assert identity_digest(row).hex() == "282a28aa0647b59bacc37a60f0f5efe3e5108c123cb48a9541da1534cb7b4a0c"


CHARACTERS = st.text("石家庄市示例精密机械有限公司分（）*＊某.…Xx 门部场省0913MAEXP-无/？", max_size=24)


@given(
    name=CHARACTERS | st.just(f"{NAME}门市部"),
    uscc=CHARACTERS,
    organisation_code=CHARACTERS,
    registration_number=CHARACTERS,
)
def test_an_index_of_folded_identities_says_the_same_as_the_rows(kit: Any, subject: Any, **told: str) -> None:
    row = RowIdentity(**told)
    folded = folded_identity(row)
    assert folded_identity(folded) == folded
    for one in (row, RowIdentity(**{**told, "uscc": kit.USCC})):
        assert match(folded_identity(one), subject, ON) is match(one, subject, ON)
        assert has_identifier(folded_identity(one)) == has_identifier(one)


@given(
    one=CHARACTERS | st.just(NAME),
    other=CHARACTERS | st.sampled_from(["河北省石家庄示例县公司", "河北石家庄市示例公司"]),
)
def test_what_may_be_one_name_by_its_notation_is_one_in_the_index(one: str, other: str) -> None:
    for spelling in name_spellings(one):
        assert folded_identity(RowIdentity(name=spelling)).name == folded_identity(RowIdentity(name=one)).name
    if name_spellings(one) & name_spellings(other):
        assert folded_identity(RowIdentity(name=one)).name == folded_identity(RowIdentity(name=other)).name


@given(CHARACTERS | st.sampled_from(sorted(PLACEHOLDERS)))
def test_what_notation_takes_for_hidden_or_nothing_is_no_usable_name(name: str) -> None:
    assert not (is_masked_name(name) and has_usable_name(RowIdentity(name=name)))
    assert not any(has_usable_name(RowIdentity(name=word)) for word in PLACEHOLDERS)


def test_spellings_of_a_name_are_one_in_the_index(subject: Any) -> None:
    spellings = (NAME, "石家庄示例（精密）机械有限公司", "石家庄市示例精密 机械有限公司")
    assert {folded_identity(RowIdentity(name=name)).name for name in spellings} < {own.name for own in subject.names}
    assert folded_identity(RowIdentity(name="示例……（某）公司")).name == "示例*公司"


@given(st.text(), st.text())
def test_every_text_has_a_digest(name: str, uscc: str) -> None:
    assert len(identity_digest(RowIdentity(name=name, uscc=uscc))) == 32


# --- Nobody's --------------------------------------------------------------------------------------------


def organisation(prefix: str) -> str:
    return next(prefix + last for last in "0123456789X" if is_organisation_code(prefix + last))


@pytest.mark.parametrize("column", ["uscc", "organisation_code", "registration_number"])
@pytest.mark.parametrize("kind", ["code", "organisation code", "registration number"])
def test_an_identifier_is_one_in_whatever_column_it_stands(kit: Any, column: str, kind: str) -> None:
    text = {"code": kit.OTHER, "organisation code": organisation("12345678"), "registration number": ALIAS}[kind]
    assert has_identifier(RowIdentity(**{"name": "", column: f" {text[:5]} {text[5:]}".lower()}))
    last = "0" if text[-1] != "0" else "1"
    assert not has_identifier(RowIdentity(**{"name": "", column: text[:-1] + last}))


@pytest.mark.parametrize("text", ["", "无", "/", "——", "0" * 18, "0" * 9, "0" * 15, "1" * 15, "*" * 18])
def test_a_filler_is_no_identifier(text: str) -> None:
    assert not has_identifier(RowIdentity(name="", uscc=text, organisation_code=text, registration_number=text))


@pytest.mark.parametrize(
    "name", ["", "  ", "无", "/", "——", "0000", "null", "不详", "石家庄示例***有限公司", "某公司", "某某", "ＸＸ公司"]
)
def test_a_name_that_says_nothing_is_not_usable(name: str) -> None:
    assert not has_usable_name(RowIdentity(name=name))


class Names:
    """A registry that knows names."""

    def __init__(self, *entries: RegistryEntry) -> None:
        self.names = {name for entry in entries for name in (entry.name, *(one.name for one in entry.former_names))}
        self.asked: list[str] = []

    async def lookup(self, uscc: str) -> None:
        raise AssertionError(uscc)

    async def knows_name(self, name: str) -> bool:
        self.asked.append(name)
        return name in self.names


@pytest.fixture
def registry(kit: Any) -> Names:
    return Names(
        RegistryEntry(
            uscc=kit.USCC,
            name=NAME,
            kind=1,
            status=1,
            registrations=(Registration(province=kit.OURS, since=date(2015, 1, 1)),),
            former_names=(FormerName(name="石家庄市示例铸造厂", valid_to=date(2022, 12, 31)),),
        )
    )


async def test_a_row_without_identifier_belongs_to_somebody_only_by_a_name_that_the_registry_knows(
    registry: Names,
) -> None:
    assert await is_attributable(RowIdentity(name=f" {NAME}"), registry)
    assert await is_attributable(RowIdentity(name="石家庄市示例铸造厂", uscc="不详"), registry)
    assert not await is_attributable(RowIdentity(name="从未登记过的示例公司"), registry)
    for name in ("", "无", "石家庄市示例***有限公司"):
        assert not await is_attributable(RowIdentity(name=name, uscc="9113**********"), registry)


async def test_a_row_with_an_identifier_belongs_to_somebody_whom_the_registry_need_not_know(
    kit: Any, registry: Names
) -> None:
    assert await is_attributable(RowIdentity(name="", uscc=kit.OTHER), registry)
    assert registry.asked == []


async def test_a_registry_that_cannot_be_asked_is_not_one_that_does_not_know() -> None:
    class Silent(Names):
        async def knows_name(self, name: str) -> bool:
            raise RegistryUnavailableError(name)

    with pytest.raises(RegistryUnavailableError):
        await is_attributable(RowIdentity(name=NAME), Silent())


# --- The document says the same ------------------------------------------------------------------------


def _section() -> str:
    found = re.search(r"^## 5\. Whose a row is\n(.*?)^## 6\.", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_the_document_names_every_ending_and_placeholder() -> None:
    section = _section()
    assert [ending for ending in matching.BRANCH_ENDINGS if ending not in section] == []
    assert [ending for ending in matching._ANYBODYS if ending not in section] == []
    assert [word for word in matching._NO_NAMES if f"`{word}`" not in section] == []
    assert f"fewer than {matching._LEAST_TOLD} characters" in section


def test_the_documents_vectors_are_the_codes() -> None:
    numbers = re.findall(r"^ *\| `([0-9]{15})` \| (yes|no) \|$", _section(), re.MULTILINE)
    assert {answer for _, answer in numbers} == {"yes", "no"}
    for number, answer in numbers:
        assert is_registration_number(number) is (answer == "yes"), number
    digests = re.findall(r"^ *\| (.*) \| `([0-9a-f]{64})` \|$", _section(), re.MULTILINE)
    assert len(digests) >= 2
    for columns, digest in digests:
        name, uscc, organisation_code, number = (
            "" if column == "—" else column.strip("`") for column in columns.split(" | ")
        )
        row = RowIdentity(name=name, uscc=uscc, organisation_code=organisation_code, registration_number=number)
        assert identity_digest(row).hex() == digest
