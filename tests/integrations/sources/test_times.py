from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.sources.times import read_time


def utc(hour: int, minute: int, second: int = 0, micro: int = 0) -> datetime:
    return datetime(2026, 11, 20, hour, minute, second, micro, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2026-11-20T11:06:58.289635183Z", utc(11, 6, 58, 289635)),
        ("2026-11-20T11:06:58.2896351Z", utc(11, 6, 58, 289635)),
        ("2026-11-20T11:08:26.632Z", utc(11, 8, 26, 632000)),
        ("2026-11-20T11:06:58Z", utc(11, 6, 58)),
        ("2026-11-20T11:06:58z", utc(11, 6, 58)),
        ("2026-11-20T12:06:58+01:00", utc(11, 6, 58)),
        ("2026-11-20T11:06:58.289+0000", utc(11, 6, 58, 289000)),
        ("2026-11-20T06:06:58-0500", utc(11, 6, 58)),
        ("2026-11-20T11:06:58", utc(11, 6, 58)),
        ("2026-11-20 11:06:58", utc(11, 6, 58)),
        (" 2026-11-20 11:06:58,5 ", utc(11, 6, 58, 500000)),
        ("2026-11-20 11:06:58 UTC", utc(11, 6, 58)),
        ("2026-11-20 11:06:58.289635183 +0000 UTC", utc(11, 6, 58, 289635)),
        ("2026-11-20 12:06:58.289635183 +0100 CET m=+0.123", utc(11, 6, 58, 289635)),
        ("2026.11.20 11:36:22", utc(11, 36, 22)),
        ("2026/11/20 11:36:22", utc(11, 36, 22)),
        ("2026-11-20T11:36Z", utc(11, 36)),
        ("2026-11-20", utc(0, 0)),
        (1795174582, utc(11, 36, 22)),
        (1795174582.5, utc(11, 36, 22, 500000)),
        (1795174582123, utc(11, 36, 22, 123000)),
        (1795174582123456, utc(11, 36, 22, 123456)),
        ("1795174582", utc(11, 36, 22)),
        ("1795174582.5", utc(11, 36, 22, 500000)),
        ("1795174582123", utc(11, 36, 22, 123000)),
    ],
)
def test_times_are_read_as_senders_write_them(written: object, at: datetime) -> None:
    assert read_time(written) == at


@pytest.mark.parametrize("written", [1795174582123456789, "1795174582123456789"])
def test_nanoseconds_are_read_as_well_as_a_float_holds_them(written: object) -> None:
    at = read_time(written)
    assert at is not None
    assert abs((at - utc(11, 36, 22, 123456)).total_seconds()) < 0.001


@pytest.mark.parametrize(
    "written",
    [
        *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00", "0000-00-00 00:00:00", "1970-01-01T00:00:00Z"),
        *(0, 0.0, -1, "0", None, "", " ", True, False, [], {}, [2026, 11, 20]),
        *("yesterday", "20.11.2026", "2026-13-01T00:00:00Z", "2026-11-20T25:00:00Z", "2026-11-20 11:06:58 CET"),
        *(10**30, 1e308, float("inf"), float("nan"), "9" * 400, "9999-12-31T23:59:59-23:59", "\x00"),
    ],
)
def test_what_is_no_time_is_none(written: object) -> None:
    assert read_time(written) is None


@given(st.text(alphabet="0123456789-:.,TZ+ UTC/m=", max_size=40) | st.floats() | st.integers() | st.text())
def test_no_value_raises_and_every_time_is_in_utc(written: object) -> None:
    at = read_time(written)
    assert at is None or at.tzinfo is UTC


@given(st.datetimes(min_value=datetime(1980, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.timezones()))  # noqa: DTZ001 - Hypothesis wants them naive
def test_every_iso_time_is_read_as_it_is(at: datetime) -> None:
    assert read_time(at.isoformat()) == at.astimezone(UTC)
