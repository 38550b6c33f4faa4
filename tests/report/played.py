"""Incidents as the core's own rules write them, so that the report is tested on what is really recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from engine.core.commands import Command
from engine.core.decide import decide
from engine.core.draft import Case, Decision
from engine.core.escalation import plan
from engine.core.firing import fire_due
from engine.core.intake import Opening, Placed, open_incident, take
from engine.core.model import (
    Actor,
    ActorKind,
    Alert,
    AlertStatus,
    Classification,
    Incident,
    Priority,
    RecordedEvent,
    Role,
)
from engine.core.policy import Channel, ClassificationRules, Config, Contact
from engine.core.timeline import chain
from engine.report.build import build
from engine.report.facts import Facts
from engine.report.model import Report
from tests.report.example import LEVELS, OPENED, PEOPLE, POLICY, after, facts

CHANNELS = ("phone", "email", "slack")
SOURCE = Actor(kind=ActorKind.SOURCE, id="alertmanager", role=Role.RESPONDER)
SECONDARIES = {"operations": "senior-ops", "engineering": "eng-lead", "executive": "vp-eng"}
FIRING = Alert(fingerprint="a1", status=AlertStatus.FIRING, title="Checkout is down", starts_at=after(-1))


def config(unreachable: Sequence[str] = ()) -> Config:
    """The example's people and ladder. Whoever is unreachable has an address that no channel serves."""
    return Config(
        contacts={
            contact: Contact(
                name=name, reach={"pigeon": contact} if contact in unreachable else dict.fromkeys(CHANNELS, contact)
            )
            for contact, name in PEOPLE.items()
        },
        levels={name: level.model_copy(update={"secondary": SECONDARIES[name]}) for name, level in LEVELS.items()},
        policies={"standard": POLICY},
        channels={name: Channel(kind=name) for name in (*CHANNELS, "pigeon")},
        classification=ClassificationRules(levels={}, rules=()),
    )


def person(contact: str) -> Actor:
    return Actor(kind=ActorKind.PERSON, id=contact, name=PEOPLE[contact], role=Role.MANAGER, via="slack")


class Played:
    """One incident on a clock that only moves forward; minutes count from the opening."""

    def __init__(self, priority: Priority = Priority.P0, unreachable: Sequence[str] = ()) -> None:
        self.config = config(unreachable)
        self.now = OPENED
        self.events: tuple[RecordedEvent, ...] = ()
        self.fired: frozenset[str] = frozenset()
        classified = Classification(priority=priority, rule="system-down", reason="it is down")
        placed = self._placed(FIRING, classified)
        opening = Opening(number=42, revision=1, reachable=frozenset(CHANNELS), now=OPENED)
        self.incident: Incident = self._write(open_incident(self.config, [placed], opening, classified))

    def _placed(self, alert: Alert, found: Classification) -> Placed:
        return Placed(alert=alert, service="payments", key="payments/checkout", actor=SOURCE, found=found)

    def wait_until(self, minute: float) -> Played:
        """Lets every timer fire that falls due on the way."""
        end = after(minute)
        while (due := self._next_due()) and due <= end:
            self.now = due
            timers = [timer for timer in plan(self._case(), due) if timer.due_at <= due]
            self.incident = self._write(fire_due(self._case(), timers, due))
        self.now = end
        return self

    def sleep_until(self, minute: float) -> Played:
        """The engine is down on the way: what was missed fires at the end, in one go."""
        self.now = after(minute)
        timers = [timer for timer in plan(self._case(), self.now) if timer.due_at <= self.now]
        self.incident = self._write(fire_due(self._case(), timers, self.now, "the engine was down"))
        return self

    def act(self, contact: str, command: Command) -> Played:
        self.incident = self._write(decide(self._case(), command, person(contact), self.now))
        return self

    def clear(self) -> Played:
        """The alert has cleared, its source says."""
        cleared = replace(FIRING, status=AlertStatus.RESOLVED)
        placed = self._placed(cleared, self.incident.classification)
        taken = take(self._case(), {"a1": AlertStatus.FIRING}, [placed], self.now)
        self.incident = self._write(taken.decision)
        return self

    def facts(self) -> Facts:
        return facts(
            self.incident,
            events=self.events,
            levels=self.config.levels,
            policy=self.config.policies["standard"],
            generated_at=self.now,
        )

    def report(self) -> Report:
        return build(self.facts())

    def _case(self) -> Case:
        return Case(
            incident=self.incident, config=self.config, reachable=frozenset(CHANNELS), fired=self.fired, firing=1
        )

    def _next_due(self) -> datetime | None:
        return min((timer.due_at for timer in plan(self._case(), self.now)), default=None)

    def _write(self, decision: Decision) -> Incident:
        head = self.events[-1].hash if self.events else ""
        lines = chain(decision.incident.id, decision.events, self.now, seq=len(self.events), head=head)
        self.events += lines
        self.fired |= decision.fired.keys()
        return replace(decision.incident, timeline_seq=len(self.events), timeline_hash=self.events[-1].hash)


def levels_of(report: Report) -> list[tuple[int, str]]:
    return [(level.level, level.outcome.value) for level in report.levels]
