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
from integrations.slack.blocks import line, render
from integrations.slack.errors import LOCKED_OUT, delivery_error, read_refusal, transport_error
from integrations.slack.files import report_text
from integrations.slack.lookup import METADATA_TYPE, find_delivery, find_under
from integrations.slack.rooms import attend_room, ensure_room, pin_card
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
            session=resources.session,
            token=resources.slack_bot_token,
            api_url=resources.slack_api_url,
            now=resources.clock.now,
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
        attachment = await asyncio.to_thread(envelope.attachment) if envelope.attachment else None
        with self._told(envelope.message.address):
            async with asyncio.timeout(self._timeout):
                return _receipt(await self._call(envelope, attachment))

    async def find(self, envelope: Envelope) -> Receipt | None:
        """By the metadata of our earlier message; needs the scopes to read the conversation's history."""
        address, under = envelope.message.address, envelope.under
        with self._told(address):
            async with asyncio.timeout(self._timeout):
                if under is not None:
                    return await find_under(self._web.client(), under.data["channel"], under.data["ts"], envelope.id)
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

    async def _call(self, envelope: Envelope, attachment: Attachment | None) -> AsyncSlackResponse:
        if envelope.receipt is not None:
            return await self._update(envelope, envelope.receipt.data["channel"], envelope.receipt.data["ts"])
        if attachment is not None:
            return await self._under_the_card(envelope, await report_text(self._web, envelope, attachment))
        if envelope.message.kind is MessageKind.LINE:
            return await self._under_the_card(envelope, line(envelope))
        return await self._post(envelope)

    async def _update(self, envelope: Envelope, channel: str, ts: str) -> AsyncSlackResponse:
        """Without metadata: Slack keeps the first delivery's, by which the message is looked up."""
        client, rendered = self._web.client(), render(envelope)
        updated = await client.chat_update(
            channel=channel, ts=ts, text=rendered.text, blocks=rendered.as_json(), parse="none"
        )
        if envelope.message.kind is MessageKind.ROOM:
            await attend_room(client, envelope, channel)
        return updated

    async def _under_the_card(self, envelope: Envelope, text: str) -> AsyncSlackResponse:
        """As an answer to it; where there is none, into the channel."""
        client, under = self._web.client(), envelope.under
        return await client.chat_postMessage(
            channel=under.data["channel"] if under else envelope.message.address,
            thread_ts=under.data["ts"] if under else None,
            text=text,
            parse="none",
            unfurl_media=envelope.attachment is not None,
            metadata=_metadata(envelope),
        )

    async def _post(self, envelope: Envelope) -> AsyncSlackResponse:
        client, rendered = self._web.client(), render(envelope)
        is_room = envelope.message.kind is MessageKind.ROOM
        posted = await client.chat_postMessage(
            channel=await ensure_room(client, envelope) if is_room else envelope.message.address,
            text=rendered.text,
            blocks=rendered.as_json(),
            parse="none",
            unfurl_links=False,
            unfurl_media=False,
            metadata=_metadata(envelope),
        )
        if is_room:
            await pin_card(client, posted["channel"], posted["ts"])
        return posted


def _metadata(envelope: Envelope) -> dict[str, object]:
    payload = {"delivery": envelope.id, "incident": envelope.incident.ref}
    return {"event_type": METADATA_TYPE, "event_payload": payload}


def _receipt(answer: AsyncSlackResponse) -> Receipt:
    channel, ts = answer.get("channel"), answer.get("ts")
    if not (isinstance(channel, str) and isinstance(ts, str)):
        raise DeliveryError("Slack's answer names no message, it may have arrived", ambiguous=True)
    return Receipt(reference=f"{channel}/{ts}", data={"channel": channel, "ts": ts})
