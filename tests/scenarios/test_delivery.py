"""Pages that don't get through: tried again, then the next channel, the next person, the next level, all on record."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from engine.config.stored import to_document
from engine.core.breaker import REST
from engine.services import configs
from engine.services.claiming import LEASE, claim
from integrations.sandbox.mail import MailFailure
from integrations.sandbox.slack_faults import Failure
from tests.scenarios.conftest import OpenStage
from tests.scenarios.stage import KEY, Document, Stage, alert, body


def reasons(lines: list[dict[str, Any]], kind: str) -> list[str]:
    return [line["reason"] for line in lines if line["kind"] == kind]


def only_slack(document: Document) -> None:
    """Levels that are reached by Slack alone."""
    for level in document["levels"].values():
        level["reached_by"] = ["slack"]
    for contact in ("cto", "vp-engineering"):
        document["contacts"][contact]["reach"]["slack"] = f"U0{contact.upper()[:3]}"


async def test_a_provider_that_is_down_for_a_minute_loses_no_page(documented_stage: Stage) -> None:
    stage = documented_stage
    stage.slack.fail(Failure.UNAVAILABLE)
    await stage.fire(priority="P0")
    assert stage.pages("slack") == []
    await stage.advance(seconds=60)
    stage.slack.recover()
    await stage.advance(seconds=60)
    assert [who for _, who in stage.pages("slack")] == ["ops-lead"]
    lines = await stage.timeline("INC-1")
    assert any(line["kind"] == "page.retried" and line["data"]["channel"] == "slack" for line in lines)


@pytest.mark.parametrize("failure", [Failure.SERVER_ERROR, Failure.RATE_LIMITED, Failure.DROPPED, Failure.GARBAGE])
async def test_one_bad_answer_is_tried_again(documented_stage: Stage, failure: Failure) -> None:
    stage = documented_stage
    stage.slack.fail(failure, times=1, channel=stage.slack_id("ops-lead"))
    await stage.fire(priority="P0")
    await stage.advance(seconds=90)
    assert "ops-lead" in {who for _, who in stage.pages("slack")}


async def test_a_page_that_was_accepted_but_never_answered_is_found_and_not_repeated(documented_stage: Stage) -> None:
    stage = documented_stage
    stage.slack.fail(Failure.ACCEPTED_THEN_DROPPED, times=1, channel=stage.slack_id("ops-lead"))
    await stage.fire(priority="P0")
    await stage.advance(seconds=90)
    assert len(stage.direct("ops-lead")) == 1
    sent = [text for text in reasons(await stage.timeline("INC-1"), "page.sent") if "slack" in text]
    assert sent == ["found at the provider: slack had taken it, so it is not repeated"]


async def test_a_card_that_was_accepted_but_never_answered_is_found_by_the_name_of_its_channel(
    open_stage: OpenStage,
) -> None:
    async with open_stage(edit=lambda document: document["channels"]["slack"].update(timeout="1s")) as stage:
        stage.slack.fail(Failure.ACCEPTED_THEN_HANGING, times=1, channel="incidents")
        await stage.http.post(f"/webhooks/alertmanager/{KEY}", json=body([alert("CheckoutDown", priority="P0")]))
        sending = asyncio.create_task(stage.settle())
        await stage.slack.wait_until(lambda: stage.slack.hanging > 0)
        await asyncio.wait_for(sending, 15)
        stage.slack.recover()
        await stage.advance(seconds=90)
        assert len(stage.slack.messages(channel="incidents")) == 1


async def test_a_page_whose_sender_died_after_sending_it_is_found_and_not_repeated(documented_stage: Stage) -> None:
    stage = documented_stage
    await stage.http.post(f"/webhooks/alertmanager/{KEY}", json=body([alert("CheckoutDown", priority="P0")]))
    context, now = stage.app.context, stage.clock.now()
    taken, parcels = await context.database.write(lambda connection: claim(connection, context, "the dead", now))
    assert taken is not None
    for parcel in parcels:
        await taken.channels[parcel.message.channel].send(parcel.envelope)
    stage.clock.advance(LEASE)
    await stage.settle()
    assert len(stage.direct("ops-lead")) == len(stage.slack.messages(channel="incidents")) == 1
    first, again = stage.mail.messages()
    assert first.message["Message-ID"] == again.message["Message-ID"]
    assert "repeated" in again.subject


async def test_a_page_that_can_not_be_looked_up_is_repeated_and_marked(documented_stage: Stage) -> None:
    stage = documented_stage
    stage.slack.fail(Failure.ACCEPTED_THEN_DROPPED, times=1, channel=stage.slack_id("ops-lead"))
    stage.slack.fail(Failure.REFUSED, error="missing_scope", method="conversations.history")
    await stage.fire(priority="P0")
    await stage.advance(seconds=90)
    texts = [message.text for message in stage.direct("ops-lead")]
    assert len(texts) == 2
    assert "repeated" in texts[1]


async def test_a_permanent_failure_goes_to_the_next_channel_and_the_timeline_says_so(open_stage: OpenStage) -> None:
    async with open_stage(edit=only_slack) as stage:
        stage.slack.fail(Failure.REFUSED, error="user_not_found", channel=stage.slack_id("ops-lead"))
        await stage.fire(priority="P0")
        assert stage.pages("email") == [(0, "ops-lead")]
        lines = await stage.timeline("INC-1")
        assert "next channel" in reasons(lines, "page.decided")[-1]
        assert reasons(lines, "page.failed")


async def test_when_every_channel_fails_the_next_person_is_paged_at_once(documented_stage: Stage) -> None:
    stage = documented_stage
    stage.slack.fail(Failure.REFUSED, error="user_not_found", channel=stage.slack_id("ops-lead"))
    stage.mail.fail(MailFailure.PERMANENT, recipient=stage.reach["ops-lead"]["email"])
    await stage.fire(priority="P0")
    assert stage.pages("email") == [(0, "ops-senior")]
    assert "next person" in reasons(await stage.timeline("INC-1"), "page.decided")[-1]


async def test_when_nobody_of_a_level_can_be_reached_the_next_level_is_paged_at_once(documented_stage: Stage) -> None:
    stage = documented_stage
    for who in ("ops-lead", "ops-senior"):
        stage.slack.fail(Failure.REFUSED, error="user_not_found", channel=stage.slack_id(who))
        stage.mail.fail(MailFailure.PERMANENT, recipient=stage.reach[who]["email"])
    await stage.fire(priority="P0")
    assert stage.pages("email") == [(0, "eng-manager")]
    lines = await stage.timeline("INC-1")
    assert [line["data"]["level"] for line in lines if line["kind"] == "level.unreachable"] == [1]


async def test_a_spent_deadline_is_like_a_permanent_failure(documented_stage: Stage) -> None:
    stage = documented_stage
    stage.slack.fail(Failure.UNAVAILABLE, channel=stage.slack_id("ops-lead"))
    stage.mail.fail(MailFailure.TEMPORARY, recipient=stage.reach["ops-lead"]["email"])
    await stage.fire(priority="P0")
    await stage.to(minute=4)
    assert [who for _, who in stage.pages("email")] == ["ops-senior"]
    # By now e-mail has failed five times in a row as well, and only a probe goes that way.
    assert stage.pages("email")[0][0] <= 2 + REST.total_seconds() / 60
    assert any("the time for it is spent" in text for text in reasons(await stage.timeline("INC-1"), "page.failed"))


async def test_an_acknowledgement_stops_a_page_that_is_still_being_tried(documented_stage: Stage) -> None:
    stage = documented_stage
    stage.slack.fail(Failure.UNAVAILABLE, channel=stage.slack_id("ops-lead"))
    await stage.fire(priority="P0")
    await stage.advance(seconds=10)
    await stage.command("INC-1", "acknowledge", by="ops-senior")
    stage.slack.recover()
    await stage.to(minute=10)
    assert stage.pages("slack") == []
    assert "page.cancelled" in await stage.kinds("INC-1")


async def test_a_machine_with_nothing_configured_pages_to_its_log(open_stage: OpenStage) -> None:
    async with open_stage(with_slack=False, with_mail=False) as stage:
        await stage.fire(priority="P0")
        await stage.to(minute=6)
        lines = await stage.timeline("INC-1")
        sent = [(line["data"]["contact"], line["data"]["channel"]) for line in lines if line["kind"] == "page.sent"]
        assert sent == [("ops-lead", "log"), ("ops-senior", "log"), ("ops-lead", "log")]


async def test_every_page_has_a_receipt_on_the_timeline(documented_stage: Stage) -> None:
    stage = documented_stage
    await stage.fire(priority="P0")
    lines = [line for line in await stage.timeline("INC-1") if line["kind"] == "page.sent"]
    assert {line["data"]["channel"] for line in lines} == {"slack", "email"}
    assert all(line["data"]["reference"] for line in lines)


async def test_a_provider_that_takes_longer_than_a_lease_is_not_asked_twice(documented_stage: Stage) -> None:
    stage = documented_stage
    stage.slack.fail(Failure.HANGING, channel=stage.slack_id("ops-lead"))
    await stage.http.post(f"/webhooks/alertmanager/{KEY}", json=body([alert("CheckoutDown", priority="P0")]))
    while not stage.slack.hanging:
        await stage.app.sender.run_once()
    for _ in range(6):
        stage.clock.advance(LEASE / 2)
        await stage.app.sender.run_once()
    stage.slack.recover()
    await stage.settle()
    assert len(stage.direct("ops-lead")) == 1
    sent = [line for line in await stage.timeline("INC-1") if line["kind"] == "page.sent"]
    assert [line["data"]["repeated"] for line in sent if line["data"]["channel"] == "slack"] == [False]


async def test_a_provider_that_hangs_keeps_no_other_channel_from_sending(open_stage: OpenStage) -> None:
    async with open_stage(edit=lambda document: document["bundling"].update(burst=40)) as stage:
        stage.slack.fail(Failure.HANGING)
        for number in range(40):
            page = body([alert(f"A{number}", priority="P0")])
            answer = await stage.http.post(f"/webhooks/alertmanager/{KEY}", json=page)
            assert answer.status_code == 202
        stage.app.dispatcher.start()
        await stage.mail.wait_until(lambda: len(stage.mail.messages()) == 40)
        assert stage.slack.hanging
        stage.slack.recover()
        await stage.app.dispatcher.stop()


async def test_a_p0_that_nobody_answers_does_not_fall_silent(documented_stage: Stage) -> None:
    stage = documented_stage
    await stage.fire(priority="P0")
    await stage.to(minute=64)
    assert "ladder.exhausted" not in await stage.kinds("INC-1")
    await stage.to(minute=24 * 60)
    said = [line for line in await stage.timeline("INC-1") if line["kind"] == "ladder.exhausted"]
    assert [line["reason"] for line in said] == ["nobody has answered and no level is left"]
    notices = [message for message in stage.slack.messages(channel="operations") if "INC-1" in message.text]
    assert len(notices) == 1


async def test_a_page_whose_time_ran_out_while_the_engine_was_down_goes_out_late_or_another_way(
    documented_stage: Stage,
) -> None:
    stage = documented_stage
    stage.slack.fail(Failure.UNAVAILABLE, channel=stage.slack_id("ops-lead"))
    stage.mail.fail(MailFailure.TEMPORARY, recipient=stage.reach["ops-lead"]["email"])
    await stage.fire(priority="P0")
    stage.clock.advance(timedelta(minutes=4))
    await stage.app.sender.drain()
    lines = await stage.timeline("INC-1")
    assert len([text for text in reasons(lines, "page.failed") if "the time for it is spent" in text]) == 2
    assert [who for _, who in stage.pages("email")] == []
    await stage.settle()
    assert [who for _, who in stage.pages("email")] == ["ops-senior"]


async def test_a_channel_that_a_newer_configuration_has_removed_hands_its_pages_on(open_stage: OpenStage) -> None:
    async with open_stage(edit=only_slack) as stage:
        stage.slack.fail(Failure.UNAVAILABLE, channel=stage.slack_id("ops-lead"))
        await stage.fire(priority="P0")
        config = await configs.in_force(stage.app.context)
        left = {name: channel for name, channel in config.channels.items() if name != "slack"}
        document = to_document(config.model_copy(update={"channels": left}))
        await configs.apply(stage.app.context, document=document, digest="without slack", by="test")
        stage.slack.recover()
        await stage.advance(seconds=10)
        assert [who for _, who in stage.pages("email")] == ["ops-lead"]
        failed = reasons(await stage.timeline("INC-1"), "page.failed")
        assert "the configuration has no channel 'slack' any more" in failed


async def test_a_token_that_slack_has_revoked_is_said_by_readyz_and_pages_go_the_other_way_at_once(
    documented_stage: Stage,
) -> None:
    stage = documented_stage
    stage.slack.fail(Failure.REFUSED, error="token_revoked")
    await stage.fire("First", priority="P0")
    told = (await stage.http.get("/readyz")).json()["channels"]["slack"]
    assert "reinstall the app and put the app's bot token" in told
    await stage.fire("Second", priority="P0")
    assert await ways_of(stage, "INC-2") == ["email"]
    stage.slack.recover()
    await stage.advance(minutes=1, seconds=1)
    assert "slack" not in (await stage.http.get("/readyz")).json()["channels"]
    await stage.fire("Third", priority="P0")
    assert await ways_of(stage, "INC-3") == ["email", "slack"]


async def ways_of(stage: Stage, ref: str) -> list[str]:
    """By which channels the first page was decided to go."""
    decided = next(line for line in await stage.timeline(ref) if line["kind"] == "page.decided")
    channels: list[str] = decided["data"]["channels"]
    return sorted(channels)
