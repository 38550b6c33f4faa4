from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from engine.core.errors import Unreadable
from engine.core.model import Alert, AlertStatus
from integrations.sources.pingdom import Pingdom, Settings
from tests.integrations.sources.bodies import NOW, request

EXAMPLE = json.loads(Pingdom.example)
FIRING, RESOLVED = AlertStatus.FIRING, AlertStatus.RESOLVED


def one(**changes: object) -> Alert:
    """The example's alert with its fields changed."""
    (alert,) = Pingdom().parse(Settings(), request(EXAMPLE | changes), NOW).alerts
    return alert


def test_a_check_that_is_down_is_read_with_all_its_facts() -> None:
    alert = one()
    assert alert == Alert(
        fingerprint="check 12345",
        status=FIRING,
        title="Checkout: down",
        summary="HTTP Server Error 503 Service Unavailable",
        service="checkout",
        labels={
            "alertname": "Checkout",
            "check_type": "HTTP",
            "env": "production",
            "host": "shop.example",
            "service": "checkout",
            "severity": "critical",
        },
        links=alert.links,
        starts_at=datetime(2026, 11, 20, 3, 10, tzinfo=UTC),
    )
    assert [(link.title, link.url) for link in alert.links] == [
        ("Pingdom", "https://my.pingdom.com/app/reports/uptime#check=12345"),
        ("Monitored", "https://shop.example/checkout"),
    ]


@pytest.mark.parametrize(
    ("kind", "state", "status"),
    [
        ("HTTP", "DOWN", FIRING),
        ("HTTP", "UP", RESOLVED),
        ("TRANSACTION", "FAILING", FIRING),
        ("TRANSACTION", "SUCCESS", RESOLVED),
    ],
)
def test_uptime_and_transaction_checks_each_have_their_words(kind: str, state: str, status: AlertStatus) -> None:
    alert = one(check_type=kind, current_state=state)
    assert alert.status is status
    assert (alert.starts_at is None, alert.ends_at is None) == (status is RESOLVED, status is FIRING)
    assert any(link.title == "Pingdom" for link in alert.links) == (kind == "HTTP")


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ({"importance_level": "HIGH"}, "critical"),
        ({"importance_level": "LOW"}, "warning"),
        ({"importance_level": None}, "critical"),
        ({"importance_level": "HIGH", "tags": ["severity:info"]}, "info"),
    ],
)
def test_the_importance_says_how_bad_it_is_unless_a_tag_does(changes: dict[str, object], severity: str) -> None:
    assert one(**changes).labels["severity"] == severity


def test_a_message_of_ones_own_stands_before_pingdoms() -> None:
    told = "See the runbook.\nHTTP Server Error 503 Service Unavailable"
    assert one(custom_message="See the runbook.").summary == told
    assert one(long_description=None).summary == "HTTP Error 503"


def test_the_check_is_the_problem_whatever_it_is_called_and_however_it_fails() -> None:
    again = one(check_name="Renamed", description="Timeout", tags=EXAMPLE["tags"][::-1], second_probe={})
    assert again.fingerprint == one().fingerprint
    assert one(check_id=12346).fingerprint != one().fingerprint


@pytest.mark.parametrize(
    ("changes", "at"),
    [
        ({}, datetime(2026, 11, 20, 3, 10, tzinfo=UTC)),
        ({"state_changed_timestamp": None}, datetime(2026, 11, 20, 3, 10, tzinfo=UTC)),
        ({"state_changed_timestamp": None, "state_changed_utc_time": "?"}, None),
    ],
)
def test_the_time_is_read_in_both_its_forms(changes: dict[str, object], at: datetime | None) -> None:
    assert one(**changes).starts_at == at


@pytest.mark.parametrize("odd", [{"check_params": 3}, {"check_params": {"url": 4}}, {"tags": [None, 3]}, {"tags": 9}])
def test_what_is_odd_beside_the_state_costs_no_alert(odd: dict[str, object]) -> None:
    assert one(**odd).title == "Checkout: down"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"check_id": None}, "$.check_id"),
        ({"check_name": ""}, "$.check_name"),
        ({"current_state": "UNKNOWN"}, "$.current_state"),
        ({"current_state": None}, "$.current_state"),
    ],
)
def test_what_is_no_state_change_is_refused_with_the_place(changes: dict[str, object], path: str) -> None:
    with pytest.raises(Unreadable) as caught:
        one(**changes)
    assert caught.value.path == path
