"""Timers: due rows claimed, plans reconciled."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, literal_column, select, update

from engine.core.escalation import Changes
from engine.core.model import Timer, TimerState
from engine.db.bulk import Change, insert_rows, update_rows
from engine.db.rows import read_timer, timer_row
from engine.db.tables import incidents, timers

PENDING = timers.c.state == literal_column("'pending'")

# Written once: at every tick, building a statement costs five times what running it does.
OF = select(timers).where(timers.c.incident_id.in_(bindparam("ids", expanding=True)))
DUE = (
    select(timers.c.incident_id)
    .where(PENDING, timers.c.due_at <= bindparam("now"))
    .order_by(timers.c.due_at)
    .limit(bindparam("most"))
)
# The incident is locked, as every command does before it looks at the timers: two who locked in different order, a tick
# and an acknowledgement in the same moment, would wait for each other. SQLite has no such locks, and goes without.
CLAIM = DUE.join(incidents, incidents.c.id == timers.c.incident_id).with_for_update(of=incidents, skip_locked=True)
NEXT = select(timers.c.due_at).where(PENDING).order_by(timers.c.due_at).limit(1)
POISON = (
    update(timers)
    .where(timers.c.incident_id == bindparam("incident"), PENDING, timers.c.due_at <= bindparam("now"))
    .values(state=TimerState.POISONED.value)
    .returning(timers.c.key)
)


def of(connection: Connection, ids: Collection[int]) -> dict[int, dict[str, tuple[Timer, TimerState]]]:
    """By incident, then by key."""
    found: dict[int, dict[str, tuple[Timer, TimerState]]] = {number: {} for number in ids}
    for row in connection.execute(OF, {"ids": list(ids)}) if ids else ():
        found[row.incident_id][row.key] = (read_timer(row), TimerState(row.state))
    return found


def due(connection: Connection, now: datetime, limit: int, *, claim: bool = False) -> list[int]:
    """Incidents with a timer that is due, the longest overdue first. With `claim` those that somebody else holds are
    passed over and the others are ours until the end of the transaction."""
    rows = connection.execute(CLAIM if claim else DUE, {"now": now, "most": limit})
    return list(dict.fromkeys(row.incident_id for row in rows))


def next_due(connection: Connection) -> datetime | None:
    found: datetime | None = connection.execute(NEXT).scalar()
    return found


def add(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    insert_rows(connection, timers, rows)


def poison(connection: Connection, incident: int, now: datetime) -> list[str]:
    """Sets aside what is due, without a look at what it is: that it can't be read may be the trouble. Returns the
    keys."""
    return sorted(connection.execute(POISON, {"incident": incident, "now": now, "done_at": now}).scalars())


def finish(connection: Connection, done: Iterable[tuple[int, str, TimerState]], now: datetime) -> None:
    """Marks timers, by incident and key, as used up."""
    update_rows(connection, timers, [_at(number, key, state=state.value, done_at=now) for number, key, state in done])


def apply(connection: Connection, changes: Mapping[int, Changes], now: datetime) -> None:
    """By incident: what turns the timers on record into those that are wanted."""
    moved = [(number, timer) for number, own in changes.items() for timer in own.move]
    dropped = [(number, key) for number, own in changes.items() for key in own.cancel]
    update_rows(connection, timers, [_move(number, timer) for number, timer in moved])
    update_rows(
        connection,
        timers,
        [_at(number, key, state=TimerState.CANCELLED.value, done_at=now) for number, key in dropped],
    )
    add(connection, [timer_row(number, timer, now) for number, own in changes.items() for timer in own.insert])


def _move(incident: int, timer: Timer) -> Change:
    return _at(
        incident,
        timer.key,
        due_at=timer.due_at,
        reason=timer.reason,
        until=timer.until.value,
        state=TimerState.PENDING.value,
        done_at=None,
    )


def _at(incident: int, key: str, **columns: object) -> Change:
    return Change(where={"incident_id": incident, "key": key}, columns=columns)
