"""An outcome is written down once, also where the answer to its COMMIT was lost and it is written down again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from engine.clock import VirtualClock
from engine.core.timeline import Kind
from engine.db import incidents, outbox, picking
from engine.db.outbox import Claimed, Fence
from engine.db.tables import outbox as messages
from engine.ports import Receipt
from engine.services.parcels import Result
from engine.services.recording import record
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
    def work(connection: Connection) -> tuple[set[Fence], list[str | None]]:
        first = claim(connection)
        held = outbox.ours(connection, first, WHO)
        outbox.record(connection, dict.fromkeys(numbers(first), outcome), WHO)
        second = claim(connection)
        assert numbers(second) == numbers(first)
        assert held == {one.fence for one in first}
        return outbox.ours(connection, first, WHO), list(connection.execute(select(messages.c.claimed_by)).scalars())

    written, holders = await engine.context.database.write(work)
    assert written == set()
    assert set(holders) == {WHO}


@pytest.mark.parametrize("outcome", [SENT, AGAIN], ids=["sent, and claimed to be updated", "failed, and tried again"])
async def test_results_of_two_claims_of_a_message_that_are_written_together_count_once(
    engine: Engine, outcome: dict[str, Any]
) -> None:
    """The answer to the first result's COMMIT was lost; when it is written down again the second is there as well."""

    def claims_of_both_times(connection: Connection) -> tuple[Claimed, ...]:
        first = claim(connection)
        outbox.record(connection, dict.fromkeys(numbers(first), outcome), WHO)
        return first + claim(connection)

    database = engine.context.database
    both = await database.write(claims_of_both_times)
    shown = await database.read(lambda c: incidents.load(c, {one.incident for one in both}))
    results = [Result(claimed=one, shown=shown[one.incident], receipt=Receipt(reference="1")) for one in both]
    await database.write(lambda c: record(c, engine.context, WHO, results, NIGHT, 0.0))

    (number,) = shown
    lines = await database.read(lambda c: incidents.timeline(c, number))
    sent = [str(line.data["delivery"]) for line in lines if line.kind in (Kind.PAGE_SENT, Kind.NOTICE_SENT)]
    first_sends = outcome is AGAIN  # where the first claim is what was sent, its line was written with its outcome
    assert sorted(sent) == (sorted(map(str, numbers(both))) if first_sends else [])


def claim(connection: Connection) -> tuple[Claimed, ...]:
    picked = picking.pick(connection, NIGHT, 16).messages
    outbox.take(connection, picked, WHO, NIGHT + LEASE, None)
    return picked


def numbers(claims: Collection[Claimed]) -> set[int]:
    return {one.delivery.id for one in claims}
