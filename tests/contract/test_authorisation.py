"""What may be granted, how it is consented to, and what may be asked on that ground: each rule, and what breaks it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from contract import authorisation
from contract.authorisation import (
    LONGEST_TERM,
    PURPOSES_OF_GRANTS,
    ConsentError,
    TermsError,
    check_consent,
    check_terms,
    grant_text,
    objection,
)
from contract.catalogue import PENALTY, SERIOUS_LIST, CellKey, wire_key
from contract.days import china_day, to_timestamp
from contract.deadlines import Label
from contract.payloads import check_constraints
from contract.province import Province
from huren.authorisation.v1 import authorisation_pb2
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2, refusal_pb2
from tests.support.federation import CATALOGUE, GATEWAY, NOW, SUBJECT_CODE, Federation, subject, uscc

TODAY = china_day(NOW)
GRANTEE = uscc(77)
BANK = "示例银行股份有限公司（演示）"
MARKET: CellKey = ("market_regulation", PENALTY)
MARKET_LIST: CellKey = ("market_regulation", SERIOUS_LIST)
TAX: CellKey = ("taxation", PENALTY)
COURT: CellKey = ("court_enforcement", PENALTY)  # the catalogue carries no penalties there
HOME = Province(11)
REQUEST = "1" * 32
FEDERATION = Federation()
DOCUMENT = (Path(__file__).parents[2] / "docs" / "protocols" / "authorisation.md").read_text("utf-8")


def terms(*cells: CellKey, **changes: Any) -> authorisation_pb2.GrantTerms:
    made = authorisation_pb2.GrantTerms(
        subject=authorisation_pb2.Party(uscc=SUBJECT_CODE, name="北京示例机械有限公司"),
        grantee=authorisation_pb2.Party(uscc=GRANTEE, name=BANK),
        purpose=query_pb2.PURPOSE_FINANCING,
        cells=map(wire_key, cells or (MARKET, MARKET_LIST, TAX)),
        window=common_pb2.Window(first_day="2021-11-22", last_day="2027-05-22"),
        max_uses=3,
        written_on=TODAY.isoformat(),
        expires_on="2027-05-22",
        catalogue=CATALOGUE.ref,
        document_number="0123456789abcdef0123456789abcdef",
    )
    for path, value in changes.items():
        *parents, field = path.split("__")
        message: Any = made
        for parent in parents:
            message = getattr(message, parent)
        setattr(message, field, value)
    return made


# --- The text ---------------------------------------------------------------------------------------------------------

TEXT = """\
授权书

授权书编号：0123456789abcdef0123456789abcdef
授权人：北京示例机械有限公司
授权人统一社会信用代码：{subject}
被授权人：示例银行股份有限公司（演示）
被授权人统一社会信用代码：{grantee}

授权人同意被授权人向授权人注册地出具互认版专项信用报告的机构申请查询授权人，并取得、使用据此出具的《京津冀晋跨区域互认专项信用报告》（互认版）。
报告反映授权人在北京市、天津市、河北省、山西省的行政处罚、严重失信主体名单记录。授权的内容如下：

一、用途：融资
二、授权查询事项（互认事项清单2025-12版，共3个领域）：
（1）市场监管（含教育、商务）：行政处罚记录、严重失信主体名单记录
（2）税务：行政处罚记录
（3）法院执行：行政处罚记录（该领域不涉及）
三、查询时段：2021年11月22日至2027年5月22日，含首尾两日。每次查询在此时段之内，不超过5年。
四、查询次数：不超过3次。每次申请计为一次。
五、签署日期：2026年11月22日
六、授权期限：自签署之日起至2027年5月22日止，含当日。
七、被授权人不得转授权，不得将查询结果用于上述用途以外的其他用途。
八、授权人可以随时在注册地的上述机构撤回本授权，无须说明理由。撤回自该机构登记时起生效，此后任何人不得再据本授权书查询。
九、查询、出具报告和撤回授权均不收取任何费用。
十、查询他人信息应当经被查询人书面同意。本授权书即为授权人的书面同意，除本授权书写明的以外，授权人未作其他同意。\
"""


def test_the_text_word_for_word() -> None:
    written = grant_text(terms(MARKET, MARKET_LIST, TAX, COURT), CATALOGUE)

    assert written == TEXT.format(subject=SUBJECT_CODE, grantee=GRANTEE)
    assert written in DOCUMENT, "the worked example"


def test_only_what_is_granted_is_named() -> None:
    written = grant_text(terms(MARKET_LIST), CATALOGUE)

    assert "严重失信主体名单记录" in written
    assert "行政处罚" not in written
    assert "税务" not in written


CELLS = st.lists(st.sampled_from(CATALOGUE.cells), min_size=1, unique=True).filter(
    lambda cells: not CATALOGUE.carried.keys().isdisjoint(cells)
)
NAMES = st.text(alphabet="示例甲乙（）、：0A ", min_size=1, max_size=8).filter(lambda name: name == name.strip())


@st.composite
def any_terms(draw: st.DrawFn) -> authorisation_pb2.GrantTerms:
    expires = TODAY + timedelta(days=draw(st.integers(0, 365)))
    first = date(2021, 11, 22) + timedelta(days=draw(st.integers(0, 2000)))
    return terms(
        *draw(CELLS),
        subject__name=draw(NAMES),
        grantee__name=draw(NAMES),
        grantee__uscc=uscc(draw(st.integers(2, 9))),
        purpose=draw(st.sampled_from(sorted(PURPOSES_OF_GRANTS))),
        window__first_day=min(first, expires).isoformat(),
        window__last_day=max(min(first, expires), expires - timedelta(days=draw(st.integers(0, 9)))).isoformat(),
        max_uses=draw(st.integers(1, 1000)),
        expires_on=expires.isoformat(),
        document_number=f"{draw(st.integers(0, 1)):032x}",
    )


def as_value(one: authorisation_pb2.GrantTerms) -> bytes:
    ordered = authorisation_pb2.GrantTerms()
    ordered.CopyFrom(one)
    ordered.ClearField("cells")
    ordered.cells.extend(sorted(one.cells, key=lambda key: (key.domain, key.kind)))
    return ordered.SerializeToString(deterministic=True)


@given(any_terms(), any_terms())
def test_a_text_is_of_one_consent_only(one: authorisation_pb2.GrantTerms, other: authorisation_pb2.GrantTerms) -> None:
    check_terms(one, CATALOGUE, TODAY)

    assert (grant_text(one, CATALOGUE) == grant_text(other, CATALOGUE)) == (as_value(one) == as_value(other))


@given(any_terms(), st.randoms(use_true_random=False))
def test_the_order_of_cells_says_nothing(one: authorisation_pb2.GrantTerms, random: Any) -> None:
    cells = list(one.cells)
    random.shuffle(cells)
    other = authorisation_pb2.GrantTerms()
    other.CopyFrom(one)
    other.ClearField("cells")
    other.cells.extend(cells)

    assert grant_text(other, CATALOGUE) == grant_text(one, CATALOGUE)


def test_the_longest_text_is_carried() -> None:
    longest = terms(*CATALOGUE.cells, subject__name="示" * 200, grantee__name="示" * 200)
    check_terms(longest, CATALOGUE, TODAY)

    check_constraints(authorisation_pb2.Consent(text=grant_text(longest, CATALOGUE), certificate=b"c", signature=b"s"))


# --- The terms --------------------------------------------------------------------------------------------------------

LEAP = date(2028, 2, 29)

BROKEN_TERMS: dict[str, tuple[str, str, authorisation_pb2.GrantTerms]] = {
    "no uses": ("G-1", "max_uses", terms(max_uses=0)),
    "a document number of another form": ("G-1", "document_number", terms(document_number="1")),
    "no cells": ("G-1", "cells", authorisation_pb2.GrantTerms.FromString(terms().SerializeToString())),
    "a line break in a name": ("G-1", "name", terms(subject__name="示例\n被授权人：他人")),
    "a line separator in a name": ("G-1", "grantee.name", terms(grantee__name="示例\u2028他人")),
    "something that nobody sees in a name": ("G-1", "subject.name", terms(subject__name="示\u200b例")),
    "blanks around a name": ("G-1", "grantee.name", terms(grantee__name=" 示例")),
    "a subject that is not served": ("G-2", "subject.uscc", terms(subject__uscc=uscc(1, "11110105"))),
    "a subject's code with a wrong check character": ("G-2", "subject.uscc", terms(subject__uscc="9" * 18)),
    "a grantee's code with a wrong check character": ("G-3", "grantee.uscc", terms(grantee__uscc="9" * 18)),
    "the subject as its own grantee": ("G-3", "grantee.uscc", terms(grantee__uscc=SUBJECT_CODE)),
    "no purpose stated": ("G-4", "purpose", terms(purpose=query_pb2.PURPOSE_NOT_STATED)),
    "another catalogue": ("G-5", "catalogue", terms(catalogue__digest=b"\1" * 32)),
    "a cell of no catalogue": ("G-5", "cells", terms(MARKET, ("astrology", PENALTY))),
    "a cell twice": ("G-5", "cells", terms(MARKET, MARKET)),
    "nothing that is carried": ("G-5", "cells", terms(COURT)),
    "written yesterday": ("G-6", "written_on", terms(written_on="2026-11-21")),
    "written tomorrow": ("G-6", "written_on", terms(written_on="2026-11-23")),
    "a last day that does not exist": ("G-7", "expires_on", terms(expires_on="2027-02-29")),
    "expired before it was written": ("G-7", "expires_on", terms(expires_on="2026-11-21")),
    "for more than a year": ("G-7", "expires_on", terms(expires_on="2027-11-23")),
    "a window whose first day does not exist": ("G-8", "window", terms(window__first_day="2023-02-29")),
    "an inverted window": ("G-8", "window", terms(window__last_day="2021-11-21")),
    "a window that begins over five years ago": ("G-8", "window", terms(window__first_day="2021-11-21")),
    "a window that ends after the last day": ("G-8", "window", terms(window__last_day="2027-05-23")),
}
BROKEN_TERMS["no cells"][2].ClearField("cells")


@pytest.mark.parametrize(("number", "field", "broken"), BROKEN_TERMS.values(), ids=BROKEN_TERMS.keys())
def test_terms_that_break_a_rule(number: str, field: str, broken: authorisation_pb2.GrantTerms) -> None:
    with pytest.raises(TermsError) as caught:
        check_terms(broken, CATALOGUE, TODAY)

    assert caught.value.number == number
    assert field in caught.value.field
    assert re.search("[\u4e00-\u9fff]", caught.value.rule.zh)
    assert caught.value.rule.en.isascii()


@pytest.mark.parametrize("purpose", [query_pb2.PURPOSE_UNSPECIFIED, query_pb2.PURPOSE_OFFICIAL_DUTY])
def test_purposes_that_the_contract_itself_does_not_let_be_granted(purpose: Any) -> None:
    with pytest.raises(TermsError, match="G-1: purpose"):
        check_terms(terms(purpose=purpose), CATALOGUE, TODAY)
    assert purpose not in PURPOSES_OF_GRANTS


@pytest.mark.parametrize(
    "fine",
    [
        terms(),
        terms(expires_on="2027-11-22", window__last_day="2027-11-22"),
        terms(expires_on="2026-11-22", window__last_day="2021-11-22"),
        terms(MARKET, COURT),
        terms(grantee__uscc=uscc(1, "11110105")),  # an authority may be granted as well as a bank
    ],
    ids=["usual", "a whole year", "a day", "a cell that does not apply beside one that does", "a grantee of any kind"],
)
def test_terms_that_keep_the_rules(fine: authorisation_pb2.GrantTerms) -> None:
    check_terms(fine, CATALOGUE, TODAY)


def test_five_years_and_one_year_of_a_leap_day() -> None:
    leap = {"written_on": "2028-02-29", "expires_on": "2029-02-28", "window__first_day": "2023-02-28"}
    check_terms(terms(**leap), CATALOGUE, LEAP)
    for changes in ({"expires_on": "2029-03-01"}, {"window__first_day": "2023-02-27"}):
        with pytest.raises(TermsError):
            check_terms(terms(**(leap | changes)), CATALOGUE, LEAP)


def test_the_longest_term_is_a_default_that_nobody_confirmed() -> None:
    assert (LONGEST_TERM.years, LONGEST_TERM.label, LONGEST_TERM.verified) == (1, Label.DEFAULT, False)


# --- The consent ------------------------------------------------------------------------------------------------------

ENTERPRISE = f"urn:huren:enterprise:{SUBJECT_CODE}"
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
BEGIN, END = NOW - timedelta(days=30), NOW + timedelta(days=30)


def certificate(*uris: str, key: Any = EC_KEY, begin: datetime = BEGIN, end: datetime = END) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "示例（演示）")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(end)
    )
    if uris:
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri) for uri in uris]
        builder = builder.add_extension(
            x509.SubjectAlternativeName([*names, x509.DNSName("example.invalid")]), critical=False
        )
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()
    return builder.sign(key, digest).public_bytes(Encoding.DER)


def consent(text: str | None = None, **changes: Any) -> authorisation_pb2.Consent:
    text = grant_text(terms(), CATALOGUE) if text is None else text
    made = authorisation_pb2.Consent(
        text=text, certificate=certificate(ENTERPRISE), signature=EC_KEY.sign(text.encode(), ec.ECDSA(SHA256()))
    )
    for field, value in changes.items():
        setattr(made, field, value)
    return made


CONSENT = consent()
CERTIFICATE = CONSENT.certificate
SIGNED = CONSENT.text.encode()
RSA_KEY = rsa.generate_private_key(65537, 2048)
P384_KEY = ec.generate_private_key(ec.SECP384R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())

BROKEN_CONSENTS: dict[str, tuple[str, authorisation_pb2.Consent]] = {
    "another text, well signed": ("G-9", consent(CONSENT.text.replace("不超过3次", "不超过9次"))),
    "a line break more": ("G-9", consent(CONSENT.text + "\n")),
    "no certificate": ("G-10", consent(certificate=b"no certificate")),
    "a certificate and a byte": ("G-10", consent(certificate=CERTIFICATE + b"\0")),
    "a certificate in PEM": (
        "G-10",
        consent(certificate=x509.load_der_x509_certificate(CERTIFICATE).public_bytes(Encoding.PEM)),
    ),
    "a certificate without names": ("G-10", consent(certificate=certificate())),
    "another enterprise's": ("G-10", consent(certificate=certificate(f"urn:huren:enterprise:{GRANTEE}"))),
    "the subject and another one": (
        "G-10",
        consent(certificate=certificate(ENTERPRISE, f"urn:huren:enterprise:{GRANTEE}")),
    ),
    "the subject twice": ("G-10", consent(certificate=certificate(ENTERPRISE, ENTERPRISE))),
    "in another case": ("G-10", consent(certificate=certificate(ENTERPRISE.replace("urn:", "URN:")))),
    "an operator's": ("G-10", consent(certificate=certificate("urn:huren:operator:ops-1"))),
    "not valid yet": ("G-11", consent(certificate=certificate(ENTERPRISE, begin=NOW + timedelta(seconds=1)))),
    "not valid any more": ("G-11", consent(certificate=certificate(ENTERPRISE, end=NOW - timedelta(seconds=1)))),
    "signed by another key": ("G-12", consent(signature=OTHER_KEY.sign(SIGNED, ec.ECDSA(SHA256())))),
    "another hash": ("G-12", consent(signature=EC_KEY.sign(SIGNED, ec.ECDSA(SHA384())))),
    "the text in another encoding": (
        "G-12",
        consent(signature=EC_KEY.sign(CONSENT.text.encode("gb18030"), ec.ECDSA(SHA256()))),
    ),
    "no signature": ("G-12", consent(signature=b"no signature")),
    "Ed25519 by another key": (
        "G-12",
        consent(
            certificate=certificate(ENTERPRISE, key=ED_KEY),
            signature=ed25519.Ed25519PrivateKey.generate().sign(SIGNED),
        ),
    ),
    "a curve that is not accepted": (
        "G-12",
        consent(certificate=certificate(ENTERPRISE, key=P384_KEY), signature=P384_KEY.sign(SIGNED, ec.ECDSA(SHA256()))),
    ),
    "a key that is not accepted": (
        "G-12",
        consent(certificate=certificate(ENTERPRISE, key=RSA_KEY), signature=b"any"),
    ),
}


@pytest.mark.parametrize(("number", "broken"), BROKEN_CONSENTS.values(), ids=BROKEN_CONSENTS.keys())
def test_a_consent_that_breaks_a_rule(number: str, broken: authorisation_pb2.Consent) -> None:
    with pytest.raises(ConsentError) as caught:
        check_consent(terms(), broken, CATALOGUE, NOW)

    assert caught.value.number == number
    assert caught.value.field.startswith("consent.")
    assert re.search("[\u4e00-\u9fff]", caught.value.rule.zh)
    assert caught.value.rule.en.isascii()


def test_a_consent_by_either_kind_of_key() -> None:
    check_consent(terms(), CONSENT, CATALOGUE, NOW)
    check_consent(
        terms(),
        consent(certificate=certificate(ENTERPRISE, key=ED_KEY), signature=ED_KEY.sign(SIGNED)),
        CATALOGUE,
        NOW,
    )


@pytest.mark.parametrize("at", [BEGIN, END])
def test_a_certificate_is_valid_from_its_first_to_its_last_second(at: datetime) -> None:
    check_consent(terms(), CONSENT, CATALOGUE, at)


@given(any_terms())
def test_a_consent_is_to_its_own_terms_only(other: authorisation_pb2.GrantTerms) -> None:
    if as_value(other) != as_value(terms()):
        with pytest.raises(ConsentError):
            check_consent(other, CONSENT, CATALOGUE, NOW)


def flipped(whole: bytes, position: int, bit: int) -> bytes:
    position %= len(whole)
    return whole[:position] + bytes([whole[position] ^ (1 << bit)]) + whole[position + 1 :]


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_by_name(some: bytes) -> None:
    for broken in (consent(certificate=some), consent(signature=some)):
        with pytest.raises(ConsentError):
            check_consent(terms(), broken, CATALOGUE, NOW)


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@given(st.integers(0, 5000), st.integers(0, 7))
def test_a_certificate_of_which_a_bit_is_flipped_never_raises_anything_else(position: int, bit: int) -> None:
    try:
        check_consent(terms(), consent(certificate=flipped(CERTIFICATE, position, bit)), CATALOGUE, NOW)
    except ConsentError:
        return


@given(st.integers(0, 5000), st.integers(0, 7))
def test_a_text_of_which_a_bit_is_flipped_is_refused(position: int, bit: int) -> None:
    other = flipped(SIGNED, position, bit).decode("utf-8", "replace")
    with pytest.raises(ConsentError):
        check_consent(terms(), consent(other), CATALOGUE, NOW)


# --- A query ----------------------------------------------------------------------------------------------------------

GRANT_ID = b"g" * 32


def grant(**changes: Any) -> authorisation_pb2.Grant:
    return authorisation_pb2.Grant(header=FEDERATION.header(HOME, GATEWAY), terms=terms(**changes), consent=CONSENT)


def query(**changes: Any) -> query_pb2.Query:
    made = query_pb2.Query(
        header=FEDERATION.header(HOME, GATEWAY),
        request_id=REQUEST,
        subject=subject(),
        window=common_pb2.Window(first_day="2021-11-22", last_day="2026-11-22"),
        cells=[wire_key(MARKET), wire_key(TAX)],
        purpose=query_pb2.PURPOSE_FINANCING,
        authorisation=query_pb2.Authorisation(
            basis=query_pb2.AUTHORISATION_BASIS_GRANT,
            grant_statement_id=GRANT_ID,
            grant_status=query_pb2.GRANT_STATUS_IN_FORCE,
            grant_status_at=to_timestamp(NOW),
            use_ordinal=1,
        ),
    )
    made.header.issued_at.CopyFrom(to_timestamp(changes.pop("at", NOW)))
    for path, value in changes.items():
        *parents, field = path.split("__")
        message: Any = made
        for parent in parents:
            message = getattr(message, parent)
        if isinstance(value, list):
            del getattr(message, field)[:]
            getattr(message, field).extend(value)
        elif isinstance(value, datetime):
            getattr(message, field).CopyFrom(to_timestamp(value))
        else:
            setattr(message, field, value)
    return made


def reason(made: query_pb2.Query, known: authorisation_pb2.Grant | None = None, **knowledge: Any) -> str:
    """What a query of the home is answered; the empty text: it may be answered."""
    facts: dict[str, Any] = {"revoked": False, "uses": {}, "signer": HOME, **knowledge}
    objected = objection(made, known, **facts)
    if objected is None:
        return ""
    assert str(SUBJECT_CODE) not in objected.detail
    return refusal_pb2.RefusalReason.Name(objected.reason).removeprefix("REFUSAL_REASON_")


BEYOND: dict[str, Callable[[], str]] = {
    "another home's grant": lambda: reason(query(), grant(), signer=Province(12)),
    "another subject": lambda: reason(query(subject__uscc=uscc(2)), grant()),
    "another purpose": lambda: reason(query(purpose=query_pb2.PURPOSE_TENDER), grant()),
    "a cell more": lambda: reason(query(cells=[wire_key(MARKET), wire_key(("taxation", SERIOUS_LIST))]), grant()),
    "a day before": lambda: reason(query(window__first_day="2021-11-21"), grant()),
    "a day after": lambda: reason(query(), grant(window__last_day="2026-11-21")),
    "before it was written": lambda: reason(query(), grant(written_on="2026-11-23")),
    "after it expired": lambda: reason(query(), grant(expires_on="2026-11-21")),
    "the home does not say that it is in force": lambda: reason(query(authorisation__grant_status=0), grant()),
    "an old look": lambda: reason(
        query(authorisation__grant_status_at=NOW - timedelta(seconds=60, microseconds=1)), grant()
    ),
    "a look of later": lambda: reason(
        query(authorisation__grant_status_at=NOW + timedelta(seconds=60, microseconds=1)), grant()
    ),
    "no ordinal": lambda: reason(query(authorisation__use_ordinal=0), grant()),
    "more uses than granted": lambda: reason(query(authorisation__use_ordinal=4), grant()),
    "another request's ordinal": lambda: reason(query(), grant(), uses={1: "2" * 32}),
    "another ordinal of the request": lambda: reason(query(), grant(), uses={2: REQUEST}),
}


@pytest.mark.parametrize("asked", BEYOND.values(), ids=BEYOND.keys())
def test_what_goes_beyond_the_grant_is_not_authorised(asked: Callable[[], str]) -> None:
    assert asked() == "NOT_AUTHORISED"


@pytest.mark.parametrize(
    ("made", "known", "uses"),
    [
        pytest.param(query(), grant(), {}, id="the first use"),
        pytest.param(query(), grant(), {1: REQUEST}, id="the same request again"),
        pytest.param(query(authorisation__use_ordinal=3), grant(), {1: "2" * 32}, id="the last use"),
        pytest.param(
            query(authorisation__grant_status_at=NOW - timedelta(seconds=60)), grant(), {}, id="looked at a minute ago"
        ),
        pytest.param(query(), grant(expires_on="2026-11-22"), {}, id="the last day"),
        pytest.param(
            query(
                at=datetime(2026, 11, 22, 15, 59, 59, tzinfo=UTC),
                authorisation__grant_status_at=datetime(2026, 11, 22, 15, 59, 59, tzinfo=UTC),
            ),
            grant(expires_on="2026-11-22"),
            {},
            id="the last second of the last day, in China",
        ),
        pytest.param(query(window__last_day="2021-11-22"), grant(window__last_day="2021-11-22"), {}, id="a day"),
    ],
)
def test_what_is_granted_may_be_answered(
    made: query_pb2.Query, known: authorisation_pb2.Grant, uses: dict[int, str]
) -> None:
    assert reason(made, known, uses=uses) == ""


def test_a_grant_that_has_not_arrived_may_still_arrive() -> None:
    assert reason(query(), None) == "GRANT_NOT_KNOWN"


def test_a_grant_that_was_taken_back_counts_no_more_whether_it_has_arrived_or_not() -> None:
    assert reason(query(), grant(), revoked=True) == "GRANT_REVOKED"
    assert reason(query(), None, revoked=True) == "GRANT_REVOKED"


def test_whether_anothers_grant_was_taken_back_is_not_told() -> None:
    assert reason(query(), grant(), revoked=True, signer=Province(12)) == "NOT_AUTHORISED"


@pytest.mark.parametrize("basis", [query_pb2.AUTHORISATION_BASIS_SELF, query_pb2.AUTHORISATION_BASIS_AGENT])
def test_the_subject_and_its_agent_need_no_grant(basis: Any) -> None:
    assert reason(query(authorisation__basis=basis), None) == ""


@pytest.mark.parametrize(
    ("matter", "purpose", "expected"),
    [
        ("示例〔2026〕1号", query_pb2.PURPOSE_OFFICIAL_DUTY, ""),
        ("", query_pb2.PURPOSE_OFFICIAL_DUTY, "NOT_AUTHORISED"),
        (" ", query_pb2.PURPOSE_OFFICIAL_DUTY, "NOT_AUTHORISED"),
        ("示例〔2026〕1号", query_pb2.PURPOSE_TENDER, "NOT_AUTHORISED"),
    ],
)
def test_an_officer_asks_in_a_matter_and_on_duty(matter: str, purpose: Any, expected: str) -> None:
    officer = query_pb2.AUTHORISATION_BASIS_OFFICIAL_DUTY
    asked = query(authorisation__basis=officer, authorisation__matter_number=matter, purpose=purpose)

    assert reason(asked, None) == expected


def test_a_ground_that_is_not_known_is_none() -> None:
    assert reason(query(authorisation__basis=0), grant()) == "NOT_AUTHORISED"


@given(st.dictionaries(st.integers(1, 4), st.sampled_from([REQUEST, "2" * 32, "3" * 32])), st.integers(0, 5))
def test_an_ordinal_is_one_requests_and_a_request_has_one(uses: dict[int, str], ordinal: int) -> None:
    """Whatever was told: an accepted use leaves ordinals and requests one to one, if they were so before."""
    accepted = not reason(query(authorisation__use_ordinal=ordinal), grant(), uses=uses)
    one_to_one = len(set(uses.values())) == len(uses)

    if accepted:
        after = uses | {ordinal: REQUEST}
        assert 1 <= ordinal <= 3
        assert uses.get(ordinal, REQUEST) == REQUEST
        assert not one_to_one or len(set(after.values())) == len(after)
    elif one_to_one and 1 <= ordinal <= 3:
        assert uses.get(ordinal, REQUEST) != REQUEST or REQUEST in {uses[o] for o in uses if o != ordinal}


# --- The document -----------------------------------------------------------------------------------------------------


def test_rules_stand_in_both_word_for_word() -> None:
    in_code: dict[str, str] = {}
    for number, begin, rest in re.findall(
        r"^ (G-\d+) +(\S.*)((?:\n {7}\S.*)*)$", authorisation.__doc__ or "", re.MULTILINE
    ):
        in_code[number] = " ".join([begin, *rest.split()])
    in_document = dict(re.findall(r"^- \*\*(G-\d+)\*\* (.+)$", DOCUMENT, re.MULTILINE))

    assert list(in_code) == [f"G-{number}" for number in range(1, 15)]
    assert in_document == in_code


def test_the_example_of_the_document() -> None:
    written = grant_text(terms(MARKET, MARKET_LIST, TAX, COURT), CATALOGUE).encode()
    facts = dict(re.findall(r"^\| ([^|]+?) \| `([0-9a-f]+)` \|$", DOCUMENT, re.MULTILINE))
    (seed,) = (value for name, value in facts.items() if name.startswith("private key"))

    assert facts["bytes in UTF-8"] == str(len(written))
    assert facts["SHA-256 of them"] == hashlib.sha256(written).hexdigest()
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    assert facts["signature over them"] == key.sign(written).hex()


def test_the_refusals_of_the_document_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| \d \| .* \| ([A-Z_]+) \|$", DOCUMENT, re.MULTILINE)
    known = {name.removeprefix("REFUSAL_REASON_") for name in refusal_pb2.RefusalReason.keys()}  # noqa: SIM118

    assert len(rows) == 9
    assert set(rows) == {"NOT_AUTHORISED", "GRANT_REVOKED", "GRANT_NOT_KNOWN"} <= known
