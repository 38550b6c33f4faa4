"""`tocsin rehearse`: this alert, Saturday at ten past three, who is paged when?"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from engine.bootstrap import lacks, playbooks_of
from engine.cli.options import AsJson, ConfigFile, Zone, machine_zone, parse_label, parse_moment, parse_span
from engine.cli.rehearsed import Expected, show, to_json
from engine.cli.screen import complain, note, plain, show_json
from engine.cli.sending import NOBODY, Sent, come_through, made_up, read_kept, read_sent, read_sent_file
from engine.cli.session import config_of, set_up_log
from engine.cli.sources import find_integration, find_source
from engine.clock import utc_now
from engine.config.settings import read_settings
from engine.core.model import Priority
from engine.core.policy import Config
from engine.report.words import count
from engine.services.rehearsal import SENDER, Rehearsed, Scenario
from engine.services.rehearsal import rehearse as play

Title = Annotated[str | None, typer.Option("--title", help="The alert's title; rules look for words in it.")]
Labels = Annotated[
    list[str] | None, typer.Option("--label", metavar="NAME=VALUE", help="A label; may be given several times.")
]
Service = Annotated[str | None, typer.Option("--service", help="The service it is about, unless a route says another.")]
GivenPriority = Annotated[
    Priority | None, typer.Option("--priority", help="Sets the label `priority`, which comes before every rule.")
]
From = Annotated[
    str | None,
    typer.Option(
        "--source",
        metavar="INTEGRATION",
        help="Comes through this one; by itself, with the example of what such a sender sends.",
    ),
]
BodyFile = Annotated[
    str | None, typer.Option("--file", metavar="BODY", help="What --source sent, in a file; - is standard input.")
]
Kept = Annotated[
    int | None, typer.Option("--request", metavar="N", min=1, help="What was sent, as `tocsin request list` has it.")
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
    title: Title = None,
    labels: Labels = None,
    service: Service = None,
    priority: GivenPriority = None,
    source: From = None,
    body: BodyFile = None,
    request: Kept = None,
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
    asked = Asked(title=title, labels=labels or (), service=service, priority=priority, source=source)
    asked.check(body, request)
    wanted, where = Wanted(paged=expected or (), within=within), zone or machine_zone()
    config, missing = _config(config_file)
    wanted.check(config)
    answers = Answers(ack_after=ack_after, ack_by=ack_by, silent=silent, resolve_after=resolve_after)
    lacking = {**(missing if as_configured else {}), **dict.fromkeys(unreachable or (), "as rehearsed")}
    scenario = _scenario(asked.sent(config, body, request), answers, at=at, where=where, lasts=lasts, lacking=lacking)
    rehearsed = asyncio.run(play(config, playbooks_of(config), scenario))
    _tell(rehearsed, wanted.found(rehearsed), missing.keys() - lacking.keys(), None if as_json else where)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """The alert, as the command line describes it."""

    title: str | None
    labels: Sequence[str]
    service: str | None
    priority: Priority | None
    source: str | None

    @property
    def made_up(self) -> bool:
        return bool(self.title or self.labels or self.service or self.priority)

    def check(self, body: str | None, request: int | None) -> None:
        if self.made_up and (body is not None or request is not None):
            raise typer.BadParameter("what came says title, labels, service and priority itself; leave them out")
        if body is not None and request is not None:
            raise typer.BadParameter("give either --file or --request")

    def sent(self, config: Config, body: str | None, request: int | None) -> Sent:
        """Raises BadParameter where nothing of what came can be read."""
        if request is not None:
            return _readable(read_kept(config, self.source, request))
        if body is not None:
            return _readable(read_sent_file(config, self.source, None, body))
        if self.source is not None and not self.made_up:
            kind = find_integration(config, self.source).source
            return _readable(read_sent(config, self.source, kind, find_source(kind).example))
        own = dict(parse_label(label) for label in self.labels)
        if self.priority is not None:
            own["priority"] = self.priority.value
        alert = made_up(own, self.title or "Rehearsal", fingerprint="rehearsal", service=self.service)
        return come_through(config, self.source, [alert])


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """What people do about it."""

    ack_after: timedelta | None
    ack_by: str | None
    silent: bool
    resolve_after: timedelta | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Who has to be paged, and how soon."""

    paged: Sequence[str]
    within: timedelta | None

    def check(self, config: Config) -> None:
        if self.within is not None and not self.paged:
            raise typer.BadParameter("it limits --expect-paged, which is missing", param_hint="--within")
        for contact in self.paged:
            if contact not in config.contacts:
                raise typer.BadParameter(f"{contact!r} is not in contacts; there are {', '.join(config.contacts)}")

    def found(self, rehearsed: Rehearsed) -> list[Expected]:
        return [Expected(contact=who, within=self.within, after=rehearsed.first_page(who)) for who in self.paged]


def _readable(sent: Sent) -> Sent:
    for fault in sent.faults:
        note(f"{plain(fault.path)} can't be read: {plain(fault.reason)}")
    if not sent.alerts:
        raise typer.BadParameter(f"there is no alert in it{f': {sent.note}' if sent.note else ''}")
    return sent


def _scenario(
    sent: Sent, answers: Answers, *, at: str | None, where: ZoneInfo, lasts: timedelta, lacking: Mapping[str, str]
) -> Scenario:
    return Scenario(
        alerts=sent.alerts,
        at=parse_moment(at, where) if at else utc_now(),
        lasts=lasts,
        sender=SENDER if sent.actor is NOBODY else sent.actor,
        fallback=sent.fallback,
        acknowledge_after=answers.ack_after,
        acknowledge_by=answers.ack_by,
        answers=not answers.silent,
        resolve_after=answers.resolve_after,
        unreachable=lacking,
    )


def _config(file: Path | None) -> tuple[Config, Mapping[str, str]]:
    """The configuration, and what its channels lack here. With a file of its own no database is needed."""
    settings = read_settings()
    set_up_log(settings, level="warning")
    config = config_of(file)
    return config, lacks(config, settings)


def _tell(rehearsed: Rehearsed, expected: Sequence[Expected], missing: Collection[str], where: ZoneInfo | None) -> None:
    """In the reader's zone, or as JSON without one. Exits with 1 where somebody is not paged who was to be."""
    if where is None:
        show_json(to_json(rehearsed, expected))
    else:
        show(rehearsed, where)
        _tell_of_missing(missing)
        if rehearsed.elsewhere:
            note(f"{count(rehearsed.elsewhere, 'other alert')} came with it and belong elsewhere: `tocsin route try`.")
    if unmet := [wish for wish in expected if not wish.met]:
        complain("; ".join(map(str, unmet)))
        raise typer.Exit(1)


def _tell_of_missing(channels: Collection[str]) -> None:
    names = ", ".join(sorted(channels))
    if names:
        note(f"Not set up on this machine, rehearsed as if they were: {names}. --as-configured leaves them out.")
