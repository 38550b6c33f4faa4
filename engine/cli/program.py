"""All commands in one place."""

from __future__ import annotations

import asyncio
import math
import signal
from pathlib import Path
from typing import Annotated

import typer

import engine
from engine.cli import (
    acting,
    configuration,
    database,
    heartbeats,
    incidents,
    integrations,
    probes,
    records,
    rehearsing,
    requests,
    routing,
    serving,
    silences,
    slack,
    sources,
    tokens,
)
from engine.cli.edge import Edge
from engine.cli.screen import say, stage
from engine.demo import demo as play
from engine.log import set_up
from engine.sandbox import SPEED
from engine.sandbox import sandbox as play_by_hand

app = typer.Typer(
    name="tocsin",
    cls=Edge,
    help="Incident response: alerts in, people paged on documented timers until someone answers, evidence out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    app()


def show_version(wanted: bool) -> None:
    if wanted:
        say(f"tocsin {engine.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Every command works on the database itself, so it needs no running server and disturbs none. Settings come from
    the environment. Exit codes: 0 done, 1 refused or failed, 2 usage."""


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where the four report files go.")] = Path("tocsin-demo"),
) -> None:
    """Play one P0 from webhook to exported report on a fast clock. Nothing leaves this machine."""
    set_up(as_json=False, level="error")
    raise typer.Exit(asyncio.run(play(folder, stage())))


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the page; 0 takes a free one.")] = 8090,
    speed: Annotated[float, typer.Option(help="Engine seconds per real second.")] = SPEED,
) -> None:
    """Try it by hand: the engine between a mail server and a Slack look-alike in your browser. Nothing leaves this
    machine, and nothing of it stays."""
    if not 0 < speed < math.inf:
        raise typer.BadParameter("give a number above 0", param_hint="--speed")
    set_up(as_json=False, level="error")
    asyncio.run(_play(port, speed))


async def _play(port: int, speed: float) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)

    def told(url: str) -> None:
        say(f"Open {url}/ in a browser. One second is {speed:g} s there. Ctrl-C ends it.")

    await play_by_hand(port, speed, told, ended)


app.command("serve")(serving.serve)
app.command("check")(configuration.check)
app.command("plan")(configuration.plan)
app.command("apply")(configuration.apply)
app.command("rehearse")(rehearsing.rehearse)
app.command("report")(records.report)
app.command("verify")(records.verify)
app.command("webhooks")(integrations.webhooks)
app.add_typer(incidents.app, name="incident")
app.add_typer(silences.app, name="silence")
app.add_typer(heartbeats.app, name="heartbeat")
app.add_typer(probes.app, name="probe")
app.add_typer(tokens.app, name="token")
app.add_typer(database.app, name="db")
app.add_typer(slack.app, name="slack")
app.add_typer(routing.app, name="route")
app.add_typer(sources.app, name="source")
app.add_typer(requests.app, name="request")
acting.add_to(incidents.app)
