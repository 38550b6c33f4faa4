"""The engine as `tocsin serve` runs it, forked from a process that has all modules, on a clock that is moved."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing import parent_process
from pathlib import Path
from typing import Any
from unittest.mock import patch

import uvloop

from engine import bootstrap
from engine.cli import session
from engine.cli.serving import serve
from engine.config.settings import Settings
from tests.crash.breaking import Break, broken
from tests.crash.points import Point, Points
from tests.crash.switch import Switch

RING = signal.SIGUSR1


@dataclass(frozen=True, kw_only=True)
class Order:
    """One run of the engine. `target`: where it kills itself. `record`: where the points that it meets are written,
    one a line. `defect`: what is broken about it, to see whether that is found."""

    environ: Mapping[str, str]
    port: int
    switch: Path
    log: Path
    target: Point | None = None
    record: Path | None = None
    defect: Break | None = None


def run(order: Order) -> None:
    """In the forked process, to its end."""
    _redirect(order.log)
    os.environ.update(order.environ)
    switch = Switch(order.switch)
    points = Points(armed=lambda: switch.armed, target=order.target, record=_recorder(order.record))
    points.watch_commits()

    @asynccontextmanager
    async def application(settings: Settings, **options: Any) -> AsyncIterator[bootstrap.Application]:
        async with bootstrap.application(settings, **options | {"clock": switch}) as app:
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(RING, app.context.signals.ring)
            if watcher := parent_process():  # no engine outlives the one that would have ended it
                loop.add_reader(watcher.sentinel, os._exit, 1)
            yield app

    make_loop = uvloop.new_event_loop

    def watched_loop() -> asyncio.AbstractEventLoop:
        loop = make_loop()
        points.watch_tasks(loop)
        return loop

    with (
        patch.object(session, "application", application),
        patch.object(uvloop, "new_event_loop", watched_loop),
        broken(order.defect),
    ):
        serve(host="127.0.0.1", port=order.port, speed=1)


def _redirect(log: Path) -> None:
    place = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for standard in (1, 2):
        os.dup2(place, standard)


def _recorder(path: Path | None) -> Any:
    if path is None:
        return lambda _: None
    place = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    return lambda point: os.write(place, f"{point.occurrence} {point.place}\n".encode())
