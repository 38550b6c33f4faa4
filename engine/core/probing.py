"""What the runs of a probe come to: when failures are believed, when they are over, and how bad it is. Pure.

Only an unbroken row of runs says something about now: what was seen before a gap, as when the engine was down, does not
count.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from engine.core.classify import beyond, stand
from engine.core.model import Actor, ActorKind, Alert, AlertLevel, AlertStatus
from engine.core.policy import ClassificationRules
from engine.core.probes import Probe
from engine.core.shape import Threshold
from engine.core.spans import spell

SOURCE = "probe"
SENDER = Actor(kind=ActorKind.SOURCE, id=SOURCE, name="Probe", via=SOURCE)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
REMIND = timedelta(minutes=5)
"""A failure that lasts is told again this often: somebody may have ended the incident."""
BROKEN_ROW = 3
"""A row of runs is broken where the time between two of them is longer than so many times `every`."""
TITLE, SUMMARY = 300, 4_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What one run has seen. `reason` says what is wrong, or what was seen where nothing is; it is fit to be shown.

    `up`: whether it answered as it should, whatever figure was beyond its limit. `values` are in seconds and percent.
    """

    ok: bool
    reason: str
    up: bool = True
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A finding, judged; `at` is when the run began."""

    at: datetime
    ok: bool
    up: bool
    reason: str
    values: Mapping[str, float] = field(default_factory=dict)


class ProbeState(StrEnum):
    NEW = "new"  # not run yet
    WELL = "well"
    FAILING = "failing"  # and not believed yet
    DOWN = "down"
    RECOVERING = "recovering"  # well, and not believed yet


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """What is known of one probe. `readings`: the last ones, the newest last. `failing_since` is when the unbroken row
    of failures that goes on began; `firing_since` when that was believed. `told_at` and `told_level` are of the last
    alert. `due_at` is when it is run next; `version` grows with each change but that of `due_at`."""

    name: str
    terms: str
    due_at: datetime
    readings: tuple[Reading, ...] = ()
    failing_since: datetime | None = None
    firing_since: datetime | None = None
    told_at: datetime | None = None
    told_level: AlertLevel | None = None
    version: int = 1

    @property
    def state(self) -> ProbeState:
        well = self.last is None or self.last.ok
        if self.firing_since is not None:
            return ProbeState.RECOVERING if well and self.last else ProbeState.DOWN
        if self.last is None:
            return ProbeState.NEW
        return ProbeState.WELL if well else ProbeState.FAILING

    @property
    def last(self) -> Reading | None:
        return self.readings[-1] if self.readings else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The course as it is from now on, and the alert to be taken in for it."""

    course: Course
    alert: Alert | None = None


def first(name: str, probe: Probe, now: datetime) -> Course:
    return Course(name=name, terms=terms(probe), due_at=next_run(name, probe.every, now))


def adapted(course: Course, probe: Probe, now: datetime) -> Course:
    """Under another configuration: what was seen by other terms says nothing by these. What fires goes on until it is
    seen to be well."""
    own = terms(probe)
    if course.terms == own:
        return course
    due = next_run(course.name, probe.every, now)
    return replace(course, terms=own, due_at=due, readings=(), failing_since=None)


def terms(probe: Probe) -> str:
    """The same for as long as the same is looked at in the same way."""
    named = {"service", "severity", "priority", "title"}
    values = json.dumps(probe.model_dump(mode="json", exclude=named), sort_keys=True)
    return hashlib.sha256(values.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def next_run(name: str, every: timedelta, now: datetime) -> datetime:
    """The first time after `now` that is this probe's. Its name says where in the interval that is, so that all engines
    agree and many probes do not run in one moment."""
    offset = timedelta(microseconds=zlib.crc32(name.encode()) % (every // timedelta(microseconds=1)))
    return now + every - (now - EPOCH - offset) % every


def judged(finding: Finding, probe: Probe, rules: ClassificationRules, at: datetime) -> Reading:
    """A run that is well by itself still fails by a measured value beyond a threshold."""
    crossed = beyond(_thresholds(probe, rules), finding.values) if finding.ok else None
    return Reading(
        at=at, ok=finding.ok and crossed is None, up=finding.up, reason=crossed or finding.reason, values=finding.values
    )


def _thresholds(probe: Probe, rules: ClassificationRules) -> Iterable[Threshold]:
    """The gravest first."""
    if probe.thresholds is not None:
        return probe.thresholds
    levels = (rules.levels[level] for level in AlertLevel if level in rules.levels)
    return (threshold for level in levels for threshold in level.thresholds)


def record(course: Course, probe: Probe, reading: Reading, rules: ClassificationRules) -> Verdict:
    """One more run. One that began before the last that is known, on an engine that was slow, changes nothing."""
    last = course.last
    if last is not None and reading.at <= last.at:
        return Verdict(course=course)
    broken = last is None or reading.at - last.at > BROKEN_ROW * probe.every
    row = (reading,) if broken else (*course.readings, reading)[-probe.kept :]
    since = None if reading.ok else (reading.at if broken else course.failing_since or reading.at)
    seen = replace(course, readings=row, failing_since=since)
    if seen.firing_since is None:
        return _tell(replace(seen, firing_since=reading.at), probe, rules) if _believed(seen, probe) else _quiet(seen)
    if _over(seen, probe):
        return Verdict(course=_well(seen), alert=resolved(seen.name, probe))
    return _tell(seen, probe, rules) if not reading.ok and _worth_telling(seen, probe, rules) else _quiet(seen)


def _quiet(course: Course) -> Verdict:
    return Verdict(course=course)


def _believed(course: Course, probe: Probe) -> bool:
    newest = course.readings[-1]
    if newest.ok or course.failing_since is None:
        return False
    if probe.quorum is None:
        return newest.at - course.failing_since >= (probe.failing_for or timedelta())
    failures, runs = probe.quorum
    return sum(not one.ok for one in course.readings[-runs:]) >= failures


def _over(course: Course, probe: Probe) -> bool:
    newest = course.readings[-probe.successes :]
    return len(newest) == probe.successes and all(one.ok for one in newest)


def _well(course: Course) -> Course:
    """What was believed is over; none of it counts towards the next time."""
    return replace(
        course,
        readings=tuple(one for one in course.readings if one.ok),
        firing_since=None,
        told_at=None,
        told_level=None,
    )


def _worth_telling(course: Course, probe: Probe, rules: ClassificationRules) -> bool:
    """Again after a while, and at once where it is worse than was told."""
    newest = course.readings[-1]
    if course.told_at is None or newest.at - course.told_at >= REMIND:
        return True
    level = stand(rules, firing(course, probe)).level
    return level is not None and (course.told_level is None or _rank(level) < _rank(course.told_level))


def _rank(level: AlertLevel) -> int:
    return list(AlertLevel).index(level)


def _tell(course: Course, probe: Probe, rules: ClassificationRules) -> Verdict:
    alert = firing(course, probe)
    told = replace(course, told_at=course.readings[-1].at, told_level=stand(rules, alert).level)
    return Verdict(course=told, alert=alert)


def firing(course: Course, probe: Probe) -> Alert:
    """The alert of a course whose newest reading is a failure."""
    newest = course.readings[-1]
    failed = sum(not one.ok for one in course.readings)
    since = course.failing_since or newest.at
    title = f"{probe.title or course.name}: {newest.reason}"
    how = f"{failed} of the last {len(course.readings)} runs failed, the last for {spell(newest.at - since)} in a row"
    return replace(
        _alert(course.name, probe, AlertStatus.FIRING, title),
        summary=f"{newest.reason[:SUMMARY]} ({how}; run every {spell(probe.every)})",
        annotations={"reason": newest.reason[:SUMMARY]},
        values={**newest.values, **_availability(course)},
        starts_at=since,
    )


def _availability(course: Course) -> dict[str, float]:
    """Of the runs that are looked back on. All of them having answered, it says nothing."""
    up = sum(one.up for one in course.readings)
    return {"availability_percent": round(100 * up / len(course.readings), 2)} if up < len(course.readings) else {}


def resolved(name: str, probe: Probe | None) -> Alert:
    """`probe` is None for one that is not in the configuration any more."""
    if probe is None:
        return _alert(name, probe, AlertStatus.RESOLVED, f"{name}: no longer in the configuration")
    return _alert(name, probe, AlertStatus.RESOLVED, f"{probe.title or name}: well again")


def _alert(name: str, probe: Probe | None, status: AlertStatus, title: str) -> Alert:
    labels = {"alertname": "Probe", "probe": name}
    if probe is not None:
        labels |= {"kind": probe.kind} | ({"severity": probe.severity} if probe.severity else {})
        labels |= {"priority": probe.priority.value} if probe.priority else {}
    return Alert(
        fingerprint=fingerprint(name),
        status=status,
        title=title if len(title) <= TITLE else f"{title[: TITLE - 1]}…",
        service=probe.service if probe else None,
        group=fingerprint(name),
        labels=labels,
    )


def fingerprint(name: str) -> str:
    """One for each probe, whatever it finds."""
    return f"{SOURCE}:{name}"
