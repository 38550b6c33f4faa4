"""Heartbeats: one row for each that is waited for. There are as many as the configuration names."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from engine.core.errors import Conflict
from engine.core.heartbeats import Outage, Pulse, PulseState
from engine.db.tables import heartbeats

# Written once: at every tick, building a statement costs five times what running it does.
NAMED = (
    select(heartbeats)
    .where(heartbeats.c.name.in_(bindparam("names", expanding=True)))
    .order_by(heartbeats.c.name)
    .with_for_update()
)
DUE = select(heartbeats.c.name).where(heartbeats.c.due_at <= bindparam("now")).order_by(heartbeats.c.due_at)
NEXT = select(func.min(heartbeats.c.due_at))


def every(connection: Connection) -> dict[str, Pulse]:
    rows = connection.execute(select(heartbeats).order_by(heartbeats.c.name))
    return {row.name: _read(row) for row in rows}


def locked(connection: Connection, names: Collection[str]) -> dict[str, Pulse]:
    """Those of these names that are there, ours until the end of the transaction. In the order of their names, so that
    two who want the same ones do not wait for each other."""
    rows = connection.execute(NAMED, {"names": list(names)}) if names else ()
    return {row.name: _read(row) for row in rows}


def due(connection: Connection, now: datetime) -> list[str]:
    """The longest overdue first."""
    return list(connection.execute(DUE, {"now": now}).scalars())


def next_due(connection: Connection) -> datetime | None:
    found: datetime | None = connection.execute(NEXT).scalar()
    return found


def add(connection: Connection, pulse: Pulse) -> None:
    """Of two who add the same one the second one's transaction fails by the key, and is run again."""
    connection.execute(insert(heartbeats).values(name=pulse.name, **_columns(pulse), version=pulse.version))


def change(connection: Connection, before: Pulse, after: Pulse) -> None:
    """Raises Conflict where somebody else has changed it since it was read."""
    place = update(heartbeats).where(heartbeats.c.name == before.name, heartbeats.c.version == before.version)
    if not connection.execute(place.values(**_columns(after), version=before.version + 1)).rowcount:
        raise Conflict("heartbeat_changed", f"the heartbeat {before.name} was changed meanwhile")


def put_off(connection: Connection, name: str, until: datetime) -> None:
    """Without a look at what it is: that it can't be read may be the trouble."""
    connection.execute(update(heartbeats).where(heartbeats.c.name == name).values(due_at=until))


def remove(connection: Connection, pulse: Pulse) -> None:
    """Raises Conflict as `change` does."""
    place = delete(heartbeats).where(heartbeats.c.name == pulse.name, heartbeats.c.version == pulse.version)
    if not connection.execute(place).rowcount:
        raise Conflict("heartbeat_changed", f"the heartbeat {pulse.name} was changed meanwhile")


def _columns(pulse: Pulse) -> dict[str, Any]:
    return {
        "state": pulse.state.value,
        "terms": pulse.terms,
        "since": pulse.since,
        "due_at": pulse.due_at,
        "beat_at": pulse.beat_at,
        "started_at": pulse.started_at,
        "failed_at": pulse.failed_at,
        "excerpt": pulse.excerpt,
        "exit_code": pulse.exit_code,
        "excused_since": pulse.excused.since if pulse.excused else None,
        "excused_until": pulse.excused.until if pulse.excused else None,
    }


def _read(row: Row[Any]) -> Pulse:
    out = row.excused_since is not None and row.excused_until is not None
    return Pulse(
        name=row.name,
        state=PulseState(row.state),
        terms=row.terms,
        since=row.since,
        due_at=row.due_at,
        beat_at=row.beat_at,
        started_at=row.started_at,
        failed_at=row.failed_at,
        excerpt=row.excerpt,
        exit_code=row.exit_code,
        excused=Outage(since=row.excused_since, until=row.excused_until) if out else None,
        version=row.version,
    )
