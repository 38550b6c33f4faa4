"""Alerts that are kept waiting: muted while something lasts, or too young to page anybody. Each is heard again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.core.intake import AlertAction, Placed
from engine.core.model import Actor, Alert
from engine.core.muting import Muted, can_be_muted
from engine.core.spans import spell
from engine.core.timeline import format_time

RECHECK = timedelta(hours=1)
"""At the latest then an alert that another one mutes is heard again. It is as soon as that one has cleared."""

Place = tuple[str, str]
"""By what an alert is known: its integration and its fingerprint there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """An alert that fires, and that nobody is told of before `due_at`. It has fired since `first_at`; `rule` keeps it,
    by cause of the `incident` where there is one. `fallback` is its integration's service."""

    alert: Alert
    actor: Actor
    fallback: str | None
    rule: str
    first_at: datetime
    due_at: datetime
    incident: int | None = None

    @property
    def place(self) -> Place:
        return self.actor.id, self.alert.fingerprint

    @property
    def told(self) -> str:
        return f"held back since {format_time(self.first_at)}, last by {self.rule}"


def place_of(placed: Placed) -> Place:
    return placed.actor.id, placed.alert.fingerprint


def held(placed: Placed, muted: Muted, since: datetime, now: datetime) -> Held:
    return Held(
        alert=placed.alert,
        actor=placed.actor,
        fallback=placed.fallback,
        rule=muted.rule,
        first_at=since,
        due_at=muted.until or now + RECHECK,
        incident=muted.incident,
    )


def delayed(placed: Placed, since: datetime, now: datetime) -> Muted | None:
    """Until the alert has fired for as long as its route wants."""
    route = placed.routed.giver("delay")
    if route is None or route.delay is None or not can_be_muted(placed):
        return None
    until = since + route.delay
    if now >= until:
        return None
    rule = f"delay/{route.name}"
    reason = f"{rule}: it pages once it has fired for {spell(route.delay)}, at {format_time(until)}"
    return Muted(action=AlertAction.DELAYED, rule=rule, reason=reason, until=until)


def cleared(before: Held) -> Muted:
    """What there is to say of a resolution that comes while the alert waits."""
    return Muted(action=AlertAction.IGNORED, rule=before.rule, reason=f"it cleared before it was due: {before.told}")
