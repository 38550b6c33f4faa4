"""The bolt app: which payload goes to which listener. The same for HTTP and Socket Mode."""

from __future__ import annotations

import logging
import re

import structlog
from pydantic import SecretStr
from slack_bolt import BoltResponse
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltUnhandledRequestError

from integrations.slack.front import Front
from integrations.slack.modals import Modal
from integrations.slack.rooms import SHORTCUT

log = structlog.get_logger(__name__)

OURS = re.compile(r"^tocsin_")
"""Every button and dialog of ours, those of other releases too: messages stay pressable across an upgrade."""
COMMAND = re.compile(r"^/(tocsin|incident)$")
HOME, REACTION, MESSAGE = "app_home_opened", "reaction_added", "message"


def build_app(front: Front, *, signing_secret: SecretStr) -> AsyncApp:
    """Answers before it does anything slow, and asks nothing of Slack's API to do so."""
    # bolt logs whole bodies of refused requests and advice on unknown events; our own events say it shorter
    logger = logging.getLogger("tocsin.slack.bolt")
    logger.setLevel(logging.ERROR)
    app = AsyncApp(
        name="tocsin",
        logger=logger,
        signing_secret=signing_secret.get_secret_value(),
        authorize=_authorize,
        process_before_response=True,  # the listeners only acknowledge; without it bolt polls for that every 10 ms
        raise_error_for_unhandled_request=True,
        ssl_check_enabled=False,  # it would be answered before the signature is looked at
    )
    app.action(OURS)(front.presses.receive)
    app.view(OURS)(front.submissions.receive)
    app.command(COMMAND)(front.commands.receive)
    app.shortcut(Modal.DECLARE.value)(front.receive_shortcut)
    app.shortcut(SHORTCUT)(front.marks.receive_shortcut)
    app.event(HOME)(front.home.receive)
    app.event(REACTION)(front.marks.receive_reaction)
    app.event(MESSAGE)(front.marks.receive_message)
    app.error(_answer_error)
    return app


async def _authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
    """One workspace, known by the signature. Bolt's default asks auth.test before it answers a click."""
    return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id)


async def _answer_error(error: Exception) -> BoltResponse:
    if isinstance(error, BoltUnhandledRequestError):
        log.info("slack.request_ignored", kind=str(error.body.get("type", "")))
        return BoltResponse(status=200)
    log.error("slack.listener_failed", exc_info=error)
    return BoltResponse(status=500)
