"""What is rendered and what is listened to are the same."""

from dataclasses import replace
from typing import Any

from slack_sdk.models.blocks import ActionsBlock

from engine.core.model import ActionItem, MessageKind, OwnAction, PlaybookStep, State
from engine.ports import Board
from integrations.slack.app import COMMAND, HOME, MESSAGE, REACTION
from integrations.slack.blocks import render
from integrations.slack.buttons import Action, ButtonValue
from integrations.slack.home import home
from integrations.slack.manifest import manifest
from integrations.slack.modals import READERS, VALUE, Modal, advance_modal, declare_modal, hold_modal, update_modal
from integrations.slack.presses import COMMANDS, DIALOGS
from integrations.slack.rooms import SHORTCUT
from tests.integrations.slack.envelopes import ACKNOWLEDGED, INCIDENT, OPENED, RESOLVED, at, envelope

STEP = PlaybookStep(id="notify", number="1.3", phase="assessment", title="Notify the team")
BUTTON = ButtonValue(incident="INC-42", generation=1)


def rendered_actions() -> set[str]:
    asked = {**ACKNOWLEDGED, "lease_asked_at": at(18)}
    moments = [
        envelope(),
        envelope(**ACKNOWLEDGED),
        envelope(message={"kind": MessageKind.QUESTION}, **asked),
        envelope(message={"kind": MessageKind.NOTICE}, **ACKNOWLEDGED, update_due_at=at(40)),
        replace(envelope(**{**ACKNOWLEDGED, "state": State.ASSESSMENT}), steps=(STEP,), room_possible=True),
    ]
    actions = [block for one in moments for block in render(one).blocks if isinstance(block, ActionsBlock)]
    return {element.to_dict()["action_id"] for block in actions for element in block.elements}


def home_actions() -> set[str]:
    overdue = OwnAction(incident=INCIDENT, number=1, item=ActionItem(what="Renew by machine", due_on="2026-01-01"))
    board = Board(
        me="ana",
        zone="UTC",
        now=OPENED,
        incidents=(INCIDENT,),
        more=True,
        overdue=(overdue,),
        watches=(),
        services={},
        people={},
    )
    blocks: list[dict[str, Any]] = home(board).to_dict()["blocks"]
    elements = [
        element for block in blocks for element in (*block.get("elements", ()), *filter(None, [block.get("accessory")]))
    ]
    return {element["action_id"].partition(":")[0] for element in elements}


def test_every_button_that_is_rendered_has_a_listener_and_every_listener_is_rendered() -> None:
    rendered = rendered_actions() | home_actions()
    assert rendered == {*COMMANDS, *DIALOGS, Action.DECLARE} == set(Action)
    assert not any(isinstance(block, ActionsBlock) for block in render(envelope(**RESOLVED)).blocks)


def test_every_dialog_that_is_opened_has_a_listener_and_every_listener_is_opened() -> None:
    own = (hold_modal(BUTTON, ""), advance_modal(BUTTON, ""), update_modal(BUTTON, ""))
    opened = {view.callback_id for view in (*own, declare_modal({}))}
    assert opened == {*READERS, Modal.DECLARE} == set(Modal)


def test_a_field_of_a_dialog_says_nothing_to_us_before_it_is_sent() -> None:
    own = (hold_modal(BUTTON, ""), advance_modal(BUTTON, ""), update_modal(BUTTON, ""))
    for view in (*own, declare_modal({"checkout": "Checkout"})):
        fields = [block for block in view.to_dict()["blocks"] if block["type"] == "input"]
        assert {field["element"]["action_id"] for field in fields} == {VALUE}
        assert not any(field.get("dispatch_action") for field in fields)


def test_the_app_is_made_with_every_command_shortcut_and_event_that_is_listened_to_and_no_other() -> None:
    app = manifest("https://tocsin.example.com")
    assert [COMMAND.fullmatch(one["command"]) is not None for one in app["features"]["slash_commands"]] == [True]
    assert [one["callback_id"] for one in app["features"]["shortcuts"]] == [Modal.DECLARE.value, SHORTCUT]
    assert app["settings"]["event_subscriptions"]["bot_events"] == [
        HOME,
        REACTION,
        f"{MESSAGE}.channels",
        f"{MESSAGE}.groups",
    ]
