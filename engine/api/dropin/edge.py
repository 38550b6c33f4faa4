"""What all drop-in addresses have in common: reading a body, and answering refusals in the vendor's own words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from typing import Any

from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from engine.api.parts import Parts
from engine.api.problems import code_of, tell
from engine.api.senders import LARGE
from engine.core.errors import Overloaded, Refusal, SettingsError, TocsinError, Unreadable

NOT_SET_UP = 60
"""Seconds until a sender should come again where the engine is set up wrongly, or not yet."""

Refuse = Callable[[TocsinError | HTTPException], Response]


async def answered(
    parts: Parts, source: str, request: Request, work: Callable[[], Awaitable[Response]], refuse: Refuse
) -> Response:
    """The answer, or the vendor's refusal; what is sent is timed, counted and logged as every webhook is."""
    with parts.metrics.webhook_seconds.time() if request.method == "POST" else nullcontext():
        try:
            return await work()
        except (TocsinError, HTTPException) as error:
            code = code_of(error)
            parts.metrics.webhooks_refused.labels(source, code).inc()
            response = refuse(error)
            tell(request, response.status_code, code)
            return response


def say(answer: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """What a sender calls its alert may hold half a character; as ASCII it can always be sent back."""
    body = json.dumps(answer.model_dump(by_alias=True, exclude_none=True), ensure_ascii=True).encode()
    return Response(body, status, {"X-Content-Type-Options": "nosniff", **(headers or {})}, "application/json")


async def read_object(body: bytes) -> dict[str, Any]:
    """Raises Unreadable with the path `$` for what is no JSON object."""
    return _object(body) if len(body) < LARGE else await asyncio.to_thread(_object, body)


def _object(body: bytes) -> dict[str, Any]:
    try:
        # utf-8-sig: with or without a byte order mark.
        found = json.loads(body.decode("utf-8-sig"))
    except RecursionError as error:
        raise Unreadable("$", "nested too deeply") from error
    except ValueError as error:
        raise Unreadable("$", "not JSON in UTF-8") from error
    if not isinstance(found, dict):
        raise Unreadable("$", "not a JSON object")
    return found


def come_again_after(error: TocsinError | HTTPException) -> int | None:
    """Seconds, where the same request may be taken later; None where it never will."""
    if isinstance(error, Overloaded):
        return error.retry_after
    if isinstance(error, SettingsError) or (isinstance(error, Refusal) and error.code == "no_configuration"):
        return NOT_SET_UP
    return None
