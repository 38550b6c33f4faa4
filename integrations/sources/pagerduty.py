"""PagerDuty's Events API v2: alert events, and change events.

developer.pagerduty.com/docs/events-api-v2-overview
developer.pagerduty.com/docs/send-alert-event
developer.pagerduty.com/docs/send-change-event

What is wrong with an event is said in words that read well after "'payload.severity' is", for that is how PagerDuty
says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from pydantic import BaseModel

from engine.core.classify import read_values
from engine.core.commands import Acknowledge
from engine.core.errors import Unreadable
from engine.core.model import Alert, AlertStatus, Link
from engine.ports import Change, Parsed, Request, Wish
from integrations.sources.reading import (
    KNOWN_LINKS,
    LABEL,
    SUMMARY,
    TITLE,
    decode,
    digest,
    line,
    links,
    service_of,
    shallow,
    text,
    tidy,
)
from integrations.sources.reading import details as read_details
from integrations.sources.signatures import ByToken, TokenSettings
from integrations.sources.times import read_time

DEDUP_KEY = 255
"""Characters; PagerDuty's own limit."""

URGENCY = {"critical": "critical", "error": "critical", "warning": "warning", "info": "info"}
"""PagerDuty's severity as the label `severity`. It wakes people for an error as it does for what is critical:
support.pagerduty.com/main/docs/dynamic-notifications"""


class Settings(TokenSettings):
    """`token`: what has to come as `Authorization: Bearer` besides the key. Without, the key is the secret."""


class Event(msgspec.Struct, frozen=True):
    """An event of any kind. Types are checked one by one, so that a fault is told as PagerDuty does."""

    event_action: Any = None
    dedup_key: Any = None
    payload: Any = None
    links: Any = None
    images: Any = None
    client: Any = None
    client_url: Any = None


EVENT = msgspec.json.Decoder(Event)
JSON = msgspec.json.Decoder()


class PagerDuty(ByToken):
    name = "pagerduty"
    title = "PagerDuty Events API v2"
    settings: type[BaseModel] = Settings
    example = b"""{
  "routing_key": "YOUR-KEY",
  "event_action": "trigger",
  "dedup_key": "checkout/error-rate",
  "payload": {
    "summary": "12% of checkouts fail on web-1",
    "source": "web-1.example",
    "severity": "critical",
    "timestamp": "2026-11-20T03:10:00.315+0000",
    "component": "checkout",
    "group": "shop",
    "class": "error rate",
    "custom_details": {"service": "checkout", "error rate": "12%", "instances": 3}
  },
  "links": [{"href": "https://runbooks.example/high-error-rate", "text": "Runbook"}],
  "client": "Monitoring",
  "client_url": "https://monitoring.example/checks/17"
}"""
    example_resolved = example.replace(b'"trigger"', b'"resolve"')
    example_headers: Mapping[str, str] = {}

    def parse(self, settings: Settings, request: Request, now: datetime) -> Parsed:
        del settings, now
        with shallow():
            return _read(tidy(request.body))


def _read(body: bytes) -> Parsed:
    event = decode(EVENT, body)
    if _is_change(event):
        return Parsed(alerts=(), note="a change, which is no problem", changes=(_change(event),))
    match event.event_action:
        case "trigger":
            return Parsed(alerts=(_firing(event, _key(event) or digest(decode(JSON, body))),))
        case "resolve":
            return Parsed(alerts=(_resolved(event, _required_key(event)),))
        case "acknowledge":
            wish = Wish(fingerprint=_required_key(event), command=Acknowledge())
            return Parsed(alerts=(), note="somebody has it already", wishes=(wish,))
        case None | "":
            raise Unreadable("$.event_action", "missing or blank")
        case _:
            words = "'trigger', 'acknowledge' or 'resolve'"
            raise Unreadable("$.event_action", f"invalid (must be one of the following: {words})")


def _is_change(event: Event) -> bool:
    """It says neither what is to be done about an alert nor how bad it is."""
    return event.event_action is None and isinstance(event.payload, dict) and "severity" not in event.payload


def _key(event: Event) -> str:
    """As it was sent, for it identifies the alert and is given back to the sender."""
    if event.dedup_key is None:
        return ""
    key = event.dedup_key if isinstance(event.dedup_key, str) else None
    if key is None:
        raise Unreadable("$.dedup_key", "invalid (must be a string)")
    if len(key) > DEDUP_KEY:
        raise Unreadable("$.dedup_key", f"too long (maximum is {DEDUP_KEY} characters)")
    return text(key, DEDUP_KEY) if key.strip() else ""


def _required_key(event: Event) -> str:
    key = _key(event)
    if not key:
        raise Unreadable("$.dedup_key", "missing or blank")
    return key


def _payload(event: Event) -> Mapping[str, Any]:
    if event.payload is None:
        raise Unreadable("$.payload", "missing or blank")
    if not isinstance(event.payload, dict):
        raise Unreadable("$.payload", "invalid (must be an object)")
    return event.payload


def _word(payload: Mapping[str, Any], name: str) -> str:
    word = text(payload.get(name), SUMMARY).strip()
    if not word:
        raise Unreadable(f"$.payload.{name}", "missing or blank")
    return word


def _firing(event: Event, fingerprint: str) -> Alert:
    payload = _payload(event)
    summary, source = _word(payload, "summary"), _word(payload, "source")
    severity = payload.get("severity")
    if severity is None or severity == "":
        raise Unreadable("$.payload.severity", "missing or blank")
    if not isinstance(severity, str) or severity not in URGENCY:
        words = "'critical', 'warning', 'error' or 'info'"
        raise Unreadable("$.payload.severity", f"invalid (must be one of the following: {words})")
    labels, annotations = _labels(event, payload, source)
    labels["severity"] = URGENCY[severity]
    if severity != labels["severity"]:
        labels["pagerduty_severity"] = severity
    return Alert(
        fingerprint=fingerprint,
        status=AlertStatus.FIRING,
        title=line(summary, TITLE),
        summary=summary if len(summary) > TITLE or "\n" in summary else "",
        service=service_of(labels),
        labels=labels,
        annotations=annotations,
        values=read_values(labels, annotations),
        links=_links(event, annotations),
        starts_at=read_time(payload.get("timestamp")),
    )


def _resolved(event: Event, fingerprint: str) -> Alert:
    """Only the key counts; most senders leave everything else out."""
    payload = event.payload if isinstance(event.payload, dict) else {}
    labels, _ = _labels(event, payload, text(payload.get("source"), LABEL))
    return Alert(
        fingerprint=fingerprint,
        status=AlertStatus.RESOLVED,
        title=line(payload.get("summary"), TITLE) or line(fingerprint, TITLE),
        service=service_of(labels),
        labels=labels,
        ends_at=read_time(payload.get("timestamp")),
    )


def _labels(event: Event, payload: Mapping[str, Any], source: str) -> tuple[dict[str, str], dict[str, str]]:
    """Labels and annotations. The event's own fields come before details of the same name."""
    labels, annotations = read_details(payload.get("custom_details"))
    own = {"source": source, **{name: payload.get(name) for name in ("component", "group", "class")}}
    own["client"] = event.client
    labels |= {name: shown for name, value in own.items() if (shown := line(value, LABEL))}
    return labels, annotations


def _links(event: Event, annotations: Mapping[str, str]) -> tuple[Link, ...]:
    return links(
        [
            *(_titled(item, "href", "text", "Link") for item in _objects(event.links)),
            ("Source", event.client_url),
            *((title, annotations.get(name)) for title, name in KNOWN_LINKS),
            *(_titled(item, "href", "alt", "Image") for item in _objects(event.images)),
            *(_titled(item, "src", "alt", "Image") for item in _objects(event.images)),
        ]
    )


def _titled(item: Mapping[str, Any], address: str, title: str, otherwise: str) -> tuple[str, object]:
    return line(item.get(title), TITLE) or otherwise, item.get(address)


def _objects(items: object) -> list[dict[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _change(event: Event) -> Change:
    """What was done, where, and where more of it stands, in a few words."""
    payload = _payload(event)
    summary = line(_word(payload, "summary"), LABEL)
    source = line(payload.get("source"), LABEL)
    labels, _ = _labels(event, payload, source)
    addresses = " ".join(link.url for link in _links(event, {}))
    where = f" ({source})" if source else ""
    return Change(
        text=line(f"Change: {summary}{where} {addresses}", SUMMARY),
        labels=labels,
        service=service_of(labels),
        at=read_time(payload.get("timestamp")),
    )
