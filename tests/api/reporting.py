"""An engine with a report page, over real HTTP."""

from __future__ import annotations

import html
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from pydantic import SecretStr

from engine.bootstrap import DEFAULT, Application, application
from engine.clock import VirtualClock
from engine.config.document import parse
from engine.config.settings import Settings
from engine.core.model import ENGINE
from engine.listen import listening
from engine.services import reading
from engine.services.reading import IncidentView
from tests.api.conftest import NOW
from tests.web import plain_http

KEY = "key-of-the-report-page"
REPORT = {"title": "Checkout is down", "summary": "", "service": "", "priority": "", "name": "Mia Berg"}
SECTIONS: Mapping[str, Any] = {
    "report_page": {"key": KEY, "title": "Report a problem", "note": "If it burns, call +49 30 1234567."},
    "services": {
        "default": {"title": "Everything else", "policy": "standard"},
        "checkout": {"title": "Checkout & <payments>", "policy": "standard"},
        "people": {"title": "Accounts of people", "policy": "standard"},
    },
    "sealing": [{"words": ["data breach"]}],
}


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The engine, its clock, and somebody with a browser at the page's address."""

    app: Application
    clock: VirtualClock
    url: str
    client: httpx.AsyncClient
    path: str = f"/report/{KEY}"

    async def send(self, **fields: str) -> httpx.Response:
        return await self.client.post(self.path, data={**REPORT, **fields})

    async def view(self, ref: str = "INC-1") -> IncidentView:
        return await reading.incident(self.app.context, ref, ENGINE)

    async def lines(self, ref: str = "INC-1") -> list[tuple[str, str, str]]:
        """Kind, actor and reason of each line on the timeline."""
        found = await reading.timeline(self.app.context, ref, ENGINE)
        return [(line.kind, line.actor, line.reason) for line in found]

    async def notes(self, ref: str = "INC-1") -> list[tuple[str, str]]:
        return [(actor, reason) for kind, actor, reason in await self.lines(ref) if kind == "note"]


@asynccontextmanager
async def open_desk(database_url: str, folder: Path, **sections: Any) -> AsyncIterator[Desk]:
    document = {**parse(DEFAULT.read_text(), DEFAULT.name).value, **SECTIONS, **sections}
    path = folder / "tocsin.yaml"
    path.write_text(json.dumps({name: value for name, value in document.items() if value is not None}))
    settings = Settings(data_dir=folder, database_url=SecretStr(database_url), config=path)
    clock = VirtualClock(NOW)
    async with (
        application(settings, clock=clock) as app,
        listening(app.api) as url,
        plain_http(url) as client,
    ):
        yield Desk(app=app, clock=clock, url=url, client=client)


def said(answer: httpx.Response) -> str:
    """What a reader of the page sees, without its style and its tags."""
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", answer.text, flags=re.DOTALL)
    return " ".join(html.unescape(text).split())


@asynccontextmanager
async def database_away(url: str) -> AsyncIterator[None]:
    """Another process keeps the SQLite file for itself; PostgreSQL throws everybody out and lets nobody in."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            yield
        return
    server, _, name = url.rpartition("/")
    connection = await asyncpg.connect(f"{server}/postgres")
    try:
        await connection.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
        await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        yield
        await connection.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')
    finally:
        await connection.close()
