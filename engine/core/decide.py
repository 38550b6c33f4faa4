"""A person's command → a decision. One function per command; the machine has said before that the state allows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from engine.core.clearing import ENDS_PAGING, end_service
from engine.core.commands import (
    Advance,
    Assign,
    Cancel,
    Close,
    Command,
    Decline,
    Document,
    Escalate,
    Finish,
    Hold,
    Merge,
    Note,
    OpenRoom,
    Reopen,
    Reprioritize,
    Resolve,
    Snooze,
    Tick,
    Update,
)
from engine.core.draft import Case, Decision, Draft, Tickmark, unchanged
from engine.core.errors import NotFound, Refusal
from engine.core.firing import new_cycle, start
from engine.core.lease import acknowledge, already, renew
from engine.core.lifecycle import close_quietly, enter, next_state
from engine.core.model import ActionItem, Actor, Duty, MessageKind, State
from engine.core.notices import ask_for_room, tell
from engine.core.paging import numbers, page_level, page_others, seat_paged
from engine.core.priority import set_priority
from engine.core.sealing import check_admitted, invite, seal_by_command, unseal
from engine.core.spans import spell
from engine.core.timeline import Kind, format_time


def decide(case: Case, command: Command, actor: Actor, now: datetime, *, generation: int | None = None) -> Decision:
    """Raises Refusal where the state, a guard or the actor's role refuses. `generation`: of the button that was
    pressed; an older one is stale and changes nothing."""
    draft = Draft(case, now)
    check_admitted(case.incident, actor, draft.person)
    if generation is not None and generation != case.incident.generation:
        raise Refusal("stale", f"This button is from before {case.incident.ref} was reopened. {whereabouts(case)}")
    state = next_state(draft, command, actor)
    return EFFECTS[command.name](draft, command, actor, state)


def whereabouts(case: Case) -> str:
    """What happened meanwhile, in one sentence."""
    incident = case.incident
    draft = Draft(case, incident.updated_at)
    if not incident.state.active:
        return f"{incident.ref} is {'in review' if incident.state is State.REVIEW else incident.state}."
    if incident.acknowledged_by and incident.acknowledged_at:
        return f"{incident.ref} is in {incident.state}, acknowledged by {draft.person(incident.acknowledged_by)}."
    return f"{incident.ref} is in {incident.state} and not acknowledged."


def _advance(draft: Draft, command: Advance, actor: Actor, state: State) -> Decision:
    _write_down(draft, command, actor, ("impact", "cause", "mitigation"))
    if command.priority_confirmed and not draft.incident.priority_confirmed:
        draft.change(priority_confirmed=True)
        draft.record(Kind.DOCUMENTED, actor, f"priority {draft.incident.priority} confirmed", priority_confirmed=True)
    enter(draft, state, actor, command.reason or f"advanced to {state}")
    renew(draft, actor)
    return draft.decision(f"{draft.incident.ref} is in {state} now.")


def _write_down(draft: Draft, command: Any, actor: Actor, fields: Iterable[str]) -> None:
    given = {field: text for field in fields if (text := getattr(command, field, None))}
    if given:
        draft.change(**given)
        draft.record(Kind.DOCUMENTED, actor, "stated: " + ", ".join(given), **given)


def _agree(draft: Draft, command: Document | Close, actor: Actor) -> None:
    for action in command.actions:
        draft.actions.append(ActionItem(what=action.what, owner=action.owner, due_on=action.due_on))
        draft.record(
            Kind.DOCUMENTED, actor, "action agreed", action=action.what, owner=action.owner, due_on=action.due_on
        )


def _document(draft: Draft, command: Document, actor: Actor, state: State) -> Decision:
    _write_down(draft, command, actor, ("impact", "cause", "mitigation", "lessons"))
    _agree(draft, command, actor)
    renew(draft, actor)
    return draft.decision("Written down.")


def _finish(draft: Draft, command: Finish, actor: Actor, state: State) -> Decision:
    incident, agreed = draft.incident, draft.case.actions
    if command.action > len(agreed):
        known = f"actions 1 to {len(agreed)}" if agreed else "no actions"
        raise NotFound("action_unknown", f"{incident.ref} has {known}.")
    item = agreed[command.action - 1]
    if item.done_at is not None:
        who = draft.person(item.done_by)
        return unchanged(
            incident, "already_done", f"Action {command.action} of {incident.ref} is done already, by {who}."
        )
    draft.finished = replace(item, done_at=draft.now, done_by=actor.id)
    reason = command.note or item.what
    draft.record(Kind.ACTION_DONE, actor, reason, action=item.what, owner=item.owner, due_on=item.due_on)
    return draft.decision(f"Action {command.action} of {incident.ref} is done.")


def _resolve(draft: Draft, command: Resolve, actor: Actor, state: State) -> Decision:
    restored = command.restored_at or draft.now
    validation = command.validation or draft.incident.validation
    end_service(draft, actor, restored, validation, command.reason or "service restored")
    return draft.decision(
        f"{draft.incident.ref} is resolved; the review is due by {_day(draft.incident.review_due_at)}."
    )


def _day(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d}" if at else "no date"


def _reopen(draft: Draft, command: Reopen, actor: Actor, state: State) -> Decision:
    draft.record(Kind.REOPENED, actor, command.reason, generation=draft.incident.generation + 1)
    enter(draft, state, actor, command.reason)
    draft.change(
        generation=draft.incident.generation + 1,
        reopened_at=draft.now,
        counted_from=draft.now,
        level_caps={},
        level=0,
        resolved_at=None,
        restored_at=None,
        validation=None,
        review_due_at=None,
    )
    new_cycle(draft)
    start(draft, f"reopened: {command.reason}")
    return draft.decision(f"{draft.incident.ref} is open again; level 1 is paged and the timers start anew.")


def _close(draft: Draft, command: Close, actor: Actor, state: State) -> Decision:
    _write_down(draft, command, actor, ("cause", "lessons"))
    _agree(draft, command, actor)
    close_quietly(draft, actor, command.reason or "the review is done")
    return draft.decision(f"{draft.incident.ref} is closed; its report is frozen.")


def _cancel(draft: Draft, command: Cancel, actor: Actor, state: State) -> Decision:
    draft.record(Kind.CANCELLED, actor, command.reason, code=command.code)
    enter(draft, state, actor, command.reason)
    draft.change(closed_at=draft.now, lease_until=None, lease_asked_at=None, hold_until=None)
    draft.stop(ENDS_PAGING, f"cancelled: {command.code}")
    return draft.decision(f"{draft.incident.ref} is cancelled ({command.code}); nobody is paged any more.")


def _merge(draft: Draft, command: Merge, actor: Actor, state: State) -> Decision:
    raise Refusal("merge_needs_target", "A merge is decided over both incidents; use merge().")


def _reprioritize(draft: Draft, command: Reprioritize, actor: Actor, state: State) -> Decision:
    before = draft.incident.priority
    draft.change(priority_confirmed=True)
    if command.priority is before:
        draft.record(Kind.DOCUMENTED, actor, command.reason, priority_confirmed=True)
        renew(draft, actor)
        return draft.decision(f"{draft.incident.ref} stays {before}; that is confirmed now.")
    draft.change(overridden=True)
    set_priority(draft, command.priority, actor, command.reason)
    renew(draft, actor)
    return draft.decision(f"{draft.incident.ref} is {command.priority} now (was {before}); the timers follow.")


def _assign(draft: Draft, command: Assign, actor: Actor, state: State) -> Decision:
    if command.to not in draft.case.config.contacts:
        raise NotFound("contact_unknown", f"{command.to!r} is not in contacts.")
    if command.duty is not Duty.COMMANDER:
        return _give_duty(draft, command, actor)
    draft.change(commander=command.to)
    reason = command.reason or "handed over"
    draft.record(Kind.ASSIGNED, actor, reason, to=command.to)
    renew(draft, actor)
    if draft.incident.acknowledged_by:
        draft.change(lease_owner=command.to)
    if command.to != actor.id:
        who = actor.name or actor.id
        tell(draft, command.to, f"{who} handed you the command: {reason}. {BRIEFS[Duty.COMMANDER]}")
    return draft.decision(f"{draft.person(command.to)} commands {draft.incident.ref} now.")


BRIEFS: Mapping[Duty, str] = {
    Duty.COMMANDER: "You decide and delegate: who looks at what, whether to call more people, when it is resolved.",
    Duty.COMMUNICATIONS: "You tell those who wait: a status update now and whenever something changes, so that the "
    "others can work.",
    Duty.SCRIBE: "You keep the record: what was tried when and what came of it, as notes or by marking messages.",
}
"""What each has to know in the first minute."""


def _give_duty(draft: Draft, command: Assign, actor: Actor) -> Decision:
    draft.change(duties={**draft.incident.duties, command.duty.value: command.to})
    reason = command.reason or f"takes over {command.duty}"
    draft.record(Kind.ASSIGNED, actor, reason, to=command.to, duty=command.duty.value)
    renew(draft, actor)
    if command.to != actor.id:
        tell(draft, command.to, f"{actor.name or actor.id} gave you {command.duty}. {BRIEFS[command.duty]}")
    return draft.decision(f"{draft.person(command.to)} does {command.duty} for {draft.incident.ref} now.")


def _hold(draft: Draft, command: Hold, actor: Actor, state: State) -> Decision:
    until = draft.now + command.span
    draft.change(hold_until=until, hold_by=actor.id, hold_reason=command.reason)
    draft.record(Kind.HELD, actor, command.reason, until=format_time(until))
    renew(draft, actor)
    return draft.decision(f"Escalation of {draft.incident.ref} is held for {spell(command.span)}.")


def _escalate(draft: Draft, command: Escalate, actor: Actor, state: State) -> Decision:
    incident = draft.incident
    if command.seen_level is not None and incident.level > command.seen_level:
        return unchanged(incident, "already_escalated", f"{incident.ref} has already reached level {incident.level}.")
    levels = sorted(level.number for level in draft.case.config.levels.values())
    higher = [number for number in (*numbers(draft), *levels) if number > incident.level]
    if command.level is None and not higher:
        return unchanged(incident, "top_level", f"{incident.ref} has reached level {incident.level}, the highest.")
    target = command.level or higher[0]
    if target not in levels:
        raise NotFound("level_unknown", f"There is no level {target}; there are {', '.join(map(str, levels))}.")
    reason = command.reason or f"{actor.name or actor.id} asked for level {target}"
    draft.record(Kind.ESCALATED, actor, reason, level=target, late_s=0)
    page_level(draft, target, reason)
    renew(draft, actor)
    paged = sorted({message.level for message in draft.messages if message.kind is MessageKind.PAGE})
    if not paged:
        return draft.decision(f"Nobody of level {target} or above can be reached for {incident.ref}.", "unreachable")
    instead = "" if target in paged else f"; nobody of level {target} can be reached"
    return draft.decision(f"Level {paged[0]} is being paged for {incident.ref}{instead}.")


def _decline(draft: Draft, command: Decline, actor: Actor, state: State) -> Decision:
    incident = draft.incident
    if incident.acknowledged_at is not None:
        return unchanged(incident, "already_acknowledged", already(draft))
    if actor.id in incident.declined:
        return unchanged(incident, "already_declined", f"You have passed {incident.ref} on already.")
    number = seat_paged(draft, actor.id)
    if number is None:
        raise Refusal(
            "not_paged", f"{actor.name or actor.id} was not paged for {incident.ref}; there is nothing to pass on."
        )
    draft.change(declined=(*incident.declined, actor.id))
    reason = f"{actor.name or actor.id} passed it on" + (f": {command.reason}" if command.reason else "")
    draft.record(Kind.DECLINED, actor, reason, by=actor.id, level=number)
    page_others(draft, number, reason)
    paged = [draft.person(message.contact) for message in draft.messages if message.kind is MessageKind.PAGE]
    if not paged:
        return draft.decision(f"Nobody else can be reached for {incident.ref}.", "unreachable")
    return draft.decision(f"{incident.ref} is passed on: {paged[0]} is being paged.")


def _update(draft: Draft, command: Update, actor: Actor, state: State) -> Decision:
    draft.change(status=command.text, status_at=draft.now, update_due_at=None)
    draft.record(Kind.STATUS_UPDATED, actor, command.text)
    renew(draft, actor)
    return draft.decision(f"That is the status of {draft.incident.ref} now.")


def _snooze(draft: Draft, command: Snooze, actor: Actor, state: State) -> Decision:
    until = draft.now + command.span
    draft.change(update_due_at=until)
    draft.record(Kind.UPDATE_SNOOZED, actor, f"not yet, for {spell(command.span)}", until=format_time(until))
    renew(draft, actor)
    return draft.decision(f"The next reminder for {draft.incident.ref} comes in {spell(command.span)}.")


def _open_room(draft: Draft, command: OpenRoom, actor: Actor, state: State) -> Decision:
    incident = draft.incident
    if incident.room_at is not None:
        return unchanged(incident, "room_there", f"{incident.ref} has a war room already.")
    if not ask_for_room(draft, actor, "asked for"):
        raise Refusal(
            "no_rooms", "No war room can be opened: `room` in tocsin.yaml has to name a channel that can send."
        )
    renew(draft, actor)
    return draft.decision(f"A war room for {incident.ref} is being opened.")


def _note(draft: Draft, command: Note, actor: Actor, state: State) -> Decision:
    facts = {"happened_at": format_time(command.happened_at)} if command.happened_at else {}
    facts |= {"source": command.source} if command.source else {}
    draft.record(Kind.NOTE, actor, command.text, text=command.text, **facts)
    renew(draft, actor)
    return draft.decision("Noted.")


def _tick(draft: Draft, command: Tick, actor: Actor, state: State) -> Decision:
    step = next((step for step in draft.case.steps if step.id == command.step), None)
    if step is None:
        known = ", ".join(step.id for step in draft.case.steps) or "none; no playbook is attached"
        raise NotFound("step_unknown", f"{draft.incident.ref} has no step {command.step!r}; it has {known}.")
    if (step.done_at is not None) is command.done:
        how = f"done by {draft.person(step.done_by)}" if command.done else "not done"
        return unchanged(draft.incident, "already_so", f"Step {step.number} is already {how}.")
    mark = Tickmark(
        step=step.id,
        done_at=draft.now if command.done else None,
        done_by=actor.id if command.done else None,
        note=command.note,
    )
    draft.ticks.append(mark)
    reason = command.note or f"step {step.number} {step.title}: {'done' if command.done else 'not done after all'}"
    draft.record(Kind.STEP_TICKED, actor, reason, step=step.id, number=step.number, title=step.title, done=command.done)
    renew(draft, actor)
    return draft.decision(f"Step {step.number} is {'done' if command.done else 'open again'}.")


EFFECTS: dict[str, Callable[[Draft, Any, Actor, State], Decision]] = {
    "acknowledge": acknowledge,
    "advance": _advance,
    "resolve": _resolve,
    "reopen": _reopen,
    "document": _document,
    "finish": _finish,
    "close": _close,
    "cancel": _cancel,
    "merge": _merge,
    "decline": _decline,
    "reprioritize": _reprioritize,
    "assign": _assign,
    "hold": _hold,
    "escalate": _escalate,
    "open_room": _open_room,
    "seal": seal_by_command,
    "unseal": unseal,
    "invite": invite,
    "update": _update,
    "snooze": _snooze,
    "note": _note,
    "tick": _tick,
}
