"""The report as a value: what the JSON form holds, and all that the other forms show. Versioned; fields are only added.

Spans are seconds in fields that end in `_s`. Times are UTC. Text is clean of what no reader can see, except for the
timeline's own words, which stay exactly as they were recorded so that the hashes can be checked from the file alone.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from engine.core.model import AlertLevel, AlertStatus, MessageKind, Priority, Seat, State
from engine.report.facts import Relation
from engine.report.text import clean, scrub, web_address


def in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:  # within a day of the calendar's ends
        return at.replace(tzinfo=UTC)


Text = Annotated[str, AfterValidator(clean)]
Exact = Annotated[str, AfterValidator(scrub)]
Moment = Annotated[AwareDatetime, AfterValidator(in_utc)]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RelatedIncident(Part):
    relation: Relation
    ref: str
    title: Text = ""
    url: Annotated[str | None, BeforeValidator(web_address)] = None


class Header(Part):
    ref: str
    title: Text
    priority: Priority
    state: State
    service: Text
    source: Text
    commander: Text | None
    opened_at: Moment
    acknowledged_at: Moment | None
    acknowledged_by: Text | None
    restored_at: Moment | None
    resolved_at: Moment | None
    closed_at: Moment | None
    review_due_at: Moment | None
    related: tuple[RelatedIncident, ...]


class Measured(Part):
    """From one time to another; `seconds` is None while one of the two is not on record, and `note` says why."""

    start: Moment | None
    end: Moment | None
    seconds: float | None
    note: Text = ""


class PhaseStatus(StrEnum):
    WORKED = "worked"
    CURRENT = "current"
    SKIPPED = "skipped"
    NOT_REACHED = "not_reached"


class Phase(Part):
    """`seconds` is the sum over all visits: a reopened incident comes back to a phase."""

    phase: State
    status: PhaseStatus
    entered_at: Moment | None = None
    left_at: Moment | None = None
    seconds: float | None = None
    visits: int = 0


class Measures(Part):
    """`detect`: the first alert began → opened. `acknowledge`: opened → first acknowledged.
    `resolve`: opened → restored. `disruption`: the first alert began, or opened, → restored."""

    detect: Measured
    acknowledge: Measured
    resolve: Measured
    disruption: Measured
    reopened: int
    phases: tuple[Phase, ...]


class Cause(StrEnum):
    """Why a response was due."""

    OPENED = "opened"
    RAISED = "raised"
    LAPSED = "lapsed"  # an acknowledgement ended without a sign of life
    REOPENED = "reopened"
    ESCALATED = "escalated"  # a higher level has a target of its own


class Outcome(StrEnum):
    MET = "met"
    MISSED = "missed"
    WAITING = "waiting"  # not answered, not yet due
    NOT_NEEDED = "not_needed"  # it ended before the response was due
    REPLACED = "replaced"  # a raise came first, and with it a new response
    UNKNOWN = "unknown"  # when it was due is not on record


class Target(Part):
    """One response that was due. `by_s`: the time to spare where met, the lateness where missed (so far, while nobody
    has answered), what is left while waiting."""

    cause: Cause
    level: int
    priority: Priority
    counted_from: Moment
    due_at: Moment | None
    within_s: float | None
    outcome: Outcome
    by_s: float | None
    answered_at: Moment | None
    answered_by: Text | None


class LevelOutcome(StrEnum):
    PAGED = "paged"
    UNDELIVERED = "undelivered"  # decided, but no channel has confirmed that it took it
    UNREACHABLE = "unreachable"
    SUPERSEDED = "superseded"
    NOT_NEEDED = "not_needed"
    PENDING = "pending"


class LevelPaged(Part):
    """One level's turn. `late_s` is below 0 where somebody escalated by hand before the time."""

    level: int
    title: Text
    planned_at: Moment | None
    paged_at: Moment | None
    late_s: float | None
    on_time: bool | None
    by_hand: bool
    delivered_at: Moment | None
    outcome: LevelOutcome
    reason: Text


class Late(Part):
    """Something that came later than it was due. `line`: its number on the timeline."""

    what: Text
    due_at: Moment
    at: Moment
    late_s: float
    reason: Text
    line: int


class Attempt(Part):
    """One way to reach one person, and what came of it. `receipt` is the provider's proof."""

    channel: Text
    state: Literal["sent", "failed", "cancelled", "waiting"]
    at: Moment | None
    tries: int
    receipt: Text
    error: Text


class PageOutcome(StrEnum):
    ANSWERED = "answered"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    WAITING = "waiting"


class Page(Part):
    page: Text
    at: Moment
    contact: Text
    who: Text
    level: int
    level_title: Text
    seat: Seat | None
    respond_by: Moment | None
    reason: Text
    outcome: PageOutcome
    answered_at: Moment | None
    attempts: tuple[Attempt, ...]


class OtherMessage(Part):
    """A message that wakes nobody: a card, a notice, a question to the owner."""

    kind: MessageKind
    at: Moment
    to: Text
    reason: Text
    attempt: Attempt


class Override(Part):
    """A person's judgement over the rules'."""

    at: Moment
    by: Text
    before: Text
    after: Text
    reason: Text


class Classified(Part):
    """`priority` is what the rules said; overrides come after it, in order."""

    priority: Priority
    rule: Text
    reason: Text
    alert_level: AlertLevel | None
    respond_within_s: float | None
    page: bool
    overrides: tuple[Override, ...]


class Decision(Part):
    at: Moment
    seq: int
    what: Text
    detail: Text
    by: Text
    reason: Text


class Step(Part):
    number: Text
    phase: Text
    title: Text
    done: bool
    done_by: Text | None
    done_at: Moment | None
    note: Text | None


class Playbook(Part):
    title: Text
    steps: tuple[Step, ...]


class Review(Part):
    cause: Text | None
    mitigation: Text | None
    validation: Text | None
    lessons: Text | None


class Action(Part):
    """`complete`: it has an owner and a date."""

    what: Text
    owner: Text | None
    due_on: Text | None
    complete: bool
    done_at: datetime | None = None


class AlertLink(Part):
    title: Text
    url: str


class AlertSeen(Part):
    title: Text
    summary: Text
    fingerprint: Text
    status: AlertStatus
    severity: Text
    labels: dict[Text, Text]
    times_seen: int
    starts_at: Moment | None
    first_seen_at: Moment
    last_seen_at: Moment
    links: tuple[AlertLink, ...]


class Alerts(Part):
    """`received` counts repeats, `worst` is the highest alert level among them."""

    distinct: int
    received: int
    firing: int
    worst: AlertLevel | None
    first_seen_at: Moment | None
    last_seen_at: Moment | None
    items: tuple[AlertSeen, ...]


class Line(Part):
    """A line of the timeline as recorded, with `what`, `detail` and `by` for readers."""

    seq: int
    at: Moment
    kind: Exact
    actor: Exact
    reason: Exact
    data: dict[str, JsonValue]
    prev_hash: str
    hash: str
    what: Text
    detail: Text
    by: Text


class Integrity(Part):
    """Whether the timeline held when the report was made, and how anyone can check it again."""

    lines: int
    head: str
    holds: bool
    statement: Text
    command: str


class Report(Part):
    """Everything about one incident. `final`: the incident is closed and this does not change any more."""

    version: Literal[1] = 1
    generated_at: Moment
    engine_version: str
    zone: str
    final: bool
    header: Header
    summary: tuple[Text, ...]
    impact: Text | None
    measures: Measures
    targets: tuple[Target, ...]
    levels: tuple[LevelPaged, ...]
    late: tuple[Late, ...] = ()
    pages: tuple[Page, ...]
    messages: tuple[OtherMessage, ...]
    classification: Classified
    decisions: tuple[Decision, ...]
    playbook: Playbook | None
    review: Review
    actions: tuple[Action, ...]
    alerts: Alerts
    timeline: Annotated[tuple[Line, ...], Field(description="append-only, each line hashed over the one before it")]
    integrity: Integrity


def json_schema() -> str:
    """The published schema, `report.schema.json`."""
    schema = Report.model_json_schema(mode="serialization")
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"
