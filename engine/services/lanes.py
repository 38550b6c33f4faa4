"""What each address was sent lately, so that a storm does not reach it message by message.

It is kept in the process: after a restart, or beside a second replica, an address gets one burst more at most, and what
a replica holds is held in the database for all of them. So no message costs a statement more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from engine.core.bundle import Lane, holds, passed, taken_back
from engine.core.model import Message
from engine.core.policy import Bundling
from engine.services.breakers import Breakers

MANY = 1_000
"""Lanes that are remembered before those are dropped that say nothing any more."""


@dataclass(frozen=True, slots=True, order=True)
class Way:
    """One address on one channel."""

    channel: str
    address: str


def way_of(message: Message) -> Way:
    return Way(message.channel, message.address)


EVERYBODY = ""
"""The address of a limit that holds for the whole provider."""
SPACING = timedelta(seconds=1)
"""Between two messages to who has asked to slow down; Slack's own pace for one conversation."""
SLOWED = timedelta(minutes=1)
"""How long that is kept to after the time that was asked for."""
LONGEST_LIMIT = 86_400.0  # seconds


class Lanes:
    def __init__(self) -> None:
        self._known: dict[Way, Lane] = {}
        self._slowed: dict[Way, datetime] = {}

    def slow_down(self, way: Way, seconds: float, now: datetime) -> None:
        """As long as the provider has asked, in seconds."""
        self._slowed[way] = now + timedelta(seconds=min(max(seconds, SPACING.total_seconds()), LONGEST_LIMIT))

    def slowed(self, way: Way, now: datetime) -> datetime | None:
        """When the next message may go this way: the later of the address's own time and the whole provider's. None
        where nobody has asked to slow down lately."""
        found = (self._slowed.get(one) for one in (way, Way(way.channel, EVERYBODY)))
        return max((at for at in found if at is not None and now < at + SLOWED), default=None)

    def __getitem__(self, way: Way) -> Lane:
        return self._known.get(way, Lane())

    def passed(self, way: Way, now: datetime, rules: Bundling, *, urgent: bool, bundle: bool) -> None:
        """One more message goes this way."""
        if self.slowed(way, now) is not None:
            self._slowed[way] = max(self._slowed.get(way, now), now + SPACING)
        self._known[way] = passed(self[way], now, rules, urgent=urgent, bundle=bundle)
        if len(self._known) > MANY:
            oldest = now - max(rules.within, rules.every, rules.urgent_every)
            self._known = {one: lane for one, lane in self._known.items() if lane.sent and lane.sent[-1] > oldest}
            self._slowed = {one: at for one, at in self._slowed.items() if now < at + SLOWED}

    def failed(self, way: Way, at: datetime) -> None:
        """What was to go this way at that time has surely not arrived."""
        if way in self._known:
            self._known[way] = taken_back(self[way], at)

    def holding(self, way: Way, times: Sequence[datetime]) -> None:
        """Messages for this way wait until then."""
        if times:
            self._known[way] = holds(self[way], times)


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """What this process knows of the ways that messages go."""

    lanes: Lanes = field(default_factory=Lanes)
    breakers: Breakers = field(default_factory=Breakers)
