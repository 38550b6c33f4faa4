"""Rows ↔ values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from sqlalchemy import Row

from engine.core.model import (
    Alert,
    AlertLevel,
    AlertStatus,
    Classification,
    Delivery,
    Incident,
    Link,
    Message,
    MessageKind,
    MessageState,
    Priority,
    RecordedAlert,
    RecordedEvent,
    Seat,
    State,
    Timer,
    TimerKind,
    Until,
)
from engine.core.timeline import format_time

INCIDENT_FIELDS = tuple(field.name for field in fields(Incident))
INCIDENT_VALUES = attrgetter(*INCIDENT_FIELDS)


def incident_row(incident: Incident) -> dict[str, Any]:
    row = dict(vars(incident))
    row["classification"] = classification_json(incident.classification)
    row["level_caps"] = caps_json(incident.level_caps)
    row["begun_at"] = times_json(incident.begun_at)
    row["priority"], row["state"] = str(incident.priority), str(incident.state)
    return row


def changed_columns(before: Incident, after: Incident) -> dict[str, Any]:
    """Only what differs, as the columns take it."""
    known = vars(before)
    changed = {name: value for name, value in vars(after).items() if value != known[name]}
    if "classification" in changed:
        changed["classification"] = classification_json(after.classification)
    if "level_caps" in changed:
        changed["level_caps"] = caps_json(after.level_caps)
    if "begun_at" in changed:
        changed["begun_at"] = times_json(after.begun_at)
    return changed


def times_json(times: Sequence[datetime]) -> list[str]:
    return [format_time(at) for at in times]


def caps_json(caps: Mapping[int, datetime]) -> dict[str, str]:
    return {str(level): format_time(due) for level, due in caps.items()}


def classification_json(found: Classification) -> dict[str, Any]:
    return {
        "priority": str(found.priority),
        "rule": found.rule,
        "reason": found.reason,
        "alert_level": str(found.alert_level) if found.alert_level else None,
        "page": found.page,
        "respond_within_s": found.respond_within.total_seconds() if found.respond_within is not None else None,
    }


def read_classification(data: Mapping[str, Any]) -> Classification:
    within = data["respond_within_s"]
    return Classification(
        priority=Priority(data["priority"]),
        rule=data["rule"],
        reason=data["reason"],
        alert_level=AlertLevel(data["alert_level"]) if data["alert_level"] else None,
        page=data["page"],
        respond_within=timedelta(seconds=within) if within is not None else None,
    )


def read_times(texts: Sequence[str] | None) -> tuple[datetime, ...]:
    return tuple(datetime.fromisoformat(text) for text in texts or ())


def read_incident(row: Row[Any]) -> Incident:
    values = dict(zip(INCIDENT_FIELDS, INCIDENT_VALUES(row), strict=True))
    values["classification"] = read_classification(values["classification"])
    values["level_caps"] = {int(level): datetime.fromisoformat(due) for level, due in values["level_caps"].items()}
    values["duties"] = values["duties"] or {}
    values["declined"] = tuple(values["declined"] or ())
    values["begun_at"] = read_times(values["begun_at"])
    values["invited"] = tuple(values["invited"] or ())
    values["priority"], values["state"] = Priority(values["priority"]), State(values["state"])
    return Incident.of(values)


def alert_row(incident: int, source: str, alert: Alert, now: datetime) -> dict[str, Any]:
    return {
        "incident_id": incident,
        "source": source,
        "fingerprint": alert.fingerprint,
        "status": str(alert.status),
        "title": alert.title,
        "summary": alert.summary,
        "service": alert.service,
        "group": alert.group,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "values": dict(alert.values),
        "links": [[link.title, link.url] for link in alert.links],
        "starts_at": alert.starts_at,
        "ends_at": alert.ends_at,
        "first_seen_at": now,
        "last_seen_at": now,
        "count": 1,
    }


def read_alert(row: Row[Any]) -> RecordedAlert:
    alert = Alert(
        fingerprint=row.fingerprint,
        status=AlertStatus(row.status),
        title=row.title,
        summary=row.summary,
        service=row.service,
        group=row.group,
        labels=row.labels,
        annotations=row.annotations,
        values=row._mapping["values"],  # noqa: SLF001 - public by SQLAlchemy's word; a Row's own `values` hides the column
        links=tuple(Link(title=title, url=url) for title, url in row.links),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
    )
    return RecordedAlert(
        alert=alert,
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
        count=row._mapping["count"],  # noqa: SLF001 - as above: `count` is a tuple's method
    )


def event_row(event: RecordedEvent) -> dict[str, Any]:
    return {
        "incident_id": event.incident,
        "seq": event.seq,
        "at": event.at,
        "kind": event.kind,
        "actor": event.actor,
        "reason": event.reason,
        "data": event.data,
        "prev_hash": event.prev_hash,
        "hash": event.hash,
    }


def read_event(row: Row[Any]) -> RecordedEvent:
    return RecordedEvent(
        incident=row.incident_id,
        seq=row.seq,
        at=row.at,
        kind=row.kind,
        actor=row.actor,
        reason=row.reason,
        data=row.data,
        prev_hash=row.prev_hash,
        hash=row.hash,
    )


def timer_row(incident: int, timer: Timer, now: datetime) -> dict[str, Any]:
    return {
        "incident_id": incident,
        "key": timer.key,
        "kind": str(timer.kind),
        "level": timer.level,
        "due_at": timer.due_at,
        "until": str(timer.until),
        "state": "pending",
        "reason": timer.reason,
        "created_at": now,
        "done_at": None,
    }


def read_timer(row: Row[Any]) -> Timer:
    return Timer(
        key=row.key,
        kind=TimerKind(row.kind),
        due_at=row.due_at,
        reason=row.reason,
        level=row.level,
        until=Until(row.until),
    )


def read_message(row: Row[Any]) -> Message:
    return Message(
        kind=MessageKind(row.kind),
        channel=row.channel,
        address=row.address,
        reason=row.reason,
        contact=row.contact,
        page=row.page,
        level=row.level,
        level_title=row.level_title,
        seat=Seat(row.seat) if row.seat else None,
        until=Until(row.until),
        respond_by=row.respond_by,
        deadline_at=row.deadline_at,
    )


def read_delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        message=read_message(row),
        state=MessageState(row.state),
        priority=Priority(f"P{row.priority}"),
        created_at=row.created_at,
        attempts=row.attempts,
        sent_at=row.sent_at,
        error=row.error,
        receipt=row.receipt or {},
    )
