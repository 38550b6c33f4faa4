"""How long it took, in figures that were worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from engine.core.model import Alert, AlertStatus, RecordedAlert, State
from engine.core.timeline import Kind
from engine.report.build import build
from engine.report.measures import measures
from tests.report.example import FACTS, after, event, facts, incident, recorded


def seen(starts_at: datetime | None) -> RecordedAlert:
    alert = Alert(fingerprint="a", status=AlertStatus.FIRING, title="Down", starts_at=starts_at)
    return RecordedAlert(alert=alert, first_seen_at=after(0), last_seen_at=after(0))


def test_the_example_is_measured_from_the_first_alert_the_opening_and_the_restoration() -> None:
    found = measures(FACTS)
    assert (found.detect.seconds, found.acknowledge.seconds) == (150, 1875)
    assert (found.resolve.seconds, found.disruption.seconds, found.reopened) == (3390, 3540, 0)


@pytest.mark.parametrize(
    ("starts", "seconds", "note"),
    [
        ([after(-3), after(-5), after(2)], 300, ""),
        ([after(0)], 0, ""),
        ([None], None, "no alert says when it began"),
        ([], None, "no alert says when it began"),
        ([after(1)], None, "the source's clock is ahead of ours"),
    ],
)
def test_time_to_detect_counts_from_the_earliest_alert(
    starts: list[datetime | None], seconds: float | None, note: str
) -> None:
    detect = measures(facts(alerts=tuple(seen(at) for at in starts))).detect
    assert (detect.seconds, detect.note) == (seconds, note)


def test_an_incident_that_nobody_has_acknowledged_has_no_time_to_acknowledge() -> None:
    found = measures(facts())
    assert (found.acknowledge.seconds, found.acknowledge.note) == (None, "nobody has acknowledged it")
    assert (found.resolve.seconds, found.resolve.note) == (None, "service is not restored")


def test_a_second_acknowledgement_after_a_lapse_does_not_make_the_first_answer_later() -> None:
    events = recorded(
        (3, event(Kind.ACKNOWLEDGED, by="ops-lead")),
        (23, event(Kind.UNACKNOWLEDGED)),
        (25, event(Kind.ACKNOWLEDGED, by="senior-ops")),
    )
    assert measures(facts(events=events)).acknowledge.seconds == 180


def test_a_reopened_incident_is_not_restored_whatever_was_said_before() -> None:
    subject = incident(state=State.DIAGNOSIS, restored_at=after(20))
    found = measures(facts(subject, events=recorded((60, event(Kind.REOPENED)))))
    assert (found.resolve.seconds, found.reopened) == (None, 1)


def phases(*lines: tuple[float, str, str]) -> dict[str, tuple[str, float | None, int]]:
    events = recorded(*((at, event(kind, phase=phase)) for at, kind, phase in lines))
    return {
        phase.phase.value: (phase.status.value, phase.seconds, phase.visits)
        for phase in measures(facts(events=events)).phases
    }


def test_a_skipped_phase_is_marked_as_skipped_and_has_no_time() -> None:
    found = phases(
        (3, Kind.PHASE, "assessment"),
        (20, Kind.PHASE_SKIPPED, "diagnosis"),
        (20, Kind.PHASE_SKIPPED, "resolution"),
        (20, Kind.PHASE, "review"),
    )
    assert found == {
        "detection": ("worked", 180, 1),
        "assessment": ("worked", 1020, 1),
        "diagnosis": ("skipped", None, 0),
        "resolution": ("skipped", None, 0),
        "review": ("current", 70 * 60, 1),
    }


def test_the_time_in_a_phase_is_the_sum_of_all_visits() -> None:
    found = phases(
        (1, Kind.PHASE, "assessment"),
        (2, Kind.PHASE, "diagnosis"),
        (5, Kind.PHASE, "review"),
        (10, Kind.REOPENED, ""),
        (10, Kind.PHASE, "diagnosis"),
        (30, Kind.PHASE, "review"),
        (50, Kind.PHASE, "closed"),
    )
    assert [found["diagnosis"], found["review"]] == [("worked", 23 * 60, 2), ("worked", 25 * 60, 2)]


def test_a_phase_that_was_skipped_first_and_entered_later_was_worked() -> None:
    found = phases((5, Kind.PHASE_SKIPPED, "diagnosis"), (5, Kind.PHASE, "review"), (10, Kind.REOPENED, ""))
    assert found["diagnosis"] == ("current", 80 * 60, 1)


def test_a_cancelled_incident_leaves_its_later_phases_unreached() -> None:
    found = phases((4, Kind.CANCELLED, ""))
    assert [found["detection"], found["review"]] == [("worked", 240, 1), ("not_reached", None, 0)]


def test_a_phase_of_a_later_version_is_passed_over() -> None:
    assert phases((4, Kind.PHASE, "postmortem"))["detection"] == ("current", 90 * 60, 1)


def test_a_restoration_before_the_opening_never_gives_a_negative_time() -> None:
    early = replace(FACTS, incident=replace(FACTS.incident, restored_at=after(-10)))
    assert build(early).measures.resolve.seconds == 0
