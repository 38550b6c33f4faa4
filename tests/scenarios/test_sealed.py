"""A sealed incident: its people are paged and work in a private room; everybody else hears and reads nothing of it."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.sandbox.slack_values import Channel
from tests.scenarios.conftest import OpenStage
from tests.scenarios.stage import Stage, alert
from tests.scenarios.test_slack import ACKNOWLEDGE, page
from tests.scenarios.test_slack_dialogs import typed

BREACH = {"category": "security", "summary": "Mallory took the customer list"}
ROOM = "inc-1-sealed"


def security(document: dict[str, Any]) -> None:
    document["sealing"] = [{"match": ['category=~"security.*"']}]


def room(stage: Stage, name: str = ROOM) -> Channel:
    return next(one for one in stage.slack.workspace.channels.values() if one.name == name)


def said_in(stage: Stage, channel: str) -> str:
    return str([one.blocks for one in stage.slack.messages(channel=channel)]) + " ".join(
        one.text for one in stage.slack.messages(channel=channel)
    )


@pytest.mark.parametrize("over_socket", [False, True], ids=["http", "socket"])
async def test_those_who_work_on_it_have_all_and_everybody_else_is_refused_in_words(
    open_stage: OpenStage, *, over_socket: bool
) -> None:
    async with open_stage(edit=security, over_socket=over_socket) as stage:
        await stage.post_alerts([alert("DataBreach", **BREACH)])
        await stage.settle()
        assert stage.slack.messages(channel="incidents") == []
        assert (room(stage).private, set(room(stage).people)) == (True, {stage.slack_id("ops-lead")})
        await stage.click(stage.direct("ops-lead")[0], ACKNOWLEDGE, "ops-lead")
        refused = "INC-1 is sealed: only those who were invited can see it or act on it. Operations lead (example) can"
        for text in ("ack INC-1", "note INC-1 let me see", "report INC-1", "resolve INC-1 restarted"):
            assert (await typed(stage, text, "eng-manager")).startswith(refused)
        assert "Mallory" not in await typed(stage, "list", "eng-manager")
        assert "can see INC-1" in await typed(
            stage, f"invite INC-1 <@{stage.slack_id('eng-manager')}> we need you", "ops-lead"
        )
        assert "invited you into INC-1" in str(stage.direct("eng-manager")[-1].blocks)
        assert "DataBreach" in await typed(stage, "report INC-1", "eng-manager")
        assert await typed(stage, "note INC-1 the press has called", "eng-manager") == "Noted."
        await stage.advance(seconds=3)
        assert room(stage).people == {stage.slack_id("ops-lead"), stage.slack_id("eng-manager")}
        await stage.command("INC-1", "resolve", validation="locked out", by="ops-lead")
        await stage.advance(minutes=1)
        assert stage.slack.messages(channel="incidents") == []


async def test_one_that_is_sealed_later_is_veiled_where_it_stands_and_goes_on_in_a_private_room(scene: Stage) -> None:
    stage = scene
    await stage.click(await page(stage), ACKNOWLEDGE, "ops-lead")
    await typed(stage, "room INC-1", "ops-lead")
    public = room(stage, "inc-1-checkoutdown-on-checkout")
    assert "CheckoutDown" in said_in(stage, "incidents")
    assert "INC-1 is sealed" in await typed(stage, "seal INC-1 it names a customer", "ops-lead")
    await stage.advance(seconds=3)
    for place in ("incidents", public.id):
        [card] = [one for one in stage.slack.messages(channel=place) if one.thread_ts is None]
        assert "This incident is sealed." in str(card.blocks)
        assert "CheckoutDown" not in f"{card.text} {card.blocks}"
        assert card.buttons == ()
    assert (room(stage, public.name).archived, room(stage).private) == (True, True)
    before = len(stage.slack.messages(channel="incidents"))
    await stage.command("INC-1", "update", text="Mallory is locked out", by="ops-lead")
    await stage.command("INC-1", "reprioritize", priority="P1", reason="one customer", by="ops-lead")
    await stage.advance(seconds=5)
    assert len(stage.slack.messages(channel="incidents")) == before
    assert "Mallory" not in said_in(stage, "incidents")
    assert "Mallory is locked out" in said_in(stage, room(stage).id)


async def test_a_mark_in_the_private_room_is_noted_and_an_outsiders_is_refused(open_stage: OpenStage) -> None:
    async with open_stage(edit=security) as stage:
        await stage.post_alerts([alert("DataBreach", **BREACH)])
        await stage.settle()
        said = stage.slack.say("the key is revoked", user=stage.slack_id("ops-lead"), channel=room(stage).id)
        for who in ("eng-manager", "ops-lead"):
            await stage.slack.mark(said, "pushpin", user=stage.slack_id(who))
            await stage.app.slack.drain()
        notes = [line for line in await stage.timeline("INC-1") if line["kind"] == "note"]
        assert [note["actor"] for note in notes] == ["person:ops-lead via slack"]
