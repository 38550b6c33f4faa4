"""Muted alerts as a reader may see them: of what is in a sealed incident, only that there is something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from engine.core.model import Actor
from engine.core.sealing import VEILED, admits
from engine.db import incidents
from engine.db.mutings import MutedAlert


def veiled(connection: Connection, muted: Sequence[MutedAlert], reader: Actor) -> tuple[MutedAlert, ...]:
    """How often and when stays: it is in the counts anyway."""
    sealed = incidents.sealed_with(connection, {one.fingerprint for one in muted})
    shut = {name for name, own in sealed.items() if not all(admits(one, reader) for one in own)}
    return tuple(_without_words(one) if one.fingerprint in shut else one for one in muted)


def _without_words(one: MutedAlert) -> MutedAlert:
    return replace(one, title=VEILED, source="", fingerprint="", service="", labels={})
