"""Slack: a message to a channel or to a person, with buttons, brought up to date in place."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import aiohttp
from pydantic import BaseModel, ConfigDict
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from engine.core.errors import DeliveryError
from engine.core.model import MessageKind
from engine.core.spans import Span
from engine.ports import Attachment, Envelope, Receipt
from integrations.channels import Resources
from integrations.slack.blocks import Rendered, line, render
from integrations.slack.errors import LOCKED_OUT, delivery_error, read_refusal, transport_error
from integrations.slack.files import post_file
from integrations.slack.lookup import METADATA_TYPE, find_delivery
from integrations.slack.rooms import ensure_room, leave_room, pin_card
from integrations.slack.web import SlackWeb


class Settings(BaseModel):
    """`timeout` is for one call, from the connection to Slack's whole answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timeout: Span = timedelta(seconds=10)


TRY_TOKEN_AGAIN = timedelta(minutes=1)


class SlackChannel:
    """An address is a channel (`#incidents`, `C012AB3CDE4`) or a person's member ID (`U012AB3CDE4`)."""

    kind = "slack"
    updatable = True

    def __init__(self, name: str, settings: Settings, resources: Resources) -> None:
        self.name = name
        self._resources = resources
        self._refused: tuple[datetime, str] | None = None
        self._timeout = settings.timeout.total_seconds()
        self._web = SlackWeb(
            session=resources.session, token=resources.slack_bot_token, api_url=resources.slack_api_url
        )

    def configured(self) -> str | None:
        if self._web.token:
            return self._locked_out()
        return "SLACK_BOT_TOKEN is not set; install the Slack app and put its bot token (xoxb-…) there"

    def _locked_out(self) -> str | None:
        """What Slack has said of the token in the last minute; then it is tried again."""
        if self._refused is None or self._resources.clock.now() - self._refused[0] > TRY_TOKEN_AGAIN:
            return None
        return self._refused[1]

    async def send(self, envelope: Envelope) -> Receipt:
        if envelope.attachment is not None:
            return await self._send_file(envelope, await asyncio.to_thread(envelope.attachment))
        rendered = render(envelope)
        with self._told(envelope.message.address):
            async with asyncio.timeout(self._timeout):
                return _receipt(await self._call(envelope, rendered))

    async def _send_file(self, envelope: Envelope, attachment: Attachment) -> Receipt:
        with self._told(envelope.message.address):
            async with asyncio.timeout(self._timeout):
                return await post_file(self._web, envelope, attachment)

    async def find(self, envelope: Envelope) -> Receipt | None:
        """By the metadata of our earlier message; needs the scopes to read the conversation's history."""
        address = envelope.message.address
        with self._told(address):
            async with asyncio.timeout(self._timeout):
                return await find_delivery(self._web.client(), address, envelope.id)

    @contextmanager
    def _told(self, address: str) -> Iterator[None]:
        """What goes wrong in a call, as the outbox understands it."""
        try:
            yield
        except SlackApiError as error:
            refused = read_refusal(error, self._web.token)
            known = delivery_error(refused, address)
            if refused.code in LOCKED_OUT:
                self._refused = self._resources.clock.now(), str(known)
            # without the cause: its text is all that Slack said, however long
            raise known from None
        except (aiohttp.ClientError, TimeoutError, ValueError, AttributeError) as error:
            # the last two: slack_sdk takes a 200 for a JSON object without looking
            raise transport_error(error) from error

    async def close(self) -> None:
        """The session belongs to the process."""

    async def _call(self, envelope: Envelope, rendered: Rendered) -> AsyncSlackResponse:
        client, blocks = self._web.client(), rendered.as_json()
        is_room = envelope.message.kind is MessageKind.ROOM
        if envelope.receipt is not None:
            # without metadata: Slack keeps the first delivery's, by which the message is looked up
            updated = await client.chat_update(
                channel=envelope.receipt.data["channel"],
                ts=envelope.receipt.data["ts"],
                text=rendered.text,
                blocks=blocks,
                parse="none",
            )
            if is_room:
                await leave_room(client, envelope, envelope.receipt.data["channel"])
            return updated
        payload = {"delivery": envelope.id, "incident": envelope.incident.ref}
        if envelope.message.kind is MessageKind.LINE:
            return await client.chat_postMessage(
                channel=envelope.under.data["channel"] if envelope.under else envelope.message.address,
                thread_ts=envelope.under.data["ts"] if envelope.under else None,
                text=line(envelope),
                parse="none",
                metadata={"event_type": METADATA_TYPE, "event_payload": payload},
            )
        posted = await client.chat_postMessage(
            channel=await ensure_room(client, envelope) if is_room else envelope.message.address,
            text=rendered.text,
            blocks=blocks,
            parse="none",
            unfurl_links=False,
            unfurl_media=False,
            metadata={"event_type": METADATA_TYPE, "event_payload": payload},
        )
        if is_room:
            await pin_card(client, posted["channel"], posted["ts"])
        return posted


def _receipt(answer: AsyncSlackResponse) -> Receipt:
    channel, ts = answer.get("channel"), answer.get("ts")
    if not (isinstance(channel, str) and isinstance(ts, str)):
        raise DeliveryError("Slack's answer names no message, it may have arrived", ambiguous=True)
    return Receipt(reference=f"{channel}/{ts}", data={"channel": channel, "ts": ts})
