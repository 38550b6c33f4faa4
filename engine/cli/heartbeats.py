"""`tocsin heartbeat list`: who was heard from when, and who was not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import typer

from engine.api.heartbeats import view
from engine.bootstrap import Application
from engine.cli.options import AsJson, Zone, machine_zone
from engine.cli.screen import show_json, stamp, table
from engine.cli.session import run
from engine.services.heartbeats import Standing, standings

app = typer.Typer(help="Jobs and systems that have to be heard from.", no_args_is_help=True)


@app.callback()
def root() -> None:
    """Jobs and systems that have to be heard from."""


@app.command("list")
def list_heartbeats(zone: Zone = None, as_json: AsJson = False) -> None:
    """Each heartbeat: how it stands, when it was last heard from, when it has to be again."""

    async def work(app: Application) -> tuple[list[Standing], datetime]:
        return await standings(app.context), app.context.clock.now()

    found, now = run(work)
    if as_json:
        show_json({"items": [view(standing, now) for standing in found]})
        return
    where = zone or machine_zone()
    rows = (
        (
            standing.name,
            ", ".join(_state(standing, now)),
            stamp(standing.pulse.beat_at, where) or "never",
            stamp(standing.pulse.due_at, where),
            standing.incident,
        )
        for standing in found
    )
    table("Heartbeat", "State", "Last success", "Due", "Incident", rows=rows)


def _state(standing: Standing, now: datetime) -> Iterator[str]:
    yield standing.pulse.state.value
    if standing.late(now):
        yield "late"
    if standing.pulse.started_at is not None:
        yield "running"
