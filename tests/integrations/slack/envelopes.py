"""One bad night in Berlin, at the moments that a message is sent."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.core.model import (
    Alert,
    AlertStatus,
    Classification,
    Incident,
    Link,
    Message,
    MessageKind,
    Priority,
    Seat,
    State,
)
from engine.ports import Envelope, Rung, Tried

OPENED = datetime(2026, 1, 17, 2, 0, tzinfo=UTC)  # 03:00 in Berlin
PEOPLE = {"ana": "Ana Silva", "ben": "Ben Okafor"}

ALERT = Alert(
    fingerprint="f1",
    status=AlertStatus.FIRING,
    title="CheckoutDown",
    summary="12 of 12 requests failed",
    labels={"severity": "critical"},
    links=(Link(title="Dashboard", url="https://grafana.example.com/d/checkout?from=1&to=2"),),
)

INCIDENT = Incident(
    id=42,
    key="checkout",
    title="Checkout is down",
    summary="Every payment fails since the release",
    service="checkout",
    source="alertmanager",
    policy="standard",
    revision=1,
    priority=Priority.P0,
    state=State.DETECTION,
    classification=Classification(priority=Priority.P0, rule="down", reason="a system is down"),
    opened_at=OPENED,
    cycle_started_at=OPENED,
    counted_from=OPENED,
    updated_at=OPENED,
    level=1,
)

MESSAGE = Message(
    kind=MessageKind.PAGE,
    channel="slack",
    address="U0000ANA",
    contact="ana",
    page="42.3",
    level=1,
    level_title="Operations",
    seat=Seat.PRIMARY,
    respond_by=OPENED + timedelta(minutes=5),
    reason="P0: Operations is due at the opening",
)

LADDER = (
    Rung(level=1, title="Operations", who="Ana Silva, then Ben Okafor", due_at=None, state="paged"),
    Rung(level=2, title="Engineering", who="Erin Chen", due_at=OPENED + timedelta(minutes=30), state="due"),
    Rung(level=3, title="Executive", who="Cleo Roth", due_at=OPENED + timedelta(hours=1), state="due"),
)

PAGE = Envelope(
    id="17",
    message=MESSAGE,
    incident=INCIDENT,
    headline="P0 Checkout is down · answer by 03:05 CET · you are primary, Operations (level 1) · INC-42",
    now=OPENED,
    zone="Europe/Berlin",
    recipient="Ana Silva",
    people=PEOPLE,
    ladder=LADDER,
    tried=(Tried(who="Ana Silva", channel="phone", at=OPENED, outcome="failed", detail="no answer"),),
    alerts=(ALERT,),
    alert_count=1,
    next_step="Ben Okafor is paged at 03:05",
)


def at(minutes: float) -> datetime:
    return OPENED + timedelta(minutes=minutes)


def envelope(*, after: float = 0, message: dict[str, Any] | None = None, **incident: Any) -> Envelope:
    """PAGE, `after` minutes later, with these fields of the message and of the incident changed."""
    changed = replace(INCIDENT, **incident)
    return replace(PAGE, now=at(after), incident=changed, message=replace(MESSAGE, **(message or {})))


ACKNOWLEDGED: dict[str, Any] = {
    "state": State.ASSESSMENT,
    "acknowledged_at": at(3),
    "acknowledged_by": "ana",
    "lease_owner": "ana",
    "commander": "ana",
    "lease_until": at(18),
}
RESOLVED: dict[str, Any] = {
    **ACKNOWLEDGED,
    "state": State.REVIEW,
    "lease_until": None,
    "restored_at": at(41),
    "resolved_at": at(42),
    "validation": "error rate back under 0.1 %",
    "review_due_at": at(5 * 24 * 60),
}
