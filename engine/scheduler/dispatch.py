"""Keeps the sender going: woken in process after each commit, and by a scan of the outbox as the recovery path.

It has a pace. A page that waits for its turn is safe, an alert that is not taken in is not, and a timer that has not
fired has nobody's page queued; so in a storm the most urgent messages go out as fast as providers take them, and the
rest of the machine is for alerts and timers.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from engine.core.errors import TocsinError
from engine.services.context import Context
from engine.services.delivery import Sender

log = structlog.get_logger()

SCAN = 0.5
"""Seconds between two looks at the outbox when nothing wakes the sender."""
BREATH = 0.01
"""Seconds between two rounds at least: what is queued meanwhile shares the next one's transaction."""
STORM = 150
"""More alerts and timers a second than these are a storm."""
STORM_BREATH = 0.04
"""Seconds between two rounds of a storm at least: most messages are only told to wait, each round costs a COMMIT."""
STORM_RATE = 100
"""Messages a second during a storm. Slack takes one a second for each of its channels."""
WINDOW = 0.5
"""Seconds over which they are counted, at least."""


class Pace:
    """How long to rest between two rounds. Times are monotonic seconds."""

    def __init__(self, now: float, work: int) -> None:
        self._since = now
        self._work = work
        self._storm = False

    def rest(self, sent: int, now: float, work: int) -> float:
        """After a round of so many messages; `work` is how many alerts and timers there have ever been."""
        if now - self._since >= WINDOW:
            self._storm = work - self._work > STORM * (now - self._since)
            self._since, self._work = now, work
        return max(STORM_BREATH, sent / STORM_RATE) if self._storm else BREATH


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
        signals, time = self._context.signals, asyncio.get_running_loop().time
        pace = Pace(time(), signals.work)
        while not self._stopping:
            signals.outbox.clear()
            sent = await self._send()
            rest = pace.rest(sent, time(), signals.work)
            if sent:
                await asyncio.sleep(rest)
            elif not self._stopping:
                with suppress(TimeoutError):
                    await asyncio.wait_for(signals.outbox.wait(), SCAN)

    async def _send(self) -> int:
        try:
            return await self._sender.run_once()
        except TocsinError as error:  # the database is away; the scan comes again
            log.warning("dispatch.failed", error=str(error))
        except Exception:  # the edge of the loop: the next scan has to come
            log.exception("dispatch.broke")
        return 0
