"""A database whose transactions can be stopped half way, so that a test forces the order that chance rarely gives."""

from __future__ import annotations

import asyncio
import itertools
import threading
from typing import TypeVar

from sqlalchemy import Connection, event
from sqlalchemy.util import await_only

from engine.db.database import Database, Work

T = TypeVar("T")
COMMIT = "COMMIT"


class StoppingDatabase:
    """After `stop` the first transaction that comes to a statement beginning with the given words waits right before it
    (COMMIT: once all its work is done), holding every lock that it has taken so far, until `go_on`."""

    def __init__(self, database: Database) -> None:
        self.dialect = database.dialect
        self.repeats = 0
        """Transactions that the database asked to begin again."""
        self._database = database
        self._words: str | None = None
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        self._go_on = asyncio.Event()
        self._go_on_thread = threading.Event()

    def stop(self, before: str = COMMIT) -> None:
        self._words = before

    async def stopped(self) -> None:
        await asyncio.wait_for(self._stopped.wait(), 5)

    def go_on(self) -> None:
        self._go_on.set()
        self._go_on_thread.set()

    async def write(self, work: Work[T]) -> T:
        tries = itertools.count()

        def watched(connection: Connection) -> T:
            self.repeats += next(tries) > 0
            return self._watch(connection, work)

        return await self._database.write(watched)

    async def read(self, work: Work[T]) -> T:
        return await self._database.read(lambda connection: self._watch(connection, work))

    async def close(self) -> None:
        await self._database.close()

    def _watch(self, connection: Connection, work: Work[T]) -> T:
        event.listen(connection, "before_cursor_execute", self._before)
        result = work(connection)
        self._wait_at(COMMIT)
        return result

    def _before(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        self._wait_at(statement.replace('"', ""))

    def _wait_at(self, statement: str) -> None:
        if self._words is None or not statement.startswith(self._words):
            return
        self._words = None
        self._loop.call_soon_threadsafe(self._stopped.set)
        if self.dialect == "sqlite":
            assert self._go_on_thread.wait(10)
        else:
            await_only(self._go_on.wait())
