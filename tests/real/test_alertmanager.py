"""Against the real Alertmanager: it fires, groups and resolves; here that is one incident and one ladder."""

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
from tests.scenarios.stage import KEY, Outside, caller, connected, outside, unedited, write_config

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
    webhook_configs:
      - url: {url}
        send_resolved: true
"""


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
async def alertmanager(folder: Path, url: str) -> AsyncIterator[Monitoring]:
    config, port = folder / "alertmanager.yml", free_port()
    config.write_text(ROUTES.format(url=url))
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
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
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
async def night(database_url: str, folder: Path, *, port: int = 0) -> AsyncIterator[Night]:
    config = write_config(folder, unedited)
    async with outside(config) as around:
        settings = connected(around, database_url, folder, config)
        async with application(settings) as app, listening(app.api, port=port) as address, caller(address) as http:
            await app.start()
            async with alertmanager(folder, f"{address}/webhooks/alertmanager/{KEY}") as monitoring:
                yield Night(app=app, around=around, http=http, monitoring=monitoring)
            await app.stop()


async def test_a_group_of_two_hosts_is_one_incident_with_one_page_that_its_resolution_ends(
    database_url: str, tmp_path: Path
) -> None:
    async with night(database_url, tmp_path) as found:
        await found.monitoring.send("web-1", "web-2")
        shown = await until(found.incidents, lambda items: len(items) == 1 and items[0]["level"] == 1)
        assert (shown[0]["priority"], shown[0]["title"]) == ("P0", "CPU 97% on web-1")
        assert {alert["labels"]["instance"] for alert in (await found.incident())["alerts"]} == {"web-1", "web-2"}
        await found.monitoring.send("web-1", resolved=True)
        await until(found.kinds, lambda kinds: "alert.resolved" in kinds)
        assert (await found.incident())["state"] == "detection"
        await found.monitoring.send("web-2", resolved=True)
        await until(found.incident, lambda incident: incident["state"] == "review")
        await until(found.kinds, lambda kinds: kinds.count("page.sent") == 2)
        assert len(await found.incidents()) == 1
        assert found.mailed() == ["ops-lead"]
        assert sorted(found.posted()) == ["C0INCIDENTS", "ops-lead"]
        assert (await found.incident())["resolved_at"]


async def test_after_an_acknowledgement_the_resolution_asks_the_commander_and_ends_nothing(
    database_url: str, tmp_path: Path
) -> None:
    async with night(database_url, tmp_path) as found:
        await found.monitoring.send("web-1")
        await until(found.incidents, lambda items: len(items) == 1)
        answer = await found.http.post("/api/v1/incidents/INC-1/acknowledge", json={"by": "ops-senior"})
        assert answer.status_code == 200, answer.text
        await found.monitoring.send("web-1", resolved=True)
        await until(found.kinds, lambda kinds: "alert.all_cleared" in kinds and "notice.sent" in kinds)
        assert (await found.incident())["state"] == "assessment"
        assert [who for who in (*found.mailed(), *found.posted()) if who not in ("ops-lead", "C0INCIDENTS")] == [
            "ops-senior"
        ]


async def test_an_alert_that_fires_again_after_its_incident_was_closed_opens_another_that_names_it(
    database_url: str, tmp_path: Path
) -> None:
    async with night(database_url, tmp_path) as found:
        await found.monitoring.send("web-1")
        await until(found.incidents, lambda items: len(items) == 1)
        await found.monitoring.send("web-1", resolved=True)
        await until(found.incident, lambda incident: incident["state"] == "review")
        await found.monitoring.send("web-1")
        await until(found.incidents, lambda items: len(items) == 2)
        lines = (await found.http.get("/api/v1/incidents/INC-2/timeline")).json()["items"]
        assert lines[0]["data"]["previous"] == 1


async def test_while_the_engine_is_away_alertmanager_tries_again_and_nothing_is_lost(
    database_url: str, tmp_path: Path
) -> None:
    port = free_port()
    (tmp_path / "early").mkdir()
    async with alertmanager(tmp_path / "early", f"http://127.0.0.1:{port}/webhooks/alertmanager/{KEY}") as monitoring:
        await monitoring.send("web-1")
        async with night(database_url, tmp_path, port=port) as found:
            await until(found.incidents, lambda items: len(items) == 1)
            await until(found.kinds, lambda kinds: kinds.count("page.sent") == 2)
