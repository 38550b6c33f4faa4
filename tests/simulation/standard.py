"""The documented standard as the oracle knows it: its tables, typed in once more, and nothing of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
URGENCY = ("P0", "P1", "P2", "P3")
OPENS, CLOSES = time(9), time(17)
ANSWER_WITHIN = 5 * MINUTE
"""How long the question "still on it?" waits for its answer."""
MISSED_AFTER = MINUTE
"""Due by so much longer than this a lower level was missed, and the highest one that fell due is paged for all."""

FLAPS, WITHIN, QUIET = 5, HOUR, 15 * MINUTE
"""What has begun to fire so often within that time comes and goes: it ends by itself once it was quiet for so long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One priority. `respond`: None for the end of the next business day. `levels`: the management levels' times."""

    respond: timedelta | None
    levels: Mapping[int, timedelta]
    lease: timedelta | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Who is paged when. `people`: primary and secondary of each level."""

    rows: Mapping[str, Row]
    people: Mapping[int, tuple[str, str]]
    reached_by: Mapping[int, frozenset[str]]


DOCUMENTED = Table(
    rows={
        "P0": Row(respond=5 * MINUTE, levels={2: 30 * MINUTE, 3: HOUR}, lease=15 * MINUTE),
        "P1": Row(respond=15 * MINUTE, levels={2: 2 * HOUR, 3: 4 * HOUR}, lease=30 * MINUTE),
        "P2": Row(respond=HOUR, levels={}, lease=4 * HOUR),
        "P3": Row(respond=None, levels={}, lease=None),
    },
    people={1: ("ops-lead", "ops-senior"), 2: ("eng-manager", "eng-lead"), 3: ("cto", "vp-engineering")},
    reached_by={
        1: frozenset({"phone", "email", "slack"}),
        2: frozenset({"phone", "email", "slack"}),
        3: frozenset({"phone", "email"}),
    },
)

TIGHTENS = {"critical": 5 * MINUTE, "warning": 15 * MINUTE}
"""The alert levels' own escalation times."""
BY_SEVERITY = {"critical": "P1", "warning": "P2", "info": "P3"}
BY_TITLE = {
    "system is down": "P0",
    "data corruption": "P0",
    "authentication failing": "P1",
    "feature unavailable": "P1",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What an alert says by itself. `tight`: its level's own response time."""

    priority: str
    page: bool
    tight: timedelta | None


def judge(*, title: str, priority: str | None, severity: str | None) -> Judgement:
    """In the documented order: the explicit label, what is said of it, the alert level; P2 where nothing is known."""
    said = next((found for words, found in BY_TITLE.items() if words in title.lower()), None)
    found = priority or said or BY_SEVERITY.get(severity or "", "P2")
    silent = found == "P3" and severity == "info"
    return Judgement(priority=found, page=not silent, tight=TIGHTENS.get(severity or ""))


def more_urgent(one: str, other: str) -> bool:
    return URGENCY.index(one) < URGENCY.index(other)


def is_business(at: datetime) -> bool:
    return at.weekday() < 5 and OPENS <= at.time() < CLOSES


def next_opening(at: datetime) -> datetime:
    """`at` itself in business hours."""
    return at if is_business(at) else _opening_after(at)


def end_of_next_business_day(at: datetime) -> datetime:
    """Of the first business day that begins after `at`."""
    return datetime.combine(_opening_after(at).date(), CLOSES, tzinfo=UTC)


def _opening_after(at: datetime) -> datetime:
    day: date = at.date()
    while True:
        opens = datetime.combine(day, OPENS, tzinfo=UTC)
        if day.weekday() < 5 and opens > at:
            return opens
        day += timedelta(days=1)
