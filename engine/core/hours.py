"""Business hours, in local time. Aware UTC comes in and goes out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from engine.core.policy import BusinessHours
from engine.core.weekly import DAYS, moment

HORIZON = timedelta(days=400)
"""Longer than any row of holidays: a calendar that is closed for all of it is a mistake."""


def is_open(hours: BusinessHours, now: datetime) -> bool:
    """The moment of opening is in, the moment of closing is out."""
    return any(opens <= now < closes for opens, closes in _spans(hours, now, timedelta(days=1)))


def next_opening(hours: BusinessHours, now: datetime) -> datetime:
    """`now` itself while open. Raises ValueError for a calendar without a business day."""
    if is_open(hours, now):
        return now
    return _first_after(hours, now)[0]


def end_of_next_business_day(hours: BusinessHours, now: datetime) -> datetime:
    """The end of the first business day that begins after `now`: on Monday at 03:00 Monday's, at 10:00 Tuesday's.

    Raises ValueError for a calendar without a business day.
    """
    return _first_after(hours, now)[1]


def _first_after(hours: BusinessHours, now: datetime) -> tuple[datetime, datetime]:
    for opens, closes in _spans(hours, now, HORIZON):
        if opens > now:
            return opens, closes
    raise ValueError(
        f"no business day within {HORIZON.days} days of {now:%Y-%m-%d}; look at the days and holidays of business_hours"
    )


def _spans(hours: BusinessHours, now: datetime, ahead: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Opening and closing of each business day from yesterday, whose night shift may still be on, onwards."""
    zone = ZoneInfo(hours.timezone)
    today = now.astimezone(zone).date()
    overnight = timedelta(days=hours.end <= hours.start)
    for offset in range(-1, ahead.days + 1):
        day = today + timedelta(days=offset)
        if DAYS[day.weekday()] in hours.days and day not in hours.holidays:
            opens = moment(day, hours.start, zone)
            # An opening that falls into the hour skipped in spring is put off; the closing never comes before it.
            yield opens, max(opens, moment(day + overnight, hours.end, zone))
