"""Who may call which operation: `ACCESS` is the table, `Gate` the one place that decides by it.

    Public           everybody; who calls is not even looked at
    LoggedIn         people with a session; `acts`: not by password, which browses only
    ForEnterprise    who acts for an enterprise, with the scope that is named; programs of enterprises too
    ForBatches       as ForEnterprise, and people for all enterprises that they may act for
    Represents       the legal representative of the enterprise
    OfStaff          people with one of the roles
    OnDuty           officers; the matter stands in the body, and the handler names it to `Gate.on_duty`

Where a person acts for an enterprise, the header `Huren-Enterprise` names it; it may be left out where there is exactly one. An
officer reads what was asked for in a matter by naming the matter (`Huren-Matter`) instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never
from urllib.parse import unquote_to_bytes

from contract.errors import ErrorCode, HurenError
from contract.uscc import Uscc, UsccError, parse_uscc
from gateway.api.ports import Acting
from gateway.api.problems import malformed
from gateway.domain.persons import MandateScope, Person, StaffRole
from gateway.domain.request import Caller
from gateway.identity.acting import require_more_than_password, require_staff


@dataclass(frozen=True, slots=True)
class Public:
    """Everybody."""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """People with a session."""

    acts: bool = False


@dataclass(frozen=True, slots=True)
class ForEnterprise:
    """Who acts for an enterprise."""

    scope: MandateScope
    on_duty: bool = False
    """Officers too, in a matter."""


@dataclass(frozen=True, slots=True)
class ForBatches:
    """Who asks for many reports at once."""


@dataclass(frozen=True, slots=True)
class Represents:
    """The legal representative."""


@dataclass(frozen=True, slots=True)
class OfStaff:
    """People with one of the roles."""

    roles: tuple[StaffRole, ...]


@dataclass(frozen=True, slots=True)
class OnDuty:
    """Officers in a matter."""


Access: TypeAlias = Public | LoggedIn | ForEnterprise | ForBatches | Represents | OfStaff | OnDuty

_REPORTS: Final = ForEnterprise(MandateScope.REPORT)
_REPORTS_OR_DUTY: Final = ForEnterprise(MandateScope.REPORT, on_duty=True)
_GRANTS: Final = ForEnterprise(MandateScope.GRANT)
_LOOK_UPS: Final = ForEnterprise(MandateScope.LOOK_UPS)
_CLERK: Final = OfStaff((StaffRole.WINDOW_CLERK,))
_WINDOW: Final = OfStaff((StaffRole.WINDOW_CLERK, StaffRole.REVIEWER))

ACCESS: Final[Mapping[str, Access]] = {
    "beginLogin": Public(),
    "finishLogin": Public(),
    "backChannelLogout": Public(),
    "verifyByCode": Public(),
    "verifyByFile": Public(),
    "getReportStatus": Public(),
    "getDescription": Public(),
    "logout": LoggedIn(),
    "getSession": LoggedIn(),
    "listSessions": LoggedIn(),
    "endSession": LoggedIn(),
    "askForMandate": LoggedIn(acts=True),
    "listMandates": LoggedIn(),
    "endMandate": LoggedIn(acts=True),
    "listEnterpriseMandates": Represents(),
    "confirmMandate": Represents(),
    "requestReport": _REPORTS,
    "listReportRequests": _REPORTS,
    "getReportRequest": _REPORTS_OR_DUTY,
    "cancelReportRequest": _REPORTS_OR_DUTY,
    "getProgressSheet": _REPORTS_OR_DUTY,
    "listReports": _REPORTS,
    "getReport": _REPORTS_OR_DUTY,
    "getReportFile": _REPORTS_OR_DUTY,
    "listNotices": _REPORTS,
    "draftGrant": _GRANTS,
    "giveGrant": _GRANTS,
    "listGrants": _GRANTS,
    "getGrant": _GRANTS,
    "revokeGrant": _GRANTS,
    "listLookUps": _LOOK_UPS,
    "exportLookUps": _LOOK_UPS,
    "lookUpOnDuty": OnDuty(),
    "fileWindowMandate": _CLERK,
    "listWindowMandates": _WINDOW,
    "getWindowScan": _WINDOW,
    "confirmWindowMandate": _WINDOW,
    "endWindowMandate": _WINDOW,
    "beginBatch": ForBatches(),
    "listBatches": ForBatches(),
    "getBatch": ForBatches(),
    "listBatchLines": ForBatches(),
    "getBatchArchive": ForBatches(),
    "cancelBatch": ForBatches(),
    "scheduleBatch": ForBatches(),
    "repeatBatch": ForBatches(),
}
"""Who may call what. An operation that is not here is not served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program of an enterprise."""

    caller: Caller


Who: TypeAlias = Person | Program | None
"""Who calls; None: nobody who showed anything that is believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a request names to act for. Empty: nothing.

    Attributes:
        enterprise: `Huren-Enterprise`.
        matter: `Huren-Matter`.
    """

    enterprise: str = ""
    matter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """As what somebody may call an operation.

    Attributes:
        person: Who is logged in. None: nobody, or a program.
        caller: On whose behalf. None: nobody's but the person's own.
        enterprise: Which enterprise the person represents, where that was asked.
    """

    person: Person | None = None
    caller: Caller | None = None
    enterprise: Uscc | None = None


class Gate:
    """Decides who may call what."""

    def __init__(self, acting: Acting, access: Mapping[str, Access] = ACCESS) -> None:
        self._acting = acting
        self._access = access

    def is_public(self, operation_id: str) -> bool:
        """Whether everybody may."""
        return isinstance(self._access[operation_id], Public)

    async def admit(self, operation_id: str, who: Who, named: Named) -> Admitted:
        """Lets somebody in, or refuses.

        Raises:
            HurenError: LOGIN_NEEDED, LEVEL_TOO_LOW, NO_MANDATE, NOT_PERMITTED; MALFORMED_REQUEST: for which enterprise is not said.
            StoreUnavailableError: The store cannot be read.
        """
        access = self._access[operation_id]
        match access:
            case Public():
                return Admitted()
            case LoggedIn():
                person = _person(who)
                if access.acts:
                    require_more_than_password(person)
                return Admitted(person=person)
            case ForEnterprise():
                return await self._for_enterprise(access, who, named)
            case ForBatches():
                return await self._for_batches(who, named)
            case Represents():
                return _represents(_person(who), named)
            case OfStaff():
                person = _person(who)
                require_staff(person, *access.roles)
                return Admitted(person=person)
            case OnDuty():
                person = _person(who)
                require_staff(person, StaffRole.OFFICER)
                return Admitted(person=person)
            case _:
                assert_never(access)

    def on_duty(self, person: Person, matter_number: str) -> Caller:
        """An officer in a matter.

        Raises:
            HurenError: NOT_PERMITTED, MALFORMED_REQUEST.
        """
        return self._acting.for_duty(person, matter_number)

    async def _for_enterprise(self, access: ForEnterprise, who: Who, named: Named) -> Admitted:
        if isinstance(who, Program):
            return Admitted(caller=_of_program(who, named))
        person = _person(who)
        if access.on_duty and named.matter:
            return Admitted(person=person, caller=self.on_duty(person, _matter(named)))
        uscc = _code(named) if named.enterprise else await self._only_one(person)
        return Admitted(person=person, caller=await self._acting.for_enterprise(person, uscc, access.scope))

    async def _for_batches(self, who: Who, named: Named) -> Admitted:
        if isinstance(who, Program):
            return Admitted(caller=_of_program(who, named))
        person = _person(who)
        if not named.enterprise:
            require_more_than_password(person)
            return Admitted(person=person)
        caller = await self._acting.for_enterprise(person, _code(named), MandateScope.REPORT)
        return Admitted(person=person, caller=caller)

    async def _only_one(self, person: Person) -> Uscc:
        """The one enterprise that a person may act for."""
        codes = {one.uscc for one in await self._acting.enterprises(person)}
        return _one_of(codes, person)


def _represents(person: Person, named: Named) -> Admitted:
    uscc = _code(named) if named.enterprise else _one_of(person.represents, person)
    require_more_than_password(person)
    if uscc not in person.represents:
        raise HurenError(ErrorCode.NO_MANDATE)
    return Admitted(person=person, enterprise=uscc)


def _one_of(codes: set[Uscc] | frozenset[Uscc], person: Person) -> Uscc:
    if not codes:
        require_more_than_password(person)
        raise HurenError(ErrorCode.NO_MANDATE)
    if len(codes) > 1:
        raise malformed(
            "您可为多家企业办理，请用请求头 Huren-Enterprise 指明为哪一家",
            "you may act for several enterprises: name one in the header Huren-Enterprise",
            field="Huren-Enterprise",
        )
    (uscc,) = codes
    return uscc


def _person(who: Who) -> Person:
    if not isinstance(who, Person):
        raise HurenError(ErrorCode.LOGIN_NEEDED)
    return who


def _of_program(who: Program, named: Named) -> Caller:
    """A program acts for its own enterprise; naming another one is a mistake that it should learn of."""
    if named.enterprise and _code(named) != who.caller.uscc:
        raise HurenError(ErrorCode.NO_MANDATE)
    return who.caller


def _code(named: Named) -> Uscc:
    try:
        return parse_uscc(named.enterprise)
    except UsccError as error:
        raise malformed(
            "请求头 Huren-Enterprise 须为统一社会信用代码",
            "the header Huren-Enterprise has to hold a unified social credit code",
            field="Huren-Enterprise",
        ) from error


def _matter(named: Named) -> str:
    try:
        return unquote_to_bytes(named.matter).decode()
    except UnicodeDecodeError as error:
        raise malformed(
            "请求头 Huren-Matter 须为百分号编码的 UTF-8",
            "the header Huren-Matter has to hold percent-encoded UTF-8",
            field="Huren-Matter",
        ) from error
