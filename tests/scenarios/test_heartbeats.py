"""Jobs that fall silent: over real HTTP, on both databases, through outages of the engine and between replicas."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from engine.bootstrap import Application, application, load_config
from engine.clock import VirtualClock
from engine.config.difference import digest
from engine.config.settings import Settings
from engine.config.stored import to_document
from engine.services import configs
from engine.services.heartbeats import standings
from tests.scenarios.conftest import OpenStage
from tests.scenarios.stage import NIGHT, Document, Edit, Stage, write_config

KEY = "key-of-the-backup"
HOURLY = {"every": "1h", "grace": "5m", "key": KEY, "title": "Nightly backup"}


def with_backup(document: Document) -> None:
    document["heartbeats"] = {"backup": HOURLY}


async def say(stage: Stage, what: str = "", *, method: str = "POST", content: str = "") -> httpx.Response:
    answer = await stage.http.request(method, f"/heartbeats/{KEY}{what}", content=content)
    await stage.settle()
    return answer


async def pulse(stage: Stage) -> dict[str, Any]:
    [found] = (await stage.http.get("/api/v1/heartbeats")).json()["items"]
    shown: dict[str, Any] = found
    return shown


async def incidents(stage: Stage) -> list[tuple[str, str]]:
    items = (await stage.http.get("/api/v1/incidents")).json()["items"]
    return [(one["id"], one["state"]) for one in reversed(items)]


@pytest.mark.parametrize("method", ["POST", "GET", "HEAD"])
async def test_a_job_that_reports_in_time_wakes_nobody(open_stage: OpenStage, method: str) -> None:
    async with open_stage(edit=with_backup) as stage:
        for _ in range(3):
            await stage.advance(minutes=64)
            answer = await say(stage, method=method)
            assert (answer.status_code, answer.text) == (200, "" if method == "HEAD" else "OK")
        assert stage.received == []
        assert (await pulse(stage))["state"] == "up"


async def test_silence_is_an_incident_that_pages_and_the_next_success_ends_it(open_stage: OpenStage) -> None:
    async with open_stage(edit=with_backup) as stage:
        await say(stage)
        await stage.to(minute=64.9)
        assert (await pulse(stage))["late"]
        assert await incidents(stage) == []
        await stage.to(minute=65)
        assert stage.pages() == [(65, "ops-lead")]
        shown = await stage.incident("INC-1")
        assert (shown["title"], shown["source"]) == ("Nightly backup: no heartbeat", "heartbeat")
        assert (shown["priority"], shown["state"]) == ("P1", "detection")
        assert (await pulse(stage))["incident"] == "INC-1"
        await say(stage)
        assert await incidents(stage) == [("INC-1", "review")]
        assert (await pulse(stage))["incident"] is None


async def test_a_job_that_never_reports_is_waited_for_from_the_apply(open_stage: OpenStage) -> None:
    async with open_stage(edit=with_backup) as stage:
        await stage.settle()
        await stage.to(minute=64.9)
        assert (await pulse(stage))["state"] == "waiting"
        assert await incidents(stage) == []
        await stage.to(minute=65)
        assert "never heard from" in (await stage.incident("INC-1"))["summary"]


async def test_a_failure_is_paged_at_once_with_the_end_of_what_it_said(open_stage: OpenStage) -> None:
    output = "line\n" * 9_000 + "password=hunter2\nDisk \x1b[31mfull\x1b[0m"
    async with open_stage(edit=with_backup) as stage:
        assert (await say(stage, "/3", content=output)).text == "OK"
        assert stage.pages() == [(0, "ops-lead")]
        summary = (await stage.incident("INC-1"))["summary"]
        assert "exit code 3" in summary
        assert "Disk \ufffd[31mfull" in summary
        assert "hunter2" not in summary
        assert len(summary) < 1_200
        shown = await pulse(stage)
        assert (shown["state"], shown["exit_code"]) == ("failed", 3)
        await say(stage, "/0")
        assert await incidents(stage) == [("INC-1", "review")]


async def test_a_run_that_does_not_end_is_an_incident(open_stage: OpenStage) -> None:
    def timed(document: Document) -> None:
        document["heartbeats"] = {"backup": {**HOURLY, "timeout": "20m"}}

    async with open_stage(edit=timed) as stage:
        await say(stage)
        await stage.to(minute=60)
        await say(stage, "/start", method="GET")
        assert (await pulse(stage))["started_at"] == "2026-11-21T04:10:00Z"
        await stage.to(minute=80)
        assert stage.pages() == [(80, "ops-lead")]
        assert (await stage.incident("INC-1"))["title"] == "Nightly backup: has not finished in time"


async def test_an_incident_that_somebody_resolved_in_silence_comes_again_when_the_next_beat_is_missed(
    open_stage: OpenStage,
) -> None:
    async with open_stage(edit=with_backup) as stage:
        await stage.settle()
        await stage.to(minute=65)
        await stage.command("INC-1", "acknowledge", by="ops-lead")
        await stage.command("INC-1", "resolve", by="ops-lead", validation="it looked well")
        await stage.to(minute=124)
        assert [one for one, _ in await incidents(stage)] == ["INC-1"]
        await stage.to(minute=125)
        assert [one for one, _ in await incidents(stage)] == ["INC-1", "INC-2"]


@pytest.mark.parametrize(
    ("what", "status", "code"),
    [("/256", 404, "signal_unknown"), ("/-1", 404, "signal_unknown"), ("/log", 404, "signal_unknown")],
)
async def test_what_is_no_signal_changes_nothing(open_stage: OpenStage, what: str, status: int, code: str) -> None:
    async with open_stage(edit=with_backup) as stage:
        answer = await say(stage, what)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert (await pulse(stage))["state"] == "waiting"


async def test_a_wrong_key_is_refused_without_repeating_it(open_stage: OpenStage) -> None:
    async with open_stage(edit=with_backup) as stage:
        answer = await stage.http.post("/heartbeats/wrong-key")
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert "wrong-key" not in answer.text


def with_watchdog(document: Document) -> None:
    alert = {"source": "alertmanager", "match": ['alertname="Watchdog"']}
    document["heartbeats"] = {"monitoring": {"every": "5m", "grace": "1m", "alert": alert}}


async def test_alertmanager_s_watchdog_opens_nothing_and_its_silence_does(open_stage: OpenStage) -> None:
    async with open_stage(edit=with_watchdog) as stage:
        for minute in (0, 5, 10):
            await stage.to(minute=minute)
            answer = await stage.fire("Watchdog", severity="none")
            assert (answer["action"], answer["incident"]) == ("heartbeat", None)
        ended = await stage.fire("Watchdog", status="resolved", severity="none")
        assert (ended["action"], ended["incident"]) == ("ignored", None)
        await stage.to(minute=15.9)
        assert await incidents(stage) == []
        await stage.to(minute=16)
        assert stage.pages() == [(16, "ops-lead")]
        back = await stage.fire("Watchdog", severity="none")
        assert (back["action"], back["incident"]) == ("heartbeat", "INC-1")
        assert await incidents(stage) == [("INC-1", "review")]


async def test_other_alerts_of_the_same_body_are_taken_in_their_order(open_stage: OpenStage) -> None:
    async with open_stage(edit=with_watchdog) as stage:
        one, beat, other = (
            {"status": "firing", "labels": {"alertname": name}, "fingerprint": name} for name in ("A", "Watchdog", "B")
        )
        answer = await stage.post_alerts([one, beat, other])
        assert [(found["fingerprint"], found["action"]) for found in answer.json()["alerts"]] == [
            ("A", "opened"),
            ("Watchdog", "heartbeat"),
            ("B", "joined"),
        ]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of an engine, from its start to its end."""

    app: Application
    clock: VirtualClock

    async def wait(self, *, minutes: float) -> None:
        """The engine runs meanwhile, and looks now and then."""
        until = self.clock.now() + timedelta(minutes=minutes)
        while self.clock.now() < until:
            self.clock.set(min(until, self.clock.now() + timedelta(minutes=1)))
            await self.app.ticker.tick()

    async def say(self, method: str = "POST") -> None:
        transport = httpx.ASGITransport(self.app.api)
        async with httpx.AsyncClient(transport=transport, base_url="http://tocsin.test") as client:
            answer = await client.request(method, f"/heartbeats/{KEY}")
            assert answer.status_code == 200, answer.text

    async def opened(self) -> list[str]:
        """Titles and summaries of the incidents there are."""
        transport = httpx.ASGITransport(self.app.api)
        headers = {"Authorization": "Bearer heartbeat-test-admin"}
        async with httpx.AsyncClient(transport=transport, base_url="http://tocsin.test", headers=headers) as client:
            items = (await client.get("/api/v1/incidents")).json()["items"]
            shown = [(await client.get(f"/api/v1/incidents/{one['id']}")).json() for one in items]
        return [f"{one['title']} {one['summary']}" for one in shown]


@asynccontextmanager
async def run_of(
    database_url: str, folder: Path, edit: Edit = with_backup, *, at: datetime = NIGHT
) -> AsyncIterator[Run]:
    clock = VirtualClock(at)
    settings = Settings(
        data_dir=folder,
        database_url=SecretStr(database_url),
        config=write_config(folder, edit),
        admin_token=SecretStr("heartbeat-test-admin"),
    )
    async with application(settings, clock=clock) as app:
        await app.ticker.tick()
        yield Run(app=app, clock=clock)


def after(minutes: float) -> datetime:
    return NIGHT + timedelta(minutes=minutes)


async def test_a_beat_that_could_not_arrive_has_a_full_grace_after_the_start(database_url: str, tmp_path: Path) -> None:
    async with run_of(database_url, tmp_path) as run:
        await run.say()
        await run.wait(minutes=30)
    async with run_of(database_url, tmp_path, at=after(180)) as run:
        await run.wait(minutes=4)
        assert await run.opened() == []
        await run.say()
        await run.wait(minutes=64)
        assert await run.opened() == []


async def test_a_short_restart_of_the_only_engine_is_an_outage_too(sqlite_url: str, tmp_path: Path) -> None:
    async with run_of(sqlite_url, tmp_path) as run:
        await run.say()
        await run.wait(minutes=64)
    async with run_of(sqlite_url, tmp_path, at=after(64.05)) as run:
        await run.wait(minutes=4.9)
        assert await run.opened() == []
        await run.wait(minutes=0.2)
        [told] = await run.opened()
        assert "The engine could hear nobody from 2026-11-21 04:14:00 UTC to 2026-11-21 04:14:03 UTC" in told


async def test_without_one_in_that_grace_it_is_missed_and_the_outage_is_on_record(
    database_url: str, tmp_path: Path
) -> None:
    async with run_of(database_url, tmp_path) as run:
        await run.say()
        await run.wait(minutes=30)
    async with run_of(database_url, tmp_path, at=after(180)) as run:
        await run.wait(minutes=5)
        [told] = await run.opened()
        assert "The engine could hear nobody from 2026-11-21 03:40:00 UTC to 2026-11-21 06:10:00 UTC" in told


async def test_a_first_apply_long_before_the_first_start_raises_no_alarm_at_once(
    database_url: str, tmp_path: Path
) -> None:
    async with run_of(database_url, tmp_path, lambda _: None) as run:
        config = load_config(write_config(tmp_path, with_backup))
        await configs.apply(run.app.context, document=to_document(config), digest=digest(config), by="test")
    async with run_of(database_url, tmp_path, at=after(60 * 24)) as run:
        assert await run.opened() == []
        await run.wait(minutes=5)
        assert len(await run.opened()) == 1


async def test_a_heartbeat_that_leaves_the_configuration_ends_its_incident(database_url: str, tmp_path: Path) -> None:
    async with run_of(database_url, tmp_path) as run:
        await run.wait(minutes=65)
        assert len(await run.opened()) == 1
        config = load_config(write_config(tmp_path, lambda _: None))
        await configs.apply(run.app.context, document=to_document(config), digest=digest(config), by="test")
        await run.app.ticker.tick()
        transport = httpx.ASGITransport(run.app.api)
        headers = {"Authorization": "Bearer heartbeat-test-admin"}
        async with httpx.AsyncClient(transport=transport, base_url="http://tocsin.test", headers=headers) as client:
            assert (await client.get("/api/v1/incidents/INC-1")).json()["state"] == "review"
            assert (await client.get("/api/v1/heartbeats")).json() == {"items": []}


async def test_of_several_engines_one_misses_a_heartbeat(database_url: str, tmp_path: Path) -> None:
    async with run_of(database_url, tmp_path) as one, run_of(database_url, tmp_path) as other:
        for engine in (one, other):
            engine.clock.set(after(65))
        await asyncio.gather(*(engine.app.ticker.tick() for engine in (one, other, one, other)))
        assert len(await one.opened()) == 1


async def test_a_beat_and_the_end_of_its_time_in_one_moment_come_to_one_end(database_url: str, tmp_path: Path) -> None:
    """Whichever is first: what is missed is heard again, or it is not missed at all."""
    async with run_of(database_url, tmp_path) as one, run_of(database_url, tmp_path) as other:
        for engine in (one, other):
            engine.clock.set(after(65))
        await asyncio.gather(one.app.ticker.tick(), other.say())
        await one.app.ticker.tick()
        [standing] = await standings(one.app.context)
        assert standing.pulse.state.value == "up"
        assert standing.incident is None
