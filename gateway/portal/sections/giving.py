"""A new consent (授权书): filled in, its text shown whole, signed, in force.

    1  new_grant    what is to be consented to
    2  draft_grant  the text, and the ways to sign it; draft_text: the text as a file
    3  give_grant   the signature comes back, and the consent is in force

What is signed is the text. Its terms travel through the form and are believed in nothing: the service writes the text anew from
them and checks the signature over that. Of the key nothing is ever sent: a signature is made where the key is.

Source: docs/protocols/authorisation.md, G-1 to G-12
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Final

from google.protobuf.message import DecodeError

from contract.authorisation import LONGEST_TERM, TermsError, check_terms, grant_text
from contract.days import china_day
from contract.eligibility import require_unit_code
from contract.errors import ErrorCode, HurenError
from contract.payloads import PayloadError, check_constraints
from contract.reasons import Words, broken
from contract.registry import RegistryUnavailableError
from contract.signature_file import SignatureFileError, Signed, read_certificate, read_file, read_signature
from gateway.api.parts import PeopleParts
from gateway.api.problems import malformed
from gateway.portal.forms import Form
from gateway.portal.listing import DEADLINE_LABELS
from gateway.portal.parts import PortalParts
from gateway.portal.sections.grant_form import (
    KINDS_TO_CHOOSE,
    MOST_USES,
    PURPOSES_TO_CHOOSE,
    GrantForm,
    last_possible,
    purpose_code,
    unacceptable,
)
from gateway.portal.sections.terms import read_grant_id
from gateway.portal.visit import Answer, Handler, SeeOther, View, Visit, download
from gateway.portal.words import PURPOSES, RECORD_KINDS
from huren.authorisation.v1 import authorisation_pb2
from huren.authorisation.v1 import authorisation_service_pb2 as wire

_MAX_TERMS: Final = 32 * 1024
"""Characters of Base64: terms with every cell have a tenth."""

_TO_BE_CORRECTED: Final = frozenset(
    {
        ErrorCode.GRANT_TERMS_UNACCEPTABLE,
        ErrorCode.USCC_MALFORMED,
        ErrorCode.SUBJECT_NOT_ELIGIBLE,
        ErrorCode.DOMAIN_UNKNOWN,
        ErrorCode.NOTHING_APPLICABLE,
    }
)
"""Errors of what was filled in; all others are told on a page of their own."""

_OTHER_SUBJECT: Final = Words("授权企业须为办理授权的企业本身", "the subject is not the enterprise of this page")
_NO_FILE: Final = Words("请选择签署结果文件", "choose the file with the signature")


class GivingSection:
    """Giving a consent."""

    def __init__(self, parts: PortalParts, people: PeopleParts) -> None:
        self._parts = parts
        self._people = people

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""
        return {
            "new_grant": self.new,
            "draft_grant": self.draft,
            "draft_text": self.text,
            "give_grant": self.give,
        }

    # --- 1: filling in --------------------------------------------------------------------------------------------------

    async def new(self, visit: Visit) -> Answer:
        """The form; with `again`, filled in as an earlier consent was."""
        today = china_day(visit.at)
        form = GrantForm.new(self._parts.catalogues.in_force(today), today)
        if again := visit.asked("again"):
            earlier = await self._people.grants.find(read_grant_id(again), visit.acting)
            if earlier.terms.subject.uscc == visit.acting.uscc:
                form = GrantForm.of_terms(earlier.terms).once_more(today)
        return self._form(visit, form)

    def _form(self, visit: Visit, form: GrantForm, error: HurenError | None = None) -> View:
        today = china_day(visit.at)
        return View(
            template="grants/new.html",
            title=_TITLE_OF_FORM if visit.page.method == "GET" else _TITLE_OF_CHANGE,
            status=error.row.http_status if error else 200,
            error=error,
            values={
                "form": form,
                "domains": self._parts.catalogues.in_force(today).domains,
                "kinds": [(str(kind), RECORD_KINDS[kind]) for kind in KINDS_TO_CHOOSE],
                "purposes": [(purpose_code(purpose), PURPOSES[purpose]) for purpose in PURPOSES_TO_CHOOSE],
                "most_uses": MOST_USES,
                "latest": last_possible(today),
                "latest_label": DEADLINE_LABELS[LONGEST_TERM.label],
                "longest_years": LONGEST_TERM.years,
            },
        )

    # --- 2: the text ----------------------------------------------------------------------------------------------------

    async def draft(self, visit: Visit) -> Answer:
        """The text, and how to sign it."""
        form = GrantForm.filled(visit.form)
        if visit.form.has("change"):  # back from the text, to change something
            return self._form(visit, GrantForm.of_terms(_terms_of(visit.form)))
        try:
            named = form if form.grantee_name else form.named(await self._registered_name(form.grantee_uscc))
            drafted = await self._people.grants.draft(named.to_request(), visit.acting, visit.at)
        except HurenError as error:
            if error.code not in _TO_BE_CORRECTED:
                raise
            return self._form(visit, form, error)
        return self._signing(visit, drafted.terms, drafted.text)

    async def text(self, visit: Visit) -> Answer:
        """The text as a file: its bytes are what is signed."""
        terms = _terms_of(visit.form)
        try:
            text = self._checked_text(visit, terms)
        except HurenError as error:
            return self._form(visit, GrantForm.of_terms(terms), error)
        name = f"consent-{terms.document_number[:8]}.txt"
        response = download(text.encode(), media_type="text/plain", name=name)
        response.charset = "utf-8"
        return response

    async def _registered_name(self, code: str) -> str:
        """What a unit is called in the register. Empty: it is not known there, or nobody can say now.

        Raises:
            HurenError: USCC_MALFORMED.
        """
        if not code:
            return ""
        try:
            entry = await self._parts.registry.lookup(require_unit_code(code, field="grantee_uscc"))
        except RegistryUnavailableError:
            return ""
        return entry.name if entry else ""

    def _signing(
        self,
        visit: Visit,
        terms: authorisation_pb2.GrantTerms,
        text: str,
        error: HurenError | None = None,
    ) -> View:
        return View(
            template="grants/sign.html",
            title=_TITLE_OF_TEXT,
            status=error.row.http_status if error else 200,
            error=error,
            values={
                "text": text,
                "terms": base64.b64encode(terms.SerializeToString(deterministic=True)).decode(),
                "grantee": terms.grantee,
                "document_number": terms.document_number,
                "certificate": _kept(visit.form.one("certificate")),
                "signature": _kept(visit.form.one("signature")),
            },
        )

    # --- 3: the signature -----------------------------------------------------------------------------------------------

    async def give(self, visit: Visit) -> Answer:
        """Takes the signature. What is wrong with it is told beside the text, and what is wrong with the terms in the form."""
        terms = _terms_of(visit.form)
        try:
            text = self._checked_text(visit, terms)
        except HurenError as error:
            return self._form(visit, GrantForm.of_terms(terms), error)
        try:
            grant = await self._people.grants.give(_request(terms, _signed(visit.form)), visit.acting)
        except HurenError as error:
            if error.code is ErrorCode.CONSENT_NOT_ACCEPTED:
                return self._signing(visit, terms, text, error)
            if error.code is ErrorCode.GRANT_TERMS_UNACCEPTABLE:
                return self._form(visit, GrantForm.of_terms(terms), error)
            raise
        return SeeOther(visit.url("grant", grant=grant.grant_statement_id.hex()))

    def _checked_text(self, visit: Visit, terms: authorisation_pb2.GrantTerms) -> str:
        """The text of terms that came back through a form.

        Raises:
            HurenError: GRANT_TERMS_UNACCEPTABLE: it would be shown, or handed out, for something that cannot be granted.
        """
        if terms.subject.uscc != visit.acting.uscc:
            raise unacceptable(_OTHER_SUBJECT, "")
        today = china_day(visit.at)
        catalogue = self._parts.catalogues.in_force(today)
        try:
            check_terms(terms, catalogue, today)
        except TermsError as error:
            raise unacceptable(error.rule, _FORM_FIELDS.get(error.field, error.field.partition(":")[0])) from error
        return grant_text(terms, catalogue)


_TITLE_OF_FORM: Final = Words("新的授权书", "New consent")
_TITLE_OF_CHANGE: Final = Words("修改授权书内容", "Change the consent")
_TITLE_OF_TEXT: Final = Words("签署授权书", "Sign the consent")

_FORM_FIELDS: Final[Mapping[str, str]] = {
    "grantee.uscc": "grantee_uscc",
    "grantee.name": "grantee_name",
    "cells": "domains",
}
"""Fields of the form, by those of the terms that they become."""


def _terms_of(form: Form) -> authorisation_pb2.GrantTerms:
    """The terms that a page of ours put into its form.

    Raises:
        Problem: They are not as they were put there.
    """
    text = form.one("terms")
    try:
        if not 0 < len(text) <= _MAX_TERMS:
            raise malformed(*_BROKEN)
        terms = authorisation_pb2.GrantTerms.FromString(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, DecodeError) as error:
        raise malformed(*_BROKEN) from error
    terms.DiscardUnknownFields()
    return terms


_BROKEN: Final = ("授权书内容不完整，请重新填写", "the terms are not complete: fill in the form again")


def _request(terms: authorisation_pb2.GrantTerms, signed: Signed) -> wire.GiveGrantRequest:
    """What the service is given.

    Raises:
        HurenError: CONSENT_NOT_ACCEPTED: the certificate or the signature is larger than any.
    """
    request = wire.GiveGrantRequest(terms=terms, certificate=signed.certificate, signature=signed.signature)
    try:
        check_constraints(request)
    except PayloadError as error:
        field, _, rule = error.where.partition(":")
        raise _not_accepted(broken(field, rule.strip()), field) from error
    return request


def _signed(form: Form) -> Signed:
    """Certificate and signature: the file, or what was pasted.

    Raises:
        HurenError: CONSENT_NOT_ACCEPTED.
    """
    try:
        if form.upload is not None:
            return _of_file(form.upload.file)
        return Signed(
            certificate=read_certificate(form.one("certificate")), signature=read_signature(form.one("signature"))
        )
    except SignatureFileError as error:
        raise _not_accepted(error.rule, error.field) from error


def _of_file(file: bytes) -> Signed:
    if not file.strip():  # so browsers send a field in which no file was chosen
        raise SignatureFileError(_NO_FILE, "file")
    return read_file(file)


def _kept(text: str) -> str:
    """What was pasted, to be shown again; a private key that somebody pasted by mistake is not."""
    return "" if "PRIVATE KEY" in text else text


def _not_accepted(rule: Words, field: str) -> HurenError:
    return HurenError(ErrorCode.CONSENT_NOT_ACCEPTED, field=field, problem_zh=rule.zh, problem_en=rule.en)
