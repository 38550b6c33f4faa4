"""PagerDuty's Events API v2: what its senders are answered, and what becomes of their events."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from engine.core.errors import Overloaded, SettingsError
from engine.services.access import Keys
from engine.services.intake import Intake
from tests.api.asking import INCIDENTS, command, kinds
from tests.api.conftest import KEYS, SIGNATURE_SECRET, House

ENQUEUE, CHANGE = "/v2/enqueue", "/v2/change/enqueue"
KEY = KEYS["pagerduty"]
PAYLOAD = {"summary": "DB down", "source": "db-1.example", "severity": "critical"}


def event(action: str = "trigger", **fields: Any) -> dict[str, Any]:
    return {"routing_key": KEY, "event_action": action, "dedup_key": "srv01/mysql", "payload": PAYLOAD, **fields}


async def send(client: httpx.AsyncClient, action: str = "trigger", **fields: Any) -> httpx.Response:
    answer = await client.post(ENQUEUE, json=event(action, **fields))
    assert answer.status_code == 202, answer.text
    return answer


async def shown(client: httpx.AsyncClient, ref: str = "INC-1") -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(f"{INCIDENTS}/{ref}")).json()
    return found


async def lines(client: httpx.AsyncClient, ref: str, kind: str) -> list[dict[str, Any]]:
    found = (await client.get(f"{INCIDENTS}/{ref}/timeline")).json()["items"]
    return [line for line in found if line["kind"] == kind]


async def test_a_problem_is_triggered_acknowledged_and_resolved_with_pagerdutys_answers(
    admin: httpx.AsyncClient,
) -> None:
    for action in ("trigger", "trigger", "acknowledge"):
        answer = await send(admin, action)
        assert answer.json() == {"status": "success", "message": "Event processed", "dedup_key": "srv01/mysql"}
    incident = await shown(admin)
    assert (incident["title"], incident["priority"], incident["state"]) == ("DB down", "P1", "assessment")
    assert (incident["acknowledged_by"], incident["commander"]) == ("pagerduty", None)
    [alert] = incident["alerts"]
    assert (alert["count"], alert["fingerprint"]) == (2, "srv01/mysql")
    answer = await admin.post(ENQUEUE, json={"routing_key": KEY, "event_action": "resolve", "dedup_key": "srv01/mysql"})
    assert answer.status_code == 202
    assert (await kinds(admin, "INC-1"))[-2:] == ["alert.resolved", "alert.all_cleared"]


async def test_without_an_acknowledgement_the_resolution_ends_the_incident(admin: httpx.AsyncClient) -> None:
    await send(admin)
    await send(admin, "resolve")
    assert (await shown(admin))["state"] == "review"
    await send(admin)
    assert (await shown(admin, "INC-2"))["previous"] == "INC-1"


async def test_a_trigger_without_a_key_is_a_problem_of_its_own_and_gets_one(admin: httpx.AsyncClient) -> None:
    made = [(await send(admin, dedup_key=key)).json()["dedup_key"] for key in (None, None, "", " ")]
    assert len(set(made)) == len(made)
    assert all(len(key) == 32 and key.isalnum() for key in made)
    assert [one["id"] for one in (await admin.get(INCIDENTS)).json()["items"]] == ["INC-4", "INC-3", "INC-2", "INC-1"]
    await send(admin, "resolve", dedup_key=made[1])
    assert [(await shown(admin, f"INC-{n}"))["state"] for n in (1, 2, 3)] == ["detection", "review", "detection"]


async def test_what_is_said_of_an_alert_that_does_not_fire_is_dropped_and_answered_202(
    admin: httpx.AsyncClient,
) -> None:
    for action in ("acknowledge", "resolve"):
        assert (await send(admin, action)).json()["dedup_key"] == "srv01/mysql"
    assert (await admin.get(INCIDENTS)).json()["items"] == []


async def test_the_person_who_acknowledges_after_a_program_takes_over_and_commands(admin: httpx.AsyncClient) -> None:
    await send(admin)
    await send(admin, "acknowledge")
    taken = await command(admin, "INC-1", "acknowledge", by="ops-lead")
    assert taken.status_code == 200, taken.text
    incident = await shown(admin)
    assert (incident["acknowledged_by"], incident["commander"]) == ("ops-lead", "ops-lead")
    await send(admin, "acknowledge")
    assert (await shown(admin))["acknowledged_by"] == "ops-lead"


async def test_an_end_reaches_an_alert_whose_incident_was_merged_into_another_sources(admin: httpx.AsyncClient) -> None:
    await admin.post(f"/webhooks/generic/{KEYS['generic']}", json={"title": "Checkout fails"})
    await send(admin)
    merged = await command(admin, "INC-2", "merge", into="INC-1")
    assert merged.status_code == 200, merged.text
    answer = await admin.post(ENQUEUE, json={"routing_key": KEY, "event_action": "resolve", "dedup_key": "srv01/mysql"})
    assert answer.status_code == 202
    status = {one["title"]: one["status"] for one in (await shown(admin))["alerts"]}
    assert status == {"Checkout fails": "firing", "DB down": "resolved"}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"event_action": None}, "'event_action' is missing or blank"),
    (
        {"event_action": "fire"},
        "'event_action' is invalid (must be one of the following: 'trigger', 'acknowledge' or 'resolve')",
    ),
    ({"payload": {"source": "x", "severity": "info"}}, "'payload.summary' is missing or blank"),
    (
        {"payload": {**PAYLOAD, "severity": "Info"}},
        "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')",
    ),
    ({"dedup_key": "k" * 256}, "'dedup_key' is too long (maximum is 255 characters)"),
    ({"event_action": "resolve", "dedup_key": None}, "'dedup_key' is missing or blank"),
    ({"routing_key": None}, "'routing_key' is missing or blank"),
]


async def test_a_wrong_event_is_refused_in_pagerdutys_words(light_house: House) -> None:
    async with light_house.client(role=None) as sender:
        for fields, said in WRONG:
            answer = await sender.post(ENQUEUE, json=event(**fields))
            assert (answer.status_code, answer.headers["content-type"]) == (400, "application/json")
            assert answer.json() == {
                "status": "invalid event",
                "message": "Event object is invalid",
                "errors": [said],
            }
        for body in (b"", b"trigger", b'{"routing_key": ', b"[]", b'{"a":' * 100_000, '{"a": 1}'.encode("utf-16")):
            answer = await sender.post(ENQUEUE, content=body)
            assert answer.status_code == 400
            assert answer.json() == {
                "status": "Unrecognized object",
                "message": "Event object format is unrecognized",
                "errors": ["JSON parse error"],
            }


@pytest.mark.parametrize("key", ["0123456789abcdef0123456789abcdef", KEYS["opsgenie"], 17, ["x"]])
async def test_a_key_that_is_of_no_such_integration_opens_nothing(light_house: House, key: object) -> None:
    async with light_house.client() as client:
        for path in (ENQUEUE, CHANGE):
            answer = await client.post(path, json=event(routing_key=key))
            assert (answer.status_code, answer.json()["errors"][0]) == (400, "Invalid routing key")
            assert str(key) not in answer.text
        assert (await client.get(INCIDENTS)).json()["items"] == []


async def test_where_the_integration_has_a_token_it_has_to_come_besides_the_key(light_house: House) -> None:
    body = event(routing_key=KEYS["guarded-pagerduty"])
    async with light_house.client(role=None) as sender:
        assert (await sender.post(ENQUEUE, json=body)).status_code == 400
        proof = {"Authorization": f"Bearer {SIGNATURE_SECRET}"}
        assert (await sender.post(ENQUEUE, json=body, headers=proof)).status_code == 202


async def test_a_body_that_is_too_large_or_compressed_is_refused_in_the_same_form(light_house: House) -> None:
    async with light_house.client(role=None) as sender:
        large = await sender.post(ENQUEUE, json=event(client="x" * 2_000_000))
        packed = await sender.post(ENQUEUE, json=event(), headers={"Content-Encoding": "gzip"})
    assert (large.status_code, packed.status_code) == (413, 415)
    for answer in (large, packed):
        assert (answer.json()["status"], len(answer.json()["errors"])) == ("invalid event", 1)


TROUBLE = [
    (Intake, "accept", Overloaded("the database can't be reached: TimeoutError", retry_after=7), "7"),
    (Keys, "find", SettingsError("PAGERDUTY_ROUTING_KEY is not set"), "60"),
]


@pytest.mark.parametrize(("part", "method", "error", "after"), TROUBLE)
async def test_what_can_not_be_taken_now_is_answered_429_which_the_official_client_repeats_for_ever(
    light_house: House, monkeypatch: pytest.MonkeyPatch, part: type, method: str, error: Exception, after: str
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise error

    async with light_house.client() as client:
        with monkeypatch.context() as patch:
            patch.setattr(part, method, fails)
            answer = await client.post(ENQUEUE, json=event())
        assert (answer.status_code, answer.headers["retry-after"]) == (429, after)
        assert answer.json()["status"] == "throttle exceeded"
        assert answer.json()["errors"] == [str(error)]
        assert (await send(client)).status_code == 202


async def test_a_change_is_noted_on_the_active_incidents_of_its_service_at_its_own_time(
    admin: httpx.AsyncClient,
) -> None:
    details = {"custom_details": {"service": "shop"}}
    for key in ("a", "b", "over"):
        await send(admin, dedup_key=key, payload=PAYLOAD | details)
    await send(admin, dedup_key="elsewhere")
    await send(admin, "resolve", dedup_key="over")
    change = {"summary": "Deploy 4f2a1c", "source": "ci", "timestamp": "2026-11-20T11:58:00Z", **details}
    answer = await admin.post(
        CHANGE, json={"routing_key": KEY, "payload": change, "links": [{"href": "https://ci.example/7"}]}
    )
    assert answer.status_code == 202
    assert answer.json() == {"status": "success", "message": "Change event processed"}
    for ref in ("INC-1", "INC-2"):
        [note] = await lines(admin, ref, "note")
        assert note["reason"] == "Change: Deploy 4f2a1c (ci) https://ci.example/7"
        assert note["actor"] == "source:pagerduty via pagerduty"
        assert note["data"]["happened_at"] == "2026-11-20T11:58:00.000000Z"
    assert await lines(admin, "INC-3", "note") == await lines(admin, "INC-4", "note") == []


async def test_a_change_without_an_incident_is_accepted_and_in_the_log(light_house: House) -> None:
    async with light_house.client() as client:
        with capture_logs() as logs:
            answer = await client.post(CHANGE, json={"routing_key": KEY, "payload": {"summary": "Deploy 4f2a1c"}})
        assert answer.status_code == 202
        assert (await client.get(INCIDENTS)).json()["items"] == []
    [line] = [line for line in logs if line["event"] == "change.received"]
    assert (line["change"], line["integration"], line["incidents"]) == ("Change: Deploy 4f2a1c", "pagerduty", ())


async def test_an_odd_change_is_noted_all_the_same(light_house: House) -> None:
    links = [{"href": f"https://ci.example/{number}/" + "x" * 1_900} for number in range(9)]
    async with light_house.client() as client:
        await send(client)
        for payload in ({"summary": "x" * 20_000}, {"summary": "far away", "timestamp": "9999-12-31T23:59:59Z"}):
            answer = await client.post(CHANGE, json={"routing_key": KEY, "payload": payload, "links": links})
            assert answer.status_code == 202, answer.text
        first, second = await lines(client, "INC-1", "note")
    assert len(first["reason"]) <= 10_000
    assert second["reason"].startswith("Change: far away")
    assert "happened_at" not in second["data"]


async def test_a_change_is_a_change_whatever_else_it_says(light_house: House) -> None:
    async with light_house.client() as client:
        answer = await client.post(CHANGE, json=event())
        assert answer.status_code == 202
        assert (await client.get(INCIDENTS)).json()["items"] == []
        answer = await client.post(CHANGE, json={"routing_key": KEY, "payload": {"source": "ci"}})
        assert (answer.status_code, answer.json()["errors"]) == (400, ["'payload.summary' is missing or blank"])


async def test_the_same_events_are_taken_at_the_webhook_address(admin: httpx.AsyncClient) -> None:
    path = f"/webhooks/pagerduty/{KEY}"
    opened = await admin.post(path, json=event())
    assert opened.json()["alerts"][0]["action"] == "opened"
    acknowledged = await admin.post(path, json=event("acknowledge"))
    assert acknowledged.json() == {"alerts": [], "note": "somebody has it already"}
    assert (await shown(admin))["acknowledged_by"] == "pagerduty"
    changed = await admin.post(path, json={"payload": {"summary": "Deploy"}})
    assert changed.json()["alerts"] == []
    assert await lines(admin, "INC-1", "note")


async def test_a_dedup_key_is_given_back_as_it_came_and_known_by_what_can_be_stored(light_house: House) -> None:
    async with light_house.client() as client:
        for key in ("a\x00b", "\ud83d half", "ä" * 255):
            body = json.dumps(event(dedup_key=key))
            answer = await client.post(ENQUEUE, content=body)
            assert (answer.status_code, answer.json()["dedup_key"]) == (202, key)
            assert (await client.post(ENQUEUE, content=body)).status_code == 202
        assert len((await client.get(INCIDENTS)).json()["items"]) == 3
