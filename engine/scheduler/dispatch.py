"""Keeps the sender going: woken in process after each commit, and by a scan of the outbox as the recovery path.

It has a pace. A page that waits for its turn is safe, an alert that is not taken in is not; so in a storm the most
urgent messages go out at a rate that no provider exceeds, and the rest of the machine is for taking alerts in.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from engine.core.errors import TocsinError
from engine.services.context import Context
from engine.services.delivery import TOGETHER, Sender

log = structlog.get_logger()

SCAN = 0.5
"""Seconds between two looks at the outbox when nothing wakes the sender."""
RATE = 250
"""Messages a second that are sent for as long as it takes. Slack takes one a second for each of its channels."""
BURST = 500
"""Messages beyond the rate, for the moment when everything breaks at once."""
BREATH = 0.01
"""Seconds between two rounds at least: what is queued meanwhile shares the next one's transaction."""


class Pace:
    """A bucket of permits to send, filled at a steady rate. Times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._permits: float = BURST
        self._seen = now

    def rest(self, sent: int, now: float) -> float:
        """Seconds until the next round, after one of so many messages."""
        self._permits = min(BURST, self._permits + (now - self._seen) * RATE) - sent
        self._seen = now
        return BREATH if self._permits > 0 else (TOGETHER - self._permits) / RATE


class Dispatcher:
    def __init__(self, context: Context, sender: Sender) -> None:
        self._context = context
        self._sender = sender
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Claims nothing more, and waits until what is being sent is on record."""
        self._stopping = True
        self._context.signals.outbox.set()
        if self._task:
            await self._task
        await self._sender.settled()

    async def _run(self) -> None:
        wake, time = self._context.signals.outbox, asyncio.get_running_loop().time
        pace = Pace(time())
        while not self._stopping:
            wake.clear()
            sent = await self._send()
            if sent == 0 and not self._stopping:
                with suppress(TimeoutError):
                    await asyncio.wait_for(wake.wait(), SCAN)
            await asyncio.sleep(pace.rest(sent, time()))

    async def _send(self) -> int:
        try:
            return await self._sender.run_once()
        except TocsinError as error:  # the database is away; the scan comes again
            log.warning("dispatch.failed", error=str(error))
        except Exception:  # the edge of the loop: the next scan has to come
            log.exception("dispatch.broke")
        return 0
