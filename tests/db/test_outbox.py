"""The queries of the sender find their rows by an index, however many messages have ever been sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, event

from engine.db import picking
from engine.db.database import connect
from engine.db.picking import Room

NOW = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
CALLS: dict[str, Callable[[Connection], object]] = {
    "usual": lambda connection: picking.pick(connection, NOW, 16),
    "more than it can take": lambda connection: picking.pick(connection, NOW, 16, Room(pressed=True)),
    "a channel is full": lambda connection: picking.pick(connection, NOW, 16, Room(full=frozenset({"slack"}))),
    "a bundle": lambda connection: picking.lane(connection, "slack", "U1", NOW),
    "the same bundle again": lambda connection: picking.mates(connection, "INC-1/2", NOW),
}


def steps(connection: Connection, call: Callable[[Connection], object]) -> list[str]:
    """In which SQLite runs what the call asks."""
    asked: list[tuple[str, Any]] = []

    def note(_: Connection, __: object, statement: str, given: Any, *___: object) -> None:
        asked.append((statement, given))

    event.listen(connection, "before_cursor_execute", note)
    call(connection)
    event.remove(connection, "before_cursor_execute", note)
    statement, given = asked[0]
    return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_no_query_of_the_sender_reads_what_was_sent_long_ago(
    call: Callable[[Connection], object], sqlite_url: str
) -> None:
    database = connect(sqlite_url)
    found = await database.read(lambda connection: steps(connection, call))
    assert [step for step in found if step.startswith("SCAN outbox") and "INDEX" not in step] == []
    assert any("USING INDEX ix_outbox" in step for step in found)
    await database.close()
