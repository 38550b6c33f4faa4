"""All commands in one place."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

import engine
from engine.cli import (
    acting,
    configuration,
    database,
    incidents,
    integrations,
    records,
    rehearsing,
    serving,
    slack,
    tokens,
)
from engine.cli.edge import Edge
from engine.cli.screen import say, stage
from engine.demo import demo as play
from engine.log import set_up

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


app.command("serve")(serving.serve)
app.command("check")(configuration.check)
app.command("plan")(configuration.plan)
app.command("apply")(configuration.apply)
app.command("rehearse")(rehearsing.rehearse)
app.command("report")(records.report)
app.command("verify")(records.verify)
app.command("webhooks")(integrations.webhooks)
app.add_typer(incidents.app, name="incident")
app.add_typer(tokens.app, name="token")
app.add_typer(database.app, name="db")
app.add_typer(slack.app, name="slack")
acting.add_to(incidents.app)
