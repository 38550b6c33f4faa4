"""Gathering what a rule looks at, and applying what it decides."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from engine.core.draft import Case, Decision, Tickmark
from engine.core.escalation import Changes, plan, reconcile
from engine.core.intake import Placed
from engine.core.model import (
    Alert,
    AlertStatus,
    Event,
    Incident,
    Message,
    MessageKind,
    PlaybookStep,
    Timer,
    TimerKind,
    TimerState,
)
from engine.core.notices import changes_course, under_the_cards
from engine.core.timeline import Kind, chain
from engine.db import holding, incidents, outbox, records, timers
from engine.db.bulk import Change
from engine.db.rows import alert_row, event_row, incident_row, timer_row
from engine.services.context import Channels, Context
from engine.services.playbooks import steps_in

KnownTimers = Mapping[str, tuple[Timer, TimerState]]
PASSED = TimerState.SUPERSEDED


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathered:
    """A case with the timers it has had."""

    case: Case
    timers: KnownTimers


def gather(connection: Connection, context: Context, ids: Collection[int], channels: Channels) -> dict[int, Gathered]:
    """Locks the incidents and reads what rules may ask of them."""
    found = incidents.load(connection, ids, lock=True)
    known = timers.of(connection, found)
    firing = incidents.firing(connection, found)
    actions = records.actions_of(connection, found)
    reachable = channels.reachable
    steps = playbook_steps(connection, found.values())
    return {
        number: Gathered(
            case=Case(
                incident=incident,
                config=context.revisions.get(connection, incident.revision).config,
                reachable=reachable,
                fired=frozenset(key for key, entry in known[number].items() if _has_done_its_work(*entry)),
                passed_over={key: timer.due_at for key, (timer, state) in known[number].items() if state is PASSED},
                firing=firing[number],
                actions=actions[number],
                steps=steps[number],
            ),
            timers=known[number],
        )
        for number, incident in found.items()
    }


def _has_done_its_work(timer: Timer, state: TimerState) -> bool:
    """A level that was passed over has not: it may be given a time that is still to come."""
    return state is TimerState.FIRED or (state is PASSED and timer.kind is not TimerKind.PAGE)


def gather_one(connection: Connection, context: Context, number: int, channels: Channels) -> Gathered | None:
    return gather(connection, context, [number], channels).get(number)


def playbook_steps(connection: Connection, found: Collection[Incident]) -> dict[int, tuple[PlaybookStep, ...]]:
    """The steps of each incident's playbook, as it was when it was attached, with what has been ticked off."""
    ticks = records.ticks_of(connection, [incident.id for incident in found if incident.playbook])
    documents = {
        name: records.playbook(connection, name)
        for name in {incident.playbook for incident in found if incident.playbook}
    }
    steps = {name: steps_in(document) for name, document in documents.items() if document}
    return {
        incident.id: _ticked(steps.get(incident.playbook or "", ()), ticks.get(incident.id, {})) for incident in found
    }


def _ticked(steps: tuple[PlaybookStep, ...], marks: Mapping[str, Tickmark]) -> tuple[PlaybookStep, ...]:
    return tuple(_marked(step, marks[step.id]) if step.id in marks else step for step in steps) if marks else steps


def _marked(step: PlaybookStep, mark: Tickmark) -> PlaybookStep:
    return replace(step, done_at=mark.done_at, done_by=mark.done_by, note=mark.note)


UNDER_THE_CARD = (MessageKind.LINE, MessageKind.REPORT)


class Ledger:
    """Gathers what decisions come to, so that `flush` writes it with few statements, however many incidents they are
    about. Between two flushes an incident may change once."""

    def __init__(self, connection: Connection, channels: Channels, now: datetime) -> None:
        self._connection = connection
        self._updatable = channels.updatable
        self._now = now
        self._incidents: list[dict[str, Any]] = []
        self._changed: list[tuple[Incident, Incident]] = []
        self._events: list[dict[str, Any]] = []
        self._timers: list[dict[str, Any]] = []
        self._done: list[tuple[int, str, TimerState]] = []
        self._plans: dict[int, Changes] = {}
        self._messages: list[dict[str, Any]] = []
        self._alerts: list[dict[str, Any]] = []
        self._seen: dict[tuple[int, str], Change] = {}
        self._repeats: dict[tuple[int, str], Change] = {}
        self._at_once: set[int] = set()
        self._freed: set[int] = set()

    def open(self, decision: Decision, arrivals: Sequence[Placed]) -> None:
        """A new incident with everything that belongs to it."""
        incident = decision.incident
        head = self._chain(incident, decision.events)
        self._incidents.append(incident_row(incident) | head)
        for placed in arrivals:
            self.add_alert(incident, placed)
        for timer in decision.planned:
            self._timers.append(self._timer(incident.id, timer, decision.fired.get(timer.key)))
        self._queue(incident, decision.messages)

    def add_alert(self, incident: Incident, placed: Placed) -> None:
        self._alerts.append(alert_row(incident.id, placed.actor.id, placed.alert, self._now))

    def see_alert(self, incident: Incident, alert: Alert) -> None:
        """A repeat or a change of an alert on record. A resolution may come without texts: those on record are kept."""
        self._see(self._seen, incident.id, alert, {})

    def repeat_alert(self, incident: int, alert: Alert) -> None:
        """A repeat that changes nothing of its incident, which need not have been read."""
        self._see(self._repeats, incident, alert, {"status": AlertStatus.FIRING.value})

    def _see(
        self, seen: dict[tuple[int, str], Change], incident: int, alert: Alert, expected: Mapping[str, Any]
    ) -> None:
        columns: dict[str, Any] = {"status": alert.status.value, "last_seen_at": self._now, "ends_at": alert.ends_at}
        if alert.annotations:
            columns |= {"annotations": dict(alert.annotations), "summary": alert.summary}
        before = seen.get((incident, alert.fingerprint))
        seen[incident, alert.fingerprint] = Change(
            where={"incident_id": incident, "fingerprint": alert.fingerprint, **expected},
            columns={**before.columns, **columns} if before else columns,
            added={"count": before.added["count"] + 1 if before else 1},
        )

    def change(self, gathered: Gathered, decision: Decision) -> Incident:
        """The incident as it will stand."""
        case = gathered.case
        if not decision.changed:
            return case.incident
        connection, now = self._connection, self._now
        withdrawn = outbox.stoppable(connection, case.incident.id, decision.stopped) if decision.stopped else []
        events = (*decision.events, *(_cancelled(row, decision.stop_reason) for row in withdrawn))
        head = self._chain(decision.incident, events)
        incident = decision.incident.but(**head, version=case.incident.version + 1)
        self._changed.append((case.incident, incident))
        if _frees(case.incident, decision):
            self._freed.add(incident.id)
        if decision.ticks or changes_course(case.incident, incident):
            self._at_once.add(incident.id)
        outbox.cancel(connection, [row.id for row in withdrawn], decision.stop_reason)
        self._plan(replace(case, incident=incident), gathered.timers, decision)
        self._queue(incident, (*decision.messages, *under_the_cards(case, incident)))
        for mark in decision.ticks:
            records.tick(connection, incident.id, mark)
        records.add_actions(connection, incident.id, decision.actions, now)
        if decision.finished is not None:
            records.finish_action(connection, incident.id, decision.finished)
        return incident

    def flush(self) -> None:
        """Writes what has been gathered, in the order that foreign keys want. Raises Conflict when an incident is no
        longer what was read."""
        connection, now = self._connection, self._now
        incidents.add(connection, self._incidents)
        incidents.change(connection, self._changed)
        incidents.add_alerts(connection, self._alerts)
        incidents.see_alerts(connection, self._seen.values())
        incidents.repeat_alerts(connection, self._repeats.values())
        incidents.add_events(connection, self._events)
        timers.finish(connection, self._done, now)
        timers.apply(connection, self._plans, now)
        timers.add(connection, self._timers)
        outbox.wish_updates(connection, self._at_once, now)
        outbox.wish_updates(connection, {before.id for before, _ in self._changed} - self._at_once, now, soon=True)
        outbox.add(connection, self._messages)
        holding.wake_caused_by(connection, self._freed, now)
        self._clear()

    def _clear(self) -> None:
        for rows in (self._incidents, self._changed, self._alerts, self._events, self._done, self._timers):
            rows.clear()
        for rows_by in (self._seen, self._repeats, self._plans):
            rows_by.clear()
        self._messages.clear()
        self._at_once.clear()
        self._freed.clear()

    def _chain(self, incident: Incident, events: Sequence[Event]) -> dict[str, Any]:
        """Returns the columns of the incident that say where its timeline ends."""
        recorded = chain(incident.id, events, self._now, seq=incident.timeline_seq, head=incident.timeline_hash)
        self._events.extend(event_row(event) for event in recorded)
        return {"timeline_seq": recorded[-1].seq, "timeline_hash": recorded[-1].hash} if recorded else {}

    def _plan(self, case: Case, known: KnownTimers, decision: Decision) -> None:
        number = case.incident.id
        self._done.extend((number, key, state) for key, state in decision.fired.items() if key in known)
        new = {key: state for key, state in decision.fired.items() if key not in known}
        spent = (
            [timer for timer in plan(replace(case, fired=frozenset()), self._now) if timer.key in new] if new else []
        )
        self._timers.extend(self._timer(number, timer, new[timer.key]) for timer in spent)
        left = {key: entry for key, entry in known.items() if key not in decision.fired}
        wanted = plan(replace(case, fired=case.fired | decision.fired.keys()), self._now)
        self._plans[number] = reconcile(left, wanted)

    def _timer(self, incident: int, timer: Timer, spent: TimerState | None) -> dict[str, Any]:
        """A timer that did its work the moment it was wanted is kept too, so that it is never wanted again."""
        row = timer_row(incident, timer, self._now)
        return row if spent is None else row | {"state": spent.value, "done_at": self._now}

    def _queue(self, incident: Incident, messages: Iterable[Message]) -> None:
        """What belongs under a card is for channels that have one: elsewhere each would be one more message."""
        for message in messages:
            updatable = message.channel in self._updatable
            if message.kind in UNDER_THE_CARD:
                if not updatable:
                    continue
                updatable = False
            self._messages.append(outbox.message_row(incident, message, self._now, updatable=updatable))


def _frees(before: Incident, decision: Decision) -> bool:
    """Whether an alert that mutes others may have ended, by itself or with its incident."""
    ended = before.state.active and not decision.incident.state.active
    return ended or any(event.kind == Kind.ALERT_RESOLVED for event in decision.events)


def _cancelled(row: Row[Any], reason: str) -> Event:
    facts = {"page": row.page, "channel": row.channel, "contact": row.contact, "kind": row.kind}
    return Event(kind=Kind.PAGE_CANCELLED.value, actor="system:engine", reason=reason, data=facts)
