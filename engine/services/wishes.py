"""What senders ask beside their alerts: that an incident counts as acknowledged, a note, a change for the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import structlog
from sqlalchemy import Connection

from engine.core.commands import Note
from engine.core.errors import Conflict, Overloaded, Refusal
from engine.core.intake import place
from engine.core.model import Actor, ActorKind, Alert, AlertStatus, Role, incident_ref
from engine.core.policy import Config
from engine.core.spans import EARLIEST, LATEST
from engine.db import alerts
from engine.db.placing import Wanted, find
from engine.ports import Change, Wish
from engine.services.context import Context
from engine.services.desk import Done, announce, perform

log = structlog.get_logger()

MOST_NOTED = 20
"""So many active incidents of a service get a change on their timelines, the newest ones. In a storm of more the change
is not what tells them apart."""


async def grant(context: Context, wish: Wish, sender: Actor) -> str | None:
    """The incident in which it was granted; None where the alert fires in none that is active, or the command is
    refused: then nothing was changed, and the log says so. Raises Overloaded."""
    now = context.clock.now()

    def work(connection: Connection) -> tuple[Actor, Done] | None:
        wanted = Wanted(key="", source=sender.id, fingerprint=wish.fingerprint)
        number = find(connection, [wanted]).found[0].active
        if number is None:
            return None
        actor = acting(context.revisions.current(connection).config, sender, wish.by)
        return actor, perform(connection, context, number, wish.command, actor, now)

    try:
        granted = await context.database.write(work)
    except Conflict as conflict:
        raise Overloaded(conflict.sentence) from conflict
    except Refusal as refusal:
        log.info("wish.refused", integration=sender.id, command=wish.command.name, code=refusal.code)
        return None
    if granted is None:
        log.info("wish.without_incident", integration=sender.id, command=wish.command.name)
        return None
    actor, done = granted
    announce(context, done.incident.id, wish.command, actor, done)
    return done.incident.ref


def acting(config: Config, sender: Actor, by: str) -> Actor:
    """The contact whom the sender names, where there is one who may act; else the sender itself. Either way it is on
    record who said so, and of whom."""
    named = by.casefold()
    found = [
        Actor(kind=ActorKind.PERSON, id=identity, name=one.name, role=Role.RESPONDER, via=f"{sender.kind}:{sender.id}")
        for identity, one in config.contacts.items()
        if named
        and named in {word.casefold() for word in (identity, one.name, *one.reach.values())}
        and one.role.covers(Role.RESPONDER)
    ]
    if len(found) == 1:
        return found[0]
    return replace(sender, role=Role.RESPONDER, via=f"{sender.via} for {by}" if by else sender.via)


async def put_on_record(context: Context, change: Change, sender: Actor, fallback: str | None) -> tuple[str, ...]:
    """The active incidents of the change's service, in each of which it is a note now, all in one transaction. Without
    one the change is in the log alone. Raises Overloaded."""
    now = context.clock.now()
    at = change.at if change.at is not None and EARLIEST <= change.at <= LATEST else None
    command, actor = Note(text=change.text, happened_at=at), replace(sender, role=Role.RESPONDER)

    def work(connection: Connection) -> Sequence[Done]:
        config = context.revisions.current(connection).config
        found = alerts.active_of_service(connection, _service(config, change, sender, fallback), MOST_NOTED)
        # From the lowest number up, as everyone locks incidents: two transactions never wait for each other.
        return [perform(connection, context, number, command, actor, now) for number in sorted(found)]

    noted = await context.database.write(work)
    for done in noted:
        announce(context, done.incident.id, command, actor, done)
    refs = tuple(incident_ref(done.incident.id) for done in noted)
    log.info("change.received", integration=sender.id, change=change.text, incidents=refs)
    return refs


def _service(config: Config, change: Change, sender: Actor, fallback: str | None) -> str:
    """By the same rules as an alert's."""
    pretended = Alert(
        fingerprint="change",
        status=AlertStatus.FIRING,
        title=change.text,
        service=change.service,
        labels=change.labels,
    )
    return place(config, pretended, sender, fallback).service
