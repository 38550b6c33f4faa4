"""Probes: one row for each that is run, claimed by whoever moves its due time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select

from engine.core.errors import Conflict
from engine.core.model import AlertLevel
from engine.core.probing import Course, Reading
from engine.core.timeline import format_time
from engine.db.bulk import Change, update_rows
from engine.db.tables import probes

# Written once: several times a second, building a statement costs five times what running it does.
NAMED = (
    select(probes)
    .where(probes.c.name.in_(bindparam("names", expanding=True)))
    .order_by(probes.c.name)
    .with_for_update()
)
DUE = (
    select(probes.c.name, probes.c.terms, probes.c.due_at)
    .where(probes.c.due_at <= bindparam("now"))
    .order_by(probes.c.due_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
NEXT = select(func.min(probes.c.due_at))


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    name: str
    terms: str
    due_at: datetime


def every(connection: Connection) -> dict[str, Course]:
    return {row.name: _read(row) for row in connection.execute(select(probes).order_by(probes.c.name))}


def locked(connection: Connection, names: Collection[str]) -> dict[str, Course]:
    """Those of these names that are there, ours until the end of the transaction."""
    rows = connection.execute(NAMED, {"names": list(names)}) if names else ()
    return {row.name: _read(row) for row in rows}


def due(connection: Connection, now: datetime, most: int) -> list[Due]:
    """The longest overdue first, without those that somebody else is about to claim."""
    rows = connection.execute(DUE, {"now": now, "most": most})
    return [Due(name=row.name, terms=row.terms, due_at=row.due_at) for row in rows]


def claim(connection: Connection, claims: Iterable[tuple[Due, datetime]]) -> None:
    """Moves each to its next time. Raises Conflict where somebody else has done so."""
    changes = [Change(where={"name": one.name, "due_at": one.due_at}, columns={"due_at": then}) for one, then in claims]
    if update_rows(connection, probes, changes) != len(changes):
        raise Conflict("probe_claimed", "a probe was claimed by another engine meanwhile")


def next_due(connection: Connection) -> datetime | None:
    found: datetime | None = connection.execute(NEXT).scalar()
    return found


def add(connection: Connection, course: Course) -> None:
    """Of two who add the same one the second one's transaction fails by the key, and is run again."""
    row = {"name": course.name, "due_at": course.due_at, "version": course.version, **_columns(course)}
    connection.execute(insert(probes).values(**row))


def change(connection: Connection, changed: Sequence[tuple[Course, Course]]) -> None:
    """Each as it was read and as it will be; due times are the claims' own. Raises Conflict where somebody else has
    changed one."""
    changes = [
        Change(
            where={"name": before.name, "version": before.version},
            columns={**_columns(after), "version": before.version + 1},
        )
        for before, after in changed
    ]
    if update_rows(connection, probes, changes) != len(changes):
        raise Conflict("probe_changed", "a probe was changed meanwhile")


def put_off(connection: Connection, course: Course) -> None:
    """To the due time of a changed configuration."""
    update_rows(connection, probes, [Change(where={"name": course.name}, columns={"due_at": course.due_at})])


def remove(connection: Connection, names: Collection[str]) -> None:
    connection.execute(delete(probes).where(probes.c.name.in_(list(names))))


def _columns(course: Course) -> dict[str, Any]:
    return {
        "terms": course.terms,
        "readings": [_reading_json(reading) for reading in course.readings],
        "failing_since": course.failing_since,
        "firing_since": course.firing_since,
        "told_at": course.told_at,
        "told_level": course.told_level.value if course.told_level else None,
    }


def _reading_json(reading: Reading) -> dict[str, Any]:
    return {
        "at": format_time(reading.at),
        "ok": reading.ok,
        "up": reading.up,
        "reason": reading.reason,
        "values": dict(reading.values),
    }


def _read(row: Row[Any]) -> Course:
    return Course(
        name=row.name,
        terms=row.terms,
        due_at=row.due_at,
        readings=tuple(_read_reading(reading) for reading in row.readings),
        failing_since=row.failing_since,
        firing_since=row.firing_since,
        told_at=row.told_at,
        told_level=AlertLevel(row.told_level) if row.told_level else None,
        version=row.version,
    )


def _read_reading(value: dict[str, Any]) -> Reading:
    return Reading(
        at=datetime.fromisoformat(value["at"]),
        ok=value["ok"],
        up=value["up"],
        reason=value["reason"],
        values=value["values"],
    )
