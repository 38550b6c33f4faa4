"""What the HTTP face is made of; `engine.bootstrap` fills it in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from engine.core.breaker import Standing
from engine.ports import Source
from engine.services.access import Keys
from engine.services.context import Context
from engine.services.desk import CommandDesk
from engine.services.documents import Documents
from engine.services.heartbeats import Heartbeats
from engine.services.intake import Intake
from engine.services.metrics import Metrics
from engine.services.replaying import Replays, Reveal
from engine.services.requests import RawRequests
from engine.services.ticking import Ticker

MEBIBYTE = 1024 * 1024
WEBHOOK_LIMIT = 16 * MEBIBYTE


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """`slack` answers what comes to /slack/events; None where Slack is not set up. Limits are in bytes.

    A webhook may be large: a group of 10,000 alerts is some 8 MiB, and to refuse it is to lose a page. Nothing of it is
    read before the key in the address is known to be right.
    """

    context: Context
    intake: Intake
    desk: CommandDesk
    heartbeats: Heartbeats
    keys: Keys
    requests: RawRequests
    replays: Replays
    sources: Mapping[str, Source]
    documents: Documents
    ticker: Ticker
    reveal: Reveal
    breakers: Callable[[], Mapping[str, Standing]] = dict
    """How each provider that was used stands."""
    slack: Callable[[Request], Awaitable[Response]] | None = None
    answering: Callable[[], Mapping[str, str]] = dict
    """The ways by which people answer that don't work at the moment, with what they lack."""
    metrics: Metrics = field(default_factory=Metrics)
    webhook_limit: int = WEBHOOK_LIMIT
    body_limit: int = MEBIBYTE


def _of(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


TheParts = Annotated[Parts, Depends(_of)]
