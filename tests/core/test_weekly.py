"""Turns that come every week: both edges of each, over both edges of daylight saving."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.core.weekly import DAYS, Weekly

SECOND = timedelta(seconds=1)


def weekly(days: str, begins: str, ends: str, zone: str = "Europe/Berlin") -> Weekly:
    return Weekly.model_validate({"days": days.split(), "from": begins, "to": ends, "zone": zone})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NIGHTS = weekly("sat sun", "22:00", "06:00")
LUNCH = weekly("mon", "12:00", "13:00", "UTC")
ALL_DAY = weekly("wed", "00:00", "00:00", "America/New_York")


@pytest.mark.parametrize(
    ("turns", "begins", "ends"),
    [
        (LUNCH, "2026-11-23 12:00", "2026-11-23 13:00"),
        (NIGHTS, "2026-11-21 21:00", "2026-11-22 05:00"),
        (NIGHTS, "2026-11-22 21:00", "2026-11-23 05:00"),
        (NIGHTS, "2026-07-04 20:00", "2026-07-05 04:00"),
        (ALL_DAY, "2026-11-25 05:00", "2026-11-26 05:00"),
        # The clocks go forward in the night of 2026-03-29: the turn is an hour shorter, and ends by the new clock.
        (NIGHTS, "2026-03-28 21:00", "2026-03-29 04:00"),
        # They go back in the night of 2026-10-25: it is an hour longer.
        (NIGHTS, "2026-10-24 20:00", "2026-10-25 05:00"),
        # The hour from 2 to 3 is missing: what would begin in it begins an hour later, what would end in it too.
        (weekly("sun", "02:30", "05:00"), "2026-03-29 01:30", "2026-03-29 03:00"),
        (weekly("sun", "01:00", "02:30"), "2026-03-29 00:00", "2026-03-29 01:30"),
        (weekly("sun", "02:15", "02:45"), "2026-03-29 01:15", "2026-03-29 01:45"),
        # It comes twice: a time in it is that of the first.
        (weekly("sun", "02:30", "05:00"), "2026-10-25 00:30", "2026-10-25 04:00"),
        (weekly("sun", "01:00", "02:30"), "2026-10-24 23:00", "2026-10-25 00:30"),
        (weekly("sun", "02:00", "03:00"), "2026-10-25 00:00", "2026-10-25 02:00"),
        (weekly("sun", "00:30", "01:30", "America/New_York"), "2026-11-01 04:30", "2026-11-01 05:30"),
    ],
)
def test_a_turn_holds_from_its_first_moment_until_right_before_its_last(turns: Weekly, begins: str, ends: str) -> None:
    first, last = utc(begins), utc(ends)
    assert turns.until(first - SECOND) is None
    assert turns.until(first) == last
    assert turns.until(last - SECOND) == last
    assert turns.until(last) is None
    assert turns.next_from(first - SECOND) == first


def test_a_beginning_that_is_put_off_beyond_the_end_leaves_no_turn() -> None:
    turns = weekly("sun", "02:30", "03:10")
    night = utc("2026-03-28 22:00")
    assert not any(turns.until(night + timedelta(minutes=minute)) for minute in range(8 * 60))
    assert turns.next_from(night) == utc("2026-04-05 00:30")


def test_from_turn_to_turn_it_is_a_week_at_most() -> None:
    assert LUNCH.next_from(utc("2026-11-23 12:00")) == utc("2026-11-30 12:00")
    assert NIGHTS.next_from(utc("2026-11-23 05:00")) == utc("2026-11-28 21:00")


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"days": []}, "days"),
        ({"days": ["sunday"]}, "days.0"),
        ({"from": "22"}, "from"),
        ({"to": "24:00"}, "to"),
        ({"zone": "Berlin"}, "zone"),
        ({"until": "06:00"}, "until"),
    ],
)
def test_what_is_no_weekly_turn_is_refused_where_it_is_wrong(changes: dict[str, Any], where: str) -> None:
    good = {"days": ["sat"], "from": "22:00", "to": "06:00", "zone": "UTC"}
    with pytest.raises(ValidationError) as caught:
        Weekly.model_validate(good | changes)
    assert ".".join(map(str, caught.value.errors()[0]["loc"])) == where


def test_it_reads_back_as_it_is_written() -> None:
    assert NIGHTS.model_dump(mode="json") == {
        "days": ["sat", "sun"],
        "from": "22:00",
        "to": "06:00",
        "zone": "Europe/Berlin",
    }
    assert Weekly.model_validate(NIGHTS.model_dump(mode="json")) == NIGHTS
    assert str(NIGHTS) == "sat, sun 22:00-06:00 Europe/Berlin"


TURNS = st.builds(
    Weekly,
    days=st.sets(st.sampled_from(DAYS), min_size=1).map(tuple),
    start=st.times(),
    to=st.times(),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "America/Havana", "Australia/Lord_Howe"]),
)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@settings(max_examples=40)
@given(TURNS, MOMENTS)
def test_the_answers_agree_with_each_other_and_with_the_clock_on_the_wall(turns: Weekly, now: datetime) -> None:
    until, following = turns.until(now), turns.next_from(now)
    if until is not None:
        assert now < until <= now + timedelta(hours=26)
    if following is not None:
        assert following > now
        assert turns.until(following) is not None
        begun = following.astimezone(ZoneInfo(turns.zone))
        assert DAYS[begun.weekday()] in turns.days
