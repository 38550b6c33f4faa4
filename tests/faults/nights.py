"""A night with one fault in it: what was accepted is kept, what can go on goes on, and what failed is on record."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import httpx

from engine.clock import sleep
from tests.crash.kills import LEASE, contradictions
from tests.crash.story import Told
from tests.crash.verdict import Hearing, Record, Verdict, arrived, judge, read_record
from tests.crash.world import Ground, World, world
from tests.faults.cases import TIMES, DatabaseFault, ProviderFault
from tests.faults.proxy import wire_to
from tests.scenarios.stage import KEY, alert, body

WEBHOOK = f"/webhooks/alertmanager/{KEY}"
ALERTS = 5
TRIES = 200
PAUSE = 0.1
ROUND = 0.3
ROUNDS = 12
FAILED = ("page.retried", "page.failed")
OUTAGE_ROUNDS = 4
MANY_ROUNDS = 40
SLOWEST = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """`failures`: lines that tell of a failed try. `refused`: requests that were answered 503 or not at all, and asked
    again. `cuts`: connections cut in the middle of a COMMIT."""

    name: str
    verdict: Verdict
    arrived: int
    failures: int
    refused: int = 0
    cuts: int = 0


async def provider_night(place: Ground, fault: ProviderFault) -> Outcome:
    async with world(place) as night:
        await _started(night)
        hearing = Hearing(told=Told(), most=1 + TIMES)
        fault.strike(night)
        for number in range(ALERTS):
            await _accepted(night, hearing, f"Alert{number}")
        await night.settle(SLOWEST)
        others = [copy for copy in arrived(night.around) if copy.channel == fault.other]
        if len(others) < ALERTS:
            hearing.faults.append(f"{fault.other} did not go on: {len(others)} of {ALERTS} messages came")
        await _until_nothing_waits(night)
        await _look(night, hearing)
        failures = _failures(hearing.record)
        if failures < TIMES:
            hearing.faults.append(f"{failures} of {TIMES} failures are on record")
    return Outcome(name=fault.name, verdict=judge(hearing), arrived=len(hearing.copies), failures=failures)


async def database_night(place: Ground, fault: DatabaseFault) -> Outcome:
    """On PostgreSQL, behind a wire; the watcher has one of its own."""
    async with world(place) as night, wire_to(night.database_url) as (wire, behind):
        night.database_url = behind
        await _started(night)
        hearing = Hearing(told=Told(), most=1 + ROUNDS)
        await _accepted(night, hearing, "Before")
        fault.strike(wire)
        posting = [asyncio.ensure_future(_accepted(night, hearing, f"Alert{number}")) for number in range(ALERTS)]
        acting = asyncio.ensure_future(_acknowledged(night, hearing, "Before"))
        for number in range(ROUNDS):
            await _round(night)
            if fault.cut is None and number == OUTAGE_ROUNDS:
                wire.heal()
        wire.heal()
        refused = sum(await asyncio.gather(*posting, acting))
        await _until_nothing_waits(night)
        await _look(night, hearing)
    return Outcome(
        name=fault.name,
        verdict=judge(hearing),
        arrived=len(hearing.copies),
        failures=_failures(hearing.record),
        refused=refused,
        cuts=wire.cuts,
    )


async def _started(night: World) -> None:
    await night.start()
    await night.ready()


async def _accepted(night: World, hearing: Hearing, name: str) -> int:
    """Sends an alert again until it is accepted, as those who send alerts do; returns how often it was refused."""
    sent = body([alert(name, priority="P0", service=name)])
    answer, refused = await _insist(night, WEBHOOK, sent, (httpx.codes.ACCEPTED,))
    hearing.told.accepted[name] = answer.json()["alerts"][0]["incident"]
    return refused


async def _acknowledged(night: World, hearing: Hearing, name: str) -> int:
    incident = hearing.told.accepted[name]
    address = f"/api/v1/incidents/{incident}/acknowledge"
    _, refused = await _insist(night, address, {"by": "ops-lead"}, (httpx.codes.OK, httpx.codes.CONFLICT))
    hearing.told.acknowledged.add(incident)
    return refused


async def _insist(night: World, address: str, said: object, wanted: tuple[int, ...]) -> tuple[httpx.Response, int]:
    for refused in range(TRIES):
        answer = await night.http.post(address, json=said)
        if answer.status_code in wanted:
            return answer, refused
        assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
        await sleep(PAUSE)
    raise TimeoutError(f"{address} is refused for good")


async def _round(night: World) -> None:
    """A little later by the clock: what was taken and got stuck is anybody's again."""
    night.move(LEASE)
    night.ring()
    await sleep(ROUND)


async def _until_nothing_waits(night: World) -> None:
    night.move(LEASE)
    await night.settle(SLOWEST)
    for _ in range(MANY_ROUNDS):
        if not await night.database.read(night.waiting):
            return
        night.move(LEASE)
        await night.settle(SLOWEST)


async def _look(night: World, hearing: Hearing) -> None:
    hearing.faults += await contradictions(night)
    hearing.record = await night.database.read(read_record)
    hearing.copies = arrived(night.around)


def _failures(record: Record) -> int:
    return sum(line.kind in FAILED for lines in record.lines.values() for line in lines)
