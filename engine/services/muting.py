"""What keeps alerts from people within one transaction, and the record of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from engine.core.holding import delayed
from engine.core.inhibiting import Inhibitions, Sides, inhibited, next_wave
from engine.core.intake import Placed
from engine.core.model import ENGINE, AlertStatus, Event
from engine.core.muting import Mute, Muted, Mutes, mute_of_silence, mute_of_window
from engine.core.policy import Config, Revision
from engine.core.timeline import Kind
from engine.db import incidents, inhibitors, mutings, silences
from engine.db.inhibitors import Inhibitor
from engine.db.mutings import MutedAlert
from engine.services.holding import Waiting

SET_BACK = timedelta(days=1)
"""Silences that ended within this time are kept too, for a clock may be set back."""


class KnownMutes:
    """The silences and windows in force, compiled once; anew where a transaction has met another configuration or
    another number of changes of silences. A trial asks in a thread of its own, by an older moment maybe: so mark and
    mutes are one value, and each gets those of its own."""

    def __init__(self) -> None:
        self._known: tuple[tuple[int, int] | None, Mutes] = (None, Mutes(()))

    def at(self, connection: Connection, revision: Revision, changes: int, now: datetime) -> Mutes:
        mark = (revision.id, changes)
        known, mutes = self._known
        if mark != known:
            mutes = Mutes(mutes_of(connection, revision.config, now))
            self._known = mark, mutes
        return mutes


def mutes_of(connection: Connection, config: Config, now: datetime) -> Iterator[Mute]:
    """People's silences first, in the order in which they were made, then the windows of the configuration."""
    yield from map(mute_of_silence, silences.live(connection, now - SET_BACK))
    yield from map(mute_of_window, config.maintenance)


LINES = 10
"""Muted alerts that get a line each on the timeline of the incident that causes it, by each rule; the others are
counted with them."""


@dataclass(kw_only=True, slots=True)
class MuteStage:
    """Asks of each alert of a transaction whether it is muted, and gathers the record for `write`. First come silences
    and windows; what they leave goes wave by wave, so that whatever mutes others is in its incident before them."""

    connection: Connection
    mutes: Mutes
    inhibitions: Inhibitions
    waiting: Waiting
    now: datetime
    _muted: dict[tuple[str, str, str], MutedAlert] = field(default_factory=dict)
    _sides: dict[int, Sides] = field(default_factory=dict)

    def silenced(self, placed: Placed, number: int) -> Muted | None:
        return self._noted(placed, number, self.mutes.find(placed, self.now))

    def delayed(self, placed: Placed, number: int, *, joins: bool) -> Muted | None:
        """One that `joins` an incident that is open is told there at once."""
        if placed.routed.delay is None or joins:
            return None
        before = self.waiting.known(placed, number)
        return self._noted(placed, number, delayed(placed, before.first_at if before else self.now, self.now))

    def wave(self, placed: Sequence[Placed]) -> Sequence[bool]:
        """Which of them are to be dealt with next."""
        if not self.inhibitions.some:
            return [True] * len(placed)
        return next_wave([self._sides_of(one) for one in placed])

    def inhibited(self, placed: Sequence[Placed], numbers: Sequence[int]) -> Sequence[Muted | None]:
        """Of each alert of a wave whether one that fires by now mutes it."""
        found: list[Muted | None] = [None] * len(placed)
        if not self.inhibitions.some:
            return found
        asked = [(place, claim) for place, one in enumerate(placed) for claim in self._sides_of(one).targets]
        causes = inhibitors.find(self.connection, [claim for _, claim in asked])
        for (place, claim), cause in zip(asked, causes, strict=True):
            if cause is not None and found[place] is None:
                found[place] = inhibited(claim, cause)
        return [self._noted(one, number, muted) for one, number, muted in zip(placed, numbers, found, strict=True)]

    def firing(self, placed: Sequence[tuple[Placed, int]]) -> None:
        """These have come to their incidents: now they mute what they explain, by what was said of them last."""
        if self.inhibitions.some:
            last = {
                (incident, one.alert.fingerprint): self._sides_of(one).sources
                for one, incident in placed
                if one.alert.status is AlertStatus.FIRING
            }
            own = [Inhibitor(incident=place[0], fingerprint=place[1], claims=claims) for place, claims in last.items()]
            inhibitors.put(self.connection, own)

    def write(self) -> None:
        new = mutings.record(self.connection, list(self._muted.values()))
        lines: dict[int, list[Event]] = {}
        for one, number in new:
            if one.incident is not None and number <= LINES:
                lines.setdefault(one.incident, []).append(_line(one, last=number == LINES))
        if lines:
            incidents.append_events(self.connection, lines, self.now)
        self._muted.clear()
        self.waiting.write()

    def _sides_of(self, placed: Placed) -> Sides:
        """Asked several times of each; the transaction holds them all meanwhile."""
        if id(placed) not in self._sides:
            self._sides[id(placed)] = self.inhibitions.sides(placed)
        return self._sides[id(placed)]

    def _noted(self, placed: Placed, number: int, found: Muted | None) -> Muted | None:
        if found is None:
            return None
        self.waiting.keep(placed, number, found)
        alert = placed.alert
        one = MutedAlert(
            rule=found.record,
            source=placed.actor.id,
            fingerprint=alert.fingerprint,
            title=alert.title,
            service=placed.service,
            labels=alert.labels,
            first_at=self.now,
            last_at=self.now,
            count=1,
            incident=found.incident,
        )
        before = self._muted.get(one.place)
        self._muted[one.place] = replace(one, count=before.count + 1) if before else one
        return found


def _line(one: MutedAlert, *, last: bool) -> Event:
    more = "; further ones are counted, and have no line" if last else ""
    return Event(
        kind=Kind.ALERT_INHIBITED.value,
        actor=str(ENGINE),
        reason=f"{one.title} is muted while this lasts{more}",
        data={"rule": one.rule.rpartition("/")[0], "source": one.source, "fingerprint": one.fingerprint},
    )
