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
    Kind.EXHAUSTED: "That nobody was left to page was said",
    Kind.LEASE_ASKED: "{owner} was asked: still on it?",
    Kind.UNACKNOWLEDGED: "The acknowledgement of {owner} ended",
    Kind.REVIEW_OVERDUE: "The review was found overdue",
}

QUESTION = ""
"""The number of "still on it?", which is no page of a level."""


def late(facts: Facts, names: Names) -> tuple[Late, ...]:
    """In the order of the timeline. What is late by a minute or less is on time, as for the engine itself."""
    return tuple(sorted((*_timers(facts, names), *_pages(facts, names)), key=lambda one: one.line))


def _timers(facts: Facts, names: Names) -> Iterator[Late]:
    for event in of_kind(facts.events, tuple(TIMED)):
        due = moment(event, "planned_at") or moment(event, "due_at")
        if due is not None and not by_person(event) and event.at - due > LATE_AFTER:
            owner = names.person(text(event, "owner"))
            what = TIMED[Kind(event.kind)].format(level=whole(event, "level") or 0, owner=owner)
            yield _late(what, due, event, event.reason)


def _pages(facts: Facts, names: Names) -> Iterator[Late]:
    """From when it was decided that the person is paged, whatever way the page took then; a question from when it was
    to be asked."""
    decided: dict[str, RecordedEvent] = {}
    detour: dict[tuple[str, str], RecordedEvent] = {}
    trouble: dict[int | None, RecordedEvent] = {}
    for event in of_kind(facts.events, (Kind.PAGE_DECIDED, Kind.LEASE_ASKED, Kind.PAGE_RETRIED, Kind.PAGE_SENT)):
        page, channel = text(event, "page"), text(event, "channel")
        if event.kind == Kind.LEASE_ASKED:
            decided[QUESTION] = event
        elif event.kind == Kind.PAGE_DECIDED:
            if decided.setdefault(page, event) is not event:
                detour |= {(page, name): event for name in texts(event, "channels")}
        elif event.kind == Kind.PAGE_RETRIED:
            trouble[whole(event, "delivery")] = event
        elif (first := decided.get(page)) and event.at - first.at > LATE_AFTER:
            called = "page" if page else "question"
            what = f"The {called} to {names.person(text(event, 'contact'))} by {channel} was sent"
            why = _why(event, trouble.get(whole(event, "delivery")), detour.get((page, channel)))
            yield _late(what, first.at, event, why)


def _why(sent: RecordedEvent, trouble: RecordedEvent | None, detour: RecordedEvent | None) -> str:
    reasons = [detour.reason] if detour else []
    if trouble is not None:
        tries = whole(sent, "attempts") or 1
        reasons.append(f"it was tried {count(tries, 'time')}; before that: {text(trouble, 'error') or trouble.reason}")
    elif waited := text(sent, "waited"):
        reasons.append(f"it was not tried before: {waited}")
    return "; ".join(reasons) or "nothing is on record that held it back: the engine was busy, or did not run"


def _late(what: str, due: datetime, event: RecordedEvent, why: str) -> Late:
    return Late(what=what, due_at=due, at=event.at, late_s=seconds_between(due, event.at), reason=why, line=event.seq)
