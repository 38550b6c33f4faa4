"""The JSON of a webhook, version 1. Fields are only ever added; another meaning is another version.

Times are RFC 3339 in UTC. What is absent is null, an empty list or an empty string; no field is ever left out.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from engine.core.model import AlertStatus, MessageKind, Priority, Seat, State, Until
from integrations.channels.foreign import clean, one_line, web_address

Text = Annotated[str, AfterValidator(clean)]
Words = Annotated[str, AfterValidator(one_line)]
Url = Annotated[str | None, AfterValidator(lambda url: web_address(url) if url else None)]


class Part(BaseModel):
    """Each part takes what it shows from the value of the same name in engine.core.model or engine.ports."""

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class Reader(Part):
    """Who is to be reached. `address` is theirs on this channel, like a phone number; null where that is the URL."""

    contact: str | None
    name: Words
    address: Words | None
    time_zone: str


class MessagePart(Part):
    """Why this person. `page` is the same on all channels that one page goes out on."""

    channel: str
    reason: Text
    page: str | None
    level: int
    level_title: Words
    seat: Seat | None
    until: Until
    respond_by: datetime | None


class ClassificationPart(Part):
    priority: Priority
    rule: Words
    reason: Text


class IncidentPart(Part):
    """`acknowledged_by` and `commander` are ids of contacts."""

    ref: str
    generation: int
    title: Words
    summary: Text
    priority: Priority
    classification: ClassificationPart
    state: State
    service: Words
    source: Words
    level: int
    opened_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: Words | None
    commander: Words | None
    resolved_at: datetime | None
    impact: Text | None


class LinkPart(Part):
    title: Words
    url: Url


class AlertPart(Part):
    status: AlertStatus
    title: Words
    summary: Text
    service: Words | None
    starts_at: datetime | None
    links: tuple[LinkPart, ...]


class AlertsPart(Part):
    """`shown` holds the worst of `count`."""

    count: int
    shown: tuple[AlertPart, ...]


class RungPart(Part):
    level: int
    title: Words
    who: Words
    due_at: datetime | None
    state: Words
    reason: Text


class TriedPart(Part):
    who: Words
    channel: Words
    at: datetime
    outcome: Words
    detail: Words


class MentionPart(Part):
    """One of several deliveries that this one stands for; `id` is its own."""

    id: str
    kind: MessageKind
    ref: str
    priority: Priority
    title: Words
    service: Words
    page: str | None
    respond_by: datetime | None
    late_by_seconds: float | None


class BundlePart(Part):
    """In a storm one delivery stands for several, itself among them: `shown` holds the most urgent of `count`."""

    count: int
    shown: tuple[MentionPart, ...]


class Body(Part):
    """`id` is the same for every try of one delivery: a receiver that has seen it answers 2xx and does nothing more.
    A `kind` of page or question is to wake the reader; the others are not.

    `headline` is one line for a display; `text` a few sentences to show or read out, times in the reader's zone;
    `expected` what the reader is asked to do; `next_step` what happens if nobody does anything.
    """

    version: Literal[1] = 1
    id: str
    kind: MessageKind
    sent_at: datetime
    headline: Words
    text: Text
    expected: Text
    next_step: Text
    repeated: bool
    late_by_seconds: float | None
    url: Url
    to: Reader
    message: MessagePart
    incident: IncidentPart
    alerts: AlertsPart
    ladder: tuple[RungPart, ...]
    tried: tuple[TriedPart, ...]
    bundle: BundlePart
