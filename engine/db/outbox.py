"""The outbox: messages queued with the decision that wants them, claimed with a lease, sent, recorded."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, literal_column, or_, select, update

from engine.core.model import Delivery, Incident, Message, MessageKind, MessageState, Until
from engine.db.bulk import insert_rows
from engine.db.rows import read_delivery
from engine.db.tables import outbox

PENDING = outbox.c.state == literal_column("'pending'")
STOPPABLE = (MessageKind.PAGE.value, MessageKind.QUESTION.value)
KEEP_TRYING = timedelta(hours=1)
"""How long a message without a deadline of its own (a card, a notice) is tried."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claimed:
    """A message that is ours to send until the lease ends. `update`: it was sent and is to be brought up to date.

    `maybe_sent`: an earlier try may have arrived. `updatable`: once sent, it can be brought up to date in place.
    """

    delivery: Delivery
    incident: int
    update: bool
    updatable: bool
    maybe_sent: bool


def message_row(incident: Incident, message: Message, now: datetime, *, updatable: bool) -> dict[str, Any]:
    return {
        "incident_id": incident.id,
        "kind": message.kind.value,
        "channel": message.channel,
        "address": message.address,
        "reason": message.reason,
        "contact": message.contact,
        "page": message.page,
        "level": message.level,
        "level_title": message.level_title,
        "seat": message.seat.value if message.seat else None,
        "until": message.until.value,
        "respond_by": message.respond_by,
        "deadline_at": message.deadline_at or now + KEEP_TRYING,
        "priority": incident.priority.rank,
        "state": MessageState.PENDING.value,
        "attempts": 0,
        "next_at": now,
        "created_at": now,
        "claimed_by": None,
        "claimed_until": None,
        "maybe_sent": False,
        "sent_at": None,
        "error": "",
        "receipt": None,
        "updatable": updatable,
        "update_at": None,
        "shown_version": 0,
    }


def add(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    insert_rows(connection, outbox, rows)


def stoppable(connection: Connection, incident: int, untils: Collection[Until]) -> list[Row[Any]]:
    """Queued pages that are not wanted any more, ours until the end of the transaction. Those that are being sent, or
    taken for it at this very moment, can't be called back."""
    query = select(outbox).where(
        outbox.c.incident_id == incident,
        PENDING,
        outbox.c.kind.in_(STOPPABLE),
        outbox.c.until.in_([until.value for until in untils]),
    )
    if connection.dialect.name != "sqlite":
        query = query.with_for_update(skip_locked=True)
    return list(connection.execute(query))


def cancel(connection: Connection, ids: Collection[int], reason: str) -> None:
    if ids:
        connection.execute(
            update(outbox).where(outbox.c.id.in_(ids), PENDING).values(state=MessageState.CANCELLED.value, error=reason)
        )


def wish_updates(connection: Connection, incident: int, now: datetime) -> None:
    """Messages that can be brought up to date in place are wished to be; many wishes make one update."""
    place = and_(
        outbox.c.incident_id == incident,
        outbox.c.updatable.is_(True),
        outbox.c.state == literal_column("'sent'"),
        outbox.c.update_at.is_(None),
    )
    connection.execute(update(outbox).where(place).values(update_at=now))


def claim(connection: Connection, who: str, now: datetime, lease: timedelta, limit: int) -> list[Claimed]:
    """Takes what is to be sent now, the most urgent first; what another engine holds is passed over. A message whose
    lease has run out may have been sent."""
    fresh = and_(PENDING, outbox.c.next_at <= now)
    lapsed = and_(outbox.c.claimed_until.is_not(None), outbox.c.claimed_until < now)
    wished = and_(outbox.c.update_at.is_not(None), outbox.c.update_at <= now, outbox.c.claimed_until.is_(None))
    rows = _pick(connection, fresh, limit, outbox.c.priority, outbox.c.next_at)
    rows += _pick(connection, lapsed, limit - len(rows), outbox.c.claimed_until)
    rows += _pick(connection, wished, limit - len(rows), outbox.c.update_at)
    _take(connection, rows, who, now + lease)
    return [_claimed(row) for row in rows]


def _pick(connection: Connection, where: ColumnElement[bool], limit: int, *order: ColumnElement[Any]) -> list[Row[Any]]:
    if limit <= 0:
        return []
    query = select(outbox).where(where).order_by(*order).limit(limit)
    if connection.dialect.name != "sqlite":
        query = query.with_for_update(skip_locked=True)
    return list(connection.execute(query))


def _take(connection: Connection, rows: Iterable[Row[Any]], who: str, until: datetime) -> None:
    sent = [row.id for row in rows if row.state == MessageState.SENT.value]
    new = [row.id for row in rows if row.state != MessageState.SENT.value]
    claim_columns = {"claimed_by": who, "claimed_until": until}
    if new:
        columns = claim_columns | {"state": MessageState.CLAIMED.value}
        connection.execute(update(outbox).where(outbox.c.id.in_(new)).values(attempts=outbox.c.attempts + 1, **columns))
    if sent:
        connection.execute(update(outbox).where(outbox.c.id.in_(sent)).values(**claim_columns))


def _claimed(row: Row[Any]) -> Claimed:
    again = row.state == MessageState.CLAIMED.value
    return Claimed(
        delivery=read_delivery(row),
        incident=row.incident_id,
        update=row.state == MessageState.SENT.value,
        updatable=row.updatable,
        maybe_sent=row.maybe_sent or again,
    )


def record(connection: Connection, claimed: Claimed, who: str, columns: dict[str, Any]) -> bool:
    """Writes the outcome, if the claim is still ours; False where someone else has taken it over meanwhile."""
    place = and_(outbox.c.id == claimed.delivery.id, outbox.c.claimed_by == who)
    free = {"claimed_by": None, "claimed_until": None}
    return connection.execute(update(outbox).where(place).values(**free, **columns)).rowcount == 1


def release_all(connection: Connection) -> int:
    """Start-up on a database that only this process uses: claims of the process before are nobody's any more."""
    held = outbox.c.claimed_until.is_not(None)
    messages = (
        update(outbox)
        .where(held, outbox.c.state == "claimed")
        .values(state="pending", maybe_sent=True, claimed_by=None, claimed_until=None)
    )
    updates = update(outbox).where(held).values(claimed_by=None, claimed_until=None)
    count = connection.execute(messages).rowcount
    connection.execute(updates)
    return count


def of(connection: Connection, ids: Collection[int], *, since: datetime | None = None) -> dict[int, list[Delivery]]:
    """By incident, oldest first."""
    found: dict[int, list[Delivery]] = {number: [] for number in ids}
    query = select(outbox).where(outbox.c.incident_id.in_(ids)).order_by(outbox.c.id)
    if since is not None:
        query = query.where(outbox.c.created_at >= since)
    for row in connection.execute(query) if ids else ():
        found[row.incident_id].append(read_delivery(row))
    return found


def next_attempt(connection: Connection) -> datetime | None:
    """When there is something to send next."""
    pending = select(func.min(outbox.c.next_at)).where(PENDING).scalar_subquery()
    wished = (
        select(func.min(outbox.c.update_at))
        .where(outbox.c.update_at.is_not(None), outbox.c.claimed_until.is_(None))
        .scalar_subquery()
    )
    lapsing = select(func.min(outbox.c.claimed_until)).where(outbox.c.claimed_until.is_not(None)).scalar_subquery()
    row = connection.execute(select(pending, wished, lapsing)).one()
    times = [at for at in row if at is not None]
    return min(times, default=None)


def depth(connection: Connection) -> tuple[int, datetime | None]:
    """How many messages wait, and since when the oldest does."""
    waiting = or_(PENDING, outbox.c.state == literal_column("'claimed'"))
    row = connection.execute(select(func.count(), func.min(outbox.c.created_at)).where(waiting)).one()
    return row[0], row[1]
