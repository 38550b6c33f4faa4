"""A command sent twice under one Idempotency-Key is done once, whatever happens in between."""

from __future__ import annotations

import asyncio

import httpx

from engine.core.model import Role
from tests.api.asking import INCIDENTS, command, kinds, refused, report
from tests.api.conftest import House


async def notes(client: httpx.AsyncClient) -> int:
    return (await kinds(client, "INC-1")).count("note")


async def test_the_same_request_under_the_same_key_is_answered_as_before_and_done_once(
    admin: httpx.AsyncClient,
) -> None:
    await report(admin)
    first = await command(admin, "INC-1", "note", key="k1", text="x")
    await command(admin, "INC-1", "acknowledge")
    again = await command(admin, "inc-1", "note", key="k1", text="x")
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert await notes(admin) == 1


async def test_without_a_key_each_request_counts(admin: httpx.AsyncClient) -> None:
    await report(admin)
    for _ in range(2):
        await command(admin, "INC-1", "note", text="x")
    assert await notes(admin) == 2


async def test_of_requests_at_the_same_moment_one_acts_and_all_get_its_answer(admin: httpx.AsyncClient) -> None:
    await report(admin)
    answers = await asyncio.gather(*(command(admin, "INC-1", "note", key="k1", text="x") for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert await notes(admin) == 1


async def test_a_repeat_that_the_state_would_now_refuse_gets_the_first_answer(admin: httpx.AsyncClient) -> None:
    await report(admin)
    answers = await asyncio.gather(
        *(command(admin, "INC-1", "resolve", key="k1", validation="x") for _ in range(4)),
    )
    assert {(answer.status_code, answer.json()["sentence"]) for answer in answers} == {
        (200, answers[0].json()["sentence"])
    }


async def test_a_key_that_was_used_for_something_else_is_refused(admin: httpx.AsyncClient) -> None:
    await report(admin, "One")
    await report(admin, "Two")
    await command(admin, "INC-1", "note", key="k1", text="x")
    for ref, name, body in (
        ("INC-1", "note", {"text": "y"}),
        ("INC-2", "note", {"text": "x"}),
        ("INC-1", "acknowledge", {}),
    ):
        refused(await command(admin, ref, name, key="k1", **body), 422, "key_reused")
    assert await notes(admin) == 1


async def test_the_keys_of_two_callers_have_nothing_to_do_with_each_other(
    house: House, admin: httpx.AsyncClient
) -> None:
    await report(admin)
    await command(admin, "INC-1", "note", key="k1", text="x")
    async with house.client(Role.RESPONDER) as other:
        assert (await command(other, "INC-1", "note", key="k1", text="y")).status_code == 200
    assert await notes(admin) == 2


async def test_a_refusal_is_not_kept_for_it_changed_nothing(admin: httpx.AsyncClient) -> None:
    await report(admin)
    refused(
        await command(admin, "INC-1", "advance", key="k1", impact="x", priority_confirmed=True), 409, "not_acknowledged"
    )
    await command(admin, "INC-1", "acknowledge")
    answer = await command(admin, "INC-1", "advance", key="k1", impact="x", priority_confirmed=True)
    assert answer.json()["incident"]["state"] == "diagnosis"


async def test_a_key_that_is_none_is_refused(light_house: House) -> None:
    async with light_house.client() as client:
        await report(client)
        for key in ("", "two words", "ä", "x" * 201):
            headers = {b"Idempotency-Key": key.encode()}
            answer = await client.post(f"{INCIDENTS}/INC-1/note", json={"text": "x"}, headers=headers)
            assert "header.idempotency-key" in refused(answer, 422, "invalid")
