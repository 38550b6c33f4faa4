"""Whether it costs more with many past incidents than with none: intake, tick and list on two databases in turn.

One is empty, the other holds past incidents with all that belongs to them. Both are measured in the same process, one
after the other again and again, so that both meet the machine in the same mood; what is shown is the one as a multiple
of the other.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
from sqlalchemy import Connection

from engine.clock import VirtualClock
from engine.core.model import ENGINE
from engine.db.database import connect
from engine.db.migrate import upgrade
from engine.services import reading
from tests.benchmarks.figures import Row, Run
from tests.benchmarks.filling import Copies, fill
from tests.databases import PostgresDatabases
from tests.postgres import PostgresMissing, postgres_server
from tests.services.engines import Engine, Wire, alert, engine_on

PAST, QUICK_PAST = 1_000_000, 100_000
AT_A_TIME = 50_000
ALERTS = 32
ROUNDS = 40
NIGHT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
ENDED = {
    "incident": {"state": "'closed'"},
    "alert": {"status": "'resolved'"},
    "timer": {"state": "'fired'"},
    "outbox": {"state": "'sent'", "sent_at": "p.created_at"},
}
TARGET = "1.20"

Times = dict[str, list[float]]


def of_history(runs: int, seconds: float) -> list[Row]:
    """PostgreSQL only where a server answers or can be started."""
    past = PAST if runs > 1 else QUICK_PAST
    del seconds
    with tempfile.TemporaryDirectory() as folder:
        urls = [f"sqlite:///{folder}/{name}.db" for name in ("empty", "full")]
        for url in urls:
            upgrade(url)
        rows = asyncio.run(_measure("SQLite", urls, past))
    try:
        with _on_postgresql() as urls:
            return rows + asyncio.run(_measure("PostgreSQL", urls, past))
    except PostgresMissing:
        return rows


@contextmanager
def _on_postgresql() -> Iterator[list[str]]:
    with (
        postgres_server() as server,
        PostgresDatabases(server) as databases,
        databases.template(upgrade) as template,
        databases.copy(template) as empty,
        databases.copy(template) as full,
    ):
        yield [empty, full]


async def _measure(name: str, urls: list[str], past: int) -> list[Row]:
    clocks = [VirtualClock(NIGHT), VirtualClock(NIGHT)]
    empty, full = [await engine_on(connect(url), clock, Wire()) for url, clock in zip(urls, clocks, strict=True)]
    for engine in (empty, full):
        await engine.accept(alert("Pattern", priority="P0"))
        await engine.sender.drain()
    await _fill(full, past)
    if full.context.database.dialect == "postgresql":
        await _tidy(urls[1])
    taken: dict[bool, Times] = {False: defaultdict(list), True: defaultdict(list)}
    for number in range(ROUNDS):
        for engine, clock in zip((empty, full), clocks, strict=True):
            await _round(engine, clock, number, taken[engine is full])
    for engine in (empty, full):
        await engine.stop()
    return [_row(f"{name}, {what}", times, taken[True][what], past) for what, times in taken[False].items()]


async def _fill(engine: Engine, past: int) -> None:
    for first in range(100, 100 + past, AT_A_TIME):
        copies = Copies(pattern=1, first=first, count=min(AT_A_TIME, 100 + past - first), values=ENDED)
        await engine.context.database.write(lambda connection, own=copies: fill(connection, own))  # type: ignore[misc]  # mypy can't infer a lambda with a default

    def settle(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT setval('incident_number', {100 + past})")

    await engine.context.database.write(settle)


async def _tidy(url: str) -> None:
    """What PostgreSQL does by itself some time after a million rows is done before the clock runs."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def _round(engine: Engine, clock: VirtualClock, number: int, taken: Times) -> None:
    """A commit of alerts that each open an incident; their response falling due; the newest and the open incidents."""
    alerts = [alert(f"Round{number}-{place}", priority="P0") for place in range(ALERTS)]
    taken["intake"].append(await _timed(lambda: engine.accept(*alerts)))
    clock.advance(timedelta(minutes=5))
    taken["tick"].append(await _timed(engine.ticker.tick))
    taken["list"].append(await _timed(lambda: reading.listing(engine.context, ENGINE)))
    taken["list of open ones"].append(await _timed(lambda: reading.listing(engine.context, ENGINE, open_only=True)))


async def _timed(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


def _row(name: str, empty: list[float], full: list[float], past: int) -> Row:
    ratios = [there / here for here, there in zip(empty, full, strict=True)]
    middle = statistics.median(full) / statistics.median(empty)
    run = Run(
        value=middle,
        median_ms=statistics.median(full) * 1000,
        p99_ms=max(full) * 1000,
        count=len(full),
        lost=0,
    )
    spread = statistics.quantiles(ratios, n=4)
    note = f"with {past:,} past incidents, as a multiple of without; single rounds {spread[0]:.2f} to {spread[2]:.2f}"
    return Row(name=name, unit="times", target=TARGET, runs=(run,), note=note)
