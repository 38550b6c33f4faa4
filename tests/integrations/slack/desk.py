"""A desk that remembers: two known people, one incident, first one wins."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.core.commands import Command
from engine.ports import Answer

KNOWN: Mapping[tuple[str, str], str] = {("slack", "U0000ANA"): "Ana Silva", ("slack", "U0000BEN"): "Ben Okafor"}


@dataclass(frozen=True, kw_only=True)
class Act:
    person: tuple[str, str]
    incident: str
    command: Command
    generation: int | None


@dataclass(kw_only=True)
class FakeDesk:
    """`open` is a gate: cleared, everyone waits at it. `error` is raised in place of an answer."""

    generation: int = 1
    owner: str | None = None
    error: Exception | None = None
    acts: list[Act] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    async def act(self, *, person: tuple[str, str], incident: str, command: Command, generation: int | None) -> Answer:
        self.acts.append(Act(person=person, incident=incident, command=command, generation=generation))
        await self.open.wait()
        if self.error is not None:
            raise self.error
        name = KNOWN.get(person)
        if name is None:
            return Answer(changed=False, code="person_unknown", sentence=f"{person[1]} is not in contacts.")
        if generation != self.generation:
            return Answer(changed=False, code="stale", sentence=f"{incident} was reopened since; nothing was changed.")
        if self.owner is not None:
            return Answer(
                changed=False, code="already", sentence=f"{incident} is already acknowledged by {self.owner}."
            )
        self.owner = name
        return Answer(changed=True, code="ok", sentence=f"{incident} is yours.")
