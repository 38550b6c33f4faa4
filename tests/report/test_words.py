"""How things are said."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from engine.core.errors import ReportError
from engine.core.model import Priority, State
from engine.core.timeline import Kind
from engine.report.words import KINDS, STATES, URGENCY, Names, Stamps, count, kind_title, listing, read_zone, span


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.2, "under 1 s"),
        (45, "45 s"),
        (59.6, "59 s"),
        (60, "1 min"),
        (1875, "31 min 15 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (5040, "1 h 24 min"),
        (86_400, "1 d"),
        (97_200, "1 d 3 h"),
        (-90, "1 min 30 s"),
    ],
)
def test_a_span_has_two_units_at_most(seconds: float, said: str) -> None:
    assert span(seconds) == said


def test_every_kind_of_line_state_and_priority_has_words() -> None:
    assert set(KINDS) == set(Kind)
    assert set(STATES) == set(State)
    assert set(URGENCY) == set(Priority)


def test_a_kind_of_a_later_version_is_shown_by_its_name() -> None:
    assert kind_title("moon.phase") == "moon.phase"


@pytest.mark.parametrize(
    ("hour", "said"), [(0, "2026-10-25 02:30:00 CEST"), (1, "2026-10-25 02:30:00 CET"), (2, "2026-10-25 03:30:00 CET")]
)
def test_the_hour_that_comes_twice_is_told_apart(hour: int, said: str) -> None:
    assert Stamps(zone=ZoneInfo("Europe/Berlin")).full(datetime(2026, 10, 25, hour, 30, tzinfo=UTC)) == said


def test_a_time_before_the_calendar_of_the_zone_is_shown_in_utc() -> None:
    stamps = Stamps(zone=ZoneInfo("America/New_York"))
    assert stamps.full(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01 00:00:00 UTC"


def test_months_are_in_english_whatever_the_machine_speaks() -> None:
    at = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    stamps = Stamps(zone=ZoneInfo("Asia/Tokyo"))
    assert (stamps.day(at), stamps.minute(at), stamps.full(None)) == ("21 November 2026", "08:30 JST", "")


@pytest.mark.parametrize("name", ["Europe/Nowhere", "", "../../etc/passwd", "\x00"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(ReportError, match="is not a time zone"):
        read_zone(name)


@pytest.mark.parametrize(
    ("actor", "said"),
    [
        ("person:ops-lead via slack", "Olu Adeyemi (slack)"),
        ("person:stranger", "stranger"),
        ("token:ci via api", "API token ci (api)"),
        ("source:alertmanager", "alertmanager (source)"),
        ("timer:escalation", "escalation timer"),
        ("system:engine", "Tocsin"),
        ("something else", "something else"),
        ("person:" + "x" * 200, "x" * 79 + "…"),
    ],
)
def test_an_actor_is_shown_by_name(actor: str, said: str) -> None:
    assert Names(people={"ops-lead": "Olu Adeyemi"}).actor(actor) == said


def test_numbers_and_lists_are_said_as_people_say_them() -> None:
    assert (count(1, "person", "people"), count(1200, "person", "people")) == ("1 person", "1,200 people")
    assert [listing([]), listing(["a"]), listing(["a", "b", "c"])] == ["", "a", "a, b and c"]
