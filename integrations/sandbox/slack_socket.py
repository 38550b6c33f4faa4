"""Socket Mode as the sandbox's Slack speaks it: an address for each connection, used once, and requests with an id.

docs.slack.dev/apis/events-api/using-socket-mode.
"""

import asyncio
import itertools
import json
import secrets
from collections.abc import Callable

from aiohttp import WSMsgType, web

from integrations.sandbox.clicks import AppAnswer
from integrations.sandbox.slack_answers import APP_ID, answered, refused
from integrations.sandbox.slack_values import Json
from integrations.sandbox.waiting import Pulse

LINK = "/link"
CONNECTIONS = 10  # Slack allows so many for each app
ANSWER_SECONDS = 10.0


class SocketDoor:
    """`connections` are those open now; requests go to them in turn, as Slack spreads them."""

    def __init__(self, changed: Pulse, monotonic: Callable[[], float], *, app_token: str) -> None:
        self.connections: list[web.WebSocketResponse] = []
        self._changed = changed
        self._monotonic = monotonic
        self._app_token = app_token
        self._tickets: set[str] = set()
        self._numbers = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[Json]] = {}

    def open(self, token: str, host: str) -> Json:
        """`apps.connections.open`: an address that is good for one connection."""
        if token != self._app_token:
            return refused("not_allowed_token_type" if token.startswith("xoxb-") else "invalid_auth")
        ticket = secrets.token_hex(8)
        self._tickets.add(ticket)
        return answered(url=f"ws://{host}{LINK}/?ticket={ticket}&app_id={APP_ID}")

    async def serve(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets or len(self.connections) >= CONNECTIONS:
            return web.Response(status=403)
        self._tickets.discard(ticket)
        connection = web.WebSocketResponse()
        await connection.prepare(request)
        await connection.send_json({"type": "hello", "num_connections": len(self.connections) + 1})
        self.connections.append(connection)
        self._changed.beat()
        try:
            async for message in connection:
                if message.type is WSMsgType.TEXT:
                    self._take(json.loads(message.data))
        finally:
            if connection in self.connections:
                self.connections.remove(connection)
            self._changed.beat()
        return connection

    def _take(self, reply: Json) -> None:
        waiting = self._waiting.get(reply["envelope_id"])
        if waiting is not None and not waiting.done():
            waiting.set_result(reply)

    async def deliver(self, kind: str, payload: Json, *, envelope_id: str | None = None) -> AppAnswer:
        """Raises LookupError where nobody is connected, TimeoutError where no answer comes."""
        if not self.connections:
            raise LookupError("no app is connected by Socket Mode, and the sandbox has no request_url")
        connection = self.connections[next(self._numbers) % len(self.connections)]
        envelope_id = envelope_id or secrets.token_hex(8)
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = answer
        started = self._monotonic()
        await connection.send_json(
            {"type": kind, "envelope_id": envelope_id, "payload": payload, "accepts_response_payload": True}
        )
        reply = await asyncio.wait_for(answer, ANSWER_SECONDS)
        body = json.dumps(reply["payload"]) if "payload" in reply else ""
        return AppAnswer(status=200, body=body, headers={}, elapsed=self._monotonic() - started)

    async def refresh(self) -> None:
        """As Slack does every few hours: it says that the connection will end, and ends it once there is another."""
        old = self.connections.pop(0)
        await old.send_json({"type": "disconnect", "reason": "refresh_requested", "debug_info": {}})
        await self._changed.until(lambda: bool(self.connections) or None, within=ANSWER_SECONDS, record=str)
        await old.close()

    async def cut(self) -> None:
        """Every connection breaks, without a word."""
        for connection in tuple(self.connections):
            await connection.close(code=1011)
