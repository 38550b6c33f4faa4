"""What can be sent now, picked from the outbox and locked until the end of the transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    union_all,
)

from engine.core.model import MessageKind, MessageState, Priority
from engine.db.outbox import NOW, PENDING, Claimed
from engine.db.rows import read_delivery
from engine.db.tables import outbox, revisions

BUNDLED = (MessageKind.PAGE.value, MessageKind.QUESTION.value, MessageKind.NOTICE.value)
"""What may share a message with others to the same address. A card is brought up to date by itself."""
MOST_IN_ONE = 1_000
"""Messages that go in one, at most; the rest goes in the next: alerts wait while they are put together."""

MOST: BindParameter[Any] = bindparam("most")


def _by_priority(*where: ColumnElement[bool]) -> tuple[Select[Any], ...]:
    """What is due, the most urgent first, with a query for each priority: the index leads each of them to its rows,
    where one for all would walk through everything that is held for later."""
    ranks = [outbox.c.priority == literal_column(str(priority.rank)) for priority in Priority]
    due = select(outbox).where(PENDING, outbox.c.next_at <= NOW, *where).order_by(outbox.c.next_at)
    return tuple(due.where(rank) for rank in ranks)


FRESH = _by_priority()
LAPSED = (
    select(outbox)
    .where(outbox.c.claimed_until.is_not(None), outbox.c.claimed_until <= NOW)
    .order_by(outbox.c.claimed_until),
)
WISHED = (
    select(outbox)
    .where(outbox.c.update_at.is_not(None), outbox.c.update_at <= NOW, outbox.c.claimed_until.is_(None))
    .order_by(outbox.c.update_at),
)
OVERDUE = _by_priority(outbox.c.deadline_at <= NOW)
"""In a flood of what is more urgent its own deadline takes a message to the front: tried, or sent another way."""
ELSEWHERE = and_(
    outbox.c.channel.not_in(bindparam("full", expanding=True)),
    or_(outbox.c.priority == 0, outbox.c.channel.not_in(bindparam("crowded", expanding=True))),
)


def _picks(*where: ColumnElement[bool], kinds: Sequence[Sequence[Select[Any]]]) -> CompoundSelect[Any]:
    """All that can be sent now in one statement, with the newest revision: each costs more than the rows that it finds.
    Every part takes its own locks, for those of a union can't be taken."""
    newest = select(func.max(revisions.c.id)).scalar_subquery().label("newest_revision")
    parts = []
    for queries in kinds:
        own = [query.where(*where).limit(MOST).with_for_update(skip_locked=True).subquery() for query in queries]
        every = union_all(*map(select, own)).subquery()
        first = select(every).order_by(every.c.deadline_at) if queries is OVERDUE else select(every)
        found = first.limit(MOST).subquery()
        parts.append(select(*found.c, newest))
    return union_all(*parts)


USUAL, PRESSED = (FRESH, LAPSED, WISHED), (OVERDUE, FRESH, LAPSED, WISHED)
PICK, PICK_PRESSED = _picks(kinds=USUAL), _picks(kinds=PRESSED)
PICK_ELSEWHERE = _picks(ELSEWHERE, kinds=PRESSED)
LANE = (
    select(outbox)
    .where(
        PENDING,
        outbox.c.channel == bindparam("channel"),
        outbox.c.address == bindparam("address"),
        outbox.c.kind.in_(BUNDLED),
        outbox.c.maybe_sent.is_(False),
        or_(outbox.c.next_at <= bindparam("until"), outbox.c.attempts == 0),
    )
    .order_by(outbox.c.priority, outbox.c.next_at)
    .limit(MOST)
    .with_for_update(skip_locked=True)
)
MATES = (
    select(outbox)
    .where(
        outbox.c.sent_as == bindparam("name"),
        or_(outbox.c.maybe_sent.is_(True), outbox.c.state == literal_column("'claimed'")),
    )
    .order_by(outbox.c.priority, outbox.c.id)
    .with_for_update(skip_locked=True)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Picked:
    """What can be sent now, the most urgent first, and the newest revision at that moment (None where nothing can)."""

    messages: tuple[Claimed, ...]
    revision: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """What can be taken now: nothing for channels that are `full`, P0 only for those that are `crowded`. `pressed`:
    more waits than is taken at a time."""

    full: frozenset[str] = frozenset()
    crowded: frozenset[str] = frozenset()
    pressed: bool = False


ANY = Room()


def pick(connection: Connection, now: datetime, limit: int, room: Room = ANY) -> Picked:
    """What is to be sent now, locked until the end of the transaction; what another engine holds is passed over. A
    message whose lease has run out may have been sent."""
    if room.full or room.crowded:
        given = {"now": now, "most": limit, "full": list(room.full), "crowded": list(room.crowded)}
        rows = connection.execute(PICK_ELSEWHERE, given).all()
    else:
        query = PICK_PRESSED if room.pressed else PICK
        rows = connection.execute(query, {"now": now, "most": limit}).all()
    ordered = sorted({row.id: row for row in rows}.values(), key=lambda row: _turn(row, now))[:limit]
    return Picked(messages=tuple(map(_claimed, ordered)), revision=rows[0].newest_revision if rows else None)


def _turn(row: Row[Any], now: datetime) -> tuple[bool, bool, int, datetime]:
    update = row.state == MessageState.SENT.value
    return update, row.deadline_at > now and row.priority > 0, row.priority, row.next_at


def lane(connection: Connection, channel: str, address: str, until: datetime) -> list[Claimed]:
    """All that waits for one address on one channel, locked; of what has been tried that which is due by `until`: the
    rest failed a moment ago."""
    given = {"channel": channel, "address": address, "until": until, "most": MOST_IN_ONE}
    return [_claimed(row) for row in connection.execute(LANE, given)]


def mates(connection: Connection, name: str, now: datetime) -> list[Claimed]:
    """What went out under this name and may have arrived, as far as nobody is sending it, locked."""
    rows = connection.execute(MATES, {"name": name})
    return [_claimed(row) for row in rows if _is_free(row, now)]


def _is_free(row: Row[Any], now: datetime) -> bool:
    lapsed = row.claimed_until is not None and row.claimed_until <= now
    return row.state == MessageState.PENDING.value or (row.state == MessageState.CLAIMED.value and lapsed)


def _claimed(row: Row[Any]) -> Claimed:
    again = row.state == MessageState.CLAIMED.value
    return Claimed(
        delivery=read_delivery(row),
        incident=row.incident_id,
        update=row.state == MessageState.SENT.value,
        updatable=row.updatable,
        maybe_sent=row.maybe_sent or again,
        held=row.attempts == 0 and row.next_at > row.created_at,
        sent_as=row.sent_as,
    )
