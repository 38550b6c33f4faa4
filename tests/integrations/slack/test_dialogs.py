"""Dialogs, the slash command, the shortcut and the home tab, over signed HTTP."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from engine.core.commands import (
    Acknowledge,
    Advance,
    Assign,
    Command,
    Decline,
    Escalate,
    Finish,
    Hold,
    Invite,
    Note,
    OpenRoom,
    Reprioritize,
    Resolve,
    Seal,
    Snooze,
    Unseal,
    Update,
)
from engine.core.model import Duty, PlaybookStep, Priority, State
from engine.ports import Declaration
from integrations.sandbox.clicks import FORM, form_body, view_submission
from integrations.sandbox.slack import SlackSandbox
from integrations.sandbox.slack_faults import Failure
from integrations.sandbox.slack_values import OpenedView
from integrations.slack.buttons import Action
from integrations.slack.front import Front
from integrations.slack.modals import Modal
from integrations.slack.slash import OTHERS, VERBS
from tests.integrations.slack.conftest import ANA, BEN, EVE, INCIDENTS
from tests.integrations.slack.desk import FakeDesk
from tests.integrations.slack.envelopes import ACKNOWLEDGED, INCIDENT, OPENED, PAGE
from tests.integrations.slack.test_app import post, told

pytestmark = pytest.mark.usefixtures("connected")

IN_ASSESSMENT = replace(PAGE.incident, **{**ACKNOWLEDGED, "state": State.ASSESSMENT})
IN_DIAGNOSIS = replace(PAGE.incident, **{**ACKNOWLEDGED, "state": State.DIAGNOSIS})
STEP = PlaybookStep(id="notify", number="1.3", phase="assessment", title="Notify the team")


async def opened(slack: SlackSandbox, front: Front, action: str, **changes: Any) -> OpenedView:
    await slack.click(post(slack, **changes), action, user=ANA.id)
    await front.drain()
    return slack.views(ANA.id)[-1]


async def test_holding_asks_for_how_long_and_why(slack: SlackSandbox, front: Front, desk: FakeDesk) -> None:
    view = await opened(slack, front, Action.HOLD)
    assert (view.title, list(view.fields)) == ("Hold escalation", ["for", "reason"])
    assert desk.acts == []
    answer = await slack.submit(view, {"for": "1h", "reason": "the rollback runs"})
    assert (answer.status, answer.body) == (200, "")
    assert await told(slack, front, ANA.id) == ["INC-42 is yours."]
    [act] = desk.acts
    assert (act.command, act.generation) == (Hold(span=timedelta(hours=1), reason="the rollback runs"), 1)
    assert act.key


@pytest.mark.parametrize("reason", [None, "", "   "])
async def test_a_field_that_was_left_empty_is_named(
    slack: SlackSandbox, front: Front, desk: FakeDesk, reason: str | None
) -> None:
    answer = await slack.submit(await opened(slack, front, Action.HOLD), {"reason": reason})
    assert answer.json()["response_action"] == "errors"
    assert answer.json()["errors"] == {"reason": "Please fill this in."}
    assert desk.acts == []


async def test_a_refusal_is_shown_in_the_dialog_and_the_dialog_stays(
    slack: SlackSandbox, front: Front, desk: FakeDesk
) -> None:
    view = await opened(slack, front, Action.HOLD)
    desk.generation = 2
    answer = await slack.submit(view, {"reason": "the rollback runs"})
    assert answer.json()["errors"] == {"reason": "INC-42 was reopened since; nothing was changed."}
    desk.generation = 1
    assert (await slack.submit(view, {"reason": "the rollback runs"})).body == ""


@pytest.mark.parametrize(
    ("incident", "fields", "answers", "command"),
    [
        (IN_ASSESSMENT, ["impact"], {"impact": "all of it"}, Advance(impact="all of it", priority_confirmed=True)),
        (IN_ASSESSMENT, ["impact"], {}, Advance(priority_confirmed=True)),
        (IN_DIAGNOSIS, ["cause", "mitigation"], {"cause": "a deployment"}, Advance(cause="a deployment")),
    ],
)
async def test_going_on_asks_what_the_phase_needs(
    slack: SlackSandbox, front: Front, desk: FakeDesk, incident: Any, fields: list[str], answers: Any, command: Command
) -> None:
    view = await opened(slack, front, Action.ADVANCE, incident=incident)
    assert list(view.fields) == fields
    await slack.submit(view, answers)
    assert [act.command for act in desk.acts] == [command]


async def test_a_status_update_begins_with_what_was_said_last(
    slack: SlackSandbox, front: Front, desk: FakeDesk
) -> None:
    told = replace(IN_ASSESSMENT, status="All payments fail & we know why", status_at=OPENED)
    view = await opened(slack, front, Action.UPDATE, incident=told)
    assert view.fields["text"]["element"]["initial_value"] == "All payments fail & we know why"
    assert (await slack.submit(view, {"text": ""})).json()["errors"] == {"text": "Please fill this in."}
    await slack.submit(view, {"text": "Half of them go through"})
    assert [act.command for act in desk.acts] == [Update(text="Half of them go through")]


async def test_a_dialog_that_is_sent_twice_asks_twice_under_one_key(
    slack: SlackSandbox, front: Front, desk: FakeDesk
) -> None:
    view = await opened(slack, front, Action.HOLD)
    body = form_body(view_submission(view.view, {"reason": "the rollback runs"}, user=ANA, trigger_id="1.2.3"))
    for _ in range(2):
        assert (await slack.send_signed(body, FORM)).status == 200
        desk.owner = None
    assert {act.key for act in desk.acts} == {"1.2.3"}


async def test_slack_is_answered_in_time_while_the_desk_is_still_at_it(
    slack: SlackSandbox, front: Front, desk: FakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front.submissions, "_answer_within", 0.05)
    view = await opened(slack, front, Action.HOLD)
    desk.open.clear()
    answer = await slack.submit(view, {"reason": "the rollback runs"})
    assert (answer.status, answer.body) == (200, "")
    desk.open.set()
    assert await told(slack, front, ANA.id) == ["INC-42 is yours."]


@pytest.mark.parametrize(
    "changes", [{"private_metadata": "{"}, {"private_metadata": ""}, {"callback_id": "tocsin_old"}]
)
async def test_a_dialog_that_is_not_understood_changes_nothing(
    slack: SlackSandbox, front: Front, desk: FakeDesk, changes: dict[str, str]
) -> None:
    view = await opened(slack, front, Action.HOLD)
    broken = OpenedView(user=ANA.id, view={**view.view, **changes})
    assert (await slack.submit(broken, {"reason": "the rollback runs"})).status == 200
    assert desk.acts == []


async def test_a_dialog_that_slack_does_not_open_is_said_to_be_pressed_again(slack: SlackSandbox, front: Front) -> None:
    slack.fail(Failure.REFUSED, method="views.open", error="expired_trigger_id")
    await slack.click(post(slack), Action.HOLD, user=ANA.id)
    assert await told(slack, front, ANA.id) == [
        "Slack did not open the dialog (expired_trigger_id). Please press again."
    ]


async def test_the_next_step_of_the_playbook_is_ticked_off_with_one_press(
    slack: SlackSandbox, front: Front, desk: FakeDesk
) -> None:
    message = post(slack, steps=(STEP,))
    button = message.button(Action.STEP)
    assert button is not None
    assert button.text == "Done: 1.3 Notify the team"
    await slack.click(message, Action.STEP, user=ANA.id)
    await front.drain()
    assert [act.command.name for act in desk.acts] == ["tick"]


async def test_an_incident_is_declared_by_shortcut_with_a_title_alone(
    slack: SlackSandbox, front: Front, desk: FakeDesk
) -> None:
    await slack.shortcut(Modal.DECLARE, user=ANA.id)
    await front.drain()
    view = slack.views(ANA.id)[-1]
    assert list(view.fields) == ["title", "priority", "service", "summary"]
    empty = await slack.submit(view, {"title": " "})
    assert empty.json()["errors"] == {"title": "Say in a line what is wrong."}
    await slack.submit(view, {"title": "Checkout is down", "priority": "P0", "service": "checkout"})
    await front.drain()
    assert desk.declared == [Declaration(title="Checkout is down", service="checkout", priority=Priority.P0)]
    assert [one.text for one in slack.messages(user=ANA.id)] == ["INC-43 is open."]


async def test_a_stranger_gets_no_dialog(slack: SlackSandbox, front: Front) -> None:
    await slack.shortcut(Modal.DECLARE, user=EVE.id)
    await front.drain()
    assert slack.views(EVE.id) == []
    assert [one.text for one in slack.messages(user=EVE.id)] == ["U0000EVE is not in contacts."]


COMMANDS: dict[str, Command] = {
    "ack INC-42": Acknowledge(),
    "ACK INC-42": Acknowledge(),
    "pass INC-42": Decline(),
    "pass INC-42 on a train": Decline(reason="on a train"),
    "escalate INC-42 I am stuck": Escalate(reason="I am stuck"),
    "hold INC-42 30m the rollback runs": Hold(span=timedelta(minutes=30), reason="the rollback runs"),
    "priority INC-42 p1 one region": Reprioritize(priority=Priority.P1, reason="one region"),
    "assign INC-42 ben": Assign(to="ben"),
    f"assign INC-42 <@{BEN.id}|ben> you know it": Assign(to="ben", reason="you know it"),
    "room INC-42": OpenRoom(),
    "snooze INC-42 30m": Snooze(span=timedelta(minutes=30)),
    "update INC-42 half of it works": Update(text="half of it works"),
    "assign INC-42 ben scribe": Assign(to="ben", duty=Duty.SCRIBE),
    "assign INC-42 ben communications you know them": Assign(
        to="ben", duty=Duty.COMMUNICATIONS, reason="you know them"
    ),
    "seal INC-42 it names a customer": Seal(reason="it names a customer"),
    "unseal INC-42 it was nothing": Unseal(reason="it was nothing"),
    f"invite INC-42 <@{BEN.id}|ben> you know them": Invite(who="ben", reason="you know them"),
    "invite INC-42 ben": Invite(who="ben"),
    "done INC-42 2": Finish(action=2),
    "note INC-42 called the provider": Note(text="called the provider"),
    "note INC-42 load &lt; 1 &amp; \x07falling": Note(text="load < 1 & \ufffdfalling"),
    "resolve INC-42 orders go through": Resolve(validation="orders go through"),
}


@pytest.mark.parametrize("text", COMMANDS)
async def test_a_typed_command_is_one_command(slack: SlackSandbox, front: Front, desk: FakeDesk, text: str) -> None:
    answer = await slack.command(text, user=ANA.id, channel=INCIDENTS.id)
    assert (answer.status, answer.body) == (200, "")
    assert await told(slack, front, ANA.id) == ["INC-42 is yours."]
    [act] = desk.acts
    assert (act.incident, act.command, act.generation) == ("INC-42", COMMANDS[text], None)


def test_every_verb_is_tried() -> None:
    assert {text.split()[0].lower() for text in COMMANDS} == set(VERBS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hold INC-42 30 minutes", "It is written: /tocsin hold INC-42 30m why"),
        ("hold INC-42", "It is written: /tocsin hold INC-42 30m why"),
        ("priority INC-42 P7 bad", "It is written: /tocsin priority INC-42 P1 why"),
        ("note INC-42", "It is written: /tocsin note INC-42 text"),
        ("assign INC-42 <@U0000EVE|eve>", "U0000EVE is not in contacts."),
        ("frobnicate <!channel>", "There is no `frobnicate`."),
        ("", "`/tocsin ack INC-42` I have it"),
        ("help", "`/tocsin open [P1] [title]`"),
    ],
)
async def test_what_can_not_be_read_changes_nothing_and_says_how_it_is_written(
    slack: SlackSandbox, front: Front, desk: FakeDesk, text: str, said: str
) -> None:
    await slack.command(text, user=ANA.id, channel=INCIDENTS.id)
    [answer] = await told(slack, front, ANA.id)
    assert said in answer
    assert "<!channel>" not in answer
    assert desk.acts == []


async def test_help_tells_every_subcommand(slack: SlackSandbox, front: Front) -> None:
    await slack.command("help", user=ANA.id, channel=INCIDENTS.id)
    [answer] = await told(slack, front, ANA.id)
    assert answer.count("\n") + 1 == len(VERBS) + len(OTHERS)


@pytest.mark.parametrize(
    ("text", "declared"),
    [
        ("open Checkout is down", Declaration(title="Checkout is down")),
        ("open p0 Checkout is down", Declaration(title="Checkout is down", priority=Priority.P0)),
        ("open P0", Declaration(title="P0")),
    ],
)
async def test_an_incident_is_declared_in_one_line(
    slack: SlackSandbox, front: Front, desk: FakeDesk, text: str, declared: Declaration
) -> None:
    await slack.command(text, user=ANA.id, channel=INCIDENTS.id)
    assert await told(slack, front, ANA.id) == ["INC-43 is open."]
    assert desk.declared == [declared]


async def test_open_without_a_title_asks_in_a_dialog(slack: SlackSandbox, front: Front, desk: FakeDesk) -> None:
    await slack.command("open", user=ANA.id, channel=INCIDENTS.id)
    await front.drain()
    await slack.submit(slack.views(ANA.id)[-1], {"title": "Search is slow"})
    assert await told(slack, front, ANA.id) == ["INC-43 is open."]


async def test_what_is_open_and_who_is_on_call(slack: SlackSandbox, front: Front, desk: FakeDesk) -> None:
    await slack.command("list", user=ANA.id, channel=INCIDENTS.id)
    desk.incidents = (INCIDENT, IN_DIAGNOSIS)
    await slack.command("list", user=ANA.id, channel=INCIDENTS.id)
    await slack.command("oncall", user=ANA.id, channel=INCIDENTS.id)
    nothing, listing, on_call = await told(slack, front, ANA.id)
    assert nothing == "Nothing is open."
    assert "*P0 INC-42* Checkout is down · detection, nobody has it · since <!date^" in listing
    assert on_call == "*Level 1 Operations:* Ana Silva, then Ben Okafor"


async def test_what_the_report_says_can_be_asked_for(slack: SlackSandbox, front: Front) -> None:
    await slack.command("report INC-42", user=ANA.id, channel=INCIDENTS.id)
    await slack.command("report INC-42", user=EVE.id, channel=INCIDENTS.id)
    assert await told(slack, front, ANA.id) == ["INC-42: checkout was down for &lt;41&gt; min."]
    assert await told(slack, front, EVE.id) == ["U0000EVE is not in contacts."]


async def test_a_command_that_comes_twice_acts_once(slack: SlackSandbox, front: Front, desk: FakeDesk) -> None:
    from_slack = {"user_id": ANA.id, "command": "/tocsin", "text": "ack INC-42", "trigger_id": "9.9"}
    for _ in range(2):
        body = "&".join(f"{name}={value.replace('/', '%2F').replace(' ', '+')}" for name, value in from_slack.items())
        assert (await slack.send_signed(body.encode(), FORM)).status == 200
    await front.drain()
    assert len(desk.acts) == 1


async def test_the_home_tab_shows_what_is_mine_what_is_open_and_who_is_on_call(
    slack: SlackSandbox, front: Front, desk: FakeDesk
) -> None:
    desk.incidents = (INCIDENT, replace(IN_DIAGNOSIS, id=41, lease_owner="ana"))
    await slack.open_home(ANA.id)
    await front.drain()
    shown = json.dumps(slack.workspace.homes[ANA.id]["blocks"])
    assert shown.index("You are paged") < shown.index("INC-42") < shown.index("Yours") < shown.index("INC-41")
    assert "Ana Silva, then Ben Okafor" in shown
    await slack.click_home("tocsin_acknowledge:INC-42", user=ANA.id)
    await front.drain()
    assert [act.command for act in desk.acts] == [Acknowledge()]
    assert [one.text for one in slack.messages(user=ANA.id)] == ["INC-42 is yours."]
    assert slack.calls("views.publish") == 2


async def test_a_declaration_begins_on_the_home_tab_too(slack: SlackSandbox, front: Front) -> None:
    await slack.open_home(ANA.id)
    await front.drain()
    await slack.click_home(Action.DECLARE, user=ANA.id)
    await front.drain()
    assert slack.views(ANA.id)[-1].title == "Declare an incident"


async def test_a_stranger_s_home_tab_says_so(slack: SlackSandbox, front: Front) -> None:
    await slack.open_home(EVE.id)
    await front.drain()
    assert "U0000EVE is not in contacts." in json.dumps(slack.workspace.homes[EVE.id])


@pytest.mark.parametrize(
    ("kind", "payload", "event"),
    [
        (
            "view_submission",
            {"user": {}, "view": {"type": "modal", "callback_id": "tocsin_hold"}},
            "slack.dialog_unreadable",
        ),
        ("shortcut", {"user": {"id": ""}, "callback_id": "tocsin_declare"}, "slack.shortcut_unreadable"),
        (
            "message_action",
            {
                "user": {"id": "U1"},
                "callback_id": "tocsin_note_message",
                "channel": {"id": "C1"},
                "message": {"ts": "x"},
            },
            "slack.shortcut_unreadable",
        ),
    ],
)
async def test_a_payload_that_can_not_be_read_is_acknowledged_and_logged(
    slack: SlackSandbox, desk: FakeDesk, kind: str, payload: dict[str, Any], event: str
) -> None:
    with capture_logs() as logs:
        answer = await slack.send_signed(form_body({"type": kind, **payload}), FORM)
    assert (answer.status, [one["event"] for one in logs]) == (200, [event])
    assert desk.acts == []


async def test_a_fault_of_ours_behind_the_answer_is_logged(
    slack: SlackSandbox, front: Front, desk: FakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def boom(person: tuple[str, str]) -> None:
        raise RuntimeError(person)

    monkeypatch.setattr(desk, "board", boom)
    with capture_logs() as logs:
        await slack.shortcut(Modal.DECLARE, user=ANA.id)
        await front.drain()
    assert [one["event"] for one in logs] == ["slack.failed"]


async def test_a_payload_that_is_none_of_slack_s_is_refused(slack: SlackSandbox, desk: FakeDesk) -> None:
    for broken in ({"type": "view_submission", "view": {}}, {"type": "block_actions"}, {"type": 7}):
        answer = await slack.send_signed(form_body(broken), FORM)
        assert answer.status in (200, 400)
        assert "Traceback" not in answer.body
    assert desk.acts == []
