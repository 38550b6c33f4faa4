"""Business hours, in local time, over both edges of daylight saving."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.hours import end_of_next_business_day, is_open, next_opening
from engine.core.policy import BusinessHours
from engine.core.weekly import DAYS

BERLIN = BusinessHours(timezone="Europe/Berlin", holidays=(date(2026, 12, 25), date(2027, 1, 1)))
NEW_YORK = BusinessHours(timezone="America/New_York")
EVERY_DAY = BusinessHours.model_validate({"days": DAYS}).days
NIGHT = BusinessHours(timezone="Europe/Berlin", days=("fri",), start=time(22), end=time(6))
AROUND_THE_CLOCK = BusinessHours(days=EVERY_DAY, start=time(0), end=time(0))


def at(text: str) -> datetime:
    """`2026-11-23 03:00 Europe/Berlin`."""
    day, clock, zone = text.split()
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def berlin(text: str) -> datetime:
    return at(f"{text} Europe/Berlin")


@pytest.mark.parametrize(
    ("hours", "now", "expected"),
    [
        (BERLIN, "2026-11-23 08:59:59", False),
        (BERLIN, "2026-11-23 09:00", True),
        (BERLIN, "2026-11-23 16:59:59", True),
        (BERLIN, "2026-11-23 17:00", False),
        (BERLIN, "2026-11-22 12:00", False),
        (BERLIN, "2026-12-25 12:00", False),
        (NIGHT, "2026-11-20 21:59", False),
        (NIGHT, "2026-11-20 23:00", True),
        (NIGHT, "2026-11-21 05:59", True),
        (NIGHT, "2026-11-21 06:00", False),
        (NIGHT, "2026-11-21 23:00", False),
        (AROUND_THE_CLOCK, "2026-11-22 00:00", True),
        (AROUND_THE_CLOCK, "2026-11-22 23:59", True),
    ],
)
def test_open_from_the_opening_until_right_before_the_closing(
    hours: BusinessHours, now: str, *, expected: bool
) -> None:
    assert is_open(hours, berlin(now)) is expected


@pytest.mark.parametrize(
    ("hours", "now", "expected"),
    [
        (BERLIN, "2026-11-23 10:00", "2026-11-23 10:00"),
        (BERLIN, "2026-11-23 03:00", "2026-11-23 09:00"),
        (BERLIN, "2026-11-23 17:00", "2026-11-24 09:00"),
        (BERLIN, "2026-11-20 18:00", "2026-11-23 09:00"),
        (BERLIN, "2026-12-24 18:00", "2026-12-28 09:00"),
        (NIGHT, "2026-11-21 05:00", "2026-11-21 05:00"),
        (NIGHT, "2026-11-21 06:00", "2026-11-27 22:00"),
    ],
)
def test_the_next_opening(hours: BusinessHours, now: str, expected: str) -> None:
    assert next_opening(hours, berlin(now)) == berlin(expected)


@pytest.mark.parametrize(
    ("hours", "now", "expected"),
    [
        (BERLIN, "2026-11-23 03:00", "2026-11-23 17:00"),
        (BERLIN, "2026-11-23 08:59:59", "2026-11-23 17:00"),
        (BERLIN, "2026-11-23 09:00", "2026-11-24 17:00"),
        (BERLIN, "2026-11-23 10:00", "2026-11-24 17:00"),
        (BERLIN, "2026-11-27 12:00", "2026-11-30 17:00"),
        (BERLIN, "2026-11-28 12:00", "2026-11-30 17:00"),
        (BERLIN, "2026-12-24 12:00", "2026-12-28 17:00"),
        (BERLIN, "2026-12-31 12:00", "2027-01-04 17:00"),
        (NIGHT, "2026-11-20 23:00", "2026-11-28 06:00"),
    ],
)
def test_the_end_of_the_first_business_day_that_begins_later(hours: BusinessHours, now: str, expected: str) -> None:
    assert end_of_next_business_day(hours, berlin(now)) == berlin(expected)


@pytest.mark.parametrize(
    ("hours", "now", "opens", "ends"),
    [
        # Clocks in Berlin go forward on 2026-03-29 and back on 2026-10-25, in New York on 2026-03-08 and 2026-11-01.
        (BERLIN, "2026-03-27T16:30+00:00", "2026-03-30T07:00+00:00", "2026-03-30T15:00+00:00"),
        (BERLIN, "2026-10-23T16:30+00:00", "2026-10-26T08:00+00:00", "2026-10-26T16:00+00:00"),
        (NEW_YORK, "2026-03-06T23:00+00:00", "2026-03-09T13:00+00:00", "2026-03-09T21:00+00:00"),
        (NEW_YORK, "2026-10-30T22:00+00:00", "2026-11-02T14:00+00:00", "2026-11-02T22:00+00:00"),
    ],
)
def test_the_office_opens_at_nine_by_its_own_clock_after_the_clocks_changed(
    hours: BusinessHours, now: str, opens: str, ends: str
) -> None:
    friday_evening = datetime.fromisoformat(now)
    assert next_opening(hours, friday_evening) == datetime.fromisoformat(opens)
    assert end_of_next_business_day(hours, friday_evening) == datetime.fromisoformat(ends)


@pytest.mark.parametrize(
    ("zone", "start", "end", "before", "opens", "closes"),
    [
        # The hour from 2 to 3 is missing: a shift through it is short, a time within it is put off by an hour.
        ("Europe/Berlin", time(1), time(5), "2026-03-28T22:00+00:00", "00:00", "03:00"),
        ("Europe/Berlin", time(2, 30), time(5), "2026-03-28T22:00+00:00", "01:30", "03:00"),
        ("America/New_York", time(1), time(2, 30), "2026-03-08T04:00+00:00", "06:00", "07:30"),
        # An opening put off beyond the closing leaves no time to be open in.
        ("Europe/Berlin", time(2, 30), time(3, 10), "2026-03-28T22:00+00:00", "01:30", "01:30"),
        # The hour from 2 to 3 (New York: 1 to 2) comes twice: a shift through it is long, a time in it is the first.
        ("Europe/Berlin", time(1), time(5), "2026-10-24T21:00+00:00", "23:00", "04:00"),
        ("Europe/Berlin", time(2, 30), time(5), "2026-10-24T21:00+00:00", "00:30", "04:00"),
        ("America/New_York", time(0), time(1, 30), "2026-11-01T03:00+00:00", "04:00", "05:30"),
    ],
)
def test_a_shift_over_the_change_of_the_clocks(
    zone: str, start: time, end: time, before: str, opens: str, closes: str
) -> None:
    hours = BusinessHours(timezone=zone, days=("sun",), start=start, end=end)
    saturday = datetime.fromisoformat(before)
    ends = end_of_next_business_day(hours, saturday)
    assert f"{ends:%H:%M}" == closes
    assert ends - saturday < timedelta(days=1)
    if opens != closes:
        assert f"{next_opening(hours, saturday):%H:%M}" == opens
        assert is_open(hours, ends - timedelta(seconds=1))
    assert not is_open(hours, ends)


def test_an_office_that_never_opens_is_an_error_not_an_endless_search() -> None:
    first = date(2026, 11, 1)
    closed = BusinessHours(holidays=tuple(first + timedelta(days=offset) for offset in range(450)))
    with pytest.raises(ValueError, match="no business day within 400 days of 2026-11-20"):
        end_of_next_business_day(closed, datetime(2026, 11, 20, tzinfo=UTC))
    with pytest.raises(ValueError, match="no business day"):
        next_opening(closed, datetime(2026, 11, 20, tzinfo=UTC))


CALENDARS = st.builds(
    BusinessHours,
    timezone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "America/Havana", "Australia/Lord_Howe"]),
    days=st.sets(st.sampled_from(EVERY_DAY), min_size=1).map(tuple),
    start=st.times(),
    end=st.times(),
    holidays=st.sets(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=3).map(tuple),
)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@settings(max_examples=40)
@given(CALENDARS, MOMENTS)
def test_the_answers_agree_with_each_other(hours: BusinessHours, now: datetime) -> None:
    opening, end = next_opening(hours, now), end_of_next_business_day(hours, now)
    assert now <= opening < end or not is_open(hours, opening)
    assert (opening == now) is is_open(hours, now)
    assert end > now
    assert end.utcoffset() == timedelta()
