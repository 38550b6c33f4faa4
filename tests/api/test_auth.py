"""Nothing behind /api/ is reached, or read, without a token."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from engine.api.auth import Caller
from engine.core.errors import Overloaded
from engine.core.model import Role
from engine.services import access
from tests.api.asking import INCIDENTS, refused, report
from tests.api.conftest import ADMIN_TOKEN, KEYS, House

PRESENTED: dict[str, list[tuple[str, str]]] = {
    "nothing": [],
    "an empty header": [("Authorization", "")],
    "no token": [("Authorization", "Bearer ")],
    "an unknown token": [("Authorization", "Bearer tocsin_unknown")],
    "another scheme": [("Authorization", f"Basic {ADMIN_TOKEN}")],
    "a bare token": [("Authorization", ADMIN_TOKEN)],
    "a token in pieces": [("Authorization", f"Bearer {ADMIN_TOKEN} more")],
    "a webhook key": [("Authorization", f"Bearer {KEYS['generic']}")],
    "a token in another header": [("X-Token", ADMIN_TOKEN)],
}


async def test_every_address_of_the_api_asks_for_a_token(light_house: House) -> None:
    paths: dict[str, Any] = light_house.app.api.openapi()["paths"]
    asked = [(method, path) for path, methods in paths.items() for method in methods if path.startswith("/api/")]
    assert len(asked) > 15
    async with light_house.client(role=None) as stranger:
        for method, path in asked:
            answer = await stranger.request(method, path.replace("{id}", "INC-1"), content=b"not even JSON")
            refused(answer, 401, "unauthorized")
            assert answer.headers["www-authenticate"].startswith("Bearer")
        refused(await stranger.get("/api/v2/anything"), 401, "unauthorized")


async def test_what_is_no_token_opens_nothing_and_is_never_repeated(light_house: House) -> None:
    with capture_logs() as events:
        async with light_house.client(role=None) as stranger:
            for name, headers in PRESENTED.items():
                answer = await stranger.get(INCIDENTS, headers=headers)
                refused(answer, 401, "unauthorized")
                assert ADMIN_TOKEN not in answer.text, name
                assert "tocsin_unknown" not in answer.text, name
    assert {(event["event"], event["status"]) for event in events} == {("request.refused", 401)}
    assert len(events) == len(PRESENTED)
    assert ADMIN_TOKEN not in str(events)


async def test_the_scheme_is_read_in_any_case(light_house: House) -> None:
    async with light_house.client(role=None) as client:
        answer = await client.get(INCIDENTS, headers={"Authorization": f"bearer {ADMIN_TOKEN}"})
    assert answer.status_code == 200


async def test_a_revoked_token_opens_nothing(house: House) -> None:
    async with house.client(Role.VIEWER) as viewer:
        assert (await viewer.get(INCIDENTS)).status_code == 200
        await access.revoke_token(house.app.context, Role.VIEWER.value)
        refused(await viewer.get(INCIDENTS), 401, "unauthorized")


async def test_a_persons_token_acts_as_the_person(house: House) -> None:
    secret = await access.create_token(house.app.context, name="mine", role=Role.RESPONDER, contact="ops-lead")
    headers = {"Authorization": f"Bearer {secret.get_secret_value()}"}
    async with house.client() as admin, house.client(role=None) as person:
        await report(admin)
        answer = await person.post(f"{INCIDENTS}/INC-1/acknowledge", headers=headers)
        assert answer.json()["incident"]["commander"] == "ops-lead"


async def test_the_gate_stays_shut_while_the_database_can_not_say_who_it_is(
    light_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise Overloaded("the database can't be reached")

    monkeypatch.setattr(access, "who", away)
    async with light_house.client() as client:
        answer = await client.get(INCIDENTS)
    refused(answer, 503, "overloaded")
    assert answer.headers["retry-after"]


async def test_a_route_that_the_gate_does_not_stand_before_stays_closed(light_house: House) -> None:
    api: FastAPI = light_house.api()

    @api.get("/elsewhere")
    async def elsewhere(caller: Caller) -> str:
        return caller.name

    async with light_house.client(api=api) as client:
        refused(await client.get("/elsewhere"), 401, "unauthorized")


async def test_the_gate_stands_before_the_api_under_any_root_path(light_house: House) -> None:
    transport = httpx.ASGITransport(light_house.app.api, root_path="/tocsin")
    async with httpx.AsyncClient(transport=transport, base_url="http://tocsin.test") as client:
        refused(await client.get(f"/tocsin{INCIDENTS}"), 401, "unauthorized")
        answer = await client.get(f"/tocsin{INCIDENTS}", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
        assert answer.status_code == 200
