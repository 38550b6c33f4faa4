"""What people and programs may ask of an incident. Each command says what it needs; the lifecycle says what it does."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from engine.core.model import Duty, Priority
from engine.core.policy import Name
from engine.core.spans import Moment, Span, SpanAhead

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000)]


def check_day(day: str) -> str:
    date.fromisoformat(day)
    return day


class Base(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ActionItemIn(Base):
    """An improvement: what, who, until when (a date, as 2026-12-31)."""

    what: Text
    owner: Name | None = None
    due_on: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(check_day)] | None = None


class Overridable(Base):
    """A guard may be overridden by a manager, with a reason that goes on record."""

    override: bool = False
    reason: Text | None = None


class Acknowledge(Base):
    """I have it. Stops level 1; taken as a lease."""

    name: Literal["acknowledge"] = "acknowledge"


class Advance(Overridable):
    """To the next phase. To diagnosis: priority confirmed and impact; to resolution: cause or mitigation."""

    name: Literal["advance"] = "advance"
    impact: Text | None = None
    priority_confirmed: bool = False
    cause: Text | None = None
    mitigation: Text | None = None


class Resolve(Overridable):
    """Service is restored. `restored_at` defaults to now."""

    name: Literal["resolve"] = "resolve"
    validation: Text | None = None
    restored_at: Moment | None = None


class Reopen(Base):
    """It is not over. Timers start anew, old buttons are stale."""

    name: Literal["reopen"] = "reopen"
    reason: Text


class Document(Base):
    """Writes down what is known, in any open state: impact, cause, lessons, actions. Each action adds to those on
    record; one that is named again is completed by what is said last."""

    name: Literal["document"] = "document"
    impact: Text | None = None
    cause: Text | None = None
    mitigation: Text | None = None
    lessons: Text | None = None
    actions: tuple[ActionItemIn, ...] = ()


class Finish(Base):
    """An agreed action is done: the `action`-th of the incident, counted from 1. In any state, for most are done long
    after the close."""

    name: Literal["finish"] = "finish"
    action: Annotated[int, Field(ge=1, le=10_000)]
    note: Text | None = None


class Close(Overridable):
    """The review is done. P0 and P1 need cause, lessons, and every action with owner and date."""

    name: Literal["close"] = "close"
    cause: Text | None = None
    lessons: Text | None = None
    actions: tuple[ActionItemIn, ...] = ()


class Cancel(Base):
    """There is no incident."""

    name: Literal["cancel"] = "cancel"
    code: Literal["false_alarm", "test", "duplicate"]
    reason: Text


class Merge(Base):
    """It is the same problem as `into`. Alerts and people move; old keys keep working."""

    name: Literal["merge"] = "merge"
    into: str
    reason: Text | None = None


class Decline(Base):
    """Not me, pass it on: the level's other person is paged now, else the next level."""

    name: Literal["decline"] = "decline"
    reason: Text | None = None


class Reprioritize(Base):
    """A person's judgement over the rules'. A raise counts from now and makes nothing later."""

    name: Literal["reprioritize"] = "reprioritize"
    priority: Priority
    reason: Text


class Assign(Base):
    """Hands the command, or another duty, to a contact."""

    name: Literal["assign"] = "assign"
    to: Name
    duty: Duty = Duty.COMMANDER
    reason: Text | None = None


class Hold(Base):
    """Holds the management levels for a stated time. Level 1 is not held."""

    name: Literal["hold"] = "hold"
    span: Annotated[Span, Field(alias="for")]
    reason: Text

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Escalate(Base):
    """Pages the next level now. `seen_level`: the level the presser saw; pressing twice pages once."""

    name: Literal["escalate"] = "escalate"
    level: Annotated[int, Field(ge=1, le=9)] | None = None
    seen_level: int | None = None
    reason: Text | None = None


class Update(Base):
    """What those who wait may know by now. It stands on the card until the next one."""

    name: Literal["update"] = "update"
    text: Text


class Snooze(Base):
    """Not yet: the next reminder of a status update comes after this time."""

    name: Literal["snooze"] = "snooze"
    span: Annotated[SpanAhead, Field(alias="for")]

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class OpenRoom(Base):
    """A channel of its own for the incident, with whoever is paged and whoever commands."""

    name: Literal["open_room"] = "open_room"


class Seal(Base):
    """From now on only those who were paged, have a part in it or are invited can see it or act on it."""

    name: Literal["seal"] = "seal"
    reason: Text


class Unseal(Base):
    """Everybody may see it again. Needs a manager."""

    name: Literal["unseal"] = "unseal"
    reason: Text


class Invite(Base):
    """Lets somebody into a sealed incident."""

    name: Literal["invite"] = "invite"
    who: Name
    reason: Text | None = None


class Note(Base):
    """A line for the record."""

    name: Literal["note"] = "note"
    text: Text
    happened_at: Moment | None = None
    source: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    """Where it was said, like slack:C012AB3CDE4/1795172538.000100."""


class Tick(Base):
    """A playbook step is done (or, with `done: false`, is not)."""

    name: Literal["tick"] = "tick"
    step: Name
    done: bool = True
    note: Text | None = None


Command = Annotated[
    Acknowledge
    | Advance
    | Resolve
    | Reopen
    | Document
    | Finish
    | Close
    | Cancel
    | Merge
    | Decline
    | Reprioritize
    | Assign
    | Hold
    | Escalate
    | Update
    | Snooze
    | OpenRoom
    | Seal
    | Unseal
    | Invite
    | Note
    | Tick,
    Field(discriminator="name"),
]
