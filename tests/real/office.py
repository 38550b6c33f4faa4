"""The engine behind https, as vendors' clients want it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import trustme
import uvicorn

from engine.bootstrap import Application, application
from tests.real.harness import with_dropins
from tests.scenarios.stage import ADMIN_TOKEN, Outside, connected, outside, write_config

AS_ADMIN = {"Authorization": f"Bearer {ADMIN_TOKEN}"}


@dataclass(frozen=True, kw_only=True)
class Office:
    """The engine with its loops going. `authority` is the file with what has signed its certificate."""

    app: Application
    around: Outside
    http: httpx.AsyncClient
    address: str
    authority: Path

    async def incident(self, ref: str = "INC-1") -> dict[str, Any]:
        answer = await self.http.get(f"/api/v1/incidents/{ref}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def lines(self, kind: str, ref: str = "INC-1") -> list[dict[str, Any]]:
        found = (await self.http.get(f"/api/v1/incidents/{ref}/timeline")).json()["items"]
        return [line for line in found if line["kind"] == kind]

    def mailed(self) -> list[str]:
        names = {own["email"]: name for name, own in self.around.reach.items()}
        return [names[to] for mail in self.around.mail.messages() for to in mail.recipients]


@asynccontextmanager
async def office(database_url: str, folder: Path) -> AsyncIterator[Office]:
    config, authority = write_config(folder, with_dropins), trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "own.pem")
    context = ssl.create_default_context(cafile=folder / "authority.pem")
    async with outside(config) as around:
        settings = connected(around, database_url, folder, config)
        async with (
            application(settings) as app,
            secured(app, folder / "own.pem") as address,
            httpx.AsyncClient(base_url=address, headers=AS_ADMIN, verify=context, timeout=20) as http,
        ):
            await app.start()
            yield Office(app=app, around=around, http=http, address=address, authority=folder / "authority.pem")
            await app.stop()


@asynccontextmanager
async def secured(app: Application, certificate: Path) -> AsyncIterator[str]:
    config = uvicorn.Config(
        app.api, host="127.0.0.1", port=0, log_config=None, lifespan="off", access_log=False, ssl_certfile=certificate
    )
    server = uvicorn.Server(config)
    socket = config.bind_socket()
    task = asyncio.create_task(server.serve(sockets=[socket]))
    try:
        yield f"https://127.0.0.1:{socket.getsockname()[1]}"
    finally:
        # The vendors' clients are done, and don't say goodbye: asyncio would wait half a minute for that.
        for connection in server.server_state.connections:
            connection.transport.abort()
        server.should_exit = True
        await task
        socket.close()
