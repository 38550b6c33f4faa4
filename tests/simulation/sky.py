"""The providers: what they take, and the spells in which they take nothing, or too much, or say nothing of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from engine.ports import Envelope, Receipt
from tests.services.engines import Fate, Wire
from tests.simulation.facts import Arrival


@dataclass(frozen=True, kw_only=True, slots=True)
class Spell:
    """A provider in trouble: so big a share of its messages meets the fate."""

    fate: Fate
    share: float
    since: datetime


class Sky(Wire):
    """A wire with weather. `told` hears of each arrival."""

    def __init__(self, chance: Random, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._chance = chance
        self._now = now
        self.spells: dict[str, Spell] = {}
        self.arrivals: list[Arrival] = []
        self.told: Callable[[Arrival, Envelope], None] = lambda arrival, envelope: None

    async def carry(self, channel: str, envelope: Envelope) -> Receipt:
        """The request is on its way, and so is the answer: whoever sends may die in between."""
        await asyncio.sleep(0)
        try:
            return await super().carry(channel, envelope)
        finally:
            await asyncio.sleep(0)

    def fate(self, channel: str) -> Fate:
        spell = self.spells.get(channel)
        if spell is not None and self._chance.random() < spell.share:
            return spell.fate
        return super().fate(channel)

    def take(self, channel: str, envelope: Envelope) -> None:
        if envelope.receipt is not None:
            return
        for one in covered(envelope):
            arrival = self._arrival(channel, one)
            self.arrivals.append(arrival)
            self.told(arrival, one)

    def _arrival(self, channel: str, envelope: Envelope) -> Arrival:
        message = envelope.message
        return Arrival(
            at=self._now(),
            order=len(self.arrivals),
            delivery=envelope.id,
            incident=envelope.incident.ref,
            channel=channel,
            contact=message.contact,
            kind=message.kind.value,
            page=message.page,
            claimed_at=envelope.now,
            repeated=envelope.repeated,
            late=envelope.late_by is not None,
        )


def covered(envelope: Envelope) -> Iterator[Envelope]:
    """The deliveries that one message covers: where a message tells of many incidents, an envelope for each."""
    if not envelope.bundle:
        yield envelope
    for one in envelope.bundle:
        yield replace(envelope, id=one.id, incident=one.incident, message=one.message, late_by=one.late_by, bundle=())
