"""Waiting for a record to change, without polling it."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Pulse:
    """Beats once for every change of a record, and wakes whoever waits for one."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def beat(self) -> None:
        self._next.set()
        self._next = asyncio.Event()

    async def until(self, look: Callable[[], T | None], *, within: float, record: Callable[[], object]) -> T:
        """What `look` finds, looking now and after every beat.

        Raises TimeoutError after `within` seconds, with what `record` shows at that moment: a wait that fails in a test
        says what was there instead.
        """
        try:
            async with asyncio.timeout(within):
                while (found := look()) is None:
                    await self._next.wait()
        except TimeoutError:
            raise TimeoutError(f"nothing matched within {within:g} s; recorded: {record()}") from None
        return found
