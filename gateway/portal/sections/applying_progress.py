"""How a request gets on, province by province, in words: who has answered, who has not and why, what happens next.

No verdict and no number of records is in it, because none is in what it is made from. What may come of rows that could be the
subject's (a doubt about an identity, a record that cannot be read) is told to the subject alone: others are told that something is
outstanding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from contract.catalogue import CatalogueSet
from contract.days import china_day, from_timestamp
from contract.province import Province
from contract.reasons import OUTCOME_REASONS, REFUSAL_REASONS, Words
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2
from huren.report.v1 import report_service_pb2 as wire

_LOOKED_AT_FOR: Final = timedelta(minutes=10)
"""For so long a page looks by itself: no page keeps a session alive for ever. Whoever stays away is told by a message."""

_WHILE_ASKING_S: Final = 1
_WHILE_WAITING_S: Final = 5

_ASKING: Final = Words("正在查询", "Being asked")
_AGAIN: Final = Words("系统将自动再次查询，您无需操作。", "It is asked again by itself; you need do nothing.")
_CALL: Final = Words("再次查询不能解决，请与该单位联系。", "Asking again will not help: please turn to this unit.")
_ORIGIN: Final = Words(
    "须由该省（市）处理，系统将继续查询；需要了解情况的，可与该单位联系。",
    "The province has to act; it is asked again by itself. You may turn to this unit.",
)
_DONE: Final = Words(
    "查询结果在报告出具时一并给出。", "What it answered is told in the report, together with the others' answers."
)
_NO_REASON: Final = Words("原因未载明", "No reason is stated")
_OUTSTANDING: Final = Words("部分事项未反馈", "Something is outstanding")

_STATES: Final[Mapping[int, tuple[Words, str]]] = {
    wire.PROVINCE_PROGRESS_ANSWERED: (Words("已反馈", "Has answered"), "strong"),
    wire.PROVINCE_PROGRESS_ANSWERED_IN_PART: (Words("部分事项待反馈", "Has answered in part"), "waiting"),
    wire.PROVINCE_PROGRESS_REFUSED: (Words("未受理", "Not accepted"), "waiting"),
    wire.PROVINCE_PROGRESS_UNAVAILABLE: (Words("待反馈", "No answer yet"), "waiting"),
    wire.PROVINCE_PROGRESS_INADMISSIBLE: (Words("未采用", "Not used"), "waiting"),
}

_NOT_USED: Final = Words(
    "反馈的数据未通过一致性校验，未予采用。", "What it sent did not pass the checks of consistency and is not used."
)

_GAPS: Final[Mapping[int, Words]] = {
    fragment_pb2.UNAVAILABLE_REASON_SOURCE_SILENT: Words(
        "数据提供单位系统暂未反馈，不能据此判断有无记录",
        "its source does not answer at the moment; this says nothing about records",
    ),
    fragment_pb2.UNAVAILABLE_REASON_STALE: Words(
        "数据超过约定更新时限，不作结论", "its data is older than agreed; nothing is concluded"
    ),
    fragment_pb2.UNAVAILABLE_REASON_MAINTENANCE: Words("系统维护中", "announced maintenance"),
    fragment_pb2.UNAVAILABLE_REASON_UNREADABLE: Words(
        "待核对：有数据待人工核对，核对前不作结论", "being checked by hand; nothing is concluded before"
    ),
    fragment_pb2.UNAVAILABLE_REASON_IDENTITY_IN_DOUBT: Words(
        "待核对：有名称相近或仅含旧登记号的数据待确认是否属于本主体",
        "being checked: data with a similar name or an old number may or may not be the subject's",
    ),
    fragment_pb2.UNAVAILABLE_REASON_UNATTRIBUTABLE_ROWS: Words(
        "待核对：该领域有数据暂不能对应到主体，核对前不作结论",
        "being checked: some data of this domain cannot be assigned yet; nothing is concluded before",
    ),
    fragment_pb2.UNAVAILABLE_REASON_CORRECTION_CONTRADICTED: Words(
        "待核对：更正与来源数据不一致，核对前不作结论",
        "being checked: a correction and the source differ; nothing is concluded before",
    ),
}
"""Source: the provinces' wording for cells."""

_TOLD_TO_ALL: Final = frozenset(
    {
        fragment_pb2.UNAVAILABLE_REASON_SOURCE_SILENT,
        fragment_pb2.UNAVAILABLE_REASON_STALE,
        fragment_pb2.UNAVAILABLE_REASON_MAINTENANCE,
    }
)
"""Reasons that hold for everybody, whoever the subject is."""


@dataclass(frozen=True, slots=True)
class Why:
    """A reason.

    Attributes:
        words: The reason.
        domain: In which domain. Empty: it is about the province, or is not told.
        domain_en: Its name in English.
    """

    words: Words
    domain: str = ""
    domain_en: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvinceLine:
    """How one province stands.

    Attributes:
        province: Which.
        state: In a word.
        look: Of the word: plain, waiting, strong.
        why: The reasons.
        next: What happens next.
        contact: Whom to turn to. None: nobody is needed.
        attempts: How often it was asked.
    """

    province: Province
    state: Words
    look: str
    why: tuple[Why, ...] = ()
    next: Words | None = None
    contact: common_pb2.Contact | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How an open request gets on.

    Attributes:
        lines: One for each province.
        asking: Provinces are being asked now.
        next_attempt_at: When they are asked again at the latest. None: now, or it is not known.
        every_s: After how long the page looks again by itself. 0: it does not.
        seen: What stands here, in short: what is the same has not changed.
    """

    lines: tuple[ProvinceLine, ...]
    asking: bool
    next_attempt_at: datetime | None
    every_s: int
    seen: str

    @property
    def answered(self) -> tuple[Province, ...]:
        """Who has answered in full."""
        state, _ = _STATES[wire.PROVINCE_PROGRESS_ANSWERED]
        return tuple(line.province for line in self.lines if line.state == state)

    @property
    def outstanding(self) -> tuple[Province, ...]:
        """Who has not."""
        return tuple(line.province for line in self.lines if line.province not in self.answered)


def progress_of(request: wire.OpenRequest, *, own: bool, catalogues: CatalogueSet, at: datetime) -> Progress:
    """How an open request gets on.

    Args:
        request: The request.
        own: The reader is its subject.
        catalogues: The published catalogues, for the names of domains.
        at: Now.
    """
    asking = not request.HasField("next_attempt_at")
    names = _domain_names(catalogues, at)
    known = {status.province: status for status in request.provinces}
    lines = []
    for province in Province:
        status = known.get(province.wire)
        if status is not None:
            lines.append(_line(status, own=own, names=names))
        elif asking:
            lines.append(ProvinceLine(province=province, state=_ASKING, look="waiting"))
        else:
            state, look = _STATES[wire.PROVINCE_PROGRESS_UNAVAILABLE]
            lines.append(ProvinceLine(province=province, state=state, look=look, next=_AGAIN))
    every_s = 0
    if at < from_timestamp(request.accepted_at) + _LOOKED_AT_FOR:
        every_s = _WHILE_ASKING_S if asking else _WHILE_WAITING_S
    seen = hashlib.sha256(request.SerializeToString(deterministic=True) + str(every_s).encode()).hexdigest()[:16]
    return Progress(
        lines=tuple(lines),
        asking=asking,
        next_attempt_at=None if asking else from_timestamp(request.next_attempt_at),
        every_s=every_s,
        seen=seen,
    )


def ended_lines(
    request: wire.EndedRequest, *, own: bool, catalogues: CatalogueSet, at: datetime
) -> tuple[ProvinceLine, ...]:
    """How the provinces stood when a request ended without a report. Nothing happens next."""
    names = _domain_names(catalogues, at)
    lines = (_line(status, own=own, names=names) for status in request.provinces)
    return tuple(
        ProvinceLine(province=line.province, state=line.state, look="closed", why=line.why, contact=line.contact)
        for line in lines
    )


def _line(status: wire.ProvinceStatus, *, own: bool, names: Mapping[str, tuple[str, str]]) -> ProvinceLine:
    state, look = _STATES[status.progress]
    done = status.progress == wire.PROVINCE_PROGRESS_ANSWERED
    return ProvinceLine(
        province=Province(status.province),
        state=state,
        look=look,
        why=tuple(dict.fromkeys(_why(status, own=own, names=names))),
        next=_DONE if done else _next(status, own=own),
        contact=status.contact if not done and status.contact.unit else None,
        attempts=status.attempts,
    )


def _next(status: wire.ProvinceStatus, *, own: bool) -> Words:
    match status.gap_kind:
        case wire.GAP_KIND_NEEDS_ORIGIN if own or status.progress != wire.PROVINCE_PROGRESS_ANSWERED_IN_PART:
            return _ORIGIN
        case wire.GAP_KIND_FINAL:
            return _CALL
        case _:
            return _AGAIN


def _why(status: wire.ProvinceStatus, *, own: bool, names: Mapping[str, tuple[str, str]]) -> Iterator[Why]:
    match status.progress:
        case wire.PROVINCE_PROGRESS_REFUSED:
            yield Why(REFUSAL_REASONS.get(status.refusal, _NO_REASON))
        case wire.PROVINCE_PROGRESS_UNAVAILABLE:
            yield Why(OUTCOME_REASONS.get(status.reason, _NO_REASON))
        case wire.PROVINCE_PROGRESS_INADMISSIBLE:
            yield Why(_NOT_USED)
        case wire.PROVINCE_PROGRESS_ANSWERED_IN_PART:
            for gap in status.gaps:
                if own:
                    yield Why(_GAPS.get(gap.reason, _NO_REASON), *names.get(gap.key.domain, ("", "")))
                else:
                    yield Why(_GAPS[gap.reason] if gap.reason in _TOLD_TO_ALL else _OUTSTANDING)
        case _:
            return


def _domain_names(catalogues: CatalogueSet, at: datetime) -> Mapping[str, tuple[str, str]]:
    domains = catalogues.in_force(china_day(at)).domains
    return {domain.id: (domain.name, domain.name_en) for domain in domains}
