"""The hot path's statements store what the column types would have stored, in every table they are used for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Connection, Integer, Table, insert
from sqlalchemy.exc import IntegrityError

from engine.core.model import Priority
from engine.db.bulk import CHUNK, MOST, Change, insert_rows, update_rows
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
@pytest.mark.parametrize("count", [1, 2 * CHUNK + 3, MOST + CHUNK + 3])
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


def change_of(table: Table, row: dict[str, Any], **where: object) -> Change:
    """Everything that is not told by `where`, as another row of the table has it."""
    return Change(where=where, columns={name: value for name, value in row.items() if name not in where})


@pytest.mark.parametrize("table", [incidents, alerts, timers], ids=lambda table: table.name)
async def test_rows_are_changed_to_what_the_column_types_store(database: Database, table: Table) -> None:
    """The rows of the first half become those of the second, those with nothing where something was among them."""
    owner = "id" if table is incidents else "incident_id"

    def work(connection: Connection) -> None:
        rows = rows_of(table, 8)
        if table is not incidents:
            insert_rows(connection, incidents, rows_of(incidents, 8))
        insert_rows(connection, table, rows[4:])
        wished = [row | {owner: row[owner] + 4} for row in rows[:4]]
        changes = [change_of(table, row, **{owner: row[owner]}) for row in wished]
        assert update_rows(connection, table, changes) == 4
        found = connection.execute(table.select().order_by(table.c[owner]))
        told = [row._asdict() for row in found]
        assert [{name: row[name] for name in rows[0]} for row in told] == wished

    await database.write(work)


async def test_a_row_that_is_not_as_it_was_read_is_not_counted(database: Database) -> None:
    def work(connection: Connection) -> None:
        rows = rows_of(incidents, 3)
        insert_rows(connection, incidents, rows)
        seen = [row["version"] + (row["id"] == 2) for row in rows]
        changes = [
            Change(where={"id": row["id"], "version": version}, columns={"title": "changed"})
            for row, version in zip(rows, seen, strict=True)
        ]
        assert update_rows(connection, incidents, changes) == 2
        titles = connection.execute(incidents.select().order_by(incidents.c.id)).scalars("title")
        assert [title == "changed" for title in titles] == [True, False, True]

    await database.write(work)


async def test_changes_of_different_columns_each_write_their_own(database: Database) -> None:
    def work(connection: Connection) -> None:
        insert_rows(connection, incidents, [row | {"version": 5} for row in rows_of(incidents, 2)])
        changes = [
            Change(where={"id": 1}, columns={"title": "one"}, added={"version": 2}),
            Change(where={"id": 2}, columns={"summary": "two", "cause": None}),
        ]
        assert update_rows(connection, incidents, changes) == 2
        first, second = connection.execute(incidents.select().order_by(incidents.c.id))
        assert (first.title, first.version, second.summary, second.cause) == ("one", 7, "two", None)
        assert second.version == 5

    await database.write(work)
