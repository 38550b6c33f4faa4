"""Delivery, at least once: claim with a lease, look again whether it is still wanted, send, then record the outcome."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

import structlog

from engine.core.breaker import Standing
from engine.core.errors import DeliveryError, Limited, Overloaded, TocsinError
from engine.core.model import incident_ref
from engine.core.policy import Bundling
from engine.db import outbox
from engine.db.outbox import Claimed, Fence
from engine.db.picking import Room
from engine.ports import Channel, Receipt, Traceable
from engine.services.choosing import TOGETHER, Group
from engine.services.claiming import LEASE, Taken, check, claim, put_together, set_aside, take
from engine.services.context import Channels, Context
from engine.services.detours import detour
from engine.services.lanes import EVERYBODY, Traffic, Way, way_of
from engine.services.parcels import Parcel, Result
from engine.services.recording import record

log = structlog.get_logger()

GLANCE = 1.0  # seconds
IN_FLIGHT = 256
"""Messages that are being sent at a time. So many hang at most, and so much memory is taken."""
PER_CHANNEL = 32
"""Of these on one channel: a provider that hangs must not keep the others from sending."""
KEPT = 8
"""Of those, for P0 only."""
RECORD_AGAIN = 1.0  # seconds
RECORDED_AT_ONCE = 128


async def _in_the_log(refs: Sequence[str]) -> None:
    """What is set aside is in the log already."""


class Sender:
    """`tell` hears of incidents with a message that can't be worked."""

    def __init__(self, context: Context, tell: Callable[[Sequence[str]], Awaitable[None]] = _in_the_log) -> None:
        self._context = context
        self._tell = tell
        self._who = uuid.uuid4().hex
        self._results: list[Result] = []
        self._recorder: asyncio.Task[None] | None = None
        self._in_flight: Counter[str] = Counter()
        self._sending: set[asyncio.Task[None]] = set()
        self._traffic = Traffic()
        self._pressed = False
        self._back: set[str] = set()
        """Channels that were out and are back, and whose messages still wait."""
        self._leases: dict[Fence, datetime] = {}
        """Of what is being sent and not on record yet: the claim, and when its lease ends."""

    async def release_claims(self) -> int:
        """At start-up, on a database that this process alone uses."""
        return await self._context.database.write(outbox.release_all)

    async def run_once(self) -> int:
        """Claims what fits, starts sending it, and returns how many; 0 when there is nothing to send now."""
        now = self._context.clock.now()
        await self._prolong(now)
        await self._welcome_back(now)
        if len(self._sending) >= IN_FLIGHT:
            await asyncio.wait(self._sending, timeout=GLANCE, return_when=asyncio.FIRST_COMPLETED)
            return 1
        taken, parcels = await self._claim(now)
        if taken is None:
            return 0
        for parcel in parcels:
            self._begin(parcel, taken, now)
        self._pressed = len(taken.groups) + taken.held >= TOGETHER
        await self._go_around(taken, now)
        return len(parcels) or min(1, len(taken.groups) + taken.held)

    def _begin(self, parcel: Parcel, taken: Taken, now: datetime) -> None:
        why_spent = taken.spent.get(parcel.claims[0].delivery.id, "")
        if not why_spent:
            self._on_its_way(parcel, taken.rules, now)
        self._leases |= {one.fence: now + LEASE for one in parcel.claims}
        task = asyncio.create_task(self._send(parcel, taken.channels, why_spent, now))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    def _on_its_way(self, parcel: Parcel, rules: Bundling, now: datetime) -> None:
        self._traffic.breakers.begun(parcel.message.channel, now)
        if not parcel.envelope.receipt:
            way, bundle = way_of(parcel.message), len(parcel.claims) > 1
            self._traffic.lanes.passed(way, now, rules, urgent=parcel.urgent, bundle=bundle)

    def breakers(self) -> Mapping[str, Standing]:
        """How each provider that was used stands, for the metrics."""
        return self._traffic.breakers.standings(self._context.clock.now())

    async def _prolong(self, now: datetime) -> None:
        """A channel may take longer than a lease, and a message may wait for its turn: it stays ours all the while."""
        ending = [fence for fence, until in self._leases.items() if until - now <= LEASE / 2]
        if ending:
            numbers = {number for number, _, _ in ending}
            await self._context.database.write(lambda c: outbox.prolong(c, numbers, self._who, now + LEASE))
            self._leases |= {fence: now + LEASE for fence in ending if fence in self._leases}

    async def _welcome_back(self, now: datetime) -> None:
        """What waits for a provider that is back is due at once, not at its next try."""
        back = frozenset(self._back)
        if back:
            await self._context.database.write(lambda c: outbox.due_now(c, back, now))
            self._back -= back

    async def _claim(self, now: datetime) -> tuple[Taken | None, list[Parcel]]:
        """In one transaction; if that fails, with one more for each message: one that can't be put together delays
        nobody."""
        context, database, traffic = self._context, self._context.database, self._traffic
        room = self._room()
        try:
            return await database.write(lambda c: claim(c, context, self._who, now, room, traffic))
        except Overloaded:
            raise
        except Exception as error:  # noqa: BLE001 - the edge of the loop: the culprit is found below
            log.warning("dispatch.batch_split", error=type(error).__name__)
        taken = await database.write(lambda c: take(c, context, self._who, now, room, traffic))
        groups = [one for group in taken.groups for one in await self._sound(group, now)] if taken else []
        return taken, [parcel for group in groups for parcel in await self._put_together([group], now)]

    def _room(self) -> Room:
        """On each channel some room is kept for P0."""
        full = frozenset(channel for channel, count in self._in_flight.items() if count >= PER_CHANNEL)
        crowded = frozenset(channel for channel, count in self._in_flight.items() if count >= PER_CHANNEL - KEPT)
        return Room(full=full, crowded=crowded, pressed=self._pressed)

    async def _go_around(self, taken: Taken, now: datetime) -> None:
        """Pages whose provider is out take another way at once; they themselves wait for the next probe."""
        context, out = self._context, self._traffic.breakers.out()
        if not taken.blocked:
            return
        try:
            await context.database.write(lambda c: detour(c, context, taken.channels, taken.blocked, out, now))
        except Overloaded:
            raise
        except Exception:  # the edge of the loop: each of them is looked at again with the next probe
            log.exception("delivery.no_detour", incidents=[incident_ref(one.incident) for one in taken.blocked])

    async def _sound(self, group: Group, now: datetime) -> list[Group]:
        """Those that can be put together, together; each of the others by itself."""
        if len(group) == 1:
            return [group]
        sound = tuple([one for one in group if await self._is_sound(one, now)])
        return [*([sound] if sound else []), *((one,) for one in group if one not in sound)]

    async def _is_sound(self, claimed: Claimed, now: datetime) -> bool:
        context = self._context
        try:
            await context.database.read(lambda c: check(c, context, claimed, now))
        except Overloaded:
            raise
        except Exception:  # the edge of the loop, as above
            log.exception("delivery.not_put_together", incident=incident_ref(claimed.incident))
            return False
        return True

    async def _put_together(self, groups: Sequence[Group], now: datetime) -> list[Parcel]:
        """One of which something can't be read goes out without that: somebody is to be woken."""
        context, who = self._context, self._who
        for plain in (False, True):
            work = partial(put_together, context=context, who=who, groups=groups, now=now, plain=plain)
            try:
                return await context.database.write(work)
            except Overloaded:
                raise
            except Exception:  # the edge of the loop, as above
                refs = [incident_ref(one.incident) for group in groups for one in group]
                log.exception("delivery.not_put_together", incidents=refs[:TOGETHER], plain=plain)
        for group in groups:
            await self._set_aside(group, now)
        return []

    async def _set_aside(self, group: Group, now: datetime) -> None:
        """At once: what is stored does not change by being looked at again."""
        try:
            await self._context.database.write(lambda c: set_aside(c, group, self._who, now))
        except Overloaded:
            raise
        except Exception:  # as above; it is looked at again when its lease ends
            log.exception("delivery.not_set_aside", incidents=[incident_ref(one.incident) for one in group])
        else:
            await self._tell([incident_ref(one.incident) for one in group])

    async def settled(self) -> None:
        """Waits until all that is being sent has been recorded."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def drain(self) -> None:
        """Sends until there is nothing more to send now, and all of it is on record."""
        while await self.run_once() or self._under_way:
            await self.settled()

    @property
    def _under_way(self) -> list[asyncio.Task[None]]:
        recording = [self._recorder] if self._recorder is not None and not self._recorder.done() else []
        return [*self._sending, *recording]

    async def next_attempt(self) -> datetime | None:
        return await self._context.database.read(outbox.next_attempt)

    async def _send(self, parcel: Parcel, channels: Channels, why_spent: str, began: datetime) -> None:
        channel = parcel.message.channel
        if why_spent:
            results = parcel.results(error=DeliveryError(why_spent))
        else:
            self._in_flight[channel] += 1
            results = await self._try(parcel, channels)
            self._in_flight[channel] -= 1
            self._learn(parcel, results[0].error, began)
        self._results += results
        if self._recorder is None or self._recorder.done():
            self._recorder = asyncio.create_task(self._record())

    def _learn(self, parcel: Parcel, error: DeliveryError | None, began: datetime) -> None:
        """What the try says about its provider, and about how much its reader has got."""
        now, way = self._context.clock.now(), way_of(parcel.message)
        if self._traffic.breakers.ended(way.channel, error, now):
            self._back.add(way.channel)
        if error and not error.ambiguous and not parcel.envelope.receipt:
            self._traffic.lanes.failed(way, began)
        if error and error.limited:
            whose = way if error.limited is Limited.ADDRESS else Way(way.channel, EVERYBODY)
            self._traffic.lanes.slow_down(whose, error.retry_after or 0.0, now)

    async def _try(self, parcel: Parcel, channels: Channels) -> list[Result]:
        try:
            channel = channels[parcel.message.channel]
            found = await self._find(parcel, channel) if parcel.maybe_sent else None
            if found is not None:
                return parcel.results(receipt=found, found=True)
            receipt = await channel.send(parcel.envelope)
        except DeliveryError as error:
            return parcel.results(error=error)
        except TocsinError as error:
            return parcel.results(error=DeliveryError(str(error), permanent=True))
        except Exception as error:  # the edge of the loop: a channel that breaks is a failed try, never a lost page
            log.exception("delivery.channel_broke", channel=parcel.message.channel)
            sentence = f"the channel broke with {type(error).__name__}"
            return parcel.results(error=DeliveryError(sentence, ambiguous=True))
        return parcel.results(receipt=receipt)

    async def _find(self, parcel: Parcel, channel: Channel) -> Receipt | None:
        """What an earlier try has left at the provider. Where that can't be told the message is repeated and marked."""
        if not isinstance(channel, Traceable):
            return None
        try:
            return await channel.find(parcel.envelope)
        except DeliveryError as error:
            log.warning("delivery.not_looked_up", channel=channel.name, delivery=parcel.envelope.id, error=str(error))
            return None

    async def _record(self) -> None:
        """Results that wait share a transaction, so many of them that no alert waits long for its end. While the
        database can't take them they are kept."""
        while self._results:
            results = self._results[:RECORDED_AT_ONCE]
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
                self._leases.pop(result.claimed.fence, None)
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
