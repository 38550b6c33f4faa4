"""What an alert comes to: a new incident, one more alert of an open one, a repeat, a resolution, or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from engine.core.classify import classify, tightened
from engine.core.clearing import all_clear
from engine.core.draft import Case, Decision, Draft, unchanged
from engine.core.enrichment import Addition, enrich
from engine.core.firing import start
from engine.core.flapping import begun, flaps, mark, note_begin
from engine.core.model import (
    ENGINE,
    OWN,
    Actor,
    Alert,
    AlertStatus,
    Classification,
    Incident,
    Priority,
    State,
    incident_ref,
)
from engine.core.notices import ask_for_room, post_cards, tell
from engine.core.policy import Config
from engine.core.priority import set_priority
from engine.core.routing import NOWHERE, Routed, route, told
from engine.core.sealing import seal, why_sealed
from engine.core.spans import spell
from engine.core.timeline import Kind

KEY_LENGTH = 500
NAMED = 3
"""Alerts that are named where several are told of at once."""


class AlertAction(StrEnum):
    """The outcome of one alert, as the webhook answers it."""

    OPENED = "opened"
    JOINED = "joined"
    REPEATED = "repeated"
    RESOLVED = "resolved"
    IGNORED = "ignored"
    SILENCED = "silenced"
    INHIBITED = "inhibited"
    DELAYED = "delayed"
    DAMPED = "damped"
    HEARTBEAT = "heartbeat"  # it says that all is well, and opens nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """An alert with its place: the service it belongs to, the key of the incident that it is part of, how urgent it
    is by itself. The alert has the labels of the `additions` that tables made; `routed` is what routes gave it, and
    `origin` where its service comes from if none of them gave one; `fallback` is its integration's. `waited` says what
    has kept it from people so far."""

    alert: Alert
    service: str
    key: str
    actor: Actor
    found: Classification
    routed: Routed = NOWHERE
    origin: str = ""
    fallback: str | None = None
    additions: tuple[Addition, ...] = ()
    waited: str = ""

    @property
    def why(self) -> str:
        """Why it is where it is."""
        waited = [self.waited] if self.waited else []
        return "; ".join([*map(str, self.additions), told(self.routed, self.service, self.origin), *waited])


def place(config: Config, alert: Alert, actor: Actor, fallback: str | None = None) -> Placed:
    """With what tables say of it, by the routes that it takes; what they leave open is the alert's own, else the
    integration's, else the default. A canary goes to the service that is looked at for it and nowhere else."""
    canary = config.canary is not None and actor.via == OWN.via and alert.service == config.canary.service
    alert, additions = (alert, ()) if canary else enrich(config.enrichment, alert)
    routed = NOWHERE if canary else route(config.routes, alert.labels, actor)
    service, origin = _service(config, alert, fallback, routed)
    labels = [f"{name}={alert.labels.get(name, '')}" for name in routed.group_by]
    group = ",".join(labels) or alert.group or alert.fingerprint
    return Placed(
        alert=alert,
        service=service,
        key=_fit(f"{service}/{group}"),
        actor=actor,
        found=classify(config.classification, alert, routed.giver("priority")),
        routed=routed,
        origin=origin,
        fallback=fallback,
        additions=additions,
    )


def _service(config: Config, alert: Alert, fallback: str | None, routed: Routed) -> tuple[str, str]:
    if routed.service:
        return routed.service, ""
    if alert.service:
        return alert.service, "the alert names it"
    return (fallback, "its integration names it") if fallback else (config.default_service, "it is the default")


def _fit(key: str) -> str:
    """Keys are indexed, and an index takes no more than some 2,700 bytes: a long one ends in its own hash."""
    if len(key) <= KEY_LENGTH:
        return key
    return f"{key[: KEY_LENGTH - 65]}#{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Opening:
    """What the outside gives to a new incident: its number, the revision, who can be reached, its predecessor, and when
    the problem began to fire in that."""

    number: int
    revision: int
    reachable: frozenset[str]
    now: datetime
    previous: int | None = None
    begun_before: tuple[datetime, ...] = ()
    playbook: str | None = None
    playbook_reason: str = ""


def open_incident(config: Config, arrivals: Sequence[Placed], opening: Opening, found: Classification) -> Decision:
    """The opening, by all firing alerts that came together: classified by the most urgent of them (`found`), whose
    routes give the policy too; level 1 paged, the card posted, all in one decision."""
    first, urgent = arrivals[0], most_urgent(arrivals)
    now = opening.now
    incident = Incident(
        id=opening.number,
        key=first.key,
        title=first.alert.title,
        summary=first.alert.summary,
        service=first.service,
        source=first.actor.id,
        group=first.alert.group,
        policy=urgent.routed.policy or config.policy_of(first.service),
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
        begun_at=begun(config.flapping, opening.begun_before, now),
    )
    draft = Draft(Case(incident=incident, config=config, reachable=opening.reachable), now)
    _record_opening(draft, first, urgent)
    if opening.playbook:
        draft.record(Kind.PLAYBOOK_ATTACHED, ENGINE, opening.playbook_reason, playbook=opening.playbook)
    for placed in arrivals[1:]:
        draft.record(Kind.ALERT_JOINED, placed.actor, placed.alert.title, fingerprint=placed.alert.fingerprint)
    _seal_if_told(draft, arrivals)
    post_cards(draft)
    _ask_for_room_if_told(draft)
    draft.planned = start(draft, f"opened as {found.priority}: {found.reason}")
    return draft.decision(f"{incident.ref} is open.")


def most_urgent(arrivals: Sequence[Placed]) -> Placed:
    """Of equals one that pages, the one to be answered soonest, then the first."""
    return min(arrivals, key=_urgency) if len(arrivals) > 1 else arrivals[0]


def _urgency(placed: Placed) -> tuple[int, bool, timedelta]:
    found = placed.found
    return found.priority.rank, not found.page, found.respond_within or timedelta.max


def _record_opening(draft: Draft, first: Placed, urgent: Placed) -> None:
    incident, found = draft.incident, draft.incident.classification
    again = f" (again after {incident_ref(incident.previous)})" if incident.previous else ""
    draft.record(
        Kind.OPENED,
        first.actor,
        first.alert.title + again,
        previous=incident.previous,
        key=first.key,
        fingerprint=first.alert.fingerprint,
        priority=str(incident.priority),
        policy=incident.policy,
        routes=[route.name for route in urgent.routed.routes],
        placed=urgent.why,
    )
    draft.record(
        Kind.CLASSIFIED,
        ENGINE,
        found.reason,
        priority=str(found.priority),
        rule=found.rule,
        alert_level=str(found.alert_level) if found.alert_level else None,
        page=found.page,
        respond_within_s=int(found.respond_within.total_seconds()) if found.respond_within else None,
    )
    draft.record(Kind.PHASE, ENGINE, "opened", phase=str(State.DETECTION), **{"from": None})
    if flaps(draft.case.config.flapping, incident.begun_at):
        mark(draft, first.actor)


def _ask_for_room_if_told(draft: Draft) -> None:
    """Some priorities have a war room from the beginning. A sealed incident has asked for its own already."""
    room, found = draft.case.config.room, draft.incident.classification
    if room is None or draft.incident.room_at is not None:
        return
    if found.page and found.priority in room.priorities:
        ask_for_room(draft, ENGINE, f"every {found.priority} has one")


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
    if case.incident.sealed_at is None:
        _seal_if_told(draft, arrivals)
    outcomes = tuple(_take_one(draft, status, placed) for placed in arrivals)
    firing = [placed for placed in arrivals if _fires(placed, status)]
    _raise_if_worse(draft, firing)
    _tell_what_is_new(draft, [placed for placed in firing if placed.alert.fingerprint not in known])
    if AlertAction.RESOLVED in outcomes and AlertStatus.FIRING not in status.values():
        all_clear(draft, arrivals[-1].actor)
    if draft.events:
        return Taken(decision=draft.decision("taken"), outcomes=outcomes)
    return Taken(decision=unchanged(case.incident, "repeated", "nothing new"), outcomes=outcomes)


def given_up(alert: Alert, after: timedelta, now: datetime) -> Alert:
    """The end of an alert whose sender has not been heard on it for so long. The texts on record stay."""
    title = f"{alert.title}: not heard of for {spell(after)}, so it counts as cleared"
    return replace(alert, status=AlertStatus.RESOLVED, title=title, annotations={}, ends_at=now)


def says_nothing_new(placed: Placed, config: Config, priority: Priority, *, sealed: bool) -> bool:
    """Of an alert that fires on record in an active incident of this priority and configuration: whether all that
    `take` would make of it is a repeat."""
    if placed.alert.status is not AlertStatus.FIRING or placed.found.priority.above(priority):
        return False
    return sealed or why_sealed(config.sealing, placed.service, placed.alert) is None


def _seal_if_told(draft: Draft, arrivals: Sequence[Placed]) -> None:
    """What was nobody's secret may become one when an alert of another kind joins."""
    for placed in arrivals:
        why = why_sealed(draft.case.config.sealing, placed.service, placed.alert)
        if why is not None and placed.alert.status is AlertStatus.FIRING:
            seal(draft, placed.actor, why)
            return


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
    begins = AlertStatus.FIRING not in status.values()
    status[fingerprint] = AlertStatus.FIRING
    draft.record(Kind.ALERT_JOINED, placed.actor, alert.title, fingerprint=fingerprint, again=before is not None)
    if begins:
        note_begin(draft, placed.actor)
    return AlertAction.DAMPED if begins and draft.incident.flapping_since else AlertAction.JOINED


def _fires(placed: Placed, status: Mapping[str, AlertStatus]) -> bool:
    """Still, after all that came with it."""
    return AlertStatus.FIRING is placed.alert.status is status.get(placed.alert.fingerprint)


def _tell_what_is_new(draft: Draft, new: Sequence[Placed]) -> None:
    """Whoever has it would not look again for one more host. A raise has paged level 1 already."""
    owner = draft.incident.lease_owner
    if owner is None or draft.incident.cycle != draft.case.incident.cycle:
        return
    titles = list(dict.fromkeys(_spell(placed.alert) for placed in new if placed.found.page))
    if titles:
        more = f" and {len(titles) - NAMED} more" if len(titles) > NAMED else ""
        tell(draft, owner, f"New in {draft.incident.ref}: {', '.join(titles[:NAMED])}{more}")


def _spell(alert: Alert) -> str:
    """Its title, and where it is."""
    where = alert.labels.get("instance") or alert.labels.get("host")
    return f"{alert.title} on {where}" if where else alert.title


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
