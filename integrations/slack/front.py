"""Everything that listens to Slack, with what it shares."""

from __future__ import annotations

from typing import Any

import structlog
from pydantic import BaseModel, ValidationError
from slack_bolt.async_app import AsyncAck

from engine.ports import Desk
from integrations.slack.home import Home
from integrations.slack.presses import Presser, Presses
from integrations.slack.replies import Replies
from integrations.slack.rooms import Marks
from integrations.slack.seen import Seen
from integrations.slack.slash import SlashCommands
from integrations.slack.submissions import Submissions
from integrations.slack.web import SlackWeb

log = structlog.get_logger(__name__)


class Taken(BaseModel):
    """The parts of a global shortcut's payload that matter."""

    user: Presser
    trigger_id: str = ""


class Front:
    """The same for HTTP and Socket Mode. Nothing is kept between two requests that another replica would need."""

    def __init__(self, desk: Desk, web: SlackWeb) -> None:
        self._replies = Replies(web)
        self.home = Home(desk, self._replies)
        seen = Seen()
        self.marks = Marks(desk, self._replies, web, seen)
        self.presses = Presses(desk, self._replies, seen, self.home.show)
        self.submissions = Submissions(desk, self._replies)
        self.commands = SlashCommands(desk, self._replies, seen, self.presses.declare)

    async def receive_shortcut(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """The listener of the global shortcut to declare an incident."""
        await ack()
        try:
            taken = Taken.model_validate(body)
        except ValidationError as error:
            log.warning("slack.shortcut_unreadable", faults=error.error_count())
            return
        self._replies.later(self.presses.declare(taken.user.id, taken.trigger_id))

    async def drain(self) -> None:
        """Returns once everything that was taken in is carried out and answered."""
        await self._replies.drain()
