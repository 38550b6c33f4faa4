"""A change of priority: what it does to the clocks, and who has to know."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from engine.core.draft import Draft
from engine.core.escalation import plan
from engine.core.firing import new_cycle, start
from engine.core.model import Actor, Classification, Priority, TimerKind
from engine.core.notices import tell_queue
from engine.core.paging import numbers, page_level
from engine.core.policy import Hours
from engine.core.timeline import Kind


def set_priority(
    draft: Draft, priority: Priority, actor: Actor, reason: str, found: Classification | None = None
) -> None:
    """A raise pages level 1 at once and counts the new row from now, but makes no level later than it was. A lowering
    counts the lower row from the opening. `found`: what the rules say, where they and not a person ask for it."""
    incident = draft.incident
    raised = priority.above(incident.priority)
    draft.record(Kind.REPRIORITIZED, actor, reason, **{"from": incident.priority.value, "to": priority.value})
    if raised:
        draft.change(level_caps=_caps(draft), priority=priority, counted_from=draft.now)
        draft.change(classification=replace(found or incident.classification, page=True))
        _raise(draft, actor, reason)
        return
    start_of_count = incident.reopened_at or incident.opened_at
    by_raise = incident.cycle_started_at == incident.counted_from
    draft.change(
        level_caps={},
        priority=priority,
        counted_from=start_of_count,
        cycle_started_at=start_of_count if by_raise else incident.cycle_started_at,
    )


def _caps(draft: Draft) -> dict[int, datetime]:
    """By level, when it would be paged (level 1: when the response is due) under the row in force so far, not held."""
    case = replace(
        draft.case, incident=draft.incident.but(hold_until=None), fired=draft.case.fired | draft.fired.keys()
    )
    first = numbers(draft)[:1]
    caps: dict[int, datetime] = {}
    for timer in plan(case, draft.now):
        if timer.kind is TimerKind.PAGE and timer.level not in first:
            caps[timer.level] = timer.due_at
        elif timer.kind is TimerKind.RESPONSE and timer.level in first and timer.due_at > draft.now:
            caps[1] = timer.due_at
    return caps


def _raise(draft: Draft, actor: Actor, reason: str) -> None:
    """An acknowledgement covers what was seen: a raise by somebody else than the owner has to be seen anew."""
    incident = draft.incident
    why = f"raised to {incident.priority}: {reason}"
    if incident.acknowledged_by and incident.lease_owner == actor.id:
        _page_first(draft, why)
        return
    cap = incident.level_caps.get(1)
    if incident.acknowledged_by:
        draft.record(Kind.UNACKNOWLEDGED, actor, why, owner=incident.lease_owner)
    new_cycle(draft)
    if cap:
        draft.change(level_caps={**draft.incident.level_caps, 1: cap})
    start(draft, why)


def _page_first(draft: Draft, why: str) -> None:
    """Level 1, without another cycle: the owner stays on it."""
    if draft.ladder.hours is Hours.BUSINESS:
        tell_queue(draft, why)
        return
    for number in numbers(draft)[:1]:
        page_level(draft, number, why)
