"""Told to stop, the engine ends what it has begun, promises nothing more, and leaves in peace."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from engine.clock import sleep
from integrations.sandbox.slack_faults import Failure
from tests.crash.process import GLANCE, Machine, machine
from tests.crash.test_sigkill import fire, on_disk
from tests.scenarios.stage import ADMIN_TOKEN, BOT_TOKEN, KEY, SIGNING_SECRET

WEBHOOKS = 60
STOPS_WITHIN = 20  # seconds


async def told_to_stop(engine: Machine) -> None:
    """Returns once it takes no more requests."""
    assert engine.process
    engine.process.terminate()
    async with asyncio.timeout(STOPS_WITHIN):
        while True:
            try:
                await engine.http.get("/healthz")
            except httpx.TransportError:
                return
            await sleep(GLANCE)


async def ended(engine: Machine) -> int:
    assert engine.process
    return await asyncio.wait_for(engine.process.wait(), STOPS_WITHIN)


def said_by(engine: Machine) -> tuple[str, str]:
    """What it printed for the person who started it, up to the line to paste; and its log."""
    before, _, after = engine.log.read_text().partition("\ncurl ")
    line, _, log = after.partition("\n")
    return before + line, log


async def test_a_page_on_its_way_is_waited_for_and_put_on_record(database_url: str, tmp_path: Path) -> None:
    async with machine(database_url, tmp_path) as engine:
        lead = engine.around.reach["ops-lead"]["slack"]
        engine.around.slack.fail(Failure.HANGING, times=1, channel=lead)
        assert (await fire(engine)).status_code == 202
        await engine.around.slack.wait_until(lambda: engine.around.slack.hanging == 1)
        await told_to_stop(engine)
        assert engine.around.slack.hanging == 1
        engine.around.slack.recover()
        assert await ended(engine) == 0
        await engine.start()
        sent = [line for line in await engine.timeline() if line["kind"] == "page.sent"]
        assert sorted(line["data"]["channel"] for line in sent) == ["email", "slack"]
        assert len(engine.direct("ops-lead")) == len(engine.around.mail.messages()) == 1


async def test_in_the_middle_of_a_storm_what_was_answered_202_is_kept_and_no_secret_is_told(
    database_url: str, tmp_path: Path
) -> None:
    async with machine(database_url, tmp_path) as engine:
        answered: list[str] = []
        some = asyncio.Event()

        async def one(number: int) -> None:
            try:
                answer = await fire(engine, f"Alert{number}")
            except httpx.TransportError:
                return
            if answer.status_code == 202:
                answered.append(answer.json()["alerts"][0]["incident"])
                some.set()

        storm = [asyncio.create_task(one(number)) for number in range(WEBHOOKS)]
        await asyncio.wait_for(some.wait(), STOPS_WITHIN)
        await told_to_stop(engine)
        assert await ended(engine) == 0
        await asyncio.gather(*storm)
        kept, paged = await on_disk(engine)
        assert set(answered) == kept == paged
        greeting, log = said_by(engine)
        assert KEY in greeting
        assert "server.stopped" in log
        for unwanted in ("Traceback", KEY, ADMIN_TOKEN, BOT_TOKEN, SIGNING_SECRET):
            assert unwanted not in log
