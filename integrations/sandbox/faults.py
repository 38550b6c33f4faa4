"""Failures on demand: armed for the next few calls or until switched off."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from integrations.sandbox.waiting import Pulse

F = TypeVar("F")


@dataclass(kw_only=True, slots=True)
class _Armed(Generic[F]):
    fault: F
    left: int | None


class Switchboard(Generic[F]):
    """The faults that are armed, oldest first; the first one that applies to a call is the one that it meets.

    `held` counts the calls that hang; `changed` beats with it, so that a test can wait until a call is stuck.
    """

    def __init__(self, changed: Pulse) -> None:
        self.held = 0
        self._changed = changed
        self._armed: list[_Armed[F]] = []
        self._release = asyncio.Event()

    def arm(self, fault: F, *, times: int | None) -> None:
        """Let the next `times` calls meet `fault`; None: every call, until `clear`."""
        self._armed.append(_Armed(fault=fault, left=times))

    def take(self, applies: Callable[[F], bool]) -> F | None:
        """The fault that this call meets, counted as used; None for a call that goes well."""
        armed = next((one for one in self._armed if applies(one.fault)), None)
        if armed is None:
            return None
        if armed.left is not None:
            armed.left -= 1
            if armed.left <= 0:
                self._armed.remove(armed)
        return armed.fault

    async def hold(self) -> None:
        """Keep a hanging call until the next `clear`."""
        self.held += 1
        self._changed.beat()
        try:
            await self._release.wait()
        finally:
            self.held -= 1
            self._changed.beat()

    def clear(self) -> None:
        """Switch every fault off and let the calls that hang go on."""
        self._armed.clear()
        self._release.set()
        self._release = asyncio.Event()
