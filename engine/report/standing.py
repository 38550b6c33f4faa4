"""How the incident stood at a line of its timeline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from engine.core.model import Priority, RecordedEvent
from engine.core.timeline import Kind
from engine.report.facts import Facts
from engine.report.record import first, text


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """`base` is the opening or the last reopening, `counted_from` that or the last raise: where the levels' times
    count from."""

    priority: Priority
    base: datetime
    counted_from: datetime


def first_priority(facts: Facts) -> Priority:
    """What the incident was opened with."""
    opened, changed = first(facts.events, Kind.OPENED), first(facts.events, Kind.REPRIORITIZED)
    said = text(opened, "priority") if opened else ""
    before = text(changed, "from") if changed else ""
    return read_priority(said) or read_priority(before) or facts.incident.priority


def standing_at(facts: Facts, seq: int) -> Standing:
    """Before line `seq` was written."""
    opened = facts.incident.opened_at
    standing = Standing(priority=first_priority(facts), base=opened, counted_from=opened)
    for event in facts.events:
        if event.seq >= seq:
            break
        standing = _after(standing, event)
    return standing


def _after(standing: Standing, event: RecordedEvent) -> Standing:
    if event.kind == Kind.REOPENED:
        return replace(standing, base=event.at, counted_from=event.at)
    priority = read_priority(text(event, "to")) if event.kind == Kind.REPRIORITIZED else None
    if priority is None:
        return standing
    raised = priority.above(standing.priority)
    return replace(standing, priority=priority, counted_from=event.at if raised else standing.base)


def read_priority(name: str) -> Priority | None:
    return Priority(name) if name in list(Priority) else None
