"""What each address was sent lately, so that a storm does not reach it message by message.

It is kept in the process: after a restart, or beside a second replica, an address gets one burst more at most, and what
a replica holds is held in the database for all of them. So no message costs a statement more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.core.bundle import Lane, passed
from engine.core.model import Message
from engine.core.policy import Bundling

MANY = 1_000
"""Lanes that are remembered before those are dropped that say nothing any more."""


@dataclass(frozen=True, slots=True, order=True)
class Way:
    """One address on one channel."""

    channel: str
    address: str


def way_of(message: Message) -> Way:
    return Way(message.channel, message.address)


class Lanes:
    def __init__(self) -> None:
        self._known: dict[Way, Lane] = {}

    def __getitem__(self, way: Way) -> Lane:
        return self._known.get(way, Lane())

    def passed(self, way: Way, now: datetime, rules: Bundling, *, urgent: bool, bundle: bool) -> None:
        """One more message goes this way."""
        self._known[way] = passed(self[way], now, rules, urgent=urgent, bundle=bundle)
        if len(self._known) > MANY:
            oldest = now - max(rules.within, rules.every, rules.urgent_every)
            self._known = {one: lane for one, lane in self._known.items() if lane.sent[-1] > oldest}
