"""The shape of `tocsin.yaml`: who is reached how, by which ladder, on which clock. Values; no defaults of people."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from engine.core.heartbeats import Heartbeat, pulse_of
from engine.core.matchers import MOST_MATCHERS, SHAPE_OF_NAME, InRoute, Matcher, Telling
from engine.core.model import AlertLevel, Priority, Role, Until
from engine.core.probes import Probe
from engine.core.reportpage import ReportPage
from engine.core.requests import Requests
from engine.core.shape import Address, Extensible, Model, Name, SecretRef, Threshold, Title
from engine.core.smtp import SmtpListener
from engine.core.spans import CalendarDay, ClockTime, Moment, Span, SpanAhead, Zone
from engine.core.weekly import Weekly

__all__ = ["Address", "Extensible", "Model", "Name", "SecretRef", "Threshold", "Title"]
"""Of `engine.core.shape`: whoever reads a configuration finds them here too."""


def _label_name(value: str) -> str:
    if not SHAPE_OF_NAME.fullmatch(value):
        raise ValueError(f"{value!r} is not the name of a label; write it like team or app.kubernetes.io/name")
    return value


LabelName = Annotated[
    str, AfterValidator(_label_name), Field(json_schema_extra={"pattern": f"^{SHAPE_OF_NAME.pattern}$"})
]


class Contact(Model):
    """A person."""

    name: Title
    """As shown to others."""
    reach: dict[Name, Address]
    """The person's address on each channel, by the channel's name. Their order is that of the last resort."""
    role: Role = Role.RESPONDER
    """What the person may do; each role includes the ones before it."""
    timezone: Zone = "UTC"
    """The person's own time zone, in which times are shown to them."""


class Level(Model):
    """A rung of the ladder."""

    number: Annotated[int, Field(ge=1, le=9)]
    """Higher numbers are paged later."""
    title: Title
    primary: Name
    """The contact who is paged when the level's time comes."""
    secondary: Name | None = None
    """The contact who is paged when the primary has not answered in time or can't be reached."""
    reached_by: Annotated[tuple[Name, ...], Field(min_length=1)]
    """The channels, in the order of use."""
    together: bool = True
    """Page on every channel at once; without it one after another."""


class Step(Model):
    """One level's place on a priority's clock."""

    level: Name
    after: Span = timedelta()
    """Counts from the opening of the incident, or from a raise of its priority."""
    respond_within: SpanAhead | None = None
    """When the level's own answer is due, counted from its page. The first step goes by the ladder's."""
    until: Until = Until.RESOLVED
    """What ends the level's claim to be paged. The first step always ends with the acknowledgement."""


class Hours(StrEnum):
    ALWAYS = "always"
    BUSINESS = "business"


class Ladder(Model):
    """What one priority carries."""

    respond_within: SpanAhead | Literal["next_business_day"]
    """The response target; `next_business_day` means the end of the next business day."""
    steps: tuple[Step, ...] = ()
    """Who is paged when, lowest level first."""
    hours: Hours = Hours.ALWAYS
    """`business` pages nobody at the opening: the queue is told in business hours."""
    lease: SpanAhead | None = None
    """How long an acknowledgement holds without a sign of life. Without it, for good."""
    update_every: SpanAhead | None = None
    """How often those who wait are to be told how it stands: the commander is reminded. Without it, never."""
    deliver_within: SpanAhead = timedelta(minutes=2)
    """A page not delivered by then goes to the next channel, then to the next person."""


class Clearing(StrEnum):
    """When all alerts have cleared: resolve by itself only while nobody has looked (detection), always, or never."""

    DETECTION = "detection"
    ALWAYS = "always"
    NEVER = "never"


class Policy(Model):
    """The four ladders, and what holds for all of them."""

    P0: Ladder
    P1: Ladder
    P2: Ladder
    P3: Ladder
    resolve_on_clear: Clearing = Clearing.DETECTION
    clear_after: Span = timedelta()
    """For how long nothing may fire again before an incident is resolved by its alerts. What fires meanwhile is part of
    it and pages nobody anew."""
    lease_answer_within: SpanAhead = timedelta(minutes=5)
    """When the question "still on it?" has to be answered; then level 1 is paged again."""
    review_within: SpanAhead = timedelta(days=5)
    """When the review of a P0 or P1 is due, counted from its resolution."""
    close_after: SpanAhead = timedelta(days=1)
    """P2 and P3 close by themselves after this quiet time in review."""

    def ladder(self, priority: Priority) -> Ladder:
        ladder: Ladder = getattr(self, priority.value)
        return ladder


class Service(Model):
    """What alerts are about."""

    title: Title
    policy: Name = "standard"
    playbook: Name | None = None
    """The service's own playbook, for incidents that no more telling rule gives one."""


class Integration(Extensible):
    """One configured sender. The other keys are settings of its source."""

    source: Name
    """The kind of sender."""
    key: SecretStr | SecretRef | None = None
    """The secret part of the sender's address. Without it the engine derives one from the installation's own secret."""
    service: Name | None = None
    """The service of alerts from this sender that no route claims and that name none themselves."""
    expect_every: SpanAhead | None = None
    """How often it sends something at least. When nothing that can be read has come for so long, that is an incident of
    its service. Without it nobody is waited for."""
    resolve_after: SpanAhead | None = None
    """When an alert of this sender that has not come again for so long counts as cleared, for a sender that never says
    when one is over. It has to be longer than the sender takes to repeat itself; a time in which no engine ran does not
    count. Without it only the sender ends one."""

    def expected(self, name: str) -> Heartbeat | None:
        """What is waited for, where its name is `name`."""
        if self.expect_every is None:
            return None
        return Heartbeat(every=self.expect_every, service=self.service, title=f"Requests of the integration {name}")


class Channel(Extensible):
    """One configured way to reach people. The other keys are settings of its kind."""

    kind: Name
    """The module that sends."""


class Enrichment(Model):
    """Labels that a table gives to alerts before they are routed and classified."""

    file: Path
    """CSV with the names of the columns on its first line, or YAML, a list of rows; its path counts from the folder of
    `tocsin.yaml`. What it holds becomes part of the revision, so a change of it is applied like any other."""
    by: Annotated[tuple[LabelName, ...], Field(min_length=1)]
    """The columns by which a row is found: those labels of the alert have to be the same."""
    sets: Annotated[tuple[LabelName, ...], Field(min_length=1, alias="set")]
    """The columns that become labels of the alert. A `service` is that of the alert, unless it names one itself."""
    override: bool = False
    """Also labels that the alert has itself."""
    rows: Annotated[SkipJsonSchema[dict[str, dict[str, str]]], Field(repr=False, default_factory=dict)]
    """What the file held when it was applied: by the values of `by`, written as in a CSV file, what to set."""

    @model_validator(mode="after")
    def _each_column_once(self) -> Self:
        names = (*self.by, *self.sets)
        if twice := [name for place, name in enumerate(names) if name in names[:place]]:
            raise ValueError(f"{twice[0]!r} is named twice; a column is either looked up by or set")
        return self


class Route(Model):
    """What becomes of the alerts that all of its matchers match. Without a matcher it takes every alert.

    Routes are tried from top to bottom, and the first that matches is the last, unless it says `continue`. Of what
    several give, the first stands: a route never overrides one above it, so the most particular come first, and one
    that takes everything, at the end, fills in what is still open.
    """

    name: Name
    match: tuple[InRoute, ...] = ()
    """Conditions on labels, and on `@integration`: the name of the integration that an alert came through."""
    service: Name | None = None
    """Comes before the service that the alert names itself."""
    policy: Name | None = None
    """In place of the service's own policy."""
    priority: Priority | None = None
    """Comes after an explicit `priority` label and before every rule of the classification."""
    playbook: Name | None = None
    """Comes before the rules under `playbooks` and before the service's own."""
    group_by: tuple[str, ...] = ()
    """Labels whose values make one problem; without it the sender's own grouping is used."""
    delay: SpanAhead | None = None
    """An alert opens an incident only once it has fired for so long. One that clears before pages nobody; one that
    belongs to an incident that is open joins it at once."""
    goes_on: Annotated[bool, Field(alias="continue")] = False
    """The routes below are tried as well, for what this one leaves open."""


class Window(Model):
    """Planned work: an alert that matches opens nothing and pages nobody meanwhile."""

    name: Name
    """Goes on record with what it mutes."""
    match: Telling
    """Over the alert's labels; `service` is the one that the alert is given to, `source` the integration's name."""
    recurrence: Weekly | None = None
    """Without it the window is one span, from `starts_at` to `ends_at`."""
    starts_at: Moment | None = None
    """Nothing is muted before."""
    ends_at: Moment | None = None
    """Nothing is muted from then on."""
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    """What is being done, for those who wonder."""

    @model_validator(mode="after")
    def _some_end(self) -> Self:
        if self.ends_at is None and self.recurrence is None:
            raise ValueError("it would mute for ever; give `recurrence`, or `ends_at`")
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValueError("it ends before it starts; give an `ends_at` that is later than `starts_at`")
        return self


class Inhibition(Model):
    """While an alert that matches `source_matchers` fires in an active incident, those that match `target_matchers` are
    muted, where all labels under `equal` are the same. `service` and `source` are read as in a window's matchers."""

    name: Name
    """Goes on record with what it mutes."""
    source_matchers: Telling
    """What explains the others, like a cluster that is down."""
    target_matchers: Annotated[tuple[Matcher, ...], Field(min_length=1, max_length=MOST_MATCHERS)]
    """What is explained, like anything else in that cluster."""
    equal: tuple[str, ...] = ()
    """Labels that both have to have alike. A label that is missing in both is alike."""


class Rule(Model):
    """A classification rule: it applies when every matcher matches and, where given, the level, any threshold and
    any of the words does."""

    name: Name
    match: tuple[Matcher, ...] = ()
    alert_level: AlertLevel | None = None
    thresholds: tuple[Threshold, ...] = ()
    words: tuple[str, ...] = ()
    """Phrases, looked for in the labels `category`, `type`, `impact` and `alertname`, the title and the summary: in any
    case, joined by blanks, `_`, `-` or humps, and not right after a "no"."""
    priority: Priority
    page: bool = True
    """Without it nobody is paged; the queue is told."""
    reason: str
    """Goes on record as why the incident has this priority."""


class LevelRule(Model):
    """What makes an alert this level, by label or by threshold, and the escalation time that the level carries."""

    severities: tuple[str, ...]
    """Values of the label `severity`."""
    thresholds: tuple[Threshold, ...] = ()
    respond_within: SpanAhead | None = None
    """The response is due by then even where the priority allows more."""


class ClassificationRules(Model):
    """Alert levels and the ordered rules. An explicit `priority` label (P0 to P3) wins over every rule."""

    levels: dict[AlertLevel, LevelRule]
    rules: tuple[Rule, ...]
    """The first rule that applies wins."""
    otherwise: Priority = Priority.P2
    """The priority of what no rule knows."""


class BusinessHours(Model):
    """When the operations queue is manned. An `end` at or before `start` is on the next day (a night shift; 24 hours
    where both are the same) and belongs to the day it began on."""

    timezone: Zone = "UTC"
    days: Annotated[tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...], Field(min_length=1)] = (
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
    )
    start: ClockTime = time(9)
    end: ClockTime = time(17)
    holidays: tuple[CalendarDay, ...] = ()


class PlaybookRule(Model):
    """Which playbook an incident gets; the first that matches wins."""

    playbook: Name
    priority: Priority | None = None
    match: tuple[Matcher, ...] = ()
    words: tuple[str, ...] = ()
    """As in the rules of the classification."""


class Playbooks(Model):
    """Where playbooks are, and when each is used."""

    folders: tuple[Path, ...] = ()
    """Folders of your own, beside those that come with Tocsin."""
    attach: tuple[PlaybookRule, ...] = ()


class Flapping(Model):
    """A problem that comes and goes is one incident: once it has begun to fire `times` times `within` this time, it is
    left open until nothing has fired for as long as `quiet`."""

    times: Annotated[int, Field(ge=2, le=100)] = 5
    within: SpanAhead = timedelta(hours=1)
    quiet: SpanAhead = timedelta(minutes=15)


class Queue(Model):
    """An address for nobody in particular."""

    channel: Name
    address: Address


class Canary(Model):
    """A page on a schedule, through all that a real one goes through, to an address that nobody is woken by."""

    every: SpanAhead
    service: Name
    """Its policy's ladder for P2 says who is paged: give it one of its own, whose level is an address for tests."""
    within: SpanAhead = timedelta(minutes=1)
    """When its receipt has to be there; without one operations get an incident."""

    @model_validator(mode="after")
    def _one_at_a_time(self) -> Self:
        if self.within >= self.every:
            raise ValueError("`within` has to be shorter than `every`, or two canaries would be on their way at once")
        return self


class Room(Model):
    """A channel of its own for an incident: who is paged and who commands are invited, messages that somebody marks
    there go onto the timeline, and it is archived when the incident is over."""

    channel: Name
    """The channel (of a kind that has rooms) in which it is made."""
    priorities: tuple[Priority, ...] = ()
    """Incidents of these get one as they open; for all others somebody presses the button."""


class SealRule(Model):
    """An incident with such an alert is sealed: no card, no team channel, a private war room, and only those who are
    paged or invited can see it or act on it. All that is given has to apply."""

    services: tuple[Name, ...] = ()
    match: tuple[Matcher, ...] = ()
    words: tuple[str, ...] = ()
    """As in the rules of the classification."""

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if not (self.services or self.match or self.words):
            raise ValueError("it would seal everything; say which by `services`, `match` or `words`")
        return self


class Bundling(Model):
    """What keeps a storm of incidents from becoming as many messages to one person, on each channel by itself."""

    burst: Annotated[int, Field(ge=1)] = 5
    """So many messages go out one by one; what waits after that goes in one message with the count and the list."""
    within: SpanAhead = timedelta(minutes=1)
    """The time in which the burst is counted."""
    urgent_every: SpanAhead = timedelta(seconds=2)
    """With a P0 waiting, one message goes out this often at most, and takes along whatever else waits."""
    every: SpanAhead = timedelta(seconds=30)
    """The same without a P0."""


class Config(Model):
    """The whole of `tocsin.yaml`: who is reached how, by which ladder, on which clock."""

    contacts: dict[Name, Contact]
    levels: dict[Name, Level]
    policies: dict[Name, Policy]
    services: dict[Name, Service] = Field(default={})
    integrations: dict[Name, Integration] = Field(default={})
    channels: dict[Name, Channel]
    cards: tuple[Queue, ...] = ()
    """Team channels that get one card per incident."""
    queue: tuple[Queue, ...] = ()
    """The standard operations queue, for what waits for business hours or wakes nobody."""
    room: Room | None = None
    """Without it there are no war rooms."""
    sealing: tuple[SealRule, ...] = ()
    """Which incidents are nobody's business but those who work on them; any can be sealed by hand."""
    bundling: Bundling = Bundling()
    flapping: Flapping | None = None
    """Without it each time that a problem comes back is an incident of its own, as the standard has it."""
    enrichment: Annotated[tuple[Enrichment, ...], Field(max_length=10)] = ()
    """Tables are looked up in this order; one may go by what another gave."""
    routes: tuple[Route, ...] = ()
    maintenance: tuple[Window, ...] = ()
    """Planned work, during which alerts are muted."""
    inhibitions: tuple[Inhibition, ...] = ()
    """Which alerts mute which others while they fire."""
    classification: ClassificationRules
    business_hours: BusinessHours = BusinessHours()
    canary: Canary | None = None
    """Without it the path of a page is tried by real pages alone."""
    playbooks: Playbooks = Playbooks()
    heartbeats: dict[Name, Heartbeat] = Field(default={})
    """Who has to be heard from, and how often."""
    probes: dict[Name, Probe] = Field(default={})
    """What the engine itself looks at, and how often."""
    report_page: ReportPage | None = None
    """Without it people report by the API, the command line and Slack alone."""
    smtp_listener: SmtpListener | None = None
    """Without it mail comes by way of a mail server that calls the webhook."""
    requests: Requests = Requests()
    """How much is kept of what senders have sent."""
    default_policy: Name = "standard"
    """The policy of services that are not listed."""
    default_service: Name = "default"
    """The service of alerts that no route claims and whose sender names none."""

    @property
    def pulses(self) -> dict[str, Heartbeat]:
        """All who have to be heard from: heartbeats, and integrations that say how often they send."""
        expected = {pulse_of(name): own.expected(name) for name, own in self.integrations.items()}
        return {**self.heartbeats, **{name: rule for name, rule in expected.items() if rule is not None}}

    def policy_of(self, service: str) -> str:
        """The policy that a service uses; an unknown service uses the default policy."""
        known = self.services.get(service)
        return known.policy if known else self.default_policy


class Revision(BaseModel):
    """An applied configuration. Revisions are never changed; an incident keeps the one it was opened under."""

    model_config = ConfigDict(frozen=True)

    id: int
    applied_at: datetime
    applied_by: str
    digest: str
    config: Config
