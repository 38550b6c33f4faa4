"""Incidents in code, under the documented ladder with people who do not exist."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from engine.core.classify import classify
from engine.core.commands import Command
from engine.core.draft import Case, Decision
from engine.core.intake import Placed
from engine.core.model import (
    Actor,
    ActorKind,
    Alert,
    AlertStatus,
    Classification,
    Event,
    Incident,
    Message,
    MessageKind,
    Priority,
    Role,
    State,
)
from engine.core.policy import Config

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
"""A Wednesday in business hours."""
NIGHT = datetime(2026, 3, 6, 2, 30, tzinfo=UTC)
"""A Friday, hours before anybody is there."""

PEOPLE = {
    "ops-lead": "manager",
    "ops-senior": "responder",
    "eng-manager": "manager",
    "eng-lead": "responder",
    "cto": "manager",
    "vp": "manager",
}


def ladder(within: str, lease: str, *later: str) -> dict[str, Any]:
    steps = [{"level": name, "after": after} for name, after in zip(("engineering", "executive"), later, strict=False)]
    return {"respond_within": within, "lease": lease, "steps": [{"level": "operations"}, *steps]}


DOCUMENT: dict[str, Any] = {
    "contacts": {
        name: {"name": name.title(), "role": role, "reach": {"chat": f"@{name}", "mail": f"{name}@example.com"}}
        for name, role in PEOPLE.items()
    },
    "room": {"channel": "chat"},
    "levels": {
        "operations": {
            "number": 1,
            "title": "Operations",
            "primary": "ops-lead",
            "secondary": "ops-senior",
            "reached_by": ["mail", "chat"],
        },
        "engineering": {
            "number": 2,
            "title": "Engineering leadership",
            "primary": "eng-manager",
            "secondary": "eng-lead",
            "reached_by": ["mail", "chat"],
        },
        "executive": {
            "number": 3,
            "title": "Executive leadership",
            "primary": "cto",
            "secondary": "vp",
            "reached_by": ["mail"],
        },
    },
    "policies": {
        "standard": {
            "P0": ladder("5m", "15m", "30m", "1h"),
            "P1": ladder("15m", "30m", "2h", "4h"),
            "P2": ladder("1h", "4h"),
            "P3": {"respond_within": "next_business_day", "hours": "business", "steps": [{"level": "operations"}]},
        }
    },
    "channels": {"chat": {"kind": "slack"}, "mail": {"kind": "email"}, "log": {"kind": "log"}},
    "cards": [{"channel": "chat", "address": "#incidents"}],
    "queue": [{"channel": "chat", "address": "#operations"}],
    "classification": {
        "levels": {
            "critical": {"severities": ["critical"], "respond_within": "5m"},
            "warning": {"severities": ["warning"], "respond_within": "15m"},
            "information": {"severities": ["info"]},
        },
        "rules": [
            {"name": "down", "words": ["system down"], "priority": "P0", "reason": "the system is down"},
            {"name": "critical", "alert_level": "critical", "priority": "P1", "reason": "critical"},
            {"name": "warning", "alert_level": "warning", "priority": "P2", "reason": "warning"},
            {"name": "info", "alert_level": "information", "priority": "P3", "page": False, "reason": "information"},
        ],
    },
}
CONFIG = Config.model_validate(DOCUMENT)
REACHABLE = frozenset({"chat", "mail", "log"})
COMMAND: TypeAdapter[Any] = TypeAdapter(Command)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def changed(*path: str, to: Any, of: Config = CONFIG) -> Config:
    """The configuration with one field changed: `changed("policies", "standard", "P0", "lease", to=None)`."""

    def renew(node: Any, keys: tuple[str, ...]) -> Any:
        if not keys:
            return to
        if isinstance(node, dict):
            return node | {keys[0]: renew(node[keys[0]], keys[1:])}
        if isinstance(node, tuple):
            return tuple(renew(one, keys[1:]) if str(place) == keys[0] else one for place, one in enumerate(node))
        return node.model_copy(update={keys[0]: renew(getattr(node, keys[0]), keys[1:])})

    found: Config = renew(of, path)
    return found


def person(name: str, role: Role | None = None) -> Actor:
    known = Role(PEOPLE.get(name, "responder"))
    return Actor(kind=ActorKind.PERSON, id=name, name=name.title(), role=role or known, via="test")


MONITOR = Actor(kind=ActorKind.SOURCE, id="monitor", name="Monitor")
LEAD, SENIOR, MANAGER = person("ops-lead"), person("ops-senior"), person("eng-manager")


def command(name: str, **fields: Any) -> Any:
    """A command as it comes in."""
    return COMMAND.validate_python({"name": name, **fields})


def alert(fingerprint: str = "f1", title: str = "Checkout is slow", **labels: str) -> Alert:
    status = AlertStatus.FIRING
    return Alert(fingerprint=fingerprint, status=status, title=title, service="checkout", group="g", labels=labels)


def cleared(fingerprint: str = "f1") -> Alert:
    return replace(alert(fingerprint), status=AlertStatus.RESOLVED)


def placed(one: Alert, key: str = "checkout/g") -> Placed:
    found = classify(CONFIG.classification, one)
    return Placed(alert=one, service="checkout", key=key, actor=MONITOR, found=found)


def classification(priority: Priority | str, **changes: Any) -> Classification:
    return Classification(priority=Priority(priority), rule="test", reason="the test says so", **changes)


def incident(priority: Priority | str = Priority.P0, state: State = State.DETECTION, **changes: Any) -> Incident:
    """As it stands right after its opening at noon, in whatever state."""
    usual = Incident(
        id=42,
        key="checkout/g",
        title="Checkout is slow",
        service="checkout",
        source="monitor",
        policy="standard",
        revision=1,
        priority=Priority(priority),
        state=state,
        classification=classification(priority),
        opened_at=NOON,
        cycle_started_at=NOON,
        counted_from=NOON,
        updated_at=NOON,
        level=1,
    )
    return replace(usual, **changes)


def acknowledged(one: Incident, by: str = "ops-lead") -> Incident:
    """Three minutes after the opening."""
    at = one.opened_at + minutes(3)
    return replace(
        one, acknowledged_at=at, acknowledged_by=by, lease_owner=by, commander=by, lease_until=at + minutes(15)
    )


def case(one: Incident, config: Config = CONFIG, **facts: Any) -> Case:
    return Case(incident=one, config=config, **({"reachable": REACHABLE} | facts))


def kinds(decision: Decision) -> list[str]:
    return [event.kind for event in decision.events]


def line(decision: Decision, kind: str) -> Event:
    """The only line of that kind."""
    (found,) = (event for event in decision.events if event.kind == kind)
    return found


def pages(messages: Iterable[Message]) -> list[tuple[int, str]]:
    """(level, contact) of each person paged, once for all channels, in order."""
    found = [(one.level, one.contact or "") for one in messages if one.kind is MessageKind.PAGE]
    return list(dict.fromkeys(found))
