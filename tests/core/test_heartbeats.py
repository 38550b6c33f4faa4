"""Heartbeats as a table of what is heard when, and what follows from it. Minutes count from the apply."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from pydantic import ValidationError

from engine.core.heartbeats import (
    Heartbeat,
    Outage,
    Pulse,
    PulseState,
    Sign,
    Signal,
    adapted,
    excused,
    firing,
    first,
    missed,
    receive,
    resolved,
)
from engine.core.model import Alert, AlertStatus, Priority

START = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
RULE = Heartbeat.model_validate({"every": "1h", "grace": "5m"})
TIMED = Heartbeat.model_validate({"every": "1h", "grace": "5m", "timeout": "20m"})
SUCCESS, BEGIN, FAIL = Signal(sign=Sign.SUCCESS), Signal(sign=Sign.START), Signal(sign=Sign.FAIL)
FIRING, RESOLVED = AlertStatus.FIRING, AlertStatus.RESOLVED

Said = tuple[float, Signal]
Told = tuple[float, AlertStatus, PulseState]


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


@dataclass
class Story:
    """An engine that looks at every moment at which something is due."""

    rule: Heartbeat
    pulse: Pulse
    told: list[Told] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)

    def play(self, said: Iterable[Said], until: float) -> Story:
        for minute, signal in said:
            self.wait(at(minute))
            step = receive(self.pulse, self.rule, signal, at(minute))
            self.pulse = step.pulse
            self.note(at(minute), step.alert)
        self.wait(at(until))
        return self

    def wait(self, now: datetime) -> None:
        while self.pulse.due_at <= now:
            moment = self.pulse.due_at
            step = missed(self.pulse, self.rule, moment)
            self.pulse = step.pulse
            self.note(moment, step.alert)

    def note(self, now: datetime, alert: Alert | None) -> None:
        if alert is not None:
            self.told.append((round((now - START).total_seconds() / 60, 3), alert.status, self.pulse.state))
            self.alerts.append(alert)


def story(rule: Heartbeat, said: Iterable[Said], until: float) -> Story:
    return Story(rule=rule, pulse=first("backup", rule, START)).play(said, until)


MISSED, OVERRAN, FAILED, UP = PulseState.MISSED, PulseState.OVERRAN, PulseState.FAILED, PulseState.UP
SECOND = 1 / 60

CASES: dict[str, tuple[Heartbeat, list[Said], float, list[Told]]] = {
    "one that was never heard from is waited for from the apply, to the last second": (RULE, [], 65 - SECOND, []),
    "and is missed then": (RULE, [], 65, [(65, FIRING, MISSED)]),
    "a success starts its time anew": (RULE, [(64, SUCCESS)], 129 - SECOND, []),
    "which ends after every and grace": (RULE, [(64, SUCCESS)], 129, [(129, FIRING, MISSED)]),
    "the next success ends it": (RULE, [(70, SUCCESS)], 100, [(65, FIRING, MISSED), (70, RESOLVED, UP)]),
    "a second success tells nothing": (RULE, [(10, SUCCESS), (20, SUCCESS)], 84, []),
    "one that stays away is told again each time": (RULE, [], 186, [(m, FIRING, MISSED) for m in (65, 125, 185)]),
    "a failure is told at once": (RULE, [(10, FAIL)], 11, [(10, FIRING, FAILED)]),
    "a second failure is told too": (RULE, [(10, FAIL), (12, FAIL)], 13, [(10, FIRING, FAILED), (12, FIRING, FAILED)]),
    "a failure is ended by a success": (
        RULE,
        [(10, FAIL), (15, SUCCESS)],
        16,
        [(10, FIRING, FAILED), (15, RESOLVED, UP)],
    ),
    "a failure without a success is missed when that was due": (
        RULE,
        [(10, FAIL)],
        75,
        [(10, FIRING, FAILED), (75, FIRING, MISSED)],
    ),
    "a run that has begun has its own time": (RULE, [(60, BEGIN)], 125 - SECOND, []),
    "without a timeout as long as every and grace": (RULE, [(60, BEGIN)], 125, [(125, FIRING, OVERRAN)]),
    "with one as long as that": (TIMED, [(60, BEGIN)], 80, [(80, FIRING, OVERRAN)]),
    "and no second less": (TIMED, [(60, BEGIN)], 80 - SECOND, []),
    "a run that ends in time is a success": (TIMED, [(60, BEGIN), (79, SUCCESS)], 143, []),
    "a run that fails is told at once": (TIMED, [(60, BEGIN), (61, FAIL)], 62, [(61, FIRING, FAILED)]),
    "a job that dies in each run is missed, however often it begins": (
        TIMED,
        [(60, BEGIN), (70, BEGIN), (79, BEGIN)],
        80,
        [(80, FIRING, OVERRAN)],
    ),
    "a run that begins anew after that has its time again": (
        TIMED,
        [(60, BEGIN), (90, BEGIN)],
        110,
        [(80, FIRING, OVERRAN), (110, FIRING, OVERRAN)],
    ),
    "a run that begins too late does not end what is wrong": (
        TIMED,
        [(70, BEGIN), (75, SUCCESS)],
        76,
        [(65, FIRING, MISSED), (75, RESOLVED, UP)],
    ),
}


@pytest.mark.parametrize(("rule", "said", "until", "told"), CASES.values(), ids=CASES)
def test_what_is_heard_decides(rule: Heartbeat, said: list[Said], until: float, told: list[Told]) -> None:
    found = story(rule, said, until)
    assert found.told == told


@pytest.mark.parametrize("rule", [RULE, TIMED], ids=["successes", "begun and ended"])
def test_whatever_is_heard_silence_is_told_and_a_success_ends_it(rule: Heartbeat) -> None:
    chance = Random(1)
    for _ in range(75):
        minutes = sorted(chance.choices(range(1, 401), k=chance.randrange(13)))
        silence_is_told(rule, [(minute, chance.choice([SUCCESS, BEGIN, FAIL])) for minute in minutes])


def silence_is_told(rule: Heartbeat, said: list[Said]) -> None:
    found = story(rule, said, 500)
    down = False
    for _, status, _ in found.told:
        assert status is FIRING or down, "nothing is ended that was not told"
        down = status is FIRING
    assert down, "the last signal is at least 100 min old"
    successes = [0.0, *(minute for minute, signal in said if signal is SUCCESS)]
    for minute, status, state in found.told:
        last = max(one for one in successes if one < minute)
        if status is FIRING and state is MISSED:
            assert minute - last >= 65
    assert {alert.fingerprint for alert in found.alerts} == {"heartbeat:backup"}


OUT = Outage(since=at(50), until=at(70))
EXCUSES: dict[str, tuple[float, Outage, float]] = {
    "due while the engine was down: a full grace from its start": (65, OUT, 75),
    "due at its start": (70, OUT, 75),
    "due within a grace of its start": (74, OUT, 75),
    "due later than that anyway": (75, OUT, 75),
    "much later": (200, OUT, 200),
    "due just before it went down": (50, OUT, 50),
    "due just after it went down": (50 + SECOND, OUT, 75),
}


@pytest.mark.parametrize(("due", "outage", "then"), EXCUSES.values(), ids=EXCUSES)
def test_a_beat_that_nobody_could_hear_has_a_full_grace_after_that(due: float, outage: Outage, then: float) -> None:
    pulse = Pulse(name="backup", state=UP, terms=RULE.terms, since=START, due_at=at(due), beat_at=at(due - 65))
    after = excused(pulse, RULE, outage)
    assert after.due_at == at(then)
    assert after.excused == (outage if then != due else None)


def test_an_engine_that_starts_again_and_again_still_misses_it() -> None:
    """Each run lasts a minute, each outage two: once it was up for a grace in all, the beat is missed."""
    pulse, now, up = first("backup", RULE, START), 64, 0
    while pulse.due_at > at(now):
        pulse = excused(pulse, RULE, Outage(since=at(now), until=at(now + 2)))
        now, up = now + 3, up + 1
    assert up == 5


def test_what_is_down_already_is_not_excused() -> None:
    pulse = missed(first("backup", RULE, START), RULE, at(65)).pulse
    assert excused(pulse, RULE, Outage(since=at(66), until=at(200))) == pulse


def test_an_outage_that_may_have_cost_a_beat_is_on_record() -> None:
    pulse = excused(first("backup", RULE, START), RULE, OUT)
    alert = missed(pulse, RULE, at(75)).alert
    assert alert is not None
    assert "could hear nobody from 2026-11-21 04:00:00 UTC to 2026-11-21 04:20:00 UTC" in alert.summary
    assert "it had 5 min after that" in alert.summary
    heard = receive(pulse, RULE, SUCCESS, at(76)).pulse
    assert heard.excused is None


def test_new_terms_count_from_their_apply_and_the_same_ones_change_nothing() -> None:
    heard = receive(first("backup", RULE, START), RULE, SUCCESS, at(30)).pulse
    assert adapted(heard, RULE, at(40)) == heard
    hasty = Heartbeat.model_validate({"every": "5m", "grace": "1m"})
    assert adapted(heard, hasty, at(40)).due_at == at(46)
    begun = receive(heard, RULE, BEGIN, at(39)).pulse
    assert adapted(begun, TIMED, at(40)).due_at == at(60)
    down = missed(heard, RULE, at(95)).pulse
    assert adapted(down, hasty, at(100)).state is MISSED


REASONS: dict[str, tuple[list[Said], float, str, str]] = {
    "never heard from": (
        [],
        65,
        "Backup: no heartbeat",
        "It was never heard from; waited for since 2026-11-21 03:10:00 UTC, expected every 1 h, with 5 min of grace.",
    ),
    "silent": (
        [(60, SUCCESS)],
        125,
        "Backup: no heartbeat",
        "No success for 1 h 5 min, since 2026-11-21 04:10:00 UTC; expected every 1 h, with 5 min of grace.",
    ),
    "not finished": (
        [(60, BEGIN)],
        80,
        "Backup: has not finished in time",
        "It started at 2026-11-21 04:10:00 UTC and has not finished within 20 min.",
    ),
    "failed": (
        [(60, Signal(sign=Sign.FAIL, exit_code=3, excerpt="disk full"))],
        60,
        "Backup: reported a failure",
        "It reported a failure with exit code 3. It said: disk full",
    ),
}


@pytest.mark.parametrize(("said", "until", "title", "summary"), REASONS.values(), ids=REASONS)
def test_the_alert_says_what_is_wrong(said: list[Said], until: float, title: str, summary: str) -> None:
    rule = TIMED.model_copy(update={"title": "Backup", "priority": Priority.P2, "service": "storage"})
    alert = story(rule, said, until).alerts[-1]
    assert (alert.title, alert.summary) == (title, summary)
    assert alert.service == "storage"
    assert alert.labels == {
        "alertname": "Heartbeat",
        "heartbeat": "backup",
        "severity": "critical",
        "priority": "P2",
    }


def test_its_figures_say_for_how_long_it_is_silent() -> None:
    assert story(RULE, [(5, SUCCESS)], 70).alerts[-1].values == {"silent_seconds": 65 * 60}


def test_the_end_of_one_that_was_taken_out_of_the_configuration_has_the_same_fingerprint() -> None:
    pulse = missed(first("backup", RULE, START), RULE, at(65)).pulse
    told, ended = firing(pulse, RULE, at(65)), resolved(pulse, None)
    assert (ended.fingerprint, ended.status) == (told.fingerprint, RESOLVED)


WATCHDOG: dict[str, Any] = {"source": "alertmanager", "match": ['alertname="Watchdog"']}


@pytest.mark.parametrize(
    ("more", "source", "integration", "alertname", "known"),
    [
        ({}, "alertmanager", "prometheus-eu", "Watchdog", True),
        ({}, "generic", "prometheus-eu", "Watchdog", False),
        ({}, "alertmanager", "prometheus-eu", "HighCPU", False),
        ({"integration": "prometheus-eu"}, "alertmanager", "prometheus-eu", "Watchdog", True),
        ({"integration": "prometheus-us"}, "alertmanager", "prometheus-eu", "Watchdog", False),
    ],
)
def test_an_alert_that_always_fires_is_known_by_where_it_comes_from_and_its_labels(
    more: dict[str, str], source: str, integration: str, alertname: str, *, known: bool
) -> None:
    rule = Heartbeat.model_validate({"every": "5m", "alert": {**WATCHDOG, **more}}).alert
    assert rule is not None
    alert = Alert(fingerprint="x", status=FIRING, title="x", labels={"alertname": alertname})
    assert rule.knows(alert, source, integration) is known


@pytest.mark.parametrize(
    "wrong", [{}, {"every": "0s"}, {"every": "1h", "grace": "0s"}, {"every": "1h", "alert": {**WATCHDOG, "match": []}}]
)
def test_a_heartbeat_without_a_sound_expectation_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Heartbeat.model_validate(wrong)
