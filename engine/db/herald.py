"""Wakes the other engines on one PostgreSQL as soon as there is something to send or a timer that may be due.

It goes by LISTEN and NOTIFY over a connection of its own, after the commit: a NOTIFY inside the transaction would make
all commits of the server wait for one another. A word that is lost costs a sweep, a second at most, never a page.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import cast

import asyncpg
import structlog
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from engine.clock import sleep
from engine.db.database import nullpool_async

log = structlog.get_logger()

CHANNEL = "tocsin"
GATHER = 0.02
"""Seconds between two words: what is committed meanwhile shares the next one."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0
"""Seconds before the connection is tried again."""
AWAY = (OSError, TimeoutError, DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError)


class Herald:
    def __init__(self, url: str, heard: Callable[[], None]) -> None:
        """`heard` is called when another engine has told something, and when words may have been missed."""
        self._url = make_url(url)
        self._heard = heard
        self._name = uuid.uuid4().hex
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def tell(self) -> None:
        """Returns at once; the others hear it when the connection allows."""
        self._news.set()

    async def _run(self) -> None:
        wait = FIRST_WAIT
        while True:
            try:
                await self._connected()
                wait = FIRST_WAIT
            except AWAY as error:
                log.warning("herald.away", error=type(error).__name__, again_s=wait)
                wait = min(wait * 2, LONGEST_WAIT)
            await sleep(wait)

    async def _connected(self) -> None:
        """Listens and tells until the connection ends."""
        db_engine = nullpool_async(self._url)
        try:
            async with db_engine.connect() as connection:
                raw = await connection.get_raw_connection()
                await self._serve(cast("asyncpg.Connection", raw.driver_connection))
        finally:
            await db_engine.dispose()

    async def _serve(self, driver: asyncpg.Connection) -> None:
        closed = asyncio.Event()

        def ended(_: object) -> None:
            closed.set()
            self._news.set()

        driver.add_termination_listener(ended)
        await driver.add_listener(CHANNEL, self._hear)
        self._heard()
        while True:
            await self._news.wait()
            self._news.clear()
            if closed.is_set():
                return
            await driver.execute("SELECT pg_notify($1, $2)", CHANNEL, self._name)
            await sleep(GATHER)

    def _hear(self, _connection: object, _pid: int, _channel: str, who: object) -> None:
        if who != self._name:
            self._heard()
