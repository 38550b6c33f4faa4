"""Of the alerts of an incident a message shows a few: those that fire, then the latest. It says how many there are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from engine.clock import VirtualClock
from engine.db.database import connect
from engine.db.incidents import foremost_of
from tests.services.engines import Wire, alert, engine_on

NIGHT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)


async def test_firing_alerts_come_first_then_the_latest_and_all_are_counted(database_url: str) -> None:
    clock = VirtualClock(NIGHT)
    engine = await engine_on(connect(database_url), clock, Wire())
    for minute, host in enumerate(("a", "b", "c", "d", "e")):
        clock.set(NIGHT + timedelta(minutes=minute))
        await engine.accept(alert("DiskFull", host))
    await engine.accept(alert("CheckoutDown", "f"), alert("DiskFull", "e", firing=False))
    clock.advance(timedelta(minutes=1))
    await engine.accept(alert("DiskFull", "b"))  # again: it is the latest now

    found = await engine.context.database.read(lambda connection: foremost_of(connection, [1, 2, 3], 4))
    assert {number: [one.alert.fingerprint for one in own.alerts] for number, own in found.items()} == {
        1: ["DiskFull/b", "DiskFull/d", "DiskFull/c", "DiskFull/a"],
        2: ["CheckoutDown/f"],
    }
    assert {number: own.total for number, own in found.items()} == {1: 5, 2: 1}
    everything = await engine.context.database.read(lambda connection: foremost_of(connection, [1], 9))
    assert [one.alert.fingerprint for one in everything[1].alerts][-1] == "DiskFull/e"
    assert await engine.context.database.read(lambda connection: foremost_of(connection, [], 4)) == {}
    await engine.stop()
