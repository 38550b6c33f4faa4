"""Keeps the sender going: woken in process after each commit, and by a scan of the outbox as the recovery path."""

from __future__ import annotations

import asyncio

import structlog

from engine.core.errors import TocsinError
from engine.services.context import Context
from engine.services.delivery import Sender

log = structlog.get_logger()

SCAN = 0.5
"""Seconds between two looks at the outbox when nothing wakes the sender."""


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
        wake = self._context.signals.outbox
        while not self._stopping:
            wake.clear()
            if await self._send() == 0 and not self._stopping:
                try:
                    await asyncio.wait_for(wake.wait(), SCAN)
                except TimeoutError:
                    continue

    async def _send(self) -> int:
        try:
            return await self._sender.run_once()
        except TocsinError as error:  # the database is away; the scan comes again
            log.warning("dispatch.failed", error=str(error))
        except Exception:  # the edge of the loop: the next scan has to come
            log.exception("dispatch.broke")
        return 0
