"""Moving house while somebody still writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, Executable, delete, func, select, update

from engine.clock import VirtualClock
from engine.core.errors import Refusal
from engine.db.database import Database, connect
from engine.db.migrate import upgrade
from engine.db.tables import incidents, outbox
from engine.services.copying import copy
from tests.services.engines import Engine, Wire, alert, start_engine

LONG_AGO = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)


@pytest.fixture
async def source(database_url: str) -> AsyncIterator[Engine]:
    """It has stopped long ago, and left an incident and its messages behind."""
    found = await start_engine(database_url, VirtualClock(LONG_AGO), Wire())
    await found.accept(alert(priority="P0"))
    yield found
    await found.stop()


@pytest.fixture
async def target(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path / 'target.db'}"
    upgrade(url)
    found = connect(url)
    yield found
    await found.close()


def rows(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(incidents)).scalar_one()


@pytest.mark.parametrize("change", [update(outbox).values(attempts=9), delete(outbox)], ids=["changed", "gone"])
async def test_a_row_that_is_written_to_behind_the_copys_back_is_found(
    source: Engine, target: Database, change: Executable
) -> None:
    loop, database = asyncio.get_running_loop(), source.context.database

    def meanwhile(table: str, done: int, total: int) -> None:
        """SQLite's transaction, the target's, runs in a thread of its own."""
        if (table, done) == (outbox.name, total):
            asyncio.run_coroutine_threadsafe(database.write(lambda c: c.execute(change)), loop).result()

    with pytest.raises(Refusal) as refused:
        await copy(database, target, meanwhile)
    assert refused.value.code == "source_changed"
    assert await target.read(rows) == 0
