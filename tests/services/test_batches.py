"""What becomes of senders whose alerts share a transaction, when the transaction fails."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from engine.clock import VirtualClock
from engine.core.errors import Overloaded
from engine.core.model import ENGINE
from engine.db.database import Database, T, Work, connect
from engine.services import reading
from engine.services.arrivals import Outcome
from tests.services.engines import Engine, Wire, alert, engine_on

NIGHT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
AWAY = Overloaded("the database can't be reached")
SENDERS = 5


class FailingDatabase:
    """Writes fail with `errors`, in order; with None, and once there are no more, they do not."""

    def __init__(self, database: Database) -> None:
        self.dialect = database.dialect
        self.errors: deque[Exception | None] = deque()
        self.writes = 0
        self._database = database

    async def write(self, work: Work[T]) -> T:
        self.writes += 1
        error = self.errors.popleft() if self.errors else None
        if error is not None:
            raise error
        return await self._database.write(work)

    async def read(self, work: Work[T]) -> T:
        return await self._database.read(work)

    async def close(self) -> None:
        await self._database.close()


@pytest.fixture
async def database(database_url: str) -> FailingDatabase:
    return FailingDatabase(connect(database_url))


@pytest.fixture
async def engine(database: FailingDatabase) -> AsyncIterator[Engine]:
    found = await engine_on(database, VirtualClock(NIGHT), Wire())
    database.writes = 0
    yield found
    await found.stop()


async def send(engine: Engine) -> list[list[Outcome] | BaseException]:
    """Senders that come at the same moment, each with an alert of its own."""
    sent = (engine.accept(alert(f"Down{number}")) for number in range(SENDERS))
    return await asyncio.gather(*sent, return_exceptions=True)


async def test_one_that_fails_does_not_fail_the_others(engine: Engine, database: FailingDatabase) -> None:
    database.errors.extend([ZeroDivisionError(), None, ZeroDivisionError()])
    answers = await send(engine)
    assert [isinstance(answer, ZeroDivisionError) for answer in answers] == [False, True, False, False, False]


async def test_a_database_that_goes_away_meanwhile_is_waited_for_once(
    engine: Engine, database: FailingDatabase
) -> None:
    database.errors.extend([ZeroDivisionError(), None, *[AWAY] * SENDERS])
    answers = await send(engine)
    assert [answer is AWAY for answer in answers] == [False, True, True, True, True]
    assert database.writes == 3


async def test_after_a_failure_the_next_sender_is_taken(engine: Engine, database: FailingDatabase) -> None:
    database.errors.append(AWAY)
    assert await send(engine) == [AWAY] * SENDERS
    assert [outcome.incident for outcome in await engine.accept(alert("Down0"))] == ["INC-1"]


async def test_a_sender_that_hangs_up_leaves_the_others_their_answers(engine: Engine) -> None:
    waiting = [asyncio.create_task(engine.accept(alert(f"Down{number}"))) for number in range(SENDERS)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [isinstance(answer, list) for answer in answers] == [False, True, True, True, True]


async def test_an_alert_that_joins_and_clears_in_one_body_is_on_record_as_cleared(engine: Engine) -> None:
    [opened] = await engine.accept(alert(host="web-1"))
    outcomes = await engine.accept(alert(host="web-2"), alert(host="web-2"), alert(host="web-2", firing=False))
    assert [outcome.action.value for outcome in outcomes] == ["joined", "repeated", "resolved"]
    found = (await reading.incident(engine.context, opened.incident or "", ENGINE)).alerts
    assert [(one.alert.fingerprint, one.alert.status.value, one.count) for one in found] == [
        ("CheckoutDown/web-1", "firing", 1),
        ("CheckoutDown/web-2", "resolved", 3),
    ]


async def test_what_fires_behind_a_resolution_of_the_same_problem_opens_its_incident(engine: Engine) -> None:
    outcomes = await engine.accept(
        alert(host="web-1", firing=False), alert(host="web-2"), alert(host="web-1", firing=False), alert(host="web-3")
    )
    assert [(outcome.action.value, outcome.incident) for outcome in outcomes] == [
        ("ignored", None),
        ("opened", "INC-1"),
        ("ignored", None),
        ("joined", "INC-1"),
    ]
