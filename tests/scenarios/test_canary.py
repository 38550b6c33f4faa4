"""The pager tries itself: a page on a schedule, to an address that wakes nobody, and a look whether it arrived."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.core.errors import ConfigError
from tests.scenarios.conftest import OpenStage
from tests.scenarios.stage import NIGHT, Document, Stage

EVERY = timedelta(minutes=15)
ADDRESS = "canary@example.com"


def with_canary(document: Document) -> None:
    document["contacts"]["canary"] = {"name": "Canary", "reach": {"email": ADDRESS}}
    document["levels"]["canary"] = {"number": 9, "title": "Canary", "primary": "canary", "reached_by": ["email"]}
    ladder = {"respond_within": "1d", "steps": [{"level": "canary"}]}
    document["policies"]["canary"] = dict.fromkeys(("P0", "P1", "P2", "P3"), ladder)
    document["services"]["canary"] = {"title": "Canary", "policy": "canary"}
    document["canary"] = {"every": "15m", "service": "canary", "within": "1m"}


async def look(stage: Stage) -> None:
    await stage.app.canaries.look()
    await stage.settle()


async def canary_gauge(stage: Stage) -> float:
    lines = (await stage.http.get("/metrics")).text.splitlines()
    name = "tocsin_canary_last_success_timestamp_seconds "
    return next(float(line.removeprefix(name)) for line in lines if line.startswith(name))


async def test_a_canary_that_arrives_is_over_by_itself_and_wakes_nobody(open_stage: OpenStage) -> None:
    async with open_stage(edit=with_canary) as stage:
        for _ in range(3):
            await look(stage)
        assert {(one.channel, one.who) for one in stage.received} == {("email", "canary")}
        assert len(stage.received) == 1
        assert (await stage.incident("INC-1"))["state"] == "review"
        assert await canary_gauge(stage) == NIGHT.timestamp()


async def test_each_occurrence_is_one_canary_whichever_engine_looks(open_stage: OpenStage) -> None:
    async with open_stage(edit=with_canary) as stage:
        for _ in range(4):
            await look(stage)
            await look(stage)
            stage.clock.advance(EVERY)
        assert [one.at for one in stage.received] == [0, 900, 1800, 2700]


async def test_a_canary_without_a_receipt_is_an_incident_of_operations(open_stage: OpenStage) -> None:
    async with open_stage(edit=with_canary) as stage:
        await stage.mail.refuse_connections()
        await look(stage)
        assert await canary_gauge(stage) == 0
        stage.clock.advance(timedelta(minutes=1, seconds=1))
        await look(stage)
        told = await stage.incident("INC-2")
        assert (told["service"], told["priority"]) == ("tocsin", "P1")
        assert told["title"] == "A canary page did not arrive: real pages may not arrive either"
        assert "INC-1" in told["summary"]
        assert ("slack", "ops-lead") in {(one.channel, one.who) for one in stage.received}


async def test_without_one_in_the_configuration_nothing_is_sent(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        await look(stage)
        assert stage.received == []
        assert (await stage.http.get("/api/v1/incidents")).json()["items"] == []


@pytest.mark.parametrize("within", ["15m", "1h"])
async def test_two_canaries_are_never_on_their_way_at_once(open_stage: OpenStage, within: str) -> None:
    def overlapping(document: Document) -> None:
        with_canary(document)
        document["canary"]["within"] = within

    with pytest.raises(ConfigError, match="has to be shorter than `every`"):
        async with open_stage(edit=overlapping):
            pass
