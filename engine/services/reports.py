"""Reports: gathered from the record, built as values, kept as they stood when the incident was closed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from engine.core.errors import NotFound
from engine.core.model import Actor, Incident, RecordedEvent, TimerKind, TimerState, incident_id, incident_ref
from engine.core.sealing import VEILED
from engine.core.timeline import Break, verify
from engine.db import incidents, outbox, records, timers
from engine.report.build import build
from engine.report.facts import Facts, Related, Relation
from engine.report.model import Report
from engine.services.cases import playbook_steps
from engine.services.context import Context
from engine.services.envelopes import people
from engine.services.playbooks import read_document
from engine.services.reading import find

FROZEN_ZONE = "UTC"
"""A frozen report is kept in this zone; for a reader elsewhere it is made anew from the record as it stood."""


async def report(context: Context, ref: str, reader: Actor, zone: str = "UTC") -> Report:
    """The frozen report of a closed incident, else a draft of how things stand. Raises NotFound, Forbidden."""
    number, now = incident_id(ref), context.clock.now()

    def work(connection: Connection) -> Report:
        frozen = records.frozen_report(connection, number)
        incident = find(connection, context, number, reader)
        if frozen is None or incident.closed_at is None:
            return build(facts(connection, context, incident, now, zone))
        if zone == FROZEN_ZONE:
            return Report.model_validate_json(frozen.document)
        return build(facts(connection, context, incident, frozen.created_at, zone, frozen=True))

    return await context.database.read(work)


def freeze(connection: Connection, context: Context, incident: Incident, now: datetime) -> None:
    """Keeps the report as it stands, in the transaction that closes the incident."""
    stored = incidents.load(connection, [incident.id])[incident.id]
    document = build(facts(connection, context, stored, now, FROZEN_ZONE, frozen=True)).model_dump_json()
    records.freeze_report(connection, incident.id, incident.generation, document, now)


def facts(
    connection: Connection, context: Context, incident: Incident, now: datetime, zone: str, *, frozen: bool = False
) -> Facts:
    number = incident.id
    config = context.revisions.get(connection, incident.revision).config
    document = records.playbook(connection, incident.playbook) if incident.playbook else None
    events = incidents.timeline(connection, number)
    return Facts(
        incident=incident,
        alerts=tuple(incidents.alerts_of(connection, [number])[number].values()),
        events=tuple(line for line in events if line.at <= now),
        deliveries=tuple(outbox.of(connection, [number])[number]),
        steps=playbook_steps(connection, [incident])[number],
        actions=records.actions_of(connection, [number])[number],
        people=people(config),
        policy=config.policies[incident.policy],
        levels=config.levels,
        related=_related(connection, incident),
        playbook_title=read_document(document).title if document else "",
        response_due_at=_awaited(connection, incident),
        generated_at=now,
        zone=zone,
        engine_version=context.version,
        frozen=frozen,
    )


def _awaited(connection: Connection, incident: Incident) -> datetime | None:
    """When the answer of the first level is due that is waited for now."""
    known = timers.of(connection, [incident.id])[incident.id].values()
    pending = [timer for timer, state in known if timer.kind is TimerKind.RESPONSE and state is TimerState.PENDING]
    return min(pending, key=lambda timer: timer.level).due_at if pending else None


def _related(connection: Connection, incident: Incident) -> tuple[Related, ...]:
    named = {Relation.PREVIOUS: incident.previous, Relation.MERGED_INTO: incident.merged_into}
    found = incidents.load(connection, [number for number in named.values() if number])
    own = [
        Related(relation=relation, id=number, title=VEILED if found[number].sealed_at else found[number].title)
        for relation, number in named.items()
        if number
    ]
    others = incidents.relatives(connection, incident.id)
    own += [
        Related(relation=Relation.ABSORBED if merged else Relation.NEXT, id=number, title=VEILED if sealed else title)
        for number, title, merged, sealed in others
    ]
    return tuple(own)


async def check_timelines(context: Context, ref: str | None) -> list[tuple[str, Break | None]]:
    """For one incident or for all: its reference and where its timeline breaks, if it does."""
    number = incident_id(ref) if ref else None
    numbers = [number] if number else await context.database.read(incidents.all_numbers)
    checked = []
    for one in numbers:
        incident, lines = await context.database.read(lambda c, n=one: _with_timeline(c, n))  # type: ignore[misc]  # mypy can't infer a lambda with a default
        checked.append((incident.ref, verify(lines, seq=incident.timeline_seq, head=incident.timeline_hash)))
    return checked


def _with_timeline(connection: Connection, number: int) -> tuple[Incident, tuple[RecordedEvent, ...]]:
    incident = incidents.load(connection, [number]).get(number)
    if incident is None:
        raise NotFound("incident_unknown", f"There is no {incident_ref(number)}.")
    return incident, incidents.timeline(connection, number)
