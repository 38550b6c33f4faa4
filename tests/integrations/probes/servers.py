"""What probes look at, on loopback: web servers with and without TLS, ports that take connections and say nothing."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from tests.integrations.channels.providers import listening

LOOPBACK = "127.0.0.1"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def web_server(handler: Handler, *, tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[int]:
    """Its port."""
    runner = web.AppRunner(web.Application(), handler_cancellation=True, shutdown_timeout=0.1)
    runner.app.router.add_route("*", "/{path:.*}", handler)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, port, ssl_context=tls).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """The port of one that takes connections and says nothing."""

    async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(hang) as port:
        yield port


async def answer(_: web.Request) -> web.Response:
    return web.Response(text="all is well")


async def certificate(folder: Path, *, days: int) -> Path:
    """One file with a certificate for localhost that signs itself, and its key."""
    program = shutil.which("openssl")
    assert program, "this test needs openssl; on Debian: apt-get install openssl"
    path, key = folder / "certificate.pem", folder / "key.pem"
    subject = ("-subj", "/CN=localhost", "-addext", f"subjectAltName=DNS:localhost,IP:{LOOPBACK}")
    process = await asyncio.create_subprocess_exec(
        *(program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-days", str(days), *subject, "-out", str(path), "-keyout", str(key)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == 0
    path.write_text(path.read_text() + key.read_text())
    return path


def serving(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
