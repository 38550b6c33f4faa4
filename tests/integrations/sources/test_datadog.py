from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from engine.core.errors import Unauthorized, Unreadable
from engine.core.model import Alert, AlertStatus, Link
from integrations.sources.datadog import Datadog, Settings
from tests.integrations.sources.bodies import NOW, request

EXAMPLE = json.loads(Datadog.example)
FIRING, RESOLVED = AlertStatus.FIRING, AlertStatus.RESOLVED
OWN = {
    "id": "8306082202796025694",
    "last_updated": "1795144200000",
    "event_type": "query_alert_monitor",
    "title": "[Triggered on {host:db-1,service:checkout}] CPU is high",
    "date": "1795144200000",
    "org": {"id": "352347", "name": "Example"},
    "body": "%%%\nThe CPU is busy. @webhook-tocsin\n\n[![Metric Graph](https://p.datadoghq.com/s.png)]"
    "(https://app.datadoghq.eu/monitors/221164084?group=host%3Adb-1&event_id=83)\n%%%",
}
"""The payload that Datadog sends by itself."""


def one(**changes: object) -> Alert:
    """The example's alert with its fields changed."""
    return read(EXAMPLE | changes)


def read(body: dict[str, Any]) -> Alert:
    (alert,) = Datadog().parse(Settings(), request(body), NOW).alerts
    return alert


def test_the_payload_of_the_page_is_read_with_all_its_facts() -> None:
    alert = one()
    assert alert == Alert(
        fingerprint="221164084/service:checkout",
        status=FIRING,
        title="Error rate is high",
        summary="More than 5% of the requests have failed for 2 minutes.",
        service="checkout",
        group="221164084",
        labels={
            "alertname": "Error rate is high",
            "env": "prod",
            "host": "web-1",
            "metric": "trace.http.request.errors",
            "monitor_id": "221164084",
            "monitor_priority": "P1",
            "service": "checkout",
            "severity": "critical",
            "tags": "monitor",
            "team": "payments",
        },
        annotations={"query": EXAMPLE["alert_query"], "status": EXAMPLE["alert_status"]},
        links=alert.links,
        starts_at=datetime(2026, 11, 20, 3, 10, tzinfo=UTC),
    )
    assert [link.title for link in alert.links] == ["Datadog", "Graph"]


def test_datadogs_own_payload_is_read_from_its_title() -> None:
    alert = read(OWN)
    over = read(OWN | {"title": "[Recovered on {service:checkout,host:db-1}] CPU is high", "date": "1795144800000"})
    assert alert == Alert(
        fingerprint=over.fingerprint,
        status=FIRING,
        title="CPU is high",
        summary=alert.summary,
        service="checkout",
        group="CPU is high",
        labels={"alertname": "CPU is high", "host": "db-1", "service": "checkout", "severity": "critical"},
        links=(Link(title="Monitor", url="https://app.datadoghq.eu/monitors/221164084?group=host%3Adb-1&event_id=83"),),
        starts_at=datetime(2026, 11, 20, 3, 10, tzinfo=UTC),
    )
    assert alert.summary.startswith("The CPU is busy.")
    assert "%%%" not in alert.summary
    assert (over.status, over.group, over.ends_at) == (
        RESOLVED,
        alert.group,
        datetime(2026, 11, 20, 3, 20, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("title", "name", "status", "severity"),
    [
        ("[Triggered] Disk full", "Disk full", FIRING, "critical"),
        ("[P2] [Re-Triggered on {host:a}] Disk full", "Disk full", FIRING, "critical"),
        ("[Warn on {host:a}] Disk full", "Disk full", FIRING, "warning"),
        ("[Re-Warn] Disk full", "Disk full", FIRING, "warning"),
        ("[No data on {host:a}] Disk full", "Disk full: no data", FIRING, "warning"),
        ("[Recovered on {path:/{id}/x}] Disk full", "Disk full", RESOLVED, "critical"),
        ("[Recovered] [db] Disk full", "[db] Disk full", RESOLVED, "critical"),
        ("[Urgent] Disk full", "[Urgent] Disk full", FIRING, "critical"),
        ("[Triggered]", "[Triggered]", FIRING, "critical"),
    ],
)
def test_the_title_says_the_state_where_nothing_else_does(
    title: str, name: str, status: AlertStatus, severity: str
) -> None:
    alert = read({"title": title})
    assert (alert.title, alert.status, alert.labels["severity"]) == (name, status, severity)


@pytest.mark.parametrize(
    ("transition", "kind", "status", "severity"),
    [
        ("Triggered", "error", FIRING, "critical"),
        ("Re-Triggered", "error", FIRING, "critical"),
        ("Warn", "warning", FIRING, "warning"),
        ("Re-Warn", "warning", FIRING, "warning"),
        ("No Data", "error", FIRING, "warning"),
        ("Re-No Data", "error", FIRING, "warning"),
        ("Renotify", "error", FIRING, "critical"),
        ("Renotify", "warning", FIRING, "warning"),
        ("Recovered", "success", RESOLVED, "critical"),
        ("Exploded", "error", FIRING, "critical"),
        ("$ALERT_TRANSITION", "error", FIRING, "critical"),
        ("Null", "error", FIRING, "critical"),
    ],
)
def test_each_transition_has_its_state_and_one_that_is_not_known_is_a_problem(
    transition: str, kind: str, status: AlertStatus, severity: str
) -> None:
    alert = one(alert_transition=transition, alert_type=kind)
    assert (alert.status, alert.labels["severity"]) == (status, severity)


@pytest.mark.parametrize(
    ("priority", "tags", "severity"),
    [
        ("P1", "", "critical"),
        ("P2", "", "critical"),
        ("P3", "", "warning"),
        ("P4", "", "warning"),
        ("P5", "", "info"),
        ("", "", "critical"),
        ("$ALERT_PRIORITY", "severity:warning", "warning"),
        ("P5", "severity:critical", "critical"),
        ("P3", "severity:often", "warning"),
    ],
)
def test_how_bad_it_is_a_tag_says_or_the_monitors_priority(priority: str, tags: str, severity: str) -> None:
    labels = one(alert_priority=priority, tags=tags).labels
    assert labels["severity"] == severity
    assert "priority" not in labels


def test_an_event_that_is_no_monitors_is_as_bad_as_its_type() -> None:
    event = {"title": "Deployed", "alert_type": "info", "alert_transition": "$ALERT_TRANSITION"}
    assert read(event).labels["severity"] == "info"


@pytest.mark.parametrize(
    "changes",
    [
        {"alert_scope": "host:b, service:checkout"},
        {"alert_transition": "Recovered", "alert_cycle_key": "2", "id": "9", "date": "1795149999000"},
        {"title": "[P1] [Recovered on {service:checkout,host:b}] Another name"},
        {"tags": "team:payments,env:prod", "alert_priority": "P3"},
    ],
)
def test_what_changes_while_the_problem_stays_leaves_the_fingerprint_alone(changes: dict[str, object]) -> None:
    problem = {"alert_scope": "service:checkout,host:b"}
    first, second = one(**problem), one(**problem | changes)
    assert (first.fingerprint, first.group) == (second.fingerprint, second.group)


def test_each_host_of_a_monitor_is_a_problem_and_all_are_one_incident() -> None:
    first, second = one(alert_scope="host:a"), one(alert_scope="host:b")
    assert first.fingerprint != second.fingerprint
    assert first.group == second.group


@pytest.mark.parametrize(
    ("body", "path"), [({}, "$.title"), ({"title": "$EVENT_TITLE"}, "$.title"), ([EXAMPLE], "$"), ("x", "$")]
)
def test_what_is_no_event_is_refused_with_the_place(body: object, path: str) -> None:
    with pytest.raises(Unreadable) as caught:
        Datadog().parse(Settings(), request(body), NOW)
    assert caught.value.path == path


def test_the_custom_headers_bearer_token_is_checked_where_one_is_set() -> None:
    settings = Settings(token=SecretStr("s3cret"))
    Datadog().verify(settings, request(EXAMPLE, authorization="Bearer s3cret"), NOW)
    with pytest.raises(Unauthorized):
        Datadog().verify(settings, request(EXAMPLE, authorization="Bearer s3cre"), NOW)
