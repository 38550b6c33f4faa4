"""The shortcut of webhooks: nobody who sends can tell it from the framework's way."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from engine.api.app import Api
from engine.services.intake import Intake
from tests.api.conftest import KEYS, House

KEY = KEYS["alertmanager"]
RIGHT = f"/webhooks/alertmanager/{KEY}"
ALERT = {"status": "resolved", "labels": {"alertname": "HighErrorRate"}, "annotations": {}}
GROUP: dict[str, Any] = {"version": "4", "groupKey": "{}:{}", "alerts": [ALERT]}

BY_THE_SHORTCUT: list[tuple[str, dict[str, Any]]] = [
    (RIGHT, {"json": GROUP}),
    (f"{RIGHT}?token=ignored", {"json": GROUP}),
    (RIGHT, {"content": b"[" * 100_000}),
    (RIGHT, {"content": b"x" * 4096}),
    (RIGHT, {"content": b"{}", "headers": {"Content-Encoding": "gzip"}}),
    ("/webhooks/alertmanager/wrong", {"json": GROUP}),
    ("/webhooks/nobody/wrong", {"json": GROUP}),
    ("/webhooks/%20/%E2%82%AC", {"json": GROUP}),
]
BY_THE_FRAMEWORK = ["/webhooks", "/webhooks/", "/webhooks/alertmanager", "/webhooks//x", f"{RIGHT}/", f"{RIGHT}/x", "/"]


def clients(house: House) -> tuple[httpx.AsyncClient, httpx.AsyncClient]:
    """One that is answered by the shortcut, and one for which there is none."""
    short, framework = house.api(webhook_limit=2048), house.api(webhook_limit=2048)
    assert isinstance(framework, Api)
    framework.shortcut = None
    return house.client(role=None, api=short), house.client(role=None, api=framework)


def shown(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    return answer.status_code, dict(answer.headers), answer.content


@pytest.mark.parametrize(("address", "request_"), BY_THE_SHORTCUT)
async def test_the_shortcut_answers_and_logs_as_the_framework_does(
    light_house: House, address: str, request_: dict[str, Any]
) -> None:
    short, framework = clients(light_house)
    async with short, framework:
        with capture_logs() as told:
            first = await short.post(address, **request_)
        with capture_logs() as told_by_the_framework:
            second = await framework.post(address, **request_)
    assert shown(first) == shown(second)
    assert told == told_by_the_framework


async def test_what_breaks_on_the_shortcut_is_answered_with_a_number_that_the_log_knows(
    light_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_: object, **__: object) -> Any:
        raise ArithmeticError("nobody foresaw this")

    monkeypatch.setattr(Intake, "accept", breaks)
    short, _ = clients(light_house)
    async with short:
        with capture_logs() as events:
            answer = await short.post(RIGHT, json={**GROUP, "alerts": [{**ALERT, "status": "firing"}]})
    assert answer.status_code == 500
    assert answer.json()["instance"] == f"urn:uuid:{events[-1]['instance']}"
    assert "nobody foresaw" not in answer.text


@pytest.mark.parametrize("address", BY_THE_FRAMEWORK)
async def test_addresses_beside_that_of_a_webhook_are_left_to_the_framework(light_house: House, address: str) -> None:
    short, framework = clients(light_house)
    async with short, framework:
        assert shown(await short.post(address, json=GROUP)) == shown(await framework.post(address, json=GROUP))


async def test_other_methods_are_left_to_the_framework(light_house: House) -> None:
    short, _ = clients(light_house)
    async with short:
        assert (await short.get(RIGHT)).status_code == 405
        assert (await short.put(RIGHT, json=GROUP)).status_code == 405


@pytest.mark.parametrize("root_path", ["", "/tocsin"])
async def test_a_webhook_takes_the_shortcut_under_any_root_path(
    light_house: House, monkeypatch: pytest.MonkeyPatch, root_path: str
) -> None:
    async def too_long(self: Api, scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError(f"{scope['path']} went the long way")

    monkeypatch.setattr("fastapi.FastAPI.__call__", too_long)
    transport = httpx.ASGITransport(light_house.app.api, root_path=root_path)
    async with httpx.AsyncClient(transport=transport, base_url="http://tocsin.test") as client:
        answer = await client.post(f"{root_path}{RIGHT}", json=GROUP)
    assert answer.status_code == 202
