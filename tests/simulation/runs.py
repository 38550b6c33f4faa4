"""One run: a world from its first minute until nothing is left to come, and what the oracle says of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from engine.core.model import Incident, MessageKind, MessageState, RecordedEvent, TimerState
from engine.db import incidents, outbox, timers
from tests.simulation import lives
from tests.simulation.facts import Away, Died, Heard, Journal, Line, Standing, Trouble
from tests.simulation.listening import listening
from tests.simulation.oracle import Verdict, examine
from tests.simulation.pace import DAY, Pace
from tests.simulation.people import People
from tests.simulation.senders import Senders
from tests.simulation.standard import DOCUMENTED
from tests.simulation.upsets import Upsets
from tests.simulation.walk import Complaint
from tests.simulation.world import World

WAITS = (MessageState.PENDING, MessageState.CLAIMED)
REST = 8 * DAY
"""Reviews fall due and quiet incidents close within it."""


@dataclass(kw_only=True, slots=True)
class Run:
    """`digest` stands for everything that happened, in order."""

    seed: int
    began: datetime
    span: timedelta
    verdict: Verdict
    journal: Journal
    digest: str
    counts: Counter[str] = field(default_factory=Counter)


Tamper = Callable[[World], None]
"""Breaks the engine or its surroundings, for the oracle's own tests."""


RunNight = Callable[..., Run]
"""A seed and so many hours, and how to tamper with the world if at all."""


def simulate(*, seed: int, url: str, pace: Pace, span: timedelta, tamper: Tamper | None = None) -> Run:
    """`url` is an empty, migrated database."""
    with listening() as heard:
        run = lives.run(lambda: _simulate(seed, url, pace, span, tamper))
    run.verdict.complaints += [Complaint(rule="broke", at=run.began, incident="-", text=one) for one in heard]
    return run


async def _simulate(seed: int, url: str, pace: Pace, span: timedelta, tamper: Tamper | None) -> Run:
    world = World(seed=seed, url=url, pace=pace, span=span)
    began = world.true
    upsets = Upsets(world)
    try:
        if tamper is not None:
            tamper(world)
        await world.apply(DOCUMENTED, world.document)
        await world.start_engine()
        Senders(world).begin()
        People(world).begin()
        upsets.begin()
        await world.run_until(world.end)
        await _wind_down(world, upsets)
        world.journal.standing = await world.crew.observer.read(standing)
    finally:
        await world.crew.close()
    verdict = examine(world.journal)
    return Run(
        seed=seed,
        began=began,
        span=span,
        verdict=verdict,
        journal=world.journal,
        digest=digest(world.journal),
        counts=count(world.journal),
    )


async def _wind_down(world: World, upsets: Upsets) -> None:
    """Nothing new happens. People finish what they are at, and somebody tidies up behind them."""
    world.closing = True
    await upsets.heal()
    await world.run_until(world.end + DAY)
    await upsets.heal()
    await world.run_until(world.end + REST)


def standing(connection: Connection) -> list[Standing]:
    numbers = incidents.all_numbers(connection)
    found = incidents.load(connection, numbers)
    planned, queued = timers.of(connection, numbers), outbox.of(connection, numbers)
    return [
        Standing(
            incident=found[number].ref,
            number=number,
            state=found[number].state.value,
            timers=tuple(key for key, (_, state) in planned[number].items() if state is TimerState.PENDING),
            waiting=tuple(
                f"{one.message.kind} {one.id}"
                for one in queued[number]
                if one.state in WAITS and one.message.kind is not MessageKind.UPDATE
            ),
            lines=tuple(_line(found[number], one) for one in incidents.timeline(connection, number)),
            head=found[number].timeline_hash,
        )
        for number in numbers
    ]


def _line(incident: Incident, line: RecordedEvent) -> Line:
    return Line(
        incident=incident.ref,
        seq=line.seq,
        at=line.at,
        kind=line.kind,
        actor=line.actor,
        reason=line.reason,
        data=line.data,
        prev_hash=line.prev_hash,
        hash=line.hash,
    )


def digest(journal: Journal) -> str:
    """Of everything: what happened, what arrived, what stands on record, in order."""
    text = "\n".join(repr(part) for part in (*journal.facts, *journal.arrivals, *journal.standing))
    return hashlib.sha256(text.encode()).hexdigest()


def count(journal: Journal) -> Counter[str]:
    kinds = {Died: "crashes", Away: "times away", Trouble: "outages", Heard: "alerts"}
    return Counter(kinds[type(fact)] for fact in journal.facts if type(fact) in kinds)


def around(journal: Journal, at: datetime, incident: str, *, within: timedelta = timedelta(minutes=20)) -> list[str]:
    """What happened about then, and the whole record of the incident: the log of a failure."""
    near = [f"  {fact}" for fact in journal.facts if abs(_when(fact) - at) <= within]
    lines = [
        f"  {line.at:%m-%d %H:%M:%S.%f} {line.kind:24} {line.actor:28} {line.reason}  {dict(line.data)}"
        for one in journal.standing
        if one.incident == incident
        for line in one.lines
    ]
    arrived = [f"  {one}" for one in journal.arrivals if one.incident == incident and one.kind == "page"]
    return ["facts", *near, "timeline", *lines, "arrivals", *arrived]


def _when(fact: object) -> datetime:
    found: datetime = getattr(fact, "at", None) or getattr(fact, "since")  # noqa: B009 - one of the two
    return found
