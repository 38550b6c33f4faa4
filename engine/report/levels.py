"""Each level of the ladder: when its turn was planned, when it came, and if it never came, why."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime

from engine.core.escalation import page_due
from engine.core.model import RecordedEvent
from engine.core.policy import Step
from engine.core.timeline import Kind
from engine.report.facts import Facts
from engine.report.model import LevelOutcome, LevelPaged, Page
from engine.report.record import by_person, first, moment, number, of_kind, seconds_between, whole
from engine.report.standing import standing_at

ON_TIME_S = 1.0  # what the engine promises of its timers, 99 % of the time


def levels(facts: Facts, pages: tuple[Page, ...]) -> tuple[LevelPaged, ...]:
    """The turns that came and the levels of the ladder that were never paged, in the order of their time."""
    came = tuple(_came(facts, pages))
    seen = {turn.level for turn in came}
    missing = (_never_came(facts, step) for step in _ladder(facts) if _number(facts, step) not in seen)
    return tuple(sorted((*came, *missing), key=_in_time))


def _in_time(turn: LevelPaged) -> tuple[float, int]:
    at = turn.paged_at or turn.planned_at
    return (at.timestamp() if at else math.inf, turn.level)


def _ladder(facts: Facts) -> list[Step]:
    steps = facts.policy.ladder(facts.incident.priority).steps
    return sorted((step for step in steps if step.level in facts.levels), key=lambda step: _number(facts, step))


def _number(facts: Facts, step: Step) -> int:
    return facts.levels[step.level].number


def _title(facts: Facts, level: int, pages: tuple[Page, ...] = ()) -> str:
    paged = next((page.level_title for page in pages if page.level == level and page.level_title), "")
    return paged or next((known.title for known in facts.levels.values() if known.number == level), "")


def _came(facts: Facts, pages: tuple[Page, ...]) -> Iterator[LevelPaged]:
    """A level's first page, and every later escalation to it, is a turn."""
    begun: set[int] = set()
    for event in of_kind(facts.events, (Kind.ESCALATED, Kind.PAGE_DECIDED)):
        level = whole(event, "level") or 0
        if not level or (event.kind == Kind.PAGE_DECIDED and level in begun):
            continue
        begun.add(level)
        yield _turn(facts, pages, event, level)


def _turn(facts: Facts, pages: tuple[Page, ...], event: RecordedEvent, level: int) -> LevelPaged:
    by_hand = by_person(event)
    planned = moment(event, "planned_at") or _planned_then(facts, event, level)
    recorded = None if by_hand else number(event, "late_s")
    late = recorded if recorded is not None else seconds_between(planned, event.at) if planned else None
    delivered = _delivered(pages, level, event.at)
    unreachable = _about(facts, Kind.LEVEL_UNREACHABLE, level) if delivered is None else None
    outcome = LevelOutcome.PAGED if delivered else LevelOutcome.UNDELIVERED
    return LevelPaged(
        level=level,
        title=_title(facts, level, pages),
        planned_at=planned,
        paged_at=event.at,
        late_s=late,
        on_time=None if by_hand or late is None else late < ON_TIME_S,
        by_hand=by_hand,
        delivered_at=delivered,
        outcome=LevelOutcome.UNREACHABLE if unreachable else outcome,
        reason=unreachable.reason if unreachable else event.reason,
    )


def _planned_then(facts: Facts, event: RecordedEvent, level: int) -> datetime | None:
    """When the policy had the level due, as the incident stood then."""
    then = standing_at(facts, event.seq)
    steps = facts.policy.ladder(then.priority).steps
    known = (step for step in steps if step.level in facts.levels and _number(facts, step) == level)
    return next((then.counted_from + step.after for step in known), None)


def _planned_now(facts: Facts, step: Step) -> datetime:
    first_step = step == facts.policy.ladder(facts.incident.priority).steps[0]
    due = page_due(facts.incident, step, _number(facts, step), first=first_step)
    hold = facts.incident.hold_until
    return hold if hold and due < hold and not first_step else due


def _delivered(pages: tuple[Page, ...], level: int, since: datetime) -> datetime | None:
    attempts = (attempt for page in pages if page.level == level and page.at >= since for attempt in page.attempts)
    return min((attempt.at for attempt in attempts if attempt.state == "sent" and attempt.at), default=None)


def _about(facts: Facts, kind: Kind, level: int) -> RecordedEvent | None:
    return first((event for event in facts.events if whole(event, "level") == level), kind)


def _never_came(facts: Facts, step: Step) -> LevelPaged:
    level = _number(facts, step)
    outcome, reason = _why_not(facts, level)
    return LevelPaged(
        level=level,
        title=_title(facts, level),
        planned_at=_planned_now(facts, step),
        paged_at=None,
        late_s=None,
        on_time=None,
        by_hand=False,
        delivered_at=None,
        outcome=outcome,
        reason=reason,
    )


def _why_not(facts: Facts, level: int) -> tuple[LevelOutcome, str]:
    unreachable = _about(facts, Kind.LEVEL_UNREACHABLE, level)
    superseded = _about(facts, Kind.SUPERSEDED, level)
    if unreachable:
        return LevelOutcome.UNREACHABLE, unreachable.reason
    if superseded:
        return LevelOutcome.SUPERSEDED, superseded.reason
    if not facts.incident.state.active:
        return LevelOutcome.NOT_NEEDED, "the incident ended before its time"
    return LevelOutcome.PENDING, facts.incident.hold_reason or ""
