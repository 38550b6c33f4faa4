"""Alerts whose sender never says that they are over count as cleared once they have not come for as long as it says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, update

from engine.clock import VirtualClock
from engine.core.intake import AlertAction
from engine.core.model import Actor, ActorKind, AlertStatus, Incident, State
from engine.core.policy import Config
from engine.core.timeline import Kind
from engine.db import records
from engine.db.database import connect
from engine.db.incidents import alerts_of
from engine.db.tables import alerts
from engine.services import configs, reading
from engine.services.unheard import LISTENED_AT, Unheard
from tests.services.engines import Engine, Wire, alert, all_incidents, assemble, documented, person, start_engine

NIGHT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
AFTER, EVERY = HOUR, 110 * SECOND
MAIL = Actor(kind=ActorKind.SOURCE, id="mail", name="Mail", via="email")


def configured() -> Config:
    """Of two senders one never says that something is over."""
    config = documented()[0]
    generic = config.integrations["generic"]
    mail = generic.model_copy(update={"resolve_after": AFTER})
    return config.model_copy(update={"integrations": {**config.integrations, "mail": mail}})


class Watch:
    """Two engines on one database, which look now and then as long as they run."""

    def __init__(self, engines: tuple[Engine, Engine], clock: VirtualClock, wire: Wire) -> None:
        self.first, self.second = engines
        self.clock, self.wire = clock, wire
        self.told: list[tuple[str, AlertAction]] = []
        self.start()

    def start(self) -> None:
        self._looks = [Unheard(one.context, lambda *what: self.told.append(what)) for one in (self.first, self.second)]

    async def run(self, until: timedelta) -> None:
        """Both look, the second first; up to and with this time."""
        while self.clock.now() < NIGHT + until:
            self.clock.set(min(self.clock.now() + EVERY, NIGHT + until))
            for one in reversed(self._looks):
                await one.look()

    async def mail(self, name: str = "DiskFull", host: str = "web-1") -> str | None:
        [[outcome]] = [await self.first.intake.accept([alert(name, host)], MAIL)]
        return outcome.incident

    async def incidents(self) -> list[Incident]:
        return await all_incidents(self.first.context.database)

    async def status(self, number: int = 1) -> dict[str, AlertStatus]:
        def work(connection: Connection) -> dict[str, AlertStatus]:
            return {name: one.alert.status for name, one in alerts_of(connection, [number])[number].items()}

        return await self.first.context.database.read(work)


@pytest.fixture
async def watch(database_url: str) -> AsyncIterator[Watch]:
    clock, wire = VirtualClock(NIGHT), Wire()
    first, second = [assemble(connect(database_url), clock, wire, lambda _: configured()) for _ in range(2)]
    await configs.apply(first.context, document="own", digest="own", by="test")
    await configs.keep_playbooks(first.context)
    yield Watch((first, second), clock, wire)
    await first.stop()
    await second.stop()


async def test_what_does_not_come_again_counts_as_cleared_at_its_time_once_and_the_record_says_why(
    watch: Watch,
) -> None:
    await watch.run(SECOND)
    assert await watch.mail() == "INC-1"
    await watch.run(AFTER)
    assert await watch.status() == {"DiskFull/web-1": AlertStatus.FIRING}
    await watch.run(AFTER + SECOND)
    [incident] = await watch.incidents()
    assert incident.state is State.REVIEW
    lines = await reading.timeline(watch.first.context, "INC-1", person("ops-lead"))
    [line] = [one for one in lines if one.kind == Kind.ALERT_RESOLVED]
    assert line.reason == "DiskFull: not heard of for 1 h, so it counts as cleared"
    assert (line.actor, watch.told) == ("source:mail via generic", [("mail", AlertAction.RESOLVED)])


async def test_a_repeat_puts_it_off_and_what_comes_after_the_end_is_a_new_incident(watch: Watch) -> None:
    await watch.run(SECOND)
    await watch.mail()
    await watch.run(45 * MINUTE)
    assert await watch.mail() == "INC-1"
    await watch.run(105 * MINUTE - SECOND)
    assert await watch.status() == {"DiskFull/web-1": AlertStatus.FIRING}
    await watch.run(105 * MINUTE)
    assert await watch.status() == {"DiskFull/web-1": AlertStatus.RESOLVED}
    assert await watch.mail() == "INC-2"


async def test_the_incident_goes_on_while_another_of_its_alerts_is_heard(watch: Watch) -> None:
    await watch.run(SECOND)
    await watch.mail(host="web-1")
    await watch.run(30 * MINUTE)
    await watch.mail(host="web-2")
    await watch.run(AFTER + 2 * MINUTE)
    assert await watch.status() == {"DiskFull/web-1": AlertStatus.RESOLVED, "DiskFull/web-2": AlertStatus.FIRING}
    assert [one.state for one in await watch.incidents()] == [State.DETECTION]


async def test_only_the_alerts_of_that_sender_are_given_up_also_within_one_incident(watch: Watch) -> None:
    await watch.run(SECOND)
    await watch.mail(host="web-1")
    [outcome] = await watch.first.accept(alert("DiskFull", "web-9"))
    assert outcome.incident == "INC-1"
    await watch.run(2 * AFTER)
    assert await watch.status() == {"DiskFull/web-1": AlertStatus.RESOLVED, "DiskFull/web-9": AlertStatus.FIRING}


async def test_an_alert_that_the_release_before_has_written_is_its_incident_s_source_s(watch: Watch) -> None:
    await watch.run(SECOND)
    await watch.mail()
    await watch.first.context.database.write(lambda c: c.execute(update(alerts).values(source=None)))
    await watch.run(AFTER + 2 * MINUTE)
    assert await watch.status() == {"DiskFull/web-1": AlertStatus.RESOLVED}


async def test_a_time_in_which_no_engine_ran_does_not_count(watch: Watch) -> None:
    await watch.run(MINUTE)
    await watch.mail()
    watch.clock.set(NIGHT + 3 * HOUR)
    watch.start()
    await watch.run(4 * HOUR - SECOND)
    assert await watch.status() == {"DiskFull/web-1": AlertStatus.FIRING}
    await watch.run(4 * HOUR + 2 * MINUTE)
    assert await watch.status() == {"DiskFull/web-1": AlertStatus.RESOLVED}


async def test_one_that_can_t_be_worked_keeps_no_other(watch: Watch) -> None:
    await watch.run(SECOND)
    await watch.mail("Torn")
    await watch.mail("DiskFull")

    def tear(connection: Connection) -> None:
        connection.execute(update(alerts).where(alerts.c.title == "Torn").values(links=[["only a title"]]))

    await watch.first.context.database.write(tear)
    await watch.run(AFTER + 2 * MINUTE)
    states = {one.title: one.state for one in await watch.incidents()}
    assert states == {"Torn": State.DETECTION, "DiskFull": State.REVIEW}


async def test_where_every_sender_ends_its_own_nothing_is_noted(database_url: str) -> None:
    engine = await start_engine(database_url, VirtualClock(NIGHT), Wire())
    await Unheard(engine.context, lambda *_: None).look()
    assert await engine.context.database.read(lambda c: records.get_setting(c, LISTENED_AT)) is None
    await engine.stop()
