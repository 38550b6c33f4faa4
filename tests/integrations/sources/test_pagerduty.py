"""What PagerDuty's official clients send, and what of it decides."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from engine.bootstrap import shipped_config
from engine.core.classify import classify
from engine.core.commands import Acknowledge
from engine.core.errors import Unreadable
from engine.core.model import Alert, AlertStatus, Priority
from engine.ports import Parsed, Wish
from integrations.sources.pagerduty import PagerDuty, Settings
from tests.integrations.sources.bodies import NOW, assert_fit_for_use, captured, request

SOURCE = PagerDuty()
PAYLOAD = {"summary": "DB down", "source": "db-1.example", "severity": "critical"}


def parse(body: object) -> Parsed:
    return SOURCE.parse(Settings(), request(body), NOW)


def event(action: str = "trigger", **fields: Any) -> dict[str, Any]:
    return {"event_action": action, "dedup_key": "k1", "payload": PAYLOAD, **fields}


def read(**payload: Any) -> Alert:
    (alert,) = parse(event(payload=PAYLOAD | payload)).alerts
    assert_fit_for_use(alert)
    return alert


def test_the_official_clients_trigger_is_a_critical_alert_with_its_details_and_links() -> None:
    (alert,) = parse(captured("pagerduty/trigger.json")).alerts
    assert (alert.title, alert.status) == ("DB down", AlertStatus.FIRING)
    assert alert.labels == {"a": "1", "source": "db-1.example", "severity": "critical"}
    assert [(link.title, link.url) for link in alert.links] == [("x", "https://x"), ("Image", "https://x/i.png")]


def test_trigger_and_resolution_with_a_key_are_known_by_it() -> None:
    (firing,) = parse(captured("pagerduty/trigger_with_key.json")).alerts
    assert (firing.fingerprint, firing.labels["component"], firing.labels["class"]) == ("k1", "comp", "c")
    (resolved,) = parse(captured("pagerduty/resolve.json")).alerts
    assert (resolved.fingerprint, resolved.status) == ("srv-generated", AlertStatus.RESOLVED)
    assert resolved.title == "srv-generated"
    assert resolved.annotations == {}


def test_an_acknowledgement_is_a_wish_and_no_alert() -> None:
    parsed = parse(captured("pagerduty/acknowledge.json"))
    assert (parsed.alerts, parsed.faults) == ((), ())
    assert parsed.wishes == (Wish(fingerprint="srv-generated", command=Acknowledge()),)


def test_the_older_client_is_read_as_well() -> None:
    (alert,) = parse(captured("pagerduty/trigger_of_pdpyras.json")).alerts
    assert alert.title == "old client"


def test_a_change_is_no_alert_and_says_what_where_and_where_more_of_it_stands() -> None:
    parsed = parse(captured("pagerduty/change.json"))
    assert (parsed.alerts, parsed.wishes) == ((), ())
    (change,) = parsed.changes
    assert change.text == "Change: deploy (ci) https://x"
    assert (change.labels, change.at) == ({"source": "ci"}, None)
    dated = {
        "payload": {"summary": "deploy", "timestamp": "2026-11-20T03:10:00Z", "custom_details": {"service": "shop"}}
    }
    (change,) = parse(dated).changes
    assert (change.at, change.service) == (datetime(2026, 11, 20, 3, 10, tzinfo=UTC), "shop")


def test_a_trigger_without_a_key_is_the_same_problem_as_long_as_it_says_the_same() -> None:
    def name(**fields: Any) -> str:
        return parse({"event_action": "trigger", "payload": PAYLOAD, **fields}).alerts[0].fingerprint

    assert name() == name()
    assert name() != name(payload=PAYLOAD | {"source": "db-2.example"})


SEVERITIES = [
    ("critical", {"severity": "critical"}, Priority.P1, True),
    ("error", {"severity": "critical", "pagerduty_severity": "error"}, Priority.P1, True),
    ("warning", {"severity": "warning"}, Priority.P2, True),
    ("info", {"severity": "info"}, Priority.P3, False),
]


@pytest.mark.parametrize(("severity", "labels", "priority", "page"), SEVERITIES)
def test_the_severities_are_as_urgent_as_they_are_for_pagerduty(
    severity: str, labels: dict[str, str], priority: Priority, *, page: bool
) -> None:
    alert = read(severity=severity)
    assert {name: value for name, value in alert.labels.items() if "severity" in name} == labels
    found = classify(shipped_config().classification, alert)
    assert (found.priority, found.page) == (priority, page)


def test_details_become_labels_where_they_are_short_and_are_kept_where_they_are_not() -> None:
    alert = read(
        custom_details={
            "service": "checkout",
            "error rate": "12%",
            "load": 0.75,
            "severity": "warning",
            "source": "elsewhere",
            "priority": "P3",
            "firing": "Labels:\n - alertname = HighErrorRate",
            "nested": {"a": [1]},
            "runbook_url": "https://runbooks.example/x",
        }
    )
    assert alert.labels == {
        "service": "checkout",
        "error rate": "12%",
        "load": "0.75",
        "severity": "critical",
        "source": "db-1.example",
    }
    assert alert.annotations == {
        "priority": "P3",
        "firing": "Labels:\n - alertname = HighErrorRate",
        "nested": '{"a":[1]}',
        "runbook_url": "https://runbooks.example/x",
    }
    assert (alert.service, alert.values) == ("checkout", {"error_rate_percent": 12})
    assert [link.title for link in alert.links] == ["Runbook"]


def test_details_that_are_no_object_are_kept() -> None:
    assert read(custom_details="the disk is full").annotations == {"details": "the disk is full"}
    assert read(custom_details=None).annotations == {}


def test_a_long_summary_is_cut_for_the_title_and_kept() -> None:
    alert = read(summary="x" * 1024)
    assert (len(alert.title), alert.summary) == (300, "x" * 1024)


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"event_action": None}, "$.event_action", "missing or blank"),
    ({"event_action": "suppress"}, "$.event_action", "must be one of the following: 'trigger', 'acknowledge'"),
    ({"event_action": ["trigger"]}, "$.event_action", "must be one of the following"),
    ({"payload": None}, "$.payload", "missing or blank"),
    ({"payload": "DB down"}, "$.payload", "must be an object"),
    ({"payload": {**PAYLOAD, "summary": " "}}, "$.payload.summary", "missing or blank"),
    ({"payload": {"summary": "x", "severity": "info"}}, "$.payload.source", "missing or blank"),
    ({"payload": {"summary": "x", "source": "y"}}, "$.payload.severity", "missing or blank"),
    (
        {"payload": {**PAYLOAD, "severity": "Critical"}},
        "$.payload.severity",
        "'critical', 'warning', 'error' or 'info'",
    ),
    ({"payload": {**PAYLOAD, "severity": {}}}, "$.payload.severity", "must be one of the following"),
    ({"dedup_key": "k" * 256}, "$.dedup_key", "maximum is 255 characters"),
    ({"dedup_key": 17}, "$.dedup_key", "must be a string"),
    ({"event_action": "resolve", "dedup_key": ""}, "$.dedup_key", "missing or blank"),
    ({"event_action": "acknowledge", "dedup_key": None}, "$.dedup_key", "missing or blank"),
]


@pytest.mark.parametrize(("fields", "path", "reason"), WRONG)
def test_an_event_that_is_wrong_is_refused_with_the_place_and_what_would_be_right(
    fields: dict[str, Any], path: str, reason: str
) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(event(**fields))
    assert caught.value.path == path
    assert reason in caught.value.reason


def test_a_key_as_long_as_it_may_be_is_kept_whole() -> None:
    assert parse(event(dedup_key="ä" * 255)).alerts[0].fingerprint == "ä" * 255


ODD_LINKS: list[Any] = [
    None,
    "https://x",
    [],
    ["https://x"],
    [{"href": "javascript:alert(1)"}],
    [{"text": "no address"}],
]


@pytest.mark.parametrize("links", ODD_LINKS)
def test_links_that_no_browser_may_follow_are_left_out(links: object) -> None:
    (alert,) = parse(event(links=links, images=links)).alerts
    assert alert.links == ()
