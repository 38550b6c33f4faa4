"""How much happens. The seed decides when, to whom and how."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tests.simulation.standard import HOUR, MINUTE

DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """Mean times between two of a kind. A storm is so many problems within two minutes."""

    problem: timedelta = 20 * HOUR
    storm: timedelta = 7 * DAY
    storm_size: int = 8
    spell: timedelta = 2 * DAY
    blackout: timedelta = 10 * DAY
    death: timedelta = 16 * HOUR
    downtime: timedelta = 14 * DAY
    leap: timedelta = 20 * DAY
    revision: timedelta = 40 * DAY
    second: timedelta = 10 * DAY
    """Between two changes of how many engines there are."""


YEAR = Pace()
BUSY = Pace(
    problem=2 * HOUR,
    storm=2 * DAY,
    storm_size=6,
    spell=8 * HOUR,
    blackout=3 * DAY,
    death=4 * HOUR,
    downtime=DAY,
    leap=DAY,
    revision=2 * DAY,
    second=DAY,
)
"""A year's troubles in a few days."""
NIGHT = Pace(
    problem=40 * MINUTE,
    storm=5 * HOUR,
    storm_size=4,
    spell=3 * HOUR,
    blackout=2 * HOUR,
    death=HOUR,
    downtime=5 * HOUR,
    leap=6 * HOUR,
    revision=6 * HOUR,
    second=4 * HOUR,
)
"""All of them in one night, for a run of seconds."""
PACES = {"year": YEAR, "busy": BUSY, "night": NIGHT}
