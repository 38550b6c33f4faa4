"""Two engines on one PostgreSQL are equal: each takes webhooks, fires, sends; stopping either loses nothing."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, update

from engine.clock import sleep, utc_now
from engine.core.timeline import Kind
from engine.db.database import connect
from engine.db.tables import timers
from integrations.sandbox.slack_faults import Failure
from tests.crash.process import Machine, machine
from tests.crash.test_sigkill import fire
from tests.faults.proxy import wire_to
from tests.real.harness import free_port

LATE = timedelta(seconds=5)
"""What the next page may be late by when a replica dies, and when the database comes back."""
SOON = timedelta(seconds=2)
OUTAGE = float(os.environ.get("TOCSIN_TEST_OUTAGE", "6"))
"""Seconds; TOCSIN_TEST_OUTAGE takes another length, as 60."""


@asynccontextmanager
async def second(first: Machine, folder: Path) -> AsyncIterator[Machine]:
    """Another engine on the same database, between the same sandboxes."""
    await asyncio.to_thread(folder.mkdir)
    environ = first.environ | {"TOCSIN_DATA_DIR": str(folder / "data"), "HOME": str(folder)}
    found = replace(first, environ=environ, log=folder / "engine.log", port=free_port(), process=None)
    try:
        await found.start()
        yield found
    finally:
        if found.process and found.process.returncode is None:
            await found.kill()
        await found.http.aclose()


async def response_due_in(engine: Machine, span: timedelta) -> datetime:
    """Moves the time at which the response is due; returns it."""
    due = utc_now() + span

    def work(connection: Connection) -> None:
        moved = update(timers).where(timers.c.kind == "response", timers.c.state == "pending").values(due_at=due)
        assert connection.execute(moved).rowcount >= 1

    database = connect(engine.database_url)
    await database.write(work)
    await database.close()
    return due


async def fired_at(engine: Machine) -> list[datetime]:
    """When response timers were done."""
    database = connect(engine.database_url)
    query = select(timers.c.done_at).where(timers.c.kind == "response", timers.c.state == "fired")
    found = await database.read(lambda connection: list(connection.execute(query).scalars()))
    await database.close()
    return found


async def breached_once(engine: Machine) -> None:
    lines = Counter(line["kind"] for line in await engine.timeline())
    assert lines[Kind.RESPONSE_BREACHED] == 1


async def test_what_one_replica_takes_in_both_show_and_one_of_them_pages(postgresql_url: str, tmp_path: Path) -> None:
    async with machine(postgresql_url, tmp_path) as one, second(one, tmp_path / "other") as two:
        answers = await asyncio.gather(*(fire(engine, f"Down{n}") for n in range(5) for engine in (one, two)))
        assert {answer.status_code for answer in answers} == {202}
        # where both open the same one at a moment, the number that the loser had taken stays free
        refs = [answer.json()["alerts"][0]["incident"] for answer in answers]
        assert refs[0::2] == refs[1::2]
        assert len(set(refs)) == 5
        for ref in refs[0::2]:
            assert (await one.incident(ref))["title"] == (await two.incident(ref))["title"]
        await one.around.slack.wait_until(lambda: len(one.direct("ops-lead")) >= 5)
        said = Counter(one.direct("ops-lead"))
        assert set(said.values()) == {1}


@pytest.mark.parametrize("killed", [0, 1])
async def test_when_a_replica_is_killed_in_mid_escalation_the_next_page_is_on_time(
    postgresql_url: str, tmp_path: Path, killed: int
) -> None:
    async with machine(postgresql_url, tmp_path) as one, second(one, tmp_path / "other") as two:
        assert (await fire(one)).status_code == 202
        await one.around.slack.wait_until(lambda: len(one.direct("ops-lead")) == 1)
        due = await response_due_in(one, SOON)
        victim, left = ((one, two), (two, one))[killed]
        await sleep((due - utc_now()).total_seconds())
        await victim.kill()
        await left.around.slack.wait_until(lambda: len(left.direct("ops-senior")) == 1)
        assert utc_now() - due <= LATE
        await breached_once(left)
        again = [text for text in left.direct("ops-senior") if "repeated" not in text]
        assert len(again) == 1


async def test_a_page_that_a_killed_replica_was_sending_is_taken_over_by_the_other(
    postgresql_url: str, tmp_path: Path
) -> None:
    async with machine(postgresql_url, tmp_path) as one, second(one, tmp_path / "other") as two:
        slack = one.around.slack
        assert two.process
        two.process.send_signal(signal.SIGSTOP)  # so that the page is the first one's to send
        slack.fail(Failure.ACCEPTED_THEN_HANGING, times=1, channel=one.around.reach["ops-lead"]["slack"])
        assert (await fire(one)).status_code == 202
        await slack.wait_until(lambda: slack.hanging == 1)
        await one.kill()
        killed = utc_now()
        two.process.send_signal(signal.SIGCONT)
        slack.recover()
        await two.found_at_the_provider()
        assert utc_now() - killed <= LATE
        assert ["repeated" in text for text in one.direct("ops-lead")] == [False]


async def test_while_postgresql_is_away_senders_are_asked_to_come_again_and_no_page_is_lost(
    postgresql_url: str, tmp_path: Path
) -> None:
    async with wire_to(postgresql_url) as (wire, url), machine(url, tmp_path) as engine:
        engine.database_url = postgresql_url
        assert (await fire(engine)).status_code == 202
        await engine.around.slack.wait_until(lambda: len(engine.direct("ops-lead")) == 1)
        await response_due_in(engine, timedelta(seconds=OUTAGE / 2))
        wire.fall()
        refused = await fire(engine, "SearchDown")
        assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
        await sleep(OUTAGE)
        wire.heal()
        back = utc_now()
        await engine.around.slack.wait_until(lambda: len(engine.direct("ops-senior")) == 1)
        assert utc_now() - back <= LATE
        assert (await fire(engine, "SearchDown")).status_code == 202
        await breached_once(engine)
        titles = [(await engine.incident(f"INC-{number}"))["title"] for number in (1, 2)]
        assert sorted(titles) == ["CheckoutDown on checkout", "SearchDown on checkout"]
