"""Opsgenie's alert API: what its callers are answered, and what becomes of what they ask."""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from engine.core.errors import Overloaded
from engine.services.intake import Intake
from tests.api.asking import INCIDENTS, command
from tests.api.conftest import KEYS, SIGNATURE_SECRET, House

ALERTS = "/v2/alerts"
GENIE = {"Authorization": f"GenieKey {KEYS['opsgenie']}"}
ALERT = {"message": "DB down", "alias": "db", "priority": "P1"}


async def ask(client: httpx.AsyncClient, path: str = "", method: str = "POST", **fields: Any) -> httpx.Response:
    """Whatever is answered has the form of Opsgenie's answers."""
    answer = await client.request(method, f"{ALERTS}{path}", json=fields if method == "POST" else None, headers=GENIE)
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    assert str(uuid.UUID(document["requestId"])) == answer.headers["x-request-id"]
    assert document["took"] > 0
    assert answer.headers["x-ratelimit-state"] == ("THROTTLED" if answer.status_code == 429 else "OK")
    return answer


async def done(client: httpx.AsyncClient, path: str = "", **fields: Any) -> dict[str, Any]:
    """Asks, and returns what became of it."""
    answer = await ask(client, path, **fields)
    assert (answer.status_code, answer.json()["result"]) == (202, "Request will be processed"), answer.text
    status = await ask(client, f"/requests/{answer.json()['requestId']}", "GET")
    assert status.status_code == 200, status.text
    found: dict[str, Any] = status.json()["data"]
    assert found["success"] is found["isSuccess"]
    return found


async def shown(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    answer = await ask(client, path, "GET")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["data"]
    return found


async def incident(client: httpx.AsyncClient, ref: str = "INC-1") -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(f"{INCIDENTS}/{ref}")).json()
    return found


async def notes(client: httpx.AsyncClient, ref: str = "INC-1") -> list[tuple[str, str]]:
    lines = (await client.get(f"{INCIDENTS}/{ref}/timeline")).json()["items"]
    return [(line["actor"], line["reason"]) for line in lines if line["kind"] == "note"]


async def test_an_alert_is_created_and_asked_for_by_each_of_its_names(admin: httpx.AsyncClient) -> None:
    created = await done(admin, **ALERT, description="No connections", tags=["eu"], details={"service": "shop"})
    assert (created["action"], created["status"], created["alias"]) == ("Create", "Created alert", "db")
    assert created["integrationId"] == "opsgenie"
    assert created["processedAt"].endswith("Z")
    await done(admin, **ALERT)
    for path in (f"/{created['alertId']}", f"/{created['alertId']}?identifierType=tiny", "/db?identifierType=alias"):
        alert = await shown(admin, path)
        assert (alert["id"], alert["alias"], alert["message"]) == (created["alertId"], "db", "DB down")
        assert (alert["status"], alert["acknowledged"], alert["count"]) == ("open", False, 2)
        assert (alert["priority"], alert["tags"], alert["owner"]) == ("P1", ["eu"], "")
        assert alert["integration"] == {"id": "opsgenie", "name": "opsgenie", "type": "API"}
    found = await incident(admin)
    assert (found["title"], found["priority"], found["service"]) == ("DB down", "P0", "shop")


async def test_an_alert_is_acknowledged_noted_on_and_closed(admin: httpx.AsyncClient) -> None:
    await done(admin, **ALERT)
    acknowledged = await done(admin, "/db/acknowledge?identifierType=alias", user="ann@elsewhere.example", note="on it")
    assert (acknowledged["action"], acknowledged["status"]) == ("Acknowledge", "Acknowledged alert")
    assert (await incident(admin))["acknowledged_by"] == "opsgenie"
    noted = await done(admin, f"/{acknowledged['alertId']}/notes", note="replica promoted")
    assert (noted["action"], noted["isSuccess"]) == ("AddNote", True)
    assert await notes(admin) == [
        ("source:opsgenie via opsgenie for ann@elsewhere.example", "on it"),
        ("source:opsgenie via opsgenie", "replica promoted"),
    ]
    alert = await shown(admin, "/db?identifierType=alias")
    assert (alert["acknowledged"], alert["owner"], alert["report"]["acknowledgedBy"]) == (True, "opsgenie", "opsgenie")
    closed = await done(admin, "/db/close?identifierType=alias", note="over")
    assert (closed["action"], closed["status"], closed["alertId"]) == ("Close", "Closed alert", alert["id"])
    assert (await shown(admin, f"/{alert['id']}"))["status"] == "closed"
    assert (await notes(admin))[-1] == ("source:opsgenie via opsgenie", "over")
    assert (await incident(admin))["state"] == "assessment"


@pytest.mark.parametrize("user", ["ops-lead", "OPS-LEAD@example.com", "Operations lead (example)"])
async def test_whoever_is_named_and_is_a_contact_has_it_in_person(light_house: House, user: str) -> None:
    async with light_house.client() as client:
        await done(client, **ALERT)
        await done(client, "/db/acknowledge?identifierType=alias", user=user)
        found = await incident(client)
        assert (found["acknowledged_by"], found["commander"]) == ("ops-lead", "ops-lead")
        lines = (await client.get(f"{INCIDENTS}/INC-1/timeline")).json()["items"]
        assert "person:ops-lead via source:opsgenie" in {line["actor"] for line in lines}


async def test_a_contact_who_may_only_look_does_not_act_by_being_named(light_house: House) -> None:
    async with light_house.client() as client:
        await done(client, **ALERT)
        await done(client, "/db/acknowledge?identifierType=alias", user="cloud-support")
        assert (await incident(client))["acknowledged_by"] == "opsgenie"


async def test_without_an_acknowledgement_a_close_ends_the_incident(admin: httpx.AsyncClient) -> None:
    await done(admin, **ALERT)
    answer = await admin.post(f"{ALERTS}/db/close?identifierType=alias", headers=GENIE)
    assert answer.status_code == 202
    assert (await incident(admin))["state"] == "review"


async def test_what_is_asked_about_an_alert_that_does_not_fire_is_accepted_and_its_request_says_so(
    admin: httpx.AsyncClient,
) -> None:
    for path in ("/db/close", "/db/acknowledge", "/17/notes", "/close/close"):
        for kind in ("alias", "id", "tiny"):
            found = await done(admin, f"{path}?identifierType={kind}", note="x")
            assert (found["isSuccess"], found["status"], found["alertId"]) == (False, "Alert does not exist", "")
    assert (await admin.get(INCIDENTS)).json()["items"] == []


async def test_an_alias_may_hold_whatever_an_address_can(light_house: House) -> None:
    async with light_house.client() as client:
        for alias in ("srv01/http", "a/close", "requests/x", "ä ?&#%", "."):
            created = await done(client, message="x", alias=alias)
            address = quote(alias, safe="") if alias != "." else "%2E"
            alert = await shown(client, f"/{address}?identifierType=alias") if alias != "requests/x" else {}
            assert alert.get("alias", alias) == alias
            closed = await done(client, f"/{address}/close?identifierType=alias")
            assert closed["alertId"] == created["alertId"], alias


async def test_an_alert_without_an_alias_gets_one(admin: httpx.AsyncClient) -> None:
    made = [await done(admin, message="DB down") for _ in range(2)]
    assert len({one["alias"] for one in made}) == len({one["alertId"] for one in made}) == 2
    await done(admin, f"/{made[1]['alertId']}/close")
    assert [(await incident(admin, ref))["state"] for ref in ("INC-1", "INC-2")] == ["detection", "review"]


async def test_what_became_of_a_request_is_known_after_a_merge_too(admin: httpx.AsyncClient) -> None:
    await admin.post(f"/webhooks/generic/{KEYS['generic']}", json={"title": "Checkout fails"})
    created = await ask(admin, **ALERT)
    assert (await command(admin, "INC-2", "merge", into="INC-1")).status_code == 200
    status = await ask(admin, f"/requests/{created.json()['requestId']}", "GET")
    assert (status.json()["data"]["isSuccess"], status.json()["data"]["alias"]) == (True, "db")
    assert (await done(admin, "/db/close?identifierType=alias"))["isSuccess"] is True


async def test_once_somebody_has_resolved_the_incident_the_alert_is_closed(admin: httpx.AsyncClient) -> None:
    created = await done(admin, **ALERT)
    assert (await command(admin, "INC-1", "resolve", validation="by hand", by="ops-lead")).status_code == 200
    assert (await shown(admin, f"/{created['alertId']}"))["status"] == "closed"


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"message": None}, "message", "Message can not be empty."),
    ({"priority": "P0"}, "priority", "Priority must be one of P1, P2, P3, P4, P5."),
    ({"alias": "a" * 513}, "alias", "Alias can not be longer than 512 characters."),
]


async def test_a_wrong_alert_is_refused_by_field_in_opsgenies_form(light_house: House) -> None:
    async with light_house.client(role=None) as caller:
        for fields, name, said in WRONG:
            answer = await ask(caller, **{**ALERT, **fields})
            assert (answer.status_code, answer.json()["errors"]) == (422, {name: said})
            assert answer.json()["message"] == "Request body is not processable. Please check the errors."
        answer = await ask(caller, "/db/notes?identifierType=alias", user="ann")
        assert (answer.status_code, answer.json()["errors"]) == (422, {"note": "Note can not be empty."})
        answer = await ask(caller, "/db?identifierType=name", "GET")
        assert (answer.status_code, list(answer.json()["errors"])) == (422, ["identifierType"])
        for body in (b"", b"alert", b"[]"):
            answer = await caller.post(ALERTS, content=body, headers=GENIE)
            assert (answer.status_code, "message" in answer.json()) == (400, True)
        large = await caller.post(ALERTS, json={**ALERT, "description": "x" * 2_000_000}, headers=GENIE)
        packed = await caller.post(ALERTS, json=ALERT, headers={**GENIE, "Content-Encoding": "gzip"})
        assert [one.status_code for one in (large, packed)] == [413, 415]
        assert len({one.json()["requestId"] for one in (large, packed)}) == 2


KEYLESS = [None, "", "GenieKey", "GenieKey 0123-4567", f"Bearer {KEYS['opsgenie']}", f"Basic {KEYS['opsgenie']}", "é"]


@pytest.mark.parametrize("header", KEYLESS)
async def test_without_the_key_nothing_is_told_or_done(light_house: House, header: str | None) -> None:
    headers = [] if header is None else [(b"Authorization", header.encode("latin-1"))]
    async with light_house.client(role=None) as caller:
        for method, path in (("POST", ""), ("POST", "/db/close"), ("GET", "/1"), ("GET", f"/requests/{uuid.uuid4()}")):
            answer = await caller.request(method, ALERTS + path, headers=headers, content=b"{}" * (method == "POST"))
            assert (answer.status_code, answer.json()["message"]) == (401, "Could not authenticate")
            assert KEYS["opsgenie"] not in answer.text


async def test_the_key_of_another_sources_integration_is_told_so(light_house: House) -> None:
    async with light_house.client(role=None) as caller:
        answer = await caller.post(ALERTS, json=ALERT, headers={"Authorization": f"GenieKey {KEYS['generic']}"})
    assert (answer.status_code, answer.json()["code"]) == (403, 40301)
    assert answer.json()["message"] == "To perform this action, use an API key from an API integration."


async def test_where_the_integration_has_a_token_only_the_webhook_address_is_open(light_house: House) -> None:
    key = KEYS["guarded-opsgenie"]
    async with light_house.client(role=None) as caller:
        for method, path in (("POST", ""), ("GET", "/1"), ("GET", f"/requests/{uuid.uuid4()}")):
            answer = await caller.request(method, ALERTS + path, headers={"Authorization": f"GenieKey {key}"})
            assert answer.status_code == 401
        proof = {"Authorization": f"Bearer {SIGNATURE_SECRET}"}
        answer = await caller.post(f"/webhooks/opsgenie/{key}", json=ALERT, headers=proof)
        assert answer.status_code == 202


async def test_another_sources_alerts_are_not_there(light_house: House) -> None:
    async with light_house.client() as client:
        await client.post(f"/webhooks/generic/{KEYS['generic']}", json={"title": "x", "fingerprint": "db"})
        for path in ("/1", "/1?identifierType=tiny", "/db?identifierType=alias", "/x", "/²", "/" + "9" * 30):
            answer = await ask(client, path, "GET")
            assert (answer.status_code, answer.json()["message"]) == (404, "Alert does not exist")
        found = await done(client, "/db/acknowledge?identifierType=alias")
        assert found["isSuccess"] is False
        assert (await incident(client))["acknowledged_at"] is None


async def test_an_unknown_request_is_not_found(light_house: House) -> None:
    async with light_house.client(role=None) as caller:
        for name in (str(uuid.uuid4()), "x", "INC-1"):
            answer = await ask(caller, f"/requests/{name}", "GET")
            assert answer.status_code == 404


async def test_what_can_not_be_taken_now_is_answered_429(light_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise Overloaded("the database can't be reached: TimeoutError", retry_after=7)

    async with light_house.client() as client:
        with monkeypatch.context() as patch:
            patch.setattr(Intake, "accept", fails)
            answer = await ask(client, **ALERT)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
        assert (await done(client, **ALERT))["isSuccess"] is True


async def test_opsgenie_passes_its_own_alerts_on_to_the_webhook_address(admin: httpx.AsyncClient) -> None:
    path = f"/webhooks/opsgenie/{KEYS['opsgenie']}"
    for action, extra in (("Create", {}), ("Acknowledge", {"username": "ops-senior@example.com"}), ("Close", {})):
        alert = {"alias": "db", "alertId": "70413a06", "message": "DB down", "priority": "P2", **extra}
        answer = await admin.post(path, content=json.dumps({"action": action, "alert": alert}))
        assert answer.status_code == 202, answer.text
    found = await incident(admin)
    assert (found["priority"], found["acknowledged_by"], found["state"]) == ("P1", "ops-senior", "assessment")
    assert [one["status"] for one in found["alerts"]] == ["resolved"]
