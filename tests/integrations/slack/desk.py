"""A desk that remembers: two known people, one incident, first one wins."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.core.commands import Command
from engine.core.errors import NotFound
from engine.core.model import Incident, OwnAction
from engine.ports import Answer, Board, Declaration, Watch
from tests.integrations.slack.envelopes import OPENED, PEOPLE

KNOWN: Mapping[tuple[str, str], str] = {("slack", "U0000ANA"): "Ana Silva", ("slack", "U0000BEN"): "Ben Okafor"}


@dataclass(frozen=True, kw_only=True)
class Act:
    person: tuple[str, str]
    incident: str
    command: Command
    generation: int | None
    key: str = field(default="", compare=False)


@dataclass(kw_only=True)
class FakeDesk:
    """`open` is a gate: cleared, everyone waits at it. `error` is raised in place of an answer."""

    generation: int = 1
    owner: str | None = None
    error: Exception | None = None
    acts: list[Act] = field(default_factory=list)
    declared: list[Declaration] = field(default_factory=list)
    incidents: tuple[Incident, ...] = ()
    overdue: tuple[OwnAction, ...] = ()
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    async def act(
        self, *, person: tuple[str, str], incident: str, command: Command, generation: int | None = None, key: str = ""
    ) -> Answer:
        self.acts.append(Act(person=person, incident=incident, command=command, generation=generation, key=key))
        await self.open.wait()
        if self.error is not None:
            raise self.error
        name = KNOWN.get(person)
        if name is None:
            return Answer(changed=False, code="person_unknown", sentence=f"{person[1]} is not in contacts.")
        if generation not in (None, self.generation):
            return Answer(changed=False, code="stale", sentence=f"{incident} was reopened since; nothing was changed.")
        if self.owner is not None:
            return Answer(
                changed=False, code="already", sentence=f"{incident} is already acknowledged by {self.owner}."
            )
        self.owner = name
        return Answer(changed=True, code="ok", sentence=f"{incident} is yours.")

    async def declare(self, *, person: tuple[str, str], declaration: Declaration) -> Answer:
        if person not in KNOWN:
            return Answer(changed=False, code="person_unknown", sentence=f"{person[1]} is not in contacts.")
        self.declared.append(declaration)
        return Answer(changed=True, code="opened", sentence="INC-43 is open.")

    async def board(self, person: tuple[str, str]) -> Board:
        return Board(
            me=await self.contact(person),
            zone="Europe/Berlin",
            now=OPENED,
            incidents=self.incidents,
            more=False,
            overdue=self.overdue,
            watches=(Watch(level=1, title="Operations", primary="ana", secondary="ben"),),
            services={"checkout": "Checkout", "search": "Search"},
            people=PEOPLE,
        )

    async def amended(self, *, incident: str, source: str, text: str, key: str) -> bool:
        return False

    async def summary(self, person: tuple[str, str], incident: str) -> str:
        await self.contact(person)
        return f"{incident}: checkout was down for <41> min."

    async def contact(self, person: tuple[str, str]) -> str:
        if person not in KNOWN:
            raise NotFound("person_unknown", f"{person[1]} is not in contacts.")
        return KNOWN[person].split()[0].lower()
