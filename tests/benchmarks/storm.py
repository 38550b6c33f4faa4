"""A storm: 100,000 alerts in a minute, 5,000 of them different, and now and then a P0 among them.

Every alert opens an incident or repeats one, one a request; who is answered 503 comes again. What counts is that
nothing accepted is lost, that each problem is one incident, that a P0 is paged at once all the same, that nobody gets a
message for each incident, and that memory stays bounded.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from tests.benchmarks.figures import Row, Run, times_ms
from tests.benchmarks.load import Order, Sent
from tests.benchmarks.paging import pages_of
from tests.benchmarks.programs import BOT_TOKEN, Engine, engine, sandbox, send

ALERTS, DIFFERENT, LENGTH = 100_000, 5_000, 60.0
QUICK = 10.0
"""Seconds of the same storm, where a short run is asked for."""
CONNECTIONS = 64
URGENT_EVERY = 4.0
"""Seconds between two P0s; the engine hangs up on a connection that is not used for five."""
MOST = 30
"""Messages to one person by one channel in the whole storm; one by one they would be thousands."""
PATIENCE = 120.0
ON_RECORD = "SELECT fingerprint, incident_id FROM alert"
MESSAGES = """
SELECT json_extract(data, '$.contact'), json_extract(data, '$.channel'), json_extract(data, '$.reference')
FROM timeline_event WHERE kind = 'page.sent' AND json_extract(data, '$.kind') = 'page'
"""
WAITING = "SELECT count(*) FROM outbox WHERE state IN ('pending', 'claimed') AND kind = 'page'"


def of_storm(runs: int, seconds: float) -> list[Row]:
    length = LENGTH if seconds >= QUICK else QUICK
    found = [_run(length) for _ in range(runs)]
    return [
        Row(
            name=f"P0 in a storm of {ALERTS / LENGTH:,.0f} alerts/s",
            unit="ms",
            target="2,000",
            runs=tuple(run for run, _ in found),
            note=found[-1][1],
        )
    ]


def _run(length: float) -> tuple[Run, str]:
    with tempfile.TemporaryDirectory() as name, sandbox() as addresses:
        folder = Path(name)
        settings = {
            "SLACK_BOT_TOKEN": BOT_TOKEN,
            "SLACK_API_URL": addresses["slack_api_url"],
            "TOCSIN_SMTP_URL": addresses["smtp_url"],
            "TOCSIN_MAIL_FROM": "tocsin@example.com",
        }
        with engine(folder, settings) as served:
            before = _memory(served, "VmRSS")
            storm, urgent = _strike(served, length)
            pages = pages_of(addresses["record_url"], {incident for _, incident, _, _ in urgent.accepted})
            quiet = max(0.0, _until_all_are_paged(folder) - storm.ended)
            memory = f"memory {before} MiB before, {_memory(served, 'VmHWM')} at most, {_memory(served, 'VmRSS')} after"
        with closing(sqlite3.connect(folder / "tocsin.db")) as connection:
            return _figures(
                connection, storm, urgent, pages, f"{memory}; the last page at most {quiet:.0f} s after the storm"
            )


def _strike(served: Engine, length: float) -> tuple[Sent, Sent]:
    rate, different = ALERTS / LENGTH, round(DIFFERENT * length / LENGTH)
    storm = Order(
        url=served.webhook,
        mark="storm",
        connections=CONNECTIONS,
        seconds=length,
        rate=rate,
        different=different,
        patient=True,
    )
    urgent = Order(
        url=served.webhook,
        mark="outage",
        connections=1,
        seconds=length,
        rate=1 / URGENT_EVERY,
        patient=True,
        priority="P0",
    )
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(send, (storm, urgent)))
    return found[0], found[1]


def _memory(served: Engine, which: str) -> int:
    """In MiB; 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{served.process.pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith(which))


def _until_all_are_paged(folder: Path) -> float:
    """When that was, in monotonic seconds, which all processes of a machine share."""
    until = time.monotonic() + PATIENCE
    with closing(sqlite3.connect(folder / "tocsin.db")) as connection:
        while connection.execute(WAITING).fetchone()[0] and time.monotonic() < until:
            time.sleep(0.2)
    return time.monotonic()


def _figures(
    connection: sqlite3.Connection, storm: Sent, urgent: Sent, pages: dict[str, float], rest: str
) -> tuple[Run, str]:
    recorded = {(fingerprint, f"INC-{number}") for fingerprint, number in connection.execute(ON_RECORD)}
    promised = {(fingerprint, incident) for fingerprint, incident, _, _ in (*storm.accepted, *urgent.accepted)}
    waits = [pages[incident] - left for _, incident, left, _ in urgent.accepted if incident in pages]
    median, worst = times_ms(waits)[0], max(waits, default=0.0) * 1000
    messages: dict[tuple[str, str], set[str]] = {}
    for contact, channel, reference in connection.execute(MESSAGES):
        messages.setdefault((contact, channel), set()).add(reference)
    most = max(map(len, messages.values()), default=0)
    waiting = connection.execute(WAITING).fetchone()[0]
    problems, opened = len({one[0] for one in storm.accepted}), len({one[1] for one in storm.accepted})
    note = (
        f"{len(storm.accepted):,} alerts accepted in {storm.ended - storm.started:.0f} s, {problems:,} problems,"
        f" {opened:,} incidents, {storm.refused.get('503', 0):,} times 503;"
        f" {most} messages to one person by one channel at most (allowed: {MOST}); {rest}; 99 % is the worst P0"
    )
    lost = len(promised - recorded) + len(urgent.accepted) - len(waits) + waiting
    excess = max(0, most - MOST) + abs(opened - problems)
    return Run(value=worst, median_ms=median, p99_ms=worst, count=len(waits), lost=lost, excess=excess), note
