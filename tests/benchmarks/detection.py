"""From the death of a local service to the page about it at Slack: a hundred deaths, probes every ten seconds.

The engine is `tocsin serve` on a clock that is five times as fast. So all that takes real time (a run, a COMMIT, the
way to Slack) counts five times, and what is printed errs on the late side. Each service dies at a moment of its own
within the interval of its probe, by closing its port; the connection is refused from then on.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from engine.bootstrap import DEFAULT
from engine.config.document import parse
from engine.db.migrate import upgrade
from tests.benchmarks.figures import Row, Run, times_ms
from tests.benchmarks.paging import pages_of
from tests.benchmarks.programs import BOT_TOKEN, engine, sandbox
from tests.databases import PostgresDatabases
from tests.postgres import PostgresMissing, postgres_server

SPEED = 5
DEATHS, QUICK_DEATHS = 100, 20
QUICK = 10.0
"""A run of fewer seconds is a short one."""
SERVICES = 10
EVERY = 10.0
ALLOWED = 30.0
"""Engine seconds in which 99 % have to be noticed."""
ADMIN_TOKEN = "detection-admin"
LOOK = 0.2
PATIENCE = 60.0
"""Real seconds for one death, from the last recovery to the next."""
LOOPBACK = "127.0.0.1"


@dataclass(kw_only=True)
class Service:
    """Something that takes connections until it dies. `deaths` are in monotonic seconds."""

    name: str
    port: int = 0
    deaths: list[float] = field(default_factory=list)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(_hang_up, LOOPBACK, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def die(self) -> None:
        if self._server is not None:
            self._server.close()
            self.deaths.append(time.monotonic())


async def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


def of_detection(_runs: int, seconds: float) -> list[Row]:
    """Once on each kind of database that there is."""
    deaths = DEATHS if seconds >= QUICK else QUICK_DEATHS
    rows = [_row("SQLite", asyncio.run(_measure(deaths, {})))]
    try:
        with (
            postgres_server() as server,
            PostgresDatabases(server) as databases,
            databases.template(upgrade) as template,
            databases.copy(template) as url,
        ):
            rows.append(_row("PostgreSQL", asyncio.run(_measure(deaths, {"TOCSIN_DATABASE_URL": url}))))
    except PostgresMissing:
        pass
    return rows


def _row(name: str, run: Run) -> Row:
    note = (
        f"{run.count} of {run.count + run.lost} deaths were paged, {run.count - run.excess} of them in time; median"
        f" {run.median_ms / 1000:.1f} s, 99 % {run.p99_ms / 1000:.1f} s of the engine's time, which runs"
        f" {SPEED} times as fast"
    )
    return Row(name=f"death to page, {name}", unit="s", target=f"99 %: {ALLOWED:g}", runs=(run,), note=note)


async def _measure(deaths: int, database: Mapping[str, str]) -> Run:
    services = [Service(name=f"service-{number}") for number in range(SERVICES)]
    for service in services:
        await service.start()
    with tempfile.TemporaryDirectory() as folder, sandbox() as addresses:
        settings = {
            "SLACK_BOT_TOKEN": BOT_TOKEN,
            "SLACK_API_URL": addresses["slack_api_url"],
            "TOCSIN_CONFIG": str(_config(Path(folder), services)),
            "TOCSIN_ADMIN_TOKEN": ADMIN_TOKEN,
            **database,
        }
        with engine(Path(folder), settings, "--speed", str(SPEED)) as served:
            async with httpx.AsyncClient(
                base_url=served.address, headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}, timeout=20
            ) as http:
                board = Board(http)
                looking = asyncio.create_task(board.look())
                await asyncio.gather(*(_die_and_return(board, one, deaths // SERVICES) for one in services))
                looking.cancel()
                incidents = await _incidents(http)
            pages = await asyncio.to_thread(pages_of, addresses["record_url"], {one["id"] for one in incidents})
    for service in services:
        await service.die()
        service.deaths.pop()
    return _counted(services, incidents, pages)


def _counted(services: Sequence[Service], incidents: Sequence[Mapping[str, Any]], pages: Mapping[str, float]) -> Run:
    """The incidents of a service are in the order of its deaths."""
    of_service = defaultdict(list)
    for incident in sorted(incidents, key=lambda one: int(one["id"].removeprefix("INC-"))):
        of_service[incident["title"].partition(":")[0]].append(incident["id"])
    waits = [
        (pages[ref] - died) * SPEED
        for service in services
        for died, ref in zip(service.deaths, of_service[service.name], strict=False)
        if ref in pages
    ]
    deaths = sum(len(service.deaths) for service in services)
    median, p99 = times_ms(waits)
    late = sum(wait > ALLOWED for wait in waits)
    return Run(
        value=p99 / 1000,
        median_ms=median,
        p99_ms=p99,
        count=len(waits),
        lost=deaths - len(waits),
        excess=max(0, late - deaths // 100),
    )


def _config(folder: Path, services: Sequence[Service]) -> Path:
    """The default one with a probe for each service, every page a message of its own, every death an incident."""
    document = parse(DEFAULT.read_text(), DEFAULT.name).value
    document["bundling"] = {"burst": 10_000}
    del document["flapping"]  # what dies time and again would be one incident, which is another matter
    document["probes"] = {
        service.name: {"kind": "tcp", "host": LOOPBACK, "port": service.port, "every": f"{EVERY:g}s"}
        for service in services
    }
    path = folder / "tocsin.yaml"
    path.write_text(json.dumps(document))
    return path


class Board:
    """How the engine says that each probe stands; asked for all of them together, a few times a second."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._states: dict[str, str] = {}
        self._changed = asyncio.Condition()

    async def look(self) -> None:
        while True:
            answer = await self._http.get("/api/v1/probes")
            async with self._changed:
                self._states = {one["name"]: one["state"] for one in answer.json()["items"]}
                self._changed.notify_all()
            await asyncio.sleep(LOOK)

    async def until(self, service: Service, state: str) -> None:
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(lambda: self._states.get(service.name) == state)


async def _die_and_return(board: Board, service: Service, times: int) -> None:
    """So many deaths, each at its own moment within the interval, each only once the last one is over."""
    for _ in range(times):
        await board.until(service, "well")
        await asyncio.sleep(random.uniform(0, EVERY) / SPEED)  # noqa: S311 - any moment will do
        await service.die()
        await board.until(service, "down")
        await service.start()
    await board.until(service, "well")


async def _incidents(http: httpx.AsyncClient) -> list[dict[str, Any]]:
    """All of them."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await http.get("/api/v1/incidents", params=cursor)).json()
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}
