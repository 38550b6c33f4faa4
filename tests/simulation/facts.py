"""What happened, told once for both sides: the world writes it down, the oracle reads it. Plain values only.

Times are what the engine's clock showed. The order of the list is the order of what happened: a clock can be put back.
`done` and `durable` are None where the process died before it had answered; the record then says what became of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.simulation.standard import Table


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """A sender handed over an alert. `incident`: which one the engine named in its answer."""

    at: datetime
    key: str
    fingerprint: str
    firing: bool
    title: str
    priority: str | None = None
    severity: str | None = None
    durable: bool | None = True
    incident: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Did:
    """Somebody asked for something. `to`: the priority, the target, the new owner or the level that it names."""

    at: datetime
    incident: str
    by: str
    command: str
    done: bool | None
    code: str = ""
    to: str = ""
    span: timedelta = timedelta()


@dataclass(frozen=True, kw_only=True, slots=True)
class Away:
    """No engine looked at anything between these two times: none ran, or the clock leaped over them."""

    since: datetime
    until: datetime
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Died:
    """A process ended in the middle of something."""

    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """A provider did not do its work."""

    channel: str
    since: datetime
    until: datetime
    kind: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Revised:
    """Another configuration is in force for what is opened from now on."""

    at: datetime
    table: Table


Fact = Heard | Did | Away | Died | Trouble | Revised


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """A provider has a message. One message may cover many deliveries; each is told by itself. `claimed_at`: when the
    engine last looked whether it is still wanted. `late`: it says itself how late it is."""

    at: datetime
    order: int
    delivery: str
    incident: str
    channel: str
    contact: str | None
    kind: str
    page: str | None
    claimed_at: datetime
    repeated: bool
    late: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line of a timeline, as it can be read by anybody."""

    incident: str
    seq: int
    at: datetime
    kind: str
    actor: str
    reason: str
    data: Mapping[str, object]
    prev_hash: str
    hash: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How an incident stands at the end: its state, the timers and the messages that still wait, where its record
    ends."""

    incident: str
    number: int
    state: str
    timers: tuple[str, ...]
    waiting: tuple[str, ...]
    lines: tuple[Line, ...]
    head: str


@dataclass(kw_only=True, slots=True)
class Journal:
    """All of a run."""

    table: Table
    facts: list[Fact] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    standing: list[Standing] = field(default_factory=list)
