from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from engine.core.errors import Unauthorized, Unreadable
from engine.core.model import Alert, AlertStatus
from engine.ports import Fault, Parsed
from integrations.sources.alertmanager import Alertmanager, Settings
from tests.integrations.sources.bodies import NOW, assert_fit_for_use, captured, request

FIRING, RESOLVED = AlertStatus.FIRING, AlertStatus.RESOLVED
CPU_GROUP = '{}:{alertname="HighCPU", cluster="eu"}'
EXAMPLE = json.loads(Alertmanager.example)


def parse(body: object) -> Parsed:
    return Alertmanager().parse(Settings(), request(body), NOW)


def one(**changes: object) -> Alert:
    """The example's alert, its fields changed; None takes a field away."""
    (alert,) = parse(notification([example_alert(**changes)])).alerts
    return alert


def example_alert(**changes: object) -> dict[str, Any]:
    changed = EXAMPLE["alerts"][0] | changes
    return {name: value for name, value in changed.items() if value is not None}


def notification(alerts: object, **changes: object) -> dict[str, Any]:
    changed = EXAMPLE | {"alerts": alerts} | changes
    return {name: value for name, value in changed.items() if value is not None}


def test_two_firing_alerts_of_one_group_are_read_with_all_their_facts() -> None:
    first, second = parse(captured("alertmanager/two_firing.json")).alerts
    assert first == Alert(
        fingerprint="3f407ff17ce5611d",
        status=FIRING,
        title="CPU 97% on web-1",
        summary="load high",
        group=CPU_GROUP,
        labels={"alertname": "HighCPU", "cluster": "eu", "instance": "web-1", "severity": "critical"},
        annotations={
            "description": "load high",
            "runbook_url": "https://runbooks.example/cpu",
            "summary": "CPU 97% on web-1",
        },
        links=first.links,
        starts_at=datetime(2026, 11, 20, 11, 6, 58, 289635, tzinfo=UTC),
        ends_at=None,
    )
    assert [(link.title, link.url) for link in first.links] == [
        ("Source", "http://prom.example/graph?g0.expr=x"),
        ("Runbook", "https://runbooks.example/cpu"),
        ("Alertmanager", "http://am.example.test:9093"),
    ]
    assert (second.fingerprint, second.title, second.group) == ("c0c5857d085f8b2a", "CPU 93% on web-2", CPU_GROUP)
    assert [link.title for link in second.links] == ["Alertmanager"]


@pytest.mark.parametrize(
    ("body", "facts"),
    [
        ("one_resolved", [("3f407ff17ce5611d", RESOLVED), ("c0c5857d085f8b2a", FIRING)]),
        ("truncated", [("34b350188bfd4157", FIRING), ("13f39df128a82eba", FIRING)]),
        ("truncated_one_resolved", [("34b350188bfd4157", RESOLVED), ("13f39df128a82eba", FIRING)]),
        ("no_annotations", [("3a4bc05ff43f46d7", FIRING)]),
        ("rule_firing", [("6457e70f4136f6f5", FIRING), ("c99c0a406e9c6ece", FIRING)]),
        ("rule_partly_resolved", [("6457e70f4136f6f5", FIRING), ("c99c0a406e9c6ece", RESOLVED)]),
    ],
)
def test_each_alert_has_its_own_status_whatever_the_group_says(body: str, facts: list[tuple[str, AlertStatus]]) -> None:
    parsed = parse(captured(f"alertmanager/{body}.json"))
    assert [(alert.fingerprint, alert.status) for alert in parsed.alerts] == facts
    assert parsed.faults == ()
    for alert in parsed.alerts:
        assert_fit_for_use(alert)
        assert (alert.ends_at is None) == (alert.status is FIRING)


def test_a_resolved_alert_is_the_one_that_fired() -> None:
    firing = parse(captured("alertmanager/rule_firing.json")).alerts[1]
    resolved = parse(captured("alertmanager/rule_partly_resolved.json")).alerts[1]
    assert (resolved.fingerprint, resolved.group, resolved.labels, resolved.starts_at) == (
        firing.fingerprint,
        firing.group,
        firing.labels,
        firing.starts_at,
    )
    assert resolved.ends_at == datetime(2026, 11, 20, 11, 8, 31, 632000, tzinfo=UTC)
    assert resolved.service == "api"
    assert resolved.group == '{}/{src="prom"}:{alertname="InstanceDown", job="api"}'


def test_alerts_that_max_alerts_left_out_are_stated_on_those_that_came() -> None:
    for alert in parse(captured("alertmanager/truncated.json")).alerts:
        assert alert.annotations["truncated_alerts"] == "3 more alerts of this group were not sent (max_alerts)"
    assert "truncated_alerts" not in one().annotations


@pytest.mark.parametrize(
    ("changes", "title", "summary"),
    [
        ({"annotations": {"summary": "Down", "description": "All of it."}}, "Down", "All of it."),
        ({"annotations": {"summary": "Down", "message": "All of it."}}, "Down", "All of it."),
        ({"annotations": {"title": "Down"}}, "Down", ""),
        ({"annotations": {"summary": " \n "}}, "HighErrorRate", ""),
        ({"annotations": {}}, "HighErrorRate", ""),
        ({"annotations": None}, "HighErrorRate", ""),
        ({"annotations": {"summary": "Checkout\n  is\tdown"}}, "Checkout is down", ""),
        ({"annotations": {"summary": "x" * 301}}, "x" * 299 + "…", ""),
        ({"annotations": {}, "labels": {"b": "2", "a": "1"}}, '{a="1", b="2"}', ""),
    ],
)
def test_the_title_is_the_best_wording_there_is(changes: dict[str, Any], title: str, summary: str) -> None:
    alert = one(**changes)
    assert (alert.title, alert.summary) == (title, summary)


@pytest.mark.parametrize(
    ("labels", "service"),
    [
        ({"job": "node", "app": "shop", "service": "checkout"}, "checkout"),
        ({"job": "node", "app": "shop"}, "shop"),
        ({"job": "node", "app_kubernetes_io_name": "shop"}, "shop"),
        ({"job": "node", "service": ""}, "node"),
        ({"instance": "web-1"}, None),
    ],
)
def test_the_service_is_the_first_label_that_names_one(labels: dict[str, str], service: str | None) -> None:
    assert one(labels=labels).service == service


def test_labels_that_are_no_text_become_text() -> None:
    sent = {"alertname": "X", "port": 8080, "load": 0.5, "canary": True, "zone": None, "hosts": ["a", "b"]}
    assert one(labels=sent).labels == {
        "alertname": "X",
        "port": "8080",
        "load": "0.5",
        "canary": "true",
        "hosts": '["a","b"]',
    }


def test_measured_values_are_read_from_labels_and_annotations() -> None:
    alert = one(annotations={"response_time": "6.2s"}, labels={"alertname": "Slow", "error_rate": 7})
    assert alert.values == {"response_time_seconds": 6.2, "error_rate_percent": 7.0}


def test_without_a_fingerprint_the_labels_identify_the_alert() -> None:
    labels = {"alertname": "X", "instance": "a"}
    first = one(fingerprint=None, labels=labels)
    again = one(fingerprint="", labels=dict(reversed(labels.items())), status="resolved", annotations={})
    other = one(fingerprint=None, labels=labels | {"instance": "b"})
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_what_differs_only_behind_the_limits_is_still_two_alerts() -> None:
    first, second = (one(fingerprint=None, labels={"alertname": "X", "path": "x" * 2_000 + end}) for end in "ab")
    assert first.labels == second.labels
    assert first.fingerprint != second.fingerprint


def test_without_a_group_key_the_group_labels_make_the_group() -> None:
    body = notification([example_alert()], groupKey=None, groupLabels={"job": "api", "alertname": "Down"})
    assert parse(body).alerts[0].group == '{alertname="Down", job="api"}'
    assert parse(notification([example_alert()], groupKey=None, groupLabels=None)).alerts[0].group == ""


def test_keys_of_later_releases_are_ignored() -> None:
    body = notification([example_alert(routeLabels={"x": ["y"]})], notification_reason="repeat", routeLabels=[1])
    assert parse(body) == parse(Alertmanager.example)


@pytest.mark.parametrize("version", ["4", 4, None])
def test_version_4_is_read_and_so_is_a_templated_body_without_one(version: object) -> None:
    assert len(parse(notification([example_alert()], version=version)).alerts) == 1


@pytest.mark.parametrize(
    ("body", "path", "reason"),
    [
        ({}, "$", "Object missing required field `alerts`"),
        ({"alerts": "none"}, "$.alerts", "Expected `array`, got `str`"),
        ({"alerts": None}, "$.alerts", "Expected `array`, got `null`"),
        (notification([]), "$.alerts", "at least one"),
        (notification([example_alert()], version="1"), "$.version", "the grafana source reads it"),
        (notification([example_alert()], version="5"), "$.version", 'it says "4"'),
        (notification([example_alert()], groupKey={}), "$.groupKey", "got `object`"),
        (notification([3]), "$.alerts[0]", "Expected `object`, got `int`"),
        (notification([{}]), "$.alerts[0]", "missing required field `labels`"),
        (notification([example_alert(labels=[])]), "$.alerts[0].labels", "Expected `object`, got `array`"),
        (notification([example_alert(labels={})]), "$.alerts[0].labels", "known by its labels"),
        (notification([example_alert(annotations="x")]), "$.alerts[0].annotations", "Expected `object | null`"),
        (notification([example_alert(status="pending")]), "$.alerts[0].status", '"firing" or "resolved"'),
        (notification([example_alert(status=None)]), "$.alerts[0].status", '"firing" or "resolved"'),
        (notification([example_alert(status=["firing"])]), "$.alerts[0].status", '"firing" or "resolved"'),
        (notification([3, example_alert(labels=4)]), "$.alerts[0]", "Expected `object`, got `int`"),
    ],
)
def test_what_is_no_notification_is_refused_with_the_place_and_what_is_right(
    body: object, path: str, reason: str
) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(body)
    assert caught.value.path == path
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda good: good.replace(b'"SPOILED"', b"3"), ("$.alerts[1].status", "3 is not a status")),
        (lambda good: good.replace(b'"SPOILED"', b"1e999"), ("$.alerts[1].status", "Number out of range")),
        (lambda good: good.replace(b"SPOILED", b"\xff\xfe"), ("$.alerts[1]", "not UTF-8")),
        (
            lambda good: good.replace(b'"SPOILED"', b'"firing", "labels": 3, "x": {}'),
            ("$.alerts[1].labels", "Expected `object`, got `int`"),
        ),
    ],
)
def test_one_bad_alert_is_reported_and_costs_its_neighbours_nothing(
    spoil: Callable[[bytes], bytes], fault: tuple[str, str]
) -> None:
    alerts = [
        example_alert(fingerprint="a"),
        {"labels": {"x": "y"}, "status": "SPOILED"},
        example_alert(fingerprint="b"),
    ]
    parsed = parse(spoil(json.dumps(notification(alerts)).encode()))
    assert [alert.fingerprint for alert in parsed.alerts] == ["a", "b"]
    (found,) = parsed.faults
    assert isinstance(found, Fault)
    assert found.path == fault[0]
    assert fault[1] in found.reason


def many(count: int) -> bytes:
    alerts = [example_alert(labels={"alertname": "Many", "n": str(n)}, fingerprint=f"{n:016x}") for n in range(count)]
    return json.dumps(notification(alerts)).encode()


def test_ten_thousand_alerts_are_read_from_one_body() -> None:
    assert len({alert.fingerprint for alert in parse(many(10_000)).alerts}) == 10_000


def test_a_bad_one_among_ten_thousand_is_the_only_one_missing() -> None:
    parsed = parse(many(10_000).replace(b'"n": "7777"', b'"n": 1e999'))
    assert len(parsed.alerts) == 9_999
    assert [fault.path for fault in parsed.faults] == ["$.alerts[7777].labels[...]"]


def test_the_receivers_bearer_token_is_checked_where_one_is_set() -> None:
    settings = Settings(token=SecretStr("s3cret"))
    for right in ("Bearer s3cret", "bearer  s3cret"):
        Alertmanager().verify(settings, request(Alertmanager.example, authorization=right), NOW)
    for wrong in ("Bearer s3cre", "Bearer S3CRET", "s3cret", "Basic s3cret"):
        with pytest.raises(Unauthorized):
            Alertmanager().verify(settings, request(Alertmanager.example, authorization=wrong), NOW)
