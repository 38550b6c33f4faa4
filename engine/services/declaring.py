"""A person reports what no monitoring has noticed: it takes the path of an alert."""

from __future__ import annotations

from engine.core.errors import Forbidden
from engine.core.intake import report_by_hand
from engine.core.model import Actor, Role
from engine.ports import Declaration
from engine.services.arrivals import Outcome
from engine.services.intake import Intake


async def declare(intake: Intake, declaration: Declaration, actor: Actor) -> Outcome:
    """It is classified and pages people as an alert does; while an incident of the same title and service is open it
    joins that. Raises Forbidden, Overloaded."""
    if not actor.role.covers(Role.RESPONDER):
        who = actor.name or actor.id
        raise Forbidden("role_too_low", f"{who} may look at incidents but not report one (role {actor.role})")
    alert = report_by_hand(declaration.title, declaration.summary, declaration.service, declaration.priority)
    [outcome] = await intake.accept([alert], actor)
    return outcome
