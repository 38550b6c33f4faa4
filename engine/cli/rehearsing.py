"""`tocsin rehearse`: this alert, Saturday at ten past three, who is paged when?"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from engine.bootstrap import lacks, playbooks_of
from engine.cli.options import AsJson, ConfigFile, Zone, machine_zone, parse_label, parse_moment, parse_span
from engine.cli.rehearsed import Expected, show, to_json
from engine.cli.screen import complain, note, show_json
from engine.cli.session import config_of, set_up_log
from engine.clock import utc_now
from engine.config.settings import read_settings
from engine.core.classify import read_values
from engine.core.model import Alert, AlertStatus, Priority
from engine.core.policy import Config
from engine.services.rehearsal import Scenario
from engine.services.rehearsal import rehearse as play

Title = Annotated[str, typer.Option("--title", help="The alert's title; rules look for words in it.")]
Labels = Annotated[
    list[str] | None, typer.Option("--label", metavar="NAME=VALUE", help="A label; may be given several times.")
]
Service = Annotated[str | None, typer.Option("--service", help="The service it is about, unless a route says another.")]
GivenPriority = Annotated[
    Priority | None, typer.Option("--priority", help="Sets the label `priority`, which comes before every rule.")
]
At = Annotated[str | None, typer.Option("--at", metavar="TIME", help="Like '2026-11-21 03:10'; default: now.")]
AckAfter = Annotated[
    timedelta | None,
    typer.Option("--ack-after", parser=parse_span, metavar="SPAN", help="Somebody acknowledges then; like 12m."),
]
AckBy = Annotated[
    str | None, typer.Option("--ack-by", metavar="CONTACT", help="Who does; default: whoever was paged first.")
]
Silent = Annotated[bool, typer.Option("--then-silent", help='Who acknowledged does not answer "still on it?".')]
ResolveAfter = Annotated[
    timedelta | None,
    typer.Option("--resolve-after", parser=parse_span, metavar="SPAN", help="Service is restored then."),
]
Unreachable = Annotated[
    list[str] | None,
    typer.Option("--unreachable", metavar="CHANNEL", help="A channel that can't send; may be given several times."),
]
AsConfigured = Annotated[
    bool, typer.Option("--as-configured", help="Only channels that are set up on this machine can send.")
]
Lasts = Annotated[
    timedelta, typer.Option("--for", parser=parse_span, metavar="SPAN", show_default="5h", help="How long to look.")
]
Expect = Annotated[
    list[str] | None,
    typer.Option("--expect-paged", metavar="CONTACT", help="Exit 1 unless they are paged; may be given several times."),
]
Within = Annotated[
    timedelta | None, typer.Option("--within", parser=parse_span, metavar="SPAN", help="How soon after the alert.")
]


def rehearse(  # noqa: PLR0913 - an argument for each option
    *,
    title: Title = "Rehearsal",
    labels: Labels = None,
    service: Service = None,
    priority: GivenPriority = None,
    at: At = None,
    ack_after: AckAfter = None,
    ack_by: AckBy = None,
    silent: Silent = False,
    resolve_after: ResolveAfter = None,
    unreachable: Unreachable = None,
    as_configured: AsConfigured = False,
    lasts: Lasts = timedelta(hours=5),
    config_file: ConfigFile = None,
    expected: Expect = None,
    within: Within = None,
    zone: Zone = None,
    as_json: AsJson = False,
) -> None:
    """Play an alert through the real engine on a clock that is moved: who would be paged when. Nothing is sent."""
    if within is not None and not expected:
        raise typer.BadParameter("it limits --expect-paged, which is missing", param_hint="--within")
    where = zone or machine_zone()
    scenario = Scenario(
        alert=_alert(title, labels or (), service, priority),
        at=parse_moment(at, where) if at else utc_now(),
        lasts=lasts,
        acknowledge_after=ack_after,
        acknowledge_by=ack_by,
        answers=not silent,
        resolve_after=resolve_after,
        unreachable=dict.fromkeys(unreachable or (), "as rehearsed"),
    )
    config, missing = _config(config_file)
    _check_contacts(expected or (), config)
    if as_configured:
        scenario = replace(scenario, unreachable={**missing, **scenario.unreachable})
    rehearsed = asyncio.run(play(config, playbooks_of(config), scenario))
    wishes = [Expected(contact=who, within=within, after=rehearsed.first_page(who)) for who in expected or ()]
    if as_json:
        show_json(to_json(rehearsed, wishes))
    else:
        show(rehearsed, where)
        _tell_of_missing(missing.keys() - scenario.unreachable.keys())
    if unmet := [wish for wish in wishes if not wish.met]:
        complain("; ".join(map(str, unmet)))
        raise typer.Exit(1)


def _alert(title: str, labels: Sequence[str], service: str | None, priority: Priority | None) -> Alert:
    own = dict(parse_label(label) for label in labels)
    if priority is not None:
        own["priority"] = priority.value
    return Alert(
        fingerprint="rehearsal",
        status=AlertStatus.FIRING,
        title=title,
        service=service or own.get("service"),
        labels=own,
        values=read_values(own, {}),
    )


def _config(file: Path | None) -> tuple[Config, Mapping[str, str]]:
    """The configuration, and what its channels lack here. With a file of its own no database is needed."""
    settings = read_settings()
    set_up_log(settings, level="warning")
    config = config_of(file)
    return config, lacks(config, settings)


def _check_contacts(contacts: Sequence[str], config: Config) -> None:
    for contact in contacts:
        if contact not in config.contacts:
            raise typer.BadParameter(f"{contact!r} is not in contacts; there are {', '.join(config.contacts)}")


def _tell_of_missing(channels: Collection[str]) -> None:
    names = ", ".join(sorted(channels))
    if names:
        note(f"Not set up on this machine, rehearsed as if they were: {names}. --as-configured leaves them out.")
