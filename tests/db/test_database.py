"""One function, one transaction: all of it or nothing, again where someone else was faster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select

from engine.core.errors import Conflict, Overloaded
from engine.db.database import TRIES, Database, connect
from engine.db.tables import settings


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    found = connect(database_url)
    yield found
    await found.close()


def put(connection: Connection, name: str) -> None:
    connection.execute(insert(settings).values(name=name, value="x"))


def count(connection: Connection) -> int:
    found: int = connection.execute(select(func.count()).select_from(settings)).scalar_one()
    return found


async def test_work_that_fails_half_way_leaves_nothing(database: Database) -> None:
    def work(connection: Connection) -> None:
        put(connection, "half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.write(work)
    assert await database.read(count) == 0


async def test_work_is_run_again_when_someone_was_faster(database: Database) -> None:
    runs: list[int] = []

    def work(connection: Connection) -> int:
        runs.append(1)
        put(connection, "once")
        if len(runs) < TRIES:
            raise Conflict("changed_meanwhile", "again")
        return count(connection)

    assert await database.write(work) == 1
    assert len(runs) == TRIES


async def test_a_conflict_that_stays_is_reported(database: Database) -> None:
    def work(_: Connection) -> None:
        raise Conflict("changed_meanwhile", "for ever")

    with pytest.raises(Conflict):
        await database.write(work)


async def test_a_database_that_is_away_is_overload_not_a_crash(tmp_path: Any) -> None:
    for url in (f"sqlite:///{tmp_path}/no/such/folder/x.db", "postgresql://postgres@127.0.0.1:1/none"):
        database = connect(url)
        with pytest.raises(Overloaded):
            await database.read(count)
        await database.close()


async def test_a_full_disk_is_overload_and_is_called_so(sqlite_url: str) -> None:
    def fill(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
        for number in range(1000):
            put(connection, f"{number:0500}")

    database = connect(sqlite_url)
    with pytest.raises(Overloaded, match="full"):
        await database.write(fill)
    assert await database.read(count) == 0
    await database.close()


async def test_a_file_that_is_no_database_is_overload(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"something else" * 100)
    database = connect(f"sqlite:///{tmp_path}/x.db")
    with pytest.raises(Overloaded):
        await database.write(count)
    await database.close()


async def test_a_server_that_only_reads_is_overload(postgresql_url: str) -> None:
    """As after a failover, until the address leads to the new primary."""

    def work(connection: Connection) -> None:
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        put(connection, "x")

    database = connect(postgresql_url)
    with pytest.raises(Overloaded, match="ReadOnly"):
        await database.write(work)
    await database.close()


async def test_a_database_that_does_not_exist_is_overload(postgresql_url: str) -> None:
    database = connect(f"{postgresql_url}_none")
    with pytest.raises(Overloaded, match="InvalidCatalogName"):
        await database.write(count)
    await database.close()


async def test_deadlocks_that_go_on_are_overload(postgresql_url: str) -> None:
    def work(connection: Connection) -> None:
        connection.exec_driver_sql("DO $$ BEGIN RAISE EXCEPTION SQLSTATE '40P01'; END $$")

    database = connect(postgresql_url)
    with pytest.raises(Overloaded):
        await database.write(work)
    await database.close()
