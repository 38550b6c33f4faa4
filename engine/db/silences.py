"""Reading and writing silences. Every change is counted, so that engines notice it where they look alerts up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Row, Select, String, bindparam, cast, insert, select, update

from engine.core.matchers import Matcher
from engine.core.silences import Silence
from engine.core.weekly import Weekly
from engine.db.mute_tables import silences
from engine.db.tables import settings

CHANGES = "silences"
"""The setting that grows with each change of a silence."""

LIVE = select(silences).where(silences.c.expired_at.is_(None), silences.c.ends_at > bindparam("since"))


def add(connection: Connection, silence: Silence) -> int:
    """Returns its number."""
    row = {
        "matchers": [str(matcher) for matcher in silence.matchers],
        "starts_at": silence.starts_at,
        "ends_at": silence.ends_at,
        "recurrence": silence.recurrence.model_dump(mode="json") if silence.recurrence else None,
        "author": silence.author,
        "reason": silence.reason,
        "created_at": silence.created_at,
        "expired_at": silence.expired_at,
        "expired_by": silence.expired_by,
    }
    number: int = connection.execute(insert(silences).values(**row).returning(silences.c.id)).scalar_one()
    _count(connection)
    return number


def expire(connection: Connection, number: int, at: datetime, by: str) -> bool:
    """False where it is over, or was never there."""
    place = update(silences).where(silences.c.id == number, silences.c.expired_at.is_(None), silences.c.ends_at > at)
    if not connection.execute(place.values(expired_at=at, expired_by=by)).rowcount:
        return False
    _count(connection)
    return True


def _count(connection: Connection) -> None:
    """Two who change silences at once wait here for each other: whoever sees the number sees the change too."""
    more = cast(cast(settings.c.value, Integer) + 1, String)
    if not connection.execute(update(settings).where(settings.c.name == CHANGES).values(value=more)).rowcount:
        connection.execute(insert(settings).values(name=CHANGES, value="1"))


def load(connection: Connection, number: int) -> Silence | None:
    row = connection.execute(select(silences).where(silences.c.id == number)).first()
    return read_silence(row) if row is not None else None


def live(connection: Connection, since: datetime) -> list[Silence]:
    """Those that were not over at `since`, in the order in which they were made."""
    return sorted(_read(connection.execute(LIVE, {"since": since})), key=lambda one: one.id)


def listing(
    connection: Connection, *, live_since: datetime | None = None, before: int | None = None, limit: int = 50
) -> list[Silence]:
    """Newest first, below number `before`; with `live_since` only those that were not over then."""
    query: Select[Any] = select(silences).limit(limit)
    if live_since is None:
        query = query.order_by(silences.c.id.desc())
    else:
        # Of the few that last: in the order of the table SQLite would read through all the others to find them.
        query = query.order_by((silences.c.id + 0).desc())
        query = query.where(silences.c.expired_at.is_(None), silences.c.ends_at > live_since)
    if before is not None:
        query = query.where(silences.c.id < before)
    return _read(connection.execute(query))


def _read(rows: Iterable[Row[Any]]) -> list[Silence]:
    return [read_silence(row) for row in rows]


def read_silence(row: Row[Any]) -> Silence:
    return Silence(
        id=row.id,
        matchers=tuple(map(Matcher.parse, row.matchers)),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        recurrence=Weekly.model_validate(row.recurrence) if row.recurrence else None,
        author=row.author,
        reason=row.reason,
        created_at=row.created_at,
        expired_at=row.expired_at,
        expired_by=row.expired_by,
    )
