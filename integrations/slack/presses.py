"""What happens when someone presses a button: one command to the desk and one sentence back, or a dialog."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any

import structlog
from pydantic import BaseModel, Field, ValidationError
from slack_bolt.async_app import AsyncAck
from slack_sdk.models.views import View

from engine.core.commands import Acknowledge, Command, Decline, Escalate, Finish, OpenRoom, Resolve, Snooze, Tick
from engine.core.errors import TocsinError
from engine.ports import Desk
from integrations.slack.buttons import Action, ButtonValue, action_of
from integrations.slack.modals import advance_modal, declare_modal, hold_modal, update_modal
from integrations.slack.replies import Replies, carried_out
from integrations.slack.seen import Seen
from integrations.slack.text import plain

log = structlog.get_logger(__name__)

COMMANDS: Mapping[str, Callable[[ButtonValue], Command]] = {
    Action.ACKNOWLEDGE: lambda _: Acknowledge(),
    Action.DECLINE: lambda _: Decline(),
    Action.ESCALATE: lambda value: Escalate(seen_level=value.level),
    Action.ROOM: lambda _: OpenRoom(),
    Action.STEP: lambda value: Tick(step=value.step or ""),
    Action.FINISH: lambda value: Finish(action=value.agreed or 0),
    Action.SNOOZE: lambda _: Snooze(span=timedelta(minutes=30)),
    Action.RESOLVE: lambda _: Resolve(validation="stated by the Resolve button in Slack"),
}
"""What each button asks for."""

DIALOGS: Mapping[str, Callable[[ButtonValue, str], View]] = {
    Action.HOLD: hold_modal,
    Action.ADVANCE: advance_modal,
    Action.UPDATE: update_modal,
}
"""The buttons that ask something first."""

UNKNOWN_BUTTON = (
    "This button is not one that Tocsin knows (any more); nothing was changed. Use the incident's newest message."
)


class Presser(BaseModel):
    id: Annotated[str, Field(min_length=1)]


class PressedButton(BaseModel):
    action_id: str
    action_ts: str = ""
    value: str = ""


class Surface(BaseModel):
    type: str = ""


class Press(BaseModel):
    """The parts of a block_actions payload that matter: docs.slack.dev/reference/interaction-payloads"""

    user: Presser
    actions: Annotated[tuple[PressedButton, ...], Field(min_length=1)]
    trigger_id: str = ""
    response_url: str = ""
    view: Surface = Surface()

    @property
    def button(self) -> PressedButton:
        return self.actions[0]

    @property
    def identity(self) -> tuple[str, str]:
        """The same for a payload that Slack delivers again, another one for a second press."""
        return self.trigger_id, self.button.action_ts


def read_value(button: PressedButton) -> ButtonValue | None:
    """None for a value that was tampered with."""
    try:
        return ButtonValue.model_validate_json(button.value)
    except ValidationError:
        return None


def read_button(button: PressedButton) -> tuple[ButtonValue, Command] | None:
    """None for a button of another release, or a value that was tampered with."""
    command, value = COMMANDS.get(action_of(button.action_id)), read_value(button)
    if command is None or value is None:
        return None
    try:
        return value, command(value)
    except ValidationError:
        return None


class Presses:
    """`show_home` brings a person's home tab up to date."""

    def __init__(self, desk: Desk, replies: Replies, seen: Seen, show_home: Callable[[str], Awaitable[None]]) -> None:
        self._seen = seen
        self._desk = desk
        self._replies = replies
        self._show_home = show_home

    async def receive(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """The listener of every button."""
        await ack()
        try:
            press = Press.model_validate(body)
        except ValidationError as error:
            log.warning("slack.press_unreadable", faults=error.error_count())
            return
        if press.trigger_id and not self._seen.first(*press.identity):
            log.info("slack.press_repeated", user=press.user.id, action=press.button.action_id)
            return
        self._replies.later(self._carry_out(press))

    async def _carry_out(self, press: Press) -> None:
        action, value = action_of(press.button.action_id), read_value(press.button)
        if action == Action.DECLARE:
            await self.declare(press.user.id, press.trigger_id, press.response_url)
        elif action in DIALOGS and value is not None:
            view = DIALOGS[action](value, press.response_url)
            await self._replies.open(press.user.id, press.trigger_id, view, press.response_url)
        else:
            await self._replies.tell(press.user.id, plain(await self._act(press), 3_000), press.response_url)
            if press.view.type == "home":
                await self._show_home(press.user.id)

    async def _act(self, press: Press) -> str:
        """The sentence for the presser."""
        user, action = press.user.id, press.button.action_id
        request = read_button(press.button)
        if request is None:
            log.warning("slack.button_unknown", user=user, action=action)
            return UNKNOWN_BUTTON
        value, command = request
        work = self._desk.act(
            person=("slack", user),
            incident=value.incident,
            command=command,
            generation=value.generation,
            key=press.trigger_id,
        )
        return (await carried_out(work, user=user, action=action, incident=value.incident)).sentence

    async def declare(self, user: str, trigger_id: str, response_url: str = "", title: str = "") -> None:
        """Opens the dialog to declare an incident, for somebody who may."""
        try:
            board = await self._desk.board(("slack", user))
        except TocsinError as error:
            await self._replies.tell(user, plain(str(error), 3_000), response_url)
            return
        await self._replies.open(user, trigger_id, declare_modal(board.services, response_url, title), response_url)
