"""What happens when a timer falls due."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from engine.core.clearing import quiet_is_over
from engine.core.draft import Case, Decision, Draft
from engine.core.escalation import EXHAUSTED, LATE_AFTER, Due, plan, sort_due
from engine.core.hours import is_open
from engine.core.lifecycle import close_quietly
from engine.core.model import TIMER, Seat, Timer, TimerKind, TimerState, Until
from engine.core.notices import ask_owner, tell, tell_queue
from engine.core.paging import numbers, page_level, reaches
from engine.core.policy import Hours
from engine.core.spans import spell
from engine.core.timeline import Kind, format_time

UNANSWERED = "nobody has acknowledged within the response time"


def fire_due(case: Case, due: Iterable[Timer], now: datetime, why_late: str = "") -> Decision:
    """One decision over all timers of one incident that are due. `why_late` explains timers that were missed."""
    draft = Draft(case, now)
    left = _what_quiet_leaves(draft, due, why_late)
    sorted_due: Due = sort_due(left, now, lambda level: reaches(draft, level))
    for timer in sorted_due.supersede:
        _supersede(draft, timer, why_late)
    for timer in sorted_due.fire:
        if timer.key not in draft.fired:  # a lapse that fires before it may have started the same level anew
            _fire(draft, timer, why_late)
    return draft.decision("timers fired")


def _what_quiet_leaves(draft: Draft, due: Iterable[Timer], why_late: str) -> list[Timer]:
    """A quiet time that is over comes first, whatever else was missed with it: what has ended pages nobody."""
    left = []
    for timer in due:
        if timer.kind is TimerKind.QUIET:
            _fire(draft, timer, why_late)
        else:
            left.append(timer)
    return left if draft.incident.state.active or not draft.case.incident.state.active else []


def _fire(draft: Draft, timer: Timer, why_late: str) -> None:
    draft.fired[timer.key] = TimerState.FIRED
    FIRE[timer.kind](draft, timer, lateness(timer, draft.now, why_late))


def start(draft: Draft, why: str) -> tuple[Timer, ...]:
    """Fires at once what begins a cycle, in the same decision: level 1, or the queue. Returns the whole plan, what has
    been fired included."""
    case = draft.case
    if draft.incident is not case.incident or draft.fired:
        case = replace(case, incident=draft.incident, fired=case.fired | draft.fired.keys())
    levels = numbers(draft)[:1]
    planned = plan(case, draft.now)
    for timer in planned:
        if timer.due_at > draft.now:
            continue
        if timer.kind is TimerKind.PAGE and timer.level in levels:
            draft.fired[timer.key] = TimerState.FIRED
            page_level(draft, timer.level, why)
        elif timer.kind is TimerKind.QUEUE:
            draft.fired[timer.key] = TimerState.FIRED
            tell_queue(draft, why)
    return planned


def lateness(timer: Timer, now: datetime, why_late: str) -> str:
    """Empty when on time, else `late by 41 min: <why>`."""
    late = now - timer.due_at
    if late <= LATE_AFTER:
        return ""
    return f"late by {spell(timedelta(seconds=round(late.total_seconds())))}" + (f": {why_late}" if why_late else "")


def _with(reason: str, late: str) -> str:
    return f"{reason} ({late})" if late else reason


def _supersede(draft: Draft, timer: Timer, why_late: str) -> None:
    draft.fired[timer.key] = TimerState.SUPERSEDED
    late = lateness(timer, draft.now, why_late)
    if timer.kind is TimerKind.RESPONSE:
        _breached(draft, timer, late)
    draft.record(
        Kind.SUPERSEDED,
        TIMER,
        _with(f"level {timer.level} was due too and is not paged on its own: a higher level is", late),
        level=timer.level,
        due_at=format_time(timer.due_at),
    )


def _fire_page(draft: Draft, timer: Timer, late: str) -> None:
    draft.record(
        Kind.ESCALATED,
        TIMER,
        _with(timer.reason, late),
        level=timer.level,
        planned_at=format_time(timer.due_at),
        late_s=_late_seconds(draft, timer),
    )
    page_level(draft, timer.level, _with(timer.reason, late))


def _fire_response(draft: Draft, timer: Timer, late: str) -> None:
    _breached(draft, timer, late)
    reason = _with(UNANSWERED, late)
    if not draft.incident.classification.page or timer.level not in numbers(draft):
        tell_queue(draft, reason)
    elif draft.ladder.hours is Hours.ALWAYS:
        page_level(draft, timer.level, reason, seats=(Seat.SECONDARY, Seat.PRIMARY))
    elif _by_day(draft):
        page_level(draft, timer.level, reason)
    else:
        tell_queue(draft, reason)


def _by_day(draft: Draft) -> bool:
    """In business hours, or just as they end: a response falls due with them."""
    hours = draft.case.config.business_hours
    return is_open(hours, draft.now) or is_open(hours, draft.now - LATE_AFTER)


def _breached(draft: Draft, timer: Timer, late: str) -> None:
    draft.record(
        Kind.RESPONSE_BREACHED,
        TIMER,
        _with(UNANSWERED, late),
        level=timer.level,
        due_at=format_time(timer.due_at),
        late_s=_late_seconds(draft, timer),
    )


def _late_seconds(draft: Draft, timer: Timer) -> int:
    return max(0, round((draft.now - timer.due_at).total_seconds()))


def _fire_lease(draft: Draft, timer: Timer, late: str) -> None:
    owner = draft.incident.lease_owner or ""
    draft.change(lease_asked_at=draft.now)
    reason = _with("the acknowledgement has run its time: still on it?", late)
    reached = ask_owner(draft, owner, reason)
    if not reached:
        reason = f"{reason} No working channel to {draft.person(owner)}"
    draft.record(Kind.LEASE_ASKED, TIMER, reason, owner=owner, reached=reached, due_at=format_time(timer.due_at))


def _fire_lease_answer(draft: Draft, timer: Timer, late: str) -> None:
    incident = draft.incident
    owner = draft.person(incident.lease_owner)
    reason = _with(f"{owner} gave no sign of life after being asked", late)
    due = format_time(timer.due_at)
    draft.record(Kind.UNACKNOWLEDGED, TIMER, reason, owner=incident.lease_owner, due_at=due)
    new_cycle(draft)
    start(draft, f"{reason}; level 1 again")


def _fire_update(draft: Draft, timer: Timer, late: str) -> None:
    """The commander is reminded, and again after as long, until it is said or put off."""
    incident, every = draft.incident, draft.ladder.update_every
    reason = _with("a status update is due", late)
    draft.record(Kind.UPDATE_DUE, TIMER, reason, commander=incident.commander, due_at=format_time(timer.due_at))
    if every is not None:
        draft.change(update_due_at=draft.now + every)
    if incident.commander:
        asked = f"A status update is due: what may those who wait for {incident.ref} know?"
        tell(draft, incident.commander, asked, to_answer=True)


def new_cycle(draft: Draft) -> None:
    """Nobody has it any more: level 1 starts anew from now."""
    caps = {level: due for level, due in draft.incident.level_caps.items() if level != 1}
    draft.change(
        cycle=draft.incident.cycle + 1,
        cycle_started_at=draft.now,
        level_caps=caps,
        acknowledged_at=None,
        acknowledged_by=None,
        lease_owner=None,
        lease_until=None,
        lease_asked_at=None,
        declined=(),
        update_due_at=None,
        hold_until=None,
    )


def _fire_quiet(draft: Draft, timer: Timer, late: str) -> None:
    del timer, late  # what there is to say is how long it has been quiet
    quiet_is_over(draft)


def _fire_queue(draft: Draft, timer: Timer, late: str) -> None:
    if timer.key.startswith(EXHAUSTED):
        due = format_time(timer.due_at)
        draft.record(Kind.EXHAUSTED, TIMER, _with(timer.reason, late), levels=numbers(draft), due_at=due)
    tell_queue(draft, _with(timer.reason, late))


def _fire_review(draft: Draft, timer: Timer, late: str) -> None:
    draft.record(
        Kind.REVIEW_OVERDUE, TIMER, _with("the review is due and not done", late), due_at=format_time(timer.due_at)
    )
    if draft.incident.commander:
        tell(draft, draft.incident.commander, "the review is due and not done")
    else:
        tell_queue(draft, "the review is due and not done")


def _fire_close(draft: Draft, timer: Timer, late: str) -> None:
    close_quietly(draft, TIMER, _with(timer.reason, late))


FIRE: dict[TimerKind, Callable[[Draft, Timer, str], None]] = {
    TimerKind.PAGE: _fire_page,
    TimerKind.RESPONSE: _fire_response,
    TimerKind.LEASE: _fire_lease,
    TimerKind.LEASE_ANSWER: _fire_lease_answer,
    TimerKind.UPDATE: _fire_update,
    TimerKind.QUIET: _fire_quiet,
    TimerKind.QUEUE: _fire_queue,
    TimerKind.REVIEW: _fire_review,
    TimerKind.CLOSE: _fire_close,
}

ENDS_LEVEL_1 = frozenset({Until.ACKNOWLEDGED})
