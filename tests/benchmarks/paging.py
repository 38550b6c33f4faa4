"""From the POST of an alert to its page at Slack: the sandbox in a process of its own notes when each page was there.

Alerts come at a steady rate, whatever the engine does; their time counts from when they were meant to leave.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from engine.bootstrap import DEFAULT
from engine.db.migrate import upgrade
from tests.benchmarks.figures import Row, Run, times_ms
from tests.benchmarks.load import Order
from tests.benchmarks.programs import BOT_TOKEN, engine, sandbox, send
from tests.databases import PostgresDatabases
from tests.postgres import PostgresMissing, postgres_server

BURST = "burst: 5"
RATE = 100
CONNECTIONS = 32
WARM_UP = 3.0
NOTE = (
    "for each incident a direct message, to which the time counts, and a card in the team channel; bundling is off,"
    " for it would make a few messages of them all"
)
LISTED = re.compile(r"\((INC-[0-9]+)[,)]")
"""How a message that stands for several names each of them."""
PATIENCE = 20.0
"""Seconds after the last alert in which all pages have to be there."""


def to_slack(runs: int, seconds: float) -> list[Row]:
    """Each run on SQLite beside one on PostgreSQL, where a server answers or can be started."""
    try:
        with (
            postgres_server() as server,
            PostgresDatabases(server) as databases,
            databases.template(upgrade) as template,
        ):
            pairs = [(_run(seconds, {}), _on_postgresql(databases, template, seconds)) for _ in range(runs)]
    except PostgresMissing:
        return [_row("SQLite", [_run(seconds, {}) for _ in range(runs)], NOTE)]
    shares = [other.value / own.value for own, other in pairs]
    own, other = zip(*pairs, strict=True)
    note = f"{min(shares):.2f} to {max(shares):.2f} times SQLite beside it; the target is 2 times at most"
    return [_row("SQLite", own, NOTE), _row("PostgreSQL", other, note)]


def _row(name: str, runs: Sequence[Run], note: str) -> Row:
    target = "30, 99 %: 250" if name == "SQLite" else "2 x SQLite"
    return Row(name=f"POST to page, {RATE} alerts/s, {name}", unit="ms", target=target, runs=tuple(runs), note=note)


def _on_postgresql(databases: PostgresDatabases, template: str, seconds: float) -> Run:
    with databases.copy(template) as url:
        return _run(seconds, {"TOCSIN_DATABASE_URL": url})


def _run(seconds: float, database: Mapping[str, str]) -> Run:
    with tempfile.TemporaryDirectory() as folder, sandbox() as addresses:
        unbundled = Path(folder) / "tocsin.yaml"
        unbundled.write_text(DEFAULT.read_text().replace(BURST, f"{BURST}00000"))
        settings = {
            "SLACK_BOT_TOKEN": BOT_TOKEN,
            "SLACK_API_URL": addresses["slack_api_url"],
            "TOCSIN_CONFIG": str(unbundled),
            **database,
        }
        with engine(Path(folder), settings) as served:
            send(Order(url=served.webhook, mark="warm", connections=CONNECTIONS, seconds=WARM_UP, rate=RATE))
            used = served.cpu_seconds
            sent = send(Order(url=served.webhook, mark="alert", connections=CONNECTIONS, seconds=seconds, rate=RATE))
            used = served.cpu_seconds - used
            pages = pages_of(addresses["record_url"], {incident for _, incident, _, _ in sent.accepted})
    waits = [pages[incident] - left for _, incident, left, _ in sent.accepted if incident in pages]
    median, p99 = times_ms(waits)
    return Run(
        value=median,
        median_ms=median,
        p99_ms=p99,
        count=len(waits),
        lost=len(sent.accepted) - len(waits) + sum(sent.refused.values()),
        cpu_ms=used * 1000 / len(sent.accepted) if used and sent.accepted else None,
    )


def pages_of(record_url: str, incidents: set[str]) -> dict[str, float]:
    """When the first direct message of each incident was there, in monotonic seconds."""
    pages: dict[str, float] = {}
    until = time.monotonic() + PATIENCE
    while not incidents <= pages.keys() and time.monotonic() < until:
        time.sleep(0.2)
        pages = {}
        for message in httpx.get(record_url).json()["messages"]:
            if message["change"] == "posted" and message["user"]:
                for incident in (
                    message["metadata"]["event_payload"]["incident"],
                    *LISTED.findall(str(message["blocks"])),
                ):
                    pages.setdefault(incident, message["monotonic"])
    return pages
