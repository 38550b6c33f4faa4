"""The Slack workspace that the sandbox stands for, and everything that was said in it.

No HTTP here, so that the Web API, the tests and a page can read the same record.
"""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from integrations.sandbox.slack_grants import Grants
from integrations.sandbox.slack_values import Change, Channel, Content, Ephemeral, Json, Message, OpenedView, User
from integrations.sandbox.waiting import Pulse

MICROSECONDS = 1_000_000


class Workspace:
    """Everything that was said, by conversation, and the log of the changes in the order in which they came.

    `clock` gives Unix seconds, `monotonic` the machine's monotonic seconds.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        users: Iterable[User],
        channels: Iterable[Channel],
    ) -> None:
        self.clock = clock
        self.monotonic = monotonic
        self.users = {user.id: user for user in users}
        self.channels = {channel.id: channel for channel in channels}
        self.log: list[Message] = []
        self.ephemerals: list[Ephemeral] = []
        self.views: list[OpenedView] = []
        self.homes: dict[str, Json] = {}
        self.files: dict[str, bytes] = {}
        self.address = ""
        self.changed = Pulse()
        self.grants = Grants(monotonic)
        self._messages: dict[str, dict[str, Message]] = {}
        self._last_ts: dict[str, int] = {}
        self._ids = itertools.count(1)

    def conversation(self, reference: str) -> Channel | None:
        """A conversation by its id or its name with or without `#`, or by a person's id, which opens the direct one."""
        if reference in self.users:
            return self.open_direct(self.users[reference])
        return self.channels.get(self.conversation_id(reference))

    def conversation_id(self, reference: str) -> str:
        """The id behind any name of a conversation, opened or not; an unknown name is given back as it is."""
        if reference in self.users:
            return f"D{reference[1:]}"
        name = reference.removeprefix("#")
        return next((one.id for one in self.channels.values() if one.user is None and one.name == name), reference)

    def open_direct(self, user: User) -> Channel:
        channel = Channel(id=self.conversation_id(user.id), name="directmessage", user=user.id)
        return self.channels.setdefault(channel.id, channel)

    def messages(self, *, channel: str | None = None, user: str | None = None) -> list[Message]:
        """The messages as they are now, oldest first, deleted ones included: all, or one channel's, or one person's."""
        place = channel if user is None else user
        rooms = self._messages.values() if place is None else [self._messages.get(self.conversation_id(place), {})]
        return sorted((message for room in rooms for message in room.values()), key=lambda message: float(message.ts))

    def message(self, channel: str, ts: str) -> Message | None:
        """One message as it is now; None where there is none or it was deleted."""
        found = self._messages.get(channel, {}).get(ts)
        return None if found is None or found.deleted else found

    def change_channel(self, channel: Channel, **changes: Any) -> Channel:
        """As it is afterwards; a channel that is not there yet is made so."""
        self.channels[channel.id] = replace(channel, **changes)
        self.changed.beat()
        return self.channels[channel.id]

    def make_channel(self, name: str, *, private: bool = False) -> Channel:
        return self.change_channel(Channel(id=f"C{next(self._ids):09X}", name=name, private=private))

    def post(
        self, channel: Channel, content: Content, *, thread_ts: str | None = None, author: str | None = None
    ) -> Message:
        now = self.clock()
        posted = Message(
            seq=len(self.log) + 1,
            change=Change.POSTED,
            channel=channel.id,
            ts=self._next_ts(channel.id, now),
            user=channel.user,
            content=self._with_ids(content),
            posted_at=now,
            changed_at=now,
            changed_monotonic=self.monotonic(),
            thread_ts=thread_ts,
            author=author,
        )
        return self._keep(posted)

    def update(self, message: Message, content: Content) -> Message:
        earlier = (*message.history, replace(message, history=()))
        return self._change(message, Change.UPDATED, content=self._with_ids(content), history=earlier)

    def delete(self, message: Message) -> Message:
        return self._change(message, Change.DELETED)

    def react(self, message: Message, name: str) -> Message:
        return self._change(message, Change.REACTED, reactions=(*message.reactions, name))

    def whisper(self, channel: str, user: str, content: Content, *, answers: str | None = None) -> Ephemeral:
        now = self.clock()
        ts = self._next_ts(channel, now)
        shown = Ephemeral(user=user, channel=channel, ts=ts, content=content, at=now, answers=answers)
        self.ephemerals.append(shown)
        self.changed.beat()
        return shown

    def open_view(self, user: str, view: Json) -> OpenedView:
        identity = {"id": f"V{next(self._ids):09X}", "hash": f"{next(self._ids)}.{len(self.views)}"}
        opened = OpenedView(user=user, view={**view, **identity})
        self.views.append(opened)
        self.changed.beat()
        return opened

    def file_place(self) -> str:
        """The id of a file that is still to be uploaded."""
        name = f"F{next(self._ids):09X}"
        self.files[name] = b""
        return name

    def publish_home(self, user: str, view: Json) -> Json:
        self.homes[user] = {
            **view,
            "id": f"V{next(self._ids):09X}",
            "blocks": [self._named(one) for one in view["blocks"]],
        }
        self.changed.beat()
        return self.homes[user]

    async def wait_for(self, predicate: Callable[[Message], bool], *, within: float) -> Message:
        """The first message, there already or still to come, that `predicate` accepts as it is at that moment.

        Raises TimeoutError after `within` seconds, with everything that was said instead.
        """
        seen = 0

        def look() -> Message | None:
            nonlocal seen
            fresh, seen = self.log[seen:], len(self.log)
            return next((one for one in fresh if self._is_current(one) and predicate(one)), None)

        return await self.changed.until(look, within=within, record=self._summary)

    async def wait_until(self, condition: Callable[[], bool], *, within: float) -> None:
        """Return as soon as `condition`, tried now and after every change, is true; TimeoutError as in `wait_for`."""
        await self.changed.until(lambda: condition() or None, within=within, record=self._summary)

    def _is_current(self, version: Message) -> bool:
        return self._messages[version.channel][version.ts].seq == version.seq

    def _summary(self) -> list[str]:
        said = [f"{one.channel} {one.ts} {one.change}: {one.text}" for one in self.messages()]
        return said + [f"only to {one.user} in {one.channel}: {one.text}" for one in self.ephemerals]

    def _change(self, message: Message, change: Change, **changes: Any) -> Message:
        now, monotonic, seq = self.clock(), self.monotonic(), len(self.log) + 1
        stamped = replace(message, seq=seq, change=change, changed_at=now, changed_monotonic=monotonic)
        return self._keep(replace(stamped, **changes))

    def _keep(self, message: Message) -> Message:
        self._messages.setdefault(message.channel, {})[message.ts] = message
        self.log.append(message)
        self.changed.beat()
        return message

    def _next_ts(self, channel: str, now: float) -> str:
        """Slack's message id: it looks like a time, is unique in its channel and never goes back."""
        ticks = max(round(now * MICROSECONDS), self._last_ts.get(channel, 0) + 1)
        self._last_ts[channel] = ticks
        return f"{ticks // MICROSECONDS}.{ticks % MICROSECONDS:06d}"

    def _with_ids(self, content: Content) -> Content:
        """Slack names the blocks and buttons that the app left unnamed."""
        return replace(content, blocks=tuple(self._named(block) for block in content.blocks))

    def _named(self, block: Json) -> Json:
        named = {**block, "block_id": block.get("block_id") or f"b{next(self._ids):x}"}
        if block["type"] == "actions":
            named["elements"] = [{"action_id": f"a{next(self._ids):x}", **element} for element in block["elements"]]
        return named
