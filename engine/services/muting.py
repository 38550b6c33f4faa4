"""What keeps alerts from people within one transaction, and the record of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from engine.core.intake import Placed
from engine.core.muting import Mute, Muted, Mutes, mute_of_silence, mute_of_window
from engine.core.policy import Config, Revision
from engine.db import mutings, silences
from engine.db.mutings import MutedAlert

SET_BACK = timedelta(days=1)
"""Silences that ended within this time are kept too, for a clock may be set back."""


class KnownMutes:
    """The silences and windows in force, compiled once; anew where a transaction has met another configuration or
    another number of changes of silences."""

    def __init__(self) -> None:
        self._mark: tuple[int, int] | None = None
        self._mutes = Mutes(())

    def at(self, connection: Connection, revision: Revision, changes: int, now: datetime) -> Mutes:
        mark = (revision.id, changes)
        if mark != self._mark:
            self._mutes = Mutes(mutes_of(connection, revision.config, now))
            self._mark = mark
        return self._mutes


def mutes_of(connection: Connection, config: Config, now: datetime) -> Iterator[Mute]:
    """People's silences first, in the order in which they were made, then the windows of the configuration."""
    yield from map(mute_of_silence, silences.live(connection, now - SET_BACK))
    yield from map(mute_of_window, config.maintenance)


@dataclass(kw_only=True, slots=True)
class MuteStage:
    """Asks of each alert of a transaction whether it is muted, and gathers the record for `write`."""

    connection: Connection
    mutes: Mutes
    now: datetime
    _muted: dict[tuple[str, str, str], MutedAlert] = field(default_factory=dict)

    def find(self, placed: Placed) -> Muted | None:
        found = self.mutes.find(placed, self.now)
        if found is not None:
            self._note(found, placed)
        return found

    def write(self) -> None:
        mutings.record(self.connection, list(self._muted.values()))
        self._muted.clear()

    def _note(self, found: Muted, placed: Placed) -> None:
        alert = placed.alert
        one = MutedAlert(
            rule=found.rule,
            source=placed.actor.id,
            fingerprint=alert.fingerprint,
            title=alert.title,
            service=placed.service,
            labels=alert.labels,
            first_at=self.now,
            last_at=self.now,
            count=1,
        )
        before = self._muted.get(one.place)
        self._muted[one.place] = replace(one, count=before.count + 1) if before else one
