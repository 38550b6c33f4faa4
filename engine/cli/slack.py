"""`tocsin slack manifest`."""

from __future__ import annotations

import typer

from engine.bootstrap import slack_manifest
from engine.cli.options import AsJson
from engine.cli.screen import note, say, show_json
from engine.config.settings import read_settings

app = typer.Typer(help="The Slack app.", no_args_is_help=True)


@app.callback()
def slack() -> None:
    """The Slack app."""


@app.command()
def manifest(as_json: AsJson = False) -> None:
    """The app's manifest, to be pasted at api.slack.com/apps under "Create New App", "From a manifest"."""
    value, text = slack_manifest(read_settings())
    if as_json:
        show_json(value)
        return
    say(text.rstrip())
    note("Then install the app, and give its bot token and signing secret as SLACK_BOT_TOKEN and SLACK_SIGNING_SECRET.")
