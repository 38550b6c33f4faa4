from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from engine.core.errors import Unauthorized, Unreadable
from engine.core.model import Alert, AlertStatus, Link
from integrations.sources.googlecloud import GoogleCloud, Settings
from tests.integrations.sources.bodies import NOW, assert_fit_for_use, request

INCIDENT: dict[str, Any] = json.loads(GoogleCloud.example)["incident"]
URL = "https://console.cloud.google.com/monitoring/alerting/incidents/0.opqiw61fsv7p?project=shop-prod"


def one(settings: Settings | None = None, /, **fields: object) -> Alert:
    body = {"incident": INCIDENT | fields, "version": "1.2"}
    (alert,) = GoogleCloud().parse(settings or Settings(), request(body), NOW).alerts
    assert_fit_for_use(alert)
    return alert


def test_an_incident_is_read() -> None:
    assert one() == Alert(
        fingerprint="0.opqiw61fsv7p",
        status=AlertStatus.FIRING,
        title="Checkouts fail (checkout)",
        summary="Error rate for shop-prod checkout is above the threshold of 5.000 with a value of 12.000."
        "\n\nRoll the last release back.",
        service="checkout",
        group="projects/shop-prod/alertPolicies/1234567890123456789",
        labels={
            "project_id": "shop-prod",
            "location": "europe-west1",
            "service_name": "checkout",
            "response_code_class": "5xx",
            "team": "payments",
            "tier": "one",
            "alertname": "Checkouts fail",
            "severity": "critical",
            "condition": "More than 5% are answered with 5xx",
            "project": "shop-prod",
            "resource_type": "cloud_run_revision",
            "metric": "run.googleapis.com/request_count",
        },
        annotations={"observed_value": "12", "threshold_value": "5"},
        links=(
            Link(title="Google Cloud", url=URL),
            Link(title="Runbook", url="https://runbooks.example/checkout"),
        ),
        starts_at=datetime(2026, 11, 20, 3, 10, tzinfo=UTC),
    )


def test_closed_ends_it() -> None:
    over = one(state="CLOSED", ended_at=1795145000)
    assert (over.status, over.fingerprint) == (AlertStatus.RESOLVED, one().fingerprint)
    assert over.ends_at == datetime(2026, 11, 20, 3, 23, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "policy", "severity"),
    [
        ("Critical", None, "critical"),
        ("ERROR", None, "critical"),
        ("Warning", {"severity": "critical"}, "warning"),
        ("no severity", None, "info"),
        ("no severity", {"severity": "warning"}, "warning"),
        ("no severity", {"severity": "sev2"}, "info"),
        (None, None, "info"),
        (["Critical"], None, "info"),
    ],
)
def test_the_severity_is_the_policys_else_that_of_its_label_else_the_integrations(
    said: object, policy: object, severity: str
) -> None:
    alert = one(Settings(severity="info"), severity=said, policy_user_labels=policy)
    assert alert.labels["severity"] == severity


@pytest.mark.parametrize(
    ("fields", "service"),
    [
        ({}, "checkout"),
        ({"policy_user_labels": {"service": "shop"}}, "shop"),
        ({"policy_user_labels": None, "metadata": {"user_labels": {"app": "shop"}}, "resource": None}, "shop"),
        ({"resource": {"labels": {"instance_id": "1"}}}, None),
    ],
)
def test_the_service_is_read_from_the_labels(fields: dict[str, object], service: str | None) -> None:
    assert one(**fields).service == service


def test_what_one_policy_finds_in_many_places_belongs_together() -> None:
    assert one(incident_id="0.other").group == one().group
    assert one(condition=None).group == "shop-prod/Checkouts fail"


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        ({"documentation": {"subject": "Customers can't pay"}}, "Customers can't pay"),
        ({"resource_display_name": None, "resource_name": "web-1"}, "Checkouts fail (web-1)"),
        ({"resource_display_name": "", "resource_name": ""}, "Checkouts fail"),
        ({"policy_name": ""}, "More than 5% are answered with 5xx (checkout)"),
        (
            {"policy_name": None, "condition_name": None, "resource_display_name": None, "resource_name": None},
            "0.opqiw61fsv7p",
        ),
    ],
)
def test_there_is_always_a_title(fields: dict[str, object], title: str) -> None:
    assert one(**fields).title == title


def test_the_consoles_test_is_an_alert() -> None:
    test = {
        "incident_id": "12345",
        "started_at": 0,
        "ended_at": 0,
        "state": "OPEN",
        "summary": "Test Incident",
        "documentation": "Test documentation",
    }
    (alert,) = GoogleCloud().parse(Settings(), request({"version": "test", "incident": test}), NOW).alerts
    assert_fit_for_use(alert)
    assert (alert.fingerprint, alert.summary, alert.starts_at) == ("12345", "Test Incident", None)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"incident": INCIDENT | {"state": "acked"}}, "$.incident.state"),
        ({"incident": INCIDENT | {"incident_id": None}}, "$.incident.incident_id"),
        ({"incident": []}, "$.incident"),
        ({"version": "1.2"}, "$"),
    ],
)
def test_what_is_no_incident_is_refused_with_the_place(body: object, path: str) -> None:
    with pytest.raises(Unreadable) as caught:
        GoogleCloud().parse(Settings(), request(body), NOW)
    assert caught.value.path == path


def basic(text: str) -> str:
    return "Basic " + b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("presented", "taken"),
    [
        (basic("tocsin:pa:ß"), True),
        (basic("tocsin:pa:ß").replace("Basic", "basic"), True),
        (basic("tocsin:wrong"), False),
        (basic("Tocsin:pa:ß"), False),
        (basic("tocsin:"), False),
        ("Bearer pa:ß", False),
        ("", False),
    ],
)
def test_user_name_and_password_are_the_channels(presented: str, taken: bool) -> None:  # noqa: FBT001
    settings = Settings.model_validate({"password": "pa:ß"})
    sent = request(GoogleCloud.example, authorization=presented)
    if taken:
        GoogleCloud().verify(settings, sent, NOW)
    else:
        with pytest.raises(Unauthorized, match="user name and password"):
            GoogleCloud().verify(settings, sent, NOW)


def test_a_user_name_has_no_colon() -> None:
    with pytest.raises(ValidationError, match="username"):
        Settings.model_validate({"username": "a:b", "password": "x"})
