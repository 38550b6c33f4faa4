"""The machine: which command leads from which state to which, and what each needs, refused with code and sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from transitions import EventData, Machine, MachineError

from engine.core.commands import ActionItemIn, Advance, Close, Command, Resolve
from engine.core.draft import Draft
from engine.core.errors import Forbidden, Refusal
from engine.core.model import ACTIVE_STATES, OPEN_STATES, PHASES, ActionItem, Actor, Priority, Role, State
from engine.core.timeline import Kind

ACTIVE = [state.value for state in ACTIVE_STATES]
OPEN = [state.value for state in OPEN_STATES]
LATER = [State.ASSESSMENT.value, State.DIAGNOSIS.value, State.RESOLUTION.value]

# (command, from, to); None stays where it is.
TRANSITIONS: tuple[tuple[str, list[str], str | None], ...] = (
    ("acknowledge", [State.DETECTION.value], State.ASSESSMENT.value),
    ("acknowledge", LATER, None),
    ("advance", [State.ASSESSMENT.value], State.DIAGNOSIS.value),
    ("advance", [State.DIAGNOSIS.value], State.RESOLUTION.value),
    ("resolve", ACTIVE, State.REVIEW.value),
    ("reopen", [State.REVIEW.value], State.DIAGNOSIS.value),
    ("close", [State.REVIEW.value], State.CLOSED.value),
    ("cancel", ACTIVE, State.CANCELLED.value),
    ("merge", ACTIVE, State.MERGED.value),
    ("decline", ACTIVE, None),
    ("reprioritize", ACTIVE, None),
    ("assign", ACTIVE, None),
    ("hold", ACTIVE, None),
    ("escalate", ACTIVE, None),
    ("open_room", ACTIVE, None),
    ("seal", OPEN, None),
    ("unseal", OPEN, None),
    ("invite", [state.value for state in State], None),
    ("update", OPEN, None),
    ("snooze", ACTIVE, None),
    ("note", [state.value for state in State], None),
    ("document", OPEN, None),
    ("finish", [state.value for state in State], None),
    ("tick", OPEN, None),
)


@dataclass(kw_only=True, slots=True)
class Holder:
    """What the machine moves. It is not registered with the machine, which would keep every model alive."""

    state: str


def _build() -> Machine:
    machine = Machine(
        model=None, states=[state.value for state in State], initial=None, send_event=True, auto_transitions=False
    )
    for trigger, sources, target in TRANSITIONS:
        machine.add_transition(trigger, list(sources), target, conditions=[_check])
    return machine


def _check(event: EventData) -> bool:
    guard = GUARDS.get((event.event.name, State(event.state.name)))
    if guard is not None:
        guard(event.kwargs["draft"], event.kwargs["command"], event.kwargs["actor"])
    return True


def next_state(draft: Draft, command: Command, actor: Actor) -> State:
    """Where the command leads. Raises Refusal with a code and a sentence where the state or a guard refuses."""
    if not actor.role.covers(Role.RESPONDER):
        raise Forbidden(
            "role_too_low", f"{actor.name or actor.id} may look at incidents but not act on them (role {actor.role})."
        )
    holder = Holder(state=draft.incident.state.value)
    try:
        MACHINE.events[command.name].trigger(holder, draft=draft, command=command, actor=actor)
    except MachineError as error:
        raise _refusal(draft, command) from error
    return State(holder.state)


def _refusal(draft: Draft, command: Command) -> Refusal:
    incident = draft.incident
    if command.name == "advance" and incident.state is State.DETECTION:
        return Refusal("not_acknowledged", f"{incident.ref} is not acknowledged yet; acknowledge it first.")
    if command.name == "advance" and incident.state is State.RESOLUTION:
        return Refusal("last_phase", f"{incident.ref} is in resolution; resolve it once service is restored.")
    ends = {State.REVIEW: "resolved", State.CLOSED: "closed", State.CANCELLED: "cancelled", State.MERGED: "merged"}
    how = ends.get(incident.state, f"in {incident.state}")
    into = f" into INC-{incident.merged_into}" if incident.merged_into else ""
    return Refusal(
        f"already_{how}" if incident.state in ends else "wrong_state",
        f"{incident.ref} is {how}{into}; {command.name} changes nothing.",
    )


def _guard(draft: Draft, command: Any, actor: Actor, code: str, sentence: str) -> None:
    """Refuses, unless a manager overrides it with a reason; then the override goes on record."""
    if not command.override:
        raise Refusal(code, sentence)
    if not actor.role.covers(Role.MANAGER):
        raise Forbidden("override_needs_manager", f"{sentence} Only a manager may override this.")
    if not command.reason:
        raise Refusal("override_needs_reason", f"{sentence} An override needs a reason.")
    draft.record(Kind.OVERRIDDEN, actor, command.reason, code=code, sentence=sentence)


def _to_diagnosis(draft: Draft, command: Advance, actor: Actor) -> None:
    if not (command.priority_confirmed or draft.incident.priority_confirmed):
        _guard(draft, command, actor, "priority_unconfirmed", "The priority has not been confirmed.")
    if not (command.impact or draft.incident.impact):
        _guard(draft, command, actor, "impact_missing", "The impact has not been stated.")


def _to_resolution(draft: Draft, command: Advance, actor: Actor) -> None:
    incident = draft.incident
    if not (command.cause or command.mitigation or incident.cause or incident.mitigation):
        _guard(draft, command, actor, "cause_missing", "Neither a cause nor a mitigation has been stated.")


def _resolvable(draft: Draft, command: Resolve, actor: Actor) -> None:
    if not (command.validation or draft.incident.validation):
        _guard(draft, command, actor, "validation_missing", "How the restoration was validated has not been stated.")
    if command.restored_at and command.restored_at > draft.now:
        raise Refusal("restored_in_future", "The restoration time lies in the future.")
    if command.restored_at and command.restored_at < draft.incident.opened_at:
        raise Refusal(
            "restored_before_opening", f"The restoration time lies before the opening of {draft.incident.ref}."
        )


def _closable(draft: Draft, command: Close, actor: Actor) -> None:
    if draft.incident.priority not in (Priority.P0, Priority.P1):
        return
    missing = [
        word
        for word, given in (("cause", command.cause), ("lessons", command.lessons))
        if not (given or getattr(draft.incident, word))
    ]
    for word in missing:
        _guard(
            draft, command, actor, f"{word}_missing", f"A {draft.incident.priority} is not closed without its {word}."
        )
    # Named again an action is completed: what was said last counts.
    said: tuple[ActionItem | ActionItemIn, ...] = (*draft.case.actions, *command.actions)
    for action in {action.what: action for action in said}.values():
        if not (action.owner and action.due_on):
            sentence = f"The action {action.what!r} has no owner or no date."
            _guard(draft, command, actor, "action_incomplete", sentence)


GUARDS: dict[tuple[str, State], Callable[[Draft, Any, Actor], None]] = {
    ("advance", State.ASSESSMENT): _to_diagnosis,
    ("advance", State.DIAGNOSIS): _to_resolution,
    ("close", State.REVIEW): _closable,
    **{("resolve", state): _resolvable for state in ACTIVE_STATES},
}

MACHINE = _build()


def enter(draft: Draft, state: State, actor: Actor, reason: str) -> None:
    """Moves to a state. Phases jumped over are recorded as skipped, never as worked."""
    before = draft.incident.state
    if state is before:
        return
    if before in PHASES and state in PHASES and PHASES.index(state) > PHASES.index(before):
        for phase in PHASES[PHASES.index(before) + 1 : PHASES.index(state)]:
            draft.record(Kind.PHASE_SKIPPED, actor, f"{phase} was skipped: {reason}", phase=phase.value)
    draft.change(state=state)
    draft.record(Kind.PHASE, actor, reason, phase=state.value, **{"from": before.value})


def close_quietly(draft: Draft, actor: Actor, reason: str) -> None:
    """Without a word to anybody: what a person's `close` and the end of the quiet time have in common."""
    enter(draft, State.CLOSED, actor, reason)
    draft.change(closed_at=draft.now)
    draft.record(Kind.CLOSED, actor, reason)
    draft.record(Kind.REPORT_FROZEN, actor, "the report is frozen as it stands")
