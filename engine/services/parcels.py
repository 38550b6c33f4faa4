"""A message on its way: claimed, sent, recorded; whether it is still wanted, and its line on the timeline."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.errors import DeliveryError
from engine.core.model import ENGINE, Event, Incident, Message, MessageKind, Priority, Until
from engine.core.sealing import is_private_room
from engine.core.timeline import Kind
from engine.db.outbox import Claimed
from engine.ports import Envelope, Receipt

TIMED = (MessageKind.PAGE, MessageKind.QUESTION)


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What came of one try: a receipt or an error. `shown`: the incident as the message told it. `others`: how many
    went in the same message. `found`: it was not sent again, the provider had it already."""

    claimed: Claimed
    shown: Incident
    receipt: Receipt | None = None
    error: DeliveryError | None = None
    others: int = 0
    found: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """Claimed messages that go out as one, mostly a single one, with all that their channel needs. `shown`: their
    incidents as the message tells them."""

    claims: tuple[Claimed, ...]
    shown: tuple[Incident, ...]
    envelope: Envelope

    @property
    def message(self) -> Message:
        """What it is, and where it goes."""
        return self.claims[0].delivery.message

    @property
    def urgent(self) -> bool:
        return any(one.delivery.priority is Priority.P0 for one in self.claims)

    @property
    def maybe_sent(self) -> bool:
        """An earlier try under the same name may have arrived."""
        return any(one.maybe_sent and not one.update for one in self.claims)

    def results(
        self, *, receipt: Receipt | None = None, error: DeliveryError | None = None, found: bool = False
    ) -> list[Result]:
        """What came of it, for each of the messages alike."""
        others = len(self.claims) - 1
        return [
            Result(claimed=claimed, shown=shown, receipt=receipt, error=error, others=others, found=found)
            for claimed, shown in zip(self.claims, self.shown, strict=True)
        ]


def why_unwanted(claimed: Claimed, incident: Incident) -> str:
    """Empty while the message is wanted. What wakes people ends with the incident, and a room is no longer
    needed then; cards and notices go on."""
    message = claimed.delivery.message
    if is_kept_back(claimed, incident):
        return "the incident is sealed"
    ends = message.kind in TIMED or message.kind is MessageKind.ROOM
    if claimed.update or not ends:
        return ""
    if not incident.state.active:
        return f"the incident is {incident.state}"
    if message.kind is MessageKind.PAGE and message.until is Until.ACKNOWLEDGED and incident.acknowledged_at:
        return "somebody acknowledged"
    if message.kind is MessageKind.PAGE and message.contact in incident.declined:
        return "they passed it on"
    return ""


BROADCAST = (MessageKind.CARD, MessageKind.LINE, MessageKind.REPORT, MessageKind.ROOM)


def is_kept_back(claimed: Claimed, incident: Incident) -> bool:
    """What a team channel has not got yet when the incident is sealed it gets no more, nor a war room that all may
    enter. What is there already is veiled."""
    if incident.sealed_at is None or claimed.update:
        return False
    message = claimed.delivery.message
    return message.kind in BROADCAST and not is_private_room(message, incident)


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
