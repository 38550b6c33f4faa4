"""Sealed incidents over REST: refused in words, veiled in lists, and told by no detour."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from engine.core.model import Role
from tests.api.asking import INCIDENTS, refused
from tests.api.conftest import KEYS, House
from tests.api.mailing import apply

SECRET = "Mallory took the customer list"


async def sealed(admin: httpx.AsyncClient) -> str:
    opened = await admin.post(INCIDENTS, json={"title": SECRET, "service": "checkout", "priority": "P1"})
    ref: str = opened.json()["id"]
    answer = await admin.post(f"{INCIDENTS}/{ref}/seal", json={"reason": "it names a customer", "by": "ops-lead"})
    assert answer.status_code == 200, answer.text
    return ref


@pytest.mark.parametrize("address", ["", "/timeline", "/report", "/report?format=html"])
async def test_it_can_be_read_by_those_who_are_in_and_by_nobody_else(
    house: House, admin: httpx.AsyncClient, address: str
) -> None:
    ref = await sealed(admin)
    assert (await admin.get(f"{INCIDENTS}/{ref}{address}")).status_code == 200
    async with house.client(Role.MANAGER) as manager:
        answer = await manager.get(f"{INCIDENTS}/{ref}{address}")
    refused(answer, 403, "sealed")
    assert "Operations lead (example) can invite you." in answer.text
    assert SECRET not in answer.text


async def test_nobody_acts_on_it_from_outside_not_even_in_the_name_of_another_outsider(
    house: House, admin: httpx.AsyncClient
) -> None:
    ref = await sealed(admin)
    async with house.client(Role.MANAGER) as manager:
        for body in ({}, {"by": "cto"}):
            answer = await manager.post(f"{INCIDENTS}/{ref}/acknowledge", json=body)
            refused(answer, 403, "sealed")
    kinds = [line["kind"] for line in (await admin.get(f"{INCIDENTS}/{ref}/timeline")).json()["items"]]
    assert "incident.acknowledged" not in kinds


async def test_a_token_does_not_become_an_insider_by_naming_one(house: House, admin: httpx.AsyncClient) -> None:
    ref = await sealed(admin)
    async with house.client(Role.MANAGER) as manager:
        answer = await manager.post(f"{INCIDENTS}/{ref}/note", json={"text": "x", "by": "ops-lead"})
    refused(answer, 403, "sealed")
    assert (await admin.post(f"{INCIDENTS}/{ref}/note", json={"text": "x", "by": "ops-lead"})).status_code == 200


async def test_a_list_tells_only_that_there_is_one(house: House, admin: httpx.AsyncClient) -> None:
    ref = await sealed(admin)
    async with house.client(Role.VIEWER) as viewer:
        [one] = (await viewer.get(INCIDENTS)).json()["items"]
        of_service = (await viewer.get(INCIDENTS, params={"service": "checkout"})).json()["items"]
    assert (one["id"], one["title"], one["priority"], one["service"]) == (ref, "Sealed incident", "P1", "")
    assert SECRET not in str(one)
    assert of_service == []
    [known] = (await admin.get(INCIDENTS, params={"service": "checkout"})).json()["items"]
    assert known["title"] == SECRET


async def test_the_report_of_another_does_not_tell_it(house: House, admin: httpx.AsyncClient) -> None:
    ref = await sealed(admin)
    await admin.post(f"{INCIDENTS}/{ref}/resolve", json={"validation": "locked out"})
    again: dict[str, Any] = (
        await admin.post(INCIDENTS, json={"title": SECRET, "service": "checkout", "priority": "P1"})
    ).json()
    assert again["previous"] == ref
    await admin.post(f"{INCIDENTS}/{again['id']}/cancel", json={"code": "test", "reason": "x"})
    told = (await admin.get(f"{INCIDENTS}/{again['id']}/report", params={"format": "json"})).json()
    assert [one["title"] for one in told["header"]["related"]] == ["Sealed incident"]


async def test_who_reports_what_is_sealed_at_once_gets_it_back_once(
    house: House, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = await sealed(admin)
    async with house.client(Role.RESPONDER) as responder:
        joined = await responder.post(INCIDENTS, json={"title": SECRET, "service": "checkout"})
    refused(joined, 403, "sealed")
    assert ref in joined.text


async def sent(client: httpx.AsyncClient, title: str, service: str = "checkout", **labels: str) -> dict[str, Any]:
    body = {"title": title, "service": service, "labels": labels}
    answer = await client.post(f"/webhooks/generic/{KEYS['generic']}", json=body)
    first: dict[str, Any] = answer.json()["alerts"][0]
    return first


def told_of(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one["title"], one["service"], one["source"]) for one in found["alerts"]]


async def test_what_a_silence_or_a_window_has_muted_of_it_is_told_to_those_alone_who_are_in(
    house: House, admin: httpx.AsyncClient
) -> None:
    window = {"name": "work", "match": ['service="billing"'], "ends_at": "2026-11-21T00:00:00Z", "reason": "work"}
    assert (await sent(admin, SECRET))["action"] == "opened"
    assert (await sent(admin, SECRET, "billing", host="b"))["action"] == "opened"
    for ref in ("INC-1", "INC-2"):
        await admin.post(f"{INCIDENTS}/{ref}/seal", json={"reason": "it names a customer", "by": "ops-lead"})
    await apply(house, maintenance=[window])
    asked = {"matchers": ['service="checkout"'], "ends_at": "2026-11-20T14:00:00Z", "reason": "an upgrade"}
    await admin.post("/api/v1/silences", json=asked)
    assert (await sent(admin, SECRET))["action"] == "silenced"
    assert (await sent(admin, "Disk is full"))["action"] == "silenced"
    assert (await sent(admin, SECRET, "billing", host="b"))["action"] == "silenced"
    silence, maintenance = "/api/v1/silences/SIL-1", "/api/v1/maintenance/work"
    open_to_all, known = ("Disk is full", "checkout", "generic"), (SECRET, "checkout", "generic")
    assert set(told_of((await admin.get(silence)).json())) == {open_to_all, known}
    assert told_of((await admin.get(maintenance)).json()) == [(SECRET, "billing", "generic")]
    async with house.client(Role.MANAGER) as manager:
        shown, during = await manager.get(silence), await manager.get(maintenance)
    assert set(told_of(shown.json())) == {open_to_all, ("Sealed incident", "", "")}
    assert told_of(during.json()) == [("Sealed incident", "", "")]
    assert shown.json()["muted"] == 2
    for answer in (shown, during):
        assert SECRET not in answer.text
        assert "host" not in answer.text


async def test_what_it_would_have_muted_elsewhere_is_told_to_those_alone_who_are_in(
    house: House, admin: httpx.AsyncClient
) -> None:
    rule = {"name": "down", "source_matchers": ['host="a"'], "target_matchers": ['host="b"']}
    assert (await sent(admin, SECRET, host="b"))["incident"] == "INC-1"
    await admin.post(f"{INCIDENTS}/INC-1/seal", json={"reason": "it names a customer", "by": "ops-lead"})
    await apply(house, inhibitions=[rule])
    assert (await sent(admin, "The cluster is down", "shop", host="a"))["incident"] == "INC-2"
    assert (await sent(admin, SECRET, host="b"))["action"] == "inhibited"
    [muted] = (await admin.get(f"{INCIDENTS}/INC-2")).json()["muted"]
    assert told_of(muted) == [(SECRET, "checkout", "generic")]
    async with house.client(Role.MANAGER) as manager:
        [muted] = (await manager.get(f"{INCIDENTS}/INC-2")).json()["muted"]
    assert told_of(muted) == [("Sealed incident", "", "")]
