"""A person's or a program's command on an incident: one transaction, answered with a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection

from engine.core.commands import Command, Merge
from engine.core.decide import decide
from engine.core.draft import Decision
from engine.core.errors import NotFound, Refusal
from engine.core.merging import merge
from engine.core.model import Actor, Incident, State, incident_id, incident_ref
from engine.db import incidents
from engine.db.placing import Wanted, find
from engine.services.cases import Gathered, Ledger, gather, gather_one
from engine.services.context import Channels, Context
from engine.services.playbooks import follow_priority
from engine.services.reports import freeze

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """What came of a command: the incident as it stands now, and the decision that answers."""

    incident: Incident
    decision: Decision


class CommandDesk:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def run(
        self,
        ref: str,
        command: Command,
        actor: Actor,
        *,
        generation: int | None = None,
    ) -> Done:
        """Raises Refusal (NotFound, Forbidden) with a code and a sentence; then nothing was changed."""
        number, now = incident_id(ref), self._context.clock.now()
        done = await self._context.database.write(
            lambda connection: perform(connection, self._context, number, command, actor, now, generation)
        )
        announce(self._context, number, command, actor, done)
        return done


def announce(context: Context, number: int, command: Command, actor: Actor, done: Done) -> None:
    """After the commit: wakes those who deliver, and logs the outcome."""
    context.signals.ring()
    log.info(
        "command.done", incident=incident_ref(number), command=command.name, actor=str(actor), code=done.decision.code
    )


def perform(
    connection: Connection,
    context: Context,
    number: int,
    command: Command,
    actor: Actor,
    now: datetime,
    generation: int | None = None,
) -> Done:
    """The transaction. The generation of a merge's target plays no part."""
    channels = context.revisions.channels(context.revisions.current(connection))
    if isinstance(command, Merge):
        return _merge(connection, context, number, command, actor, now, channels)
    gathered = gather_one(connection, context, number, channels)
    if gathered is None:
        raise NotFound("incident_unknown", f"There is no {incident_ref(number)}.")
    decision = decide(gathered.case, command, actor, now, generation=generation)
    decision = follow_priority(connection, context.playbooks, gathered.case, decision)
    if decision.incident.state.active and not gathered.case.incident.state.active:
        _check_that_key_is_free(connection, decision.incident)
    incident = _write(connection, channels, gathered, decision, now)
    if incident.state is State.CLOSED and gathered.case.incident.state is not State.CLOSED:
        freeze(connection, context, incident, now)
    return Done(incident=incident, decision=decision)


def _check_that_key_is_free(connection: Connection, incident: Incident) -> None:
    """Alerts of one problem lead to one active incident: while a later one is active an old one stays closed. Raises
    Refusal."""
    wanted = Wanted(key=incident.key, source=incident.source, fingerprint="")
    other = find(connection, [wanted]).found[0].active
    if other is not None:
        raise Refusal(
            "key_taken",
            f"{incident_ref(other)} is open for the same problem, so {incident.ref} is not reopened; go on there.",
        )


def _write(
    connection: Connection, channels: Channels, gathered: Gathered, decision: Decision, now: datetime
) -> Incident:
    ledger = Ledger(connection, channels, now)
    incident = ledger.change(gathered, decision)
    ledger.flush()
    return incident


def _merge(
    connection: Connection,
    context: Context,
    number: int,
    command: Merge,
    actor: Actor,
    now: datetime,
    channels: Channels,
) -> Done:
    target = incident_id(command.into)
    both = gather(connection, context, [number, target], channels)
    for wanted in (number, target):
        if wanted not in both:
            raise NotFound("incident_unknown", f"There is no {incident_ref(wanted)}.")
    ending, going_on = merge(both[number].case, both[target].case, command, actor, now)
    incident = _write(connection, channels, both[number], ending, now)
    _write(connection, channels, both[target], going_on, now)
    incidents.move_to(connection, both[number].case.incident, both[target].case.incident)
    return Done(incident=incident, decision=ending)
