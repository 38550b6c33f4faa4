"""Delivery, at least once: claim with a lease, look again whether it is still wanted, send, then record the outcome."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from engine.core.draft import Draft
from engine.core.errors import DeliveryError, Overloaded, TocsinError
from engine.core.fallback import after_failure
from engine.core.model import ENGINE, Delivery, Event, Incident, MessageKind, MessageState, Until, incident_ref
from engine.core.retry import next_try
from engine.core.timeline import Kind
from engine.db import incidents, outbox
from engine.db.outbox import Claimed
from engine.ports import Envelope, Receipt
from engine.services.cases import Ledger, gather
from engine.services.context import Channels, Context
from engine.services.envelopes import envelopes

log = structlog.get_logger()

LEASE = timedelta(seconds=4)
"""How long after a crash another engine takes a message over: a page is to be 5 s late at most. One that is being sent
has its lease prolonged."""
GLANCE = 1.0  # seconds
IN_FLIGHT = 256
"""Messages that are being sent at a time. So many hang at most, and so much memory is taken."""
PER_CHANNEL = 32
"""Of these on one channel: a provider that hangs must not keep the others from sending."""
TOGETHER = 16
"""Messages that are claimed at a time, at most: alerts are not to wait for more than a few milliseconds."""
RECORD_AGAIN = 1.0  # seconds
TIMED = (MessageKind.PAGE, MessageKind.QUESTION)
SENT_KIND = {MessageKind.PAGE: Kind.PAGE_SENT, MessageKind.QUESTION: Kind.PAGE_SENT}


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What came of one try: a receipt or an error. `shown`: the incident as the message told it."""

    claimed: Claimed
    shown: Incident
    receipt: Receipt | None = None
    error: DeliveryError | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """A claimed message with all that its channel needs."""

    claimed: Claimed
    envelope: Envelope


class Sender:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._who = uuid.uuid4().hex
        self._results: list[Result] = []
        self._recorder: asyncio.Task[None] | None = None
        self._in_flight: Counter[str] = Counter()
        self._sending: set[asyncio.Task[None]] = set()
        self._leases: dict[int, datetime] = {}
        """Of what is being sent and not on record yet: message, and when its lease ends."""

    async def release_claims(self) -> int:
        """At start-up, on a database that this process alone uses."""
        return await self._context.database.write(outbox.release_all)

    async def run_once(self) -> int:
        """Claims what fits, starts sending it, and returns how many; 0 when there is nothing to send now."""
        now = self._context.clock.now()
        await self._prolong(now)
        if len(self._sending) >= IN_FLIGHT:
            await asyncio.wait(self._sending, timeout=GLANCE, return_when=asyncio.FIRST_COMPLETED)
            return 1
        channels, parcels = await self._claim(now)
        self._leases |= {parcel.claimed.delivery.id: now + LEASE for parcel in parcels}
        for parcel in parcels:
            task = asyncio.create_task(self._send(parcel, channels))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        return len(parcels)

    async def _prolong(self, now: datetime) -> None:
        """A channel may take longer than a lease, and a message may wait for its turn: it stays ours all the while."""
        ending = [number for number, until in self._leases.items() if until - now <= LEASE / 2]
        if ending:
            await self._context.database.write(lambda c: outbox.prolong(c, ending, self._who, now + LEASE))
            self._leases |= {number: now + LEASE for number in ending if number in self._leases}

    async def _claim(self, now: datetime) -> tuple[Channels, list[Parcel]]:
        """In one transaction; if that fails, with one more for each message: one that can't be put together delays
        nobody."""
        context, database = self._context, self._context.database
        full = [channel for channel, count in self._in_flight.items() if count >= PER_CHANNEL]
        try:
            return await database.write(lambda c: claim(c, context, self._who, now, full))
        except Overloaded:
            raise
        except Exception as error:  # noqa: BLE001 - the edge of the loop: the culprit is found below
            log.warning("dispatch.batch_split", error=type(error).__name__)
        channels = await database.read(lambda c: context.revisions.channels(context.revisions.current(c)))
        taken = await database.write(lambda c: outbox.claim(c, self._who, now, LEASE, TOGETHER, without=full))
        return channels, [parcel for claimed in taken for parcel in await self._put_together(claimed, now)]

    async def _put_together(self, claimed: Claimed, now: datetime) -> list[Parcel]:
        context, who = self._context, self._who
        try:
            return await context.database.write(lambda c: put_together(c, context, who, [claimed], now))
        except Exception:  # as above; it is looked at again when its lease ends
            log.exception("delivery.not_put_together", incident=incident_ref(claimed.incident))
            return []

    async def settled(self) -> None:
        """Waits until all that is being sent has been recorded."""
        while self._sending or (self._recorder and not self._recorder.done()):
            await asyncio.wait([*self._sending, *([self._recorder] if self._recorder else [])])

    async def drain(self) -> None:
        """Sends until there is nothing more to send now."""
        while await self.run_once() or self._sending:
            await self.settled()

    async def next_attempt(self) -> datetime | None:
        return await self._context.database.read(outbox.next_attempt)

    async def _send(self, parcel: Parcel, channels: Channels) -> None:
        channel = parcel.claimed.delivery.message.channel
        self._in_flight[channel] += 1
        result = await self._try(parcel, channels)
        self._in_flight[channel] -= 1
        self._results.append(result)
        if self._recorder is None or self._recorder.done():
            self._recorder = asyncio.create_task(self._record())

    async def _try(self, parcel: Parcel, channels: Channels) -> Result:
        claimed, shown = parcel.claimed, parcel.envelope.incident
        try:
            channel = channels[claimed.delivery.message.channel]
            receipt = await channel.send(parcel.envelope)
        except DeliveryError as error:
            return Result(claimed=claimed, shown=shown, error=error)
        except TocsinError as error:
            return Result(claimed=claimed, shown=shown, error=DeliveryError(str(error), permanent=True))
        except Exception as error:  # the edge of the loop: a channel that breaks is a failed try, never a lost page
            log.exception("delivery.channel_broke", channel=claimed.delivery.message.channel)
            sentence = f"the channel broke with {type(error).__name__}"
            return Result(claimed=claimed, shown=shown, error=DeliveryError(sentence, ambiguous=True))
        return Result(claimed=claimed, shown=shown, receipt=receipt)

    async def _record(self) -> None:
        """All results that wait share a transaction. While the database can't take them they are kept."""
        while self._results:
            results = self._results[:]
            try:
                await self._write(results)
            except Overloaded as error:
                log.warning("delivery.record_waits", results=len(results), error=str(error))
                await asyncio.sleep(RECORD_AGAIN)
                continue
            except Exception as error:  # noqa: BLE001 - the edge of the loop: one bad result must not keep the others from the record
                log.warning("delivery.batch_split", results=len(results), error=type(error).__name__)
                await self._record_each(results)
            del self._results[: len(results)]
            for result in results:
                self._leases.pop(result.claimed.delivery.id, None)
            self._context.signals.outbox.set()

    async def _record_each(self, results: Sequence[Result]) -> None:
        for result in results:
            try:
                await self._write([result])
            except Exception:  # as above; its lease runs out, and it is sent again, marked as repeated
                log.exception("delivery.not_recorded", incident=incident_ref(result.claimed.incident))

    async def _write(self, results: Sequence[Result]) -> None:
        now, jitter = self._context.clock.now(), random.random()  # noqa: S311 - spreads retries, guards nothing
        await self._context.database.write(lambda c: record(c, self._context, self._who, results, now, jitter))
        for result in results:
            _log(result)


def _log(result: Result) -> None:
    message = result.claimed.delivery.message
    facts = {
        "incident": incident_ref(result.claimed.incident),
        "kind": message.kind.value,
        "channel": message.channel,
        "contact": message.contact,
    }
    if result.error:
        log.warning("delivery.failed", error=str(result.error), permanent=result.error.permanent, **facts)
    else:
        log.info("delivery.sent", update=result.claimed.update, **facts)


def claim(
    connection: Connection, context: Context, who: str, now: datetime, full: Collection[str]
) -> tuple[Channels, list[Parcel]]:
    """The transaction: takes messages of channels that are not `full`, and puts together what they need."""
    channels = context.revisions.channels(context.revisions.current(connection))
    taken = outbox.claim(connection, who, now, LEASE, TOGETHER, without=full)
    return channels, put_together(connection, context, who, taken, now)


def put_together(
    connection: Connection, context: Context, who: str, taken: Sequence[Claimed], now: datetime
) -> list[Parcel]:
    """Withdraws those that nobody wants any more, gathers what the rest need."""
    if not taken:
        return []
    found = incidents.load(connection, {claimed.incident for claimed in taken})
    wanted = []
    for claimed in taken:
        unwanted = why_unwanted(claimed, found[claimed.incident])
        if unwanted:
            _withdraw(connection, claimed, who, unwanted, now)
        else:
            wanted.append(claimed)
    return [
        Parcel(claimed=one, envelope=envelope) for one, envelope in envelopes(connection, context, wanted, found, now)
    ]


def why_unwanted(claimed: Claimed, incident: Incident) -> str:
    """Empty while the message is wanted. Only what wakes people ends with the incident; cards and notices go on."""
    message = claimed.delivery.message
    if claimed.update or message.kind not in TIMED:
        return ""
    if not incident.state.active:
        return f"the incident is {incident.state}"
    if message.kind is MessageKind.PAGE and message.until is Until.ACKNOWLEDGED and incident.acknowledged_at:
        return "somebody acknowledged"
    return ""


def _withdraw(connection: Connection, claimed: Claimed, who: str, why: str, now: datetime) -> None:
    outbox.record(connection, claimed, who, {"state": MessageState.CANCELLED.value, "error": why})
    incidents.append_events(connection, {claimed.incident: [_event(Kind.PAGE_CANCELLED, claimed, why)]}, now)


def _event(kind: Kind, claimed: Claimed, reason: str, **facts: object) -> Event:
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


def record(
    connection: Connection, context: Context, who: str, results: Sequence[Result], now: datetime, jitter: float
) -> None:
    """The transaction: receipts and failures on rows and timelines; what failed for good goes another way."""
    numbers = {result.claimed.incident for result in results}
    found = incidents.load(connection, numbers, lock=True)
    lines: dict[int, list[Event]] = {}
    lost: list[Result] = []
    for result in results:
        incident = found[result.claimed.incident]
        event = _settle(connection, result, incident, who, now, jitter)
        if event is not None:
            lines.setdefault(incident.id, []).append(event)
        if event is not None and event.kind == Kind.PAGE_FAILED.value:
            lost.append(result)
    if lines:
        incidents.append_events(connection, lines, now)
    _go_on(connection, context, lost, now)


def _settle(
    connection: Connection, result: Result, incident: Incident, who: str, now: datetime, jitter: float
) -> Event | None:
    """Writes one outcome; returns its line for the timeline, if it has one. Where the lease ran out and the message is
    somebody else's now, its outcome is theirs to tell."""
    columns, event = _outcome(result, incident, now, jitter)
    return event if outbox.record(connection, result.claimed, who, columns) else None


def _outcome(
    result: Result, incident: Incident, now: datetime, jitter: float
) -> tuple[dict[str, object], Event | None]:
    """What the try comes to: the message's columns and the line. An update has no line."""
    claimed = result.claimed
    if result.receipt is not None:
        columns = _sent(result, incident, now)
        return columns, None if claimed.update else _arrived(claimed, result.receipt)
    if claimed.update:
        return _update_failed(result, now, jitter), None
    unwanted = why_unwanted(claimed, incident)
    if unwanted:
        columns = {"state": MessageState.CANCELLED.value, "error": unwanted}
        return columns, _event(Kind.PAGE_CANCELLED, claimed, unwanted)
    return _failed(result, now, jitter)


def _arrived(claimed: Claimed, receipt: Receipt) -> Event:
    message = claimed.delivery.message
    reason = f"{message.channel} took it" + (" (repeated)" if claimed.maybe_sent else "")
    kind = SENT_KIND.get(message.kind, Kind.NOTICE_SENT)
    return _event(kind, claimed, reason, reference=receipt.reference, repeated=claimed.maybe_sent)


def _sent(result: Result, incident: Incident, now: datetime) -> dict[str, object]:
    """A message that tells what has changed meanwhile, an update no less than a first one, is brought up to date at
    once. Receipts change nothing that it tells, so the version would say too much."""
    receipt = result.receipt
    stale = result.claimed.updatable and incident.updated_at > result.shown.updated_at
    columns: dict[str, object] = {"shown_version": result.shown.version, "update_at": now if stale else None}
    if result.claimed.update or receipt is None:
        return columns
    return columns | {
        "state": MessageState.SENT.value,
        "sent_at": now,
        "error": "",
        "receipt": {**receipt.data, "reference": receipt.reference},
    }


def _update_failed(result: Result, now: datetime, jitter: float) -> dict[str, object]:
    """An update is worth trying again, but no update is a page: on a permanent error the message stays as it is."""
    error = result.error
    if error is None or error.permanent:
        return {"update_at": None, "error": str(error)}
    deadline = result.claimed.delivery.created_at + outbox.KEEP_TRYING
    return {"update_at": next_try(3, now, deadline, jitter, error.retry_after), "error": str(error)}


def _failed(result: Result, now: datetime, jitter: float) -> tuple[dict[str, object], Event]:
    claimed, error = result.claimed, result.error or DeliveryError("unknown")
    deadline = claimed.delivery.message.deadline_at or claimed.delivery.created_at + outbox.KEEP_TRYING
    again = (
        None if error.permanent else next_try(claimed.delivery.attempts + 1, now, deadline, jitter, error.retry_after)
    )
    if again is None:
        why = str(error) if error.permanent else f"{error}; the time for it is spent"
        event = _event(Kind.PAGE_FAILED, claimed, why, error=str(error), permanent=error.permanent)
        return {"state": MessageState.FAILED.value, "error": str(error)}, event
    wait = round((again - now).total_seconds(), 1)
    event = _event(
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
