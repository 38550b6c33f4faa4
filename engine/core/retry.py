"""When a failed message is tried again."""

from __future__ import annotations

from datetime import datetime, timedelta

FIRST = timedelta(seconds=2)
LONGEST = timedelta(seconds=30)


def next_try(
    attempts: int, now: datetime, deadline: datetime, jitter: float, retry_after: float | None = None
) -> datetime | None:
    """Doubling from 2 s to 30 s, spread by `jitter` (0 to 1) over the upper half, never before the provider's
    `retry_after` (seconds). None when the next try would come after the deadline: the next way is used instead."""
    wait = min(LONGEST, FIRST * 2 ** min(attempts - 1, 10))
    wait = wait / 2 + wait / 2 * jitter
    if retry_after is not None:
        if not retry_after <= (deadline - now).total_seconds():  # also what no span of time can hold
            return None
        wait = max(wait, timedelta(seconds=max(0.0, retry_after)))
    at = now + wait
    return at if at <= deadline else None
