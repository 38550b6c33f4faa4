"""The clock of an incident: which timers it ought to have, and what to change so that it has them.

Times are absolute: they count from the opening, a raise or a reopening, never from "now". So planning twice gives the
same timers, and a plan made after an outage gives the timers that were missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from engine.core.classify import tightened
from engine.core.draft import Case
from engine.core.flapping import quiet_of
from engine.core.hours import end_of_next_business_day, next_opening
from engine.core.model import Incident, Priority, State, Timer, TimerKind, TimerState, Until
from engine.core.policy import BusinessHours, Hours, Ladder, Level, Step
from engine.core.spans import spell

LATE_AFTER = timedelta(minutes=1)
"""A timer this late was missed, not merely slow: a lower level that was missed too is not paged on its own."""


UNKNOWN = datetime.min.replace(tzinfo=UTC)
EXHAUSTED = "exhausted"
NOBODY_LEFT = "nobody has answered and no level is left"


def plan(case: Case, now: datetime) -> tuple[Timer, ...]:
    """The timers that the incident ought to have pending, without those that have done their work."""
    del now  # times are absolute; the argument stays so that no rule needs another signature to read the clock
    return tuple(timer for timer in _wanted(case) if timer.key not in case.fired)


def _wanted(case: Case) -> Iterator[Timer]:
    incident = case.incident
    if incident.state.active:
        ladder = case.ladder
        yield from _lease(case)
        yield from _update(case, ladder)
        yield from _quiet(case)
        if silent(case):
            yield from _queue(case, ladder)
            yield from _response(case, ladder)
            return
        yield from _response(case, ladder)
        yield from _exhausted(case, ladder)
        for place, step in enumerate(ladder.steps):
            level = case.config.levels[step.level]
            yield from _page(case, step, level, first=place == 0)
            if place and step.respond_within:
                yield from _own_response(case, step, level, step.respond_within)
    elif incident.state is State.REVIEW:
        yield from _review(case)


def page_key(incident: Incident, level: int, *, first: bool) -> str:
    """The first level may be paged anew in each cycle; a management level once per generation, and once more for each
    raise, whose times count anew."""
    if first:
        return f"page:{level}:c{incident.cycle}"
    raised = incident.counted_from != (incident.reopened_at or incident.opened_at)
    return f"page:{level}:g{incident.generation}" + (f":r{incident.counted_from.timestamp():.0f}" if raised else "")


def response_due(incident: Incident, ladder: Ladder, hours: BusinessHours) -> datetime:
    """When the first answer is due in this cycle: the earlier of the priority's time and the alert level's own."""
    start, target = incident.cycle_started_at, ladder.respond_within
    if isinstance(target, timedelta):
        within = tightened(target, incident.classification)
        due = start + (target if within is None else within)
    else:
        due = end_of_next_business_day(hours, start)
        sooner = incident.classification.respond_within
        due = due if sooner is None else min(due, start + sooner)
    return min(due, incident.level_caps.get(1, due))


def page_due(incident: Incident, step: Step, number: int, *, first: bool) -> datetime:
    """When a level's time comes, before any hold."""
    if first:
        return incident.cycle_started_at + step.after
    due = incident.counted_from + step.after
    due = min(due, incident.level_caps.get(number, due))
    # What an acknowledgement has kept from being paged is not late when that lapses: it is due from then on.
    return max(due, incident.cycle_started_at) if step.until is Until.ACKNOWLEDGED else due


def silent(case: Case) -> bool:
    """Nobody is woken: the queue is told instead."""
    return case.ladder.hours is Hours.BUSINESS or not case.incident.classification.page


def _page(case: Case, step: Step, level: Level, *, first: bool) -> Iterator[Timer]:
    incident = case.incident
    key = page_key(incident, level.number, first=first)
    ended = incident.acknowledged_at is not None and (first or step.until is Until.ACKNOWLEDGED)
    if ended or _paged_for_more(case, key):
        return
    due = page_due(incident, step, level.number, first=first)
    if due <= case.passed_over.get(key, UNKNOWN):  # a lowering may give it a time that is still to come
        return
    reason = f"{incident.priority}: {level.title} is due {_counted(incident, step, due, first=first)}"
    if not first and _held(incident, due) > due:
        due, reason = _held(incident, due), f"{reason}; held: {incident.hold_reason}"
    yield Timer(key=key, kind=TimerKind.PAGE, level=level.number, due_at=due, until=step.until, reason=reason)


def _paged_for_more(case: Case, key: str) -> bool:
    """After a lowering: a level that the raise before has had paged is not paged again for less."""
    return any(fired.startswith(f"{key}:r") for fired in case.fired)


def _held(incident: Incident, due: datetime) -> datetime:
    return max(due, incident.hold_until or due)


def _response(case: Case, ladder: Ladder) -> Iterator[Timer]:
    """The first answer is due, whether or not anybody is to be paged for want of it."""
    incident, steps = case.incident, ladder.steps
    if incident.acknowledged_at is None:
        number = case.config.levels[steps[0].level].number if steps else 1
        yield _answer(incident, number, response_due(incident, ladder, case.config.business_hours))


def _own_response(case: Case, step: Step, level: Level, within: timedelta) -> Iterator[Timer]:
    """A higher level's own answer counts from its page, if that is one of this cycle."""
    incident = case.incident
    paged = _held(incident, page_due(incident, step, level.number, first=False))
    if incident.acknowledged_at is None and paged >= incident.cycle_started_at:
        yield _answer(incident, level.number, paged + within)


def _exhausted(case: Case, ladder: Ladder) -> Iterator[Timer]:
    """The last level has had its time and nobody has answered: nothing else would ever happen. It is a notice to the
    queue, which releases before this one know how to fire."""
    incident, steps, within = case.incident, ladder.steps, ladder.respond_within
    if incident.acknowledged_at is not None or not steps or not isinstance(within, timedelta):
        return
    due = response_due(incident, ladder, case.config.business_hours)
    for place, step in enumerate(steps):
        number = case.config.levels[step.level].number
        due = max(due, _held(incident, page_due(incident, step, number, first=place == 0)))
    due = max(due, incident.cycle_started_at) + (steps[-1].respond_within or within)
    yield Timer(key=f"{EXHAUSTED}:c{incident.cycle}", kind=TimerKind.QUEUE, due_at=due, reason=NOBODY_LEFT)


def _answer(incident: Incident, level: int, due: datetime) -> Timer:
    key = f"response:{level}:c{incident.cycle}"
    reason = f"{incident.priority}: an answer is due by then"
    return Timer(key=key, kind=TimerKind.RESPONSE, level=level, due_at=due, until=Until.ACKNOWLEDGED, reason=reason)


def _lease(case: Case) -> Iterator[Timer]:
    incident = case.incident
    if incident.acknowledged_at is None or incident.lease_until is None:
        return
    if incident.lease_asked_at is None:
        key = f"lease:{incident.lease_until.timestamp():.0f}"
        yield Timer(key=key, kind=TimerKind.LEASE, due_at=incident.lease_until, reason="the acknowledgement ends then")
        return
    due = incident.lease_asked_at + case.policy.lease_answer_within
    key = f"lease_answer:{incident.lease_asked_at.timestamp():.0f}"
    yield Timer(key=key, kind=TimerKind.LEASE_ANSWER, due_at=due, reason="without an answer level 1 is paged again")


def _update(case: Case, ladder: Ladder) -> Iterator[Timer]:
    """While somebody has it those who wait are to be told now and then."""
    incident, every = case.incident, ladder.update_every
    if incident.acknowledged_at is None or every is None:
        return
    last = max(incident.acknowledged_at, incident.status_at or incident.acknowledged_at)
    due = incident.update_due_at or last + every
    key = f"update:{due.timestamp():.0f}"
    yield Timer(key=key, kind=TimerKind.UPDATE, due_at=due, reason="a status update is due")


def _quiet(case: Case) -> Iterator[Timer]:
    """Nothing fires any more; what begins again in time stays one incident."""
    cleared_at = case.incident.cleared_at
    if cleared_at is not None:
        quiet = quiet_of(case, case.incident)
        key, reason = f"quiet:{cleared_at.timestamp():.0f}", f"all alerts have been clear for {spell(quiet)} then"
        yield Timer(key=key, kind=TimerKind.QUIET, due_at=cleared_at + quiet, reason=reason)


def _queue(case: Case, ladder: Ladder) -> Iterator[Timer]:
    incident = case.incident
    if incident.acknowledged_at is not None:
        return
    due, reason = incident.cycle_started_at, "the operations queue is told; nobody is paged"
    if ladder.hours is Hours.BUSINESS:
        due, reason = next_opening(case.config.business_hours, due), "the operations queue is told in business hours"
    yield Timer(key=f"queue:c{incident.cycle}", kind=TimerKind.QUEUE, due_at=due, reason=reason)


def _review(case: Case) -> Iterator[Timer]:
    incident, policy = case.incident, case.policy
    if incident.priority in (Priority.P0, Priority.P1):
        if incident.review_due_at:
            key = f"review:g{incident.generation}"
            yield Timer(key=key, kind=TimerKind.REVIEW, due_at=incident.review_due_at, reason="the review is due then")
        return
    key = f"close:g{incident.generation}"
    reason = f"{incident.priority} closes by itself after {spell(policy.close_after)} of quiet"
    due = incident.updated_at + policy.close_after  # any act in the review makes the quiet begin again
    yield Timer(key=key, kind=TimerKind.CLOSE, due_at=due, reason=reason)


def _counted(incident: Incident, step: Step, due: datetime, *, first: bool) -> str:
    if not first and due < incident.counted_from + step.after:
        return "when it was due before the raise"
    if incident.counted_from == incident.opened_at:
        return f"{spell(step.after)} after the opening"
    return f"{spell(step.after)} after the {'reopening' if incident.counted_from == incident.reopened_at else 'raise'}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """What turns the pending timers into the wanted ones."""

    insert: tuple[Timer, ...]
    move: tuple[Timer, ...]
    cancel: tuple[str, ...]


def reconcile(known: Mapping[str, tuple[Timer, TimerState]], wanted: Iterable[Timer]) -> Changes:
    """`known`: all timers that the incident has had, by key. A timer whose time, reason or `until` changed is moved,
    and so is one that had been cancelled and is wanted again."""
    by_key = {timer.key: timer for timer in wanted}
    pending = {key for key, (_, state) in known.items() if state is TimerState.PENDING}
    return Changes(
        insert=tuple(timer for key, timer in by_key.items() if key not in known),
        move=tuple(
            timer for key, timer in by_key.items() if key in known and (key not in pending or known[key][0] != timer)
        ),
        cancel=tuple(sorted(pending - by_key.keys())),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """Of the timers that are due: those to fire, in order, and those that a higher level makes superfluous."""

    fire: tuple[Timer, ...]
    supersede: tuple[Timer, ...]


def sort_due(due: Iterable[Timer], now: datetime, reachable: Callable[[int], bool] = lambda level: True) -> Due:
    """After downtime the highest level that fell due is paged once; lower ones that were missed are stated, not paged.
    A level that can't be reached makes nobody superfluous."""
    ordered = sorted(due, key=lambda timer: (timer.due_at, timer.level))
    pages = (timer.level for timer in ordered if timer.kind is TimerKind.PAGE and reachable(timer.level))
    highest = max(pages, default=0)
    missed = tuple(timer for timer in ordered if timer.level < highest and _missed(timer, now))
    return Due(fire=tuple(timer for timer in ordered if timer not in missed), supersede=missed)


def _missed(timer: Timer, now: datetime) -> bool:
    paging = timer.kind in (TimerKind.PAGE, TimerKind.RESPONSE)
    return paging and now - timer.due_at > LATE_AFTER
