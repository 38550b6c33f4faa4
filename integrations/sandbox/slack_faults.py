"""How the sandbox's Slack can fail, and how Slack limits the rate of posts."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto


class Failure(Enum):
    RATE_LIMITED = auto()
    """429 with `Retry-After`."""
    SERVER_ERROR = auto()
    """500 with Slack's JSON."""
    UNAVAILABLE = auto()
    """503 with a page of HTML, as a proxy answers."""
    GARBAGE = auto()
    """200 with JSON that breaks off."""
    DROPPED = auto()
    """The connection is closed before anything is done."""
    HANGING = auto()
    """No answer and nothing done before the failures are cleared; then as usual, if the client is still there."""
    ACCEPTED_THEN_DROPPED = auto()
    """The call is carried out, then the connection is closed without an answer."""
    ACCEPTED_THEN_HANGING = auto()
    """The call is carried out, the answer waits until the failures are cleared."""
    REFUSED = auto()
    """200 with `ok: false` and a code such as `token_revoked`, `is_archived` or `not_in_channel`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One armed failure; `method` and `channel` (a conversation's id) narrow down which calls meet it."""

    failure: Failure
    method: str | None = None
    channel: str | None = None
    error: str = "fatal_error"
    retry_after: int = 1

    def applies(self, *, method: str, channel: str) -> bool:
        return self.method in (None, method) and self.channel in (None, channel)


@dataclass(frozen=True, kw_only=True, slots=True)
class RateLimit:
    """Posts per second and channel, and how many may come at once.

    Slack publishes one a second with "short bursts" (docs.slack.dev/apis/web-api/rate-limits), not how short.
    """

    per_second: float = 1.0
    burst: int = 5


class Buckets:
    """One token bucket a channel; without a `limit` every post passes."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.limit: RateLimit | None = None
        self._monotonic = monotonic
        self._filled: dict[str, tuple[float, float]] = {}

    def admits(self, channel: str) -> bool:
        if self.limit is None:
            return True
        now = self._monotonic()
        tokens, at = self._filled.get(channel, (float(self.limit.burst), now))
        tokens = min(self.limit.burst, tokens + (now - at) * self.limit.per_second)
        admitted = tokens >= 1
        self._filled[channel] = (tokens - admitted, now)
        return admitted
