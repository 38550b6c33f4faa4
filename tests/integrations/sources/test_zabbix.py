from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.core.errors import Unauthorized, Unreadable
from engine.core.model import Alert, AlertStatus, Link
from engine.ports import Parsed
from integrations.sources.zabbix import Settings, Zabbix
from tests.integrations.sources.bodies import NOW, assert_fit_for_use, request

PROBLEM: dict[str, Any] = json.loads(Zabbix.example)


def parse(**fields: object) -> Parsed:
    return Zabbix().parse(Settings(), request(PROBLEM | fields), NOW)


def one(**fields: object) -> Alert:
    (alert,) = parse(**fields).alerts
    assert_fit_for_use(alert)
    return alert


def test_a_problem_is_read() -> None:
    assert one() == Alert(
        fingerprint="4711",
        status=AlertStatus.FIRING,
        title="Checkout: more than 5% of the requests fail",
        summary="Errors: 12 %\n\nRoll the last release back.",
        service="checkout",
        group="trigger 13926",
        labels={
            "service": "checkout",
            "scope": "availability",
            "alertname": "Checkout: more than 5% of the requests fail",
            "severity": "critical",
            "zabbix_severity": "Disaster",
            "host": "web-1",
            "host_ip": "192.0.2.7",
            "host_groups": "Shop, Web servers",
        },
        links=(
            Link(title="Zabbix", url="https://zabbix.example.com/tr_events.php?triggerid=13926&eventid=4711"),
            Link(title="Trigger", url="https://runbooks.example/checkout"),
        ),
        starts_at=datetime(2026, 11, 20, 3, 10, tzinfo=UTC),
    )


def test_its_recovery_ends_it() -> None:
    over = one(event_value="0", event_recovery_timestamp="1795145000")
    assert (over.status, over.fingerprint) == (AlertStatus.RESOLVED, "4711")
    assert over.ends_at == datetime(2026, 11, 20, 3, 23, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("number", "word", "severity"),
    [
        ("0", "Not classified", "warning"),
        ("1", "Information", "info"),
        ("2", "Warning", "warning"),
        ("3", "Average", "warning"),
        ("4", "High", "critical"),
        ("5", "Disaster", "critical"),
        ("5", "Katastrophe", "critical"),
        (4, "", "critical"),
        ("{EVENT.NSEVERITY}", "?", "critical"),
        ("6", "?", "critical"),
    ],
)
def test_the_severity_is_told_by_its_number_whatever_its_name(number: object, word: str, severity: str) -> None:
    assert one(event_nseverity=number, event_severity=word).labels["severity"] == severity


def test_what_a_trigger_finds_again_belongs_together() -> None:
    again = one(event_id="4800")
    assert (again.group, again.fingerprint == "4711") == (one().group, False)
    assert one(trigger_id="{TRIGGER.ID}").group == ""


@pytest.mark.parametrize(
    ("tags", "labels"),
    [
        ('[{"tag":"team","value":"a"},{"tag":"team","value":"b"}]', {"team": "a, b"}),
        ([{"tag": "team", "value": "a"}], {"team": "a"}),
        ('[{"tag":"only"}]', {}),
        ("[]", {}),
        ("{EVENT.TAGSJSON}", {}),
        ("service:checkout", {}),
        ('{"tag":"team"}', {}),
        (None, {}),
    ],
)
def test_tags_are_labels_and_odd_ones_cost_no_page(tags: object, labels: dict[str, str]) -> None:
    found = one(event_tags=tags).labels
    assert {name: value for name, value in found.items() if name in ("team", "only", "service")} == labels


def test_a_tag_can_give_the_priority_but_not_the_severity() -> None:
    labels = one(event_tags='[{"tag":"priority","value":"P1"},{"tag":"severity","value":"info"}]').labels
    assert (labels["priority"], labels["severity"]) == ("P1", "critical")


@pytest.mark.parametrize("unknown", ["{EVENT.TIMESTAMP}", "*UNKNOWN*", "", None])
def test_a_macro_that_zabbix_did_not_fill_in_is_no_value(unknown: str | None) -> None:
    alert = one(
        event_timestamp=unknown, event_opdata=unknown, host_ip=unknown, zabbix_url=unknown, trigger_description=unknown
    )
    assert (alert.starts_at, alert.summary) == (None, "")
    assert "host_ip" not in alert.labels
    assert [link.title for link in alert.links] == ["Trigger"]
    assert one(zabbix_url="{$ZABBIX.URL}").links == alert.links


def test_without_a_name_the_event_has_its_number() -> None:
    assert one(event_name="").title == "Event 4711"


@pytest.mark.parametrize(
    ("fields", "alerts"),
    [
        ({"event_update_action": "acknowledged and commented"}, 0),
        ({"event_update_action": "changed severity from Average to High"}, 1),
        ({"event_update_action": "closed", "event_value": "0"}, 1),
    ],
)
def test_an_update_counts_where_it_changes_the_severity_or_ends_the_problem(
    fields: dict[str, object], alerts: int
) -> None:
    parsed = parse(event_update_status="1", **fields)
    assert len(parsed.alerts) == alerts
    assert bool(parsed.note) is (alerts == 0)


@pytest.mark.parametrize(("source", "word"), [("1", "discovery"), ("2", "autoregistration")])
def test_what_is_no_problem_is_noted(source: str, word: str) -> None:
    assert word in parse(event_source=source, event_value="{EVENT.VALUE}").note


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"event_value": "{EVENT.VALUE}"}, "$.event_value"),
        ({"event_value": "2"}, "$.event_value"),
        ({"event_id": "{EVENT.ID}"}, "$.event_id"),
    ],
)
def test_without_its_macros_it_is_refused_with_the_place(fields: dict[str, object], path: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(**fields)
    assert caught.value.path == path


def test_the_token_is_that_of_the_media_type() -> None:
    settings = Settings.model_validate({"token": "t0ken"})
    Zabbix().verify(settings, request(PROBLEM, authorization="Bearer t0ken"), NOW)
    with pytest.raises(Unauthorized):
        Zabbix().verify(settings, request(PROBLEM, authorization="Bearer wrong"), NOW)
