"""10,000 timers that fall due in the same second among a million that wait, two engines on one PostgreSQL.

How late each fired is seen from outside, by a connection that looks again and again. Each has to fire once.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
from pydantic import SecretStr
from sqlalchemy import Connection

from engine.bootstrap import application
from engine.clock import VirtualClock, utc_now
from engine.config.settings import Settings
from engine.core.timeline import Kind
from engine.db.migrate import upgrade
from tests.benchmarks.figures import Row, Run, times_ms
from tests.benchmarks.filling import Copies, fill
from tests.benchmarks.lateness import RESPONSE, SOURCE, critical
from tests.benchmarks.programs import Engine, engine
from tests.databases import PostgresDatabases
from tests.postgres import PostgresMissing, postgres_server

PENDING = 1_000_000
TIMERS_EACH = 3
DUE = 10_000
ENGINES = 2
LEAD = timedelta(seconds=25)
"""From the end of the preparation to the moment at which the timers fall due: both engines have started by then."""
LOOK = 0.05
PATIENCE = 120.0
WAITING = "SELECT count(*) FROM timer WHERE state = 'pending' AND due_at <= $1"
BREACHED = "SELECT count(*), count(DISTINCT incident_id) FROM timeline_event WHERE kind = $1"
SENT = {"outbox": {"state": "'sent'", "sent_at": "p.created_at"}}


def of_claims(runs: int, seconds: float) -> list[Row]:
    """Nothing where no server answers and none can be started."""
    del seconds
    try:
        with postgres_server() as server, PostgresDatabases(server) as databases:
            return [
                Row(
                    name=f"{DUE:,} timers in one second",
                    unit="ms",
                    target="99 %: 5,000",
                    runs=tuple(_run(databases) for _ in range(runs)),
                    note=f"PostgreSQL, {ENGINES} engines; {PENDING:,} more timers wait; seen each {LOOK * 1000:.0f} ms",
                )
            ]
    except PostgresMissing:
        return []


def _run(databases: PostgresDatabases) -> Run:
    with (
        tempfile.TemporaryDirectory() as name,
        databases.template(upgrade) as template,
        databases.copy(template) as url,
    ):
        due = asyncio.run(_prepare(Path(name), url))
        with _engines(Path(name), url) as served:
            if utc_now() > due:
                raise RuntimeError("this machine took longer to start than the timers wait; nothing was measured")
            late = asyncio.run(_watch(url, due))
            used = sum(one.cpu_seconds for one in served)
        times, incidents = asyncio.run(_fired(url))
    median, p99 = times_ms(late)
    lost = (DUE - len(late)) + abs(times - DUE) + abs(incidents - DUE)
    return Run(value=p99, median_ms=median, p99_ms=p99, count=len(late), lost=lost, cpu_ms=used * 1000 / DUE)


@contextmanager
def _engines(folder: Path, url: str) -> Iterator[list[Engine]]:
    with ExitStack() as stack:
        yield [stack.enter_context(_engine(folder / f"engine-{number}", url)) for number in range(ENGINES)]


@contextmanager
def _engine(folder: Path, url: str) -> Iterator[Engine]:
    folder.mkdir()
    with engine(folder, {"TOCSIN_DATABASE_URL": url}) as served:
        yield served


async def _prepare(folder: Path, url: str) -> datetime:
    """Returns when the timers fall due. Those that wait belong to incidents that were opened as if tomorrow."""
    clock = VirtualClock(utc_now())
    settings = Settings(data_dir=folder, database_url=SecretStr(url), admin_token=SecretStr("benchmark"))
    async with application(settings, clock=clock) as app:
        clock.advance(timedelta(days=1))
        await app.intake.accept([critical("waits")], SOURCE)
        await app.context.database.write(lambda connection: _fill(connection, 1, 10, PENDING // TIMERS_EACH))
        due = utc_now() + LEAD
        clock.set(due - RESPONSE)
        [opened] = await app.intake.accept([critical("fires")], SOURCE)
        pattern = int((opened.incident or "").removeprefix("INC-"))
        await app.context.database.write(lambda connection: _fill(connection, pattern, PENDING, DUE - 1))
    return due


def _fill(connection: Connection, pattern: int, first: int, count: int) -> None:
    connection.exec_driver_sql("UPDATE outbox SET state = 'sent', sent_at = created_at")
    fill(connection, Copies(pattern=pattern, first=first, count=count, values=SENT))
    connection.exec_driver_sql(f"SELECT setval('incident_number', {first + count})")
    connection.exec_driver_sql("ANALYZE")


async def _watch(url: str, due: datetime) -> list[float]:
    """How late each timer was, in seconds."""
    late: list[float] = []
    connection = await asyncpg.connect(url)
    began = time.monotonic()
    while len(late) < DUE and time.monotonic() - began < LEAD.total_seconds() + PATIENCE:
        still = await connection.fetchval(WAITING, due)
        late += [(utc_now() - due).total_seconds()] * (DUE - still - len(late))
        await asyncio.sleep(LOOK)
    await connection.close()
    return late


async def _fired(url: str) -> tuple[int, int]:
    """How often, and for how many incidents."""
    connection = await asyncpg.connect(url)
    row = await connection.fetchrow(BREACHED, Kind.RESPONSE_BREACHED.value)
    await connection.close()
    return row[0], row[1]
