"""`tocsin serve`: the engine with its loops going, behind its HTTP face, until it is told to stop."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Annotated

import structlog
import typer
import uvicorn
import uvloop
from pydantic import SecretStr, ValidationError

from engine.bootstrap import Application
from engine.cli.greeting import gather, greet
from engine.cli.lock import sole_user
from engine.cli.session import make_data_folder, opened, set_up_log
from engine.cli.sockets import BACKLOG, addressed, listener, local_address
from engine.config.secrets import resolve_secret
from engine.config.settings import LogFormat, Settings, read_settings
from engine.config.stored import literal_secrets
from engine.core.errors import SettingsError
from engine.core.policy import Config, SecretRef
from engine.interpreter import tune_interpreter
from engine.log import Redactor
from engine.services import configs

log = structlog.get_logger()

GRACE = 10
"""Seconds that requests under way are given to end."""


def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.", show_default="8080")
    ] = None,
    speed: Annotated[
        float, typer.Option(help="Engine seconds per real second. For drills only: its dates run ahead.")
    ] = 1,
) -> None:
    """Take alerts, page people, answer the API, until SIGTERM or Ctrl-C."""
    settings = read_settings()
    if not 0 < speed < math.inf:
        raise typer.BadParameter("give a number above 0", param_hint="--speed")
    redactor = set_up_log(settings)
    make_data_folder(settings)
    port = settings.port if port is None else port
    with (
        sole_user(settings),
        listener(host or settings.host, port) as sock,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_serve(addressed(settings, sock), sock, speed, redactor))


async def _serve(settings: Settings, sock: socket.socket, speed: float, redactor: Redactor) -> None:
    async with opened(settings, speed=speed) as app:
        await _hide_secrets(app, redactor)
        server = Server(_uvicorn(app))
        _on_signals(server.stop)
        await app.start()
        try:
            greeting = await gather(app, local_address(settings.host, settings.port))
            greet(greeting, as_json=settings.log_format is LogFormat.JSON)
            tune_interpreter()
            log.info("server.started", address=greeting.address, speed=speed)
            await server.serve(sockets=[sock])
        finally:
            await app.stop()
            log.info("server.stopped")


async def _hide_secrets(app: Application, redactor: Redactor) -> None:
    """Those that are known only now: the new token, the keys of addresses, what stands in the configuration."""
    keys = await app.keys.url_keys()
    beats = await app.keys.heartbeat_keys()
    page = await app.keys.report_page_key()
    redactor.hide([app.made_token, *(key for _, key in keys.values()), *beats.values(), page])
    config = await configs.in_force(app.context)
    redactor.hide([*literal_secrets(config), *referred(config)])


def referred(config: Config) -> Iterator[SecretStr]:
    """What the settings of integrations, channels and probes refer to, as far as it is there."""
    entries = (*config.integrations.values(), *config.channels.values(), *config.probes.values())
    for value in (value for entry in entries for value in (entry.model_extra or {}).values()):
        with suppress(ValidationError, SettingsError):
            yield resolve_secret(SecretRef.model_validate(value), os.environ)


def _uvicorn(app: Application) -> uvicorn.Config:
    return uvicorn.Config(
        app.api,
        http="httptools",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE,
    )


def _on_signals(stop: Callable[[], None]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)


class Server(uvicorn.Server):
    """Leaves signals alone: uvicorn raises them again at its end, and a stop in good order would look like a crash."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        """Once: no new connection, and what is under way ends. Twice: at once."""
        self.force_exit = self.should_exit
        self.should_exit = True
