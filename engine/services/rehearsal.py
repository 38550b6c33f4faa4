"""Rehearsal: the real services on a clock that is moved say who would be paged when. Nothing is sent anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.clock import VirtualClock
from engine.core.commands import Acknowledge, Command, Resolve
from engine.core.errors import NotFound
from engine.core.model import (
    ENGINE,
    Actor,
    ActorKind,
    Alert,
    Incident,
    MessageKind,
    RecordedEvent,
    Timer,
    TimerState,
)
from engine.core.playbook import Playbook
from engine.core.policy import Config
from engine.core.timeline import Kind
from engine.db.database import connect
from engine.db.migrate import upgrade
from engine.ports import Channel, Envelope, Receipt
from engine.services import configs, reading
from engine.services.context import Context, Revisions, Signals
from engine.services.delivery import Sender
from engine.services.desk import CommandDesk
from engine.services.intake import Intake
from engine.services.ticking import Ticker

REHEARSAL = "rehearsal"
SENDER = Actor(kind=ActorKind.SOURCE, id=REHEARSAL)
TURNS = frozenset(
    {
        Kind.CLASSIFIED,
        Kind.LEVEL_UNREACHABLE,
        Kind.SUPERSEDED,
        Kind.RESPONSE_BREACHED,
        Kind.ACKNOWLEDGED,
        Kind.UNACKNOWLEDGED,
        Kind.LEASE_RENEWED,
        Kind.RESOLVED,
        Kind.REVIEW_OVERDUE,
        Kind.CLOSED,
        Kind.POISONED,
    }
)
"""The lines of the timeline that explain who is told what next."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """What happens: alerts that come in together at a time, and what people do about it, counted from then.

    `sender` is the integration that they come through, `fallback` its service. `acknowledge_by`: a contact; without one
    it is whoever was paged first. `answers`: whether that person says "still on it" when asked. `unreachable`: channels
    that can't send, with the sentence that says why.
    """

    alerts: Sequence[Alert]
    at: datetime
    lasts: timedelta
    sender: Actor = SENDER
    fallback: str | None = None
    acknowledge_after: timedelta | None = None
    acknowledge_by: str | None = None
    answers: bool = True
    resolve_after: timedelta | None = None
    unreachable: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One message to somebody, on all the channels that it took, or one turn of the incident.

    `what` is a kind of message (`page`, `question`, `notice`, `card`) or of the timeline. `contact` is None for a turn
    and for an address that belongs to nobody in particular.
    """

    after: timedelta
    at: datetime
    what: str
    reason: str
    level: int = 0
    level_title: str = ""
    seat: str = ""
    contact: str | None = None
    who: str = ""
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Rehearsed:
    """What came of the first incident. `ahead`: what would still have fallen due after the end. `elsewhere`: how many
    of the alerts are none of its own."""

    incident: Incident
    lines: tuple[Line, ...]
    ahead: tuple[Timer, ...]
    elsewhere: int = 0

    def first_page(self, contact: str) -> timedelta | None:
        """How long after the alert this person was first paged; None where they never were."""
        found = (line.after for line in self.lines if line.contact == contact and line.what == MessageKind.PAGE.value)
        return min(found, default=None)


class RecordingChannel:
    """Keeps what it is given to send."""

    updatable = False

    def __init__(self, name: str, kind: str, lack: str | None, sent: list[Envelope]) -> None:
        self.name = name
        self.kind = kind
        self._lack = lack
        self._sent = sent

    def configured(self) -> str | None:
        return self._lack

    async def send(self, envelope: Envelope) -> Receipt:
        self._sent.append(envelope)
        return Receipt(reference=envelope.id)

    async def close(self) -> None:
        """Nothing is held open."""


async def rehearse(config: Config, playbooks: Mapping[str, Playbook], scenario: Scenario) -> Rehearsed:
    """Raises Refusal where the scenario asks for what can't be: a person or a channel that is not there, an
    acknowledgement by someone who may not, and the like."""
    _check(config, scenario)
    sent: list[Envelope] = []
    clock = VirtualClock(scenario.at)
    async with _context(config, playbooks, scenario, clock, sent) as context:
        stage = Stage(context, clock, scenario)
        ref = await stage.play()
        view = await reading.incident(context, ref, ENGINE)
        events = await reading.timeline(context, ref, ENGINE)
    own = [one for one in sent if one.incident.id == view.incident.id]
    return Rehearsed(
        incident=view.incident,
        lines=_lines(scenario.at, own, events),
        ahead=tuple(timer for timer, state in view.timers if state is TimerState.PENDING),
        elsewhere=stage.elsewhere,
    )


def _check(config: Config, scenario: Scenario) -> None:
    for name in scenario.unreachable:
        if name not in config.channels:
            raise NotFound("channel_unknown", f"{name!r} is not in channels; there are {', '.join(config.channels)}.")
    person = scenario.acknowledge_by
    if person is not None and person not in config.contacts:
        raise NotFound("contact_unknown", f"{person!r} is not in contacts.")


@asynccontextmanager
async def _context(
    config: Config, playbooks: Mapping[str, Playbook], scenario: Scenario, clock: VirtualClock, sent: list[Envelope]
) -> AsyncIterator[Context]:
    """All that the services need, on a database that is gone afterwards."""

    def channels(_: Config) -> dict[str, Channel]:
        return {
            name: RecordingChannel(name, own.kind, scenario.unreachable.get(name), sent)
            for name, own in config.channels.items()
        }

    with TemporaryDirectory(prefix="tocsin-rehearsal-") as folder:
        url = f"sqlite:///{Path(folder) / 'rehearsal.db'}"
        await asyncio.to_thread(upgrade, url)
        database = connect(url)
        revisions = Revisions(lambda _: config, channels)
        context = Context(
            database=database, clock=clock, revisions=revisions, playbooks=playbooks, signals=Signals(), base_url=""
        )
        try:
            await configs.apply(context, document=REHEARSAL, digest=REHEARSAL, by=REHEARSAL)
            await configs.keep_playbooks(context)
            yield context
        finally:
            await database.close()


class Stage:
    """Plays a scenario: moves the clock from one thing that is due to the next."""

    def __init__(self, context: Context, clock: VirtualClock, scenario: Scenario) -> None:
        self._context = context
        self._clock = clock
        self._scenario = scenario
        self._desk = CommandDesk(context)
        self._ticker = Ticker(context)
        self._sender = Sender(context)
        self._acts = _acts(scenario)
        self._ref = ""
        self.elsewhere = 0

    async def play(self) -> str:
        """Returns the incident's reference."""
        self._ref = await self._open()
        await self._settle()
        end = self._scenario.at + self._scenario.lasts
        while (at := await self._next()) is not None and at <= end:
            self._clock.set(at)
            await self._act()
            await self._settle()
        self._clock.set(end)
        return self._ref

    async def _open(self) -> str:
        """Raises NotFound where none of the alerts opens an incident."""
        played = self._scenario
        outcomes = await Intake(self._context).accept(played.alerts, played.sender, fallback=played.fallback)
        opened = next((one.incident for one in outcomes if one.incident is not None), None)
        if opened is None:
            why = outcomes[0].reason if outcomes else "there is no alert"
            what = "This alert opens" if len(outcomes) == 1 else "None of the alerts opens"
            incident = "no incident" if len(outcomes) == 1 else "an incident"
            raise NotFound("no_incident", f"{what} {incident}, so nobody is paged: {why}.")
        self.elsewhere = sum(one.incident != opened for one in outcomes)
        return opened

    async def _next(self) -> datetime | None:
        """The next time at which a timer, the sender or a person has something to do."""
        now = self._clock.now()
        found = [await self._ticker.next_due(), await self._sender.next_attempt()]
        later = [at for at in found if at is not None and at > now]
        return min([*later, *(at for at, _ in self._acts[:1])], default=None)

    async def _act(self) -> None:
        """People come before timers: who answers at the last moment has answered in time."""
        while self._acts and self._acts[0][0] <= self._clock.now():
            _, command = self._acts.pop(0)
            await self._desk.run(self._ref, command, await self._person())

    async def _settle(self) -> None:
        await self._ticker.tick()
        await self._sender.drain()
        if self._scenario.answers and (await self._incident()).lease_asked_at is not None:
            await self._desk.run(self._ref, Acknowledge(), await self._person())
            await self._sender.drain()

    async def _incident(self) -> Incident:
        return (await reading.incident(self._context, self._ref, ENGINE)).incident

    async def _person(self) -> Actor:
        view = await reading.incident(self._context, self._ref, ENGINE)
        config = await configs.in_force(self._context)
        paged = [one.message.contact for one in view.deliveries if one.message.kind is MessageKind.PAGE]
        name = view.incident.acknowledged_by or self._scenario.acknowledge_by or next(filter(None, paged), None)
        if name is None:
            raise NotFound("nobody_paged", "Nobody has been paged by then; say who acknowledges.")
        contact = config.contacts[name]
        return Actor(kind=ActorKind.PERSON, id=name, name=contact.name, role=contact.role, via=REHEARSAL)


def _acts(scenario: Scenario) -> list[tuple[datetime, Command]]:
    acts: list[tuple[datetime, Command]] = []
    if scenario.acknowledge_after is not None:
        acts.append((scenario.at + scenario.acknowledge_after, Acknowledge()))
    if scenario.resolve_after is not None:
        acts.append((scenario.at + scenario.resolve_after, Resolve(validation="as rehearsed")))
    return sorted(acts, key=lambda act: act[0])


def _lines(start: datetime, sent: list[Envelope], events: tuple[RecordedEvent, ...]) -> tuple[Line, ...]:
    """In the order of time; at the same moment first why, then whom."""
    turns = [(event.at, _place(event), event.seq, _turn(start, event)) for event in events if event.kind in TURNS]
    groups: dict[object, list[Envelope]] = {}
    for envelope in sorted(sent, key=_delivery):
        message = envelope.message
        groups.setdefault(message.page or (envelope.now, message.kind, message.contact or envelope.id), []).append(
            envelope
        )
    messages = [(own[0].now, 1, _delivery(own[0]), _message(start, own)) for own in groups.values()]
    return tuple(line for *_, line in sorted([*turns, *messages], key=lambda entry: entry[:3]))


def _place(event: RecordedEvent) -> int:
    """An answer comes after its question."""
    return 2 if event.kind == Kind.LEASE_RENEWED.value else 0


def _delivery(envelope: Envelope) -> int:
    """Messages are numbered in the order in which they were decided."""
    return int(envelope.id.rpartition("/")[2])


def _turn(start: datetime, event: RecordedEvent) -> Line:
    level = event.data.get("level")
    return Line(
        after=event.at - start,
        at=event.at,
        what=event.kind,
        reason=event.reason,
        level=level if isinstance(level, int) else 0,
    )


def _message(start: datetime, group: list[Envelope]) -> Line:
    envelope = group[0]
    message = envelope.message
    return Line(
        after=envelope.now - start,
        at=envelope.now,
        what=message.kind.value,
        reason=message.reason,
        level=message.level,
        level_title=message.level_title,
        seat=message.seat.value if message.seat else "",
        contact=message.contact,
        who=envelope.recipient or message.address,
        channels=tuple(dict.fromkeys(one.message.channel for one in group)),
    )
