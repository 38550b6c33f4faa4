"""Answering in Slack: signed clicks, one winner, and a sentence for everybody else."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from integrations.sandbox.slack_faults import Failure
from integrations.sandbox.slack_values import Message
from tests.scenarios.stage import STRANGER, Stage

ACKNOWLEDGE, ESCALATE, RESOLVE = "tocsin_acknowledge", "tocsin_escalate", "tocsin_resolve"
DECLINE, HOLD, STEP, ROOM = "tocsin_decline", "tocsin_hold", "tocsin_step", "tocsin_room"


def button_names(message: Message) -> set[str]:
    return {button.action_id for button in message.buttons}


async def page(stage: Stage, **labels: str) -> Message:
    """A P0 is opened; what the operations lead has in Slack."""
    await stage.fire(priority="P0", **labels)
    return stage.direct("ops-lead")[0]


async def test_a_page_says_on_the_lock_screen_what_by_when_and_who_the_reader_is(documented_stage: Stage) -> None:
    message = await page(documented_stage)
    assert message.text.startswith("P0 CheckoutDown on checkout · answer by 03:15 UTC · you are primary, Operations")
    assert button_names(message) == {ACKNOWLEDGE, DECLINE, ESCALATE, HOLD, ROOM, STEP, RESOLVE}


async def test_the_team_channel_gets_one_card(documented_stage: Stage) -> None:
    stage = documented_stage
    await page(stage)
    await stage.fire("CheckoutDown", priority="P0", instance="web-2")
    cards = stage.slack.messages(channel="C0INCIDENTS")
    assert len(cards) == 1


async def test_a_click_acknowledges_and_every_message_is_updated_in_place(documented_stage: Stage) -> None:
    stage = documented_stage
    message = await page(stage)
    await stage.to(minute=3)
    answer = await stage.click(message, ACKNOWLEDGE, "ops-lead")
    assert answer.status == 200
    incident = await stage.incident("INC-1")
    assert (incident["state"], incident["acknowledged_by"], incident["commander"]) == (
        "assessment",
        "ops-lead",
        "ops-lead",
    )
    card = stage.slack.messages(channel="C0INCIDENTS")[0]
    for shown in (card, stage.direct("ops-lead")[0]):
        text = str(shown.blocks)
        assert "Operations lead (example)" in text
        assert "3 min" in text
        assert "Engineering leadership" in text
        assert shown.history
    assert ACKNOWLEDGE not in button_names(card)
    assert len(stage.direct("ops-lead")) == 1


async def test_a_second_click_changes_nothing_and_says_who_was_first(documented_stage: Stage) -> None:
    stage = documented_stage
    message = await page(stage)
    await stage.click(message, ACKNOWLEDGE, "ops-lead")
    before = len(await stage.timeline("INC-1"))
    await stage.click(message, ACKNOWLEDGE, "ops-senior", stale=True)
    assert "already acknowledged by Operations lead (example)" in stage.told("ops-senior")[-1]
    assert len(await stage.timeline("INC-1")) == before


async def test_two_people_pressing_together_give_one_winner_and_one_friendly_answer(documented_stage: Stage) -> None:
    stage = documented_stage
    message = await page(stage)
    await asyncio.gather(
        stage.slack.click(message, ACKNOWLEDGE, user=stage.slack_id("ops-lead")),
        stage.slack.click(message, ACKNOWLEDGE, user=stage.slack_id("ops-senior")),
    )
    await stage.app.slack.drain()
    await stage.settle()
    kinds = await stage.kinds("INC-1")
    assert kinds.count("incident.acknowledged") == 1
    told = stage.told("ops-lead") + stage.told("ops-senior")
    assert sum("already acknowledged" in text for text in told) == 1


async def test_a_stranger_is_told_so_and_changes_nothing(documented_stage: Stage) -> None:
    stage = documented_stage
    message = await page(stage)
    await stage.click(message, ACKNOWLEDGE, STRANGER)
    assert "Nobody in Tocsin's contacts" in stage.told(STRANGER)[-1]
    assert (await stage.incident("INC-1"))["acknowledged_by"] is None


async def test_escalate_pressed_twice_pages_the_next_level_once(documented_stage: Stage) -> None:
    stage = documented_stage
    message = await page(stage)
    await stage.click(message, ESCALATE, "ops-lead")
    await stage.click(message, ESCALATE, "ops-lead", stale=True)
    assert stage.pages("slack") == [(0, "eng-manager"), (0, "ops-lead")]
    assert "already reached level 2" in stage.told("ops-lead")[-1]


async def test_resolve_ends_the_paging_and_takes_the_buttons_away(documented_stage: Stage) -> None:
    stage = documented_stage
    message = await page(stage)
    await stage.click(message, RESOLVE, "ops-lead")
    await stage.advance(minutes=120)
    assert (await stage.incident("INC-1"))["state"] == "review"
    assert stage.pages("slack") == [(0, "ops-lead")]
    assert not stage.direct("ops-lead")[0].buttons
    assert "resolved" in stage.direct("ops-lead")[0].text or "review" in stage.direct("ops-lead")[0].text


async def test_a_button_from_before_a_reopening_is_stale(documented_stage: Stage) -> None:
    stage = documented_stage
    message = await page(stage)
    await stage.command("INC-1", "resolve", validation="restarted", by="ops-lead")
    await stage.command("INC-1", "reopen", reason="it came back", by="ops-lead")
    await stage.click(message, ACKNOWLEDGE, "ops-lead", stale=True)
    assert "before INC-1 was reopened" in stage.told("ops-lead")[-1]
    assert (await stage.incident("INC-1"))["acknowledged_by"] is None


async def test_an_acknowledgement_after_the_resolve_changes_nothing_and_says_so(documented_stage: Stage) -> None:
    stage = documented_stage
    message = await page(stage)
    await stage.command("INC-1", "resolve", validation="restarted", by="ops-senior")
    await stage.click(message, ACKNOWLEDGE, "ops-lead", stale=True)
    assert "INC-1 is resolved" in stage.told("ops-lead")[-1]
    assert (await stage.incident("INC-1"))["state"] == "review"


async def test_the_owner_answers_the_lease_question_with_a_click(documented_stage: Stage) -> None:
    stage = documented_stage
    message = await page(stage)
    await stage.click(message, ACKNOWLEDGE, "ops-lead")
    await stage.to(minute=15)
    question = stage.direct("ops-lead")[-1]
    assert "still on it?" in question.text
    await stage.click(question, ACKNOWLEDGE, "ops-lead")
    await stage.to(minute=25)
    assert stage.pages("slack") == [(0, "ops-lead"), (15, "ops-lead")]
    incident: dict[str, Any] = await stage.incident("INC-1")
    assert incident["acknowledged_by"] == "ops-lead"


async def test_not_me_pages_the_next_person_now_and_only_those_who_were_paged_may_say_so(
    documented_stage: Stage,
) -> None:
    stage = documented_stage
    message = await page(stage)
    await stage.to(minute=1)
    card = stage.slack.messages(channel="C0INCIDENTS")[0]
    assert DECLINE not in button_names(card)
    await stage.click(message, DECLINE, "eng-manager")
    assert "was not paged" in stage.told("eng-manager")[-1]
    await stage.click(message, DECLINE, "ops-lead")
    assert "Senior operations engineer (example) is being paged" in stage.told("ops-lead")[-1]
    await stage.click(message, DECLINE, "ops-lead", stale=True)
    assert "passed INC-1 on already" in stage.told("ops-lead")[-1]
    await stage.to(minute=6)
    assert stage.pages("slack") == [(0, "ops-lead"), (1, "ops-senior"), (5, "ops-senior")]
    assert "Passed on by Operations lead (example)" in str(stage.direct("ops-lead")[0].blocks)
    assert DECLINE not in button_names(stage.direct("ops-lead")[0])


async def test_a_change_of_course_is_a_line_under_the_card_and_everything_else_an_edit(documented_stage: Stage) -> None:
    stage = documented_stage
    await page(stage)
    await stage.fire("CheckoutDown", priority="P0", instance="web-2")
    await stage.command("INC-1", "note", text="looking", by="ops-lead")
    await stage.advance(seconds=3)
    [card] = stage.slack.messages(channel="C0INCIDENTS")
    await stage.to(minute=30)
    await stage.command("INC-1", "acknowledge", by="eng-manager")
    await stage.command("INC-1", "reprioritize", priority="P1", reason="one region", by="eng-manager")
    await stage.command("INC-1", "resolve", validation="restarted", by="eng-manager")
    lines = [one for one in stage.slack.messages(channel="C0INCIDENTS") if one.ts != card.ts]
    assert {one.thread_ts for one in lines} == {card.ts}
    assert [one.text for one in lines if "review begins" not in one.text] == [
        "*INC-1* Level 2 is being paged.",
        "*INC-1* Acknowledged by Engineering manager (example). It is in assessment now.",
        "*INC-1* Its priority is P1 now, it was P0.",
        "*INC-1* It is in review now.",
    ]


async def test_a_card_that_somebody_deletes_is_posted_again_while_the_incident_needs_one(
    documented_stage: Stage,
) -> None:
    stage = documented_stage
    message = await page(stage)
    [card] = stage.slack.messages(channel="C0INCIDENTS")
    stage.slack.workspace.delete(card)
    await stage.click(message, ACKNOWLEDGE, "ops-lead")
    await stage.advance(seconds=3)
    again = [one for one in stage.slack.messages(channel="C0INCIDENTS") if not one.deleted and one.blocks]
    assert len(again) == 1
    assert "Acknowledged by Operations lead (example)" in str(again[0].blocks)
    stage.slack.workspace.delete(again[0])
    await stage.command("INC-1", "resolve", validation="restarted", by="ops-lead")
    await stage.advance(minutes=5)
    assert not [one for one in stage.slack.messages(channel="C0INCIDENTS") if not one.deleted and one.blocks]


async def test_the_report_is_under_the_card_when_the_review_begins_as_summary_and_file(documented_stage: Stage) -> None:
    stage = documented_stage
    await page(stage)
    await stage.command("INC-1", "resolve", validation="restarted", by="ops-lead")
    said = stage.slack.messages(channel="C0INCIDENTS")
    [report] = [one for one in said if "review begins" in one.text]
    assert report.thread_ts == said[0].ts
    assert report.text.startswith("*INC-1: the review begins.* ")
    assert "CheckoutDown" in report.text
    link = re.search(r"<(http[^|]+)\|INC-1\.pdf>", report.text)
    assert link
    assert (await stage.http.get(link[1])).content.startswith(b"%PDF-")
    assert "report" in [line["data"].get("kind") for line in await stage.timeline("INC-1")]


async def test_without_the_scope_for_files_the_summary_is_posted_alone(documented_stage: Stage) -> None:
    stage = documented_stage
    stage.slack.fail(Failure.REFUSED, method="files.getUploadURLExternal", error="missing_scope")
    await page(stage)
    await stage.command("INC-1", "resolve", validation="restarted", by="ops-lead")
    assert [one.text[:29] for one in stage.slack.messages(channel="C0INCIDENTS")[1:]] == [
        "*INC-1* It is in review now.",
        "*INC-1: the review begins.* P",
    ]


async def test_the_report_of_a_p2_is_not_posted(documented_stage: Stage) -> None:
    stage = documented_stage
    await stage.fire(priority="P2")
    await stage.command("INC-1", "resolve", validation="restarted", by="ops-lead")
    assert not [one for one in stage.slack.messages(channel="C0INCIDENTS") if "review begins" in one.text]


@pytest.mark.parametrize("said", ["review begins", "It is in review now."])
async def test_what_belongs_under_the_card_and_was_taken_without_an_answer_is_not_repeated(
    documented_stage: Stage, said: str
) -> None:
    stage = documented_stage
    await page(stage)
    stage.slack.fail(Failure.ACCEPTED_THEN_DROPPED, method="chat.postMessage", times=2)
    await stage.command("INC-1", "resolve", validation="restarted", by="ops-lead")
    await stage.advance(minutes=2)
    assert sum(said in one.text for one in stage.slack.messages(channel="C0INCIDENTS")) == 1
