"""What the province tells everybody (公告): a JSON file that is read again when it has changed.

    {"announcements": [{
      "id": "maintenance-2026-11-22",
      "published": "2026-11-22", "until": "2026-11-23",
      "title_zh": "…", "title_en": "…", "paragraphs_zh": ["…"], "paragraphs_en": ["…"],
      "provinces": ["hebei"],
      "maintenance": {"begins": "2026-11-22T22:00:00+08:00", "ends": "2026-11-23T00:00:00+08:00"}
    }]}

- `until`, `provinces` and `maintenance` may be left out.
- A broken file, or one that is not there, never stops a gateway: what it said before stays, and it is logged.
- Texts are texts. Nothing in them is markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Protocol

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    model_validator,
)

from contract.days import CHINA, china_day
from contract.json_file import JsonFileError, read_json_file
from contract.province import Province
from runtime.live_file import LiveFile

_Title = Annotated[str, StringConstraints(min_length=1, max_length=120)]
_Paragraph = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
_Paragraphs = Annotated[tuple[_Paragraph, ...], Field(min_length=1, max_length=40)]
_Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]


def _province(value: object) -> object:
    return Province.from_slug(value) if isinstance(value, str) else value


_Slug = Annotated[Province, BeforeValidator(_province), PlainSerializer(lambda province: province.slug)]


class AnnouncementsError(ValueError):
    """The file holds no announcements. The message names the first fault."""


class Maintenance(BaseModel):
    """When a service is not to be had.

    Attributes:
        begins: From then on.
        ends: Until before then.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    begins: AwareDatetime
    ends: AwareDatetime

    @model_validator(mode="after")
    def _in_order(self) -> Maintenance:
        if self.ends <= self.begins:
            raise ValueError("ends is not after begins")
        return self

    def is_on(self, day: date) -> bool:
        """Whether any of it lies in that day of China."""
        return china_day(self.begins) <= day <= china_day(self.ends - timedelta(microseconds=1))

    @property
    def hours(self) -> str:
        """From when to when, as people say it.

        >>> at = datetime(2026, 11, 22, 22, tzinfo=CHINA)
        >>> Maintenance(begins=at, ends=at + timedelta(hours=2)).hours
        '22:00–24:00'
        >>> Maintenance(begins=at, ends=at + timedelta(hours=9)).hours
        '2026-11-22 22:00–2026-11-23 07:00'
        """
        first, last = self.begins.astimezone(CHINA), self.ends.astimezone(CHINA)
        if last.date() == first.date():
            return f"{first:%H:%M}–{last:%H:%M}"
        if china_day(last - timedelta(microseconds=1)) == first.date():
            return f"{first:%H:%M}–24:00"
        return f"{first:%Y-%m-%d %H:%M}–{last:%Y-%m-%d %H:%M}"


class Announcement(BaseModel):
    """One announcement.

    Attributes:
        id: Its anchor on the page.
        published: The day of China from which it is shown.
        until: The last day on which it is shown. None: as long as it stands in the file.
        title_zh: What it is about.
        title_en: The same in English.
        paragraphs_zh: What it says.
        paragraphs_en: The same in English.
        provinces: Whom it concerns. Empty: everybody.
        maintenance: When a service of theirs is not to be had. None: it is about something else.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: _Id
    published: date
    until: date | None = None
    title_zh: _Title
    title_en: _Title
    paragraphs_zh: _Paragraphs
    paragraphs_en: _Paragraphs
    provinces: tuple[_Slug, ...] = ()
    maintenance: Maintenance | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Announcement:
        if self.until is not None and self.until < self.published:
            raise ValueError("until is before published")
        return self

    def is_shown(self, day: date) -> bool:
        """Whether it is shown on that day."""
        return self.published <= day and (self.until is None or day <= self.until)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    announcements: tuple[Announcement, ...]


def read_announcements(path: Path) -> tuple[Announcement, ...]:
    """Reads the file.

    Raises:
        AnnouncementsError: It cannot be read, is malformed, or an id stands twice.
    """
    try:
        announcements = read_json_file(path.read_bytes(), _File).announcements
    except (OSError, JsonFileError) as error:
        raise AnnouncementsError(f"{path}: {error}") from error
    if len({one.id for one in announcements}) != len(announcements):
        raise AnnouncementsError(f"{path}: an id stands twice")
    return announcements


def announcements_json(announcements: Sequence[Announcement]) -> str:
    """Writes what `read_announcements` reads."""
    return _File(announcements=tuple(announcements)).model_dump_json(indent=1, exclude_none=True)


class Announcements(Protocol):
    """What is announced, as it is now."""

    def shown(self, at: datetime) -> tuple[Announcement, ...]:
        """What is shown now, the newest first."""


def planned_maintenance(announcements: Announcements, at: datetime) -> tuple[tuple[Province, Maintenance], ...]:
    """What is not to be had at some time of today and is not over yet, by province and time."""
    today = china_day(at)
    return tuple(
        sorted(
            (
                (province, one.maintenance)
                for one in announcements.shown(at)
                if one.maintenance is not None and one.maintenance.is_on(today) and at < one.maintenance.ends
                for province in one.provinces or tuple(Province)
            ),
            key=lambda found: (found[0], found[1].begins),
        )
    )


@dataclass(frozen=True, slots=True)
class FixedAnnouncements:
    """Announcements that do not change."""

    announcements: tuple[Announcement, ...] = ()

    def shown(self, at: datetime) -> tuple[Announcement, ...]:
        """As `Announcements.shown`."""
        return _shown(self.announcements, at)


class LiveAnnouncements:
    """The file as it is now."""

    def __init__(self, path: Path) -> None:
        nothing: tuple[Announcement, ...] = ()
        self._file: Final = LiveFile(path, read_announcements, name="announcements", before=nothing)

    def shown(self, at: datetime) -> tuple[Announcement, ...]:
        """As `Announcements.shown`. A file that cannot be read now leaves them as they were."""
        return _shown(self._file.value, at)


def _shown(announcements: Sequence[Announcement], at: datetime) -> tuple[Announcement, ...]:
    today = china_day(at)
    return tuple(
        sorted((one for one in announcements if one.is_shown(today)), key=lambda one: one.published, reverse=True)
    )
