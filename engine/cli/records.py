"""`tocsin report` and `tocsin verify`: what can be handed to others, and the proof that nobody changed it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from engine.bootstrap import Application
from engine.cli.options import AsJson, Ref, Zone, machine_zone
from engine.cli.screen import complain, plain, progress, say, show_json
from engine.cli.session import run, user
from engine.core.model import incident_ref
from engine.core.timeline import Break
from engine.db import incidents
from engine.report.model import Report
from engine.report.render import Format, render
from engine.report.words import count
from engine.services import reports

Checked = Sequence[tuple[str, Break | None]]


def report(
    ref: Ref,
    form: Annotated[Format, typer.Option("--format", help="In which form.")] = Format.MARKDOWN,
    file: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Default: standard output.")
    ] = None,
    zone: Zone = None,
) -> None:
    """The report of an incident: as it was frozen at the close, else as things stand."""
    if file is None and form is Format.PDF and sys.stdout.isatty():
        raise typer.BadParameter("a PDF is nothing for a terminal; give -o FILE")
    name = str(zone or machine_zone())

    async def work(app: Application) -> Report:
        return await reports.report(app.context, ref, user(), name)

    content = render(run(work), form)
    if file is None:
        typer.echo(content, nl=False)
    else:
        file.write_bytes(content)
        say(str(file.resolve()))


def verify(
    ref: Annotated[str | None, typer.Argument(metavar="[INCIDENT]", help="Like INC-42; default: all.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check that every line of the record is there and unchanged."""
    checked = run(lambda app: _check(app, ref))
    broken = [(name, where) for name, where in checked if where is not None]
    if as_json:
        found = [{"incident": name, "line": where.seq, "reason": where.reason} for name, where in broken]
        show_json({"checked": len(checked), "broken": found})
    elif not broken:
        say(f"{count(len(checked), 'timeline')} checked: every line is there and unchanged.")
    else:
        for name, where in broken:
            say(f"{name}, line {where.seq}: {plain(where.reason)}")
    if broken:
        complain(f"{len(broken):,} of {len(checked):,} timelines do not hold, first {_first(broken)}")
        raise typer.Exit(1)


def _first(broken: Sequence[tuple[str, Break]]) -> str:
    name, where = broken[0]
    return f"{name} at line {where.seq}: {where.reason}"


async def _check(app: Application, ref: str | None) -> Checked:
    if ref is not None:
        return await reports.check_timelines(app.context, ref)
    numbers = await app.context.database.read(incidents.all_numbers)
    checked: list[tuple[str, Break | None]] = []
    with progress() as bar:
        for number in bar.track(numbers, description="Checking timelines"):
            checked += await reports.check_timelines(app.context, incident_ref(number))
    return checked
