"""Applying configurations as immutable revisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection

from engine.core.policy import Config, Revision
from engine.db import holding, records
from engine.services.context import Context
from engine.services.playbooks import keep

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied:
    """The revision in force now; `new` is False where the configuration was in force already."""

    revision: int
    new: bool


async def apply(context: Context, *, document: str, digest: str, by: str) -> Applied:
    """Stores a validated configuration. Applying what is in force changes nothing."""
    now = context.clock.now()

    def work(connection: Connection) -> Applied:
        latest = records.latest_revision_id(connection)
        row = records.revision(connection, latest) if latest is not None else None
        if row is not None and row.digest == digest:
            return Applied(revision=row.id, new=False)
        holding.wake_all(connection, now)  # what kept an alert waiting may be gone
        return Applied(revision=_add(connection, now, by, digest, document), new=True)

    applied = await context.database.write(work)
    log.info("config.applied", revision=applied.revision, new=applied.new, by=by)
    return applied


async def keep_playbooks(context: Context) -> None:
    """Stores the versions in force, so that incidents can refer to them."""
    await context.database.write(lambda connection: keep(connection, context.playbooks.values()))


def _add(connection: Connection, now: datetime, by: str, digest: str, document: str) -> int:
    return records.add_revision(connection, applied_at=now, applied_by=by, digest=digest, document=document)


async def current(context: Context) -> Revision | None:
    """The configuration in force, or None on a new installation."""

    def work(connection: Connection) -> Revision | None:
        latest = records.latest_revision_id(connection)
        return context.revisions.get(connection, latest) if latest is not None else None

    return await context.database.read(work)


async def in_force(context: Context) -> Config:
    """Raises NotFound on a new installation."""
    revision = await context.database.read(context.revisions.current)
    return revision.config
