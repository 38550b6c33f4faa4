"""The clocks, each an `engine.ports.Clock`. No other module reads the time or sleeps."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

TOLERANCE = timedelta(milliseconds=50)
"""What two clocks may differ by, for the way from one to the other takes its time."""
SLOWER = 0.95
CORRECT_EVERY = 1.0
"""Seconds."""
GLANCE = 0.02
"""Seconds between two looks at a clock that only moves when it is told to."""


def utc_now() -> datetime:
    """The real time, aware UTC."""
    return datetime.now(UTC)


def unix_time() -> float:
    """The real time in seconds since 1970."""
    return time.time()


async def sleep(seconds: float) -> None:
    """Waits in real seconds, as a clock's `wait_for` gives them."""
    await asyncio.sleep(seconds)


class SystemClock:
    """Real time."""

    def now(self) -> datetime:
        return utc_now()

    def wait_for(self, span: timedelta) -> float:
        return max(0.0, span.total_seconds())


class SteadyClock:
    """Real time that no correction of the machine's clock can throw off: it counts on from its last correction.

    Whoever runs it corrects it now and then by the time of a clock that others share: the database's, or the machine's.
    Forward it follows at once: the machine slept, or had been set too late, and what fell due meanwhile is due. Back it
    never steps, or a timer would wait for the same hour twice; it gains on the other clock by going slower, a second in
    twenty, so that a timer is late by a twentieth of its time at most. So `now` never decreases after the first
    correction, which is followed in either direction: nobody has gone by this clock before.
    """

    def __init__(self, start: datetime | None = None, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._anchor = monotonic()
        self._corrected = -math.inf
        self._base = utc_now() if start is None else _utc(start)
        self._rate = 1.0

    def now(self) -> datetime:
        return self._base + timedelta(seconds=(self._monotonic() - self._anchor) * self._rate)

    def wait_for(self, span: timedelta) -> float:
        return max(0.0, span.total_seconds() / self._rate)

    @property
    def wants_correction(self) -> bool:
        return self._monotonic() - self._corrected >= CORRECT_EVERY

    def correct(self, at: datetime) -> timedelta:
        """`at`: the time by the other clock, right now. Returns how far this one was ahead of it (negative: behind)."""
        here = self.now()
        ahead = here - _utc(at)
        first = self._corrected == -math.inf
        self._anchor = self._corrected = self._monotonic()
        self._base = here if ahead > timedelta() and not first else _utc(at)
        self._rate = SLOWER if ahead > TOLERANCE and not first else 1.0
        return ahead


class SpeedClock:
    """One real second is `factor` seconds, counted from the real now. For drills only: its dates run ahead."""

    def __init__(self, factor: float, *, real_now: Callable[[], datetime] = utc_now) -> None:
        if not 0 < factor < math.inf:
            raise ValueError(f"a clock does not run at {factor} times the speed; give a number above 0")
        self._factor = factor
        self._real_now = real_now
        self._anchor = real_now()

    def now(self) -> datetime:
        return self._anchor + (self._real_now() - self._anchor) * self._factor

    def wait_for(self, span: timedelta) -> float:
        return max(0.0, span.total_seconds() / self._factor)


class VirtualClock:
    """Stands still until it is moved: for rehearsals, simulations and tests."""

    def __init__(self, start: datetime) -> None:
        self._now = _utc(start)

    def now(self) -> datetime:
        return self._now

    def wait_for(self, span: timedelta) -> float:
        """No span passes by itself, so whoever waits looks again after a moment."""
        return GLANCE if span > timedelta() else 0.0

    def advance(self, span: timedelta) -> datetime:
        """Moves forward (a negative span: back, as a corrected system clock does) and returns the new time."""
        self._now += span
        return self._now

    def set(self, at: datetime) -> None:
        """Jumps to a time in either direction."""
        self._now = _utc(at)


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} has no time zone; clocks take aware times only")
    return at.astimezone(UTC)
