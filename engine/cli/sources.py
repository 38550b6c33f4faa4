"""`tocsin source list|example|try`: what Tocsin reads from what a sender sends."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from engine.api.parts import WEBHOOK_LIMIT
from engine.bootstrap import sources
from engine.cli.options import AsJson, ConfigFile, parse_header
from engine.cli.screen import complain, facts, note, say, show_json, table
from engine.cli.session import config_of
from engine.clock import utc_now
from engine.core.errors import Unreadable
from engine.core.model import Alert
from engine.core.policy import Config, Integration
from engine.ports import Fault, Parsed, Request, Source
from engine.report.words import count
from engine.services.replaying import settings_of

app = typer.Typer(help="What is read from what a sender sends.", no_args_is_help=True)

STDIN = "-"
FIELDS = ("status", "title", "summary", "service", "group", "fingerprint", "starts_at", "ends_at")
NOTHING = "\u2013"

Kind = Annotated[str, typer.Argument(metavar="KIND", help="As `tocsin source list` has it.", show_default=False)]
Body = Annotated[
    str, typer.Argument(metavar="FILE", help="A body as the sender sent it; - is standard input.", show_default=False)
]
SettingsFrom = Annotated[
    str | None,
    typer.Option("--settings-from", metavar="INTEGRATION", help="Read it as this integration would; default: as none."),
]
Headers = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="NAME:VALUE", help="A header that came with it; may be given several times."),
]


@app.callback()
def source() -> None:
    """What is read from what a sender sends."""


@app.command("list")
def list_sources(as_json: AsJson = False) -> None:
    """The kinds of senders that an integration can be of, with the settings of each."""
    rows = [(kind, one.title, tuple(one.settings.model_fields)) for kind, one in sorted(sources().items())]
    if as_json:
        show_json({"items": [{"kind": kind, "title": title, "settings": names} for kind, title, names in rows]})
    else:
        table("Kind", "Sender", "Settings", rows=((kind, title, ", ".join(names)) for kind, title, names in rows))


@app.command("example")
def example(
    kind: Kind,
    resolved: Annotated[bool, typer.Option("--resolved", help="The end of the same problem.")] = False,
) -> None:
    """Print a body as this sender sends it, for `tocsin source try` or a first webhook."""
    found = find_source(kind)
    typer.echo(found.example_resolved if resolved else found.example)


@app.command("try")
def try_source(
    kind: Kind,
    file: Body,
    settings_from: SettingsFrom = None,
    config_file: ConfigFile = None,
    headers: Headers = None,
    as_json: AsJson = False,
) -> None:
    """Show what would be read from a body, field by field, and what could not be. Nothing is sent or stored; no
    signature is checked."""
    found = find_source(kind)
    settings = found.settings.model_validate({})
    if settings_from is not None:
        settings = settings_in(config_of(config_file), settings_from, found)
    parsed = read_body(found, settings, read_file(file), dict(parse_header(header) for header in headers or ()))
    if as_json:
        show_json({"kind": kind, "alerts": parsed.alerts, "faults": parsed.faults, "note": parsed.note})
    else:
        _show(parsed)
    if parsed.faults and not parsed.alerts:
        complain(f"nothing of it can be read as what {found.title} sends")
        raise typer.Exit(1)


def find_source(kind: str) -> Source:
    """Raises BadParameter for a kind that there is not."""
    known = sources()
    if kind not in known:
        raise typer.BadParameter(f"there is no source {kind!r}; there are {', '.join(sorted(known))}")
    return known[kind]


def settings_in(config: Config, name: str, found: Source) -> BaseModel:
    """Those that an integration gives its source. Raises BadParameter where it is not there or of another kind."""
    integration = find_integration(config, name)
    if integration.source != found.name:
        raise typer.BadParameter(f"the integration {name!r} is of the kind {integration.source}, not {found.name}")
    return settings_of(found, name, integration)


def find_integration(config: Config, name: str) -> Integration:
    if name not in config.integrations:
        raise typer.BadParameter(f"{name!r} is not in integrations; there are {', '.join(config.integrations)}")
    return config.integrations[name]


def read_file(file: str) -> bytes:
    """Raises BadParameter for more than a webhook takes, OSError for what can't be read."""
    if file == STDIN:
        body = sys.stdin.buffer.read(WEBHOOK_LIMIT + 1)
    else:
        with Path(file).open("rb") as opened:
            body = opened.read(WEBHOOK_LIMIT + 1)
    if len(body) > WEBHOOK_LIMIT:
        raise typer.BadParameter(f"it is larger than the {WEBHOOK_LIMIT} bytes that a webhook takes")
    return body


def read_body(found: Source, settings: BaseModel, body: bytes, headers: Mapping[str, str]) -> Parsed:
    """As a webhook reads it. Where that refuses all of it, the one fault that it tells is there in place of alerts."""
    try:
        return found.parse(settings, Request(headers={**found.example_headers, **headers}, body=body), utc_now())
    except Unreadable as error:
        return Parsed(alerts=(), faults=(Fault(path=error.path, reason=error.reason),))


def _show(parsed: Parsed) -> None:
    for number, alert in enumerate(parsed.alerts, start=1):
        say(f"Alert {number} of {len(parsed.alerts)}", style="bold")
        facts(_rows(alert))
        say()
    if parsed.faults:
        say(count(len(parsed.faults), "fault"), style="bold")
        table("Where", "What is wrong", rows=((fault.path, fault.reason) for fault in parsed.faults))
    if parsed.note:
        note(f"No alert, and nothing wrong: {parsed.note}")


def _rows(alert: Alert) -> Iterator[tuple[str, object]]:
    for name in FIELDS:
        yield name, getattr(alert, name) or NOTHING
    for name in ("labels", "annotations", "values"):
        for key, value in getattr(alert, name).items():
            yield f"{name}.{key}", value
    for place, link in enumerate(alert.links):
        yield f"links[{place}]", f"{link.title}: {link.url}"
