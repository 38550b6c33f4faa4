"""What the app says to one person: beside the message they pressed, or directly. Behind the answer to Slack, which
waits 3 s at most."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.models.views import View

from engine.core.errors import TocsinError
from engine.ports import Answer
from integrations.slack.errors import read_refusal
from integrations.slack.text import plain
from integrations.slack.web import SlackWeb

log = structlog.get_logger(__name__)

SENTENCES = 3_000
FAILED = "Tocsin could not carry this out, and its log says why. Look at the card before you press again."


class Replies:
    """`timeout` is in seconds, for one call."""

    def __init__(self, web: SlackWeb, *, timeout: float = 10) -> None:
        self._web = web
        self._timeout = timeout
        self._running: set[asyncio.Task[None]] = set()

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Goes on once Slack is answered."""
        # asyncio keeps only a weak reference: without ours a press could vanish half done
        task = asyncio.create_task(_guarded(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def drain(self) -> None:
        """Returns once everything that was taken in is carried out and answered."""
        while self._running:
            await asyncio.wait(self._running)

    async def tell(self, user: str, text: str, response_url: str = "") -> None:
        """Seen by this person only. `text` is mrkdwn: what comes from elsewhere went through `plain`."""
        try:
            async with asyncio.timeout(self._timeout):
                await (self._beside(response_url, text) if response_url else self._directly(user, text))
        except aiohttp.ClientResponseError as error:
            log.warning("slack.answer_lost", user=user, error=f"status {error.status}")
        except SlackApiError as error:
            log.warning("slack.answer_lost", user=user, error=read_refusal(error).code)
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("slack.answer_lost", user=user, error=type(error).__name__)

    async def _beside(self, response_url: str, text: str) -> None:
        message = {"response_type": "ephemeral", "replace_original": False, "text": text[:SENTENCES]}
        async with self._web.session().post(response_url, json=message) as response:
            response.raise_for_status()

    async def _directly(self, user: str, text: str) -> None:
        client = self._web.client()
        await client.chat_postMessage(channel=user, text=text[:SENTENCES], parse="none", unfurl_links=False)

    async def whisper(self, user: str, channel: str, text: str) -> None:
        """In a channel, seen by this person only."""
        client = self._web.client()
        try:
            async with asyncio.timeout(self._timeout):
                await client.chat_postEphemeral(channel=channel, user=user, text=text[:SENTENCES], parse="none")
        except SlackApiError as error:
            log.warning("slack.answer_lost", user=user, error=read_refusal(error).code)
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("slack.answer_lost", user=user, error=type(error).__name__)

    async def open(self, user: str, trigger_id: str, view: View, response_url: str = "") -> None:
        """A dialog; Slack takes it for 3 s after the press."""

        async def call() -> object:
            client = self._web.client()
            return await client.views_open(trigger_id=trigger_id, view=view)

        await self._shown(call, user, response_url)

    async def publish(self, user: str, view: View) -> None:
        """The person's home tab."""

        async def call() -> object:
            client = self._web.client()
            return await client.views_publish(user_id=user, view=view)

        await self._shown(call, user, "")

    async def _shown(self, call: Callable[[], Awaitable[object]], user: str, response_url: str) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await call()
        except SlackApiError as error:
            refused = read_refusal(error)
            why = refused.code or str(refused.status)
            log.warning("slack.view_refused", user=user, error=why, problem=refused.problem)
            if response_url:
                await self.tell(
                    user, f"Slack did not open the dialog ({plain(why)}). Please press again.", response_url
                )
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("slack.view_refused", user=user, error=type(error).__name__)


async def _guarded(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:  # the edge of a background task: nobody above could tell of it
        log.exception("slack.failed")


async def carried_out(work: Awaitable[Answer], **facts: str) -> Answer:
    """The desk's answer, whatever goes wrong: nobody above could tell the person."""
    try:
        answer = await work
    except TocsinError as error:
        log.warning("slack.refused", error=str(error), **facts)
        return Answer(changed=False, code="refused", sentence=f"Nothing was changed: {error}")
    except Exception:
        log.exception("slack.failed", **facts)
        return Answer(changed=False, code="failed", sentence=FAILED)
    log.info("slack.done", code=answer.code, **facts)
    return answer
