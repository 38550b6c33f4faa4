"""How late timers fire while 100,000 wait: measured from outside, by another process that reads the database.

Most of the incidents are opened as if tomorrow, so that their timers only wait. The others were opened five minutes
before the moment at which their response falls due, some hundreds in each second.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from engine.bootstrap import application
from engine.clock import VirtualClock, utc_now
from engine.config.settings import Settings
from engine.core.model import Actor, ActorKind, Alert, AlertStatus
from tests.benchmarks.figures import Row, Run, times_ms
from tests.benchmarks.programs import engine

PENDING = 100_000
RATE = 300
"""Timers that fall due in each second."""
RESPONSE = timedelta(minutes=5)
"""The response target of a critical alert in the default configuration: the first timer of its incident."""
TIMERS_EACH = 3
TOGETHER = 400
LEAD = timedelta(seconds=12)
"""From the end of the preparation to the first timer: the engine starts within this."""
LOOK = 0.02
SOURCE = Actor(kind=ActorKind.SOURCE, id="alertmanager")
DUE = "SELECT id, due_at FROM timer WHERE state = 'pending' AND due_at <= ?"


def of_timers(runs: int, seconds: float) -> list[Row]:
    return [
        Row(
            name=f"timer lateness, {RATE}/s due",
            unit="ms",
            target="99 %: 1,000",
            runs=tuple(_run(seconds) for _ in range(runs)),
            note=f"SQLite; {PENDING:,} more timers wait; seen by another process that looks every {LOOK * 1000:.0f} ms",
        )
    ]


def _run(seconds: float) -> Run:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = round(RATE * seconds)
        first = asyncio.run(_prepare(folder, count))
        with engine(folder, {}) as served, closing(sqlite3.connect(folder / "tocsin.db")) as connection:
            late = _watch(connection, first + timedelta(seconds=seconds))
            used = served.cpu_seconds
    median, p99 = times_ms(late)
    return Run(
        value=p99, median_ms=median, p99_ms=p99, count=len(late), lost=count - len(late), cpu_ms=used * 1000 / count
    )


async def _prepare(folder: Path, count: int) -> datetime:
    """Opens the incidents; returns when the first of `count` timers falls due."""
    clock = VirtualClock(utc_now())
    async with application(Settings(data_dir=folder, admin_token=SecretStr("benchmark")), clock=clock) as app:
        clock.advance(timedelta(days=1))
        for start in range(0, PENDING // TIMERS_EACH, TOGETHER):
            await app.intake.accept([critical(f"waits-{start + number}") for number in range(TOGETHER)], SOURCE)
        first = utc_now() + LEAD + timedelta(seconds=count / 1000)
        for number in range(count):
            clock.set(first - RESPONSE + timedelta(seconds=number / RATE))
            await app.intake.accept([critical(f"fires-{number}")], SOURCE)
        await app.context.database.write(
            lambda connection: connection.exec_driver_sql("UPDATE outbox SET state = 'sent', sent_at = created_at")
        )
    if utc_now() > first - timedelta(seconds=2):
        raise RuntimeError("the preparation took too long on this machine; the first timers are overdue already")
    return first


def critical(name: str) -> Alert:
    return Alert(
        fingerprint=name,
        status=AlertStatus.FIRING,
        title="Payments fail at the checkout",
        group=name,
        labels={"alertname": "CheckoutDown", "severity": "critical", "instance": name},
    )


def _watch(connection: sqlite3.Connection, until: datetime) -> list[float]:
    """How late each timer was, in seconds. One that was due and isn't pending any more has fired."""
    waiting = {number: _time(due) for number, due in connection.execute(DUE, (_text(until),))}
    late: list[float] = []
    while waiting and utc_now() < until + timedelta(seconds=30):
        time.sleep(LOOK)
        asked = utc_now()
        still = {number for number, _ in connection.execute(DUE, (_text(asked),))}
        fired = [number for number, due in waiting.items() if due <= asked and number not in still]
        seen = utc_now()
        late += [(seen - waiting.pop(number)).total_seconds() for number in fired]
    return late


def _text(at: datetime) -> str:
    """As the engine writes times on SQLite."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
