"""The migrations make exactly the tables that the code uses."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, insert, text
from sqlalchemy.engine import make_url

from engine.db.database import connect, nullpool_async
from engine.db.migrate import MIGRATIONS, upgrade
from engine.db.tables import incidents, metadata
from tests.db.test_bulk import TABLES, rows_of


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


EARLIER = [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()][1:]


def upgrade_to(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def write_as(connection: Connection, release: MetaData, numbers: slice) -> None:
    """Rows of incidents of these numbers, with the columns that the release knows and no others."""
    for table in TABLES:
        then = release.tables[table.name]
        rows = [{name: row[name] for name in row if name in then.columns} for row in rows_of(table, 6)[numbers]]
        connection.execute(insert(table), rows)


def at_that_release(connection: Connection, revision: str) -> MetaData:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    upgrade_to(connection, revision)
    release = MetaData()
    release.reflect(connection)
    write_as(connection, release, slice(0, 3))
    return release


def at_this_one(connection: Connection, release: MetaData) -> None:
    upgrade_to(connection, "head")
    assert difference(connection) == []
    write_as(connection, release, slice(3, 6))
    for table in TABLES:
        then = release.tables[table.name].columns
        order = table.c.id if table is incidents else table.c.incident_id
        found = [row._asdict() for row in connection.execute(table.select().order_by(order))]
        wanted = rows_of(table, 6)
        known = [name for name in wanted[0] if name in then]
        assert [{name: row[name] for name in known} for row in found] == [
            {name: row[name] for name in known} for row in wanted
        ]


@pytest.mark.parametrize("revision", EARLIER)
async def test_what_an_earlier_release_wrote_is_kept_and_it_can_go_on_writing_beside_this_one(
    postgresql_url: str, tmp_path: Path, revision: str
) -> None:
    for url in (postgresql_url, f"sqlite:///{tmp_path}/old.db"):
        database = connect(url)
        release = await database.write(partial(at_that_release, revision=revision))
        await database.write(partial(at_this_one, release=release))
        await database.close()


@pytest.mark.parametrize(("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)])
async def test_sqlite_keeps_what_it_has_confirmed(sqlite_url: str, pragma: str, value: object) -> None:
    database = connect(sqlite_url)
    assert await database.read(lambda c: c.exec_driver_sql(f"PRAGMA {pragma}").scalar()) == value
    await database.close()
