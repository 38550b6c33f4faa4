"""What the REST API shows, field by field, and how it comes from the services' values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.responses import Response

from engine.core.model import (
    Alert,
    AlertLevel,
    AlertStatus,
    Delivery,
    Message,
    MessageKind,
    MessageState,
    Priority,
    RecordedAlert,
    Seat,
    State,
    Timer,
    TimerKind,
    TimerState,
    Until,
    incident_ref,
)
from engine.db.mutings import MutedAlert, Muting
from engine.services.desk import Done
from engine.services.envelopes import to_do
from engine.services.reading import IncidentView

ALERTS_SHOWN = 1000
"""More than anyone reads and a page can show; the firing ones come first."""

Ref = Annotated[
    str,
    BeforeValidator(lambda value: incident_ref(value) if isinstance(value, int) else value),
    Field(pattern=r"^INC-[1-9][0-9]*$", examples=["INC-42"]),
]


class View(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True, populate_by_name=True, use_attribute_docstrings=True)


class ClassificationView(View):
    """What the rules said and which one. A person's override stands in the incident's own `priority`."""

    priority: Priority
    rule: str
    reason: str
    alert_level: AlertLevel | None
    page: bool


class LinkView(View):
    title: str
    url: str


class TimerView(View):
    kind: TimerKind
    level: int
    due_at: datetime
    until: Until
    state: TimerState
    reason: str


class AlertView(View):
    fingerprint: str
    status: AlertStatus
    title: str
    summary: str
    service: str | None
    labels: dict[str, str]
    annotations: dict[str, str]
    values: dict[str, float]
    links: tuple[LinkView, ...]
    starts_at: datetime | None
    ends_at: datetime | None
    first_seen_at: datetime
    last_seen_at: datetime
    count: int


class MutedAlertView(View):
    """An alert that was muted: how often, and when for the first and the last time."""

    source: str
    fingerprint: str
    title: str
    service: str
    labels: dict[str, str]
    first_at: datetime
    last_at: datetime
    count: int


class MutedView(View):
    """What one rule has kept from people by cause of this incident. `count`: how often an alert was muted."""

    rule: str
    count: int
    first_at: datetime
    last_at: datetime
    alerts: tuple[MutedAlertView, ...]
    """The latest first; 100 at most."""


class RungView(View):
    """One level of the ladder: who is next, and when."""

    level: int
    title: str
    who: str
    due_at: datetime | None
    state: str
    reason: str


class MessageView(View):
    """Who was told what on which channel, and what came of it. Addresses are not shown."""

    kind: MessageKind
    channel: str
    contact: str | None
    level: int
    seat: Seat | None
    reason: str
    state: MessageState
    attempts: int
    created_at: datetime
    sent_at: datetime | None
    error: str


class StepView(View):
    id: str
    number: str
    section: str
    phase: str
    title: str
    detail: str
    kind: str
    done_at: datetime | None
    done_by: str | None
    note: str | None


class ActionView(View):
    what: str
    owner: str | None
    due_on: str | None
    done_at: datetime | None
    done_by: str | None


class IncidentSummary(View):
    """An incident by itself. All times are in UTC."""

    id: Annotated[Ref, Field(validation_alias="ref")]
    key: str
    title: str
    summary: str
    priority: Priority
    state: State
    service: str
    source: str
    opened_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None
    closed_at: datetime | None
    commander: str | None
    level: int
    """The highest level paged so far; 0 before the first page."""
    classification: ClassificationView
    generation: int
    """Grows with every reopening."""
    updated_at: datetime
    policy: str
    revision: int
    """The revision of the configuration under which it was opened."""
    playbook: str | None
    lease_until: datetime | None
    """When the owner is asked whether they are still on it."""
    sealed_at: datetime | None
    """Since when only those who were invited can see it; what they alone may know is empty for everybody else."""
    invited: tuple[str, ...]
    hold_until: datetime | None
    hold_by: str | None
    hold_reason: str | None
    priority_confirmed: bool
    impact: str | None
    cause: str | None
    mitigation: str | None
    validation: str | None
    lessons: str | None
    restored_at: datetime | None
    review_due_at: datetime | None
    reopened_at: datetime | None
    flapping_since: datetime | None
    """Since when the problem comes and goes too often to be told of each time."""
    cleared_at: datetime | None
    """Since when nothing fires, while it is waited whether that lasts."""
    previous: Ref | None
    """The incident of the same key before this one."""
    merged_into: Ref | None


class IncidentDetail(IncidentSummary):
    """An incident with all that belongs to it."""

    timers: tuple[TimerView, ...]
    alerts: tuple[AlertView, ...]
    """The firing ones first, then the latest; 1000 at most."""
    alert_count: int
    links: tuple[LinkView, ...]
    """Where its alerts lead: runbooks, dashboards, the sender."""
    ladder: tuple[RungView, ...]
    messages: tuple[MessageView, ...]
    steps: tuple[StepView, ...]
    """Of its playbook."""
    actions: tuple[ActionView, ...]
    people: dict[str, str]
    """The names of the contacts that are mentioned here."""
    muted: tuple[MutedView, ...]
    """Alerts that are muted while this incident lasts, by the inhibition that does it."""
    next_step: str


class IncidentPage(View):
    items: tuple[IncidentSummary, ...]
    next: str | None
    """The cursor of the next page; null at the end."""


class EventView(View):
    """A line of the timeline. `hash` is SHA-256 over `prev_hash` and the line, as `tocsin verify` checks it."""

    seq: int
    at: datetime
    kind: str
    actor: str
    reason: str
    data: dict[str, Any]
    prev_hash: str
    hash: str


class TimelinePage(View):
    items: tuple[EventView, ...]
    next: str | None
    """The cursor of the next page; null at the end."""


class CommandAnswer(View):
    """What came of a command. `changed` is false where it was so already."""

    changed: bool
    code: str
    sentence: str
    incident: IncidentSummary


def detail(view: IncidentView) -> IncidentDetail:
    return IncidentDetail(
        **IncidentSummary.model_validate(view.incident).model_dump(),
        timers=tuple(TimerView.model_validate(_named(timer) | {"state": state}) for timer, state in view.timers),
        alerts=tuple(map(_alert, _worst_first(view.alerts)[:ALERTS_SHOWN])),
        alert_count=len(view.alerts),
        links=_links(view.alerts),
        ladder=tuple(RungView.model_validate(rung) for rung in view.ladder),
        messages=tuple(MessageView.model_validate(_named(one.message) | _named(one)) for one in view.deliveries),
        steps=tuple(StepView.model_validate(step) for step in view.steps),
        actions=tuple(ActionView.model_validate(action) for action in view.actions),
        people=_mentioned(view),
        muted=tuple(_muted(*one) for one in view.muted),
        next_step=to_do(view.incident),
    )


def _muted(muting: Muting, alerts: Iterable[MutedAlert]) -> MutedView:
    return MutedView(
        rule=muting.rule.rpartition("/")[0],
        count=muting.count,
        first_at=muting.first_at,
        last_at=muting.last_at,
        alerts=tuple(map(MutedAlertView.model_validate, alerts)),
    )


def _alert(recorded: RecordedAlert) -> AlertView:
    return AlertView.model_validate(_named(recorded.alert) | _named(recorded))


def _named(value: Alert | Delivery | Message | RecordedAlert | Timer) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _worst_first(alerts: Iterable[RecordedAlert]) -> list[RecordedAlert]:
    latest = sorted(alerts, key=lambda one: one.last_seen_at, reverse=True)
    return sorted(latest, key=lambda one: one.alert.status is not AlertStatus.FIRING)


def _links(alerts: Iterable[RecordedAlert]) -> tuple[LinkView, ...]:
    """Each address once, under its first title."""
    found: dict[str, LinkView] = {}
    for recorded in alerts:
        for link in recorded.alert.links:
            found.setdefault(link.url, LinkView.model_validate(link))
    return tuple(found.values())[:ALERTS_SHOWN]


def _mentioned(view: IncidentView) -> dict[str, str]:
    incident = view.incident
    named = {incident.commander, incident.acknowledged_by, incident.hold_by}
    named |= {delivery.message.contact for delivery in view.deliveries}
    named |= {step.done_by for step in view.steps} | {
        who for action in view.actions for who in (action.owner, action.done_by)
    }
    return {identity: name for identity, name in view.people.items() if identity in named}


def command_answer(done: Done) -> CommandAnswer:
    decision = done.decision
    return CommandAnswer(
        changed=decision.changed,
        code=decision.code,
        sentence=decision.sentence,
        incident=IncidentSummary.model_validate(done.incident),
    )


def show(view: View, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(view.model_dump_json(), status, headers, "application/json")
