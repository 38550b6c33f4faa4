"""War rooms: a channel of its own for an incident, and what is marked there goes onto the timeline.

An incident's room is known again by the beginning of its name, `inc-42-…`; renamed otherwise it is like any channel.
"""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import aiohttp
import structlog
from pydantic import BaseModel, Field, ValidationError
from slack_bolt.async_app import AsyncAck
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from engine.core.commands import Note
from engine.core.errors import TocsinError
from engine.core.model import State, incident_ref
from engine.core.texts import clean
from engine.ports import Desk, Envelope
from integrations.channels.foreign import one_line
from integrations.channels.wording import person
from integrations.slack.errors import read_refusal
from integrations.slack.lookup import conversation
from integrations.slack.replies import Replies, carried_out
from integrations.slack.seen import Seen
from integrations.slack.text import plain
from integrations.slack.web import SlackWeb

log = structlog.get_logger(__name__)

ROOM = re.compile(r"^inc-([1-9][0-9]{0,17})(?:-|$)")
OVER = (State.CLOSED, State.CANCELLED, State.MERGED)
TOPIC = 250
BOOKMARKS = 3
MARK = "pushpin"
"""The reaction that puts a message onto the timeline."""
SHORTCUT = "tocsin_note_message"
QUOTED = 8_000
CHANGES = frozenset({"message_changed", "message_deleted"})


async def ensure_room(client: AsyncWebClient, envelope: Envelope) -> str:
    """The channel's id; one of this name that is there already is taken. What is nice to have, the topic, the
    invitations and the bookmarks, may fail. Raises SlackApiError."""
    name, private = envelope.message.address, envelope.incident.sealed_at is not None
    try:
        made = await client.conversations_create(name=name, is_private=private)
        channel = str((made.get("channel") or {})["id"])
    except SlackApiError as error:
        taken = read_refusal(error).code == "name_taken"
        found = await conversation(client, f"#{name}", private=private) if taken else None
        if found is None:
            raise
        channel = found
    await _perhaps("topic", lambda: client.conversations_setTopic(channel=channel, topic=_topic(envelope)))
    await _invite(client, envelope, channel)
    links = dict.fromkeys(one for alert in envelope.alerts for one in alert.links)
    for shown in tuple(links)[:BOOKMARKS]:
        add = partial(client.bookmarks_add, channel_id=channel, type="link", link=shown.url)
        await _perhaps("bookmark", partial(add, title=one_line(shown.title, 100) or "link"))
    return channel


async def pin_card(client: AsyncWebClient, channel: str, ts: str) -> None:
    await _perhaps("pin", lambda: client.pins_add(channel=channel, timestamp=ts))


async def attend_room(client: AsyncWebClient, envelope: Envelope, channel: str) -> None:
    """Who has been paged meanwhile comes in. Once the incident is over, or goes on in a private room, nothing is to be
    said there any more; all of it can still be read."""
    if envelope.veiled or envelope.incident.state in OVER:
        await _perhaps("archive", lambda: client.conversations_archive(channel=channel))
    else:
        await _invite(client, envelope, channel)


async def _invite(client: AsyncWebClient, envelope: Envelope, channel: str) -> None:
    """`force`: one who can't come, or is there already, keeps nobody out."""
    if envelope.invited:
        call = partial(client.conversations_invite, channel=channel, users=list(envelope.invited), force=True)
        await _perhaps("invitation", call, but="already_in_channel")


def _topic(envelope: Envelope) -> str:
    incident = envelope.incident
    who = f" · {person(envelope, incident.commander)} commands" if incident.commander else ""
    return plain(f"{incident.priority} {incident.title} · {incident.ref}{who}", TOPIC)


async def _perhaps(what: str, call: Callable[[], Awaitable[object]], *, but: str = "") -> None:
    """`but`: a refusal that says it is so already."""
    try:
        await call()
    except SlackApiError as error:
        code = read_refusal(error).code
        if code != but:
            log.warning("slack.room_incomplete", what=what, error=code)


class Item(BaseModel):
    type: str = ""
    channel: str = ""
    ts: str = ""


class Reaction(BaseModel):
    """docs.slack.dev/reference/events/reaction_added"""

    user: Annotated[str, Field(min_length=1)]
    reaction: str
    item: Item


class Named(BaseModel):
    id: Annotated[str, Field(min_length=1)]


class Said(BaseModel):
    ts: Annotated[str, Field(pattern=r"^[0-9]{1,12}\.[0-9]{1,9}$")]
    text: str = ""
    user: str = ""


class Edited(BaseModel):
    user: str = ""
    ts: Annotated[str, Field(min_length=1)]


class Version(Said):
    edited: Edited | None = None


class Amendment(BaseModel):
    """docs.slack.dev/reference/events/message/message_changed and …/message_deleted"""

    channel: Annotated[str, Field(min_length=1)]
    ts: str
    message: Version | None = None
    deleted_ts: str = ""


class MessageShortcut(BaseModel):
    """docs.slack.dev/reference/interaction-payloads/shortcuts-interaction-payload, on a message"""

    user: Named
    channel: Named
    message: Said
    response_url: str = ""


def _source(channel: str, ts: str) -> str:
    return f"slack:{channel}/{ts}"


def _quoted(text: str) -> str:
    """As it was typed: Slack escapes the three characters that its own markup begins with."""
    return clean(html.unescape(text))[:QUOTED]


class Marks:
    """Messages of a room that somebody marks: each goes onto the timeline once, at its own time, with who wrote it and
    where it stands."""

    def __init__(self, desk: Desk, replies: Replies, web: SlackWeb, seen: Seen) -> None:
        self._desk = desk
        self._replies = replies
        self._web = web
        self._seen = seen

    async def receive_reaction(self, ack: AsyncAck, body: dict[str, Any], event: dict[str, Any]) -> None:
        await ack()
        try:
            reaction = Reaction.model_validate(event)
        except ValidationError as error:
            log.warning("slack.reaction_unreadable", faults=error.error_count())
            return
        wanted = reaction.reaction == MARK and reaction.item.type == "message"
        if wanted and self._seen.first(str(body.get("event_id", ""))):
            self._replies.later(self._mark(reaction.user, reaction.item.channel, reaction.item.ts))

    async def receive_message(self, ack: AsyncAck, event: dict[str, Any]) -> None:
        """Only what changes a message is looked at; what people say to each other is none of ours."""
        await ack()
        if event.get("subtype") not in CHANGES:
            return
        try:
            amendment = Amendment.model_validate(event)
        except ValidationError as error:
            log.warning("slack.message_unreadable", faults=error.error_count())
            return
        self._replies.later(self._amend(amendment))

    async def _amend(self, amendment: Amendment) -> None:
        said = amendment.message
        if said is not None and said.edited is None:
            return  # Slack itself has added a preview
        ts, channel = said.ts if said else amendment.deleted_ts, amendment.channel
        if said is None:
            text = "A message that was noted here was deleted in Slack; what is on record stays."
        else:
            text = f"A message that was noted here was edited in Slack; it says now: {_quoted(said.text)}"
        try:
            ref = await self._incident_of(channel)
            if ref is not None:
                source, key = _source(channel, ts), f"slack:{channel}/{ts}/{amendment.ts}"
                await self._desk.amended(incident=ref, source=source, text=text, key=key)
        except (SlackApiError, aiohttp.ClientError, TimeoutError, TocsinError) as error:
            why = read_refusal(error).code if isinstance(error, SlackApiError) else type(error).__name__
            log.warning("slack.amendment_lost", channel=channel, message=ts, error=why)

    async def receive_shortcut(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        try:
            taken = MessageShortcut.model_validate(body)
        except ValidationError as error:
            log.warning("slack.shortcut_unreadable", faults=error.error_count())
            return
        self._replies.later(self._mark(taken.user.id, taken.channel.id, taken.message.ts, asked=True))

    async def _mark(self, user: str, channel: str, ts: str, *, asked: bool = False) -> None:
        """`asked`: somebody waits for a word, also where the channel is no room."""
        try:
            ref = await self._incident_of(channel)
            said = await self._message(channel, ts) if ref else None
            link = await self._link(channel, ts) if said else ""
        except (SlackApiError, aiohttp.ClientError, TimeoutError, ValidationError) as error:
            why = read_refusal(error).code if isinstance(error, SlackApiError) else type(error).__name__
            log.warning("slack.mark_lost", user=user, error=why)
            await self._replies.whisper(user, channel, f"This could not be put onto the timeline ({plain(why)}).")
            return
        if ref is None or said is None:
            if asked:
                await self._replies.whisper(user, channel, "This channel is no war room; nothing was noted.")
            return
        author = await self._author(said.user)
        text = f"{author}: {_quoted(said.text)}"
        note = Note(
            text=f"{text} ({link})" if link else text,
            happened_at=datetime.fromtimestamp(float(ts), UTC),
            source=_source(channel, ts),
        )
        work = self._desk.act(person=("slack", user), incident=ref, command=note, key=f"{channel}/{ts}")
        answer = await carried_out(work, user=user, incident=ref, mark=ts)
        sentence = f"Noted on the timeline of {ref}." if answer.changed else answer.sentence
        await self._replies.whisper(user, channel, plain(sentence, 3_000))

    async def _incident_of(self, channel: str) -> str | None:
        client = self._web.client()
        found = (await client.conversations_info(channel=channel)).get("channel") or {}
        match = ROOM.match(str(found.get("name", "")))
        return incident_ref(int(match[1])) if match else None

    async def _message(self, channel: str, ts: str) -> Said | None:
        client = self._web.client()
        answer = await client.conversations_history(channel=channel, latest=ts, oldest=ts, inclusive=True, limit=1)
        found = answer.get("messages") or []
        return Said.model_validate(found[0]) if found else None

    async def _link(self, channel: str, ts: str) -> str:
        client = self._web.client()
        return str((await client.chat_getPermalink(channel=channel, message_ts=ts)).get("permalink") or "")

    async def _author(self, member: str) -> str:
        """A contact's id, else the member ID; the app's own messages are its own."""
        try:
            return await self._desk.contact(("slack", member))
        except TocsinError:
            return member or "somebody"
