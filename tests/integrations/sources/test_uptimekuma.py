from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from engine.bootstrap import shipped_config
from engine.core.classify import classify
from engine.core.errors import Unauthorized, Unreadable
from engine.core.model import Alert, AlertStatus, Link, Priority
from engine.ports import Parsed
from integrations.sources.uptimekuma import Settings, UptimeKuma
from tests.integrations.sources.bodies import NOW, request

EXAMPLE = json.loads(UptimeKuma.example)


def parse(body: object, **settings: object) -> Parsed:
    return UptimeKuma().parse(Settings.model_validate(settings), request(body), NOW)


def body(*, monitor: dict[str, Any] | None = None, heartbeat: dict[str, Any] | None = None) -> object:
    """The example with fields of its monitor and of its heartbeat changed."""
    return EXAMPLE | {
        "monitor": EXAMPLE["monitor"] | (monitor or {}),
        "heartbeat": EXAMPLE["heartbeat"] | (heartbeat or {}),
    }


def one(sent: object, **settings: object) -> Alert:
    (alert,) = parse(sent, **settings).alerts
    return alert


def tagged(*tags: tuple[str, str]) -> dict[str, object]:
    return {"tags": [{"name": name, "value": value, "color": "#059669"} for name, value in tags]}


def test_a_monitor_that_is_down_is_read_with_all_its_facts() -> None:
    assert one(EXAMPLE, url="https://kuma.example/") == Alert(
        fingerprint="monitor 7",
        status=AlertStatus.FIRING,
        title="Checkout: down",
        summary="timeout of 48000ms exceeded",
        service="checkout",
        labels={
            "alertname": "Checkout",
            "monitor_path": "Shop / Checkout",
            "monitor_type": "http",
            "service": "checkout",
            "severity": "critical",
        },
        links=(
            Link(title="Uptime Kuma", url="https://kuma.example/dashboard/7"),
            Link(title="Monitored", url="https://shop.example/checkout"),
        ),
        starts_at=datetime(2026, 11, 20, 3, 10, 2, 123000, tzinfo=UTC),
    )


def test_up_ends_it() -> None:
    over = one(body(heartbeat={"status": 1, "time": "2026-11-20 03:26:02.123"}))
    assert (over.status, over.title) == (AlertStatus.RESOLVED, "Checkout: up")
    assert (over.starts_at, over.ends_at) == (None, datetime(2026, 11, 20, 3, 26, 2, 123000, tzinfo=UTC))


@pytest.mark.parametrize(
    ("sent", "note"),
    [
        (body(heartbeat={"status": 2}), "Checkout is pending"),
        (body(heartbeat={"status": 3}), "Checkout is in maintenance"),
        ({"heartbeat": None, "monitor": None, "msg": "Tocsin Testing"}, "Tocsin Testing"),
        ({"msg": "Tocsin Testing"}, "Tocsin Testing"),
    ],
)
def test_what_is_no_problem_opens_nothing_and_the_answer_says_why(sent: object, note: str) -> None:
    parsed = parse(sent)
    assert parsed.alerts == ()
    assert note in parsed.note


@pytest.mark.parametrize(
    ("message", "severity"),
    [
        ("[Checkout][https://shop.example] server certificate shop.example will expire in 21 days", "info"),
        ("[Checkout][https://shop.example] server certificate shop.example will expire in 8 days", "info"),
        ("[Checkout][https://shop.example] server certificate shop.example will expire in 7 days", "warning"),
        ("[Checkout][https://shop.example] Certificate will be expired in 1 day", "warning"),
    ],
)
def test_a_certificate_that_will_expire_is_an_alert(message: str, severity: str) -> None:
    alert = one({"heartbeat": None, "monitor": None, "msg": message})
    assert (alert.title, alert.labels["severity"], alert.status) == (message, severity, AlertStatus.FIRING)


def test_the_days_that_are_left_do_not_make_it_another_problem() -> None:
    left = [one({"msg": f"[Shop] certificate shop.example will expire in {days} days"}) for days in (21, 7)]
    other = one({"msg": "[Shop] certificate pay.example will expire in 7 days"})
    assert left[0].fingerprint == left[1].fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("tags", "setting", "severity"),
    [
        ([], {}, "critical"),
        ([], {"severity": "warning"}, "warning"),
        ([("severity", "info")], {}, "info"),
        ([("severity", "loud")], {"severity": "warning"}, "warning"),
    ],
)
def test_a_tag_says_how_bad_it_is_and_the_setting_where_none_does(
    tags: list[tuple[str, str]], setting: dict[str, object], severity: str
) -> None:
    assert one(body(monitor=tagged(*tags)), **setting).labels["severity"] == severity


def test_a_service_that_is_down_is_as_bad_as_its_tag_says_and_not_the_whole_system() -> None:
    wiki = one(body(monitor={"name": "Wiki service", **tagged(("severity", "info"))}))
    assert classify(shipped_config().classification, wiki).priority is Priority.P3


def test_tags_are_labels_whatever_their_order() -> None:
    tags = [("service", "shop"), ("urgent", ""), ("team", "a"), ("nightly", "")]
    first, second = one(body(monitor=tagged(*tags))), one(body(monitor=tagged(*tags[::-1])))
    assert first == second
    assert (first.service, first.labels["team"], first.labels["tags"]) == ("shop", "a", "nightly, urgent")


@pytest.mark.parametrize("tags", [None, "a", [3, None, "x"], {"name": "service"}])
def test_odd_tags_cost_no_alert(tags: object) -> None:
    assert one(body(monitor={"tags": tags})).service is None


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ({}, "$.msg"),
        ({"msg": ""}, "$.msg"),
        ({"heartbeat": 3}, "$.heartbeat"),
        ({"heartbeat": {"status": 0}}, "$.monitor.id"),
        (body(monitor={"name": ""}), "$.monitor.name"),
        (body(heartbeat={"status": 4}), "$.heartbeat.status"),
        ({"monitor": {"id": 7, "name": "x"}}, "$.heartbeat.status"),
    ],
)
def test_what_is_no_heartbeat_is_refused_with_the_place(sent: object, path: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(sent)
    assert caught.value.path == path


def test_the_address_of_your_uptime_kuma_is_one() -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"url": "kuma.example"})


def test_the_additional_headers_bearer_token_is_checked_where_one_is_set() -> None:
    settings = Settings(token=SecretStr("s3cret"))
    UptimeKuma().verify(settings, request(EXAMPLE, authorization="Bearer s3cret"), NOW)
    with pytest.raises(Unauthorized):
        UptimeKuma().verify(settings, request(EXAMPLE), NOW)
