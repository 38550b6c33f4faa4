"""How long it took: to detect, to acknowledge, to restore, and in each phase."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from engine.core.model import PHASES, RecordedEvent, State
from engine.core.timeline import Kind
from engine.report.facts import Facts
from engine.report.model import Measured, Measures, Phase, PhaseStatus
from engine.report.record import first, of_kind, seconds_between, text

# Where a line says which phase it leads to without naming it.
LEADS_TO = {
    Kind.OPENED: State.DETECTION,
    Kind.RESOLVED: State.REVIEW,
    Kind.REOPENED: State.DIAGNOSIS,
    Kind.CLOSED: State.CLOSED,
    Kind.CANCELLED: State.CANCELLED,
    Kind.MERGED: State.MERGED,
}


def measures(facts: Facts) -> Measures:
    incident = facts.incident
    began, ended = began_at(facts), restored_at(facts)
    return Measures(
        detect=_detect(began, incident.opened_at),
        acknowledge=_until(incident.opened_at, acknowledged_at(facts), "nobody has acknowledged it"),
        resolve=_until(incident.opened_at, ended, "service is not restored"),
        disruption=_until(min(began or incident.opened_at, incident.opened_at), ended, "service is not restored"),
        reopened=sum(1 for _ in of_kind(facts.events, Kind.REOPENED)),
        phases=phases(facts),
    )


def began_at(facts: Facts) -> datetime | None:
    """When the earliest alert began, as its source says."""
    return min((seen.alert.starts_at for seen in facts.alerts if seen.alert.starts_at), default=None)


def acknowledged_at(facts: Facts) -> datetime | None:
    """The first acknowledgement: a later one, after a lapse or a reopening, does not make the first answer later."""
    event = first(facts.events, Kind.ACKNOWLEDGED)
    return event.at if event else facts.incident.acknowledged_at


def restored_at(facts: Facts) -> datetime | None:
    """When service was restored for good; None while the incident is active, also after a reopening."""
    incident = facts.incident
    return None if incident.state.active else incident.restored_at or incident.resolved_at


def _detect(began: datetime | None, opened: datetime) -> Measured:
    if began is None:
        return Measured(start=None, end=opened, seconds=None, note="no alert says when it began")
    if began > opened:
        return Measured(start=began, end=opened, seconds=None, note="the source's clock is ahead of ours")
    return Measured(start=began, end=opened, seconds=seconds_between(began, opened))


def _until(start: datetime, end: datetime | None, missing: str) -> Measured:
    if end is None:
        return Measured(start=start, end=None, seconds=None, note=missing)
    return Measured(start=start, end=end, seconds=max(0.0, seconds_between(start, end)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Stay:
    """A visit to a phase; `left` is None where it goes on."""

    phase: State
    entered: datetime
    left: datetime | None


def phases(facts: Facts) -> tuple[Phase, ...]:
    """One row per phase. A skipped phase is never shown as worked, a phase that was only looked at later is."""
    visits = tuple(_stays(facts))
    skipped = {text(event, "phase") for event in of_kind(facts.events, Kind.PHASE_SKIPPED)}
    return tuple(_phase(phase, visits, facts.generated_at, skipped=phase in skipped) for phase in PHASES)


def _stays(facts: Facts) -> Iterator[Stay]:
    entries = [(facts.incident.opened_at, State.DETECTION)]
    for event in facts.events:
        state = _leads_to(event)
        if state and state is not entries[-1][1]:
            entries.append((event.at, state))
    ends: list[datetime | None] = [at for at, _ in entries[1:]]
    for (entered, phase), left in zip(entries, [*ends, None], strict=True):
        yield Stay(phase=phase, entered=entered, left=left)


def _leads_to(event: RecordedEvent) -> State | None:
    if event.kind == Kind.PHASE:
        name = text(event, "phase")
        return State(name) if name in list(State) else None
    return LEADS_TO.get(Kind(event.kind)) if event.kind in list(Kind) else None


def _phase(phase: State, stays: tuple[Stay, ...], now: datetime, *, skipped: bool) -> Phase:
    visits = [stay for stay in stays if stay.phase is phase]
    if not visits:
        return Phase(phase=phase, status=PhaseStatus.SKIPPED if skipped else PhaseStatus.NOT_REACHED)
    last = visits[-1]
    return Phase(
        phase=phase,
        status=PhaseStatus.CURRENT if last.left is None else PhaseStatus.WORKED,
        entered_at=visits[0].entered,
        left_at=last.left,
        seconds=sum(max(0.0, seconds_between(stay.entered, stay.left or now)) for stay in visits),
        visits=len(visits),
    )
