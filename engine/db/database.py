"""One function, one transaction. The work runs where no network call can: in a database thread, or inside the driver.

SQLite: one writer thread (so writers never meet a lock of their own) and a few reader threads, WAL, synchronous=FULL.
PostgreSQL: asyncpg; the same function runs against a connection whose waits are the event loop's.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool, QueuePool

from engine.core.errors import Conflict, Overloaded

T = TypeVar("T")
Work = Callable[[Connection], T]

TRIES = 4
READERS = 4
BUSY_SECONDS = 10
STATEMENTS = 256
"""Prepared statements that a connection to SQLite keeps: twice the driver's own number, for rows are written many at a
time, and each number of them is another statement."""
# serialization failure, deadlock: PostgreSQL asks for the transaction to be run again
AGAIN = ("40001", "40P01")
# connection exceptions, a server that only reads (a failover), roles and databases that it does not know, insufficient
# resources, a lock timeout, operator intervention (a restart among them), I/O errors of the server
AWAY = ("08", "25006", "28", "3D", "53", "55P03", "57", "58")


class Database(Protocol):
    """`write` retries where someone else was faster (Conflict, a unique key, a serialization failure), so `work` must
    have no effect but on its connection. Raises Overloaded when the database can't take it now."""

    dialect: str

    async def write(self, work: Work[T]) -> T: ...

    async def read(self, work: Work[T]) -> T: ...

    async def close(self) -> None: ...


def connect(url: str) -> Database:
    """`sqlite:////path/tocsin.db` or `postgresql://…`."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return SqliteDatabase(parsed)
    return PostgresDatabase(parsed)


def sync_engine(url: URL) -> Engine:
    """An engine for SQLite as the product uses it; also the migrations'."""
    db_engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=READERS + 1,
        hide_parameters=True,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False, "cached_statements": STATEMENTS},
    )
    event.listen(db_engine, "connect", _pragmas)
    return db_engine


def _pragmas(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the driver's own BEGIN is deferred; ours takes the write lock at once
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_SECONDS * 1000}",
        "cache_size=-65536",
        "wal_autocheckpoint=4000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


class SqliteDatabase:
    dialect = "sqlite"

    def __init__(self, url: URL) -> None:
        self._engine = sync_engine(url)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-reader")

    async def write(self, work: Work[T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._write, work)

    async def read(self, work: Work[T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._run, work, "BEGIN")

    def _write(self, work: Work[T]) -> T:
        for attempt in range(1, TRIES + 1):
            try:
                return self._run(work, "BEGIN IMMEDIATE")
            except (Conflict, IntegrityError):
                if attempt == TRIES:
                    raise
        raise AssertionError("unreachable: the last try returns or raises")

    def _run(self, work: Work[T], begin: str) -> T:
        try:
            with self._engine.connect() as connection:
                connection.exec_driver_sql(begin)
                try:
                    result = work(connection)
                    connection.exec_driver_sql("COMMIT")
                except BaseException:
                    _roll_back(connection)
                    raise
                return result
        except DatabaseError as error:
            if not isinstance(error, OperationalError) and type(error.orig) is not sqlite3.DatabaseError:
                raise
            raise Overloaded(f"the database can't take it now: {error.orig}") from error

    async def close(self) -> None:
        self._writer.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self._engine.dispose()


def _roll_back(connection: Connection) -> None:
    """Where the disk is full, SQLite has done so itself; a second time would hide why."""
    driver = connection.connection.driver_connection
    if driver is not None and driver.in_transaction:
        connection.exec_driver_sql("ROLLBACK")


class PostgresDatabase:
    dialect = "postgresql"

    def __init__(self, url: URL) -> None:
        self._engine: AsyncEngine = create_async_engine(
            url.set(drivername="postgresql+asyncpg"),
            pool_size=10,
            max_overflow=10,
            pool_timeout=5,
            hide_parameters=True,
        )
        # One moment for all statements of a reading, as SQLite gives it: else an incident that is being changed would
        # seem to contradict its own timeline.
        self._snapshots = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    async def write(self, work: Work[T]) -> T:
        for attempt in range(1, TRIES + 1):
            try:
                return await self._run(self._engine, work)
            except (Conflict, IntegrityError):
                if attempt == TRIES:
                    raise
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in AGAIN:
                    raise
                if attempt == TRIES:
                    raise Overloaded(f"the database can't take it now: {_name(error)}") from error
        raise AssertionError("unreachable: the last try returns or raises")

    async def read(self, work: Work[T]) -> T:
        return await self._run(self._snapshots, work)

    async def _run(self, db_engine: AsyncEngine, work: Work[T]) -> T:
        try:
            async with db_engine.begin() as connection:
                return await connection.run_sync(work)
        except (OSError, PoolTimeout, TimeoutError) as error:
            raise Overloaded(f"the database can't be reached: {type(error).__name__}") from error
        except DBAPIError as error:
            if not _is_away(error):
                raise
            raise Overloaded(f"the database can't take it now: {_name(error)}") from error

    async def close(self) -> None:
        await self._engine.dispose()


def _is_away(error: DBAPIError) -> bool:
    """The server, not the statement, is the reason; asyncpg reports a lost connection under several names."""
    state = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or state.startswith(AWAY) or isinstance(error, InterfaceError)


def _name(error: DBAPIError) -> str:
    """asyncpg's own name for it; the text may quote what was sent."""
    return type(getattr(error.orig, "__cause__", None) or error.orig).__name__


def nullpool_async(url: URL) -> AsyncEngine:
    """For migrations: a connection that is closed after use."""
    return create_async_engine(url.set(drivername="postgresql+asyncpg"), poolclass=NullPool)
