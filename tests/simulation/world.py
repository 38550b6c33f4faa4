"""The world around the engines: a list of what comes next, a clock that goes from one event to the next, a journal."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from random import Random

from engine.clock import VirtualClock
from engine.services import configs
from tests.services.engines import Engine, assemble
from tests.simulation.crew import Crew, Process
from tests.simulation.facts import Away, Died, Fact, Journal, Revised
from tests.simulation.pace import Pace
from tests.simulation.sky import Sky
from tests.simulation.standard import DOCUMENTED, Table
from tests.simulation.tables import document_of, read

Happening = Callable[[], Awaitable[None]]
START = datetime(2026, 1, 5, tzinfo=UTC)
RESTLESS = 500
"""Looks at one instant; more of them would be a circle."""


class Restless(Exception):
    """The engine does not come to rest."""


class World:
    """`true` is the time that passes; the engines' clock may be ahead of it or behind."""

    def __init__(self, *, seed: int, url: str, pace: Pace, span: timedelta) -> None:
        random.seed(seed)  # the sender's jitter
        self.seed = seed
        self.pace = pace
        self.chance = Random(seed)
        self.true = START + timedelta(days=self.chance.randrange(365))
        self.end = self.true + span
        self.clock = VirtualClock(self.true)
        self.sky = Sky(self.chance, self.clock.now)
        if self.chance.random() < 0.3:
            self.sky.lacking.clear()
        self.journal = Journal(table=DOCUMENTED, arrivals=self.sky.arrivals)
        self.crew = Crew(url, self.clock, self.sky, read, self._someone_died)
        self.document = document_of(DOCUMENTED)
        self.closing = False
        self.on_death: Callable[[], None] = lambda: None
        self.on_storm: Callable[[], None] = lambda: None
        self.alone_since: datetime | None = None
        self._agenda: list[tuple[datetime, int, Happening]] = []
        self._numbers = itertools.count()
        self._looks = 0

    # --- time ---

    def later(self, span: timedelta, what: Happening) -> None:
        heapq.heappush(self._agenda, (self.true + span, next(self._numbers), what))

    def every(self, mean: timedelta, what: Happening) -> None:
        """Again and again, until the world winds down."""

        async def again() -> None:
            if not self.closing:
                self.every(mean, what)
                await what()

        self.later(mean * self.chance.expovariate(1), again)

    def span(self, least: timedelta, most: timedelta) -> timedelta:
        """To the microsecond, so that two things seldom fall on one instant unless they are meant to; short spans are
        as likely as long ones."""
        share = self.chance.uniform(0, 1) ** 2
        return least + timedelta(microseconds=int((most - least) / timedelta(microseconds=1) * share))

    def leap(self, span: timedelta) -> None:
        """The engines' clock is put forward or back."""
        before, after = self.clock.now(), self.clock.advance(span)
        if span > timedelta() and self.crew.processes:
            self.note(Away(since=before, until=after, why="the clock leaped"))

    async def run_until(self, end: datetime) -> None:
        while await self._step(end):
            pass

    async def _step(self, end: datetime) -> bool:
        """One event; False where there is none before the end."""
        moments = await self.crew.next_moments() if self.crew.processes else None
        due = moments.first if moments else None
        due = max(due - self.clock.now() + self.true, self.true) if due else None
        happens = self._agenda[0][0] if self._agenda else None
        first = min((at for at in (due, happens) if at is not None), default=end)
        if first >= end:
            self._go_to(end)
            return False
        self._go_to(first)
        if happens == first and (due != first or self.chance.random() < 0.5):
            await heapq.heappop(self._agenda)[2]()
        else:
            await self._look(timers_due=bool(moments and moments.timer and moments.timer <= self.clock.now()))
        return True

    def _go_to(self, true: datetime) -> None:
        if true > self.true:
            self.clock.advance(true - self.true)
            self.true, self._looks = true, 0

    async def _look(self, *, timers_due: bool) -> None:
        self._looks += 1
        if self._looks > RESTLESS:
            raise Restless(f"more than {RESTLESS} looks at {self.clock.now()}")
        await self.crew.look(timers_due=timers_due)

    async def next_timer(self) -> timedelta | None:
        """How long until the next timer is due."""
        due = (await self.crew.next_moments()).timer
        return None if due is None else max(timedelta(), due - self.clock.now())

    # --- what is written down ---

    def note(self, fact: Fact) -> None:
        self.journal.facts.append(fact)

    # --- engines ---

    def anyone(self) -> Process | None:
        return self.chance.choice(self.crew.processes) if self.crew.processes else None

    async def start_engine(self) -> None:
        if self.alone_since is not None:
            self.note(Away(since=self.alone_since, until=self.clock.now(), why="no engine ran"))
            self.alone_since = None
        await self.crew.start()

    async def stop_engines(self) -> None:
        if self.crew.processes:
            await self.crew.stop_all()
            self.alone_since = self.clock.now()

    def _someone_died(self) -> None:
        self.note(Died(at=self.clock.now()))
        if not self.crew.processes:
            self.alone_since = self.clock.now()
        self.on_death()

    async def apply(self, table: Table, document: str | None = None) -> None:
        """As the command line does: another process, which is not killed here."""
        engine = self._console()
        text = document or document_of(table)
        applied = await configs.apply(engine.context, document=text, digest=text, by="a person")
        if applied.new:
            self.note(Revised(at=self.clock.now(), table=table))
        await configs.keep_playbooks(engine.context)

    def _console(self) -> Engine:
        return assemble(self.crew.observer, self.clock, self.sky, read)
