"""For the tests with real monitoring systems: a listener for the script, and the commands that its page gives."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer

from engine.core.model import Alert
from engine.ports import Parsed, Request
from integrations.sources.nagios import Nagios, Settings
from tests.integrations.sources.bodies import NOW

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "deploy" / "nagios-notify.sh"
PAGE = (ROOT / "integrations" / "sources" / "nagios.md").read_text()
PATIENCE = 30.0  # seconds for what takes one or two


@dataclass(kw_only=True)
class Listener:
    """Takes what the script sends. `answers` are the statuses of the first requests; the others get 202."""

    answers: list[int] = field(default_factory=list)
    requests: asyncio.Queue[Request] = field(default_factory=asyncio.Queue)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        await self.requests.put(Request(headers=headers, body=await request.read()))
        return web.Response(status=self.answers.pop(0) if self.answers else 202)

    async def next(self) -> Request:
        async with asyncio.timeout(PATIENCE):
            return await self.requests.get()

    async def parsed(self) -> Parsed:
        return Nagios().parse(Settings(), await self.next(), NOW)

    async def alert(self) -> Alert:
        (alert,) = (await self.parsed()).alerts
        return alert


@asynccontextmanager
async def listening(port: int | None = None) -> AsyncIterator[Listener]:
    listener = Listener()
    app = web.Application()
    app.router.add_post("/webhooks/nagios/k3y", listener.take)
    async with TestServer(app, port=port) as server:
        listener.url = str(server.make_url("/webhooks/nagios/k3y"))
        yield listener


def curl_config(folder: Path, listener: Listener) -> Path:
    file = folder / "notify.curl"
    file.write_text(f'url = "{listener.url}"\nheader = "Authorization: Bearer t0ken"\n')
    return file


def commands(language: str, config: Path) -> str:
    """The page's own configuration, with the script and its file where they are here."""
    block = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert block
    return (
        block[1].replace("/usr/local/bin/nagios-notify.sh", str(SCRIPT)).replace("/etc/tocsin/notify.curl", str(config))
    )


def program(name: str, package: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, f"this test needs {name}; on Debian: apt-get install {package}"
    return found


@asynccontextmanager
async def running(*command: str, log: Path) -> AsyncIterator[None]:
    """With whatever it starts itself."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=output, stderr=output, start_new_session=True, stdin=asyncio.subprocess.DEVNULL
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
