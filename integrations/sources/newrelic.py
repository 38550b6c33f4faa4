"""New Relic's workflows: the default template of their webhook destination.

docs.newrelic.com/docs/alerts/get-notified/notification-integrations/#webhook
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from pydantic import BaseModel

from engine.core.model import Alert, AlertStatus
from engine.ports import Parsed, Request
from integrations.sources.reading import LABEL, NAME, TITLE, line, read_one, required, status_of
from integrations.sources.signatures import ByToken, TokenSettings
from integrations.sources.tags import Severity, graded, joined, pair_labels
from integrations.sources.told import Told

STATES = {
    **dict.fromkeys(("activated", "created", "acknowledged"), AlertStatus.FIRING),
    "closed": AlertStatus.RESOLVED,
}
PRIORITIES: Mapping[str, Severity] = {"critical": "critical", "high": "warning", "medium": "warning", "low": "info"}
"""A condition's critical threshold makes an issue CRITICAL, its warning threshold makes it HIGH."""


class Settings(TokenSettings):
    """`token`: the destination's Bearer Token. Without, the address is the secret."""


class Sent(msgspec.Struct, frozen=True, rename="camel"):
    """The default template, and what its page here adds: tags, description, runbookUrl, violationChartUrl, closedAt."""

    id: Any = None
    issue_url: Any = None
    title: Any = None
    priority: Any = None
    state: Any = None
    impacted_entities: Any = None
    alert_policy_names: Any = None
    alert_condition_names: Any = None
    workflow_name: Any = None
    created_at: Any = None
    updated_at: Any = None
    closed_at: Any = None
    description: Any = None
    runbook_url: Any = None
    violation_chart_url: Any = None
    tags: Any = None


class NewRelic(ByToken):
    name = "newrelic"
    title = "New Relic"
    settings: type[BaseModel] = Settings
    example = b"""{
  "id": "0ea2df1c-adab-45d2-aae0-042b609d2322",
  "issueUrl": "https://radar-api.service.newrelic.com/accounts/1/issues/0ea2df1c-adab-45d2-aae0-042b609d2322",
  "title": "checkout query result is > 5.0 for 2 minutes on 'Error rate'",
  "priority": "CRITICAL",
  "impactedEntities": ["checkout"],
  "totalIncidents": 1,
  "state": "ACTIVATED",
  "trigger": "STATE_CHANGE",
  "isCorrelated": false,
  "createdAt": 1795144200000,
  "updatedAt": 1795144200000,
  "sources": ["newrelic"],
  "alertPolicyNames": ["Golden signals"],
  "alertConditionNames": ["Error rate"],
  "workflowName": "Tocsin"
}"""
    example_resolved = example.replace(b'"ACTIVATED"', b'"CLOSED"').replace(
        b'"updatedAt": 1795144200000', b'"updatedAt": 1795144800000'
    )
    example_headers: Mapping[str, str] = {}

    def parse(self, settings: Settings, request: Request, now: datetime) -> Parsed:
        del settings, now
        return read_one(Sent, request.body, read)


def read(sent: Sent) -> Alert:
    title = line(_first(sent.title), TITLE) or line(_first(sent.alert_condition_names), TITLE)
    status = status_of(sent.state, STATES, "$.state")
    return Told(
        fingerprint=required(line(sent.id, LABEL), "$.id", "the issue's id"),
        status=status,
        title=required(title, "$.title", "the issue's title"),
        summary=_first(sent.description),
        labels=_labels(sent),
        links=[
            ("New Relic", sent.issue_url),
            ("Runbook", _first(sent.runbook_url)),
            ("Chart", _first(sent.violation_chart_url)),
        ],
        starts_at=sent.created_at,
        ends_at=sent.closed_at or sent.updated_at,
    ).alert()


def _labels(sent: Sent) -> dict[str, Any]:
    fields = {
        "alertname": joined(sent.alert_condition_names),
        "policy": joined(sent.alert_policy_names),
        "entity": joined(sent.impacted_entities),
        "workflow": sent.workflow_name,
    }
    tags = sent.tags.items() if isinstance(sent.tags, dict) else ()
    labels = fields | pair_labels((name, joined(value)) for name, value in tags)
    return graded(labels, PRIORITIES.get(line(sent.priority, NAME).lower(), "critical"))


def _first(value: object) -> object:
    """What New Relic accumulates over the incidents of an issue comes as a list."""
    return next(iter(value), None) if isinstance(value, list) else value
