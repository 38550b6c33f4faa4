"""Keeps the probes going: claims what is due, makes so many runs at once, waits for the next.

A run that hangs holds its own place and no other's.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from engine.core.errors import TocsinError
from engine.services.context import Context
from engine.services.probing import Probes, Run

log = structlog.get_logger()

PLACES = 200
"""Runs at once. With all of them hanging for 5 s, 400 probes still have their run every 10 s."""
SCAN = 1.0
"""Seconds between two looks at least: a configuration that was applied meanwhile is noticed."""
BREATH = 0.05
"""Seconds between two looks at most: what falls due meanwhile shares the next claim's transaction."""


class Prober:
    def __init__(self, context: Context, probes: Probes, *, places: int = PLACES) -> None:
        self._context = context
        self._probes = probes
        self._places = places
        self._task: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._stopping = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Runs under way are broken off: the next one, of whichever engine, says how it stands. What has ended is
        written down."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._probes.written()

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            rest = await self._look()
            await asyncio.sleep(BREATH)
            if not self._stopping:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), rest)

    async def _look(self) -> float:
        """Begins what is due; returns the seconds until the next look."""
        free = self._places - len(self._running)
        if not free:
            return SCAN
        try:
            for run in await self._probes.claim(free):
                self._begin(run)
            due = await self._probes.next_due()
        except TocsinError as error:  # the database is away; the next look comes
            log.warning("prober.failed", error=str(error))
            return SCAN
        except Exception:  # the edge of the loop: the next look has to come
            log.exception("prober.broke")
            return SCAN
        if due is None:
            return SCAN
        clock = self._context.clock
        return min(SCAN, clock.wait_for(due - clock.now()))

    def _begin(self, run: Run) -> None:
        task = asyncio.create_task(self._probes.work(run))
        self._running.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        if len(self._running) == self._places:
            self._wake.set()
        self._running.discard(task)
