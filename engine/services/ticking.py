"""The tick: timers that are due fire, many in one transaction; a bad one is found, set aside, and delays nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy import Connection

from engine.core.errors import Conflict, Overloaded
from engine.core.firing import fire_due
from engine.core.model import ENGINE, Event, State, TimerState, incident_ref
from engine.core.spans import spell
from engine.core.timeline import Kind, format_time
from engine.db import incidents, records, timers
from engine.services.cases import Gathered, Ledger, gather
from engine.services.context import Context
from engine.services.reports import freeze

log = structlog.get_logger()

LAST_TICK = "last_tick"
NOTE_EVERY = timedelta(seconds=5)
"""How often the time of the last tick is written down, to tell an outage from a slow tick."""
OUTAGE = timedelta(seconds=30)
BATCH = 64
"""Timers in one transaction: alerts that come in meanwhile wait for its end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticked:
    """What a tick did: timers fired, incidents whose timers were set aside, how late each timer was (engine time)."""

    fired: int = 0
    set_aside: tuple[str, ...] = ()
    lateness: tuple[timedelta, ...] = ()

    @property
    def touched(self) -> bool:
        return bool(self.fired or self.set_aside)

    def __add__(self, other: Ticked) -> Ticked:
        return Ticked(
            fired=self.fired + other.fired,
            set_aside=self.set_aside + other.set_aside,
            lateness=self.lateness + other.lateness,
        )


async def _as_it_is() -> timedelta:
    """A clock that nobody has to keep right."""
    return timedelta()


async def _in_the_log(refs: Sequence[str]) -> None:
    """What is set aside is in the log already."""


class Watch(Protocol):
    """Something else that falls due, looked at after the timers of each tick."""

    async def look(self) -> None:
        """Does what is due now. Raises Overloaded."""

    async def next_due(self) -> datetime | None: ...


class Ticker:
    """`keep_time` puts the clock right, and returns by how much it went forward. `tell` hears of incidents whose timers
    can't be worked."""

    def __init__(
        self,
        context: Context,
        *,
        keep_time: Callable[[], Awaitable[timedelta]] = _as_it_is,
        tell: Callable[[Sequence[str]], Awaitable[None]] = _in_the_log,
        watches: Sequence[Watch] = (),
    ) -> None:
        self._context = context
        self._watches = watches
        self._keep_time = keep_time
        self._tell = tell
        self._noted: datetime | None = None
        self.last_tick: datetime | None = None

    async def tick(self) -> Ticked:
        """Fires everything that is due now. Never raises for one incident's sake, but Overloaded for the database's."""
        leapt = await self._keep_time()
        now = self._context.clock.now()
        outage = await self._note(now, leapt)
        await self._context.database.read(self._context.revisions.current)
        total = Ticked()
        while (done := await self._fire(now, outage)).touched:
            self._context.signals.work += done.fired
            self._context.signals.outbox.set()
            total = total + done
        self.last_tick = now
        if total.set_aside:
            await self._tell(total.set_aside)
        for watch in self._watches:
            await self._look(watch)
        return total

    async def _look(self, watch: Watch) -> None:
        try:
            await watch.look()
        except Overloaded:
            raise
        except Exception:  # the edge of the loop: the timers have fired, the other watches have to be looked at
            log.exception("watch.broke", watch=type(watch).__name__)

    async def _fire(self, now: datetime, outage: str) -> Ticked:
        """One batch in one transaction; if that fails, each of its incidents in a transaction of its own."""
        database = self._context.database
        try:
            return await database.write(lambda connection: fire(connection, self._context, now, outage))
        except Overloaded:
            raise
        except Exception as error:  # noqa: BLE001 - the edge of the loop: the culprit is found and set aside below
            log.warning("tick.batch_split", error=type(error).__name__)
        total = Ticked()
        for number in await database.read(lambda connection: timers.due(connection, now, BATCH)):
            total = total + await self._fire_alone(number, now, outage)
        return total

    async def _fire_alone(self, number: int, now: datetime, outage: str) -> Ticked:
        database = self._context.database
        try:
            return await database.write(lambda connection: fire(connection, self._context, now, outage, [number]))
        except (Overloaded, Conflict):  # the next sweep comes again
            return Ticked()
        except Exception:  # as above
            log.exception("timer.poisoned", incident=incident_ref(number))
        try:
            await database.write(lambda connection: set_aside(connection, number, now))
        except Overloaded:
            raise
        except Exception:  # as above; the next tick meets it again, and the incidents after it do not wait for that
            log.exception("timer.not_set_aside", incident=incident_ref(number))
            return Ticked()
        return Ticked(set_aside=(incident_ref(number),))

    async def next_due(self) -> datetime | None:
        found = [await self._context.database.read(timers.next_due)]
        found += [await watch.next_due() for watch in self._watches]
        return min((due for due in found if due is not None), default=None)

    async def _note(self, now: datetime, leapt: timedelta) -> str:
        """Writes the time down now and then; returns what there is to say of a time in which the engine did not run."""
        before = self.last_tick or await self._context.database.read(last_tick)
        if self._noted is None or now - self._noted >= NOTE_EVERY:
            await self._context.database.write(
                lambda connection: records.put_setting(connection, LAST_TICK, format_time(now))
            )
            self._noted = now
        if before is None:
            return ""
        if leapt > OUTAGE:
            return f"the clock went forward at once, from {now - leapt:%H:%M:%S} to {now:%H:%M:%S} UTC"
        if not self._stood_still(now - before):
            return ""
        log.warning("engine.outage", since=format_time(before), seconds=round((now - before).total_seconds()))
        return f"the engine did not run from {before:%H:%M:%S} to {now:%H:%M:%S} UTC"

    def _stood_still(self, gap: timedelta) -> bool:
        """Within a run the machine's time counts, for a drill's clock leaps between any two ticks."""
        return (gap if self.last_tick is None else timedelta(seconds=self._context.clock.wait_for(gap))) > OUTAGE


def last_tick(connection: Connection) -> datetime | None:
    text = records.get_setting(connection, LAST_TICK)
    return datetime.fromisoformat(text) if text else None


def fire(
    connection: Connection, context: Context, now: datetime, outage: str, numbers: Sequence[int] | None = None
) -> Ticked:
    """The transaction: claims incidents with timers that are due (or takes the given ones), decides, writes."""
    numbers = timers.due(connection, now, BATCH, claim=True) if numbers is None else numbers
    if not numbers:
        return Ticked()
    channels = context.revisions.channels(context.revisions.current(connection))
    ledger = Ledger(connection, channels, now)
    total = Ticked()
    for gathered in gather(connection, context, numbers, channels).values():
        total = total + _fire_one(connection, context, ledger, gathered, now, outage)
    ledger.flush()
    return total


def _fire_one(
    connection: Connection, context: Context, ledger: Ledger, gathered: Gathered, now: datetime, outage: str
) -> Ticked:
    """Looks again: between the claim and the lock somebody may have ended what was due."""
    due = [timer for timer, state in gathered.timers.values() if state is TimerState.PENDING and timer.due_at <= now]
    if not due:
        return Ticked()
    incident = ledger.change(gathered, fire_due(gathered.case, due, now, outage))
    if incident.state is State.CLOSED:
        ledger.flush()  # the report holds the line that closed it
        freeze(connection, context, incident, now)
    lateness = tuple(now - timer.due_at for timer in due)
    log.info("timer.fired", incident=incident.ref, timers=[timer.key for timer in due], late=spell(max(lateness)))
    return Ticked(fired=len(due), lateness=lateness)


def set_aside(connection: Connection, number: int, now: datetime) -> None:
    """Timers that can't be worked delay nobody: they are marked, and the timeline says so."""
    due = timers.poison(connection, number, now)
    reason = "a timer could not be worked and is set aside; the engine's log says why"
    event = Event(kind=Kind.POISONED.value, actor=str(ENGINE), reason=reason, data={"timers": due})
    incidents.append_events(connection, {number: [event]}, now)
