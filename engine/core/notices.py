"""Messages that wake nobody: questions to the owner, notices, the incident's card."""

from __future__ import annotations

from dataclasses import fields

from engine.core.draft import Draft
from engine.core.model import (
    ENGINE,
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
