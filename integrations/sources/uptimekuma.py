"""Uptime Kuma's webhook notification.

github.com/louislam/uptime-kuma/blob/master/server/notification-providers/webhook.js
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, Field

from engine.core.model import Alert, AlertStatus
from engine.ports import Parsed, Request
from integrations.sources.reading import NAME, TITLE, digest, line, read_one, required, status_of
from integrations.sources.signatures import ByToken, TokenSettings
from integrations.sources.tags import Severity, graded, pair_labels
from integrations.sources.told import Told

STATUSES = {"0": AlertStatus.FIRING, "1": AlertStatus.RESOLVED}
WAITING = {"2": "pending: Uptime Kuma tries again before it says that it is down", "3": "in maintenance"}
EXPIRY = re.compile(r"(.*\bwill (?:expire|be expired)) in (\d{1,5}) days?\b.*", re.IGNORECASE)
"""A certificate or a domain: such a message has no monitor and no heartbeat, and there is none when it is renewed."""

SOON = 7
"""Days; Uptime Kuma reminds at 21, 14 and 7 unless told otherwise."""


class Settings(TokenSettings):
    """`token`: what the notification's additional headers send as `Authorization: Bearer`."""

    severity: Annotated[Severity, Field(description="of a monitor without a tag `severity`")] = "critical"
    url: Annotated[
        str, Field(pattern=r"^(https?://\S+)?$", description="where your Uptime Kuma is, for links to its monitors")
    ] = ""


class Monitor(msgspec.Struct, frozen=True):
    id: Any = None
    name: Any = None
    type: Any = None
    url: Any = None
    hostname: Any = None
    path_name: Any = msgspec.field(name="pathName", default=None)
    description: Any = None
    tags: Any = None


class Heartbeat(msgspec.Struct, frozen=True):
    status: Any = None
    time: Any = None
    msg: Any = None


class Sent(msgspec.Struct, frozen=True):
    msg: Any = None
    monitor: Monitor | None = None
    heartbeat: Heartbeat | None = None


class UptimeKuma(ByToken):
    name = "uptimekuma"
    title = "Uptime Kuma"
    settings: type[BaseModel] = Settings
    example = b"""{
  "heartbeat": {
    "monitorID": 7,
    "status": 0,
    "time": "2026-11-20 03:10:02.123",
    "msg": "timeout of 48000ms exceeded",
    "ping": null,
    "important": true,
    "duration": 60,
    "retries": 2,
    "timezone": "Europe/Vienna",
    "timezoneOffset": "+01:00",
    "localDateTime": "2026-11-20 04:10:02"
  },
  "monitor": {
    "id": 7,
    "name": "Checkout",
    "description": null,
    "pathName": "Shop / Checkout",
    "url": "https://shop.example/checkout",
    "hostname": null,
    "type": "http",
    "tags": [{"tag_id": 1, "monitor_id": 7, "name": "service", "value": "checkout", "color": "#059669"}]
  },
  "msg": "[Checkout] [\\ud83d\\udd34 Down] timeout of 48000ms exceeded"
}"""
    example_resolved = (
        example.replace(b'"status": 0', b'"status": 1')
        .replace(b"\\ud83d\\udd34 Down", b"\\u2705 Up")
        .replace(b"timeout of 48000ms exceeded", b"200 - OK")
        .replace(b"10:02", b"26:02")
    )
    example_headers: Mapping[str, str] = {}

    def parse(self, settings: Settings, request: Request, now: datetime) -> Parsed:
        del now
        return read_one(Sent, request.body, lambda sent: read(settings, sent))


def read(settings: Settings, sent: Sent) -> Alert | str:
    if sent.heartbeat is None and sent.monitor is None:
        return read_message(required(line(sent.msg, TITLE), "$.msg", "a message"))
    beat, monitor = sent.heartbeat or Heartbeat(), sent.monitor or Monitor()
    waiting = WAITING.get(line(beat.status, NAME))
    return f"{line(monitor.name, TITLE)} is {waiting}" if waiting else read_monitor(settings, monitor, beat)


def read_message(message: str) -> Alert | str:
    """The days count down while the problem stays the same."""
    expiry = EXPIRY.fullmatch(message)
    if expiry is None:
        return f"Uptime Kuma says that of no monitor: {message}"
    return Told(
        fingerprint=digest(expiry[1]),
        status=AlertStatus.FIRING,
        title=message,
        labels={"alertname": "Expiry", "severity": "warning" if int(expiry[2]) <= SOON else "info"},
    ).alert()


def read_monitor(settings: Settings, monitor: Monitor, beat: Heartbeat) -> Alert:
    number = required(line(monitor.id, NAME), "$.monitor.id", "the monitor's number")
    name = required(line(monitor.name, TITLE), "$.monitor.name", "the monitor's name")
    status = status_of(beat.status, STATUSES, "$.heartbeat.status")
    # Not "is down": the standard's words for a whole system would overrule the monitor's own severity.
    state = "down" if status is AlertStatus.FIRING else "up"
    own_page = f"{settings.url.rstrip('/')}/dashboard/{number}" if settings.url else None
    return Told(
        fingerprint=f"monitor {number}",
        status=status,
        title=f"{name}: {state}",
        summary=beat.msg,
        labels=_labels(settings, monitor),
        links=[("Uptime Kuma", own_page), ("Monitored", monitor.url)],
        at=beat.time,
    ).alert()


def _labels(settings: Settings, monitor: Monitor) -> dict[str, Any]:
    fields = {
        "alertname": monitor.name,
        "monitor_type": monitor.type,
        "monitor_path": monitor.path_name,
        "host": monitor.hostname,
    }
    tags = [tag for tag in monitor.tags if isinstance(tag, dict)] if isinstance(monitor.tags, list) else []
    return graded(fields | pair_labels((tag.get("name"), tag.get("value")) for tag in tags), settings.severity)
