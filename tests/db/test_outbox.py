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
LEASE = timedelta(seconds=20)
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
    def work(connection: Connection) -> tuple[list[bool], list[str | None]]:
        def claim() -> dict[int, Claimed]:
            taken = outbox.claim(connection, WHO, NIGHT, LEASE, 16)
            return {one.delivery.id: one for one in taken}

        def record(claims: dict[int, Claimed]) -> list[bool]:
            return [outbox.record(connection, one, WHO, outcome) for one in claims.values()]

        first = claim()
        assert all(record(first))
        second = claim()
        assert second.keys() == first.keys()
        return record(first), list(connection.execute(select(messages.c.claimed_by)).scalars())

    written, holders = await engine.context.database.write(work)
    assert not any(written)
    assert set(holders) == {WHO}
