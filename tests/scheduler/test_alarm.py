"""When the engine looks for timers that are due."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta, tzinfo
from types import SimpleNamespace
from typing import cast

import pytest
from apscheduler.schedulers import base

from engine.clock import SystemClock, utc_now
from engine.db.database import Database
from engine.scheduler import alarm as module
from engine.scheduler.alarm import SWEEP, Alarm, Errand
from engine.services.context import Context, Revisions, Signals
from engine.services.metrics import Metrics
from engine.services.ticking import Ticked, Ticker

Due = Callable[[], datetime | None]
CLOCK = SystemClock()


class CountingTicker(Ticker):
    """Fires nothing, and knows when the next timer would be due."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.looks = 0
        self._looked = asyncio.Event()
        self.due: Due = lambda: None

    async def tick(self) -> Ticked:
        self.looks += 1
        self._looked.set()
        return Ticked()

    async def next_due(self) -> datetime | None:
        return self.due()

    async def looked(self, times: int) -> None:
        while self.looks < times:
            await self._looked.wait()
            self._looked.clear()


class Wall:
    """The machine's clock, as APScheduler and the alarm read it."""

    def __init__(self) -> None:
        self.off = timedelta()

    def now(self, tz: tzinfo | None = None) -> datetime:
        return (utc_now() + self.off).astimezone(tz)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    found = Wall()
    monkeypatch.setattr(base, "datetime", SimpleNamespace(now=found.now))
    monkeypatch.setattr(module, "utc_now", found.now)
    return found


@pytest.fixture
async def errands_done() -> asyncio.Queue[None]:
    return asyncio.Queue()


@pytest.fixture
async def ticker(wall: Wall, errands_done: asyncio.Queue[None]) -> AsyncIterator[CountingTicker]:
    """Of an alarm that has started, and so has looked once."""

    async def run() -> None:
        errands_done.put_nowait(None)

    context = Context(
        database=cast("Database", None),
        clock=CLOCK,
        revisions=cast("Revisions", None),
        playbooks={},
        signals=Signals(),
    )
    ticker = CountingTicker(context)
    alarm = Alarm(context, ticker, Metrics(), [Errand(name="test", every=SWEEP, run=run)])
    await alarm.start()
    yield ticker
    await alarm.stop()


def ring(ticker: CountingTicker, due: Due) -> None:
    """A commit has left a timer behind."""
    ticker.due = due
    ticker._context.signals.ring()  # noqa: SLF001 - as the services do, which have it from the same hand


async def test_timers_that_fall_due_one_after_another_do_not_wait_for_the_sweep(ticker: CountingTicker) -> None:
    ring(ticker, lambda: CLOCK.now() + timedelta(milliseconds=30))
    async with asyncio.timeout(SWEEP.total_seconds() * 0.9):
        await ticker.looked(6)


async def test_a_timer_that_is_overdue_is_looked_at_at_once(ticker: CountingTicker) -> None:
    ring(ticker, lambda: CLOCK.now() - timedelta(minutes=1) if ticker.looks < 2 else None)
    async with asyncio.timeout(SWEEP.total_seconds() * 0.9):
        await ticker.looked(2)


async def test_without_any_timer_it_sweeps(ticker: CountingTicker) -> None:
    async with asyncio.timeout(SWEEP.total_seconds() * 4):
        await ticker.looked(2)


@pytest.mark.parametrize("leap", [timedelta(hours=-1), timedelta(hours=1), timedelta(days=365 * 50)], ids=str)
async def test_a_clock_that_is_set_stops_neither_the_sweep_nor_the_errands(
    ticker: CountingTicker, wall: Wall, errands_done: asyncio.Queue[None], leap: timedelta
) -> None:
    await errands_done.get()
    wall.off = leap
    looks = ticker.looks
    async with asyncio.timeout(SWEEP.total_seconds() * 5):
        await ticker.looked(looks + 2)
        await errands_done.get()
        await errands_done.get()


async def test_a_timer_that_was_set_for_the_hour_before_does_not_wait_for_it(
    ticker: CountingTicker, wall: Wall
) -> None:
    """The next look was put on the machine's clock before that is set back."""
    ring(ticker, lambda: CLOCK.now() + SWEEP / 2 if ticker.looks < 2 else None)
    wall.off = timedelta(hours=-1)
    async with asyncio.timeout(SWEEP.total_seconds() * 4):
        await ticker.looked(2)
