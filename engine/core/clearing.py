"""The end of an incident: by a person's word, or because nothing fires any more."""

from __future__ import annotations

from datetime import datetime

from engine.core.draft import Draft
from engine.core.flapping import quiet_of
from engine.core.lifecycle import enter
from engine.core.model import TIMER, Actor, State, Until
from engine.core.notices import post_reports, tell
from engine.core.policy import Clearing
from engine.core.spans import spell
from engine.core.timeline import Kind, format_time

ENDS_PAGING = frozenset(Until)
CLEARED = "all alerts cleared"


def end_service(draft: Draft, actor: Actor, restored: datetime, validation: str | None, reason: str) -> None:
    """Service is restored: into review, no page of any level from now on."""
    draft.record(Kind.RESOLVED, actor, reason, restored_at=format_time(restored), validation=validation, by=actor.id)
    enter(draft, State.REVIEW, actor, reason)
    draft.change(
        restored_at=restored,
        validation=validation,
        resolved_at=draft.now,
        review_due_at=draft.now + draft.case.policy.review_within,
        lease_until=None,
        lease_asked_at=None,
        hold_until=None,
        cleared_at=None,
    )
    draft.stop(ENDS_PAGING, "the incident is resolved")
    post_reports(draft)
    draft.record(
        Kind.REPORT_DRAFTED,
        actor,
        "the review begins",
        review_due_at=format_time(draft.now + draft.case.policy.review_within),
    )


def all_clear(draft: Draft, actor: Actor) -> None:
    """The last alert has cleared: what the policy says follows, at once or after a quiet time."""
    quiet = quiet_of(draft.case, draft.incident)
    if not _ends_by_itself(draft):
        _ask(draft, actor)
    elif quiet:
        over = format_time(draft.now + quiet)
        draft.change(cleared_at=draft.now)
        reason = f"{CLEARED}; it is resolved at {over} if nothing fires again"
        draft.record(Kind.ALERTS_CLEARED, actor, reason, state=draft.incident.state.value, resolved_at=over)
    else:
        end_service(draft, actor, draft.now, CLEARED, CLEARED)


def quiet_is_over(draft: Draft) -> None:
    """Nothing has fired again, unless a merge has brought what does. Somebody may have taken it meanwhile."""
    cleared_at = draft.incident.cleared_at
    if cleared_at is None:
        return
    if draft.case.firing:
        draft.change(cleared_at=None)
        return
    if _ends_by_itself(draft):
        reason = f"{CLEARED}, and nothing has fired again for {spell(draft.now - cleared_at)}"
        end_service(draft, TIMER, cleared_at, CLEARED, reason)
        return
    draft.change(cleared_at=None)
    _ask(draft, TIMER)


def _ends_by_itself(draft: Draft) -> bool:
    clearing = draft.case.policy.resolve_on_clear
    nobody_looked = draft.incident.state is State.DETECTION
    return clearing is Clearing.ALWAYS or (clearing is Clearing.DETECTION and nobody_looked)


def _ask(draft: Draft, actor: Actor) -> None:
    incident = draft.incident
    draft.record(Kind.ALERTS_CLEARED, actor, f"{CLEARED}; a person has to resolve", state=incident.state.value)
    owner = incident.commander or incident.acknowledged_by
    if owner:
        tell(draft, owner, f"All alerts of {incident.ref} have cleared. Is it resolved?")
