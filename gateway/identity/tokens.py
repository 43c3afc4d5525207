"""What is checked of a token (JWT) before anything in it counts, and what of it is taken over.

The numbers are those of docs/protocols/identity.md. Everything here is pure: the key has been fetched, the time is handed in.

- Algorithms are an allow-list of signatures with public keys. `none` and HMAC are not in it, so a public key is never a secret.
- The three kinds of token do not stand in for one another: each says what it is, or holds what only it may hold.
- Nothing is repaired and nothing defaults: a claim of another type is a refusal. A level that nobody listed is the lowest.
- A refusal names the rule, never a value.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import Key

from contract.errors import ErrorCode, HurenError
from contract.uscc import Uscc, UsccError, parse_uscc
from gateway.domain.persons import SEPARATE_ROLES, Staff, StaffRole
from huren.fragment.v1 import query_pb2

ALGORITHMS: Final[Mapping[str, str]] = {"ES256": "sha256", "RS256": "sha256", "PS256": "sha256", "Ed25519": "sha512"}
"""What a token may be signed with, and the hash that `at_hash` is made with. Source: OpenID Connect Core 1.0, 3.1.3.6; RFC 9864."""

MAX_TOKEN_BYTES: Final = 64 * 1024
"""A longer token is not looked at."""

CLOCK_TOLERANCE: Final = timedelta(seconds=60)
"""The provider's clock and ours may differ by so much."""

MAX_AGE: Final = timedelta(minutes=10)
"""An ID token or logout token that was issued longer ago is a stored one: they come straight from the provider."""

MAX_ACCESS: Final = timedelta(hours=1)
"""An access token that is good for longer is not taken: nobody can take it back."""

MAX_REPRESENTED: Final = 500
"""More enterprises than a person can be the legal representative of."""

LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"

_MAX_IDENTIFIER: Final = 255
_MAX_UNIT: Final = 200
_MAX_POST: Final = 32
_MAX_NUMBER: Final = 32
_PARTS: Final = 3

_WIRE_LEVELS: Final[Mapping[str, query_pb2.IdentityLevel.ValueType]] = {
    "basic": query_pb2.IDENTITY_LEVEL_BASIC,
    "substantial": query_pb2.IDENTITY_LEVEL_SUBSTANTIAL,
    "high": query_pb2.IDENTITY_LEVEL_HIGH,
}


class Fault(StrEnum):
    """The rule that a token breaks. Logged; whoever brought it learns only that it is not believed."""

    FORM = "form"
    ALGORITHM = "algorithm"
    KEY = "key"
    SIGNATURE = "signature"
    TYPE = "type"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    ISSUED_AT = "issued at"
    NONCE = "nonce"
    ACCESS_TOKEN_HASH = "access token hash"  # noqa: S105  # the name of a check
    SUBJECT = "subject"
    SESSION = "session"
    EVENT = "event"
    TOKEN_ID = "token id"  # noqa: S105  # the name of a check
    CLIENT = "client"
    CONFIRMATION = "confirmation"
    REPRESENTS = "represents"
    STAFF = "staff"
    ENTERPRISE = "enterprise"


class TokenError(Exception):
    """A token is not believed.

    Attributes:
        fault: Why.
    """

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(fault.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenHeader:
    """What a token says of its own signature: a hint, until the signature is verified.

    Attributes:
        algorithm: One of ALGORITHMS.
        key_id: Which key.
        type: What kind of token; lower case, without `application/`. Empty: it does not say.
    """

    algorithm: str
    key_id: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a token has to say.

    Attributes:
        issuer: Who issued it.
        audience: Whom it was issued for.
        at: Now.
    """

    issuer: str
    audience: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonClaims:
    """What the provider says of a person. It is all that is kept of an ID token.

    Attributes:
        level: How surely they are known.
        represents: Enterprises whose legal representative they are.
        staff: What they are at a unit.
    """

    level: query_pb2.IdentityLevel.ValueType
    represents: frozenset[Uscc]
    staff: Staff | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdToken:
    """A believed ID token.

    Attributes:
        subject: Whom the provider means; not kept.
        session: Its name of the session there; empty: it has none. Not kept.
        claims: What it says of the person.
    """

    subject: str
    session: str
    claims: PersonClaims


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutToken:
    """A believed logout token.

    Attributes:
        token_id: Its name.
        subject: Who logged out; empty: it does not say.
        session: Of which session; empty: of all.
    """

    token_id: str
    subject: str
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A believed access token of a program.

    Attributes:
        client_id: Which program.
        enterprise: Whose.
        level: How surely that is known.
    """

    client_id: str
    enterprise: Uscc
    level: query_pb2.IdentityLevel.ValueType


# --- Signature --------------------------------------------------------------------------------------------------------


def read_header(token: str) -> TokenHeader:
    """Reads which key a token names (I-10 … I-12).

    Raises:
        TokenError: FORM, ALGORITHM, KEY.
    """
    parts = token.split(".")
    if len(token) > MAX_TOKEN_BYTES or not token.isascii() or len(parts) != _PARTS or not all(parts[:2]):
        raise TokenError(Fault.FORM)
    header = _object(_decoded(parts[0]))
    algorithm, key_id, kind = header.get("alg"), header.get("kid"), header.get("typ", "")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise TokenError(Fault.ALGORITHM)
    if header.keys() & {"crit", "b64"}:
        raise TokenError(Fault.FORM)
    if not isinstance(key_id, str) or not key_id:
        raise TokenError(Fault.KEY)
    if not isinstance(kind, str):
        raise TokenError(Fault.TYPE)
    return TokenHeader(algorithm=algorithm, key_id=key_id, type=kind.lower().removeprefix("application/"))


def read_claims(token: str, key: Key, algorithm: str) -> dict[str, Any]:
    """The claims of a token whose signature is right (I-10 … I-12).

    Args:
        token: The token.
        key: The provider's key with the id that the token names.
        algorithm: What the token says it is signed with: one of ALGORITHMS.

    Raises:
        TokenError: SIGNATURE, also where the key is not for this; FORM.
    """
    try:
        key.check_use("sig")
        key.check_alg(algorithm)
        key.check_key_op("verify")
        # The library's own limits are stricter than those of the form, and it refuses what it does not know in a header.
        verified = jws.deserialize_compact(token, key, algorithms=[algorithm])
    except (JoseError, ValueError, TypeError) as error:
        raise TokenError(Fault.SIGNATURE) from error
    return _object(verified.payload)


def _decoded(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise TokenError(Fault.FORM) from error


def _object(content: bytes) -> dict[str, Any]:
    """Reads JSON in which nothing stands twice: readers would differ about which counts."""
    try:
        value = json.loads(content, object_pairs_hook=_once, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise TokenError(Fault.FORM) from error
    if not isinstance(value, dict):
        raise TokenError(Fault.FORM)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a member stands twice")
    return found


def _refused(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


# --- The three kinds --------------------------------------------------------------------------------------------------


def check_id_token(
    header: TokenHeader,
    claims: Mapping[str, Any],
    expected: Expected,
    *,
    nonce: str,
    access_token: str,
    levels: Mapping[str, str],
) -> IdToken:
    """Checks an ID token (I-13 … I-21) and takes over what it says of the person (I-22 … I-26).

    Args:
        header: Its header.
        claims: Its claims.
        expected: What it has to say; the audience is our client id.
        nonce: The nonce of this login.
        access_token: The access token that came with it; empty: none.
        levels: How surely a person is known, by `acr`.

    Raises:
        TokenError: A rule is broken.
        HurenError: ROLES_CONFLICT.

    Source: OpenID Connect Core 1.0, 3.1.3.7; RFC 8725.
    """
    if header.type not in {"", "jwt"} or "events" in claims:
        raise TokenError(Fault.TYPE)
    _check_issuer(claims, expected)
    _check_audience(claims, expected)
    _check_times(claims, expected.at)
    if not _same(claims.get("nonce"), nonce):
        raise TokenError(Fault.NONCE)
    _check_access_token_hash(header, claims, access_token)
    return IdToken(
        subject=_identifier(claims, "sub", Fault.SUBJECT),
        session=_identifier(claims, "sid", Fault.SESSION) if "sid" in claims else "",
        claims=_person(claims, levels),
    )


def check_logout_token(header: TokenHeader, claims: Mapping[str, Any], expected: Expected) -> LogoutToken:
    """Checks a back-channel logout token (I-45 … I-50). That it counts once is the store's business.

    Raises:
        TokenError: A rule is broken.

    Source: OpenID Connect Back-Channel Logout 1.0, 2.4 and 2.6.
    """
    if header.type not in {"", "jwt", "logout+jwt"}:
        raise TokenError(Fault.TYPE)
    _check_issuer(claims, expected)
    _check_audience(claims, expected)
    _check_times(claims, expected.at)
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise TokenError(Fault.EVENT)
    if "nonce" in claims:
        raise TokenError(Fault.NONCE)
    if not claims.keys() & {"sub", "sid"}:
        raise TokenError(Fault.SUBJECT)
    return LogoutToken(
        token_id=_identifier(claims, "jti", Fault.TOKEN_ID),
        subject=_identifier(claims, "sub", Fault.SUBJECT) if "sub" in claims else "",
        session=_identifier(claims, "sid", Fault.SESSION) if "sid" in claims else "",
    )


def check_access_token(
    header: TokenHeader, claims: Mapping[str, Any], expected: Expected, *, levels: Mapping[str, str]
) -> AccessToken:
    """Checks an access token of a program (I-52 … I-57).

    Raises:
        TokenError: A rule is broken.

    Source: RFC 9068, 4.
    """
    if header.type != "at+jwt":
        raise TokenError(Fault.TYPE)
    _check_issuer(claims, expected)
    _check_audience(claims, expected, several=True)
    issued, expires = _instant(claims, "iat", Fault.ISSUED_AT), _instant(claims, "exp", Fault.EXPIRED)
    now = expected.at.timestamp()
    tolerance = CLOCK_TOLERANCE.total_seconds()
    if expires <= now - tolerance or expires - issued > MAX_ACCESS.total_seconds():
        raise TokenError(Fault.EXPIRED)
    if issued > now + tolerance:
        raise TokenError(Fault.ISSUED_AT)
    _check_not_before(claims, now)
    client_id = _identifier(claims, "client_id", Fault.CLIENT)
    if not _same(claims.get("sub"), client_id):
        raise TokenError(Fault.SUBJECT)
    _identifier(claims, "jti", Fault.TOKEN_ID)
    if "cnf" in claims:
        raise TokenError(Fault.CONFIRMATION)
    return AccessToken(
        client_id=client_id,
        enterprise=_code(claims.get("huren_enterprise"), Fault.ENTERPRISE),
        level=_level(claims, levels),
    )


def _check_issuer(claims: Mapping[str, Any], expected: Expected) -> None:
    if claims.get("iss") != expected.issuer:
        raise TokenError(Fault.ISSUER)


def _check_audience(claims: Mapping[str, Any], expected: Expected, *, several: bool = False) -> None:
    """Ours is among the audiences; where there are several, `azp` says that it was issued for us, if we asked for it ourselves."""
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or not expected.audience or expected.audience not in audiences:
        raise TokenError(Fault.AUDIENCE)
    if several:
        return
    party = claims.get("azp", None if len(audiences) > 1 else expected.audience)
    if party != expected.audience:
        raise TokenError(Fault.AUDIENCE)


def _check_times(claims: Mapping[str, Any], at: datetime) -> None:
    now, tolerance = at.timestamp(), CLOCK_TOLERANCE.total_seconds()
    if _instant(claims, "exp", Fault.EXPIRED) <= now - tolerance:
        raise TokenError(Fault.EXPIRED)
    issued = _instant(claims, "iat", Fault.ISSUED_AT)
    if not now - MAX_AGE.total_seconds() - tolerance <= issued <= now + tolerance:
        raise TokenError(Fault.ISSUED_AT)
    _check_not_before(claims, now)


def _check_not_before(claims: Mapping[str, Any], now: float) -> None:
    if "nbf" in claims and _instant(claims, "nbf", Fault.ISSUED_AT) > now + CLOCK_TOLERANCE.total_seconds():
        raise TokenError(Fault.ISSUED_AT)


def _check_access_token_hash(header: TokenHeader, claims: Mapping[str, Any], access_token: str) -> None:
    if "at_hash" not in claims:
        return
    digest = hashlib.new(ALGORITHMS[header.algorithm], access_token.encode()).digest()
    half = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    if not access_token or not _same(claims["at_hash"], half):
        raise TokenError(Fault.ACCESS_TOKEN_HASH)


def _instant(claims: Mapping[str, Any], name: str, fault: Fault) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1 << 40:
        raise TokenError(fault)
    return value


def _identifier(claims: Mapping[str, Any], name: str, fault: Fault) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_IDENTIFIER or not value.isprintable():
        raise TokenError(fault)
    return value


def _same(value: object, expected: str) -> bool:
    if not isinstance(value, str) or not expected:
        return False
    return hmac.compare_digest(value.encode("utf-8", "surrogatepass"), expected.encode())


# --- What is taken over -----------------------------------------------------------------------------------------------


def _person(claims: Mapping[str, Any], levels: Mapping[str, str]) -> PersonClaims:
    represented = claims.get("huren_represents", [])
    if not isinstance(represented, list) or len(represented) > MAX_REPRESENTED:
        raise TokenError(Fault.REPRESENTS)
    return PersonClaims(
        level=_level(claims, levels),
        represents=frozenset(_code(code, Fault.REPRESENTS) for code in represented),
        staff=_staff(claims["huren_staff"]) if "huren_staff" in claims else None,
    )


def _level(claims: Mapping[str, Any], levels: Mapping[str, str]) -> query_pb2.IdentityLevel.ValueType:
    acr = claims.get("acr")
    return _WIRE_LEVELS[levels.get(acr, "basic")] if isinstance(acr, str) else query_pb2.IDENTITY_LEVEL_BASIC


def _staff(value: object) -> Staff:
    """What somebody is at a unit. Anything else that the provider says there, such as a name, is left where it is."""
    if not isinstance(value, dict) or not isinstance(value.get("roles"), list):
        raise TokenError(Fault.STAFF)
    try:
        roles = frozenset(StaffRole(role) for role in value["roles"])
    except (ValueError, TypeError) as error:
        raise TokenError(Fault.STAFF) from error
    if len(roles & SEPARATE_ROLES) > 1:
        raise HurenError(ErrorCode.ROLES_CONFLICT)
    return Staff(
        unit=_text(value, "unit", least=1, most=_MAX_UNIT),
        unit_code=_code(value.get("unit_code"), Fault.STAFF),
        post=_text(value, "post", least=1, most=_MAX_POST),
        number=_text(value, "number", least=0, most=_MAX_NUMBER),
        roles=roles,
    )


def _text(value: Mapping[str, Any], name: str, *, least: int, most: int) -> str:
    text = value.get(name)
    if not isinstance(text, str) or not least <= len(text) <= most or not text.isprintable() or text != text.strip():
        raise TokenError(Fault.STAFF)
    return text


def _code(value: object, fault: Fault) -> Uscc:
    if not isinstance(value, str):
        raise TokenError(fault)
    try:
        return parse_uscc(value)
    except UsccError:
        raise TokenError(fault) from None  # the cause tells of the code
