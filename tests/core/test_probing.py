"""When the failures of a probe are believed and when they are over: tables of runs, at both edges of each window.

A row of runs is written as text, one sign every ten seconds: `.` well, `x` no answer, `s` slow, `v` very slow, `-` not
run at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pydantic import ValidationError

import engine
from engine.config.document import parse
from engine.core.classify import classify
from engine.core.model import Alert, AlertLevel, AlertStatus, Priority
from engine.core.policy import ClassificationRules
from engine.core.probes import Probe
from engine.core.probing import (
    Course,
    Finding,
    ProbeState,
    Reading,
    adapted,
    first,
    judged,
    next_run,
    record,
    resolved,
)

START = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
EVERY = timedelta(seconds=10)
SHIPPED = Path(engine.__file__).with_name("default.yaml")
RULES = ClassificationRules.model_validate(parse(SHIPPED.read_text(), SHIPPED.name).value["classification"])
FIRING, RESOLVED = AlertStatus.FIRING, AlertStatus.RESOLVED
FINDINGS = {
    ".": Finding(ok=True, reason="well", values={"response_time_seconds": 0.1}),
    "x": Finding(ok=False, up=False, reason="no connection"),
    "s": Finding(ok=True, reason="well", values={"response_time_seconds": 4.0}),
    "v": Finding(ok=True, reason="well", values={"response_time_seconds": 6.2}),
}


def probe(**given: Any) -> Probe:
    return Probe.model_validate({"kind": "http", **given})


def at(turn: float) -> datetime:
    return START + turn * EVERY


def play(own: Probe, runs: Iterable[str], course: Course | None = None) -> tuple[Course, list[tuple[int, Alert]]]:
    """The course at the end, and each alert with the number of the run that it came of."""
    course = course or first("shop", own, START)
    told = []
    for turn, sign in enumerate(runs):
        if sign == "-":
            continue
        verdict = record(course, own, judged(FINDINGS[sign], own, RULES, at(turn)), RULES)
        course = verdict.course
        if verdict.alert is not None:
            told.append((turn, verdict.alert))
    return course, told


def states(own: Probe, runs: str) -> list[tuple[int, AlertStatus]]:
    return [(turn, alert.status) for turn, alert in play(own, runs)[1]]


USUAL = probe()
LASTING = probe(failing_for="20s")
WINDOWS: dict[str, tuple[Probe, str, list[tuple[int, AlertStatus]]]] = {
    "one failure is none": (USUAL, "...x....", []),
    "two of three in a row are believed with the second": (USUAL, "..xx", [(3, FIRING)]),
    "two of three with one between are, with the second": (USUAL, "..x.x", [(4, FIRING)]),
    "two of four are not": (USUAL, "..x..x...", []),
    "two at the very start are": (USUAL, "xx", [(1, FIRING)]),
    "one of one is believed at once": (probe(failures="1 of 1"), ".x", [(1, FIRING)]),
    "three of three, with the third": (probe(failures="3 of 3"), "xx.xxx", [(5, FIRING)]),
    "three of five, the last of them five ago": (probe(failures="3 of 5"), "x..xx", [(4, FIRING)]),
    "three of five, the last of them six ago": (probe(failures="3 of 5"), "x...xx", []),
    "for 20 s: not after 10": (LASTING, "xx", []),
    "for 20 s: after 20": (LASTING, "xxx", [(2, FIRING)]),
    "for 20 s: counted anew after a run that was well": (LASTING, "xx.xx", []),
    "for 20 s: and believed then": (LASTING, "xx.xxx", [(5, FIRING)]),
    "for 25 s: after 30": (probe(failing_for="25s"), "xxxx", [(3, FIRING)]),
    "two runs that are well do not end it": (USUAL, "xx..", [(1, FIRING)]),
    "three in a row do": (USUAL, "xx...", [(1, FIRING), (4, RESOLVED)]),
    "three with a failure among them do not": (USUAL, "xx..x..", [(1, FIRING)]),
    "three after that do": (USUAL, "xx..x...", [(1, FIRING), (7, RESOLVED)]),
    "one is enough where the configuration says so": (probe(successes=1), "xx.", [(1, FIRING), (2, RESOLVED)]),
    "what was over does not count towards the next time": (
        probe(failures="2 of 5", successes=1),
        "xx.x.x",
        [(1, FIRING), (2, RESOLVED), (5, FIRING)],
    ),
    "a failure before a gap does not count": (USUAL, "x---.x", []),
    "one within it does": (USUAL, "x--x", [(3, FIRING)]),
    "a gap of more than three runs begins anew": (USUAL, "x---x", []),
    "for 20 s: a gap begins anew": (LASTING, "x---xx", []),
    "after a gap all of the runs that end it are needed": (USUAL, "xx..----..", [(1, FIRING)]),
    "slow counts as a failure": (USUAL, "ss", [(1, FIRING)]),
    "slow and gone count together": (USUAL, "sx", [(1, FIRING)]),
    "it is not told again while it lasts": (USUAL, "x" * 30, [(1, FIRING)]),
    "but after five minutes": (USUAL, "x" * 32, [(1, FIRING), (31, FIRING)]),
    "at once when it is worse than was told": (USUAL, "ssssv", [(1, FIRING), (4, FIRING)]),
    "and when it is gone": (USUAL, "ssssx", [(1, FIRING), (4, FIRING)]),
    "not when it is less bad": (USUAL, "vvss", [(1, FIRING)]),
}


@pytest.mark.parametrize(("own", "runs", "told"), WINDOWS.values(), ids=WINDOWS)
def test_a_window_decides_and_no_single_run(own: Probe, runs: str, told: list[tuple[int, AlertStatus]]) -> None:
    assert states(own, runs) == told


def test_a_gap_is_measured_to_the_microsecond() -> None:
    for more, believed in ((timedelta(), True), (timedelta(microseconds=1), False)):
        course, _ = play(USUAL, "x")
        late = judged(FINDINGS["x"], USUAL, RULES, at(3) + more)
        assert (record(course, USUAL, late, RULES).alert is not None) is believed


def test_a_run_that_began_before_the_last_known_one_changes_nothing() -> None:
    course, _ = play(USUAL, ".x")
    late = judged(FINDINGS["x"], USUAL, RULES, at(1))
    assert record(course, USUAL, late, RULES).course == course


GRAVITY: dict[str, tuple[dict[str, Any], str, Priority, AlertLevel | None, str]] = {
    "gone": ({}, "xx", Priority.P1, AlertLevel.CRITICAL, "availability_percent 0 is below 99.9"),
    "gone now and then": ({}, ".x.x", Priority.P1, AlertLevel.CRITICAL, "availability_percent 33.33 is below 99.9"),
    "slow": ({}, "ss", Priority.P2, AlertLevel.WARNING, "response_time_seconds 4 is above 3"),
    "very slow": ({}, "vv", Priority.P1, AlertLevel.CRITICAL, "response_time_seconds 6.2 is above 5"),
    "gone, by its severity": ({"severity": "warning"}, "xx", Priority.P2, AlertLevel.WARNING, "severity label"),
    "gone, by its priority": ({"priority": "P0"}, "xx", Priority.P0, AlertLevel.CRITICAL, "priority label is P0"),
}


@pytest.mark.parametrize(("given", "runs", "priority", "level", "reason"), GRAVITY.values(), ids=GRAVITY)
def test_the_measured_figures_say_how_bad_it_is(
    given: dict[str, Any], runs: str, priority: Priority, level: AlertLevel | None, reason: str
) -> None:
    [(_, alert)] = play(probe(**given), runs)[1]
    found = classify(RULES, alert)
    assert (found.priority, found.alert_level) == (priority, level)
    assert reason in found.reason


EDGES: dict[str, tuple[dict[str, Any], dict[str, float], str | None]] = {
    "3 s are in order": ({}, {"response_time_seconds": 3.0}, None),
    "a hair more is not": ({}, {"response_time_seconds": 3.001}, "response_time_seconds 3.001 is above 3"),
    "the gravest is named": ({}, {"response_time_seconds": 5.001}, "response_time_seconds 5.001 is above 5"),
    "5 % of errors are in order": ({}, {"error_rate_percent": 5.0}, None),
    "more are not": ({}, {"error_rate_percent": 5.1}, "error_rate_percent 5.1 is above 5"),
    "99.9 % are in order": ({}, {"availability_percent": 99.9}, None),
    "less are not": ({}, {"availability_percent": 99.89}, "availability_percent 99.89 is below 99.9"),
    "80 % of the processor are in order": ({}, {"cpu_percent": 80.0}, None),
    "more of it are not": ({}, {"cpu_percent": 80.5}, "cpu_percent 80.5 is above 80"),
    "85 % of the memory are in order": ({}, {"memory_percent": 85.0}, None),
    "more of it are not in order": ({}, {"memory_percent": 86.0}, "memory_percent 86 is above 85"),
    "a figure without a threshold says nothing": ({}, {"queue_length": 1e9}, None),
    "own thresholds take the place of the documented ones": (
        {"thresholds": [{"value": "response_time_seconds", "above": 1}]},
        {"response_time_seconds": 1.5, "cpu_percent": 99.0},
        "response_time_seconds 1.5 is above 1",
    ),
    "none at all can be given": ({"thresholds": []}, {"response_time_seconds": 60.0}, None),
}


@pytest.mark.parametrize(("given", "values", "wrong"), EDGES.values(), ids=EDGES)
def test_a_run_fails_by_the_documented_thresholds(
    given: dict[str, Any], values: dict[str, float], wrong: str | None
) -> None:
    reading = judged(Finding(ok=True, reason="well", values=values), probe(**given), RULES, START)
    assert (reading.ok, reading.reason) == (wrong is None, wrong or "well")
    assert reading.up


def test_the_alert_says_what_is_wrong_since_when_and_how_often() -> None:
    [(_, alert)] = play(probe(title="Shop", service="checkout", severity="critical"), ".xx")[1]
    assert alert.title == "Shop: no connection"
    assert alert.summary == "no connection (2 of the last 3 runs failed, the last for 10 s in a row; run every 10 s)"
    assert (alert.service, alert.starts_at, alert.fingerprint) == ("checkout", at(1), "probe:shop")
    assert alert.labels == {"alertname": "Probe", "probe": "shop", "kind": "http", "severity": "critical"}
    assert alert.values == {"availability_percent": 33.33}
    assert resolved("shop", None).fingerprint == alert.fingerprint


def test_a_reason_of_any_length_makes_a_title_that_can_be_stored() -> None:
    course, own = first("shop", USUAL, START), probe(failures="1 of 1")
    endless = Reading(at=START, ok=False, up=False, reason="x" * 10_000)
    alert = record(course, own, endless, RULES).alert
    assert alert is not None
    assert len(alert.title) == 300
    assert len(alert.summary) < 4_200


STATES: dict[str, tuple[str, ProbeState]] = {
    "not run yet": ("", ProbeState.NEW),
    "well": (".", ProbeState.WELL),
    "not believed yet": (".x", ProbeState.FAILING),
    "down": ("xx", ProbeState.DOWN),
    "not over yet": ("xx.", ProbeState.RECOVERING),
    "over": ("xx...", ProbeState.WELL),
}


@pytest.mark.parametrize(("runs", "state"), STATES.values(), ids=STATES)
def test_a_course_has_a_state(runs: str, state: ProbeState) -> None:
    assert play(USUAL, runs)[0].state is state


def test_what_was_seen_by_other_terms_does_not_count_and_what_fires_goes_on() -> None:
    failing, _ = play(USUAL, ".x")
    assert adapted(failing, probe(title="Another", priority="P2"), at(2)) == failing
    changed = adapted(failing, probe(url="http://elsewhere.example.com"), at(2))
    assert (changed.readings, changed.failing_since) == ((), None)
    down, _ = play(USUAL, "xx")
    moved = adapted(down, probe(every="20s"), at(2))
    assert moved.firing_since == down.firing_since
    assert moved.state is ProbeState.DOWN


def test_every_probe_has_its_own_place_in_the_interval_and_all_engines_agree_on_it() -> None:
    moments = (0, 1, 999_999, 10**6, 123_456_789, 10**9)
    for seconds, name, moment in product((1, 2, 7, 10, 59, 60, 3600, 7200), ("a", "shop", "é", "x" * 20), moments):
        every, now = timedelta(seconds=seconds), START + timedelta(microseconds=moment)
        due = next_run(name, every, now)
        assert now < due <= now + every
        assert next_run(name, every, due) == due + every
        assert next_run(name, every, due - timedelta(microseconds=1)) == due


def test_many_probes_do_not_run_in_one_moment() -> None:
    moments = {next_run(f"probe-{number}", EVERY, START) for number in range(100)}
    assert len({(moment - START) // timedelta(seconds=1) for moment in moments}) == 10


@pytest.mark.parametrize(
    "own", [USUAL, LASTING, probe(failures="3 of 5", successes=1)], ids=["usual", "lasting", "one is enough"]
)
def test_whatever_is_seen_alerts_begin_and_end_by_turns(own: Probe) -> None:
    chance = Random(1)
    for _ in range(50):
        begin_and_end_by_turns(own, "".join(chance.choices("x.sv-", k=chance.randrange(61))))


def begin_and_end_by_turns(own: Probe, runs: str) -> None:
    course, told = play(own, runs)
    down = False
    for _, alert in told:
        assert alert.status is FIRING or down
        down = alert.status is FIRING
    assert down is (course.firing_since is not None)
    assert len(course.readings) <= own.kept
    _, after = play(own, [*runs.ljust(60, "-"), *"-----", *"." * own.successes], None)
    assert not after or after[-1][1].status is RESOLVED


WRONG: dict[str, dict[str, Any]] = {
    "more failures than runs": {"failures": "4 of 3"},
    "no failures": {"failures": "0 of 3"},
    "too many runs": {"failures": "2 of 21"},
    "no share": {"failures": "some"},
    "two windows": {"failures": "2 of 3", "failing_for": "20s"},
    "no time": {"failing_for": "0s"},
    "runs that overlap": {"every": "5s", "timeout": "6s"},
    "no successes": {"successes": 0},
}


@pytest.mark.parametrize("given", WRONG.values(), ids=WRONG)
def test_a_probe_that_could_decide_nothing_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        probe(**given)


def test_the_defaults_notice_within_30_seconds_what_dies_right_after_a_run() -> None:
    own = probe()
    failures, runs = own.quorum or (0, 0)
    assert (failures, runs) == (2, 3)
    assert failures * own.every + own.timeout <= timedelta(seconds=25)
