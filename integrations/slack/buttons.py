"""The buttons under a message: which ones make sense in this state, and what each carries."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from slack_sdk.models.blocks import ButtonElement, ConfirmObject, PlainTextObject

from engine.core.model import Incident, MessageKind
from engine.ports import Envelope, Rung
from integrations.slack.text import clock, plain


class Action(StrEnum):
    """Every action_id. Messages outlive releases: an id is never renamed, nor given another meaning."""

    ACKNOWLEDGE = "tocsin_acknowledge"
    DECLINE = "tocsin_decline"
    ESCALATE = "tocsin_escalate"
    RESOLVE = "tocsin_resolve"


class ButtonValue(BaseModel):
    """What the presser saw: `level` is the highest level paged by then, `page` the page that the message belongs to.

    Fields of other releases are ignored, so that a button still works after an upgrade or a downgrade.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    incident: Annotated[str, Field(pattern=r"^INC-[1-9][0-9]{0,17}$")]
    generation: Annotated[int, Field(ge=1)]
    level: Annotated[int, Field(ge=0, le=9)] = 0
    page: Annotated[str, Field(max_length=64)] | None = None


def buttons(envelope: Envelope) -> list[ButtonElement]:
    """Empty once nobody has to do anything any more."""
    incident = envelope.incident
    if not incident.state.active:
        return []
    value = _value(envelope)
    rung = next_rung(envelope)
    shown = [_acknowledge(envelope, value)] if _open_question(envelope) else []
    if _paged_and_unanswered(envelope):
        shown.append(ButtonElement(text=_label("Not me, pass on"), action_id=Action.DECLINE.value, value=value))
    if rung is not None:
        shown.append(_escalate(envelope, rung, value))
    return [*shown, _resolve(incident, value)]


def next_rung(envelope: Envelope) -> Rung | None:
    """Whom the press on "I need help" pages: the lowest level above those that were paged."""
    above = [rung for rung in envelope.ladder if rung.level > envelope.incident.level]
    return min(above, key=lambda rung: rung.level, default=None)


def _value(envelope: Envelope) -> str:
    incident = envelope.incident
    value = ButtonValue(
        incident=incident.ref, generation=incident.generation, level=incident.level, page=envelope.message.page
    )
    return value.model_dump_json(exclude_none=True)


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


def _acknowledge(envelope: Envelope, value: str) -> ButtonElement:
    label = "Still on it" if asks_owner(envelope) else "Acknowledge"
    return ButtonElement(text=_label(label), action_id=Action.ACKNOWLEDGE.value, value=value, style="primary")


def acknowledge_button(envelope: Envelope, label: str, place: int) -> ButtonElement:
    """One of several under one message, whose action ids have to differ."""
    action = f"{Action.ACKNOWLEDGE.value}:{place}" if place else Action.ACKNOWLEDGE.value
    return ButtonElement(text=_label(label), action_id=action, value=_value(envelope), style="primary")


def action_of(action_id: str) -> str:
    """What a button asks for, whichever of several under one message it is."""
    return action_id.partition(":")[0]


def _escalate(envelope: Envelope, rung: Rung, value: str) -> ButtonElement:
    due = f", ahead of {clock(envelope, rung.due_at)}" if rung.due_at else ""
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
