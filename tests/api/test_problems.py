"""Every error is a problem document: a code for programs, a sentence for people, nothing that helps an attacker."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from structlog.testing import capture_logs

from engine.api.problems import LastResort, problem, refuse
from engine.core.errors import (
    Conflict,
    Forbidden,
    NotFound,
    Overloaded,
    Refusal,
    ReportError,
    SettingsError,
    TocsinError,
    Unauthorized,
    Unreachable,
    Unreadable,
)
from tests.api.asking import INCIDENTS, refused, report
from tests.api.conftest import KEYS, House

ERRORS: tuple[tuple[TocsinError, int, str], ...] = (
    (Refusal("last_phase", "INC-1 is in resolution."), 409, "last_phase"),
    (Conflict("changed_meanwhile", "Look again."), 409, "changed_meanwhile"),
    (NotFound("incident_unknown", "There is no INC-1."), 404, "incident_unknown"),
    (NotFound("no_configuration", "No configuration has been applied yet."), 503, "no_configuration"),
    (Forbidden("role_too_low", "Viewers may not."), 403, "role_too_low"),
    (Refusal("key_reused", "Take a new one."), 422, "key_reused"),
    (Unreadable("$.alerts", "empty"), 422, "unreadable"),
    (Unauthorized("the token is unknown"), 401, "unauthorized"),
    (Overloaded("the database is away", retry_after=9), 503, "overloaded"),
    (Unreachable("sns.eu-west-1.amazonaws.com answered 500"), 503, "unreachable"),
    (SettingsError("SECRET is not set"), 503, "misconfigured"),
    (ReportError("the PDF can't be set: no font"), 500, "failed"),
)


@pytest.mark.parametrize(("error", "status", "code"), ERRORS, ids=lambda one: one if isinstance(one, str) else "")
def test_each_error_of_the_product_has_its_status_and_code(error: TocsinError, status: int, code: str) -> None:
    answer = refuse(error)
    document = json.loads(bytes(answer.body))
    assert (answer.status_code, document["status"], document["code"]) == (status, status, code)
    assert document["detail"][0].isupper() or document["detail"].startswith("$")
    assert answer.media_type == "application/problem+json"


def test_half_a_character_in_a_sentence_can_be_sent() -> None:
    assert json.loads(bytes(problem(422, "invalid", "\ud800").body))["detail"] == "\ud800"


BODIES: dict[str, tuple[bytes, str, int, str]] = {
    "truncated": (b'{"title": "Check', "application/json", 400, "unreadable"),
    "not UTF-8": (b'{"title": "\xff"}', "application/json", 400, "unreadable"),
    "deeply nested": (b'{"title": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", "application/json", 400, "unreadable"),
    "nested less deeply": (b'{"title": ' + b"[" * 900 + b"]" * 900 + b"}", "application/json", 422, "invalid"),
    "a list": (b"[]", "application/json", 422, "invalid"),
    "empty": (b"", "application/json", 422, "invalid"),
    "half a character": (b'{"\\ud800": "\\ud800"}', "application/json", 422, "invalid"),
    "a form": (b"title=Checkout", "application/x-www-form-urlencoded", 415, "not_json"),
    "text": (b'{"title": "x"}', "text/plain", 415, "not_json"),
    "a huge number": (b'{"title": ' + b"9" * 5000 + b"}", "application/json", 400, "unreadable"),
}


async def test_a_body_that_can_not_be_read_is_refused_with_a_useful_sentence(light_house: House) -> None:
    async with light_house.client() as client:
        for name, (body, kind, status, code) in BODIES.items():
            answer = await client.post(INCIDENTS, content=body, headers={"Content-Type": kind})
            assert refused(answer, status, code), name
        assert (await client.get(INCIDENTS)).json()["items"] == []


async def test_json_is_taken_under_its_other_names_and_without_one(light_house: House) -> None:
    async with light_house.client() as client:
        for kind in ("application/json; charset=utf-8", "application/vnd.tocsin+json", ""):
            headers = {"Content-Type": kind} if kind else {}
            answer = await client.post(INCIDENTS, content=b'{"title": "x"}', headers=headers)
            assert answer.status_code in {200, 201}, kind


async def test_a_method_that_is_not_taken_says_which_are(light_house: House) -> None:
    async with light_house.client() as client:
        answer = await client.delete(INCIDENTS)
        refused(answer, 405, "method_not_allowed")
        assert answer.headers["allow"]
        refused(await client.get(f"/webhooks/generic/{KEYS['generic']}"), 405, "method_not_allowed")


async def test_nothing_at_an_address_is_a_problem_too(light_house: House) -> None:
    async with light_house.client() as client:
        for path in ("/nothing", f"{INCIDENTS}/", "/api/v1", "/webhooks/a/b/c"):
            assert "openapi.json" in refused(await client.get(path), 404, "no_such_address")


async def test_what_nobody_foresaw_is_a_500_whose_number_is_in_the_log(
    light_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr("engine.services.reading.incident", broken)
    with capture_logs() as events:
        async with light_house.client() as client:
            answer = await client.get(f"{INCIDENTS}/INC-1")
    sentence = refused(answer, 500, "broke")
    assert "hunter2" not in answer.text
    [event] = [one for one in events if one["event"] == "request.broke"]
    assert event["instance"] in sentence
    assert answer.json()["instance"] == f"urn:uuid:{event['instance']}"


async def test_a_sender_that_hangs_up_is_no_failure_of_ours() -> None:
    async def hung_up(*_: object) -> None:
        raise ClientDisconnect

    async def nothing(*_: object) -> Any:
        raise AssertionError("nobody is there to be answered")

    with capture_logs() as events:
        await LastResort(hung_up)({"type": "http", "method": "POST"}, nothing, nothing)
    assert [event["event"] for event in events] == ["request.abandoned"]


async def test_an_answer_that_breaks_half_way_is_not_answered_twice(light_house: House) -> None:
    api: FastAPI = light_house.api()

    async def half() -> Any:
        yield b"half"
        raise RuntimeError("broke half way")

    @api.get("/half")
    async def breaks() -> Response:
        return StreamingResponse(half())

    async with light_house.client(api=api) as client:
        with pytest.raises(RuntimeError, match="half way"):
            await client.get("/half")


async def test_refusals_are_logged_by_the_pattern_of_the_address(light_house: House) -> None:
    async with light_house.client() as client:
        await report(client)
        with capture_logs() as events:
            await client.post(f"{INCIDENTS}/INC-1/advance")
    [told] = [one for one in events if one["event"] == "request.refused"]
    assert told["route"] == f"{INCIDENTS}/{{id}}/advance"
    assert (told["status"], told["code"], told["client"]) == (409, "not_acknowledged", "203.0.113.7")
