"""Keeps the process's clock right: by the database's on PostgreSQL, so that all replicas read one clock, else by the
machine's."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from engine.clock import SteadyClock, utc_now
from engine.db.database import Database

log = structlog.get_logger()

WORTH_A_WORD = timedelta(seconds=2)


class Timekeeper:
    def __init__(self, database: Database, clock: SteadyClock) -> None:
        self._database = database
        self._clock = clock

    async def correct(self) -> timedelta:
        """At most once a second. Returns how far the clock was put forward, if it was. Raises Overloaded where the
        database can't be asked; the clock counts on meanwhile."""
        if not self._clock.wants_correction:
            return timedelta()
        ahead = self._clock.correct(await time_of(self._database))
        if abs(ahead) > WORTH_A_WORD:
            by = "machine" if self._database.dialect == "sqlite" else "database"
            log.warning("clock.corrected", ahead_s=round(ahead.total_seconds(), 1), by=by)
        return max(-ahead, timedelta())


async def time_of(database: Database) -> datetime:
    """The time that all who use this database go by."""
    return utc_now() if database.dialect == "sqlite" else await database.read(_database_time)


def _database_time(connection: Connection) -> datetime:
    """The moment itself; `now()` is when the transaction began."""
    at: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    return at
