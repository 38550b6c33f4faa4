"""A request that is kept, read anew by its integration as it is now: on trial, or into the engine once more."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog
from pydantic import BaseModel, ValidationError

from engine.core.errors import Refusal, SettingsError
from engine.core.intake import place
from engine.core.model import Actor, ActorKind, Alert, AlertStatus
from engine.core.muting import Muted
from engine.core.policy import Config, Integration, Revision
from engine.core.requests import RawRequest
from engine.ports import Parsed, Request, Source
from engine.services import kept
from engine.services.arrivals import Outcome
from engine.services.context import Context
from engine.services.intake import Intake
from engine.services.trying import would_mute
from engine.services.wayfinding import Way, find_way
from engine.services.wishes import grant, put_on_record

log = structlog.get_logger()

Reveal = Callable[[BaseModel], BaseModel]
"""The settings with every reference to a secret replaced by it. Raises SettingsError where one can't be read."""


class Into(StrEnum):
    TRIAL = "trial"
    ENGINE = "engine"


@dataclass(frozen=True, kw_only=True, slots=True)
class TriedAlert:
    """`way`: the one that it would take; None for the end of a problem, which pages nobody, and for what only says that
    all is well. `muted`: what would keep it from people now."""

    alert: Alert
    way: Way | None
    said: str = ""
    muted: Muted | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """What came of it: `tried` on trial, `outcomes` in the engine."""

    request: RawRequest
    into: Into
    parsed: Parsed
    tried: Sequence[TriedAlert] = ()
    outcomes: Sequence[Outcome] = ()

    @property
    def sentence(self) -> str:
        what = f"Request {self.request.id} of {self.request.integration}"
        if not self.parsed.alerts:
            return f"{what} holds no alert."
        if self.into is Into.TRIAL:
            return f"{what} was read as it would be now; nothing was opened, and nobody is paged."
        came = Counter(outcome.action.value for outcome in self.outcomes)
        said = ", ".join(f"{number} {action}" for action, number in came.items()) or "no alert to take"
        return f"{what} was taken once more: {said}."


@dataclass(frozen=True, kw_only=True, slots=True)
class Reread:
    """A request as its integration reads it now. `news` are its alerts without those that only say that all is well:
    they said so then, and are no sign of life today."""

    request: RawRequest
    parsed: Parsed
    actor: Actor
    integration: Integration
    revision: Revision
    news: Sequence[Alert]


class Replays:
    def __init__(self, context: Context, intake: Intake, sources: Mapping[str, Source], reveal: Reveal) -> None:
        self._context = context
        self._intake = intake
        self._sources = sources
        self._reveal = reveal

    async def replay(self, number: int, into: Into, by: Actor) -> Replayed:
        """Raises Forbidden, NotFound, Refusal for what can't be replayed, Unreadable; SettingsError and Overloaded."""
        reread = await self._read(number, by)
        if into is Into.TRIAL:
            return await self._try(reread)
        return await self._take(reread, by)

    async def _read(self, number: int, by: Actor) -> Reread:
        request = await kept.show(self._context, number, by)
        check_whole(request)
        revision = await self._context.database.read(self._context.revisions.current)
        name = request.integration
        integration = revision.config.integrations.get(name)
        source = self._sources.get(integration.source) if integration else None
        if integration is None or source is None:
            why = f"its integration {name} is not in the configuration any more"
            raise Refusal("integration_gone", f"Request {number} can't be replayed: {why}.")
        settings = self._reveal(settings_of(source, name, integration))
        sent = Request(headers=request.headers, body=request.body)
        parsed = await asyncio.to_thread(source.parse, settings, sent, self._context.clock.now())
        way = f"{source.name}, replayed from request {number} by {by.kind}:{by.id}"
        return Reread(
            request=request,
            parsed=parsed,
            actor=Actor(kind=ActorKind.SOURCE, id=name, name=source.title, via=way),
            integration=integration,
            revision=revision,
            news=news_in(parsed.alerts, revision.config, source.name, name),
        )

    async def _try(self, reread: Reread) -> Replayed:
        now, config = self._context.clock.now(), reread.revision.config
        fallback = reread.integration.service
        firing = [one for one in reread.news if one.status is AlertStatus.FIRING]
        placed = [place(config, alert, reread.actor, fallback) for alert in firing]
        muted = await self._context.database.read(
            lambda connection: would_mute(connection, self._context, reread.revision, placed, now)
        )
        known = {id(alert): own for alert, own in zip(firing, muted, strict=True)}
        tried = await asyncio.to_thread(
            lambda: [self._find(reread, alert, known.get(id(alert)), now) for alert in reread.parsed.alerts]
        )
        return Replayed(request=reread.request, into=Into.TRIAL, parsed=reread.parsed, tried=tried)

    def _find(self, reread: Reread, alert: Alert, muted: Muted | None, now: datetime) -> TriedAlert:
        if not any(alert is one for one in reread.news):
            return TriedAlert(alert=alert, way=None, said="it only says that all is well")
        if alert.status is AlertStatus.RESOLVED:
            return TriedAlert(alert=alert, way=None, said="it ends the problem where that is on record as firing")
        config, fallback = reread.revision.config, reread.integration.service
        way = find_way(config, self._context.playbooks, alert, reread.actor, now, fallback)
        return TriedAlert(alert=alert, way=way, muted=muted)

    async def _take(self, reread: Reread, by: Actor) -> Replayed:
        """As from its sender, in the same order: what is said of an alert together with its end comes first."""
        parsed, actor, fallback = reread.parsed, reread.actor, reread.integration.service
        for wish in parsed.wishes:
            await grant(self._context, wish, actor)
        outcomes = await self._intake.accept(reread.news, actor, fallback=fallback) if reread.news else []
        for change in parsed.changes:
            await put_on_record(self._context, change, actor, fallback)
        replayed = Replayed(request=reread.request, into=Into.ENGINE, parsed=parsed, outcomes=outcomes)
        log.info(
            "request.replayed",
            request=reread.request.id,
            integration=actor.id,
            by=str(by),
            alerts=len(outcomes),
            incidents=sorted({one.incident for one in outcomes if one.incident}),
        )
        return replayed


def check_whole(request: RawRequest) -> None:
    """Raises Refusal for one of which not all is kept."""
    if request.cut or (request.size and not request.body):
        why = f"of its {request.size} bytes only {len(request.body)} are kept"
        raise Refusal("request_cut", f"Request {request.id} can't be replayed: {why}.")


def news_in(alerts: Sequence[Alert], config: Config, kind: str, integration: str) -> list[Alert]:
    """Those that do not only say that all is well."""
    always = [rule.alert for rule in config.heartbeats.values() if rule.alert]
    return [one for one in alerts if not any(rule.knows(one, kind, integration) for rule in always)]


def settings_of(source: Source, name: str, integration: Integration) -> BaseModel:
    """With secrets as references still. `tocsin check` finds what is wrong with them; in a configuration that another
    release has checked something may be all the same, which raises SettingsError."""
    try:
        return source.settings.model_validate(integration.model_extra or {})
    except ValidationError as error:
        places = [".".join(map(str, one["loc"])) for one in error.errors()]
        raise SettingsError(f"the settings of the integration {name} are invalid: {', '.join(places)}") from error
