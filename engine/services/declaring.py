"""A person reports what no monitoring has noticed: it takes the path of an alert."""

from __future__ import annotations

from dataclasses import replace

import structlog
from sqlalchemy import Connection

from engine.core.commands import Note
from engine.core.errors import Conflict, Forbidden, Overloaded
from engine.core.intake import AlertAction, report_by_hand
from engine.core.model import Actor, ActorKind, Role, incident_id
from engine.db import incidents
from engine.ports import Declaration
from engine.services.arrivals import Outcome
from engine.services.context import Context
from engine.services.desk import Done, announce, perform
from engine.services.intake import Intake

log = structlog.get_logger()

PAGE = "report-page"


async def declare(intake: Intake, declaration: Declaration, actor: Actor) -> Outcome:
    """It is classified and pages people as an alert does; while an incident of the same title and service is open it
    joins that. Raises Forbidden, Overloaded."""
    if not actor.role.covers(Role.RESPONDER):
        who = actor.name or actor.id
        raise Forbidden("role_too_low", f"{who} may look at incidents but not report one (role {actor.role})")
    alert = report_by_hand(declaration.title, declaration.summary, declaration.service, declaration.priority)
    [outcome] = await intake.accept([alert], actor)
    return outcome


def reporter(name: str) -> Actor:
    """Whoever gives this name on the report page. Nobody has checked it: no contact's id holds a colon, so it is none
    of them, and neither owns an incident nor is let into a sealed one."""
    return Actor(kind=ActorKind.PERSON, id=f"{PAGE}:{name}", name=name, role=Role.RESPONDER, via=PAGE)


async def declare_on_page(context: Context, intake: Intake, declaration: Declaration, who: Actor) -> Outcome:
    """As `declare`; what is said of an incident that was open already becomes a note on its timeline, once for each
    reporter and wording. Raises Overloaded."""
    outcome = await declare(intake, declaration, who)
    if outcome.action is not AlertAction.OPENED and outcome.incident is not None:
        await _note(context, incident_id(outcome.incident), declaration.summary, who)
    log.info("report.taken", action=outcome.action.value, incident=outcome.incident)
    return outcome


async def _note(context: Context, number: int, said: str, who: Actor) -> None:
    """By the page and not by the person: a bystander is no sign of life of the one who has the incident, and has to be
    heard in a sealed one too."""
    command = Note(text=f"{who.name} reports this too{f': {said}' if said else '.'}")
    actor, now = replace(who, kind=ActorKind.SOURCE, via=""), context.clock.now()

    def work(connection: Connection) -> Done | None:
        if _is_on_record(connection, number, command.text, said, who):
            return None
        return perform(connection, context, number, command, actor, now)

    try:
        done = await context.database.write(work)
    except Conflict as conflict:
        raise Overloaded(conflict.sentence) from conflict
    if done is not None:
        announce(context, number, command, actor, done)


def _is_on_record(connection: Connection, number: int, text: str, said: str, who: Actor) -> bool:
    """A page that is sent twice, by a second press or by reloading, says nothing new. The lock lets the second of two
    that come at once see the first."""
    incident = incidents.load(connection, [number], lock=True)[number]
    if incident.source == who.id and said in ("", incident.summary):
        return True
    return any(line.data.get("text") == text for line in incidents.timeline(connection, number))
