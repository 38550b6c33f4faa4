"""The outbox: messages queued with the decision that wants them, claimed with a lease, sent, recorded."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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
    update,
)

from engine.core.model import Delivery, Incident, Message, MessageKind, MessageState, Priority, Until
from engine.db.bulk import Change, insert_rows, update_rows
from engine.db.rows import read_delivery
from engine.db.tables import outbox, revisions

PENDING = outbox.c.state == literal_column("'pending'")
STOPPABLE = (MessageKind.PAGE.value, MessageKind.QUESTION.value)
BUNDLED = (MessageKind.PAGE.value, MessageKind.QUESTION.value, MessageKind.NOTICE.value)
"""What may share a message with others to the same address. A card is brought up to date by itself."""
MOST_IN_ONE = 1_000
"""Messages that go in one, at most; the rest goes in the next: alerts wait while they are put together."""
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
    outbox.c.incident_id.in_(IDS),
    outbox.c.updatable.is_(True),
    outbox.c.state == literal_column("'sent'"),
    outbox.c.update_at.is_(None),
)
NOW: BindParameter[Any] = bindparam("now")
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
        found = union_all(*map(select, own)).limit(MOST).subquery()
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
        or_(outbox.c.next_at <= NOW, outbox.c.attempts == 0),
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
MAYBE_SENT = or_(outbox.c.maybe_sent, outbox.c.state == literal_column("'claimed'"))
TAKE_SENT = update(outbox).where(outbox.c.id.in_(IDS))
TAKE_NEW = TAKE_SENT.values(state=MessageState.CLAIMED.value, attempts=outbox.c.attempts + 1, maybe_sent=MAYBE_SENT)
# The claim of somebody who died ends here, or it would lead to the same message again and again.
POSTPONE = TAKE_SENT.values(claimed_by=None, claimed_until=None)
HOLD = POSTPONE.values(state=MessageState.PENDING.value, maybe_sent=MAYBE_SENT)
DUE_NOW = update(outbox).where(
    outbox.c.id.in_(
        select(outbox.c.id)
        .where(PENDING, outbox.c.next_at > NOW, outbox.c.channel.in_(bindparam("channels", expanding=True)))
        .with_for_update(skip_locked=True)
    )
)
PROLONG = update(outbox).where(outbox.c.id.in_(IDS), outbox.c.claimed_by == bindparam("who"))
OURS = (
    select(outbox.c.id, outbox.c.attempts, outbox.c.state)
    .where(outbox.c.id.in_(IDS), outbox.c.claimed_by == bindparam("who"))
    .with_for_update()
)
OF = select(outbox).where(outbox.c.incident_id.in_(IDS)).order_by(outbox.c.id)
NEXT = select(
    select(func.min(outbox.c.next_at)).where(PENDING).scalar_subquery(),
    select(func.min(outbox.c.update_at))
    .where(outbox.c.update_at.is_not(None), outbox.c.claimed_until.is_(None))
    .scalar_subquery(),
    select(func.min(outbox.c.claimed_until)).where(outbox.c.claimed_until.is_not(None)).scalar_subquery(),
)

# Apart, since each has an index of its own; asked for together, every message ever sent would be looked at.
BEING_SENT = (outbox.c.claimed_until.is_not(None), outbox.c.state == literal_column("'claimed'"))
PAGES = outbox.c.kind == literal_column("'page'")
OLDEST_PAGES = [select(func.min(outbox.c.created_at)).where(*which, PAGES) for which in ((PENDING,), BEING_SENT)]
DEPTHS = [select(func.count(), func.min(outbox.c.created_at)).where(*which) for which in ((PENDING,), BEING_SENT)]


Fence = tuple[int, int, str]
"""Number, attempts and state of a message's row while a claim of it holds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claimed:
    """A message that is ours to send until the lease ends. `update`: it was sent and is to be brought up to date.

    `maybe_sent`: an earlier try may have arrived. `updatable`: once sent, it can be brought up to date in place.
    `held`: it has waited for the turn of its lane. `sent_as`: the name under which its last try went out together with
    others.
    """

    delivery: Delivery
    incident: int
    update: bool
    updatable: bool
    maybe_sent: bool
    held: bool = False
    sent_as: str | None = None

    @property
    def fence(self) -> Fence:
        """Tells this claim from an earlier or a later one of the same message."""
        if self.update:
            return self.delivery.id, self.delivery.attempts, MessageState.SENT.value
        return self.delivery.id, self.delivery.attempts + 1, MessageState.CLAIMED.value


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
        "sent_as": None,
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


def wish_updates(connection: Connection, ids: Collection[int], now: datetime) -> None:
    """Messages of these incidents that can be brought up to date in place are wished to be; many wishes make one
    update."""
    if ids:
        connection.execute(WISH, {"ids": list(ids), "update_at": now})


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


def lane(connection: Connection, channel: str, address: str, now: datetime) -> list[Claimed]:
    """All that waits for one address on one channel and is not known to have failed a moment ago, locked."""
    given = {"channel": channel, "address": address, "now": now, "most": MOST_IN_ONE}
    return [_claimed(row) for row in connection.execute(LANE, given)]


def mates(connection: Connection, name: str, now: datetime) -> list[Claimed]:
    """What went out under this name and may have arrived, as far as nobody is sending it, locked."""
    rows = connection.execute(MATES, {"name": name})
    return [_claimed(row) for row in rows if _is_free(row, now)]


def _is_free(row: Row[Any], now: datetime) -> bool:
    lapsed = row.claimed_until is not None and row.claimed_until <= now
    return row.state == MessageState.PENDING.value or (row.state == MessageState.CLAIMED.value and lapsed)


def take(connection: Connection, messages: Collection[Claimed], who: str, until: datetime, name: str | None) -> None:
    """Ours until then. `name`: under which they go out together."""
    sent = [one.delivery.id for one in messages if one.update]
    new = [one.delivery.id for one in messages if not one.update]
    columns = {"claimed_by": who, "claimed_until": until}
    if new:
        connection.execute(TAKE_NEW, {"ids": new, "sent_as": name, **columns})
    if sent:
        connection.execute(TAKE_SENT, {"ids": sent, **columns})


def hold(connection: Connection, until: Mapping[int, datetime]) -> None:
    """Messages of this transaction's `pick` that wait for the turn of their lane or for their provider, each until its
    time."""
    by_time: dict[datetime, list[int]] = {}
    for number, at in until.items():
        by_time.setdefault(at, []).append(number)
    for at, ids in by_time.items():
        connection.execute(HOLD, {"ids": ids, "next_at": at})


def due_now(connection: Connection, channels: Collection[str], now: datetime) -> None:
    """Whatever waits for these channels, as far as nobody is just claiming it."""
    connection.execute(DUE_NOW, {"channels": list(channels), "now": now, "next_at": now})


def postpone(connection: Connection, until: Mapping[int, datetime]) -> None:
    """Updates of this transaction's `pick` that can't be sent before."""
    for number, at in until.items():
        connection.execute(POSTPONE, {"ids": [number], "update_at": at})


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
        held=row.attempts == 0 and row.next_at > row.created_at,
        sent_as=row.sent_as,
    )


def ours(connection: Connection, claims: Collection[Claimed], who: str) -> set[Fence]:
    """The claims of these that still hold, locked until the end of the transaction. Not those of messages that someone
    else has taken over meanwhile, nor those whose outcome is on record already, only the answer to that COMMIT was
    lost: we may have claimed the message anew since then."""
    rows = connection.execute(OURS, {"ids": [one.delivery.id for one in claims], "who": who})
    return {(row.id, row.attempts, row.state) for row in rows} & {one.fence for one in claims}


def record(connection: Connection, outcomes: Mapping[int, dict[str, Any]], who: str) -> None:
    """Outcomes of messages that are known to be ours, by number; the claims end with them."""
    ended = {"claimed_by": None, "claimed_until": None}
    update_rows(
        connection,
        outbox,
        [
            Change(where={"id": number, "claimed_by": who}, columns=columns | ended)
            for number, columns in outcomes.items()
        ],
    )


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


def oldest_page(connection: Connection) -> datetime | None:
    """Since when the oldest page has waited that is not sent yet; tries of it count as waiting."""
    found: list[datetime | None] = [connection.execute(query).scalar() for query in OLDEST_PAGES]
    return min((at for at in found if at is not None), default=None)


def depth(connection: Connection) -> tuple[int, datetime | None]:
    """How many messages wait, and since when the oldest does."""
    rows = [connection.execute(query).one() for query in DEPTHS]
    return sum(row[0] for row in rows), min((row[1] for row in rows if row[1] is not None), default=None)
