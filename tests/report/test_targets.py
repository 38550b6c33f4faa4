"""Each response that was due: met or missed, by how much. First by hand-written lines, then as the core writes them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from engine.core.commands import Acknowledge, Cancel, Hold, Reopen, Reprioritize, Resolve
from engine.core.model import Classification, Event, Priority, State
from engine.core.timeline import Kind, format_time
from engine.report.facts import Facts
from engine.report.model import Target
from engine.report.targets import targets
from tests.report.example import CLASSIFIED, FACTS, after, event, facts, incident, recorded
from tests.report.played import Played

ERIN = "person:eng-manager via slack"
ACKNOWLEDGED = event(Kind.ACKNOWLEDGED, ERIN, by="eng-manager")


def told(found: tuple[Target, ...]) -> list[tuple[str, str, float | None, float | None]]:
    """(cause, outcome, due after so many seconds, by so many seconds)"""
    return [(one.cause.value, one.outcome.value, one.within_s, one.by_s) for one in found]


def opened(priority: str = "P0") -> Event:
    return event(Kind.OPENED, "source:alertmanager", priority=priority)


CASES: dict[str, tuple[list[tuple[float, Event]], list[tuple[str, str, float | None, float | None]]]] = {
    "acknowledged in time": ([(3, ACKNOWLEDGED)], [("opened", "met", 300, 120)]),
    "acknowledged on the second": ([(5, ACKNOWLEDGED)], [("opened", "met", 300, 0)]),
    "acknowledged late": ([(31.25, ACKNOWLEDGED)], [("opened", "missed", 300, 1575)]),
    "never acknowledged": ([], [("opened", "missed", 300, 85 * 60)]),
    "resolved by hand, unacknowledged": ([(4, event(Kind.RESOLVED, ERIN))], [("opened", "met", 300, 60)]),
    "resolved by the source in time": (
        [(4, event(Kind.RESOLVED, "source:alertmanager"))],
        [("opened", "not_needed", 300, None)],
    ),
    "resolved by the source too late": (
        [(9, event(Kind.RESOLVED, "source:alertmanager"))],
        [("opened", "missed", 300, 240)],
    ),
    "cancelled by hand": ([(2, event(Kind.CANCELLED, ERIN))], [("opened", "met", 300, 180)]),
    "the due time on record wins over the policy": (
        [
            (10, event(Kind.RESPONSE_BREACHED, level=1, due_at=format_time(after(10)))),
            (12, event(Kind.ACKNOWLEDGED, ERIN, by="eng-manager", response_due_at=format_time(after(20)))),
        ],
        [("opened", "missed", 600, 120)],
    ),
    "a second person's click changes nothing": (
        [(3, ACKNOWLEDGED), (40, event(Kind.ACKNOWLEDGED, "person:cto via slack", by="cto"))],
        [("opened", "met", 300, 120)],
    ),
    "lapsed and answered again": (
        [(3, ACKNOWLEDGED), (23, event(Kind.UNACKNOWLEDGED)), (30, ACKNOWLEDGED)],
        [("opened", "met", 300, 120), ("lapsed", "missed", 300, 120)],
    ),
    "reopened and not answered": (
        [(3, ACKNOWLEDGED), (20, event(Kind.RESOLVED, ERIN)), (88, event(Kind.REOPENED, ERIN))],
        [("opened", "met", 300, 120), ("reopened", "waiting", 300, 180)],
    ),
    "raised before it was answered": (
        [(4, event(Kind.REPRIORITIZED, ERIN, **{"from": "P1", "to": "P0"})), (6, ACKNOWLEDGED)],
        [("opened", "replaced", 300, None), ("raised", "met", 300, 180)],
    ),
    "raised, which takes the acknowledgement away": (
        [
            (3, ACKNOWLEDGED),
            (10, event(Kind.REPRIORITIZED, ERIN, **{"from": "P1", "to": "P0"})),
            (10, event(Kind.UNACKNOWLEDGED, ERIN)),
            (11, ACKNOWLEDGED),
        ],
        [("opened", "met", 300, 120), ("raised", "met", 300, 240)],
    ),
    "raised by its owner": (
        [(3, ACKNOWLEDGED), (10, event(Kind.REPRIORITIZED, ERIN, **{"from": "P1", "to": "P0"}))],
        [("opened", "met", 300, 120)],
    ),
    "a level with a response time of its own": (
        [
            (3, ACKNOWLEDGED),
            (30, event(Kind.PAGE_DECIDED, level=2, respond_by=format_time(after(40)))),
            (40, event(Kind.RESPONSE_BREACHED, level=2, due_at=format_time(after(40)))),
            (42, event(Kind.RESOLVED, ERIN)),
        ],
        [("opened", "met", 300, 120), ("escalated", "missed", 600, 120)],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_response_is_met_or_missed_by_so_much(case: str) -> None:
    lines, expected = CASES[case]
    first = "P1" if any(line.kind == Kind.REPRIORITIZED for _, line in lines) else "P0"
    assert told(targets(facts(events=recorded((0, opened(first)), *lines)))) == expected


def classified(priority: Priority, within: timedelta | None) -> Classification:
    return Classification(priority=priority, rule="r", reason="", respond_within=within)


@pytest.mark.parametrize(
    ("priority", "tightened", "within"),
    [
        (Priority.P0, None, 300),
        (Priority.P1, None, 900),
        (Priority.P2, None, 3600),
        (Priority.P2, timedelta(minutes=15), 900),
        (Priority.P0, timedelta(minutes=15), 300),
        (Priority.P3, None, None),
    ],
)
def test_the_response_is_due_as_the_priority_says_or_sooner_as_the_alert_level_does(
    priority: Priority, tightened: timedelta | None, within: float | None
) -> None:
    subject = incident(priority=priority, classification=classified(priority, tightened))
    (target,) = targets(facts(subject, events=recorded((0, opened(priority.value)))))
    assert target.within_s == within


def test_the_due_time_that_the_engine_has_planned_is_used_where_the_policy_needs_a_calendar() -> None:
    subject = incident(priority=Priority.P3, classification=classified(Priority.P3, None))
    (target,) = targets(facts(subject, response_due_at=after(1000)))
    assert (target.outcome.value, target.by_s) == ("waiting", 910 * 60)


def test_without_any_word_of_when_it_was_due_a_target_is_neither_met_nor_missed() -> None:
    subject = incident(priority=Priority.P3, classification=classified(Priority.P3, None))
    (target,) = targets(facts(subject, events=recorded((0, opened("P3")), (5, ACKNOWLEDGED))))
    assert (target.outcome.value, target.by_s, target.answered_by) == ("unknown", None, "Erin Castellano")


def test_the_example_missed_its_target_by_26_minutes_and_15_seconds() -> None:
    (target,) = targets(FACTS)
    assert (target.outcome.value, target.by_s, target.answered_by) == ("missed", 1575, "Erin Castellano")


def test_lines_of_an_older_version_without_data_are_read_as_far_as_they_go() -> None:
    bare = recorded(*((minute, event(kind)) for minute, kind in enumerate(Kind)))
    assert targets(facts(events=bare))


ACK, DONE = Acknowledge(), Resolve(validation="checked")


def raised(to: Priority) -> Reprioritize:
    return Reprioritize(priority=to, reason="it spreads")


PLAYED: dict[str, tuple[Callable[[], Played], list[tuple[str, str, float | None, float | None]]]] = {
    "acknowledged at minute 3": (
        lambda: Played().wait_until(3).act("ops-lead", ACK),
        [("opened", "met", 300, 120)],
    ),
    "nobody at level 1": (
        lambda: Played().wait_until(31.25).act("eng-manager", ACK),
        [("opened", "missed", 300, 1575)],
    ),
    "the lease lapses unanswered": (
        lambda: Played().wait_until(3).act("ops-lead", ACK).wait_until(25),
        [("opened", "met", 300, 120), ("lapsed", "waiting", 300, 180)],
    ),
    "raised by its owner": (
        lambda: (
            Played(Priority.P1).wait_until(3).act("ops-lead", ACK).act("ops-lead", raised(Priority.P0)).wait_until(15)
        ),
        [("opened", "met", 900, 720)],
    ),
    "raised by somebody else": (
        lambda: (
            Played(Priority.P1)
            .wait_until(3)
            .act("ops-lead", ACK)
            .wait_until(5)
            .act("cto", raised(Priority.P0))
            .wait_until(6)
        ),
        [("opened", "met", 900, 720), ("raised", "waiting", 300, 240)],
    ),
    "raised shortly before the response was due makes nothing later": (
        lambda: Played(Priority.P2).wait_until(58).act("cto", raised(Priority.P0)).wait_until(59).act("ops-lead", ACK),
        [("opened", "replaced", 3600, None), ("raised", "met", 120, 60)],
    ),
    "lowered": (
        lambda: Played(Priority.P1).wait_until(10).act("cto", raised(Priority.P2)).wait_until(40).act("ops-lead", ACK),
        [("opened", "met", 3600, 1200)],
    ),
    "cleared by its source": (
        lambda: Played().wait_until(2).clear(),
        [("opened", "not_needed", 300, None)],
    ),
    "cancelled": (
        lambda: Played().wait_until(2).act("ops-lead", Cancel(code="test", reason="a drill")),
        [("opened", "met", 300, 180)],
    ),
    "reopened": (
        lambda: (
            Played()
            .wait_until(3)
            .act("ops-lead", ACK)
            .act("ops-lead", DONE)
            .wait_until(60)
            .act("ops-lead", Reopen(reason="it is back"))
            .wait_until(68)
            .act("ops-lead", ACK)
        ),
        [("opened", "met", 300, 120), ("reopened", "missed", 300, 180)],
    ),
}


@pytest.mark.parametrize("case", PLAYED)
def test_what_the_core_records_is_read_as_it_was_meant(case: str) -> None:
    play, expected = PLAYED[case]
    played = play()
    facts_: Facts = played.facts()
    assert told(targets(facts_)) == expected


def test_a_hold_changes_no_response_target() -> None:
    held = Played().wait_until(3).act("ops-lead", ACK).act("ops-lead", Hold(span=timedelta(hours=1), reason="known"))
    assert told(targets(held.facts())) == [("opened", "met", 300, 120)]


def test_a_closed_incident_has_no_waiting_target() -> None:
    subject = incident(state=State.CLOSED, classification=CLASSIFIED)
    (target,) = targets(facts(subject, events=recorded((4, event(Kind.CLOSED, "timer:escalation")))))
    assert target.outcome.value == "not_needed"
