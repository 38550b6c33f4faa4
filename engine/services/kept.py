"""Raw requests that are kept, as they are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from engine.core.errors import NotFound
from engine.core.model import Actor
from engine.core.requests import RawRequest, check_may_read
from engine.db import requests
from engine.services.context import Context

PAGE = 50
LARGEST_PAGE = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Without bodies. `next` is what to give as `before` for the next page."""

    items: tuple[RawRequest, ...]
    next: int | None


async def listing(
    context: Context,
    *,
    integration: str | None = None,
    problems: bool = False,
    since: datetime | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> Page:
    """Newest first."""
    size = max(1, min(limit, LARGEST_PAGE))

    def work(connection: Connection) -> list[RawRequest]:
        return requests.listing(
            connection, integration=integration, problems=problems, since=since, before=before, limit=size + 1
        )

    found = await context.database.read(work)
    return Page(items=tuple(found[:size]), next=found[size - 1].id if len(found) > size else None)


async def show(context: Context, number: int, actor: Actor) -> RawRequest:
    """With headers and body. Raises Forbidden, NotFound."""
    check_may_read(actor)
    found = await context.database.read(lambda connection: requests.load(connection, number))
    if found is None:
        raise NotFound("request_unknown", f"There is no request {number}; they are kept for some days only.")
    return found
