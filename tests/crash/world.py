"""Sandboxes and a database that live on while engines between them are killed and started again."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection, func, or_, select

from engine.bootstrap import build_channels
from engine.clock import sleep
from engine.config.stored import from_document
from engine.db.database import Database, connect
from engine.db.tables import outbox, timers
from engine.services.context import Context, Revisions, Signals
from integrations.channels import Resources
from tests.crash import child
from tests.crash.breaking import Break
from tests.crash.points import Point
from tests.crash.switch import Switch
from tests.real.harness import free_port
from tests.scenarios.stage import (
    ADMIN_TOKEN,
    BOT_TOKEN,
    NIGHT,
    SIGNING_SECRET,
    Outside,
    caller,
    outside,
    unbundled,
    write_config,
)

PATIENCE = 20.0
GLANCE = 0.01
AFTERWARDS = 3.0
Fresh = Callable[[], AbstractAsyncContextManager[str]]
FORKS = multiprocessing.get_context("forkserver")


class Gone(Exception):
    """The engine was killed while something was asked of it."""


def preload() -> None:
    """To be called before the first engine is started."""
    FORKS.set_forkserver_preload(["tests.crash.preload"])


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What all runs of one place have in common. `fresh` gives the address of an empty, migrated database for the time
    of one run."""

    folder: Path
    config: Path
    fresh: Fresh
    switch: Switch
    revisions: Revisions
    port: int


@dataclass(kw_only=True)
class World:
    """One run's sandboxes, and its engine, which may be killed and started again."""

    ground: Ground
    around: Outside
    database_url: str
    database: Database
    http: httpx.AsyncClient
    process: BaseProcess | None = None
    exited: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def switch(self) -> Switch:
        return self.ground.switch

    @property
    def context(self) -> Context:
        """For reading the record; nothing is sent through it."""
        return Context(
            database=self.database,
            clock=self.switch,
            revisions=self.ground.revisions,
            playbooks={},
            signals=Signals(),
        )

    @property
    def log(self) -> Path:
        return self.ground.folder / "engine.log"

    async def start(
        self, *, target: Point | None = None, record: Path | None = None, defect: Break | None = None
    ) -> None:
        """Returns once the engine answers."""
        self.exited = asyncio.Event()
        order = child.Order(
            environ=_environ(self),
            port=self.ground.port,
            switch=self.ground.folder / "switch",
            log=self.log,
            target=target,
            record=record,
            defect=defect,
        )
        self.process = FORKS.Process(target=child.run, args=(order,), daemon=True)
        self.process.start()
        asyncio.get_running_loop().add_reader(self.process.sentinel, self._ended)

    def _ended(self) -> None:
        assert self.process
        asyncio.get_running_loop().remove_reader(self.process.sentinel)
        self.process.join()
        self.exited.set()

    async def ready(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while not await self._answers():
                if self.exited.is_set():
                    raise Gone(self.log.read_text()[-2000:])
                await sleep(GLANCE)

    async def _answers(self) -> bool:
        try:
            return (await self.http.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    async def ended(self) -> bool:
        """Whether the process is gone; that is heard of a moment after its last word."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.exited.wait(), AFTERWARDS)
        return self.exited.is_set()

    async def kill(self) -> None:
        if self.process and not self.exited.is_set():
            self.process.kill()
            await self.exited.wait()

    def move(self, span: timedelta) -> None:
        self.switch.set(self.switch.now() + span)

    async def settle(self, within: float = PATIENCE) -> None:
        """Everything that is due by the clock is done: fired, sent, on record. Raises Gone, and TimeoutError
        with what is left after so many seconds."""
        self.ring()
        left: tuple[int, int] | None = None
        try:
            async with asyncio.timeout(within):
                while left := await self.database.read(self._due):
                    if self.exited.is_set():
                        raise Gone
                    await sleep(GLANCE)
        except TimeoutError:
            raise TimeoutError(f"still to be done after {within:g} s: (messages, timers) = {left}") from None

    def ring(self) -> None:
        if self.process is None or self.process.pid is None or self.exited.is_set():
            raise Gone
        try:
            os.kill(self.process.pid, child.RING)
        except ProcessLookupError:
            raise Gone from None

    def _due(self, connection: Connection) -> tuple[int, int] | None:
        now = self.switch.now()
        messages = or_(
            (outbox.c.state == "pending") & (outbox.c.next_at <= now),
            outbox.c.claimed_until.is_not(None),
            outbox.c.update_at <= now,
        )
        late = (timers.c.state == "pending") & (timers.c.due_at <= now)
        waiting = connection.execute(select(func.count()).select_from(outbox).where(messages)).scalar_one()
        due = connection.execute(select(func.count()).select_from(timers).where(late)).scalar_one()
        return (waiting, due) if waiting or due else None

    def waiting(self, connection: Connection) -> int:
        """Messages that are not sent yet, though they may not be due."""
        left = select(func.count()).select_from(outbox).where(outbox.c.state.in_(("pending", "claimed")))
        return connection.execute(left).scalar_one()


def ground(fresh: Fresh, folder: Path) -> Ground:
    switch = Switch.make(folder / "switch")
    resources = Resources(clock=switch, session=_no_session, secret=lambda _: None)
    return Ground(
        folder=folder,
        config=write_config(folder, unbundled),
        fresh=fresh,
        switch=switch,
        revisions=Revisions(from_document, lambda config: build_channels(config, resources)),
        port=free_port(),
    )


def _no_session() -> Any:
    raise AssertionError("the watcher sends nothing")


@asynccontextmanager
async def world(place: Ground) -> AsyncIterator[World]:
    """A new night; no engine is started yet, and none is left."""
    place.switch.set(NIGHT)
    place.switch.arm(on=False)
    address = f"http://127.0.0.1:{place.port}"
    async with place.fresh() as url, outside(place.config) as around, caller(address) as http:
        around.slack.request_url = f"{address}/slack/events"
        found = World(ground=place, around=around, http=http, database_url=url, database=connect(url))
        try:
            yield found
        finally:
            await found.kill()
            await found.database.close()


def _environ(night: World) -> dict[str, str]:
    place, around = night.ground, night.around
    return {
        "TOCSIN_DATA_DIR": str(place.folder / "data"),
        "TOCSIN_DATABASE_URL": night.database_url,
        "TOCSIN_CONFIG": str(place.config),
        "TOCSIN_ADMIN_TOKEN": ADMIN_TOKEN,
        "TOCSIN_LOG_FORMAT": "json",
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_SIGNING_SECRET": SIGNING_SECRET,
        "SLACK_API_URL": around.slack.api_url,
        "TOCSIN_SMTP_URL": around.mail.url,
        "TOCSIN_MAIL_FROM": "tocsin@example.com",
    }
