"""People against timers, on two engines at once: whoever comes first wins, on the record and on the wire.

`python -m tests.race` does it with processes, and often; here each order is forced too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.clock import VirtualClock
from engine.core.commands import Acknowledge, Command, Hold, Note, Resolve
from engine.core.timeline import Kind
from engine.db.database import connect
from tests.crash.fresh import on_postgres, started_before
from tests.crash.world import Fresh, ground, preload
from tests.databases import PostgresDatabases
from tests.race.crowd import crowd
from tests.race.edges import EDGES
from tests.race.order import faults
from tests.race.rounds import Score, race
from tests.services.engines import Wire, engine_on, person
from tests.services.stopping import StoppingDatabase
from tests.services.test_concurrency import Pair

NIGHT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
LEAD, SENIOR = person("ops-lead"), person("ops-senior")
RESOLVE = Resolve(validation="checked by hand")


@dataclass(frozen=True, kw_only=True)
class Forced:
    """`before`: what was done at which minute. `at`: the minute at which `act` meets the timer that writes `fires`."""

    at: float
    act: Command
    fires: Kind
    before: tuple[tuple[float, Command | None], ...] = ()


FORCED = {
    "response due": Forced(at=5, act=Acknowledge(), fires=Kind.RESPONSE_BREACHED),
    "level 2": Forced(at=30, act=RESOLVE, fires=Kind.ESCALATED),
    "level 3": Forced(at=60, act=RESOLVE, fires=Kind.ESCALATED, before=((30, None),)),
    "lease end": Forced(at=15, act=Note(text="on it"), fires=Kind.LEASE_ASKED, before=((0, Acknowledge()),)),
    "lease answer": Forced(
        at=20, act=Acknowledge(), fires=Kind.UNACKNOWLEDGED, before=((0, Acknowledge()), (15, None))
    ),
    "hold end": Forced(
        at=40, act=RESOLVE, fires=Kind.ESCALATED, before=((0, Hold(span=timedelta(minutes=40), reason="deploying")),)
    ),
}


@pytest.fixture
async def pair(database_url: str) -> AsyncIterator[Pair]:
    clock, wire = VirtualClock(NIGHT), Wire()
    databases = [StoppingDatabase(connect(database_url)) for _ in range(2)]
    first, second = [await engine_on(database, clock, wire) for database in databases]
    yield Pair(first, second, databases, clock, wire)
    await first.stop()
    await second.stop()


async def at_edge(pair: Pair, forced: Forced) -> tuple[str, int]:
    """An incident whose timer is due this very moment, and how often such a timer has fired before."""
    ref = await pair.open()
    await pair.first.settle()
    for minute, command in forced.before:
        pair.clock.set(NIGHT + timedelta(minutes=minute))
        await pair.first.settle()
        if command is not None:
            await pair.first.command(ref, command, LEAD)
            await pair.first.settle()
    pair.clock.set(NIGHT + timedelta(minutes=forced.at, seconds=-1))
    await pair.first.settle()
    pair.clock.set(NIGHT + timedelta(minutes=forced.at))
    account = await pair.account(ref)
    return ref, len(account.of_kind(forced.fires))


@pytest.mark.parametrize("forced", FORCED.values(), ids=FORCED.keys())
async def test_a_person_who_comes_first_keeps_the_timer_from_firing(pair: Pair, forced: Forced) -> None:
    ref, fired = await at_edge(pair, forced)
    await pair.overtaken(pair.first.command(ref, forced.act, LEAD), pair.second.ticker.tick())
    await pair.second.settle()
    account = await pair.account(ref)
    assert len(account.of_kind(forced.fires)) == fired
    assert list(faults(ref, account.lines)) == []


@pytest.mark.parametrize("forced", FORCED.values(), ids=FORCED.keys())
async def test_a_timer_that_comes_first_fires_once_and_the_person_still_has_the_last_word(
    pair: Pair, forced: Forced
) -> None:
    ref, fired = await at_edge(pair, forced)
    await pair.overtaken(
        pair.first.ticker.tick(), pair.second.command(ref, forced.act, LEAD), before="INSERT INTO timeline_event"
    )
    await pair.first.settle()
    await pair.second.settle()
    account = await pair.account(ref)
    assert len(account.of_kind(forced.fires)) == fired + 1
    assert list(faults(ref, account.lines)) == []


@pytest.fixture
def fresh(_postgres: PostgresDatabases) -> Iterator[Fresh]:
    with _postgres.template(started_before) as name:
        yield on_postgres(_postgres, name)


async def test_two_processes_and_people_at_the_same_edges_contradict_each_other_nowhere(
    fresh: Fresh, tmp_path: Path
) -> None:
    preload()
    score = Score(engines=2)
    async with crowd(ground(fresh, tmp_path), engines=2, seed=1) as everyone:
        await race(everyone, score, incidents=3, edges=[EDGES[1], EDGES[2], EDGES[6]])
    assert score.faults == []
    assert score.races == 15
    assert (score.missed, score.doubled) == (0, 0)


@dataclass(frozen=True, kw_only=True)
class Line:
    kind: str
    seq: int = 1
    data: dict[str, Any] = field(default_factory=dict)


WRONG = {
    "breached after an acknowledgement": ["incident.acknowledged", "response.breached"],
    "breached twice": ["response.breached", "response.breached"],
    "escalated after a resolve": ["incident.resolved", "level.escalated"],
    "asked twice": ["incident.acknowledged", "lease.asked", "lease.asked"],
    "taken away after an answer": ["incident.acknowledged", "lease.asked", "lease.renewed", "incident.unacknowledged"],
    "taken away from nobody": ["incident.unacknowledged"],
}


@pytest.mark.parametrize("kinds", WRONG.values(), ids=WRONG.keys())
def test_an_order_that_can_not_be_is_found(kinds: list[str]) -> None:
    assert list(faults("INC-1", [Line(kind=kind) for kind in kinds]))


def test_a_page_that_is_decided_twice_is_found() -> None:
    decided = Line(kind="page.decided", data={"page": "1.1"})
    assert list(faults("INC-1", [decided, decided])) == ["INC-1: 1.1 was decided 2 times"]
