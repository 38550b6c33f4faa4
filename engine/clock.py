"""The clocks, each an `engine.ports.Clock`. No other module reads the time or sleeps."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

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
