"""What can't be worked for one incident delays nobody else: not the timers, not the pages."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, update

from engine.core.timeline import Kind
from engine.db.incidents import timeline
from engine.db.tables import incidents, timers
from tests.scenarios.stage import KEY, Stage, alert, body


def write_unknown_timers(connection: Connection) -> None:
    """As a newer release may have left them to this one."""
    spoil(connection, 1)


def spoil(connection: Connection, incident: int) -> None:
    connection.execute(update(timers).where(timers.c.incident_id == incident).values(kind="of-a-newer-release"))


async def test_timers_that_cannot_be_read_are_set_aside_and_the_others_fire(documented_stage: Stage) -> None:
    stage = documented_stage
    await stage.fire("CheckoutDown", priority="P0")
    await stage.fire("SearchDown", priority="P0")
    await stage.app.context.database.write(write_unknown_timers)
    stage.clock.advance(timedelta(minutes=5))
    ticked = await stage.app.ticker.tick()
    assert ticked.set_aside == ("INC-1",)
    assert Kind.POISONED in await stage.kinds("INC-1")
    assert "response.breached" in await stage.kinds("INC-2")


async def test_what_is_set_aside_is_an_incident_of_operations_one_for_all_of_a_kind(documented_stage: Stage) -> None:
    stage = documented_stage
    for name in ("CheckoutDown", "SearchDown"):
        await stage.fire(name, priority="P0")
    await stage.app.context.database.write(write_unknown_timers)
    stage.clock.advance(timedelta(minutes=5))
    await stage.settle()
    told = await stage.incident("INC-3")
    assert (told["service"], told["source"], told["priority"]) == ("tocsin", "tocsin", "P1")
    assert told["title"] == "A timer of INC-1 could not be worked and is set aside"
    assert ("email", "ops-lead") in {(one.channel, one.who) for one in stage.received}
    await stage.app.context.database.write(lambda connection: spoil(connection, 2))
    stage.clock.advance(timedelta(minutes=25))
    await stage.settle()
    assert [alert["count"] for alert in (await stage.incident("INC-3"))["alerts"]] == [2]


async def test_a_fault_in_what_tells_of_faults_is_not_told_of_for_ever(documented_stage: Stage) -> None:
    stage = documented_stage
    await stage.fire("CheckoutDown", priority="P0")
    await stage.app.context.database.write(write_unknown_timers)
    stage.clock.advance(timedelta(minutes=5))
    await stage.settle()
    await stage.app.context.database.write(lambda connection: spoil(connection, 2))
    stage.clock.advance(timedelta(hours=3))
    ticked = await stage.app.ticker.tick()
    assert sorted(ticked.set_aside) == ["INC-1", "INC-2"]
    assert (await stage.http.get("/api/v1/incidents/INC-3")).status_code == 404


async def test_a_page_of_which_something_cannot_be_read_goes_out_without_it(documented_stage: Stage) -> None:
    stage = documented_stage
    for name in ("CheckoutDown", "SearchDown"):
        await stage.http.post(f"/webhooks/alertmanager/{KEY}", json=body([alert(name, priority="P0")]))
    await stage.app.context.database.write(write_unknown_timers)
    await stage.settle()
    for ref in ("INC-1", "INC-2"):
        assert "page.sent" in await stage.kinds(ref)
    said = [message.text for message in stage.direct("ops-lead")]
    assert any("CheckoutDown" in text for text in said)
    assert any("SearchDown" in text for text in said)


def write_unknown_state(connection: Connection) -> None:
    connection.execute(update(incidents).where(incidents.c.id == 1).values(state="of-a-newer-release"))


async def test_a_message_that_cannot_be_put_together_at_all_is_set_aside_and_told_of(documented_stage: Stage) -> None:
    stage = documented_stage
    for name in ("CheckoutDown", "SearchDown"):
        await stage.http.post(f"/webhooks/alertmanager/{KEY}", json=body([alert(name, priority="P0")]))
    await stage.app.context.database.write(write_unknown_state)
    await stage.settle()
    assert "page.sent" in await stage.kinds("INC-2")
    told = await stage.incident("INC-3")
    assert told["title"] == "A message of INC-1 could not be worked and is set aside"
    lines = await stage.app.context.database.read(lambda connection: timeline(connection, 1))
    assert [line.reason for line in lines if line.kind == Kind.PAGE_FAILED.value]
    assert all("set aside" in line.reason for line in lines if line.kind == Kind.PAGE_FAILED.value)
    assert await stage.app.sender.next_attempt() is None
