"""Vendors' own documents that webhooks refer to: fetched once, and once for all that wait for the same one."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import structlog

from engine.core.errors import Unreachable
from engine.ports import Fetch

log = structlog.get_logger()

MOST = 100
"""Documents that are kept. A vendor has a handful at a time; more than that is somebody inventing addresses."""


class Documents:
    def __init__(self, fetch: Fetch, *, most: int = MOST) -> None:
        self._fetch = fetch
        self._most = most
        self._known: OrderedDict[str, bytes] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[bytes]] = {}

    async def get(self, url: str) -> bytes:
        """Of the documents that were asked for most recently, from memory: what is at these addresses never changes.

        Raises Unreachable; the next one to ask tries again.
        """
        if url in self._known:
            self._known.move_to_end(url)
            return self._known[url]
        if url not in self._under_way:
            task = self._under_way[url] = asyncio.create_task(self._load(url))
            task.add_done_callback(lambda done: self._done(url, done))
        # Shielded: that one sender hangs up must not fail the others that wait for the same document.
        return await asyncio.shield(self._under_way[url])

    async def confirm(self, url: str) -> None:
        """Calls an address for the sake of the call. Raises Unreachable."""
        await self._called(url)

    async def _load(self, url: str) -> bytes:
        document = await self._called(url)
        self._known[url] = document
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return document

    async def _called(self, url: str) -> bytes:
        try:
            return await self._fetch(url)
        except Unreachable as error:
            log.warning("document.unreachable", reason=str(error))
            raise

    def _done(self, url: str, task: asyncio.Task[bytes]) -> None:
        del self._under_way[url]
        if not task.cancelled():
            task.exception()  # Seen, even where everybody who waited for it is gone.
