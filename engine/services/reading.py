"""What can be seen: incidents with their timers, people and links, and their timelines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.core.errors import NotFound
from engine.core.model import (
    ActionItem,
    Actor,
    Delivery,
    Incident,
    PlaybookStep,
    RecordedAlert,
    RecordedEvent,
    Timer,
    TimerState,
    incident_id,
    incident_ref,
)
from engine.core.sealing import admits, check_admitted, veil
from engine.core.timeline import format_time
from engine.db import incidents, mutings, outbox, records, timers
from engine.db.mutings import MutedAlert, Muting
from engine.ports import Rung
from engine.services.cases import playbook_steps
from engine.services.context import Context
from engine.services.envelopes import ladder, people
from engine.services.veiling import veiled

PAGE = 50
LARGEST_PAGE = 200
MUTED_SHOWN = 100
"""Alerts that are shown of what one rule has muted by cause of an incident."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IncidentView:
    """One incident with what belongs to it. `timers` holds each timer with its state, by due time; `muted` what is kept
    from people by cause of it, by rule, each with its alerts."""

    incident: Incident
    timers: tuple[tuple[Timer, TimerState], ...]
    alerts: tuple[RecordedAlert, ...]
    deliveries: tuple[Delivery, ...]
    ladder: tuple[Rung, ...]
    steps: tuple[PlaybookStep, ...]
    actions: tuple[ActionItem, ...]
    people: Mapping[str, str]
    muted: tuple[tuple[Muting, tuple[MutedAlert, ...]], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    items: tuple[Incident, ...]
    next: int | None


def find(connection: Connection, context: Context, number: int, reader: Actor) -> Incident:
    """Raises NotFound, or Forbidden where it is sealed and the reader was not invited."""
    found = incidents.load(connection, [number]).get(number)
    if found is None:
        raise NotFound("incident_unknown", f"There is no {incident_ref(number)}.")
    if not admits(found, reader):
        names = people(context.revisions.get(connection, found.revision).config)
        check_admitted(found, reader, lambda contact: names.get(contact, contact))
    return found


async def incident(context: Context, ref: str, reader: Actor) -> IncidentView:
    """Raises NotFound, Forbidden."""
    number, now = incident_id(ref), context.clock.now()

    def work(connection: Connection) -> IncidentView:
        found = find(connection, context, number, reader)
        known = timers.of(connection, [number])[number]
        deliveries = outbox.of(connection, [number])[number]
        config = context.revisions.get(connection, found.revision).config
        return IncidentView(
            incident=found,
            timers=tuple(sorted(known.values(), key=lambda entry: (entry[0].due_at, entry[0].key))),
            alerts=tuple(incidents.alerts_of(connection, [number])[number].values()),
            deliveries=tuple(deliveries),
            ladder=ladder(config, found, known, deliveries, now),
            steps=playbook_steps(connection, [found])[number],
            actions=records.actions_of(connection, [number])[number],
            people=people(config),
            muted=tuple(
                (one, veiled(connection, mutings.alerts_of(connection, one.rule, MUTED_SHOWN), reader))
                for one in mutings.caused_by(connection, number)
            ),
        )

    return await context.database.read(work)


async def listing(
    context: Context,
    reader: Actor,
    *,
    state: str | None = None,
    priority: str | None = None,
    service: str | None = None,
    open_only: bool = False,
    before: int | None = None,
    limit: int = PAGE,
) -> Page:
    """Newest first. `next` is what to give as `before` for the next page. What is sealed for the reader is veiled, and
    left out where the service is asked for, which would tell it."""
    size = max(1, min(limit, LARGEST_PAGE))

    def work(connection: Connection) -> list[Incident]:
        return incidents.listing(
            connection,
            state=state,
            priority=priority,
            service=service,
            open_only=open_only,
            before=before,
            limit=size + 1,
        )

    found = await context.database.read(work)
    items = tuple(
        one if admits(one, reader) else veil(one) for one in found[:size] if not service or admits(one, reader)
    )
    return Page(items=items, next=found[size - 1].id if len(found) > size else None)


async def timeline(
    context: Context, ref: str, reader: Actor, *, after: int = 0, limit: int | None = None
) -> tuple[RecordedEvent, ...]:
    """The lines behind line `after`, in order. Raises NotFound, Forbidden."""
    number = incident_id(ref)

    def work(connection: Connection) -> tuple[RecordedEvent, ...]:
        find(connection, context, number, reader)
        return incidents.timeline(connection, number, after=after, limit=limit)

    return await context.database.read(work)


def event_json(event: RecordedEvent) -> dict[str, object]:
    """The line as the contract shows it."""
    return {
        "seq": event.seq,
        "at": format_time(event.at),
        "kind": event.kind,
        "actor": event.actor,
        "reason": event.reason,
        "data": event.data,
        "prev_hash": event.prev_hash,
        "hash": event.hash,
    }
