"""Many rows at once: the way of the hot path into the tables.

SQLAlchemy's own bulk insert looks at every value through its column's type, and SQLite then takes the rows one by one,
each time asking a busy event loop for the interpreter's lock back: together two thirds of the time of a transaction.
Here a statement is written once, the rows become plain tuples, and SQLite takes a whole chunk in one step. What is
stored is what the column types would have stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table

from engine.db.types import Json, UtcDateTime, json_text, time_text

CHUNK, MOST = 16, 64
"""Rows per statement on SQLite: any number up to CHUNK, or a multiple of that up to MOST. Each number is a statement of
its own in the driver's cache, so there may not be too many of them."""

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What to write into the row that has the values under `where`, and what to add to its numbers."""

    where: Row
    columns: Row
    added: Row = field(default_factory=dict)

    @property
    def form(self) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """The names of its columns: changes of one form share a statement."""
        return tuple(self.columns), tuple(self.added), tuple(self.where)

    @property
    def values(self) -> Iterator[Any]:
        return chain(self.columns.values(), self.added.values(), self.where.values())


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Every row has a value for every column but a number that the database gives."""
    if not rows:
        return
    form = form_of(table, connection.dialect.name)
    if connection.dialect.name == "sqlite":
        for chunk in _chunks(form.values(rows)):
            connection.exec_driver_sql(form.statement(len(chunk)), tuple(chain.from_iterable(chunk)))
    else:
        connection.exec_driver_sql(form.statement(1), [tuple(values) for values in form.values(rows)])


def update_rows(connection: Connection, table: Table, changes: Iterable[Change]) -> int:
    """No two changes may be of one row. Returns how many rows were there to change: fewer than there are changes says
    that one of them met other values than those under `where`."""
    alike: dict[tuple[tuple[str, ...], ...], list[Change]] = {}
    for change in changes:
        alike.setdefault(change.form, []).append(change)
    return sum(_update(connection, table, own) for own in alike.values())


def _update(connection: Connection, table: Table, changes: Sequence[Change]) -> int:
    """Of one form."""
    form = changes[0].form
    columns = [table.columns[name] for name in chain(*form)]
    converters = [_converter(column.type, connection.dialect.name) for column in columns]
    rows = [
        tuple(
            convert(value) if convert is not None and value is not None else value
            for convert, value in zip(converters, change.values, strict=True)
        )
        for change in changes
    ]
    if connection.dialect.name == "sqlite":
        return connection.exec_driver_sql(_update_on_sqlite(table.name, *form), rows).rowcount
    types = tuple(column.type.compile(connection.dialect) for column in columns)
    lists = tuple(list(values) for values in zip(*rows, strict=True))
    return connection.exec_driver_sql(_update_on_postgresql(table.name, *form, types), lists).rowcount


Names = tuple[str, ...]


@lru_cache(maxsize=256)
def _update_on_sqlite(table: str, columns: Names, added: Names, where: Names) -> str:
    told = [f'"{name}" = ?' for name in columns] + [f'"{name}" = "{name}" + ?' for name in added]
    found = [f'"{name}" = ?' for name in where]
    return f'UPDATE "{table}" SET {", ".join(told)} WHERE {" AND ".join(found)}'  # noqa: S608 - our own names


@lru_cache(maxsize=256)
def _update_on_postgresql(table: str, columns: Names, added: Names, where: Names, types: Names) -> str:
    """One statement for all rows, each column's values in an array of its own."""
    lists = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(types, start=1))
    given = [f"given_{place}" for place in range(1, len(types) + 1)]
    value = iter(given)
    told = [f'"{name}" = {next(value)}' for name in columns]
    told += [f'"{name}" = "{table}"."{name}" + {next(value)}' for name in added]
    found = [f'"{table}"."{name}" = {next(value)}' for name in where]
    source = f"unnest({lists}) AS given ({', '.join(given)})"
    return f'UPDATE "{table}" SET {", ".join(told)} FROM {source} WHERE {" AND ".join(found)}'  # noqa: S608 - as above


def _chunks(rows: Iterable[list[Any]]) -> Iterator[list[list[Any]]]:
    rest = list(rows)
    while rest:
        size = min(MOST, len(rest) // CHUNK * CHUNK) or len(rest)
        yield rest[:size]
        del rest[:size]


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """How a table's rows are written in one dialect: the columns, and those whose values change on the way."""

    table: str
    dialect: str
    columns: tuple[str, ...]
    converted: tuple[tuple[int, Callable[[Any], Any]], ...]

    def values(self, rows: Iterable[Row]) -> Iterator[list[Any]]:
        """Per row its values as the driver takes them, in the order of the columns."""
        pick = itemgetter(*self.columns)
        for row in rows:
            values = list(pick(row))
            for place, convert in self.converted:
                value = values[place]
                if value is not None:
                    values[place] = convert(value)
            yield values

    def statement(self, count: int) -> str:
        """The insert of so many rows."""
        return _statement(self.table, self.dialect, self.columns, count)


@lru_cache(maxsize=256)
def _statement(table: str, dialect: str, columns: tuple[str, ...], count: int) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    marks = ", ".join("?" if dialect == "sqlite" else f"${place}" for place in range(1, len(columns) + 1))
    return f'INSERT INTO "{table}" ({names}) VALUES {", ".join([f"({marks})"] * count)}'  # noqa: S608 - our own names


@lru_cache(maxsize=64)
def form_of(table: Table, dialect: str) -> Form:
    columns = tuple(column for column in table.columns if column is not table.autoincrement_column)
    converters = [_converter(column.type, dialect) for column in columns]
    return Form(
        table=table.name,
        dialect=dialect,
        columns=tuple(column.name for column in columns),
        converted=tuple((place, convert) for place, convert in enumerate(converters) if convert is not None),
    )


def _converter(kind: object, dialect: str) -> Callable[[Any], Any] | None:
    if isinstance(kind, Json):
        return json_text
    return time_text if isinstance(kind, UtcDateTime) and dialect == "sqlite" else None
