"""How the engine stands: what its probes and its metrics ask the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

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
    """Messages that wait to be sent, and how long the oldest has waited."""

    messages: int
    oldest: timedelta


async def standing(context: Context) -> Standing:
    """Raises Overloaded where the database can't be reached, NotFound on a new installation."""

    def work(connection: Connection) -> Standing:
        revision = context.revisions.current(connection)
        return Standing(revision=revision.id, missing=context.revisions.channels(revision).missing)

    return await context.database.read(work)


async def backlog(context: Context) -> Backlog:
    now = context.clock.now()
    messages, since = await context.database.read(outbox.depth)
    return Backlog(messages=messages, oldest=max(now - since, timedelta()) if since else timedelta())
