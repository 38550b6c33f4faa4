"""Alerts in. All that waits shares one transaction; the answer is given once it is durable."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, count

import structlog
from sqlalchemy import Connection

from engine.core.errors import Overloaded
from engine.core.holding import cleared
from engine.core.inhibiting import inhibitions_of
from engine.core.intake import Placed, place
from engine.core.model import Actor, Alert, AlertStatus
from engine.core.policy import Revision
from engine.services.arrivals import Arrival, Outcome, Rounds, look_up
from engine.services.context import Context
from engine.services.holding import Waiting
from engine.services.muting import MuteStage

log = structlog.get_logger()

BATCH_ALERTS = 400
"""Alerts in one transaction; more would keep the first in the queue waiting for the last."""
WAITING_ALERTS = 20_000
"""Beyond this the sender is asked to come again: memory stays bounded, nothing is promised that is not durable."""
AT_ONCE = 50
"""So many alerts are placed and classified as they come, while the database writes what came before; more would keep
others from being read."""


@dataclass(kw_only=True, slots=True)
class Given:
    """Alerts that came together. `placed`: by the configuration of this number."""

    alerts: Sequence[Alert]
    actor: Actor
    fallback: str | None = None
    placed: Sequence[Placed] = ()
    revision: int | None = None

    def place(self, revision: Revision) -> None:
        self.placed = [place(revision.config, alert, self.actor, self.fallback) for alert in self.alerts]
        self.revision = revision.id


@dataclass(kw_only=True, slots=True)
class Submission(Given):
    """One webhook's alerts, waiting for their transaction."""

    done: asyncio.Future[list[Outcome]]


class Intake:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._waiting: deque[Submission] = deque()
        self._count = 0
        self._writer: asyncio.Task[None] | None = None

    async def accept(self, alerts: Sequence[Alert], actor: Actor, *, fallback: str | None = None) -> list[Outcome]:
        """Returns once the alerts, their incidents and pages are committed; raises Overloaded when they are not."""
        if self._count + len(alerts) > WAITING_ALERTS and self._count:
            raise Overloaded(f"{self._count} alerts are waiting for the database", retry_after=5)
        submission = Submission(
            alerts=alerts, actor=actor, fallback=fallback, done=asyncio.get_running_loop().create_future()
        )
        seen = self._context.revisions.seen
        if seen is not None and len(alerts) <= AT_ONCE:
            submission.place(seen)
        self._waiting.append(submission)
        self._count += len(alerts)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._drain())
        return await submission.done

    async def drained(self) -> None:
        """Waits until nothing is on its way to the database any more."""
        if self._writer is not None:
            await self._writer

    async def _drain(self) -> None:
        while self._waiting:
            batch = self._next_batch()
            try:
                await self._commit(batch)
            except Exception as error:  # noqa: BLE001 - the edge of the loop: each gets its error
                await self._one_by_one(batch, error)

    def _next_batch(self) -> list[Submission]:
        batch: list[Submission] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0].alerts) <= BATCH_ALERTS):
            size += len(self._waiting[0].alerts)
            batch.append(self._waiting.popleft())
        self._count -= size
        return batch

    async def _commit(self, batch: Sequence[Submission]) -> None:
        now = self._context.clock.now()
        outcomes = await self._context.database.write(lambda connection: accept(connection, self._context, batch, now))
        self._context.signals.work += sum(len(submission.alerts) for submission in batch)
        self._context.signals.ring()
        for submission, found in zip(batch, outcomes, strict=True):
            if not submission.done.done():
                submission.done.set_result(found)

    async def _one_by_one(self, batch: Sequence[Submission], error: Exception) -> None:
        """One bad alert never fails its neighbours; an overloaded database fails them all, and they are told."""
        if len(batch) == 1 or isinstance(error, Overloaded):
            _fail(batch, error)
            return
        log.warning("intake.batch_split", submissions=len(batch), error=type(error).__name__)
        for index, submission in enumerate(batch):
            try:
                await self._commit([submission])
            except Overloaded as own:  # each of the others would wait for the database as long as this one
                _fail(batch[index:], own)
                return
            except Exception as own:  # noqa: BLE001 - as in _drain
                _fail([submission], own)


def _fail(batch: Sequence[Submission], error: Exception) -> None:
    for submission in batch:
        if not submission.done.done():
            submission.done.set_exception(error)


def accept(connection: Connection, context: Context, batch: Sequence[Given], now: datetime) -> list[list[Outcome]]:
    """The transaction: everything that the batch comes to. That somebody has applied a newer configuration, or made or
    ended a silence, shows in the same statement that looks the alerts up.
    Whoever calls it in a transaction of its own rings the signals after it."""
    revision = context.revisions.seen or context.revisions.current(connection)
    groups = _arrivals(batch, revision)
    places = look_up(connection, chain.from_iterable(groups))
    if places.revision != revision.id:
        revision = context.revisions.current(connection)
        groups = _arrivals(batch, revision)
        places = look_up(connection, chain.from_iterable(groups))
    stage = MuteStage(
        connection=connection,
        mutes=context.mutes.at(connection, revision, places.silences, now),
        inhibitions=inhibitions_of(revision.config.inhibitions),
        waiting=Waiting(connection=connection, some=places.waiting, now=now),
        now=now,
    )
    stage.waiting.look_up(one.placed for one in chain.from_iterable(groups))
    heard = [one for one in chain.from_iterable(groups) if not one.muted(stage.silenced(one.placed, one.number))]
    _deal_with(heard, stage, Rounds(connection=connection, context=context, revision=revision, now=now))
    stage.write()
    return [[_outcome(arrival) for arrival in group] for group in groups]


def _deal_with(waiting: list[Arrival], stage: MuteStage, rounds: Rounds) -> None:
    """In one go where no alert can mute another, else wave by wave."""
    later = False
    while waiting:
        goes = stage.wave([one.placed for one in waiting])
        wave = [one for one, own in zip(waiting, goes, strict=True) if own]
        waiting = [one for one, own in zip(waiting, goes, strict=True) if not own]
        found = stage.inhibited([one.placed for one in wave], [one.number for one in wave])
        heard = [one for one, muted in zip(wave, found, strict=True) if not one.muted(muted)]
        if later:
            look_up(rounds.connection, heard)
        heard = [one for one in heard if not _waits(one, stage)]
        rounds.run(heard)
        stage.firing([(one.placed, one.incident) for one in heard if one.incident is not None])
        later = True


def _waits(arrival: Arrival, stage: MuteStage) -> bool:
    """Whether the alert is too young still, or has cleared while it waited. Others wait no more from here on."""
    placed, number = arrival.placed, arrival.number
    joins = arrival.found.active is not None
    if arrival.muted(stage.delayed(placed, number, joins=joins)):
        return True
    before = stage.waiting.known(placed, number)
    if before is None:
        return False
    stage.waiting.let_go(placed, number)
    if placed.alert.status is AlertStatus.FIRING:
        arrival.placed = replace(placed, waited=before.told)
        return False
    return not joins and arrival.muted(cleared(before))


def _outcome(arrival: Arrival) -> Outcome:
    if arrival.outcome is None:
        raise AssertionError(f"nothing became of the alert {arrival.placed.alert.fingerprint}")
    return arrival.outcome


def _arrivals(batch: Iterable[Given], revision: Revision) -> list[list[Arrival]]:
    """Anew for each try of the transaction; placed anew where the configuration is another by now."""
    for one in batch:
        if one.revision != revision.id:
            one.place(revision)
    number = count()
    return [[Arrival(placed=placed, number=next(number)) for placed in one.placed] for one in batch]
