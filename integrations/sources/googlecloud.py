"""Google Cloud Monitoring's webhook notification channel, schema version 1.2.

cloud.google.com/monitoring/support/notification-options#webhooks
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from engine.core.classify import read_values
from engine.core.errors import Unreadable
from engine.core.model import Alert, AlertStatus
from engine.core.policy import Model
from engine.ports import Parsed, Request
from integrations.sources.reading import (
    ANNOTATION,
    FINGERPRINT,
    GROUP,
    LABEL,
    NAME,
    TITLE,
    decode,
    identity,
    items,
    line,
    links,
    members,
    paragraphs,
    read_each,
    tagged_service,
    texts,
    tidy,
)
from integrations.sources.severity import Severity
from integrations.sources.signatures import Secret, check_basic
from integrations.sources.times import read_time

SEVERITIES: Mapping[str, Severity] = {"critical": "critical", "error": "critical", "warning": "warning"}
"""Of the policy. It may have none; then the word is "no severity"."""

STATES = {"open": AlertStatus.FIRING, "closed": AlertStatus.RESOLVED}


class Settings(Model):
    """`username` and `password`: those of the channel's HTTP Basic authentication. Without a password the address is
    the secret."""

    model_config = ConfigDict(hide_input_in_errors=True)

    username: Annotated[str, Field(min_length=1, pattern="^[^:]*$")] = "tocsin"
    password: Secret | None = None
    severity: Annotated[Severity, Field(description="of an alert whose policy has none")] = "critical"


class Notification(msgspec.Struct, frozen=True):
    incident: dict[str, Any]


NOTIFICATION = msgspec.json.Decoder(Notification)


class GoogleCloud:
    name = "googlecloud"
    title = "Google Cloud Monitoring"
    settings: type[BaseModel] = Settings
    example = b"""{
  "incident": {
    "incident_id": "0.opqiw61fsv7p",
    "scoping_project_id": "shop-prod",
    "scoping_project_number": 12345,
    "url": "https://console.cloud.google.com/monitoring/alerting/incidents/0.opqiw61fsv7p?project=shop-prod",
    "severity": "Critical",
    "started_at": 1795144200,
    "ended_at": null,
    "state": "open",
    "summary": "Error rate for shop-prod checkout is above the threshold of 5.000 with a value of 12.000.",
    "resource_id": "",
    "resource_name": "shop-prod checkout",
    "resource_display_name": "checkout",
    "resource_type_display_name": "Cloud Run Revision",
    "resource": {
      "type": "cloud_run_revision",
      "labels": {"project_id": "shop-prod", "location": "europe-west1", "service_name": "checkout"}
    },
    "metric": {
      "type": "run.googleapis.com/request_count",
      "displayName": "Request Count",
      "labels": {"response_code_class": "5xx"}
    },
    "metadata": {"system_labels": {}, "user_labels": {"team": "payments"}},
    "policy_name": "Checkouts fail",
    "policy_user_labels": {"tier": "one"},
    "condition_name": "More than 5% are answered with 5xx",
    "condition": {"name": "projects/shop-prod/alertPolicies/1234567890123456789/conditions/987654321"},
    "threshold_value": "5",
    "observed_value": "12",
    "documentation": {
      "content": "Roll the last release back.",
      "mime_type": "text/markdown",
      "subject": "",
      "links": [{"displayName": "Runbook", "url": "https://runbooks.example/checkout"}]
    }
  },
  "version": "1.2"
}"""
    example_resolved = example.replace(b'"open"', b'"closed"').replace(b'"ended_at": null', b'"ended_at": 1795145000')
    example_headers: Mapping[str, str] = {}

    def verify(self, settings: Settings, request: Request, now: datetime) -> None:
        del now
        if settings.password is not None:
            check_basic(settings.username, settings.password, request)

    def parse(self, settings: Settings, request: Request, now: datetime) -> Parsed:
        del now
        incident = decode(NOTIFICATION, tidy(request.body)).incident
        return read_each([incident], lambda one: _read(one, settings), lambda _: "$.incident")


def _read(incident: Mapping[str, Any], settings: Settings) -> Alert:
    state = line(incident.get("state"), NAME).lower()
    status = STATES.get(state)
    if status is None:
        raise Unreadable("$.state", f'{state!r:.40} is not a state; "open" or "closed" is')
    fingerprint = identity(incident.get("incident_id"), FINGERPRINT)
    if not fingerprint:
        raise Unreadable("$.incident_id", "missing; an incident is known by it")
    labels, documentation = _labels(incident, settings.severity), members(incident.get("documentation"))
    return Alert(
        fingerprint=fingerprint,
        status=status,
        title=_title(incident, documentation) or fingerprint,
        summary=paragraphs(incident.get("summary"), documentation.get("content")),
        service=tagged_service(labels),
        group=_policy(incident),
        labels=labels,
        annotations=texts({name: incident.get(name) for name in ("observed_value", "threshold_value")}, ANNOTATION),
        values=read_values(labels, {}),
        links=links(
            [
                ("Google Cloud", incident.get("url")),
                *(
                    (line(one.get("displayName"), NAME) or "Documentation", one.get("url"))
                    for one in map(members, items(documentation.get("links")))
                ),
            ]
        ),
        starts_at=read_time(incident.get("started_at")),
        ends_at=read_time(incident.get("ended_at")) if status is AlertStatus.RESOLVED else None,
    )


def _title(incident: Mapping[str, Any], documentation: Mapping[str, Any]) -> str:
    subject = line(documentation.get("subject"), TITLE)
    name = line(incident.get("policy_name") or incident.get("condition_name"), TITLE)
    where = line(incident.get("resource_display_name") or incident.get("resource_name"), NAME)
    return subject or line(f"{name} ({where})" if name and where else name or where, TITLE)


def _policy(incident: Mapping[str, Any]) -> str:
    """One policy makes an incident of Google's for each time series; together they are one problem."""
    condition = line(members(incident.get("condition")).get("name"), GROUP).partition("/conditions/")[0]
    return condition or identity(f"{incident.get('scoping_project_id')}/{incident.get('policy_name')}", GROUP)


def _labels(incident: Mapping[str, Any], otherwise: Severity) -> dict[str, str]:
    """The policy's own labels over those of what it watches."""
    resource, metric = members(incident.get("resource")), members(incident.get("metric"))
    metadata, policy = members(incident.get("metadata")), members(incident.get("policy_user_labels"))
    said = (line(word, NAME).lower() for word in (incident.get("severity"), policy.get("severity")))
    own = {
        "alertname": incident.get("policy_name"),
        "severity": next((SEVERITIES[word] for word in said if word in SEVERITIES), otherwise),
        "condition": incident.get("condition_name"),
        "project": incident.get("scoping_project_id"),
        "resource_type": resource.get("type"),
        "metric": metric.get("type"),
    }
    told = (resource.get("labels"), metric.get("labels"), metadata.get("system_labels"), metadata.get("user_labels"))
    merged = {name: value for labels in (*told, policy) for name, value in members(labels).items()}
    return texts(merged | own, LABEL)
