"""Heartbeats: who has to be heard from, by when, and what it comes to when they are not.

A job, or a monitoring system, says that it is well; its silence is the fault. All of it is decided here, on values.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field, SecretStr

from engine.core.matchers import Matcher, all_match
from engine.core.model import Actor, ActorKind, Alert, AlertStatus, Priority
from engine.core.shape import Model, Name, SecretRef, Title
from engine.core.spans import SpanAhead, format_span, spell

SOURCE = "heartbeat"
SENDER = Actor(kind=ActorKind.SOURCE, id=SOURCE, name="Heartbeat", via=SOURCE)
LARGEST_EXIT_CODE = 255


class AlwaysFiring(Model):
    """Alerts that fire as long as monitoring works, like Prometheus' Watchdog. Each that arrives is a success; none of
    them opens an incident."""

    source: Name
    """The kind of sender, like alertmanager."""
    integration: Name | None = None
    """The one integration that they come by; without it any of that kind."""
    match: Annotated[tuple[Matcher, ...], Field(min_length=1)]
    """What tells them from other alerts, like alertname="Watchdog"."""

    def knows(self, alert: Alert, source: str, integration: str) -> bool:
        """Whether the alert, from this kind of sender by this integration, is one of them."""
        return source == self.source and self.integration in (None, integration) and all_match(self.match, alert.labels)


class Heartbeat(Model):
    """Somebody who has to be heard from: at the address that `tocsin webhooks` prints, or by alerts."""

    every: SpanAhead
    """The time from one success to the next."""
    grace: SpanAhead = timedelta(minutes=1)
    """How much later than that one may come. After a time in which the engine itself did not run there is all of it."""
    timeout: SpanAhead | None = None
    """How long a run may take that has said `/start`; without it as long as `every` and `grace` together."""
    key: SecretStr | SecretRef | None = None
    """The secret part of the address. Without it the engine derives one from the installation's own secret."""
    service: Name | None = None
    """The service of its incident, unless a route claims it."""
    severity: Annotated[str, Field(min_length=1, max_length=60)] = "critical"
    """The label `severity` of its alert."""
    priority: Priority | None = None
    """The label `priority` of its alert, which wins over every rule."""
    title: Title | None = None
    """What it is called; without it by its name here."""
    alert: AlwaysFiring | None = None
    """Alerts that are its successes."""

    @property
    def allowed(self) -> timedelta:
        """From one success to the moment at which the next one is missed."""
        return self.every + self.grace

    @property
    def run_allowed(self) -> timedelta:
        return self.timeout or self.allowed

    @property
    def terms(self) -> str:
        """The same for as long as the same is expected."""
        return f"{format_span(self.every)} {format_span(self.grace)} {format_span(self.run_allowed)}"


class Sign(StrEnum):
    """What a job says of itself."""

    SUCCESS = "success"
    START = "start"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True, slots=True)
class Signal:
    """`excerpt`: what came with a failure, fit to be stored and shown."""

    sign: Sign
    excerpt: str = ""
    exit_code: int | None = None


class PulseState(StrEnum):
    WAITING = "waiting"  # never heard from
    UP = "up"
    MISSED = "missed"  # no success in time
    OVERRAN = "overran"  # started, and not finished in time
    FAILED = "failed"  # said so itself

    @property
    def down(self) -> bool:
        return self not in (PulseState.WAITING, PulseState.UP)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outage:
    """A time in which the engine did not run, so that nobody could be heard."""

    since: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Pulse:
    """What is known of one heartbeat. `since` is when `terms` came into force. `due_at` is when it will have been
    missed; of one that is down, when that is told again. `started_at` is the beginning of the run that is under way.
    `excused` is the last outage that has put off `due_at` since the last success. `version` grows with each change."""

    name: str
    state: PulseState
    terms: str
    since: datetime
    due_at: datetime
    beat_at: datetime | None = None
    started_at: datetime | None = None
    failed_at: datetime | None = None
    excerpt: str = ""
    exit_code: int | None = None
    excused: Outage | None = None
    version: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """The pulse as it is from now on, and the alert to be taken in for it."""

    pulse: Pulse
    alert: Alert | None = None


def first(name: str, rule: Heartbeat, applied_at: datetime) -> Pulse:
    """Of one that was just configured: it is waited for from the moment of the apply."""
    return Pulse(
        name=name,
        state=PulseState.WAITING,
        terms=rule.terms,
        since=applied_at,
        due_at=applied_at + rule.allowed,
    )


def adapted(pulse: Pulse, rule: Heartbeat, applied_at: datetime) -> Pulse:
    """Under another configuration. New terms count from their apply: nobody can have kept them before. One that is
    down stays so until its next success."""
    if pulse.terms == rule.terms:
        return pulse
    begun = pulse.started_at is not None
    due = applied_at + (rule.run_allowed if begun else rule.allowed)
    return replace(pulse, terms=rule.terms, since=applied_at, due_at=due, excused=None)


def receive(pulse: Pulse, rule: Heartbeat, signal: Signal, now: datetime) -> Step:
    """A success ends what was wrong, a failure is told at once. A start gives the run its own time; another start
    before its end gives no more, or a job that dies each time would never be missed."""
    match signal.sign:
        case Sign.START if pulse.started_at is not None:
            return Step(pulse=pulse)
        case Sign.START:
            return Step(pulse=replace(pulse, started_at=now, due_at=now + rule.run_allowed, excused=None))
        case Sign.FAIL:
            failed = replace(
                pulse,
                state=PulseState.FAILED,
                failed_at=now,
                started_at=None,
                due_at=now + rule.allowed,
                excerpt=signal.excerpt,
                exit_code=signal.exit_code,
                excused=None,
            )
            return Step(pulse=failed, alert=firing(failed, rule, now))
    well = replace(
        pulse,
        state=PulseState.UP,
        beat_at=now,
        started_at=None,
        due_at=now + rule.allowed,
        excerpt="",
        exit_code=None,
        excused=None,
    )
    return Step(pulse=well, alert=resolved(well, rule) if pulse.state.down else None)


def missed(pulse: Pulse, rule: Heartbeat, now: datetime) -> Step:
    """Its time is over. It is told again with each further time that passes: somebody may have ended the incident."""
    state = PulseState.MISSED if pulse.started_at is None else PulseState.OVERRAN
    silent = replace(pulse, state=state, due_at=now + rule.every)
    alert = firing(silent, rule, now)
    return Step(pulse=replace(silent, started_at=None), alert=alert)


def excused(pulse: Pulse, rule: Heartbeat, outage: Outage) -> Pulse:
    """After an outage in which it may have gone unheard: a full grace from the end of it, once. Each further one before
    the next success only stops its clock meanwhile, so that an engine that starts again and again still misses it."""
    if pulse.state.down or pulse.due_at <= outage.since:
        return pulse
    if pulse.excused is None:
        due = max(pulse.due_at, outage.until + rule.grace)
    else:
        due = pulse.due_at + (outage.until - outage.since)
    return replace(pulse, due_at=due, excused=outage) if due > pulse.due_at else pulse


def firing(pulse: Pulse, rule: Heartbeat, now: datetime) -> Alert:
    what = f"{rule.title or pulse.name}: {HEADLINES[pulse.state]}"
    reason = _reason(pulse, rule, now)
    heard = pulse.beat_at or pulse.since
    return replace(
        _alert(pulse, rule, AlertStatus.FIRING, what),
        summary=" ".join(part for part in (reason, _excuse(pulse, rule), _last_words(pulse)) if part),
        annotations={"reason": reason},
        values={"silent_seconds": round((now - heard).total_seconds(), 3)},
        starts_at=now,
    )


def resolved(pulse: Pulse, rule: Heartbeat | None) -> Alert:
    """`rule` is None for one that is not in the configuration any more."""
    if rule is None:
        return _alert(pulse, rule, AlertStatus.RESOLVED, f"{pulse.name}: no longer in the configuration")
    return _alert(pulse, rule, AlertStatus.RESOLVED, f"{rule.title or pulse.name}: heard again")


HEADLINES = {
    PulseState.MISSED: "no heartbeat",
    PulseState.OVERRAN: "has not finished in time",
    PulseState.FAILED: "reported a failure",
}


def _alert(pulse: Pulse, rule: Heartbeat | None, status: AlertStatus, title: str) -> Alert:
    labels = {"alertname": "Heartbeat", "heartbeat": pulse.name}
    if rule is not None:
        labels |= {"severity": rule.severity} | ({"priority": rule.priority.value} if rule.priority else {})
    return Alert(
        fingerprint=fingerprint(pulse.name),
        status=status,
        title=title,
        service=rule.service if rule else None,
        group=fingerprint(pulse.name),
        labels=labels,
    )


def fingerprint(name: str) -> str:
    """One for each heartbeat, whatever is wrong with it."""
    return f"{SOURCE}:{name}"


def _reason(pulse: Pulse, rule: Heartbeat, now: datetime) -> str:
    if pulse.state is PulseState.FAILED:
        code = f" with exit code {pulse.exit_code}" if pulse.exit_code is not None else ""
        return f"It reported a failure{code}."
    if pulse.state is PulseState.OVERRAN and pulse.started_at is not None:
        begun = f"It started at {_moment(pulse.started_at)}"
        return f"{begun} and has not finished within {spell(rule.run_allowed)}."
    terms = f"expected every {spell(rule.every)}, with {spell(rule.grace)} of grace"
    if pulse.beat_at is None:
        return f"It was never heard from; waited for since {_moment(pulse.since)}, {terms}."
    return f"No success for {spell(now - pulse.beat_at)}, since {_moment(pulse.beat_at)}; {terms}."


def _excuse(pulse: Pulse, rule: Heartbeat) -> str:
    if pulse.excused is None:
        return ""
    out = f"from {_moment(pulse.excused.since)} to {_moment(pulse.excused.until)}"
    return f"The engine could hear nobody {out}, so one may have been lost; it had {spell(rule.grace)} after that."


def _last_words(pulse: Pulse) -> str:
    return f"It said: {pulse.excerpt}" if pulse.state is PulseState.FAILED and pulse.excerpt else ""


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def pulse_of(integration: str) -> str:
    """The name of what is expected of an integration; no heartbeat can have it."""
    return f"integration/{integration}"
