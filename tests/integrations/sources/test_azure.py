from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.core.errors import Unreadable
from engine.core.model import Alert, AlertStatus, Link
from integrations.sources.azure import Azure, Settings
from tests.integrations.sources.bodies import NOW, assert_fit_for_use, request

BODY: dict[str, Any] = json.loads(Azure.example)
DATA: dict[str, Any] = BODY["data"]


def read(data: dict[str, Any]) -> Alert:
    (alert,) = Azure().parse(Settings(), request(BODY | {"data": data}), NOW).alerts
    assert_fit_for_use(alert)
    return alert


def one(**essentials: object) -> Alert:
    return read(DATA | {"essentials": DATA["essentials"] | essentials})


def context(condition: dict[str, Any], **fields: object) -> Alert:
    return read(DATA | {"alertContext": {"condition": {"allOf": [condition]}, **fields}})


def test_an_alert_is_read() -> None:
    assert one() == Alert(
        fingerprint="/subscriptions/19e207a9/providers/microsoft.alertsmanagement/alerts/62bd7dd6",
        status=AlertStatus.FIRING,
        title="No CPU left for the checkout (web-1)",
        summary="The checkout has no CPU left.\n\nPercentage CPU 97.4 GreaterThan 90",
        service="checkout",
        group="/subscriptions/19e207a9/resourcegroups/shop/providers/microsoft.insights/metricalerts/cpu",
        labels={
            "service": "checkout",
            "team": "payments",
            "alertname": "No CPU left for the checkout",
            "severity": "critical",
            "azure_severity": "Sev0",
            "signal": "Metric",
            "monitoring_service": "Platform",
            "resource": "web-1",
            "resource_group": "shop",
            "resource_type": "microsoft.compute/virtualmachines",
        },
        links=(
            Link(
                title="Azure",
                url="https://portal.azure.com/#blade/Microsoft_Azure_Monitoring/AlertDetailsTemplateBlade/alertId/"
                "%2Fsubscriptions%2F19e207a9%2Fproviders%2FMicrosoft.AlertsManagement%2Falerts%2F62bd7dd6",
            ),
            Link(title="Investigation", url=DATA["essentials"]["investigationLink"]),
        ),
        starts_at=datetime(2026, 11, 20, 3, 10, 0, 209438, tzinfo=UTC),
    )


def test_resolved_ends_it() -> None:
    over = one(monitorCondition="Resolved", resolvedDateTime="2026-11-20T03:40:00.2246313Z")
    assert (over.status, over.fingerprint) == (AlertStatus.RESOLVED, one().fingerprint)
    assert over.ends_at == datetime(2026, 11, 20, 3, 40, 0, 224631, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "severity"),
    [("Sev0", "critical"), ("Sev1", "critical"), ("sev2", "warning"), ("Sev3", "info"), ("Sev4", "info")],
)
def test_the_severity_is_one_of_three_and_azures_own_is_a_label(said: str, severity: str) -> None:
    alert = one(severity=said)
    assert (alert.labels["severity"], alert.labels["azure_severity"]) == (severity, said)


@pytest.mark.parametrize("said", [None, "", "Sev9", 0])
def test_an_unknown_severity_is_not_played_down(said: object) -> None:
    assert one(severity=said).labels["severity"] == "critical"


def test_what_one_rule_finds_belongs_together_however_azure_writes_its_name() -> None:
    other = one(alertId="/subscriptions/19e207a9/alerts/other", alertRuleID=DATA["essentials"]["alertRuleID"].upper())
    assert (other.group, other.fingerprint == one().fingerprint) == (one().group, False)
    assert one(alertId=DATA["essentials"]["alertId"].upper()).fingerprint == one().fingerprint
    assert one(alertRuleID=None).group == "no cpu left for the checkout"


def test_a_log_alert_has_its_dimensions_and_its_results() -> None:
    condition = {
        "metricMeasureColumn": None,
        "metricValue": 3,
        "operator": "GreaterThan",
        "threshold": "0",
        "dimensions": [{"name": "Service", "value": "shop"}, "odd"],
        "linkToSearchResultsUI": "https://portal.azure.com#@tenant/blade/Logs",
    }
    alert = read(DATA | {"customProperties": None, "alertContext": {"condition": {"allOf": [condition]}}})
    assert (alert.service, alert.labels["Service"]) == ("shop", "shop")
    assert alert.summary.endswith("Result 3 GreaterThan 0")
    assert alert.links[-1] == Link(title="Search results", url="https://portal.azure.com#@tenant/blade/Logs")


def test_an_alert_of_managed_prometheus_has_its_labels() -> None:
    assert context({}, labels={"namespace": "shop", "pod": "web-1"}).labels["pod"] == "web-1"


def test_properties_of_the_rule_are_labels_and_win() -> None:
    alert = context({"dimensions": [{"name": "team", "value": "x"}]}, properties={"team": "y", "tier": "one"})
    assert (alert.labels["team"], alert.labels["tier"]) == ("payments", "one")


@pytest.mark.parametrize("odd", [None, [], {}, "x", 3])
def test_nothing_but_the_essentials_is_needed(odd: object) -> None:
    alert = read({"essentials": DATA["essentials"], "alertContext": odd, "customProperties": odd})
    assert alert.summary == "The checkout has no CPU left."


@pytest.mark.parametrize(
    ("body", "path", "reason"),
    [
        (BODY | {"schemaId": "AIP Budget Notification"}, "$.schemaId", "enable the common alert schema"),
        (BODY | {"schemaId": None}, "$.schemaId", "enable the common alert schema"),
        (BODY | {"data": {}}, "$.data", "essentials"),
        (
            BODY | {"data": {"essentials": DATA["essentials"] | {"monitorCondition": "Activated"}}},
            "$.data.essentials.monitorCondition",
            '"Fired" or "Resolved" is',
        ),
        (BODY | {"data": {"essentials": DATA["essentials"] | {"alertId": ""}}}, "$.data.essentials.alertId", "missing"),
    ],
)
def test_another_schema_is_refused_with_the_place_and_what_to_do(body: object, path: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason) as caught:
        Azure().parse(Settings(), request(body), NOW)
    assert caught.value.path == path
