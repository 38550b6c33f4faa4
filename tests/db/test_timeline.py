"""The database itself keeps the record from being rewritten."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, insert, text
from sqlalchemy.exc import DBAPIError

from engine.db.database import connect
from engine.db.tables import events, incidents
from tests.db.test_bulk import rows_of


@pytest.mark.parametrize("change", ["UPDATE timeline_event SET reason = 'forged'", "DELETE FROM timeline_event"])
async def test_a_line_of_the_timeline_can_neither_be_changed_nor_removed(database_url: str, change: str) -> None:
    database = connect(database_url)

    def record(connection: Connection) -> None:
        connection.execute(insert(incidents), rows_of(incidents, 1))
        connection.execute(insert(events), rows_of(events, 1))

    await database.write(record)
    with pytest.raises(DBAPIError, match="never changed"):
        await database.write(lambda connection: connection.execute(text(change)))
    await database.close()
