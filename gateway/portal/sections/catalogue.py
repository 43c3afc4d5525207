"""互认事项清单: what is recognised between the provinces, who answers for it, and what is not covered."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from contract.catalogue import SERIOUS_LIST, Catalogue
from contract.days import china_day
from contract.province import Province
from contract.reasons import Words
from contract.spreadsheet import safe_cell
from gateway.federation.provinces import ProvinceView
from gateway.portal.parts import PortalParts
from gateway.portal.recognised import (
    COVER_WORDS,
    NOT_STATED,
    STATE_WORDS,
    Cover,
    Line,
    RecognisedDomain,
    recognised,
)
from gateway.portal.rendering import moment
from gateway.portal.site import address_of
from gateway.portal.visit import Answer, Handler, View, Visit, download

_BOM: Final = "utf-8-sig"
"""Without it spreadsheets in Chinese offices show the file as GBK."""

_ONLY_GAPS: Final = "gaps"

_COLUMNS: Final = (
    Words("领域", "Domain"),
    Words("省（市）", "Province"),
    Words("事项", "Kind of record"),
    Words("名单全称", "Full names of the lists"),
    Words("曾用名称", "Older names of the lists"),
    Words("是否纳入", "Covered"),
    Words("数据自何日起完整", "Complete since"),
    Words("数据归集至（北京时间）", "Data up to (Beijing time)"),
    Words("超过更新时限", "Older than allowed"),
    Words("归集时限（工作日）", "Working days until data arrives"),
    Words("时限依据", "Basis of that"),
    Words("部门", "Department"),
    Words("电话", "Telephone"),
    Words("清单条目是否经确认", "Entry confirmed"),
    Words("清单版本", "Version of the catalogue"),
    Words("该省（市）说明取得时间（北京时间）", "Province's statement had at (Beijing time)"),
)


class CatalogueSection:
    """The catalogue as a page and as a table."""

    def __init__(self, parts: PortalParts) -> None:
        self._parts = parts

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""
        return {"catalogue": self.catalogue, "catalogue_table": self.catalogue_table}

    async def catalogue(self, visit: Visit) -> Answer:
        """Domains and provinces."""
        catalogue, views = await self._known(visit)
        shown, only_gaps = _shown(visit), _only_gaps(visit)
        return View(
            template="catalogue/catalogue.html",
            values={
                "catalogue": catalogue,
                "digest": catalogue.digest.hex()[:12],
                "domains": recognised(catalogue, views, provinces=shown, only_gaps=only_gaps),
                "shown": shown,
                "views": {province: views[province] for province in shown},
                "counts": {province: _counts(views[province]) for province in shown},
                "silent": [province for province in shown if views[province].coverage is None],
                "contacts": {province: self._parts.directory.members.get(province) for province in shown},
                "options": [(one.slug, visit.say(one.name_zh, one.name_en)) for one in Province],
                "chosen": shown[0].slug if len(shown) == 1 else "",
                "only_gaps": only_gaps,
                "table_address": _table_address(shown, only_gaps=only_gaps),
                "limit_hours": _limits(catalogue),
                "COVER": COVER_WORDS,
                "STATES": STATE_WORDS,
                "NOT_STATED": NOT_STATED,
                "Cover": Cover,
            },
        )

    async def catalogue_table(self, visit: Visit) -> Answer:
        """The same as a table for spreadsheets, with the same choice."""
        catalogue, views = await self._known(visit)
        domains = recognised(catalogue, views, provinces=_shown(visit), only_gaps=_only_gaps(visit))
        file = io.StringIO(newline="")
        writer = csv.writer(file)
        writer.writerow(visit.say(column.zh, column.en) for column in _COLUMNS)
        for domain in domains:
            for line in domain.lines:
                writer.writerow(map(safe_cell, _row(visit, catalogue, domain, line)))
        content = file.getvalue().encode(_BOM)
        return download(content, media_type="text/csv", name=f"catalogue-{catalogue.version}.csv")

    async def _known(self, visit: Visit) -> tuple[Catalogue, Mapping[Province, ProvinceView]]:
        catalogue = self._parts.catalogues.in_force(china_day(visit.at))
        return catalogue, await self._parts.provinces.views()


def _counts(view: ProvinceView) -> tuple[int, int, int]:
    """How many kinds of record, in all domains together: all, covered, not covered."""
    entries = view.coverage.coverage.cells if view.coverage else ()
    covered = sum(entry.covered for entry in entries)
    return len(entries), covered, len(entries) - covered


def _shown(visit: Visit) -> Sequence[Province]:
    """The province that was chosen; all of them where none was, or none of ours."""
    asked = visit.asked("province")
    return tuple(province for province in Province if province.slug == asked) or tuple(Province)


def _only_gaps(visit: Visit) -> bool:
    return visit.asked("only") == _ONLY_GAPS


def _table_address(shown: Sequence[Province], *, only_gaps: bool) -> str:
    chosen = ([f"province={shown[0].slug}"] if len(shown) == 1 else []) + ([f"only={_ONLY_GAPS}"] if only_gaps else [])
    return address_of("catalogue_table") + (f"?{'&'.join(chosen)}" if chosen else "")


def _limits(catalogue: Catalogue) -> Sequence[int]:
    """After how many hours data counts as too old; the catalogue mostly has one limit for everything."""
    return sorted({rules.freshness_limit_hours for rules in catalogue.carried.values()})


def _row(visit: Visit, catalogue: Catalogue, domain: RecognisedDomain, line: Line) -> Iterator[str]:
    def say(words: Words) -> str:
        return visit.say(words.zh, words.en)

    covered = line.cover is Cover.COVERED
    lists = domain.lists if SERIOUS_LIST in line.kinds else ()
    yield visit.say(domain.domain.name, domain.domain.name_en)
    yield visit.say(line.province.name_zh, line.province.name_en)
    yield say(line.kind_words)
    yield "；".join(entry.name for entry in lists)
    yield "；".join(older.name for entry in lists for older in entry.older_names)
    yield say(COVER_WORDS[line.cover])
    yield line.since
    yield moment(line.as_of) if line.as_of else (say(NOT_STATED) if covered else "")
    yield visit.say("是", "yes") if line.stale else ""
    yield str(line.lag) if line.lag else (say(NOT_STATED) if covered else "")
    yield say(line.lag_source or NOT_STATED) if covered else ""
    yield line.department.unit if line.department else ""
    yield line.department.telephone if line.department else ""
    is_confirmed = domain.verified and all(entry.verified for entry in lists)
    yield visit.say("已确认", "confirmed") if is_confirmed else visit.say("未经确认", "not confirmed")
    yield catalogue.version
    yield moment(line.told_at) if line.told_at else visit.say("未取得", "not had")
