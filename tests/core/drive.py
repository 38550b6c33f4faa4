"""An engine without a database: one incident, driven by commands, alerts and the clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from engine.core.decide import decide
from engine.core.draft import Case, Decision
from engine.core.escalation import plan, reconcile
from engine.core.firing import fire_due
from engine.core.intake import Opening, open_incident, take
from engine.core.model import (
    ActionItem,
    Actor,
    Alert,
    AlertStatus,
    Event,
    Incident,
    Message,
    MessageKind,
    Priority,
    RecordedEvent,
    Timer,
    TimerKind,
    TimerState,
)
from engine.core.policy import Config
from engine.core.timeline import chain
from tests.core.cases import CONFIG, LEAD, NOON, REACHABLE, alert, classification, command, minutes, placed


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """A message of a decision, with when it was decided."""

    at: datetime
    message: Message


@dataclass(kw_only=True, slots=True)
class Engine:
    """Keeps the incident as the services do: it applies each decision, plans, reconciles, and fires what is due, to the
    microsecond. Nothing in it decides anything."""

    now: datetime = NOON
    config: Config = CONFIG
    reachable: frozenset[str] = REACHABLE
    incident: Incident = field(init=False)
    timers: dict[str, tuple[Timer, TimerState]] = field(default_factory=dict)
    timeline: list[RecordedEvent] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    actions: list[ActionItem] = field(default_factory=list)
    alerts: dict[str, AlertStatus] = field(default_factory=dict)

    def open(self, priority: Priority | str = Priority.P0, **found: Any) -> Engine:
        """By one alert, `f1`, of that priority."""
        first = placed(alert(priority=str(priority)))
        opening = Opening(number=42, revision=1, reachable=self.reachable, now=self.now)
        decision = open_incident(self.config, [first], opening, classification(priority, **found))
        self.alerts[first.alert.fingerprint] = AlertStatus.FIRING
        self._apply(decision)
        return self

    def case(self) -> Case:
        used = (TimerState.FIRED, TimerState.SUPERSEDED)
        return Case(
            incident=self.incident,
            config=self.config,
            reachable=self.reachable,
            fired=frozenset(key for key, (_, state) in self.timers.items() if state in used),
            firing=sum(status is AlertStatus.FIRING for status in self.alerts.values()),
            actions=tuple(self.actions),
        )

    def do(self, name: str, by: Actor = LEAD, *, generation: int | None = None, **fields: Any) -> Decision:
        """Raises Refusal as `decide` does."""
        return self.apply(decide(self.case(), command(name, **fields), by, self.now, generation=generation))

    def hold(self, span: str, reason: str, by: Actor = LEAD) -> Decision:
        return self.apply(decide(self.case(), command("hold", **{"for": span}, reason=reason), by, self.now))

    def hear(self, *alerts: Alert) -> Decision:
        """Alerts that join, repeat or resolve."""
        taken = take(self.case(), self.alerts, [placed(one) for one in alerts], self.now)
        self.alerts |= {one.fingerprint: one.status for one in alerts if one.status is AlertStatus.FIRING}
        self.alerts |= {one.fingerprint: one.status for one in alerts if one.fingerprint in self.alerts}
        return self.apply(taken.decision)

    def apply(self, decision: Decision) -> Decision:
        if decision.changed:
            self._apply(decision)
        return decision

    def pending(self) -> list[Timer]:
        found = [timer for timer, state in self.timers.values() if state is TimerState.PENDING]
        return sorted(found, key=lambda timer: (timer.due_at, timer.level))

    def due(self, kind: TimerKind) -> dict[int, timedelta]:
        """By level, how long after the opening each pending timer of that kind is due."""
        return {timer.level: timer.due_at - self.incident.opened_at for timer in self.pending() if timer.kind is kind}

    def wait(self, span: timedelta) -> None:
        """Time goes by, and every timer fires at its moment."""
        until = self.now + span
        while (first := next(iter(self.pending()), None)) and first.due_at <= until:
            self.now = max(self.now, first.due_at)
            self.tick()
        self.now = until

    def sleep(self, span: timedelta, why: str = "the engine was down") -> None:
        """Time goes by unseen; then everything that fell due fires at once."""
        self.now += span
        self.tick(why)

    def tick(self, why_late: str = "") -> None:
        due = [timer for timer in self.pending() if timer.due_at <= self.now]
        if due:
            self._apply(fire_due(self.case(), due, self.now, why_late))

    def paged(self, since: datetime | None = None) -> list[tuple[float, int, str]]:
        """(minutes after the opening, level, contact) of every page, once for all channels."""
        found = [
            ((sent.at - self.incident.opened_at) / minutes(1), sent.message.level, sent.message.contact or "")
            for sent in self.sent
            if sent.message.kind is MessageKind.PAGE and (since is None or sent.at >= since)
        ]
        return list(dict.fromkeys(found))

    def told(self, kind: MessageKind) -> list[tuple[float, str]]:
        """(minutes after the opening, address) of every message of that kind."""
        opened = self.incident.opened_at
        return [((one.at - opened) / minutes(1), one.message.address) for one in self.sent if one.message.kind is kind]

    def lines(self, kind: str) -> list[RecordedEvent]:
        return [event for event in self.timeline if event.kind == kind]

    def _apply(self, decision: Decision) -> None:
        recorded = self._record(decision.incident, decision.events)
        last = recorded[-1] if recorded else None
        self.incident = replace(
            decision.incident,
            timeline_seq=last.seq if last else decision.incident.timeline_seq,
            timeline_hash=last.hash if last else decision.incident.timeline_hash,
        )
        self.actions.extend(decision.actions)
        self.sent.extend(Sent(at=self.now, message=message) for message in decision.messages)
        for key, state in decision.fired.items():
            timer = self.timers[key][0] if key in self.timers else _spent(key, self.now)
            self.timers[key] = (timer, state)
        self._plan()

    def _record(self, one: Incident, events: Sequence[Event]) -> tuple[RecordedEvent, ...]:
        recorded = chain(one.id, events, self.now, seq=one.timeline_seq, head=one.timeline_hash)
        self.timeline.extend(recorded)
        return recorded

    def _plan(self) -> None:
        changes = reconcile(self.timers, plan(self.case(), self.now))
        self.timers |= {key: (self.timers[key][0], TimerState.CANCELLED) for key in changes.cancel}
        self.timers |= {timer.key: (timer, TimerState.PENDING) for timer in (*changes.insert, *changes.move)}


def _spent(key: str, now: datetime) -> Timer:
    return Timer(key=key, kind=TimerKind(key.partition(":")[0]), due_at=now, reason="done at once")
