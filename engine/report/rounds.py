"""The waits for an answer, one after another: when each began, when the answer was due, what ended it.

A round starts with the opening, a raise, a lapsed acknowledgement or a reopening, and ends with an acknowledgement or
with the incident. When the answer was due is taken from the record; only where that is silent, from the policy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from engine.core.classify import tightened
from engine.core.model import Priority, RecordedEvent
from engine.core.timeline import Kind
from engine.report.facts import Facts
from engine.report.model import Cause
from engine.report.record import ENDS, moment, of_kind, text, whole
from engine.report.standing import first_priority, read_priority


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """`paged`: its level was paged in it. `breached`: the record says that the response was late. `over` is when the
    wait ended, `end` the line that ended it; without one another round took its place."""

    cause: Cause
    priority: Priority
    level: int
    start: datetime
    due: datetime | None
    paged: bool = False
    breached: bool = False
    end: RecordedEvent | None = None
    over: datetime | None = None


class Walk:
    """Goes along the timeline once and collects the rounds; one method per kind of line that matters."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._priority = first_priority(facts)
        self._raised_at: datetime | None = None
        self._done: list[Round] = []
        self._now = self._start(Cause.OPENED, facts.incident.opened_at)

    def rounds(self) -> tuple[Round, ...]:
        for event in self._facts.events:
            react = REACTIONS.get(event.kind, Walk.end if event.kind in ENDS else None)
            if react:
                react(self, event)
        now, planned = self._now, self._facts.response_due_at
        if now.over is None and not now.breached and planned:
            now = replace(now, due=planned)
        return (*self._done, now)

    def _start(self, cause: Cause, at: datetime) -> Round:
        """The due time as the policy says. None for "next business day": that takes a calendar, and is on record."""
        ladder = self._facts.policy.ladder(self._priority)
        within = ladder.respond_within if isinstance(ladder.respond_within, timedelta) else None
        sooner = tightened(within, self._facts.incident.classification) if within else None
        named = (self._facts.levels[step.level].number for step in ladder.steps if step.level in self._facts.levels)
        due = at + sooner if sooner else None
        return Round(cause=cause, priority=self._priority, level=next(named, 1), start=at, due=due)

    def _restart(self, cause: Cause, at: datetime) -> None:
        self._done.append(replace(self._now, over=self._now.over or at))
        self._now = self._start(cause, at)

    def reprioritized(self, event: RecordedEvent) -> None:
        """A raise of an incident that nobody has starts a round, and so does one that takes the owner's acknowledgement
        away, which is a line of its own. A lowering puts off the answer that is awaited."""
        priority = read_priority(text(event, "to"))
        if priority is None:
            return
        raised, self._priority = priority.above(self._priority), priority
        if raised:
            self._raised_at = event.at
            if self._now.over is None:
                self._restart(Cause.RAISED, event.at)
        elif self._now.over is None and not self._now.breached:
            self._now = replace(self._start(self._now.cause, self._now.start), paged=self._now.paged)

    def unacknowledged(self, event: RecordedEvent) -> None:
        self._restart(Cause.RAISED if self._raised_at == event.at else Cause.LAPSED, event.at)

    def reopened(self, event: RecordedEvent) -> None:
        self._restart(Cause.REOPENED, event.at)

    def paged(self, event: RecordedEvent) -> None:
        now = self._now
        if now.over is None and whole(event, "level") == now.level:
            due = now.due if now.paged or now.breached else moment(event, "respond_by") or now.due
            self._now = replace(now, due=due, paged=True)

    def breached(self, event: RecordedEvent) -> None:
        if self._now.over is None and (whole(event, "level") or self._now.level) == self._now.level:
            self._now = replace(self._now, due=moment(event, "due_at") or self._now.due, breached=True)

    def end(self, event: RecordedEvent) -> None:
        if self._now.over is None:
            due = self._now.due if self._now.breached else moment(event, "response_due_at") or self._now.due
            self._now = replace(self._now, due=due, end=event, over=event.at)


REACTIONS: dict[str, Callable[[Walk, RecordedEvent], None]] = {
    Kind.REPRIORITIZED: Walk.reprioritized,
    Kind.UNACKNOWLEDGED: Walk.unacknowledged,
    Kind.REOPENED: Walk.reopened,
    Kind.PAGE_DECIDED: Walk.paged,
    Kind.RESPONSE_BREACHED: Walk.breached,
}


def higher_levels(facts: Facts, rounds: tuple[Round, ...]) -> list[Round]:
    """Levels above the first that were given a response time of their own."""
    found: dict[tuple[int, datetime], Round] = {}
    usual = {round_.level for round_ in rounds}
    for event in of_kind(facts.events, (Kind.PAGE_DECIDED, Kind.RESPONSE_BREACHED)):
        level, due = whole(event, "level"), moment(event, "respond_by") or moment(event, "due_at")
        if level is None or level in usual or due is None or (level, due) in found:
            continue
        end = next((other for other in of_kind(facts.events, ENDS) if other.seq > event.seq), None)
        found[level, due] = Round(
            cause=Cause.ESCALATED,
            priority=facts.incident.priority,
            level=level,
            start=min(event.at, due),
            due=due,
            end=end,
            over=end.at if end else None,
        )
    return list(found.values())
