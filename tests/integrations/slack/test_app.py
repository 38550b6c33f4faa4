"""A press becomes one command and one sentence, over signed HTTP, whatever happens on the way."""

from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from engine.core.commands import Acknowledge, Command, Decline, Escalate, Resolve
from engine.core.errors import Overloaded
from integrations.sandbox.clicks import FORM, block_actions, form_body
from integrations.sandbox.slack import SlackSandbox
from integrations.sandbox.slack_grants import Click
from integrations.sandbox.slack_values import Content, Message
from integrations.slack.blocks import render
from integrations.slack.buttons import Action
from integrations.slack.front import Front
from integrations.slack.presses import UNKNOWN_BUTTON
from integrations.slack.replies import FAILED
from tests.integrations.slack.conftest import ANA, BEN, EVE, INCIDENTS
from tests.integrations.slack.desk import Act, FakeDesk
from tests.integrations.slack.envelopes import PAGE

pytestmark = pytest.mark.usefixtures("connected")


def post(slack: SlackSandbox, **changes: Any) -> Message:
    rendered = render(replace(PAGE, **changes))
    content = Content(text=rendered.text, blocks=tuple(block.to_dict() for block in rendered.blocks))
    return slack.workspace.post(INCIDENTS, content)


def post_button(slack: SlackSandbox, action_id: str, value: str) -> Message:
    button = {"type": "button", "action_id": action_id, "value": value, "text": {"type": "plain_text", "text": "Press"}}
    return slack.workspace.post(INCIDENTS, Content(text="old", blocks=({"type": "actions", "elements": [button]},)))


async def told(slack: SlackSandbox, front: Front, user: str) -> list[str]:
    await front.drain()
    return [one.text for one in slack.ephemerals(user)]


@pytest.mark.parametrize(
    ("action", "command"),
    [
        (Action.ACKNOWLEDGE, Acknowledge()),
        (Action.DECLINE, Decline()),
        (Action.ESCALATE, Escalate(seen_level=1)),
        (Action.RESOLVE, Resolve(validation="stated by the Resolve button in Slack")),
    ],
)
async def test_a_press_is_one_command_by_the_presser_on_what_they_saw(
    slack: SlackSandbox, desk: FakeDesk, front: Front, action: Action, command: Command
) -> None:
    answer = await slack.click(post(slack), action, user=ANA.id)
    assert (answer.status, answer.body) == (200, "")
    assert await told(slack, front, ANA.id) == ["INC-42 is yours."]
    assert desk.acts == [Act(person=("slack", ANA.id), incident="INC-42", command=command, generation=1)]


async def test_slack_is_answered_while_the_desk_is_still_at_it(
    slack: SlackSandbox, desk: FakeDesk, front: Front
) -> None:
    desk.open.clear()
    answer = await slack.click(post(slack), Action.ACKNOWLEDGE, user=ANA.id)
    assert answer.status == 200
    assert slack.ephemerals() == []
    desk.open.set()
    assert await told(slack, front, ANA.id) == ["INC-42 is yours."]


async def test_of_two_who_press_one_has_it_and_the_other_is_told_who(slack: SlackSandbox, front: Front) -> None:
    message = post(slack)
    await slack.click(message, Action.ACKNOWLEDGE, user=ANA.id)
    await slack.click(message, Action.ACKNOWLEDGE, user=BEN.id)
    assert await told(slack, front, ANA.id) == ["INC-42 is yours."]
    assert await told(slack, front, BEN.id) == ["INC-42 is already acknowledged by Ana Silva."]


async def test_a_stale_button_says_what_happened_meanwhile(slack: SlackSandbox, desk: FakeDesk, front: Front) -> None:
    desk.generation = 2
    await slack.click(post(slack), Action.ACKNOWLEDGE, user=ANA.id)
    assert await told(slack, front, ANA.id) == ["INC-42 was reopened since; nothing was changed."]


async def test_a_stranger_is_told_so(slack: SlackSandbox, front: Front) -> None:
    await slack.click(post(slack), Action.RESOLVE, user=EVE.id)
    assert await told(slack, front, EVE.id) == ["U0000EVE is not in contacts."]


@pytest.mark.parametrize(
    ("action", "value"),
    [
        ("tocsin_of_another_release", '{"incident":"INC-42","generation":1}'),
        (Action.ACKNOWLEDGE, ""),
        (Action.ACKNOWLEDGE, "INC-42"),
        (Action.ACKNOWLEDGE, '{"incident":"INC-42"}'),
        (Action.ACKNOWLEDGE, '{"incident":"../42","generation":1}'),
        (Action.ESCALATE, '{"incident":"INC-42","generation":1,"level":-1}'),
    ],
)
async def test_a_button_that_is_not_understood_changes_nothing_and_says_so(
    slack: SlackSandbox, desk: FakeDesk, front: Front, action: str, value: str
) -> None:
    answer = await slack.click(post_button(slack, action, value), action, user=ANA.id)
    assert answer.status == 200
    assert await told(slack, front, ANA.id) == [UNKNOWN_BUTTON]
    assert desk.acts == []


async def test_a_button_of_another_app_is_none_of_our_business(
    slack: SlackSandbox, desk: FakeDesk, front: Front
) -> None:
    answer = await slack.click(post_button(slack, "approve", "1"), "approve", user=ANA.id)
    assert answer.status == 200
    assert await told(slack, front, ANA.id) == []
    assert desk.acts == []


async def test_a_busy_database_is_said_to_be_busy(slack: SlackSandbox, desk: FakeDesk, front: Front) -> None:
    desk.error = Overloaded("The database is busy; press again in a moment.")
    await slack.click(post(slack), Action.ACKNOWLEDGE, user=ANA.id)
    assert await told(slack, front, ANA.id) == ["Nothing was changed: The database is busy; press again in a moment."]


async def test_a_fault_of_ours_is_told_to_the_presser_and_logged_once(
    slack: SlackSandbox, desk: FakeDesk, front: Front
) -> None:
    desk.error = RuntimeError("boom")
    with capture_logs() as logs:
        await slack.click(post(slack), Action.ACKNOWLEDGE, user=ANA.id)
        assert await told(slack, front, ANA.id) == [FAILED]
    assert [(one["event"], one["incident"]) for one in logs] == [("slack.failed", "INC-42")]


async def test_what_the_presser_is_told_mentions_nobody(slack: SlackSandbox, desk: FakeDesk, front: Front) -> None:
    desk.owner = "<!channel>"
    await slack.click(post(slack), Action.ACKNOWLEDGE, user=ANA.id)
    assert await told(slack, front, ANA.id) == ["INC-42 is already acknowledged by &lt;!channel&gt;."]


def payload(slack: SlackSandbox, message: Message, response_url: str | None = None) -> dict[str, Any]:
    button = message.button(Action.ACKNOWLEDGE)
    assert button is not None
    click = Click(user=ANA.id, message=message)
    url = response_url if response_url is not None else slack.url + slack.workspace.grants.response_path(click)
    return block_actions(
        message, button, user=ANA, channel=INCIDENTS, trigger_id="1.2.3", response_url=url, now=slack.workspace.clock()
    )


async def test_a_payload_that_comes_twice_acts_once(slack: SlackSandbox, desk: FakeDesk, front: Front) -> None:
    body = form_body(payload(slack, post(slack)))
    first = await slack.send_signed(body, FORM)
    again = await slack.send_signed(
        body, FORM, extra={"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_timeout"}
    )
    assert (first.status, again.status) == (200, 200)
    assert len(await told(slack, front, ANA.id)) == len(desk.acts) == 1


async def test_a_press_where_slack_gives_no_address_for_answers_is_answered_directly(
    slack: SlackSandbox, front: Front
) -> None:
    await slack.send_signed(form_body(payload(slack, post(slack), "")), FORM)
    assert await told(slack, front, ANA.id) == []
    assert [one.text for one in slack.messages(user=ANA.id)] == ["INC-42 is yours."]


@pytest.mark.parametrize("response_url", ["http://127.0.0.1:9/gone", "{slack}/actions/T1/1/unknown"])
async def test_an_answer_that_cannot_be_given_is_logged_and_the_command_stands(
    slack: SlackSandbox, desk: FakeDesk, front: Front, response_url: str
) -> None:
    body = form_body(payload(slack, post(slack), response_url.format(slack=slack.url)))
    with capture_logs() as logs:
        await slack.send_signed(body, FORM)
        assert await told(slack, front, ANA.id) == []
    assert [one["event"] for one in logs] == ["slack.done", "slack.answer_lost"]
    assert desk.owner == "Ana Silva"


async def test_a_payload_without_a_presser_is_acknowledged_and_logged(slack: SlackSandbox, desk: FakeDesk) -> None:
    broken = payload(slack, post(slack)) | {"user": {}}
    with capture_logs() as logs:
        answer = await slack.send_signed(form_body(broken), FORM)
    assert answer.status == 200
    assert [one["event"] for one in logs] == ["slack.press_unreadable"]
    assert desk.acts == []
