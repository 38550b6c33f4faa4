from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from engine.core.errors import Unauthorized, Unreadable
from engine.core.model import Alert, AlertStatus
from integrations import sources
from integrations.sources.elastic import Elastic, Settings
from tests.integrations.sources.bodies import NOW, request

EXAMPLE = json.loads(Elastic.example)


def parse(body: object, **settings: object) -> Alert:
    (alert,) = Elastic().parse(Settings.model_validate(settings), request(body), NOW).alerts
    return alert


def body(*, rule: dict[str, Any] | None = None, alert: dict[str, Any] | None = None, **changes: object) -> object:
    """The example with fields of its own, of its rule and of its alert changed."""
    return EXAMPLE | {"rule": EXAMPLE["rule"] | (rule or {}), "alert": EXAMPLE["alert"] | (alert or {})} | changes


def test_the_body_of_the_page_is_read_with_all_its_facts() -> None:
    alert = parse(Elastic.example)
    assert alert == Alert(
        fingerprint="8c4e4160-c27f-11ee-9d57-3d6a1ee6a1b9/checkout",
        status=AlertStatus.FIRING,
        title="Checkout error rate: checkout",
        summary="Failed transactions is 12% in the last 5 mins for service: checkout. Alert when > 5%.",
        service="checkout",
        group="8c4e4160-c27f-11ee-9d57-3d6a1ee6a1b9",
        labels={
            "alertname": "Checkout error rate",
            "instance": "checkout",
            "service": "checkout",
            "severity": "critical",
            "space": "default",
            "team": "payments",
        },
        links=alert.links,
        starts_at=datetime(2026, 11, 20, 3, 10, 0, 123000, tzinfo=UTC),
    )
    assert [link.title for link in alert.links] == ["Elastic", "Rule"]


def test_the_body_that_the_page_gives_is_read_with_every_variable_filled_in() -> None:
    page = (Path(sources.__file__).parent / "elastic.md").read_text()
    template = page.split("```json\n")[1].split("```")[0]
    alert = parse(re.sub(r"\{\{([\w.]+)\}\}", r"\1", template).encode())
    assert (alert.fingerprint, alert.service) == ("rule.id/alert.id", "context.serviceName")
    assert parse(re.sub(r"\{\{context[\w.]+\}\}", "", template).encode()).service is None


@pytest.mark.parametrize(
    ("state", "status", "severity"),
    [
        ("query matched", AlertStatus.FIRING, "critical"),
        ("metrics.threshold.fired", AlertStatus.FIRING, "critical"),
        ("metrics.threshold.warning", AlertStatus.FIRING, "warning"),
        ("metrics.threshold.nodata", AlertStatus.FIRING, "warning"),
        ("slo.burnRate.low", AlertStatus.FIRING, "warning"),
        ("slo.burnRate.high", AlertStatus.FIRING, "critical"),
        ("recovered", AlertStatus.RESOLVED, "critical"),
    ],
)
def test_the_action_group_is_the_state(state: str, status: AlertStatus, severity: str) -> None:
    alert = parse(body(alert={"state": state}, severity=""))
    assert (alert.status, alert.labels["severity"]) == (status, severity)
    assert (alert.starts_at is None, alert.ends_at is None) == (
        status is AlertStatus.RESOLVED,
        status is AlertStatus.FIRING,
    )


@pytest.mark.parametrize(
    ("said", "tags", "setting", "severity"),
    [
        ("warning", "severity:critical", {}, "warning"),
        ("high", "", {}, "critical"),
        ("medium", "", {}, "warning"),
        ("low", "", {}, "info"),
        ("", "severity:info,a", {}, "info"),
        ("", "", {"severity": "warning"}, "warning"),
        ("{{context.x}}", "", {}, "critical"),
    ],
)
def test_how_bad_it_is_the_action_says_or_a_tag_or_the_setting(
    said: str, tags: str, setting: dict[str, object], severity: str
) -> None:
    assert parse(body(rule={"tags": tags}, severity=said), **setting).labels["severity"] == severity


@pytest.mark.parametrize("tags", ["a,service:checkout,b", ["b", "service:checkout", "a"]])
def test_tags_are_read_as_text_and_as_a_list(tags: object) -> None:
    labels = parse(body(rule={"tags": tags})).labels
    assert (labels["service"], labels["tags"]) == ("checkout", "a, b")


@pytest.mark.parametrize(
    ("instance", "title"),
    [("db-1", "Checkout error rate: db-1"), ("*", "Checkout error rate"), ("query matched", "Checkout error rate")],
)
def test_the_title_says_where_unless_the_rule_looks_everywhere(instance: str, title: str) -> None:
    assert parse(body(alert={"id": instance})).title == title


def test_an_alert_that_comes_back_is_the_same_one_and_another_instance_is_not() -> None:
    first = parse(body())
    again = parse(body(alert={"uuid": "2"}, date="2026-11-21T03:10:00Z", reason="other", rule={"name": "Renamed"}))
    other = parse(body(alert={"id": "payments"}))
    assert (first.fingerprint, first.group) == (again.fingerprint, again.group)
    assert first.fingerprint != other.fingerprint
    assert first.group == other.group


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ({}, "$"),
        ({"rule": {"id": 1}}, "$"),
        (body(rule={"id": ""}), "$.rule.id"),
        (body(rule={"name": None}), "$.rule.name"),
        (body(alert={"state": ""}), "$.alert.state"),
        ({"rule": {}, "alert": "x"}, "$.alert"),
    ],
)
def test_what_is_no_alert_is_refused_with_the_place(sent: object, path: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(sent)
    assert caught.value.path == path


def test_the_connectors_bearer_token_is_checked_where_one_is_set() -> None:
    settings = Settings(token=SecretStr("s3cret"))
    Elastic().verify(settings, request(EXAMPLE, authorization="Bearer s3cret"), NOW)
    with pytest.raises(Unauthorized):
        Elastic().verify(settings, request(EXAMPLE, authorization="ApiKey s3cret"), NOW)
