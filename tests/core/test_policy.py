from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError

from engine.core.model import Priority
from engine.core.policy import BusinessHours, Channel, Contact, Integration, Ladder, Level, Policy, SecretRef, Threshold
from engine.core.spans import CalendarDay, ClockTime, Span, SpanAhead, Zone, format_span, read_span

SECRET = "s3cr3t"


def read(kind: Any, value: object) -> Any:
    return TypeAdapter(kind).validate_python(value)


def refusal(kind: Any, value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        read(kind, value)
    return str(caught.value.errors()[0]["msg"])


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("0s", timedelta()),
        ("0m", timedelta()),
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("1h30m", timedelta(minutes=90)),
        ("2d", timedelta(days=2)),
        ("1d2h3m4s", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("999999d", timedelta(days=999_999)),
    ],
)
def test_a_span_is_written_with_its_units(text: str, span: timedelta) -> None:
    assert read(Span, text) == span


@pytest.mark.parametrize(
    "value",
    ["", "5", 5, 5.0, None, "m", "5 m", "-5m", "1.5h", "30m1h", "5min", "PT5M", "5M", "1000000d", "\u0665m", "5m\n"],
)
def test_a_span_without_a_clear_unit_is_refused_with_an_example(value: object) -> None:
    assert refusal(Span, value).endswith("is not a span of time; write it like 90s, 15m, 1h30m or 2d")


def test_the_longest_span_leads_to_no_time_beyond_the_calendar() -> None:
    longest = read(Span, "999999d999999h999999m999999s")
    assert datetime(2026, 1, 1, tzinfo=UTC) + longest < datetime.max.replace(tzinfo=UTC)


def test_a_span_reads_back_as_it_is_written() -> None:
    for days, hours, minutes, seconds in product((0, 1, 7, 30, 999_999), (0, 1, 9, 23), (0, 1, 30, 59), (0, 1, 10, 59)):
        span = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        assert read_span(format_span(span)) == span


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(minutes=90), "1h30m"),
        (timedelta(hours=24), "1d"),
    ],
)
def test_a_span_is_written_as_short_as_it_can_be(span: timedelta, text: str) -> None:
    assert format_span(span) == text
    assert TypeAdapter(Span).dump_json(span).decode() == f'"{text}"'


def test_what_is_due_after_no_time_at_all_is_refused() -> None:
    assert read(SpanAhead, "1s") == timedelta(seconds=1)
    assert refusal(SpanAhead, "0m").startswith("Value error, a span of nothing is no time at all")


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/New_York"])
def test_a_time_zone_is_known_by_its_name(name: str) -> None:
    assert read(Zone, name) == name


@pytest.mark.parametrize("name", ["", "Berlin", "Europe", "../etc/passwd", "/etc/localtime", "x" * 300, "a\0b"])
def test_what_is_no_time_zone_is_refused_with_an_example(name: str) -> None:
    assert refusal(Zone, name).endswith("is not a time zone; write it like Europe/Berlin or UTC")


def test_a_time_of_day_has_hours_and_minutes() -> None:
    assert read(ClockTime, "09:00") == read(ClockTime, time(9)) == time(9)
    assert TypeAdapter(ClockTime).dump_json(time(17, 30)) == b'"17:30"'


@pytest.mark.parametrize("value", [9, 900, 9.0, "9", "9:00", "24:00", "09:60", "09:00:00", "09:00Z", "nine", None])
def test_a_bare_number_is_no_time_of_day(value: object) -> None:
    assert refusal(ClockTime, value).endswith("is not a time of day; write it like 09:00 or 17:30")


def test_a_day_is_written_in_full() -> None:
    assert read(CalendarDay, "2026-12-25") == date(2026, 12, 25)


@pytest.mark.parametrize("value", [20261225, 1.5, "25.12.2026", "12-25", "2026-12-25T00:00:00", None])
def test_a_bare_number_is_no_day(value: object) -> None:
    assert refusal(CalendarDay, value).endswith("is not a day; write it like 2026-12-25")


def test_a_day_that_the_calendar_lacks_is_refused() -> None:
    assert refusal(CalendarDay, "2026-02-30")


def test_business_hours_without_a_day_are_refused() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        BusinessHours(days=())


@pytest.mark.parametrize("limits", [{}, {"above": None}, {"above": "inf"}, {"below": "nan"}])
def test_a_threshold_has_a_limit_that_can_be_crossed(limits: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Threshold.model_validate({"value": "cpu_percent", **limits})


@pytest.mark.parametrize("places", [{}, {"env": "KEY", "file": "/run/key"}, {"env": ""}])
def test_a_secret_is_in_exactly_one_place(places: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SecretRef.model_validate(places)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (Contact, {"name": "", "reach": {}}),
        (Contact, {"name": "Ann", "reach": {"slack": ""}}),
        (Contact, {"name": "Ann", "reach": {"Slack": "U1"}}),
        (Contact, {"name": "Ann", "reach": {}, "phone": "1"}),
        (Level, {"number": 0, "title": "x", "primary": "ann", "reached_by": ["slack"]}),
        (Level, {"number": 1, "title": "x", "primary": "ann", "reached_by": []}),
        (Ladder, {"respond_within": "some day"}),
        (Ladder, {"respond_within": "5m", "lease": "0s"}),
    ],
)
def test_a_value_that_could_page_nobody_is_refused(model: type[BaseModel], fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(fields)


def test_no_error_text_shows_what_was_given() -> None:
    with pytest.raises(ValidationError) as caught:
        Integration.model_validate({"source": "Metrics", "key": [SECRET], "service": {"x": SECRET}})
    assert SECRET not in str(caught.value)


def test_an_entry_is_printed_without_its_secrets() -> None:
    integration = Integration.model_validate({"source": "metrics", "key": SECRET, "api_token": SECRET, "window": 5})
    channel = Channel.model_validate(
        {"kind": "webhook", "url": f"https://u:{SECRET}@host/{SECRET}", "headers": {"authorization": SECRET}}
    )
    assert SECRET not in f"{integration!r} {integration} {channel!r} {channel}"
    assert "window=5" in repr(integration)
    assert repr(channel) == "Channel(kind='webhook', url='https://host/•••', headers={'authorization': '•••'})"
    assert integration.key == SecretStr(SECRET)
    assert integration.model_extra == {"api_token": SECRET, "window": 5}


def ladder(respond_within: str) -> Ladder:
    return Ladder.model_validate({"respond_within": respond_within})


def test_each_priority_has_its_ladder() -> None:
    policy = Policy(P0=ladder("5m"), P1=ladder("15m"), P2=ladder("1h"), P3=ladder("next_business_day"))
    assert [policy.ladder(priority).respond_within for priority in Priority] == [
        timedelta(minutes=5),
        timedelta(minutes=15),
        timedelta(hours=1),
        "next_business_day",
    ]
