"""Engines: the real services on one database, with a clock that is moved and channels that keep what they are given."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from typing import Any

from sqlalchemy import Connection

from engine.bootstrap import playbooks_of, shipped_config
from engine.clock import VirtualClock
from engine.core.commands import Command
from engine.core.errors import DeliveryError
from engine.core.model import Actor, ActorKind, Alert, AlertStatus, Incident, MessageKind
from engine.core.playbook import Playbook
from engine.core.policy import Config
from engine.db import incidents
from engine.db.database import Database, connect
from engine.ports import Channel, Clock, Envelope, Receipt
from engine.services import configs
from engine.services.arrivals import Outcome
from engine.services.context import Context, ReadConfig, Revisions, Signals
from engine.services.delivery import Sender
from engine.services.desk import CommandDesk, Done
from engine.services.intake import Intake
from engine.services.rehearing import Rehearing
from engine.services.selfreport import SelfReport
from engine.services.ticking import Ticker

SOURCE = Actor(kind=ActorKind.SOURCE, id="alertmanager", name="Prometheus Alertmanager", via="alertmanager")


class Fate(Enum):
    """What becomes of a send."""

    ARRIVES = auto()
    FAILS = auto()
    IS_REFUSED = auto()
    IS_LIMITED = auto()
    ARRIVES_UNANSWERED = auto()


FAILURES = {
    Fate.FAILS: DeliveryError("the provider is busy"),
    Fate.IS_REFUSED: DeliveryError("the provider knows no such address", permanent=True),
    Fate.IS_LIMITED: DeliveryError("the provider asks for patience", retry_after=20),
    Fate.ARRIVES_UNANSWERED: DeliveryError("no answer came", ambiguous=True),
}


class Wire:
    """The outermost edge, shared by all engines: what arrived, what goes wrong next, which channels lack something."""

    def __init__(self) -> None:
        self.arrived: list[Envelope] = []
        self.updated: list[Envelope] = []
        self.fates: dict[str, deque[Fate]] = defaultdict(deque)
        self.lacking: set[str] = {"phone"}
        self.before: Callable[[Envelope], Awaitable[None]] | None = None

    def heal(self) -> None:
        self.fates.clear()
        self.lacking = {"phone"}

    def pages(self) -> list[tuple[str, str | None]]:
        """Channel and contact of each page that arrived."""
        return [
            (one.message.channel, one.message.contact) for one in self.arrived if one.message.kind is MessageKind.PAGE
        ]

    def paged(self) -> list[tuple[str, str | None, str]]:
        """Channel, contact and incident of all that the pages which arrived stand for."""
        return [
            (told.message.channel, told.message.contact, told.incident.ref)
            for one in self.arrived
            for told in one.bundle or (one,)
            if told.message.kind is MessageKind.PAGE
        ]

    async def carry(self, channel: str, envelope: Envelope) -> Receipt:
        if self.before is not None:
            await self.before(envelope)
        fate = self.fate(channel)
        if fate in (Fate.ARRIVES, Fate.ARRIVES_UNANSWERED):
            self.take(channel, envelope)
        if fate is not Fate.ARRIVES:
            raise FAILURES[fate]
        return Receipt(reference=f"{channel}/{envelope.id}")

    def fate(self, channel: str) -> Fate:
        return self.fates[channel].popleft() if self.fates[channel] else Fate.ARRIVES

    def take(self, channel: str, envelope: Envelope) -> None:
        """The provider has the message."""
        (self.updated if envelope.receipt else self.arrived).append(envelope)


class RecordingChannel:
    """A channel whose provider is the wire."""

    def __init__(self, name: str, kind: str, wire: Wire) -> None:
        self.name = name
        self.kind = kind
        self.updatable = kind == "slack"
        self._wire = wire

    def configured(self) -> str | None:
        return "it lacks its token" if self.name in self._wire.lacking else None

    async def send(self, envelope: Envelope) -> Receipt:
        return await self._wire.carry(self.name, envelope)

    async def close(self) -> None:
        """Nothing is held open."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """One process, as far as the database and the wire can tell."""

    context: Context
    intake: Intake
    desk: CommandDesk
    ticker: Ticker
    sender: Sender

    async def accept(self, *alerts: Alert) -> list[Outcome]:
        return await self.intake.accept(alerts, SOURCE)

    async def command(self, ref: str, command: Command, actor: Actor) -> Done:
        return await self.desk.run(ref, command, actor)

    async def settle(self) -> None:
        """Fires what is due and delivers what is to be sent."""
        await self.ticker.tick()
        await self.sender.drain()

    async def stop(self) -> None:
        await self.context.database.close()


@cache
def documented() -> tuple[Config, dict[str, Playbook]]:
    """The shipped configuration and playbooks, read once."""
    config = shipped_config()
    return config, playbooks_of(config)


async def start_engine(url: str, clock: VirtualClock, wire: Wire) -> Engine:
    """Another process on the same database."""
    return await engine_on(connect(url), clock, wire)


async def engine_on(database: Database, clock: VirtualClock, wire: Wire) -> Engine:
    engine = assemble(database, clock, wire, lambda _: documented()[0])
    await configs.apply(engine.context, document="as shipped", digest="as shipped", by="test")
    await configs.keep_playbooks(engine.context)
    return engine


def assemble(database: Database, clock: Clock, wire: Wire, read: ReadConfig) -> Engine:
    """An engine that applies nothing: the database has its configuration, which `read` makes of the document."""

    def channels(own: Config) -> Mapping[str, Channel]:
        return {name: RecordingChannel(name, channel.kind, wire) for name, channel in own.channels.items()}

    context = Context(
        database=database,
        clock=clock,
        revisions=Revisions(read, channels),
        playbooks=documented()[1],
        signals=Signals(),
    )
    intake = Intake(context)
    rehearing = Rehearing(context, SelfReport(context, intake), lambda *_: None)
    return Engine(
        context=context,
        intake=intake,
        desk=CommandDesk(context),
        ticker=Ticker(context, watches=[rehearing]),
        sender=Sender(context),
    )


def person(contact: str) -> Actor:
    known = documented()[0].contacts[contact]
    return Actor(kind=ActorKind.PERSON, id=contact, name=known.name, role=known.role, via="api")


def alert(name: str = "CheckoutDown", host: str = "web-1", *, firing: bool = True, **labels: str) -> Alert:
    return Alert(
        fingerprint=f"{name}/{host}",
        status=AlertStatus.FIRING if firing else AlertStatus.RESOLVED,
        title=name,
        service="checkout",
        group=name,
        labels={"alertname": name, "instance": host, **labels},
    )


async def all_incidents(database: Database) -> list[Incident]:
    def work(connection: Connection) -> list[Incident]:
        return list(incidents.load(connection, incidents.all_numbers(connection)).values())

    found: list[Any] = await database.read(work)
    return found
