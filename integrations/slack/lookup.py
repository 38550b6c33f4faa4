"""Whether Slack has a message of ours: by the delivery's name in the message's metadata.

docs.slack.dev/reference/methods/conversations.history: with `include_all_metadata` it gives the metadata of the app's
own messages. It needs the id of the conversation; a person's is opened, a name is looked for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from engine.ports import Receipt

METADATA_TYPE = "tocsin_delivery"
PAGE = 100
"""A page follows its first try by seconds: what is not among the newest few hundred is not there."""
PAGES = 3
ANSWERS = 1_000
"""Under one message, the oldest first; Slack gives no more at a time."""
ROOMS = 200
ROOM_PAGES = 20
CONVERSATION_IDS = ("C", "G", "D")
PERSON_IDS = ("U", "W")


async def find_delivery(client: AsyncWebClient, address: str, delivery: str) -> Receipt | None:
    """None where it is not there, or the conversation is not known."""
    channel = await conversation(client, address)
    if channel is None:
        return None
    async for message in _newest(client, channel):
        if delivery_of(message) == delivery:
            return Receipt(reference=f"{channel}/{message['ts']}", data={"channel": channel, "ts": str(message["ts"])})
    return None


async def find_under(client: AsyncWebClient, channel: str, parent: str, delivery: str) -> Receipt | None:
    """The same among the answers to one message, which the history leaves out."""
    answer = await client.conversations_replies(channel=channel, ts=parent, limit=ANSWERS, include_all_metadata=True)
    for message in answer.get("messages") or []:
        if delivery_of(message) == delivery:
            return Receipt(reference=f"{channel}/{message['ts']}", data={"channel": channel, "ts": str(message["ts"])})
    return None


def delivery_of(message: Mapping[str, Any]) -> str | None:
    metadata = message.get("metadata")
    if not isinstance(metadata, Mapping) or metadata.get("event_type") != METADATA_TYPE:
        return None
    payload = metadata.get("event_payload")
    return payload.get("delivery") if isinstance(payload, Mapping) else None


async def _newest(client: AsyncWebClient, channel: str) -> AsyncIterator[Mapping[str, Any]]:
    cursor: str | None = None
    for _ in range(PAGES):
        answer = await client.conversations_history(
            channel=channel, limit=PAGE, include_all_metadata=True, cursor=cursor
        )
        for message in answer.get("messages") or []:
            yield message
        cursor = (answer.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return


async def conversation(client: AsyncWebClient, address: str, *, private: bool = False) -> str | None:
    """The id behind an address; None for a name that no public (or no private) conversation has."""
    if address.startswith(PERSON_IDS):
        opened = await client.conversations_open(users=address)
        return (opened.get("channel") or {}).get("id")
    if address.startswith(CONVERSATION_IDS) and address.isalnum() and address.isupper():
        return address
    return await _named(client, address.removeprefix("#"), "private_channel" if private else "public_channel")


async def _named(client: AsyncWebClient, name: str, types: str) -> str | None:
    cursor: str | None = None
    for _ in range(ROOM_PAGES):
        answer = await client.conversations_list(limit=ROOMS, exclude_archived=True, types=types, cursor=cursor)
        found = next((one["id"] for one in answer.get("channels") or [] if one.get("name") == name), None)
        cursor = (answer.get("response_metadata") or {}).get("next_cursor")
        if found or not cursor:
            return found
    return None
