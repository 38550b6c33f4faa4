"""Probes: the engine looks by itself. A run is claimed, made, and written down with what it comes to.

No run is made within a transaction. Of several engines one has the run of each due time, for it has moved the probe's
row to the next; if it dies on the way, the next run is anybody's. What a run comes to, its incident too, is one
transaction with the runs that ended meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog
from pydantic import BaseModel, ValidationError
from sqlalchemy import Connection

from engine.core import probing as core
from engine.core.errors import NotFound, Overloaded, SettingsError
from engine.core.intake import AlertAction
from engine.core.model import Alert, incident_ref
from engine.core.policy import Revision
from engine.core.probes import Probe
from engine.core.probing import SENDER, Course, Finding, Reading
from engine.core.spans import spell
from engine.db import placing, probes
from engine.db.placing import Wanted
from engine.ports import Probe as Kind
from engine.services.arrivals import Outcome
from engine.services.context import Context
from engine.services.intake import Given, accept

log = structlog.get_logger()

Reveal = Callable[[BaseModel], BaseModel]
"""The settings with every reference to a secret replaced by it. Raises SettingsError where one can't be read."""


class Count(Protocol):
    """Who keeps count: of the runs, and of the alerts that they came to."""

    def probe_ran(self, *, ok: bool) -> None: ...

    def probe_told(self, action: AlertAction) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run to be made, now. `settings`: its kind's own, or why it can't be run."""

    name: str
    probe: Probe
    terms: str
    at: datetime
    kind: Kind | None
    settings: BaseModel | str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    run: Run
    finding: Finding


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """One probe as it is looked at. `incident` is the active one that it is part of, as INC-42."""

    name: str
    probe: Probe
    course: Course
    incident: str | None


class Probes:
    def __init__(self, context: Context, kinds: Mapping[str, Kind], reveal: Reveal, count: Count) -> None:
        self._context = context
        self._kinds = kinds
        self._reveal = reveal
        self._count = count
        self._adapted = 0
        self._due: datetime | None = None
        self._settings: tuple[int, dict[str, BaseModel | str]] = (0, {})
        self._ended: list[Ran] = []
        self._writer: asyncio.Task[None] | None = None

    async def claim(self, most: int) -> list[Run]:
        """Those that are due and nobody else's, now ours to make. Raises Overloaded."""
        revision = await self._in_force()
        if not revision.config.probes:
            return []
        now = self._context.clock.now()
        if self._due is None or self._due > now:  # most looks find nothing, and take no write lock
            self._due = await self._context.database.read(probes.next_due)
        if self._due is None or self._due > now:
            return []
        claimed = await self._context.database.write(lambda connection: claim(connection, self._context, now, most))
        self._due = claimed.due
        return [self._run(name, claimed.revision, now) for name in claimed.names]

    async def next_due(self) -> datetime | None:
        """As the last look has seen it; None where nothing is to be run."""
        if not (await self._in_force()).config.probes:
            return None
        if self._due is None:
            self._due = await self._context.database.read(probes.next_due)
        return self._due

    async def make(self, run: Run) -> Finding:
        """Ends when the time of the run is over, whatever is looked at does; never raises for what it finds."""
        if run.kind is None or isinstance(run.settings, str):
            return Finding(ok=False, up=False, reason=f"it can't be looked at: {run.settings}")
        limit = run.probe.timeout
        try:
            async with asyncio.timeout(limit.total_seconds()):
                return await run.kind.run(run.settings, run.at)
        except TimeoutError:
            return Finding(ok=False, up=False, reason=f"no answer within {spell(limit)}")
        except Exception as error:  # the edge of the loop: what can't be looked at is told, as what is down
            log.exception("probe.broke", probe=run.name, kind=run.kind.name)
            return Finding(ok=False, up=False, reason=f"it could not be looked at: {type(error).__name__}")

    async def end(self, run: Run, finding: Finding) -> None:
        """Returns once the run is written down, or can't be: then the next one says how it stands."""
        self._ended.append(Ran(run=run, finding=finding))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._drain())
        await asyncio.shield(self._writer)

    async def written(self) -> None:
        """Waits until no run is on its way to the database any more."""
        if self._writer is not None:
            await self._writer

    async def look(self) -> int:
        """Makes all runs that are due now; returns how many. For whoever moves the clock."""
        runs = await self.claim(len((await self._in_force()).config.probes))
        await asyncio.gather(*(self.work(run) for run in runs))
        return len(runs)

    async def work(self, run: Run) -> None:
        finding = await self.make(run)
        await self.end(run, finding)
        self._count.probe_ran(ok=finding.ok)

    async def try_now(self, name: str) -> Reading:
        """One run beside the schedule, of which nothing is kept. Raises NotFound."""
        revision = await self._in_force()
        probe = revision.config.probes.get(name)
        if probe is None:
            raise NotFound("probe_unknown", f"There is no probe {name!r} in the configuration.")
        run = self._run(name, revision, self._context.clock.now())
        return core.judged(await self.make(run), probe, revision.config.classification, run.at)

    async def _in_force(self) -> Revision:
        """The configuration in force, its probes having their rows."""
        revision = self._context.revisions.seen
        if revision is None:
            revision = await self._context.database.read(self._context.revisions.current)
        if revision.id != self._adapted:
            now = self._context.clock.now()
            self._told(await self._context.database.write(lambda connection: adapt(connection, self._context, now)))
            self._adapted, self._due = revision.id, None
        return revision

    def _run(self, name: str, revision: Revision, now: datetime) -> Run:
        probe = revision.config.probes[name]
        if self._settings[0] != revision.id:
            self._settings = (revision.id, {})
        known = self._settings[1]
        if name not in known or isinstance(known[name], str):
            known[name] = self._read(probe)
        kind, terms = self._kinds.get(probe.kind), core.terms(probe)
        return Run(name=name, probe=probe, terms=terms, at=now, kind=kind, settings=known[name])

    def _read(self, probe: Probe) -> BaseModel | str:
        """`tocsin check` finds what is wrong with them; a configuration that another release has checked may still
        be, and a secret may be gone."""
        kind = self._kinds.get(probe.kind)
        if kind is None:
            return f"this release knows no kind {probe.kind}"
        try:
            return self._reveal(kind.settings.model_validate(probe.model_extra or {}))
        except ValidationError as error:
            return "its settings are invalid: " + ", ".join(".".join(map(str, one["loc"])) for one in error.errors())
        except SettingsError as error:
            return str(error)

    async def _drain(self) -> None:
        while self._ended:
            batch, self._ended = self._ended, []
            try:
                await self._write(batch)
            except Exception as error:  # noqa: BLE001 - the edge of the loop: one bad run never costs the others
                await self._one_by_one(batch, error)

    async def _one_by_one(self, batch: Sequence[Ran], error: Exception) -> None:
        if isinstance(error, Overloaded):
            log.warning("probe.not_recorded", runs=len(batch), error=str(error))
            return
        for ran in batch:
            try:
                await self._write([ran])
            except Exception:  # as above
                log.exception("probe.not_recorded", probe=ran.run.name)

    async def _write(self, batch: Sequence[Ran]) -> None:
        self._told(await self._context.database.write(lambda connection: record(connection, self._context, batch)))

    def _told(self, outcomes: Sequence[Outcome]) -> None:
        """After the commit."""
        for outcome in outcomes:
            self._count.probe_told(outcome.action)
        if outcomes:
            self._context.signals.work += len(outcomes)
            self._context.signals.ring()


@dataclass(frozen=True, kw_only=True, slots=True)
class Claimed:
    """What is to be run now by this revision, and when the next run is due."""

    names: tuple[str, ...]
    revision: Revision
    due: datetime | None


def claim(connection: Connection, context: Context, now: datetime, most: int) -> Claimed:
    """The transaction. One whose row is not of the configuration in force, yet or any more, is not run."""
    revision = context.revisions.current(connection)
    config = revision.config
    found = [one for one in probes.due(connection, now, most) if one.name in config.probes]
    probes.claim(connection, [(one, core.next_run(one.name, config.probes[one.name].every, now)) for one in found])
    names = tuple(one.name for one in found if one.terms == core.terms(config.probes[one.name]))
    return Claimed(names=names, revision=revision, due=probes.next_due(connection))


def adapt(connection: Connection, context: Context, now: datetime) -> list[Outcome]:
    """The transaction: each probe of the configuration in force has its row, on its terms. What is gone from it leaves
    no incident that nothing would ever end."""
    wanted, courses = context.revisions.current(connection).config.probes, probes.every(connection)
    for name in sorted(wanted.keys() - courses.keys()):
        probes.add(connection, core.first(name, wanted[name], now))
    for name in sorted(wanted.keys() & courses.keys()):
        after = core.adapted(courses[name], wanted[name], now)
        if after != courses[name]:
            probes.change(connection, [(courses[name], after)])
            probes.put_off(connection, after)
    gone = [course for name, course in courses.items() if name not in wanted]
    probes.remove(connection, [course.name for course in gone])
    ended = [core.resolved(course.name, None) for course in gone if course.firing_since is not None]
    return _accept(connection, context, ended, now)


def record(connection: Connection, context: Context, batch: Sequence[Ran]) -> list[Outcome]:
    """The transaction: what the runs come to. One whose probe has changed meanwhile comes to nothing."""
    now = context.clock.now()
    config = context.revisions.current(connection).config
    before = probes.locked(connection, sorted({ran.run.name for ran in batch}))
    after, alerts = dict(before), []
    for ran in batch:
        run, course, probe = ran.run, after.get(ran.run.name), config.probes.get(ran.run.name)
        if course is None or probe is None or course.terms != run.terms:
            continue
        reading = core.judged(ran.finding, probe, config.classification, run.at)
        verdict = core.record(course, probe, reading, config.classification)
        after[run.name] = verdict.course
        if verdict.alert is not None:
            alerts.append(verdict.alert)
            log.info("probe.told", probe=run.name, status=verdict.alert.status.value, why=reading.reason)
    probes.change(connection, [(before[name], after[name]) for name in before if after[name] != before[name]])
    return _accept(connection, context, alerts, now)


def _accept(connection: Connection, context: Context, alerts: Sequence[Alert], now: datetime) -> list[Outcome]:
    return accept(connection, context, [Given(alerts=alerts, actor=SENDER)], now)[0] if alerts else []


async def standings(context: Context) -> list[Standing]:
    """All that are configured, in the order of the configuration. Raises NotFound on a new installation."""
    now = context.clock.now()

    def work(connection: Connection) -> list[Standing]:
        wanted, courses = context.revisions.current(connection).config.probes, probes.every(connection)
        known = [courses.get(name) or core.first(name, probe, now) for name, probe in wanted.items()]
        places = placing.find(
            connection,
            [Wanted(key="", source=SENDER.id, fingerprint=core.fingerprint(course.name)) for course in known],
        )
        return [
            Standing(
                name=course.name,
                probe=wanted[course.name],
                course=course,
                incident=incident_ref(place.active) if place.active else None,
            )
            for course, place in zip(known, places.found, strict=True)
        ]

    return await context.database.read(work)
