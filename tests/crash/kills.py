"""One run for each point: the engine kills itself there, is started again, and is held to what it had promised."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp
import httpx
from sqlalchemy import Connection

from engine.clock import sleep, unix_time
from engine.services.reports import check_timelines
from tests.crash.breaking import Break
from tests.crash.points import Point
from tests.crash.story import Told, tell
from tests.crash.verdict import Hearing, Verdict, arrived, judge, read_record
from tests.crash.world import Gone, Ground, World, world
from tests.scenarios.stage import NIGHT
from tests.services.accounts import check_all, check_nothing_waits, read_accounts

BROKEN_OFF = (Gone, httpx.TransportError, aiohttp.ClientError, TimeoutError, LookupError, StopIteration)
"""What the story meets when its engine is gone; where the engine is still there, it is a fault."""
ON_ITS_WAY = 0.02
"""Seconds in which what the killed process had handed to the machine reaches the sandboxes."""
LEASE = timedelta(seconds=21)
"""After so long what a killed process had taken for sending is anybody's, and a failed try is due again."""
END = timedelta(minutes=31)
ROUNDS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """`killed` is False where the run did not come by the point. `arrived`: messages. `seconds`: what the run took."""

    point: Point | None
    killed: bool
    verdict: Verdict
    arrived: int
    seconds: float


async def enumerate_points(place: Ground) -> tuple[list[Point], Outcome]:
    """All that a run without a kill comes by, in order, and how it went."""
    record = place.folder / "points"
    record.unlink(missing_ok=True)
    outcome = await run(place, record=record)
    lines = (line.split(" ", 1) for line in record.read_text().splitlines())
    return [Point(place=where, occurrence=int(number)) for number, where in lines], outcome


async def run(
    place: Ground, target: Point | None = None, *, record: Path | None = None, defect: Break | None = None
) -> Outcome:
    """The night with a kill at `target`, its end after a new start, and the verdict."""
    began = unix_time()
    async with world(place) as night:
        hearing = Hearing(told=Told())
        await night.start(target=target, record=record, defect=defect)
        await _until_it_breaks_off(night, hearing)
        killed = await night.ended() if target else False
        if killed:
            await sleep(ON_ITS_WAY)
            hearing.before = await night.database.read(read_record)
            hearing.early = arrived(night.around)
            await night.start(defect=defect)
        await _to_the_end(night, hearing)
        hearing.copies = arrived(night.around)
        hearing.record = await night.database.read(read_record)
        hearing.faults += await contradictions(night)
    return Outcome(
        point=target,
        killed=killed,
        verdict=judge(hearing),
        arrived=len(hearing.copies),
        seconds=unix_time() - began,
    )


async def _until_it_breaks_off(night: World, hearing: Hearing) -> None:
    try:
        await night.ready()
        await tell(night, hearing.told)
    except BROKEN_OFF as error:
        if not await night.ended():
            hearing.faults.append(f"the night broke off: {error!r}")
    night.switch.arm(on=False)


async def _to_the_end(night: World, hearing: Hearing) -> None:
    """What was on its way is sent once its lease or its wait is over, and what falls due until the end fires."""
    try:
        await night.ready()
        night.move(LEASE)
        await night.settle()
        await _nothing_left(night)
        night.switch.set(max(night.switch.now(), NIGHT + END))
        await night.settle()
        await _nothing_left(night)
    except (Gone, TimeoutError) as error:
        hearing.faults.append(f"the engine that was started again does not do its work: {error!r}")


async def _nothing_left(night: World) -> None:
    for _ in range(ROUNDS):
        if not await night.database.read(night.waiting):
            return
        night.move(LEASE)
        await night.settle()


async def contradictions(night: World) -> list[str]:
    """Chains that do not hold, and rows that contradict one another."""
    chains = await check_timelines(night.context, None)
    found = [f"the timeline of {ref} breaks: {broken}" for ref, broken in chains if broken]

    def add_up(connection: Connection) -> None:
        accounts = read_accounts(connection, night.context)
        check_all(accounts, night.switch.now())
        for account in accounts:
            check_nothing_waits(account)

    try:
        await night.database.write(add_up)  # which takes locks
    except AssertionError as error:
        found.append(f"the record does not add up: {error}")
    return found
