"""The short way of a webhook: past the framework's middleware and routing, which take as long as reading it does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from engine.api.problems import LastResort, answer_error, answer_http_error
from engine.core.errors import TocsinError

PREFIX = "/webhooks/"


class Shortcut:
    """Answers `POST /webhooks/{source}/{key}` as `route` does, with the same errors and the same lines in the log."""

    def __init__(self, route: BaseRoute, answer: Callable[[Request], Awaitable[Response]]) -> None:
        self._route = route
        self._answer = answer
        self._call = LastResort(self._respond)

    def takes(self, scope: Scope) -> bool:
        """Notes on the way what the address holds. All that is not quite this address goes the framework's way."""
        if scope["type"] != "http" or scope["method"] != "POST":
            return False
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        source, slash, key = path.removeprefix(PREFIX).partition("/")
        if not (path.startswith(PREFIX) and source and slash and key) or "/" in key:
            return False
        scope["path_params"] = {"source": source, "key": key}
        scope["route"] = self._route
        return True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._call(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except TocsinError as error:
            response = await answer_error(request, error)
        except HTTPException as error:
            response = await answer_http_error(request, error)
        await response(scope, receive, send)
