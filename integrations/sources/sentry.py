"""Sentry's internal integrations: issue alerts, metric alerts, and issues that are resolved.

docs.sentry.io/organization/integrations/integration-platform/webhooks
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from pydantic import BaseModel

from engine.core.errors import Unreadable
from engine.core.model import Alert, AlertStatus
from engine.core.policy import Model
from engine.ports import Parsed, Request
from integrations.sources.reading import LABEL, NAME, TITLE, line, read_one, required, status_of, text
from integrations.sources.signatures import Secret, check_signature
from integrations.sources.tags import Severity, graded, joined, pair_labels
from integrations.sources.told import Told

LEVELS: Mapping[str, Severity] = {"fatal": "critical", "info": "info", "debug": "info", "sample": "info"}
"""Every other, `error` above all, is a warning: most of what Sentry sees is an error."""

ACTIONS = {"critical": AlertStatus.FIRING, "warning": AlertStatus.FIRING, "resolved": AlertStatus.RESOLVED}
PROJECT = re.compile(r"/projects/[^/]+/([^/]+)/")
STATE = re.compile(r"(?:critical|warning|resolved):\s*(?=\S)", re.IGNORECASE)


class Settings(Model):
    """`client_secret`: the integration's own, under which Sentry signs. Without, the address is the secret."""

    client_secret: Secret | None = None


class Event(msgspec.Struct, frozen=True):
    """The occurrence of an issue that made an issue alert go off."""

    issue_id: Any = None
    title: Any = None
    culprit: Any = None
    level: Any = None
    environment: Any = None
    release: Any = None
    platform: Any = None
    tags: Any = None
    datetime: Any = None
    url: Any = None
    web_url: Any = None


class Rule(msgspec.Struct, frozen=True):
    id: Any = None
    name: Any = None
    environment: Any = None
    aggregate: Any = None
    query: Any = None
    projects: Any = None


class MetricAlert(msgspec.Struct, frozen=True):
    alert_rule: Rule
    date_started: Any = None
    date_detected: Any = None
    date_closed: Any = None


class Issue(msgspec.Struct, frozen=True):
    id: Any = None
    title: Any = None
    level: Any = None
    project: Any = None
    web_url: Any = None
    permalink: Any = None


class Data(msgspec.Struct, frozen=True):
    """One of the first three, or of what is no problem."""

    event: Event | None = None
    metric_alert: MetricAlert | None = None
    issue: Issue | None = None
    triggered_rule: Any = None
    description_title: Any = None
    description_text: Any = None
    web_url: Any = None


class Sent(msgspec.Struct, frozen=True):
    data: Data
    action: Any = None


class Sentry:
    name = "sentry"
    title = "Sentry"
    settings: type[BaseModel] = Settings
    example = b"""{
  "action": "critical",
  "actor": {"id": "sentry", "name": "Sentry", "type": "application"},
  "data": {
    "description_text": "1000 events in the last 10 minutes\\nFilter: level:error",
    "description_title": "Critical: Too many errors in checkout",
    "metric_alert": {
      "alert_rule": {
        "aggregate": "count()",
        "dataset": "events",
        "environment": "production",
        "id": "7",
        "name": "Too many errors in checkout",
        "organization_id": "5",
        "projects": ["checkout"],
        "query": "level:error",
        "time_window": 10,
        "triggers": []
      },
      "date_closed": null,
      "date_created": "2026-11-20T03:10:00.000000Z",
      "date_detected": "2026-11-20T03:10:00.000000Z",
      "date_started": "2026-11-20T03:08:00.000000Z",
      "id": "4",
      "identifier": "1",
      "organization_id": "5",
      "projects": ["checkout"],
      "status": 20,
      "title": "Sacred Marmot"
    },
    "web_url": "https://sentry.io/organizations/example/alerts/1/"
  },
  "installation": {"uuid": "a8e5d37a-696c-4c54-adb5-b3f28d64c7de"}
}"""
    example_resolved = (
        example.replace(b'"critical"', b'"resolved"')
        .replace(b"Critical:", b"Resolved:")
        .replace(b'"date_closed": null', b'"date_closed": "2026-11-20T03:30:00.000000Z"')
    )
    example_headers: Mapping[str, str] = {"sentry-hook-resource": "metric_alert"}

    def verify(self, settings: Settings, request: Request, now: datetime) -> None:
        del now
        if settings.client_secret is not None:
            check_signature(settings.client_secret, "Sentry-Hook-Signature", request)

    def parse(self, settings: Settings, request: Request, now: datetime) -> Parsed:
        del settings, now
        resource = line(request.headers.get("sentry-hook-resource"), NAME)
        return read_one(Sent, request.body, lambda sent: read(sent, resource))


def read(sent: Sent, resource: str) -> Alert | str:
    data, action = sent.data, line(sent.action, NAME)
    if data.metric_alert is not None:
        return read_metric(sent, data.metric_alert)
    if data.event is not None:
        return read_event(data, data.event)
    if data.issue is not None and action == "resolved":
        return read_resolved(data.issue)
    if resource in ("", "event_alert", "metric_alert"):
        raise Unreadable("$.data", "there is no event, no metric alert and no issue that is resolved")
    return f"Sentry tells of this and it is no alert: {resource} {action}"


def read_event(data: Data, event: Event) -> Alert:
    title = required(line(event.title, TITLE), "$.data.event.title", "the issue's title")
    project = PROJECT.search(text(event.url, LABEL))
    fields = {
        "alertname": data.triggered_rule or title,
        "environment": event.environment,
        "release": event.release,
        "platform": event.platform,
        "project": project[1] if project else None,
    }
    return Told(
        fingerprint=_issue(event.issue_id, "$.data.event.issue_id"),
        status=AlertStatus.FIRING,
        title=title,
        summary=event.culprit,
        labels=graded(fields | pair_labels(_pairs(event.tags)), _grade(event.level)),
        links=[("Sentry", event.web_url)],
        at=event.datetime,
    ).alert()


def read_resolved(issue: Issue) -> Alert:
    """The end of what issue alerts told of."""
    project = issue.project.get("slug") if isinstance(issue.project, dict) else None
    return Told(
        fingerprint=_issue(issue.id, "$.data.issue.id"),
        status=AlertStatus.RESOLVED,
        title=required(line(issue.title, TITLE), "$.data.issue.title", "the issue's title"),
        labels=graded({"alertname": issue.title, "project": project}, _grade(issue.level)),
        links=[("Sentry", issue.web_url), ("Sentry", issue.permalink)],
    ).alert()


def read_metric(sent: Sent, metric: MetricAlert) -> Alert:
    """The rule is the problem: Sentry gives a number of its own to each time that it goes off."""
    rule, data = metric.alert_rule, sent.data
    status = status_of(sent.action, ACTIONS, "$.action")
    key = required(line(rule.id, NAME), "$.data.metric_alert.alert_rule.id", "the rule's number")
    name = line(rule.name, TITLE) or STATE.sub("", line(data.description_title, TITLE), count=1)
    fields = {
        "alertname": name,
        "environment": rule.environment,
        "project": joined(rule.projects),
        "aggregate": rule.aggregate,
        "query": rule.query,
        "severity": "warning" if line(sent.action, NAME).lower() == "warning" else "critical",
    }
    return Told(
        fingerprint=f"metric alert {key}",
        status=status,
        title=required(name, "$.data.metric_alert.alert_rule.name", "the rule's name"),
        summary=data.description_text,
        labels=fields,
        links=[("Sentry", data.web_url)],
        starts_at=metric.date_started or metric.date_detected,
        ends_at=metric.date_closed,
    ).alert()


def _issue(number: object, path: str) -> str:
    return f"issue {required(line(number, NAME), path, 'the number of the issue')}"


def _grade(level: object) -> Severity:
    return LEVELS.get(line(level, NAME).lower(), "warning")


def _pairs(tags: object) -> list[tuple[object, object]]:
    listed = tags if isinstance(tags, list) else []
    return [(tag[0], tag[1]) for tag in listed if isinstance(tag, list) and len(tag) == 2]  # noqa: PLR2004 - a pair
