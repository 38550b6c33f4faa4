"""Kept requests over REST: which have come, page by page, and one of them for those who may see what was in it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from engine.core.model import Role
from tests.api.asking import refused
from tests.api.conftest import KEYS, House

REQUESTS = "/api/v1/requests"
ALERTMANAGER = f"/webhooks/alertmanager/{KEYS['alertmanager']}"
GENERIC = f"/webhooks/generic/{KEYS['generic']}"
FIRING: dict[str, Any] = {
    "version": "4",
    "groupKey": "{}:{}",
    "alerts": [{"status": "firing", "labels": {"alertname": "Down"}, "annotations": {"token": "hunter2-hunter2"}}],
}


async def send_three(house: House, client: httpx.AsyncClient) -> None:
    """A readable one, an hour later one that is not, and one of another integration."""
    await client.post(ALERTMANAGER, json=FIRING, headers={"X-Sender": "prometheus"})
    house.clock.advance(timedelta(hours=1))
    await client.post(ALERTMANAGER, json={"version": "4"})
    await client.post(GENERIC, json={"title": "Slow"})
    await house.app.requests.drained()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [3, 2, 1]),
        ({"integration": "alertmanager"}, [2, 1]),
        ({"problems": "true"}, [2]),
        ({"since": "2026-11-20T14:00:00+01:00"}, [3, 2]),
        ({"since": "2026-11-20T13:00:01Z"}, []),
        ({"integration": "nobody"}, []),
    ],
)
async def test_the_list_shows_what_was_asked_for(
    house: House, admin: httpx.AsyncClient, asked: dict[str, str], expected: list[int]
) -> None:
    await send_three(house, admin)
    page = (await admin.get(REQUESTS, params=asked)).json()
    assert [one["number"] for one in page["items"]] == expected
    assert page["next"] is None


async def test_pages_follow_each_other_and_show_no_body(house: House, admin: httpx.AsyncClient) -> None:
    await send_three(house, admin)
    async with house.client(Role.VIEWER) as viewer:
        first = (await viewer.get(REQUESTS, params={"limit": 2})).json()
        second = (await viewer.get(REQUESTS, params={"limit": 2, "cursor": first["next"]})).json()
    assert [one["number"] for one in (*first["items"], *second["items"])] == [3, 2, 1]
    assert second["next"] is None
    assert second["items"][0] == {
        "number": 1,
        "integration": "alertmanager",
        "source": "alertmanager",
        "received_at": "2026-11-20T12:00:00Z",
        "status": 202,
        "problem": None,
        "alerts": 1,
        "size": len(httpx.Request("POST", "http://x", json=FIRING).content),
        "cut": False,
    }


async def test_one_is_shown_with_headers_body_and_outcomes(house: House, admin: httpx.AsyncClient) -> None:
    await send_three(house, admin)
    found = (await admin.get(f"{REQUESTS}/1")).json()
    assert found["headers"]["x-sender"] == "prometheus"
    assert [(one["action"], one["incident"]) for one in found["outcomes"]] == [("opened", "INC-1")]
    assert json.loads(found["body"])["alerts"][0]["labels"] == {"alertname": "Down"}
    assert "hunter2" not in str(found)
    unreadable = (await admin.get(f"{REQUESTS}/2")).json()
    assert (unreadable["status"], unreadable["body"], unreadable["outcomes"]) == (422, '{"version":"4"}', [])
    assert "missing required field `alerts`" in unreadable["problem"]


async def test_what_was_in_a_request_is_for_administrators(house: House, admin: httpx.AsyncClient) -> None:
    await send_three(house, admin)
    for role in (Role.VIEWER, Role.RESPONDER, Role.MANAGER):
        async with house.client(role) as client:
            assert "not what was in them" in refused(await client.get(f"{REQUESTS}/1"), 403, "role_too_low")
    assert "no request 99" in refused(await admin.get(f"{REQUESTS}/99"), 404, "request_unknown")
