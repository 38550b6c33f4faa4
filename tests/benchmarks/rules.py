"""Whether it costs more with a thousand routes and a thousand silences than with ten of each: intake on two engines in
turn.

Every route and silence asks for something else, as those of many teams do; an alert matches one of the routes and none
of the silences, and opens an incident. Both engines are measured in the same process, one after the other again and
again, so that both meet the machine in the same mood; what is shown is the one as a multiple of the other.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from engine.clock import VirtualClock
from engine.core.matchers import Matcher
from engine.core.policy import Config, Route
from engine.core.silences import Silence
from engine.db import silences
from engine.db.database import connect
from engine.db.migrate import upgrade
from engine.services import configs
from tests.benchmarks.figures import Row, Run
from tests.databases import PostgresDatabases
from tests.postgres import PostgresMissing, postgres_server
from tests.services.engines import Engine, Wire, alert, assemble, documented

FEW, MANY = 10, 1_000
ALERTS = 32
ROUNDS, QUICK_ROUNDS = 60, 20
WARM_UP = 3
NIGHT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
TARGET = "1.50"
MUTED_BY = ('instance="muted-{}"', 'job=~"batch-{}|cron-{}"', 'team="team-{}" severity=~"warn.*"')
"""What silences ask for, in turn."""


def of_rules(runs: int, seconds: float) -> list[Row]:
    """PostgreSQL only where a server answers or can be started."""
    rounds = ROUNDS if runs > 1 else QUICK_ROUNDS
    del seconds
    with tempfile.TemporaryDirectory() as folder:
        urls = [f"sqlite:///{folder}/{name}.db" for name in ("few", "many")]
        for url in urls:
            upgrade(url)
        rows = [asyncio.run(_measure("SQLite", urls, rounds))]
    try:
        with _on_postgresql() as urls:
            return [*rows, asyncio.run(_measure("PostgreSQL", urls, rounds))]
    except PostgresMissing:
        return rows


@contextmanager
def _on_postgresql() -> Iterator[list[str]]:
    with (
        postgres_server() as server,
        PostgresDatabases(server) as databases,
        databases.template(upgrade) as template,
        databases.copy(template) as few,
        databases.copy(template) as many,
    ):
        yield [few, many]


async def _measure(name: str, urls: list[str], rounds: int) -> Row:
    engines = [await _engine(url, count) for url, count in zip(urls, (FEW, MANY), strict=True)]
    taken: list[list[float]] = [[], []]
    for number in range(rounds + WARM_UP):
        for engine, own in zip(engines, taken, strict=True):
            own.append(await _round(engine, number))
    for engine in engines:
        await engine.stop()
    few, many = (own[WARM_UP:] for own in taken)
    ratios = [there / here for here, there in zip(few, many, strict=True)]
    spread = statistics.quantiles(ratios, n=4)
    run = Run(
        value=statistics.median(many) / statistics.median(few),
        median_ms=statistics.median(many) * 1000,
        p99_ms=max(many) * 1000,
        count=len(many),
        lost=0,
    )
    note = (
        f"a commit of {ALERTS} alerts with {MANY:,} routes and {MANY:,} silences, as a multiple of with {FEW} of each "
        f"({statistics.median(few) * 1000:.1f} ms); single rounds {spread[0]:.2f} to {spread[2]:.2f}"
    )
    return Row(name=f"{name}, intake with {MANY:,} rules", unit="times", target=TARGET, runs=(run,), note=note)


async def _engine(url: str, count: int) -> Engine:
    routes = tuple(
        Route(name=f"r{number}", match=(Matcher.parse(f'app="app-{number}"'),), service=f"service-{number}")
        for number in range(count)
    )
    config: Config = documented()[0].model_copy(update={"routes": routes})
    engine = assemble(connect(url), VirtualClock(NIGHT), Wire(), lambda _: config)
    await configs.apply(engine.context, document="routes", digest="routes", by="benchmark")
    await configs.keep_playbooks(engine.context)
    await engine.context.database.write(lambda connection: _silence(connection, count))
    return engine


def _silence(connection: Connection, count: int) -> None:
    for number in range(count):
        texts = MUTED_BY[number % len(MUTED_BY)].replace("{}", str(number)).split(" ")
        one = Silence(
            id=0,
            matchers=tuple(map(Matcher.parse, texts)),
            starts_at=NIGHT,
            ends_at=NIGHT + timedelta(days=1),
            recurrence=None,
            author="benchmark",
            reason="a benchmark",
            created_at=NIGHT,
        )
        silences.add(connection, one)


async def _round(engine: Engine, number: int) -> float:
    labels: dict[str, Any] = {"app": "app-7", "job": "web", "team": "shop", "severity": "critical"}
    alerts = [alert(f"Round{number}-{place}", **labels) for place in range(ALERTS)]
    began = time.perf_counter()
    outcomes = await engine.accept(*alerts)
    taken = time.perf_counter() - began
    if {outcome.action.value for outcome in outcomes} != {"opened"}:
        raise RuntimeError("an alert of the benchmark was muted, or joined another")
    return taken
