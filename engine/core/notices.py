"""Messages that wake nobody: questions to the owner, notices, the incident's card."""

from __future__ import annotations

import re
from dataclasses import fields

from engine.core.draft import Draft
from engine.core.model import (
    ENGINE,
    Actor,
    Incident,
    Message,
    MessageKind,
    Until,
)
from engine.core.reach import first_ways, ways
from engine.core.timeline import Kind


def ask_owner(draft: Draft, owner: str, reason: str) -> bool:
    """Asks the one who acknowledged for a sign of life, on every channel. False when there is no way to."""
    levels = sorted(draft.case.config.levels.values(), key=lambda level: level.number)
    home = next((level for level in levels if owner in (level.primary, level.secondary)), levels[0])
    found = first_ways(home, ways(draft.case.config, home, owner, draft.case.reachable))
    for channel, address in found:
        draft.messages.append(
            Message(
                kind=MessageKind.QUESTION,
                channel=channel,
                address=address,
                contact=owner,
                level=home.number,
                level_title=home.title,
                until=Until.RESOLVED,
                respond_by=draft.now + draft.case.policy.lease_answer_within,
                deadline_at=draft.now + draft.case.policy.lease_answer_within,
                reason=reason,
            )
        )
    return bool(found)


def tell_queue(draft: Draft, reason: str) -> None:
    """A notice to the operations queue. Wakes nobody. Without a working channel to it that is on record."""
    queues = [queue for queue in draft.case.config.queue if queue.channel in draft.case.reachable]
    for queue in queues:
        message = Message(kind=MessageKind.NOTICE, channel=queue.channel, address=queue.address, reason=reason)
        draft.messages.append(message)
    if not queues:
        draft.record(Kind.LEVEL_UNREACHABLE, ENGINE, f"no working channel to the operations queue ({reason})")


NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
ROOM_NAME = 80
"""Characters; Slack's limit."""
QUIETLY = frozenset({"version", "updated_at", "timeline_seq", "timeline_hash"})


def changes_course(before: Incident, after: Incident) -> bool:
    """Whether what has changed is worth telling at once: anything but one more alert or line of the timeline."""
    names = (field.name for field in fields(Incident))
    return any(getattr(before, name) != getattr(after, name) for name in names if name not in QUIETLY)


def tell(draft: Draft, contact: str, reason: str) -> None:
    """A notice to one person, on the first way that works."""
    levels = sorted(draft.case.config.levels.values(), key=lambda level: level.number)
    for channel, address in ways(draft.case.config, levels[0], contact, draft.case.reachable)[:1]:
        draft.messages.append(
            Message(kind=MessageKind.NOTICE, channel=channel, address=address, contact=contact, reason=reason)
        )


def ask_for_room(draft: Draft, actor: Actor, reason: str) -> bool:
    """A channel of the incident's own. False where there are none, or none can be made at the moment."""
    room, incident = draft.case.config.room, draft.incident
    if room is None or room.channel not in draft.case.reachable:
        return False
    draft.change(room_at=draft.now)
    draft.record(Kind.ROOM_ASKED, actor, reason, channel=room.channel)
    address = room_name(incident)
    draft.messages.append(Message(kind=MessageKind.ROOM, channel=room.channel, address=address, reason=reason))
    return True


def room_name(incident: Incident) -> str:
    """`inc-42-checkout-is-down`: by its beginning the incident is known again."""
    words = NOT_IN_NAMES.sub("-", incident.title.lower()).strip("-")
    return f"{incident.ref.lower()}-{words}"[:ROOM_NAME].rstrip("-")


def post_cards(draft: Draft) -> None:
    """One card per incident in each team channel, brought up to date in place from then on. A canary has none: it would
    teach everybody not to look."""
    canary = draft.case.config.canary
    if canary is not None and draft.incident.service == canary.service:
        return
    for card in draft.case.config.cards:
        if card.channel in draft.case.reachable:
            draft.messages.append(
                Message(kind=MessageKind.CARD, channel=card.channel, address=card.address, reason="the incident's card")
            )
