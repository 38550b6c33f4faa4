"""What would keep alerts from people if they came now: what the intake asks, in its order; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from engine.core.inhibiting import Claim, explained_beside, inhibitions_of
from engine.core.intake import Placed
from engine.core.model import AlertStatus
from engine.core.muting import Muted
from engine.core.policy import Revision
from engine.db import placing
from engine.db.placing import Wanted
from engine.services.context import Context
from engine.services.holding import Waiting
from engine.services.muting import MuteStage


def would_mute(
    connection: Connection, context: Context, revision: Revision, placed: Sequence[Placed], now: datetime
) -> list[Muted | None]:
    """Of each of the alerts that would come together what would mute it, silences and windows before inhibitions before
    delays; None for one that would be heard."""
    wanted = [Wanted(key=one.key, source=one.actor.id, fingerprint=one.alert.fingerprint) for one in placed]
    places = placing.find(connection, wanted)
    stage = MuteStage(
        connection=connection,
        mutes=context.mutes.at(connection, revision, places.silences, now),
        inhibitions=inhibitions_of(revision.config.inhibitions),
        waiting=Waiting(connection=connection, some=places.waiting, now=now),
        now=now,
    )
    stage.waiting.look_up(placed)
    found = [stage.silenced(one, number) for number, one in enumerate(placed)]
    joins = [place.active is not None for place in places.found]
    _wave_by_wave(stage, placed, found, joins)
    return found


def _wave_by_wave(stage: MuteStage, placed: Sequence[Placed], found: list[Muted | None], joins: Sequence[bool]) -> None:
    """Whatever mutes others is dealt with before them, as in the intake."""
    waiting = [number for number, muted in enumerate(found) if muted is None]
    beside: list[Claim] = []
    while waiting:
        goes = stage.wave([placed[number] for number in waiting])
        wave = [number for number, own in zip(waiting, goes, strict=True) if own]
        waiting = [number for number, own in zip(waiting, goes, strict=True) if not own]
        by_others = stage.inhibited([placed[number] for number in wave], wave)
        for number, muted in zip(wave, by_others, strict=True):
            one = placed[number]
            explained = muted or explained_beside(stage.inhibitions.sides(one), beside)
            found[number] = explained or stage.delayed(one, number, joins=joins[number])
        heard = [placed[number] for number in wave if found[number] is None]
        beside += [
            claim
            for one in heard
            if one.alert.status is AlertStatus.FIRING
            for claim in stage.inhibitions.sides(one).sources
        ]
