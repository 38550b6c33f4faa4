"""Receiving ends on loopback that misbehave as they are told to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer

HOST = "127.0.0.1"
DROP = ""
"""An answer that is none: the connection is closed instead."""
HANG = "…"
"""An answer that never comes."""
SOON = 0.2
"""Seconds after which a channel under test gives up on a receiving end that hangs."""

GREETING, CONTENT = "greeting", "content"
POLITE = {
    GREETING: "220 mail.test",
    "EHLO": "250-mail.test\r\n250 AUTH PLAIN",
    "AUTH": "235 welcome",
    "DATA": "354 go on",
}

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def refused_port() -> int:
    """A port that nothing listens on."""
    with closing(socket.socket()) as free:
        free.bind((HOST, 0))
        port: int = free.getsockname()[1]
    return port


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[int]:
    """A TCP server's port. Whoever still talks to it when it ends is cut off."""
    talks = set[asyncio.Task[None]]()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            await serve(reader, writer)

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.ensure_future(talk(reader, writer)))

    server = await asyncio.start_server(accept, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await server.wait_closed()


@dataclass(kw_only=True)
class ScriptedMail:
    """A mail server that answers as it is told to, by verb, and politely otherwise. `heard` is what clients said."""

    answers: dict[str, str]
    heard: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        turn = GREETING
        while await self._answer(turn, writer):
            if turn == "DATA":
                await reader.readuntil(b"\r\n.\r\n")
                turn = CONTENT
                continue
            line = (await reader.readline()).decode()
            if not line:
                return
            self.heard.append(line.strip())
            turn = line.split()[0].upper()

    async def _answer(self, turn: str, writer: asyncio.StreamWriter) -> bool:
        answer = self.answers.get(turn, POLITE.get(turn, "250 fine"))
        if answer == HANG:
            await asyncio.Event().wait()
        writer.write(f"{answer}\r\n".encode() if answer else b"")
        await writer.drain()
        return bool(answer)


@dataclass(kw_only=True)
class Sink:
    """A receiver of webhooks that keeps what it gets and answers as it is told to."""

    status: int = 202
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    url: str = ""

    async def receive(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        self.bodies.append(await request.read())
        if self.hangs:
            await asyncio.Event().wait()
        return web.Response(status=self.status, text=self.text, headers=self.headers)


@asynccontextmanager
async def receiving(sink: Sink) -> AsyncIterator[Sink]:
    application = web.Application()
    application.router.add_post("/{path:.*}", sink.receive)
    async with TestServer(application, host=HOST) as server:
        sink.url = str(server.make_url("/page"))
        yield sink


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes the request and closes the connection without an answer."""
    del writer
    await reader.readuntil(b"\r\n\r\n")
