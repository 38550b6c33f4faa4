"""Prometheus Alertmanager's webhook, version 4.

prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
from pydantic import BaseModel

from engine.core.classify import read_values
from engine.core.errors import Unreadable
from engine.core.model import Alert, AlertStatus
from engine.ports import Parsed, Request
from integrations.sources.reading import (
    ANNOTATION,
    FINGERPRINT,
    GROUP,
    KNOWN_LINKS,
    LABEL,
    SUMMARY,
    TITLE,
    decode,
    digest,
    identity,
    line,
    links,
    read_each,
    service_of,
    text,
    texts,
    tidy,
)
from integrations.sources.signatures import BearerToken, TokenSettings
from integrations.sources.times import read_time

VERSIONS = ("4", 4)
STATUSES = {"firing": AlertStatus.FIRING, "resolved": AlertStatus.RESOLVED}

A = TypeVar("A")
Scalar = str | int | float | bool | None


class Settings(TokenSettings):
    """`token`: the `credentials` of the receiver's `http_config.authorization`. Without, the address is the secret."""


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
    version: Any = "4"
    group_key: Scalar = msgspec.field(name="groupKey", default=None)
    group_labels: dict[str, Scalar] | None = msgspec.field(name="groupLabels", default=None)
    external_url: Any = msgspec.field(name="externalURL", default=None)
    truncated: Any = msgspec.field(name="truncatedAlerts", default=0)


WHOLE = msgspec.json.Decoder(Notification[Sent])
IN_PARTS = msgspec.json.Decoder(Notification[msgspec.Raw])
PART = msgspec.json.Decoder(Sent)


class Alertmanager(BearerToken):
    name = "alertmanager"
    title = "Prometheus Alertmanager"
    settings: type[BaseModel] = Settings
    example = b"""{
  "version": "4",
  "groupKey": "{}:{alertname=\\"HighErrorRate\\"}",
  "truncatedAlerts": 0,
  "status": "firing",
  "receiver": "tocsin",
  "groupLabels": {"alertname": "HighErrorRate"},
  "commonLabels": {"alertname": "HighErrorRate", "service": "checkout", "severity": "critical"},
  "commonAnnotations": {},
  "externalURL": "http://alertmanager.example:9093",
  "alerts": [
    {
      "status": "firing",
      "labels": {
        "alertname": "HighErrorRate",
        "instance": "web-1",
        "service": "checkout",
        "severity": "critical"
      },
      "annotations": {
        "summary": "12% of checkouts fail on web-1",
        "description": "More than 5% of the requests have failed for 2 minutes.",
        "runbook_url": "https://runbooks.example/high-error-rate"
      },
      "startsAt": "2026-11-20T03:10:00.123456789Z",
      "endsAt": "0001-01-01T00:00:00Z",
      "generatorURL": "http://prometheus.example:9090/graph?g0.expr=error_rate",
      "fingerprint": "8f2d4c1b9a7e6035"
    }
  ]
}"""
    example_resolved = example.replace(b'"firing"', b'"resolved"')
    example_headers: Mapping[str, str] = {}

    def parse(self, settings: Settings, request: Request, now: datetime) -> Parsed:
        del settings, now
        body = tidy(request.body)
        try:
            whole = decode(WHOLE, body)
        except Unreadable:
            # Slower, and tells the alert that spoils the body from its neighbours.
            parts = decode(IN_PARTS, body)
            group = Group(parts)
            return read_each(parts.alerts, lambda part: group.read(decode(PART, part)), place)
        return read_each(whole.alerts, Group(whole).read, place)


def place(number: int) -> str:
    return f"$.alerts[{number}]"


class Group:
    """What the alerts of one notification share. Raises Unreadable for what is no notification of version 4."""

    def __init__(self, sent: Notification[Any]) -> None:
        if sent.version not in VERSIONS:
            raise Unreadable(
                "$.version",
                f'{sent.version!r:.40} is not Alertmanager\'s webhook; it says "4" (Grafana\'s own alerts say "1": '
                "take the generic source for them)",
            )
        if not sent.alerts:
            raise Unreadable("$.alerts", "empty; at least one alert is needed")
        self.key = identity(sent.group_key or (_spell(sent.group_labels) if sent.group_labels else ""), GROUP)
        self.external_url = sent.external_url
        self.notes = _notes(sent.truncated)

    def read(self, sent: Sent) -> Alert:
        """Raises Unreadable with a path that starts at the alert."""
        status = STATUSES.get(sent.status) if isinstance(sent.status, str) else None
        if status is None:
            raise Unreadable("$.status", f'{sent.status!r:.40} is not a status; "firing" or "resolved" is')
        labels = texts(sent.labels, LABEL)
        if not labels:
            raise Unreadable("$.labels", "empty; an alert is known by its labels")
        annotations = texts(sent.annotations or {}, ANNOTATION) | self.notes
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
            links=links(
                [
                    ("Source", sent.generator_url),
                    *((title, annotations.get(name)) for title, name in KNOWN_LINKS),
                    ("Alertmanager", self.external_url),
                ]
            ),
            starts_at=read_time(sent.starts_at),
            ends_at=read_time(sent.ends_at) if status is AlertStatus.RESOLVED else None,
        )


def _title(labels: Mapping[str, str], annotations: Mapping[str, str]) -> str:
    written = (annotations.get("summary"), annotations.get("title"), labels.get("alertname"), _spell(labels))
    return next(filter(None, (line(wording, TITLE) for wording in written)))


def _spell(labels: Mapping[str, Scalar]) -> str:
    """As Prometheus writes them."""
    return "{" + ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}"


def _notes(truncated: object) -> dict[str, str]:
    """Alertmanager leaves alerts out beyond the receiver's `max_alerts`; each alert that did come says so."""
    if not isinstance(truncated, int) or truncated <= 0:
        return {}
    return {"truncated_alerts": f"{truncated} more alerts of this group were not sent (max_alerts)"}
