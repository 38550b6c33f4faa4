"""An alert storm over real HTTP: how many messages reach a person, and when the P0 among them does."""

from __future__ import annotations

import asyncio
from collections import Counter

from integrations.sandbox.slack_faults import RateLimit
from tests.scenarios.stage import KEY, Stage, alert, body

STORM, AT_ONCE = 100, 25


async def storm(stage: Stage, count: int) -> None:
    """Different problems, each in a webhook of its own."""
    for start in range(0, count, AT_ONCE):
        bodies = [body([alert(f"Storm{number}", severity="critical")]) for number in range(start, start + AT_ONCE)]
        answers = await asyncio.gather(*(stage.http.post(f"/webhooks/alertmanager/{KEY}", json=one) for one in bodies))
        assert {answer.status_code for answer in answers} == {202}
        await stage.settle()


async def test_a_storm_becomes_a_few_messages_that_name_everything_with_the_p0_among_the_first(
    documented_stage: Stage,
) -> None:
    stage = documented_stage
    await storm(stage, STORM)
    await stage.fire("Outage", priority="P0")
    assert any("P0" in message.text and "Outage" in message.text for message in stage.direct("ops-lead"))
    await stage.advance(seconds=60)
    received = Counter(one.channel for one in stage.received if one.who == "ops-lead")
    assert received["slack"] <= 8
    assert received["email"] <= 8
    outcomes: Counter[str] = Counter()
    for number in range(1, STORM + 2):
        for line in await stage.timeline(f"INC-{number}"):
            if line["kind"] == "page.sent":
                outcomes[line["data"]["channel"]] += 1
    assert outcomes == {"slack": STORM + 1, "email": STORM + 1}


async def test_a_slack_that_limits_each_conversation_gets_every_page_and_card_in_time(documented_stage: Stage) -> None:
    stage = documented_stage
    stage.slack.limit_rate(RateLimit(per_second=1_000, burst=3))
    await storm(stage, AT_ONCE)
    await stage.advance(minutes=10)
    lines = [await stage.timeline(f"INC-{number}") for number in range(1, AT_ONCE + 1)]
    kinds = Counter(line["kind"] for incident in lines for line in incident)
    assert kinds["page.failed"] == 0
    assert len(stage.slack.messages(channel="incidents")) == AT_ONCE
    assert all(any(line["kind"] == "page.sent" and line["data"]["channel"] == "slack" for line in one) for one in lines)


async def test_a_flood_of_alerts_of_one_incident_is_one_card_that_is_edited_a_few_times(
    documented_stage: Stage,
) -> None:
    """500 alerts in 10 s: one post in each conversation and at most 15 edits of it."""
    stage = documented_stage
    await stage.fire(priority="P0")
    for part in range(100):
        hosts = [alert("CheckoutDown", priority="P0", instance=f"web-{part}-{host}") for host in range(5)]
        await stage.post_alerts(hosts)
        await stage.advance(seconds=0.1)
    await stage.advance(seconds=3)
    [card] = stage.slack.messages(channel="C0INCIDENTS")
    [direct] = stage.direct("ops-lead")
    for shown in (card, direct):
        assert 3 <= len(shown.history) <= 15
        assert "501 alerts, the worst 5 of them" in str(shown.blocks)
    await stage.command("INC-1", "acknowledge", by="ops-lead")
    assert "Acknowledged by" in str(stage.slack.messages(channel="C0INCIDENTS")[0].blocks)
