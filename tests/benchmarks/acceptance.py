"""Alerts per second that are durable: every alert opens an incident and pages somebody, one alert a request.

The engine is killed at the end, as by a power cut, and each alert that it answered with 202 is looked for in the
database, with its incident.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg

from engine.db.migrate import upgrade
from tests.benchmarks.figures import Row, Run, times_ms
from tests.benchmarks.load import Order, Sent
from tests.benchmarks.programs import Engine, engine, prototype, send
from tests.databases import PostgresDatabases
from tests.postgres import PostgresMissing, postgres_server

WARM_UP = 1.5
"""Seconds of load before the clock runs: the first requests of a process find nothing in any cache."""
ON_RECORD = """
SELECT alert.fingerprint, alert.incident_id FROM alert JOIN outbox
ON outbox.incident_id = alert.incident_id AND outbox.kind = 'page'
"""
TOGETHER = 50
"""Alerts in a grouped request, as Alertmanager sends those of one group: one incident, which the others join."""
ENGINES = 2
TARGETS = {("SQLite", 32): "2,000", ("SQLite", 1): "700", ("PostgreSQL", 32): "1,200"}
GROUPED = "5,000"
SHARES = {32: 0.56, 1: 0.48}
"""What the targets are of the bare prototype's 3,300 to 3,850 and 1,450 alerts/s on the machine for which they were
set. On another machine this share of its own prototype says the same."""

Recorded = set[tuple[str, str]]


def on_sqlite(runs: int, seconds: float) -> list[Row]:
    """Each run of the engine beside one of the bare prototype, so that both meet the machine in the same mood."""
    rows = [row for connections in (32, 1) for row in _beside_prototype(connections, runs, seconds)]
    return [*rows, _grouped("SQLite", None, runs, seconds)]


def _beside_prototype(connections: int, runs: int, seconds: float) -> tuple[Row, Row]:
    pairs = [(_run(connections, seconds, None), _run_prototype(connections, seconds)) for _ in range(runs)]
    shares = [own.value / bare.value for own, bare in pairs]
    note = (
        f"{min(shares):.0%} to {max(shares):.0%} of the bare prototype beside it; "
        f"the target was {SHARES[connections]:.0%} of it where it was set"
    )
    own, bare = zip(*pairs, strict=True)
    return (
        _row("SQLite", connections, own, note),
        Row(name=f"bare prototype, {_spell(connections)}", unit="alerts/s", target="", runs=bare),
    )


def on_postgresql(runs: int, seconds: float) -> list[Row]:
    """Nothing where no server answers and none can be started."""
    try:
        with postgres_server() as server, PostgresDatabases(server) as databases:
            note = asyncio.run(_durability(server))
            lonely = [_run(1, seconds, databases) for _ in range(runs)]
            return [
                *_beside_one(databases, runs, seconds, note),
                _row("PostgreSQL", 1, lonely, note),
                _grouped("PostgreSQL", databases, runs, seconds),
            ]
    except PostgresMissing:
        return []


def _beside_one(databases: PostgresDatabases, runs: int, seconds: float, durability: str) -> tuple[Row, Row]:
    """Each run of two engines beside one of a single one. Every engine has its own senders, as many as the single one:
    a second one is started because more come."""
    pairs = [(_run(32, seconds, databases), _run(32, seconds, databases, engines=ENGINES)) for _ in range(runs)]
    shares = [both.value / one.value for one, both in pairs]
    alone, together = zip(*pairs, strict=True)
    return (
        _row("PostgreSQL", 32, alone, durability),
        Row(
            name=f"PostgreSQL, {ENGINES} engines",
            unit="alerts/s",
            target="1.5 x one",
            runs=together,
            note=f"{min(shares):.2f} to {max(shares):.2f} times one engine beside it",
        ),
    )


def _grouped(name: str, databases: PostgresDatabases | None, runs: int, seconds: float) -> Row:
    found = [_run(8, seconds, databases, together=TOGETHER) for _ in range(runs)]
    return Row(name=f"{name}, {TOGETHER} alerts a request", unit="alerts/s", target=GROUPED, runs=tuple(found))


def _row(name: str, connections: int, runs: Sequence[Run], note: str) -> Row:
    return Row(
        name=f"{name}, {_spell(connections)}",
        unit="alerts/s",
        target=TARGETS.get((name, connections), ""),
        runs=tuple(runs),
        note=note,
    )


def _spell(connections: int) -> str:
    return f"{connections} connection{'s' if connections > 1 else ''}"


def _run(
    connections: int, seconds: float, databases: PostgresDatabases | None, *, together: int = 1, engines: int = 1
) -> Run:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        url = stack.enter_context(_address(folder, databases))
        places = [folder / str(number) for number in range(engines)]
        for place in places:
            place.mkdir()
        served = [stack.enter_context(engine(place, {"TOCSIN_DATABASE_URL": url})) for place in places]
        with ThreadPoolExecutor(engines) as pool:  # each waits for a process that sends
            orders = (f"engine{number}-" for number in range(engines))
            found = list(pool.map(lambda one, mark: _loaded(one, connections, seconds, mark, together), served, orders))
        return _figures([sent for sent, _ in found], sum(used for _, used in found), _on_record(url))


def _run_prototype(connections: int, seconds: float) -> Run:
    """On the database in which the engine has opened the one incident whose rows are written again and again."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = folder / "tocsin.db"
        with engine(folder, {"TOCSIN_DATABASE_URL": f"sqlite:///{database}"}) as served:
            send(Order(url=served.webhook, mark="pattern", connections=1, seconds=WARM_UP, alerts=1))
            served.kill()
        with prototype(folder, database) as served:
            sent, used = _loaded(served, connections, seconds)
        return _figures([sent], used, _on_record(f"sqlite:///{database}"))


def _loaded(served: Engine, connections: int, seconds: float, mark: str = "", together: int = 1) -> tuple[Sent, float]:
    """What was sent to it, and the processor time that it took, in seconds; it is killed in the end."""
    order = Order(url=served.webhook, mark=f"{mark}alert", connections=connections, seconds=seconds, together=together)
    send(replace(order, mark=f"{mark}warm", seconds=WARM_UP))
    used = served.cpu_seconds
    sent = send(order)
    used = served.cpu_seconds - used
    served.kill()
    return sent, used


def _figures(sent: Sequence[Sent], used: float, recorded: Recorded) -> Run:
    """Of all that was sent at the same time."""
    accepted = [one for part in sent for one in part.accepted]
    promised = {(fingerprint, incident) for fingerprint, incident, _, _ in accepted}
    median, p99 = times_ms(answered - left for _, _, left, answered in accepted)
    return Run(
        value=len(accepted) / (max(part.ended for part in sent) - min(part.started for part in sent)),
        median_ms=median,
        p99_ms=p99,
        count=len(accepted),
        lost=len(promised - recorded) + sum(sum(part.refused.values()) for part in sent),
        cpu_ms=used * 1000 / len(accepted) if used and accepted else None,
    )


@contextmanager
def _address(folder: Path, databases: PostgresDatabases | None) -> Iterator[str]:
    if databases is None:
        yield f"sqlite:///{folder / 'tocsin.db'}"
        return
    with databases.template(upgrade) as template, databases.copy(template) as url:
        yield url


def _on_record(url: str) -> Recorded:
    """Fingerprint and incident of every alert whose incident has a page."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            rows = connection.execute(ON_RECORD).fetchall()
    else:
        rows = asyncio.run(_fetch(url, ON_RECORD))
    return {(fingerprint, f"INC-{number}") for fingerprint, number in rows}


async def _fetch(url: str, query: str) -> list[tuple[str, int]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def _durability(server: str) -> str:
    """How much a commit on this server is worth."""
    connection = await asyncpg.connect(server, database="postgres")
    try:
        told = {name: await connection.fetchval(f"SHOW {name}") for name in ("fsync", "synchronous_commit")}
    finally:
        await connection.close()
    return ", ".join(f"{name} {value}" for name, value in told.items())
