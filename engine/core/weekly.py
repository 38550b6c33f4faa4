"""Turns that come every week, in local time. Aware UTC comes in and goes out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from engine.core.spans import ClockTime, Zone

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK = 7


class Weekly(BaseModel):
    """Every week on these days, by the clock of the zone. A `to` at or before `from` is on the next day (a night; 24
    hours where both are the same), and the turn belongs to the day it began on."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    days: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=WEEK)]
    """The days on which it begins."""
    start: Annotated[ClockTime, Field(alias="from")]
    """The time of day at which it begins."""
    end: Annotated[ClockTime, Field(alias="to")]
    """The time of day at which it is over."""
    zone: Zone = "UTC"
    """The time zone of both, like Europe/Berlin."""

    def until(self, now: datetime) -> datetime | None:
        """When the turn that `now` is in is over; None between two turns. The beginning is in, the end is out."""
        ends = [ends for begins, ends in self._turns(now, 0) if begins <= now < ends]
        return max(ends, default=None)

    def next_from(self, now: datetime) -> datetime | None:
        """When the next turn begins; None where none does within the week, as on a day that has no such hour."""
        return min((begins for begins, ends in self._turns(now, WEEK + 1) if now < begins < ends), default=None)

    def __str__(self) -> str:
        """`sat, sun 22:00-06:00 Europe/Berlin`."""
        return f"{', '.join(self.days)} {self.start:%H:%M}-{self.end:%H:%M} {self.zone}"

    def _turns(self, now: datetime, ahead: int) -> Iterator[tuple[datetime, datetime]]:
        """From yesterday, whose night may still be on."""
        zone = ZoneInfo(self.zone)
        today = now.astimezone(zone).date()
        overnight = timedelta(days=self.end <= self.start)
        for offset in range(-1, ahead + 1):
            day = today + timedelta(days=offset)
            if DAYS[day.weekday()] in self.days:
                begins = moment(day, self.start, zone)
                # A beginning that falls into the hour skipped in spring is put off; the end never comes before it.
                yield begins, max(begins, moment(day + overnight, self.end, zone))


def moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    """In the hour that is repeated in autumn the first of the two; in the hour skipped in spring an hour later."""
    return datetime.combine(day, at.replace(fold=0), tzinfo=zone).astimezone(UTC)
