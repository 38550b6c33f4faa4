"""A page that failed for good goes another way: the next channel, else the next person, else the next level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.core.draft import Draft
from engine.core.model import (
    ENGINE,
    Delivery,
    Message,
    MessageKind,
    MessageState,
    Seat,
)
from engine.core.paging import find_step, page_seats, pass_on
from engine.core.policy import Level, Step
from engine.core.reach import ways
from engine.core.timeline import Kind


def after_failure(draft: Draft, failed: Delivery, siblings: Sequence[Delivery]) -> None:
    """A page's message has failed for good: the next channel, else the next person, else the next level.

    `siblings`: what was sent of this incident since its cycle started, the failed page among it.
    """
    message, siblings = failed.message, _pages(siblings)
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


def go_around(draft: Draft, waiting: Delivery, siblings: Sequence[Delivery], out: Mapping[str, str]) -> None:
    """A page's message can't go out while its provider is out: another channel to the same person is used at once,
    unless one is on its way already. The message itself stays, and is tried until its deadline.

    `out`: by channel, the words for how it is out.
    """
    message = waiting.message
    same_page = [other for other in _pages(siblings) if other.message.page == message.page]
    found = find_step(draft, message.level)
    if found is None or message.contact is None or message.channel not in out:
        return
    if any(other.state in _HOPEFUL for other in same_page if other.id != waiting.id):
        return
    used = {message.channel, *(other.message.channel for other in same_page)}
    known = ways(draft.case.config, found[1], message.contact, draft.case.reachable)
    left = [way for way in known if way[0] not in used and way[0] not in out]
    if left:
        _next_channel(draft, message, left[0], f"{message.channel} {out[message.channel]}; {left[0][0]} instead")


def _pages(siblings: Sequence[Delivery]) -> list[Delivery]:
    """A question "still on it?" bears its owner's level, and is no page of it."""
    return [other for other in siblings if other.message.kind is MessageKind.PAGE]


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
    if spare and page_seats(draft, step, level, spare, f"{why}; next person", first=first):
        return
    if not any(other.level > level.number for other in hopeful):
        pass_on(draft, level.number, why)
