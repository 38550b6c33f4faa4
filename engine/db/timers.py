"""Timers: due rows claimed, plans reconciled."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, literal_column, select, update

from engine.core.escalation import Changes
from engine.core.model import Timer, TimerState
from engine.db.bulk import insert_rows
from engine.db.rows import read_timer, timer_row
from engine.db.tables import incidents, timers

PENDING = timers.c.state == literal_column("'pending'")


def of(connection: Connection, ids: Collection[int]) -> dict[int, dict[str, tuple[Timer, TimerState]]]:
    """By incident, then by key."""
    found: dict[int, dict[str, tuple[Timer, TimerState]]] = {number: {} for number in ids}
    query = select(timers).where(timers.c.incident_id.in_(ids))
    for row in connection.execute(query) if ids else ():
        found[row.incident_id][row.key] = (read_timer(row), TimerState(row.state))
    return found


def due(connection: Connection, now: datetime, limit: int, *, claim: bool = False) -> list[int]:
    """Incidents with a timer that is due, the longest overdue first. With `claim` those that somebody else holds are
    passed over and the others are ours until the end of the transaction."""
    query = select(timers.c.incident_id).where(PENDING, timers.c.due_at <= now).order_by(timers.c.due_at).limit(limit)
    if claim and connection.dialect.name != "sqlite":
        # The incident is locked, as every command does before it looks at the timers: two who locked in different
        # order, a tick and an acknowledgement in the same moment, would wait for each other.
        query = query.join(incidents, incidents.c.id == timers.c.incident_id)
        query = query.with_for_update(of=incidents, skip_locked=True)
    return list(dict.fromkeys(row.incident_id for row in connection.execute(query)))


def next_due(connection: Connection) -> datetime | None:
    query = select(timers.c.due_at).where(PENDING).order_by(timers.c.due_at).limit(1)
    found: datetime | None = connection.execute(query).scalar()
    return found


def add(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    insert_rows(connection, timers, rows)


def finish(connection: Connection, incident: int, states: Mapping[str, TimerState], now: datetime) -> set[str]:
    """Marks pending timers as used up; returns the keys that were there."""
    known = set()
    for key, state in states.items():
        place = update(timers).where(timers.c.incident_id == incident, timers.c.key == key)
        if connection.execute(place.values(state=state.value, done_at=now)).rowcount:
            known.add(key)
    return known


def apply(connection: Connection, incident: int, changes: Changes, now: datetime) -> None:
    own = timers.c.incident_id == incident
    for timer in changes.move:
        columns = {
            "due_at": timer.due_at,
            "reason": timer.reason,
            "until": timer.until.value,
            "state": "pending",
            "done_at": None,
        }
        connection.execute(update(timers).where(own, timers.c.key == timer.key).values(**columns))
    if changes.cancel:
        gone = update(timers).where(own, timers.c.key.in_(changes.cancel), PENDING)
        connection.execute(gone.values(state=TimerState.CANCELLED.value, done_at=now))
    add(connection, [timer_row(incident, timer, now) for timer in changes.insert])
