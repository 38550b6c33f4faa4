"""Claiming: takes messages from the outbox, drops what nobody wants any more, gathers what the rest need to be sent."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from engine.core.model import MessageState
from engine.core.timeline import Kind
from engine.db import incidents, outbox
from engine.db.outbox import Claimed
from engine.services.context import Channels, Context
from engine.services.envelopes import envelopes
from engine.services.parcels import Parcel, event_of, why_unwanted

LEASE = timedelta(seconds=20)
"""How long after a crash another engine takes a message over. One that is being sent has its lease prolonged."""
TOGETHER = 16
"""Messages that are claimed at a time, at most: alerts are not to wait for more than a few milliseconds."""


def claim(
    connection: Connection, context: Context, who: str, now: datetime, full: Collection[str]
) -> tuple[Channels, list[Parcel]]:
    """The transaction: takes messages of channels that are not `full`, and puts together what they need."""
    channels = context.revisions.channels(context.revisions.current(connection))
    taken = outbox.claim(connection, who, now, LEASE, TOGETHER, without=full)
    return channels, put_together(connection, context, who, taken, now)


def put_together(
    connection: Connection, context: Context, who: str, taken: Sequence[Claimed], now: datetime
) -> list[Parcel]:
    """Withdraws those that nobody wants any more, gathers what the rest need."""
    if not taken:
        return []
    found = incidents.load(connection, {claimed.incident for claimed in taken})
    wanted = []
    for claimed in taken:
        unwanted = why_unwanted(claimed, found[claimed.incident])
        if unwanted:
            _withdraw(connection, claimed, who, unwanted, now)
        else:
            wanted.append(claimed)
    return [
        Parcel(claimed=one, envelope=envelope) for one, envelope in envelopes(connection, context, wanted, found, now)
    ]


def _withdraw(connection: Connection, claimed: Claimed, who: str, why: str, now: datetime) -> None:
    outbox.record(connection, claimed, who, {"state": MessageState.CANCELLED.value, "error": why})
    incidents.append_events(connection, {claimed.incident: [event_of(Kind.PAGE_CANCELLED, claimed, why)]}, now)
