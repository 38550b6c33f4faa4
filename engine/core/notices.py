"""Messages that wake nobody: questions to the owner, notices, the incident's card."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields

from engine.core.draft import Case, Draft
from engine.core.model import (
    ENGINE,
    PHASES,
    Actor,
    Incident,
    Message,
    MessageKind,
    Priority,
    Until,
)
from engine.core.policy import Config
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


TELLING = tuple(field.name for field in fields(Incident) if field.name not in QUIETLY)


def changes_course(before: Incident, after: Incident) -> bool:
    """Whether what has changed is worth telling at once: anything but one more alert or line of the timeline."""
    return any(getattr(before, name) != getattr(after, name) for name in TELLING)


def under_the_cards(case: Case, after: Incident) -> tuple[Message, ...]:
    """A line in each team channel where the course changes: a state, a level, a priority, who has it. Whatever else
    happens is an edit of the card. The opening is the card itself."""
    told = case.incident.timeline_seq and after.sealed_at is None and not _is_canary(case.config, after)
    said = " ".join(_course(case, after)) if told else ""
    cards = [card for card in case.config.cards if card.channel in case.reachable] if said else []
    return tuple(
        Message(kind=MessageKind.LINE, channel=card.channel, address=card.address, reason=said) for card in cards
    )


def _course(case: Case, after: Incident) -> Iterator[str]:
    before, contacts = case.incident, case.config.contacts
    holder = contacts.get(after.acknowledged_by or "")
    if after.generation > before.generation:
        yield "Reopened."
    elif after.acknowledged_by and after.acknowledged_by != before.acknowledged_by:
        yield f"Acknowledged by {holder.name if holder else after.acknowledged_by}."
    elif before.acknowledged_by and not after.acknowledged_by and after.state.active:
        yield "Nobody has it any more."
    if after.state is not before.state:
        yield f"It is in {after.state} now." if after.state in PHASES else f"It is {after.state}."
    if after.priority is not before.priority:
        yield f"Its priority is {after.priority} now, it was {before.priority}."
    if after.status and (after.status, after.status_at) != (before.status, before.status_at):
        yield f"Status: {after.status}"
    if after.level > before.level:
        yield f"Level {after.level} is being paged."


def tell(draft: Draft, contact: str, reason: str, *, to_answer: bool = False) -> None:
    """A notice to one person, on the first way that works; `to_answer`: on one that the team's cards use, if there is
    one, for there it can be answered."""
    levels = sorted(draft.case.config.levels.values(), key=lambda level: level.number)
    found = ways(draft.case.config, levels[0], contact, draft.case.reachable)
    if to_answer:
        cards = {card.channel for card in draft.case.config.cards}
        found = tuple(sorted(found, key=lambda way: way[0] not in cards))
    for channel, address in found[:1]:
        draft.messages.append(
            Message(kind=MessageKind.NOTICE, channel=channel, address=address, contact=contact, reason=reason)
        )


def post_reports(draft: Draft) -> None:
    """To the team channels, for those who have to review it."""
    if _is_untold(draft) or draft.incident.priority not in (Priority.P0, Priority.P1):
        return
    for card in draft.case.config.cards:
        if card.channel in draft.case.reachable:
            message = Message(
                kind=MessageKind.REPORT, channel=card.channel, address=card.address, reason="the review begins"
            )
            draft.messages.append(message)


def _is_untold(draft: Draft) -> bool:
    """Nothing of it is for the team channels: a canary teaches everybody not to look, a sealed one is not theirs."""
    return draft.incident.sealed_at is not None or _is_canary(draft.case.config, draft.incident)


def _is_canary(config: Config, incident: Incident) -> bool:
    return config.canary is not None and incident.service == config.canary.service


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
    """`inc-42-checkout-is-down`: by its beginning the incident is known again. A sealed one's does not tell what it is
    about, and is another than that of a room which all may enter."""
    if incident.sealed_at is not None:
        return f"{incident.ref.lower()}-sealed"
    words = NOT_IN_NAMES.sub("-", incident.title.lower()).strip("-")
    return f"{incident.ref.lower()}-{words}"[:ROOM_NAME].rstrip("-")


def post_cards(draft: Draft) -> None:
    """One card per incident in each team channel, brought up to date in place from then on."""
    if _is_untold(draft):
        return
    for card in draft.case.config.cards:
        if card.channel in draft.case.reachable:
            draft.messages.append(
                Message(kind=MessageKind.CARD, channel=card.channel, address=card.address, reason="the incident's card")
            )
