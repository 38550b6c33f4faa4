"""The engines on one database: started, looking, killed in the middle of something, started again."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection

from engine.clock import VirtualClock
from engine.db import outbox, timers
from engine.db.database import connect
from engine.services.context import ReadConfig
from tests.services.engines import Engine, Wire, assemble
from tests.simulation.lives import Died, Life

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Moments:
    """When the next timer is due, and when there is something to send."""

    timer: datetime | None
    message: datetime | None

    @property
    def first(self) -> datetime | None:
        return min((at for at in (self.timer, self.message) if at is not None), default=None)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Process:
    engine: Engine
    life: Life

    async def do(self, work: Callable[[Engine], Coroutine[Any, Any, T]]) -> T:
        """Raises Died."""
        return await self.life.run(work(self.engine))


class Crew:
    """`died` hears of each death."""

    def __init__(self, url: str, clock: VirtualClock, wire: Wire, read: ReadConfig, died: Callable[[], None]) -> None:
        self.observer = connect(url)
        self.processes: list[Process] = []
        self._url = url
        self._clock = clock
        self._wire = wire
        self._read = read
        self._died = died

    async def start(self) -> None:
        """As `Application.start` does: claims of a process before are released where this one is alone, and what fell
        due meanwhile fires."""
        database = connect(self._url)
        engine = assemble(database, self._clock, self._wire, self._read)
        process = Process(engine=engine, life=Life())
        if database.dialect == "sqlite" and not self.processes:
            await engine.sender.release_claims()
        self.processes.append(process)
        await self.do(process, lambda one: one.ticker.tick())

    async def stop(self, process: Process) -> None:
        """In peace: what is under way ends."""
        self.processes.remove(process)
        await process.engine.stop()

    async def stop_all(self) -> None:
        for process in list(self.processes):
            await self.stop(process)

    async def close(self) -> None:
        await self.stop_all()
        await self.observer.close()
        self._close_what_the_dead_held()

    async def do(self, process: Process, work: Callable[[Engine], Coroutine[Any, Any, T]]) -> T:
        """Raises Died where the process ends before it has answered."""
        try:
            return await process.do(work)
        except Died:
            if process in self.processes:  # the first of those who were waiting for it to hear of it
                self.processes.remove(process)
                self._died()
                await process.engine.stop()
            raise

    def _close_what_the_dead_held(self) -> None:
        """As the system does when a process ends. Whoever holds a connection when it dies here never gives it back, and
        the driver complains of that when it is collected: now, and not in the middle of somebody else's test."""
        if self.observer.dialect == "postgresql":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                gc.collect()

    async def look(self, *, timers_due: bool) -> None:
        """All engines at the same time, as their alarm clocks ring."""
        await asyncio.gather(*(self._look(process, timers_due=timers_due) for process in list(self.processes)))

    async def _look(self, process: Process, *, timers_due: bool) -> None:
        async def work(engine: Engine) -> None:
            if timers_due:
                await engine.ticker.tick()
            await engine.sender.drain()

        try:
            await self.do(process, work)
        except Died:
            return

    async def next_moments(self) -> Moments:
        def read(connection: Connection) -> Moments:
            return Moments(timer=timers.next_due(connection), message=outbox.next_attempt(connection))

        return await self.observer.read(read)
