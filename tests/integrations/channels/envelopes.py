"""A page at 3 am in Berlin, and what can be different about it."""

from __future__ import annotations

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
    Until,
)
from engine.ports import Envelope, Mention, Rung, Tried

OPENED = datetime(2025, 11, 22, 2, 30, tzinfo=UTC)
NOW = OPENED + timedelta(seconds=20)
BERLIN = "Europe/Berlin"

HOSTILE = {
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>\"'>&amp;</td></table>",
    "template": "{{ 7*7 }} {% raw %} ${7*7} #{7*7} {{ ''.__class__.__mro__ }}",
    "markdown": "**bold** [click](javascript:alert(1)) `code` ```fence",
    "slack": "<!channel> <!here> <@U123> <#C123|general> <https://evil.example|click> :fire: &lt;",
    "header injection": "down\r\nBcc: everybody@example.com\r\n\r\nbody\rlone\nline",
    "smtp": "line\r\n.\r\nMAIL FROM:<evil@example.com>\r\n",
    "nul and controls": "a\x00b\x07c\x1b[31mred\x1b[0m\x7f\x85\u2028\u2029",
    "right to left": "\u202egnp.exe\u202c \u2067שלום\u2069 مرحبا بالعالم",  # noqa: RUF001 - it is Hebrew
    "lone surrogate": "broken \ud800 pair \udfff",
    "emoji": "👩‍👩‍👧‍👦 🔥 e\u0301 \U000e0041",
    "very long": "x" * 100_000,
    "very long words": "много слов " * 20_000,
    "quotes": "\"'`\\%s%(x)s{}{0}",
    "blank": " \t\r\n ",
}


def alert(**changes: Any) -> Alert:
    usual = Alert(
        fingerprint="f1",
        status=AlertStatus.FIRING,
        title="Checkout answers 5xx on web-3",
        summary="12 of 12 requests failed in the last minute",
        service="checkout",
        labels={"severity": "critical", "instance": "web-3"},
        links=(Link(title="Graph", url="https://prometheus.example.com/graph?g0.expr=up"),),
        starts_at=OPENED - timedelta(minutes=2),
    )
    return replace(usual, **changes)


def incident(**changes: Any) -> Incident:
    usual = Incident(
        id=42,
        key="checkout/5xx",
        title="Checkout is down",
        summary="Every request to /pay fails since the deployment of 02:27 UTC.",
        service="checkout",
        source="alertmanager",
        policy="standard",
        revision=1,
        priority=Priority.P0,
        state=State.DETECTION,
        classification=Classification(
            priority=Priority.P0, rule="outage", reason="the title says 'is down' (rule outage)"
        ),
        opened_at=OPENED,
        cycle_started_at=OPENED,
        counted_from=OPENED,
        updated_at=OPENED,
        level=1,
    )
    return replace(usual, **changes)


def message(**changes: Any) -> Message:
    usual = Message(
        kind=MessageKind.PAGE,
        channel="email",
        address="ana@example.com",
        reason="P0: Operations is paged at the opening",
        contact="ana",
        page="42.3",
        level=1,
        level_title="Operations",
        seat=Seat.PRIMARY,
        until=Until.ACKNOWLEDGED,
        respond_by=OPENED + timedelta(minutes=5),
    )
    return replace(usual, **changes)


def envelope(**changes: Any) -> Envelope:
    """A change belongs to the first that has a field of that name: the envelope, its message, its incident."""
    others = [name for name in changes if name not in Envelope.__slots__]
    told = {name: changes.pop(name) for name in others if name in Message.__slots__}
    about = {name: changes.pop(name) for name in others if name in Incident.__dataclass_fields__ and name not in told}
    usual = Envelope(
        id="d-1001",
        message=message(**told),
        incident=incident(**about),
        headline="P0 Checkout is down · answer by 03:35 CET · you are primary, Operations (level 1) · INC-42",
        now=NOW,
        zone=BERLIN,
        recipient="Ana Silva",
        people={"ana": "Ana Silva", "ben": "Ben Okafor", "erin": "Erin Chen"},
        ladder=(
            Rung(level=1, title="Operations", who="Ana Silva", due_at=OPENED, state="paged"),
            Rung(
                level=1,
                title="Operations",
                who="Ben Okafor",
                due_at=OPENED + timedelta(minutes=5),
                state="due",
                reason="if nobody has acknowledged it by then",
            ),
            Rung(
                level=2,
                title="Engineering leadership",
                who="Erin Chen",
                due_at=OPENED + timedelta(minutes=30),
                state="due",
            ),
            Rung(
                level=3,
                title="Executive leadership",
                who="Carla Diaz",
                due_at=OPENED + timedelta(hours=1),
                state="held",
                reason="held by Ana Silva until 04:30: rollback is under way",
            ),
        ),
        tried=(
            Tried(who="Ana Silva", channel="phone", at=OPENED, outcome="failed", detail="the gateway answered 503"),
            Tried(who="Ana Silva", channel="slack", at=OPENED + timedelta(seconds=1), outcome="sent"),
        ),
        alerts=(
            alert(),
            alert(fingerprint="f2", title="Payments queue is growing", labels={"severity": "warning"}, links=()),
            alert(fingerprint="f3", title="Cart latency", status=AlertStatus.RESOLVED),
        ),
        alert_count=3,
        next_step="03:35 Ben Okafor is paged, and Ana Silva again",
        base_url="https://tocsin.example.com",
    )
    return replace(usual, **changes)


def bundle(count: int, **changes: Any) -> tuple[Mention, ...]:
    """As many pages in one message; INC-42 is the first."""
    return tuple(
        Mention(
            id=f"INC-{42 + place}/{1001 + place}",
            incident=incident(id=42 + place, **changes),
            message=message(page=f"{42 + place}.3"),
        )
        for place in range(count)
    )


def hostile(text: str, **changes: Any) -> Envelope:
    """The same, with `text` wherever an alert, a person or a provider may have written."""
    return envelope(
        headline=f"P0 {text}",
        title=text,
        summary=text,
        service=text,
        impact=text,
        classification=Classification(priority=Priority.P0, rule="outage", reason=text),
        commander=text,
        reason=text,
        level_title=text,
        recipient=text,
        next_step=text,
        people={text: text},
        ladder=(Rung(level=2, title=text, who=text, due_at=None, state=text, reason=text),),
        tried=(Tried(who=text, channel=text, at=NOW, outcome=text, detail=text),),
        alerts=(
            alert(title=text, summary=text, labels={"severity": text}, links=(Link(title=text, url=text),)),
            alert(title=text, links=(Link(title=text, url=f"https://x.example/{text}"),)),
        ),
        **changes,
    )
