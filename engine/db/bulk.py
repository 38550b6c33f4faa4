"""Many new rows at once: the way of the hot path into the tables.

SQLAlchemy's own bulk insert looks at every value through its column's type, and SQLite then takes the rows one by one,
each time asking a busy event loop for the interpreter's lock back: together two thirds of the time of a transaction.
Here a statement is written once, the rows become plain tuples, and SQLite takes a whole chunk in one step. What is
stored is what the column types would have stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table

from engine.db.types import Json, UtcDateTime, json_text, time_text

CHUNK = 16
"""Rows per statement on SQLite. Each number of rows up to this is a statement of its own in the driver's cache."""

Row = Mapping[str, Any]


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Every row has a value for every column but a number that the database gives."""
    if not rows:
        return
    form = form_of(table, connection.dialect.name)
    if connection.dialect.name == "sqlite":
        for chunk in _chunks(form.values(rows), CHUNK):
            connection.exec_driver_sql(form.statement(len(chunk)), tuple(chain.from_iterable(chunk)))
    else:
        connection.exec_driver_sql(form.statement(1), [tuple(values) for values in form.values(rows)])


def _chunks(rows: Iterable[list[Any]], size: int) -> Iterator[list[list[Any]]]:
    rest = iter(rows)
    while chunk := list(islice(rest, size)):
        yield chunk


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
                if values[place] is not None:
                    values[place] = convert(values[place])
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
