"""Which playbook an incident gets. It keeps the version that it got, whatever becomes of the file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache

from sqlalchemy import Connection

from engine.core.draft import Case, Decision
from engine.core.model import ENGINE, Event, PlaybookStep, Priority
from engine.core.playbook import Playbook, choose, steps_of
from engine.core.policy import Config
from engine.core.routing import NOWHERE, Routed, settle
from engine.core.timeline import Kind
from engine.db import incidents, records

Playbooks = Mapping[str, Playbook]


@lru_cache(maxsize=256)
def read_document(document: str) -> Playbook:
    return Playbook.model_validate_json(document)


@lru_cache(maxsize=256)
def steps_in(document: str) -> tuple[PlaybookStep, ...]:
    """Of the playbook that was written down, none of them done."""
    return steps_of(read_document(document))


def playbook_for(
    playbooks: Playbooks,
    config: Config,
    service: str,
    priority: Priority,
    labels: Mapping[str, str],
    text: str,
    routed: Routed = NOWHERE,
) -> tuple[Playbook | None, str]:
    """The playbook and why it was chosen. `text` is the title and the summary. A route that names one decides."""
    giver = routed.giver("playbook")
    if giver is not None:
        return playbooks.get(giver.playbook or ""), f"the route {giver.name} gives it"
    known = config.services.get(service)
    chosen = choose(config.playbooks, known.playbook if known else None, priority, labels, text)
    return (playbooks.get(chosen[0]), chosen[1]) if chosen else (None, "")


def follow_priority(connection: Connection, playbooks: Playbooks, case: Case, decision: Decision) -> Decision:
    """A changed priority may want another playbook; what was ticked off stays on record."""
    before, after = case.incident, decision.incident
    if after.priority is before.priority or not after.state.active:
        return decision
    alerts = incidents.alerts_of(connection, [after.id])[after.id]
    labels = next(iter(alerts.values())).alert.labels if alerts else {}
    text = f"{after.title} | {after.summary}"
    routed = _as_opened(connection, case)
    playbook, why = playbook_for(playbooks, case.config, after.service, after.priority, labels, text, routed)
    if playbook is None or playbook.version == before.playbook:
        return decision
    facts = {"playbook": playbook.version, "instead_of": before.playbook}
    event = Event(kind=Kind.PLAYBOOK_ATTACHED.value, actor=str(ENGINE), reason=why, data=facts)
    return replace(decision, incident=after.but(playbook=playbook.version), events=(*decision.events, event))


def _as_opened(connection: Connection, case: Case) -> Routed:
    """By the routes that the incident took when it was opened, which its first line holds."""
    opened = incidents.timeline(connection, case.incident.id, limit=1)
    taken = opened[0].data.get("routes") if opened else None
    names = taken if isinstance(taken, list) else []
    return settle(route for route in case.config.routes if route.name in names)


def keep(connection: Connection, playbooks: Iterable[Playbook]) -> None:
    """Stores the versions in force, so that incidents can refer to them."""
    for playbook in playbooks:
        records.keep_playbook(connection, playbook.version, playbook.model_dump_json())
