"""The words of the product: priorities, states, incidents, alerts, timers, messages. Values only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from engine.core.errors import NotFound


class Priority(StrEnum):
    """P0 critical, P1 high, P2 medium, P3 low."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"

    @property
    def rank(self) -> int:
        """0 for the most urgent."""
        return int(self.value[1])

    def above(self, other: Priority) -> bool:
        """More urgent than `other`."""
        return self.rank < other.rank


class State(StrEnum):
    DETECTION = "detection"
    ASSESSMENT = "assessment"
    DIAGNOSIS = "diagnosis"
    RESOLUTION = "resolution"
    REVIEW = "review"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    MERGED = "merged"

    @property
    def active(self) -> bool:
        """Someone has to do something about it: paging goes on and alerts join it."""
        return self in ACTIVE_STATES


ACTIVE_STATES = (State.DETECTION, State.ASSESSMENT, State.DIAGNOSIS, State.RESOLUTION)
OPEN_STATES = (*ACTIVE_STATES, State.REVIEW)
PHASES = OPEN_STATES


class AlertLevel(StrEnum):
    CRITICAL = "critical"
    WARNING = "warning"
    INFORMATION = "information"


class AlertStatus(StrEnum):
    FIRING = "firing"
    RESOLVED = "resolved"


class Role(StrEnum):
    """What an actor may do; each includes the ones before it."""

    VIEWER = "viewer"
    RESPONDER = "responder"
    MANAGER = "manager"
    ADMIN = "admin"

    def covers(self, needed: Role) -> bool:
        order = list(Role)
        return order.index(self) >= order.index(needed)


class Duty(StrEnum):
    """What somebody does in an incident. Whoever acknowledges first commands, until it is handed over."""

    COMMANDER = "commander"
    COMMUNICATIONS = "communications"
    SCRIBE = "scribe"


class Until(StrEnum):
    """What ends a level's claim to be paged."""

    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class TimerKind(StrEnum):
    PAGE = "page"  # a level's time has come
    RESPONSE = "response"  # the response is due
    LEASE = "lease"  # ask the owner "still on it?"
    LEASE_ANSWER = "lease_answer"  # the question went unanswered
    UPDATE = "update"  # a status update is due
    QUIET = "quiet"  # all alerts have been clear for long enough
    QUEUE = "queue"  # tell the operations queue in business hours
    REVIEW = "review"  # the review is due
    CLOSE = "close"  # nothing happened for long enough: close by itself


class TimerState(StrEnum):
    PENDING = "pending"
    FIRED = "fired"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    POISONED = "poisoned"


class MessageKind(StrEnum):
    PAGE = "page"  # wakes a person
    CARD = "card"  # the incident's card in a team channel
    LINE = "line"  # under the card: what has changed the incident's course
    REPORT = "report"  # under the card: the report, as the review begins
    ROOM = "room"  # a channel of the incident's own, with its card
    QUESTION = "question"  # asks the owner for a sign of life
    NOTICE = "notice"  # tells a person or a queue, wakes nobody
    UPDATE = "update"  # brings an earlier message up to date, in place


class MessageState(StrEnum):
    PENDING = "pending"
    CLAIMED = "claimed"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Seat(StrEnum):
    """Which of a level's two people."""

    PRIMARY = "primary"
    SECONDARY = "secondary"


class ActorKind(StrEnum):
    PERSON = "person"
    TOKEN = "token"  # noqa: S105 - the kind of an actor, not a secret
    SOURCE = "source"
    TIMER = "timer"
    SYSTEM = "system"


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """Who does something. `id` is a contact's id for a person, a token's name, an integration's name. `through`: the
    role of the program that acts in the person's name."""

    kind: ActorKind
    id: str
    name: str = ""
    role: Role = Role.VIEWER
    via: str = ""
    through: Role | None = None

    def __str__(self) -> str:
        """As it stands on the timeline: `person:ops-lead via slack`."""
        return f"{self.kind}:{self.id}" + (f" via {self.via}" if self.via else "")


ENGINE = Actor(kind=ActorKind.SYSTEM, id="engine", name="Tocsin", role=Role.ADMIN)
OWN = Actor(kind=ActorKind.SOURCE, id="tocsin", name="Tocsin", via="tocsin")
"""Who sends what Tocsin tells of itself. It comes through no integration, though one may have the same name."""
TIMER = Actor(kind=ActorKind.TIMER, id="escalation", name="Escalation timer", role=Role.ADMIN)


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    title: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """One alert as a source read it, before any decision.

    `fingerprint` is stable over repeats of the same problem; `group` names what the sender regards as one problem;
    `values` are measured figures by name (seconds, percent) that thresholds may look at.
    """

    fingerprint: str
    status: AlertStatus
    title: str
    summary: str = ""
    service: str | None = None
    group: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    starts_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Classification:
    """What the rules said, and which one. `respond_within` is the alert level's own escalation time, if it has one."""

    priority: Priority
    rule: str
    reason: str
    alert_level: AlertLevel | None = None
    page: bool = True
    respond_within: timedelta | None = None


@dataclass(frozen=True, kw_only=True)
class Incident:
    """An incident as it stands. All times are aware UTC.

    `generation` grows with every reopening and makes old buttons stale. `cycle` grows each time level 1 is started
    anew (opening, raise, lapsed lease, reopening); `cycle_started_at` is where its response time counts from.
    `counted_from` is where the management levels' times count from (the opening, or the last raise or reopening);
    `level_caps` holds, by level number, the latest time that a raise may not push a level past.
    `declined` are those who have passed it on in this cycle; they are paged no more in it.
    `sealed_at` is since when only those who are `invited`, or have a part in it, may see it.
    `duties` holds, by duty, who does it besides the commander.
    `room_at` is when a channel of its own was asked for. `status` is what was last said to those who wait, at
    `status_at`; `update_due_at` is when the commander is to be reminded of the next, once that was moved.
    `begun_at` is when the problem has lately begun to fire, in incidents before this one too; `flapping_since` is since
    when that is too often; `cleared_at` since when nothing fires, while it is waited whether that lasts.
    `level` is the highest level paged so far, 0 before the first page. `lease_owner` has the incident now: the one who
    acknowledged, until it is handed over.
    """

    id: int
    key: str
    title: str
    service: str
    source: str
    policy: str
    revision: int
    priority: Priority
    state: State
    classification: Classification
    opened_at: datetime
    cycle_started_at: datetime
    counted_from: datetime
    updated_at: datetime
    summary: str = ""
    group: str = ""
    level: int = 0
    generation: int = 1
    cycle: int = 1
    version: int = 1
    overridden: bool = False
    level_caps: Mapping[int, datetime] = field(default_factory=dict)
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    lease_owner: str | None = None
    commander: str | None = None
    duties: Mapping[str, str] = field(default_factory=dict)
    lease_until: datetime | None = None
    lease_asked_at: datetime | None = None
    declined: tuple[str, ...] = ()
    sealed_at: datetime | None = None
    invited: tuple[str, ...] = ()
    room_at: datetime | None = None
    status: str | None = None
    status_at: datetime | None = None
    update_due_at: datetime | None = None
    hold_until: datetime | None = None
    hold_by: str | None = None
    hold_reason: str | None = None
    priority_confirmed: bool = False
    impact: str | None = None
    cause: str | None = None
    mitigation: str | None = None
    validation: str | None = None
    lessons: str | None = None
    restored_at: datetime | None = None
    resolved_at: datetime | None = None
    review_due_at: datetime | None = None
    closed_at: datetime | None = None
    merged_into: int | None = None
    reopened_at: datetime | None = None
    previous: int | None = None
    playbook: str | None = None
    begun_at: tuple[datetime, ...] = ()
    flapping_since: datetime | None = None
    cleared_at: datetime | None = None
    timeline_seq: int = 0
    timeline_hash: str = ""

    @property
    def ref(self) -> str:
        return incident_ref(self.id)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """From a value for every field. The constructor sets so many one by one, which takes ten times as long."""
        incident = object.__new__(cls)
        incident.__dict__.update(values)
        return incident

    def but(self, **columns: Any) -> Self:
        """The same with other values in some fields. Raises TypeError where there is no such field."""
        if not columns.keys() <= self.__dict__.keys():
            raise TypeError(f"an incident has no {', '.join(sorted(columns.keys() - self.__dict__.keys()))}")
        return self.of(self.__dict__ | columns)


@dataclass(frozen=True, kw_only=True, slots=True)
class ActionItem:
    """An improvement agreed in the review. It counts as complete once it has an owner and a date."""

    what: str
    owner: str | None = None
    due_on: str | None = None
    done_at: datetime | None = None
    done_by: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnAction:
    """An action that its owner has still to do: which of the incident's, from 1."""

    incident: Incident
    number: int
    item: ActionItem


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One line for the timeline, before it is numbered and chained. `data` holds JSON values only."""

    kind: str
    actor: str
    reason: str
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Timer:
    """Something to look at when its time comes. `key` is its identity within the incident: a key that has fired
    is never planned again."""

    key: str
    kind: TimerKind
    due_at: datetime
    reason: str
    level: int = 0
    until: Until = Until.RESOLVED


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message on one channel to one address, before it is sent. `page` names the page it belongs to
    ("42.3": incident 42, timeline event 3). `deadline_at`: when retrying ends and the next way is used."""

    kind: MessageKind
    channel: str
    address: str
    reason: str
    contact: str | None = None
    page: str | None = None
    level: int = 0
    level_title: str = ""
    seat: Seat | None = None
    until: Until = Until.RESOLVED
    respond_by: datetime | None = None
    deadline_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedEvent:
    """One line of the timeline as it stands: numbered from 1, chained to the line before it."""

    incident: int
    seq: int
    at: datetime
    kind: str
    actor: str
    reason: str
    data: Mapping[str, object]
    prev_hash: str
    hash: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedAlert:
    """An alert of an incident, with how often and when it was seen."""

    alert: Alert
    first_seen_at: datetime
    last_seen_at: datetime
    count: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """A message with what came of it. `id` is our own name of it at the provider; `receipt` is the provider's proof."""

    id: int
    message: Message
    state: MessageState
    priority: Priority
    created_at: datetime
    attempts: int = 0
    sent_at: datetime | None = None
    error: str = ""
    receipt: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaybookStep:
    """A step of the attached playbook on one incident. `number` is like "1.2": second step of the first `section`;
    `kind` names an entry of the step kinds."""

    id: str
    number: str
    phase: str
    title: str
    section: str = ""
    detail: str = ""
    kind: str = "manual"
    done_at: datetime | None = None
    done_by: str | None = None
    note: str | None = None


INCIDENT_REF = re.compile(r"(?:INC-)?([1-9][0-9]{0,17})", re.IGNORECASE)


def incident_ref(number: int) -> str:
    return f"INC-{number}"


def incident_id(ref: str) -> int:
    """The number of `INC-42` (also `inc-42` and `42`); raises NotFound for anything else."""
    match = INCIDENT_REF.fullmatch(ref.strip())
    if match is None:
        raise NotFound("incident_unknown", f"{ref[:40]!r} is not an incident; incidents are named like INC-42")
    return int(match[1])
