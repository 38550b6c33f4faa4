"""Silences over REST: made, shown with what they mute, ended; refusals say why; a repeat is done once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx

from engine.core.model import Role
from tests.api.asking import INCIDENTS, refused, report
from tests.api.conftest import KEYS, NOW, House

SILENCES, WINDOWS = "/api/v1/silences", "/api/v1/maintenance"
ASKED: dict[str, Any] = {
    "matchers": ['service="checkout"'],
    "ends_at": "2026-11-20T14:00:00+01:00",
    "reason": "an upgrade",
}


async def make(client: httpx.AsyncClient, key: str = "", **changes: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await client.post(SILENCES, json=ASKED | changes, headers=headers)


async def send(client: httpx.AsyncClient, **labels: str) -> dict[str, Any]:
    """One alert by webhook."""
    sent = {"title": "Checkout is down", "service": "checkout", "labels": labels}
    answer = await client.post(f"/webhooks/generic/{KEYS['generic']}", json=sent)
    assert answer.status_code == 202, answer.text
    first: dict[str, Any] = answer.json()["alerts"][0]
    return first


async def test_a_silence_is_made_shown_and_ended(house: House, admin: httpx.AsyncClient) -> None:
    answer = await make(admin, by="ops-lead")
    assert (answer.status_code, answer.headers["location"]) == (201, f"{SILENCES}/SIL-1")
    made = answer.json()
    assert made == {
        "id": "SIL-1",
        "state": "active",
        "until": "2026-11-20T13:00:00Z",
        "next_at": None,
        "matchers": ['service="checkout"'],
        "recurrence": None,
        "reason": "an upgrade",
        "muted": 0,
        "last_muted_at": None,
        "starts_at": "2026-11-20T12:00:00Z",
        "ends_at": "2026-11-20T13:00:00Z",
        "author": "person:ops-lead via token:admin",
        "created_at": "2026-11-20T12:00:00Z",
        "expired_at": None,
        "expired_by": None,
    }
    outcome = await send(admin)
    assert (outcome["action"], outcome["incident"], outcome["rule"]) == ("silenced", None, "silence/SIL-1")
    assert "by person:ops-lead via token:admin until 2026-11-20T13:00:00" in outcome["reason"]
    shown = (await admin.get(f"{SILENCES}/sil-1")).json()
    assert (shown["muted"], shown["alerts"][0]["title"], shown["alerts"][0]["source"]) == (
        *(1, "Checkout is down"),
        "generic",
    )
    house.clock.advance(timedelta(minutes=1))
    ended = (await admin.post(f"{SILENCES}/SIL-1/expire")).json()
    assert (ended["changed"], ended["code"], ended["silence"]["state"], ended["silence"]["muted"]) == (
        *(True, "done"),
        *("expired", 1),
    )
    again = (await admin.post(f"{SILENCES}/SIL-1/expire", json={"by": "cto"})).json()
    assert (again["changed"], again["code"], again["silence"]["expired_by"]) == (
        False,
        "already_over",
        "token:admin via api",
    )
    assert (await send(admin))["action"] == "opened"


async def test_the_list_is_paged_and_can_be_of_those_that_are_not_over(house: House, admin: httpx.AsyncClient) -> None:
    for number in range(3):
        await make(admin, matchers=[f'host="web-{number}"'])
    await admin.post(f"{SILENCES}/SIL-2/expire")
    first = (await admin.get(SILENCES, params={"limit": 2})).json()
    second = (await admin.get(SILENCES, params={"limit": 2, "cursor": first["next"]})).json()
    assert [one["id"] for one in (*first["items"], *second["items"])] == ["SIL-3", "SIL-2", "SIL-1"]
    assert second["next"] is None
    live = (await admin.get(SILENCES, params={"live": True})).json()["items"]
    assert [(one["id"], one["state"]) for one in live] == [("SIL-3", "active"), ("SIL-1", "active")]
    house.clock.set(NOW + timedelta(hours=1))
    assert (await admin.get(SILENCES, params={"live": True})).json()["items"] == []


async def test_a_silence_with_turns_says_when_it_mutes_next(admin: httpx.AsyncClient) -> None:
    weekly = {"days": ["sat", "sun"], "from": "22:00", "to": "06:00", "zone": "Europe/Berlin"}
    made = (await make(admin, ends_at="2027-01-01T00:00:00Z", recurrence=weekly)).json()
    assert (made["state"], made["until"], made["next_at"]) == ("pending", None, "2026-11-21T21:00:00Z")
    assert made["recurrence"] == weekly
    assert (await send(admin))["action"] == "opened"


async def test_the_same_request_under_the_same_key_makes_and_ends_one_silence(admin: httpx.AsyncClient) -> None:
    first, again = await make(admin, key="k1"), await make(admin, key="k1")
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    assert len((await admin.get(SILENCES)).json()["items"]) == 1
    refused(await make(admin, key="k1", reason="another"), 422, "key_reused")
    headers = {"Idempotency-Key": "k2"}
    ended = [await admin.post(f"{SILENCES}/SIL-1/expire", headers=headers) for _ in range(2)]
    assert [answer.json()["changed"] for answer in ended] == [True, True]
    assert ended[1].headers["idempotent-replayed"] == "true"


INVALID: tuple[tuple[dict[str, Any], str], ...] = (
    ({"matchers": []}, "$.matchers"),
    ({"matchers": ["service"]}, "$.matchers[0]"),
    ({"matchers": ['service=~"("']}, "$.matchers[0]"),
    ({"matchers": ['service!="x"']}, "$.matchers"),
    ({"ends_at": "tomorrow"}, "$.ends_at"),
    ({"ends_at": "2026-11-20T14:00:00"}, "$.ends_at"),
    ({"ends_at": "9999-12-31T23:59:59-14:00"}, "$.ends_at"),
    ({"recurrence": {"days": ["sat"], "from": "22:00"}}, "$.recurrence.to"),
    ({"reason": " "}, "$.reason"),
    ({"surprise": 1}, "$.surprise"),
)


async def test_what_is_no_silence_is_refused_with_the_place_of_the_fault(light_house: House) -> None:
    async with light_house.client() as client:
        for changes, path in INVALID:
            answer = await make(client, **changes)
            refused(answer, 422, "invalid")
            assert path in {one["path"] for one in answer.json()["errors"]}, answer.text
        refused(await make(client, ends_at="2026-11-20T12:00:00Z"), 422, "silence_over")
        refused(await make(client, matchers=['job=~"(a+)+"']), 422, "matcher_refused")
        refused(await make(client, by="stranger"), 404, "contact_unknown")
        for ref in ("SIL-1", "INC-1"):
            refused(await client.get(f"{SILENCES}/{ref}"), 404, "silence_unknown")
            refused(await client.post(f"{SILENCES}/{ref}/expire"), 404, "silence_unknown")
        assert (await client.get(SILENCES)).json() == {"items": [], "next": None}


async def test_a_viewer_sees_silences_and_makes_and_ends_none(light_house: House) -> None:
    async with light_house.client(Role.RESPONDER) as client:
        assert (await make(client)).status_code == 201
    async with light_house.client(Role.VIEWER) as client:
        refused(await make(client), 403, "role_too_low")
        refused(await client.post(f"{SILENCES}/SIL-1/expire"), 403, "role_too_low")
        assert (await client.get(f"{SILENCES}/SIL-1")).json()["state"] == "active"


async def test_a_report_is_no_noise_and_every_outcome_names_its_rule(light_house: House) -> None:
    async with light_house.client() as client:
        await make(client, matchers=['service=~".+"', 'job!="db"'])
        assert (await report(client, priority="P0", service="checkout"))["id"] == "INC-1"
        assert (await send(client, job="db"))["rule"].startswith("classification/")
        assert len((await client.get(INCIDENTS)).json()["items"]) == 2


async def test_where_no_window_is_declared_the_list_is_empty(light_house: House) -> None:
    async with light_house.client() as client:
        assert (await client.get(WINDOWS)).json() == {"items": []}
        refused(await client.get(f"{WINDOWS}/backup"), 404, "window_unknown")
