"""`tocsin probe list|try`: what the engine looks at itself."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.api.probes import view
from engine.cli.options import AsJson, Zone, machine_zone
from engine.cli.screen import facts, show_json, stamp, table
from engine.cli.session import run
from engine.services.probing import standings

app = typer.Typer(help="What the engine looks at itself.", no_args_is_help=True)


@app.command("list")
def list_probes(zone: Zone = None, as_json: AsJson = False) -> None:
    """Each probe: how it stands, what its last run has seen, and when it is run next."""
    found = run(lambda app: standings(app.context))
    shown = [view(standing) for standing in found]
    if as_json:
        show_json({"items": shown})
        return
    where = zone or machine_zone()
    rows = (
        (one.name, one.kind, one.state.value, one.reason, stamp(one.last_run_at, where), one.incident) for one in shown
    )
    table("Probe", "Kind", "State", "Last run", "At", "Incident", rows=rows)


@app.command("try")
def try_probe(
    name: Annotated[str, typer.Argument(help="As in the configuration in force.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Run a probe now, from this machine. Nothing of it is kept, and nobody is told. Exit code 1 where it fails."""
    reading = run(lambda app: app.probes.try_now(name))
    if as_json:
        show_json({"name": name, "ok": reading.ok, "reason": reading.reason, "values": reading.values})
    else:
        facts([("result", "well" if reading.ok else "failed"), ("seen", reading.reason), *reading.values.items()])
    if not reading.ok:
        raise typer.Exit(1)
