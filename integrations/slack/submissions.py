"""What happens when a dialog is sent: one command, and where it is refused the dialog says why."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any

import structlog
from pydantic import BaseModel, Field, ValidationError
from slack_bolt.async_app import AsyncAck

from engine.core.texts import clean
from engine.ports import Answer, Desk
from integrations.slack.modals import READERS, Answers, Faults, Meta, Modal, field_of, read_declaration
from integrations.slack.replies import Replies, carried_out
from integrations.slack.text import plain

log = structlog.get_logger(__name__)

ANSWER_WITHIN = 2.0
"""Seconds of Slack's three; what takes longer is answered beside the message."""
UNKNOWN_DIALOG = "This dialog is not one that Tocsin knows (any more); nothing was changed."


class Person(BaseModel):
    id: Annotated[str, Field(min_length=1)]


class SentView(BaseModel):
    id: str = ""
    hash: str = ""
    callback_id: str = ""
    private_metadata: str = "{}"
    state: dict[str, dict[str, dict[str, Any]]] = {}

    @property
    def answers(self) -> Answers:
        """docs.slack.dev/reference/interaction-payloads/view-interactions-payload#view_submission"""
        fields = self.state.get("values", {})
        return {name: _entered(next(iter(field.values()), {})) for name, field in fields.items()}


class Submission(BaseModel):
    """The parts of a view_submission payload that matter."""

    user: Person
    view: SentView
    trigger_id: str = ""


def _entered(element: dict[str, Any]) -> str | None:
    chosen = element.get("selected_option")
    value = chosen.get("value") if isinstance(chosen, dict) else element.get("value")
    return clean(value).strip() or None if isinstance(value, str) else None


class Submissions:
    def __init__(self, desk: Desk, replies: Replies, *, answer_within: float = ANSWER_WITHIN) -> None:
        self._desk = desk
        self._replies = replies
        self._answer_within = answer_within

    async def receive(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """The listener of every dialog."""
        try:
            sent = Submission.model_validate(body)
            meta = Meta.model_validate_json(sent.view.private_metadata or "{}")
        except ValidationError as error:
            log.warning("slack.dialog_unreadable", faults=error.error_count())
            await ack()
            return
        work = self._work(sent, meta)
        if isinstance(work, Faults):
            await ack(response_action="errors", errors=dict(work.by_field))
            return
        task = asyncio.create_task(work)
        done, _ = await asyncio.wait([task], timeout=self._answer_within)
        answer = task.result() if done else None
        if answer is not None and not answer.changed and sent.view.callback_id in list(Modal):
            field = field_of(sent.view.callback_id, meta)
            await ack(response_action="errors", errors={field: plain(answer.sentence, 300)})
            return
        await ack()
        self._replies.later(self._tell(sent.user.id, task, meta.response_url))

    async def _tell(self, user: str, answer: asyncio.Task[Answer], response_url: str) -> None:
        await self._replies.tell(user, plain((await answer).sentence), response_url)

    def _work(self, sent: Submission, meta: Meta) -> Coroutine[Any, Any, Answer] | Faults:
        """What is to be done, or what is wrong with the answers."""
        user, callback = sent.user.id, sent.view.callback_id
        if callback == Modal.DECLARE:
            declaration = read_declaration(sent.view.answers)
            if isinstance(declaration, Faults):
                return declaration
            work = self._desk.declare(person=("slack", user), declaration=declaration)
            return carried_out(work, user=user, dialog=callback)
        reader = READERS.get(callback)
        if reader is None or meta.button is None:
            log.warning("slack.dialog_unknown", user=user, dialog=callback)
            return _unknown()
        command = reader(sent.view.answers, meta)
        if isinstance(command, Faults):
            return command
        button = meta.button
        work = self._desk.act(
            person=("slack", user),
            incident=button.incident,
            command=command,
            generation=button.generation,
            key=sent.trigger_id,
        )
        return carried_out(work, user=user, dialog=callback, incident=button.incident)


async def _unknown() -> Answer:
    return Answer(changed=False, code="unknown", sentence=UNKNOWN_DIALOG)
