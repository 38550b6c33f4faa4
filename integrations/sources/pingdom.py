"""Pingdom's state change webhooks, of uptime and of transaction checks.

pingdom.com/resources/webhooks
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from pydantic import BaseModel

from engine.core.model import Alert, AlertStatus
from engine.core.policy import Model
from engine.ports import Parsed, Request
from integrations.sources.reading import NAME, SUMMARY, TITLE, line, read_one, required, status_of, text
from integrations.sources.tags import Severity, graded, listed, tag_labels
from integrations.sources.told import Told

STATES = {
    **dict.fromkeys(("down", "failing"), AlertStatus.FIRING),
    **dict.fromkeys(("up", "success"), AlertStatus.RESOLVED),
}
LEVELS: Mapping[str, Severity] = {"high": "critical", "low": "warning"}

REPORT = "https://my.pingdom.com/app/reports/uptime#check={}"
TRANSACTION = "TRANSACTION"
"""The kind of check whose state is SUCCESS or FAILING; its report has no address that a number leads to."""


class Settings(Model):
    """None: Pingdom neither signs nor sends a header of our choice, so the address is the secret."""


class Sent(msgspec.Struct, frozen=True):
    check_id: Any = None
    check_name: Any = None
    check_type: Any = None
    check_params: Any = None
    tags: Any = None
    current_state: Any = None
    importance_level: Any = None
    state_changed_timestamp: Any = None
    state_changed_utc_time: Any = None
    description: Any = None
    long_description: Any = None
    custom_message: Any = None


class Pingdom:
    name = "pingdom"
    title = "Pingdom"
    settings: type[BaseModel] = Settings
    example = b"""{
  "check_id": 12345,
  "check_name": "Checkout",
  "check_type": "HTTP",
  "check_params": {
    "basic_auth": false,
    "encryption": true,
    "full_url": "https://shop.example/checkout",
    "header": "User-Agent:Pingdom.com_bot",
    "hostname": "shop.example",
    "ipv6": false,
    "port": 443,
    "url": "/checkout"
  },
  "tags": ["service:checkout", "env:production"],
  "previous_state": "UP",
  "current_state": "DOWN",
  "importance_level": "HIGH",
  "state_changed_timestamp": 1795144200,
  "state_changed_utc_time": "2026-11-20T03:10:00",
  "long_description": "HTTP Server Error 503 Service Unavailable",
  "description": "HTTP Error 503",
  "first_probe": {"ip": "192.0.2.5", "ipv6": "2001:db8::5", "location": "Stockholm, Sweden"},
  "second_probe": {"ip": "192.0.2.6", "ipv6": "2001:db8::6", "location": "Austin, US", "version": 1}
}"""
    example_resolved = (
        example.replace(b'"previous_state": "UP"', b'"previous_state": "DOWN"')
        .replace(b'"current_state": "DOWN"', b'"current_state": "UP"')
        .replace(b"1795144200", b"1795144800")
    )
    example_headers: Mapping[str, str] = {}

    def verify(self, settings: Settings, request: Request, now: datetime) -> None:
        """There is nothing to check but the address."""
        del settings, request, now

    def parse(self, settings: Settings, request: Request, now: datetime) -> Parsed:
        del settings, now
        return read_one(Sent, request.body, read)


def read(sent: Sent) -> Alert:
    number = required(line(sent.check_id, NAME), "$.check_id", "the check's number")
    name = required(line(sent.check_name, TITLE), "$.check_name", "the check's name")
    status = status_of(sent.current_state, STATES, "$.current_state")
    params = sent.check_params if isinstance(sent.check_params, dict) else {}
    report = REPORT.format(number) if sent.check_type != TRANSACTION else None
    return Told(
        fingerprint=f"check {number}",
        status=status,
        title=f"{name}: {line(sent.current_state, NAME).lower()}",
        summary=_summary(sent),
        labels=_labels(sent, params),
        links=[("Pingdom", report), ("Monitored", params.get("full_url") or params.get("url"))],
        at=sent.state_changed_timestamp or sent.state_changed_utc_time,
    ).alert()


def _summary(sent: Sent) -> str:
    told = (sent.custom_message, sent.long_description or sent.description)
    return "\n".join(filter(None, (text(part, SUMMARY) for part in told)))


def _labels(sent: Sent, params: Mapping[str, Any]) -> dict[str, Any]:
    fields = {"alertname": sent.check_name, "check_type": sent.check_type, "host": params.get("hostname")}
    return graded(
        fields | tag_labels(listed(sent.tags)), LEVELS.get(line(sent.importance_level, NAME).lower(), "critical")
    )
