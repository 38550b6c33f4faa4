"""Which providers are out, as far as this process can tell.

It is kept in the process: a replica whose own network is broken must not keep the others from sending, and what each of
them has to learn by itself costs five failed tries.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import structlog

from engine.core.breaker import Breaker, Standing, counts, failed, probing, standing, succeeded, why_out
from engine.core.errors import DeliveryError

log = structlog.get_logger()


class Breakers:
    def __init__(self) -> None:
        self._known: dict[str, Breaker] = {}

    def __getitem__(self, channel: str) -> Breaker:
        return self._known.get(channel, Breaker())

    def begun(self, channel: str, now: datetime) -> None:
        """A message is on its way; through an open breaker it is the probe."""
        if self[channel].out_since is not None:
            self._known[channel] = probing(self[channel], now)

    def ended(self, channel: str, error: DeliveryError | None, now: datetime) -> bool:
        """Whether the provider is back by this."""
        before = self[channel]
        if error is None or not counts(error):
            self._known[channel] = succeeded()  # whoever refuses an address, or asks to slow down, is there
            if before.out_since is not None:
                log.info("breaker.closed", channel=channel, out_since=before.out_since.isoformat())
            return before.out_since is not None
        self._known[channel] = after = failed(before, str(error), now)
        if before.out_since is None and after.out_since is not None:
            log.warning("breaker.opened", channel=channel, failures=after.failures, error=after.error)
        return False

    def out(self) -> Mapping[str, str]:
        """By channel, the words for how it is out."""
        return {name: why_out(one) for name, one in self._known.items() if one.out_since is not None}

    def standings(self, now: datetime) -> Mapping[str, Standing]:
        """Of every channel that was used, for the metrics."""
        return {name: standing(one, now) for name, one in self._known.items()}
