"""What Opsgenie's alert API answers, in its own field names."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

from engine.api.dropin.requests import Answered, Asked
from engine.core.timeline import format_time
from engine.services.sent import SentAlert

PRIORITY_AS_SENT = "opsgenie_priority"
USUAL_PRIORITY = "P3"
"""Opsgenie's, of an alert that comes without one."""
OWN_LABELS = frozenset({"entity", "source", "tags", "responders", "priority", PRIORITY_AS_SENT})
OWN_ANNOTATIONS = frozenset({"actions", "note", "user"})
NO_ALERT = "Alert does not exist"
DONE = {
    Asked.CREATE: ("Create", "Created alert"),
    Asked.CLOSE: ("Close", "Closed alert"),
    Asked.ACKNOWLEDGE: ("Acknowledge", "Acknowledged alert"),
    Asked.ADD_NOTE: ("AddNote", "Added note to alert"),
}

Moment = Annotated[datetime, PlainSerializer(format_time, return_type=str)]


class View(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Meta(View):
    """`took` is in seconds."""

    took: float
    request_id: str


class Accepted(Meta):
    """What was asked is durable. What became of it can be asked for under `requestId`."""

    result: str = "Request will be processed"


class Refused(Meta):
    """Why nothing was done. `errors`: by field, what is wrong with it."""

    message: str
    code: int | None = None
    errors: dict[str, str] | None = None


class RequestStatus(View):
    success: bool
    action: str
    processed_at: Moment
    integration_id: str
    is_success: bool
    status: str
    alert_id: str
    alias: str


class RequestStatusAnswer(Meta):
    data: RequestStatus


class IntegrationView(View):
    id: str
    name: str
    type: str


class ReportView(View):
    """Milliseconds from the alert's creation."""

    ack_time: int | None = None
    close_time: int | None = None
    acknowledged_by: str | None = None


class AlertView(View):
    """An alert. It is closed once it has cleared, or somebody has resolved its incident."""

    id: str
    tiny_id: str
    alias: str
    message: str
    status: str
    acknowledged: bool
    is_seen: bool
    tags: list[str]
    snoozed: bool = False
    count: int
    last_occurred_at: Moment
    created_at: Moment
    updated_at: Moment
    source: str
    owner: str
    priority: str
    responders: list[dict[str, Any]] = Field(default=[], description="Always empty: who is paged is Tocsin's to say.")
    integration: IntegrationView
    report: ReportView
    actions: list[str] = []
    entity: str
    description: str
    details: dict[str, str]


class AlertAnswer(Meta):
    data: AlertView


def request_status(answered: Answered, integration: str, names: dict[int, str]) -> RequestStatus:
    """`names`: the fingerprints of the alerts of the incident that the request was about."""
    action, done = DONE[answered.asked]
    found = answered.alert_among(names)
    number, alias = found or ("", "")
    return RequestStatus(
        success=found is not None,
        action=action,
        processed_at=answered.at,
        integration_id=integration,
        is_success=found is not None,
        status=done if found else NO_ALERT,
        alert_id=str(number),
        alias=alias,
    )


def alert_view(sent: SentAlert, integration: IntegrationView) -> AlertView:
    alert, incident = sent.recorded.alert, sent.incident
    labels = alert.labels
    return AlertView(
        id=str(sent.number),
        tiny_id=str(sent.number),
        alias=alert.fingerprint,
        message=alert.title,
        status="open" if sent.open else "closed",
        acknowledged=incident.acknowledged_at is not None,
        is_seen=incident.acknowledged_at is not None,
        tags=[tag for tag in labels.get("tags", "").split(", ") if tag],
        count=sent.recorded.count,
        last_occurred_at=sent.recorded.last_seen_at,
        created_at=sent.recorded.first_seen_at,
        updated_at=max(sent.recorded.last_seen_at, incident.updated_at),
        source=labels.get("source", ""),
        owner=incident.acknowledged_by or "",
        priority=labels.get(PRIORITY_AS_SENT, USUAL_PRIORITY),
        integration=integration,
        report=_report(sent),
        entity=labels.get("entity", ""),
        description=alert.summary,
        details={name: value for name, value in labels.items() if name not in OWN_LABELS}
        | {name: value for name, value in alert.annotations.items() if name not in OWN_ANNOTATIONS},
    )


def _report(sent: SentAlert) -> ReportView:
    incident, created = sent.incident, sent.recorded.first_seen_at
    closed = None if sent.open else sent.recorded.alert.ends_at or incident.resolved_at or incident.closed_at
    return ReportView(
        ack_time=_milliseconds(created, incident.acknowledged_at),
        close_time=_milliseconds(created, closed),
        acknowledged_by=incident.acknowledged_by,
    )


def _milliseconds(since: datetime, until: datetime | None) -> int | None:
    return max(0, round((until - since).total_seconds() * 1000)) if until else None
