"""What the outside implements: sources, channels, actions, probes, the clock. And what the Slack app may ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel

from engine.core.commands import Acknowledge, Command, Note
from engine.core.model import Alert, Incident, Message, OwnAction, PlaybookStep, Priority
from engine.core.probing import Finding


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware UTC."""

    def wait_for(self, span: timedelta) -> float:
        """Real seconds that pass while `span` passes on this clock; 0 for a span that is over."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A webhook as it came in. Header names are lower case; `body` is raw, for signatures. `documents` holds by its
    address what a Referring source has asked for."""

    headers: Mapping[str, str]
    body: bytes
    documents: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One alert of a body that could not be read: its JSON path and what would be right."""

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What a sender asks of the incident in which its alert of this fingerprint fires: to be acknowledged, or noted on.
    `by` is whom it names as the one who asks: a contact's id, name or address, or somebody unknown here."""

    fingerprint: str
    command: Acknowledge | Note
    by: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """Something that was done to a service and is no problem by itself, like a deployment. Its service is found as an
    alert's is: by a route that its labels match, else `service`, else the integration's."""

    text: str
    labels: Mapping[str, str] = field(default_factory=dict)
    service: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Parsed:
    """What a body holds. One alert that can't be read never costs the others: it is a fault beside them. `note` says
    why a body that is in order holds no alert: it is the vendor's ping, or tells of something that is no problem.
    `confirm` is an address of the vendor's own that has to be called before the body may be answered with a 2xx."""

    alerts: tuple[Alert, ...]
    faults: tuple[Fault, ...] = ()
    note: str = ""
    wishes: tuple[Wish, ...] = ()
    changes: tuple[Change, ...] = ()
    confirm: str = ""


class Source(Protocol):
    """A kind of sender. One module each, in `integrations/sources`; beside it the page that tells how to connect it.

    `example` is one critical problem as the vendor sends it, `example_resolved` the end of the same one, and
    `example_headers` are what both come with, where that matters (lower case, no proof of identity).
    """

    name: str
    title: str
    settings: type[BaseModel]
    example: bytes
    example_resolved: bytes
    example_headers: Mapping[str, str]

    def verify(self, settings: Any, request: Request, now: datetime) -> None:
        """Checks the vendor's own signature, where it signs; raises Unauthorized."""

    def parse(self, settings: Any, request: Request, now: datetime) -> Parsed:
        """At least one alert, or the note that says why there is none; raises Unreadable with the JSON path of the
        first fault where there should be one.

        Unknown keys are ignored.
        """


@runtime_checkable
class Referring(Protocol):
    """A source whose bodies name a document of the vendor's that `verify` can't do without, like a certificate. It is
    in `request.documents` when `verify` is called. Such a body proves itself: without a secret of ours as well."""

    def document(self, settings: Any, request: Request) -> str:
        """The document's address, always the vendor's own: raises Unauthorized where the body names another, and
        Unreadable where it names none."""


class Fetch(Protocol):
    async def __call__(self, url: str) -> bytes:
        """What is at a vendor's https address, bounded in size and time, no redirect followed. Raises Unreachable, in
        which the address is no more than its host."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """One line of the ladder as a reader sees it: who is next, and when."""

    level: int
    title: str
    who: str
    due_at: datetime | None
    state: str  # "paged", "due", "held", "not needed"
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """One attempt to reach someone and what came of it."""

    who: str
    channel: str
    at: datetime
    outcome: str  # "sent", "failed", "waiting"
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mention:
    """One of the messages that go out as one. `id` is our own name of this delivery."""

    id: str
    incident: Incident
    message: Message
    late_by: timedelta | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """A file, and what it says in a few sentences."""

    name: str
    content: bytes
    summary: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """All that a channel needs to render one message, gathered right before sending.

    `id` is our own name of this delivery, to be put into the provider's metadata. `veiled`: the incident is sealed and
    the message goes where anybody may read it, so nothing else here tells of it. `repeated`: an earlier try may have
    arrived, and the text says so. `zone` is the reader's time zone. `receipt` is that of the message to be updated,
    for an update. `headline` is made for a lock screen. `under` is the receipt of the card that a line or a report
    belongs under; `attachment` makes the report, which takes a while and may raise ReportError. `room` is the
    provider's name of the incident's own channel, `room_possible` says that one may be asked for, and `invited` are
    the addresses of those who belong into it. `bundle`: all that this message stands for in a storm, the most urgent
    first, which is also the one that the other fields tell of, but for `late_by`, which is that of the one that has
    waited longest; empty for a message that stands for itself.
    """

    id: str
    message: Message
    incident: Incident
    headline: str
    now: datetime
    zone: str = "UTC"
    recipient: str = ""
    repeated: bool = False
    late_by: timedelta | None = None
    people: Mapping[str, str] = field(default_factory=dict)
    ladder: tuple[Rung, ...] = ()
    tried: tuple[Tried, ...] = ()
    alerts: tuple[Alert, ...] = ()
    alert_count: int = 0
    steps: tuple[PlaybookStep, ...] = ()
    under: Receipt | None = None
    attachment: Callable[[], Attachment] | None = None
    room: str = ""
    room_possible: bool = False
    invited: tuple[str, ...] = ()
    next_step: str = ""
    base_url: str = ""
    receipt: Receipt | None = None
    veiled: bool = False
    bundle: tuple[Mention, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """The provider's proof: `reference` identifies the message there; `data` is what an update needs."""

    reference: str
    data: Mapping[str, str] = field(default_factory=dict)


class Channel(Protocol):
    """A configured way to reach a person. One module each, in `integrations/channels`. Rendering is a pure function."""

    name: str  # the configured name, like "slack" or "phone"
    kind: str
    updatable: bool  # an earlier message can be brought up to date in place

    def configured(self) -> str | None:
        """None when it can send; else the sentence that says what is missing."""

    async def send(self, envelope: Envelope) -> Receipt:
        """Delivers once, within a timeout of its own, or updates in place when `envelope.receipt` is set.

        Raises DeliveryError.
        """

    async def close(self) -> None:
        """Ends connections; the channel is not used afterwards."""


@runtime_checkable
class Traceable(Protocol):
    """A channel whose provider can be asked what became of a message. Those that can't be are none."""

    async def find(self, envelope: Envelope) -> Receipt | None:
        """The receipt of the message that went out under `envelope.id`, if it is there. Raises DeliveryError where the
        provider does not say."""


class Action(Protocol):
    """A kind of playbook step. One module each, in `integrations/actions`."""

    name: str
    params: type[BaseModel]

    async def run(self, params: Any, incident: Incident) -> Mapping[str, str]:
        """Runs the step; what it returns goes on the record."""


class Probe(Protocol):
    """A kind of look at something. One module each, in `integrations/probes`."""

    name: str
    title: str
    settings: type[BaseModel]

    async def run(self, settings: Any, now: datetime) -> Finding:
        """Looks once. What is wrong with what is looked at is in the finding, never raised; its texts hold no secret.
        Whoever calls it cuts it off when its time is over. `now` is what dates are held against."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came of a request. `changed` is False where it was refused or already so; the sentence is for the person."""

    changed: bool
    code: str
    sentence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Declaration:
    """What a person reports. Without a priority the classification rules decide, without a service the routes."""

    title: str
    summary: str = ""
    service: str | None = None
    priority: Priority | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """A level, and the contacts in its two seats."""

    level: int
    title: str
    primary: str
    secondary: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """What one person, `me`, sees of the whole: the open incidents, newest first (`more`: there are others), what was
    agreed in reviews and is overdue with that person, and who is paged on which level. `services` and `people` hold the
    names behind the ids."""

    me: str
    zone: str
    now: datetime
    incidents: tuple[Incident, ...]
    more: bool
    overdue: tuple[OwnAction, ...]
    watches: tuple[Watch, ...]
    services: Mapping[str, str]
    people: Mapping[str, str]


class Desk(Protocol):
    """Where what people do in a channel becomes a command. `person` is (channel kind, address there), like
    ("slack", "U123")."""

    async def act(
        self, *, person: tuple[str, str], incident: str, command: Command, generation: int | None = None, key: str = ""
    ) -> Answer:
        """Refusals are answered, never raised. A request that comes again under its `key` is answered as before."""

    async def declare(self, *, person: tuple[str, str], declaration: Declaration) -> Answer:
        """Refusals are answered, never raised."""

    async def board(self, person: tuple[str, str]) -> Board:
        """Raises NotFound for a stranger, Overloaded."""

    async def amended(self, *, incident: str, source: str, text: str, key: str) -> bool:
        """What was noted from `source` was changed there: the record stays, and gets this line. False where nothing was
        noted from it. Raises NotFound, Overloaded."""

    async def summary(self, person: tuple[str, str], incident: str) -> str:
        """What the report says of it in a few sentences. Raises NotFound, Overloaded."""

    async def contact(self, person: tuple[str, str]) -> str:
        """The contact's id. Raises NotFound for a stranger, Overloaded."""


class Verdict(StrEnum):
    GOOD = "ok"
    WRONG = "wrong"
    OPEN = "not known"


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """One thing that a vendor was asked about; `detail` says what is wrong and what would be right."""

    what: str
    verdict: Verdict
    detail: str
