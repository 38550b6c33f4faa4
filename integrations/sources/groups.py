"""A group of alerts, as Prometheus Alertmanager sends it in its webhook and Grafana in its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from engine.core.classify import read_values
from engine.core.errors import Unreadable
from engine.core.model import Alert, AlertStatus
from engine.ports import Parsed
from integrations.sources.reading import (
    ANNOTATION,
    FINGERPRINT,
    GROUP,
    KNOWN_LINKS,
    LABEL,
    NAME,
    SUMMARY,
    TITLE,
    decode,
    digest,
    identity,
    line,
    links,
    read_each,
    service_of,
    status_of,
    text,
    texts,
    tidy,
)
from integrations.sources.times import read_time

STATUSES = {"firing": AlertStatus.FIRING, "resolved": AlertStatus.RESOLVED}

A = TypeVar("A")
Scalar = str | int | float | bool | None


class Sent(msgspec.Struct, frozen=True):
    """One alert. The payload can be templated, so only what the alert stands on has a type here."""

    labels: dict[str, Any]
    status: Any = None
    annotations: dict[str, Any] | None = None
    starts_at: Any = msgspec.field(name="startsAt", default=None)
    ends_at: Any = msgspec.field(name="endsAt", default=None)
    generator_url: Any = msgspec.field(name="generatorURL", default=None)
    fingerprint: Any = None


class Notification(msgspec.Struct, Generic[A], frozen=True):
    """One group's alerts. The group's own status is of no use: it is "firing" as long as any alert is."""

    alerts: list[A]
    version: Scalar = None
    group_key: Scalar = msgspec.field(name="groupKey", default=None)
    group_labels: dict[str, Scalar] | None = msgspec.field(name="groupLabels", default=None)
    external_url: Any = msgspec.field(name="externalURL", default=None)
    truncated: Any = msgspec.field(name="truncatedAlerts", default=0)


S = TypeVar("S", bound=Sent)
IN_PARTS = msgspec.json.Decoder(Notification[msgspec.Raw])


@dataclass(frozen=True, kw_only=True, slots=True)
class Form(Generic[S]):
    """How one sender writes it. `version` is what its body says of itself, where it says anything; `otherwise` is what
    is said of another, and tells where that belongs."""

    whole: msgspec.json.Decoder[Notification[S]]
    part: msgspec.json.Decoder[S]
    version: str
    otherwise: str

    def parse(self, body: bytes, read: Callable[[S, Group], Alert]) -> Parsed:
        body = tidy(body)
        try:
            whole = decode(self.whole, body)
        except Unreadable:
            # Slower, and tells the alert that spoils the body from its neighbours.
            parts = decode(IN_PARTS, body)
            group = self._group(parts)
            return read_each(parts.alerts, lambda part: read(decode(self.part, part), group), place)
        group = self._group(whole)
        return read_each(whole.alerts, lambda sent: read(sent, group), place)

    def _group(self, sent: Notification[Any]) -> Group:
        if sent.version is not None and str(sent.version) != self.version:
            raise Unreadable("$.version", f"{sent.version!r:.40} {self.otherwise}")
        return Group(sent)


def place(number: int) -> str:
    return f"$.alerts[{number}]"


class Group:
    """What the alerts of one notification share. Raises Unreadable where it has none."""

    def __init__(self, sent: Notification[Any]) -> None:
        if not sent.alerts:
            raise Unreadable("$.alerts", "empty; at least one alert is needed")
        self.key = identity(sent.group_key or (_spell(sent.group_labels) if sent.group_labels else ""), GROUP)
        self.external_url = sent.external_url
        self.notes = _notes(sent.truncated)

    def read(
        self,
        sent: Sent,
        before: Sequence[tuple[str, object]],
        after: Sequence[tuple[str, object]],
        notes: Mapping[str, Any] | None = None,
    ) -> Alert:
        """Raises Unreadable with a path that starts at the alert. Its links are those of the annotations between those
        `before` and `after`; `notes` are annotations unless it has its own of the same name."""
        status = status_of(sent.status, STATUSES, "$.status")
        labels = texts(sent.labels, LABEL)
        if not labels:
            raise Unreadable("$.labels", "empty; an alert is known by its labels")
        annotations = texts({**(notes or {}), **(sent.annotations or {})}, ANNOTATION) | self.notes
        known = [(title, annotations.get(name)) for title, name in KNOWN_LINKS]
        return Alert(
            fingerprint=identity(sent.fingerprint, FINGERPRINT) or digest(sent.labels),
            status=status,
            title=_title(labels, annotations),
            summary=text(annotations.get("description") or annotations.get("message"), SUMMARY),
            service=service_of(labels),
            group=self.key,
            labels=labels,
            annotations=annotations,
            values=read_values(labels, annotations),
            links=links([*before, *known, *after]),
            starts_at=read_time(sent.starts_at),
            ends_at=read_time(sent.ends_at) if status is AlertStatus.RESOLVED else None,
        )


def _title(labels: Mapping[str, str], annotations: Mapping[str, str]) -> str:
    written = (annotations.get("summary"), annotations.get("title"), labels.get("alertname"))
    return next(filter(None, (line(wording, TITLE) for wording in written)), "") or line(_spell(labels), TITLE)


def _spell(labels: Mapping[str, Scalar]) -> str:
    """As Prometheus writes them."""
    return "{" + ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}"


def _notes(truncated: object) -> dict[str, str]:
    """Alerts beyond the receiver's limit are left out; each alert that did come says so."""
    if not isinstance(truncated, int) or truncated <= 0:
        return {}
    return {"truncated_alerts": f"{text(truncated, NAME)} more alerts of this group were not sent (max_alerts)"}
