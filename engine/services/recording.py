"""Recording: receipts and failures on rows and timelines; what failed for good goes another way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from engine.core.draft import Draft
from engine.core.errors import DeliveryError
from engine.core.fallback import after_failure
from engine.core.model import Delivery, Event, Incident, MessageKind, MessageState
from engine.core.notices import changes_course
from engine.core.retry import next_try
from engine.core.timeline import Kind
from engine.db import incidents, outbox
from engine.ports import Receipt
from engine.services.cases import Ledger, gather
from engine.services.context import Context
from engine.services.parcels import Result, event_of, why_unwanted

SENT_KIND = {MessageKind.PAGE: Kind.PAGE_SENT, MessageKind.QUESTION: Kind.PAGE_SENT}


def record(
    connection: Connection, context: Context, who: str, results: Sequence[Result], now: datetime, jitter: float
) -> None:
    """The transaction: receipts and failures on rows and timelines; what failed for good goes another way."""
    found = incidents.load(connection, {result.claimed.incident for result in results}, lock=True)
    # Where the lease ran out and a message is somebody else's now, its outcome is theirs to tell.
    held = outbox.ours(connection, [result.claimed for result in results], who)
    outcomes: dict[int, dict[str, object]] = {}
    lines: dict[int, list[Event]] = {}
    lost: list[Result] = []
    for result in results:
        if result.claimed.fence not in held:
            continue
        incident = found[result.claimed.incident]
        outcomes[result.claimed.delivery.id], event = _outcome(result, incident, now, jitter)
        if event is not None:
            lines.setdefault(incident.id, []).append(event)
        if event is not None and event.kind == Kind.PAGE_FAILED.value:
            lost.append(result)
    outbox.record(connection, outcomes, who)
    # A room that is there now is worth a line on the other messages.
    rooms = {one.claimed.incident for one in results if one.receipt and not one.claimed.update and _is_room(one)}
    outbox.wish_updates(connection, rooms, now, soon=True)
    if lines:
        incidents.append_to(connection, found, lines, now)
    _go_on(connection, context, lost, now)


def _is_room(result: Result) -> bool:
    return result.claimed.delivery.message.kind is MessageKind.ROOM


def _outcome(
    result: Result, incident: Incident, now: datetime, jitter: float
) -> tuple[dict[str, object], Event | None]:
    """What the try comes to: the message's columns and the line. An update has no line."""
    claimed = result.claimed
    if result.receipt is not None:
        columns = _sent(result, incident, now)
        silent = claimed.update or claimed.delivery.message.kind is MessageKind.LINE
        return columns, None if silent else _arrived(result, result.receipt)
    if claimed.update:
        return _update_failed(result, incident, now, jitter), None
    unwanted = why_unwanted(claimed, incident)
    if unwanted:
        columns = {"state": MessageState.CANCELLED.value, "error": unwanted}
        return columns, event_of(Kind.PAGE_CANCELLED, claimed, unwanted)
    return _failed(result, now, jitter)


def _arrived(result: Result, receipt: Receipt) -> Event:
    claimed, message = result.claimed, result.claimed.delivery.message
    together = f", in one message with {result.others} other{'s' * (result.others > 1)}" if result.others else ""
    if result.found:
        reason = f"found at the provider: {message.channel} had taken it{together}, so it is not repeated"
    else:
        reason = f"{message.channel} took it{together}" + (" (repeated)" if claimed.maybe_sent else "")
    kind = SENT_KIND.get(message.kind, Kind.NOTICE_SENT)
    facts: dict[str, object] = {"together": result.others + 1} if result.others else {}
    if claimed.delivery.error and claimed.held:
        facts["waited"] = claimed.delivery.error
    return event_of(
        kind, claimed, reason, reference=receipt.reference, repeated=claimed.maybe_sent and not result.found, **facts
    )


def _sent(result: Result, incident: Incident, now: datetime) -> dict[str, object]:
    """A message that tells what has changed meanwhile, an update no less than a first one, is brought up to date at
    once. Receipts change nothing that it tells, so the version would say too much. One that stands for several
    incidents can't be brought up to date for one of them."""
    receipt = result.receipt
    stale = result.claimed.updatable and not result.others and incident.updated_at > result.shown.updated_at
    soon = now + outbox.UPDATE_EVERY
    due = now if changes_course(result.shown, incident) else soon
    columns: dict[str, object] = {
        "shown_version": result.shown.version,
        "update_at": due if stale else None,
        "next_at": soon,
    }
    if result.claimed.update or receipt is None:
        return columns
    return columns | {
        "state": MessageState.SENT.value,
        "sent_at": now,
        "error": "",
        "receipt": {**receipt.data, "reference": receipt.reference},
        "updatable": result.claimed.updatable and not result.others,
    }


def _update_failed(result: Result, incident: Incident, now: datetime, jitter: float) -> dict[str, object]:
    """An update is worth trying again, but no update is a page: on a permanent error the message stays as it is. A card
    that somebody has deleted is posted again while the incident needs one."""
    error = result.error
    if (
        error is not None
        and error.gone
        and incident.state.active
        and result.claimed.delivery.message.kind is MessageKind.CARD
    ):
        return AGAIN | {"next_at": now, "deadline_at": now + outbox.KEEP_TRYING}
    if error is None or error.permanent:
        return {"update_at": None, "error": str(error)}
    deadline = result.claimed.delivery.created_at + outbox.KEEP_TRYING
    return {"update_at": next_try(3, now, deadline, jitter, error.retry_after), "error": str(error)}


AGAIN: dict[str, object] = {
    "state": MessageState.PENDING.value,
    "update_at": None,
    "sent_at": None,
    "receipt": None,
    "maybe_sent": False,
    "sent_as": None,
}
"""A message that was sent is to be sent anew."""


def _failed(result: Result, now: datetime, jitter: float) -> tuple[dict[str, object], Event]:
    claimed, error = result.claimed, result.error or DeliveryError("unknown")
    deadline = claimed.delivery.message.deadline_at or claimed.delivery.created_at + outbox.KEEP_TRYING
    again = (
        None if error.permanent else next_try(claimed.delivery.attempts + 1, now, deadline, jitter, error.retry_after)
    )
    if again is None:
        why = str(error) if error.permanent else f"{error}; the time for it is spent"
        event = event_of(Kind.PAGE_FAILED, claimed, why, error=str(error), permanent=error.permanent)
        return {"state": MessageState.FAILED.value, "error": str(error)}, event
    wait = round((again - now).total_seconds(), 1)
    event = event_of(
        Kind.PAGE_RETRIED, claimed, f"{error}; again in {wait} s", error=str(error), ambiguous=error.ambiguous
    )
    columns = {
        "state": MessageState.PENDING.value,
        "next_at": again,
        "error": str(error),
        "maybe_sent": claimed.maybe_sent or error.ambiguous,
    }
    return columns, event


def _go_on(connection: Connection, context: Context, lost: Sequence[Result], now: datetime) -> None:
    """The next channel, else the next person, else the next level, for pages that failed for good."""
    pages = [result for result in lost if result.claimed.delivery.message.kind is MessageKind.PAGE]
    if not pages:
        return
    channels = context.revisions.channels(context.revisions.current(connection))
    for result in pages:
        number = result.claimed.incident
        gathered = gather(connection, context, [number], channels)[number]
        siblings = outbox.of(connection, [number], since=gathered.case.incident.cycle_started_at)[number]
        draft = Draft(gathered.case, now)
        after_failure(draft, failed_delivery(result), siblings)
        if draft.events:
            ledger = Ledger(connection, channels, now)
            ledger.change(gathered, draft.decision("goes on"))
            ledger.flush()


def failed_delivery(result: Result) -> Delivery:
    return replace(result.claimed.delivery, state=MessageState.FAILED, error=str(result.error or ""))
