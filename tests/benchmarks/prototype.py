"""The yardstick: `python -m tests.benchmarks.prototype DATABASE`, bare FastAPI that group-commits the same rows.

It knows no rules. The database holds one incident that the engine has opened; for each alert its rows are written
again under another number. What the machine gives to such a program at best is what the engine is compared with, for
alerts a second alone say more about the machine than about the engine.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import msgspec
import uvicorn
import uvloop
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from engine.interpreter import tune_interpreter

TABLES = ("incident", "alert", "timeline_event", "timer", "outbox")
OWNER = {"incident": "id"}
OF_ITS_OWN = {("incident", "key"), ("alert", "fingerprint")}
"""Columns that must differ from incident to incident."""
FROM_THE_DATABASE = {("alert", "id"), ("timer", "id"), ("outbox", "id")}


@dataclass(frozen=True, kw_only=True, slots=True)
class Copy:
    """The rows that one alert comes to in one table, and which of their values change with it."""

    insert: str
    rows: tuple[tuple[Any, ...], ...]
    number_at: int
    name_at: tuple[int, ...]

    def of(self, number: int, name: str) -> Iterator[list[Any]]:
        for row in self.rows:
            values = list(row)
            values[self.number_at] = number
            for place in self.name_at:
                values[place] = name
            yield values


class Prototype:
    def __init__(self, database: str) -> None:
        self._connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536", "wal_autocheckpoint=4000"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._copies = [_copy(self._connection, table) for table in TABLES]
        self._last = self._connection.execute("SELECT max(id) FROM incident").fetchone()[0]
        self._waiting: list[tuple[str, asyncio.Future[int]]] = []
        self._thread = ThreadPoolExecutor(1)
        self._writer: asyncio.Task[None] | None = None

    async def receive(self, request: Request) -> Response:
        name = msgspec.json.decode(await request.body())["alerts"][0]["fingerprint"]
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((name, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._drain())
        taken = {"fingerprint": name, "action": "opened", "incident": f"INC-{await done}"}
        return Response(msgspec.json.encode({"alerts": [taken]}), 202, media_type="application/json")

    async def _drain(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            names = [name for name, _ in batch]
            numbers = await asyncio.get_running_loop().run_in_executor(self._thread, self._write, names)
            for (_, done), number in zip(batch, numbers, strict=True):
                done.set_result(number)

    def _write(self, names: Iterable[str]) -> range:
        numbered = list(enumerate(names, self._last + 1))
        self._connection.execute("BEGIN IMMEDIATE")
        for copy in self._copies:
            self._connection.executemany(copy.insert, [row for one in numbered for row in copy.of(*one)])
        self._connection.execute("COMMIT")
        first, self._last = self._last + 1, numbered[-1][0]
        return range(first, self._last + 1)


def _copy(connection: sqlite3.Connection, table: str) -> Copy:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    columns = [column for column in columns if (table, column) not in FROM_THE_DATABASE]
    owner = OWNER.get(table, "incident_id")
    names = ", ".join(f'"{column}"' for column in columns)
    marks = ", ".join("?" * len(columns))
    return Copy(
        insert=f'INSERT INTO "{table}" ({names}) VALUES ({marks})',  # noqa: S608 - our own names
        rows=tuple(connection.execute(f'SELECT {names} FROM "{table}" WHERE "{owner}" = 1')),  # noqa: S608
        number_at=columns.index(owner),
        name_at=tuple(place for place, column in enumerate(columns) if (table, column) in OF_ITS_OWN),
    )


class BareRoute(APIRoute):
    def get_route_handler(self) -> Any:
        return self.endpoint


def main() -> None:
    api = FastAPI(openapi_url=None)
    api.router.add_api_route("/", Prototype(sys.argv[1]).receive, methods=["POST"], route_class_override=BareRoute)
    with socket.create_server(("127.0.0.1", 0)) as sock, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        address = f"http://127.0.0.1:{sock.getsockname()[1]}"
        sys.stdout.write(json.dumps({"address": address, "first_alert": f"{address}/"}) + "\n")
        sys.stdout.flush()
        tune_interpreter()
        server = uvicorn.Server(uvicorn.Config(api, http="httptools", lifespan="off", log_config=None))
        runner.run(server.serve(sockets=[sock]))


if __name__ == "__main__":
    main()
