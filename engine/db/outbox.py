"""The outbox: messages queued with the decision that wants them, claimed with a lease, sent, recorded."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, bindparam, func, literal_column, or_, select, update

from engine.core.model import Delivery, Incident, Message, MessageKind, MessageState, Until
from engine.db.bulk import insert_rows
from engine.db.rows import read_delivery
from engine.db.tables import outbox

PENDING = outbox.c.state == literal_column("'pending'")
STOPPABLE = (MessageKind.PAGE.value, MessageKind.QUESTION.value)
KEEP_TRYING = timedelta(hours=1)
"""How long a message without a deadline of its own (a card, a notice) is tried."""

# Written once: on the way of every page, building a statement costs five times what running it does.
# SQLite has no row locks, and SQLAlchemy leaves them out there.
IDS: BindParameter[Any] = bindparam("ids", expanding=True)
STOP = (
    select(outbox)
    .where(
        outbox.c.incident_id == bindparam("incident"),
        PENDING,
        outbox.c.kind.in_(STOPPABLE),
        outbox.c.until.in_(bindparam("untils", expanding=True)),
    )
    .with_for_update(skip_locked=True)
)
WISH = update(outbox).where(
    outbox.c.incident_id == bindparam("incident"),
    outbox.c.updatable.is_(True),
    outbox.c.state == literal_column("'sent'"),
    outbox.c.update_at.is_(None),
)
PICK = (
    select(outbox)
    .where(outbox.c.channel.not_in(bindparam("without", expanding=True)))
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
FRESH = PICK.where(PENDING, outbox.c.next_at <= bindparam("now")).order_by(outbox.c.priority, outbox.c.next_at)
LAPSED = PICK.where(outbox.c.claimed_until.is_not(None), outbox.c.claimed_until <= bindparam("now")).order_by(
    outbox.c.claimed_until
)
WISHED = PICK.where(
    outbox.c.update_at.is_not(None), outbox.c.update_at <= bindparam("now"), outbox.c.claimed_until.is_(None)
).order_by(outbox.c.update_at)
TAKE_SENT = update(outbox).where(outbox.c.id.in_(IDS))
TAKE_NEW = TAKE_SENT.values(state=MessageState.CLAIMED.value, attempts=outbox.c.attempts + 1)
PROLONG = update(outbox).where(outbox.c.id.in_(IDS), outbox.c.claimed_by == bindparam("who"))
RECORD = (
    update(outbox)
    .where(
        outbox.c.id == bindparam("number"),
        outbox.c.claimed_by == bindparam("who"),
        outbox.c.attempts == bindparam("attempt"),
        outbox.c.state == bindparam("claimed_as"),
    )
    .values(claimed_by=None, claimed_until=None)
)
OF = select(outbox).where(outbox.c.incident_id.in_(IDS)).order_by(outbox.c.id)
NEXT = select(
    select(func.min(outbox.c.next_at)).where(PENDING).scalar_subquery(),
    select(func.min(outbox.c.update_at))
    .where(outbox.c.update_at.is_not(None), outbox.c.claimed_until.is_(None))
    .scalar_subquery(),
    select(func.min(outbox.c.claimed_until)).where(outbox.c.claimed_until.is_not(None)).scalar_subquery(),
)


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
    return list(connection.execute(STOP, {"incident": incident, "untils": [until.value for until in untils]}))


def cancel(connection: Connection, ids: Collection[int], reason: str) -> None:
    if ids:
        connection.execute(
            update(outbox).where(outbox.c.id.in_(ids), PENDING).values(state=MessageState.CANCELLED.value, error=reason)
        )


def wish_updates(connection: Connection, incident: int, now: datetime) -> None:
    """Messages that can be brought up to date in place are wished to be; many wishes make one update."""
    connection.execute(WISH, {"incident": incident, "update_at": now})


def claim(
    connection: Connection, who: str, now: datetime, lease: timedelta, limit: int, *, without: Collection[str] = ()
) -> list[Claimed]:
    """Takes what is to be sent now, the most urgent first; what another engine holds is passed over, and so are the
    channels in `without`. A message whose lease has run out may have been sent."""
    rows: list[Row[Any]] = []
    for query in (FRESH, LAPSED, WISHED):
        if len(rows) < limit:
            rows += connection.execute(query, {"now": now, "most": limit - len(rows), "without": list(without)})
    _take(connection, rows, who, now + lease)
    return [_claimed(row) for row in rows]


def _take(connection: Connection, rows: Iterable[Row[Any]], who: str, until: datetime) -> None:
    sent = [row.id for row in rows if row.state == MessageState.SENT.value]
    new = [row.id for row in rows if row.state != MessageState.SENT.value]
    columns = {"claimed_by": who, "claimed_until": until}
    if new:
        connection.execute(TAKE_NEW, {"ids": new, **columns})
    if sent:
        connection.execute(TAKE_SENT, {"ids": sent, **columns})


def prolong(connection: Connection, ids: Collection[int], who: str, until: datetime) -> None:
    """The leases of messages that are still being sent, as far as they are ours."""
    connection.execute(PROLONG, {"ids": list(ids), "who": who, "claimed_until": until})


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
    """Writes the outcome, if the claim is still ours; False where it is not: someone else has taken it over meanwhile,
    or the outcome is on record already, and only the answer to that COMMIT was lost. We may have claimed the message
    anew since then, so the try that the outcome is of has to be the last one."""
    state = MessageState.SENT if claimed.update else MessageState.CLAIMED
    attempt = claimed.delivery.attempts + (not claimed.update)
    place = {"number": claimed.delivery.id, "who": who, "attempt": attempt, "claimed_as": state.value}
    return connection.execute(RECORD, {**place, **columns}).rowcount == 1


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
    query = OF if since is None else OF.where(outbox.c.created_at >= since)
    for row in connection.execute(query, {"ids": list(ids)}) if ids else ():
        found[row.incident_id].append(read_delivery(row))
    return found


def next_attempt(connection: Connection) -> datetime | None:
    """When there is something to send next."""
    row = connection.execute(NEXT).one()
    times = [at for at in row if at is not None]
    return min(times, default=None)


def depth(connection: Connection) -> tuple[int, datetime | None]:
    """How many messages wait, and since when the oldest does."""
    waiting = or_(PENDING, outbox.c.state == literal_column("'claimed'"))
    row = connection.execute(select(func.count(), func.min(outbox.c.created_at)).where(waiting)).one()
    return row[0], row[1]
