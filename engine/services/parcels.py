"""A message on its way: claimed, sent, recorded; whether it is still wanted, and its line on the timeline."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.errors import DeliveryError
from engine.core.model import ENGINE, Event, Incident, MessageKind, Until
from engine.core.timeline import Kind
from engine.db.outbox import Claimed
from engine.ports import Envelope, Receipt

TIMED = (MessageKind.PAGE, MessageKind.QUESTION)


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What came of one try: a receipt or an error. `shown`: the incident as the message told it."""

    claimed: Claimed
    shown: Incident
    receipt: Receipt | None = None
    error: DeliveryError | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """A claimed message with all that its channel needs."""

    claimed: Claimed
    envelope: Envelope


def why_unwanted(claimed: Claimed, incident: Incident) -> str:
    """Empty while the message is wanted. Only what wakes people ends with the incident; cards and notices go on."""
    message = claimed.delivery.message
    if claimed.update or message.kind not in TIMED:
        return ""
    if not incident.state.active:
        return f"the incident is {incident.state}"
    if message.kind is MessageKind.PAGE and message.until is Until.ACKNOWLEDGED and incident.acknowledged_at:
        return "somebody acknowledged"
    return ""


def event_of(kind: Kind, claimed: Claimed, reason: str, **facts: object) -> Event:
    message = claimed.delivery.message
    common = {
        "page": message.page,
        "kind": message.kind.value,
        "channel": message.channel,
        "contact": message.contact,
        "address": message.address if message.contact is None else None,
        "delivery": claimed.delivery.id,
        "attempts": claimed.delivery.attempts + 1,
    }
    return Event(kind=kind.value, actor=str(ENGINE), reason=reason, data=common | facts)
