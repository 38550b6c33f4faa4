"""The gate before /api/: nothing behind it is reached, or read, without a token."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.api.limits import bounded
from engine.api.problems import answer_error
from engine.core.errors import TocsinError, Unauthorized
from engine.core.model import Actor
from engine.services import access
from engine.services.context import Context

PREFIX = "/api/"
ACTOR = "tocsin.actor"

# Only for the document at /openapi.json; it is the gate that looks at tokens.
documented = Security(HTTPBearer(auto_error=False, description="An API token, as `tocsin token create` makes it."))


class Gate:
    """Knows the caller before the body is read, bounds the body, and keeps answers out of caches."""

    def __init__(self, app: ASGIApp, *, context: Context, limit: int) -> None:
        self.app = app
        self._context = context
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].removeprefix(scope.get("root_path", "")).startswith(PREFIX):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            scope[ACTOR] = await access.who(self._context, bearer(headers))
        except TocsinError as error:
            response = await answer_error(Request(scope), error)
            await response(scope, receive, send)
            return
        await self.app(scope, bounded(receive, headers, self._limit), unstored(send))


def bearer(headers: Headers) -> str:
    """Raises Unauthorized where no token was sent."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("this needs a token, in the header Authorization: Bearer <token>")
    return token.strip()


def unstored(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("Cache-Control", "no-store")
            headers.setdefault("X-Content-Type-Options", "nosniff")
        await send(message)

    return sent


def _caller(request: Request) -> Actor:
    actor: Actor | None = request.scope.get(ACTOR)
    if actor is None:  # a route that the gate does not stand before stays closed
        raise Unauthorized("this needs a token")
    return actor


Caller = Annotated[Actor, Depends(_caller)]
