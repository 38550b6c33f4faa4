"""Silences and maintenance windows: made, ended, looked at with what they have muted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from sqlalchemy import Connection

from engine.core.errors import NotFound
from engine.core.inhibiting import inhibitions_of
from engine.core.intake import Placed, place
from engine.core.model import Actor, ActorKind, Alert, AlertStatus
from engine.core.muting import Mute, Mutes, mute_of_silence, mute_of_window, told_by
from engine.core.policy import Config, Window
from engine.core.silences import (
    NewSilence,
    Silence,
    SilenceState,
    check_may_silence,
    next_muting,
    silence,
    silence_id,
    silence_ref,
)
from engine.core.timeline import format_time
from engine.db import holding, inhibitors, mutings, silences
from engine.db.mutings import MutedAlert, Muting
from engine.services.context import Context
from engine.services.muting import mutes_of
from engine.services.veiling import veiled

log = structlog.get_logger()

PAGE = 50
LARGEST_PAGE = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How a silence or a window stands: while it mutes, until when; before and between its turns, from when on it mutes
    again. `alerts`: of what it has muted, where they were asked for."""

    state: SilenceState
    until: datetime | None
    next_at: datetime | None
    muted: int = 0
    last_muted_at: datetime | None = None
    alerts: tuple[MutedAlert, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class StandingSilence:
    silence: Silence
    standing: Standing


@dataclass(frozen=True, kw_only=True, slots=True)
class StandingWindow:
    window: Window
    standing: Standing


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    items: tuple[StandingSilence, ...]
    next: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """`changed` is False where it was over already."""

    shown: StandingSilence
    changed: bool

    @property
    def sentence(self) -> str:
        ref = self.shown.silence.ref
        return (
            f"{ref} is over; what it muted pages when it is sent again." if self.changed else f"{ref} was over already."
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """Where an alert would belong, and what would mute it: silences and windows, each with the time until which it
    does, and inhibitions, each with the incident that causes it now."""

    service: str
    muted_by: tuple[tuple[Mute, datetime], ...]
    inhibited_by: tuple[tuple[str, int], ...] = ()


def make(connection: Connection, asked: NewSilence, actor: Actor, now: datetime) -> Silence:
    """In a transaction. Raises Refusal, Forbidden."""
    made = silence(asked, actor, now)
    return replace(made, id=silences.add(connection, made))


def end(connection: Connection, ref: str, actor: Actor, now: datetime) -> Ended:
    """In a transaction; of two who end it at once one has. Raises Forbidden, NotFound."""
    number = silence_id(ref)
    check_may_silence(actor)
    changed = silences.expire(connection, number, now, str(actor))
    found = _load(connection, number)
    mute = mute_of_silence(found)
    if changed:
        holding.wake_held_by(connection, mute.rule, now)
    standing = _standing(mute, now, mutings.of(connection, [mute.rule]))
    return Ended(shown=StandingSilence(silence=found, standing=standing), changed=changed)


def _load(connection: Connection, number: int) -> Silence:
    found = silences.load(connection, number)
    if found is None:
        raise NotFound("silence_unknown", f"There is no {silence_ref(number)}.")
    return found


async def add(context: Context, asked: NewSilence, actor: Actor) -> StandingSilence:
    """Raises Refusal, Forbidden, Overloaded."""
    now = context.clock.now()
    made = await context.database.write(lambda connection: make(connection, asked, actor, now))
    tell_made(made)
    return new(made, now)


async def expire(context: Context, ref: str, actor: Actor) -> Ended:
    """Raises Forbidden, NotFound, Overloaded."""
    now = context.clock.now()
    ended = await context.database.write(lambda connection: end(connection, ref, actor, now))
    tell_ended(ended, actor)
    return ended


def tell_made(made: Silence) -> None:
    """After the commit."""
    matchers = [str(matcher) for matcher in made.matchers]
    log.info("silence.made", silence=made.ref, by=made.author, until=format_time(made.ends_at), matchers=matchers)


def tell_ended(ended: Ended, actor: Actor) -> None:
    """After the commit."""
    log.info("silence.ended", silence=ended.shown.silence.ref, by=str(actor), changed=ended.changed)


def new(made: Silence, now: datetime) -> StandingSilence:
    """One that can't have muted anything yet."""
    return StandingSilence(silence=made, standing=_standing(mute_of_silence(made), now, {}))


async def listing(context: Context, *, live_only: bool = False, before: int | None = None, limit: int = PAGE) -> Page:
    """Newest first. `next` is what to give as `before` for the next page."""
    size, now = max(1, min(limit, LARGEST_PAGE)), context.clock.now()

    def work(connection: Connection) -> Page:
        found = silences.listing(connection, live_since=now if live_only else None, before=before, limit=size + 1)
        mutes = [mute_of_silence(one) for one in found[:size]]
        muted = mutings.of(connection, [mute.rule for mute in mutes])
        items = tuple(
            StandingSilence(silence=one, standing=_standing(mute, now, muted))
            for one, mute in zip(found, mutes, strict=False)
        )
        return Page(items=items, next=found[size - 1].id if len(found) > size else None)

    return await context.database.read(work)


async def show(context: Context, ref: str, reader: Actor) -> StandingSilence:
    """With the alerts that it has muted, as the reader may see them. Raises NotFound."""
    number, now = silence_id(ref), context.clock.now()

    def work(connection: Connection) -> StandingSilence:
        found = _load(connection, number)
        return StandingSilence(silence=found, standing=_in_full(connection, mute_of_silence(found), now, reader))

    return await context.database.read(work)


async def windows(context: Context) -> tuple[StandingWindow, ...]:
    """Those of the configuration in force, in its order."""
    now = context.clock.now()

    def work(connection: Connection) -> tuple[StandingWindow, ...]:
        declared = context.revisions.current(connection).config.maintenance
        mutes = [mute_of_window(window) for window in declared]
        muted = mutings.of(connection, [mute.rule for mute in mutes])
        return tuple(
            StandingWindow(window=window, standing=_standing(mute, now, muted))
            for window, mute in zip(declared, mutes, strict=True)
        )

    return await context.database.read(work)


async def show_window(context: Context, name: str, reader: Actor) -> StandingWindow:
    """With the alerts that it has muted, as the reader may see them. Raises NotFound."""
    now = context.clock.now()

    def work(connection: Connection) -> StandingWindow:
        declared = {window.name: window for window in context.revisions.current(connection).config.maintenance}
        if name not in declared:
            known = f"there are {', '.join(declared)}" if declared else "there are none"
            raise NotFound("window_unknown", f"{name[:64]!r} is not in maintenance; {known}.")
        window = declared[name]
        return StandingWindow(window=window, standing=_in_full(connection, mute_of_window(window), now, reader))

    return await context.database.read(work)


async def try_alert(
    context: Context, labels: Mapping[str, str], *, source: str | None = None, at: datetime | None = None
) -> Tried:
    """What would mute an alert with these labels, sent by this integration, now or at another time. Raises NotFound for
    an integration that is not there."""
    now = at or context.clock.now()

    def work(connection: Connection) -> Tried:
        config = context.revisions.current(connection).config
        if source is not None and source not in config.integrations:
            raise NotFound(
                "integration_unknown",
                f"{source[:64]!r} is not in integrations; there are {', '.join(config.integrations)}.",
            )
        actor = Actor(kind=ActorKind.SOURCE, id=source or "")
        fallback = config.integrations[source].service if source else None
        placed = place(config, sample(labels), actor, fallback)
        found = tuple(Mutes(mutes_of(connection, config, now)).on(told_by(placed), now))
        return Tried(service=placed.service, muted_by=found, inhibited_by=_causes(connection, config, placed))

    return await context.database.read(work)


def _causes(connection: Connection, config: Config, placed: Placed) -> tuple[tuple[str, int], ...]:
    claims = inhibitions_of(config.inhibitions).sides(placed).targets
    causes = inhibitors.find(connection, claims)
    return tuple(
        (f"inhibition/{claim.rule}", cause) for claim, cause in zip(claims, causes, strict=True) if cause is not None
    )


def sample(labels: Mapping[str, str]) -> Alert:
    """An alert of which nothing but its labels is known."""
    return Alert(
        fingerprint="sample",
        status=AlertStatus.FIRING,
        title=labels.get("alertname", "sample"),
        service=labels.get("service"),
        labels=labels,
    )


def _in_full(connection: Connection, mute: Mute, now: datetime, reader: Actor) -> Standing:
    standing = _standing(mute, now, mutings.of(connection, [mute.rule]))
    return replace(standing, alerts=veiled(connection, mutings.alerts_of(connection, mute.rule), reader))


def _standing(mute: Mute, now: datetime, muted: Mapping[str, Muting]) -> Standing:
    until = mute.until(now)
    next_at = next_muting(mute.starts_at, mute.ends_at, mute.recurrence, now)
    over = mute.ends_at is not None and mute.ends_at <= now
    waiting = SilenceState.EXPIRED if over else SilenceState.PENDING
    own = muted.get(mute.rule)
    return Standing(
        state=SilenceState.ACTIVE if until is not None else waiting,
        until=until,
        next_at=next_at,
        muted=own.count if own else 0,
        last_muted_at=own.last_at if own else None,
    )
