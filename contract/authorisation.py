"""授权书: what a subject consents to, how it does, and what may be asked on that ground.

A numbered list; the first rule that is broken decides.

The terms (`check_terms`):
 G-1   They keep the constraints that authorisation.proto declares; names are as they can be printed.
 G-2   The subject's code is valid, and of a kind of subject that is served.
 G-3   The grantee's code is valid, and another one.
 G-4   The purpose is said, and is not an officer's.
 G-5   The catalogue is the one at hand; each cell is one of its cells, none stands twice, and it carries at least one of them.
 G-6   They were written on the day on which the consent is given.
 G-7   The last day is not before that day, and not more than a year after it.
 G-8   The window's days exist, in order; the first is at most five years before the day of writing, the last not after the last day
       of the consent.

The consent (`check_consent`):
 G-9   Its text is the one that the terms give, character by character.
 G-10  Its certificate is X.509 in DER, and names the subject, by exactly one `urn:huren:` URI.
 G-11  The certificate was valid when the consent was given.
 G-12  Its key is Ed25519 or of the curve P-256, and the signature over the text in UTF-8 verifies by it.

A query on the ground of a grant (`objection`):
 G-13  The grant is known and not taken back, is signed by the home that asks, and covers what is asked, on that day.
 G-14  Its ordinal is within the number of uses, and belongs to this request alone.

It is pure. Who certified the subject (the chain of its certificate) is for its home to check, which has the authorities.

Source: docs/protocols/authorisation.md.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from contract.admission import cell_key
from contract.catalogue import Catalogue
from contract.days import MAX_WINDOW_YEARS, DayRange, china_day, from_timestamp, parse_day, years_after
from contract.deadlines import Label
from contract.document.words import PURPOSES
from contract.eligibility import is_subject_code
from contract.payloads import PayloadError, check_constraints
from contract.reasons import Words
from contract.uscc import UsccError, parse_uscc
from contract.wording import EDITION, KIND_NAMES, SHORT_TITLE, TITLE
from huren.authorisation.v1 import authorisation_pb2
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2, refusal_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class LongestTerm:
    """How long a consent may hold.

    Attributes:
        years: From the day of writing.
        label: On what the number rests.
        source: Where the number is from.
        verified: Whether somebody who has the source confirmed it.
    """

    years: int
    label: Label
    source: str
    verified: bool


LONGEST_TERM: Final = LongestTerm(
    years=1, label=Label.DEFAULT, source="system default (not agreed yet)", verified=False
)

STATUS_MAX_AGE: Final = timedelta(seconds=60)
"""How old the home's look at a grant may be when it signs a query, and how far its own clocks may be apart."""

PURPOSES_OF_GRANTS: Final = frozenset(PURPOSES) - {
    query_pb2.PURPOSE_NOT_STATED,
    query_pb2.PURPOSE_OFFICIAL_DUTY,
}
"""A consent for no stated purpose would be one for any; an officer needs no consent, but a matter."""

_URN: Final = "urn:huren:"
_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of characters that nobody sees, or that break a line of the text that is signed."""

_UNREADABLE: Final = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What the library says of bytes that are no certificate, or one that it cannot read in full."""

_NOT_AUTHORISED: Final = refusal_pb2.REFUSAL_REASON_NOT_AUTHORISED


class _RuleError(ValueError):
    """A rule is broken.

    Attributes:
        number: The rule, for example `G-5`.
        rule: What is wrong, for people: part of a sentence.
        field: Path of the field at fault.
    """

    def __init__(self, number: str, rule: Words, field: str) -> None:
        super().__init__(f"{number}: {field}: {rule.en}")
        self.number = number
        self.rule = rule
        self.field = field


class TermsError(_RuleError):
    """What is to be granted breaks one of G-1 to G-8."""


class ConsentError(_RuleError):
    """How it was consented to breaks one of G-9 to G-12."""


class Objection(NamedTuple):
    """Why a query is not answered.

    Attributes:
        reason: What the home is told.
        detail: For the operator; holds nothing of the subject.
    """

    reason: refusal_pb2.RefusalReason.ValueType
    detail: str


# --- The text ---------------------------------------------------------------------------------------------------------


def grant_text(terms: authorisation_pb2.GrantTerms, catalogue: Catalogue) -> str:
    """The text of the 授权书. The same terms give the same text, and other terms another one; only the order of cells is left out.

    Args:
        terms: Terms that `check_terms` let pass.
        catalogue: The catalogue that they name.

    Source: the provinces' rule that another's information is asked for with the written consent of who is asked about
        (查询他人信息应当经被查询人书面同意), here without the name of a regulation: each province has its own. The rest is this
        software's wording: unverified.
    """
    granted = {cell_key(key) for key in terms.cells}
    kinds = "、".join(name for kind, name in KIND_NAMES.items() if any(kind == other for _, other in granted))
    provinces = "、".join(province.name_zh for province in catalogue.provinces)
    lines = _cell_lines(granted, catalogue)
    window = terms.window
    return "\n".join(
        (
            "授权书",
            "",
            f"授权书编号：{terms.document_number}",
            f"授权人：{terms.subject.name}",
            f"授权人统一社会信用代码：{terms.subject.uscc}",
            f"被授权人：{terms.grantee.name}",
            f"被授权人统一社会信用代码：{terms.grantee.uscc}",
            "",
            f"授权人同意被授权人向授权人注册地出具{SHORT_TITLE}的机构申请查询授权人，并取得、使用据此出具的《{TITLE}》（{EDITION}）。",
            f"报告反映授权人在{provinces}的{kinds}记录。授权的内容如下：",
            "",
            f"一、用途：{PURPOSES[terms.purpose]}",
            f"二、授权查询事项（互认事项清单{catalogue.version}版，共{len(lines)}个领域）：",
            *lines,
            f"三、查询时段：{_day(window.first_day)}至{_day(window.last_day)}，含首尾两日。每次查询在此时段之内，不超过{MAX_WINDOW_YEARS}年。",
            f"四、查询次数：不超过{terms.max_uses}次。每次申请计为一次。",
            f"五、签署日期：{_day(terms.written_on)}",
            f"六、授权期限：自签署之日起至{_day(terms.expires_on)}止，含当日。",
            "七、被授权人不得转授权，不得将查询结果用于上述用途以外的其他用途。",
            "八、授权人可以随时在注册地的上述机构撤回本授权，无须说明理由。撤回自该机构登记时起生效，此后任何人不得再据本授权书查询。",
            "九、查询、出具报告和撤回授权均不收取任何费用。",
            "十、查询他人信息应当经被查询人书面同意。本授权书即为授权人的书面同意，除本授权书写明的以外，授权人未作其他同意。",
        )
    )


def _cell_lines(granted: set[tuple[str, int]], catalogue: Catalogue) -> list[str]:
    """One line for each domain, in the catalogue's order. A kind that the domain does not carry says so."""
    lines: list[str] = []
    for domain in catalogue.domains:
        names = [
            f"{name}记录" if (domain.id, kind) in catalogue.carried else f"{name}记录（该领域不涉及）"
            for kind, name in KIND_NAMES.items()
            if (domain.id, kind) in granted
        ]
        if names:
            lines.append(f"（{len(lines) + 1}）{domain.name}：{'、'.join(names)}")
    return lines


def _day(text: str) -> str:
    day = parse_day(text)
    return f"{day.year}年{day.month}月{day.day}日"


# --- The terms --------------------------------------------------------------------------------------------------------


def check_terms(terms: authorisation_pb2.GrantTerms, catalogue: Catalogue, today: date) -> None:
    """Applies G-1 to G-8.

    Args:
        terms: What is to be granted.
        catalogue: The catalogue in force on the day of writing.
        today: The legal day on which the consent is given.

    Raises:
        TermsError: The first rule that is broken.
    """
    _require_declared(terms)  # G-1
    if not is_subject_code(terms.subject.uscc):  # G-2
        raise TermsError(
            "G-2", Words("授权人不在互认版服务范围内", "the subject is not one that is served"), "subject.uscc"
        )
    _require_grantee(terms)  # G-3
    if terms.purpose not in PURPOSES_OF_GRANTS:  # G-4
        raise TermsError(
            "G-4", Words("未写明用途，或者用途不能授权", "the purpose is not said, or not one to be granted"), "purpose"
        )
    _require_cells(terms, catalogue)  # G-5
    if terms.written_on != today.isoformat():  # G-6
        raise TermsError("G-6", Words("签署日期不是当日", "the day of writing is not today"), "written_on")
    _require_last_day(terms.expires_on, today)  # G-7
    _require_window(terms, today)  # G-8


def _require_declared(terms: authorisation_pb2.GrantTerms) -> None:
    try:
        check_constraints(terms)
    except PayloadError as error:
        raise TermsError(
            "G-1", Words("有内容不符合接口规范", "something breaks a declared constraint"), error.where
        ) from error
    for field, party in (("subject.name", terms.subject), ("grantee.name", terms.grantee)):
        if party.name != party.name.strip() or any(unicodedata.category(one) in _UNPRINTABLE for one in party.name):
            raise TermsError("G-1", Words("名称含不能显示的字符或首尾空格", "a name cannot be printed as it is"), field)


def _require_grantee(terms: authorisation_pb2.GrantTerms) -> None:
    field = "grantee.uscc"
    try:
        parse_uscc(terms.grantee.uscc)
    except UsccError as error:
        raise TermsError(
            "G-3", Words("被授权人的统一社会信用代码有误", "the grantee's code is wrong"), field
        ) from error
    if terms.grantee.uscc == terms.subject.uscc:
        raise TermsError("G-3", Words("被授权人不能是授权人自己", "the grantee is the subject itself"), field)


def _require_cells(terms: authorisation_pb2.GrantTerms, catalogue: Catalogue) -> None:
    if terms.catalogue != catalogue.ref:
        raise TermsError("G-5", Words("事项清单不是现行的一版", "the catalogue is another one"), "catalogue")
    cells = [cell_key(key) for key in terms.cells]
    if not set(cells) <= set(catalogue.cells):
        raise TermsError("G-5", Words("有事项不在事项清单中", "a cell is not the catalogue's"), "cells")
    if len(set(cells)) != len(cells):
        raise TermsError("G-5", Words("有事项重复", "a cell stands twice"), "cells")
    if catalogue.carried.keys().isdisjoint(cells):
        raise TermsError("G-5", Words("所选领域均不涉及所选事项", "the catalogue carries none of the cells"), "cells")


def _require_last_day(text: str, today: date) -> None:
    field = "expires_on"
    try:
        last = parse_day(text)
    except ValueError as error:
        raise TermsError("G-7", Words("授权期限的日期不存在", "the last day does not exist"), field) from error
    if last < today:
        raise TermsError("G-7", Words("授权期限早于签署日期", "the last day is before the day of writing"), field)
    if last > years_after(today, LONGEST_TERM.years):
        rule = Words(
            f"授权期限超过{LONGEST_TERM.years}年（{LONGEST_TERM.label}）",
            f"it would hold for more than {LONGEST_TERM.years} year",
        )
        raise TermsError("G-7", rule, field)


def _require_window(terms: authorisation_pb2.GrantTerms, today: date) -> None:
    field = "window"
    try:
        window = DayRange.from_wire(terms.window)
    except ValueError as error:
        rule = Words("查询时段的日期不存在，或者首日晚于末日", "a day of the window does not exist, or it is inverted")
        raise TermsError("G-8", rule, field) from error
    if window.first < years_after(today, -MAX_WINDOW_YEARS):
        rule = Words(
            f"查询时段的首日早于签署日期前{MAX_WINDOW_YEARS}年",
            f"the window begins more than {MAX_WINDOW_YEARS} years before the day of writing",
        )
        raise TermsError("G-8", rule, field)
    if window.last > parse_day(terms.expires_on):
        raise TermsError("G-8", Words("查询时段的末日晚于授权期限", "the window ends after the last day"), field)


# --- The consent ------------------------------------------------------------------------------------------------------


def check_consent(
    terms: authorisation_pb2.GrantTerms, consent: authorisation_pb2.Consent, catalogue: Catalogue, at: datetime
) -> None:
    """Applies G-9 to G-12.

    Args:
        terms: Terms that `check_terms` let pass.
        consent: How the subject consented to them.
        catalogue: The catalogue that they name.
        at: When the consent was given: for the home now, for an origin when the home signed the grant.

    Raises:
        ConsentError: The first rule that is broken.
    """
    if consent.text != grant_text(terms, catalogue):  # G-9
        raise ConsentError(
            "G-9",
            Words("签署的文字与授权书原文不一致", "the signed text is not the one that the terms give"),
            "consent.text",
        )
    certificate = _read(consent.certificate)
    if certificate.names != (f"{_URN}enterprise:{terms.subject.uscc}",):  # G-10
        raise ConsentError(
            "G-10", Words("证书不是授权人的", "the certificate does not name the subject"), "consent.certificate"
        )
    if not certificate.begin <= at <= certificate.end:  # G-11
        raise ConsentError(
            "G-11", Words("证书不在有效期内", "the certificate is not in its period"), "consent.certificate"
        )
    _require_signature(certificate.key, consent)  # G-12


@dataclass(frozen=True, slots=True, kw_only=True)
class _Certificate:
    """What is looked at of a certificate: its names of ours, its period and its key."""

    names: tuple[str, ...]
    begin: datetime
    end: datetime
    key: object


def _read(certificate: bytes) -> _Certificate:
    try:
        read = x509.load_der_x509_certificate(certificate)
        return _Certificate(
            names=_names(read), begin=read.not_valid_before_utc, end=read.not_valid_after_utc, key=read.public_key()
        )
    except _UNREADABLE as error:
        rule = Words("证书无法识读", "the certificate cannot be read")
        raise ConsentError("G-10", rule, "consent.certificate") from error


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The names of ours, whatever their case: another case is one too, and then not well formed (RFC 8141)."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    return tuple(uri for uri in uris if uri.lower().startswith(_URN))


def _require_signature(key: object, consent: authorisation_pb2.Consent) -> None:
    text = consent.text.encode()
    try:
        match key:
            case Ed25519PublicKey():
                key.verify(consent.signature, text)
            case EllipticCurvePublicKey(curve=SECP256R1()):
                key.verify(consent.signature, text, ECDSA(SHA256()))
            case _:
                rule = Words("证书的密钥算法未被接受", "the certificate's key is of a kind that is not accepted")
                raise ConsentError("G-12", rule, "consent.certificate")
    except InvalidSignature as error:
        rule = Words("签名与授权书原文不符", "the signature does not verify")
        raise ConsentError("G-12", rule, "consent.signature") from error


# --- A query ----------------------------------------------------------------------------------------------------------


def objection(
    query: query_pb2.Query,
    grant: authorisation_pb2.Grant | None,
    *,
    revoked: bool,
    uses: Mapping[int, str],
    signer: int,
) -> Objection | None:
    """Why a query may not be answered, by the ground on which it is asked. None: it may.

    Args:
        query: A query that keeps its declared constraints.
        grant: The grant that it names. None: it is not known, or none is named.
        revoked: Whether `signer` said that the subject took that grant back.
        uses: Which request has which ordinal of the grant, as far as `signer` said so: at least those with the query's ordinal or
            request.
        signer: Number of the province whose gateway signed the query.
    """
    match query.authorisation.basis:
        case query_pb2.AUTHORISATION_BASIS_SELF | query_pb2.AUTHORISATION_BASIS_AGENT:
            return None
        case query_pb2.AUTHORISATION_BASIS_OFFICIAL_DUTY:
            if not query.authorisation.matter_number.strip():
                return Objection(_NOT_AUTHORISED, "an officer names no matter")
            if query.purpose != query_pb2.PURPOSE_OFFICIAL_DUTY:
                return Objection(_NOT_AUTHORISED, "an officer asks for another purpose than duty")
            return None
        case query_pb2.AUTHORISATION_BASIS_GRANT:
            if grant is not None and grant.header.issuer != signer:
                return Objection(_NOT_AUTHORISED, "the grant is another home's")
            if revoked:
                return Objection(refusal_pb2.REFUSAL_REASON_GRANT_REVOKED, "the grant was taken back")
            if grant is None:
                return Objection(refusal_pb2.REFUSAL_REASON_GRANT_NOT_KNOWN, "the grant has not arrived")
            return _beyond(query, grant.terms) or _misused(query, grant.terms, uses)
        case other:
            return Objection(_NOT_AUTHORISED, f"basis {other} is not known")


def _beyond(query: query_pb2.Query, terms: authorisation_pb2.GrantTerms) -> Objection | None:
    """G-13."""
    issued_at = from_timestamp(query.header.issued_at)
    looked_at = from_timestamp(query.authorisation.grant_status_at)
    status = query.authorisation.grant_status
    covered = (
        (query.subject.uscc == terms.subject.uscc, "the grant is another subject's"),
        (query.purpose == terms.purpose, "the purpose is not the granted one"),
        ({*map(cell_key, query.cells)} <= {*map(cell_key, terms.cells)}, "a cell is not granted"),
        (_within(query.window, terms.window), "a day of the window is not granted"),
        (terms.written_on <= china_day(issued_at).isoformat() <= terms.expires_on, "the grant is not in its period"),
        (status == query_pb2.GRANT_STATUS_IN_FORCE, "the home does not say that the grant is in force"),
        (abs(issued_at - looked_at) <= STATUS_MAX_AGE, "the home's look at the grant is too old"),
    )
    return next((Objection(_NOT_AUTHORISED, detail) for holds, detail in covered if not holds), None)


def _misused(query: query_pb2.Query, terms: authorisation_pb2.GrantTerms, uses: Mapping[int, str]) -> Objection | None:
    """G-14."""
    ordinal, request_id = query.authorisation.use_ordinal, query.request_id
    if not 1 <= ordinal <= terms.max_uses:
        return Objection(_NOT_AUTHORISED, "more uses than granted")
    if other_use(uses, ordinal, request_id):
        return Objection(_NOT_AUTHORISED, "the ordinal is another request's, or the request has another one")
    return None


def other_use(uses: Mapping[int, str], ordinal: int, request_id: str) -> bool:
    """Whether an ordinal is another request's, or the request has another ordinal.

    >>> other_use({1: "a"}, 1, "a"), other_use({1: "a"}, 1, "b"), other_use({1: "a"}, 2, "a"), other_use({1: "a"}, 2, "b")
    (False, True, True, False)
    """
    return any((used == ordinal) != (by == request_id) for used, by in uses.items())


def _within(window: common_pb2.Window, granted: common_pb2.Window) -> bool:
    """Days of the contract compare as their texts do."""
    return granted.first_day <= window.first_day and window.last_day <= granted.last_day
