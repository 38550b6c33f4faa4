"""What came later than it was due, by how much and why: timers that fired late, pages that waited to be sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from engine.core.escalation import LATE_AFTER
from engine.core.model import RecordedEvent
from engine.core.timeline import Kind
from engine.report.facts import Facts
from engine.report.model import Late
from engine.report.record import by_person, moment, of_kind, seconds_between, text, texts, whole
from engine.report.words import Names, count

TIMED = {
    Kind.ESCALATED: "Level {level} was escalated to",
    Kind.RESPONSE_BREACHED: "The response of level {level} was found missed",
    Kind.SUPERSEDED: "Level {level} was passed over",
    Kind.REVIEW_OVERDUE: "The review was found overdue",
}


def late(facts: Facts, names: Names) -> tuple[Late, ...]:
    """In the order of the timeline. What is late by a minute or less is on time, as for the engine itself."""
    return tuple(sorted((*_timers(facts), *_pages(facts, names)), key=lambda one: one.line))


def _timers(facts: Facts) -> Iterator[Late]:
    for event in of_kind(facts.events, tuple(TIMED)):
        due = moment(event, "planned_at") or moment(event, "due_at")
        if due is not None and not by_person(event) and event.at - due > LATE_AFTER:
            what = TIMED[Kind(event.kind)].format(level=whole(event, "level") or 0)
            yield _late(what, due, event, event.reason)


def _pages(facts: Facts, names: Names) -> Iterator[Late]:
    decided: dict[tuple[str, str], datetime] = {}
    trouble: dict[tuple[str, str], RecordedEvent] = {}
    for event in of_kind(facts.events, (Kind.PAGE_DECIDED, Kind.PAGE_RETRIED, Kind.PAGE_SENT)):
        page, channel = text(event, "page"), text(event, "channel")
        if event.kind == Kind.PAGE_DECIDED:
            decided |= {(page, name): event.at for name in texts(event, "channels")}
        elif event.kind == Kind.PAGE_RETRIED:
            trouble[page, channel] = event
        elif (due := decided.get((page, channel))) and event.at - due > LATE_AFTER:
            what = f"The page to {names.person(text(event, 'contact'))} by {channel} was sent"
            yield _late(what, due, event, _why_it_waited(event, trouble.get((page, channel))))


def _why_it_waited(sent: RecordedEvent, trouble: RecordedEvent | None) -> str:
    if trouble is None:
        return "it waited for its turn, or for its channel to be back"
    tries = whole(sent, "attempts") or 1
    return f"it was tried {count(tries, 'time')}; before that: {text(trouble, 'error') or trouble.reason}"


def _late(what: str, due: datetime, event: RecordedEvent, why: str) -> Late:
    return Late(what=what, due_at=due, at=event.at, late_s=seconds_between(due, event.at), reason=why, line=event.seq)
