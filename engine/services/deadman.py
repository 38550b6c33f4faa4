"""The outgoing heartbeat: a switch elsewhere raises the alarm when it stops, for a dead pager can't.

It says "pages go out", not "a process runs". So it is sent only while timers fire and messages leave in time; a pager
that is up and stuck falls silent like one that is down. Each engine sends its own: one that hangs is not to be covered
by another that doesn't.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from engine.core.errors import DeliveryError
from engine.core.spans import spell
from engine.db import outbox, timers
from engine.services.context import Context
from engine.services.ticking import Ticker

log = structlog.get_logger()

EVERY = timedelta(seconds=30)
TICK_WITHIN = timedelta(seconds=15)
TIMERS_WITHIN = timedelta(seconds=30)
PAGES_WITHIN = timedelta(minutes=2)
"""A page that has waited longer has used up what a level's channel is given by default."""


class DeadMansSwitch:
    def __init__(
        self,
        context: Context,
        ticker: Ticker,
        beat: Callable[[], Awaitable[None]],
        count: Callable[[str], None] = lambda result: None,
    ) -> None:
        """`beat` sends one; it raises DeliveryError. `count` is told what came of each: sent, failed or held_back."""
        self._context = context
        self._ticker = ticker
        self._beat = beat
        self._count = count

    async def look(self) -> None:
        """Raises Overloaded where the database does not answer: then there is no heartbeat either."""
        why = await self.trouble()
        if why:
            self._count("held_back")
            log.warning("heartbeat.held_back", why=why)
            return
        try:
            await self._beat()
        except DeliveryError as error:  # whoever waits for it notices
            self._count("failed")
            log.warning("heartbeat.failed", error=str(error))
        else:
            self._count("sent")

    async def trouble(self) -> str:
        """Why pages may not go out in time; empty while they do."""
        now, tick = self._context.clock.now(), self._ticker.last_tick
        if tick is None or now - tick > TICK_WITHIN:
            return "the engine has not looked at its timers" + (f" for {spell(now - tick)}" if tick else " yet")
        return await self._context.database.read(lambda connection: _backlog(connection, now))


def _backlog(connection: Connection, now: datetime) -> str:
    due, page = timers.next_due(connection), outbox.oldest_page(connection)
    if due is not None and now - due > TIMERS_WITHIN:
        return f"a timer is {spell(now - due)} late"
    if page is not None and now - page > PAGES_WITHIN:
        return f"a page has waited for {spell(now - page)}"
    return ""
