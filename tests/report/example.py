"""One incident as it happens: a P0 at night, nobody answers at level 1, the engineering manager takes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from engine.core.model import (
    ActionItem,
    Alert,
    AlertLevel,
    AlertStatus,
    Classification,
    Delivery,
    Event,
    Incident,
    Link,
    Message,
    MessageKind,
    MessageState,
    PlaybookStep,
    Priority,
    RecordedAlert,
    RecordedEvent,
    Seat,
    State,
)
from engine.core.policy import Ladder, Level, Policy, Step
from engine.core.timeline import Kind, chain, format_time
from engine.report.facts import Facts, Related, Relation

OPENED = datetime(2026, 11, 20, 2, 40, 5, tzinfo=UTC)

PEOPLE = {
    "ops-lead": "Olu Adeyemi",
    "senior-ops": "Marta Lindqvist",
    "eng-manager": "Erin Castellano",
    "eng-lead": "Ravi Narayan",
    "cto": "Noor Haddad",
    "vp-eng": "Sam Okafor",
}

LEVELS = {
    "operations": Level(number=1, title="Operations", primary="ops-lead", reached_by=("phone", "email", "slack")),
    "engineering": Level(
        number=2, title="Engineering leadership", primary="eng-manager", reached_by=("phone", "email", "slack")
    ),
    "executive": Level(number=3, title="Executive leadership", primary="cto", reached_by=("phone", "email")),
}


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def after(count: float) -> datetime:
    """So many minutes after the opening."""
    return OPENED + minutes(count)


POLICY = Policy(
    P0=Ladder(
        respond_within=minutes(5),
        steps=(
            Step(level="operations"),
            Step(level="engineering", after=minutes(30)),
            Step(level="executive", after=minutes(60)),
        ),
        lease=minutes(15),
    ),
    P1=Ladder(
        respond_within=minutes(15),
        steps=(
            Step(level="operations"),
            Step(level="engineering", after=minutes(120)),
            Step(level="executive", after=minutes(240)),
        ),
        lease=minutes(30),
    ),
    P2=Ladder(respond_within=minutes(60), steps=(Step(level="operations"),), lease=minutes(240)),
    P3=Ladder(respond_within="next_business_day", lease=minutes(240)),
)

CLASSIFIED = Classification(
    priority=Priority.P0,
    rule="system-down",
    reason="the words “is down” stand in the title",
    alert_level=AlertLevel.CRITICAL,
    respond_within=minutes(5),
)


def incident(**changes: object) -> Incident:
    """INC-42, just opened, with changes."""
    values: dict[str, object] = {
        "id": 42,
        "key": "payments/checkout",
        "title": "Checkout is down in all regions",
        "service": "payments",
        "source": "alertmanager",
        "policy": "standard",
        "revision": 7,
        "priority": Priority.P0,
        "state": State.DETECTION,
        "classification": CLASSIFIED,
        "opened_at": OPENED,
        "cycle_started_at": OPENED,
        "counted_from": OPENED,
        "updated_at": OPENED,
    }
    return Incident(**(values | changes))  # type: ignore[arg-type]  # the fields are a table's columns here


def event(kind: str, actor: str = "system:engine", reason: str = "", **data: object) -> Event:
    return Event(kind=kind, actor=actor, reason=reason, data=data)


def recorded(*lines: tuple[float, Event]) -> tuple[RecordedEvent, ...]:
    """A whole timeline of INC-42 from (minutes after the opening, event)."""
    events: list[RecordedEvent] = []
    for at, line in lines:
        head = events[-1].hash if events else ""
        events.extend(chain(42, [line], after(at), seq=len(events), head=head))
    return tuple(events)


def facts(subject: Incident | None = None, *, events: tuple[RecordedEvent, ...] = (), **changes: object) -> Facts:
    """Facts of INC-42 with this timeline, an hour and a half after the opening, with changes."""
    subject = subject or incident(timeline_seq=len(events), timeline_hash=events[-1].hash if events else "")
    values: dict[str, object] = {
        "incident": subject,
        "events": events,
        "policy": POLICY,
        "levels": LEVELS,
        "people": PEOPLE,
        "generated_at": after(90),
        "engine_version": "0.1.0",
    }
    return Facts(**(values | changes))  # type: ignore[arg-type]  # as above


CLOSED = 3 * 1440 + 430
ERIN = "person:eng-manager via slack"
TIMER = "timer:escalation"
CHANNELS = ["phone", "email", "slack"]

# who, seat, level, minute, reason
PAGED = (
    ("ops-lead", Seat.PRIMARY, "operations", 0, "P0: level 1 is paged at once"),
    ("senior-ops", Seat.SECONDARY, "operations", 5, "no answer in 5 min: the secondary is paged"),
    ("ops-lead", Seat.PRIMARY, "operations", 5, "no answer in 5 min: the primary is paged again"),
    ("eng-manager", Seat.PRIMARY, "engineering", 30, "P0 is open for 30 min"),
    ("eng-lead", Seat.SECONDARY, "engineering", 30, "P0 is open for 30 min"),
)


def _decided(number: int) -> tuple[float, Event]:
    who, seat, level, minute, reason = PAGED[number]
    return minute, event(
        Kind.PAGE_DECIDED,
        TIMER if minute else "system:engine",
        reason,
        page=f"42.{number + 1}",
        contact=who,
        seat=seat.value,
        level=LEVELS[level].number,
        level_title=LEVELS[level].title,
        channels=CHANNELS,
        respond_by=format_time(after(5)) if minute == 0 else None,
    )


def _sent(number: int, channel: str, reference: str, delay: float = 0.02) -> tuple[float, Event]:
    who, _, _, minute, _ = PAGED[number]
    sent = event(
        Kind.PAGE_SENT,
        reason="delivered to the provider",
        page=f"42.{number + 1}",
        channel=channel,
        contact=who,
        reference=reference,
        attempts=1,
        delivery=number * 3 + CHANNELS.index(channel) + 1,
    )
    return minute + delay, sent


def _failed(number: int) -> tuple[float, Event]:
    who, _, _, minute, _ = PAGED[number]
    return minute + 0.03, event(
        Kind.PAGE_FAILED,
        reason="the other channels were used at once",
        page=f"42.{number + 1}",
        channel="phone",
        contact=who,
        error="the number is not in service",
        permanent=True,
    )


TIMELINE = recorded(
    (0, event(Kind.OPENED, "source:alertmanager", "no open incident of this group", alerts=2, priority="P0")),
    (
        0,
        event(
            Kind.CLASSIFIED,
            reason=CLASSIFIED.reason,
            priority="P0",
            rule="system-down",
            alert_level="critical",
            respond_within_s=300,
        ),
    ),
    (0, event(Kind.PLAYBOOK_ATTACHED, reason="rule: every P0", playbook="p0-critical")),
    (
        0,
        event(Kind.ESCALATED, reason="P0: level 1 is paged at once", level=1, planned_at=format_time(OPENED), late_s=0),
    ),
    _decided(0),
    _sent(0, "slack", "D024BE7LR/1795142405.000200"),
    _sent(0, "email", "<42.1.2@tocsin.example.com>"),
    _failed(0),
    (3.5, event(Kind.ALERT_JOINED, "source:alertmanager", "same service and group", alert="CheckoutErrors")),
    (
        5,
        event(
            Kind.RESPONSE_BREACHED,
            TIMER,
            "nobody acknowledged in 5 min",
            level=1,
            due_at=format_time(after(5)),
            late_s=0.2,
        ),
    ),
    _decided(1),
    _decided(2),
    _sent(1, "slack", "D031AA8KQ/1795142706.000100"),
    _sent(1, "email", "<42.2.5@tocsin.example.com>"),
    _sent(2, "slack", "D024BE7LR/1795142706.000300"),
    _sent(2, "email", "<42.3.8@tocsin.example.com>"),
    _failed(2),
    _sent(1, "phone", "call CA7f3e", 0.1),
    (
        30,
        event(
            Kind.ESCALATED,
            TIMER,
            "service is not restored 30 min after the opening",
            level=2,
            planned_at=format_time(after(30)),
            late_s=0.4,
        ),
    ),
    _decided(3),
    _decided(4),
    _sent(3, "slack", "D055QQ1ZX/1795144206.000100"),
    _sent(3, "email", "<42.4.11@tocsin.example.com>"),
    _sent(4, "slack", "D061RT7PL/1795144206.000200"),
    _sent(4, "email", "<42.5.14@tocsin.example.com>"),
    _sent(3, "phone", "call CA81bc", 0.1),
    _sent(4, "phone", "call CA81bd", 0.12),
    (
        31.25,
        event(
            Kind.ACKNOWLEDGED,
            ERIN,
            "clicked Acknowledge",
            by="eng-manager",
            after_s=1875,
            response_due_at=format_time(after(5)),
            met=False,
        ),
    ),
    (31.25, event(Kind.PHASE, ERIN, "acknowledged", phase="assessment", **{"from": "detection"})),
    (33, event(Kind.STEP_TICKED, ERIN, step="1.1", done=True)),
    (36, event(Kind.DOCUMENTED, ERIN, "impact stated", impact="No customer can pay.")),
    (36, event(Kind.PHASE, ERIN, "priority confirmed, impact stated", phase="diagnosis", **{"from": "assessment"})),
    (44, event(Kind.NOTE, ERIN, text="The last deployment halved the connection pool of the payment gateway.")),
    (
        46,
        event(
            Kind.HELD,
            ERIN,
            "rolling back, restored in ten minutes; no need to wake the CTO",
            until=format_time(after(66)),
        ),
    ),
    (47, event(Kind.PHASE, ERIN, "cause stated", phase="resolution", **{"from": "diagnosis"})),
    (56, event(Kind.ALERT_RESOLVED, "source:alertmanager", "cleared", alert="CheckoutDown")),
    (57, event(Kind.ALERTS_CLEARED, "source:alertmanager", "all 3 alerts cleared; the commander is asked")),
    (
        58.5,
        event(
            Kind.RESOLVED,
            ERIN,
            "service is restored",
            restored_at=format_time(after(56.5)),
            validation="Two hundred test payments in each region, error rate back at 0.02 %.",
        ),
    ),
    (58.5, event(Kind.PHASE, ERIN, "service is restored", phase="review", **{"from": "resolution"})),
    (58.5, event(Kind.REPORT_DRAFTED, reason="the incident is resolved")),
    (CLOSED, event(Kind.CLOSED, "person:ops-lead via api", "cause, lessons and actions are complete")),
    (CLOSED, event(Kind.REPORT_FROZEN, reason="the incident is closed")),
)


def _delivery(number: int, way: int) -> Delivery:
    who, seat, level, minute, reason = PAGED[number]
    channel, failed = CHANNELS[way], CHANNELS[way] == "phone" and who == "ops-lead"
    message = Message(
        kind=MessageKind.PAGE,
        channel=channel,
        address=f"{who} on {channel}",
        reason=reason,
        contact=who,
        page=f"42.{number + 1}",
        level=LEVELS[level].number,
        level_title=LEVELS[level].title,
        seat=seat,
    )
    return Delivery(
        id=number * 3 + way + 1,
        message=message,
        state=MessageState.FAILED if failed else MessageState.SENT,
        priority=Priority.P0,
        created_at=after(minute),
        attempts=1,
        sent_at=None if failed else after(minute + 0.02),
        error="the number is not in service" if failed else "",
    )


CARD = Delivery(
    id=99,
    message=Message(kind=MessageKind.CARD, channel="slack", address="#incidents", reason="one card per incident"),
    state=MessageState.SENT,
    priority=Priority.P0,
    created_at=OPENED,
    attempts=1,
    sent_at=after(0.02),
    receipt={"reference": "C024BE91L/1795142405.000100"},
)

ALERTS = tuple(
    RecordedAlert(
        alert=Alert(
            fingerprint=fingerprint,
            status=AlertStatus.RESOLVED,
            title=title,
            summary=summary,
            labels={"alertname": title, "severity": severity, "region": "all"},
            links=(Link(title="Runbook", url="https://runbooks.example.com/checkout?region=all&tab=1"),),
            starts_at=after(begun),
        ),
        first_seen_at=after(seen),
        last_seen_at=after(57),
        count=times,
    )
    for fingerprint, title, summary, severity, begun, seen, times in (
        ("a1f0", "CheckoutDown", "No checkout has succeeded for 2 minutes.", "critical", -2.5, 0, 12),
        ("b2c9", "PaymentGatewayPoolExhausted", "0 of 40 connections are free.", "warning", -1, 0, 12),
        ("c3d8", "CheckoutErrors", "Error rate is 100 % over 5 minutes.", "critical", 3, 3.5, 11),
    )
)

STEPS = (
    PlaybookStep(
        id="severity",
        number="1.1",
        phase="Immediate assessment",
        title="Confirm severity",
        done_at=after(33),
        done_by="eng-manager",
    ),
    PlaybookStep(
        id="impact",
        number="1.2",
        phase="Immediate assessment",
        title="Assess impact",
        done_at=after(36),
        done_by="eng-manager",
        note="all regions, all payment methods",
    ),
    PlaybookStep(id="users", number="2.2", phase="Initial response", title="Tell users"),
)

RESOLVED = incident(
    state=State.CLOSED,
    level=2,
    acknowledged_at=after(31.25),
    acknowledged_by="eng-manager",
    commander="eng-manager",
    priority_confirmed=True,
    impact="No customer could pay in any region for an hour. About 4,100 carts were abandoned;\n"
    "the estimated loss is 210,000 EUR. No payment data was lost or exposed.",
    cause="Deployment 2026.11.19-3 halved the connection pool of the payment gateway client.",
    mitigation="Rolled back to 2026.11.19-2 and drained the stuck connections.",
    validation="Two hundred test payments in each region, error rate back at 0.02 %.",
    lessons="The pool size was not covered by the load test.\n\nThe primary's phone number was out of date, and nobody "
    "had tested it since the move to the new provider.",
    restored_at=after(56.5),
    resolved_at=after(58.5),
    review_due_at=after(5 * 1440),
    closed_at=after(CLOSED),
    previous=17,
    playbook="p0-critical",
    timeline_seq=len(TIMELINE),
    timeline_hash=TIMELINE[-1].hash,
)

FACTS = facts(
    RESOLVED,
    events=TIMELINE,
    alerts=ALERTS,
    deliveries=(*(_delivery(page, way) for page in range(len(PAGED)) for way in range(3)), CARD),
    steps=STEPS,
    actions=(
        ActionItem(what="Load-test every change of the gateway client", owner="eng-lead", due_on="2026-12-04"),
        ActionItem(what="Test every contact's phone each month", owner="ops-lead", due_on="2026-11-27"),
        ActionItem(what="Alert on free connections, not only on errors"),
    ),
    related=(
        Related(relation=Relation.PREVIOUS, id=17, title="Checkout is slow", url="https://tocsin.example.com/i/17"),
    ),
    playbook_title="P0 critical incident",
    generated_at=after(CLOSED),
    zone="Europe/Berlin",
    frozen=True,
)
