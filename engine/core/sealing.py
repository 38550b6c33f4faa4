"""Sealed incidents: who is let in, and what everybody else sees of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from engine.core.commands import Invite, Seal, Unseal
from engine.core.draft import Decision, Draft, unchanged
from engine.core.errors import Forbidden, NotFound
from engine.core.lease import renew
from engine.core.matchers import all_match
from engine.core.model import (
    ENGINE,
    Actor,
    ActorKind,
    Alert,
    Classification,
    Incident,
    Message,
    MessageKind,
    Role,
    State,
)
from engine.core.notices import ask_for_room, post_cards, room_name, tell
from engine.core.paging import seat_paged
from engine.core.phrases import wording
from engine.core.policy import SealRule
from engine.core.timeline import Kind

VEILED = "Sealed incident"
ON_THIS_MACHINE = "cli"
"""How somebody acts who can read the database file: nothing that is sealed in it is kept from them."""


def why_sealed(rules: Iterable[SealRule], service: str, alert: Alert) -> str | None:
    """The reason of the first rule that seals an incident which begins with this alert."""
    for rule in rules:
        if (rule.services and service not in rule.services) or not all_match(rule.match, alert.labels):
            continue
        said = wording(alert.labels, title=alert.title, summary=alert.summary) if rule.words else None
        words = said.evidence(rule.words) if said else ""
        if words is not None:
            where = f"the service is {service}" if rule.services else ""
            return " and ".join(part for part in (where, ", ".join(map(str, rule.match)), words) if part)
    return None


def admits(incident: Incident, reader: Actor) -> bool:
    """Whether it may be seen and acted on: by whoever was invited, paged or given a part in it, whatever their role. A
    token that belongs to nobody, or that acts in the name of somebody, has to be an administrator's."""
    if incident.sealed_at is None or reader.kind in (ActorKind.SYSTEM, ActorKind.TIMER, ActorKind.SOURCE):
        return True
    if reader.kind is ActorKind.TOKEN or reader.via == ON_THIS_MACHINE:
        return reader.role is Role.ADMIN
    return reader.through in (None, Role.ADMIN) and reader.id in insiders(incident)


def insiders(incident: Incident) -> frozenset[str]:
    part = (incident.commander, incident.lease_owner, incident.acknowledged_by, *incident.duties.values())
    return frozenset(contact for contact in (*part, *incident.invited) if contact)


def check_admitted(incident: Incident, reader: Actor, name_of: Callable[[str], str]) -> None:
    """Raises Forbidden, naming whom to ask."""
    if admits(incident, reader):
        return
    asked = incident.commander or incident.lease_owner or next(iter(incident.invited), None)
    ask = f" {name_of(asked)} can invite you." if asked else ""
    raise Forbidden("sealed", f"{incident.ref} is sealed: only those who were invited can see it or act on it.{ask}")


OPEN_TO_ALL = (
    *("id", "revision", "priority", "state", "level", "generation", "cycle", "version", "previous", "merged_into"),
    *("opened_at", "cycle_started_at", "counted_from", "updated_at", "acknowledged_at", "resolved_at", "closed_at"),
    *("reopened_at", "restored_at", "sealed_at"),
)


def veil(incident: Incident) -> Incident:
    """What everybody may know: that there is one, how urgent it is, how far it is, since when."""
    told: dict[str, Any] = {name: getattr(incident, name) for name in OPEN_TO_ALL}
    found = Classification(priority=incident.classification.priority, rule="", reason="it is sealed")
    return Incident(title=VEILED, key="", service="", source="", policy="", classification=found, **told)


def is_private_room(message: Message, incident: Incident) -> bool:
    """The one that was made for it since it is sealed; one from before may be entered by all."""
    return message.kind is MessageKind.ROOM and message.address == room_name(incident)


def seal(draft: Draft, actor: Actor, reason: str) -> None:
    """From now on nothing is broadcast; a war room that there was already is left for a private one."""
    config = draft.case.config
    own = actor.id if actor.kind is ActorKind.PERSON else None
    people = [contact for contact in config.contacts if contact == own or seat_paged(draft, contact) is not None]
    draft.change(sealed_at=draft.now, invited=tuple(people), room_at=None)
    draft.record(Kind.SEALED, actor, reason, invited=people)
    if draft.incident.state.active:
        ask_for_room(draft, ENGINE, "a sealed incident has a private one")


def seal_by_command(draft: Draft, command: Seal, actor: Actor, state: State) -> Decision:
    incident = draft.incident
    if incident.sealed_at is not None:
        return unchanged(incident, "already_sealed", f"{incident.ref} is sealed already.")
    seal(draft, actor, command.reason)
    renew(draft, actor)
    return draft.decision(f"{incident.ref} is sealed: only those who were paged or are invited can see it.")


def unseal(draft: Draft, command: Unseal, actor: Actor, state: State) -> Decision:
    incident = draft.incident
    if not actor.role.covers(Role.MANAGER):
        raise Forbidden("unseal_needs_manager", f"Only a manager may let everybody see {incident.ref} again.")
    if incident.sealed_at is None:
        return unchanged(incident, "not_sealed", f"{incident.ref} is not sealed.")
    draft.change(sealed_at=None, invited=())
    draft.record(Kind.UNSEALED, actor, command.reason)
    if incident.sealed_at == incident.opened_at:
        post_cards(draft)
    renew(draft, actor)
    return draft.decision(f"Everybody can see {incident.ref} again.")


def invite(draft: Draft, command: Invite, actor: Actor, state: State) -> Decision:
    incident = draft.incident
    if command.who not in draft.case.config.contacts:
        raise NotFound("contact_unknown", f"{command.who!r} is not in contacts.")
    if incident.sealed_at is None:
        return unchanged(incident, "not_sealed", f"{incident.ref} is not sealed; everybody can see it.")
    if command.who in insiders(incident):
        return unchanged(incident, "already_invited", f"{draft.person(command.who)} can see {incident.ref} already.")
    draft.change(invited=(*incident.invited, command.who))
    reason = command.reason or f"{actor.name or actor.id} asked for it"
    draft.record(Kind.INVITED, actor, reason, who=command.who)
    said = f"{actor.name or actor.id} invited you into {incident.ref}, which is sealed: {reason}"
    tell(draft, command.who, said, to_answer=True)
    renew(draft, actor)
    return draft.decision(f"{draft.person(command.who)} can see {incident.ref} and act on it now.")
