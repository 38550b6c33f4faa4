"""Commands over REST: each of the core's has its address, refusals say why, and texts are fit to be kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from engine.api.bodies import COMMANDS, body_of, name_of, read_command
from engine.core.commands import Hold, Resolve
from engine.core.model import Role
from tests.api.asking import INCIDENTS, command, kinds, refused, report
from tests.api.conftest import House

CONTRACT = (
    *("acknowledge", "advance", "resolve", "reopen", "close", "cancel", "merge", "reprioritize"),
    *("escalate", "hold", "assign", "note"),
)


def test_every_command_of_the_contract_is_there() -> None:
    assert set(CONTRACT) <= {name_of(one) for one in COMMANDS}


@pytest.mark.parametrize("one", COMMANDS, ids=name_of)
def test_a_command_is_sent_without_its_name(one: type[Any]) -> None:
    assert body_of(one).model_fields.keys() == one.model_fields.keys() - {"name"} | {"by", "generation"}


def test_a_body_becomes_the_command_it_describes() -> None:
    hold = body_of(Hold).model_validate({"for": "1h30m", "reason": "waiting for the provider"})
    assert read_command(Hold, hold) == Hold(span=timedelta(minutes=90), reason="waiting for the provider")
    resolve = body_of(Resolve).model_validate({"validation": "x", "restored_at": "2026-11-20T13:00:00+01:00"})
    assert read_command(Resolve, resolve).model_dump_json().count("2026-11-20T12:00:00Z") == 1


# What is asked in turn, with the code of the answer and the state afterwards.
STORY: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("acknowledge", {}, "done", "assessment"),
    ("acknowledge", {}, "already_acknowledged", "assessment"),
    ("reprioritize", {"priority": "P1", "reason": "one region only"}, "done", "assessment"),
    ("advance", {"impact": "No orders.", "priority_confirmed": True}, "done", "diagnosis"),
    ("hold", {"for": "30m", "reason": "the provider is on it"}, "done", "diagnosis"),
    ("escalate", {"seen_level": 1}, "done", "diagnosis"),
    ("assign", {"to": "ops-senior"}, "done", "diagnosis"),
    ("note", {"text": "The load balancer is fine."}, "done", "diagnosis"),
    ("document", {"cause": "A certificate.", "actions": [{"what": "Watch expiry dates."}]}, "done", "diagnosis"),
    ("advance", {}, "done", "resolution"),
    ("resolve", {"validation": "Orders go through again."}, "done", "review"),
    ("reopen", {"reason": "Orders fail again."}, "done", "diagnosis"),
    ("resolve", {"validation": "Orders go through."}, "done", "review"),
    ("close", {"lessons": "Renew earlier.", "override": True, "reason": "the owner is on leave"}, "done", "closed"),
)  # fmt: skip


async def test_an_incident_is_worked_from_alert_to_closure(admin: httpx.AsyncClient) -> None:
    await report(admin, priority="P0")
    for name, body, code, state in STORY:
        answer = await command(admin, "INC-1", name, **body)
        assert answer.status_code == 200, (name, answer.text)
        told = answer.json()
        assert (told["code"], told["incident"]["state"], told["incident"]["id"]) == (code, state, "INC-1"), name
        assert told["changed"] is (code == "done")
        assert told["sentence"]
    shown = (await admin.get(f"{INCIDENTS}/INC-1")).json()
    assert shown["actions"] == [
        {"what": "Watch expiry dates."} | dict.fromkeys(("owner", "due_on", "done_at", "done_by"))
    ]
    assert shown["commander"] == "ops-senior"


async def test_a_playbook_step_is_ticked_off(admin: httpx.AsyncClient) -> None:
    shown = await report(admin, priority="P0")
    step = shown["steps"][0]
    assert step["done_at"] is None
    await command(admin, "INC-1", "tick", step=step["id"], by="ops-lead")
    done = (await admin.get(f"{INCIDENTS}/INC-1")).json()["steps"][0]
    assert (done["done_by"], done["done_at"]) == ("ops-lead", "2026-11-20T12:00:00Z")


async def test_where_nothing_has_to_be_said_the_body_may_be_left_out(light_house: House) -> None:
    async with light_house.client() as client:
        await report(client)
        for content in (b"", b"{}", b"null"):
            answer = await client.post(f"{INCIDENTS}/INC-1/acknowledge", content=content)
            assert answer.status_code == 200, answer.text


async def test_a_command_that_the_state_refuses_is_a_conflict_and_changes_nothing(admin: httpx.AsyncClient) -> None:
    await report(admin)
    before = await kinds(admin, "INC-1")
    assert "INC-1" in refused(await command(admin, "INC-1", "advance"), 409, "not_acknowledged")
    refused(await command(admin, "INC-1", "reopen", reason="x"), 409, "wrong_state")
    refused(await command(admin, "INC-1", "merge", into="INC-1"), 409, "merge_into_itself")
    assert await kinds(admin, "INC-1") == before


async def test_a_stale_generation_is_refused(admin: httpx.AsyncClient) -> None:
    await report(admin)
    await command(admin, "INC-1", "resolve", validation="x")
    await command(admin, "INC-1", "reopen", reason="not over")
    refused(await command(admin, "INC-1", "acknowledge", generation=1), 409, "stale")
    assert (await command(admin, "INC-1", "acknowledge", generation=2)).status_code == 200


NAMED: tuple[tuple[str, str, dict[str, Any], str], ...] = (
    ("INC-7", "acknowledge", {}, "incident_unknown"),
    ("INC-7", "merge", {"into": "INC-1"}, "incident_unknown"),
    ("INC-1", "merge", {"into": "INC-99"}, "incident_unknown"),
    ("INC-1", "merge", {"into": "nonsense"}, "incident_unknown"),
    ("INC-1", "assign", {"to": "stranger"}, "contact_unknown"),
    ("INC-1", "acknowledge", {"by": "stranger"}, "contact_unknown"),
    ("INC-1", "escalate", {"level": 9}, "level_unknown"),
    ("INC-1", "tick", {"step": "no-such-step"}, "step_unknown"),
)


async def test_what_a_command_names_has_to_exist(light_house: House) -> None:
    async with light_house.client() as client:
        await report(client, priority="P0")
        for ref, name, body, code in NAMED:
            refused(await command(client, ref, name, **body), 404, code)


async def test_an_unknown_command_is_no_address(light_house: House) -> None:
    async with light_house.client() as client:
        await report(client)
        refused(await command(client, "INC-1", "explode"), 404, "no_such_address")


async def test_a_viewer_acts_on_nothing(light_house: House) -> None:
    async with light_house.client() as client:
        await report(client)
    async with light_house.client(Role.VIEWER) as client:
        refused(await command(client, "INC-1", "acknowledge"), 403, "role_too_low")
        refused(await command(client, "INC-1", "note", text="x", by="cto"), 403, "role_too_low")
    async with light_house.client(Role.RESPONDER) as client:
        assert (await command(client, "INC-1", "acknowledge")).status_code == 200


async def test_only_a_manager_overrides_a_guard(light_house: House) -> None:
    asked: dict[str, Any] = {"override": True, "reason": "nobody can tell"}
    async with light_house.client(Role.RESPONDER) as client:
        await report(client)
        await command(client, "INC-1", "acknowledge")
        refused(await command(client, "INC-1", "advance", **asked), 403, "override_needs_manager")
    async with light_house.client(Role.MANAGER) as client:
        assert (await command(client, "INC-1", "advance", **asked)).json()["incident"]["state"] == "diagnosis"


async def test_who_acts_for_another_is_on_record_with_both_names(admin: httpx.AsyncClient) -> None:
    await report(admin)
    answer = await command(admin, "INC-1", "acknowledge", by="ops-senior")
    assert answer.json()["incident"]["acknowledged_by"] == "ops-senior"
    lines = (await admin.get(f"{INCIDENTS}/INC-1/timeline")).json()["items"]
    actors = {line["actor"] for line in lines if line["kind"] == "incident.acknowledged"}
    assert actors == {"person:ops-senior via token:admin"}


INVALID: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("hold", {"for": "5", "reason": "x"}, "$.for"),
    ("hold", {"for": 300, "reason": "x"}, "$.for"),
    ("hold", {"for": "5m"}, "$.reason"),
    ("reopen", {"reason": " \t "}, "$.reason"),
    ("note", {"text": "x" * 10_001}, "$.text"),
    ("note", {"text": "x", "happened_at": "2026-11-20T12:00:00"}, "$.happened_at"),
    ("note", {"text": "x", "happened_at": "0001-01-01T00:00:00+14:00"}, "$.happened_at"),
    ("resolve", {"restored_at": "9999-12-31T23:59:59-14:00"}, "$.restored_at"),
    ("cancel", {"code": "boredom", "reason": "x"}, "$.code"),
    ("document", {"actions": [{"what": "x", "due_on": "2026-02-30"}]}, "$.actions[0].due_on"),
    ("acknowledge", {"name": "resolve"}, "$.name"),
    ("acknowledge", {"surprise": 1}, "$.surprise"),
    ("acknowledge", {"generation": "two"}, "$.generation"),
)


async def test_an_invalid_command_is_refused_with_the_place_of_the_fault(light_house: House) -> None:
    async with light_house.client() as client:
        await report(client)
        for name, body, path in INVALID:
            answer = await command(client, "INC-1", name, **body)
            refused(answer, 422, "invalid")
            assert path in {one["path"] for one in answer.json()["errors"]}, answer.text


async def test_what_no_database_and_no_terminal_should_get_is_replaced(admin: httpx.AsyncClient) -> None:
    await report(admin)
    body = b'{"text": "  before\\u0000\\u001b[2J\\ud800 after\\r\\nnext line  "}'
    answer = await admin.post(f"{INCIDENTS}/INC-1/note", content=body)
    assert answer.status_code == 200, answer.text
    lines = (await admin.get(f"{INCIDENTS}/INC-1/timeline")).json()["items"]
    assert lines[-1]["data"]["text"] == "before\ufffd\ufffd[2J\ufffd after\nnext line"
