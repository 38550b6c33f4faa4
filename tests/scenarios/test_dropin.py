"""A night in which everything comes from senders that believe they talk to PagerDuty and Opsgenie."""

from __future__ import annotations

from typing import Any

import httpx

from tests.scenarios.conftest import OpenStage
from tests.scenarios.stage import Document, Stage

PAGERDUTY_KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
GENIE_KEY = "5b1d9f8e-7c3a-4e62-9b0d-1f2e3d4c5b6a"
WRONG_KEYS = ("ffffffffffffffffffffffffffffffff", "00000000-7c3a-4e62-9b0d-1f2e3d4c5b6a")


def dropins(document: Document) -> None:
    document["integrations"]["pagerduty"] = {"source": "pagerduty", "key": PAGERDUTY_KEY}
    document["integrations"]["opsgenie"] = {"source": "opsgenie", "key": GENIE_KEY}


def ending_by_themselves(document: Document) -> None:
    dropins(document)
    document["policies"]["standard"]["resolve_on_clear"] = "always"


async def enqueue(stage: Stage, action: str, key: str = PAGERDUTY_KEY) -> httpx.Response:
    payload = {"summary": "Disk full on db-1", "source": "db-1", "severity": "error"}
    event = {"routing_key": key, "event_action": action, "dedup_key": "db-1/disk", "payload": payload}
    answer = await stage.http.post("/v2/enqueue", json=event)
    await stage.settle()
    return answer


async def genie(stage: Stage, path: str = "", key: str = GENIE_KEY, **fields: Any) -> httpx.Response:
    headers = {"Authorization": f"GenieKey {key}"}
    answer = await stage.http.post(f"/v2/alerts{path}", json=fields, headers=headers)
    await stage.settle()
    return answer


async def test_an_acknowledgement_by_a_sender_stops_level_1_for_as_long_as_a_lease(open_stage: OpenStage) -> None:
    async with open_stage(edit=dropins) as stage:
        assert (await enqueue(stage, "trigger")).status_code == 202
        await stage.advance(minutes=1)
        assert (await enqueue(stage, "acknowledge")).status_code == 202
        await stage.to(minute=30)
        assert stage.pages() == [(0, "ops-lead")]
        await stage.to(minute=37)
        assert stage.pages() == [(0, "ops-lead"), (36, "ops-lead")]
        asked = [line for line in await stage.timeline("INC-1") if line["kind"] == "lease.asked"]
        assert [line["data"]["owner"] for line in asked] == ["pagerduty"]


async def test_after_a_person_has_taken_it_the_senders_end_asks_that_person(open_stage: OpenStage) -> None:
    async with open_stage(edit=dropins) as stage:
        await enqueue(stage, "trigger")
        await enqueue(stage, "acknowledge")
        await stage.command("INC-1", "acknowledge", by="ops-senior")
        await enqueue(stage, "resolve")
        assert (await stage.incident("INC-1"))["state"] == "assessment"
        assert stage.pages() == [(0, "ops-lead"), (0, "ops-senior")]
        assert "Is it resolved?" in stage.mail.messages()[-1].text


async def test_where_the_policy_says_always_the_senders_end_is_the_end_as_it_was_before(open_stage: OpenStage) -> None:
    async with open_stage(edit=ending_by_themselves) as stage:
        await enqueue(stage, "trigger")
        await stage.command("INC-1", "acknowledge", by="ops-lead")
        await enqueue(stage, "resolve")
        assert (await stage.incident("INC-1"))["state"] == "review"
        await stage.advance(minutes=300)
        assert stage.pages() == [(0, "ops-lead")]


async def test_opsgenies_highest_priority_walks_the_whole_ladder_until_it_is_closed(open_stage: OpenStage) -> None:
    async with open_stage(edit=dropins) as stage:
        await genie(stage, message="Checkout fails", alias="checkout", priority="P1")
        await stage.to(minute=40)
        assert stage.pages() == [(0, "ops-lead"), (5, "ops-lead"), (5, "ops-senior"), (30, "eng-manager")]
        await genie(stage, "/checkout/close?identifierType=alias")
        await stage.to(minute=120)
        assert len(stage.pages()) == 4
        assert (await stage.incident("INC-1"))["state"] == "review"


async def test_opsgenies_lowest_priorities_wake_nobody(open_stage: OpenStage) -> None:
    async with open_stage(edit=dropins) as stage:
        for priority in ("P4", "P5"):
            await genie(stage, message="Certificate ends in 30 days", alias=priority, priority=priority)
        await stage.to(minute=300)
        assert stage.pages() == []
        assert [(await stage.incident(ref))["priority"] for ref in ("INC-1", "INC-2")] == ["P3", "P3"]


async def test_no_vendors_key_gets_into_a_log_line(open_stage: OpenStage, capsys: Any, caplog: Any) -> None:
    async with open_stage(edit=dropins) as stage:
        caplog.set_level("INFO")
        for key in (PAGERDUTY_KEY, WRONG_KEYS[0]):
            await enqueue(stage, "trigger", key)
            await enqueue(stage, "acknowledge", key)
        for key in (GENIE_KEY, WRONG_KEYS[1], PAGERDUTY_KEY):
            await genie(stage, message="x", alias="y", key=key)
            await genie(stage, "/y/notes?identifierType=alias", note="z", key=key)
        said = capsys.readouterr().out + "\n".join(
            record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))
        )
        record = str(await stage.timeline("INC-1")) + str(await stage.timeline("INC-2"))
    assert "INC-1" in said
    for key in (PAGERDUTY_KEY, GENIE_KEY, *WRONG_KEYS):
        assert key not in said
        assert key not in record
