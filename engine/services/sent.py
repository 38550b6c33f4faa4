"""What became of an alert, for the sender that asks."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from engine.core.model import AlertStatus, Incident, RecordedAlert
from engine.db import alerts, incidents
from engine.db.alerts import Held
from engine.services.context import Context


@dataclass(frozen=True, kw_only=True, slots=True)
class SentAlert:
    """An alert with the incident that it is part of. `number` identifies it among all alerts."""

    number: int
    recorded: RecordedAlert
    incident: Incident

    @property
    def open(self) -> bool:
        """It still fires, and somebody still has to do something about it."""
        return self.incident.state.active and self.recorded.alert.status is AlertStatus.FIRING


async def by_number(context: Context, source: str, number: int) -> SentAlert | None:
    """None also where it is another source's."""
    return await context.database.read(lambda c: _full(c, alerts.numbered(c, source, number)))


async def by_fingerprint(context: Context, source: str, fingerprint: str) -> SentAlert | None:
    """The one that still fires: what has cleared is found by its number only."""
    return await context.database.read(lambda c: _full(c, alerts.firing(c, source, fingerprint)))


async def names(context: Context, source: str, incident: int) -> dict[int, str]:
    """The fingerprints of the alerts that an incident has, or whatever it was merged into, by their numbers. Nothing
    where it is another source's."""

    def work(connection: Connection) -> dict[int, str]:
        found = incidents.load(connection, [incident]).get(incident)
        while found is not None and found.merged_into is not None:
            found = incidents.load(connection, [found.merged_into]).get(found.merged_into)
        return alerts.names(connection, source, found.id) if found else {}

    return await context.database.read(work)


def _full(connection: Connection, held: Held | None) -> SentAlert | None:
    if held is None:
        return None
    incident = incidents.load(connection, [held.incident])[held.incident]
    return SentAlert(number=held.number, recorded=held.recorded, incident=incident)
