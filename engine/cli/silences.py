"""`tocsin silence list|show|add|expire|try`: what is kept from paging for a time, and what that has muted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from engine.api.silence_views import (
    SilenceView,
    StandingView,
    WindowView,
    silence_answer,
    silence_detail,
    silence_view,
    window_detail,
    window_view,
)
from engine.api.views import MutedAlertView
from engine.bootstrap import Application
from engine.cli.acting import NeededReason, build
from engine.cli.options import As, AsJson, Zone, machine_zone, parse_label, parse_moment, parse_span
from engine.cli.screen import facts, note, plain, say, show_json, stamp, table
from engine.cli.session import actor, run, user
from engine.core.model import incident_ref
from engine.core.muting import Mute
from engine.core.silences import SILENCE_REF, NewSilence, silence_id
from engine.services import silences
from engine.services.silences import Ended, StandingSilence, StandingWindow, Tried

app = typer.Typer(help="Keep alerts from paging for a time, and see what that mutes.", no_args_is_help=True)

ALERTS_SHOWN = 20
WEEKLY = re.compile(r"([a-z]{3}(?:, ?[a-z]{3})*) (\d\d:\d\d)-(\d\d:\d\d)")

Silence = Annotated[str, typer.Argument(metavar="SILENCE", help="Like SIL-7.", show_default=False)]


@app.command("list")
def list_silences(
    everything: Annotated[bool, typer.Option("--all", help="Those that are over too.")] = False,
    before: Annotated[str | None, typer.Option(metavar="SILENCE", help="Only older ones: the next page.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=silences.LARGEST_PAGE, help="How many.")] = silences.PAGE,
    zone: Zone = None,
    as_json: AsJson = False,
) -> None:
    """Silences that mute or will, the newest first, and the maintenance windows of the configuration."""
    below = silence_id(before) if before else None

    async def work(app: Application) -> tuple[silences.Page, tuple[StandingWindow, ...]]:
        page = await silences.listing(app.context, live_only=not everything, before=below, limit=limit)
        return page, await silences.windows(app.context)

    page, declared = run(work)
    items = [silence_view(one) for one in page.items]
    windows = [window_view(one) for one in declared]
    if as_json:
        show_json({"items": items, "next": items[-1].id if page.next else None, "maintenance": windows})
        return
    _show_list([*items, *windows], zone or machine_zone())
    if page.next:
        note(f"There are more: --before {items[-1].id}")


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="SIL-7, or a maintenance window.", show_default=False)],
    zone: Zone = None,
    as_json: AsJson = False,
) -> None:
    """One silence or maintenance window with what it has muted."""
    silence = SILENCE_REF.fullmatch(name) is not None

    async def work(app: Application) -> StandingSilence | StandingWindow:
        look = silences.show if silence else silences.show_window
        return await look(app.context, name, user())

    found = run(work)
    view = silence_detail(found) if isinstance(found, StandingSilence) else window_detail(found)
    if as_json:
        show_json(view)
        return
    where = zone or machine_zone()
    _show_one(view, where)
    _show_alerts(view.alerts, where)


@app.command("add")
def add(  # noqa: PLR0913 - an argument for each option
    matchers: Annotated[
        list[str], typer.Argument(metavar="MATCHER...", help="Like 'service=\"shop\"'; all have to match.")
    ],
    *,
    reason: NeededReason,
    span: Annotated[
        timedelta | None, typer.Option("--for", parser=parse_span, metavar="SPAN", help="How long, like 2h.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="In place of --for.")] = None,
    start: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Default: now.")] = None,
    weekly: Annotated[
        str | None,
        typer.Option("--weekly", metavar="'DAYS FROM-TO'", help="Only in these turns, as 'sat,sun 22:00-06:00'."),
    ] = None,
    zone: Zone = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Mute alerts from now or later on; times are on the clock of the reader's zone."""
    where = zone or machine_zone()
    if (span is None) is (until is None):
        raise typer.BadParameter("say when it is over: give either --for or --until")

    async def work(app: Application) -> StandingSilence:
        starts = parse_moment(start, where) if start else app.context.clock.now()
        ends = parse_moment(until, where) if until else starts + (span or timedelta())
        recurrence = read_weekly(weekly, where) if weekly else None
        asked = {"matchers": matchers, "starts_at": starts, "ends_at": ends, "recurrence": recurrence, "reason": reason}
        return await silences.add(app.context, build(NewSilence, **asked), await actor(app, who))

    view = silence_view(run(work))
    if as_json:
        show_json(view)
    else:
        say(f"{view.id} {_now(view, where)}, and is over {stamp(view.ends_at, where)}.")


@app.command("expire")
def expire(silence: Silence, who: As = None, as_json: AsJson = False) -> None:
    """End a silence now. What it has muted pages again when its sender sends it again."""

    async def work(app: Application) -> Ended:
        return await silences.expire(app.context, silence, await actor(app, who))

    answer = silence_answer(run(work))
    if as_json:
        show_json(answer)
    else:
        say(answer.sentence)


@app.command("try")
def try_labels(
    labels: Annotated[list[str], typer.Argument(metavar="LABEL=VALUE...", help="Of the alert.", show_default=False)],
    source: Annotated[str | None, typer.Option("--source", metavar="INTEGRATION", help="Who sends it.")] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="Default: now.")] = None,
    zone: Zone = None,
    as_json: AsJson = False,
) -> None:
    """What would mute an alert with these labels: silences, maintenance windows, and alerts that fire right now."""
    where = zone or machine_zone()
    own, when = dict(map(parse_label, labels)), parse_moment(at, where) if at else None

    async def work(app: Application) -> Tried:
        return await silences.try_alert(app.context, own, source=source, at=when)

    tried = run(work)
    if as_json:
        causes = [{"rule": rule, "incident": incident_ref(number)} for rule, number in tried.inhibited_by]
        muted = [_as_json(*found) for found in tried.muted_by]
        show_json({"service": tried.service, "muted_by": muted, "inhibited_by": causes})
    elif not tried.muted_by and not tried.inhibited_by:
        say(f"Nothing mutes it; it would go to the service {plain(tried.service)}.")
    else:
        rows = [(mute.rule, stamp(until, where), mute.author, mute.reason) for mute, until in tried.muted_by]
        rows += [(rule, "", "", f"{incident_ref(number)} explains it") for rule, number in tried.inhibited_by]
        table("Muted by", "Until", "By", "Reason", rows=rows)


def read_weekly(text: str, zone: ZoneInfo) -> dict[str, Any]:
    """`sat,sun 22:00-06:00` on the clock of this zone; what is wrong inside of it is found by the core."""
    match = WEEKLY.fullmatch(text.strip().lower())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no weekly turn; write it like 'sat,sun 22:00-06:00'")
    days, begins, ends = match.groups()
    return {"days": re.split(", ?", days), "from": begins, "to": ends, "zone": str(zone)}


def _as_json(mute: Mute, until: datetime) -> dict[str, object]:
    return {"rule": mute.rule, "until": until, "author": mute.author or None, "reason": mute.reason}


def _name(view: SilenceView | WindowView) -> str:
    return view.id if isinstance(view, SilenceView) else f"maintenance/{view.name}"


def _show_list(views: Sequence[SilenceView | WindowView], zone: ZoneInfo) -> None:
    if not views:
        say("There are none.")
        return
    columns = ("Silence", "State", "Mutes", "When", "By", "Reason", "Muted", "Last")
    table(*columns, rows=(_listed(view, zone) for view in views))


def _listed(view: SilenceView | WindowView, zone: ZoneInfo) -> tuple[object, ...]:
    by = view.author if isinstance(view, SilenceView) else ""
    matchers = " ".join(map(str, view.matchers))
    last = stamp(view.last_muted_at, zone)
    return _name(view), view.state, matchers, _when(view, zone), by, view.reason, view.muted or "", last


def _when(view: StandingView, zone: ZoneInfo) -> str:
    if view.until is not None:
        return f"until {stamp(view.until, zone)}"
    return f"from {stamp(view.next_at, zone)}" if view.next_at else ""


def _now(view: StandingView, zone: ZoneInfo) -> str:
    if view.until is not None:
        return f"mutes until {stamp(view.until, zone)}"
    return f"mutes from {stamp(view.next_at, zone)}"


def _show_one(view: SilenceView | WindowView, zone: ZoneInfo) -> None:
    say(f"{_name(view)}  {view.state}", style="bold")
    rows: list[tuple[str, object]] = [
        ("Mutes", " ".join(map(str, view.matchers))),
        ("When", _when(view, zone)),
        ("Reason", view.reason),
        ("Every week", view.recurrence),
        ("Starts", stamp(view.starts_at, zone)),
        ("Ends", stamp(view.ends_at, zone)),
    ]
    if isinstance(view, SilenceView):
        early = f"{stamp(view.expired_at, zone)} by {view.expired_by}" if view.expired_at else ""
        rows += [("Made", f"{stamp(view.created_at, zone)} by {view.author}"), ("Ended early", early)]
    times = f"{view.muted} times, last {stamp(view.last_muted_at, zone)}" if view.muted else "nothing yet"
    facts([*rows, ("Muted", times)])


def _show_alerts(alerts: Sequence[MutedAlertView], zone: ZoneInfo) -> None:
    if not alerts:
        return
    say("\nAlerts", style="bold")
    rows = ((one.title, one.service, one.source, stamp(one.last_at, zone), one.count) for one in alerts[:ALERTS_SHOWN])
    table("Title", "Service", "Source", "Last", "Times", rows=rows)
    if len(alerts) > ALERTS_SHOWN:
        say(f"… and {len(alerts) - ALERTS_SHOWN} more; --json has them")
