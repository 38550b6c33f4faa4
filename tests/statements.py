"""Each statement is compiled once in a run. A process of the engine compiles them once too, but here every test has
engines of its own, and would spend a tenth of its time on it, a night of many restarts a fifth."""

from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.util import LRUCache


class Alike(Dialect):
    """What one compiles the others of its kind can use: the driver and the server are the same."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))


class Sqlite(Alike, SQLiteDialect_pysqlite):
    supports_statement_cache = True


class Asyncpg(Alike, PGDialect_asyncpg):
    supports_statement_cache = True


def compile_once() -> None:
    """From now on, for all engines of this process."""
    registry.register("sqlite", __name__, "Sqlite")
    registry.register("postgresql.asyncpg", __name__, "Asyncpg")
    compiled: LRUCache[Any, Any] = LRUCache(2000)

    @event.listens_for(Engine, "engine_connect")
    def share(connection: Connection) -> None:
        connection.execution_options(compiled_cache=compiled)
