"""Runs of probes: claimed once, cut off in time, written down together, and worth as much after a restart."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel
from structlog.testing import capture_logs

from engine.clock import SystemClock, VirtualClock, sleep
from engine.core.errors import NotFound, SettingsError
from engine.core.intake import AlertAction
from engine.core.policy import Config, Model
from engine.core.probes import Probe
from engine.core.probing import Finding, ProbeState
from engine.db.database import connect
from engine.ports import Clock
from engine.scheduler.prober import Prober
from engine.services import configs
from engine.services.context import Context
from engine.services.probing import Probes, standings
from tests.services.engines import Wire, all_incidents, assemble, documented

NIGHT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
EVERY = timedelta(seconds=10)
WELL = Finding(ok=True, reason="well", values={"response_time_seconds": 0.1})
GONE = Finding(ok=False, up=False, reason="no connection")


class Settings(Model):
    secret: str = ""


@dataclass
class Scripted:
    """A kind of probe whose findings a test decides; what it looks at is the probe's title."""

    name: str = "scripted"
    title: str = "Scripted"
    settings: type[BaseModel] = Settings
    finds: Callable[[], Awaitable[Finding]] | None = None
    finding: Finding = WELL
    runs: int = 0

    async def run(self, settings: Any, now: datetime) -> Finding:
        del settings, now
        self.runs += 1
        return await self.finds() if self.finds else self.finding


def config(**probes: dict[str, Any]) -> Config:
    read = {name: Probe.model_validate({"kind": "scripted", **given}) for name, given in probes.items()}
    return documented()[0].model_copy(update={"probes": read})


@dataclass
class House:
    """Engines on one database; `config` is what the document that is applied next means."""

    url: str
    clock: Clock
    config: Config
    kinds: dict[str, Scripted] = field(default_factory=dict)
    applied: int = 0
    told: Counter[AlertAction] = field(default_factory=Counter)
    ran: Counter[bool] = field(default_factory=Counter)
    configs: dict[str, Config] = field(default_factory=dict)

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[tuple[Context, Probes]]:
        """One process, from its start to its end."""
        database = connect(self.url)
        engine = assemble(database, self.clock, Wire(), lambda document: self.configs[document])
        if not self.applied:
            await self.apply(engine.context, self.config)
        await database.read(engine.context.revisions.current)
        probes = Probes(engine.context, self.kinds, _revealed, self)
        await probes.next_due()  # by which each has its row
        yield engine.context, probes
        await engine.stop()

    def probe_ran(self, *, ok: bool) -> None:
        self.ran[ok] += 1

    def probe_told(self, action: AlertAction) -> None:
        self.told[action] += 1

    async def apply(self, context: Context, config: Config) -> None:
        self.applied += 1
        document = f"revision {self.applied}"
        self.configs[document] = config
        await configs.apply(context, document=document, digest=document, by="test")
        await context.database.read(context.revisions.current)


def _revealed(settings: BaseModel) -> BaseModel:
    if getattr(settings, "secret", ""):
        raise SettingsError("SHOP_TOKEN is not set; the configuration refers to it for a secret")
    return settings


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NIGHT)


@pytest.fixture
def house(database_url: str, clock: VirtualClock) -> House:
    return House(url=database_url, clock=clock, config=config(shop={}), kinds={"scripted": Scripted()})


async def turn(clock: VirtualClock, probes: Probes, times: int = 1) -> int:
    """So many intervals, each with its runs; returns how many there were."""
    runs = 0
    for _ in range(times):
        clock.advance(EVERY)
        runs += await probes.look()
    return runs


async def state(context: Context) -> list[ProbeState]:
    return [standing.course.state for standing in await standings(context)]


async def test_a_failure_that_is_believed_is_an_incident_and_its_end_ends_it(house: House, clock: VirtualClock) -> None:
    async with house.engine() as (context, probes):
        await turn(clock, probes, 3)
        house.kinds["scripted"].finding = GONE
        await turn(clock, probes)
        assert await state(context) == [ProbeState.FAILING]
        assert await all_incidents(context.database) == []
        await turn(clock, probes)
        [incident] = await all_incidents(context.database)
        assert (incident.title, incident.source, incident.priority.value) == ("shop: no connection", "probe", "P1")
        [standing] = await standings(context)
        assert standing.incident == incident.ref
        house.kinds["scripted"].finding = WELL
        await turn(clock, probes, 2)
        assert await state(context) == [ProbeState.RECOVERING]
        await turn(clock, probes)
        [incident] = await all_incidents(context.database)
        assert incident.state.value == "review"
        assert house.told == {AlertAction.OPENED: 1, AlertAction.RESOLVED: 1}
        assert house.ran == {True: 6, False: 2}


async def test_a_restart_loses_nothing_of_what_was_seen(house: House, clock: VirtualClock) -> None:
    house.kinds["scripted"].finding = GONE
    for expected in ([], ["shop: no connection"]):
        async with house.engine() as (context, probes):
            await turn(clock, probes)
            assert [one.title for one in await all_incidents(context.database)] == expected


async def test_after_a_long_outage_one_failure_before_and_one_after_it_are_not_believed(
    house: House, clock: VirtualClock
) -> None:
    house.kinds["scripted"].finding = GONE
    async with house.engine() as (_, probes):
        await turn(clock, probes)
    clock.advance(timedelta(hours=1))
    async with house.engine() as (context, probes):
        assert await turn(clock, probes) == 1
        assert await all_incidents(context.database) == []


async def test_of_several_engines_one_has_each_run(house: House, clock: VirtualClock) -> None:
    house.config = config(**{f"shop-{number}": {} for number in range(12)})
    async with house.engine() as (_, one), house.engine() as (_, other):
        for _ in range(5):
            clock.advance(EVERY)
            runs = await asyncio.gather(one.look(), other.look())
            assert sum(runs) == 12
        assert house.kinds["scripted"].runs == 60


async def test_two_engines_that_write_down_runs_of_one_probe_lose_neither(house: House, clock: VirtualClock) -> None:
    house.config = config(**{name: {"failures": "2 of 2"} for name in ("shop", "desk")})
    async with house.engine() as (context, one), house.engine() as (_, other):
        clock.advance(EVERY)
        first = await one.claim(10)
        clock.advance(EVERY)
        second = await other.claim(10)
        await asyncio.gather(*(one.end(run, GONE) for run in first))
        await asyncio.gather(*(other.end(run, GONE) for run in reversed(second)))
        assert sorted(incident.title for incident in await all_incidents(context.database)) == [
            "desk: no connection",
            "shop: no connection",
        ]


async def test_a_run_that_hangs_is_cut_off_and_delays_no_other(database_url: str) -> None:
    """In real time: the place of the hanging one is the only one that it holds."""
    hung, seen = Scripted(name="hung", finds=_forever), Scripted()
    house = House(
        url=database_url,
        clock=SystemClock(),
        config=config(
            stuck={"kind": "hung", "every": "1s", "timeout": "1s", "failures": "1 of 1"},
            shop={"every": "1s", "timeout": "1s"},
        ),
        kinds={"hung": hung, "scripted": seen},
    )
    async with house.engine() as (context, probes):
        prober = Prober(context, probes, places=2)
        prober.start()
        async with asyncio.timeout(20):
            while seen.runs < 4 or not await all_incidents(context.database):
                await sleep(0.05)
        await prober.stop()
        [incident] = await all_incidents(context.database)
        assert incident.title == "stuck: no answer within 1 s"
        assert hung.runs >= 2


async def _forever() -> Finding:
    await asyncio.Event().wait()
    raise AssertionError("nobody sets it")


async def test_there_are_never_more_runs_at_once_than_places(sqlite_url: str) -> None:
    under_way, most = 0, 0

    async def counted() -> Finding:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await sleep(0.02)
        under_way -= 1
        return WELL

    kind = Scripted(finds=counted)
    names = {f"shop-{number}": {"every": "1s", "timeout": "1s"} for number in range(12)}
    house = House(url=sqlite_url, clock=SystemClock(), config=config(**names), kinds={"scripted": kind})
    async with house.engine() as (context, probes):
        prober = Prober(context, probes, places=3)
        prober.start()
        async with asyncio.timeout(20):
            while kind.runs < 24:
                await sleep(0.05)
        await prober.stop()
    assert most == 3


async def test_a_kind_that_breaks_is_told_as_what_it_looks_at_and_in_the_log(house: House, clock: VirtualClock) -> None:
    async def broken() -> Finding:
        raise RuntimeError("s3cr3t")

    house.kinds["scripted"].finds = broken
    async with house.engine() as (context, probes):
        with capture_logs() as logged:
            await turn(clock, probes, 2)
        [incident] = await all_incidents(context.database)
        assert incident.title == "shop: it could not be looked at: RuntimeError"
    assert {line["event"] for line in logged} >= {"probe.broke", "probe.told"}


async def test_a_run_that_cannot_be_written_down_costs_no_other(house: House, clock: VirtualClock) -> None:
    house.config = config(shop={}, desk={})
    async with house.engine() as (context, probes):
        clock.advance(EVERY)
        runs = {run.name: run for run in await probes.claim(2)}
        unstorable = Finding(ok=False, up=False, reason="half a character: \ud800")
        with capture_logs() as logged:
            await asyncio.gather(probes.end(runs["desk"], unstorable), probes.end(runs["shop"], GONE))
        assert [line["probe"] for line in logged if line["event"] == "probe.not_recorded"] == ["desk"]
        assert sorted(await state(context)) == [ProbeState.FAILING, ProbeState.NEW]


async def test_a_probe_that_cannot_be_run_says_so_as_an_incident(house: House, clock: VirtualClock) -> None:
    house.config = config(shop={"secret": "x"}, desk={"kind": "telepathy"})
    async with house.engine() as (context, probes):
        await turn(clock, probes, 2)
        assert sorted(one.title for one in await all_incidents(context.database)) == [
            "desk: it can't be looked at: this release knows no kind telepathy",
            "shop: it can't be looked at: SHOP_TOKEN is not set; the configuration refers to it for a secret",
        ]


async def test_another_configuration_is_followed_and_what_is_gone_from_it_leaves_no_incident(
    house: House, clock: VirtualClock
) -> None:
    house.kinds["scripted"].finding = GONE
    async with house.engine() as (context, probes):
        await turn(clock, probes, 2)
        await house.apply(context, config(desk={}))
        await probes.next_due()
        assert await turn(clock, probes) == 1
        [incident] = await all_incidents(context.database)
        assert incident.state.value == "review"
        assert [standing.name for standing in await standings(context)] == ["desk"]
        await house.apply(context, config())
        assert await turn(clock, probes) == 0
        assert await probes.next_due() is None


async def test_a_run_of_a_probe_that_has_changed_meanwhile_comes_to_nothing(house: House, clock: VirtualClock) -> None:
    house.config = config(shop={"failures": "1 of 1"})
    async with house.engine() as (context, probes):
        clock.advance(EVERY)
        [run] = await probes.claim(1)
        await house.apply(context, config(shop={"failures": "1 of 1", "secret": "another target"}))
        await probes.look()
        await probes.end(run, GONE)
        assert await all_incidents(context.database) == []
        assert await state(context) == [ProbeState.NEW]


async def test_an_engine_that_has_not_heard_of_another_configuration_yet_runs_by_it_all_the_same(
    house: House, clock: VirtualClock
) -> None:
    async with house.engine() as (context, one), house.engine() as (_, other):
        await house.apply(context, config(shop={"timeout": "1s"}))
        await one.next_due()
        clock.advance(EVERY)
        [run] = await other.claim(1)
        assert run.probe.timeout == timedelta(seconds=1)


async def test_one_that_is_tried_by_hand_leaves_no_trace(house: House) -> None:
    house.kinds["scripted"].finding = GONE
    async with house.engine() as (context, probes):
        for _ in range(3):
            assert not (await probes.try_now("shop")).ok
        assert await state(context) == [ProbeState.NEW]
        with pytest.raises(NotFound, match="no probe 'shpo'"):
            await probes.try_now("shpo")


async def test_without_probes_nothing_is_looked_at(house: House, clock: VirtualClock) -> None:
    house.config = config()
    async with house.engine() as (_, probes):
        assert await turn(clock, probes) == 0
        assert await probes.next_due() is None
