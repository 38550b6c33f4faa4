"""What an alert comes to: a new incident, one more alert of an open one, a repeat, a resolution, or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from engine.core.classify import classify, tightened
from engine.core.decide import end_service
from engine.core.draft import Case, Decision, Draft, unchanged
from engine.core.firing import start
from engine.core.matchers import all_match
from engine.core.model import ENGINE, Actor, Alert, AlertStatus, Classification, Incident, Priority, State, incident_ref
from engine.core.notices import ask_for_room, post_cards, tell
from engine.core.policy import Clearing, Config
from engine.core.priority import set_priority
from engine.core.timeline import Kind

KEY_LENGTH = 500


class AlertAction(StrEnum):
    """The outcome of one alert, as the webhook answers it."""

    OPENED = "opened"
    JOINED = "joined"
    REPEATED = "repeated"
    RESOLVED = "resolved"
    IGNORED = "ignored"
    HEARTBEAT = "heartbeat"  # it says that all is well, and opens nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """An alert with its place: the service it belongs to, the key of the incident that it is part of, how urgent it
    is by itself."""

    alert: Alert
    service: str
    key: str
    actor: Actor
    found: Classification


def place(config: Config, alert: Alert, actor: Actor, fallback: str | None = None) -> Placed:
    """By the first route that matches, else the alert's own service, else the integration's, else the default one."""
    route = next((route for route in config.routes if all_match(route.match, alert.labels)), None)
    service = route.service if route else alert.service or fallback or config.default_service
    labels = [f"{name}={alert.labels.get(name, '')}" for name in route.group_by] if route else []
    group = ",".join(labels) or alert.group or alert.fingerprint
    found = classify(config.classification, alert)
    return Placed(alert=alert, service=service, key=_fit(f"{service}/{group}"), actor=actor, found=found)


def _fit(key: str) -> str:
    """Keys are indexed, and an index takes no more than some 2,700 bytes: a long one ends in its own hash."""
    if len(key) <= KEY_LENGTH:
        return key
    return f"{key[: KEY_LENGTH - 65]}#{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Opening:
    """What the outside gives to a new incident: its number, the revision, who can be reached, its predecessor."""

    number: int
    revision: int
    reachable: frozenset[str]
    now: datetime
    previous: int | None = None
    playbook: str | None = None
    playbook_reason: str = ""


def open_incident(config: Config, arrivals: Sequence[Placed], opening: Opening, found: Classification) -> Decision:
    """The opening, by all firing alerts that came together: classified by the most urgent of them (`found`), level 1
    paged, the card posted, all in one decision."""
    first = arrivals[0]
    now = opening.now
    incident = Incident(
        id=opening.number,
        key=first.key,
        title=first.alert.title,
        summary=first.alert.summary,
        service=first.service,
        source=first.actor.id,
        group=first.alert.group,
        policy=config.policy_of(first.service),
        revision=opening.revision,
        priority=found.priority,
        state=State.DETECTION,
        classification=found,
        opened_at=now,
        cycle_started_at=now,
        counted_from=now,
        updated_at=now,
        previous=opening.previous,
        playbook=opening.playbook,
    )
    draft = Draft(Case(incident=incident, config=config, reachable=opening.reachable), now)
    _record_opening(draft, first)
    if opening.playbook:
        draft.record(Kind.PLAYBOOK_ATTACHED, ENGINE, opening.playbook_reason, playbook=opening.playbook)
    for placed in arrivals[1:]:
        draft.record(Kind.ALERT_JOINED, placed.actor, placed.alert.title, fingerprint=placed.alert.fingerprint)
    post_cards(draft)
    if config.room is not None and found.page and found.priority in config.room.priorities:
        ask_for_room(draft, ENGINE, f"every {found.priority} has one")
    draft.planned = start(draft, f"opened as {found.priority}: {found.reason}")
    return draft.decision(f"{incident.ref} is open.")


def most_urgent(arrivals: Sequence[Placed]) -> Placed:
    """Of equals one that pages, the one to be answered soonest, then the first."""
    return min(arrivals, key=_urgency) if len(arrivals) > 1 else arrivals[0]


def _urgency(placed: Placed) -> tuple[int, bool, timedelta]:
    found = placed.found
    return found.priority.rank, not found.page, found.respond_within or timedelta.max


def _record_opening(draft: Draft, first: Placed) -> None:
    incident, found = draft.incident, draft.incident.classification
    again = f" (again after {incident_ref(incident.previous)})" if incident.previous else ""
    facts = {"key": first.key, "fingerprint": first.alert.fingerprint, "priority": incident.priority.value}
    draft.record(Kind.OPENED, first.actor, first.alert.title + again, previous=incident.previous, **facts)
    draft.record(
        Kind.CLASSIFIED,
        ENGINE,
        found.reason,
        priority=found.priority.value,
        rule=found.rule,
        alert_level=found.alert_level.value if found.alert_level else None,
        page=found.page,
        respond_within_s=int(found.respond_within.total_seconds()) if found.respond_within else None,
    )
    draft.record(Kind.PHASE, ENGINE, "opened", phase=State.DETECTION.value, **{"from": None})


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What alerts did to an active incident: the decision, and for each alert its outcome, in order."""

    decision: Decision
    outcomes: tuple[AlertAction, ...]


def take(case: Case, known: Mapping[str, AlertStatus], arrivals: Sequence[Placed], now: datetime) -> Taken:
    """Alerts for an incident that is active. `known`: the status of each of its alerts by fingerprint. A higher
    priority than the rules have given so far raises it, once for all; when the last alert has cleared, the policy says
    what follows."""
    draft = Draft(case, now)
    status = dict(known)
    outcomes = tuple(_take_one(draft, status, placed) for placed in arrivals)
    _raise_if_worse(draft, [placed for placed in arrivals if _fires(placed, status)])
    if AlertAction.RESOLVED in outcomes and AlertStatus.FIRING not in status.values():
        _all_clear(draft, arrivals[-1].actor)
    if draft.events:
        return Taken(decision=draft.decision("taken"), outcomes=outcomes)
    return Taken(decision=unchanged(case.incident, "repeated", "nothing new"), outcomes=outcomes)


def _take_one(draft: Draft, status: dict[str, AlertStatus], placed: Placed) -> AlertAction:
    alert, fingerprint = placed.alert, placed.alert.fingerprint
    before = status.get(fingerprint)
    if alert.status is AlertStatus.RESOLVED:
        if before is not AlertStatus.FIRING:
            return AlertAction.IGNORED
        status[fingerprint] = AlertStatus.RESOLVED
        draft.record(Kind.ALERT_RESOLVED, placed.actor, alert.title, fingerprint=fingerprint)
        return AlertAction.RESOLVED
    if before is AlertStatus.FIRING:
        return AlertAction.REPEATED
    status[fingerprint] = AlertStatus.FIRING
    draft.record(Kind.ALERT_JOINED, placed.actor, alert.title, fingerprint=fingerprint, again=before is not None)
    return AlertAction.JOINED


def _fires(placed: Placed, status: Mapping[str, AlertStatus]) -> bool:
    """Still, after all that came with it."""
    return AlertStatus.FIRING is placed.alert.status is status.get(placed.alert.fingerprint)


def _raise_if_worse(draft: Draft, firing: Sequence[Placed]) -> None:
    """A person's lower judgement stands against more alerts of a priority that the person had seen."""
    if not firing:
        return
    placed = most_urgent(firing)
    found = placed.found
    before = draft.incident.classification
    if found.priority.above(draft.incident.priority) and found.priority.above(before.priority):
        reason = f"an alert is {found.priority} now: {found.reason}"
        found = replace(found, respond_within=tightened(found.respond_within, before))
        set_priority(draft, found.priority, placed.actor, reason, found)


def _all_clear(draft: Draft, actor: Actor) -> None:
    incident, clearing = draft.incident, draft.case.policy.resolve_on_clear
    nobody_looked = incident.state is State.DETECTION
    if clearing is Clearing.ALWAYS or (clearing is Clearing.DETECTION and nobody_looked):
        end_service(draft, actor, draft.now, "all alerts cleared", "all alerts cleared")
        return
    draft.record(Kind.ALERTS_CLEARED, actor, "all alerts cleared; a person has to resolve", state=incident.state.value)
    owner = incident.commander or incident.acknowledged_by
    if owner:
        tell(draft, owner, f"All alerts of {incident.ref} have cleared. Is it resolved?")


def report_by_hand(title: str, summary: str, service: str | None, priority: Priority | None) -> Alert:
    """A person's report as an alert, so that it takes the same path."""
    labels = {"priority": priority.value} if priority else {}
    flat = " ".join(title.split())
    return Alert(
        fingerprint=f"report:{service or ''}:{flat.lower()}",
        status=AlertStatus.FIRING,
        title=flat,
        summary=summary,
        service=service,
        group=flat.lower(),
        labels=labels,
    )
