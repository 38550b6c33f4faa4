"""What a process remembers stays bounded, however long it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from engine.clock import VirtualClock
from engine.core.policy import Config
from engine.services import configs
from engine.services.context import KEPT, Revisions
from engine.services.lanes import MANY, Lanes, Way
from tests.services.engines import Engine, Wire, documented, start_engine

NIGHT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
APPLIED = KEPT + 6


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[Engine]:
    found = await start_engine(database_url, VirtualClock(NIGHT), Wire())
    yield found
    await found.stop()


async def test_of_many_configurations_the_newest_are_kept_read_and_the_others_read_again(engine: Engine) -> None:
    for number in range(APPLIED):
        await configs.apply(engine.context, document=f"number {number}", digest=str(number), by="test")
    read: list[str] = []

    def parse(document: str) -> Config:
        read.append(document)
        return documented()[0]

    revisions = Revisions(parse, lambda _: {})

    def every(connection: Connection) -> set[int]:
        return {revisions.get(connection, number).id for number in range(1, APPLIED + 1)}

    assert await engine.context.database.read(every) == set(range(1, APPLIED + 1))
    assert len(read) == APPLIED
    await engine.context.database.read(lambda c: revisions.get(c, APPLIED))
    assert len(read) == APPLIED
    await engine.context.database.read(lambda c: revisions.get(c, 1))
    assert len(read) == APPLIED + 1


def test_of_many_addresses_those_are_forgotten_that_had_no_message_lately() -> None:
    lanes, rules = Lanes(), documented()[0].bundling
    for number in range(3 * MANY):
        lanes.passed(Way("slack", f"U{number}"), NIGHT + timedelta(seconds=number), rules, urgent=False, bundle=False)
    assert len(lanes._known) <= MANY + 1  # noqa: SLF001 - what is to be bounded
    assert lanes[Way("slack", f"U{3 * MANY - 1}")].sent
    assert not lanes[Way("slack", "U0")].sent
