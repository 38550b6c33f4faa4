"""The dialogs: what each asks, and the command that its answers make. Pure.

Limits: docs.slack.dev/reference/views. Errors go to the field that they are about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from slack_sdk.models.blocks import (
    Block,
    InputBlock,
    Option,
    PlainTextInputElement,
    PlainTextObject,
    SectionBlock,
    StaticSelectElement,
)
from slack_sdk.models.views import View

from engine.core.commands import Advance, Command, Hold, Update
from engine.core.model import Priority, State
from engine.ports import Declaration
from integrations.slack.buttons import ButtonValue
from integrations.slack.text import plain

VALUE = "tocsin_value"
"""The action id of every field; the block id says which field it is."""
RULES = "rules"
"""The choice of no priority of one's own."""
LONGEST = 3_000
SPANS = {"15m": "15 minutes", "30m": "30 minutes", "1h": "1 hour", "2h": "2 hours", "4h": "4 hours", "8h": "8 hours"}
PRIORITIES = {
    RULES: "Let the rules decide",
    Priority.P0.value: "P0 critical: page at once",
    Priority.P1.value: "P1 high",
    Priority.P2.value: "P2 medium",
    Priority.P3.value: "P3 low: page nobody at night",
}
SERVICES = 100


class Modal(StrEnum):
    """Every callback_id. Dialogs stay open across a release: an id is never renamed, nor given another meaning."""

    HOLD = "tocsin_hold"
    ADVANCE = "tocsin_advance"
    UPDATE = "tocsin_update"
    DECLARE = "tocsin_declare"


class Meta(BaseModel):
    """What a dialog carries from the press that opened it. `response_url` is where its presser is answered."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    button: ButtonValue | None = None
    response_url: Annotated[str, Field(max_length=500)] = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Faults:
    """What is wrong with the answers, by field."""

    by_field: Mapping[str, str]


Answers = Mapping[str, str | None]
"""What was entered, by field; None where nothing was."""


def hold_modal(button: ButtonValue, response_url: str) -> View:
    told = f"The levels above wait for this long. Level 1 is paged all the same while nobody has {button.incident}."
    blocks = [
        SectionBlock(text=_text(told)),
        _choice("for", "For how long", SPANS, "30m"),
        _line("reason", "Why", "The rollback needs half an hour"),
    ]
    return _view(Modal.HOLD, "Hold escalation", "Hold", blocks, Meta(button=button, response_url=response_url))


def advance_modal(button: ButtonValue, response_url: str) -> View:
    """Asks what the guard of the phase asks; what is on record already may stay empty."""
    meta = Meta(button=button, response_url=response_url)
    if button.phase == State.DIAGNOSIS:
        told = "Say one of them, unless it is on record already."
        fields = [
            _line("cause", "Cause: why it happened", "A bad deployment", needed=False, many=True),
            _line("mitigation", "Mitigation: what keeps the damage down", "Rolled back", needed=False, many=True),
        ]
        return _view(Modal.ADVANCE, "To resolution", "Go on", [SectionBlock(text=_text(told)), *fields], meta)
    told = "By going on you confirm the priority. Where it is not right, change it first: /tocsin priority"
    impact = _line("impact", "Impact: what users notice", "Nobody can pay", needed=False, many=True)
    return _view(Modal.ADVANCE, "To diagnosis", "Go on", [SectionBlock(text=_text(told)), impact], meta)


def update_modal(button: ButtonValue, response_url: str) -> View:
    """With what was said last, for most of it is still so."""
    example = "Half of the payments go through again; the rest within the hour"
    text = _line("text", "What those who wait may know", example, many=True, given=button.status or "")
    meta = Meta(button=button.model_copy(update={"status": None}), response_url=response_url)
    return _view(Modal.UPDATE, "Status update", "Say it", [text], meta)


def declare_modal(services: Mapping[str, str], response_url: str = "", title: str = "") -> View:
    """A title is enough."""
    blocks: list[Block] = [
        _line("title", "What is wrong", "Checkout is down", given=title),
        _choice("priority", "Priority", PRIORITIES, RULES),
    ]
    known = dict(sorted(services.items(), key=lambda entry: entry[1])[:SERVICES])
    if known:
        blocks.append(_choice("service", "Service", known, None))
    blocks.append(_line("summary", "What is known so far", "Since the release at 14:00", needed=False, many=True))
    return _view(Modal.DECLARE, "Declare an incident", "Declare", blocks, Meta(response_url=response_url))


def read_hold(answers: Answers, meta: Meta) -> Command | Faults:
    del meta
    return _made(Hold, {"for": answers.get("for"), "reason": answers.get("reason")})


def read_advance(answers: Answers, meta: Meta) -> Command | Faults:
    confirmed = meta.button is not None and meta.button.phase != State.DIAGNOSIS
    return _made(Advance, {**answers, "priority_confirmed": confirmed})


def read_update(answers: Answers, meta: Meta) -> Command | Faults:
    del meta
    return _made(Update, answers)


def read_declaration(answers: Answers) -> Declaration | Faults:
    title, priority = (answers.get("title") or "").strip(), answers.get("priority")
    if not title:
        return Faults(by_field={"title": "Say in a line what is wrong."})
    return Declaration(
        title=title,
        summary=answers.get("summary") or "",
        service=answers.get("service"),
        priority=Priority(priority) if priority in list(Priority) else None,
    )


READERS: Mapping[str, Callable[[Answers, Meta], Command | Faults]] = {
    Modal.HOLD: read_hold,
    Modal.ADVANCE: read_advance,
    Modal.UPDATE: read_update,
}
"""The dialogs that act on an incident; the other one declares a new one."""

FIELD_OF = {Modal.HOLD: "reason", Modal.ADVANCE: "impact", Modal.UPDATE: "text", Modal.DECLARE: "title"}


def field_of(callback: str, meta: Meta) -> str:
    """The field under which a refusal is shown: one that the dialog has."""
    if callback == Modal.ADVANCE and meta.button is not None and meta.button.phase == State.DIAGNOSIS:
        return "cause"
    return FIELD_OF[Modal(callback)]


def _made(command: type[Hold] | type[Advance] | type[Update], given: Mapping[str, Any]) -> Command | Faults:
    try:
        return command.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        return Faults(by_field={str(fault["loc"][0]): _complaint(fault["type"], fault["msg"]) for fault in faults})


def _complaint(kind: str, said: str) -> str:
    return "Please fill this in." if kind in ("missing", "string_too_short") else plain(said, 150)


def _view(callback: Modal, title: str, submit: str, blocks: Sequence[Block], meta: Meta) -> View:
    return View(
        type="modal",
        callback_id=callback.value,
        title=_text(title),
        submit=_text(submit),
        close=_text("Not now"),
        blocks=blocks,
        private_metadata=meta.model_dump_json(exclude_none=True),
    )


def _line(
    name: str, label: str, example: str, *, needed: bool = True, many: bool = False, given: str = ""
) -> InputBlock:
    element = PlainTextInputElement(
        action_id=VALUE,
        placeholder=_text(example),
        multiline=many,
        initial_value=given[:LONGEST] or None,
        max_length=LONGEST if many else 300,
    )
    return InputBlock(block_id=name, label=_text(label), element=element, optional=not needed)


def _choice(name: str, label: str, options: Mapping[str, str], first: str | None) -> InputBlock:
    known = [Option(value=value, text=_text(text[:75])) for value, text in options.items()]
    chosen = next((option for option in known if option.value == first), None)
    element = StaticSelectElement(action_id=VALUE, placeholder=_text("Choose"), options=known, initial_option=chosen)
    return InputBlock(block_id=name, label=_text(label), element=element, optional=first is None)


def _text(text: str) -> PlainTextObject:
    return PlainTextObject(text=text, emoji=False)
