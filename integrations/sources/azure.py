"""Azure Monitor's common alert schema.

learn.microsoft.com/azure/azure-monitor/alerts/alerts-common-schema
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec
from pydantic import BaseModel

from engine.core.classify import read_values
from engine.core.errors import Unreadable
from engine.core.model import Alert, AlertStatus
from engine.core.policy import Model
from engine.ports import Parsed, Request
from integrations.sources.reading import (
    FINGERPRINT,
    GROUP,
    LABEL,
    NAME,
    TITLE,
    URL,
    decode,
    identity,
    items,
    line,
    links,
    members,
    paragraphs,
    read_each,
    tagged_service,
    text,
    texts,
    tidy,
)
from integrations.sources.severity import Severity
from integrations.sources.times import read_time

SCHEMA = "azureMonitorCommonAlertSchema"
SEVERITIES: Mapping[str, Severity] = {
    "sev0": "critical",  # critical
    "sev1": "critical",  # error
    "sev2": "warning",  # warning
    "sev3": "info",  # informational
    "sev4": "info",  # verbose
}
CONDITIONS = {"fired": AlertStatus.FIRING, "resolved": AlertStatus.RESOLVED}
PORTAL = "https://portal.azure.com/#blade/Microsoft_Azure_Monitoring/AlertDetailsTemplateBlade/alertId/"


class Settings(Model):
    """An action group signs nothing: the address is the secret."""


class Data(msgspec.Struct, frozen=True, rename="camel"):
    essentials: dict[str, Any]
    alert_context: Any = None
    custom_properties: Any = None


class Notification(msgspec.Struct, frozen=True, rename="camel"):
    data: Data
    schema_id: Any = None


NOTIFICATION = msgspec.json.Decoder(Notification)


class Azure:
    name = "azure"
    title = "Azure Monitor"
    settings: type[BaseModel] = Settings
    example = b"""{
  "schemaId": "azureMonitorCommonAlertSchema",
  "data": {
    "essentials": {
      "alertId": "/subscriptions/19e207a9/providers/Microsoft.AlertsManagement/alerts/62bd7dd6",
      "alertRule": "No CPU left for the checkout",
      "alertRuleID": "/subscriptions/19e207a9/resourceGroups/shop/providers/microsoft.insights/metricalerts/cpu",
      "targetResourceType": "microsoft.compute/virtualmachines",
      "targetResourceGroup": "shop",
      "severity": "Sev0",
      "signalType": "Metric",
      "monitorCondition": "Fired",
      "monitoringService": "Platform",
      "alertTargetIDs": [
        "/subscriptions/19e207a9/resourcegroups/shop/providers/microsoft.compute/virtualmachines/web-1"
      ],
      "configurationItems": ["web-1"],
      "originAlertId": "19e207a9_shop_microsoft.insights_metricAlerts_checkout-cpu_1112063553",
      "firedDateTime": "2026-11-20T03:10:00.209438Z",
      "description": "The checkout has no CPU left.",
      "investigationLink": "https://portal.azure.com/#view/Microsoft_Azure_Monitoring_Alerts/Issue.ReactView/alertId/%2f62bd7dd6",
      "essentialsVersion": "1.0",
      "alertContextVersion": "1.0"
    },
    "alertContext": {
      "properties": null,
      "conditionType": "MultipleResourceMultipleMetricCriteria",
      "condition": {
        "windowSize": "PT5M",
        "allOf": [
          {
            "metricName": "Percentage CPU",
            "metricNamespace": "Microsoft.Compute/virtualMachines",
            "operator": "GreaterThan",
            "threshold": "90",
            "timeAggregation": "Average",
            "dimensions": [],
            "metricValue": 97.4
          }
        ]
      }
    },
    "customProperties": {"service": "checkout", "team": "payments"}
  }
}"""
    example_resolved = example.replace(b'"Fired"', b'"Resolved"').replace(
        b'"description"', b'"resolvedDateTime": "2026-11-20T03:40:00.1Z", "description"'
    )
    example_headers: Mapping[str, str] = {}

    def verify(self, settings: Settings, request: Request, now: datetime) -> None:
        """There is nothing to verify."""

    def parse(self, settings: Settings, request: Request, now: datetime) -> Parsed:
        del settings, now
        sent = decode(NOTIFICATION, tidy(request.body))
        if sent.schema_id != SCHEMA:
            raise Unreadable("$.schemaId", f'not "{SCHEMA}"; enable the common alert schema in the action group')
        return read_each([sent.data], lambda one: Fired(one).read(), lambda _: "$.data")


class Fired:
    """One alert, fired or resolved. Raises Unreadable with a path that starts at `data`.

    What belongs together is the rule: it fires once for each resource, and under a new id each time where it keeps no
    state.
    """

    def __init__(self, data: Data) -> None:
        self.told = data.essentials
        self.context = members(data.alert_context)
        self.conditions = [members(one) for one in items(members(self.context.get("condition")).get("allOf"))]
        # The common schema's own custom properties, and those that older rules have in the context.
        self.properties = {**members(self.context.get("properties")), **members(data.custom_properties)}

    def read(self) -> Alert:
        condition = line(self.told.get("monitorCondition"), NAME)
        status = CONDITIONS.get(condition.lower())
        if status is None:
            raise Unreadable(
                "$.essentials.monitorCondition", f'{condition!r:.40} is not a condition; "Fired" or "Resolved" is'
            )
        alert_id = text(self.told.get("alertId"), URL)
        if not alert_id:
            raise Unreadable("$.essentials.alertId", "missing; an alert is known by it")
        labels = self._labels()
        return Alert(
            fingerprint=identity(alert_id.lower(), FINGERPRINT),
            status=status,
            title=self._title() or alert_id[:TITLE],
            summary=paragraphs(self.told.get("description"), "\n".join(map(_spell, self.conditions))),
            service=tagged_service(labels),
            group=identity(text(self.told.get("alertRuleID") or self.told.get("alertRule"), URL).lower(), GROUP),
            labels=labels,
            values=read_values(labels, {}),
            links=links(
                [
                    ("Azure", PORTAL + quote(alert_id, safe="")),
                    ("Investigation", self.told.get("investigationLink")),
                    *(("Search results", one.get("linkToSearchResultsUI")) for one in self.conditions),
                ]
            ),
            starts_at=read_time(self.told.get("firedDateTime")),
            ends_at=read_time(self.told.get("resolvedDateTime")) if status is AlertStatus.RESOLVED else None,
        )

    def _title(self) -> str:
        rule = line(self.told.get("alertRule"), TITLE)
        what = ", ".join(filter(None, (line(one, NAME) for one in items(self.told.get("configurationItems")))))
        return line(f"{rule} ({what})" if rule and what else rule or what, TITLE)

    def _labels(self) -> dict[str, str]:
        """The properties over the dimensions, and over what Azure itself says."""
        dimensions = (members(one) for condition in self.conditions for one in items(condition.get("dimensions")))
        sev = line(self.told.get("severity"), NAME)
        own = {
            "alertname": self.told.get("alertRule"),
            "severity": SEVERITIES.get(sev.lower(), "critical"),
            "azure_severity": sev,
            "signal": self.told.get("signalType"),
            "monitoring_service": self.told.get("monitoringService"),
            "resource": ", ".join(line(one, NAME) for one in items(self.told.get("configurationItems"))),
            "resource_group": self.told.get("targetResourceGroup"),
            "resource_type": self.told.get("targetResourceType"),
        }
        named = {line(one.get("name"), NAME): one.get("value") for one in dimensions}
        return texts({**named, **members(self.context.get("labels")), **self.properties, **own}, LABEL)


def _spell(condition: Mapping[str, Any]) -> str:
    """`Percentage CPU 97.4 GreaterThan 90`"""
    name = condition.get("metricName") or condition.get("metricMeasureColumn") or "Result"
    parts = (name, condition.get("metricValue"), condition.get("operator"), condition.get("threshold"))
    return " ".join(filter(None, (line(part, NAME) for part in parts)))
