"""A real engine process that can be killed, between sandboxes that go on living."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection, update

from engine.clock import sleep, utc_now
from engine.core.timeline import format_time
from engine.db import records
from engine.db.database import connect
from engine.db.tables import timers
from engine.services.ticking import LAST_TICK
from tests.real.harness import free_port
from tests.scenarios.stage import (
    ADMIN_TOKEN,
    BOT_TOKEN,
    SIGNING_SECRET,
    Edit,
    Outside,
    caller,
    outside,
    unedited,
    write_config,
)

SOURCE = Path(__file__).parent.parent.parent
PATIENCE = 30.0
GLANCE = 0.05


@dataclass(kw_only=True)
class Machine:
    """Where the engine runs; `start` after `kill` is a restart on the same data."""

    around: Outside
    environ: dict[str, str]
    log: Path
    port: int
    database_url: str
    process: asyncio.subprocess.Process | None = None
    http: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self.http = caller(f"http://127.0.0.1:{self.port}")

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "engine.cli",
                "serve",
                "--port",
                str(self.port),
                env=self.environ,
                stdout=log,
                stderr=log,
            )
        async with asyncio.timeout(PATIENCE):
            while not await self._ready():
                assert self.process.returncode is None, self.log.read_text()
                await sleep(GLANCE)

    async def _ready(self) -> bool:
        try:
            return (await self.http.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    async def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        assert self.process
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def sleep_through(self, span: timedelta) -> None:
        """As if the engine had been down for so long: what it left lies that much further in the past."""

        def age(connection: Connection) -> None:
            for row in connection.execute(timers.select()).all():
                place = update(timers).where(timers.c.id == row.id)
                connection.execute(place.values(due_at=row.due_at - span))
            records.put_setting(connection, LAST_TICK, format_time(utc_now() - span))

        database = connect(self.database_url)
        await database.write(age)
        await database.close()

    async def incident(self, ref: str = "INC-1") -> dict[str, Any]:
        answer = await self.http.get(f"/api/v1/incidents/{ref}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def timeline(self, ref: str = "INC-1") -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = (await self.http.get(f"/api/v1/incidents/{ref}/timeline")).json()["items"]
        return lines

    async def found_at_the_provider(self, ref: str = "INC-1") -> None:
        """Waits for the line that says so of a page whose sending broke off."""
        async with asyncio.timeout(PATIENCE):
            while not any("found at the provider" in line["reason"] for line in await self.timeline(ref)):
                await sleep(GLANCE)

    def direct(self, who: str) -> list[str]:
        """The texts of the direct messages that a person has on Slack."""
        return [message.text for message in self.around.slack.messages(user=self.around.reach[who]["slack"])]


@asynccontextmanager
async def machine(database_url: str, folder: Path, edit: Edit = unedited) -> AsyncIterator[Machine]:
    config = write_config(folder, edit)
    async with outside(config) as around:
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(SOURCE),
            "TOCSIN_DATA_DIR": str(folder / "data"),
            "TOCSIN_DATABASE_URL": database_url,
            "TOCSIN_CONFIG": str(config),
            "TOCSIN_ADMIN_TOKEN": ADMIN_TOKEN,
            "SLACK_BOT_TOKEN": BOT_TOKEN,
            "SLACK_SIGNING_SECRET": SIGNING_SECRET,
            "SLACK_API_URL": around.slack.api_url,
            "TOCSIN_SMTP_URL": around.mail.url,
            "TOCSIN_MAIL_FROM": "tocsin@example.com",
        }
        port = free_port()
        around.slack.request_url = f"http://127.0.0.1:{port}/slack/events"
        found = Machine(around=around, environ=environ, log=folder / "engine.log", port=port, database_url=database_url)
        try:
            await found.start()
            yield found
        finally:
            if found.process and found.process.returncode is None:
                await found.kill()
            await found.http.aclose()
