"""From the POST of an alert to its page at Slack: the sandbox in a process of its own notes when each page was there.

Alerts come at a steady rate, whatever the engine does; their time counts from when they were meant to leave.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import httpx

from engine.bootstrap import DEFAULT
from tests.benchmarks.figures import Row, Run, times_ms
from tests.benchmarks.load import Order
from tests.benchmarks.programs import BOT_TOKEN, engine, sandbox, send

BURST = "burst: 5"
RATE = 100
CONNECTIONS = 32
WARM_UP = 3.0
PATIENCE = 20.0
"""Seconds after the last alert in which all pages have to be there."""


def to_slack(runs: int, seconds: float) -> list[Row]:
    return [
        Row(
            name=f"POST to page, {RATE} alerts/s",
            unit="ms",
            target="30, 99 %: 250",
            runs=tuple(_run(seconds) for _ in range(runs)),
            note="SQLite; for each incident a direct message, to which the time counts, and a card in the team channel;"
            " bundling is off, for it would make a few messages of them all",
        )
    ]


def _run(seconds: float) -> Run:
    with tempfile.TemporaryDirectory() as folder, sandbox() as addresses:
        unbundled = Path(folder) / "tocsin.yaml"
        unbundled.write_text(DEFAULT.read_text().replace(BURST, f"{BURST}00000"))
        settings = {
            "SLACK_BOT_TOKEN": BOT_TOKEN,
            "SLACK_API_URL": addresses["slack_api_url"],
            "TOCSIN_CONFIG": str(unbundled),
        }
        with engine(Path(folder), settings) as served:
            send(Order(url=served.webhook, mark="warm", connections=CONNECTIONS, seconds=WARM_UP, rate=RATE))
            used = served.cpu_seconds
            sent = send(Order(url=served.webhook, mark="alert", connections=CONNECTIONS, seconds=seconds, rate=RATE))
            used = served.cpu_seconds - used
            pages = _pages(addresses["record_url"], {incident for _, incident, _, _ in sent.accepted})
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


def _pages(record_url: str, incidents: set[str]) -> dict[str, float]:
    """When the first direct message of each incident was there, in monotonic seconds."""
    pages: dict[str, float] = {}
    until = time.monotonic() + PATIENCE
    while not incidents <= pages.keys() and time.monotonic() < until:
        time.sleep(0.2)
        pages = {}
        for message in httpx.get(record_url).json()["messages"]:
            if message["change"] == "posted" and message["user"]:
                incident = message["metadata"]["event_payload"]["incident"]
                pages.setdefault(incident, message["monotonic"])
    return pages
