"""The words that all channels share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine.core.model import AlertStatus, Seat
from engine.ports import Tried
from integrations.channels.foreign import clean, one_line, quoted, web_address
from integrations.channels.wording import (
    alert_count,
    alerts,
    place,
    relative,
    show_span,
    show_time,
    tried,
    worst_first,
    zone_name,
    zone_note,
)
from tests.integrations.channels.envelopes import NOW, OPENED, alert, envelope, message


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("then", "now", "zone", "shown"),
    [
        ("2025-11-22 02:30", "2025-11-22 02:40", "Europe/Berlin", "03:30"),
        ("2025-11-22 23:30", "2025-11-22 22:40", "Europe/Berlin", "Sun 23 Nov, 00:30"),
        ("2025-11-22 23:30", "2025-11-22 22:40", "America/New_York", "18:30"),
        ("2025-11-24 16:00", "2025-11-22 22:40", "UTC", "Mon 24 Nov, 16:00"),
        ("2026-01-01 03:00", "2025-12-31 22:40", "UTC", "Thu 1 Jan 2026, 03:00"),
        ("2025-11-22 02:30", "2025-11-22 02:40", "Asia/Kolkata", "08:00"),
        # The night that summer time ends has 02:30 twice.
        ("2025-10-26 00:30", "2025-10-26 00:10", "Europe/Berlin", "02:30"),
        ("2025-10-26 01:30", "2025-10-26 00:10", "Europe/Berlin", "02:30 CET"),
        ("2025-10-26 00:30", "2025-10-26 01:10", "Europe/Berlin", "02:30 CEST"),
        # The night that it begins has none.
        ("2026-03-29 01:10", "2026-03-29 00:50", "Europe/Berlin", "03:10 CEST"),
    ],
)
def test_a_time_is_the_readers_and_unmistakable(then: str, now: str, zone: str, shown: str) -> None:
    assert show_time(at(then), zone=zone, now=at(now)) == shown


@pytest.mark.parametrize(
    ("zone", "name", "note"),
    [
        ("UTC", "UTC", "Times are in UTC."),
        ("Europe/Berlin", "CET", "Times are in CET (Europe/Berlin)."),
        ("America/Sao_Paulo", "UTC-03", "Times are in UTC-03 (America/Sao_Paulo)."),
        ("Asia/Kathmandu", "UTC+0545", "Times are in UTC+0545 (Asia/Kathmandu)."),
    ],
)
def test_the_zone_is_named_once(zone: str, name: str, note: str) -> None:
    assert zone_name(zone, NOW) == name
    assert zone_note(envelope(zone=zone)) == note


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (45, "45 s"),
        (60, "1 min"),
        (100, "2 min"),
        (184, "3 min"),
        (5_400, "1 h 30 min"),
        (86_399, "1 d"),
        (2 * 86_400 + 3 * 3_600 + 59, "2 d 3 h"),
    ],
)
def test_a_span_is_no_finer_than_it_matters(seconds: float, shown: str) -> None:
    assert show_span(timedelta(seconds=seconds)) == shown
    assert show_span(-timedelta(seconds=seconds)) == shown


@pytest.mark.parametrize(("minutes", "shown"), [(0, "now"), (5, "in 5 min"), (-12, "12 min ago")])
def test_a_time_is_said_from_now_on(minutes: int, shown: str) -> None:
    assert relative(NOW + timedelta(minutes=minutes), now=NOW) == shown


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "primary, Operations, level 1"),
        ({"seat": Seat.SECONDARY, "level": 2, "level_title": "Engineering"}, "secondary, Engineering, level 2"),
        ({"seat": None, "level_title": ""}, "level 1"),
        ({"level": 0}, ""),
    ],
)
def test_a_reader_is_told_who_they_are_in_the_ladder(changes: dict[str, object], shown: str) -> None:
    assert place(message(**changes)) == shown


def test_the_worst_alerts_come_first() -> None:
    mild, over = alert(labels={"severity": "info"}), alert(status=AlertStatus.RESOLVED)
    bad, unknown = alert(labels={"severity": "Critical"}), alert(labels={})
    assert worst_first([over, mild, unknown, bad]) == [bad, mild, unknown, over]


@pytest.mark.parametrize(
    ("count", "shown", "said"),
    [(1, 1, "1 alert"), (3, 3, "3 alerts"), (40, 3, "40 alerts, the worst 3 of them"), (0, 3, "3 alerts")],
)
def test_alerts_that_are_not_shown_are_counted(count: int, shown: int, said: str) -> None:
    given = envelope(alerts=(alert(),) * shown, alert_count=count)
    assert alert_count(given, shown=len(alerts(given))) == said


def test_the_latest_attempts_are_shown() -> None:
    attempts = [Tried(who="Ana", channel="phone", at=OPENED + timedelta(minutes=n), outcome="failed") for n in range(9)]
    lines = tried(envelope(tried=tuple(attempts)), most=2)
    assert [str(line) for line in lines] == ["03:37 Ana by phone (failed)", "03:38 Ana by phone (failed)"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a\x00b\x1b[31mc", "ab[31mc"),
        ("\u202egnp.exe", "gnp.exe"),
        ("half \ud800", "half"),
        ("\U0001f469\u200d\U0001f4bb and e\u0301", "\U0001f469\u200d\U0001f4bb and e\u0301"),
    ],
)
def test_foreign_text_keeps_its_lines_and_loses_what_breaks_out_of_them(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_long_text_ends_in_an_ellipsis() -> None:
    assert clean("x" * 50_000, 10) == "xxxxxxxxx…"
    assert one_line("word " * 50_000, 12) == "word word w…"


def test_a_quotation_holds_no_secret() -> None:
    said = "no hush and\nno hush-hush, api_token=not-even-ours"
    assert quoted(said, "hush", "hush-hush", "") == "no ••• and no •••, api_token=•••"


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("https://a.example/b?c=d#e", True),
        ("http://127.0.0.1:8080", True),
        ("javascript:alert(1)", False),
        ("https:a", False),
        ("//a.example", False),
        ("https://a.example/ b", False),
        ("https://a.example/\n", False),
        ("https://[::", False),
        ("https://a.example/" + "x" * 3_000, False),
    ],
)
def test_only_web_addresses_are_offered_as_links(url: str, fine: object) -> None:
    assert (web_address(url) == url) is fine
