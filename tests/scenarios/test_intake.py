"""What may arrive at a webhook: bodies that can't be read, pairs of senders, repeats, and what comes after a merge."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from engine.api.parts import MEBIBYTE
from tests.scenarios.stage import ADMIN_TOKEN, BOT_TOKEN, KEY, SIGNING_SECRET, Stage, alert, body

GOOD = json.dumps(body([alert("CheckoutDown", priority="P0")])).encode()
WRONG_KEY = "0123456789abcdef-not-a-key"
WRONG_TOKEN = "tocsin_not-a-token"
MANY = 10_000
TRACES = ("Traceback", 'File "', ".py")
NOT_HEARD = ("httpx", "httpcore", "mail", "uvicorn.access")
"""Loggers of the senders and sandboxes, and the access log, which is off: pytest alone listens to it."""


@dataclass(frozen=True, kw_only=True)
class Bad:
    """A request of which nothing can be taken: what is answered, and a word that helps its sender."""

    content: bytes
    status: int
    helps: str
    address: str = f"/webhooks/alertmanager/{KEY}"


BAD = {
    "empty": Bad(content=b"", status=422, helps="JSON"),
    "malformed": Bad(content=GOOD.replace(b":", b"=", 1), status=422, helps="JSON"),
    "truncated": Bad(content=GOOD[: len(GOOD) // 2], status=422, helps="truncated"),
    "not UTF-8": Bad(content=GOOD.replace(b"CheckoutDown", b"Checkout\xff\xfe"), status=422, helps="UTF-8"),
    "deeply nested": Bad(content=b'{"alerts": ' + b"[" * 200_000, status=422, helps="nested"),
    "nested in an alert": Bad(content=GOOD.replace(b'"P0"', b"[" * 5_000 + b"]" * 5_000), status=422, helps="nested"),
    "no alerts": Bad(content=json.dumps({**body([alert("A")]), "alerts": []}).encode(), status=422, helps="$.alerts"),
    "something else": Bad(
        content=b'{"version": "1", "alerts": [{"labels": {"a": "b"}}]}', status=422, helps="$.version"
    ),
    "a list": Bad(content=b"[1, 2, 3]", status=422, helps="object"),
    "oversized": Bad(content=b" " * (16 * MEBIBYTE + 1), status=413, helps="larger than"),
    "wrong key": Bad(content=GOOD, status=401, helps="key", address=f"/webhooks/alertmanager/{WRONG_KEY}"),
    "another source's key": Bad(content=GOOD, status=401, helps="key", address=f"/webhooks/generic/{KEY}"),
    "no such source": Bad(content=GOOD, status=404, helps="alertmanager", address=f"/webhooks/carrier-pigeon/{KEY}"),
}


async def send(stage: Stage, content: bytes, address: str = f"/webhooks/alertmanager/{KEY}") -> httpx.Response:
    answer = await stage.http.post(address, content=content, headers={"Content-Type": "application/json"})
    await stage.settle()
    return answer


async def all_incidents(stage: Stage) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await stage.http.get("/api/v1/incidents")).json()["items"]
    return found


async def test_what_can_not_be_taken_is_refused_with_a_sentence_that_helps_and_opens_nothing_of_it(
    documented_stage: Stage,
) -> None:
    stage = documented_stage
    for name, bad in BAD.items():
        answer = await send(stage, bad.content, bad.address)
        assert answer.status_code == bad.status, (name, answer.text)
        assert answer.headers["content-type"] == "application/problem+json", name
        assert bad.helps in answer.json()["detail"], (name, answer.text)
        assert not any(trace in answer.text for trace in TRACES), (name, answer.text)
    await stage.app.requests.drained()
    await stage.settle()
    own = [one["title"] for one in await all_incidents(stage)]
    assert own == ["What the integration alertmanager sends can't be read"]  # three in a row: that is told of
    told = stage.pages()
    assert (await send(stage, GOOD)).status_code == 202
    assert stage.pages() == [*told, (0, "ops-lead")]


async def test_whatever_is_sent_no_secret_gets_into_a_log_line(
    documented_stage: Stage, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Not even before redaction, which a real process has on top."""
    stage = documented_stage
    caplog.set_level(logging.INFO)
    for bad in BAD.values():
        await send(stage, bad.content, bad.address)
    refused = await stage.http.get("/api/v1/incidents", headers={"Authorization": f"Bearer {WRONG_TOKEN}"})
    assert refused.status_code == 401
    await send(stage, GOOD)
    lines = [record.getMessage() for record in caplog.records if not record.name.startswith(NOT_HEARD)]
    said = capsys.readouterr().out + "\n".join(lines)
    assert "INC-1" in said
    for secret in (KEY, WRONG_KEY, ADMIN_TOKEN, WRONG_TOKEN, BOT_TOKEN, SIGNING_SECRET):
        assert secret not in said


async def test_nothing_is_lost_of_the_good_alerts_beside_bad_ones(documented_stage: Stage) -> None:
    stage = documented_stage
    bad: list[Any] = [{}, "an alert", {**alert("A"), "status": "smouldering"}, {**alert("B"), "labels": "none"}]
    good = [alert("CheckoutDown", instance=f"web-{number}", priority="P0") for number in (1, 2)]
    answer = await send(stage, json.dumps({**body(good), "alerts": [bad[0], good[0], *bad[1:], good[1]]}).encode())
    assert answer.status_code == 202
    assert [one["action"] for one in answer.json()["alerts"]] == ["opened", "joined"]
    assert [fault["path"].split(".")[1] for fault in answer.json()["faults"]] == [
        f"alerts[{place}]" for place in (0, 2, 3, 4)
    ]
    hosts = {one["labels"]["instance"] for one in (await stage.incident("INC-1"))["alerts"]}
    assert hosts == {"web-1", "web-2"}
    assert stage.pages() == [(0, "ops-lead")]


async def test_a_body_of_10000_alerts_is_one_incident_with_all_of_them_and_one_page(documented_stage: Stage) -> None:
    stage = documented_stage
    answer = await stage.post_alerts([alert("HostDown", priority="P0", instance=f"web-{n}") for n in range(MANY)])
    assert answer.status_code == 202
    assert Counter(one["action"] for one in answer.json()["alerts"]) == {"opened": 1, "joined": MANY - 1}
    assert (await stage.incident("INC-1"))["alert_count"] == MANY
    assert stage.pages() == [(0, "ops-lead")]


async def test_a_pair_of_alertmanagers_that_send_the_same_at_once_pages_once(documented_stage: Stage) -> None:
    stage = documented_stage
    answers = await asyncio.gather(*(stage.http.post(f"/webhooks/alertmanager/{KEY}", content=GOOD) for _ in range(2)))
    await stage.settle()
    assert sorted(answer.json()["alerts"][0]["action"] for answer in answers) == ["opened", "repeated"]
    [known] = (await stage.incident("INC-1"))["alerts"]
    assert known["count"] == 2
    assert stage.pages("email") == stage.pages("slack") == [(0, "ops-lead")]


async def test_a_repeat_after_closing_opens_an_incident_that_names_the_one_before(documented_stage: Stage) -> None:
    stage = documented_stage
    await stage.fire(priority="P0")
    await stage.command("INC-1", "resolve", validation="checked by hand", by="ops-lead")
    closed = await stage.command("INC-1", "close", cause="a full disk", lessons="watch the disks", by="ops-lead")
    assert closed.status_code == 200, closed.text
    outcome = await stage.fire(priority="P0")
    assert (outcome["action"], outcome["incident"]) == ("opened", "INC-2")
    assert (await stage.incident("INC-2"))["previous"] == "INC-1"
    assert stage.pages() == [(0, "ops-lead"), (0, "ops-lead")]


async def test_a_resolution_of_what_never_fired_opens_nothing_and_tells_nobody(documented_stage: Stage) -> None:
    stage = documented_stage
    outcome = await stage.fire(status="resolved", priority="P0")
    assert (outcome["action"], outcome["incident"]) == ("ignored", None)
    assert await all_incidents(stage) == []
    assert stage.received == []


async def test_after_a_merge_both_keys_lead_to_the_incident_that_goes_on(documented_stage: Stage) -> None:
    stage = documented_stage
    await stage.fire("CheckoutDown", priority="P0", instance="web-1")
    await stage.fire("DatabaseDown", priority="P0", instance="db-1")
    merged = await stage.command("INC-2", "merge", into="INC-1", by="ops-lead")
    assert merged.status_code == 200, merged.text
    again = await stage.fire("DatabaseDown", priority="P0", instance="db-2")
    assert (again["action"], again["incident"]) == ("joined", "INC-1")
    for name, instance in (("DatabaseDown", "db-1"), ("DatabaseDown", "db-2"), ("CheckoutDown", "web-1")):
        assert (await stage.incident("INC-1"))["state"] == "detection"
        cleared = await stage.fire(name, status="resolved", priority="P0", instance=instance)
        assert (cleared["action"], cleared["incident"]) == ("resolved", "INC-1")
    assert (await stage.incident("INC-1"))["state"] == "review"
    assert (await stage.incident("INC-2"))["merged_into"] == "INC-1"


async def test_a_reopening_is_refused_while_a_later_incident_has_the_problem(documented_stage: Stage) -> None:
    stage = documented_stage
    await stage.fire(priority="P0")
    await stage.command("INC-1", "resolve", validation="checked by hand", by="ops-lead")
    await stage.fire(priority="P0")
    answer = await stage.command("INC-1", "reopen", reason="it came back", by="ops-lead")
    assert (answer.status_code, answer.json()["code"]) == (409, "key_taken")
    assert "INC-2 is open for the same problem" in answer.json()["detail"]
    assert (await stage.incident("INC-1"))["state"] == "review"
