"""Several engines on one database and one clock, between the same sandboxes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

import httpx

from tests.crash.kills import LEASE, ROUNDS
from tests.crash.world import Ground, World, world
from tests.real.harness import free_port
from tests.scenarios.stage import KEY, alert, body, caller


@dataclass(kw_only=True)
class Crowd:
    engines: list[World]
    chance: Random

    @property
    def first(self) -> World:
        return self.engines[0]

    @property
    def now(self) -> datetime:
        return self.first.switch.now()

    def any(self) -> World:
        return self.chance.choice(self.engines)

    async def open(self, name: str) -> str:
        answer = await self.any().http.post(
            f"/webhooks/alertmanager/{KEY}", json=body([alert(name, priority="P0", service=name)])
        )
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        incident: str = answer.json()["alerts"][0]["incident"]
        return incident

    def move_to(self, at: datetime) -> None:
        self.first.switch.set(at)
        for one in self.engines:
            one.ring()

    async def settle(self) -> None:
        for one in self.engines[1:]:
            one.ring()
        await self.first.settle()

    async def finish(self) -> None:
        """Until nothing waits to be sent."""
        for _ in range(ROUNDS):
            await self.settle()
            if not await self.first.database.read(self.first.waiting):
                return
            self.move_to(self.now + LEASE)

    async def later(self, within: timedelta) -> None:
        await asyncio.sleep(self.chance.uniform(0, within.total_seconds()))


@asynccontextmanager
async def crowd(place: Ground, *, engines: int, seed: int) -> AsyncIterator[Crowd]:
    """So many engine processes, all of them ready."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(world(place))
        others = [await _another(first, stack) for _ in range(engines - 1)]
        everyone = [first, *others]
        for one in everyone:
            await one.start()
        await asyncio.gather(*(one.ready() for one in everyone))
        yield Crowd(engines=everyone, chance=Random(seed))  # noqa: S311 - spreads the races, guards nothing


async def _another(first: World, stack: AsyncExitStack) -> World:
    place = replace(first.ground, port=free_port())
    http = await stack.enter_async_context(caller(f"http://127.0.0.1:{place.port}"))
    found = World(
        ground=place, around=first.around, http=http, database_url=first.database_url, database=first.database
    )
    stack.push_async_callback(found.kill)
    return found
