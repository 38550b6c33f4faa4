"""What came of a rehearsal: as a table, as JSON, and measured against what was expected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from engine.api.views import IncidentSummary
from engine.cli.screen import plain, say, stamp, table
from engine.core.model import MessageKind
from engine.core.spans import spell
from engine.core.timeline import Kind
from engine.report.words import kind_title
from engine.services.rehearsal import Line, Rehearsed

AGAIN = frozenset({MessageKind.QUESTION.value, Kind.LEASE_RENEWED.value})
"""Comes round and round while somebody is on it; the table shows the first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """A person who has to be paged, and how long after the alert they were."""

    contact: str
    within: timedelta | None
    after: timedelta | None

    @property
    def met(self) -> bool:
        return self.after is not None and (self.within is None or self.after <= self.within)

    def __str__(self) -> str:
        limit = f" within {spell(self.within)}" if self.within is not None else ""
        found = f"the first page is after {spell(self.after)}" if self.after is not None else "never"
        return f"{self.contact} is not paged{limit}: {found}"


def show(rehearsed: Rehearsed, zone: ZoneInfo) -> None:
    incident = rehearsed.incident
    say(
        f"{incident.priority}  {plain(incident.title)}  service {incident.service}, policy {incident.policy}",
        style="bold",
    )
    rows = (
        (
            f"+{spell(line.after)}",
            _when(line.at, zone),
            kind_title(line.what).lower(),
            f"{line.level} {line.level_title}".strip() if line.level else "",
            f"{line.who} ({line.seat})" if line.seat else line.who,
            ", ".join(line.channels),
            f"{line.reason} ({more} more times)" if more else line.reason,
        )
        for line, more in _folded(rehearsed.lines)
    )
    table("After", "When", "What", "Level", "Who", "Channels", "Why", rows=rows)
    for timer in sorted(rehearsed.ahead, key=lambda timer: timer.due_at):
        say(f"Later: {_when(timer.due_at, zone)}  {plain(timer.reason)}", style="dim")


def _when(at: datetime, zone: ZoneInfo) -> str:
    """With the day of the week, which duty rosters go by."""
    return f"{at.astimezone(zone):%a} {stamp(at, zone)}"


def _folded(lines: Sequence[Line]) -> Iterator[tuple[Line, int]]:
    """Each line with how many more like it there are; those are left out."""
    for place, line in enumerate(lines):
        if line.what not in AGAIN:
            yield line, 0
        elif not any(_alike(line, other) for other in lines[:place]):
            yield line, sum(_alike(line, other) for other in lines[place + 1 :])


def _alike(line: Line, other: Line) -> bool:
    return (line.what, line.contact, line.reason) == (other.what, other.contact, other.reason)


def to_json(rehearsed: Rehearsed, wishes: Sequence[Expected]) -> dict[str, object]:
    """Spans in seconds."""
    return {
        "incident": IncidentSummary.model_validate(rehearsed.incident),
        "lines": [
            {"after_s": line.after.total_seconds(), "at": line.at, "what": line.what, "level": line.level}
            | {"level_title": line.level_title, "seat": line.seat, "contact": line.contact, "who": line.who}
            | {"channels": line.channels, "reason": line.reason}
            for line in rehearsed.lines
        ],
        "elsewhere": rehearsed.elsewhere,
        "ahead": [
            {"due_at": timer.due_at, "kind": timer.kind, "level": timer.level, "reason": timer.reason}
            for timer in rehearsed.ahead
        ],
        "expected": [
            {
                "contact": wish.contact,
                "within_s": _seconds(wish.within),
                "after_s": _seconds(wish.after),
                "met": wish.met,
            }
            for wish in wishes
        ],
    }


def _seconds(span: timedelta | None) -> float | None:
    return span.total_seconds() if span is not None else None
