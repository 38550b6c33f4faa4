"""`tocsin route try`: which way an alert would take, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from engine.bootstrap import playbooks_of
from engine.cli.options import AsJson, parse_label
from engine.cli.screen import complain, facts, note, plain, say, show_json, table
from engine.cli.sending import Sent, come_through, made_up, read_sent_file
from engine.cli.session import config_of
from engine.clock import utc_now
from engine.core.matchers import INTEGRATION
from engine.core.policy import Config
from engine.core.routing import Trial, integration_of, spelled
from engine.services.wayfinding import Way, find_way

app = typer.Typer(help="The way of alerts to services and people.", no_args_is_help=True)

OWN_GROUPING = "(the sender's own grouping)"

Given = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="LABEL=VALUE … FILE",
        help="Labels like severity=critical; and a tocsin.yaml, default: the configuration in force.",
        show_default=False,
    ),
]
From = Annotated[
    str | None, typer.Option("--source", metavar="INTEGRATION", help="Comes through this one: @integration in routes.")
]
BodyFile = Annotated[
    str | None, typer.Option("--file", metavar="BODY", help="The alerts of a captured body; - is standard input.")
]
OfKind = Annotated[
    str | None, typer.Option("--kind", metavar="SOURCE", help="Who sends such a body; default: that of --source.")
]
Title = Annotated[str, typer.Option("--title", help="The alert's title; rules look for words in it.")]


@app.callback()
def route() -> None:
    """The way of alerts to services and people."""


@app.command("try")
def try_routes(
    given: Given = None,
    source: From = None,
    body: BodyFile = None,
    kind: OfKind = None,
    title: Title = "An alert",
    as_json: AsJson = False,
) -> None:
    """Explain which routes an alert takes, what each gives it, where it ends up and who is paged first. Nothing is
    opened or sent."""
    labels, file = _sort(given or ())
    config = config_of(file)
    if body is None:
        own = dict(parse_label(label) for label in labels)
        alert = made_up(own, title, fingerprint="route-try", group=OWN_GROUPING)
        sent = come_through(config, source, [alert])
    elif labels:
        raise typer.BadParameter("the labels are those of the body; give either labels or --file")
    else:
        sent = read_sent_file(config, source, kind, body)
    playbooks, now = playbooks_of(config), utc_now()
    ways = [find_way(config, playbooks, alert, sent.actor, now, sent.fallback) for alert in sent.alerts]
    if as_json:
        shown = [_to_json(way, config) for way in ways]
        show_json({"alerts": shown, "faults": sent.faults, "note": sent.note})
    else:
        _show(ways, sent, config)
    if sent.faults and not ways:
        complain("nothing of the body can be read")
        raise typer.Exit(1)


def _sort(given: Sequence[str]) -> tuple[list[str], Path | None]:
    """Labels have an equals sign; what has none is the file."""
    files = [word for word in given if "=" not in word]
    if len(files) > 1:
        raise typer.BadParameter(f"{files[1]!r} is neither a label, like severity=critical, nor the one FILE")
    labels = [word for word in given if "=" in word]
    if any(label.startswith(INTEGRATION) for label in labels):
        raise typer.BadParameter(f"{INTEGRATION} is no label, so that no alert can forge it; give it by --source")
    return labels, Path(files[0]) if files else None


def _show(ways: Sequence[Way], sent: Sent, config: Config) -> None:
    for way in ways:
        say(plain(way.placed.alert.title), style="bold")
        if way.trials:
            table("", "Route", "Asks for", "What came of it", rows=map(_row, way.trials))
        facts(_facts(way, config))
        say()
    for fault in sent.faults:
        note(f"{plain(fault.path)} can't be read: {plain(fault.reason)}")
    if sent.note:
        note(f"No alert, and nothing wrong: {plain(sent.note)}")


def _row(trial: Trial) -> tuple[object, ...]:
    mark = "✓" if trial.taken else "✗" if trial.tried else ""
    return mark, trial.route.name, ", ".join(map(str, trial.route.match)) or "every alert", _outcome(trial)


def _outcome(trial: Trial) -> str:
    if not trial.tried:
        return "not tried"
    if trial.missed is not None:
        return f"{trial.missed.name} is {trial.found!r}" if trial.found else f"there is no {trial.missed.name}"
    gave = ", ".join(spelled(trial.route, what) for what in trial.gave) or "gives nothing"
    late = f"; {', '.join(trial.late)} given above already" if trial.late else ""
    return f"{gave}{late}; {'goes on' if trial.route.goes_on else 'ends here'}"


def _facts(way: Way, config: Config) -> Iterator[tuple[str, object]]:
    placed = way.placed
    for addition in placed.additions:
        yield addition.file, ", ".join(f'{name}="{value}"' for name, value in addition.labels.items())
    yield "service", f"{placed.service}: {_service_from(way)}"
    yield "policy", f"{way.policy}: {way.policy_from}"
    yield "priority", f"{placed.found.priority}: {placed.found.reason} (rule {placed.found.rule})"
    yield "playbook", f"{way.playbook}: {way.why}" if way.playbook else "none"
    yield "one incident", placed.key
    yield "paged first", _first(way, config)


def _service_from(way: Way) -> str:
    giver = way.placed.routed.giver("service")
    return f"route {giver.name}" if giver else way.placed.origin


def _first(way: Way, config: Config) -> str:
    if not way.pages:
        return f"nobody at once; {way.otherwise}"
    page = way.pages[0]
    contact = config.contacts.get(page.contact or "")
    who = f"{contact.name}, " if contact else ""
    return (
        f"{who}{page.contact or page.address}, of level {page.level} {page.level_title}, by {', '.join(_channels(way))}"
    )


def _channels(way: Way) -> list[str]:
    """By which the first who is paged is reached."""
    who = way.pages[0].contact
    return list(dict.fromkeys(page.channel for page in way.pages if page.contact == who))


def _to_json(way: Way, config: Config) -> dict[str, object]:
    placed, page = way.placed, way.pages[0] if way.pages else None
    first = {"contact": page.contact, "level": page.level, "channels": _channels(way)} if page else None
    return {
        "title": placed.alert.title,
        "labels": placed.alert.labels,
        "added": [{"file": one.file, "labels": one.labels} for one in placed.additions],
        "integration": integration_of(placed.actor),
        "routes": [_trial_to_json(trial) for trial in way.trials],
        "service": {"name": placed.service, "from": _service_from(way)},
        "policy": {"name": way.policy, "from": way.policy_from},
        "priority": {"name": placed.found.priority, "rule": placed.found.rule, "reason": placed.found.reason},
        "playbook": {"name": way.playbook, "reason": way.why} if way.playbook else None,
        "group_by": placed.routed.group_by,
        "key": placed.key,
        "paged_first": first,
        "otherwise": None if page else way.otherwise,
    }


def _trial_to_json(trial: Trial) -> dict[str, object]:
    return {
        "name": trial.route.name,
        "tried": trial.tried,
        "taken": trial.taken,
        "missed": str(trial.missed) if trial.missed else None,
        "found": trial.found if trial.missed else None,
        "gives": trial.route.model_dump(mode="json", include=set(trial.gave)),
        "given_above": trial.late,
        "continue": trial.route.goes_on,
    }
