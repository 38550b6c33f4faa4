"""A sender whose requests can't be read, time and again, is an incident of our own until one can be read."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection

from engine.bootstrap import application, registry
from engine.config.load import load
from engine.config.stored import to_document
from engine.core.errors import Overloaded
from engine.services import configs, readability
from tests.api.asking import INCIDENTS
from tests.api.conftest import KEYS, House, config_text

GENERIC = f"/webhooks/generic/{KEYS['generic']}"
SIGNED = f"/webhooks/generic/{KEYS['signed']}"
NONSENSE = {"headline": "Checkout is down"}
GOOD = {"title": "Checkout is fine", "status": "resolved"}


async def send(house: House, client: httpx.AsyncClient, *bodies: dict[str, Any], to: str = GENERIC) -> None:
    for body in bodies:
        await client.post(to, json=body)
    await house.app.requests.drained()


async def ours(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """Incidents of Tocsin's own, the newest first."""
    found: list[dict[str, Any]] = (await client.get(INCIDENTS, params={"service": "tocsin"})).json()["items"]
    return found


async def test_three_in_a_row_are_an_incident_that_the_next_readable_one_ends(
    house: House, admin: httpx.AsyncClient
) -> None:
    await send(house, admin, NONSENSE, NONSENSE)
    assert await ours(admin) == []
    await send(house, admin, NONSENSE)
    [told] = await ours(admin)
    assert told["title"] == "What the integration generic sends can't be read"
    summary = (await admin.get(f"{INCIDENTS}/{told['id']}")).json()["summary"]
    assert summary.startswith("3 requests in a row could not be read")
    assert "$.title" in summary
    assert summary.endswith("tocsin request list --integration generic --problems")
    await send(house, admin, NONSENSE, NONSENSE)
    assert len(await ours(admin)) == 1
    await send(house, admin, GOOD)
    assert (await ours(admin))[0]["resolved_at"] is not None
    await send(house, admin, NONSENSE, NONSENSE, NONSENSE)
    assert [one["resolved_at"] is None for one in await ours(admin)] == [True, False]


@pytest.mark.parametrize(
    "bodies",
    [
        (NONSENSE, NONSENSE, GOOD, NONSENSE, NONSENSE),
        (NONSENSE, NONSENSE, NONSENSE, GOOD),
    ],
)
async def test_what_is_no_row_or_over_at_once_is_none(
    house: House, admin: httpx.AsyncClient, bodies: tuple[dict[str, Any], ...]
) -> None:
    await send(house, admin, *bodies)
    assert await ours(admin) == []


async def test_what_is_not_signed_says_nothing_of_its_body(house: House, admin: httpx.AsyncClient) -> None:
    await send(house, admin, NONSENSE, NONSENSE, NONSENSE, NONSENSE, to=SIGNED)
    assert await ours(admin) == []


async def test_a_pagerduty_sender_is_told_of_too_and_its_key_is_not(house: House, admin: httpx.AsyncClient) -> None:
    event = {"routing_key": KEYS["pagerduty"], "event_action": KEYS["pagerduty"], "payload": {}}
    await send(house, admin, event, event, event, to="/v2/enqueue")
    [told] = await ours(admin)
    shown = (await admin.get(f"{INCIDENTS}/{told['id']}")).text
    assert "request list --integration pagerduty" in shown
    assert KEYS["pagerduty"] not in shown


async def test_of_two_engines_one_tells_and_either_ends_it(house: House, admin: httpx.AsyncClient) -> None:
    async with application(house.app.settings, clock=house.clock) as other:
        transport = httpx.ASGITransport(other.api)
        async with httpx.AsyncClient(transport=transport, base_url="http://other.test") as client:
            await send(house, admin, NONSENSE, NONSENSE, NONSENSE)
            for _ in range(3):
                await client.post(GENERIC, json=NONSENSE)
            await other.requests.drained()
            assert len(await ours(admin)) == 1
            await client.post(GENERIC, json=GOOD)
            await other.requests.drained()
    [over] = await ours(admin)
    assert over["resolved_at"] is not None


async def test_a_database_that_is_away_for_the_look_ends_no_writing(
    house: House, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: Connection, __: object) -> None:
        raise Overloaded("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(readability, "find", away)
        await send(house, admin, NONSENSE, NONSENSE, NONSENSE)
    assert await ours(admin) == []
    await send(house, admin, NONSENSE)
    assert len(await ours(admin)) == 1
    assert len((await admin.get("/api/v1/requests")).json()["items"]) == 4


async def test_an_integration_that_falls_silent_is_an_incident_of_its_service_until_it_sends_again(
    house: House, admin: httpx.AsyncClient
) -> None:
    text = json.loads(config_text())
    text["integrations"]["generic"] |= {"expect_every": "1d", "service": "default"}
    config = to_document(load(json.dumps(text), "tocsin.yaml", registry()))
    await configs.apply(house.app.context, document=config, digest="expecting", by="test")
    await house.app.ticker.tick()
    house.clock.advance(timedelta(hours=23))
    await send(house, admin, GOOD)
    for hours in (23, 1):  # what can't be read is no sign of life
        house.clock.advance(timedelta(hours=hours))
        await house.app.ticker.tick()
        await send(house, admin, NONSENSE)
    assert (await admin.get(INCIDENTS)).json()["items"] == []
    house.clock.advance(timedelta(minutes=2))
    await house.app.ticker.tick()
    [silent] = (await admin.get(INCIDENTS)).json()["items"]
    assert silent["title"] == "Requests of the integration generic: no heartbeat"
    assert silent["service"] == "default"
    [shown] = (await admin.get("/api/v1/heartbeats")).json()["items"]
    assert (shown["name"], shown["incident"]) == ("integration/generic", silent["id"])
    await send(house, admin, GOOD)
    [over] = (await admin.get(INCIDENTS)).json()["items"]
    assert over["resolved_at"] is not None
