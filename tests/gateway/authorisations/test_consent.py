"""What can be granted, and what counts as a consent. On one database: none decides anything here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.authorisation import check_terms, grant_text
from contract.days import DayRange
from contract.errors import ErrorCode, HurenError
from contract.province import Province
from gateway.authorisations.consent import EnterpriseAuthorities
from gateway.store import tables
from huren.authorisation.v1 import authorisation_pb2
from huren.authorisation.v1 import authorisation_service_pb2 as wire
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from sandbox.pki import PKI, Authority, issue_enterprise_certificate, make_pki
from tests.support.federation import CATALOGUE, NOW, SUBJECT_CODE, registry_entry, uscc
from tests.support.granting import (
    BANK,
    BANK_NAME,
    STRANGER,
    SUBJECT_NAME,
    GrantingHome,
    Silence,
    draft_request,
    enterprise,
    officer,
    root,
)

BEIJING, TIANJIN, HEBEI, SHANXI = Province

IN_FORCE = wire.GRANT_STATE_IN_FORCE
REVOKED = wire.GRANT_STATE_REVOKED
EXPIRED = wire.GRANT_STATE_EXPIRED
USED_UP = wire.GRANT_STATE_USED_UP
GIVEN = wire.GRANT_SIDE_GIVEN
RECEIVED = wire.GRANT_SIDE_RECEIVED


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


async def refusal(call: Any) -> HurenError:
    with pytest.raises(HurenError) as caught:
        await call
    return caught.value


# --- Drafting ----------------------------------------------------------------------------------------------------------------


async def test_a_draft_says_what_was_chosen_and_the_rest_by_default(home: GrantingHome) -> None:
    draft = await home.draft()

    terms = draft.terms
    assert (terms.subject.uscc, terms.subject.name) == (SUBJECT_CODE, SUBJECT_NAME)
    assert (terms.grantee.uscc, terms.grantee.name) == (BANK, BANK_NAME)
    assert (terms.purpose, terms.max_uses) == (query_pb2.PURPOSE_FINANCING, 3)
    assert (terms.written_on, terms.expires_on) == ("2026-11-22", "2026-12-31")
    assert terms.window == DayRange(date(2021, 11, 22), date(2026, 12, 31)).to_wire()
    assert tuple((cell.domain, cell.kind) for cell in terms.cells) == CATALOGUE.cells
    assert terms.catalogue == CATALOGUE.ref
    check_terms(terms, CATALOGUE, date(2026, 11, 22))
    assert draft.text == grant_text(terms, CATALOGUE)
    assert await home.rows(tables.grants) == await home.rows(tables.audit) == []


async def test_a_draft_takes_domains_kinds_and_window_as_they_were_chosen(home: GrantingHome) -> None:
    domain, kind = next(iter(CATALOGUE.carried))
    window = common_pb2.Window(first_day="2024-01-01", last_day="2026-11-22")

    draft = await home.draft(domains=[domain], kinds=[kind], window=window)

    assert [(cell.domain, cell.kind) for cell in draft.terms.cells] == [(domain, kind)]
    assert draft.terms.window == window


async def test_no_two_drafts_have_one_document_number(home: GrantingHome) -> None:
    numbers = {(await home.draft()).terms.document_number for _ in range(3)}

    assert len(numbers) == 3
    assert all(len(bytes.fromhex(number)) == 16 for number in numbers)


async def test_a_code_is_folded_and_an_authority_may_be_granted(home: GrantingHome) -> None:
    assert (await home.draft(grantee_uscc=f" {BANK.lower()} ")).terms.grantee.uscc == BANK
    authority = uscc(3, "11110105")
    assert (await home.draft(grantee_uscc=authority, grantee_name="示例区局（演示）")).terms.grantee.uscc == authority


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        pytest.param({"grantee_uscc": "91"}, ErrorCode.USCC_MALFORMED, "grantee_uscc", id="no code"),
        pytest.param({"grantee_name": "示例银行"}, ErrorCode.GRANT_TERMS_UNACCEPTABLE, "grantee_name", id="name"),
        pytest.param(
            {"grantee_uscc": SUBJECT_CODE, "grantee_name": SUBJECT_NAME},
            ErrorCode.GRANT_TERMS_UNACCEPTABLE,
            "grantee_uscc",
            id="itself",
        ),
        pytest.param({"purpose": 0}, ErrorCode.GRANT_TERMS_UNACCEPTABLE, "purpose", id="no purpose"),
        pytest.param(
            {"purpose": query_pb2.PURPOSE_NOT_STATED}, ErrorCode.GRANT_TERMS_UNACCEPTABLE, "purpose", id="not stated"
        ),
        pytest.param(
            {"purpose": query_pb2.PURPOSE_OFFICIAL_DUTY}, ErrorCode.GRANT_TERMS_UNACCEPTABLE, "purpose", id="duty"
        ),
        pytest.param({"domains": ["no_such"]}, ErrorCode.DOMAIN_UNKNOWN, "domains", id="domain"),
        pytest.param({"expires_on": ""}, ErrorCode.GRANT_TERMS_UNACCEPTABLE, "expires_on", id="no last day"),
        pytest.param({"expires_on": "2026-13-01"}, ErrorCode.GRANT_TERMS_UNACCEPTABLE, "expires_on", id="no day"),
        pytest.param({"expires_on": "2026-11-21"}, ErrorCode.GRANT_TERMS_UNACCEPTABLE, "expires_on", id="past"),
        pytest.param({"expires_on": "2027-11-23"}, ErrorCode.GRANT_TERMS_UNACCEPTABLE, "expires_on", id="over a year"),
        pytest.param({"max_uses": 0}, ErrorCode.GRANT_TERMS_UNACCEPTABLE, "max_uses", id="no use"),
        pytest.param(
            {"window": common_pb2.Window(first_day="2026-02-01", last_day="2026-01-01")},
            ErrorCode.GRANT_TERMS_UNACCEPTABLE,
            "window",
            id="window",
        ),
    ],
)
async def test_what_cannot_be_granted_is_not_drafted(
    home: GrantingHome, changes: dict[str, Any], code: ErrorCode, field: str
) -> None:
    error = await refusal(home.draft(**changes))

    assert (error.code, error.field) == (code, field)


async def test_the_longest_term_is_a_year(home: GrantingHome) -> None:
    assert (await home.draft(expires_on="2027-11-22")).terms.expires_on == "2027-11-22"


async def test_a_wrong_name_of_the_grantee_does_not_tell_the_right_one(home: GrantingHome) -> None:
    error = await refusal(home.draft(grantee_name="示例银行"))

    assert BANK_NAME not in error.message_zh + error.message_en


async def test_a_grantee_that_the_registry_does_not_know_is_called_as_the_subject_calls_it(home: GrantingHome) -> None:
    assert (await home.draft(grantee_uscc=STRANGER, grantee_name="示例甲")).terms.grantee.name == "示例甲"


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        pytest.param(registry_entry(home=HEBEI), ErrorCode.FOREIGN_HOME, id="another home"),
        pytest.param(registry_entry(home=None), ErrorCode.HOME_OUTSIDE, id="outside"),
        pytest.param(
            registry_entry(status=common_pb2.REGISTRATION_STATUS_CANCELLED), ErrorCode.SUBJECT_CANCELLED, id="cancelled"
        ),
        pytest.param(None, ErrorCode.SUBJECT_UNKNOWN, id="without a name"),
    ],
)
async def test_only_a_subject_of_this_home_drafts_and_gives(home: GrantingHome, entry: Any, code: ErrorCode) -> None:
    signed = home.signed(await home.draft())
    del home.registry.entries[SUBJECT_CODE]
    if entry is not None:
        home.registry.entries[SUBJECT_CODE] = entry

    assert (await refusal(home.draft())).code is code
    assert (await refusal(home.service.give(signed, enterprise()))).code is code
    assert await home.rows(tables.grants) == []


async def test_where_the_registry_is_silent_nothing_is_drafted_and_asking_later_may_help(home: GrantingHome) -> None:
    service = home.service_with(registry=Silence())

    error = await refusal(service.draft(draft_request(), enterprise(), NOW))

    assert error.code is ErrorCode.STORE_UNAVAILABLE
    assert error.retry_after is not None


async def test_an_officer_neither_drafts_gives_takes_back_nor_lists(home: GrantingHome) -> None:
    grant = await home.give()
    signed = home.signed(await home.draft())

    for call in (
        home.service.draft(draft_request(), officer(), NOW),
        home.service.give(signed, officer()),
        home.service.revoke(grant.grant_statement_id, officer()),
        home.service.list(GIVEN, officer()),
        home.look_ups.of(officer()),
        home.look_ups.export_csv(officer()),
    ):
        assert (await refusal(call)).code is ErrorCode.NOT_PERMITTED
    assert (await home.service.list(GIVEN, enterprise()))[0].state == IN_FORCE


# --- The consent -------------------------------------------------------------------------------------------------------------


def _raise_uses(terms: authorisation_pb2.GrantTerms) -> None:
    terms.max_uses += 1


def _other_grantee(terms: authorisation_pb2.GrantTerms) -> None:
    terms.grantee.uscc, terms.grantee.name = STRANGER, "示例甲"


def _other_purpose(terms: authorisation_pb2.GrantTerms) -> None:
    terms.purpose = query_pb2.PURPOSE_LISTING


def _later(terms: authorisation_pb2.GrantTerms) -> None:
    terms.expires_on = "2027-01-01"


def _fewer_cells(terms: authorisation_pb2.GrantTerms) -> None:
    del terms.cells[-1]


def _other_window(terms: authorisation_pb2.GrantTerms) -> None:
    terms.window.first_day = "2021-11-23"


def _other_number(terms: authorisation_pb2.GrantTerms) -> None:
    terms.document_number = "0" * 32


@pytest.mark.parametrize(
    "change",
    [_raise_uses, _other_grantee, _other_purpose, _later, _fewer_cells, _other_window, _other_number],
)
async def test_terms_that_were_altered_after_they_were_signed_are_no_consent(
    home: GrantingHome, change: Callable[[authorisation_pb2.GrantTerms], None]
) -> None:
    signed = home.signed(await home.draft())
    change(signed.terms)

    error = await refusal(home.service.give(signed, enterprise()))

    assert (error.code, error.field) == (ErrorCode.CONSENT_NOT_ACCEPTED, "signature")
    assert await home.rows(tables.grants) == await home.told() == []
    assert [(row["action"], row["result"]) for row in await home.rows(tables.audit)] == [("grant", error.code)]


@pytest.mark.parametrize("position", [0, 40, -1])
async def test_a_text_altered_by_one_character_is_no_consent(home: GrantingHome, position: int) -> None:
    draft = await home.draft()
    altered = list(draft.text)
    altered[position] = "改"

    error = await refusal(home.service.give(home.signed(draft, text="".join(altered)), enterprise()))

    assert error.code is ErrorCode.CONSENT_NOT_ACCEPTED


async def test_another_enterprise_cannot_consent_for_the_subject(home: GrantingHome) -> None:
    draft = await home.draft()

    by_stranger = await refusal(home.service.give(home.signed(draft, by=STRANGER), enterprise()))
    home.registry.entries[STRANGER] = registry_entry(STRANGER, "示例他人")
    as_stranger = await refusal(home.service.give(home.signed(draft), enterprise(STRANGER)))

    assert (by_stranger.code, by_stranger.field) == (ErrorCode.CONSENT_NOT_ACCEPTED, "certificate")
    assert (as_stranger.code, as_stranger.field) == (ErrorCode.GRANT_TERMS_UNACCEPTABLE, "terms.subject")
    assert await home.rows(tables.grants) == []


async def test_a_grant_is_not_found_by_giving_it_again_as_another(home: GrantingHome) -> None:
    draft = await home.draft()
    await home.service.give(home.signed(draft), enterprise())

    error = await refusal(home.service.give(home.signed(draft), enterprise(STRANGER)))

    assert error.code is ErrorCode.GRANT_TERMS_UNACCEPTABLE


@pytest.fixture(scope="session")
def others(tmp_path_factory: pytest.TempPathFactory) -> PKI:
    """Authorities with the names of ours, and with other keys."""
    return make_pki(tmp_path_factory.mktemp("others") / "pki", [BEIJING], NOW)


async def test_a_certificate_of_another_authority_is_no_consent(home: GrantingHome, others: PKI) -> None:
    home.certify(SUBJECT_CODE, pki=others)

    error = await refusal(home.service.give(home.signed(await home.draft()), enterprise()))

    assert (error.code, error.field) == (ErrorCode.CONSENT_NOT_ACCEPTED, "certificate")
    assert await home.rows(tables.grants) == []


async def test_an_authority_of_members_does_not_count_for_enterprises(home: GrantingHome) -> None:
    service = home.service_with(authorities=[root(home.pki, Authority.MEMBERS)])

    error = await refusal(service.give(home.signed(await home.draft()), enterprise()))

    assert (error.code, error.field) == (ErrorCode.CONSENT_NOT_ACCEPTED, "certificate")


async def test_any_of_several_authorities_will_do(home: GrantingHome, others: PKI) -> None:
    service = home.service_with(authorities=[root(others), root(home.pki)])

    assert (await service.give(home.signed(await home.draft()), enterprise())).state == IN_FORCE


@pytest.mark.parametrize("certified", [NOW - timedelta(days=91), NOW + timedelta(hours=2)], ids=["expired", "not yet"])
async def test_a_certificate_outside_its_period_is_no_consent(home: GrantingHome, certified: datetime) -> None:
    home.certify(SUBJECT_CODE, at=certified)

    error = await refusal(home.service.give(home.signed(await home.draft()), enterprise()))

    assert (error.code, error.field) == (ErrorCode.CONSENT_NOT_ACCEPTED, "certificate")


async def test_an_authority_whose_own_certificate_has_ended_certifies_nobody(
    home: GrantingHome, tmp_path: Path
) -> None:
    old = make_pki(tmp_path / "old", [BEIJING], NOW - timedelta(days=89))
    service = home.service_with(authorities=[root(old)])
    home.certify(SUBJECT_CODE, pki=old)
    assert (await service.give(home.signed(await home.draft()), enterprise())).state == IN_FORCE
    home.now += timedelta(days=2)

    error = await refusal(service.give(home.signed(await home.draft()), enterprise()))

    assert (error.code, error.field) == (ErrorCode.CONSENT_NOT_ACCEPTED, "certificate")


async def test_what_is_no_certificate_or_no_signature_is_no_consent(home: GrantingHome) -> None:
    signed = home.signed(await home.draft())
    for changes in ({"certificate": b"0"}, {"signature": b"0"}):
        broken = wire.GiveGrantRequest()
        broken.CopyFrom(signed)
        for name, value in changes.items():
            setattr(broken, name, value)

        error = await refusal(home.service.give(broken, enterprise()))

        assert (error.code, error.field) == (ErrorCode.CONSENT_NOT_ACCEPTED, next(iter(changes)))


def test_there_is_an_authority() -> None:
    with pytest.raises(ValueError, match="empty"):
        EnterpriseAuthorities([])


@pytest.fixture(scope="session")
def certificate(authorities: PKI) -> bytes:
    """One that counts."""
    file = issue_enterprise_certificate(authorities, uscc(2), "示例企业", NOW).certificate
    der = x509.load_pem_x509_certificate(file.read_bytes()).public_bytes(Encoding.DER)
    assert EnterpriseAuthorities([root(authorities)]).certified(der, NOW)
    return der


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # it reads some all the same
@settings(max_examples=300)
@given(data=st.data())
def test_a_certificate_with_any_byte_altered_of_what_was_signed_is_certified_by_nobody(
    authorities: PKI, certificate: bytes, data: st.DataObject
) -> None:
    """What stands behind it may be written in more than one way and say the same: the unused bits of the signature."""
    signed = x509.load_der_x509_certificate(certificate).tbs_certificate_bytes
    begin = certificate.index(signed)
    altered = bytearray(certificate)
    altered[data.draw(st.integers(begin, begin + len(signed) - 1))] ^= data.draw(st.integers(1, 255))

    assert not EnterpriseAuthorities([root(authorities)]).certified(bytes(altered), NOW)


@given(junk=st.binary(max_size=300))
def test_bytes_that_are_no_certificate_are_certified_by_nobody(authorities: PKI, junk: bytes) -> None:
    assert not EnterpriseAuthorities([root(authorities)]).certified(junk, NOW)


async def test_a_draft_is_given_on_its_day(home: GrantingHome) -> None:
    home.now = datetime(2026, 11, 22, 15, 59, tzinfo=UTC)
    draft = await home.draft()
    home.now += timedelta(minutes=1)

    error = await refusal(home.service.give(home.signed(draft), enterprise()))

    assert (error.code, error.field) == (ErrorCode.GRANT_TERMS_UNACCEPTABLE, "terms.written_on")


@pytest.mark.parametrize(("party", "field"), [("subject", "terms.subject.name"), ("grantee", "terms.grantee.name")])
async def test_names_are_the_registered_ones_also_where_the_subject_signed_others(
    home: GrantingHome, party: str, field: str
) -> None:
    draft = await home.draft()
    getattr(draft.terms, party).name = "示例别名"
    draft.text = grant_text(draft.terms, CATALOGUE)

    error = await refusal(home.service.give(home.signed(draft), enterprise()))

    assert (error.code, error.field) == (ErrorCode.GRANT_TERMS_UNACCEPTABLE, field)


async def test_terms_that_no_text_says_are_not_signed_by_the_home(home: GrantingHome) -> None:
    draft = await home.draft()
    signed = home.signed(draft)
    unknown = b"\xfa\x3e\x01x"  # field 1007, which this release does not know
    signed.terms.MergeFromString(unknown)

    grant = await home.service.give(signed, enterprise())

    assert unknown not in grant.grant_envelope
    assert grant.terms == draft.terms
