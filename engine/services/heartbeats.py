"""Heartbeats: who reports is heard, who does not is missed. A change and its incident are one transaction.

Of several engines one misses a heartbeat: it has the row. An outage of the engine itself is nobody else's silence:
the time up to which somebody could be heard is on record, and whoever fell due after it gets a full grace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from engine.core import heartbeats as core
from engine.core.errors import Conflict, NotFound, Overloaded
from engine.core.heartbeats import SENDER, Heartbeat, Outage, Pulse, Sign, Signal, Step
from engine.core.intake import AlertAction
from engine.core.model import Alert, AlertStatus, incident_ref
from engine.core.policy import Config, Revision
from engine.core.spans import spell
from engine.core.timeline import format_time
from engine.db import heartbeats, placing, records
from engine.db.placing import Wanted
from engine.services.arrivals import Outcome
from engine.services.context import Context
from engine.services.intake import Given, accept
from engine.services.requests import Came
from engine.services.selfreport import SelfReport

log = structlog.get_logger()

HEARD_UNTIL = "heartbeats_heard_until"
NOTE_EVERY = timedelta(seconds=5)
"""How often it is written down that somebody could be heard."""
RESTART = 2 * NOTE_EVERY
"""At a start more than this since the last note is an outage: no other engine has heard anybody meanwhile."""
ALONE = timedelta(seconds=1)
"""The same where there is no other engine."""
OUTAGE = timedelta(seconds=30)
"""Within a run, where a slow tick is none."""
ASIDE = timedelta(minutes=1)
"""When one that can't be worked is tried again."""

Count = Callable[[AlertAction], None]
"""Told of each alert that heartbeats came to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """One heartbeat as it is looked at. `incident` is the active one that it is part of, as INC-42."""

    name: str
    rule: Heartbeat
    pulse: Pulse
    incident: str | None

    def late(self, now: datetime) -> bool:
        """Its time is over, its grace is not."""
        return not self.pulse.state.down and self.pulse.due_at - self.rule.grace < now


def _uncounted(_: AlertAction) -> None:
    """Nobody counts."""


class Heartbeats:
    def __init__(self, context: Context, report: SelfReport, count: Count = _uncounted) -> None:
        self._context = context
        self._report = report
        self._count = count
        self._adapted = 0
        self._noted: datetime | None = None
        self._always: tuple[int, tuple[tuple[str, core.AlwaysFiring], ...]] = (0, ())

    async def look(self) -> None:
        """Whoever has fallen silent is missed. Raises Overloaded."""
        revision = self._context.revisions.seen
        if revision is None:
            revision = await self._context.database.read(self._context.revisions.current)
        if revision.id != self._adapted:
            await self._adapt()
            self._adapted = revision.id
        if not revision.config.pulses:
            return
        now = self._context.clock.now()
        await self._note(now)
        for name in await self._context.database.read(lambda connection: heartbeats.due(connection, now)):
            await self._miss(name, now)

    async def next_due(self) -> datetime | None:
        seen = self._context.revisions.seen
        if seen is None or not seen.config.pulses:
            return None
        return await self._context.database.read(heartbeats.next_due)

    async def receive(self, name: str, signal: Signal) -> None:
        """Returns once it is durable. Raises NotFound for one that is not in the configuration, Overloaded."""
        now = self._context.clock.now()
        outcomes = await self._context.database.write(
            lambda connection: _receive(connection, self._context, [name], signal, now)
        )
        if not outcomes:
            raise NotFound("heartbeat_unknown", f"There is no heartbeat {name!r} in the configuration.")
        if signal.sign is Sign.FAIL:
            log.info("pulse.failed", heartbeat=name, exit_code=signal.exit_code)
        self._told([outcome for _, outcome in outcomes])

    async def beaten(
        self, alerts: Sequence[Alert], revision: Revision, source: str, integration: str
    ) -> dict[int, Outcome]:
        """What became of the alerts that say that all is well, by their place; the others are no heartbeats. One that
        has ended is no success either, and opens nothing: its silence will tell. Raises Overloaded."""
        rules = self._always_firing(revision)
        beating = {
            place: [name for name, rule in rules if rule.knows(alert, source, integration)]
            for place, alert in (enumerate(alerts) if rules else ())
        }
        names = sorted({name for place, own in beating.items() if _fires(alerts[place]) for name in own})
        ended = await self._beat(names) if names else {}
        return {
            place: Outcome(
                fingerprint=alerts[place].fingerprint,
                action=AlertAction.HEARTBEAT if _fires(alerts[place]) else AlertAction.IGNORED,
                incident=next(filter(None, map(ended.get, own)), None) if _fires(alerts[place]) else None,
                rule=f"heartbeat {own[0]}",
                reason="it says that all is well" if _fires(alerts[place]) else "its silence will tell",
            )
            for place, own in beating.items()
            if own
        }

    async def heard_from(self, batch: Sequence[Came]) -> None:
        """Integrations that say how often they send, and have sent what could be read. Raises Overloaded."""
        revision = self._context.revisions.seen
        if revision is None:
            revision = await self._context.database.read(self._context.revisions.current)
        known = revision.config.integrations
        heard = {came.request.integration for came in batch if came.readable}
        names = sorted(core.pulse_of(name) for name in heard if name in known and known[name].expect_every)
        if names:
            await self._beat(names)

    async def _beat(self, names: Sequence[str]) -> dict[str, str | None]:
        """By name the incident that its success was taken into."""
        now, signal = self._context.clock.now(), Signal(sign=Sign.SUCCESS)
        outcomes = await self._context.database.write(
            lambda connection: _receive(connection, self._context, names, signal, now)
        )
        self._told([outcome for _, outcome in outcomes])
        return {name: outcome.incident if outcome else None for name, outcome in outcomes}

    def _always_firing(self, revision: Revision) -> tuple[tuple[str, core.AlwaysFiring], ...]:
        """Looked for once for each revision: alerts come by the thousand."""
        if self._always[0] != revision.id:
            rules = revision.config.heartbeats.items()
            self._always = (revision.id, tuple((name, rule.alert) for name, rule in rules if rule.alert))
        return self._always[1]

    async def _adapt(self) -> None:
        """Rows for what the configuration in force waits for, and for nothing else."""
        now = self._context.clock.now()
        outcomes = await self._context.database.write(lambda connection: adapt(connection, self._context, now))
        self._told(outcomes)

    async def _note(self, now: datetime) -> None:
        if self._noted is not None and now - self._noted < NOTE_EVERY:
            return
        first = self._noted is None

        def work(connection: Connection) -> Outage | None:
            text = records.get_setting(connection, HEARD_UNTIL)
            records.put_setting(connection, HEARD_UNTIL, format_time(now))
            since = datetime.fromisoformat(text) if text else None
            if since is None or not self._was_out(now - since, first=first):
                return None
            outage = Outage(since=since, until=now)
            excuse(connection, self._context.revisions.current(connection).config, outage)
            return outage

        outage = await self._context.database.write(work)
        self._noted = now
        if outage is not None:
            log.warning("pulse.excused", since=format_time(outage.since), until=format_time(outage.until))

    def _was_out(self, gap: timedelta, *, first: bool) -> bool:
        """Within a run the machine's time counts, for a drill's clock leaps between any two looks."""
        if first:
            return gap > (ALONE if self._context.database.dialect == "sqlite" else RESTART)
        return timedelta(seconds=self._context.clock.wait_for(gap)) > OUTAGE

    async def _miss(self, name: str, now: datetime) -> None:
        try:
            outcomes = await self._context.database.write(lambda connection: miss(connection, self._context, name, now))
        except Overloaded:
            raise
        except Conflict:  # it was heard just now, or another engine has it
            return
        except Exception:  # the edge of the loop: the others do not wait for this one
            log.exception("pulse.broke", heartbeat=name)
            await self._context.database.write(lambda connection: heartbeats.put_off(connection, name, now + ASIDE))
            title = f"The heartbeat {name} was missed, and that could not be worked"
            await self._report.tell(f"heartbeat {name}", title, "The engine's log has the fault. Look at it by hand.")
            return
        self._told(outcomes)

    def _told(self, outcomes: Sequence[Outcome | None]) -> None:
        """After the commit."""
        taken = [outcome for outcome in outcomes if outcome is not None]
        for outcome in taken:
            self._count(outcome.action)
        if taken:
            self._context.signals.work += len(taken)
            self._context.signals.ring()


def _fires(alert: Alert) -> bool:
    return alert.status is AlertStatus.FIRING


def _receive(
    connection: Connection, context: Context, names: Sequence[str], signal: Signal, now: datetime
) -> list[tuple[str, Outcome | None]]:
    """The transaction. A name that the configuration does not have is left out; the outcome is None where the signal
    came to no alert."""
    revision = context.revisions.current(connection)
    wanted = [name for name in names if name in revision.config.pulses]
    pulses = heartbeats.locked(connection, wanted)
    outcomes = []
    for name in wanted:
        rule = revision.config.pulses[name]
        before = pulses.get(name) or _begin(connection, core.first(name, rule, revision.applied_at))
        current = core.adapted(before, rule, revision.applied_at)
        outcomes.append((name, _take(connection, context, before, core.receive(current, rule, signal, now), now)))
    return outcomes


def _begin(connection: Connection, pulse: Pulse) -> Pulse:
    heartbeats.add(connection, pulse)
    return pulse


def miss(connection: Connection, context: Context, name: str, now: datetime) -> list[Outcome | None]:
    """The transaction. Looks again: another engine may have missed it, or it may just have been heard."""
    revision = context.revisions.current(connection)
    rule, pulse = revision.config.pulses.get(name), heartbeats.locked(connection, [name]).get(name)
    if rule is None or pulse is None or core.adapted(pulse, rule, revision.applied_at).due_at > now:
        return []
    step = core.missed(pulse, rule, now)
    outcome = _take(connection, context, pulse, step, now)
    late = spell(now - pulse.due_at)
    log.info("pulse.missed", heartbeat=name, state=step.pulse.state.value, late=late, incident=_ref(outcome))
    return [outcome]


def adapt(connection: Connection, context: Context, now: datetime) -> list[Outcome | None]:
    """The transaction: each heartbeat of the configuration in force has its row, on its terms. What is gone from it
    leaves no incident that nothing would ever end."""
    revision = context.revisions.current(connection)
    rules, pulses = revision.config.pulses, heartbeats.every(connection)
    waited = Outage(since=revision.applied_at, until=now)
    for name, rule in sorted(rules.items()):
        known = pulses.get(name)
        before = known or _begin(connection, core.first(name, rule, revision.applied_at))
        after = core.adapted(before, rule, revision.applied_at)
        if (known is None or after != known) and now - revision.applied_at > OUTAGE:
            after = core.excused(after, rule, waited)
        if after != before:
            heartbeats.change(connection, before, after)
    gone = [pulse for name, pulse in pulses.items() if name not in rules]
    for pulse in gone:
        heartbeats.remove(connection, pulse)
    ended = [core.resolved(pulse, None) for pulse in gone if pulse.state.down]
    return list(_accept(connection, context, ended, now)) if ended else []


def excuse(connection: Connection, config: Config, outage: Outage) -> None:
    """The transaction after an outage of the engine itself."""
    for name, pulse in heartbeats.locked(connection, list(config.pulses)).items():
        after = core.excused(pulse, config.pulses[name], outage)
        if after != pulse:
            heartbeats.change(connection, pulse, after)


def _take(connection: Connection, context: Context, before: Pulse, step: Step, now: datetime) -> Outcome | None:
    """Writes what has changed, and takes in the alert that it came to."""
    if step.pulse != before:
        heartbeats.change(connection, before, step.pulse)
    return _accept(connection, context, [step.alert], now)[0] if step.alert else None


def _accept(connection: Connection, context: Context, alerts: Sequence[Alert], now: datetime) -> list[Outcome]:
    [outcomes] = accept(connection, context, [Given(alerts=alerts, actor=SENDER)], now)
    return outcomes


def _ref(outcome: Outcome | None) -> str | None:
    return outcome.incident if outcome else None


async def standings(context: Context) -> list[Standing]:
    """All that are configured, in the order of the configuration. Raises NotFound on a new installation."""

    def work(connection: Connection) -> list[Standing]:
        revision = context.revisions.current(connection)
        pulses, rules = heartbeats.every(connection), revision.config.pulses
        known = [pulses.get(name) or core.first(name, rule, revision.applied_at) for name, rule in rules.items()]
        wanted = [Wanted(key="", source=SENDER.id, fingerprint=core.fingerprint(pulse.name)) for pulse in known]
        places = placing.find(connection, wanted).found
        return [
            Standing(
                name=pulse.name,
                rule=rules[pulse.name],
                pulse=pulse,
                incident=incident_ref(place.active) if place.active else None,
            )
            for pulse, place in zip(known, places, strict=True)
        ]

    return await context.database.read(work)
