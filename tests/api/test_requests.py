"""Kept requests over REST: which have come, page by page, and one of them for those who may see what was in it."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest

from engine.bootstrap import registry
from engine.config.load import load
from engine.config.stored import to_document
from engine.core.errors import Overloaded
from engine.core.model import Role
from engine.services import configs
from engine.services.intake import Intake
from tests.api.asking import INCIDENTS, refused
from tests.api.conftest import KEYS, House, config_text

MUTED = {"inhibited", "silenced", "delayed"}
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


def mended(**settings: Any) -> str:
    """The configuration with other settings for the generic integration."""
    document = json.loads(config_text())
    document["integrations"]["generic"] |= settings
    return json.dumps(document)


async def apply(house: House, text: str) -> None:
    config = to_document(load(text, "tocsin.yaml", registry()))
    await configs.apply(house.app.context, document=config, digest=str(hash(text)), by="test")


async def replay(client: httpx.AsyncClient, number: int, into: str) -> httpx.Response:
    return await client.post(f"{REQUESTS}/{number}/replay", json={"into": into})


MISREAD = {"headline": "Checkout is down", "severity": "critical", "id": "7"}


async def test_a_request_that_was_refused_opens_its_incident_once_the_configuration_is_mended(
    house: House, admin: httpx.AsyncClient
) -> None:
    assert (await admin.post(GENERIC, json=MISREAD)).status_code == 422
    await house.app.requests.drained()
    assert "title" in refused(await replay(admin, 1, "engine"), 422, "unreadable")
    await apply(house, mended(fields={"title": "headline", "fingerprint": "id"}))
    tried = (await replay(admin, 1, "trial")).json()
    [one] = tried["tried"]
    assert (one["title"], one["way"]["priority"], one["way"]["service"]) == ("Checkout is down", "P1", "default")
    assert {page["contact"] for page in one["way"]["pages"]} == {"ops-lead"}
    assert tried["taken"] == []
    assert (await admin.get(INCIDENTS)).json()["items"] == []
    answer = await replay(admin, 1, "engine")
    assert answer.json()["sentence"] == "Request 1 of generic was taken once more: 1 opened."
    assert [(one["action"], one["incident"]) for one in answer.json()["taken"]] == [("opened", "INC-1")]
    timeline = (await admin.get(f"{INCIDENTS}/INC-1/timeline")).json()["items"]
    assert timeline[0]["actor"] == "source:generic via generic, replayed from request 1 by token:admin"
    over = await admin.post(GENERIC, json=MISREAD | {"status": "resolved"})
    assert [(one["action"], one["incident"]) for one in over.json()["alerts"]] == [("resolved", "INC-1")]


def firing(name: str, **labels: str) -> dict[str, Any]:
    return {"status": "firing", "labels": {"alertname": name, **labels}, "annotations": {}}


MUTING: dict[str, Any] = {
    "routes": [{"name": "later", "match": ['alertname="Slow"'], "group_by": ["page"], "delay": "10m"}],
    "maintenance": [{"name": "nightly", "match": ['job="backup"'], "ends_at": "2026-11-21T00:00:00Z", "reason": "x"}],
    "inhibitions": [
        {
            "name": "cluster",
            "source_matchers": ['alertname="ClusterDown"'],
            "target_matchers": ['alertname="NodeDown"'],
            "equal": ["cluster"],
        }
    ],
}
TOGETHER = {
    "version": "4",
    "groupKey": "{}:{}",
    "alerts": [
        firing("NodeDown", cluster="eu", node="1"),  # before what explains it
        firing("ClusterDown", cluster="eu"),
        firing("NodeDown", cluster="us", node="2"),
        firing("CheckoutDown", service="checkout"),
        firing("BackupFailed", job="backup"),
        firing("Slow", page="cart"),
        firing("ClusterDown", cluster="asia", service="checkout"),  # silenced, so it explains nothing
        firing("NodeDown", cluster="asia", node="3"),
        firing("Over", page="cart") | {"status": "resolved"},
    ],
}
EXPECTED: list[tuple[str, str] | None] = [
    ("inhibited", "inhibition/cluster"),
    None,
    None,
    ("silenced", "silence/SIL-1"),
    ("silenced", "maintenance/nightly"),
    ("delayed", "delay/later"),
    ("silenced", "silence/SIL-1"),
    None,
    None,
]


async def on_trial(admin: httpx.AsyncClient) -> tuple[list[tuple[str, str] | None], list[str]]:
    """What would mute each alert of the first request, and the reasons."""
    tried = (await replay(admin, 1, "trial")).json()["tried"]
    muted = [one["muted"] for one in tried]
    said = [one["reason"] for one in muted if one]
    return [(one["action"], one["rule"]) if one else None for one in muted], said


async def test_a_trial_says_what_would_mute_each_alert_and_the_engine_then_does_the_same(
    house: House, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise Overloaded("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(Intake, "accept", away)
        assert (await admin.post(ALERTMANAGER, json=TOGETHER)).status_code == 503
    await house.app.requests.drained()
    await apply(house, json.dumps({**json.loads(config_text()), **MUTING}))
    asked = {"matchers": ['service="checkout"'], "ends_at": "2026-11-20T14:00:00Z", "reason": "an upgrade"}
    await admin.post("/api/v1/silences", json=asked)
    found, said = await on_trial(admin)
    assert found == EXPECTED
    assert said[0] == "inhibition/cluster: an alert that explains it has come with it"
    assert "until 2026-11-20T14:00:00" in said[1]
    assert (await admin.get(INCIDENTS)).json()["items"] == []
    assert (await admin.get("/api/v1/silences/SIL-1")).json()["muted"] == 0
    taken = (await replay(admin, 1, "engine")).json()["taken"]
    assert [(one["action"], one["rule"]) if one["action"] in MUTED else None for one in taken] == EXPECTED
    house.clock.advance(timedelta(minutes=6))
    found, said = await on_trial(admin)
    assert found == EXPECTED
    assert re.fullmatch(r"inhibition/cluster: an alert that explains it fires in INC-\d+", said[0])
    assert "at 2026-11-20T12:10:00" in said[3]
    house.clock.advance(timedelta(minutes=4))
    assert (await on_trial(admin))[0][5] is None


async def test_what_is_not_all_there_or_has_no_integration_any_more_is_not_replayed(
    house: House, admin: httpx.AsyncClient
) -> None:
    await admin.post(GENERIC, json={"title": "Long", "summary": "x" * 300_000})
    await admin.post(ALERTMANAGER, json=FIRING)
    await house.app.requests.drained()
    sentence = refused(await replay(admin, 1, "trial"), 409, "request_cut")
    assert sentence.startswith("Request 1 can't be replayed: of its 3000")
    document = json.loads(config_text())
    del document["integrations"]["alertmanager"]
    await apply(house, json.dumps(document))
    sentence = refused(await replay(admin, 2, "engine"), 409, "integration_gone")
    assert sentence == "Request 2 can't be replayed: its integration alertmanager is not in the configuration any more."
    refused(await replay(admin, 9, "trial"), 404, "request_unknown")
    assert len((await admin.get(INCIDENTS)).json()["items"]) == 2


async def test_only_administrators_replay(house: House, admin: httpx.AsyncClient) -> None:
    await admin.post(GENERIC, json={"title": "Slow", "severity": "critical", "status": "resolved"})
    await house.app.requests.drained()
    for role in (Role.VIEWER, Role.RESPONDER, Role.MANAGER):
        async with house.client(role) as client:
            for into in ("trial", "engine"):
                refused(await replay(client, 1, into), 403, "role_too_low")
    [over] = (await replay(admin, 1, "trial")).json()["tried"]
    assert (over["status"], over["way"]) == ("resolved", None)


async def test_a_replay_is_no_sign_of_life(house: House, admin: httpx.AsyncClient) -> None:
    document = json.loads(config_text())
    always = {"source": "alertmanager", "match": ['alertname="Down"']}
    document["heartbeats"] = {"monitoring": {"every": "5m", "alert": always}}
    await apply(house, json.dumps(document))
    sent = await admin.post(ALERTMANAGER, json=FIRING)
    assert sent.json()["alerts"][0]["action"] == "heartbeat"
    await house.app.requests.drained()
    before = (await admin.get("/api/v1/heartbeats")).json()["items"]
    house.clock.advance(timedelta(minutes=3))
    [tried] = (await replay(admin, 1, "trial")).json()["tried"]
    assert (tried["way"], tried["said"]) == (None, "it only says that all is well")
    taken = (await replay(admin, 1, "engine")).json()
    assert (taken["taken"], taken["sentence"]) == (
        [],
        "Request 1 of alertmanager was taken once more: no alert to take.",
    )
    after = (await admin.get("/api/v1/heartbeats")).json()["items"]
    assert [one["due_at"] for one in after] == [one["due_at"] for one in before]
    assert (await admin.get(INCIDENTS)).json()["items"] == []
