from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from engine.core.errors import Unauthorized, Unreadable
from engine.core.model import Alert, AlertStatus, Link
from engine.ports import Parsed
from integrations.sources.sentry import Sentry, Settings
from tests.integrations.sources.bodies import NOW, request

METRIC = json.loads(Sentry.example)
EVENT: dict[str, Any] = {
    "culprit": "checkout.pay in charge",
    "datetime": "2026-11-20T03:10:17.677000Z",
    "environment": "production",
    "event_id": "e4874d664c3540c1a32eab185f12c5ab",
    "issue_id": "1117540176",
    "level": "error",
    "platform": "python",
    "project": 1,
    "release": "2026.11.1",
    "tags": [["service", "checkout"], ["level", "error"], ["browser.name", "Chrome"]],
    "title": "ZeroDivisionError: division by zero",
    "url": "https://sentry.io/api/0/projects/example/checkout-web/events/e4874d664c3540c1a32eab185f12c5ab/",
    "web_url": "https://sentry.io/organizations/example/issues/1117540176/events/e4874d664c3540c1a32eab185f12c5ab/",
}
ISSUE: dict[str, Any] = {
    "id": "1117540176",
    "level": "error",
    "project": {"id": "1", "slug": "checkout-web"},
    "title": "ZeroDivisionError: division by zero",
    "web_url": "https://sentry.io/organizations/example/issues/1117540176/",
}


def parse(resource: str, action: str, **data: object) -> Parsed:
    body = {"action": action, "data": data, "installation": {"uuid": "a8e5d37a"}}
    return Sentry().parse(Settings(), request(body, sentry_hook_resource=resource), NOW)


def issue_alert(**changes: object) -> Alert:
    (alert,) = parse("event_alert", "triggered", event=EVENT | changes, triggered_rule="Errors in production").alerts
    return alert


def metric_alert(action: str, **rule: object) -> Alert:
    data = json.loads(json.dumps(METRIC["data"]))
    data["metric_alert"]["alert_rule"] |= rule
    (alert,) = parse("metric_alert", action, **data).alerts
    return alert


def test_an_issue_alert_is_read_with_all_its_facts() -> None:
    assert issue_alert() == Alert(
        fingerprint="issue 1117540176",
        status=AlertStatus.FIRING,
        title="ZeroDivisionError: division by zero",
        summary="checkout.pay in charge",
        service="checkout",
        labels={
            "alertname": "Errors in production",
            "browser.name": "Chrome",
            "environment": "production",
            "level": "error",
            "platform": "python",
            "project": "checkout-web",
            "release": "2026.11.1",
            "service": "checkout",
            "severity": "warning",
        },
        links=(Link(title="Sentry", url=EVENT["web_url"]),),
        starts_at=datetime(2026, 11, 20, 3, 10, 17, 677000, tzinfo=UTC),
    )


def test_the_issue_is_the_problem_until_it_is_resolved() -> None:
    first = issue_alert()
    again = issue_alert(event_id="other", datetime="2026-11-20T05:00:00Z", tags=EVENT["tags"][::-1])
    (over,) = parse("issue", "resolved", issue=ISSUE).alerts
    assert over.status is AlertStatus.RESOLVED
    assert first.fingerprint == again.fingerprint == over.fingerprint
    assert first.group == again.group == over.group
    assert first.labels == again.labels
    assert issue_alert(issue_id="2").fingerprint != first.fingerprint


@pytest.mark.parametrize(
    ("level", "tags", "severity"),
    [
        ("fatal", [], "critical"),
        ("error", [], "warning"),
        ("warning", [], "warning"),
        ("info", [], "info"),
        ("debug", [], "info"),
        (None, [], "warning"),
        ("novel", [], "warning"),
        ("error", [["severity", "critical"]], "critical"),
    ],
)
def test_how_bad_an_issue_is_its_level_says_unless_a_tag_does(
    level: str | None, tags: list[list[str]], severity: str
) -> None:
    assert issue_alert(level=level, tags=tags).labels["severity"] == severity


@pytest.mark.parametrize("tags", [None, {}, "a:b", [["lonely"], 3, None, ["a", "b", "c"]]])
def test_odd_tags_cost_no_alert(tags: object) -> None:
    assert issue_alert(tags=tags).service is None


def test_a_metric_alert_is_read_with_all_its_facts() -> None:
    alert = metric_alert("critical")
    assert alert == Alert(
        fingerprint="metric alert 7",
        status=AlertStatus.FIRING,
        title="Too many errors in checkout",
        summary="1000 events in the last 10 minutes\nFilter: level:error",
        labels={
            "aggregate": "count()",
            "alertname": "Too many errors in checkout",
            "environment": "production",
            "project": "checkout",
            "query": "level:error",
            "severity": "critical",
        },
        links=(Link(title="Sentry", url="https://sentry.io/organizations/example/alerts/1/"),),
        starts_at=datetime(2026, 11, 20, 3, 8, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("action", "status", "severity"),
    [
        ("critical", AlertStatus.FIRING, "critical"),
        ("warning", AlertStatus.FIRING, "warning"),
        ("resolved", AlertStatus.RESOLVED, "critical"),
    ],
)
def test_the_action_of_a_metric_alert_is_how_bad_it_is(action: str, status: AlertStatus, severity: str) -> None:
    alert = metric_alert(action, projects=["b", "a"])
    assert (alert.status, alert.labels["severity"]) == (status, severity)
    assert alert.labels["project"] == "a, b"


def test_a_rule_without_a_name_has_that_of_the_message() -> None:
    assert metric_alert("critical", name=None).title == "Too many errors in checkout"


@pytest.mark.parametrize(
    ("resource", "action", "data"),
    [
        ("issue", "created", {"issue": ISSUE}),
        ("issue", "assigned", {"issue": ISSUE}),
        ("installation", "created", {"installation": {"status": "pending"}}),
        ("comment", "created", {"comment": "hm"}),
        ("error", "created", {"error": EVENT}),
    ],
)
def test_what_is_no_alert_opens_nothing_and_the_answer_says_why(
    resource: str, action: str, data: dict[str, object]
) -> None:
    parsed = parse(resource, action, **data)
    assert parsed.alerts == ()
    assert f"{resource} {action}" in parsed.note


@pytest.mark.parametrize(
    ("resource", "action", "data", "path"),
    [
        ("event_alert", "triggered", {}, "$.data"),
        ("event_alert", "triggered", {"event": {"title": "x"}}, "$.data.event.issue_id"),
        ("event_alert", "triggered", {"event": {"issue_id": 1}}, "$.data.event.title"),
        ("event_alert", "triggered", {"event": 3}, "$.data.event"),
        ("metric_alert", "paused", {"metric_alert": {"alert_rule": {"id": 7, "name": "x"}}}, "$.action"),
        ("metric_alert", "critical", {"metric_alert": {}}, "$.data.metric_alert"),
        (
            "metric_alert",
            "critical",
            {"metric_alert": {"alert_rule": {"name": "x"}}},
            "$.data.metric_alert.alert_rule.id",
        ),
        (
            "metric_alert",
            "critical",
            {"metric_alert": {"alert_rule": {"id": 7}}},
            "$.data.metric_alert.alert_rule.name",
        ),
        ("issue", "resolved", {"issue": {"title": "x"}}, "$.data.issue.id"),
    ],
)
def test_what_is_no_alert_of_its_kind_is_refused_with_the_place(
    resource: str, action: str, data: dict[str, object], path: str
) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(resource, action, **data)
    assert caught.value.path == path


def test_the_signature_under_the_client_secret_is_checked_where_one_is_set() -> None:
    settings = Settings(client_secret=SecretStr("s3cret"))
    right = hmac.new(b"s3cret", Sentry.example, hashlib.sha256).hexdigest()
    Sentry().verify(settings, request(Sentry.example, sentry_hook_signature=right), NOW)
    for body, wrong in ((Sentry.example + b" ", right), (Sentry.example, right[:-1]), (Sentry.example, "")):
        with pytest.raises(Unauthorized, match="Sentry-Hook-Signature"):
            Sentry().verify(settings, request(body, sentry_hook_signature=wrong), NOW)
