"""Every request of a known sender is kept for a while, without secrets, whatever it was answered."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection

from engine.core.errors import Overloaded
from engine.core.requests import RawRequest, kept_body
from engine.core.secrecy import MASK
from engine.db import requests
from engine.services import requests as service
from engine.services.intake import Intake
from tests.api.conftest import KEYS, SIGNATURE_SECRET, House

ALERTMANAGER = f"/webhooks/alertmanager/{KEYS['alertmanager']}"
SIGNED = f"/webhooks/generic/{KEYS['signed']}"


def group(name: str = "Down", **annotations: str) -> dict[str, Any]:
    one = {"status": "firing", "labels": {"alertname": name}, "annotations": annotations}
    return {"version": "4", "groupKey": "{}:{}", "alerts": [one]}


async def kept(house: House) -> list[RawRequest]:
    """All that is kept, with bodies, the oldest first."""
    await house.app.requests.drained()

    def work(connection: Connection) -> list[RawRequest | None]:
        return [requests.load(connection, one.id) for one in reversed(requests.listing(connection))]

    return [one for one in await house.app.context.database.read(work) if one is not None]


async def test_what_was_taken_and_what_was_refused_is_kept_with_its_answer(
    house: House, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps(group()).encode()
    assert (await admin.post(ALERTMANAGER, content=body)).status_code == 202
    assert (await admin.post(ALERTMANAGER, content=b'{"version": "4"}')).status_code == 422
    assert (await admin.post(SIGNED, content=b"{}", headers={"X-Signature": "wrong-proof"})).status_code == 401

    async def away(*_: object, **__: object) -> None:
        raise Overloaded("the database is away")

    monkeypatch.setattr(Intake, "accept", away)
    assert (await admin.post(ALERTMANAGER, content=body)).status_code == 503
    taken, unreadable, unsigned, later = await kept(house)
    assert (taken.integration, taken.source, taken.status, taken.problem) == ("alertmanager", "alertmanager", 202, None)
    assert taken.body == body
    assert taken.size == len(body)
    assert [(one["action"], one["incident"]) for one in taken.outcomes] == [("opened", "INC-1")]
    assert (unreadable.status, unreadable.body) == (422, b'{"version": "4"}')
    assert unreadable.problem is not None
    assert "missing required field `alerts`" in unreadable.problem
    assert (unsigned.integration, unsigned.status) == ("signed", 401)
    assert unsigned.headers["x-signature"] == MASK
    assert (later.status, later.outcomes) == (503, ())


async def test_who_has_no_key_leaves_nothing(house: House, admin: httpx.AsyncClient) -> None:
    assert (await admin.post("/webhooks/alertmanager/wrong", json=group())).status_code == 401
    assert await kept(house) == []


async def test_the_drop_in_senders_are_kept_with_what_they_were_answered(
    house: House, admin: httpx.AsyncClient
) -> None:
    event = {"routing_key": KEYS["pagerduty"], "event_action": "trigger", "payload": {}}
    assert (await admin.post("/v2/enqueue", json=event)).status_code == 400
    headers = {"Authorization": f"GenieKey {KEYS['opsgenie']}"}
    assert (await admin.post("/v2/alerts", json={"message": "Down"}, headers=headers)).status_code == 202
    refused, created = await kept(house)
    assert (refused.integration, refused.status) == ("pagerduty", 400)
    assert (created.integration, created.status, created.problem) == ("opsgenie", 202, None)
    assert json.loads(created.body)["message"] == "Down"
    assert KEYS["opsgenie"] not in str(created)
    assert KEYS["pagerduty"] not in str(refused)


SECRETS = {
    "password": "hunter2-hunter2",
    "url": "https://me:hunter3-hunter3@example.com/?token=hunter4-hunter4",
    "inner": json.dumps({"api_key": "hunter5-hunter5", "kept": "yes"}),
    "note": f"it says {SIGNATURE_SECRET}",
}


async def test_no_secret_is_kept_and_what_is_kept_can_still_be_read(house: House, admin: httpx.AsyncClient) -> None:
    headers = {
        "Authorization": "Bearer hunter6-hunter6",
        "Cookie": "a=hunter7-hunter7",
        "X-Hub-Signature-256": "hunter8",
    }
    await admin.post(ALERTMANAGER, json=group(key_of=KEYS["alertmanager"], **SECRETS), headers=headers)
    await admin.post(SIGNED, content=json.dumps(SECRETS), headers={"X-Signature": "hunter9"})
    first, second = await kept(house)
    for one in (first, second):
        assert "hunter" not in str(one)
        assert KEYS[one.integration] not in str(one)
    assert SIGNATURE_SECRET not in str(second)
    annotations = json.loads(first.body)["alerts"][0]["annotations"]
    assert annotations["password"] == MASK
    assert json.loads(annotations["inner"]) == {"api_key": MASK, "kept": "yes"}


@pytest.mark.parametrize(
    ("body", "cut", "expected"),
    [
        (b'{"a": [1, 2]}', False, b'{"a": [1, 2]}'),
        (
            b'{"to\\u006ben": "abc"}',
            False,
            b'{"to\\u006ben":"\\u2022\\u2022\\u2022"}'.replace(b"to\\u006ben", b"token"),
        ),
        (b"token=abc&a=1", False, f"token={MASK}&a=1".encode()),
        (b'{"a": 1, "token": "abcdef', True, b'{"a": 1, "token": '),
        (b"\x00t\x00o\x00k", False, b""),
    ],
)
def test_a_body_is_kept_to_the_byte_where_nothing_of_it_is_secret(*, body: bytes, cut: bool, expected: bytes) -> None:
    assert kept_body(body, cut=cut, secrets=()) == expected


async def test_a_long_body_is_cut_and_says_how_long_it_was(house: House, admin: httpx.AsyncClient) -> None:
    body = json.dumps(group(summary="x" * 300_000)).encode()
    assert (await admin.post(ALERTMANAGER, content=body)).status_code == 202
    [found] = await kept(house)
    assert found.cut
    assert found.size == len(body)
    assert len(found.body) <= 256 * 1024


async def test_a_full_queue_costs_copies_and_no_answer(
    house: House, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "WAITING", 1)
    for _ in range(3):
        assert (await admin.post(ALERTMANAGER, json=group())).status_code == 202
    assert len(await kept(house)) == 1
    assert "tocsin_raw_requests_lost_total 2.0" in (await admin.get("/metrics")).text


async def test_what_is_too_old_goes_and_of_the_rest_the_oldest(
    house: House, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "AT_ONCE", 2)
    for number in range(5):
        await admin.post(ALERTMANAGER, json=group(f"Old{number}"))
    await house.app.requests.drained()
    house.clock.advance(timedelta(days=4))
    await admin.post(ALERTMANAGER, json=group("Newer"))
    house.clock.advance(timedelta(days=3, seconds=1))
    await admin.post(ALERTMANAGER, json=group("Newest"))
    await house.app.requests.drained()
    await house.app.requests.tidy()
    assert ["Newer" in str(one.body) for one in await kept(house)] == [True, False]
    database = house.app.context.database
    rows, gone = await database.write(lambda connection: requests.drop_weight(connection, 1))
    assert rows == 1
    assert gone > requests.OVERHEAD
    assert ["Newest" in str(one.body) for one in await kept(house)] == [True]
