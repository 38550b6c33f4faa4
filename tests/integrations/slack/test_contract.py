"""What is rendered and what is listened to are the same."""

from slack_sdk.models.blocks import ActionsBlock

from engine.core.model import MessageKind
from integrations.slack.blocks import render
from integrations.slack.buttons import Action
from integrations.slack.presses import COMMANDS
from tests.integrations.slack.envelopes import ACKNOWLEDGED, RESOLVED, at, envelope


def test_every_button_that_is_rendered_has_a_listener_and_every_listener_is_rendered() -> None:
    asked = {**ACKNOWLEDGED, "lease_asked_at": at(18)}
    moments = [envelope(), envelope(**ACKNOWLEDGED), envelope(message={"kind": MessageKind.QUESTION}, **asked)]
    actions = [block for one in moments for block in render(one).blocks if isinstance(block, ActionsBlock)]
    rendered = {element.to_dict()["action_id"] for block in actions for element in block.elements}
    assert rendered == set(COMMANDS) == set(Action)
    assert not any(isinstance(block, ActionsBlock) for block in render(envelope(**RESOLVED)).blocks)
