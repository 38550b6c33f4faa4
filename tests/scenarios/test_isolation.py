"""What can't be worked for one incident delays nobody else: not the timers, not the pages."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, update

from engine.core.timeline import Kind
from engine.db.tables import timers
from tests.scenarios.stage import KEY, Stage, alert, body


def write_unknown_timers(connection: Connection) -> None:
    """As a newer release may have left them to this one."""
    connection.execute(update(timers).where(timers.c.incident_id == 1).values(kind="of-a-newer-release"))


async def test_timers_that_cannot_be_read_are_set_aside_and_the_others_fire(documented_stage: Stage) -> None:
    stage = documented_stage
    await stage.fire("CheckoutDown", priority="P0")
    await stage.fire("SearchDown", priority="P0")
    await stage.app.context.database.write(write_unknown_timers)
    stage.clock.advance(timedelta(minutes=5))
    ticked = await stage.app.ticker.tick()
    assert ticked.set_aside == 1
    assert Kind.POISONED in await stage.kinds("INC-1")
    assert "response.breached" in await stage.kinds("INC-2")


async def test_a_message_that_cannot_be_put_together_does_not_keep_the_others_waiting(documented_stage: Stage) -> None:
    stage = documented_stage
    for name in ("CheckoutDown", "SearchDown"):
        await stage.http.post(f"/webhooks/alertmanager/{KEY}", json=body([alert(name, priority="P0")]))
    await stage.app.context.database.write(write_unknown_timers)
    await stage.settle()
    assert "page.sent" not in await stage.kinds("INC-1")
    assert "page.sent" in await stage.kinds("INC-2")
    assert ("email", "ops-lead") in {(one.channel, one.who) for one in stage.received}
