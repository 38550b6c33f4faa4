"""Prometheus Alertmanager's webhook, version 4.

prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec
from pydantic import BaseModel

from engine.core.model import Alert
from engine.ports import Parsed, Request
from integrations.sources.groups import Form, Group, Notification, Sent
from integrations.sources.signatures import ByToken, TokenSettings

FORM = Form(
    whole=msgspec.json.Decoder(Notification[Sent]),
    part=msgspec.json.Decoder(Sent),
    version="4",
    otherwise='is not Alertmanager\'s webhook; it says "4" (Grafana\'s own says "1": the grafana source reads it)',
)


class Settings(TokenSettings):
    """`token`: the `credentials` of the receiver's `http_config.authorization`. Without, the address is the secret."""


class Alertmanager(ByToken):
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
        return FORM.parse(request.body, read)


def read(sent: Sent, group: Group) -> Alert:
    return group.read(sent, [("Source", sent.generator_url)], [("Alertmanager", group.external_url)])
