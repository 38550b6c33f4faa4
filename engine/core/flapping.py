"""Problems that come and go: one page for all of it, and no end before it has been quiet for a while."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from engine.core.draft import Case, Draft
from engine.core.model import Actor, Incident
from engine.core.policy import Flapping
from engine.core.spans import spell
from engine.core.timeline import Kind


def begun(rule: Flapping | None, before: Iterable[datetime], now: datetime) -> tuple[datetime, ...]:
    """When the problem has begun to fire, now included: the latest times, those only that still count."""
    if rule is None:
        return ()
    return (*(at for at in before if at > now - rule.within), now)[-rule.times :]


def flaps(rule: Flapping | None, begun_at: tuple[datetime, ...]) -> bool:
    return rule is not None and len(begun_at) >= rule.times


def note_begin(draft: Draft, actor: Actor) -> None:
    """Nothing fired, and now something does: what had been quiet is not any more."""
    incident, rule = draft.incident, draft.case.config.flapping
    begun_at = begun(rule, incident.begun_at, draft.now)
    draft.change(begun_at=begun_at, cleared_at=None)
    if incident.flapping_since is None and flaps(rule, begun_at):
        mark(draft, actor)


def mark(draft: Draft, actor: Actor) -> None:
    """From here on it is open until it has been quiet for long enough."""
    rule = draft.case.config.flapping
    if rule is None:
        return
    reason = (
        f"it has begun to fire {rule.times} times within {spell(rule.within)}: it stays open, and pages nobody anew, "
        f"until it has been quiet for {spell(rule.quiet)}"
    )
    draft.change(flapping_since=draft.now)
    draft.record(Kind.FLAPPING, actor, reason, times=rule.times)


def quiet_of(case: Case, incident: Incident) -> timedelta:
    """For how long nothing may fire before the incident is over by itself."""
    rule, after = case.config.flapping, case.policy.clear_after
    return max(after, rule.quiet) if rule is not None and incident.flapping_since is not None else after
