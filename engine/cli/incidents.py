"""`tocsin incident list|show|timeline|open`: looking at incidents, and reporting one."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.api.views import EventView, IncidentDetail, IncidentSummary, detail
from engine.bootstrap import Application
from engine.cli.options import As, AsJson, Ref, Zone, machine_zone
from engine.cli.screen import note, say, show_json
from engine.cli.session import actor, left_lying, run, user, warn_of
from engine.cli.showing import show_incident, show_list, show_timeline
from engine.core.intake import AlertAction
from engine.core.model import Priority, State, incident_id, incident_ref
from engine.ports import Declaration
from engine.services import reading
from engine.services.arrivals import Outcome
from engine.services.declaring import declare

app = typer.Typer(help="Look at incidents and act on them.", no_args_is_help=True)


@app.command("list")
def list_incidents(
    everything: Annotated[bool, typer.Option("--all", help="Closed, cancelled and merged ones too.")] = False,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    priority: Annotated[Priority | None, typer.Option(help="Only those of this priority.")] = None,
    service: Annotated[str | None, typer.Option(help="Only those of this service.")] = None,
    before: Annotated[str | None, typer.Option(metavar="INCIDENT", help="Only older ones: the next page.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=reading.LARGEST_PAGE, help="How many.")] = reading.PAGE,
    zone: Zone = None,
    as_json: AsJson = False,
) -> None:
    """Incidents that are open, the newest first."""
    below = incident_id(before) if before else None
    open_only = not everything and state is None

    async def work(app: Application) -> reading.Page:
        wanted = {"state": state, "priority": priority, "service": service}
        return await reading.listing(app.context, user(), open_only=open_only, before=below, limit=limit, **wanted)

    page = run(work)
    items = [IncidentSummary.model_validate(incident) for incident in page.items]
    if as_json:
        show_json({"items": items, "next": incident_ref(page.next) if page.next else None})
        return
    show_list(items, zone or machine_zone())
    if page.next:
        note(f"There are more: --before {incident_ref(page.next)}")


@app.command("show")
def show(ref: Ref, zone: Zone = None, as_json: AsJson = False) -> None:
    """One incident: how it stands, who was told, what comes next and when."""

    async def work(app: Application) -> IncidentDetail:
        return detail(await reading.incident(app.context, ref, user()))

    view = run(work)
    if as_json:
        show_json(view)
    else:
        show_incident(view, zone or machine_zone())


@app.command("timeline")
def timeline(ref: Ref, zone: Zone = None, as_json: AsJson = False) -> None:
    """The whole record of one incident: what was decided and done, by whom, and why."""

    async def work(app: Application) -> list[EventView]:
        return [EventView.model_validate(line) for line in await reading.timeline(app.context, ref, user())]

    lines = run(work)
    if as_json:
        show_json({"items": lines})
    else:
        show_timeline(lines, zone or machine_zone())


@app.command("open")
def open_incident(
    title: Annotated[str, typer.Option("--title", help="What is wrong, in a line.", show_default=False)],
    summary: Annotated[str, typer.Option("--summary", help="What is known so far.")] = "",
    service: Annotated[str | None, typer.Option("--service", help="Which service it is about.")] = None,
    priority: Annotated[Priority | None, typer.Option("--priority", help="Default: what the rules say.")] = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Report what no monitoring has noticed: it is classified and pages people as an alert does."""
    if not title.strip():
        raise typer.BadParameter("a title says what is wrong; it can't be empty")
    declaration = Declaration(title=title, summary=summary, service=service, priority=priority)

    async def work(app: Application) -> tuple[Outcome, IncidentDetail, int]:
        outcome = await declare(app.intake, declaration, await actor(app, who))
        view = detail(await reading.incident(app.context, outcome.incident or "", user()))
        return outcome, view, await left_lying(app)

    outcome, view, messages = run(work)
    if as_json:
        show_json(view)
    else:
        how = "is open" if outcome.action is AlertAction.OPENED else "was open already and has this report now"
        say(f"{view.id} {how}: {view.priority}, {view.classification.reason}.")
    warn_of(messages)
