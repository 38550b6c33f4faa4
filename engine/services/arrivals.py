"""Alerts on their way through a transaction: where each belongs, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from engine.core.intake import AlertAction, Opening, Placed, most_urgent, open_incident, says_nothing_new, take
from engine.core.model import AlertStatus, Incident, incident_ref
from engine.core.muting import Muted
from engine.core.playbook import hastened
from engine.core.policy import Revision
from engine.db import incidents, placing
from engine.db.incidents import Standing
from engine.db.placing import NOTHING_FOUND, Found, Places, Wanted
from engine.services.cases import Gathered, Ledger, gather
from engine.services.context import Channels, Context
from engine.services.playbooks import follow_priority, playbook_for

SAID: Mapping[AlertAction, tuple[str, str]] = {
    AlertAction.JOINED: ("key", "its key leads to"),
    AlertAction.REPEATED: ("fingerprint", "it fires already in"),
    AlertAction.RESOLVED: ("fingerprint", "it was firing in"),
    AlertAction.DAMPED: ("flapping", "it comes and goes, which is one problem:"),
    AlertAction.IGNORED: ("fingerprint", "it is not on record as firing"),
}
"""The rule that decides, and why, of what comes to alerts by what is on record about them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one alert. `incident` is a reference like INC-42; None where there is no incident for it. `rule`
    names what decided it, and `reason` says why."""

    fingerprint: str
    action: AlertAction
    incident: str | None
    rule: str
    reason: str


@dataclass(kw_only=True, slots=True)
class Arrival:
    """One alert on its way through a transaction, with its number there, what is on record about it, and what became
    of it."""

    placed: Placed
    number: int
    found: Found = NOTHING_FOUND
    outcome: Outcome | None = None
    incident: int | None = None

    def muted(self, found: Muted | None) -> bool:
        """Whether it is; then it touches no incident, not even one that is open for its key."""
        if found is not None:
            self.settle(found.action, found.incident, found.rule, found.reason)
        return found is not None

    def settle(self, action: AlertAction, incident: int | None, rule: str, reason: str) -> None:
        self.incident = incident
        self.outcome = Outcome(
            fingerprint=self.placed.alert.fingerprint,
            action=action,
            incident=None if incident is None else incident_ref(incident),
            rule=rule,
            reason=reason,
        )


def look_up(connection: Connection, arrivals: Iterable[Arrival]) -> Places:
    """Notes with each alert what is on record."""
    arrivals = list(arrivals)
    placed = [arrival.placed for arrival in arrivals]
    places = placing.find(
        connection,
        [Wanted(key=one.key, source=one.actor.id, fingerprint=one.alert.fingerprint) for one in placed],
    )
    for arrival, found in zip(arrivals, places.found, strict=True):
        arrival.found = found
    return places


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
            look_up(self.connection, arrivals)

    def _take(self, groups: dict[int, list[Arrival]]) -> None:
        standings = incidents.standings(self.connection, groups)
        new = {number: group for number, group in groups.items() if not self._repeats(number, standings[number], group)}
        gathered = gather(self.connection, self.context, new, self.channels) if new else {}
        statuses = incidents.statuses_of(self.connection, new)
        for number, group in new.items():
            self._take_group(gathered[number], statuses[number], group)

    def _repeats(self, number: int, standing: Standing, group: Sequence[Arrival]) -> bool:
        """Counts alerts that say nothing new, as most do in a storm, without reading all that there is of their
        incident. False where one of them may say more."""
        config = self.context.revisions.get(self.connection, standing.revision).config
        priority, sealed = standing.priority, standing.sealed
        if not standing.state.active or not all(
            one.found.fires and says_nothing_new(one.placed, config, priority, sealed=sealed) for one in group
        ):
            return False
        rule, reason = SAID[AlertAction.REPEATED]
        for arrival in group:
            arrival.settle(AlertAction.REPEATED, number, rule, f"{reason} {incident_ref(number)}")
            self.ledger.repeat_alert(number, arrival.placed.alert)
        return True

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
        rule, reason = SAID[action]
        if action is AlertAction.IGNORED:
            arrival.settle(action, None, rule, reason)
            return
        arrival.settle(action, incident.id, rule, f"{reason} {incident.ref}")
        if new:
            self.ledger.add_alert(incident, arrival.placed)
        else:
            self.ledger.see_alert(incident, alert)

    def _open(self, groups: dict[str, list[Arrival]]) -> list[Arrival]:
        """Opens what begins with a firing alert; returns what has to go another round."""
        later: list[Arrival] = []
        openings: list[list[Arrival]] = []
        for group in groups.values():
            firing, rest = _leading(_after_resolutions(group))
            if firing:
                openings.append(firing)
                later.extend(rest)
        numbers = incidents.next_ids(self.connection, len(openings)) if openings else []
        begun = self._begun(openings)
        for number, group in zip(numbers, openings, strict=True):
            latest = group[0].found.latest
            self._open_one(number, group, latest, begun.get(latest or 0, ()))
        return later

    def _begun(self, openings: Sequence[Sequence[Arrival]]) -> dict[int, tuple[datetime, ...]]:
        """Of the incident before each, where there was one and that counts."""
        if self.revision.config.flapping is None:
            return {}
        latest = {group[0].found.latest for group in openings}
        return incidents.begun_at_of(self.connection, [number for number in latest if number is not None])

    def _open_one(
        self, number: int, group: Sequence[Arrival], previous: int | None, begun_before: tuple[datetime, ...]
    ) -> None:
        config = self.revision.config
        placed = [arrival.placed for arrival in group]
        worst = most_urgent(placed)
        alert, found = worst.alert, worst.found
        text = f"{alert.title} | {alert.summary}"
        playbook, why = playbook_for(
            self.context.playbooks, config, worst.service, found.priority, alert.labels, text, worst.routed
        )
        opening = Opening(
            number=number,
            revision=self.revision.id,
            reachable=self.reachable,
            now=self.now,
            previous=previous,
            begun_before=begun_before,
            playbook=playbook.version if playbook else None,
            playbook_reason=why,
        )
        decision = open_incident(config, placed, opening, hastened(found, playbook))
        self.ledger.open(decision, placed)
        first = placed[0].found
        group[0].settle(AlertAction.OPENED, number, f"classification/{first.rule}", first.reason)
        rule, reason = SAID[AlertAction.JOINED]
        for arrival in group[1:]:
            arrival.settle(AlertAction.JOINED, number, rule, f"{reason} {decision.incident.ref}")


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


def _after_resolutions(group: list[Arrival]) -> list[Arrival]:
    """From the first firing alert on. A resolution of something that was never sent as firing opens nothing; what fires
    behind it, in the same body or in another's, does."""
    for index, arrival in enumerate(group):
        if arrival.placed.alert.status is AlertStatus.FIRING:
            return group[index:]
        arrival.settle(AlertAction.IGNORED, None, *SAID[AlertAction.IGNORED])
    return []
