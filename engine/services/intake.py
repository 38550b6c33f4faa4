"""Alerts in. All that waits shares one transaction; the answer is given once it is durable."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

import structlog
from sqlalchemy import Connection

from engine.core.errors import Overloaded
from engine.core.intake import AlertAction, Opening, Placed, most_urgent, open_incident, place, take
from engine.core.model import Actor, Alert, AlertStatus, Incident, incident_ref
from engine.core.playbook import hastened
from engine.core.policy import Revision
from engine.db import incidents, placing
from engine.db.placing import NOTHING_FOUND, Found, Wanted
from engine.services.cases import Gathered, Ledger, gather
from engine.services.context import Channels, Context
from engine.services.playbooks import follow_priority, playbook_for

log = structlog.get_logger()

BATCH_ALERTS = 400
"""Alerts in one transaction; more would keep the first in the queue waiting for the last."""
WAITING_ALERTS = 20_000
"""Beyond this the sender is asked to come again: memory stays bounded, nothing is promised that is not durable."""
AT_ONCE = 50
"""So many alerts are placed and classified as they come, while the database writes what came before; more would keep
others from being read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one alert. `incident` is a reference like INC-42; None where there is no incident for it."""

    fingerprint: str
    action: AlertAction
    incident: str | None


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


@dataclass(kw_only=True, slots=True)
class Arrival:
    """One alert on its way through a transaction, with what is on record about it."""

    placed: Placed
    found: Found = NOTHING_FOUND
    outcome: Outcome | None = None


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
    """The transaction: everything that the batch comes to. That somebody has applied a newer configuration shows in the
    same statement that looks the alerts up. Whoever calls it in a transaction of its own rings the signals after it."""
    revision = context.revisions.seen or context.revisions.current(connection)
    groups = _arrivals(batch, revision)
    if _look_up(connection, chain.from_iterable(groups)) != revision.id:
        revision = context.revisions.current(connection)
        groups = _arrivals(batch, revision)
        _look_up(connection, chain.from_iterable(groups))
    Rounds(connection=connection, context=context, revision=revision, now=now).run(list(chain.from_iterable(groups)))
    return [[arrival.outcome for arrival in group if arrival.outcome] for group in groups]


def _arrivals(batch: Iterable[Given], revision: Revision) -> list[list[Arrival]]:
    """Anew for each try of the transaction; placed anew where the configuration is another by now."""
    for one in batch:
        if one.revision != revision.id:
            one.place(revision)
    return [[Arrival(placed=placed) for placed in one.placed] for one in batch]


def _look_up(connection: Connection, arrivals: Iterable[Arrival]) -> int | None:
    """Notes with each alert what is on record; returns the newest revision."""
    arrivals = list(arrivals)
    placed = [arrival.placed for arrival in arrivals]
    places = placing.find(
        connection,
        [Wanted(key=one.key, source=one.actor.id, fingerprint=one.alert.fingerprint) for one in placed],
    )
    for arrival, found in zip(arrivals, places.found, strict=True):
        arrival.found = found
    return places.revision


@dataclass(kw_only=True, slots=True)
class Rounds:
    """Takes arrivals group by group: those of an active incident, those that open one. What arrives for an incident
    that this same transaction has opened takes one more round."""

    connection: Connection
    context: Context
    revision: Revision
    now: datetime
    channels: Channels = field(init=False)
    reachable: frozenset[str] = field(init=False)
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.channels = self.context.revisions.channels(self.revision)
        self.reachable = self.channels.reachable
        self.ledger = Ledger(self.connection, self.channels, self.now)

    def run(self, arrivals: list[Arrival]) -> None:
        while arrivals:
            existing, new = _sort(arrivals)
            self._take(existing)
            arrivals = self._open(new)
            self.ledger.flush()
            _look_up(self.connection, arrivals)

    def _take(self, groups: dict[int, list[Arrival]]) -> None:
        gathered = gather(self.connection, self.context, groups, self.channels) if groups else {}
        known = incidents.alerts_of(self.connection, groups) if groups else {}
        for number, group in groups.items():
            status = {fingerprint: one.alert.status for fingerprint, one in known[number].items()}
            self._take_group(gathered[number], status, group)

    def _take_group(self, gathered: Gathered, status: dict[str, AlertStatus], group: list[Arrival]) -> None:
        taken = take(gathered.case, status, [arrival.placed for arrival in group], self.now)
        decision = follow_priority(self.connection, self.context.playbooks, gathered.case, taken.decision)
        incident = self.ledger.change(gathered, decision)
        for arrival, action in zip(group, taken.outcomes, strict=True):
            self._keep_alert(incident, arrival, action, new=arrival.placed.alert.fingerprint not in status)
            if action is not AlertAction.IGNORED:
                status[arrival.placed.alert.fingerprint] = arrival.placed.alert.status

    def _keep_alert(self, incident: Incident, arrival: Arrival, action: AlertAction, *, new: bool) -> None:
        alert = arrival.placed.alert
        ref = None if action is AlertAction.IGNORED else incident.ref
        arrival.outcome = Outcome(fingerprint=alert.fingerprint, action=action, incident=ref)
        if action is AlertAction.IGNORED:
            return
        if new:
            self.ledger.add_alert(incident, alert)
        else:
            self.ledger.see_alert(incident, alert)

    def _open(self, groups: dict[str, list[Arrival]]) -> list[Arrival]:
        """Opens what begins with a firing alert; returns what has to go another round."""
        later: list[Arrival] = []
        openings: list[list[Arrival]] = []
        for group in groups.values():
            firing, rest = _leading(group)
            if firing:
                openings.append(firing)
                later.extend(rest)
            else:
                _ignore(rest)
        numbers = incidents.next_ids(self.connection, len(openings)) if openings else []
        for number, group in zip(numbers, openings, strict=True):
            self._open_one(number, group, group[0].found.latest)
        return later

    def _open_one(self, number: int, group: Sequence[Arrival], previous: int | None) -> None:
        config = self.revision.config
        placed = [arrival.placed for arrival in group]
        worst = most_urgent(placed)
        alert, found = worst.alert, worst.found
        text = f"{alert.title} | {alert.summary}"
        playbook, why = playbook_for(self.context.playbooks, config, worst.service, found.priority, alert.labels, text)
        opening = Opening(
            number=number,
            revision=self.revision.id,
            reachable=self.reachable,
            now=self.now,
            previous=previous,
            playbook=playbook.version if playbook else None,
            playbook_reason=why,
        )
        decision = open_incident(config, placed, opening, hastened(found, playbook))
        self.ledger.open(decision, [one.alert for one in placed])
        for place_in_group, arrival in enumerate(group):
            action = AlertAction.OPENED if place_in_group == 0 else AlertAction.JOINED
            fingerprint = arrival.placed.alert.fingerprint
            arrival.outcome = Outcome(fingerprint=fingerprint, action=action, incident=incident_ref(number))


def _sort(arrivals: Iterable[Arrival]) -> tuple[dict[int, list[Arrival]], dict[str, list[Arrival]]]:
    """By the active incident that they belong to; those without one by key."""
    existing: dict[int, list[Arrival]] = {}
    new: dict[str, list[Arrival]] = {}
    for arrival in arrivals:
        if arrival.found.active is None:
            new.setdefault(arrival.placed.key, []).append(arrival)
        else:
            existing.setdefault(arrival.found.active, []).append(arrival)
    return existing, new


def _leading(group: list[Arrival]) -> tuple[list[Arrival], list[Arrival]]:
    """The firing alerts before anything else happens to them, each once; and the rest."""
    seen: set[str] = set()
    for index, arrival in enumerate(group):
        alert = arrival.placed.alert
        if alert.status is AlertStatus.RESOLVED or alert.fingerprint in seen:
            return group[:index], group[index:]
        seen.add(alert.fingerprint)
    return group, []


def _ignore(group: list[Arrival]) -> None:
    """A resolution of something that was never sent as firing opens nothing."""
    for arrival in group:
        fingerprint = arrival.placed.alert.fingerprint
        arrival.outcome = Outcome(fingerprint=fingerprint, action=AlertAction.IGNORED, incident=None)
