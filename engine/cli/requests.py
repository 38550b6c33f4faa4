"""`tocsin request list|show|replay`: what senders have sent, what came of it, and what would now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from engine.api.request_views import (
    ReplayAnswer,
    RequestDetail,
    RequestView,
    TriedView,
    WayView,
    replay_answer,
    request_detail,
    request_view,
)
from engine.bootstrap import Application
from engine.cli.options import AsJson, Zone, machine_zone, parse_span
from engine.cli.screen import facts, note, plain, say, show_json, stamp, table
from engine.cli.session import left_lying, run, user, warn_of
from engine.core.requests import RawRequest
from engine.report.words import count
from engine.services import kept
from engine.services.replaying import Into, Replayed

app = typer.Typer(help="What senders have sent, kept for a while without secrets.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="N", min=1, help="As `tocsin request list` has it.", show_default=False)]


@app.command("list")
def list_requests(
    *,
    integration: Annotated[str | None, typer.Option("--integration", metavar="NAME", help="Only its.")] = None,
    problems: Annotated[
        bool, typer.Option("--problems", help="Only those of which something could not be read or taken.")
    ] = False,
    since: Annotated[
        timedelta | None, typer.Option("--since", parser=parse_span, metavar="SPAN", help="Only the last, like 1h.")
    ] = None,
    before: Annotated[int | None, typer.Option(metavar="N", help="Only older ones: the next page.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=kept.LARGEST_PAGE, help="How many.")] = kept.PAGE,
    zone: Zone = None,
    as_json: AsJson = False,
) -> None:
    """Requests of senders with a valid key, whatever they were answered, the newest first."""

    async def work(app: Application) -> kept.Page:
        start = app.context.clock.now() - since if since else None
        return await kept.listing(
            app.context, integration=integration, problems=problems, since=start, before=before, limit=limit
        )

    page = run(work)
    items = [request_view(one) for one in page.items]
    if as_json:
        show_json({"items": items, "next": page.next})
        return
    _show_list(items, zone or machine_zone())
    if page.next:
        note(f"There are more: --before {page.next}")


@app.command("show")
def show(number: Number, zone: Zone = None, as_json: AsJson = False) -> None:
    """One request with its headers and its body, and what became of its alerts."""

    async def work(app: Application) -> RawRequest:
        return await kept.show(app.context, number, user())

    view = request_detail(run(work))
    if as_json:
        show_json(view)
    else:
        _show_one(view, zone or machine_zone())


@app.command("replay")
def replay(
    number: Number,
    into: Annotated[Into, typer.Option("--into", help="engine: as if its sender had sent it again.")] = Into.TRIAL,
    as_json: AsJson = False,
) -> None:
    """Read a request with its integration as it is now; no signature is checked again. On trial it says of each alert
    what would come of it, and opens nothing."""

    async def work(app: Application) -> tuple[Replayed, int]:
        return await app.replays.replay(number, into, user()), await left_lying(app)

    replayed, messages = run(work)
    view = replay_answer(replayed)
    if as_json:
        show_json(view)
    else:
        _show_replayed(view)
    if into is Into.ENGINE:
        warn_of(messages)


def _show_replayed(view: ReplayAnswer) -> None:
    say(plain(view.sentence))
    for one in view.tried:
        say(f"\n{plain(one.title)}", style="bold")
        facts(_tried(one))
    if view.taken:
        rows = ((one.fingerprint, one.action, one.incident, one.reason) for one in view.taken)
        table("Fingerprint", "What came of it", "Incident", "Why", rows=rows)
    for fault in view.faults:
        note(f"{plain(fault.path)} can't be read: {plain(fault.reason)}")
    if view.note:
        note(f"No alert, and nothing wrong: {plain(view.note)}")


def _tried(one: TriedView) -> Iterator[tuple[str, object]]:
    yield "status", one.status
    way = one.way
    if way is None:
        yield "pages", f"nobody; {one.said}"
        return
    yield "routes", ", ".join(way.routes)
    yield "service", way.service
    yield "policy", way.policy
    yield "priority", f"{way.priority}: {way.reason} (rule {way.rule})"
    if one.muted is not None:
        yield one.muted.action, one.muted.reason
    yield "pages", f"nobody yet; then {_pages(way)}" if one.muted is not None else _pages(way)


def _pages(way: WayView) -> str:
    """Each who is paged first, with the channels."""
    channels: dict[str, list[str]] = {}
    for page in way.pages:
        channels.setdefault(page.contact or page.address, []).append(page.channel)
    named = [f"{who} by {', '.join(dict.fromkeys(own))}" for who, own in channels.items()]
    return "; ".join(named) or f"nobody at once; {way.otherwise}"


def _show_list(views: list[RequestView], zone: ZoneInfo) -> None:
    if not views:
        say("There are none.")
        return
    rows = (
        (one.number, stamp(one.received_at, zone), one.integration, one.status, one.alerts or "", one.problem)
        for one in views
    )
    table("Request", "Came", "Integration", "Answer", "Alerts", "Problem", rows=rows)


def _show_one(view: RequestDetail, zone: ZoneInfo) -> None:
    say(f"Request {view.number}  {plain(view.integration)}", style="bold")
    facts(_rows(view, zone))
    if view.outcomes:
        say("\nAlerts", style="bold")
        rows = ((one.fingerprint, one.action, one.incident) for one in view.outcomes)
        table("Fingerprint", "What came of it", "Incident", rows=rows)
    say("\nHeaders", style="bold")
    facts(view.headers.items())
    say("\nBody", style="bold")
    for line in view.body.splitlines():
        say(plain(line))


def _rows(view: RequestDetail, zone: ZoneInfo) -> Iterator[tuple[str, object]]:
    yield "Came", stamp(view.received_at, zone)
    yield "Source", view.source
    yield "Answer", view.status
    yield "Problem", view.problem
    cut = ", of which a part is kept; it can't be replayed" if view.cut else ""
    yield "Size", f"{count(view.size, 'byte')}{cut}"
