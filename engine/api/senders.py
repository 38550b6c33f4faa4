"""Configured integrations: whose key it is, what a body holds, and taking it. Every address for senders leads here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog
from pydantic import BaseModel, SecretStr
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from engine.api.limits import announced
from engine.api.parts import Parts
from engine.core.errors import NotFound, TocsinError
from engine.core.model import Actor, ActorKind, Alert
from engine.core.policy import Integration, Revision
from engine.core.requests import SHORTEST_SECRET, RawRequest
from engine.ports import Parsed, Referring, Source
from engine.ports import Request as Sent
from engine.services.arrivals import Outcome
from engine.services.replaying import settings_of
from engine.services.requests import Came
from engine.services.wishes import grant, put_on_record

log = structlog.get_logger()

LARGE = 64 * 1024
"""Bytes from which a body is parsed in a thread: some 100 alerts, more than a millisecond."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sender:
    """A configured integration, ready to be read from. `secrets` are those that its settings hold, `proofs` the headers
    that they name."""

    source: Source
    settings: BaseModel
    actor: Actor
    integration: Integration
    revision: Revision
    secrets: frozenset[str] = frozenset()
    proofs: frozenset[str] = frozenset()
    referring: Referring | None = None
    """The source, where it is one: found out once, for asking a protocol takes as long as reading an alert."""

    @property
    def fallback(self) -> str | None:
        return self.integration.service


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What became of a body: of each alert; and for each wish the incident in which it was granted, or None."""

    outcomes: Sequence[Outcome] = ()
    granted: Sequence[str | None] = ()


StatusOf = Callable[[TocsinError | HTTPException], int]
"""The HTTP status that an error is answered with at this address."""


@dataclass(kw_only=True, slots=True)
class Exchange:
    """One request of a known sender, noted down as its answer becomes known, and kept at the end whatever that is. What
    is abandoned by its sender is not."""

    parts: Parts
    sender: Sender
    key: str
    status_of: StatusOf
    status: int = 202
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    taken: Sequence[Outcome] = ()
    problem: str | None = None

    def __enter__(self) -> Exchange:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, TocsinError | HTTPException):
            self.status = self.status_of(error)
            self.problem = str(error.detail) if isinstance(error, HTTPException) else str(error)
        elif isinstance(error, Exception) and not isinstance(error, ClientDisconnect):
            self.status, self.problem = 500, "something broke inside Tocsin"
        elif error is not None:
            return
        sender = self.sender
        request = RawRequest(
            integration=sender.actor.id,
            source=sender.source.name,
            received_at=self.parts.context.clock.now(),
            status=self.status,
            size=len(self.body) or announced(self.headers),
            problem=self.problem,
            headers=self.headers,
            body=self.body,
        )
        came = Came(
            request=request,
            taken=self.taken,
            terms=sender.revision.config.requests,
            secrets=sender.secrets | {self.key},
            proofs=sender.proofs,
        )
        self.parts.requests.keep(came)

    def sent(self, body: bytes) -> Sent:
        """The request as its source reads it."""
        self.body = body
        return Sent(headers=self.headers, body=body)

    def came_to(self, parsed: Parsed, taken: Taken) -> None:
        self.taken = taken.outcomes
        if parsed.faults:
            first = parsed.faults[0]
            more = f", and {len(parsed.faults) - 1} more" if len(parsed.faults) > 1 else ""
            self.problem = f"partly read; {first.path}: {first.reason}{more}"


class Senders:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._revision = 0
        self._known: dict[str, Sender] = {}

    async def find(self, kind: str, key: str) -> Sender:
        """Raises NotFound for a source that there is not, Unauthorized for a key that is of no integration of it."""
        source = self._parts.sources.get(kind)
        if source is None:
            known = ", ".join(sorted(self._parts.sources))
            raise NotFound("source_unknown", f"There is no source of this name; there are {known}.")
        return self._sender(source, *await self._parts.keys.find(kind, key))

    async def find_addressed(self, kind: str, key: str) -> Sender:
        """By the key in a mail's address. Raises Unauthorized."""
        return self._sender(self._parts.sources[kind], *await self._parts.keys.find_folded(kind, key))

    def exchange(self, sender: Sender, key: str, status_of: StatusOf) -> Exchange:
        """`key` is the one that it has come with."""
        return Exchange(parts=self._parts, sender=sender, key=key, status_of=status_of)

    async def receive(self, exchange: Exchange, body: bytes) -> tuple[Parsed, Taken]:
        """Reads and takes; raises as both do."""
        parsed = await self.read(exchange.sender, exchange.sent(body))
        taken = await self.take(exchange.sender, parsed)
        exchange.came_to(parsed, taken)
        return parsed, taken

    async def read(self, sender: Sender, sent: Sent) -> Parsed:
        """Raises Unauthorized where the vendor's own proof is wrong, else Unreadable; Unreachable where it needs a
        document of the vendor's that can't be had."""
        if sender.referring is not None:
            address = sender.referring.document(sender.settings, sent)
            sent = replace(sent, documents={address: await self._parts.documents.get(address)})
        now = self._parts.context.clock.now()
        sender.source.verify(sender.settings, sent, now)
        parsed = await self._parse(sender, sent, now)
        if parsed.confirm:
            await self._parts.documents.confirm(parsed.confirm)
            log.info("webhook.confirmed", integration=sender.actor.id)
        return parsed

    async def _parse(self, sender: Sender, sent: Sent, now: datetime) -> Parsed:
        if len(sent.body) < LARGE:
            return sender.source.parse(sender.settings, sent, now)
        return await asyncio.to_thread(sender.source.parse, sender.settings, sent, now)

    async def take(self, sender: Sender, parsed: Parsed) -> Taken:
        """Returns once all of it is durable; raises Overloaded. Wishes come first: what is said of an alert together
        with its end is said while it still fires."""
        granted = [await grant(self._parts.context, wish, sender.actor) for wish in parsed.wishes]
        outcomes = await self._take_alerts(sender, parsed.alerts) if parsed.alerts else ()
        for change in parsed.changes:
            await put_on_record(self._parts.context, change, sender.actor, sender.fallback)
        self._tell(sender, outcomes, parsed)
        return Taken(outcomes=outcomes, granted=granted)

    async def _take_alerts(self, sender: Sender, alerts: Sequence[Alert]) -> Sequence[Outcome]:
        """Those that only say that all is well are heartbeats, the others go in."""
        beats = await self._parts.heartbeats.beaten(alerts, sender.revision, sender.source.name, sender.actor.id)
        rest = [alert for place, alert in enumerate(alerts) if place not in beats] if beats else alerts
        taken = await self._parts.intake.accept(rest, sender.actor, fallback=sender.fallback) if rest else []
        if not beats:
            return taken
        others = iter(taken)
        return [beats.get(place) or next(others) for place in range(len(alerts))]

    def _sender(self, source: Source, name: str, integration: Integration, revision: Revision) -> Sender:
        """Settings are read once for each revision."""
        if revision.id != self._revision:
            self._revision, self._known = revision.id, {}
        known = self._known.get(name)
        if known is None:
            actor = Actor(kind=ActorKind.SOURCE, id=name, name=source.title, via=source.name)
            settings = self._parts.reveal(settings_of(source, name, integration))
            known = Sender(
                source=source,
                settings=settings,
                actor=actor,
                integration=integration,
                revision=revision,
                secrets=_secrets(settings),
                proofs=_proofs(settings),
                referring=source if isinstance(source, Referring) else None,
            )
            self._known[name] = known
        return known

    def _tell(self, sender: Sender, outcomes: Sequence[Outcome], parsed: Parsed) -> None:
        actions = [outcome.action for outcome in outcomes]
        for action in set(actions):
            self._parts.metrics.alerts.labels(sender.actor.id, action.value).inc(actions.count(action))
        if parsed.faults:
            first = f"{parsed.faults[0].path}: {parsed.faults[0].reason}"
            log.warning(
                "webhook.partly_unreadable",
                integration=sender.actor.id,
                read=len(parsed.alerts),
                faults=len(parsed.faults),
                first=first,
            )


def _secrets(settings: BaseModel) -> frozenset[str]:
    found = (value.get_secret_value() for _, value in settings if isinstance(value, SecretStr))
    return frozenset(secret for secret in found if len(secret) >= SHORTEST_SECRET)


def _proofs(settings: BaseModel) -> frozenset[str]:
    """Headers that settings name, like `signature_header`: most of them are proofs, and none tells what was sent."""
    return frozenset(value.lower() for name, value in settings if name.endswith("_header") and isinstance(value, str))
