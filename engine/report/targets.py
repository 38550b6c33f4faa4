"""Each response that was due, and whether it was met."""

from __future__ import annotations

from datetime import datetime

from engine.core.model import RecordedEvent
from engine.core.timeline import Kind
from engine.report.facts import Facts
from engine.report.model import Outcome, Target
from engine.report.record import by_person, seconds_between, text
from engine.report.rounds import Round, Walk, higher_levels
from engine.report.words import Names


def targets(facts: Facts) -> tuple[Target, ...]:
    names = Names(people=facts.people)
    rounds = Walk(facts).rounds()
    all_rounds = sorted((*rounds, *higher_levels(facts, rounds)), key=lambda round_: round_.start)
    return tuple(_target(round_, facts.generated_at, names) for round_ in all_rounds)


def _target(round_: Round, now: datetime, names: Names) -> Target:
    answer = round_.end if round_.end and _is_answer(round_.end) else None
    outcome = _outcome(round_, answer, now)
    until = answer.at if answer else round_.over or now
    due, counts = round_.due, outcome in (Outcome.MET, Outcome.MISSED, Outcome.WAITING)
    return Target(
        cause=round_.cause,
        level=round_.level,
        priority=round_.priority,
        counted_from=round_.start,
        due_at=due,
        within_s=seconds_between(round_.start, due) if due else None,
        outcome=outcome,
        by_s=abs(seconds_between(due, until)) if due and counts else None,
        answered_at=answer.at if answer else None,
        answered_by=acknowledged_by(answer, names) if answer else None,
    )


def _is_answer(event: RecordedEvent) -> bool:
    """Who resolves, cancels or merges by hand has answered; a source that clears its alerts has not."""
    return event.kind == Kind.ACKNOWLEDGED or by_person(event)


def acknowledged_by(event: RecordedEvent, names: Names) -> str:
    """By name; for whoever is no contact, as the actor of the line."""
    by = text(event, "by")
    return names.person(by) if by in names.people else names.who(event.actor)


def _outcome(round_: Round, answer: RecordedEvent | None, now: datetime) -> Outcome:
    until = answer.at if answer else round_.over or now
    if round_.due and until > round_.due:
        return Outcome.MISSED
    if answer:
        return Outcome.MET if round_.due else Outcome.UNKNOWN
    if round_.over is None:
        return Outcome.WAITING if round_.due else Outcome.UNKNOWN
    return Outcome.NOT_NEEDED if round_.end else Outcome.REPLACED
