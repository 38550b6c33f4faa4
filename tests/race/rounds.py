"""Many incidents at one edge: the timers of all of them fall due while people act on each."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx

from tests.crash.kills import contradictions
from tests.crash.story import Told
from tests.crash.verdict import Hearing, Record, arrived, judge, read_record
from tests.race.crowd import Crowd
from tests.race.edges import EDGES, RESOLVE, Act, Edge
from tests.race.order import TIMERS, faults

SPREAD = timedelta(milliseconds=150)
"""In which the clock reaches the edge and everybody acts."""
JUST_BEFORE = timedelta(seconds=1)


@dataclass(kw_only=True)
class Score:
    """`first`: who came first, by edge: a person, or the timer. `answers`: by their codes."""

    engines: int
    races: int = 0
    messages: int = 0
    doubled: int = 0
    missed: int = 0
    first: Counter[tuple[str, str]] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        who = Counter[str]()
        for (_, winner), count in self.first.items():
            who[winner] += count
        return {
            "engines": self.engines,
            "races": self.races,
            "person_first": who["person"],
            "timer_first": who["timer"],
            "answers": dict(self.answers),
            "messages": self.messages,
            "missed": self.missed,
            "doubled": self.doubled,
            "faults": len(self.faults),
        }


async def race(crowd: Crowd, score: Score, *, incidents: int, edges: Sequence[Edge] = EDGES) -> None:
    """Each edge once, with so many incidents at it at once; then all is looked at."""
    told = Told()
    for edge in edges:
        refs = await _at_edge(crowd, score, edge, incidents, told)
        score.races += len(refs) * len(edge.acts)
    await crowd.finish()
    await _look(crowd, score, told)


async def _at_edge(crowd: Crowd, score: Score, edge: Edge, incidents: int, told: Told) -> list[str]:
    opened = crowd.now
    names = [f"{edge.name} {opened:%d%H%M} {number}" for number in range(incidents)]
    refs = await asyncio.gather(*(crowd.open(name) for name in names))
    told.accepted |= dict(zip(names, refs, strict=True))
    await crowd.settle()
    for minute, act in edge.before:
        crowd.move_to(opened + timedelta(minutes=minute))
        await crowd.settle()
        await asyncio.gather(*(_do(crowd, ref, act) for ref in refs if act.command))
        await crowd.settle()
    due = opened + timedelta(minutes=edge.at)
    crowd.move_to(due - JUST_BEFORE)
    await crowd.settle()
    answers = await asyncio.gather(
        _reach(crowd, due), *(_do(crowd, ref, act, SPREAD) for ref in refs for act in edge.acts)
    )
    score.answers.update(code for code in answers if code)
    await crowd.settle()
    record = await crowd.first.database.read(read_record)
    score.first.update((edge.name, _winner(record, ref, edge)) for ref in refs)
    crowd.move_to(crowd.now + timedelta(minutes=1))
    await asyncio.gather(*(_do(crowd, ref, RESOLVE) for ref in refs))
    await crowd.settle()
    return refs


async def _reach(crowd: Crowd, due: Any) -> str:
    await crowd.later(SPREAD)
    crowd.move_to(due)
    return ""


async def _do(crowd: Crowd, ref: str, act: Act, spread: timedelta = timedelta()) -> str:
    """The code of the answer."""
    await crowd.later(spread)
    answer = await crowd.any().http.post(f"/api/v1/incidents/{ref}/{act.command}", json={"by": act.by, **act.body})
    assert answer.status_code in (httpx.codes.OK, httpx.codes.CONFLICT), answer.text
    code: str = answer.json()["code"]
    return f"{act.command}: {code}"


def _winner(record: Record, ref: str, edge: Edge) -> str:
    """Whose line stands first, of those that were written at the edge."""
    last = sum(1 for _, act in edge.before if act.command)
    people = (line for line in record.lines[ref] if line.actor.startswith("person:"))
    act = [line for line in people if not line.kind.startswith("phase")][last:]
    timers = [line for line in record.lines[ref] if line.kind in TIMERS and line.seq > 0]
    if act and timers and timers[-1].seq < act[0].seq and timers[-1].at == act[0].at:
        return "timer"
    return "person"


async def _look(crowd: Crowd, score: Score, told: Told) -> None:
    record = await crowd.first.database.read(read_record)
    hearing = Hearing(told=told, record=record, copies=arrived(crowd.first.around))
    hearing.faults += await contradictions(crowd.first)
    for ref, lines in record.lines.items():
        hearing.faults += faults(ref, lines)
    verdict = judge(hearing)
    score.faults += [*verdict.faults, *(f"doubled without a crash: {one}" for one in verdict.doubled)]
    score.messages += len(hearing.copies)
    score.doubled += len(verdict.doubled)
    score.missed += len(verdict.missed)
