"""Heartbeats in, as jobs send them, and how they stand.

`/heartbeats/{key}` takes what Healthchecks' ping addresses take, so that a client made for those needs another address
only: healthchecks.io/docs/http_api/
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import PlainTextResponse, Response

from engine.api.auth import documented
from engine.api.documents import refusals
from engine.api.parts import TheParts
from engine.api.views import Ref, View, show
from engine.core.errors import NotFound
from engine.core.heartbeats import LARGEST_EXIT_CODE, PulseState, Sign, Signal
from engine.core.secrecy import hide_secrets
from engine.core.texts import clean
from engine.services import heartbeats
from engine.services.heartbeats import Standing

TAIL = 4_000
"""Bytes of a body that are kept while it is read: what a job wrote last tells most."""
EXCERPT = 1_000
"""Characters of it that are stored and shown."""
MOST_READ = 16 * 1024 * 1024
"""Bytes that are read of a body. A failure is never refused for its length."""

router = APIRouter(tags=["heartbeats"])

Key = Annotated[str, Path(description="The secret part of the heartbeat's address.")]
Word = Annotated[
    str,
    Path(
        alias="signal",
        description="`start`, `fail`, or the job's exit code (0 to 255), of which 0 is a success.",
        examples=["fail"],
    ),
]


class HeartbeatView(View):
    """`state`: waiting (never heard from), up, missed, overran (started and not finished), failed (said so)."""

    name: str
    title: str
    service: str | None
    state: PulseState
    late: bool
    """The time is over, the grace is not."""
    every_s: int
    grace_s: int
    timeout_s: int
    last_success_at: datetime | None
    started_at: datetime | None
    """The beginning of the run that is under way."""
    last_failure_at: datetime | None
    exit_code: int | None
    excerpt: str
    """What came with the last failure."""
    due_at: datetime
    """When it will have been missed; of one that is down, when that is told again."""
    incident: Ref | None


class HeartbeatList(View):
    items: tuple[HeartbeatView, ...]


@router.get(
    "/api/v1/heartbeats", response_model=HeartbeatList, dependencies=[documented], responses=refusals(401, 422, 503)
)
async def list_heartbeats(parts: TheParts) -> Response:
    """Everybody who has to be heard from, in the order of the configuration."""
    now = parts.context.clock.now()
    found = await heartbeats.standings(parts.context)
    return show(HeartbeatList(items=tuple(view(standing, now) for standing in found)))


async def report_success(parts: TheParts, key: Key) -> Response:
    """The job is well. 200 once that is durable."""
    await parts.heartbeats.receive(await parts.keys.find_heartbeat(key), Signal(sign=Sign.SUCCESS))
    return PlainTextResponse("OK")


async def report_signal(parts: TheParts, key: Key, word: Word, request: Request) -> Response:
    """A run has begun, has failed, or has ended with an exit code. 200 once that is durable; what is posted with a
    failure is kept in part, its end."""
    name = await parts.keys.find_heartbeat(key)
    signal = read_signal(word)
    if signal.sign is Sign.FAIL:
        signal = Signal(sign=Sign.FAIL, exit_code=signal.exit_code, excerpt=await _excerpt(request))
    await parts.heartbeats.receive(name, signal)
    return PlainTextResponse("OK")


ADDRESSES: dict[str, Any] = {
    "/heartbeats/{key}": report_success,
    "/heartbeats/{key}/{signal}": report_signal,
}
SAID: dict[str, Any] = {
    "response_class": PlainTextResponse,
    "responses": {200: {"description": "Durable", "content": {"text/plain": {"example": "OK"}}}}
    | refusals(
        *(401, 404, 503),
        s401="No heartbeat has this key",
        s404="Neither `start` nor `fail` nor an exit code, or the heartbeat has just left the configuration",
    ),
}


def _add_addresses() -> None:
    """By every method that a job may have at hand."""
    for address, endpoint in ADDRESSES.items():
        for method in ("POST", "GET"):
            router.add_api_route(address, endpoint, methods=[method], **SAID)
        router.add_api_route(address, endpoint, methods=["HEAD"], include_in_schema=False, **SAID)


_add_addresses()


def read_signal(word: str) -> Signal:
    """Raises NotFound."""
    if word in (Sign.START, Sign.FAIL):
        return Signal(sign=Sign(word))
    if word.isascii() and word.isdigit() and len(word) <= len(str(LARGEST_EXIT_CODE)):
        code = int(word)
        if code <= LARGEST_EXIT_CODE:
            return Signal(sign=Sign.FAIL if code else Sign.SUCCESS, exit_code=code)
    raise NotFound(
        "signal_unknown",
        f"A heartbeat's address ends in nothing, /start, /fail or an exit code from 0 to {LARGEST_EXIT_CODE}.",
    )


async def _excerpt(request: Request) -> str:
    """The end of the body as text, without what looks like a secret."""
    tail, read = b"", 0
    async for chunk in request.stream():
        tail, read = (tail + chunk)[-TAIL:], read + len(chunk)
        if read > MOST_READ:
            break
    text = hide_secrets(clean(tail.decode("utf-8", "replace"))).strip()
    return text if len(text) <= EXCERPT and read <= TAIL else f"…{text[-EXCERPT:]}"


def view(standing: Standing, now: datetime) -> HeartbeatView:
    pulse, rule = standing.pulse, standing.rule
    return HeartbeatView(
        name=standing.name,
        title=rule.title or standing.name,
        service=rule.service,
        state=pulse.state,
        late=standing.late(now),
        every_s=int(rule.every.total_seconds()),
        grace_s=int(rule.grace.total_seconds()),
        timeout_s=int(rule.run_allowed.total_seconds()),
        last_success_at=pulse.beat_at,
        started_at=pulse.started_at,
        last_failure_at=pulse.failed_at,
        exit_code=pulse.exit_code,
        excerpt=pulse.excerpt,
        due_at=pulse.due_at,
        incident=standing.incident,
    )
