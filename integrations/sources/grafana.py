"""The webhook contact point of Grafana's own alerting, version 1.

grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, Field

from engine.core.model import Alert
from engine.ports import Parsed, Request
from integrations.sources.groups import Form, Group, Notification, Sent
from integrations.sources.reading import SUMMARY, TITLE, line, text
from integrations.sources.signatures import Secret, TokenSettings, check_bearer, check_fresh, check_signature
from integrations.sources.tags import Severity

BLIND = {"DatasourceNoData": "no data", "DatasourceError": "the query fails"}
"""The alerts that Grafana raises in place of a rule that it can't evaluate, and what is the matter."""


class SentByGrafana(Sent, frozen=True):
    values: Any = None
    value_string: Any = msgspec.field(name="valueString", default=None)
    silence_url: Any = msgspec.field(name="silenceURL", default=None)
    dashboard_url: Any = msgspec.field(name="dashboardURL", default=None)
    panel_url: Any = msgspec.field(name="panelURL", default=None)
    image_url: Any = msgspec.field(name="imageURL", default=None)


FORM = Form(
    whole=msgspec.json.Decoder(Notification[SentByGrafana]),
    part=msgspec.json.Decoder(SentByGrafana),
    version="1",
    otherwise='is not Grafana\'s webhook; it says "1" (Alertmanager says "4": the alertmanager source reads it)',
)


class Settings(TokenSettings):
    """`token`: the contact point's Authorization Header credentials. `signature_secret`: the secret of its HMAC
    signature. With neither, the address is the secret."""

    severity: Annotated[Severity, Field(description="of an alert without a label `severity`")] = "critical"
    signature_secret: Secret | None = None
    signature_header: Annotated[str, Field(min_length=1, description="holds the HMAC-SHA256 in hex")] = (
        "X-Grafana-Alerting-Signature"
    )
    timestamp_header: Annotated[
        str, Field(description="the contact point's Timestamp Header; the time is signed too and may be 5 minutes old")
    ] = ""


class Grafana:
    name = "grafana"
    title = "Grafana"
    settings: type[BaseModel] = Settings
    example = b"""{
  "receiver": "tocsin",
  "status": "firing",
  "orgId": 1,
  "alerts": [
    {
      "status": "firing",
      "labels": {
        "alertname": "High error rate",
        "grafana_folder": "Shop",
        "service": "checkout",
        "severity": "critical"
      },
      "annotations": {
        "summary": "12% of checkouts fail",
        "description": "More than 5% of the requests have failed for 2 minutes.",
        "runbook_url": "https://runbooks.example/high-error-rate"
      },
      "startsAt": "2026-11-20T04:10:00.157076+01:00",
      "endsAt": "0001-01-01T00:00:00Z",
      "generatorURL": "https://grafana.example/alerting/grafana/1afz29v7z/view?orgId=1",
      "fingerprint": "c6eadffa33fcdf37",
      "silenceURL": "https://grafana.example/alerting/silence/new?alertmanager=grafana&orgId=1",
      "dashboardURL": "https://grafana.example/d/checkout?orgId=1",
      "panelURL": "https://grafana.example/d/checkout?orgId=1&viewPanel=3",
      "values": {"error_rate": 12.1, "C": 1},
      "valueString": "[ var='error_rate' labels={service=checkout} value=12.1 ]"
    }
  ],
  "groupLabels": {"alertname": "High error rate", "grafana_folder": "Shop"},
  "commonLabels": {},
  "commonAnnotations": {},
  "externalURL": "https://grafana.example/",
  "version": "1",
  "groupKey": "{}:{alertname=\\"High error rate\\", grafana_folder=\\"Shop\\"}",
  "truncatedAlerts": 0,
  "title": "[FIRING:1] High error rate Shop (checkout critical)",
  "state": "alerting",
  "message": ""
}"""
    example_resolved = example.replace(b'"firing"', b'"resolved"').replace(b"0001-01-01T00:00", b"2026-11-20T03:20")
    example_headers: Mapping[str, str] = {}

    def verify(self, settings: Settings, request: Request, now: datetime) -> None:
        """Each proof that the settings ask for is needed."""
        if settings.token is not None:
            check_bearer(settings.token, request)
        if settings.signature_secret is None:
            return
        if not settings.timestamp_header:
            check_signature(settings.signature_secret, settings.signature_header, request)
            return
        stamp = request.headers.get(settings.timestamp_header.lower(), "")
        check_signature(settings.signature_secret, settings.signature_header, request, before=f"{stamp}:")
        check_fresh(settings.timestamp_header, request, now)

    def parse(self, settings: Settings, request: Request, now: datetime) -> Parsed:
        del now
        return FORM.parse(request.body, lambda sent, group: read(settings, sent, group))


def read(settings: Settings, sent: SentByGrafana, group: Group) -> Alert:
    before = [("Alert rule", sent.generator_url), ("Panel", sent.panel_url), ("Dashboard", sent.dashboard_url)]
    after = [("Silence", sent.silence_url), ("Screenshot", sent.image_url), ("Grafana", group.external_url)]
    alert = group.read(sent, before, after, _measured(sent))
    if "severity" not in alert.labels:
        alert = replace(alert, labels={**alert.labels, "severity": settings.severity})
    return _blind(alert)


def _measured(sent: SentByGrafana) -> Mapping[str, Any]:
    """The values of the rule's queries and expressions by their names; Grafana before 10 has them in a text only."""
    return sent.values if isinstance(sent.values, dict) else {"values": sent.value_string}


def _blind(alert: Alert) -> Alert:
    """The annotations are the rule's own and tell of a problem that nobody has seen: the title says what is known."""
    matter = BLIND.get(alert.labels.get("alertname", ""))
    rule = alert.labels.get("rulename")
    if matter is None or rule is None:
        return alert
    told = text(alert.annotations.get("Error"), SUMMARY) or f"The rule is about: {alert.title}"
    return replace(alert, title=line(f"{rule}: {matter}", TITLE), summary=told)
