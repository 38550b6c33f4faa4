"""What Slack has delivered already. Another replica knows nothing of it; there the database tells, by a key."""

from __future__ import annotations

from collections import deque

REMEMBERED = 3_000


class Seen:
    def __init__(self) -> None:
        self._known: deque[tuple[str, ...]] = deque(maxlen=REMEMBERED)

    def first(self, *identity: str) -> bool:
        """Whether this comes for the first time. What carries no identity always does."""
        if not any(identity):
            return True
        if identity in self._known:
            return False
        self._known.append(identity)
        return True
