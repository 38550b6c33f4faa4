"""Kibana's alerting rules, by a webhook connector with the body that its page here gives.

elastic.co/guide/en/kibana/current/rule-action-variables.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, Field

from engine.core.model import Alert, AlertStatus
from engine.ports import Parsed, Request
from integrations.sources.reading import LABEL, NAME, SUMMARY, TITLE, line, read_one, required, text
from integrations.sources.signatures import ByToken, TokenSettings
from integrations.sources.tags import SPOKEN, Severity, graded, listed, tag_labels
from integrations.sources.told import Told

RECOVERED = frozenset({"recovered", "resolved", "ok"})
WARNINGS = ("warning", "nodata", "medium", "low")
"""How the action groups of a lesser threshold end: `metrics.threshold.nodata`, `slo.burnRate.low`."""

SEVERITIES: Mapping[str, Severity] = {**SPOKEN, "high": "critical", "medium": "warning", "low": "info"}

NOWHERE = frozenset({"", "*", "query matched"})
"""The ids of alerts whose rule looks at everything at once."""


class Settings(TokenSettings):
    """`token`: what the connector's headers send as `Authorization: Bearer`. Without, the address is the secret."""

    severity: Annotated[Severity, Field(description="of an alert that says nothing of its own")] = "critical"


class Rule(msgspec.Struct, frozen=True):
    id: Any = None
    name: Any = None
    tags: Any = None
    url: Any = None
    space: Any = None


class Instance(msgspec.Struct, frozen=True):
    """What the rule found something at: a host, a service, or the query as a whole."""

    id: Any = None
    state: Any = None


class Sent(msgspec.Struct, frozen=True):
    """The body of the page. What depends on the kind of rule is empty where a rule has none."""

    rule: Rule
    alert: Instance
    date: Any = None
    severity: Any = None
    reason: Any = None
    message: Any = None
    url: Any = None
    labels: Any = None


class Elastic(ByToken):
    name = "elastic"
    title = "Elastic"
    settings: type[BaseModel] = Settings
    example = b"""{
  "rule": {
    "id": "8c4e4160-c27f-11ee-9d57-3d6a1ee6a1b9",
    "name": "Checkout error rate",
    "tags": "service:checkout,team:payments",
    "url": "https://kibana.example/app/management/insightsAndAlerting/triggersActions/rule/8c4e4160",
    "space": "default"
  },
  "alert": {"id": "checkout", "state": "threshold_met"},
  "date": "2026-11-20T03:10:00.123Z",
  "severity": "critical",
  "reason": "Failed transactions is 12% in the last 5 mins for service: checkout. Alert when > 5%.",
  "message": "",
  "url": "https://kibana.example/app/observability/alerts/9c1b"
}"""
    example_resolved = example.replace(b'"threshold_met"', b'"recovered"').replace(b"03:10:00", b"03:20:00")
    example_headers: Mapping[str, str] = {}

    def parse(self, settings: Settings, request: Request, now: datetime) -> Parsed:
        del now
        return read_one(Sent, request.body, lambda sent: read(settings, sent))


def read(settings: Settings, sent: Sent) -> Alert:
    rule = required(line(sent.rule.id, LABEL), "$.rule.id", "{{rule.id}}")
    name = required(line(sent.rule.name, TITLE), "$.rule.name", "{{rule.name}}")
    state = required(line(sent.alert.state, NAME), "$.alert.state", "{{alert.actionGroup}}")
    instance = line(sent.alert.id, LABEL)
    return Told(
        fingerprint=f"{rule}/{instance}",
        status=AlertStatus.RESOLVED if state.lower() in RECOVERED else AlertStatus.FIRING,
        title=name if instance in NOWHERE else f"{name}: {instance}",
        summary=text(sent.reason, SUMMARY) or sent.message,
        group=rule,
        labels=_labels(settings, sent, state),
        links=[("Elastic", sent.url), ("Rule", sent.rule.url)],
        at=sent.date,
    ).alert()


def _labels(settings: Settings, sent: Sent, state: str) -> dict[str, Any]:
    fields = {"alertname": sent.rule.name, "instance": sent.alert.id, "space": sent.rule.space}
    own = sent.labels.items() if isinstance(sent.labels, dict) else ()
    labels = fields | tag_labels(listed(sent.rule.tags)) | {name: value for name, value in own if value}
    said = SEVERITIES.get(line(sent.severity, NAME).lower())
    if said is not None:
        return labels | {"severity": said}
    return graded(labels, "warning" if state.lower().endswith(WARNINGS) else settings.severity)
