"""Datadog's webhooks integration: the payload that its page here gives, or the one that Datadog sends by itself.

docs.datadoghq.com/integrations/webhooks
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from pydantic import BaseModel

from engine.core.model import Alert, AlertStatus
from engine.ports import Parsed, Request
from integrations.sources.reading import ANNOTATION, LABEL, TITLE, digest, line, read_one, required, text
from integrations.sources.signatures import ByToken, TokenSettings
from integrations.sources.tags import Severity, graded, listed, tag_labels
from integrations.sources.told import Told

TRANSITIONS = ("triggered", "warn", "no data", "renotify", "recovered")
HEADLINE = re.compile(
    r"(?:\[P\d\]\s*)?\[(?:re-)?(" + "|".join(TRANSITIONS) + r")(?: on \{(.*?)\})?\]\s*(.+)", re.IGNORECASE
)
"""`[P1] [Re-Triggered on {host:web-1}] The monitor's name`"""

UNFILLED = re.compile(r"\$[A-Z_]+(?:\[\S+\])?|null|none", re.IGNORECASE)
"""A variable that Datadog does not know or has no value for."""

MONITOR = re.compile(r"https://[\w.-]+/monitors[/#]\d+[^\s()\[\]]*")
GRADES: Mapping[str, Severity] = {"p1": "critical", "p2": "critical", "p3": "warning", "p4": "warning", "p5": "info"}
TYPES: Mapping[str, Severity] = {"error": "critical", "warning": "warning", "info": "info", "success": "info"}


class Settings(TokenSettings):
    """`token`: what its custom headers send as `Authorization: Bearer`. Without, the address is the secret."""


class Sent(msgspec.Struct, frozen=True):
    """Other keys than those of Datadog's own payload are the names of variables in lower case."""

    title: Any = None
    body: Any = None
    date: Any = None
    link: Any = None
    snapshot: Any = None
    hostname: Any = None
    tags: Any = None
    alert_id: Any = None
    alert_metric: Any = None
    alert_priority: Any = None
    alert_query: Any = None
    alert_scope: Any = None
    alert_status: Any = None
    alert_transition: Any = None
    alert_type: Any = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Headline:
    """What the title says: Datadog writes the transition and the scope before the monitor's name."""

    transition: str
    scope: tuple[str, ...]
    name: str


class Datadog(ByToken):
    name = "datadog"
    title = "Datadog"
    settings: type[BaseModel] = Settings
    example = b"""{
  "id": "8306082202796025694",
  "event_type": "query_alert_monitor",
  "title": "[P1] [Triggered on {service:checkout}] Error rate is high",
  "body": "More than 5% of the requests have failed for 2 minutes.",
  "date": "1795144200000",
  "last_updated": "1795144200000",
  "link": "https://app.datadoghq.com/event/event?id=8306082202796025694",
  "snapshot": "https://p.datadoghq.com/snapshot/view/dd-snapshots-prod/org_1/2026-11-20/a1.png",
  "hostname": "web-1",
  "tags": "env:prod,monitor,service:checkout,team:payments",
  "org": {"id": "352347", "name": "Example"},
  "alert_id": "221164084",
  "alert_metric": "trace.http.request.errors",
  "alert_priority": "P1",
  "alert_query": "avg(last_5m):sum:trace.http.request.errors{*} by {service} > 5",
  "alert_scope": "service:checkout",
  "alert_status": "trace.http.request.errors over service:checkout was > 5 on average during the last 5m",
  "alert_transition": "Triggered",
  "alert_type": "error"
}"""
    example_resolved = (
        example.replace(b"Triggered", b"Recovered")
        .replace(b'"error"', b'"success"')
        .replace(b"1795144200000", b"1795144800000")
    )
    example_headers: Mapping[str, str] = {}

    def parse(self, settings: Settings, request: Request, now: datetime) -> Parsed:
        del settings, now
        return read_one(Sent, request.body, read)


def read(sent: Sent) -> Alert:
    head, monitor = _headline(sent), _said(sent.alert_id)
    return Told(
        fingerprint=f"{monitor}/{','.join(head.scope)}" if monitor else digest([head.name, head.scope]),
        status=AlertStatus.RESOLVED if head.transition == "recovered" else AlertStatus.FIRING,
        title=f"{head.name}: no data" if head.transition == "no data" else head.name,
        summary=_body(sent),
        group=monitor or head.name,
        labels=_labels(sent, head),
        annotations={"query": _said(sent.alert_query), "status": _said(sent.alert_status)},
        links=[("Datadog", sent.link), *(("Monitor", url) for url in _monitors(sent)), ("Graph", sent.snapshot)],
        at=_said(sent.date),
    ).alert()


def _headline(sent: Sent) -> Headline:
    """What is unknown is taken for a problem: a transition of a later Datadog must not lose a page."""
    title = required(line(_said(sent.title), TITLE), "$.title", "a title, as $EVENT_TITLE gives it,")
    parts = HEADLINE.fullmatch(title)
    said, scope, name = parts.groups() if parts else ("", None, title)
    transition = _said(sent.alert_transition).lower().removeprefix("re-") or said.lower()
    tags = {text(tag, LABEL) for tag in listed(_said(sent.alert_scope) or scope)}
    return Headline(transition=transition, scope=tuple(sorted(tags - {""})), name=name)


def _labels(sent: Sent, head: Headline) -> dict[str, Any]:
    fields = {
        "alertname": head.name,
        "host": _said(sent.hostname),
        "metric": _said(sent.alert_metric),
        "monitor_id": _said(sent.alert_id),
        "monitor_priority": _said(sent.alert_priority),
    }
    tags = sent.tags if isinstance(sent.tags, list) else listed(_said(sent.tags))
    labels = fields | tag_labels([*head.scope, *tags])
    kind = _said(sent.alert_type).lower()
    if head.transition in ("warn", "no data") or (head.transition == "renotify" and kind == "warning"):
        return labels | {"severity": "warning"}
    by_kind = "critical" if head.transition else TYPES.get(kind, "critical")
    return graded(labels, GRADES.get(_said(sent.alert_priority).lower(), by_kind))


def _said(value: object) -> str:
    """As text, and "" where Datadog has left a variable as it is."""
    shown = text(value, ANNOTATION)
    return "" if UNFILLED.fullmatch(shown.strip()) else shown


def _body(sent: Sent) -> str:
    """`%%%` is how Datadog marks Markdown."""
    return _said(sent.body).strip().removeprefix("%%%").removesuffix("%%%").strip()


def _monitors(sent: Sent) -> list[str]:
    return MONITOR.findall(text(sent.body, ANNOTATION))[:1]
