"""A war room from the button to the archive, and what is marked there."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from integrations.sandbox.slack_faults import Failure
from integrations.sandbox.slack_values import Channel, Message
from tests.scenarios.conftest import OpenStage
from tests.scenarios.stage import STRANGER, Stage
from tests.scenarios.test_slack import ACKNOWLEDGE, button_names, page

ROOM = "tocsin_room"
NAME = "inc-1-checkoutdown-on-checkout"


def room(stage: Stage) -> Channel:
    return next(one for one in stage.slack.workspace.channels.values() if one.name == NAME)


async def opened(stage: Stage) -> Channel:
    message = await page(stage)
    await stage.click(message, ACKNOWLEDGE, "ops-lead")
    await stage.click(stage.direct("ops-lead")[0], ROOM, "ops-lead")
    return room(stage)


async def mark(stage: Stage, message: Message, who: str, reaction: str = "pushpin", **again: str) -> None:
    await stage.slack.mark(message, reaction, user=stage.slack_id(who), **again)
    await stage.app.slack.drain()
    await stage.settle()


async def notes(stage: Stage) -> list[dict[str, Any]]:
    return [line for line in await stage.timeline("INC-1") if line["kind"] == "note"]


async def test_a_room_has_topic_people_and_a_pinned_card_and_is_archived_at_the_end(scene: Stage) -> None:
    stage = scene
    made = await opened(stage)
    assert made.topic == "P0 CheckoutDown on checkout · INC-1 · Operations lead (example) commands"
    assert made.people == {stage.slack_id("ops-lead")}
    [card] = stage.slack.messages(channel=made.id)
    assert made.pinned == (card.ts,)
    assert made.bookmarks == ("http://prometheus.example.com/graph", "http://alertmanager.example.com")
    await stage.advance(seconds=3)
    assert f"<#{made.id}>" in str(stage.direct("ops-lead")[0].blocks)
    assert ROOM not in button_names(stage.direct("ops-lead")[0])
    await stage.to(minute=31)
    paged = ("ops-lead", "ops-senior", "eng-manager")
    assert room(stage).people == {stage.slack_id(who) for who in paged}
    await stage.command("INC-1", "resolve", validation="restarted", by="ops-lead")
    assert not room(stage).archived
    await stage.command("INC-1", "close", cause="c", lessons="l", by="ops-lead")
    assert room(stage).archived
    assert "The review is done." in str(stage.slack.messages(channel=made.id)[0].blocks)


async def test_a_marked_message_is_on_the_timeline_once_at_its_own_time_with_author_and_link(
    scene: Stage,
) -> None:
    stage = scene
    made = await opened(stage)
    said = stage.slack.say("rolled back to 41 <&>", user=stage.slack_id("ops-senior"), channel=made.id)
    await mark(stage, said, "ops-lead", event_id="Ev1")
    await mark(stage, said, "ops-lead", event_id="Ev1")
    await mark(stage, said, "eng-manager")
    await mark(stage, said, "ops-lead", reaction="eyes")
    [note] = await notes(stage)
    assert note["actor"] == "person:ops-lead via slack"
    assert note["reason"].startswith("ops-senior: rolled back to 41 <&> (https://")
    assert float(said.ts) == pytest.approx(_seconds(note["data"]["happened_at"]), abs=0.001)
    assert "Noted on the timeline of INC-1." in stage.told("ops-lead")


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


async def test_the_message_shortcut_does_the_same_and_says_where_it_can_not(scene: Stage) -> None:
    stage = scene
    made = await opened(stage)
    said = stage.slack.say("disk replaced", user=stage.slack_id("ops-senior"), channel=made.id)
    elsewhere = stage.slack.say("lunch?", user=stage.slack_id("ops-senior"), channel="operations")
    for message in (said, elsewhere):
        await stage.slack.message_shortcut("tocsin_note_message", message, user=stage.slack_id("ops-lead"))
        await stage.app.slack.drain()
    assert [note["reason"].startswith("ops-senior: disk replaced") for note in await notes(stage)] == [True]
    assert stage.told("ops-lead")[-1] == "This channel is no war room; nothing was noted."


async def test_what_becomes_of_a_marked_message_is_noted_and_the_record_stays(scene: Stage) -> None:
    stage = scene
    made = await opened(stage)
    said = stage.slack.say("rolled back to 41", user=stage.slack_id("ops-senior"), channel=made.id)
    small_talk = stage.slack.say("coffee?", user=stage.slack_id("ops-senior"), channel=made.id)
    await mark(stage, said, "ops-lead")
    await stage.slack.edit(said, "rolled back to 40 <really>")
    await stage.slack.edit(small_talk, "tea?")
    await stage.app.slack.drain()  # over a socket each event is a task of its own
    await stage.slack.delete(said)
    await stage.slack.delete(small_talk)
    await stage.app.slack.drain()
    first, edited, deleted = await notes(stage)
    assert first["reason"].startswith("ops-senior: rolled back to 41 (")
    assert edited["reason"].endswith("it says now: rolled back to 40 <really>")
    assert deleted["reason"] == "A message that was noted here was deleted in Slack; what is on record stays."
    assert {edited["actor"], deleted["actor"]} == {"system:engine"}


async def test_a_mark_by_a_stranger_or_elsewhere_notes_nothing(scene: Stage) -> None:
    stage = scene
    made = await opened(stage)
    said = stage.slack.say("it was me", user=STRANGER, channel=made.id)
    await mark(stage, said, STRANGER)
    await mark(stage, stage.slack.say("lunch?", user=STRANGER, channel="operations"), "ops-lead")
    assert await notes(stage) == []
    assert "Nobody in Tocsin's contacts" in stage.told(STRANGER)[-1]


async def test_every_p0_has_a_room_where_the_configuration_says_so(open_stage: OpenStage) -> None:
    def everywhere(document: dict[str, Any]) -> None:
        document["room"] = {"channel": "slack", "priorities": ["P0"]}

    async with open_stage(edit=everywhere) as stage:
        await page(stage)
        assert room(stage).people == {stage.slack_id("ops-lead")}
        assert len(stage.slack.messages(channel=room(stage).id)) == 1


async def test_what_is_nice_to_have_may_fail_and_a_room_of_that_name_is_taken(scene: Stage) -> None:
    stage = scene
    for method in ("conversations.setTopic", "conversations.invite", "pins.add", "bookmarks.add"):
        stage.slack.fail(Failure.REFUSED, method=method, error="missing_scope")
    stage.slack.workspace.make_channel(NAME)
    made = await opened(stage)
    assert len(stage.slack.messages(channel=made.id)) == 1
    assert (made.topic, made.pinned) == ("", ())


async def test_a_room_that_can_not_be_made_is_on_record_and_delays_nothing(scene: Stage) -> None:
    stage = scene
    stage.slack.fail(Failure.REFUSED, method="conversations.create", error="missing_scope")
    message = await page(stage)
    await stage.click(message, ROOM, "ops-lead")
    failed = [line for line in await stage.timeline("INC-1") if line["kind"] == "page.failed"]
    assert [line["data"]["kind"] for line in failed] == ["room"]
    assert "missing_scope" in failed[0]["reason"]
    await stage.to(minute=30)
    assert (30, "eng-manager") in stage.pages("slack")


async def test_a_room_whose_answer_was_lost_is_not_made_twice(scene: Stage) -> None:
    stage = scene
    stage.slack.fail(Failure.ACCEPTED_THEN_DROPPED, method="conversations.create", times=1)
    message = await page(stage)
    await stage.click(message, ROOM, "ops-lead")
    await stage.advance(minutes=2)
    made = [one for one in stage.slack.workspace.channels.values() if one.name.startswith("inc-1")]
    assert [one.name for one in made] == [NAME]
    assert len(stage.slack.messages(channel=made[0].id)) == 1
