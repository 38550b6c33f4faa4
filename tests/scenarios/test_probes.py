"""A local service that dies, as the whole engine sees it: noticed, paged, over again; on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from tests.integrations.channels.providers import refused_port
from tests.integrations.probes.servers import LOOPBACK, answer, web_server
from tests.scenarios.conftest import OpenStage
from tests.scenarios.stage import Document, Stage

EVERY = timedelta(seconds=10)


class Service:
    """Something that can be killed and started again at the same port."""

    def __init__(self) -> None:
        self.port = refused_port()
        self._stop = asyncio.Event()
        self._up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._stop.clear()
        self._up.clear()
        self._task = asyncio.create_task(self._run())
        await self._up.wait()

    async def kill(self) -> None:
        self._stop.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        async with web_server(answer, port=self.port):
            self._up.set()
            await self._stop.wait()


@asynccontextmanager
async def service() -> AsyncIterator[Service]:
    found = Service()
    await found.start()
    yield found
    await found.kill()


def watched(port: int, **more: Any) -> Document:
    return {"kind": "http", "url": f"http://{LOOPBACK}:{port}/", "title": "Checkout", "service": "default", **more}


async def pass_by(stage: Stage, turns: int) -> None:
    """So many intervals, with what falls due in each."""
    for _ in range(turns):
        await stage.advance(seconds=EVERY.total_seconds())
        await stage.app.probes.look()
        await stage.settle()


async def incidents(stage: Stage) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await stage.http.get("/api/v1/incidents")).json()["items"]
    return items


async def probe(stage: Stage) -> dict[str, Any]:
    [found] = (await stage.http.get("/api/v1/probes")).json()["items"]
    shown: dict[str, Any] = found
    return shown


async def test_a_service_that_dies_is_paged_within_30_seconds_and_its_return_ends_it(open_stage: OpenStage) -> None:
    async with service() as shop:

        def edit(document: Document) -> None:
            document["probes"] = {"checkout": watched(shop.port)}

        async with open_stage(edit=edit) as stage:
            await stage.app.probes.look()
            await pass_by(stage, 3)
            assert (await probe(stage))["state"] == "well"
            died = (stage.clock.now() - stage.start).total_seconds()
            await shop.kill()
            await pass_by(stage, 2)
            paged = [one.at for one in stage.received if one.who == "ops-lead"]
            assert paged
            assert min(paged) - died <= 30
            [incident] = await incidents(stage)
            assert incident["title"] == f"Checkout: {LOOPBACK}:{shop.port}: no connection: Connection refused"
            assert (incident["source"], incident["priority"]) == ("probe", "P1")
            shown = await stage.incident("INC-1")
            assert "availability_percent" in shown["classification"]["reason"]
            assert (await probe(stage))["incident"] == "INC-1"
            await shop.start()
            await pass_by(stage, 2)
            assert (await stage.incident("INC-1"))["state"] == "detection"
            await pass_by(stage, 1)
            assert (await stage.incident("INC-1"))["state"] == "review"
            assert "tocsin_alerts_total" in (await stage.http.get("/metrics")).text


async def test_one_that_comes_and_goes_is_one_incident(open_stage: OpenStage) -> None:
    async with service() as shop:

        def edit(document: Document) -> None:
            document["probes"] = {"checkout": watched(shop.port)}

        async with open_stage(edit=edit) as stage:
            await stage.app.probes.look()
            for _ in range(3):
                await shop.kill()
                await pass_by(stage, 2)
                await shop.start()
                await pass_by(stage, 2)
            assert len(await incidents(stage)) == 1


async def test_an_incident_that_somebody_resolved_while_it_fails_comes_again_after_five_minutes(
    open_stage: OpenStage,
) -> None:
    def edit(document: Document) -> None:
        document["probes"] = {"checkout": watched(refused_port())}

    async with open_stage(edit=edit) as stage:
        await stage.app.probes.look()
        await pass_by(stage, 2)
        await stage.command("INC-1", "resolve", by="ops-lead", validation="it looked well")
        await pass_by(stage, 29)
        assert len(await incidents(stage)) == 1
        await pass_by(stage, 1)
        assert [one["id"] for one in await incidents(stage)] == ["INC-2", "INC-1"]
