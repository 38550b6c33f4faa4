"""The engine with its loops going on the real clock, between real senders and the sandboxes."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from engine.bootstrap import Application, application
from engine.clock import sleep, utc_now
from engine.listen import listening
from tests.scenarios.stage import (
    KEY,
    Document,
    Edit,
    Outside,
    caller,
    connected,
    outside,
    unedited,
    write_config,
)
from tests.web import plain_http

PROGRAM = "prometheus-alertmanager"
PATIENCE = 15.0  # seconds for what takes Alertmanager one or two
GLANCE = 0.05

ROUTES = """
route:
  receiver: tocsin
  group_by: [alertname, cluster]
  group_wait: 300ms
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: tocsin
"""
KEYS = {"pagerduty": "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "opsgenie": "5b1d9f8e-7c3a-4e62-9b0d-1f2e3d4c5b6a"}
"""Of integrations in the form of each vendor's own."""

Receiver = Callable[[str], str]
"""What stands under `receivers` in alertmanager.yml for the engine at an address."""


def by_webhook(address: str) -> str:
    return f"""
    webhook_configs:
      - url: {address}/webhooks/alertmanager/{KEY}
        send_resolved: true
"""


def with_dropins(document: Document) -> None:
    """The shipped configuration with an integration for each vendor."""
    document["integrations"] |= {source: {"source": source, "key": key} for source, key in KEYS.items()}


def program() -> str:
    found = shutil.which(PROGRAM)
    assert found, f"this test needs {PROGRAM}; on Debian: apt-get install prometheus-alertmanager"
    return found


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


async def until(look: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool]) -> Any:
    """Looks until it is as wanted; fails after a while."""
    async with asyncio.timeout(PATIENCE):
        while not wanted(seen := await look()):
            await sleep(GLANCE)
    return seen


@dataclass(frozen=True, kw_only=True)
class Monitoring:
    """A running Alertmanager."""

    http: httpx.AsyncClient

    async def send(self, *instances: str, resolved: bool = False) -> None:
        now = utc_now()
        ends = {"endsAt": now.isoformat()} if resolved else {}
        alerts = [
            {
                "labels": {"alertname": "HighCPU", "cluster": "eu", "instance": one, "priority": "P0"},
                "annotations": {"summary": f"CPU 97% on {one}"},
                "startsAt": (now - timedelta(minutes=1)).isoformat(),
                **ends,
            }
            for one in instances
        ]
        answer = await self.http.post("/api/v2/alerts", json=alerts)
        assert answer.status_code == 200, answer.text


@asynccontextmanager
async def alertmanager(folder: Path, receiver: str) -> AsyncIterator[Monitoring]:
    config, port = folder / "alertmanager.yml", free_port()
    config.write_text(ROUTES + receiver)
    process = await asyncio.create_subprocess_exec(
        program(),
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with plain_http(f"http://127.0.0.1:{port}") as http:
            await until(lambda: ready(http), lambda answer: answer)
            yield Monitoring(http=http)
    finally:
        process.kill()
        await process.wait()


async def ready(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/-/ready")).status_code == 200
    except httpx.TransportError:
        return False


@dataclass(frozen=True, kw_only=True)
class Night:
    """The engine with its loops going, on the real clock, between Alertmanager and the sandboxes."""

    app: Application
    around: Outside
    http: httpx.AsyncClient
    monitoring: Monitoring

    async def incidents(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.http.get("/api/v1/incidents")).json()["items"]
        return found

    async def incident(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.http.get("/api/v1/incidents/INC-1")).json()
        return found

    async def kinds(self) -> list[str]:
        lines = (await self.http.get("/api/v1/incidents/INC-1/timeline")).json()["items"]
        return [line["kind"] for line in lines]

    def mailed(self) -> list[str]:
        """To whom, mail by mail."""
        names = {own["email"]: name for name, own in self.around.reach.items()}
        return [names[to] for mail in self.around.mail.messages() for to in mail.recipients]

    def posted(self) -> list[str]:
        """To whom, or into which team channel, post by post."""
        names = {own["slack"]: name for name, own in self.around.reach.items() if "slack" in own}
        return [names.get(one.user or "", one.channel) for one in self.around.slack.messages() if not one.thread_ts]


@asynccontextmanager
async def night(
    database_url: str, folder: Path, *, port: int = 0, receiver: Receiver = by_webhook, edit: Edit = unedited
) -> AsyncIterator[Night]:
    config = write_config(folder, edit)
    async with outside(config) as around:
        settings = connected(around, database_url, folder, config)
        async with application(settings) as app, listening(app.api, port=port) as address, caller(address) as http:
            await app.start()
            async with alertmanager(folder, receiver(address)) as monitoring:
                yield Night(app=app, around=around, http=http, monitoring=monitoring)
            await app.stop()
