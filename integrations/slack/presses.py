"""What happens when someone presses a button: one command to the desk, one sentence back to the presser."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import aiohttp
import structlog
from pydantic import BaseModel, Field, ValidationError
from slack_bolt.async_app import AsyncAck

from engine.core.commands import Acknowledge, Command, Decline, Escalate, Resolve
from engine.core.errors import TocsinError
from engine.ports import Desk
from integrations.slack.buttons import Action, ButtonValue, action_of
from integrations.slack.text import plain

log = structlog.get_logger(__name__)

COMMANDS: Mapping[str, Callable[[ButtonValue], Command]] = {
    Action.ACKNOWLEDGE: lambda _: Acknowledge(),
    Action.DECLINE: lambda _: Decline(),
    Action.ESCALATE: lambda value: Escalate(seen_level=value.level),
    Action.RESOLVE: lambda _: Resolve(validation="stated by the Resolve button in Slack"),
}
"""What each button asks for."""

UNKNOWN_BUTTON = (
    "This button is not one that Tocsin knows (any more); nothing was changed. Use the incident's newest message."
)
FAILED = "Tocsin could not carry this out, and its log says why. Look at the card before you press again."
REMEMBERED = 1_000


class Presser(BaseModel):
    id: Annotated[str, Field(min_length=1)]


class PressedButton(BaseModel):
    action_id: str
    action_ts: str = ""
    value: str = ""


class Press(BaseModel):
    """The parts of a block_actions payload that matter: docs.slack.dev/reference/interaction-payloads"""

    user: Presser
    actions: Annotated[tuple[PressedButton, ...], Field(min_length=1)]
    trigger_id: str = ""
    response_url: str = ""

    @property
    def button(self) -> PressedButton:
        return self.actions[0]

    @property
    def identity(self) -> tuple[str, str]:
        """The same for a payload that Slack delivers again, another one for a second press."""
        return self.trigger_id, self.button.action_ts


def read_button(button: PressedButton) -> tuple[ButtonValue, Command] | None:
    """None for a button of another release, or a value that was tampered with."""
    command = COMMANDS.get(action_of(button.action_id))
    if command is None:
        return None
    try:
        value = ButtonValue.model_validate_json(button.value)
    except ValidationError:
        return None
    return value, command(value)


class Presses:
    """Carries presses out behind the answer to Slack, which waits 3 s at most. `timeout` is in seconds."""

    def __init__(self, desk: Desk, *, session: Callable[[], aiohttp.ClientSession], timeout: float = 10) -> None:
        self._desk = desk
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._seen: deque[tuple[str, str]] = deque(maxlen=REMEMBERED)
        self._running: set[asyncio.Task[None]] = set()

    async def receive(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """The listener of every button."""
        await ack()
        try:
            press = Press.model_validate(body)
        except ValidationError as error:
            log.warning("slack.press_unreadable", faults=error.error_count())
            return
        if press.trigger_id and press.identity in self._seen:
            log.info("slack.press_repeated", user=press.user.id, action=press.button.action_id)
            return
        self._seen.append(press.identity)
        # asyncio keeps only a weak reference: without ours a press could vanish half done
        task = asyncio.create_task(self._carry_out(press))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def drain(self) -> None:
        """Returns once every press that was taken in is carried out and answered."""
        while self._running:
            await asyncio.wait(self._running)

    async def _carry_out(self, press: Press) -> None:
        await self._tell(press, await self._act(press))

    async def _act(self, press: Press) -> str:
        """The sentence for the presser."""
        user, action = press.user.id, press.button.action_id
        request = read_button(press.button)
        if request is None:
            log.warning("slack.button_unknown", user=user, action=action)
            return UNKNOWN_BUTTON
        value, command = request
        try:
            answer = await self._desk.act(
                person=("slack", user), incident=value.incident, command=command, generation=value.generation
            )
        except TocsinError as error:
            log.warning("slack.press_refused", user=user, action=action, incident=value.incident, error=str(error))
            return f"Nothing was changed: {error}"
        except Exception:  # the edge of a background task: nobody above could tell the presser
            log.exception("slack.press_failed", user=user, action=action, incident=value.incident)
            return FAILED
        log.info("slack.press", user=user, action=action, incident=value.incident, code=answer.code)
        return answer.sentence

    async def _tell(self, press: Press, sentence: str) -> None:
        """Seen by the presser only; the card itself is brought up to date by the outbox."""
        if not press.response_url:
            log.warning("slack.answer_lost", user=press.user.id, error="the payload names no response_url")
            return
        message = {"response_type": "ephemeral", "replace_original": False, "text": plain(sentence, 3_000)}
        try:
            async with self._session().post(press.response_url, json=message, timeout=self._timeout) as response:
                response.raise_for_status()
        except aiohttp.ClientResponseError as error:
            log.warning("slack.answer_lost", user=press.user.id, error=f"status {error.status}")
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("slack.answer_lost", user=press.user.id, error=type(error).__name__)
