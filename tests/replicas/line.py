"""The line between an engine and its PostgreSQL, which can be cut as a failing network or a stopped server cuts it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

ENOUGH = 1 << 16


class Line:
    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def join(self) -> None:
        """Takes connections, on the same port after a cut as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Ends every connection at once, in the middle of whatever it is about, and refuses new ones."""
        if self._server is not None:
            self._server.close()
        for writer in self._open:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._to)
        both = {writer, far_writer}
        self._open |= both
        try:
            await asyncio.gather(_carry(reader, far_writer), _carry(far_reader, writer))
        finally:
            self._open -= both
            for one in both:
                one.transport.abort()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await reader.read(ENOUGH):
            writer.write(piece)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def line_to(database_url: str) -> AsyncIterator[tuple[Line, str]]:
    """The line, joined, and the address of the database at its end."""
    there = urlsplit(database_url)
    line = Line(there.hostname or "127.0.0.1", there.port or 5432)
    await line.join()
    user = f"{there.username}@" if there.username else ""
    try:
        yield line, there._replace(netloc=f"{user}127.0.0.1:{line.port}").geturl()
    finally:
        await line.cut()
