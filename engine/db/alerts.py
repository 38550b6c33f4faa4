"""One alert of one source, by what its sender calls it; and the incidents that what a sender tells is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, exists, func, literal_column, or_, select

from engine.core.model import ACTIVE_STATES, AlertStatus, RecordedAlert
from engine.db.rows import read_alert
from engine.db.tables import alerts, incidents, key_aliases

merged = incidents.alias("merged")
# As literals, for the partial indexes: only then does SQLite use them.
ACTIVE = incidents.c.state.in_([literal_column(repr(state.value)) for state in ACTIVE_STATES])
_FROM_SOURCE = or_(
    incidents.c.source == bindparam("source"),
    exists().where(
        key_aliases.c.incident_id == incidents.c.id,
        merged.c.key == key_aliases.c.key,
        merged.c.source == bindparam("source"),
    ),
)
"""Its incident was opened by this source, or one was merged into it that was."""

_OF_SOURCE = select(alerts).join(incidents, incidents.c.id == alerts.c.incident_id).where(_FROM_SOURCE)
NUMBERED = _OF_SOURCE.where(alerts.c.id == bindparam("number"))
FIRING = (
    _OF_SOURCE.where(alerts.c.fingerprint == bindparam("fingerprint"), alerts.c.status == literal_column("'firing'"))
    .order_by(ACTIVE.desc(), alerts.c.id.desc())
    .limit(1)
)
NAMES = (
    select(alerts.c.id, alerts.c.fingerprint)
    .join(incidents, incidents.c.id == alerts.c.incident_id)
    .where(_FROM_SOURCE, alerts.c.incident_id == bindparam("incident"))
)
# The service is compared as a term, so that no index on it is used: of those that are active there are few, while those
# that a service ever had may be a million.
ACTIVE_OF_SERVICE = (
    select(incidents.c.id)
    .where(ACTIVE, incidents.c.service + "" == bindparam("service"))
    .order_by(incidents.c.id.desc())
    .limit(bindparam("most"))
)


# The status as a value, so that the index of firing alerts is not used: it holds those that nobody has ever ended too.
QUIET = (alerts.c.status == bindparam("firing"), alerts.c.last_seen_at <= bindparam("since"))
UNHEARD = (
    select(alerts.c.incident_id, alerts.c.id)
    .join(incidents, incidents.c.id == alerts.c.incident_id)
    .where(ACTIVE, *QUIET, func.coalesce(alerts.c.source, incidents.c.source) == bindparam("source"))
    .order_by(alerts.c.last_seen_at)
    .limit(bindparam("most"))
)
STILL_UNHEARD = select(alerts).where(alerts.c.id == bindparam("number"), *QUIET)


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """An alert on record: its own number, and its incident's."""

    number: int
    incident: int
    recorded: RecordedAlert


def numbered(connection: Connection, source: str, number: int) -> Held | None:
    return _held(connection.execute(NUMBERED, {"source": source, "number": number}).first())


def firing(connection: Connection, source: str, fingerprint: str) -> Held | None:
    """The one that still fires; of several that in an active incident, then the newest."""
    return _held(connection.execute(FIRING, {"source": source, "fingerprint": fingerprint}).first())


def names(connection: Connection, source: str, incident: int) -> dict[int, str]:
    """The fingerprints of the alerts of an incident of this source, by the alerts' numbers."""
    return {row[0]: row[1] for row in connection.execute(NAMES, {"source": source, "incident": incident})}


def active_of_service(connection: Connection, service: str, most: int) -> list[int]:
    """The numbers of the active incidents of a service, the newest first."""
    return list(connection.execute(ACTIVE_OF_SERVICE, {"service": service, "most": most}).scalars())


def unheard(connection: Connection, source: str, since: datetime, most: int) -> list[tuple[int, int]]:
    """Alerts of a source that fire in active incidents and have not come since then, the longest first: the incident's
    number and the alert's own."""
    wanted = {"source": source, "since": since, "firing": AlertStatus.FIRING.value, "most": most}
    return [(row.incident_id, row.id) for row in connection.execute(UNHEARD, wanted)]


def still_unheard(connection: Connection, number: int, since: datetime) -> RecordedAlert | None:
    """None where it has come or ended meanwhile."""
    row = connection.execute(
        STILL_UNHEARD, {"number": number, "since": since, "firing": AlertStatus.FIRING.value}
    ).first()
    return read_alert(row) if row is not None else None


def _held(row: Row[Any] | None) -> Held | None:
    return Held(number=row.id, incident=row.incident_id, recorded=read_alert(row)) if row is not None else None
