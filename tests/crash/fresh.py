"""A database for each run, copied from one in which an engine has been started before."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from engine.bootstrap import application
from engine.config.settings import Settings
from tests.crash.world import Fresh
from tests.databases import PostgresDatabases, sqlite_copy
from tests.scenarios.stage import ADMIN_TOKEN, unbundled, write_config


def started_before(url: str) -> None:
    """Brings an empty database to where an engine leaves it at its first start."""

    async def start(folder: Path) -> None:
        settings = Settings(
            data_dir=folder,
            database_url=SecretStr(url),
            config=write_config(folder, unbundled),
            admin_token=SecretStr(ADMIN_TOKEN),
        )
        async with application(settings):
            """What there is to do is done on the way in."""

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(start(Path(folder)))


def on_sqlite(template: Path, folder: Path) -> Fresh:
    def copy() -> str:
        for left in folder.glob("tocsin.db-*"):  # the log of a killed engine belongs to its own database
            left.unlink()
        return sqlite_copy(template, folder)

    @asynccontextmanager
    async def fresh() -> AsyncIterator[str]:
        yield await asyncio.to_thread(copy)

    return fresh


def on_postgres(databases: PostgresDatabases, template: str) -> Fresh:
    one_at_a_time = asyncio.Lock()

    @asynccontextmanager
    async def fresh() -> AsyncIterator[str]:
        copy = databases.copy(template)
        async with one_at_a_time:
            url = await asyncio.to_thread(copy.__enter__)
        try:
            yield url
        finally:
            async with one_at_a_time:
                await asyncio.to_thread(copy.__exit__, None, None, None)

    return fresh
