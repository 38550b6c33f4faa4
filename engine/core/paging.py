"""Who is paged, by which ways, and what is done when none of them works."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from engine.core.draft import Draft
from engine.core.escalation import page_key, response_due
from engine.core.model import (
    ENGINE,
    Message,
    MessageKind,
    Seat,
    TimerState,
    Until,
)
from engine.core.notices import tell_queue
from engine.core.policy import Level, Step
from engine.core.reach import first_ways, ways
from engine.core.timeline import Kind, format_time


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
    paged = page_seats(draft, step, level, seats, reason, first=first)
    spare = [] if paged else [seat for seat in Seat if seat not in seats]
    if spare:
        instead = f"{reason}; {_unreachable(draft, level, seats)}"
        paged = page_seats(draft, step, level, spare, instead, first=first)
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


def seat_paged(draft: Draft, contact: str) -> int | None:
    """The highest level reached so far on which this person has a seat; None where there is none."""
    levels = draft.case.config.levels.values()
    own = [one.number for one in levels if contact in (one.primary, one.secondary)]
    return max((number for number in own if number <= draft.incident.level), default=None)


def page_others(draft: Draft, number: int, reason: str) -> None:
    """Those of a level who have not passed it on; without one who can be reached, the next level."""
    found = find_step(draft, number)
    if found is not None and not page_seats(draft, found[0], found[1], list(Seat), reason, first=found[2]):
        pass_on(draft, number, _unreachable(draft, found[1], list(Seat)))


def _unreachable(draft: Draft, level: Level, seats: Sequence[Seat]) -> str:
    people = [contact for seat in seats if (contact := seat_of(level, seat))]
    gone = [draft.person(contact) for contact in people if contact in draft.incident.declined]
    left = [draft.person(contact) for contact in people if contact not in draft.incident.declined]
    why = [f"no working channel to {' or '.join(left) or 'anyone'}"] if left or not gone else []
    return f"{level.title}: {', '.join([*why, *(f'{name} passed it on' for name in gone)])}"


def seat_of(level: Level, seat: Seat) -> str | None:
    return level.primary if seat is Seat.PRIMARY else level.secondary


def page_seats(draft: Draft, step: Step, level: Level, seats: Sequence[Seat], reason: str, *, first: bool) -> bool:
    """True when at least one of them has a way. Who has passed it on is not asked again."""
    paged = False
    for seat in seats:
        contact = seat_of(level, seat)
        if contact is None or contact in draft.incident.declined:
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
        seat=str(seat),
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
