"""Every error as a problem document (RFC 9457): a code for programs, a sentence for people, no secret, no traceback."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Coroutine, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.core.errors import (
    Forbidden,
    NotFound,
    Overloaded,
    Refusal,
    SettingsError,
    TocsinError,
    Unauthorized,
    Unreachable,
    Unreadable,
)

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="tocsin"'}
LONGEST_NAME = 60

BY_CODE = {
    "no_configuration": 503,
    "key_reused": 422,
    "silence_over": 422,
    "silence_idle": 422,
    "matcher_refused": 422,
}
"""Refusals whose status does not follow from their class. Without a configuration the engine is not ready: the sender
shall come again, and no sender does that for a 4xx. What is wrong with a silence is in what was sent."""

CODES = {400: "unreadable", 404: "no_such_address", 405: "method_not_allowed", 413: "too_large", 415: "not_json"}
SENTENCES = {
    400: "The body is not JSON in UTF-8, or nested too deeply.",
    404: "There is nothing at this address; /openapi.json lists what there is.",
    405: "This address does not take that method.",
}


class Fault(BaseModel):
    """One fault of the request: where it is, and what is wrong there."""

    path: str
    reason: str


class Problem(BaseModel):
    """Why the request was refused. `code` is for programs and stays the same; `detail` is a sentence for people."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    instance: str | None = None
    """Names this very occurrence in the engine's log."""
    path: str | None = None
    """Of an unreadable webhook: the JSON path of the first fault."""
    reason: str | None = None
    """Of an unreadable webhook: what is wrong there."""
    errors: list[Fault] | None = None
    """Of an invalid request: every fault."""


def problem(
    status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: object
) -> Response:
    fields = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **more,
    }
    # What is quoted from a request may hold half a character; as ASCII it can always be sent.
    body = json.dumps(fields, ensure_ascii=True).encode()
    return Response(body, status, {"X-Content-Type-Options": "nosniff", **(headers or {})}, MEDIA_TYPE)


def refuse(error: TocsinError) -> Response:
    """The problem document of one of the product's own errors."""
    match error:
        case Refusal():
            return problem(_status(error), error.code, error.sentence)
        case Unreadable():
            return problem(422, "unreadable", str(error), path=error.path, reason=error.reason)
        case Unauthorized():
            return problem(401, "unauthorized", _sentence(error), headers=CHALLENGE)
        case Overloaded() | Unreachable() | SettingsError():
            return _later(error)
        case _:
            return problem(500, "failed", _sentence(error))


def _later(error: Overloaded | Unreachable | SettingsError) -> Response:
    """What was sent may be right, and shall come again; the answer says in how many seconds."""
    if isinstance(error, SettingsError):
        return _again("misconfigured", f"Tocsin is set up wrongly: {error}.", 60)
    if isinstance(error, Unreachable):
        return _again("unreachable", f"{_sentence(error)} Nothing was stored; send it again.", 20)
    return _again("overloaded", f"{_sentence(error)} It counts as not stored; send it again.", error.retry_after)


def _again(code: str, detail: str, seconds: int) -> Response:
    return problem(503, code, detail, headers={"Retry-After": str(seconds)})


def status_of(error: TocsinError | HTTPException) -> int:
    """The status of its problem document."""
    return error.status_code if isinstance(error, HTTPException) else refuse(error).status_code


def code_of(error: TocsinError | HTTPException) -> str:
    """The code under which the error is counted and logged."""
    if isinstance(error, HTTPException):
        return CODES.get(error.status_code, "refused")
    return error.code if isinstance(error, Refusal) else type(error).__name__.lower()


def _status(refusal: Refusal) -> int:
    if refusal.code in BY_CODE:
        return BY_CODE[refusal.code]
    if isinstance(refusal, NotFound):
        return 404
    return 403 if isinstance(refusal, Forbidden) else 409


def _sentence(error: Exception) -> str:
    text = str(error)
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


async def answer_error(request: Request, error: TocsinError) -> Response:
    """Refuses, and logs that it did."""
    response = refuse(error)
    tell(request, response.status_code, code_of(error))
    return response


async def answer_http_error(request: Request, error: HTTPException) -> Response:
    """What the framework refuses, and bodies that are too large."""
    status, code = error.status_code, code_of(error)
    tell(request, status, code)
    return problem(status, code, SENTENCES.get(status, str(error.detail)), headers=error.headers)


async def _on_invalid(request: Request, error: RequestValidationError) -> Response:
    kinds = {one["type"] for one in error.errors()}
    if "json_invalid" in kinds:
        return await answer_http_error(request, HTTPException(400))
    if any(tuple(one["loc"]) == ("body",) for one in error.errors()) and not _is_json(request):
        return await answer_http_error(
            request, HTTPException(415, "Send JSON, with the header Content-Type: application/json.")
        )
    tell(request, 422, "invalid")
    return invalid([Fault(path=_path(one["loc"]), reason=_reason(one)) for one in error.errors()])


def invalid(faults: Sequence[Fault]) -> Response:
    detail = "; ".join(f"{fault.path}: {fault.reason}" for fault in faults[:3])
    return problem(422, "invalid", detail, errors=[fault.model_dump() for fault in faults])


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _path(place: Sequence[int | str]) -> str:
    """`$.actions[0].owner` in the body, `query.limit` elsewhere."""
    where, *steps = place
    shown = "$" if where == "body" else str(where)
    for step in steps:
        shown += f"[{step}]" if isinstance(step, int) else f".{step[:LONGEST_NAME]}"
    return shown


def _reason(error: Mapping[str, Any]) -> str:
    """pydantic's own word; that of our validators without the prefix that pydantic puts before it."""
    return str(error["msg"]).removeprefix("Value error, ")


def tell(request: Request, status: int, code: str) -> None:
    """By the route's pattern, never by the address: that of a webhook holds its key."""
    route = getattr(request.scope.get("route"), "path", "")
    client = request.client.host if request.client else ""
    log.info("request.refused", method=request.method, route=route, status=status, code=code, client=client)


HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
    TocsinError: answer_error,
    HTTPException: answer_http_error,
    RequestValidationError: _on_invalid,
}


class LastResort:
    """The edge of every request: what nobody foresaw becomes a 500 with a number that the log knows."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def sent(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, sent)
        except ClientDisconnect:
            log.info("request.abandoned", method=scope.get("method", ""))
        except Exception:
            instance = uuid.uuid4()
            log.exception("request.broke", instance=str(instance), method=scope.get("method", ""))
            if started or scope["type"] != "http":
                raise
            await _broken(instance)(scope, receive, send)


def _broken(instance: uuid.UUID) -> Response:
    detail = f"Something broke inside Tocsin; its log says more about {instance}."
    return problem(500, "broke", detail, instance=instance.urn)
