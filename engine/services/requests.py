"""Raw requests on their way to the database, beside the answer's: whatever happens here, no alert waits for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import structlog

from engine.core.errors import Overloaded
from engine.core.requests import MOST_OUTCOMES, RawRequest, cut_body, kept_body, kept_headers, kept_problem
from engine.core.requests import Requests as Terms
from engine.db import requests
from engine.services.arrivals import Outcome
from engine.services.context import Context

log = structlog.get_logger()

WAITING, WAITING_BYTES = 5_000, 32 * 1024 * 1024
"""Beyond either a request is not kept: memory stays bounded, and nobody is refused because of it."""
BATCH, BATCH_BYTES = 400, 4 * 1024 * 1024
"""What goes into one transaction."""
PAUSE = 0.5
"""Seconds in which a batch gathers. A kill loses what came in them, of the raw requests alone."""
TAKEN = range(200, 300)
BATCHES = 200
"""Of dropped rows, in one run of the errand."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Came:
    """A request as it came and was answered, nothing of it hidden yet; `request.body` is cut. `secrets` must not be in
    what is kept, `proofs` are the headers that hold the sender's."""

    request: RawRequest
    taken: Sequence[Outcome]
    terms: Terms
    secrets: frozenset[str] = frozenset()
    proofs: frozenset[str] = frozenset()

    @property
    def readable(self) -> bool:
        """It was answered with a yes."""
        return self.request.status in TAKEN

    def kept(self) -> RawRequest:
        """As it may be kept."""
        own = self.request
        body = kept_body(own.body, cut=own.cut, secrets=self.secrets)
        return replace(
            own,
            headers=kept_headers(own.headers, self.proofs, self.secrets),
            body=body,
            cut=own.cut or (not body and bool(own.body)),
            problem=kept_problem(own.problem, self.secrets) if own.problem is not None else None,
            outcomes=tuple(
                {"fingerprint": one.fingerprint[:200], "action": one.action.value, "incident": one.incident}
                for one in self.taken[:MOST_OUTCOMES]
            ),
        )


Look = Callable[[Sequence[Came]], Awaitable[None]]
"""Sees every request that was answered, many at a time, once they are written. May raise Overloaded."""


class RawRequests:
    def __init__(self, context: Context, lost: Callable[[int], None], looks: Sequence[Look] = ()) -> None:
        self._context = context
        self._lost = lost
        self._looks = looks
        self._waiting: deque[Came] = deque()
        self._bytes = 0
        self._dropped = 0
        self._hurry = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    def keep(self, came: Came) -> None:
        """Never waits and never fails; what finds no place is counted."""
        body, cut = cut_body(came.request.body, came.terms.most_bytes)
        if len(self._waiting) >= WAITING or self._bytes + len(body) > WAITING_BYTES:
            self._dropped += 1
            self._lost(1)
        else:
            self._waiting.append(replace(came, request=replace(came.request, body=body, cut=cut)) if cut else came)
            self._bytes += len(body)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())

    async def drained(self) -> None:
        """Waits until what has come so far is in the database, or can't be."""
        if self._writer is None:
            return
        self._hurry.set()
        await self._writer
        self._hurry.clear()

    async def _write(self) -> None:
        while self._waiting or self._dropped:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), PAUSE)
            batch = self._next_batch()
            await self._store(batch)
            await self._judge(batch)
            if self._dropped:
                log.warning("requests.not_kept", requests=self._dropped, reason="more came than could be written")
                self._dropped = 0

    def _next_batch(self) -> list[Came]:
        batch: list[Came] = []
        size = 0
        while self._waiting and len(batch) < BATCH and (not batch or size < BATCH_BYTES):
            came = self._waiting.popleft()
            size += len(came.request.body)
            batch.append(came)
        self._bytes -= size
        return batch

    async def _store(self, batch: Sequence[Came]) -> None:
        wanted = [came for came in batch if came.terms.keep_days]
        if not wanted:
            return
        try:
            rows = await asyncio.to_thread(_rows, wanted)
            await self._context.database.write(lambda connection: requests.add(connection, rows))
        except Overloaded as error:
            self._give_up(wanted, error)
        except Exception as error:  # the edge of the loop: the next batch has to be written
            log.exception("requests.broke")
            self._give_up(wanted, error)

    async def _judge(self, batch: Sequence[Came]) -> None:
        for look in self._looks:
            try:
                await look(batch)
            except Overloaded as error:
                log.warning("requests.not_looked_at", requests=len(batch), reason=str(error))
            except Exception:  # as in _store
                log.exception("requests.look_broke")

    def _give_up(self, batch: Sequence[Came], error: Exception) -> None:
        """Not tried again: what a database that comes back needs least is the backlog of this."""
        self._lost(len(batch))
        log.warning("requests.not_kept", requests=len(batch), reason=type(error).__name__)

    async def tidy(self) -> None:
        """Drops what is too old, then the oldest of what is too much. Raises Overloaded."""
        database, now = self._context.database, self._context.clock.now()
        revision = await database.read(self._context.revisions.current)
        terms = revision.config.requests
        before = now - timedelta(days=terms.keep_days)
        for _ in range(BATCHES):
            if not await database.write(lambda connection: requests.drop_older(connection, before)):
                break
        excess = await database.read(requests.total) - terms.keep_bytes
        for _ in range(BATCHES):
            if excess <= 0:
                break
            left = excess
            rows, gone = await database.write(lambda connection: requests.drop_weight(connection, left))  # noqa: B023 - called at once
            excess -= gone
            if not rows:
                break


def _rows(batch: Sequence[Came]) -> list[dict[str, Any]]:
    return [requests.row_of(came.kept()) for came in batch]
