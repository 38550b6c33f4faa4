"""Two incidents become one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from engine.core.clearing import ENDS_PAGING
from engine.core.commands import (
    Merge,
)
from engine.core.draft import Case, Decision, Draft
from engine.core.errors import Refusal
from engine.core.lifecycle import enter, next_state
from engine.core.model import Actor, Classification
from engine.core.priority import set_priority
from engine.core.sealing import check_admitted
from engine.core.timeline import Kind


def merge(case: Case, target: Case, command: Merge, actor: Actor, now: datetime) -> tuple[Decision, Decision]:
    """The decisions for the incident that ends and for the one that goes on. The target takes the higher priority, and
    the commander where it has none."""
    if case.incident.id == target.incident.id:
        raise Refusal("merge_into_itself", f"{case.incident.ref} can't be merged into itself.")
    for one in (case, target):
        check_admitted(one.incident, actor, Draft(one, now).person)
    if case.incident.sealed_at is not None and target.incident.sealed_at is None:
        raise Refusal(
            "target_not_sealed", f"{case.incident.ref} is sealed and {target.incident.ref} is not; seal that one first."
        )
    if not target.incident.state.active:
        raise Refusal(
            "target_not_active", f"{target.incident.ref} is {target.incident.state}; merge into an active incident."
        )
    draft, onto = Draft(case, now), Draft(target, now)
    state = next_state(draft, command, actor)
    reason = command.reason or "the same problem"
    draft.record(Kind.MERGED, actor, reason, into=target.incident.ref)
    enter(draft, state, actor, reason)
    draft.change(merged_into=target.incident.id, closed_at=now, lease_until=None, lease_asked_at=None, hold_until=None)
    draft.stop(ENDS_PAGING, f"merged into {target.incident.ref}")
    onto.record(Kind.ABSORBED, actor, reason, merged=case.incident.ref, alerts_firing=case.firing)
    if onto.incident.commander is None and case.incident.commander:
        onto.change(commander=case.incident.commander)
        onto.record(Kind.ASSIGNED, actor, f"comes with {case.incident.ref}", to=case.incident.commander)
    if case.incident.priority.above(target.incident.priority):
        set_priority(onto, case.incident.priority, actor, f"{case.incident.ref} was {case.incident.priority}")
    _inherit(onto, case.incident.classification)
    return draft.decision(f"{case.incident.ref} is merged into {target.incident.ref}."), onto.decision("absorbed")


def _inherit(onto: Draft, found: Classification) -> None:
    """The alerts that move have been judged: the next repeat of one must not pass for news."""
    own = onto.incident.classification
    if found.priority.above(own.priority):
        onto.change(classification=replace(found, page=own.page, respond_within=own.respond_within))
