"""Imported by the process that the engines are forked from: what every start of an engine reads and builds in the same
way is read and built once, and all threads and loops that took part in that have ended."""

from __future__ import annotations

import asyncio
import gc
import tempfile
from pathlib import Path

from pydantic import SecretStr

from engine import bootstrap
from engine.config.settings import Settings
from engine.log import set_up
from tests.crash import child

RUN = child.run


async def _start_once(folder: Path) -> None:
    settings = Settings(
        data_dir=folder,
        database_url=SecretStr(f"sqlite:///{folder / 'warm.db'}"),
        slack_bot_token=SecretStr("xoxb-warm"),
        slack_signing_secret=SecretStr("warm"),
    )
    async with bootstrap.application(settings) as app:
        await app.start()
        await app.stop()


def _warm_up() -> None:
    set_up(as_json=True, level="critical")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_start_once(Path(folder)))
    gc.collect()
    gc.freeze()  # no collection in a forked process touches, and so copies, what is shared


_warm_up()
