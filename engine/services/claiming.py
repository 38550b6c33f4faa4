"""Claiming: takes messages from the outbox, drops what nobody wants any more, gathers what the rest need to be sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from engine.core.model import MessageState, incident_ref
from engine.core.policy import Bundling
from engine.core.timeline import Kind
from engine.db import incidents, outbox, picking
from engine.db.outbox import Claimed
from engine.db.picking import ANY, Room
from engine.services.attachments import with_report
from engine.services.bundles import bundled
from engine.services.choosing import Choosing, Group
from engine.services.context import Channels, Context
from engine.services.envelopes import envelopes
from engine.services.lanes import Traffic
from engine.services.parcels import Parcel, event_of, why_unwanted

LEASE = timedelta(seconds=4)
"""How long after a crash another engine takes a message over: a page is to be 5 s late at most. One that is being sent
has its lease prolonged."""
LOOKED_AT = 64
"""Messages that are looked at in one transaction. In a storm most of them are only told to wait for their turn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What is ours to send now. `held`: how many more were looked at that wait for their turn. `blocked`: of these,
    pages whose provider is out. `spent`: messages whose time ran out before they could be tried, and why."""

    channels: Channels
    rules: Bundling
    groups: tuple[Group, ...]
    held: int = 0
    blocked: tuple[Claimed, ...] = ()
    spent: Mapping[int, str] = field(default_factory=dict)


def take(
    connection: Connection, context: Context, who: str, now: datetime, room: Room, traffic: Traffic
) -> Taken | None:
    """Takes messages of channels that have room. None where there is nothing to send."""
    picked = picking.pick(connection, now, LOOKED_AT, room)
    if picked.revision is None:
        return None
    revision = context.revisions.newest(connection, picked.revision)
    choice = Choosing(connection, traffic, revision.config.bundling, now).choose(picked.messages)
    outbox.hold(connection, choice.holds)
    outbox.postpone(connection, choice.postponed)
    outbox.take(connection, choice.singles, who, now + LEASE, None)
    for group in choice.groups:
        outbox.take(connection, group, who, now + LEASE, name_of(group))
    groups = [*((replace(one, sent_as=None),) for one in choice.singles), *map(_named, choice.groups)]
    return Taken(
        channels=context.revisions.channels(revision),
        rules=revision.config.bundling,
        groups=tuple(groups),
        held=len(choice.holds) + len(choice.postponed),
        blocked=tuple(choice.blocked),
        spent=choice.spent,
    )


def name_of(group: Group) -> str:
    """What may have arrived under a name keeps it: by it the provider is asked, and the receiver knows the copy. What
    was refused under one does not: others may have arrived under it since, and it would be taken for a copy of them."""
    first = group[0]
    if first.maybe_sent and first.sent_as:
        return first.sent_as
    return f"{incident_ref(first.incident)}/{first.delivery.id}"


def _named(group: Group) -> Group:
    name = name_of(group)
    return tuple(replace(one, sent_as=name) for one in group)


def claim(
    connection: Connection,
    context: Context,
    who: str,
    now: datetime,
    room: Room = ANY,
    traffic: Traffic | None = None,
) -> tuple[Taken | None, list[Parcel]]:
    """The transaction: takes messages, puts together what they need. Without `traffic` nobody was sent anything yet."""
    taken = take(connection, context, who, now, room, traffic or Traffic())
    return taken, put_together(connection, context, who, taken.groups, now) if taken else []


def put_together(
    connection: Connection, context: Context, who: str, groups: Sequence[Group], now: datetime, *, plain: bool = False
) -> list[Parcel]:
    """Withdraws those that nobody wants any more, gathers what the rest need; `plain` as for envelopes."""
    found = incidents.load(connection, {one.incident for group in groups for one in group})
    left = []
    for group in groups:
        reasons = {one.delivery.id: why_unwanted(one, found[one.incident]) for one in group}
        for one in group:
            if reasons[one.delivery.id]:
                _withdraw(connection, one, who, reasons[one.delivery.id], now)
        left.append(tuple(one for one in group if not reasons[one.delivery.id]))
    wanted = [group for group in left if group]
    heads = envelopes(connection, context, [group[0] for group in wanted], found, now, plain=plain)
    return [
        Parcel(
            claims=group,
            shown=tuple(found[one.incident] for one in group),
            envelope=with_report(
                connection,
                context,
                bundled(connection, context, group, found, envelope),
                found[group[0].incident],
                now,
            ),
        )
        for group, (_, envelope) in zip(wanted, heads, strict=True)
    ]


def check(connection: Connection, context: Context, claimed: Claimed, now: datetime) -> None:
    """Raises whatever keeps this message from being put together."""
    envelopes(connection, context, [claimed], incidents.load(connection, [claimed.incident]), now)


def set_aside(connection: Connection, group: Group, who: str, now: datetime) -> None:
    """Messages that can't be put together at all delay nobody and are not tried for ever: the timeline says so."""
    why = "it could not be put together and is set aside; the engine's log says why"
    outbox.record(
        connection,
        {one.delivery.id: {"state": MessageState.FAILED.value, "error": why} for one in group if not one.update}
        | {one.delivery.id: {"update_at": None, "error": why} for one in group if one.update},
        who,
    )
    for one in group:
        if not one.update:
            incidents.append_events(connection, {one.incident: [event_of(Kind.PAGE_FAILED, one, why)]}, now)


def _withdraw(connection: Connection, claimed: Claimed, who: str, why: str, now: datetime) -> None:
    outbox.record(connection, {claimed.delivery.id: {"state": MessageState.CANCELLED.value, "error": why}}, who)
    incidents.append_events(connection, {claimed.incident: [event_of(Kind.PAGE_CANCELLED, claimed, why)]}, now)
