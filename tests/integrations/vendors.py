"""A vendor's https server on loopback, found under the vendor's own name, with a certificate of ours."""

from __future__ import annotations

import asyncio
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from engine.clock import utc_now
from integrations.fetching import Fetcher
from tests.integrations.certificates import certificate, key

DAY = timedelta(days=1)


@dataclass(kw_only=True)
class Vendor:
    """Answers with what stands under the path and query, else with what `otherwise` does, else with 404. `asked` is
    what it was asked for."""

    host: str
    answers: dict[str, web.Response] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    otherwise: Callable[[str], Awaitable[web.Response]] | None = None
    hangs: bool = False
    port: int = 0
    trust: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def url(self, path: str) -> str:
        return f"https://{self.host}{path}"

    def fetcher(self, *, trusted: bool = True) -> Fetcher:
        """Looks every name up here."""
        trust = self.trust if trusted else ssl.create_default_context()
        return Fetcher(trust=trust, resolver=Here(self.port))

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.raw_path)
        if self.hangs:
            await asyncio.Event().wait()
        if self.otherwise is not None and request.raw_path not in self.answers:
            return await self.otherwise(request.raw_path)
        return self.answers.get(request.raw_path, web.Response(status=404))


class Here(AbstractResolver):
    def __init__(self, port: int, address: str = "127.0.0.1") -> None:
        self._port, self._address = port, address

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=self._address, port=self._port, family=socket.AF_INET, proto=0, flags=0)
        ]

    async def close(self) -> None:
        """Nothing is held open."""


@asynccontextmanager
async def serving(host: str) -> AsyncIterator[Vendor]:
    vendor = Vendor(host=host)
    shown = certificate(host, utc_now() - DAY, utc_now() + DAY)
    vendor.trust.load_verify_locations(cadata=shown.decode())
    app = web.Application()
    app.router.add_get("/{path:.*}", vendor.answer)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=server_context(shown))
    try:
        vendor.port = server.port or 0
        yield vendor
    finally:
        await server.close()


def server_context(shown: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    private = key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "server.pem"
        file.write_bytes(private + shown)
        context.load_cert_chain(file)
    return context
