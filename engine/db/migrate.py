"""Migrations: `upgrade` brings a database to this release's schema. Several engines starting at once migrate once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from engine.db.database import nullpool_async, sync_engine

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 0x746F6373696E  # "tocsin": the advisory lock under which PostgreSQL is migrated

OTHERS_MIGRATE_SECONDS = 120
"""On SQLite: another process that starts at the same time may be at it, and a migration takes longer than a write."""


def upgrade(url: str) -> None:
    """Runs what is missing. Not to be called from a running event loop; use a thread there."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        asyncio.run(_upgrade_postgres(url))
        return
    db_engine = sync_engine(parsed)
    with db_engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={OTHERS_MIGRATE_SECONDS * 1000}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        _run(connection)
        connection.exec_driver_sql("COMMIT")
    db_engine.dispose()


async def _upgrade_postgres(url: str) -> None:
    db_engine = nullpool_async(make_url(url))
    async with db_engine.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        await connection.run_sync(_run)
    await db_engine.dispose()


def head() -> str:
    """This release's revision."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head() or ""


def revision(connection: Connection) -> str | None:
    """That of a database; None where it has never been migrated."""
    return MigrationContext.configure(connection).get_current_revision()


def _run(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
