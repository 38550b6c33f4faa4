"""A provider that fails again and again is left alone for a while: what can goes another way, and one message at a time
finds out whether it is back.

closed: all goes out. open: nothing does until the next probe. half-open: a probe is on its way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from engine.core.errors import DeliveryError

FAILURES = 5
"""So many in a row open the breaker."""
REST = timedelta(seconds=15)
"""Between two probes; a page's retries are up to 30 s apart."""
PROBE = timedelta(seconds=30)
"""A probe that is not back by then is lost, and the next one goes."""


class Standing(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, kw_only=True, slots=True)
class Breaker:
    """What is known of one provider. `out_since`: of the first failure of this row, once the breaker is open."""

    failures: int = 0
    failing_since: datetime | None = None
    out_since: datetime | None = None
    probe_at: datetime | None = None
    probing_until: datetime | None = None
    error: str = ""


def standing(breaker: Breaker, now: datetime) -> Standing:
    if breaker.out_since is None:
        return Standing.CLOSED
    probing = breaker.probing_until is not None and now < breaker.probing_until
    return Standing.HALF_OPEN if probing else Standing.OPEN


def admits(breaker: Breaker, now: datetime) -> bool:
    """A message may go out now; through an open breaker one may that is due as a probe."""
    found = standing(breaker, now)
    due = breaker.probe_at is None or now >= breaker.probe_at
    return found is Standing.CLOSED or (found is Standing.OPEN and due)


def next_probe(breaker: Breaker, now: datetime) -> datetime:
    """When what waits behind an open breaker is worth another look."""
    if breaker.probing_until is not None and now < breaker.probing_until:
        return now + REST
    return max(now + timedelta(seconds=1), breaker.probe_at or now)


def counts(error: DeliveryError) -> bool:
    """Says that the provider is out: not one that refuses an address, and not one that asks to slow down."""
    return not error.permanent and error.limited is None


def failed(breaker: Breaker, error: str, now: datetime) -> Breaker:
    failures, since = breaker.failures + 1, breaker.failing_since or now
    opens = failures >= FAILURES
    return Breaker(
        failures=failures,
        failing_since=since,
        out_since=breaker.out_since or (since if opens else None),
        probe_at=now + REST if opens else None,
        error=error,
    )


def succeeded() -> Breaker:
    return Breaker()


def probing(breaker: Breaker, now: datetime) -> Breaker:
    """A message goes out through the open breaker."""
    return replace(breaker, probing_until=now + PROBE)


def why_out(breaker: Breaker) -> str:
    """`is out since 03:12 UTC after 5 failures in a row`."""
    since = f" since {breaker.out_since:%H:%M} UTC" if breaker.out_since else ""
    return f"is out{since} after {breaker.failures} failures in a row"
