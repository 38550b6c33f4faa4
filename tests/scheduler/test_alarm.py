"""When the engine looks for timers that are due."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import cast

import pytest

from engine.clock import SystemClock
from engine.db.database import Database
from engine.scheduler.alarm import SWEEP, Alarm
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


@pytest.fixture
async def ticker() -> AsyncIterator[CountingTicker]:
    """Of an alarm that has started, and so has looked once."""
    context = Context(
        database=cast("Database", None),
        clock=CLOCK,
        revisions=cast("Revisions", None),
        playbooks={},
        signals=Signals(),
    )
    ticker = CountingTicker(context)
    alarm = Alarm(context, ticker, Metrics())
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
