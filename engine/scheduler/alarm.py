"""The alarm clock: a date job at the next due time, and a sweep as a safety net.

No job store: a 3.x store can't be shared between engines, and its misfire grace drops what fell due during a restart.
APScheduler goes by the machine's clock, which may be set; the event loop's never is, and keeps it from waiting for the
same hour twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from engine.clock import TOLERANCE, utc_now
from engine.core.errors import TocsinError
from engine.services.context import Context
from engine.services.metrics import Metrics
from engine.services.ticking import Ticker

log = structlog.get_logger()

SWEEP = timedelta(seconds=1)
"""A wake-up that was lost costs this much lateness at most."""
BREATH = timedelta(milliseconds=20)
"""Between two looks: what falls due meanwhile shares the next one's transaction."""
NEXT = "next-due"
INSTANCES = 3
"""A look that is about to end, one under way and one that waits for it; APScheduler drops what would be one more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Errand:
    """Something to do now and then beside the timers. Real time counts; a run that takes longer is not doubled."""

    name: str
    every: timedelta
    run: Callable[[], Awaitable[object]]


class Every(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """So long after the last run. APScheduler's own interval makes up a list of all that would have run meanwhile: for
    a clock that started in 1970 and is set right, that is a loop over decades."""

    def __init__(self, span: timedelta) -> None:
        self._span = span

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
        return now + self._span


class Alarm:
    def __init__(
        self,
        context: Context,
        ticker: Ticker,
        metrics: Metrics,
        errands: Sequence[Errand] = (),
    ) -> None:
        self._context = context
        self._ticker = ticker
        self._metrics = metrics
        self._errands = errands
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._ticking = asyncio.Lock()
        self._background: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """What fell due while the engine was down fires before this returns."""
        await self._look()
        self._repeat(self._look, SWEEP)
        for errand in self._errands:
            self._repeat(partial(self._do, errand), errand.every)
        self._scheduler.start()
        self._background = [asyncio.create_task(self._listen()), asyncio.create_task(self._watch_the_clock())]

    def _repeat(self, run: Callable[[], Awaitable[None]], every: timedelta) -> None:
        self._scheduler.add_job(run, Every(every), max_instances=1, coalesce=True, misfire_grace_time=None)

    async def stop(self) -> None:
        """Lets a tick that is under way end; what is due after that is due at the next start."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        async with self._ticking:
            if self._scheduler.running:
                self._scheduler.shutdown(wait=False)

    async def _look(self) -> None:
        async with self._ticking:
            try:
                with self._metrics.tick_seconds.time():
                    ticked = await self._ticker.tick()
                self._metrics.ticked(ticked)
                await self._set_next()
            except TocsinError as error:  # the database is away; the sweep comes again
                log.warning("tick.failed", error=str(error))
            except Exception:  # the edge of the loop: the next tick has to come
                log.exception("tick.broke")

    async def _do(self, errand: Errand) -> None:
        try:
            await errand.run()
        except TocsinError as error:  # its time comes again
            log.warning("errand.failed", errand=errand.name, error=str(error))
        except Exception:  # the edge of the loop: the others have to go on
            log.exception("errand.broke", errand=errand.name)

    async def _set_next(self) -> None:
        due = await self._ticker.next_due()
        if due is None:
            return
        clock = self._context.clock
        wait = max(BREATH, timedelta(seconds=clock.wait_for(due - clock.now())))
        if wait < SWEEP:
            self._scheduler.add_job(
                self._look,
                "date",
                run_date=utc_now() + wait,
                id=NEXT,
                replace_existing=True,
                max_instances=INSTANCES,
                misfire_grace_time=None,
            )

    async def _listen(self) -> None:
        """A commit may have made a timer that is due before the next sweep."""
        while True:
            await self._context.signals.timers.wait()
            self._context.signals.timers.clear()
            try:
                async with self._ticking:  # a look that is under way sets the next one itself
                    await self._set_next()
            except TocsinError as error:  # as in _look
                log.warning("tick.failed", error=str(error))
            await asyncio.sleep(SWEEP.total_seconds() / 20)

    async def _watch_the_clock(self) -> None:
        """Where the machine's clock is set back, all that is planned by it moves along."""
        elapsed = asyncio.get_running_loop().time
        wall, steady = utc_now(), elapsed()
        while True:
            await asyncio.sleep(SWEEP.total_seconds())
            step = utc_now() - wall - timedelta(seconds=elapsed() - steady)
            wall, steady = utc_now(), elapsed()
            if step < -TOLERANCE:
                log.warning("clock.set_back", by_s=round(-step.total_seconds(), 1))
                for job in self._scheduler.get_jobs():
                    job.modify(next_run_time=job.next_run_time + step)
