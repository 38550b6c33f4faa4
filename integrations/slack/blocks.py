"""A message as Slack shows it: a pure function of the envelope.

Limits: docs.slack.dev/reference/block-kit/blocks. All texts of one message together may have 12,000 characters
(github.com/slackapi/bolt-js/issues/2509); the budgets below add up to less.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from slack_sdk.models.basic_objects import JsonObject
from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ConfirmObject,
    ContextBlock,
    HeaderBlock,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)

from engine.core.model import Alert, AlertStatus, Priority
from engine.ports import Envelope, Rung, Tried
from integrations.channels.wording import REPEATED, alert_count, late_note, place, worst_first
from integrations.channels.wording import person as name_of
from integrations.slack.buttons import buttons, next_step
from integrations.slack.standing import phase, standing
from integrations.slack.text import link, plain, stack, when
from integrations.slack.together import bundle_buttons, bundle_list

HEADER = 150
STANDING = 1_200
WHAT = 1_000
ALERTS = 2_500
PLAYBOOK = 600
LADDER = 1_200
TRIED = 1_200
FOOT = 900
BUNDLE = 3_000
ALERT = 700
WORST_ALERTS = 5
LATEST = 8

MEANINGS = {
    Priority.P0: "critical: immediate response required",
    Priority.P1: "high: urgent response required",
    Priority.P2: "medium: standard response",
    Priority.P3: "low: routine response",
}
SEALED = "*Sealed:* only those who work on it or are invited can see it. Let somebody in by `/tocsin invite`."
FLAPPING = "it comes and goes, and is left open until it has been quiet for a while."
VEILED = "This incident is sealed. Those who work on it were told; one of them can invite you."
OUTCOMES = {"sent": ("✓", "sent"), "failed": ("✗", "failed"), "waiting": ("…", "on its way")}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendered:
    """`text` is what a lock screen shows; Slack shows `blocks` in its place once it is opened."""

    text: str
    blocks: tuple[Block, ...]

    def as_json(self) -> list[dict[str, object]]:
        """The blocks as they are sent."""
        return [_plain(block) for block in self.blocks]


def _plain(thing: JsonObject) -> dict[str, object]:
    """What the object's own `to_dict` gives; that goes through all attributes in search of validators first and takes
    twenty times as long, more than the rest of a page."""
    if type(thing) is ConfirmObject:
        parts = {name: getattr(thing, f"_{name}") for name in CONFIRM}  # under the public names are their texts alone
        return {name: _plain_value(part) for name, part in parts.items() if part}
    if type(thing).to_dict is not JsonObject.to_dict:
        return thing.to_dict()
    named = ((name, getattr(thing, name, None)) for name in _names(thing))
    return {name: _plain_value(value) for name, value in named if value or value is False}


CONFIRM = ("title", "text", "confirm", "deny", "style")
NAMES: dict[type[JsonObject], tuple[str, ...]] = {}
"""The attributes of each kind: an object puts them together anew each time it is asked."""


def _names(thing: JsonObject) -> tuple[str, ...]:
    kind = type(thing)
    if kind not in NAMES:
        NAMES[kind] = tuple(sorted(thing.attributes))
    return NAMES[kind]


def _plain_value(value: object) -> object:
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return [_plain_value(item) for item in value]
    return _plain(value) if isinstance(value, JsonObject) else value


def render(envelope: Envelope) -> Rendered:
    """How it stands, what broke, who is next, and the buttons that make sense now."""
    return Rendered(
        text=plain(envelope.headline) or envelope.incident.ref,
        blocks=tuple(block for block in _layout(envelope) if block is not None),
    )


def line(envelope: Envelope) -> str:
    """What is said under the card."""
    said = f"*{envelope.incident.ref}* {plain(envelope.message.reason, WHAT)}"
    return f"{said} {REPEATED}" if envelope.repeated else said


def _layout(envelope: Envelope) -> Iterator[Block | None]:
    title = plain(envelope.headline, HEADER) or envelope.incident.ref
    yield HeaderBlock(text=PlainTextObject(text=title, emoji=False))
    if envelope.bundle:
        yield _section(bundle_list(envelope), BUNDLE)
        yield ContextBlock(elements=[_markdown(stack(_footnotes(envelope), FOOT))])
        several = bundle_buttons(envelope)
        yield ActionsBlock(elements=several) if several else None
        return
    if envelope.veiled:
        yield _section([VEILED], STANDING)
        return
    yield _section(standing(envelope), STANDING)
    yield _section(_what(envelope), WHAT)
    yield SectionBlock(fields=[_markdown(f"*{name}*\n{value}") for name, value in _facts(envelope)])
    if envelope.incident.state.active:
        yield _section(_alerts(envelope), ALERTS)
        yield _section(_playbook(envelope), PLAYBOOK)
        yield _section(_ladder(envelope), LADDER)
        yield _section(_tried(envelope), TRIED)
    yield ContextBlock(elements=[_markdown(stack(_footnotes(envelope), FOOT))])
    pressable = buttons(envelope)
    yield ActionsBlock(elements=pressable) if pressable else None


def _markdown(text: str) -> MarkdownTextObject:
    """Verbatim: Slack makes no links or mentions of its own out of what looks like one."""
    return MarkdownTextObject(text=text, verbatim=True)


def _section(lines: list[str], most: int) -> SectionBlock | None:
    return SectionBlock(text=_markdown(stack(lines, most))) if lines else None


def _what(envelope: Envelope) -> list[str]:
    """What broke, and what was last said about it."""
    incident = envelope.incident
    lines = [f"*{incident.ref}* {plain(incident.title)}"]
    if incident.sealed_at:
        lines.append(SEALED)
    if incident.flapping_since and incident.state.active:
        lines.append(f"*Flapping since {when(envelope, incident.flapping_since)}:* {FLAPPING}")
    if incident.summary not in ("", incident.title):
        lines.append(plain(incident.summary, 400))
    if incident.status and incident.status_at:
        lines.append(f"*Status at {when(envelope, incident.status_at)}:* {plain(incident.status, 450)}")
    return lines


def _facts(envelope: Envelope) -> Iterator[tuple[str, str]]:
    incident = envelope.incident
    yield "Priority", f"{incident.priority} {MEANINGS[incident.priority]}"
    yield "Service", plain(incident.service, 120) or "unknown"
    yield "Phase", phase(incident.state)
    yield "Since", when(envelope, incident.opened_at)
    if incident.impact:
        yield "Impact", plain(incident.impact, 500)
    if envelope.room:
        yield "War room", f"<#{plain(envelope.room, 40)}>"
    if incident.commander:
        yield "Commander", plain(name_of(envelope, incident.commander), 120)
    for duty, contact in incident.duties.items():
        yield duty.capitalize(), plain(name_of(envelope, contact), 120)


def _alerts(envelope: Envelope) -> list[str]:
    shown = worst_first(envelope.alerts)[:WORST_ALERTS]
    if not shown:
        return []
    return [f"*{alert_count(envelope, shown=len(shown))}*", *(_alert(alert) for alert in shown)]


def _alert(alert: Alert) -> str:
    over = " (resolved)" if alert.status is AlertStatus.RESOLVED else ""
    summary = f": {plain(alert.summary, 200)}" if alert.summary not in ("", alert.title) else ""
    line = f"• {plain(alert.title, 200) or 'alert without a title'}{over}{summary}"
    for one in alert.links:
        longer = f"{line} · {link(one.title, one.url)}"
        line = longer if len(longer) <= ALERT else line
    return line


def _playbook(envelope: Envelope) -> list[str]:
    """How far it is, and what to do next."""
    step, done = next_step(envelope), sum(step.done_at is not None for step in envelope.steps)
    if not envelope.steps:
        return []
    head = f"*Playbook* {done} of {len(envelope.steps)} steps done"
    if step is None:
        return [head]
    detail = f": {plain(step.detail, 250)}" if step.detail else ""
    return [head, f"Next: {plain(step.number, 20)} {plain(step.title, 150)}{detail}"]


def _ladder(envelope: Envelope) -> list[str]:
    rungs = sorted(envelope.ladder, key=lambda rung: rung.level)
    lines = [*_held(envelope), *(_rung(envelope, rung) for rung in rungs)]
    return ["*Who is called when*", *lines] if lines else []


def _held(envelope: Envelope) -> Iterator[str]:
    incident = envelope.incident
    if incident.hold_until and incident.hold_until > envelope.now:
        who = plain(name_of(envelope, incident.hold_by), 80)
        reason = plain(incident.hold_reason or "no reason given", 200)
        yield f"Held by {who} until {when(envelope, incident.hold_until)}: {reason}"


def _rung(envelope: Envelope, rung: Rung) -> str:
    at = f"{when(envelope, rung.due_at)} " if rung.due_at else ""
    who = f": {plain(rung.who, 120)}" if rung.who else ""
    note = f", {plain(rung.reason, 120)}" if rung.reason else ""
    return f"• {at}{plain(rung.title, 60)}{who} ({plain(rung.state, 20)}{note})"


def _tried(envelope: Envelope) -> list[str]:
    latest = envelope.tried[-LATEST:]
    return ["*Tried so far*", *(_attempt(envelope, tried) for tried in latest)] if latest else []


def _attempt(envelope: Envelope, tried: Tried) -> str:
    """The mark of the outcome, then who, how and when."""
    detail = f": {plain(tried.detail, 120)}" if tried.detail else ""
    who, channel = plain(tried.who, 80), plain(tried.channel, 40)
    mark, outcome = OUTCOMES.get(tried.outcome, ("•", plain(tried.outcome, 20)))
    return f"{mark} {when(envelope, tried.at)} {who} by {channel}, {outcome}{detail}"


def _footnotes(envelope: Envelope) -> list[str]:
    """Why this message came to its reader."""
    message = envelope.message
    lines = [f"Why: {plain(message.reason) or 'no reason given'}"]
    if message.seat and envelope.incident.state.active:
        lines.append(f"You are {plain(place(message), 120)}.")
    if envelope.repeated:
        lines.append(REPEATED)
    if envelope.late_by:
        lines.append(late_note(envelope, envelope.late_by, when(envelope, envelope.now - envelope.late_by)))
    return lines
