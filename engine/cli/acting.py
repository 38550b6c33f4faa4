"""`tocsin incident ack|advance|resolve|…`: each is one command of the core."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import typer
from pydantic import ValidationError

from engine.api.views import CommandAnswer, command_answer
from engine.bootstrap import Application
from engine.cli.options import As, AsJson, Ref, Zone, machine_zone, parse_moment, parse_span
from engine.cli.screen import note, plain, say, show_json
from engine.cli.session import actor, left_lying, run, warn_of
from engine.core.commands import (
    Acknowledge,
    Advance,
    Assign,
    Base,
    Cancel,
    Close,
    Command,
    Decline,
    Document,
    Escalate,
    Finish,
    Hold,
    Invite,
    Merge,
    Note,
    OpenRoom,
    Reopen,
    Reprioritize,
    Resolve,
    Seal,
    Snooze,
    Tick,
    Unseal,
    Update,
)
from engine.core.model import Duty, Priority

C = TypeVar("C", bound=Base)

Reason = Annotated[str | None, typer.Option("--reason", help="Goes on record.")]
NeededReason = Annotated[str, typer.Option("--reason", help="Goes on record.", show_default=False)]
Override = Annotated[bool, typer.Option("--override", help="Overrule what the rules ask for; needs --reason.")]
Impact = Annotated[str | None, typer.Option("--impact", help="What users notice.")]
Cause = Annotated[str | None, typer.Option("--cause", help="Why it happened.")]
Mitigation = Annotated[str | None, typer.Option("--mitigation", help="What keeps the damage down.")]
Lessons = Annotated[str | None, typer.Option("--lessons", help="What was learned.")]
Actions = Annotated[
    list[str] | None,
    typer.Option("--action", metavar="'WHAT; OWNER; DATE'", help="An improvement agreed; may be given several times."),
]


class CancelCode(StrEnum):
    FALSE_ALARM = "false_alarm"
    TEST = "test"
    DUPLICATE = "duplicate"


def acknowledge(ref: Ref, who: As = None, as_json: AsJson = False) -> None:
    """I have it: stops level 1, and is taken as a lease."""
    changed = act(ref, Acknowledge(), who, as_json)
    if changed and who is None:
        note("Nobody can be asked later whether you are still on it; --as CONTACT says who has it.")


def advance(  # noqa: PLR0913 - an argument for each option
    ref: Ref,
    *,
    impact: Impact = None,
    confirm: Annotated[bool, typer.Option("--confirm-priority", help="The priority is right.")] = False,
    cause: Cause = None,
    mitigation: Mitigation = None,
    override: Override = False,
    reason: Reason = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """On to the next phase."""
    given = {"impact": impact, "cause": cause, "mitigation": mitigation, "override": override, "reason": reason}
    act(ref, build(Advance, priority_confirmed=confirm, **given), who, as_json)


def resolve(
    ref: Ref,
    validation: Annotated[str | None, typer.Option("--validation", help="How it was made sure.")] = None,
    restored_at: Annotated[str | None, typer.Option("--restored-at", metavar="TIME", help="Default: now.")] = None,
    override: Override = False,
    reason: Reason = None,
    zone: Zone = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Service is restored: paging ends, the review begins."""
    at = parse_moment(restored_at, zone or machine_zone()) if restored_at else None
    act(ref, build(Resolve, validation=validation, restored_at=at, override=override, reason=reason), who, as_json)


def reopen(ref: Ref, reason: NeededReason, who: As = None, as_json: AsJson = False) -> None:
    """It is not over: level 1 is paged, the timers start anew."""
    act(ref, build(Reopen, reason=reason), who, as_json)


def escalate(
    ref: Ref,
    level: Annotated[int | None, typer.Option("--level", help="Which level; default: the next one.")] = None,
    reason: Reason = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Page the next level now."""
    act(ref, build(Escalate, level=level, reason=reason), who, as_json)


def decline(ref: Ref, reason: Reason = None, who: As = None, as_json: AsJson = False) -> None:
    """Not me: the level's other person is paged now, else the next level."""
    act(ref, build(Decline, reason=reason), who, as_json)


def update(
    ref: Ref,
    text: Annotated[str, typer.Argument(help="What those who wait may know.", show_default=False)],
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Say how it stands to those who wait."""
    act(ref, build(Update, text=text), who, as_json)


def snooze(
    ref: Ref,
    span: Annotated[timedelta, typer.Option("--for", parser=parse_span, metavar="SPAN", help="Like 30m.")],
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Put off the next reminder of a status update."""
    act(ref, build(Snooze, span=span), who, as_json)


def room(ref: Ref, who: As = None, as_json: AsJson = False) -> None:
    """Open a channel of its own for the incident."""
    act(ref, build(OpenRoom), who, as_json)


def seal(ref: Ref, reason: NeededReason, who: As = None, as_json: AsJson = False) -> None:
    """Only those who were paged, have a part in it or are invited can see it from now on."""
    act(ref, build(Seal, reason=reason), who, as_json)


def unseal(ref: Ref, reason: NeededReason, who: As = None, as_json: AsJson = False) -> None:
    """Everybody may see it again."""
    act(ref, build(Unseal, reason=reason), who, as_json)


def invite(
    ref: Ref,
    guest: Annotated[str, typer.Option("--who", metavar="CONTACT", help="Who is let in.")],
    reason: Reason = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Let somebody into a sealed incident."""
    act(ref, build(Invite, who=guest, reason=reason), who, as_json)


def hold(
    ref: Ref,
    span: Annotated[timedelta, typer.Option("--for", parser=parse_span, metavar="SPAN", help="Like 30m.")],
    reason: NeededReason,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Hold the management levels for a stated time."""
    act(ref, build(Hold, span=span, reason=reason), who, as_json)


def write_note(
    ref: Ref,
    text: Annotated[str, typer.Argument(help="The line for the record.", show_default=False)],
    happened_at: Annotated[str | None, typer.Option("--happened-at", metavar="TIME", help="Default: now.")] = None,
    zone: Zone = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Put a line on record."""
    at = parse_moment(happened_at, zone or machine_zone()) if happened_at else None
    act(ref, build(Note, text=text, happened_at=at), who, as_json)


def document(
    ref: Ref,
    impact: Impact = None,
    cause: Cause = None,
    mitigation: Mitigation = None,
    lessons: Lessons = None,
    actions: Actions = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Write down what is known, in any open state."""
    given = {"impact": impact, "cause": cause, "mitigation": mitigation, "lessons": lessons}
    act(ref, build(Document, actions=read_actions(actions), **given), who, as_json)


def finish(
    ref: Ref,
    action: Annotated[int, typer.Argument(min=1, help="Its number, as `tocsin incident show` lists it.")],
    text: Annotated[str | None, typer.Option("--note", help="What came of it.")] = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """An action that was agreed is done."""
    act(ref, build(Finish, action=action, note=text), who, as_json)


def close(
    ref: Ref,
    cause: Cause = None,
    lessons: Lessons = None,
    actions: Actions = None,
    override: Override = False,
    reason: Reason = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """The review is done: the report is frozen."""
    given = {"cause": cause, "lessons": lessons, "override": override, "reason": reason}
    act(ref, build(Close, actions=read_actions(actions), **given), who, as_json)


def cancel(
    ref: Ref,
    code: Annotated[CancelCode, typer.Option("--code", help="Why there is no incident.")],
    reason: NeededReason,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """There is no incident: nobody is paged any more."""
    act(ref, build(Cancel, code=code.value, reason=reason), who, as_json)


def merge(
    ref: Ref,
    into: Annotated[str, typer.Option("--into", metavar="INCIDENT", help="The incident that goes on.")],
    reason: Reason = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """It is the same problem as another incident."""
    act(ref, build(Merge, into=into, reason=reason), who, as_json)


def assign(
    ref: Ref,
    to: Annotated[str, typer.Option("--to", metavar="CONTACT", help="Who does it from now on.")],
    duty: Annotated[Duty, typer.Option("--duty", help="What is handed over.")] = Duty.COMMANDER,
    reason: Reason = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """Hand over the command, or give somebody another duty."""
    act(ref, build(Assign, to=to, duty=duty, reason=reason), who, as_json)


def reprioritize(
    ref: Ref,
    priority: Annotated[Priority, typer.Argument(help="The right priority.", show_default=False)],
    reason: NeededReason,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """A person's judgement over the rules'; the timers follow."""
    act(ref, build(Reprioritize, priority=priority, reason=reason), who, as_json)


def tick(
    ref: Ref,
    step: Annotated[str, typer.Argument(help="The step's id, as `tocsin incident show` lists it.", show_default=False)],
    undo: Annotated[bool, typer.Option("--undo", help="It is not done after all.")] = False,
    text: Annotated[str | None, typer.Option("--note", help="What came of it.")] = None,
    who: As = None,
    as_json: AsJson = False,
) -> None:
    """A step of the playbook is done."""
    act(ref, build(Tick, step=step, done=not undo, note=text), who, as_json)


def add_to(app: typer.Typer) -> None:
    app.command("ack")(acknowledge)
    for verb in (
        *(advance, resolve, reopen, escalate, decline, hold, room, update, snooze),
        *(seal, unseal, invite, finish, close, cancel, merge, assign, reprioritize, document, tick),
    ):
        app.command(verb.__name__)(verb)
    app.command("note")(write_note)


def build(command: type[C], **given: Any) -> C:
    """The command with what was given; what the core would not take is a usage error."""
    try:
        return command.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise typer.BadParameter(f"{where}: {first['msg']}") from None


def read_actions(texts: list[str] | None) -> list[dict[str, str]]:
    """`what; owner; date`, of which only what has to be there."""
    names = ("what", "owner", "due_on")
    parts = [[part.strip() for part in text.split(";")] for text in texts or ()]
    if any(len(own) > len(names) for own in parts):
        raise typer.BadParameter("an action is 'what; owner; date', as 'Renew by machine; ops-lead; 2026-12-31'")
    return [{name: part for name, part in zip(names, own, strict=False) if part} for own in parts]


def act(ref: str, command: Command, who: str | None, as_json: bool) -> bool:
    """True where something changed."""

    async def work(app: Application) -> tuple[CommandAnswer, int]:
        done = await app.desk.run(ref, command, await actor(app, who))
        return command_answer(done), await left_lying(app)

    answer, messages = run(work)
    if as_json:
        show_json(answer)
    else:
        say(plain(answer.sentence) or f"{answer.incident.id}: done.")
    warn_of(messages)
    return answer.changed
