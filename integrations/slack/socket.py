"""Slack over Socket Mode: we open the connection, so no address of ours has to be reachable from outside.

The protocol: docs.slack.dev/apis/events-api/using-socket-mode. slack_sdk has a client for it, which, when a connection
can't be made at once, tries the same single-use address for ever.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from http import HTTPStatus
from typing import Annotated, Any

import aiohttp
import structlog
from pydantic import BaseModel, Field, SecretStr, ValidationError
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.errors import SlackApiError

from integrations.slack.errors import read_refusal
from integrations.slack.http import UNREADABLE
from integrations.slack.web import SlackWeb

log = structlog.get_logger(__name__)

HELLO_SECONDS = 10.0
HEARTBEAT_SECONDS = 10.0
"""A connection whose other end is gone is noticed within twice this."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
CONNECTING = "the connection is being made"
REMEDIES = {
    "invalid_auth": "put an app-level token (xapp-…) with the scope connections:write into SLACK_APP_TOKEN",
    "not_allowed_token_type": "SLACK_APP_TOKEN has to be the app-level token, which begins with xapp-",
    "token_revoked": "make a new app-level token and put it into SLACK_APP_TOKEN",
    "forbidden_team": "switch on Socket Mode in the app's settings",
}


class Envelope(BaseModel):
    """What Slack sends: `hello` and `disconnect` of the connection, everything else with an id to answer to."""

    type: str
    envelope_id: Annotated[str, Field(max_length=200)] = ""
    payload: dict[str, Any] = {}
    reason: str = ""


class SocketMode:
    """Keeps one connection, and a second one while Slack renews the first. Every replica has its own; Slack sends each
    request to one of them. `lacks` says why there is none at the moment; empty while there is one."""

    def __init__(self, app: AsyncApp, web: SlackWeb, *, app_token: SecretStr) -> None:
        self._app = app
        self._web = web
        self._app_token = app_token
        self._running: set[asyncio.Task[None]] = set()
        self._connections: set[aiohttp.ClientWebSocketResponse] = set()
        self._connected = asyncio.Event()
        self._trouble = CONNECTING

    @property
    def lacks(self) -> str:
        return "" if self._connected.is_set() else self._trouble

    async def connected(self) -> None:
        """Returns once there is a connection."""
        await self._connected.wait()

    def start(self) -> None:
        self._spawn(self._keep())

    async def stop(self) -> None:
        """Requests that are being answered are answered no more; Slack sends them to another replica."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for connection in tuple(self._connections):  # one whose reader was cancelled before it began
            await self._close(connection)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _keep(self) -> None:
        waits = _waits()
        while True:
            try:
                connection = await self._open()
            except Exception as error:  # noqa: BLE001 - the edge of the loop: without it nobody could answer any more
                self._trouble = socket_trouble(error)
                log.warning("slack.socket_refused", reason=self._trouble)
                await asyncio.sleep(next(waits))
                continue
            waits, leaving = _waits(), asyncio.Event()
            self._connections.add(connection)
            self._connected.set()
            self._spawn(self._read(connection, leaving))
            await leaving.wait()
            self._connected.clear()
            self._trouble = CONNECTING

    async def _open(self) -> aiohttp.ClientWebSocketResponse:
        """A connection on which Slack has said hello: before that it sends nothing there."""
        client = self._web.client()
        answer = await client.apps_connections_open(app_token=self._app_token.get_secret_value())
        connection = await self._web.session().ws_connect(answer["url"], heartbeat=HEARTBEAT_SECONDS)
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                hello = await connection.receive_json()
        except BaseException:
            await connection.close()
            raise
        log.info("slack.socket_open", connections=hello.get("num_connections"))
        return connection

    async def _read(self, connection: aiohttp.ClientWebSocketResponse, leaving: asyncio.Event) -> None:
        """Until Slack closes it. `leaving` is set before: while this one still brings requests the next is opened."""
        try:
            async for message in connection:
                envelope = _envelope(message)
                if envelope is None:
                    log.warning("slack.socket_unreadable", kind=message.type.name)
                elif envelope.type == "disconnect":
                    log.info("slack.socket_renewed", reason=envelope.reason)
                    leaving.set()
                elif envelope.envelope_id:
                    self._spawn(self._answer(connection, envelope))
        finally:
            leaving.set()
            await self._close(connection)

    async def _close(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        self._connections.discard(connection)
        await connection.close()

    async def _answer(self, connection: aiohttp.ClientWebSocketResponse, envelope: Envelope) -> None:
        """What is not answered Slack sends again, over another connection."""
        try:
            answer = await self._app.async_dispatch(AsyncBoltRequest(mode="socket_mode", body=envelope.payload))
        except UNREADABLE as error:
            log.warning("slack.socket_unreadable", kind=envelope.type, error=type(error).__name__)
            return
        if answer.status != HTTPStatus.OK:
            log.warning("slack.socket_unanswered", kind=envelope.type, status=answer.status)
            return
        reply: dict[str, Any] = {"envelope_id": envelope.envelope_id}
        if answer.body:
            reply["payload"] = _payload(answer.body)
        try:
            await connection.send_json(reply)
        except (aiohttp.ClientError, ConnectionError) as error:
            log.warning("slack.socket_unanswered", kind=envelope.type, error=type(error).__name__)


def _envelope(message: aiohttp.WSMessage) -> Envelope | None:
    if message.type is not aiohttp.WSMsgType.TEXT:
        return None
    try:
        return Envelope.model_validate_json(message.data)
    except ValidationError:
        return None


def _payload(body: str) -> Any:
    """bolt gives an answer as the body of an HTTP response: JSON for a dialog, a bare text for a command."""
    try:
        return json.loads(body)
    except ValueError:
        return {"text": body}


def _waits() -> Iterator[float]:
    """Seconds until the next try, each doubled and spread: Slack comes back for everybody at the same time."""
    wait = FIRST_WAIT
    while True:
        yield wait * random.uniform(0.5, 1)  # noqa: S311 - spreads retries, guards nothing
        wait = min(LONGEST_WAIT, wait * 2)


def socket_trouble(error: Exception) -> str:
    """What is wrong, and what would be right; Slack's texts stay out of it, and so does the token."""
    if not isinstance(error, SlackApiError):
        return f"Slack can't be reached ({type(error).__name__})"
    refused = read_refusal(error)
    told = REMEDIES.get(refused.code, "Slack refuses the connection")
    return f"{told} ({refused.code or refused.status})"
