"""All that a channel needs to render a message, gathered right before it is sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from engine.core.draft import Case
from engine.core.escalation import LATE_AFTER, page_due, plan
from engine.core.headline import headline, standing
from engine.core.model import (
    Delivery,
    Incident,
    Message,
    MessageKind,
    MessageState,
    PlaybookStep,
    State,
    Timer,
    TimerKind,
    TimerState,
)
from engine.core.policy import Config
from engine.core.sealing import insiders, is_private_room, veil
from engine.db import incidents, outbox, timers
from engine.db.incidents import Foremost
from engine.db.outbox import Claimed
from engine.ports import Envelope, Receipt, Rung, Tried
from engine.services.cases import playbook_steps
from engine.services.context import Context

ALERTS_SHOWN = 5
KEPT = "it is sealed; those who work on it were told"

KnownTimers = Mapping[str, tuple[Timer, TimerState]]

OUTCOMES = {
    MessageState.SENT: "sent",
    MessageState.FAILED: "failed",
    MessageState.PENDING: "waiting",
    MessageState.CLAIMED: "waiting",
}


def envelopes(
    connection: Connection,
    context: Context,
    wanted: Sequence[Claimed],
    found: Mapping[int, Incident],
    now: datetime,
    *,
    plain: bool = False,
) -> list[tuple[Claimed, Envelope]]:
    """In the order of `wanted`. `plain`: without what stands in other rows than the incident's and the message's own,
    for a page of which some of that can't be read."""
    numbers = {claimed.incident for claimed in wanted}
    readable = set() if plain else numbers
    deliveries = defaultdict(list, outbox.of(connection, readable))
    alerts = incidents.foremost_of(connection, readable, ALERTS_SHOWN)
    known = defaultdict(dict, timers.of(connection, readable))
    steps = playbook_steps(connection, [found[number] for number in readable])
    result = []
    for claimed in wanted:
        incident = found[claimed.incident]
        config = context.revisions.get(connection, incident.revision).config
        around = Around(
            deliveries=deliveries[incident.id],
            alerts=alerts.get(incident.id, Foremost()),
            timers=known[incident.id],
            steps=steps.get(incident.id, ()),
        )
        make = _veiled if is_veiled(claimed, incident) else _envelope
        result.append((claimed, make(config, claimed, incident, around, now)))
    return result


@dataclass(frozen=True, kw_only=True, slots=True)
class Around:
    """What else there is of an incident that its messages tell."""

    deliveries: Sequence[Delivery]
    alerts: Foremost
    timers: KnownTimers
    steps: tuple[PlaybookStep, ...] = ()


def _envelope(config: Config, claimed: Claimed, incident: Incident, around: Around, now: datetime) -> Envelope:
    others = (one for one in around.deliveries if one.id != claimed.delivery.id and one.message.contact)
    return Envelope(
        id=f"{incident.ref}/{claimed.delivery.id}",
        message=claimed.delivery.message,
        incident=incident,
        headline=_headline(config, claimed, incident, now),
        now=now,
        zone=_zone(config, claimed),
        recipient=_name(config, claimed.delivery.message.contact),
        repeated=claimed.maybe_sent and not claimed.update,
        late_by=lateness(claimed, now),
        people=people(config),
        ladder=ladder(config, incident, around.timers, around.deliveries, now),
        tried=tuple(_tried(config, one) for one in others),
        alerts=tuple(one.alert for one in around.alerts.alerts),
        alert_count=around.alerts.total,
        steps=around.steps,
        under=_card(claimed, around.deliveries),
        room=_room(incident, around.deliveries),
        room_possible=config.room is not None and incident.room_at is None,
        invited=_invited(config, claimed, incident, around.deliveries),
        next_step=next_step(config, incident, around.timers, _zone(config, claimed)),
        receipt=_receipt(claimed),
    )


def _veiled(config: Config, claimed: Claimed, incident: Incident, around: Around, now: datetime) -> Envelope:
    """Of a sealed incident, for a place that anybody may read."""
    shown, told = as_told(claimed, incident)
    return Envelope(
        id=f"{incident.ref}/{claimed.delivery.id}",
        message=told,
        incident=shown,
        headline=standing(shown, shown.state.value),
        now=now,
        zone=_zone(config, claimed),
        repeated=claimed.maybe_sent and not claimed.update,
        under=_card(claimed, around.deliveries),
        receipt=_receipt(claimed),
        veiled=True,
    )


def is_veiled(claimed: Claimed, incident: Incident) -> bool:
    """A private war room is no such place; one from before the incident was sealed is."""
    message = claimed.delivery.message
    return incident.sealed_at is not None and message.contact is None and not is_private_room(message, incident)


def as_told(claimed: Claimed, incident: Incident) -> tuple[Incident, Message]:
    """What of it this message may tell."""
    message = claimed.delivery.message
    return (veil(incident), replace(message, reason=KEPT)) if is_veiled(claimed, incident) else (incident, message)


def _card(claimed: Claimed, deliveries: Sequence[Delivery]) -> Receipt | None:
    message = claimed.delivery.message
    if message.kind not in (MessageKind.LINE, MessageKind.REPORT):
        return None
    place = (MessageKind.CARD, message.channel, message.address)
    cards = (one for one in deliveries if (one.message.kind, one.message.channel, one.message.address) == place)
    return next((_proof(one) for one in cards if one.receipt), None)


def _room(incident: Incident, deliveries: Sequence[Delivery]) -> str:
    """One from before the incident was sealed is none any more."""
    rooms = (one for one in deliveries if one.message.kind is MessageKind.ROOM)
    own = (one for one in rooms if incident.sealed_at is None or is_private_room(one.message, incident))
    return next((place for one in own if (place := one.receipt.get("channel", ""))), "")


def _invited(config: Config, claimed: Claimed, incident: Incident, deliveries: Sequence[Delivery]) -> tuple[str, ...]:
    """Into a room: who was paged, who has it, who commands; into a sealed one whoever is let in. Each once."""
    channel = claimed.delivery.message.channel
    if claimed.delivery.message.kind is not MessageKind.ROOM:
        return ()
    paged = (one.message.contact for one in deliveries if one.message.kind is MessageKind.PAGE)
    part = sorted(insiders(incident)) if incident.sealed_at else (incident.commander, incident.lease_owner, *paged)
    known = (config.contacts.get(name or "") for name in part)
    return tuple(dict.fromkeys(one.reach[channel] for one in known if one and channel in one.reach))


def people(config: Config) -> dict[str, str]:
    return {identity: contact.name for identity, contact in config.contacts.items()}


def _name(config: Config, contact: str | None) -> str:
    known = config.contacts.get(contact or "")
    return known.name if known else contact or ""


def _zone(config: Config, claimed: Claimed) -> str:
    """The reader's; a team channel reads the business hours' zone."""
    known = config.contacts.get(claimed.delivery.message.contact or "")
    return known.timezone if known else config.business_hours.timezone


def _headline(config: Config, claimed: Claimed, incident: Incident, now: datetime) -> str:
    message = claimed.delivery.message
    if claimed.update and not incident.state.active:
        return standing(incident, incident.state.value)
    if claimed.update and incident.acknowledged_by:
        return standing(incident, f"acknowledged by {_name(config, incident.acknowledged_by)}")
    repeated = claimed.maybe_sent and not claimed.update
    return headline(incident, message, _zone(config, claimed), repeated=repeated, late=lateness(claimed, now))


def lateness(claimed: Claimed, now: datetime) -> timedelta | None:
    """How long the page waited in the outbox, where that is worth a word."""
    waited = now - claimed.delivery.created_at
    timed = claimed.delivery.message.kind is MessageKind.PAGE and not claimed.update
    return waited if timed and waited > LATE_AFTER else None


def _receipt(claimed: Claimed) -> Receipt | None:
    if not claimed.update:
        return None
    return _proof(claimed.delivery)


def _proof(delivery: Delivery) -> Receipt:
    data = {name: value for name, value in delivery.receipt.items() if name != "reference"}
    return Receipt(reference=delivery.receipt.get("reference", ""), data=data)


def _tried(config: Config, delivery: Delivery) -> Tried:
    return Tried(
        who=_name(config, delivery.message.contact),
        channel=delivery.message.channel,
        at=delivery.sent_at or delivery.created_at,
        outcome=OUTCOMES.get(delivery.state, "withdrawn"),
        detail=delivery.error,
    )


def ladder(
    config: Config, incident: Incident, known: KnownTimers, deliveries: Sequence[Delivery], now: datetime
) -> tuple[Rung, ...]:
    """Each level of the incident's ladder: paged when, or due when, or why not."""
    fired = frozenset(key for key, (_, state) in known.items() if state in (TimerState.FIRED, TimerState.SUPERSEDED))
    case = Case(incident=incident, config=config, fired=fired)
    planned = {timer.level: timer for timer in plan(case, now) if timer.kind is TimerKind.PAGE}
    rungs = []
    for place, step in enumerate(case.ladder.steps):
        level = config.levels[step.level]
        paged = [
            one for one in deliveries if one.message.level == level.number and one.message.kind is MessageKind.PAGE
        ]
        timer = planned.get(level.number)
        if paged:
            at = min(one.created_at for one in paged)
            state, reason = "paged", ""
        elif timer:
            held = _held(incident, timer)
            at, state, reason = timer.due_at, "held" if held else "due", incident.hold_reason or "" if held else ""
        else:
            at, state = page_due(incident, step, level.number, first=place == 0), "not needed"
            reason = _why_not(incident)
        rungs.append(
            Rung(
                level=level.number,
                title=level.title,
                who=_name(config, level.primary),
                due_at=at,
                state=state,
                reason=reason,
            )
        )
    return tuple(rungs)


def _held(incident: Incident, timer: Timer) -> bool:
    return incident.hold_until is not None and timer.due_at == incident.hold_until


def _why_not(incident: Incident) -> str:
    if not incident.state.active:
        return f"the incident is {incident.state}"
    return "acknowledged" if incident.acknowledged_at else "nobody is paged for this priority"


TO_DO = {
    State.DETECTION: "Acknowledge",
    State.ASSESSMENT: "Confirm the priority, state the impact, then advance to diagnosis",
    State.DIAGNOSIS: "State the cause or a mitigation, then advance to resolution",
    State.RESOLUTION: "Restore service, validate it, then resolve",
    State.REVIEW: "Write down cause, lessons and actions, then close",
}


def to_do(incident: Incident) -> str:
    """What the incident waits for."""
    if incident.state.active and incident.acknowledged_at is None:
        return TO_DO[State.DETECTION]
    return TO_DO.get(incident.state, "")


def next_step(config: Config, incident: Incident, known: KnownTimers, zone: str) -> str:
    """What happens, and when, if nobody does anything; what there is to do where nothing happens by itself."""
    pending = [timer for timer, state in known.values() if state is TimerState.PENDING]
    for timer in sorted(pending, key=lambda timer: (timer.due_at, timer.level)):
        told = _told(config, incident, timer)
        if told:
            return f"{timer.due_at.astimezone(ZoneInfo(zone)):%H:%M} {told}"
    return to_do(incident)


def _told(config: Config, incident: Incident, timer: Timer) -> str:
    level = next((level for level in config.levels.values() if level.number == timer.level), None)
    owner = _name(config, incident.lease_owner)
    told = {
        TimerKind.LEASE: f'{owner} is asked "still on it?"',
        TimerKind.LEASE_ANSWER: f"level 1 is paged again, unless {owner} answers",
        TimerKind.UPDATE: f"{_name(config, incident.commander)} is reminded of a status update",
        TimerKind.QUIET: "it is resolved by itself, unless something fires again",
    }
    if timer.kind in told:
        return told[timer.kind]
    if level is None or not incident.classification.page:
        return ""
    if timer.kind is TimerKind.PAGE:
        return f"{_name(config, level.primary)} is paged ({level.title})"
    again = f"{_name(config, level.primary)} again"
    return f"{_name(config, level.secondary)} is paged, and {again}" if level.secondary else f"{again} is paged"
