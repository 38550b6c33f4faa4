"""Many rows of the kind that the engine writes: an incident that it has opened is written again and again, by the
database itself. Their timelines hold in form alone: the hashes are those of the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, Table

from engine.db.tables import alerts, events, incidents, outbox, timers

TABLES = (incidents, alerts, events, timers, outbox)
NUMBERS = {
    "sqlite": (
        "(WITH RECURSIVE counted(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM counted WHERE i < {last})"
        " SELECT i FROM counted)"
    ),
    "postgresql": "(SELECT generate_series({first}, {last}) AS i)",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Copies:
    """`count` incidents like number `pattern`, numbered from `first`. `values` says by table and column what is not as
    the pattern has it, in SQL, as `{"incident": {"state": "'closed'"}}`."""

    pattern: int
    first: int
    count: int
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def fill(connection: Connection, copies: Copies) -> None:
    for table in TABLES:
        connection.exec_driver_sql(_statement(table, connection.dialect.name, copies))


def _statement(table: Table, dialect: str, copies: Copies) -> str:
    owner = "id" if table is incidents else "incident_id"
    told = {
        owner: "n.i",
        **({"key": "p.key || '-' || n.i"} if table is incidents else {}),
        **({"fingerprint": "p.fingerprint || '-' || n.i"} if table is alerts else {}),
        **copies.values.get(table.name, {}),
    }
    names = [column.name for column in table.columns if column is not table.autoincrement_column]
    numbers = NUMBERS[dialect].format(first=copies.first, last=copies.first + copies.count - 1)
    columns = ", ".join(f'"{name}"' for name in names)
    values = ", ".join(told.get(name, f'p."{name}"') for name in names)
    return f'INSERT INTO "{table.name}" ({columns}) SELECT {values} FROM "{table.name}" p, {numbers} n WHERE p."{owner}" = {copies.pattern}'  # noqa: E501, S608 - our own words
