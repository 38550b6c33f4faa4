"""The migrations make exactly the tables that the code uses."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from engine.db.database import connect, nullpool_async
from engine.db.migrate import upgrade
from engine.db.tables import metadata


def difference(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


async def test_a_migrated_database_is_what_the_tables_say(database_url: str) -> None:
    database = connect(database_url)
    assert await database.read(difference) == []
    await database.close()


async def test_migrating_again_changes_nothing(database_url: str) -> None:
    await asyncio.to_thread(upgrade, database_url)
    database = connect(database_url)
    assert await database.read(difference) == []
    await database.close()


async def test_engines_that_start_together_migrate_once(postgresql_url: str) -> None:
    db_engine = nullpool_async(make_url(postgresql_url))
    async with db_engine.begin() as connection:
        await connection.execute(text("DROP SCHEMA public CASCADE"))
        await connection.execute(text("CREATE SCHEMA public"))
    await db_engine.dispose()
    await asyncio.gather(*(asyncio.to_thread(upgrade, postgresql_url) for _ in range(4)))
    database = connect(postgresql_url)
    assert await database.read(difference) == []
    await database.close()


async def test_processes_that_share_a_new_sqlite_file_migrate_once(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    await asyncio.gather(*(asyncio.to_thread(upgrade, url) for _ in range(4)))
    database = connect(url)
    assert await database.read(difference) == []
    await database.close()


@pytest.mark.parametrize(("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)])
async def test_sqlite_keeps_what_it_has_confirmed(sqlite_url: str, pragma: str, value: object) -> None:
    database = connect(sqlite_url)
    assert await database.read(lambda c: c.exec_driver_sql(f"PRAGMA {pragma}").scalar()) == value
    await database.close()
