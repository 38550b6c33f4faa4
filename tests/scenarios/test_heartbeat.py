"""The dead man's switch: a heartbeat that means "pages go out", and stops when they don't."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import SecretStr
from structlog.testing import capture_logs

from engine.core.errors import DeliveryError
from engine.services.deadman import DeadMansSwitch
from integrations.heartbeat import Heartbeat
from tests.scenarios.conftest import OpenStage
from tests.scenarios.stage import Stage

SECRET = "0f6c3a5e"


class Elsewhere:
    """The switch's other end."""

    def __init__(self) -> None:
        self.status = 200
        self.beats = 0
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        assert request.path == f"/{SECRET}"
        self.beats += 1
        return web.Response(status=self.status)


@asynccontextmanager
async def elsewhere() -> AsyncIterator[Elsewhere]:
    found = Elsewhere()
    app = web.Application()
    app.router.add_get("/{secret}", found.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    found.url = f"http://{host}:{port}/{SECRET}"
    yield found
    await runner.cleanup()


def switch_of(stage: Stage, there: Elsewhere) -> DeadMansSwitch:
    return DeadMansSwitch(stage.app.context, stage.app.ticker, Heartbeat(SecretStr(there.url)))


async def test_it_beats_while_pages_go_out_stops_when_they_are_stuck_and_goes_on(open_stage: OpenStage) -> None:
    async with elsewhere() as there, open_stage() as stage:
        switch = switch_of(stage, there)
        await switch.look()
        assert there.beats == 0  # nobody has looked at the timers yet
        await stage.fire("CheckoutDown", priority="P0")
        await switch.look()
        assert there.beats == 1
        await stage.mail.refuse_connections()
        stage.clock.advance(timedelta(minutes=5))
        await stage.app.ticker.tick()  # pages are decided, and nobody sends them
        await switch.look()
        assert there.beats == 2
        stage.clock.advance(timedelta(minutes=2, seconds=1))
        await stage.app.ticker.tick()
        with capture_logs() as logged:
            await switch.look()
        assert there.beats == 2
        assert [(line["event"], line["why"]) for line in logged] == [
            ("heartbeat.held_back", "a page has waited for 2 min 1 s")
        ]
        await stage.mail.listen()
        await stage.settle()
        await switch.look()
        assert there.beats == 3


async def test_it_stops_when_timers_are_late_or_nobody_looks_at_them(open_stage: OpenStage) -> None:
    async with elsewhere() as there, open_stage() as stage:
        switch = switch_of(stage, there)
        await stage.fire("CheckoutDown", priority="P0")
        stage.clock.advance(timedelta(seconds=16))
        assert await switch.trouble() == "the engine has not looked at its timers for 16 s"
        stage.clock.advance(timedelta(minutes=6))
        stage.app.ticker.last_tick = stage.clock.now()  # it looks, and fires nothing
        assert await switch.trouble() == "a timer is 76 s late"


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_an_address_that_does_not_take_it_is_said_without_its_secret(open_stage: OpenStage, status: int) -> None:
    async with elsewhere() as there, open_stage() as stage:
        there.status = status
        await stage.settle()
        with capture_logs() as logged:
            await switch_of(stage, there).look()
        [line] = [line for line in logged if line["event"] == "heartbeat.failed"]
        assert str(status) in line["error"]
        assert SECRET not in str(line)


async def test_a_metadata_address_is_never_called(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="link-local or metadata"):
        await Heartbeat(SecretStr(f"http://169.254.169.254/{SECRET}"))()
