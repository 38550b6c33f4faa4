"""An acknowledgement: who has it, and for how long without a sign of life."""

from __future__ import annotations

from datetime import datetime

from engine.core.commands import Acknowledge
from engine.core.draft import Decision, Draft, unchanged
from engine.core.escalation import response_due
from engine.core.firing import ENDS_LEVEL_1
from engine.core.lifecycle import enter
from engine.core.model import Actor, ActorKind, State
from engine.core.spans import spell
from engine.core.timeline import Kind, format_time


def acknowledge(draft: Draft, command: Acknowledge, actor: Actor, state: State) -> Decision:
    """A monitoring system may pass on that somebody has it; it holds the lease then, and commands nothing."""
    incident = draft.incident
    asked = incident.lease_asked_at is not None
    if incident.acknowledged_by and asked and incident.lease_owner == actor.id:
        renew(draft, actor)
        return draft.decision(f"Thank you; {incident.ref} stays with you.", "renewed")
    if incident.acknowledged_by and not asked and not _takes_over(draft, actor):
        return unchanged(incident, "already_acknowledged", already(draft))
    return _take(draft, actor, state)


def _takes_over(draft: Draft, actor: Actor) -> bool:
    """Somebody who can be asked "still on it?" takes over from a program, or a name, that can't."""
    contacts = draft.case.config.contacts
    return actor.id in contacts and draft.incident.lease_owner not in contacts


def _take(draft: Draft, actor: Actor, state: State) -> Decision:
    incident, now = draft.incident, draft.now
    due = response_due(incident, draft.ladder, draft.case.config.business_hours)
    after = now - incident.cycle_started_at
    reason = f"acknowledged after {spell(after)}"
    draft.record(
        Kind.ACKNOWLEDGED,
        actor,
        reason,
        by=actor.id,
        after_s=int(after.total_seconds()),
        response_due_at=format_time(due),
        met=now <= due,
    )
    draft.change(acknowledged_at=now, acknowledged_by=actor.id, lease_owner=actor.id)
    draft.change(lease_asked_at=None, lease_until=_lease_end(draft))
    if incident.commander is None and actor.kind is not ActorKind.SOURCE:
        draft.change(commander=actor.id)
        draft.record(Kind.ASSIGNED, actor, "the first to acknowledge takes command", to=actor.id)
    enter(draft, state, actor, reason)
    draft.stop(ENDS_LEVEL_1, f"{actor.name or actor.id} acknowledged")
    return draft.decision(f"{incident.ref} is yours, {reason}.")


def already(draft: Draft) -> str:
    """Who has it, and how soon."""
    incident = draft.incident
    who = draft.person(incident.acknowledged_by)
    after = (incident.acknowledged_at or draft.now) - incident.cycle_started_at
    return f"{incident.ref} is already acknowledged by {who}, after {spell(after)}."


def _lease_end(draft: Draft) -> datetime | None:
    return draft.now + draft.ladder.lease if draft.ladder.lease else None


def renew(draft: Draft, actor: Actor) -> None:
    """Any act on the incident renews the lease; an unanswered question is thereby answered, which is on record. What a
    monitoring system notes by itself is no sign of life of the one who was asked."""
    if draft.incident.acknowledged_at is None or not draft.incident.state.active or _is_machine(draft, actor):
        return
    if draft.incident.lease_asked_at is not None:
        draft.record(Kind.LEASE_RENEWED, actor, "still on it")
    draft.change(lease_until=_lease_end(draft), lease_asked_at=None)


def _is_machine(draft: Draft, actor: Actor) -> bool:
    return actor.kind is ActorKind.SOURCE and actor.id != draft.incident.lease_owner
