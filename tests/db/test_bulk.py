"""The hot path's inserts store what the column types would have stored, in every table they are used for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Connection, Integer, Table, insert
from sqlalchemy.exc import IntegrityError

from engine.core.model import Priority
from engine.db.bulk import CHUNK, insert_rows
from engine.db.database import Database, connect
from engine.db.tables import alerts, events, incidents, outbox, timers
from engine.db.types import Json, UtcDateTime

TABLES = [incidents, alerts, events, timers, outbox]
TEXTS = ["plain", "", "naïve — 值 🔥", 'it\'s "quoted"; \\ {}\t\n', "0123", "null", Priority.P1]
TIMES = [
    datetime(2026, 11, 21, 3, 10, 0, 123456, UTC),
    datetime(2026, 11, 21, tzinfo=UTC),
    datetime(2026, 7, 1, 4, 30, tzinfo=timezone(timedelta(hours=2))),
]
JSONS: list[object] = [{}, [], {"á": [1, 2.5, None, True], "quote": '"\\'}, [["title", "https://example.com/?a=b&c"]]]
NUMBERS = [0, 1, 2**31 - 1]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    found = connect(database_url)
    yield found
    await found.close()


def rows_of(table: Table, count: int) -> list[dict[str, Any]]:
    """Rows that belong to incidents 1 to `count`, every second one without what may be missing."""
    return [
        {column.name: _value(column, number) for column in table.columns if column is not table.autoincrement_column}
        for number in range(1, count + 1)
    ]


CHOICES: dict[type, list[Any]] = {UtcDateTime: TIMES, Json: JSONS, Boolean: [False, True], Integer: NUMBERS}


def _value(column: Column[Any], number: int) -> object:
    if column.name in ("incident_id", "id"):
        return number
    if column.name in ("key", "fingerprint"):
        return f"{TEXTS[number % len(TEXTS)]}{number}"
    if column.nullable and number % 2:
        return None
    choices = CHOICES.get(type(column.type), TEXTS)
    return choices[(number + len(column.name)) % len(choices)]


def stored(connection: Connection, table: Table) -> list[tuple[Any, ...]]:
    """As the driver gives it, past the column types, without the numbers that the database gave."""
    columns = [f'"{column.name}"' for column in table.columns if column is not table.autoincrement_column]
    shown = [f"typeof({name})" for name in columns] if connection.dialect.name == "sqlite" else []
    statement = f'SELECT {", ".join([*columns, *shown])} FROM "{table.name}" ORDER BY 1'  # noqa: S608
    return [tuple(row) for row in connection.exec_driver_sql(statement)]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
@pytest.mark.parametrize("count", [1, 2 * CHUNK + 3])
async def test_rows_are_stored_as_the_column_types_store_them(database: Database, table: Table, count: int) -> None:
    def work(connection: Connection) -> None:
        if table is not incidents:
            connection.execute(insert(incidents), rows_of(incidents, count))
        with connection.begin_nested() as first:
            connection.execute(insert(table), rows_of(table, count))
            usual = stored(connection, table)
            first.rollback()
        insert_rows(connection, table, rows_of(table, count))
        assert stored(connection, table) == usual
        assert len(usual) == count

    await database.write(work)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
async def test_rows_are_read_back_as_they_were_given(database: Database, table: Table) -> None:
    def work(connection: Connection) -> None:
        given = rows_of(table, CHUNK + 1)
        if table is not incidents:
            insert_rows(connection, incidents, rows_of(incidents, CHUNK + 1))
        insert_rows(connection, table, given)
        order = table.c.id if table is incidents else table.c.incident_id
        found = [row._asdict() for row in connection.execute(table.select().order_by(order))]
        assert [{name: row[name] for name in given[0]} for row in found] == given

    await database.write(work)


async def test_a_second_row_of_one_key_is_refused_as_ever(database: Database) -> None:
    def work(connection: Connection) -> None:
        row = rows_of(incidents, 1)[0]
        insert_rows(connection, incidents, [row, row])

    with pytest.raises(IntegrityError):
        await database.write(work)


async def test_no_rows_are_no_statement(database: Database) -> None:
    await database.write(lambda connection: insert_rows(connection, timers, []))
