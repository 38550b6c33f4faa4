"""`tocsin check|plan|apply`: a configuration before it is in force."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from engine.bootstrap import DEFAULT, Application, advice_on, check_slack, lacks, load_config, playbooks_of
from engine.cli.options import As, AsJson
from engine.cli.screen import complain, note, plain, say, show_json, table
from engine.cli.session import actor, run
from engine.config.difference import Change, difference, digest
from engine.config.settings import read_settings
from engine.config.stored import to_document
from engine.core.errors import ConfigError, Finding
from engine.core.policy import Config
from engine.core.reach import LOG, ways
from engine.ports import Look, Verdict
from engine.report.words import count
from engine.services import configs
from engine.services.configs import Applied

File = Annotated[Path, typer.Argument(metavar="FILE", help="A tocsin.yaml.", show_default=False)]
OptionalFile = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="Default: TOCSIN_CONFIG, else what Tocsin ships.")
]


AskSlack = Annotated[bool, typer.Option("--slack", help="Ask Slack too: token, scopes, channels, people.")]


def check(file: OptionalFile = None, slack: AskSlack = False, as_json: AsJson = False) -> None:
    """Find every fault of a configuration, with its line and what would be right."""
    settings = read_settings()
    path = file or settings.config or DEFAULT
    findings: tuple[Finding, ...] = ()
    advice: tuple[Finding, ...] = ()
    warnings: list[str] = []
    looks: list[Look] = []
    try:
        config = load_config(path)
        advice = advice_on(path, config)
        warnings = list(_warnings(config, lacks(config, settings)))
        looks = asyncio.run(check_slack(config, settings)) if slack else []
    except ConfigError as error:
        findings = error.findings
    wrong = [look for look in looks if look.verdict is Verdict.WRONG]
    if as_json:
        ok = not findings and not wrong
        found = {"findings": findings, "advice": advice, "warnings": warnings, "slack": looks}
        show_json({"file": str(path), "ok": ok, **found})
    else:
        _show(path, findings, [*map(str, advice), *(f"{path}: {warning}" for warning in warnings)])
        if looks:
            table("", "In Slack", "", rows=((MARKS[look.verdict], look.what, look.detail) for look in looks))
    if findings or wrong:
        complain(f"{path}: {count(len(findings) + len(wrong), 'fault')}")
        raise typer.Exit(1)


MARKS = {Verdict.GOOD: "✓", Verdict.WRONG: "✗", Verdict.OPEN: "?"}


def _show(path: Path, findings: tuple[Finding, ...], warnings: list[str]) -> None:
    for finding in findings:
        say(plain(finding))
    for warning in warnings:
        note(plain(warning))
    if not findings:
        say(f"{path}: no fault")


def _warnings(config: Config, missing: Mapping[str, str]) -> Iterator[str]:
    """What is right as such and would not work with the present settings."""
    for name, lack in missing.items():
        yield f"channels.{name} can't send: {lack}"
    reachable = frozenset(config.channels) - missing.keys()
    if all(config.channels[name].kind == LOG for name in reachable):
        yield "no channel can reach a person, so pages go to the log" if reachable else "no channel can send at all"
        return
    for name, level in config.levels.items():
        people = [person for person in (level.primary, level.secondary) if person]
        if not any(ways(config, level, person, reachable) for person in people):
            yield f"levels.{name}: nobody can be reached, so the next level is paged in its place"


def plan(file: File, as_json: AsJson = False) -> None:
    """Show what applying a configuration would change."""
    config = load_config(file)
    old = run(lambda app: configs.in_force(app.context))
    changes = difference(old, config)
    if as_json:
        show_json({"changes": changes})
    elif changes:
        show_changes(changes)
    else:
        say("Nothing would change.")


def show_changes(changes: list[Change]) -> None:
    rows = (
        (SIGNS[change.before is None, change.after is None], change.path, change.before, change.after)
        for change in changes
    )
    table("", "What", "In force", "New", rows=rows)


SIGNS = {(True, False): "+", (False, True): "-", (False, False): "~", (True, True): "~"}


def apply(file: File, who: As = None, as_json: AsJson = False) -> None:
    """Put a configuration in force as the next revision. Open incidents keep the one they were opened under."""
    config = load_config(file)
    playbooks_of(config)

    async def work(app: Application) -> tuple[Config, Applied]:
        by = str(await actor(app, who))
        old = await configs.in_force(app.context)
        applied = await configs.apply(app.context, document=to_document(config), digest=digest(config), by=by)
        return old, applied

    old, applied = run(work)
    if as_json:
        show_json(applied)
    elif applied.new:
        say(f"Revision {applied.revision} is in force: {count(len(difference(old, config)), 'value')} changed.")
    else:
        say(f"Nothing changed: this is revision {applied.revision}, which is in force.")
    if old.playbooks.folders != config.playbooks.folders:
        note("The folders of playbooks changed: a running engine reads them at its next start.")
