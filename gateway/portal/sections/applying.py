"""To ask for a report, and to see how it gets on: 申请报告 and 我的办件.

    apply     period, domains, purpose on one page; with `from` as an earlier report was asked for
    preview   what this report will show and what not, before anybody is asked
    submit    opens the request; it is asked for without the visitor waiting
    request   how it gets on, until there is a report

What was filled in goes along in the forms, and nothing of it is kept before it is handed in. The key that makes two clicks one
request is made with the preview.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from contract.catalogue import PENALTY, SERIOUS_LIST, Catalogue
from contract.days import china_day
from contract.errors import NOT_KNOWN, ErrorCode, HurenError
from contract.payloads import PayloadError, check_constraints
from contract.reasons import Words
from contract.registry import RegistryUnavailableError
from gateway.api.parts import PeopleParts
from gateway.api.problems import malformed
from gateway.batches.words import end_words
from gateway.domain.persons import MandateScope
from gateway.domain.request import RequestState, Sealed
from gateway.portal.parts import PortalParts
from gateway.portal.recognised import KINDS as KIND_WORDS
from gateway.portal.sections.applying_choices import KINDS, OFFERED_PURPOSES, YEARS, Choices, period
from gateway.portal.sections.applying_cover import covers
from gateway.portal.sections.applying_list import requests_shown
from gateway.portal.sections.applying_progress import ended_lines, progress_of
from gateway.portal.site import address_of
from gateway.portal.terminals import is_at_terminal
from gateway.portal.visit import Answer, Handler, SeeOther, View, Visit, download
from gateway.portal.words import PURPOSES, REQUEST_STATES
from gateway.reports.intake import BY_REGISTRY
from huren.common.v1 import common_pb2
from huren.report.v1 import report_service_pb2 as wire

_CORRECTABLE: Final = frozenset(
    {
        ErrorCode.WINDOW_MALFORMED,
        ErrorCode.WINDOW_INVERTED,
        ErrorCode.WINDOW_IN_FUTURE,
        ErrorCode.WINDOW_TOO_LONG,
        ErrorCode.DOMAIN_UNKNOWN,
        ErrorCode.NOTHING_APPLICABLE,
        ErrorCode.CATALOGUE_UNKNOWN,
    }
)
"""What the applicant can choose otherwise. All else is told on a page of its own."""

_CORRECTING: Final = Words("更正所填内容", "Correct what was filled in")

_UNCHANGED: Final = 204


class ApplyingSection:
    """Asking for reports."""

    def __init__(self, parts: PortalParts, people: PeopleParts) -> None:
        self._parts = parts
        self._people = people

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""
        return {
            "progress": self.progress,
            "apply": self.apply,
            "preview": self.preview,
            "submit": self.submit,
            "requests": self.requests,
            "request": self.request,
            "cancel_request": self.cancel,
            "progress_sheet": self.progress_sheet,
        }

    # --- To ask -----------------------------------------------------------------------------------------------------------

    async def apply(self, visit: Visit) -> Answer:
        """The form."""
        await self._require_served_here(visit)
        catalogue, today = self._catalogue(visit), china_day(visit.at)
        query = visit.request.query
        if number := visit.asked("from"):
            return self._form(visit, await self._as_before(visit, number))
        if "window" in query:  # back from the preview
            return self._form(visit, Choices.filled(lambda name: tuple(query.getall(name, ())), today))
        return self._form(visit, Choices.default(catalogue, today))

    async def preview(self, visit: Visit) -> Answer:
        """What the report will show, and what not."""
        await self._require_served_here(visit)
        catalogue, today = self._catalogue(visit), china_day(visit.at)
        choices = Choices.filled(visit.form.all, today)
        try:
            cells, window = choices.checked(catalogue, today)
        except HurenError as error:
            return self._form(visit, choices, error)
        domains = [domain for domain in catalogue.domains if domain.id in choices.domains]
        views = await self._parts.provinces.views()
        return View(
            template="applying/preview.html",
            values={
                "choices": choices,
                "window": window,
                "domains": domains,
                "all_domains": len(catalogue.domains),
                "kinds": [KIND_WORDS[kind] for kind in choices.kinds],
                "shows_penalties": PENALTY in choices.kinds,
                "shows_lists": SERIOUS_LIST in choices.kinds,
                "purpose": PURPOSES[choices.purpose],
                "covers": covers(catalogue, views, cells, window),
                "catalogue": catalogue,
                "key": secrets.token_hex(16),
            },
        )

    async def submit(self, visit: Visit) -> Answer:
        """Opens the request. The same key is the same request, however often it is clicked."""
        choices = Choices.previewed(visit.form.all, china_day(visit.at))
        message = choices.message(
            uscc=visit.acting.uscc,
            idempotency_key=visit.form.one("idempotency_key"),
            catalogue_version=visit.form.one("catalogue_version"),
        )
        try:
            choices.checked(self._catalogue(visit), china_day(visit.at))
            check_constraints(message)
            result = await self._people.reports.begin_report(message, visit.acting)
        except PayloadError as error:
            raise malformed("表单内容不符合规定", "the form is not as ours") from error
        except HurenError as error:
            if error.code not in _CORRECTABLE:
                raise
            return self._form(visit, choices, error)
        return SeeOther(_place_of(visit, result))

    # --- How it gets on -----------------------------------------------------------------------------------------------------

    async def progress(self, visit: Visit) -> Answer:
        """To the requests of the only enterprise; where there are several, one is chosen first."""
        mine = [one for one in visit.enterprises if any(MandateScope.REPORT in acts.scopes for acts in one.acts)]
        if len(mine) == 1:
            return SeeOther(address_of("requests", enterprise=mine[0].handle))
        return SeeOther(f"{address_of('enterprises')}?to=requests")

    async def request(self, visit: Visit) -> Answer:
        """How a request stands. Parts of it are fetched again and again while it is open."""
        result = await self._people.reports.find_request(visit.path("request"), visit.acting)
        match result:
            case Sealed():
                report = visit.url("report", report=result.report_number)
                if visit.is_fragment:
                    return web.Response(headers={"HX-Redirect": report})
                return self._stands(visit, "applying/sealed.html", report=report, number=result.report_number)
            case wire.EndedRequest():
                if visit.is_fragment:
                    return web.Response(headers={"HX-Refresh": "true"})
                own = await self._is_own(visit)
                lines = ended_lines(result, own=own, catalogues=self._parts.catalogues, at=visit.at)
                return self._stands(visit, "applying/ended.html", ended=result, why=end_words(result), lines=lines)
            case wire.OpenRequest():
                own = await self._is_own(visit)
                progress = progress_of(result, own=own, catalogues=self._parts.catalogues, at=visit.at)
                if visit.is_fragment and visit.asked("seen") == progress.seen:
                    return web.Response(status=_UNCHANGED)
                template = "applying/lines.html" if visit.is_fragment else "applying/open.html"
                return self._stands(visit, template, opened=result, progress=progress, own=own)

    async def cancel(self, visit: Visit) -> Answer:
        """Withdraws a request. Where the report was quicker, it is shown."""
        result = await self._people.reports.cancel(visit.path("request"), visit.acting)
        return SeeOther(_place_of(visit, result))

    async def progress_sheet(self, visit: Visit) -> Answer:
        """The progress sheet as a file."""
        result = await self._people.reports.find_request(visit.path("request"), visit.acting)
        if not isinstance(result, wire.OpenRequest):
            raise HurenError(ErrorCode.REQUEST_ENDED)
        file = await self._people.files.progress_sheet(result)
        inline = is_at_terminal(visit.logged_in)  # nothing is kept on a device that everybody uses
        return download(file.content, media_type=file.media_type, name=file.name, inline=inline)

    async def requests(self, visit: Visit) -> Answer:
        """What was asked for on behalf of the enterprise."""
        shown = await requests_shown(visit, self._people.overview)
        is_empty = not shown.rows and not shown.is_filtered and shown.is_first
        return View(
            template="applying/requests.html",
            values={
                "shown": shown,
                "is_empty": is_empty,
                "own": visit.on_behalf_of.uscc,
                "states": REQUEST_STATES,
                "OPEN": RequestState.OPEN,
            },
        )

    # --- Leaves -----------------------------------------------------------------------------------------------------------

    def _catalogue(self, visit: Visit) -> Catalogue:
        return self._parts.catalogues.in_force(china_day(visit.at))

    def _form(self, visit: Visit, choices: Choices, error: HurenError | None = None) -> View:
        catalogue, today = self._catalogue(visit), china_day(visit.at)
        return View(
            template="applying/apply.html",
            title=_CORRECTING if error else None,
            error=error,
            status=error.row.http_status if error else 200,
            values={
                "choices": choices,
                "years": {name: (years, period(name, today)) for name, years in YEARS.items()},
                "domains": [(domain.id, domain.name, domain.name_en) for domain in catalogue.domains],
                "kinds": [(kind, KIND_WORDS[kind]) for kind in KINDS],
                "purposes": [(number, PURPOSES[number]) for number in OFFERED_PURPOSES],
                "from_report": visit.asked("from"),
            },
        )

    async def _as_before(self, visit: Visit, number: str) -> Choices:
        """As a report of the enterprise's own was asked for."""
        sealed = await self._people.reports.get_report(number, visit.acting)
        checked = await self._people.files.checked(sealed)
        if checked.report.subject.uscc != visit.acting.uscc:
            raise HurenError(ErrorCode.REPORT_NOT_FOUND)
        return Choices.of_report(checked, self._catalogue(visit), china_day(visit.at))

    async def _require_served_here(self, visit: Visit) -> None:
        """Says before anything is filled in what the service would say after it. Where the registry is silent, that says it."""
        today = china_day(visit.at)
        try:
            entry = await self._parts.registry.lookup(visit.acting.uscc)
        except RegistryUnavailableError:
            return
        if entry is None:
            return
        if entry.status == common_pb2.REGISTRATION_STATUS_CANCELLED:
            raise HurenError(ErrorCode.SUBJECT_CANCELLED, date=entry.cancelled_on or NOT_KNOWN)
        home = entry.home_on(today)
        if home is None:
            raise HurenError(ErrorCode.HOME_OUTSIDE)
        if home is not self._parts.province:
            member = self._parts.directory.members.get(home)
            raise HurenError(
                ErrorCode.FOREIGN_HOME,
                province=home,
                contact=member.contact if member else None,
                province_zh=home.name_zh,
                province_en=home.name_en,
                basis_zh=BY_REGISTRY.zh,
                basis_en=BY_REGISTRY.en,
            )

    async def _is_own(self, visit: Visit) -> bool:
        """Whether the request of the address is about the enterprise itself."""
        return await self._people.reports.is_own_request(visit.path("request"), visit.acting)

    def _stands(self, visit: Visit, template: str, **values: object) -> View:
        member = self._parts.directory.members.get(self._parts.province)
        shared = {"request_id": visit.path("request"), "home": member.contact if member else None}
        return View(template=template, values={**shared, **values})


def _place_of(visit: Visit, result: Sealed | wire.OpenRequest | wire.EndedRequest) -> str:
    if isinstance(result, Sealed):
        return visit.url("report", report=result.report_number)
    return visit.url("request", request=result.request_id)
