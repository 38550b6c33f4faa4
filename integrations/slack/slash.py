"""`/tocsin …`: read strictly, carried out by the desk, answered to the one who typed it."""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import structlog
from pydantic import BaseModel, Field, ValidationError
from slack_bolt.async_app import AsyncAck

from engine.core.commands import (
    Acknowledge,
    Assign,
    Command,
    Decline,
    Escalate,
    Finish,
    Hold,
    Invite,
    Note,
    OpenRoom,
    Reprioritize,
    Resolve,
    Seal,
    Snooze,
    Unseal,
    Update,
)
from engine.core.errors import TocsinError
from engine.core.model import Duty, Priority
from engine.core.texts import clean
from engine.ports import Answer, Board, Declaration, Desk
from integrations.slack.home import incident_line, watch_line
from integrations.slack.replies import Replies, carried_out
from integrations.slack.seen import Seen
from integrations.slack.text import plain, stack

log = structlog.get_logger(__name__)

MENTION = re.compile(r"<@(U[A-Z0-9]+|W[A-Z0-9]+)(?:\|[^>]*)?>")
"""Slack writes a person so, where the command has `should_escape`."""
LISTING = 2_900


class Typed(BaseModel):
    """The parts of a slash command's form that matter: docs.slack.dev/interactivity/implementing-slash-commands"""

    user_id: Annotated[str, Field(min_length=1)]
    text: str = ""
    command: str = "/tocsin"
    trigger_id: str = ""
    response_url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verb:
    """How a subcommand that acts on an incident is written, and the command that its words make. Raises ValueError
    where they make none."""

    usage: str
    does: str
    make: Callable[[str], Command]


def _first(words: str) -> tuple[str, str]:
    head, _, rest = words.strip().partition(" ")
    return head, rest.strip()


def _priority(words: str) -> Command:
    priority, reason = _first(words)
    return Reprioritize(priority=Priority(priority.upper()), reason=reason)


def _hold(words: str) -> Command:
    span, reason = _first(words)
    return Hold.model_validate({"for": span, "reason": reason})


def _assign(words: str) -> Command:
    to, rest = _first(words)
    duty, reason = _first(rest)
    if duty.lower() in list(Duty):
        return Assign(to=to, duty=Duty(duty.lower()), reason=reason or None)
    return Assign(to=to, reason=rest or None)


def _invite(words: str) -> Command:
    who, reason = _first(words)
    return Invite(who=who, reason=reason or None)


VERBS: Mapping[str, Verb] = {
    "ack": Verb(usage="ack INC-42", does="I have it", make=lambda _: Acknowledge()),
    "pass": Verb(
        usage="pass INC-42 [why]", does="not me: the next person now", make=lambda words: Decline(reason=words or None)
    ),
    "escalate": Verb(
        usage="escalate INC-42 [why]", does="the next level now", make=lambda words: Escalate(reason=words or None)
    ),
    "hold": Verb(usage="hold INC-42 30m why", does="the levels above wait", make=_hold),
    "priority": Verb(usage="priority INC-42 P1 why", does="change the priority; the timers follow", make=_priority),
    "assign": Verb(
        usage="assign INC-42 @somebody [communications|scribe] [why]",
        does="hand over the command, or that duty",
        make=_assign,
    ),
    "update": Verb(
        usage="update INC-42 text", does="what those who wait may know", make=lambda words: Update(text=words)
    ),
    "snooze": Verb(
        usage="snooze INC-42 30m",
        does="the next reminder of an update later",
        make=lambda words: Snooze.model_validate({"for": words}),
    ),
    "room": Verb(usage="room INC-42", does="a channel of its own", make=lambda _: OpenRoom()),
    "seal": Verb(
        usage="seal INC-42 why", does="only those who work on it can see it", make=lambda words: Seal(reason=words)
    ),
    "unseal": Verb(
        usage="unseal INC-42 why", does="everybody can see it again", make=lambda words: Unseal(reason=words)
    ),
    "invite": Verb(usage="invite INC-42 @somebody [why]", does="let them into a sealed incident", make=_invite),
    "done": Verb(
        usage="done INC-42 2",
        does="the second action that was agreed is done",
        make=lambda words: Finish(action=int(words)),
    ),
    "note": Verb(usage="note INC-42 text", does="a line for the record", make=lambda words: Note(text=words)),
    "resolve": Verb(
        usage="resolve INC-42 how it was checked",
        does="service is restored",
        make=lambda words: Resolve(validation=words or None),
    ),
}
OTHERS: Mapping[str, str] = {
    "open [P1] [title]": "declare an incident; without a title a dialog asks",
    "list": "what is open",
    "report INC-42": "what the report says of it, in a few sentences",
    "oncall": "who is paged on which level",
    "help": "this",
}


class SlashCommands:
    def __init__(
        self, desk: Desk, replies: Replies, seen: Seen, declare: Callable[[str, str, str], Awaitable[None]]
    ) -> None:
        self._desk = desk
        self._replies = replies
        self._declare = declare
        self._seen = seen

    async def receive(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """The listener of the command."""
        await ack()
        try:
            typed = Typed.model_validate(body)
        except ValidationError as error:
            log.warning("slack.command_unreadable", faults=error.error_count())
            return
        if self._seen.first(typed.trigger_id):
            self._replies.later(self._carry_out(typed))

    async def _carry_out(self, typed: Typed) -> None:
        verb, words = _first(typed.text)
        if verb == "open" and not words:
            await self._declare(typed.user_id, typed.trigger_id, typed.response_url)
            return
        await self._replies.tell(typed.user_id, await self._answer(typed, verb.lower(), words), typed.response_url)

    async def _answer(self, typed: Typed, verb: str, words: str) -> str:
        person = ("slack", typed.user_id)
        try:
            if verb in ("list", "oncall"):
                return SHOWN[verb](await self._desk.board(person))
            if verb == "report" and words:
                return plain(await self._desk.summary(person, words), LISTING)
            if verb == "open":
                declared = self._desk.declare(person=person, declaration=_declaration(_bare(words)))
                return plain((await carried_out(declared, user=typed.user_id, command=verb)).sentence, LISTING)
            if verb in VERBS:
                return plain((await self._act(typed, verb, words)).sentence, LISTING)
        except TocsinError as error:
            return plain(str(error), LISTING)
        return usage(typed.command) if verb in ("", "help") else _unknown(typed.command, verb)

    async def _act(self, typed: Typed, verb: str, words: str) -> Answer:
        ref, rest = _first(words)
        mention = MENTION.search(rest)
        if verb in ("assign", "invite") and mention:
            rest = rest.replace(mention[0], await self._desk.contact(("slack", mention[1])), 1)
        try:
            command = VERBS[verb].make(_bare(rest))
        except ValueError:
            how = f"Nothing was changed. It is written: {typed.command} {VERBS[verb].usage}"
            return Answer(changed=False, code="usage", sentence=how)
        work = self._desk.act(person=("slack", typed.user_id), incident=ref, command=command, key=typed.trigger_id)
        return await carried_out(work, user=typed.user_id, command=verb, incident=ref)


def _bare(words: str) -> str:
    """As they were typed: Slack escapes the three characters that its own markup begins with."""
    return clean(html.unescape(words))


def _declaration(words: str) -> Declaration:
    head, rest = _first(words)
    if head.upper() in list(Priority) and rest:
        return Declaration(title=rest[:300], priority=Priority(head.upper()))
    return Declaration(title=words[:300])


def _listing(board: Board) -> str:
    lines = [incident_line(board, one) for one in board.incidents]
    return stack([*lines, *(["…and older ones"] if board.more else [])], LISTING) if lines else "Nothing is open."


def _on_call(board: Board) -> str:
    return "\n".join(watch_line(board, one) for one in board.watches)


SHOWN: Mapping[str, Callable[[Board], str]] = {"list": _listing, "oncall": _on_call}


def usage(command: str) -> str:
    own = [f"`{command} {verb.usage}` {verb.does}" for verb in VERBS.values()]
    return "\n".join([*own, *(f"`{command} {how}` {does}" for how, does in OTHERS.items())])


def _unknown(command: str, verb: str) -> str:
    return f"There is no `{plain(verb, 40)}`.\n{usage(command)}"
