"""Spans, times of day and moments as people write them, read strictly and shown plainly."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, PlainSerializer, WithJsonSchema

# Six digits are enough for centuries, and no sum of such spans leaves the calendar.
SPAN = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", re.ASCII)
SPAN_PATTERN = r"^(\d{1,6}d)?(\d{1,6}h)?(\d{1,6}m)?(\d{1,6}s)?$"
CLOCK_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
CALENDAR_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)


def read_span(value: object) -> object:
    """`90s`, `15m`, `1h30m`, `2d`. A number without a unit is refused: nobody knows what 5 means at 3 am."""
    if isinstance(value, timedelta):
        return value
    match = SPAN.fullmatch(value) if isinstance(value, str) and value else None
    if match is None:
        raise ValueError(f"{value!r} is not a span of time; write it like 90s, 15m, 1h30m or 2d")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def format_span(span: timedelta) -> str:
    """The shortest text that `read_span` reads as the same span, to the second: `1h30m`."""
    seconds = round(span.total_seconds())
    parts = ((seconds // 86_400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s"))
    return "".join(f"{amount}{unit}" for amount, unit in parts if amount) or "0s"


def check_ahead(span: timedelta) -> timedelta:
    if not span:
        raise ValueError("a span of nothing is no time at all; write it like 90s, 15m, 1h30m or 2d")
    return span


def read_clock_time(value: object) -> object:
    """`09:00`. Without this a bare 9 would be nine seconds past midnight."""
    if not isinstance(value, time) and not (isinstance(value, str) and CLOCK_TIME.fullmatch(value)):
        raise ValueError(f"{value!r} is not a time of day; write it like 09:00 or 17:30")
    return value


def read_calendar_day(value: object) -> object:
    """`2026-12-25`. Without this a bare number would be counted in seconds from 1970."""
    if not isinstance(value, date) and not (isinstance(value, str) and CALENDAR_DAY.fullmatch(value)):
        raise ValueError(f"{value!r} is not a day; write it like 2026-12-25")
    return value


def check_moment(at: datetime) -> datetime:
    """In UTC. What lies at the calendar's end can't be moved to another zone any more."""
    if not EARLIEST <= at <= LATEST:
        raise ValueError("it is before 1970 or after 9000; write it like 2026-11-21T03:10:00Z")
    return at.astimezone(UTC)


def check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: a folder of zones, like "Europe"
        raise ValueError(f"{name!r} is not a time zone; write it like Europe/Berlin or UTC") from error
    return name


SPAN_SCHEMA = {"type": "string", "pattern": SPAN_PATTERN, "minLength": 2, "examples": ["90s", "15m", "1h30m", "2d"]}
Span = Annotated[
    timedelta,
    BeforeValidator(read_span),
    PlainSerializer(format_span, return_type=str, when_used="json"),
    WithJsonSchema(SPAN_SCHEMA),
]
SpanAhead = Annotated[Span, AfterValidator(check_ahead)]
"""A span that is not nothing."""

ClockTime = Annotated[
    time,
    BeforeValidator(read_clock_time),
    PlainSerializer(lambda value: f"{value:%H:%M}", return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$", "examples": ["09:00"]}),
]
CalendarDay = Annotated[date, BeforeValidator(read_calendar_day)]
Zone = Annotated[str, AfterValidator(check_zone)]
Moment = Annotated[AwareDatetime, AfterValidator(check_moment)]


TWO_MINUTES = 120


@lru_cache(maxsize=1024)  # of a configuration there are a few, and each incident spells them
def spell(span: timedelta) -> str:
    """`90 s`, `5 min`, `2 h`, `1 h 30 min`, `3 d`: whole seconds that have passed, so that an answer after 4 min 59.9 s
    was not one after 5 min."""
    seconds = int(span.total_seconds())
    if seconds < TWO_MINUTES and seconds % 60:
        return f"{seconds} s"
    days, rest = divmod(seconds, 86_400)
    parts = ((days, "d"), (rest // 3600, "h"), (rest % 3600 // 60, "min"), (rest % 60 if not days else 0, "s"))
    return " ".join(f"{amount} {unit}" for amount, unit in parts if amount) or "0 s"
