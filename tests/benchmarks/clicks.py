"""From a click in Slack to the answer that Slack waits for, with 50 clicks in flight; over HTTP and over Socket Mode.

Every click is a command: the first acknowledges, the others find that done, each by its own transaction.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from integrations.sandbox.slack import SlackSandbox
from integrations.sandbox.slack_values import Channel, Message, User
from tests.benchmarks.figures import Row, Run, times_ms
from tests.benchmarks.programs import BOT_TOKEN, PEOPLE, TEAM_CHANNELS, Engine, engine

IN_FLIGHT = 50
SIGNING_SECRET, APP_TOKEN = "sandbox-signing-secret", "xapp-sandbox"
ACKNOWLEDGE = "tocsin_acknowledge"
ALERT = {
    "version": "4",
    "groupKey": "{}:{}",
    "status": "firing",
    "alerts": [{"status": "firing", "labels": {"alertname": "Down", "priority": "P0"}, "annotations": {}}],
}
PATIENCE = 20.0


def of_clicks(runs: int, seconds: float) -> list[Row]:
    ways = {"HTTP": {"SLACK_SIGNING_SECRET": SIGNING_SECRET}, "Socket Mode": {"SLACK_APP_TOKEN": APP_TOKEN}}
    return [
        Row(
            name=f"click to answer, {IN_FLIGHT} in flight, {name}",
            unit="ms",
            target="99 %: 300",
            runs=tuple(asyncio.run(_run(settings, seconds)) for _ in range(runs)),
            note="every click is a command with a transaction of its own; Slack waits 3,000 ms",
        )
        for name, settings in ways.items()
    ]


async def _run(settings: Mapping[str, str], seconds: float) -> Run:
    sandbox = SlackSandbox(
        signing_secret=SIGNING_SECRET,
        bot_token=BOT_TOKEN,
        app_token=APP_TOKEN,
        clock=time.time,
        users=[User(id=part[0], name=part[1], email=part[2]) for part in (one.split(":") for one in PEOPLE)],
        channels=[Channel(id=one.split(":")[0], name=one.split(":")[1]) for one in TEAM_CHANNELS],
    )
    with tempfile.TemporaryDirectory() as folder:
        async with sandbox as slack:
            given = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_API_URL": slack.api_url, **settings}
            served = engine(Path(folder), given)
            opened = await asyncio.to_thread(served.__enter__)
            try:
                return await _clicked(slack, opened, seconds, over_http="SLACK_SIGNING_SECRET" in settings)
            finally:
                await asyncio.to_thread(served.__exit__, None, None, None)


async def _clicked(slack: SlackSandbox, served: Engine, seconds: float, *, over_http: bool) -> Run:
    if over_http:
        slack.request_url = f"{served.address}/slack/events"
    else:
        await slack.wait_until(lambda: bool(slack.sockets.connections), within=PATIENCE)
    async with httpx.AsyncClient() as client:
        (await client.post(served.webhook, json=ALERT)).raise_for_status()
    page = await slack.wait_for(lambda message: bool(message.user and message.button(ACKNOWLEDGE)), within=PATIENCE)
    until = time.monotonic() + seconds
    times = [
        took
        for mine in await asyncio.gather(*(_presser(slack, page, until) for _ in range(IN_FLIGHT)))
        for took in mine
    ]
    median, p99 = times_ms(times)
    return Run(value=p99, median_ms=median, p99_ms=p99, count=len(times), lost=0 if times else 1)


async def _presser(slack: SlackSandbox, page: Message, until: float) -> list[float]:
    """One after the other, so that as many are in flight as there are pressers."""
    times = []
    while time.monotonic() < until:
        answer = await slack.click(page, ACKNOWLEDGE, user=page.user or "", stale=True)
        assert answer.status == 200, answer
        times.append(answer.elapsed)
    return times
