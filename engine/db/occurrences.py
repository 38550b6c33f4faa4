"""Work on a schedule: each occurrence is claimed by a row, so that of several engines one does it, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, delete, insert, select

from engine.db.tables import occurrences

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def claim(connection: Connection, name: str, at: datetime, now: datetime) -> bool:
    """False where this occurrence has been claimed before, by whomever. Of two who claim at once the second one's
    transaction fails by the key, is run again, and finds the first one's."""
    place = select(occurrences.c.name).where(occurrences.c.name == name, occurrences.c.at == at)
    if connection.execute(place).first() is not None:
        return False
    connection.execute(insert(occurrences).values(name=name, at=at, claimed_at=now))
    return True


def forget(connection: Connection, before: datetime) -> None:
    """Old ones, each of which was done long ago."""
    connection.execute(delete(occurrences).where(occurrences.c.at < before))


def slot(now: datetime, every: timedelta) -> datetime:
    """The occurrence that `now` belongs to; they are counted from 1970, so that all engines count alike."""
    return now - (now - EPOCH) % every
