"""Where people come from outside: known by their address on a channel, answered in sentences."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from datetime import date
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection

from engine.core.commands import Command, Note
from engine.core.errors import NotFound, Overloaded, Refusal
from engine.core.intake import AlertAction
from engine.core.model import ENGINE, Actor, ActorKind, OwnAction
from engine.core.policy import Config
from engine.core.sealing import admits, veil
from engine.core.timeline import Kind
from engine.db import incidents, records
from engine.ports import Answer, Board, Declaration, Watch
from engine.services import configs, reading
from engine.services.answers import Question, run_once
from engine.services.context import Context
from engine.services.declaring import declare
from engine.services.desk import CommandDesk, Done
from engine.services.intake import Intake
from engine.services.reports import report

log = structlog.get_logger()

LISTED = 20
OVERDUE = 10
"""Incidents whose overdue actions are shown."""
BUSY = "The database can't take it now. Nothing was changed; please try again."


class FrontDesk:
    """What the Slack app asks of the engine. Who asks is looked up in `contacts` by the address there."""

    def __init__(self, context: Context, desk: CommandDesk, intake: Intake) -> None:
        self._context = context
        self._desk = desk
        self._intake = intake

    async def act(
        self, *, person: tuple[str, str], incident: str, command: Command, generation: int | None = None, key: str = ""
    ) -> Answer:
        """`key`: of the request; one that is delivered again, to this engine or another, is answered as before."""

        async def work() -> Answer:
            actor = await self._who(person)
            if not key:
                return _answer(await self._desk.run(incident, command, actor, generation=generation))
            return await self._once(actor, incident, command, generation, f"{person[0]}:{key}")

        return await _told(work, what=command.name, incident=incident, via=person[0])

    async def _once(self, actor: Actor, incident: str, command: Command, generation: int | None, key: str) -> Answer:
        asked = f"{incident} {command.model_dump_json()} {generation}"
        kept = await run_once(
            self._context,
            Question(caller=key.partition(":")[0], key=key, request=hashlib.sha256(asked.encode()).hexdigest()),
            ref=incident,
            command=command,
            actor=actor,
            generation=generation,
            show=lambda done: json.dumps(_said(done)),
        )
        return Answer(**json.loads(kept.body))

    async def amended(self, *, incident: str, source: str, text: str, key: str) -> bool:
        lines = await reading.timeline(self._context, incident, ENGINE)
        if not any(line.kind == Kind.NOTE.value and line.data.get("source") == source for line in lines):
            return False
        await self._once(ENGINE, incident, Note(text=text), None, key)
        return True

    async def declare(self, *, person: tuple[str, str], declaration: Declaration) -> Answer:
        async def work() -> Answer:
            outcome = await declare(self._intake, declaration, await self._who(person))
            if outcome.action is AlertAction.OPENED:
                return Answer(changed=True, code="opened", sentence=f"{outcome.incident} is open.")
            sentence = f"{outcome.incident} is open for this already and has your report now."
            return Answer(changed=True, code=outcome.action.value, sentence=sentence)

        return await _told(work, what="declare", incident="", via=person[0])

    async def board(self, person: tuple[str, str]) -> Board:
        now = self._context.clock.now()

        def work(connection: Connection) -> Board:
            config = self._context.revisions.current(connection).config
            actor = person_at(config, *person)
            found = incidents.listing(connection, open_only=True, limit=LISTED + 1)
            return Board(
                me=actor.id,
                zone=config.contacts[actor.id].timezone,
                now=now,
                incidents=tuple(one if admits(one, actor) else veil(one) for one in found[:LISTED]),
                more=len(found) > LISTED,
                overdue=overdue(connection, actor, now.astimezone(ZoneInfo(config.contacts[actor.id].timezone)).date()),
                watches=_watches(config),
                services={name: service.title for name, service in config.services.items()},
                people={name: contact.name for name, contact in config.contacts.items()},
            )

        return await self._context.database.read(work)

    async def summary(self, person: tuple[str, str], incident: str) -> str:
        return " ".join((await report(self._context, incident, await self._who(person))).summary)

    async def contact(self, person: tuple[str, str]) -> str:
        return (await self._who(person)).id

    async def _who(self, person: tuple[str, str]) -> Actor:
        return person_at(await configs.in_force(self._context), *person)


async def _told(work: Callable[[], Awaitable[Answer]], *, what: str, incident: str, via: str) -> Answer:
    """A refusal is an answer too."""
    try:
        return await work()
    except Refusal as refusal:
        log.info("command.refused", incident=incident, command=what, code=refusal.code, via=via)
        return Answer(changed=False, code=refusal.code, sentence=refusal.sentence)
    except Overloaded:
        return Answer(changed=False, code="overloaded", sentence=BUSY)


def _said(done: Done) -> dict[str, object]:
    return {"changed": done.decision.changed, "code": done.decision.code, "sentence": done.decision.sentence}


def _answer(done: Done) -> Answer:
    decision = done.decision
    return Answer(changed=decision.changed, code=decision.code, sentence=decision.sentence)


def overdue(connection: Connection, owner: Actor, today: date) -> tuple[OwnAction, ...]:
    """What this person has still to do and can see, by incident."""
    numbers = records.with_overdue_actions(connection, owner.id, today.isoformat(), OVERDUE)
    found, agreed = incidents.load(connection, numbers), records.actions_of(connection, numbers)
    return tuple(
        OwnAction(incident=found[number], number=place, item=item)
        for number in numbers
        for place, item in enumerate(agreed[number], start=1)
        if item.owner == owner.id and item.done_at is None and (item.due_on or "9") < today.isoformat()
        if admits(found[number], owner)
    )


def _watches(config: Config) -> tuple[Watch, ...]:
    levels = sorted(config.levels.values(), key=lambda level: level.number)
    return tuple(
        Watch(level=one.number, title=one.title, primary=one.primary, secondary=one.secondary) for one in levels
    )


def person_at(config: Config, kind: str, address: str) -> Actor:
    """The contact with this address on a channel of this kind. Raises NotFound for a stranger."""
    names = {name for name, channel in config.channels.items() if channel.kind == kind}
    for identity, contact in config.contacts.items():
        if any(contact.reach.get(name) == address for name in names):
            return Actor(kind=ActorKind.PERSON, id=identity, name=contact.name, role=contact.role, via=kind)
    raise NotFound(
        "person_unknown",
        f"Nobody in Tocsin's contacts has this {kind} identity ({address}), so nothing was changed. "
        "Ask an administrator to add you.",
    )
