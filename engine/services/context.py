"""What every use case is given: the database, the clock, the configuration in force, the channels, the playbooks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from engine.core.errors import NotFound, Refusal
from engine.core.playbook import Playbook
from engine.core.policy import Config, Revision
from engine.core.reach import LOG
from engine.db import records
from engine.db.database import Database
from engine.ports import Channel, Clock
from engine.services.muting import KnownMutes

ChannelFactory = Callable[[Config], Mapping[str, Channel]]
ReadConfig = Callable[[str], Config]


class Channels:
    """The channels of one revision. What can send is asked anew each time, for a token may be given later."""

    def __init__(self, by_name: Mapping[str, Channel]) -> None:
        self._by_name = dict(by_name)
        self.updatable = frozenset(name for name, channel in self._by_name.items() if channel.updatable)

    def __getitem__(self, name: str) -> Channel:
        """Raises Refusal when the configuration in force has no such channel."""
        try:
            return self._by_name[name]
        except KeyError as error:
            raise Refusal("channel_unknown", f"the configuration has no channel {name!r} any more") from error

    @property
    def reachable(self) -> frozenset[str]:
        return frozenset(name for name, channel in self._by_name.items() if channel.configured() is None)

    @property
    def missing(self) -> Mapping[str, str]:
        """What each channel that can't send lacks."""
        found = {name: channel.configured() for name, channel in self._by_name.items() if channel.kind != LOG}
        return {name: lack for name, lack in found.items() if lack is not None}

    async def close(self) -> None:
        for channel in self._by_name.values():
            await channel.close()


KEPT = 64
"""Configurations that are kept read. An incident that was opened under an older one has it read again."""


class Revisions:
    """Applied configurations, each read once: a revision never changes."""

    def __init__(self, read: ReadConfig, channels: ChannelFactory) -> None:
        self._read = read
        self._make_channels = channels
        self._known: dict[int, Revision] = {}
        self._channels: dict[int, Channels] = {}
        self.seen: Revision | None = None
        """The newest revision that any transaction has met; at most a tick older than the newest there is."""

    def current(self, connection: Connection) -> Revision:
        """The newest one; asked in each transaction, so that every replica follows an `apply` at once."""
        row = records.latest_revision_id(connection)
        if row is None:
            raise NotFound("no_configuration", "no configuration has been applied yet; run `tocsin apply FILE`")
        return self.newest(connection, row)

    def newest(self, connection: Connection, number: int) -> Revision:
        """The one of this number, which the transaction has found to be the newest."""
        self.seen = self.get(connection, number)
        return self.seen

    def get(self, connection: Connection, number: int) -> Revision:
        known = self._known.get(number)
        if known is None:
            row = records.revision(connection, number)
            if row is None:
                raise NotFound("revision_unknown", f"there is no configuration revision {number}")
            known = Revision(
                id=row.id,
                applied_at=row.applied_at,
                applied_by=row.applied_by,
                digest=row.digest,
                config=self._read(row.document),
            )
            self._known = dict([*self._known.items(), (number, known)][-KEPT:])
        return known

    def channels(self, revision: Revision) -> Channels:
        if revision.id not in self._channels:
            self._channels[revision.id] = Channels(self._make_channels(revision.config))
        return self._channels[revision.id]

    async def close(self) -> None:
        for channels in self._channels.values():
            await channels.close()


@dataclass(kw_only=True, slots=True)
class Signals:
    """Rung after a commit: there is something to send, or a timer that may be due earlier than thought."""

    outbox: asyncio.Event = field(default_factory=asyncio.Event)
    timers: asyncio.Event = field(default_factory=asyncio.Event)
    work: int = 0
    """How many alerts have come in and timers have fired since the start."""

    tell_others: Callable[[], None] = lambda: None
    """Passes the word on to the other engines on this database."""

    def ring(self) -> None:
        self.wake()
        self.tell_others()

    def wake(self) -> None:
        """Another engine has rung."""
        self.outbox.set()
        self.timers.set()


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    database: Database
    clock: Clock
    revisions: Revisions
    playbooks: Mapping[str, Playbook]
    signals: Signals
    mutes: KnownMutes = field(default_factory=KnownMutes)
    base_url: str = ""
    version: str = ""
    speed: float = 1
