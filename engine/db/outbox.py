"""The outbox: messages queued with the decision that wants them, claimed with a lease, sent, recorded."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Row,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    update,
)

from engine.core.model import Delivery, Incident, Message, MessageKind, MessageState, Until
from engine.db.bulk import Change, insert_rows, update_rows
from engine.db.rows import read_delivery
from engine.db.tables import outbox

PENDING = outbox.c.state == literal_column("'pending'")
STOPPABLE = (MessageKind.PAGE.value, MessageKind.QUESTION.value)
UPDATE_EVERY = timedelta(seconds=2)
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
NOW: BindParameter[Any] = bindparam("now")
SHOWN = update(outbox).where(
    outbox.c.incident_id.in_(IDS), outbox.c.updatable.is_(True), outbox.c.state == literal_column("'sent'")
)
WISH = SHOWN.where(or_(outbox.c.update_at.is_(None), outbox.c.update_at > NOW)).values(update_at=NOW)
# For a message that was sent, `next_at` is when it may be brought up to date again for something small.
WISH_SOON = SHOWN.where(outbox.c.update_at.is_(None)).values(
    update_at=case((outbox.c.next_at > NOW, outbox.c.next_at), else_=NOW)
)
MAYBE_SENT = or_(outbox.c.maybe_sent, outbox.c.state == literal_column("'claimed'"))
TAKE_SENT = update(outbox).where(outbox.c.id.in_(IDS))
TAKE_NEW = TAKE_SENT.values(state=MessageState.CLAIMED.value, attempts=outbox.c.attempts + 1, maybe_sent=MAYBE_SENT)
# The claim of somebody who died ends here, or it would lead to the same message again and again.
POSTPONE = TAKE_SENT.values(claimed_by=None, claimed_until=None)
HOLD = POSTPONE.values(
    state=MessageState.PENDING.value,
    maybe_sent=MAYBE_SENT,
    error=case((outbox.c.attempts == 0, bindparam("why")), else_=outbox.c.error),
)
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """Until when a message waits that could go out, and for what."""

    until: datetime
    why: str


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
        "kind": str(message.kind),
        "channel": message.channel,
        "address": message.address,
        "reason": message.reason,
        "contact": message.contact,
        "page": message.page,
        "level": message.level,
        "level_title": message.level_title,
        "seat": str(message.seat) if message.seat else None,
        "until": str(message.until),
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


def wish_updates(connection: Connection, ids: Collection[int], now: datetime, *, soon: bool = False) -> None:
    """Messages of these incidents that can be brought up to date in place are wished to be; many wishes make one
    update. `soon`: there is no hurry, and UPDATE_EVERY lies between two updates, so that a flood is a few."""
    if ids:
        connection.execute(WISH_SOON if soon else WISH, {"ids": list(ids), "now": now})


def take(connection: Connection, messages: Collection[Claimed], who: str, until: datetime, name: str | None) -> None:
    """Ours until then. `name`: under which they go out together."""
    sent = [one.delivery.id for one in messages if one.update]
    new = [one.delivery.id for one in messages if not one.update]
    columns = {"claimed_by": who, "claimed_until": until}
    if new:
        connection.execute(TAKE_NEW, {"ids": new, "sent_as": name, **columns})
    if sent:
        connection.execute(TAKE_SENT, {"ids": sent, **columns})


def hold(connection: Connection, holds: Mapping[int, Hold]) -> None:
    """Messages of this transaction's `pick` that wait for the turn of their lane or for their provider. Of one that has
    not been tried yet the reason is kept, else it would not be known what made it late."""
    alike: dict[Hold, list[int]] = {}
    for number, one in holds.items():
        alike.setdefault(one, []).append(number)
    for one, ids in alike.items():
        connection.execute(HOLD, {"ids": ids, "next_at": one.until, "why": one.why})


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
