"""Alerts that were kept waiting are heard again when their time has come: when what muted them is over, or when they
have fired for as long as their route wants. Hearing one and forgetting that it waited is one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from engine.core.errors import Overloaded
from engine.core.holding import Held, Place
from engine.core.intake import AlertAction
from engine.db import holding
from engine.services.arrivals import Outcome
from engine.services.context import Context
from engine.services.intake import Given, accept
from engine.services.selfreport import SelfReport

log = structlog.get_logger()

BATCH = 200
"""Alerts in one transaction. What else is due comes with the next look, which follows at once."""
ASIDE = timedelta(minutes=1)
"""When one that can't be worked is tried again."""

Count = Callable[[str, AlertAction], None]
"""Told, by the name of its integration, of each alert that was heard again."""

Heard = list[tuple[Held, Outcome]]


class Rehearing:
    def __init__(self, context: Context, report: SelfReport, count: Count) -> None:
        self._context = context
        self._report = report
        self._count = count

    async def look(self) -> None:
        """Raises Overloaded."""
        now, database = self._context.clock.now(), self._context.database
        due_at = await self.next_due()
        if due_at is None or due_at > now:  # at nearly every tick, which is to keep no writer waiting
            return
        try:
            self._told(await database.write(lambda connection: hear_due(connection, self._context, now)))
        except Overloaded:
            raise
        except Exception as error:  # noqa: BLE001 - the edge of the loop: the culprit is found and put off below
            log.warning("held.batch_split", error=type(error).__name__)
            for place in await database.read(lambda connection: holding.places_due(connection, now, BATCH)):
                await self._hear_alone(place, now)

    async def next_due(self) -> datetime | None:
        return await self._context.database.read(holding.next_due)

    async def _hear_alone(self, place: Place, now: datetime) -> None:
        database, (integration, fingerprint) = self._context.database, place
        try:
            self._told(await database.write(lambda connection: _hear_one(connection, self._context, place, now)))
        except Overloaded:
            raise
        except Exception:  # as above
            log.exception("held.poisoned", integration=integration, fingerprint=fingerprint)
            await database.write(lambda connection: holding.put_off(connection, place, now + ASIDE))
            await self._report.tell(
                f"held/{integration}",
                f"An alert of {integration} that was held back can't be worked",
                f"Look there for what fires as {fingerprint}. The engine's log has the fault.",
            )

    def _told(self, heard: Heard) -> None:
        """After the commit."""
        if not heard:
            return
        for held, outcome in heard:
            self._count(held.actor.id, outcome.action)
            log.info("held.heard", integration=held.actor.id, action=outcome.action.value, incident=outcome.incident)
        self._context.signals.work += len(heard)
        self._context.signals.ring()


def hear_due(connection: Connection, context: Context, now: datetime) -> Heard:
    """The transaction: takes what is due, and takes it in as if it came now."""
    return _hear(connection, context, holding.due(connection, now, BATCH), now)


def _hear_one(connection: Connection, context: Context, place: Place, now: datetime) -> Heard:
    """Nothing where it has been heard meanwhile."""
    return _hear(connection, context, list(holding.find(connection, [place]).values()), now)


def _hear(connection: Connection, context: Context, due: Sequence[Held], now: datetime) -> Heard:
    given = [Given(alerts=[one.alert], actor=one.actor, fallback=one.fallback) for one in due]
    outcomes = accept(connection, context, given, now) if given else []
    return [(one, own[0]) for one, own in zip(due, outcomes, strict=True)]
