"""What `tocsin serve` says first: where it is, what it can do, what it lacks, and how to try it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import typer
from sqlalchemy import Connection
from sqlalchemy.engine import make_url

import engine
from engine.bootstrap import Application
from engine.cli.integrations import webhook_address
from engine.cli.screen import facts, say
from engine.core.policy import Config, Revision
from engine.core.reach import LOG
from engine.services.context import Channels

FIRST_SOURCE = "alertmanager"
FIRST_ALERT = {
    "version": "4",
    "groupKey": "first-alert",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "FirstAlert", "severity": "critical"},
            "annotations": {"summary": "My first alert"},
        }
    ],
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Greeting:
    """`address` is where this machine reaches it, `base_url` where people do, `mail` where mail is taken.
    `missing`: what each channel that can't send lacks."""

    address: str
    mail: str | None
    base_url: str
    database: str
    revision: int
    working: tuple[str, ...]
    missing: Mapping[str, str]
    first_alert: str | None
    admin_token: str | None
    speed: float

    @property
    def only_log(self) -> bool:
        """No page would reach a person."""
        return set(self.working) <= {LOG}


async def gather(app: Application, address: str) -> Greeting:
    def standing(connection: Connection) -> tuple[Revision, Channels]:
        revision = app.context.revisions.current(connection)
        return revision, app.context.revisions.channels(revision)

    revision, channels = await app.context.database.read(standing)
    return Greeting(
        address=address,
        mail=_mail(app),
        base_url=app.settings.base_url,
        database=make_url(app.settings.database_url.get_secret_value()).render_as_string(hide_password=True),
        revision=revision.id,
        working=tuple(sorted(channels.reachable)),
        missing=channels.missing,
        first_alert=_first_alert(address, revision.config, await app.keys.url_keys()),
        admin_token=app.made_token.get_secret_value() if app.made_token else None,
        speed=app.context.speed,
    )


def _mail(app: Application) -> str | None:
    found = app.mail.address
    return None if found is None else f"{found[0]}, port {found[1]}"


def _first_alert(address: str, config: Config, keys: Mapping[str, tuple[str, str]]) -> str | None:
    """The line to paste. None without an integration whose address is all that it takes."""
    for name, (source, key) in keys.items():
        if source == FIRST_SOURCE and not config.integrations[name].model_extra:
            body, url = json.dumps(FIRST_ALERT, separators=(",", ":")), webhook_address(address, source, key)
            return f"curl -fsS -H 'Content-Type: application/json' -d {shlex.quote(body)} {shlex.quote(url)}"
    return None


def greet(greeting: Greeting, *, as_json: bool) -> None:
    """For people; where the log is for machines, one line for them."""
    if as_json:
        typer.echo(json.dumps({"event": "serve.ready", "version": engine.__version__} | asdict(greeting)))
        return
    if greeting.speed != 1:
        say(f"DRILL: one real second is {greeting.speed:g} engine seconds, and its dates run ahead.", style="bold red")
        say("       Pages go out as always. Use a data folder of its own (TOCSIN_DATA_DIR).", style="red")
    say(f"Tocsin {engine.__version__} listens on {greeting.address}", style="bold")
    facts(_facts(greeting))
    if greeting.only_log:
        say("No channel can reach a person yet, so pages go to this log.", style="yellow")
    if greeting.admin_token:
        say("\nThe administrator's token, shown this once:", style="bold")
        say(greeting.admin_token)
    if greeting.first_alert:
        say("\nThis fires a first alert:", style="bold")
        say(greeting.first_alert)
    say()


def _facts(greeting: Greeting) -> Iterator[tuple[str, object]]:
    if greeting.base_url != greeting.address:
        yield "For people", greeting.base_url
    if greeting.mail:
        yield "Mail", f"is taken on {greeting.mail}"
    yield "Database", greeting.database
    yield "Configuration", f"revision {greeting.revision}"
    yield "Channels", ", ".join(greeting.working) or "none can send"
    for name, lack in greeting.missing.items():
        yield f"  not {name}", lack
