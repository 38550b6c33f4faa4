"""Claiming: takes messages from the outbox, drops what nobody wants any more, gathers what the rest need to be sent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from engine.core.bundle import Waiting, turn
from engine.core.model import MessageKind, MessageState, Priority, incident_ref
from engine.core.policy import Bundling, Config
from engine.core.timeline import Kind
from engine.db import incidents, outbox
from engine.db.outbox import Claimed
from engine.services.bundles import bundled
from engine.services.context import Channels, Context
from engine.services.envelopes import envelopes
from engine.services.lanes import Lanes, Way, way_of
from engine.services.parcels import TIMED, Parcel, event_of, why_unwanted

LEASE = timedelta(seconds=20)
"""How long after a crash another engine takes a message over. One that is being sent has its lease prolonged."""
TOGETHER = 16
"""Messages that are claimed at a time, at most: alerts are not to wait for more than a few milliseconds."""

Group = tuple[Claimed, ...]
"""Messages that go out as one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What is ours to send now. `held`: how many more were looked at that wait for the turn of their lane."""

    channels: Channels
    rules: Bundling
    groups: tuple[Group, ...]
    held: int = 0


@dataclass(kw_only=True, slots=True)
class Choice:
    """What becomes of the messages that could go out now, in the making."""

    singles: list[Claimed] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    holds: dict[int, datetime] = field(default_factory=dict)


def take(
    connection: Connection, context: Context, who: str, now: datetime, full: Collection[str], lanes: Lanes
) -> Taken | None:
    """Takes messages of channels that are not `full`. None where there is nothing to send."""
    picked = outbox.pick(connection, now, TOGETHER, without=full)
    if picked.revision is None:
        return None
    revision = context.revisions.newest(connection, picked.revision)
    choice = choose(connection, picked.messages, lanes, revision.config, now)
    outbox.hold(connection, choice.holds)
    outbox.take(connection, choice.singles, who, now + LEASE, None)
    for group in choice.groups:
        outbox.take(connection, group, who, now + LEASE, name_of(group))
    return Taken(
        channels=context.revisions.channels(revision),
        rules=revision.config.bundling,
        groups=(*((one,) for one in choice.singles), *choice.groups),
        held=len(choice.holds),
    )


def name_of(group: Group) -> str:
    """What went out under a name keeps it: by it the provider is asked, and the receiver knows the copy."""
    return group[0].sent_as or f"{incident_ref(group[0].incident)}/{group[0].delivery.id}"


def choose(connection: Connection, messages: Iterable[Claimed], lanes: Lanes, config: Config, now: datetime) -> Choice:
    """Alone, together with others, or not yet. What may have arrived together is tried again together."""
    choice = Choice()
    waiting: dict[Way, list[Claimed]] = {}
    names: dict[str, None] = {}
    for one in messages:
        message = one.delivery.message
        if one.maybe_sent and one.sent_as:
            names[one.sent_as] = None
        elif one.update or one.maybe_sent or message.kind is MessageKind.CARD:
            choice.singles.append(one)
        else:
            waiting.setdefault(way_of(message), []).append(one)
    choice.groups += [tuple(mates) for name in names if (mates := outbox.mates(connection, name, now))]
    for way, own in waiting.items():
        _choose_for(connection, choice, way, sorted(own, key=urgency), lanes, config.bundling, now)
    return choice


def _choose_for(
    connection: Connection,
    choice: Choice,
    way: Way,
    waiting: Sequence[Claimed],
    lanes: Lanes,
    rules: Bundling,
    now: datetime,
) -> None:
    found = turn(lanes[way], [_waiting(one) for one in waiting], now, rules)
    if found.bundle:
        choice.groups.append(tuple(sorted(outbox.lane(connection, way.channel, way.address, now), key=urgency)))
        return
    choice.singles += waiting[: found.singles]
    late = zip(waiting[found.singles :], found.holds, strict=True)
    choice.holds |= {one.delivery.id: at for one, at in late}


def urgency(claimed: Claimed) -> tuple[bool, int, datetime, int]:
    """What wakes comes before what does not."""
    delivery = claimed.delivery
    return delivery.message.kind not in TIMED, delivery.priority.rank, delivery.created_at, delivery.id


def _waiting(claimed: Claimed) -> Waiting:
    delivery = claimed.delivery
    urgent = delivery.priority is Priority.P0
    return Waiting(urgent=urgent, held=claimed.held, deadline=delivery.message.deadline_at)


def claim(
    connection: Connection,
    context: Context,
    who: str,
    now: datetime,
    full: Collection[str] = (),
    lanes: Lanes | None = None,
) -> tuple[Taken | None, list[Parcel]]:
    """The transaction: takes messages, puts together what they need. Without `lanes` nobody was sent anything yet."""
    taken = take(connection, context, who, now, full, Lanes() if lanes is None else lanes)
    return taken, put_together(connection, context, who, taken.groups, now) if taken else []


def put_together(
    connection: Connection, context: Context, who: str, groups: Sequence[Group], now: datetime
) -> list[Parcel]:
    """Withdraws those that nobody wants any more, gathers what the rest need."""
    found = incidents.load(connection, {one.incident for group in groups for one in group})
    left = []
    for group in groups:
        reasons = {one.delivery.id: why_unwanted(one, found[one.incident]) for one in group}
        for one in group:
            if reasons[one.delivery.id]:
                _withdraw(connection, one, who, reasons[one.delivery.id], now)
        left.append(tuple(one for one in group if not reasons[one.delivery.id]))
    wanted = [group for group in left if group]
    heads = envelopes(connection, context, [group[0] for group in wanted], found, now)
    return [
        Parcel(
            claims=group,
            shown=tuple(found[one.incident] for one in group),
            envelope=bundled(connection, context, group, found, envelope),
        )
        for group, (_, envelope) in zip(wanted, heads, strict=True)
    ]


def check(connection: Connection, context: Context, claimed: Claimed, now: datetime) -> None:
    """Raises whatever keeps this message from being put together."""
    envelopes(connection, context, [claimed], incidents.load(connection, [claimed.incident]), now)


def _withdraw(connection: Connection, claimed: Claimed, who: str, why: str, now: datetime) -> None:
    outbox.record(connection, claimed, who, {"state": MessageState.CANCELLED.value, "error": why})
    incidents.append_events(connection, {claimed.incident: [event_of(Kind.PAGE_CANCELLED, claimed, why)]}, now)
