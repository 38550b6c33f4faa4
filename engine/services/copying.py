"""Moves an installation from one database to another, as from SQLite to PostgreSQL, and proves that nothing is missing.

Rows are read in the order of their primary keys, a batch at a time, written, and at the end read again on both sides
and compared value by value: so neither a row that was changed on its way nor one that somebody has changed meanwhile
goes unnoticed. Then each timeline is verified in its new place.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Select, Table, func, insert, select, tuple_
from sqlalchemy.util import await_only

from engine.core.errors import Refusal
from engine.core.timeline import verify
from engine.db import incidents
from engine.db.database import Database
from engine.db.migrate import head, revision
from engine.db.tables import metadata
from engine.services.ticking import last_tick
from engine.services.timekeeping import time_of

BATCH = 1000
IN_USE = timedelta(seconds=30)
"""A running engine writes down every few seconds that it has looked at its timers."""

Rows = list[dict[str, Any]]
Fetch = Callable[[Select[Any]], Rows]
Progress = Callable[[str, int, int], None]
"""Table, rows done, rows in all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Copied:
    """`digests`: by table, over all values of all rows, the same on both sides. `broken`: incidents whose timeline does
    not hold, there as here."""

    rows: Mapping[str, int]
    digests: Mapping[str, str]
    broken: tuple[str, ...]


async def copy(source: Database, target: Database, progress: Progress) -> Copied:
    """Both have been opened, the target has been migrated. One transaction: what is refused or breaks off leaves the
    target empty. Raises Refusal."""
    await _check(source, target)
    loop = asyncio.get_running_loop()

    def fetch(query: Select[Any]) -> Rows:
        """Out of the target's transaction: SQLite's runs in a thread of its own, PostgreSQL's beside the loop."""
        reading = source.read(lambda connection: _rows(connection, query))
        if target.dialect == "sqlite":
            return asyncio.run_coroutine_threadsafe(reading, loop).result()
        return await_only(reading)

    return await target.write(lambda connection: _copy(connection, fetch, progress))


async def _check(source: Database, target: Database) -> None:
    found, wanted = await source.read(revision), head()
    if found != wanted:
        raise Refusal(
            "source_not_current",
            f"the source has the schema {found or 'of no release'}, not {wanted}; run `tocsin db upgrade` on it first",
        )
    seen, now = await source.read(last_tick), await time_of(source)
    if seen is not None and now - seen < IN_USE:
        raise Refusal("source_in_use", "an engine has used the source within the last 30 s; stop it first")
    full = [table.name for table in metadata.sorted_tables if await target.read(_counting(table))]
    if full:
        raise Refusal("target_not_empty", f"the target has rows already ({', '.join(full)}); give an empty database")


def _counting(table: Table) -> Callable[[Connection], int]:
    return lambda connection: connection.execute(_count(table)).scalar_one()


def _count(table: Table) -> Select[Any]:
    return select(func.count().label("count")).select_from(table)


def _copy(connection: Connection, fetch: Fetch, progress: Progress) -> Copied:
    """The transaction."""
    rows, written = {}, {}
    for table in metadata.sorted_tables:
        rows[table.name], written[table.name] = _copy_table(connection, table, fetch, progress)
    digests = {table.name: _compared(connection, table, fetch, written[table.name]) for table in metadata.sorted_tables}
    _count_on(connection)
    return Copied(rows=rows, digests=digests, broken=_broken(connection))


def _copy_table(connection: Connection, table: Table, fetch: Fetch, progress: Progress) -> tuple[int, Digest]:
    """How many rows, and their digest."""
    total, done, written = fetch(_count(table))[0]["count"], 0, Digest()
    for batch in _batches(table, fetch):
        connection.execute(insert(table), batch)
        written.add(batch)
        done += len(batch)
        progress(table.name, done, total)
    return done, written


def _compared(connection: Connection, table: Table, fetch: Fetch, written: Digest) -> str:
    """The digest that all sides agree on. Raises Refusal where they don't."""
    if _digest(table, lambda query: _rows(connection, query)) != written:
        raise Refusal("copy_differs", f"the rows of {table.name} are not the same on both sides; nothing was kept")
    if _digest(table, fetch) != written:
        raise Refusal(
            "source_changed", f"the source's {table.name} was changed meanwhile; stop what uses it. Nothing was kept"
        )
    return str(written)


def _digest(table: Table, fetch: Fetch) -> Digest:
    found = Digest()
    for batch in _batches(table, fetch):
        found.add(batch)
    return found


def _batches(table: Table, fetch: Fetch) -> Iterator[Rows]:
    keys = list(table.primary_key.columns)
    query = select(table).order_by(*keys).limit(BATCH)
    while batch := fetch(query):
        yield batch
        last = [batch[-1][key.name] for key in keys]
        query = select(table).where(tuple_(*keys) > tuple_(*last)).order_by(*keys).limit(BATCH)


def _rows(connection: Connection, query: Select[Any]) -> Rows:
    return [row._asdict() for row in connection.execute(query)]


@dataclass
class Digest:
    """Over the typed values of each row. The rows' digests are added up, for no two databases sort texts alike."""

    total: int = 0

    def add(self, rows: Rows) -> None:
        for row in rows:
            text = repr(list(row.values())).encode("utf-8", "surrogatepass")
            self.total = (self.total + int.from_bytes(hashlib.sha256(text).digest())) % (1 << 256)

    def __str__(self) -> str:
        return f"{self.total:064x}"


def _count_on(connection: Connection) -> None:
    """PostgreSQL counts by sequences of its own, which know nothing of rows that brought their numbers along."""
    if connection.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        if table.autoincrement_column is not None and table.name != "incident":
            place = f"pg_get_serial_sequence('{table.name}', '{table.autoincrement_column.name}')"
            _set_sequence(connection, place, table.name)
    _set_sequence(connection, "'incident_number'", "incident")


def _set_sequence(connection: Connection, sequence: str, table: str) -> None:
    connection.exec_driver_sql(f'SELECT setval({sequence}, (SELECT max(id) FROM "{table}")) FROM "{table}" LIMIT 1')  # noqa: S608 - our own names


def _broken(connection: Connection) -> tuple[str, ...]:
    """Incidents whose timeline does not hold. The rows are those of the source, so it does not hold there either."""
    return tuple(ref for number in incidents.all_numbers(connection) if (ref := _broken_ref(connection, number)))


def _broken_ref(connection: Connection, number: int) -> str | None:
    incident = incidents.load(connection, [number])[number]
    lines = incidents.timeline(connection, number)
    return incident.ref if verify(lines, seq=incident.timeline_seq, head=incident.timeline_hash) else None
