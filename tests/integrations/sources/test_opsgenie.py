"""Opsgenie's alerts, as senders create them and as Opsgenie passes them on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.bootstrap import shipped_config
from engine.core.classify import classify
from engine.core.commands import Acknowledge, Note
from engine.core.errors import Unreadable
from engine.core.model import Alert, AlertStatus, Priority
from engine.ports import Parsed, Wish
from integrations.sources.opsgenie import Opsgenie, Settings
from tests.integrations.sources.bodies import NOW, assert_fit_for_use, request

SOURCE = Opsgenie()


def parse(body: object) -> Parsed:
    return SOURCE.parse(Settings(), request(body), NOW)


def read(**fields: Any) -> Alert:
    (alert,) = parse({"message": "DB down", "alias": "db", **fields}).alerts
    assert_fit_for_use(alert)
    return alert


def act(action: str, **fields: Any) -> Parsed:
    return parse({"action": action, "alert": {"alias": "db"}, **fields})


def test_what_a_sender_creates_is_read_with_all_that_it_says() -> None:
    alert = read(
        description="More than 5% fail.",
        responders=[{"type": "user", "username": "ann@example.com"}, {"type": "team", "name": "payments"}],
        visibleTo=[{"type": "team", "name": "support"}],
        actions=["Restart"],
        tags=["eu", "shop"],
        details={"service": "checkout", "runbook_url": "https://runbooks.example/x"},
        entity="db-1",
        source="https://alertmanager.example/#/alerts",
        user="ann",
        note="seen before",
    )
    assert (alert.title, alert.summary, alert.service) == ("DB down", "More than 5% fail.", "checkout")
    assert alert.labels == {
        "service": "checkout",
        "entity": "db-1",
        "source": "https://alertmanager.example/#/alerts",
        "tags": "eu, shop",
        "responders": "ann@example.com, payments",
        "team": "payments",
    }
    assert alert.annotations == {
        "runbook_url": "https://runbooks.example/x",
        "note": "seen before",
        "user": "ann",
        "actions": '["Restart"]',
    }
    assert [(link.title, link.url) for link in alert.links] == [
        ("Source", "https://alertmanager.example/#/alerts"),
        ("Runbook", "https://runbooks.example/x"),
    ]


def test_the_same_alert_is_read_alike_from_a_sender_and_from_opsgenie() -> None:
    passed_on = json.loads(SOURCE.example)
    (created,) = parse(passed_on["alert"]).alerts
    assert (created,) == parse(passed_on).alerts


PRIORITIES = [
    ("P1", Priority.P0, True),
    ("P2", Priority.P1, True),
    ("P3", Priority.P2, True),
    ("P4", Priority.P3, True),
    ("P5", Priority.P3, False),
    (None, Priority.P2, True),
]


@pytest.mark.parametrize(("priority", "here", "page"), PRIORITIES)
def test_the_priorities_mean_here_what_they_mean_there(priority: str | None, here: Priority, *, page: bool) -> None:
    alert = read(priority=priority)
    found = classify(shipped_config().classification, alert)
    assert (found.priority, found.page) == (here, page)
    assert alert.labels.get("opsgenie_priority") == priority


def test_without_a_priority_the_severity_of_alertmanagers_labels_decides() -> None:
    found = classify(shipped_config().classification, read(details={"severity": "critical", "priority": "P3"}))
    assert found.priority is Priority.P1


def test_what_is_information_pages_nobody_whatever_its_details_say() -> None:
    alert = read(priority="P5", details={"severity": "critical"})
    assert classify(shipped_config().classification, alert).page is False


def test_a_close_is_the_end_of_the_alert_and_its_note_a_wish() -> None:
    parsed = act("Close", user="ann", note="disk replaced")
    (alert,) = parsed.alerts
    assert (alert.fingerprint, alert.status, alert.title) == ("db", AlertStatus.RESOLVED, "db")
    assert parsed.wishes == (Wish(fingerprint="db", command=Note(text="disk replaced"), by="ann"),)
    assert act("Close").wishes == ()


def test_an_acknowledgement_says_who_has_it() -> None:
    parsed = act("Acknowledge", user="ann", note="on it")
    assert parsed.alerts == ()
    assert [(wish.command, wish.by) for wish in parsed.wishes] == [(Acknowledge(), "ann"), (Note(text="on it"), "ann")]


def test_opsgenies_own_webhooks_say_it_in_the_alert() -> None:
    alert = {"alias": "db", "username": "ann@example.com", "note": "looking"}
    (wish,) = parse({"action": "AddNote", "alert": alert, "integrationName": "Tocsin"}).wishes
    assert wish == Wish(fingerprint="db", command=Note(text="looking"), by="ann@example.com")


@pytest.mark.parametrize("action", ["Delete", "Escalate", "AssignOwnership", None, ["Create"]])
def test_other_actions_are_answered_with_why_nothing_follows(action: object) -> None:
    parsed = parse({"action": action, "alert": {"alias": "db"}})
    assert (parsed.alerts, parsed.wishes) == ((), ())
    assert parsed.note.endswith("is nothing that Tocsin follows")


def test_without_an_alias_the_id_that_opsgenie_gave_is_what_it_is_known_by() -> None:
    assert act("Close", alert={"alertId": "70413a06"}).alerts[0].fingerprint == "70413a06"


def test_without_any_name_the_same_body_is_the_same_problem() -> None:
    assert read(alias=None) == read(alias=None)
    assert read(alias=" ").fingerprint != read(alias=" ", entity="db-2").fingerprint


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"message": None}, "$.message", "can not be empty"),
    ({"message": " \n"}, "$.message", "can not be empty"),
    ({"message": "x", "alias": "a" * 513}, "$.alias", "longer than 512"),
    ({"message": "x", "alias": 7}, "$.alias", "must be a text"),
    ({"message": "x", "priority": "P0"}, "$.priority", "must be one of P1, P2, P3, P4, P5"),
    ({"message": "x", "priority": ["P1"]}, "$.priority", "must be one of"),
    ({"action": "Create", "alert": {"alias": "db"}}, "$.alert.message", "can not be empty"),
    ({"action": "Create", "alert": "db"}, "$.alert", "must be an object"),
    ({"action": "Close"}, "$.alert", "must be an object"),
    ({"action": "Close", "alert": {}}, "$.alert.alias", "can not be empty"),
    ({"action": "Acknowledge", "alert": {}}, "$.alert.alias", "can not be empty"),
    ({"action": "AddNote", "alert": {"alias": "db"}}, "$.note", "can not be empty"),
]


@pytest.mark.parametrize(("body", "path", "reason"), WRONG)
def test_what_is_wrong_is_refused_with_the_place_and_what_would_be_right(
    body: dict[str, Any], path: str, reason: str
) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(body)
    assert caught.value.path == path
    assert reason in caught.value.reason


def test_an_alias_as_long_as_it_may_be_is_kept_whole_and_a_long_message_too() -> None:
    assert read(alias="ä" * 512).fingerprint == "ä" * 512
    assert read(message="x" * 900).summary == "x" * 900


ODD: list[dict[str, Any]] = [
    {"responders": "payments", "teams": {}, "tags": "eu", "details": "none"},
    {"responders": ["payments", None, {}, {"type": "team"}], "tags": [{"name": "eu"}, 7, None]},
]


@pytest.mark.parametrize("fields", ODD)
def test_odd_fields_cost_nothing_of_the_alert(fields: dict[str, Any]) -> None:
    assert read(**fields).title == "DB down"
