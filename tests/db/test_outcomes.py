"""An outcome is written down once, also where the answer to its COMMIT was lost and it is written down again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from engine.clock import VirtualClock
from engine.db import outbox
from engine.db.outbox import Claimed
from engine.db.tables import outbox as messages
from tests.services.engines import Engine, Wire, alert, start_engine

NIGHT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
LEASE = timedelta(seconds=4)
WHO = "this engine"
SENT: dict[str, Any] = {"state": "sent", "sent_at": NIGHT, "update_at": NIGHT}
AGAIN: dict[str, Any] = {"state": "pending", "next_at": NIGHT}


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[Engine]:
    found = await start_engine(database_url, VirtualClock(NIGHT), Wire())
    await found.accept(alert(priority="P0"))
    yield found
    await found.stop()


@pytest.mark.parametrize("outcome", [SENT, AGAIN], ids=["sent, and claimed to be updated", "failed, and tried again"])
async def test_an_outcome_that_is_on_record_says_nothing_about_the_next_claim(
    engine: Engine, outcome: dict[str, Any]
) -> None:
    def work(connection: Connection) -> tuple[set[int], list[str | None]]:
        def claim() -> tuple[Claimed, ...]:
            picked = outbox.pick(connection, NIGHT, 16).messages
            outbox.take(connection, picked, WHO, NIGHT + LEASE, None)
            return picked

        first = claim()
        held = outbox.ours(connection, first, WHO)
        outbox.record(connection, dict.fromkeys(held, outcome), WHO)
        second = claim()
        assert {one.delivery.id for one in second} == held == {one.delivery.id for one in first}
        return outbox.ours(connection, first, WHO), list(connection.execute(select(messages.c.claimed_by)).scalars())

    written, holders = await engine.context.database.write(work)
    assert written == set()
    assert set(holders) == {WHO}
