"""Who was paged, by which ways, with what receipt. The timeline says what was decided, the outbox what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, TypeVar

from engine.core.model import Delivery, MessageKind, MessageState, RecordedEvent, Seat
from engine.core.timeline import Kind
from engine.report.facts import Facts
from engine.report.model import Attempt, OtherMessage, Page, PageOutcome
from engine.report.record import moment, of_kind, text, texts, whole
from engine.report.words import Names

AttemptState = Literal["sent", "failed", "cancelled", "waiting"]

STATES: dict[MessageState, AttemptState] = {
    MessageState.SENT: "sent",
    MessageState.FAILED: "failed",
    MessageState.CANCELLED: "cancelled",
    MessageState.PENDING: "waiting",
    MessageState.CLAIMED: "waiting",
}
OUTCOMES: dict[Kind, AttemptState] = {
    Kind.PAGE_SENT: "sent",
    Kind.PAGE_FAILED: "failed",
    Kind.PAGE_CANCELLED: "cancelled",
    Kind.PAGE_RETRIED: "waiting",
}

Ways = dict[str, Attempt]
Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True, slots=True)
class Decided:
    """A page as it was decided, from its line on the timeline or, where that is missing, from its first message."""

    page: str
    at: datetime
    contact: str
    level: int
    level_title: str
    seat: str
    respond_by: datetime | None
    reason: str
    channels: tuple[str, ...] = ()


def pages(facts: Facts) -> tuple[Page, ...]:
    events, deliveries = _events_by_page(facts.events), _deliveries_by_page(facts.deliveries)
    answers = tuple(of_kind(facts.events, Kind.ACKNOWLEDGED))
    names = Names(people=facts.people)
    decided = _decided(facts)
    shown = (
        _page(page, _ways(page, deliveries.get(page.page, []), events.get(page.page, [])), answers, names)
        for page in decided.values()
    )
    return tuple(sorted(shown, key=lambda page: page.at))


def other_messages(facts: Facts) -> tuple[OtherMessage, ...]:
    """Cards, rooms, notices and questions; updates of messages already sent are left out."""
    names = Names(people=facts.people)
    kinds = (MessageKind.CARD, MessageKind.REPORT, MessageKind.ROOM, MessageKind.NOTICE, MessageKind.QUESTION)
    return tuple(
        OtherMessage(
            kind=delivery.message.kind,
            at=delivery.created_at,
            to=names.person(delivery.message.contact) or "team channel",
            reason=delivery.message.reason,
            attempt=_from_delivery(delivery),
        )
        for delivery in facts.deliveries
        if delivery.message.kind in kinds
    )


def _events_by_page(events: Iterable[RecordedEvent]) -> dict[str, list[RecordedEvent]]:
    return _grouped(of_kind(events, tuple(OUTCOMES)), lambda event: text(event, "page"))


def _deliveries_by_page(deliveries: Iterable[Delivery]) -> dict[str, list[Delivery]]:
    paging = (delivery for delivery in deliveries if delivery.message.kind is MessageKind.PAGE)
    return _grouped(paging, lambda delivery: delivery.message.page or "")


def _grouped(items: Iterable[Item], key: Callable[[Item], str]) -> dict[str, list[Item]]:
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def _decided(facts: Facts) -> dict[str, Decided]:
    found: dict[str, Decided] = {}
    for event in of_kind(facts.events, Kind.PAGE_DECIDED):
        page = text(event, "page") or f"{event.incident}.{event.seq}"
        new = _from_event(page, event)
        known = found.get(page)  # the next channel of the same page, where the first ones failed
        found[page] = replace(known, channels=known.channels + new.channels) if known else new
    for page, deliveries in _deliveries_by_page(facts.deliveries).items():
        found.setdefault(page, _from_message(page, deliveries[0]))
    return found


def _from_event(page: str, event: RecordedEvent) -> Decided:
    return Decided(
        page=page,
        at=event.at,
        contact=text(event, "contact"),
        level=whole(event, "level") or 0,
        level_title=text(event, "level_title"),
        seat=text(event, "seat"),
        respond_by=moment(event, "respond_by"),
        reason=event.reason,
        channels=texts(event, "channels"),
    )


def _from_message(page: str, delivery: Delivery) -> Decided:
    message = delivery.message
    return Decided(
        page=page,
        at=delivery.created_at,
        contact=message.contact or "",
        level=message.level,
        level_title=message.level_title,
        seat=message.seat or "",
        respond_by=message.respond_by,
        reason=message.reason,
    )


def _ways(page: Decided, deliveries: list[Delivery], events: list[RecordedEvent]) -> Ways:
    """One attempt per channel: the outbox says how it stands, the timeline fills in what the outbox no longer knows."""
    known = {delivery.message.channel: _from_delivery(delivery) for delivery in deliveries}
    ways = {name: _attempt(name, "waiting") for name in page.channels} | known
    for event in events:
        channel = text(event, "channel")
        for name in (channel,) if channel else tuple(ways):
            ways[name] = _told(ways.get(name), event, name, keep_state=name in known)
    return ways


def _told(before: Attempt | None, event: RecordedEvent, channel: str, *, keep_state: bool) -> Attempt:
    """The attempt after one more line about it."""
    state = OUTCOMES[Kind(event.kind)]
    if before and (keep_state or (state == "cancelled" and before.state != "waiting")):
        state = before.state
    fallback = before or _attempt(channel, state)
    return Attempt(
        channel=channel,
        state=state,
        at=fallback.at if keep_state and fallback.at else event.at,
        tries=max(fallback.tries, whole(event, "attempts") or 0),
        receipt=fallback.receipt or text(event, "reference"),
        error=text(event, "error") or fallback.error if state != "sent" else "",
    )


def _from_delivery(delivery: Delivery) -> Attempt:
    state = STATES[delivery.state]
    return Attempt(
        channel=delivery.message.channel,
        state=state,
        at=delivery.sent_at,
        tries=delivery.attempts,
        receipt=_receipt(delivery),
        error="" if state == "sent" else delivery.error,
    )


def _receipt(delivery: Delivery) -> str:
    """The provider's reference of the message. What else a receipt holds is for updates, and not for readers."""
    return delivery.receipt.get("reference", "")


def _attempt(channel: str, state: AttemptState) -> Attempt:
    return Attempt(channel=channel, state=state, at=None, tries=0, receipt="", error="")


def _page(page: Decided, ways: Ways, answers: tuple[RecordedEvent, ...], names: Names) -> Page:
    answer = next((event for event in answers if event.at >= page.at), None)
    answered = answer if answer and _answered(answer, page) else None
    return Page(
        page=page.page,
        at=page.at,
        contact=page.contact,
        who=names.person(page.contact),
        level=page.level,
        level_title=page.level_title,
        seat=Seat(page.seat) if page.seat in list(Seat) else None,
        respond_by=page.respond_by,
        reason=page.reason,
        outcome=PageOutcome.ANSWERED if answered else _outcome(ways),
        answered_at=answered.at if answered else None,
        attempts=tuple(ways.values()),
    )


def _answered(event: RecordedEvent, page: Decided) -> bool:
    by = text(event, "by")
    return bool(page.contact) and page.contact in (by, event.actor.partition(" via ")[0].removeprefix("person:"))


def _outcome(ways: Ways) -> PageOutcome:
    states = {attempt.state for attempt in ways.values()}
    if "sent" in states:
        return PageOutcome.DELIVERED
    if "waiting" in states or not states:
        return PageOutcome.WAITING
    return PageOutcome.FAILED if "failed" in states else PageOutcome.CANCELLED
