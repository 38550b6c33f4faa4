from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from engine.core.errors import Unauthorized, Unreadable
from engine.core.model import Alert, AlertStatus
from engine.ports import Parsed, Request
from integrations.sources.grafana import Grafana, Settings
from tests.integrations.sources.bodies import NOW, request

EXAMPLE = json.loads(Grafana.example)
NO_DATA = {
    "alertname": "DatasourceNoData",
    "rulename": "High error rate",
    "datasource_uid": "prometheus",
    "ref_id": "A",
}
FAILING = NO_DATA | {"alertname": "DatasourceError"}


def parse(body: object, **settings: object) -> Parsed:
    return Grafana().parse(Settings.model_validate(settings), request(body), NOW)


def notification(*alerts: object, **changes: object) -> dict[str, Any]:
    return {**EXAMPLE, "alerts": list(alerts), **changes}


def example_alert(**changes: object) -> dict[str, Any]:
    changed = EXAMPLE["alerts"][0] | changes
    return {name: value for name, value in changed.items() if value is not None}


def one(settings: dict[str, object] | None = None, **changes: object) -> Alert:
    """The example's alert, its fields changed; None takes a field away."""
    (alert,) = parse(notification(example_alert(**changes)), **(settings or {})).alerts
    return alert


def test_the_alert_is_read_with_all_its_facts() -> None:
    alert = one()
    assert alert == Alert(
        fingerprint="c6eadffa33fcdf37",
        status=AlertStatus.FIRING,
        title="12% of checkouts fail",
        summary="More than 5% of the requests have failed for 2 minutes.",
        service="checkout",
        group='{}:{alertname="High error rate", grafana_folder="Shop"}',
        labels=EXAMPLE["alerts"][0]["labels"],
        annotations={**EXAMPLE["alerts"][0]["annotations"], "error_rate": "12.1", "C": "1"},
        values={"error_rate_percent": 12.1},
        links=alert.links,
        starts_at=datetime(2026, 11, 20, 3, 10, 0, 157076, tzinfo=UTC),
    )
    assert [link.title for link in alert.links] == ["Alert rule", "Panel", "Dashboard", "Runbook", "Silence", "Grafana"]


def test_values_are_read_where_a_query_has_a_name_that_says_what_it_measures() -> None:
    assert one(values={"latency_ms": 6200, "A": 3}).values == {"response_time_seconds": 6.2}
    assert one(values=None).annotations["values"] == "[ var='error_rate' labels={service=checkout} value=12.1 ]"


@pytest.mark.parametrize(
    ("labels", "setting", "severity"),
    [
        ({"alertname": "X"}, {}, "critical"),
        ({"alertname": "X"}, {"severity": "warning"}, "warning"),
        ({"alertname": "X", "severity": "info"}, {"severity": "warning"}, "info"),
        ({"alertname": "X", "severity": "P1"}, {}, "P1"),
    ],
)
def test_a_rule_says_how_bad_it_is_and_the_setting_where_it_does_not(
    labels: dict[str, str], setting: dict[str, object], severity: str
) -> None:
    assert one(setting, labels=labels).labels["severity"] == severity


@pytest.mark.parametrize(
    ("labels", "annotations", "title", "summary"),
    [
        (NO_DATA, {"summary": "Fails"}, "High error rate: no data", "The rule is about: Fails"),
        (FAILING, {"summary": "Fails", "Error": "no route"}, "High error rate: the query fails", "no route"),
        ({"alertname": "DatasourceNoData"}, {"summary": "Mine"}, "Mine", ""),
    ],
)
def test_a_rule_that_sees_nothing_is_not_said_to_have_seen_a_problem(
    labels: dict[str, str], annotations: dict[str, str], title: str, summary: str
) -> None:
    alert = one(labels=labels, annotations=annotations)
    assert (alert.title, alert.summary) == (title, summary)


def test_each_alert_has_its_own_status_and_one_bad_one_costs_its_neighbours_nothing() -> None:
    over = example_alert(status="resolved", fingerprint="b", endsAt="2026-11-20T03:20:00Z")
    parsed = parse(notification(example_alert(), over, example_alert(labels=3), example_alert(status="pending")))
    assert [(alert.status, alert.ends_at is None) for alert in parsed.alerts] == [
        (AlertStatus.FIRING, True),
        (AlertStatus.RESOLVED, False),
    ]
    assert [fault.path for fault in parsed.faults] == ["$.alerts[2].labels", "$.alerts[3].status"]


@pytest.mark.parametrize(
    ("changes", "path", "reason"),
    [
        ({"version": "4"}, "$.version", "the alertmanager source reads it"),
        ({"alerts": []}, "$.alerts", "at least one"),
        ({"alerts": "none"}, "$.alerts", "Expected `array`"),
    ],
)
def test_what_is_no_notification_is_refused_with_the_place_and_what_is_right(
    changes: dict[str, object], path: str, reason: str
) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(EXAMPLE | changes)
    assert caught.value.path == path
    assert reason in caught.value.reason


def sign(body: bytes, before: bytes = b"") -> str:
    return hmac.new(b"s3cret", before + body, hashlib.sha256).hexdigest()


def test_the_signature_over_the_raw_body_is_checked_where_a_secret_is_set() -> None:
    settings = Settings(signature_secret=SecretStr("s3cret"))
    right = sign(Grafana.example)
    Grafana().verify(settings, request(Grafana.example, x_grafana_alerting_signature=right), NOW)
    for body, wrong in ((Grafana.example + b" ", right), (Grafana.example, right[:-1]), (Grafana.example, "")):
        with pytest.raises(Unauthorized, match="X-Grafana-Alerting-Signature"):
            Grafana().verify(settings, request(body, x_grafana_alerting_signature=wrong), NOW)


def signed_at(age: timedelta, header: str = "x_at") -> Request:
    stamp = str(int((NOW - age).timestamp()))
    signature = sign(Grafana.example, f"{stamp}:".encode())
    return request(Grafana.example, x_grafana_alerting_signature=signature, **{header: stamp})


TIMED = Settings(signature_secret=SecretStr("s3cret"), timestamp_header="X-At")


@pytest.mark.parametrize("age", [timedelta(), timedelta(minutes=5), timedelta(minutes=-5)])
def test_a_signed_time_of_the_last_five_minutes_is_good(age: timedelta) -> None:
    Grafana().verify(TIMED, signed_at(age), NOW)


@pytest.mark.parametrize("age", [timedelta(minutes=5, seconds=1), timedelta(minutes=-6), timedelta(days=400)])
def test_another_signed_time_is_somebody_who_sends_it_again(age: timedelta) -> None:
    with pytest.raises(Unauthorized, match="X-At"):
        Grafana().verify(TIMED, signed_at(age), NOW)


@pytest.mark.parametrize(
    "sent",
    [
        signed_at(timedelta(), "x_other"),
        request(Grafana.example, x_grafana_alerting_signature=sign(Grafana.example), x_at=str(int(NOW.timestamp()))),
        request(Grafana.example, x_grafana_alerting_signature=sign(Grafana.example, b":")),
    ],
)
def test_the_time_is_part_of_what_is_signed(sent: Request) -> None:
    with pytest.raises(Unauthorized):
        Grafana().verify(TIMED, sent, NOW)


def test_with_a_token_and_a_secret_both_are_needed() -> None:
    settings = Settings(token=SecretStr("t0ken"), signature_secret=SecretStr("s3cret"))
    signed = sign(Grafana.example)
    Grafana().verify(
        settings, request(Grafana.example, authorization="Bearer t0ken", x_grafana_alerting_signature=signed), NOW
    )
    for half in ({"authorization": "Bearer t0ken"}, {"x_grafana_alerting_signature": signed}):
        with pytest.raises(Unauthorized):
            Grafana().verify(settings, request(Grafana.example, **half), NOW)
