"""Alerts that wait, in the order in which they are to be heard again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, bindparam, delete, func, select, tuple_, update

from engine.core.holding import Held, Place
from engine.core.model import Actor, ActorKind, Alert
from engine.db.bulk import insert_rows
from engine.db.mute_tables import held_alerts
from engine.db.types import json_text

ALERT = TypeAdapter(Alert)
CHUNK = 400
"""Places in one statement: SQLite takes some 32,000 values in all."""

PLACE = tuple_(held_alerts.c.source, held_alerts.c.fingerprint)
GIVEN = func.json_each(bindparam("places")).table_valued("value")
# SQLite goes by the key only where the pairs come from a query: through a list of pairs it reads the table.
PAIRS = select(func.json_extract(GIVEN.c.value, "$[0]"), func.json_extract(GIVEN.c.value, "$[1]"))
OF = {"sqlite": PLACE.in_(PAIRS), "postgresql": PLACE.in_(bindparam("places", expanding=True))}
FIND = {dialect: select(held_alerts).where(of) for dialect, of in OF.items()}
FORGET = {dialect: delete(held_alerts).where(of) for dialect, of in OF.items()}
DUE = (
    select(held_alerts)
    .where(held_alerts.c.due_at <= bindparam("now"))
    .order_by(held_alerts.c.due_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
PLACES_DUE = (
    select(held_alerts.c.source, held_alerts.c.fingerprint)
    .where(held_alerts.c.due_at <= bindparam("now"))
    .order_by(held_alerts.c.due_at)
    .limit(bindparam("most"))
)
NEXT = select(func.min(held_alerts.c.due_at))
WAKE = update(held_alerts).values(due_at=bindparam("now"))
LATER = held_alerts.c.due_at > bindparam("now")
WAKE_CAUSED = WAKE.where(held_alerts.c.incident_id.in_(bindparam("incidents", expanding=True)), LATER)
WAKE_HELD = WAKE.where(held_alerts.c.rule == bindparam("by"), LATER)
WAKE_ALL = WAKE.where(LATER)
PUT_OFF = {dialect: update(held_alerts).where(of).values(due_at=bindparam("until")) for dialect, of in OF.items()}


def find(connection: Connection, places: Collection[Place]) -> dict[Place, Held]:
    """Those of these alerts that wait."""
    find = FIND[connection.dialect.name]
    rows = (row for chunk in _chunks(places) for row in connection.execute(find, _given(connection, chunk)))
    return {one.place: one for one in map(_read, rows)}


def put(connection: Connection, held: Sequence[Held], gone: Collection[Place]) -> None:
    """Those of `gone` wait no more; `held` do, each in place of what was on record of it. Of two who begin to hold the
    same one at once the second one's transaction fails by the key, and is run again."""
    for chunk in _chunks({*gone, *(one.place for one in held)}):
        connection.execute(FORGET[connection.dialect.name], _given(connection, chunk))
    insert_rows(connection, held_alerts, [_row(one) for one in held])


def due(connection: Connection, now: datetime, most: int) -> list[Held]:
    """The longest overdue first, ours until the end of the transaction; what another engine has is left out."""
    return [_read(row) for row in connection.execute(DUE, {"now": now, "most": most})]


def places_due(connection: Connection, now: datetime, most: int) -> list[Place]:
    return [(row.source, row.fingerprint) for row in connection.execute(PLACES_DUE, {"now": now, "most": most})]


def next_due(connection: Connection) -> datetime | None:
    found: datetime | None = connection.execute(NEXT).scalar()
    return found


def wake_caused_by(connection: Connection, incidents: Collection[int], now: datetime) -> None:
    """What these incidents keep from people is to be heard again now."""
    if incidents:
        connection.execute(WAKE_CAUSED, {"incidents": sorted(incidents), "now": now})


def wake_held_by(connection: Connection, rule: str, now: datetime) -> None:
    connection.execute(WAKE_HELD, {"by": rule, "now": now})


def wake_all(connection: Connection, now: datetime) -> None:
    connection.execute(WAKE_ALL, {"now": now})


def put_off(connection: Connection, place: Place, until: datetime) -> None:
    connection.execute(PUT_OFF[connection.dialect.name], {**_given(connection, [place]), "until": until})


def _given(connection: Connection, places: list[Place]) -> dict[str, object]:
    return {"places": json_text(places) if connection.dialect.name == "sqlite" else places}


def _chunks(places: Iterable[Place]) -> Iterable[list[Place]]:
    """In one order, so that two who want the same ones do not wait for each other."""
    rest = sorted(places)
    return (rest[start : start + CHUNK] for start in range(0, len(rest), CHUNK))


def _row(one: Held) -> dict[str, Any]:
    source, fingerprint = one.place
    return {
        "source": source,
        "fingerprint": fingerprint,
        "via": one.actor.via,
        "sender": one.actor.name,
        "service": one.fallback,
        "alert": ALERT.dump_python(one.alert, mode="json"),
        "rule": one.rule,
        "incident_id": one.incident,
        "first_at": one.first_at,
        "due_at": one.due_at,
    }


def _read(row: Row[Any]) -> Held:
    return Held(
        alert=ALERT.validate_python(row.alert),
        actor=Actor(kind=ActorKind.SOURCE, id=row.source, name=row.sender, via=row.via),
        fallback=row.service,
        rule=row.rule,
        incident=row.incident_id,
        first_at=row.first_at,
        due_at=row.due_at,
    )
