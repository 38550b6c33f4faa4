"""Who is paged, by which ways, and what is done when none of them works."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from engine.core.draft import Draft
from engine.core.escalation import page_key, response_due
from engine.core.model import (
    ENGINE,
    Delivery,
    Incident,
    Message,
    MessageKind,
    MessageState,
    Seat,
    TimerState,
    Until,
)
from engine.core.policy import Config, Level, Step
from engine.core.timeline import Kind, format_time

LOG = "log"
"""The kind of channel that needs nothing configured."""


def ways(config: Config, level: Level, contact: str, reachable: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """(channel, address) in the order of use: the level's own channels, then the contact's others as a last resort.

    On a machine where no channel but the log can send, the log is the way. Empty: the contact can't be reached.
    """
    known = config.contacts.get(contact)
    reach = known.reach if known else {}
    logs = frozenset(name for name, channel in config.channels.items() if channel.kind == LOG)
    if reachable <= logs:
        return tuple((name, contact) for name in sorted(reachable))
    usual = [name for name in level.reached_by if name in reach and name in reachable]
    others = [name for name in reach if name in reachable and name not in usual]
    return tuple((name, reach[name]) for name in (*usual, *others))


def first_ways(level: Level, found: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Those to use at once: all of the level's own channels, or just the next one where they go one after another."""
    if not level.together:
        return tuple(found[:1])
    own = tuple(way for way in found if way[0] in level.reached_by)
    return own or tuple(found[:1])


def find_step(draft: Draft, number: int) -> tuple[Step, Level, bool] | None:
    """The ladder's step for a level number; the third value is True for the ladder's first step. A level outside of
    the ladder, which a person may page, has a step without a time. None where there is no such level at all."""
    for place, step in enumerate(draft.ladder.steps):
        level = draft.case.config.levels[step.level]
        if level.number == number:
            return step, level, place == 0
    others = (name for name, level in draft.case.config.levels.items() if level.number == number)
    outside = next(others, None)
    return (Step(level=outside), draft.case.config.levels[outside], False) if outside else None


def numbers(draft: Draft) -> list[int]:
    """The level numbers of the ladder, ascending."""
    return sorted(draft.case.config.levels[step.level].number for step in draft.ladder.steps)


def page_level(draft: Draft, number: int, reason: str, *, seats: Sequence[Seat] = (Seat.PRIMARY,)) -> None:
    """Pages the given seats of a level. Where none of them can be reached the other seat, then the next level, is paged
    at once, and the timeline says why. The timer of a level that is paged is used up."""
    found = find_step(draft, number)
    if found is None:
        draft.record(Kind.LEVEL_UNREACHABLE, ENGINE, f"there is no level {number}", level=number)
    elif _page_any(draft, found, seats, reason):
        draft.fired[page_key(draft.incident, number, first=found[2])] = TimerState.FIRED
    else:
        pass_on(draft, number, _unreachable(draft, found[1], list(Seat)))


def _page_any(draft: Draft, found: tuple[Step, Level, bool], seats: Sequence[Seat], reason: str) -> bool:
    """The given seats, else the other one. False when the level can't be reached."""
    step, level, first = found
    spare = [seat for seat in Seat if seat not in seats]
    instead = f"{reason}; {_unreachable(draft, level, seats)}"
    paged = _page_seats(draft, step, level, seats, reason, first=first) or (
        bool(spare) and _page_seats(draft, step, level, spare, instead, first=first)
    )
    if paged:
        draft.change(level=max(draft.incident.level, level.number))
    return paged


def pass_on(draft: Draft, number: int, why: str) -> None:
    """The level can't be reached: the next one is paged at once in its stead, and at its own time all the same, for
    this page may fail as well. Without a next one that is said loudly."""
    higher = next((other for other in numbers(draft) if other > number), None)
    draft.record(Kind.LEVEL_UNREACHABLE, ENGINE, why, level=number, next=higher)
    found = find_step(draft, higher) if higher else None
    if higher is None or found is None:
        tell_queue(draft, f"nobody could be paged: {why}")
    elif not _page_any(draft, found, (Seat.PRIMARY,), f"level {number} could not be reached: {why}"):
        pass_on(draft, higher, _unreachable(draft, found[1], list(Seat)))


def reaches(draft: Draft, number: int) -> bool:
    """Somebody of the level has a working channel."""
    found = find_step(draft, number)
    people = [seat_of(found[1], seat) for seat in Seat] if found else []
    return any(found and ways(draft.case.config, found[1], who, draft.case.reachable) for who in people if who)


def _unreachable(draft: Draft, level: Level, seats: Sequence[Seat]) -> str:
    names = [draft.person(contact) for seat in seats if (contact := seat_of(level, seat))]
    return f"{level.title}: no working channel to {' or '.join(names) or 'anyone'}"


def seat_of(level: Level, seat: Seat) -> str | None:
    return level.primary if seat is Seat.PRIMARY else level.secondary


def _page_seats(draft: Draft, step: Step, level: Level, seats: Sequence[Seat], reason: str, *, first: bool) -> bool:
    """True when at least one of them has a way."""
    paged = False
    for seat in seats:
        contact = seat_of(level, seat)
        if contact is None:
            continue
        found = ways(draft.case.config, level, contact, draft.case.reachable)
        if found:
            _page_person(draft, step, level, seat, contact, first_ways(level, found), reason, first=first)
            paged = True
    return paged


def _page_person(
    draft: Draft,
    step: Step,
    level: Level,
    seat: Seat,
    contact: str,
    used: Sequence[tuple[str, str]],
    reason: str,
    *,
    first: bool,
) -> None:
    page = f"{draft.incident.id}.{draft.next_seq}"
    due = _respond_by(draft, step, first=first)
    for channel, address in used:
        message = Message(
            kind=MessageKind.PAGE,
            channel=channel,
            address=address,
            contact=contact,
            page=page,
            level=level.number,
            level_title=level.title,
            seat=seat,
            until=_until(draft, step, first=first),
            respond_by=due,
            deadline_at=draft.now + draft.ladder.deliver_within,
            reason=reason,
        )
        draft.messages.append(message)
    draft.record(
        Kind.PAGE_DECIDED,
        ENGINE,
        reason,
        page=page,
        contact=contact,
        seat=seat.value,
        level=level.number,
        level_title=level.title,
        channels=[channel for channel, _ in used],
        respond_by=format_time(due) if due else None,
    )


def _until(draft: Draft, step: Step, *, first: bool) -> Until:
    """Who is paged in spite of an acknowledgement (a raise, a person's wish) is not spared by that acknowledgement."""
    if draft.incident.acknowledged_at is not None:
        return Until.RESOLVED
    return Until.ACKNOWLEDGED if first else step.until


def _respond_by(draft: Draft, step: Step, *, first: bool) -> datetime | None:
    """When the paged person is expected to have answered; None where no answer is timed or the time is over."""
    if first:
        due = response_due(draft.incident, draft.ladder, draft.case.config.business_hours)
        return due if due > draft.now else None
    return draft.now + step.respond_within if step.respond_within else None


def after_failure(draft: Draft, failed: Delivery, siblings: Sequence[Delivery]) -> None:
    """A page's message has failed for good: the next channel, else the next person, else the next level.

    `siblings`: all pages of this incident since its cycle started, the failed one among them.
    """
    message = failed.message
    same_page = [other for other in siblings if other.message.page == message.page]
    if any(other.state in _HOPEFUL for other in same_page if other.id != failed.id):
        return
    found = find_step(draft, message.level)
    if found is None or message.contact is None:
        pass_on(draft, message.level, f"every channel to {draft.person(message.contact)} failed: {failed.error}")
        return
    step, level, first = found
    used = {message.channel, *(other.message.channel for other in same_page)}
    left = [way for way in ways(draft.case.config, level, message.contact, draft.case.reachable) if way[0] not in used]
    if left:
        reason = f"{message.channel} failed for {draft.person(message.contact)} ({failed.error}); next channel"
        _next_channel(draft, message, left[0], reason)
        return
    _next_person(draft, step, level, failed, siblings, first=first)


_HOPEFUL = (MessageState.PENDING, MessageState.CLAIMED, MessageState.SENT)


def _next_channel(draft: Draft, message: Message, way: tuple[str, str], reason: str) -> None:
    deadline = draft.now + draft.ladder.deliver_within
    channel, address = way
    draft.messages.append(
        Message(
            kind=MessageKind.PAGE,
            channel=channel,
            address=address,
            contact=message.contact,
            page=message.page,
            level=message.level,
            level_title=message.level_title,
            seat=message.seat,
            until=message.until,
            respond_by=message.respond_by,
            deadline_at=deadline,
            reason=reason,
        )
    )
    draft.record(
        Kind.PAGE_DECIDED,
        ENGINE,
        reason,
        page=message.page,
        contact=message.contact,
        seat=message.seat.value if message.seat else None,
        level=message.level,
        level_title=message.level_title,
        channels=[channel],
    )


def _next_person(
    draft: Draft, step: Step, level: Level, failed: Delivery, siblings: Sequence[Delivery], *, first: bool
) -> None:
    began = min((other.created_at for other in siblings if other.message.page == failed.message.page), default=None)
    since = [other for other in siblings if other.created_at >= (began or failed.created_at)]
    tried = {failed.message.seat, *(other.message.seat for other in siblings if other.message.level == level.number)}
    hopeful = [other.message for other in since if other.state in _HOPEFUL]
    if any(other.level == level.number and other.seat is not failed.message.seat for other in hopeful):
        return
    why = f"every channel to {draft.person(failed.message.contact)} failed: {failed.error}"
    spare = [seat for seat in Seat if seat not in tried]
    if spare and _page_seats(draft, step, level, spare, f"{why}; next person", first=first):
        return
    if not any(other.level > level.number for other in hopeful):
        pass_on(draft, level.number, why)


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


def tell(draft: Draft, contact: str, reason: str) -> None:
    """A notice to one person, on the first way that works."""
    levels = sorted(draft.case.config.levels.values(), key=lambda level: level.number)
    for channel, address in ways(draft.case.config, levels[0], contact, draft.case.reachable)[:1]:
        draft.messages.append(
            Message(kind=MessageKind.NOTICE, channel=channel, address=address, contact=contact, reason=reason)
        )


def post_cards(draft: Draft) -> None:
    """One card per incident in each team channel, brought up to date in place from then on."""
    for card in draft.case.config.cards:
        if card.channel in draft.case.reachable:
            draft.messages.append(
                Message(kind=MessageKind.CARD, channel=card.channel, address=card.address, reason="the incident's card")
            )


def headline(
    incident: Incident, message: Message, zone: str, *, repeated: bool = False, late: timedelta | None = None
) -> str:
    """Made for a lock screen: priority, what, by when, who the reader is in the ladder."""
    parts = [f"{incident.priority} {_shorten(incident.title, 70)}"]
    if repeated:
        parts.insert(0, "(repeated)")
    if message.kind is MessageKind.QUESTION:
        parts.append("still on it?")
    if message.respond_by:
        parts.append(f"answer by {_clock(message.respond_by, incident.cycle_started_at, ZoneInfo(zone))}")
    if message.seat:
        parts.append(f"you are {message.seat}, {message.level_title} (level {message.level})")
    if late:
        parts.append(f"late by {max(1, round(late.total_seconds() / 60))} min")
    parts.append(incident.ref)
    return " · ".join(parts)


def _clock(at: datetime, today: datetime, zone: ZoneInfo) -> str:
    """`03:35 CET`; on another day than `today` with the date."""
    local = at.astimezone(zone)
    date = "" if local.date() == today.astimezone(zone).date() else f"{local:%a} {local.day} {local:%b} "
    return f"{date}{local:%H:%M %Z}"


def standing(incident: Incident, how: str) -> str:
    """The first line of a message that asks nothing of its reader any more."""
    return f"{incident.priority} {_shorten(incident.title, 70)} · {how} · {incident.ref}"


def _shorten(text: str, limit: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"
