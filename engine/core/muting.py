"""What keeps an alert from opening anything and from paging anybody, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from engine.core.intake import AlertAction, Placed
from engine.core.lookup import Index
from engine.core.matchers import Matcher
from engine.core.model import OWN, Actor, ActorKind, AlertStatus, incident_ref
from engine.core.policy import Window
from engine.core.silences import Silence, muting_until
from engine.core.timeline import format_time
from engine.core.weekly import Weekly

SERVICE, SOURCE = "service", "source"
"""What matchers may ask for beside labels: the service that an alert is given to, and its integration's name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Muted:
    """An alert is kept from people: by which rule, and why in words; `until` when, where that is known. `incident`: the
    one that causes it."""

    action: AlertAction
    rule: str
    reason: str
    incident: int | None = None
    until: datetime | None = None

    @property
    def record(self) -> str:
        """Under which name it is counted: what one incident causes by itself."""
        return self.rule if self.incident is None else f"{self.rule}/{incident_ref(self.incident)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mute:
    """A silence or a maintenance window. `rule` is its name on record: `silence/SIL-7`, `maintenance/backup`."""

    rule: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime | None
    ends_at: datetime | None
    recurrence: Weekly | None
    reason: str
    author: str = ""

    def until(self, now: datetime) -> datetime | None:
        return muting_until(self.starts_at, self.ends_at, self.recurrence, now)


class Mutes:
    """All silences and windows that may mute something, compiled."""

    def __init__(self, mutes: Iterable[Mute]) -> None:
        known = tuple(mutes)
        self.some = bool(known)
        self._index = Index((mute.matchers, mute) for mute in known)

    def on(self, labels: Mapping[str, str], now: datetime) -> Iterator[tuple[Mute, datetime]]:
        """Those that mute such an alert now, in their order, each with the time at which that is over."""
        for mute in self._index.matching(labels):
            until = mute.until(now)
            if until is not None:
                yield mute, until

    def find(self, placed: Placed, now: datetime) -> Muted | None:
        """What the first of them says of the alert."""
        if not self.some or not can_be_muted(placed):
            return None
        for mute, until in self.on(told_by(placed), now):
            by = f" by {mute.author}" if mute.author else ""
            reason = f"{mute.rule}{by} until {format_time(until)}: {mute.reason}"
            return Muted(action=AlertAction.SILENCED, rule=mute.rule, reason=reason, until=until)
        return None


def can_be_muted(placed: Placed) -> bool:
    """What monitoring sends as firing. A resolution is never muted, nor is a person's report, nor what the engine
    has to say of itself."""
    return placed.alert.status is AlertStatus.FIRING and _is_monitoring(placed.actor)


def _is_monitoring(actor: Actor) -> bool:
    return actor.kind is ActorKind.SOURCE and actor != OWN


def told_by(placed: Placed) -> dict[str, str]:
    """What matchers look at."""
    return {**placed.alert.labels, SERVICE: placed.service, SOURCE: placed.actor.id}


def mute_of_silence(silence: Silence) -> Mute:
    return Mute(
        rule=f"silence/{silence.ref}",
        matchers=silence.matchers,
        starts_at=silence.starts_at,
        ends_at=silence.over_at,
        recurrence=silence.recurrence,
        reason=silence.reason,
        author=silence.author,
    )


def mute_of_window(window: Window) -> Mute:
    return Mute(
        rule=f"maintenance/{window.name}",
        matchers=window.match,
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        recurrence=window.recurrence,
        reason=window.reason,
    )
