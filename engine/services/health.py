"""How the engine stands: what its probes and its metrics ask the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from engine.db import outbox
from engine.services.context import Context


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """The revision in force, and what each of its channels lacks that can't send."""

    revision: int
    missing: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Backlog:
    """Messages that wait to be sent, how long the oldest has waited, and the oldest that is to wake somebody."""

    messages: int
    oldest: timedelta
    oldest_page: timedelta


async def standing(context: Context) -> Standing:
    """Raises Overloaded where the database can't be reached, NotFound on a new installation."""

    def work(connection: Connection) -> Standing:
        revision = context.revisions.current(connection)
        return Standing(revision=revision.id, missing=context.revisions.channels(revision).missing)

    return await context.database.read(work)


async def backlog(context: Context) -> Backlog:
    now = context.clock.now()
    messages, since = await context.database.read(outbox.depth)
    page = await context.database.read(outbox.oldest_page)
    return Backlog(messages=messages, oldest=_waited(since, now), oldest_page=_waited(page, now))


def _waited(since: datetime | None, now: datetime) -> timedelta:
    return max(now - since, timedelta()) if since else timedelta()
