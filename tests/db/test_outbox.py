"""The queries of the sender find their rows by an index, however many messages have ever been sent."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, Executable
from sqlalchemy.dialects import sqlite

from engine.db import outbox
from engine.db.database import connect

GIVEN = {"now": "2026-11-21", "most": 16, "channel": "slack", "address": "U1", "name": "INC-1/2"}


def plan(connection: Connection, query: Executable) -> list[str]:
    compiled = query.compile(dialect=sqlite.dialect(), compile_kwargs={"render_postcompile": True})  # type: ignore[attr-defined]  # all of them are selects
    values: dict[str, Any] = {
        name: GIVEN.get(name, value) for name, value in compiled.construct_params(_check=False).items()
    }
    ordered = tuple(values[name] for name in compiled.positiontup or ())
    return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", ordered)]


@pytest.mark.parametrize("name", ["PICK", "PICK_PRESSED", "LANE", "MATES"])
async def test_no_query_of_the_sender_reads_what_was_sent_long_ago(name: str, sqlite_url: str) -> None:
    database = connect(sqlite_url)
    steps = await database.read(lambda connection: plan(connection, getattr(outbox, name)))
    assert [step for step in steps if step.startswith("SCAN outbox") and "INDEX" not in step] == []
    assert any("USING INDEX ix_outbox" in step for step in steps)
    await database.close()
