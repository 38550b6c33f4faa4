"""Whose time counts: the database's where engines share one, else the machine's; and what is said of a leap."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.clock import SteadyClock, VirtualClock, utc_now
from engine.core.timeline import Kind
from engine.db import incidents
from engine.db.database import connect
from engine.services.ticking import Ticker
from engine.services.timekeeping import Timekeeper
from tests.services.engines import Wire, alert, all_incidents, engine_on

NEAR = timedelta(seconds=20)


@pytest.mark.parametrize("off", [timedelta(hours=-3), timedelta(hours=3)])
async def test_engines_with_wrong_clocks_read_one_time(database_url: str, off: timedelta) -> None:
    """The machine that runs the tests is the database's too, so its time is what both ought to read."""
    database = connect(database_url)
    clocks = [SteadyClock(utc_now() + off), SteadyClock(utc_now() - off)]
    for clock in clocks:
        await Timekeeper(database, clock).correct()
    assert abs(clocks[0].now() - clocks[1].now()) < NEAR
    assert abs(clocks[0].now() - utc_now()) < NEAR
    await database.close()


async def test_a_clock_that_was_right_is_left_alone_for_a_second(database_url: str) -> None:
    database = connect(database_url)
    watch = [0.0]
    clock = SteadyClock(monotonic=lambda: watch[0])
    keeper = Timekeeper(database, clock)
    await keeper.correct()
    before = clock.now()
    await database.close()  # nobody can be asked any more
    assert await keeper.correct() == timedelta()
    assert clock.now() == before


async def test_what_a_leap_of_the_clock_made_late_says_so(database_url: str) -> None:
    """The escalation of half an hour falls due in a leap of two hours: the highest level is paged once, with why."""
    clock, wire = VirtualClock(utc_now()), Wire()
    engine = await engine_on(connect(database_url), clock, wire)
    leaps = [timedelta(hours=2)]

    async def keep_time() -> timedelta:
        leap = leaps.pop() if leaps else timedelta()
        clock.advance(leap)
        return leap

    await engine.accept(alert(priority="P0"))
    await engine.settle()
    ticker = Ticker(engine.context, keep_time=keep_time)
    ticker.last_tick = clock.now()
    await ticker.tick()
    await ticker.tick()
    await engine.settle()
    [incident] = await all_incidents(engine.context.database)
    lines = await engine.context.database.read(lambda connection: incidents.timeline(connection, incident.id))
    escalated = [line for line in lines if line.kind == Kind.ESCALATED.value]
    assert len(escalated) == 1
    assert "late by 1 h" in escalated[0].reason
    assert "the clock went forward at once" in escalated[0].reason
    assert [who for channel, who in wire.pages() if channel == "email"] == ["ops-lead", "cto"]
    await engine.stop()
