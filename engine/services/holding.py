"""What waits of the alerts of one transaction: looked up once, written once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from engine.core.holding import Held, Place, held, place_of
from engine.core.intake import Placed
from engine.core.muting import Muted
from engine.db import holding


@dataclass(kw_only=True, slots=True)
class Waiting:
    """`some`: whether anything waits at all. Each alert has its `number` among those that came together, for one may
    come several times, and what comes later is not undone by what came before."""

    connection: Connection
    some: bool
    now: datetime
    _before: dict[Place, Held] = field(default_factory=dict)
    _after: dict[Place, tuple[int, Held | None]] = field(default_factory=dict)

    def look_up(self, placed: Iterable[Placed]) -> None:
        self._before = holding.find(self.connection, {place_of(one) for one in placed}) if self.some else {}

    def known(self, placed: Placed, number: int) -> Held | None:
        """What waited when this one came."""
        place = place_of(placed)
        at, after = self._after.get(place, (number, None))
        return after if at < number else self._before.get(place)

    def keep(self, placed: Placed, number: int, muted: Muted) -> None:
        before = self.known(placed, number)
        self._settle(placed, number, held(placed, muted, before.first_at if before else self.now, self.now))

    def let_go(self, placed: Placed, number: int) -> None:
        if self.known(placed, number) is not None:
            self._settle(placed, number, None)

    def write(self) -> None:
        after = [one for _, one in self._after.values() if one is not None]
        gone = [place for place, (_, one) in self._after.items() if one is None and place in self._before]
        if after or gone:
            holding.put(self.connection, after, gone)

    def _settle(self, placed: Placed, number: int, after: Held | None) -> None:
        place = place_of(placed)
        if self._after.get(place, (number, None))[0] <= number:
            self._after[place] = (number, after)
