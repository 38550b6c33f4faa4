"""Which of the messages that could go out now do: alone, together with others, or not yet.

A provider that is out, or has asked to slow down, holds what is for it, but nothing beyond its deadline. A person who
has had a burst gets the rest in one message.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from engine.core.breaker import admits, next_probe, why_out
from engine.core.bundle import Waiting, turn
from engine.core.model import MessageKind, Priority
from engine.core.policy import Bundling
from engine.db import picking
from engine.db.outbox import Claimed, Hold
from engine.services.lanes import SPACING, Traffic, Way, way_of
from engine.services.parcels import TIMED

Group = tuple[Claimed, ...]
"""Messages that go out as one."""
ALONE = (MessageKind.CARD, MessageKind.ROOM, MessageKind.LINE, MessageKind.REPORT)
"""What can share a message with nothing."""
TOGETHER = 16
"""Messages that are claimed at a time, at most: alerts are not to wait for more than a few milliseconds."""
SPREAD = 4
"""Cards beyond the pace of their channel are looked at again this many paces apart: most will find its turn free."""
ITS_TURN = "its turn came later, behind what else was sent there"


class Choosing:
    """One choice in the making. `blocked`: pages whose provider is out. `spent`: what ran out of time, and why."""

    def __init__(self, connection: Connection, traffic: Traffic, rules: Bundling, now: datetime) -> None:
        self._connection = connection
        self._traffic = traffic
        self._rules = rules
        self._now = now
        self._probed: set[str] = set()
        self._bundled = False
        self.singles: list[Claimed] = []
        self.groups: list[Group] = []
        self.holds: dict[int, Hold] = {}
        self.postponed: dict[int, datetime] = {}
        self.blocked: list[Claimed] = []
        self.spent: dict[int, str] = {}

    def choose(self, messages: Iterable[Claimed]) -> Choosing:
        """What may have arrived together is tried again together."""
        lanes: dict[Way, list[Claimed]] = {}
        cards: dict[Way, list[Claimed]] = {}
        names: dict[str, None] = {}
        for one in sorted(messages, key=_order):
            way = way_of(one.delivery.message)
            if self._is_out(one) or self._is_slowed(one, way):
                continue
            if one.update:
                self.singles.append(one)
            elif one.maybe_sent and one.sent_as:
                names[one.sent_as] = None
            elif one.maybe_sent:
                self.singles.append(one)
            else:
                waiting = cards if one.delivery.message.kind in ALONE else lanes
                waiting.setdefault(way, []).append(one)
        mates = (tuple(picking.mates(self._connection, name, self._now)) for name in names)
        self.groups += [group for group in mates if group]
        for way, own in lanes.items():
            self._bundle(way, own)
        for way, own in cards.items():
            self._pace(way, own)
        self.singles = sorted(self.singles, key=_order)[:TOGETHER]
        return self

    def _is_out(self, one: Claimed) -> bool:
        """Its provider is, and another message is the probe; at its deadline it is tried all the same. An update is the
        probe where nothing more urgent is looked at: else nobody would find out while only updates wait."""
        message, now = one.delivery.message, self._now
        breaker = self._traffic.breakers[message.channel]
        if breaker.out_since is None or (message.deadline_at and message.deadline_at <= now and not one.update):
            return False
        if admits(breaker, now) and message.channel not in self._probed:
            self._probed.add(message.channel)
            return False
        self._hold(one, next_probe(breaker, now), f"{message.channel} {why_out(breaker)}")
        if message.kind is MessageKind.PAGE and not one.update:
            self.blocked.append(one)
        return True

    def _is_slowed(self, one: Claimed, way: Way) -> bool:
        """Its provider has asked for a pause that is not over yet."""
        until = self._traffic.lanes.slowed(way, self._now)
        if until is None or until <= self._now or one.update:
            return False
        deadline, why = one.delivery.message.deadline_at, f"{way.channel} asks to wait until {until:%H:%M:%S} UTC"
        if deadline and deadline <= self._now:
            self.spent[one.delivery.id] = why
            self.singles.append(one)
        else:
            self._hold(one, until, why)
        return True

    def _hold(self, one: Claimed, until: datetime, why: str) -> None:
        deadline = one.delivery.message.deadline_at
        if one.update:
            self.postponed[one.delivery.id] = until
        else:
            self.holds[one.delivery.id] = Hold(until=min(until, deadline) if deadline else until, why=why)

    def _bundle(self, way: Way, waiting: Sequence[Claimed]) -> None:
        lanes, now = self._traffic.lanes, self._now
        slowed = lanes.slowed(way, now) is not None
        found = turn(lanes[way], [_waiting(one, slowed=slowed) for one in waiting], now, self._rules)
        if found.bundle and self._bundled:
            return  # one in a transaction, for alerts wait for its end; these are due again at once
        if found.bundle:
            self._bundled = True
            held_until = max(now, lanes[way].holding or now)
            fitting = picking.lane(self._connection, way.channel, way.address, held_until)
            self.groups.append(tuple(sorted(fitting, key=urgency)))
            return
        self.singles += waiting[: found.singles]
        late = zip(waiting[found.singles :], found.holds, strict=True)
        self.holds |= {one.delivery.id: Hold(until=at, why=ITS_TURN) for one, at in late}
        lanes.holding(way, found.holds)

    def _pace(self, way: Way, cards: Sequence[Claimed]) -> None:
        """Cards can't share a message; where the provider has asked to slow down they go one by one."""
        if self._traffic.lanes.slowed(way, self._now) is None:
            self.singles += cards
            return
        self.singles += cards[:1]
        for place, one in enumerate(cards[1:]):
            self._hold(one, self._now + SPACING * (1 + SPREAD * place), ITS_TURN)


def urgency(claimed: Claimed) -> tuple[bool, int, datetime, int]:
    """What wakes comes before what does not."""
    delivery = claimed.delivery
    return delivery.message.kind not in TIMED, delivery.priority.rank, delivery.created_at, delivery.id


def _order(claimed: Claimed) -> tuple[bool, bool, int, datetime, int]:
    """Updates come last."""
    return claimed.update, *urgency(claimed)


def _waiting(claimed: Claimed, *, slowed: bool) -> Waiting:
    delivery = claimed.delivery
    urgent = delivery.priority is Priority.P0
    return Waiting(urgent=urgent, held=claimed.held or slowed, deadline=delivery.message.deadline_at)
