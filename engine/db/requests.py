"""Raw requests: written many at a time, read one by one, dropped from the oldest on in small transactions."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, select

from engine.core.requests import RawRequest
from engine.db.bulk import insert_rows
from engine.db.request_tables import raw_requests

LEVEL = 1
"""Of compression: what it saves beyond that is not worth the time."""
OVERHEAD = 300
"""Bytes that a row takes besides its body, about."""
AT_ONCE = 500
"""Rows dropped in one transaction, so that nobody waits long for its end."""

TOTAL = select(func.sum(raw_requests.c.weight))
OLDEST = (
    select(raw_requests.c.received_at, raw_requests.c.weight, raw_requests.c.id)
    .order_by(raw_requests.c.received_at)
    .limit(AT_ONCE)
)
TOO_OLD = OLDEST.where(raw_requests.c.received_at < bindparam("before"))
DROP = delete(raw_requests).where(raw_requests.c.id.in_(bindparam("ids", expanding=True)))
# Requests are numbered as they are written, nearly in the order in which they came. As a term, so that the number is
# found by the time's index: by the numbers' own all that came earlier would be read.
FIRST_SINCE = (
    select(func.min(raw_requests.c.id + 0)).where(raw_requests.c.received_at >= bindparam("since")).scalar_subquery()
)
LISTED = [column for column in raw_requests.c if column.name != "body"]
ONE = select(raw_requests).where(raw_requests.c.id == bindparam("number"))


def row_of(request: RawRequest) -> dict[str, Any]:
    """Made before the transaction begins, for it takes longer than the rest of it."""
    body = zlib.compress(request.body, LEVEL)
    return {
        "integration": request.integration,
        "source": request.source,
        "received_at": request.received_at,
        "status": request.status,
        "size": request.size,
        "weight": len(body) + OVERHEAD,
        "cut": request.cut,
        "problem": request.problem,
        "headers": dict(request.headers),
        "outcomes": [dict(one) for one in request.outcomes],
        "body": body,
    }


def add(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    insert_rows(connection, raw_requests, rows)


def listing(
    connection: Connection,
    *,
    integration: str | None = None,
    problems: bool = False,
    since: datetime | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[RawRequest]:
    """Newest first, below number `before`, without their bodies."""
    query: Select[Any] = select(*LISTED).order_by(raw_requests.c.id.desc()).limit(limit)
    if integration is not None:
        query = query.where(raw_requests.c.integration == integration)
    if problems:
        query = query.where(raw_requests.c.problem.is_not(None))
    if since is not None:
        query = query.where(raw_requests.c.id >= FIRST_SINCE, raw_requests.c.received_at >= since)
    if before is not None:
        query = query.where(raw_requests.c.id < before)
    return [_read(row, b"") for row in connection.execute(query, {"since": since} if since is not None else {})]


def load(connection: Connection, number: int) -> RawRequest | None:
    row = connection.execute(ONE, {"number": number}).first()
    return _read(row, zlib.decompress(row.body)) if row is not None else None


def total(connection: Connection) -> int:
    """Bytes that all of them take up."""
    return connection.execute(TOTAL).scalar() or 0


def drop_older(connection: Connection, before: datetime) -> int:
    """The oldest of those, AT_ONCE at most. Returns how many."""
    return _drop(connection, [row.id for row in connection.execute(TOO_OLD, {"before": before})])


def drop_weight(connection: Connection, excess: int) -> tuple[int, int]:
    """The oldest until so many bytes are gone, AT_ONCE rows at most. Returns how many rows, and their bytes."""
    ids, gone = [], 0
    for row in connection.execute(OLDEST):
        if gone >= excess:
            break
        ids.append(row.id)
        gone += row.weight
    return _drop(connection, ids), gone


def _drop(connection: Connection, ids: Sequence[int]) -> int:
    return connection.execute(DROP, {"ids": list(ids)}).rowcount if ids else 0


def _read(row: Row[Any], body: bytes) -> RawRequest:
    return RawRequest(
        id=row.id,
        integration=row.integration,
        source=row.source,
        received_at=row.received_at,
        status=row.status,
        size=row.size,
        cut=row.cut,
        problem=row.problem,
        headers=row.headers,
        outcomes=tuple(row.outcomes),
        body=body,
    )
