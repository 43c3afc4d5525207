"""What is filled in for a new consent (授权书), and the request for its text that it becomes.

The service decides what may be granted. Here is only what a form can hold and a request cannot: a box that nobody ticked, a number
that is none, one day of two. An empty selection is refused, and never taken for "all".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from contract.authorisation import LONGEST_TERM, PURPOSES_OF_GRANTS
from contract.catalogue import Catalogue
from contract.days import years_after
from contract.errors import ErrorCode, HurenError
from contract.payloads import PayloadError, check_constraints
from contract.reasons import Words, broken
from contract.wording import KIND_NAMES
from gateway.portal.forms import Form
from gateway.portal.sections.terms import granted_domains, granted_kinds
from huren.authorisation.v1 import authorisation_pb2
from huren.authorisation.v1 import authorisation_service_pb2 as wire
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2

MOST_USES: Final = 1000
"""GrantTerms.max_uses."""

_USUAL_DAYS: Final = 30

PURPOSES_TO_CHOOSE: Final = tuple(sorted(PURPOSES_OF_GRANTS))
KINDS_TO_CHOOSE: Final = tuple(KIND_NAMES)

_NO_USES: Final = Words(
    f"查询次数应为1至{MOST_USES}的整数", f"the number of requests has to be a number from 1 to {MOST_USES}"
)
_NO_PURPOSE: Final = Words("请选择用途", "choose for what")
_NO_DOMAIN: Final = Words("请至少选择一个领域", "choose at least one domain")
_NO_KIND: Final = Words("请至少选择一类记录", "choose at least one kind of record")
_ONE_DAY: Final = Words(
    "查询时段的起始日期和截止日期须同时填写，或者都不填", "the period needs both of its days, or neither"
)
_NO_GRANTEE: Final = Words("请填写被授权单位的统一社会信用代码", "the code of who may ask is missing")
_NO_NAME: Final = Words(
    "登记信息中没有查到该单位，请填写其名称", "the register does not know this unit: write its name"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantForm:
    """What stands in the form, as it is written there.

    Attributes:
        grantee_uscc: Code of who may ask.
        grantee_name: Its name. Empty: as it is registered.
        purpose: Code of the Purpose.
        domains: Ids.
        kinds: Numbers of kinds of record.
        first_day: Of the period; both empty: the usual one.
        last_day: Of the period.
        max_uses: How often.
        expires_on: The last day.
    """

    grantee_uscc: str = ""
    grantee_name: str = ""
    purpose: str = ""
    domains: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    first_day: str = ""
    last_day: str = ""
    max_uses: str = "1"
    expires_on: str = ""

    @classmethod
    def new(cls, catalogue: Catalogue, today: date) -> GrantForm:
        """Everything of the catalogue, once, for thirty days."""
        return cls(
            domains=tuple(domain.id for domain in catalogue.domains),
            kinds=tuple(map(str, KINDS_TO_CHOOSE)),
            expires_on=(today + timedelta(days=_USUAL_DAYS)).isoformat(),
        )

    @classmethod
    def filled(cls, form: Form) -> GrantForm:
        """As it was filled in."""
        return cls(
            grantee_uscc=form.one("grantee_uscc"),
            grantee_name=form.one("grantee_name"),
            purpose=form.one("purpose"),
            domains=form.all("domains"),
            kinds=form.all("kinds"),
            first_day=form.one("first_day"),
            last_day=form.one("last_day"),
            max_uses=form.one("max_uses"),
            expires_on=form.one("expires_on"),
        )

    @classmethod
    def of_terms(cls, terms: authorisation_pb2.GrantTerms) -> GrantForm:
        """As it was filled in for these terms. The period is shown even where it was the usual one."""
        return cls(
            grantee_uscc=terms.grantee.uscc,
            grantee_name=terms.grantee.name,
            purpose=purpose_code(terms.purpose) if terms.purpose in PURPOSES_TO_CHOOSE else "",
            domains=tuple(sorted(granted_domains(terms))),
            kinds=tuple(map(str, granted_kinds(terms))),
            first_day=terms.window.first_day,
            last_day=terms.window.last_day,
            max_uses=str(terms.max_uses),
            expires_on=terms.expires_on,
        )

    def once_more(self, today: date) -> GrantForm:
        """The same for the time from now on."""
        until = (today + timedelta(days=_USUAL_DAYS)).isoformat()
        return replace(self, first_day="", last_day="", expires_on=until)

    def named(self, registered: str) -> GrantForm:
        """With the registered name, where none was written."""
        return self if self.grantee_name else replace(self, grantee_name=registered)

    def to_request(self) -> wire.DraftGrantRequest:
        """The request for the text.

        Raises:
            HurenError: GRANT_TERMS_UNACCEPTABLE, with the name of the field of the form.
        """
        if not self.grantee_uscc:
            raise unacceptable(_NO_GRANTEE, "grantee_uscc")
        if not self.grantee_name:
            raise unacceptable(_NO_NAME, "grantee_name")
        if not self.domains:
            raise unacceptable(_NO_DOMAIN, "domains")
        request = wire.DraftGrantRequest(
            grantee_uscc=self.grantee_uscc,
            grantee_name=self.grantee_name,
            purpose=self._purpose(),
            domains=self.domains,
            kinds=self._kinds(),
            window=self._window(),
            max_uses=self._max_uses(),
            expires_on=self.expires_on,
        )
        try:
            check_constraints(request)
        except PayloadError as error:
            field, _, rule = error.where.partition(":")
            raise unacceptable(broken(field, rule.strip()), field.rpartition(".")[2]) from error
        return request

    def _purpose(self) -> query_pb2.Purpose.ValueType:
        for purpose in PURPOSES_TO_CHOOSE:
            if self.purpose == purpose_code(purpose):
                return query_pb2.Purpose.ValueType(purpose)
        raise unacceptable(_NO_PURPOSE, "purpose")

    def _kinds(self) -> list[common_pb2.RecordKind.ValueType]:
        kinds = [common_pb2.RecordKind.ValueType(kind) for kind in KINDS_TO_CHOOSE if str(kind) in self.kinds]
        if not kinds:
            raise unacceptable(_NO_KIND, "kinds")
        return kinds

    def _window(self) -> common_pb2.Window | None:
        if not self.first_day and not self.last_day:
            return None
        if not self.first_day or not self.last_day:
            raise unacceptable(_ONE_DAY, "last_day" if self.first_day else "first_day")
        return common_pb2.Window(first_day=self.first_day, last_day=self.last_day)

    def _max_uses(self) -> int:
        digits = self.max_uses
        if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(MOST_USES))):
            raise unacceptable(_NO_USES, "max_uses")
        if not 1 <= int(digits) <= MOST_USES:
            raise unacceptable(_NO_USES, "max_uses")
        return int(digits)


def purpose_code(purpose: int) -> str:
    """As the form calls a purpose."""
    return query_pb2.Purpose.Name(query_pb2.Purpose.ValueType(purpose)).removeprefix("PURPOSE_")


def last_possible(today: date) -> date:
    """Until when a consent may hold at most."""
    return years_after(today, LONGEST_TERM.years)


def unacceptable(rule: Words, field: str) -> HurenError:
    """What was filled in cannot be granted."""
    return HurenError(ErrorCode.GRANT_TERMS_UNACCEPTABLE, field=field, problem_zh=rule.zh, problem_en=rule.en)
