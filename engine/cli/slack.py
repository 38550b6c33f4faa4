"""`tocsin slack manifest`."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.bootstrap import slack_manifest
from engine.cli.options import AsJson
from engine.cli.screen import note, say, show_json
from engine.config.settings import read_settings

app = typer.Typer(help="The Slack app.", no_args_is_help=True)


@app.callback()
def slack() -> None:
    """The Slack app."""


SocketModeOption = Annotated[
    bool, typer.Option("--socket-mode", help="Slack is connected to from here, and needs no address to reach.")
]
HTTP = "Then install the app, and give its bot token and signing secret as SLACK_BOT_TOKEN and SLACK_SIGNING_SECRET."
SOCKET = (
    "Then install the app, make an app-level token with the scope connections:write under Basic Information, and give "
    "the bot token and the app-level token as SLACK_BOT_TOKEN and SLACK_APP_TOKEN."
)


@app.command()
def manifest(socket_mode: SocketModeOption = False, as_json: AsJson = False) -> None:
    """The app's manifest, to be pasted at api.slack.com/apps under "Create New App", "From a manifest"."""
    value, text = slack_manifest(read_settings(), socket_mode=socket_mode)
    if as_json:
        show_json(value)
        return
    say(text.rstrip())
    note(SOCKET if socket_mode else HTTP)
