"""What a killed process and its successor share with the one that watches them: a clock, and whether it counts."""

from __future__ import annotations

import mmap
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

CLOCK = struct.Struct("d")
ARMED = CLOCK.size
SIZE = CLOCK.size + 1


class Switch:
    """A few bytes of memory under a file. The clock stands still until it is moved."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), SIZE)

    @staticmethod
    def make(path: Path) -> Switch:
        path.write_bytes(bytes(SIZE))
        return Switch(path)

    def now(self) -> datetime:
        [seconds] = CLOCK.unpack_from(self._memory)
        return datetime.fromtimestamp(seconds, UTC)

    def wait_for(self, span: timedelta) -> float:
        """Whoever moves the clock rings; the sweeps are the recovery path here as everywhere."""
        return max(0.0, span.total_seconds())

    def set(self, now: datetime) -> None:
        CLOCK.pack_into(self._memory, 0, now.timestamp())

    @property
    def armed(self) -> bool:
        return self._memory[ARMED] == 1

    def arm(self, *, on: bool) -> None:
        self._memory[ARMED] = on
