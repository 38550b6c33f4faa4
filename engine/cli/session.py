"""The engine for the time of one command: wired as for the server, with its loops at rest."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import asyncpg
from sqlalchemy.exc import DBAPIError

from engine.bootstrap import Application, application, load_config
from engine.cli.screen import note
from engine.config.settings import LogFormat, Settings, read_settings
from engine.core.errors import Overloaded
from engine.core.model import Actor, ActorKind, Role
from engine.core.policy import Config
from engine.log import Redactor, set_up
from engine.services import configs, health
from engine.services.access import on_behalf
from engine.services.ticking import last_tick

T = TypeVar("T")

ASLEEP = timedelta(seconds=30)
"""A running engine writes down every few seconds that it has looked at its timers."""


def run(work: Callable[[Application], Awaitable[T]]) -> T:
    """Opens the engine, works, closes it. Raises TocsinError."""
    settings = read_settings()
    set_up_log(settings, level="warning")
    make_data_folder(settings)
    return asyncio.run(_run(settings, work))


def config_of(file: Path | None) -> Config:
    """That of a file, which needs no database; else the one in force. Raises ConfigError for a file with a fault."""
    return load_config(file) if file else run(lambda app: configs.in_force(app.context))


def set_up_log(settings: Settings, *, level: str = "info") -> Redactor:
    redactor = set_up(as_json=settings.log_format is LogFormat.JSON, level=level)
    redactor.hide(settings.secret_values())
    return redactor


def make_data_folder(settings: Settings) -> None:
    """For this user alone: whoever reads the database can make webhook addresses."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def reaching_database() -> Iterator[None]:
    """What drivers raise when a database is opened, as Overloaded with their reason."""
    try:
        yield
    except DBAPIError as error:
        raise Overloaded(f"the database can't be used: {error.orig}") from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Overloaded(f"the database can't be used: {error}") from error
    except OSError as error:
        raise Overloaded(f"the database can't be reached: {error.strerror or type(error).__name__}") from error


@asynccontextmanager
async def opened(settings: Settings, *, speed: float = 1) -> AsyncIterator[Application]:
    """The engine, wired, its loops at rest. Raises TocsinError."""
    async with AsyncExitStack() as stack:
        with reaching_database():
            app = await stack.enter_async_context(application(settings, speed=speed))
        yield app


async def _run(settings: Settings, work: Callable[[Application], Awaitable[T]]) -> T:
    async with opened(settings) as app:
        if app.made_token:
            note(f"A new installation. Its administrator's token, shown this once: {app.made_token.get_secret_value()}")
        return await work(app)


def user() -> Actor:
    """Whoever may read the database file may do anything; on record under a name that no contact can have."""
    name = getpass.getuser()
    return Actor(kind=ActorKind.PERSON, id=f"cli:{name}", name=name, role=Role.ADMIN, via="cli")


async def actor(app: Application, contact: str | None) -> Actor:
    """The user, or a contact in whose name the user acts, which is on record too. Raises NotFound."""
    own = user()
    if contact is None:
        return own
    return replace(on_behalf(own, await configs.in_force(app.context), contact), via=own.id)


async def left_lying(app: Application) -> int:
    """How many messages wait because no engine has looked at this database for a while."""
    seen = await app.context.database.read(last_tick)
    if seen is not None and app.context.clock.now() - seen <= ASLEEP:
        return 0
    return (await health.backlog(app.context)).messages


def warn_of(messages: int) -> None:
    if messages:
        what = "1 message waits" if messages == 1 else f"{messages} messages wait"
        note(f"{what}: no engine runs on this database just now; `tocsin serve` sends them.")
