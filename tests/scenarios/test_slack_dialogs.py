"""Working an incident in Slack without leaving it: dialogs, steps, typed commands, over HTTP and over Socket Mode."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.commands import Note
from engine.services.frontdesk import FrontDesk
from integrations.sandbox.slack_values import OpenedView
from tests.scenarios.conftest import OpenStage
from tests.scenarios.stage import STRANGER, Stage
from tests.scenarios.test_slack import ACKNOWLEDGE, page

HOLD, ADVANCE, STEP = "tocsin_hold", "tocsin_advance", "tocsin_step"


async def submit(stage: Stage, opened: OpenedView, **answers: str) -> dict[str, str]:
    """The errors that the dialog shows."""
    answer = await stage.slack.submit(opened, answers)
    await stage.app.slack.drain()
    await stage.settle()
    errors: dict[str, str] = answer.json()["errors"] if answer.body else {}
    return errors


async def typed(stage: Stage, text: str, who: str) -> str:
    """What the one who typed it is told."""
    await stage.slack.command(text, user=stage.slack_id(who), channel="incidents")
    await stage.app.slack.drain()
    await stage.settle()
    return stage.told(who)[-1]


async def test_an_incident_is_worked_from_page_to_review_in_slack_alone(scene: Stage) -> None:
    stage = scene
    await stage.click(await page(stage), ACKNOWLEDGE, "ops-lead")
    await stage.click(stage.direct("ops-lead")[0], HOLD, "ops-lead")
    assert await submit(stage, stage.slack.views()[-1], **{"for": "1h"}, reason="the rollback runs") == {}
    assert "held for 1 h" in stage.told("ops-lead")[-1]
    await stage.click(stage.direct("ops-lead")[0], STEP, "ops-lead")
    assert "1 of" in str(stage.direct("ops-lead")[0].blocks)
    await stage.click(stage.direct("ops-lead")[0], ADVANCE, "ops-lead")
    assessed = stage.slack.views()[-1]
    assert await submit(stage, assessed) == {"impact": "The impact has not been stated."}
    assert await submit(stage, assessed, impact="nobody can pay") == {}
    await stage.click(stage.direct("ops-lead")[0], ADVANCE, "ops-lead")
    diagnosed = stage.slack.views()[-1]
    assert "cause" in await submit(stage, diagnosed)
    assert await submit(stage, diagnosed, mitigation="rolled back") == {}
    assert (await stage.incident("INC-1"))["state"] == "resolution"
    assert "resolved" in await typed(stage, "resolve INC-1 orders go through", "ops-lead")
    await stage.advance(minutes=240)
    assert stage.pages("slack") == [(0, "ops-lead")]
    kinds = await stage.kinds("INC-1")
    for kind in ("escalation.held", "playbook.step", "incident.documented", "incident.resolved"):
        assert kind in kinds


async def test_a_dialog_that_was_open_while_somebody_else_went_on_says_what_happened(scene: Stage) -> None:
    stage = scene
    await stage.click(await page(stage), ACKNOWLEDGE, "ops-lead")
    await stage.click(stage.direct("ops-lead")[0], HOLD, "ops-lead")
    await stage.command("INC-1", "resolve", validation="restarted", by="ops-senior")
    before = len(await stage.timeline("INC-1"))
    errors = await submit(stage, stage.slack.views()[-1], reason="the rollback runs")
    assert errors == {"reason": "INC-1 is resolved; hold changes nothing."}
    assert len(await stage.timeline("INC-1")) == before


async def test_an_incident_that_is_declared_in_slack_pages_as_an_alert_does(scene: Stage) -> None:
    stage = scene
    await stage.slack.shortcut("tocsin_declare", user=stage.slack_id("ops-senior"))
    await stage.app.slack.drain()
    assert await submit(stage, stage.slack.views()[-1], title="Nobody can pay", priority="P0", service="") == {}
    incident = await stage.incident("INC-1")
    assert (incident["title"], incident["priority"]) == ("Nobody can pay", "P0")
    assert stage.pages("email") == [(0, "ops-lead")]
    assert "INC-1 is open for this already" in await typed(stage, "open P0 Nobody can pay", "ops-lead")
    assert "INC-1* Nobody can pay" in await typed(stage, "list", "ops-lead")
    assert "Operations lead (example)" in await typed(stage, "oncall", "ops-lead")


async def test_an_incident_is_declared_by_the_button_of_the_home_tab(scene: Stage) -> None:
    stage, user = scene, scene.slack_id("ops-senior")
    await stage.slack.open_home(user)
    await stage.app.slack.drain()
    await stage.slack.click_home("tocsin_declare", user=user)
    await stage.app.slack.drain()
    assert await submit(stage, stage.slack.views()[-1], title="Nobody can pay", priority="P0", service="") == {}
    assert (await stage.incident("INC-1"))["title"] == "Nobody can pay"


async def test_whoever_passes_it_on_has_the_next_one_paged_at_once(scene: Stage) -> None:
    stage = scene
    await stage.click(await page(stage), "tocsin_decline", "ops-lead")
    assert stage.pages("email") == [(0, "ops-lead"), (0, "ops-senior")]
    assert "Passed on by Operations lead (example)" in str(stage.direct("ops-senior")[0].blocks)


async def test_a_stranger_and_a_viewer_are_refused_in_words(open_stage: OpenStage) -> None:
    def demote(document: dict[str, Any]) -> None:
        document["contacts"]["vp-engineering"]["role"] = "viewer"
        document["contacts"]["vp-engineering"]["reach"]["slack"] = "U0VIEWER00"

    async with open_stage(edit=demote) as stage:
        await page(stage)
        assert "Nobody in Tocsin's contacts" in await typed(stage, "ack INC-1", STRANGER)
        assert "Nobody in Tocsin's contacts" in await typed(stage, "list", STRANGER)
        assert "may look at incidents but not act on them" in await typed(stage, "ack INC-1", "vp-engineering")
        assert "may look at incidents but not report one" in await typed(stage, "open It burns", "vp-engineering")
        assert "INC-1" in await typed(stage, "list", "vp-engineering")
        assert (await stage.incident("INC-1"))["acknowledged_by"] is None


async def test_the_home_tab_acknowledges(scene: Stage) -> None:
    stage = scene
    await page(stage)
    user = stage.slack_id("ops-lead")
    await stage.slack.open_home(user)
    await stage.app.slack.drain()
    await stage.slack.click_home("tocsin_acknowledge:INC-1", user=user)
    await stage.app.slack.drain()
    assert (await stage.incident("INC-1"))["acknowledged_by"] == "ops-lead"
    assert "with Operations lead (example)" in str(stage.slack.workspace.homes[user])


async def test_an_action_that_is_overdue_is_on_its_owners_home_tab_until_it_is_done(scene: Stage) -> None:
    stage, user = scene, scene.slack_id("ops-lead")
    await page(stage)
    await stage.command("INC-1", "resolve", validation="restarted", by="ops-lead")
    late = {"owner": "ops-lead", "due_on": "2026-11-20"}
    actions = [{"what": "Later", **late, "due_on": "2026-12-31"}, {"what": "Renew by machine", **late}]
    await stage.command("INC-1", "close", cause="a certificate", lessons="renew", actions=actions, by="ops-lead")

    async def home() -> str:
        await stage.slack.open_home(user)
        await stage.app.slack.drain()
        return str(stage.slack.workspace.homes[user])

    shown = await home()
    assert "Your overdue actions" in shown
    assert "due 2026-11-20 *Renew by machine* · INC-1" in shown
    assert "*Later*" not in shown
    await stage.slack.click_home("tocsin_finish:INC-1/2", user=user)
    await stage.app.slack.drain()
    assert stage.direct("ops-lead")[-1].text == "Action 2 of INC-1 is done."
    assert "overdue" not in str(stage.slack.workspace.homes[user])
    done = (await stage.incident("INC-1"))["actions"][1]
    assert (done["done_by"], done["done_at"] is not None) == ("ops-lead", True)


async def test_what_slack_delivers_to_two_replicas_is_done_once(documented_stage: Stage) -> None:
    stage = documented_stage
    await page(stage)
    replicas = [FrontDesk(stage.app.context, stage.app.desk, stage.app.intake) for _ in range(2)]
    person = ("slack", stage.slack_id("ops-lead"))
    said = [
        await replica.act(person=person, incident="INC-1", command=Note(text="called the provider"), key="7.7.7")
        for replica in replicas
    ]
    assert said[0] == said[1]
    assert (await stage.kinds("INC-1")).count("note") == 1


async def test_a_status_update_stands_on_the_card_and_under_it(scene: Stage) -> None:
    stage = scene
    await stage.click(await page(stage), ACKNOWLEDGE, "ops-lead")
    assert "status of INC-1 now" in await typed(stage, "update INC-1 all payments fail", "ops-lead")
    await stage.click(stage.direct("ops-lead")[0], "tocsin_update", "ops-lead")
    opened = stage.slack.views()[-1]
    assert opened.fields["text"]["element"]["initial_value"] == "all payments fail"
    assert await submit(stage, opened, text="half of them go through <!channel>") == {}
    await stage.advance(seconds=3)
    card, *lines = stage.slack.messages(channel="C0INCIDENTS")
    assert "half of them go through &lt;!channel&gt;" in str(card.blocks)
    assert [one.text for one in lines][-2:] == [
        "*INC-1* Status: all payments fail",
        "*INC-1* Status: half of them go through &lt;!channel&gt;",
    ]
    assert (await stage.kinds("INC-1")).count("status.updated") == 2


async def test_the_report_is_asked_for_in_slack(documented_stage: Stage) -> None:
    stage = documented_stage
    await page(stage)
    assert "CheckoutDown on checkout" in await typed(stage, "report INC-1", "ops-lead")
    assert "There is no INC-7" in await typed(stage, "report INC-7", "ops-lead")
    assert "Nobody in Tocsin's contacts" in await typed(stage, "report INC-1", STRANGER)


@pytest.mark.parametrize("over_socket", [False, True], ids=["http", "socket"])
async def test_the_commander_is_reminded_of_a_status_update_and_may_put_it_off(
    open_stage: OpenStage, *, over_socket: bool
) -> None:
    def remind(document: dict[str, Any]) -> None:
        document["policies"]["standard"]["P0"] |= {"update_every": "10m", "lease": "4h"}

    async with open_stage(edit=remind, over_socket=over_socket) as stage:
        await stage.click(await page(stage), ACKNOWLEDGE, "ops-lead")
        await stage.to(minute=10)
        reminder = stage.direct("ops-lead")[-1]
        assert "A status update is due" in str(reminder.blocks)
        await stage.click(reminder, "tocsin_snooze", "ops-lead")
        assert "comes in 30 min" in stage.told("ops-lead")[-1]
        await stage.to(minute=39)
        assert len(stage.direct("ops-lead")) == 2
        await stage.to(minute=40)
        assert len(stage.direct("ops-lead")) == 3
        assert [kind for kind in await stage.kinds("INC-1") if kind.startswith("status.")] == [
            "status.due",
            "status.snoozed",
            "status.due",
        ]
