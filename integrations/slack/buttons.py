"""The buttons under a message: which ones make sense in this state, and what each carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from slack_sdk.models.blocks import ButtonElement, ConfirmObject, PlainTextObject

from engine.core.model import Incident, MessageKind, OwnAction, PlaybookStep, State
from engine.ports import Envelope, Rung
from integrations.channels.foreign import one_line
from integrations.slack.text import clock, plain


class Action(StrEnum):
    """Every action_id. Messages outlive releases: an id is never renamed, nor given another meaning."""

    ACKNOWLEDGE = "tocsin_acknowledge"
    DECLINE = "tocsin_decline"
    ESCALATE = "tocsin_escalate"
    HOLD = "tocsin_hold"
    ROOM = "tocsin_room"
    UPDATE = "tocsin_update"
    SNOOZE = "tocsin_snooze"
    STEP = "tocsin_step"
    ADVANCE = "tocsin_advance"
    RESOLVE = "tocsin_resolve"
    DECLARE = "tocsin_declare"
    FINISH = "tocsin_finish"


class ButtonValue(BaseModel):
    """What the presser saw: `level` is the highest level paged by then, `page` the page that the message belongs to,
    `phase` the phase that is left by going on, `step` the playbook step that is done, `status`
    what was last said to those who wait, `agreed` the number of the action that is done.

    Fields of other releases are ignored, so that a button still works after an upgrade or a downgrade.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    incident: Annotated[str, Field(pattern=r"^INC-[1-9][0-9]{0,17}$")]
    generation: Annotated[int, Field(ge=1)]
    level: Annotated[int, Field(ge=0, le=9)] = 0
    page: Annotated[str, Field(max_length=64)] | None = None
    phase: Annotated[str, Field(max_length=20)] | None = None
    step: Annotated[str, Field(max_length=64)] | None = None
    status: Annotated[str, Field(max_length=1_000)] | None = None
    agreed: Annotated[int, Field(ge=1, le=10_000)] | None = None


STATUS = 600
BUTTON = 75
"""Characters on a button."""
ONWARD: Mapping[State, State] = {State.ASSESSMENT: State.DIAGNOSIS, State.DIAGNOSIS: State.RESOLUTION}


def buttons(envelope: Envelope) -> list[ButtonElement]:
    """Empty once nobody has to do anything any more."""
    incident = envelope.incident
    if not incident.state.active:
        return []
    value = _value(envelope)
    rung = next_rung(envelope)
    shown = [_acknowledge(envelope, value)] if _open_question(envelope) else []
    if _paged_and_unanswered(envelope):
        shown.append(_button("Not me, pass on", Action.DECLINE, value))
    if rung is not None:
        shown.append(_escalate(envelope, rung, value.model_dump_json(exclude_none=True)))
    return [*shown, *_further(envelope, value), _resolve(incident, value.model_dump_json(exclude_none=True))]


def _further(envelope: Envelope, value: ButtonValue) -> Iterator[ButtonElement]:
    """Hold, where a level is still to come; the next step of the playbook; the next phase."""
    incident = envelope.incident
    if any(rung.state == "due" and rung.level > incident.level for rung in envelope.ladder):
        yield _button("Hold escalation", Action.HOLD, value)
    if incident.acknowledged_at is not None:
        yield _button("Status update", Action.UPDATE, value.model_copy(update={"status": _last_said(incident)}))
    if incident.update_due_at is not None and envelope.message.kind is MessageKind.NOTICE:
        yield _button("Update in 30 min", Action.SNOOZE, value)
    if envelope.room_possible:
        yield _button("War room", Action.ROOM, value)
    step = next_step(envelope)
    if step is not None:
        label = f"Done: {step.number} {plain(step.title)}"
        yield _button(label[:BUTTON], Action.STEP, value.model_copy(update={"step": step.id}))
    onward = ONWARD.get(incident.state)
    if onward is not None and incident.acknowledged_at is not None:
        yield _button(f"To {onward}", Action.ADVANCE, value.model_copy(update={"phase": incident.state.value}))


def _last_said(incident: Incident) -> str | None:
    """As much of it as a button can carry."""
    return one_line(incident.status, STATUS) if incident.status else None


def next_step(envelope: Envelope) -> PlaybookStep | None:
    """The first step of the playbook that is not ticked off."""
    return next((step for step in envelope.steps if step.done_at is None), None)


def next_rung(envelope: Envelope) -> Rung | None:
    """Whom the press on "I need help" pages: the lowest level above those that were paged."""
    above = [rung for rung in envelope.ladder if rung.level > envelope.incident.level]
    return min(above, key=lambda rung: rung.level, default=None)


def _value(envelope: Envelope) -> ButtonValue:
    incident = envelope.incident
    return ButtonValue(
        incident=incident.ref, generation=incident.generation, level=incident.level, page=envelope.message.page
    )


def _open_question(envelope: Envelope) -> bool:
    """Nobody has it, or its owner was asked and anyone may answer: the owner stays, another takes over."""
    incident = envelope.incident
    asked = incident.lease_asked_at is not None or envelope.message.kind is MessageKind.QUESTION
    return asked or incident.acknowledged_at is None


def _paged_and_unanswered(envelope: Envelope) -> bool:
    """The reader was paged, nobody has it, and the reader has not passed it on."""
    incident, message = envelope.incident, envelope.message
    paged = message.kind is MessageKind.PAGE and message.contact is not None
    return paged and incident.acknowledged_at is None and message.contact not in incident.declined


def asks_owner(envelope: Envelope) -> bool:
    """The message asks its reader, who has acknowledged, for a sign of life."""
    incident, message = envelope.incident, envelope.message
    if not incident.state.active or incident.acknowledged_by is None:
        return False
    to_owner = message.contact is not None and message.contact == incident.lease_owner
    return (incident.lease_asked_at is not None and to_owner) or message.kind is MessageKind.QUESTION


def _acknowledge(envelope: Envelope, value: ButtonValue) -> ButtonElement:
    return _button("Still on it" if asks_owner(envelope) else "Acknowledge", Action.ACKNOWLEDGE, value, "primary")


def _button(label: str, action: Action, value: ButtonValue, style: str | None = None) -> ButtonElement:
    return ButtonElement(
        text=_label(label), action_id=action.value, value=value.model_dump_json(exclude_none=True), style=style
    )


def acknowledge_button(envelope: Envelope, label: str, place: int) -> ButtonElement:
    """One of several under one message, whose action ids have to differ."""
    action = f"{Action.ACKNOWLEDGE.value}:{place}" if place else Action.ACKNOWLEDGE.value
    return ButtonElement(
        text=_label(label), action_id=action, value=_value(envelope).model_dump_json(exclude_none=True), style="primary"
    )


def home_acknowledge(incident: Incident) -> ButtonElement:
    """On the home tab, where each incident has one."""
    value = ButtonValue(incident=incident.ref, generation=incident.generation, level=incident.level)
    button = _button("Acknowledge", Action.ACKNOWLEDGE, value, "primary")
    button.action_id = f"{Action.ACKNOWLEDGE.value}:{incident.ref}"
    return button


def home_finish(action: OwnAction) -> ButtonElement:
    one = action.incident
    value = ButtonValue(incident=one.ref, generation=one.generation, level=one.level, agreed=action.number)
    button = _button("Done", Action.FINISH, value)
    button.action_id = f"{Action.FINISH.value}:{one.ref}/{action.number}"
    return button


def declare_button() -> ButtonElement:
    return ButtonElement(text=_label("Declare an incident"), action_id=Action.DECLARE.value, value="new")


def action_of(action_id: str) -> str:
    """What a button asks for, whichever of several under one message it is."""
    return action_id.partition(":")[0]


def _escalate(envelope: Envelope, rung: Rung, value: str) -> ButtonElement:
    due = f", ahead of {clock(rung.due_at, now=envelope.now, zone=envelope.zone)}" if rung.due_at else ""
    who = plain(rung.who, 120) or "the next level"
    confirm = ConfirmObject(
        title="Call for help?",
        text=_label(f"This pages {who} ({plain(rung.title, 60)}) at once{due}."),
        confirm="Page them now",
        deny="Not yet",
    )
    return ButtonElement(text=_label("I need help"), action_id=Action.ESCALATE.value, value=value, confirm=confirm)


def _resolve(incident: Incident, value: str) -> ButtonElement:
    confirm = ConfirmObject(
        title=f"Resolve {incident.ref}?",
        text=_label("Is service restored, and have you checked it? Nobody is paged any more then; the review begins."),
        confirm="It is restored",
        deny="Not yet",
        style="danger",
    )
    return ButtonElement(
        text=_label("Resolve"), action_id=Action.RESOLVE.value, value=value, style="danger", confirm=confirm
    )


def _label(text: str) -> PlainTextObject:
    return PlainTextObject(text=text, emoji=False)
