"""Reading and changing incidents, their alerts and their timelines."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, Select, bindparam, func, insert, literal_column, or_, select, update

from engine.core.errors import Conflict
from engine.core.model import (
    OPEN_STATES,
    AlertStatus,
    Event,
    Incident,
    Priority,
    RecordedAlert,
    RecordedEvent,
    State,
)
from engine.core.timeline import chain
from engine.db.bulk import Change, insert_rows, update_rows
from engine.db.rows import changed_columns, event_row, read_alert, read_event, read_incident, read_times
from engine.db.tables import alerts, events, incidents, key_aliases

OPEN = tuple(state.value for state in OPEN_STATES)

# Written once: on the way of every alert, building a statement costs five times what running it does.
# SQLite has no row locks, and SQLAlchemy leaves them out there.
IDS: BindParameter[Any] = bindparam("ids", expanding=True)
LOAD = select(incidents).where(incidents.c.id.in_(IDS)).order_by(incidents.c.id)
LOCK = LOAD.with_for_update()
STANDINGS = (
    select(
        incidents.c.id,
        incidents.c.state,
        incidents.c.priority,
        incidents.c.revision,
        incidents.c.sealed_at.is_not(None),
    )
    .where(incidents.c.id.in_(IDS))
    .order_by(incidents.c.id)
    .with_for_update()
)
SOURCES = select(incidents.c.id, incidents.c.source).where(incidents.c.id.in_(IDS))
BEGUN = select(incidents.c.id, incidents.c.begun_at).where(incidents.c.id.in_(IDS))
HEADS = (
    select(incidents.c.id, incidents.c.timeline_seq, incidents.c.timeline_hash)
    .where(incidents.c.id.in_(IDS))
    .order_by(incidents.c.id)
    .with_for_update()
)
APPEND = update(incidents).where(incidents.c.id == bindparam("number")).values(version=incidents.c.version + 1)
STATUSES = select(alerts.c.incident_id, alerts.c.fingerprint, alerts.c.status).where(alerts.c.incident_id.in_(IDS))
ALERTS = select(alerts).where(alerts.c.incident_id.in_(IDS)).order_by(alerts.c.id)
_FIRING_THEN_LATEST = (alerts.c.status != "firing", alerts.c.last_seen_at.desc(), alerts.c.id)
_RANKED = (
    select(
        alerts,
        func.count().over(partition_by=alerts.c.incident_id).label("total"),
        func.row_number().over(partition_by=alerts.c.incident_id, order_by=_FIRING_THEN_LATEST).label("place"),
    )
    .where(alerts.c.incident_id.in_(IDS))
    .subquery()
)
FOREMOST = select(_RANKED).where(_RANKED.c.place <= bindparam("most")).order_by(_RANKED.c.incident_id, _RANKED.c.place)
FIRING = (
    select(alerts.c.incident_id, func.count())
    .where(alerts.c.incident_id.in_(IDS), alerts.c.status == "firing")
    .group_by(alerts.c.incident_id)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What decides whether an alert says anything new to an incident."""

    state: State
    priority: Priority
    revision: int
    sealed: bool


def next_ids(connection: Connection, count: int) -> list[int]:
    """Numbers for new incidents. SQLite: the writer holds the lock, so the highest is ours to count on from."""
    if connection.dialect.name == "sqlite":
        highest = connection.exec_driver_sql("SELECT coalesce(max(id), 0) FROM incident").scalar_one()
        return list(range(highest + 1, highest + 1 + count))
    drawn = connection.exec_driver_sql("SELECT nextval('incident_number') FROM generate_series(1, $1)", (count,))
    return [row[0] for row in drawn]


def load(connection: Connection, ids: Collection[int], *, lock: bool = False) -> dict[int, Incident]:
    """By number. With `lock` the rows are ours until the end of the transaction, taken in one order so that two
    transactions never wait for each other."""
    if not ids:
        return {}
    rows = connection.execute(LOCK if lock else LOAD, {"ids": list(ids)})
    return {row.id: read_incident(row) for row in rows}


def standings(connection: Connection, ids: Collection[int]) -> dict[int, Standing]:
    """By number, locked as `load` locks."""
    rows = connection.execute(STANDINGS, {"ids": list(ids)}) if ids else ()
    return {
        number: Standing(state=State(state), priority=Priority(priority), revision=revision, sealed=bool(sealed))
        for number, state, priority, revision, sealed in rows
    }


def sources_of(connection: Connection, ids: Collection[int]) -> dict[int, str]:
    """Without a look at the rest of the row, which may be what can't be read."""
    rows = connection.execute(SOURCES, {"ids": list(ids)}) if ids else ()
    return {row[0]: row[1] for row in rows}


def begun_at_of(connection: Connection, ids: Collection[int]) -> dict[int, tuple[datetime, ...]]:
    """When the problem of each has begun to fire."""
    rows = connection.execute(BEGUN, {"ids": list(ids)}) if ids else ()
    return {row.id: read_times(row.begun_at) for row in rows}


def add(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    insert_rows(connection, incidents, rows)


def change(connection: Connection, changed: Sequence[tuple[Incident, Incident]]) -> None:
    """Writes what differs between each incident as it was read and as it shall be, its version among it, if the rows
    are still those that were read; raises Conflict where one isn't."""
    changes = [
        Change(where={"id": before.id, "version": before.version}, columns=changed_columns(before, after))
        for before, after in changed
    ]
    if update_rows(connection, incidents, changes) != len(changes):
        refs = " or ".join(before.ref for before, _ in changed)
        raise Conflict("changed_meanwhile", f"{refs} was changed by someone else at the same moment; look again.")


def add_events(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    insert_rows(connection, events, rows)


def append_events(connection: Connection, new: Mapping[int, Sequence[Event]], now: datetime) -> None:
    """Lines for timelines whose incidents don't change otherwise. Takes the rows' locks in one order."""
    heads = connection.execute(HEADS, {"ids": list(new)})
    _append(connection, new, {row.id: (row.timeline_seq, row.timeline_hash) for row in heads}, now)


def append_to(
    connection: Connection, locked: Mapping[int, Incident], new: Mapping[int, Sequence[Event]], now: datetime
) -> None:
    """The same for incidents that this transaction has loaded and locked, and whose timelines it has not touched."""
    heads = {number: (locked[number].timeline_seq, locked[number].timeline_hash) for number in new}
    _append(connection, new, heads, now)


def _append(
    connection: Connection, new: Mapping[int, Sequence[Event]], heads: Mapping[int, tuple[int, str]], now: datetime
) -> None:
    recorded = [chain(number, new[number], now, seq=seq, head=head) for number, (seq, head) in heads.items()]
    add_events(connection, [event_row(event) for lines in recorded for event in lines])
    ends = [
        {"number": lines[-1].incident, "timeline_seq": lines[-1].seq, "timeline_hash": lines[-1].hash}
        for lines in recorded
        if lines
    ]
    if ends:
        connection.execute(APPEND, ends)


def timeline(
    connection: Connection, incident: int, *, after: int = 0, limit: int | None = None
) -> tuple[RecordedEvent, ...]:
    query = select(events).where(events.c.incident_id == incident, events.c.seq > after).order_by(events.c.seq)
    return tuple(read_event(row) for row in connection.execute(query.limit(limit) if limit else query))


def alerts_of(connection: Connection, ids: Collection[int]) -> dict[int, dict[str, RecordedAlert]]:
    """By incident, then by fingerprint."""
    found: dict[int, dict[str, RecordedAlert]] = {number: {} for number in ids}
    for row in connection.execute(ALERTS, {"ids": list(ids)}) if ids else ():
        found[row.incident_id][row.fingerprint] = read_alert(row)
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Foremost:
    """The alerts of an incident that are shown first, and how many it has."""

    alerts: tuple[RecordedAlert, ...] = ()
    total: int = 0


def foremost_of(connection: Connection, ids: Collection[int], most: int) -> dict[int, Foremost]:
    """By incident so many at most, firing ones first, then the latest. One may have thousands."""
    found: dict[int, list[RecordedAlert]] = {}
    totals: dict[int, int] = {}
    for row in connection.execute(FOREMOST, {"ids": list(ids), "most": most}) if ids else ():
        found.setdefault(row.incident_id, []).append(read_alert(row))
        totals[row.incident_id] = row.total
    return {number: Foremost(alerts=tuple(own), total=totals[number]) for number, own in found.items()}


def statuses_of(connection: Connection, ids: Collection[int]) -> dict[int, dict[str, AlertStatus]]:
    """Of all alerts, by incident, then by fingerprint."""
    found: dict[int, dict[str, AlertStatus]] = {number: {} for number in ids}
    for number, fingerprint, status in connection.execute(STATUSES, {"ids": list(ids)}) if ids else ():
        found[number][fingerprint] = AlertStatus(status)
    return found


def add_alerts(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    insert_rows(connection, alerts, rows)


def see_alerts(connection: Connection, seen: Iterable[Change]) -> None:
    """Alerts on record that have come again, each once."""
    update_rows(connection, alerts, seen)


def repeat_alerts(connection: Connection, repeats: Collection[Change]) -> None:
    """The same for alerts that were found to fire. Raises Conflict where one of them has cleared since."""
    if update_rows(connection, alerts, repeats) != len(repeats):
        raise Conflict("changed_meanwhile", "an alert has cleared at the moment at which it was repeated")


def firing(connection: Connection, ids: Collection[int]) -> dict[int, int]:
    """How many alerts of each incident still fire."""
    counts = {row[0]: row[1] for row in connection.execute(FIRING, {"ids": list(ids)})} if ids else {}
    return {number: counts.get(number, 0) for number in ids}


def move_to(connection: Connection, source: Incident, target: Incident) -> None:
    """Alerts and keys of a merged incident go on in the target. An alert that both have stays where it was."""
    there = select(alerts.c.fingerprint).where(alerts.c.incident_id == target.id)
    own = alerts.c.incident_id == source.id
    connection.execute(update(alerts).where(own, alerts.c.fingerprint.not_in(there)).values(incident_id=target.id))
    connection.execute(update(key_aliases).where(key_aliases.c.incident_id == source.id).values(incident_id=target.id))
    taken = connection.execute(select(key_aliases.c.key).where(key_aliases.c.key == source.key)).first()
    if taken:
        connection.execute(update(key_aliases).where(key_aliases.c.key == source.key).values(incident_id=target.id))
    else:
        connection.execute(insert(key_aliases).values(key=source.key, incident_id=target.id))


def listing(
    connection: Connection,
    *,
    state: str | None = None,
    priority: str | None = None,
    service: str | None = None,
    open_only: bool = False,
    before: int | None = None,
    limit: int = 50,
) -> list[Incident]:
    """Newest first, below number `before`."""
    query: Select[Any] = select(incidents).order_by(incidents.c.id.desc()).limit(limit)
    wanted: Iterable[tuple[Any, Any]] = (
        (incidents.c.state, state),
        (incidents.c.priority, priority),
        (incidents.c.service, service),
    )
    for column, value in wanted:
        if value is not None:
            query = query.where(column == value)
    if open_only:
        query = query.where(incidents.c.state.in_([literal_column(repr(name)) for name in OPEN]))
    if before is not None:
        query = query.where(incidents.c.id < before)
    return [read_incident(row) for row in connection.execute(query)]


def relatives(connection: Connection, number: int) -> list[tuple[int, str, bool, bool]]:
    """Incidents that name this one: number, title, True where it was merged into this one (else it came after), and
    whether it is sealed."""
    query = (
        select(incidents.c.id, incidents.c.title, incidents.c.merged_into == number, incidents.c.sealed_at.is_not(None))
        .where(or_(incidents.c.merged_into == number, incidents.c.previous == number))
        .order_by(incidents.c.id)
    )
    return [(row[0], row[1], bool(row[2]), bool(row[3])) for row in connection.execute(query)]


def sealed_with(connection: Connection, fingerprints: Collection[str]) -> dict[str, list[Incident]]:
    """The sealed incidents that hold alerts of these fingerprints, whoever sent them, by fingerprint."""
    query = (
        select(alerts.c.fingerprint, alerts.c.incident_id)
        .join(incidents, incidents.c.id == alerts.c.incident_id)
        .where(incidents.c.sealed_at.is_not(None), alerts.c.fingerprint.in_(fingerprints))
    )
    pairs = [(row.fingerprint, row.incident_id) for row in connection.execute(query)] if fingerprints else []
    known = load(connection, {number for _, number in pairs}) if pairs else {}
    found: dict[str, list[Incident]] = {}
    for fingerprint, number in pairs:
        found.setdefault(fingerprint, []).append(known[number])
    return found


def all_numbers(connection: Connection) -> list[int]:
    return list(connection.execute(select(incidents.c.id).order_by(incidents.c.id)).scalars())
