"""A wire to PostgreSQL that is cut on demand, at the moment when nobody can tell whether a transaction counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

CHUNK = 65536
COMMIT = b"COMMIT"


class Cut(StrEnum):
    BEFORE = "before the server has seen COMMIT"
    AFTER = "after the server has carried COMMIT out"


@dataclass(kw_only=True)
class Wire:
    """`cut`: what happens to every `every`th COMMIT. `down`: nobody gets through. `cuts` counts."""

    host: str
    port: int
    cut: Cut | None = None
    every: int = 3
    down: bool = False
    cuts: int = 0
    _commits: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _carrying: set[asyncio.Task[None]] = field(default_factory=set)

    def fall(self) -> None:
        """The server is gone, and everybody's connection with it."""
        self.down = True
        for writer in self._open:
            writer.transport.abort()

    def heal(self) -> None:
        self.cut, self.down = None, False

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self.carry(reader, writer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)

    async def end(self) -> None:
        """Returns once nothing is carried any more."""
        self.fall()
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client, to its end."""
        line, ends = _Line(), {writer}
        try:
            if not self.down:
                there, back = await asyncio.open_connection(self.host, self.port)
                ends.add(back)
                self._open |= ends
                await asyncio.gather(self._ask(line, reader, back), self._answer(line, there, writer))
        except (_Cut, OSError):
            self.cuts += line.cut
        finally:
            self._open -= ends
            for end in ends:
                end.transport.abort()

    async def _ask(self, line: _Line, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        while asked := await reader.read(CHUNK):
            self._commits += COMMIT in asked
            if self.cut and COMMIT in asked and self._commits % self.every == 0:
                line.cut = True
                if self.cut is Cut.BEFORE:
                    raise _Cut
            server.write(asked)
            await server.drain()
        raise _Cut

    async def _answer(self, line: _Line, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while answer := await reader.read(CHUNK):
            if line.cut:
                raise _Cut
            client.write(answer)
            await client.drain()
        raise _Cut


@dataclass(kw_only=True)
class _Line:
    """`cut`: the next answer does not get through."""

    cut: bool = False


class _Cut(Exception):
    """The connection ends here."""


@asynccontextmanager
async def wire_to(url: str) -> AsyncIterator[tuple[Wire, str]]:
    """The wire, and the address of the same database behind it."""
    parts = urlsplit(url)
    wire = Wire(host=parts.hostname or "127.0.0.1", port=parts.port or 5432)
    server = await asyncio.start_server(wire.connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield wire, parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}").geturl()
    finally:
        server.close()
        await wire.end()
