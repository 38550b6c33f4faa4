from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from engine.core.errors import Unauthorized, Unreadable
from engine.core.model import Alert, AlertStatus, Link
from engine.ports import Parsed
from integrations.sources.generic import Generic, Settings
from tests.integrations.sources.bodies import NOW, request

PLAIN = {"title": "Disk full", "service": "db", "host": "db-1", "severity": "critical", "status": "firing"}
ZABBIX = {
    "event": {"name": "Disk full on db-1", "id": 4711, "value": "1", "date": "2026.11.20 11:36:22"},
    "trigger": {"severity": "High", "url": "https://zabbix.example/tr/9"},
    "host": {"name": "db-1", "group": "db"},
}
ZABBIX_FIELDS = {
    "title": "event.name",
    "fingerprint": "join('/', [host.name, to_string(event.id)])",
    "status": "event.value",
    "service": "host.group",
    "group": "host.name",
    "severity": "trigger.severity == 'High' && 'critical' || 'warning'",
    "labels": "{host: host.name, team: 'storage'}",
    "links": "{Trigger: trigger.url}",
    "starts_at": "event.date",
}


def parse(body: object, **settings: object) -> Parsed:
    return Generic().parse(Settings.model_validate(settings), request(body), NOW)


def one(body: object, **settings: object) -> Alert:
    (alert,) = parse(body, **settings).alerts
    return alert


def test_the_obvious_json_is_read_without_any_setting() -> None:
    assert one(Generic.example) == Alert(
        fingerprint=one(Generic.example).fingerprint,
        status=AlertStatus.FIRING,
        title="Checkout answers too slowly",
        summary="Half of all requests take longer than 6 seconds.",
        service="checkout",
        labels={
            "severity": "critical",
            "service": "checkout",
            "host": "web-1",
            "response_time_seconds": "6.2",
            "team": "payments",
            "region": "eu-1",
        },
        values={"response_time_seconds": 6.2},
        links=(Link(title="Source", url="https://grafana.example/d/checkout"),),
        starts_at=datetime(2026, 11, 20, 3, 10, tzinfo=UTC),
    )


def test_a_body_of_any_shape_is_read_by_expressions() -> None:
    alert = one(ZABBIX, fields=ZABBIX_FIELDS, resolved_when=["0"])
    assert alert == Alert(
        fingerprint="db-1/4711",
        status=AlertStatus.FIRING,
        title="Disk full on db-1",
        service="db",
        group="db-1",
        labels={"host": "db-1", "team": "storage", "severity": "critical"},
        links=(Link(title="Trigger", url="https://zabbix.example/tr/9"),),
        starts_at=datetime(2026, 11, 20, 11, 36, 22, tzinfo=UTC),
    )
    over = json.loads(json.dumps(ZABBIX).replace('"1"', '"0"'))
    assert one(over, fields=ZABBIX_FIELDS, resolved_when=["0"]).status is AlertStatus.RESOLVED


@pytest.mark.parametrize(
    ("body", "alerts", "titles"),
    [
        ({"title": "a"}, "@", ["a"]),
        ([{"title": "a"}, {"title": "b"}], "@", ["a", "b"]),
        ({"incidents": [{"title": "a"}, {"title": "b"}]}, "incidents", ["a", "b"]),
        ({"groups": [{"alerts": [{"title": "a"}]}, {"alerts": [{"title": "b"}]}]}, "groups[].alerts[]", ["a", "b"]),
        ({"data": {"alert": {"title": "a"}}}, "data.alert", ["a"]),
    ],
)
def test_the_alerts_are_where_the_expression_says(body: object, alerts: str, titles: list[str]) -> None:
    assert [alert.title for alert in parse(body, fields={"alerts": alerts}).alerts] == titles


@pytest.mark.parametrize(
    ("said", "status"),
    [
        *[(said, AlertStatus.RESOLVED) for said in ("resolved", "RESOLVED", " ok ", "Recovery", "up", "closed")],
        *[(said, AlertStatus.FIRING) for said in ("firing", "problem", "down", "", "unknown", 1, None, ["resolved"])],
    ],
)
def test_only_a_word_that_means_over_resolves(said: object, status: AlertStatus) -> None:
    assert one(PLAIN | {"status": said}).status is status


def test_a_status_that_is_true_or_false_can_mean_over() -> None:
    read = {"fields": {"status": "up"}, "resolved_when": ["true"]}
    assert one(PLAIN | {"up": True}, **read).status is AlertStatus.RESOLVED
    assert one(PLAIN | {"up": False}, **read).status is AlertStatus.FIRING


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "resolved"},
        {"severity": "warning", "priority": "P1"},
        {"summary": "now 97 %", "value": 97, "timestamp": 1795174582, "event_id": "b2"},
        {"labels": {"severity": "ok", "status": "up"}},
        {"url": "https://grafana.example/1"},
    ],
)
def test_what_changes_while_the_problem_stays_leaves_the_fingerprint_alone(changes: dict[str, Any]) -> None:
    assert one(PLAIN | changes).fingerprint == one(PLAIN).fingerprint


@pytest.mark.parametrize(
    "changes",
    [{"title": "Disk slow"}, {"service": "shop"}, {"host": "db-2"}, {"region": "eu"}, {"labels": {"disk": "sdb"}}],
)
def test_another_problem_has_another_fingerprint(changes: dict[str, Any]) -> None:
    assert one(PLAIN | changes).fingerprint != one(PLAIN).fingerprint


@pytest.mark.parametrize("name", ["fingerprint", "dedup_key", "alias"])
def test_a_fingerprint_that_is_sent_is_taken(name: str) -> None:
    assert one(PLAIN | {name: "disk/db-1"}).fingerprint == "disk/db-1"


@pytest.mark.parametrize(
    ("changes", "label", "value"),
    [
        ({"team": "storage"}, "team", "storage"),
        ({"team": "storage", "labels": {"team": "db"}}, "team", "db"),
        ({"attempts": 3}, "attempts", "3"),
        ({"canary": False}, "canary", "false"),
        ({"host": "Disk full"}, "host", "Disk full"),
        ({"summary": "x", "message": "another text"}, "message", "another text"),
        ({"level": "error", "severity": None}, "severity", "error"),
        ({"labels": {"severity": "warning"}, "severity": None}, "severity", "warning"),
        ({"priority": "P1"}, "priority", "P1"),
        ({"status": "firing"}, "status", None),
        ({"summary": "details"}, "summary", None),
        ({"starts_at": 1795174582}, "starts_at", None),
        ({"url": "https://x.example"}, "url", None),
        ({"nested": {"a": 1}}, "nested", None),
    ],
)
def test_flat_fields_are_labels_unless_they_are_something_else(
    changes: dict[str, Any], label: str, value: str | None
) -> None:
    assert one(PLAIN | changes).labels.get(label) == value


@pytest.mark.parametrize(
    ("service", "read"), [("db", "db"), (7, "7"), ({"name": "db"}, None), (["db"], None), (None, None)]
)
def test_a_service_is_a_name_or_nothing(service: object, read: str | None) -> None:
    assert one(PLAIN | {"service": service}).service == read


@pytest.mark.parametrize(
    ("changes", "titles"),
    [
        ({"links": ["https://a.example", "https://b.example"]}, ["Source", "Source"]),
        ({"links": {"Graph": "https://a.example"}}, ["Graph"]),
        (
            {"links": [{"text": "Graph", "href": "https://a.example"}, {"url": "https://b.example"}]},
            ["Graph", "Source"],
        ),
        ({"url": "https://a.example", "runbook_url": "https://b.example"}, ["Source", "Runbook"]),
        ({"links": [3, None, {"href": 4}, [], "javascript:alert(1)"]}, []),
    ],
)
def test_links_are_read_in_the_forms_they_come_in(changes: dict[str, Any], titles: list[str]) -> None:
    assert [link.title for link in one(PLAIN | changes).links] == titles


@pytest.mark.parametrize(
    ("body", "settings", "path", "reason"),
    [
        ({}, {}, "$.title", "an alert needs a title; looked for `title || name"),
        ({"title": " "}, {}, "$.title", "needs a title"),
        ([{"severity": "critical"}], {}, "$[0].title", "needs a title"),
        ({"x": [{}]}, {"alerts": "x"}, "$.x[0].title", "needs a title"),
        ({"event": {}}, {"title": "event.name || headline"}, "$.event.name", "looked for `event.name || headline`"),
        ({"tags": 3}, {"title": "join(' ', tags)"}, "$.join(' ', tags)", "needs a title"),
        ({"title": "x"}, {"alerts": "incidents"}, "$.incidents", "no alert there; looked for `incidents`"),
        ([], {}, "$", "no alert there"),
        (3, {}, "$", "an alert is an object; this is '3'"),
        (["x"], {}, "$[0]", "an alert is an object; this is 'x'"),
    ],
)
def test_a_body_without_an_alert_is_refused_with_the_place_that_was_looked_at(
    body: object, settings: dict[str, str], path: str, reason: str
) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(body, fields=settings)
    assert caught.value.path == path
    assert reason in caught.value.reason


def test_one_bad_alert_is_reported_and_costs_its_neighbours_nothing() -> None:
    parsed = parse([{"title": "a"}, {"severity": "critical"}, 3, {"title": "b"}])
    assert [alert.title for alert in parsed.alerts] == ["a", "b"]
    assert [fault.path for fault in parsed.faults] == ["$[1].title", "$[2]"]


def test_ten_thousand_alerts_are_ten_thousand_problems() -> None:
    alerts = parse([PLAIN | {"host": f"db-{number}"} for number in range(10_000)]).alerts
    assert len({alert.fingerprint for alert in alerts}) == 10_000


@pytest.mark.parametrize(
    ("settings", "path", "reason"),
    [
        ({"fields": {"title": "event."}}, ("fields", "title"), "'event.' is not a JMESPath expression"),
        ({"fields": {"title": "nope(@)"}}, ("fields", "title"), "Unknown function"),
        ({"fields": {"titel": "a"}}, ("fields", "titel"), "Extra inputs are not permitted"),
        ({"fields": {"title": 3}}, ("fields", "title"), "not a text"),
        ({"signature_header": ""}, ("signature_header",), "at least 1 character"),
    ],
)
def test_a_wrong_setting_is_refused_at_its_path(settings: dict[str, Any], path: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(settings)
    error = caught.value.errors()[0]
    assert error["loc"][: len(path)] == path
    assert reason in error["msg"]


def test_the_signature_over_the_raw_body_is_checked_where_a_secret_is_set() -> None:
    settings = Settings(signature_secret=SecretStr("s3cret"), signature_header="X-Shop-Signature")
    signature = hmac.new(b"s3cret", Generic.example, hashlib.sha256).hexdigest()
    for right in (signature, f"sha256={signature}", signature.upper()):
        Generic().verify(settings, request(Generic.example, x_shop_signature=right), NOW)
    for body, wrong in ((Generic.example + b" ", signature), (Generic.example, signature[:-1]), (b"", "")):
        with pytest.raises(Unauthorized, match="X-Shop-Signature"):
            Generic().verify(settings, request(body, x_shop_signature=wrong), NOW)
