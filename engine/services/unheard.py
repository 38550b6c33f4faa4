"""Alerts of senders that never say that one is over: what has not come again for as long as `resolve_after` of their
integration says counts as cleared."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from engine.core.errors import Overloaded
from engine.core.intake import AlertAction, given_up
from engine.core.model import Actor, ActorKind
from engine.core.timeline import format_time
from engine.db import alerts, incidents, records
from engine.services.arrivals import Outcome
from engine.services.context import Context
from engine.services.intake import Given, accept

log = structlog.get_logger()

MOST = 1_000
"""Alerts of one integration in one look; the next one goes on."""

DEAF = timedelta(minutes=2)
"""When nobody has looked for so long no engine ran: what did not come then may have been sent all the same."""
LISTENING_SINCE, LISTENED_AT = "listening_since", "listened_at"

Count = Callable[[str, AlertAction], None]
"""Told, by the name of its integration, of each alert that was given up."""


class Unheard:
    def __init__(self, context: Context, count: Count) -> None:
        self._context = context
        self._count = count
        self._looked = False

    async def look(self) -> None:
        """Ends what is to be ended now, each in a transaction of its own: one that can't be worked keeps no other.
        Raises Overloaded."""
        database, now = self._context.database, self._context.clock.now()
        config = (await database.read(self._context.revisions.current)).config
        spans = {name: one.resolve_after for name, one in config.integrations.items() if one.resolve_after}
        if not spans:
            return
        listening = now - await database.write(lambda connection: listening_since(connection, now, self._was_deaf))
        self._looked = True
        for name, after in spans.items():
            if listening >= after:
                actor = Actor(kind=ActorKind.SOURCE, id=name, name=name, via=config.integrations[name].source)
                await self._give_up_all(actor, after, now)

    def _was_deaf(self, gap: timedelta) -> bool:
        """Within a run the machine's time counts, for a drill's clock leaps between any two looks."""
        return (timedelta(seconds=self._context.clock.wait_for(gap)) if self._looked else gap) > DEAF

    async def _give_up_all(self, actor: Actor, after: timedelta, now: datetime) -> None:
        for place in await self._context.database.read(lambda c: alerts.unheard(c, actor.id, now - after, MOST)):
            await self._give_up(place, actor, after, now)

    async def _give_up(self, place: tuple[int, int], actor: Actor, after: timedelta, now: datetime) -> None:
        context = self._context
        try:
            outcome = await context.database.write(lambda c: give_up(c, context, place, actor, after, now))
        except Overloaded:
            raise
        except Exception:  # the edge of the loop: the others are to be ended all the same
            log.exception("unheard.poisoned", integration=actor.id, alert=place[1])
            return
        if outcome is not None:
            self._count(actor.id, outcome.action)
            log.info("unheard.given_up", integration=actor.id, incident=outcome.incident, action=outcome.action.value)
            context.signals.work += 1
            context.signals.ring()


def listening_since(connection: Connection, now: datetime, was_deaf: Callable[[timedelta], bool]) -> datetime:
    """Since when some engine has run without a break. Notes that one runs now. `was_deaf`: whether none ran for want of
    a look in that time."""
    before, since = (records.get_setting(connection, name) for name in (LISTENED_AT, LISTENING_SINCE))
    records.put_setting(connection, LISTENED_AT, format_time(now))
    if before and since and not was_deaf(now - datetime.fromisoformat(before)):
        return datetime.fromisoformat(since)
    records.put_setting(connection, LISTENING_SINCE, format_time(now))
    return now


def give_up(
    connection: Connection, context: Context, place: tuple[int, int], actor: Actor, after: timedelta, now: datetime
) -> Outcome | None:
    """The transaction. Looks again once the incident is ours: a repeat that has come meanwhile counts."""
    incidents.load(connection, [place[0]], lock=True)
    known = alerts.still_unheard(connection, place[1], now - after)
    if known is None:
        return None
    given = Given(alerts=[given_up(known.alert, after, now)], actor=actor)
    return accept(connection, context, [given], now)[0][0]
