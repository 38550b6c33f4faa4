"""Whether intake costs more with many routes than with few: two engines in one process, their alerts in turn.

Processor time is measured, which other work on the machine changes little. An alert that still fires is the cheapest to
take in, so routes weigh the most there; one that opens an incident costs the most.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from engine.clock import VirtualClock
from engine.core.model import Alert
from engine.core.policy import Config, Route
from engine.db.database import connect
from engine.db.migrate import upgrade
from engine.services import configs
from tests.benchmarks.figures import Row, Run
from tests.services.engines import Engine, Wire, alert, assemble, documented

FEW, MANY = 10, 1_000
ALERTS = 50
ROUNDS, QUICK_ROUNDS = 60, 20
WARM_UP = 3
NIGHT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
TARGET = "1.50"
KINDS = {
    "by value": ('team="team-{n}"', 'env="prod"'),
    "by words": ('env="prod"', 'team=~"team-{n}|crew-{n}"'),
    "by pattern": ('team=~"team-{n}(-.*)?"',),
}
"""Matchers of the n-th route."""

Times = dict[str, list[float]]


def of_routes(runs: int, seconds: float) -> list[Row]:
    del seconds
    rounds = ROUNDS if runs > 1 else QUICK_ROUNDS
    return [row for kind in KINDS for row in asyncio.run(_measure(kind, rounds))]


async def _measure(kind: str, rounds: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        engines = {count: await _engine(Path(folder), kind, count) for count in (FEW, MANY)}
        taken: dict[int, Times] = {count: defaultdict(list) for count in engines}
        for number in range(rounds + WARM_UP):
            for count, engine in engines.items():
                await _round(engine, number, count, taken[count] if number >= WARM_UP else defaultdict(list))
        for engine in engines.values():
            await engine.stop()
    return [_row(f"{MANY:,} routes {kind}, {what}", few, taken[MANY][what]) for what, few in taken[FEW].items()]


async def _engine(folder: Path, kind: str, count: int) -> Engine:
    url = f"sqlite:///{folder}/{count}.db"
    await asyncio.to_thread(upgrade, url)
    config = _routed(documented()[0], kind, count)
    engine = assemble(connect(url), VirtualClock(NIGHT), Wire(), lambda _: config)
    await configs.apply(engine.context, document=kind, digest=kind, by="benchmark")
    await configs.keep_playbooks(engine.context)
    return engine


def _routed(config: Config, kind: str, count: int) -> Config:
    """The last is for everything."""

    def routes() -> Iterator[Route]:
        for number in range(count - 1):
            match = [matcher.format(n=number) for matcher in KINDS[kind]]
            yield Route.model_validate({"name": f"route-{number}", "match": match, "service": "default"})
        yield Route.model_validate({"name": "rest", "service": "default"})

    return config.model_copy(update={"routes": tuple(routes())})


async def _round(engine: Engine, number: int, count: int, taken: Times) -> None:
    """Alerts of teams that have routes in both, and of such as have none; new ones, and then the same once more."""
    alerts = [_alert(number, place, count) for place in range(ALERTS)]
    taken["new incidents"].append(await _cost(engine, alerts))
    taken["still firing"].append(await _cost(engine, alerts))


def _alert(number: int, place: int, count: int) -> Alert:
    team = f"team-{place * count // ALERTS}" if place % 2 else f"nobody-{place}"
    pod = f"pod-{number}-{place}"
    return alert(f"Round{number}-{place}", pod, team=team, env="prod", region="eu-1", job="web", severity="warning")


async def _cost(engine: Engine, alerts: list[Alert]) -> float:
    """Processor time of this process for one of them, its database included, in seconds."""
    before = time.process_time()
    await engine.accept(*alerts)
    return (time.process_time() - before) / len(alerts)


def _row(name: str, few: list[float], many: list[float]) -> Row:
    ratios = [there / here for here, there in zip(few, many, strict=True)]
    spread = statistics.quantiles(ratios, n=4)
    run = Run(
        value=statistics.median(many) / statistics.median(few),
        median_ms=statistics.median(many) * 1000,
        p99_ms=max(many) * 1000,
        count=len(many) * ALERTS,
        lost=0,
        cpu_ms=statistics.median(many) * 1000,
    )
    note = (
        f"processor time of an alert as a multiple of that with {FEW}, {statistics.median(few) * 1000:.2f} ms; "
        f"single rounds {spread[0]:.2f} to {spread[2]:.2f}"
    )
    return Row(name=name, unit="times", target=TARGET, runs=(run,), note=note)
