"""`POST /webhooks/{source}/{key}`: alerts in. The hot path: no dependency, no pydantic per request, one parse."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from engine.api.limits import read_body
from engine.api.parts import Parts
from engine.api.problems import code_of
from engine.core.errors import NotFound, SettingsError, TocsinError
from engine.core.model import Actor, ActorKind, Alert
from engine.core.policy import Integration, Revision
from engine.ports import Parsed, Source
from engine.ports import Request as Sent
from engine.services.intake import Outcome

log = structlog.get_logger()

LARGE = 64 * 1024
"""Bytes from which a body is parsed in a thread: some 100 alerts, more than a millisecond."""

ENCODER = msgspec.json.Encoder()


class DirectRoute(APIRoute):
    """Documented as every route is, and called with the bare request: 15 µs instead of 30."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return self.endpoint


@dataclass(frozen=True, kw_only=True, slots=True)
class Sender:
    """A configured integration, ready to be read from."""

    source: Source
    settings: BaseModel
    actor: Actor
    fallback: str | None


class Webhooks:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._metrics = parts.metrics
        self._revision = 0
        self._senders: dict[str, Sender] = {}

    async def receive(self, request: Request) -> Response:
        """202 once every alert that could be read is durable. Never a 2xx for one that is not."""
        with self._metrics.webhook_seconds.time():
            kind = request.path_params["source"]
            try:
                return await self._receive(request, kind, request.path_params["key"])
            except (TocsinError, HTTPException) as error:
                known = kind if kind in self._parts.sources else "unknown"
                self._metrics.webhooks_refused.labels(known, code_of(error)).inc()
                raise

    async def _receive(self, request: Request, kind: str, key: str) -> Response:
        source = self._parts.sources.get(kind)
        if source is None:
            known = ", ".join(sorted(self._parts.sources))
            raise NotFound("source_unknown", f"There is no source of this name; there are {known}.")
        name, integration, revision = await self._parts.keys.find(kind, key)
        sender = self._sender(source, name, integration, revision)
        parsed = await self._read(request, sender)
        outcomes = await self._take(parsed.alerts, sender, revision)
        self._tell(sender, outcomes, parsed)
        return Response(_answer(outcomes, parsed), 202, media_type="application/json")

    async def _take(self, alerts: Sequence[Alert], sender: Sender, revision: Revision) -> Sequence[Outcome]:
        """Those that only say that all is well are heartbeats, the others go in."""
        beats = await self._parts.heartbeats.beaten(alerts, revision, sender.source.name, sender.actor.id)
        rest = [alert for place, alert in enumerate(alerts) if place not in beats] if beats else alerts
        taken = await self._parts.intake.accept(rest, sender.actor, fallback=sender.fallback) if rest else []
        if not beats:
            return taken
        others = iter(taken)
        return [beats.get(place) or next(others) for place in range(len(alerts))]

    async def _read(self, request: Request, sender: Sender) -> Parsed:
        """Raises Unauthorized before it looks at the body, Unreadable after it."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]}
        if headers.get("content-encoding", "identity").lower() not in ("", "identity"):
            raise HTTPException(415, "Send the body uncompressed.", {"Accept-Encoding": "identity"})
        sent = Sent(headers=headers, body=await read_body(request, headers, self._parts.webhook_limit))
        now = self._parts.context.clock.now()
        sender.source.verify(sender.settings, sent, now)
        if len(sent.body) < LARGE:
            return sender.source.parse(sender.settings, sent, now)
        return await asyncio.to_thread(sender.source.parse, sender.settings, sent, now)

    def _sender(self, source: Source, name: str, integration: Integration, revision: Revision) -> Sender:
        """Settings are read once for each revision."""
        if revision.id != self._revision:
            self._revision, self._senders = revision.id, {}
        known = self._senders.get(name)
        if known is None:
            actor = Actor(kind=ActorKind.SOURCE, id=name, name=source.title, via=source.name)
            settings = self._parts.reveal(_settings(source, name, integration))
            known = Sender(source=source, settings=settings, actor=actor, fallback=integration.service)
            self._senders[name] = known
        return known

    def _tell(self, sender: Sender, outcomes: Sequence[Outcome], parsed: Parsed) -> None:
        for action, count in Counter(outcome.action for outcome in outcomes).items():
            self._metrics.alerts.labels(sender.actor.id, action.value).inc(count)
        if parsed.faults:
            first = f"{parsed.faults[0].path}: {parsed.faults[0].reason}"
            log.warning(
                "webhook.partly_unreadable",
                integration=sender.actor.id,
                read=len(parsed.alerts),
                faults=len(parsed.faults),
                first=first,
            )


def _settings(source: Source, name: str, integration: Integration) -> BaseModel:
    """`tocsin check` finds what is wrong with them; a configuration that another release has checked may still be."""
    try:
        return source.settings.model_validate(integration.model_extra or {})
    except ValidationError as error:
        places = [".".join(map(str, one["loc"])) for one in error.errors()]
        raise SettingsError(f"the settings of the integration {name} are invalid: {', '.join(places)}") from error


def _answer(outcomes: Sequence[Outcome], parsed: Parsed) -> bytes:
    answer: dict[str, object] = {"alerts": outcomes}
    if parsed.faults:
        answer["faults"] = parsed.faults
    if parsed.note:
        answer["note"] = parsed.note
    return ENCODER.encode(answer)
